//! How well models describe their data: leaving out, comparing, calibrating; against known truth.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{Scratch, fit, run, spec};
use tables::{ColumnData, ReadOptions, Table};

fn stdout(out: &Output) -> String {
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn stderr(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

fn table(file: &Path) -> Table {
    Table::read(file, &ReadOptions::default()).unwrap()
}

fn real(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).unwrap().as_real().unwrap().into_owned()
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    match &table.column(column).unwrap().data {
        ColumnData::Text(v) => v.clone(),
        other => panic!("{column} is {}", other.kind()),
    }
}

#[track_caller]
fn ran(folder: &Path, args: &[&str], code: i32) -> Output {
    let out = run(folder, args);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {}{}", stdout(&out), stderr(&out));
    out
}

/// R's loo and ArviZ say -30.8 (ArviZ 0.23, its example data: -30.78 centred, -30.72 not), p_loo 0.95 and
/// 0.84, all k below 0.7.
#[test]
fn eight_schools_has_the_known_elpd() {
    let run = fit("eight_schools");
    let loo = &run.json()["loo"];
    let number = |name: &str| loo[name].as_f64().unwrap();
    assert!((number("elpd_loo") + 30.75).abs() < 0.25, "{loo}");
    assert!((number("p_loo") - 0.9).abs() < 0.25, "{loo}");
    assert!((number("se_elpd_loo") - 1.44).abs() < 0.15, "{loo}");
    assert!((number("looic") + 2.0 * number("elpd_loo")).abs() < 1e-9);
    assert!(loo["n"] == 8 && loo["pareto_k"]["good"].as_u64() >= Some(7), "{loo}");
    let t = run.table("loo.parquet");
    let sum: f64 = real(&t, "elpd_loo").iter().sum();
    assert!((sum - number("elpd_loo")).abs() < 1e-9);
    assert!(run.stdout.contains("elpd_loo -30."), "{}", run.stdout);
    println!("truth: ran eight_schools loo");
}

/// A folder with `y.csv` and these specs.
fn models(name: &str, csv: &str, specs: &[(&str, &str)]) -> Scratch {
    let folder = Scratch::new(name);
    fs::write(folder.path().join("y.csv"), csv).unwrap();
    for (name, text) in specs {
        fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    folder
}

const Y: &str = "x,y\n0.1,1.3\n0.9,2.8\n2.1,5.4\n2.9,6.6\n4.2,9.5\n5.0,10.7\n6.1,13.4\n";
const LINE: &str = "model: line\ndata: {t: {file: y.csv, rows: i}}\nlatent: {a: 'normal(0, 5)', b: 'normal(0, 5)'}\nobserve: {y: 'normal(a + b * x, 0.5)'}\n";
const FLAT: &str = "model: flat\ndata: {t: {file: y.csv, rows: i}}\nlatent: {a: 'normal(5, 5)'}\nobserve: {y: 'normal(a, 5)'}\n";

#[test]
fn runs_are_compared() {
    let folder = models("compare", Y, &[("line", LINE), ("flat", FLAT)]);
    let dir = folder.path();
    ran(dir, &["line.yaml", "--quiet"], 0);
    ran(dir, &["flat.yaml", "--quiet"], 0);
    let out = ran(dir, &["compare", "runs/flat", "runs/line", "--out", "table.csv"], 0);
    let said = stdout(&out);
    assert!(said.find("runs/line").unwrap() < said.find("runs/flat").unwrap(), "the best first: {said}");
    let t = table(&dir.join("table.csv"));
    assert_eq!(texts(&t, "run"), ["runs/line", "runs/flat"]);
    let of = |run: &str| real(&table(&dir.join(run).join("loo.parquet")), "elpd_loo");
    let (line, flat) = (of("runs/line"), of("runs/flat"));
    let diffs: Vec<f64> = flat.iter().zip(&line).map(|(f, l)| f - l).collect();
    let (diff, found) = (diffs.iter().sum::<f64>(), real(&t, "elpd_diff"));
    assert!(found[0] == 0.0 && (found[1] - diff).abs() < 1e-9, "{found:?} {diff}");
    let mean = diff / 7.0;
    let se = (7.0 * diffs.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 6.0).sqrt();
    assert!((real(&t, "se_diff")[1] - se).abs() < 1e-9);
    for weights in ["stacking", "pseudo_bma"] {
        let w = real(&t, weights);
        assert!((w[0] + w[1] - 1.0).abs() < 1e-9 && w[0] > 0.9, "{weights}: {w:?}");
    }
}

#[test]
fn runs_of_other_data_are_not_compared() {
    let folder = models("compare-not", Y, &[("line", LINE), ("flat", FLAT)]);
    let dir = folder.path();
    ran(dir, &["line.yaml", "--quiet"], 0);
    let refused = |why: &str| {
        let out = ran(dir, &["compare", "runs/line", "runs/flat"], 2);
        assert!(stderr(&out).contains(why), "{}", stderr(&out));
    };
    refused("runs/flat is not the folder of a finished run");
    fs::write(dir.join("y.csv"), Y.replace("9.5", "9.6")).unwrap();
    ran(dir, &["flat.yaml", "--quiet"], 0);
    refused("the values of `y` differ");
    fs::write(dir.join("y.csv"), Y.replace("9.5", "")).unwrap();
    ran(dir, &["flat.yaml", "--quiet", "--set", "data.t.missing={y: drop}"], 0);
    refused("`y` has 7 values that count in runs/line, 6 in runs/flat");
    fs::write(dir.join("y.csv"), Y).unwrap();
    fs::write(dir.join("flat.yaml"), FLAT.replace("{y:", "{x:")).unwrap();
    ran(dir, &["flat.yaml", "--quiet"], 0);
    refused("`y` is observed in runs/line alone, runs/flat has `x`");
    fs::write(dir.join("flat.yaml"), FLAT.replace("normal(a, 5)", "multivariate_normal(a, identity(i))"))
        .unwrap();
    ran(dir, &["flat.yaml", "--quiet"], 0);
    refused("nothing can be left out of this model\n  `y`: its law is of all rows together");
    // One run alone is no comparison.
    ran(dir, &["compare", "runs/line"], 2);
}

/// The truth's rank among the draws of a conjugate posterior is uniform; where the model that is fitted has
/// another sd, it is not.
#[test]
fn calibration_tells_right_from_wrong() {
    let folder = Scratch::new("calibrate");
    let dir = folder.path();
    let args = ["calibrate", &spec("conjugate"), "--simulations", "150"];
    let out = ran(dir, &args, 0);
    assert!(
        stdout(&out).contains("calibrated: no quantity has ranks that are not uniform"),
        "{}",
        stdout(&out)
    );
    let place = dir.join("calibrations/conjugate");
    let t = table(&place.join("summary.parquet"));
    assert_eq!(texts(&t, "name"), ["x", "log_joint", "x", "log_joint"]);
    assert_eq!(texts(&t, "of"), ["all", "all", "trusted", "trusted"]);
    assert_eq!(real(&t, "simulations"), [150.0; 4]);
    // 3.5 standard errors of a share of 150.
    for (column, share) in [("in_50", 0.5), ("in_90", 0.9)] {
        let bound = 3.5 * (share * (1.0 - share) / 150.0_f64).sqrt();
        assert!(real(&t, column).iter().all(|x| (x - share).abs() < bound), "{column}");
    }
    // The prior's variance is 1, the posterior's 1 / (1 + 12 / 0.25).
    assert!((real(&t, "shrinkage")[0] - (1.0 - 1.0 / 49.0)).abs() < 0.01);
    let ranks = table(&place.join("calibration.parquet"));
    assert_eq!(ranks.n_rows, 300);
    assert!(real(&ranks, "rank").iter().all(|r| (0.0..=99.0).contains(r)));

    for wrong in ["observe.y=normal(x, 0.8)", "observe.y=normal(x, 0.3)", "latent.x=normal(0.3, 0.3)"] {
        let mut args = args.to_vec();
        args.extend(["--fit-set", wrong, "--out", "wrong"]);
        let out = ran(dir, &args, 3);
        assert!(stdout(&out).contains("not calibrated: the ranks of x"), "{wrong}: {}", stdout(&out));
    }
}

/// The same on any number of threads, and in any pieces.
#[test]
fn a_calibration_goes_on_to_the_same_bits() {
    let folder = Scratch::new("calibrate-resume");
    let dir = folder.path();
    let spec = spec("conjugate");
    let bits = |place: &str| {
        ["calibration.parquet", "fits.parquet", "summary.parquet"]
            .map(|file| fs::read(dir.join(place).join(file)).unwrap())
    };
    let calibrate = |out: &str, n: &str, more: &[&str], code: i32| {
        let mut args = vec!["calibrate", &spec, "--quiet", "--out", out, "--simulations", n];
        args.extend(more);
        ran(dir, &args, code)
    };
    calibrate("whole", "24", &["--threads", "3"], 0);
    calibrate("parts", "7", &["--threads", "1"], 3);
    calibrate("parts", "24", &["--resume", "--threads", "2"], 0);
    assert!(bits("whole") == bits("parts"));
    let out = calibrate("parts", "30", &["--resume", "--seed", "2"], 2);
    assert!(stderr(&out).contains("another spec, other data, or another seed"), "{}", stderr(&out));
    let out = calibrate("none", "30", &["--resume"], 2);
    assert!(stderr(&out).contains("none has no calibration to resume"), "{}", stderr(&out));
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_simulations_that_are_done() {
    let folder = Scratch::new("calibrate-interrupt");
    let dir = folder.path();
    let args = ["calibrate", &spec("conjugate"), "--out", "run", "--threads", "1", "--simulations"];
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_fit"))
        .args(args)
        .arg("1000000")
        .current_dir(dir)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The first hundred are written on the way.
    let begun = std::time::Instant::now();
    while !dir.join("run/calibrate.json").exists() {
        assert!(begun.elapsed().as_secs() < 120, "nothing is written");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130), "{}", stderr(&out));
    assert!(stderr(&out).contains("go on with --resume"), "{}", stderr(&out));
    let done = table(&dir.join("run/fits.parquet")).n_rows;
    assert!(done >= 100);
    let mut args = args.to_vec();
    let more = (done + 2).to_string();
    args.extend([more.as_str(), "--resume", "--quiet"]);
    ran(dir, &args, 0);
    assert_eq!(table(&dir.join("run/fits.parquet")).n_rows, done + 2);
}

#[test]
fn what_cannot_be_simulated_is_refused_by_name() {
    let folder = models("calibrate-refused", Y, &[]);
    let dir = folder.path();
    let refused = |text: &str, why: &str| {
        fs::write(dir.join("m.yaml"), text).unwrap();
        let out = ran(dir, &["calibrate", "m.yaml", "--simulations", "3"], 2);
        assert!(stderr(&out).contains(why), "{}", stderr(&out));
    };
    refused(&FLAT.replace("normal(5, 5)", "flat()"), "`a` cannot be drawn: flat has no finite integral");
    refused(&format!("{FLAT}factor: {{f: -a^2}}\n"), "the density has a factor, `f`");
}

/// Censoring is not in the model; a let that is observed is simulated in its place.
#[test]
fn outcomes_that_are_censored_or_computed_are_simulated() {
    let csv = "t,cut,z\n1.0,0,3\n2.0,1,5\n0.5,0,4\n3.1,0,9\n0.2,1,7\n";
    let text = "model: both\ndata: {t: {file: y.csv, rows: i}}\nlatent: {m: 'normal(0, 1)', r: 'gamma(3, 3)'}\nlet: {w: (z - mean(z)) / sd(z)}\nobserve:\n  t: censored(exponential(r), right = cut == 1)\n  w: normal(m, 1)\n";
    let folder = models("calibrate-both", csv, &[("both", text)]);
    let out = ran(folder.path(), &["calibrate", "both.yaml", "--simulations", "60"], 0);
    assert!(stderr(&out).contains("note: `t` is simulated and fitted uncensored"), "{}", stderr(&out));
    let t = table(&folder.path().join("calibrations/both/summary.parquet"));
    assert_eq!(texts(&t, "name")[..3], ["m", "r", "log_joint"]);
    assert_eq!(real(&t, "simulations")[..3], [60.0; 3]);
    // Five values of sd 1: the posterior of m has variance 1/6.
    assert!((real(&t, "shrinkage")[0] - 5.0 / 6.0).abs() < 0.1, "{:?}", real(&t, "shrinkage"));
}

/// x ~ normal(0, 1) and twelve values of sd 0.5: the posterior has variance 1/49.
#[test]
fn what_the_data_added_to_the_prior() {
    let conjugate = fit("conjugate");
    let t = conjugate.table("prior.parquet");
    assert_eq!(texts(&t, "name"), ["x"]);
    let of = |column: &str| real(&t, column)[0];
    // 4,000 draws.
    assert!(of("mean").abs() < 0.08 && (of("sd") - 1.0).abs() < 0.06, "{} {}", of("mean"), of("sd"));
    assert!((of("q95") - 1.645).abs() < 0.15, "{}", of("q95"));
    let (mean, sd) = conjugate.moments("x");
    assert!((of("z") - (mean - of("mean")) / of("sd")).abs() < 1e-9);
    assert!((of("shrinkage") - (1.0 - (sd / of("sd")).powi(2))).abs() < 1e-9);
    // What a normal of sd 1 has within the narrow one.
    assert!((0.05..0.3).contains(&of("overlap")), "{}", of("overlap"));

    let wide = FLAT.replace("normal(5, 5)", "flat()");
    let narrow = FLAT.replace("normal(5, 5)", "normal(-9, 1)").replace("normal(a, 5)", "normal(a, 0.5)");
    let folder = models("prior", Y, &[("wide", &wide), ("narrow", &narrow)]);
    let dir = folder.path();
    let json = |run: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(dir.join(run).join("fit.json")).unwrap()).unwrap()
    };
    ran(dir, &["wide.yaml", "--quiet", "--out", "wide"], 0);
    assert!(!dir.join("wide/prior.parquet").exists());
    assert!(json("wide")["prior"]["left_out"].as_str().unwrap().contains("`a` cannot be drawn: flat"));
    let out = ran(dir, &["narrow.yaml", "--out", "narrow"], 0);
    let said = stdout(&out);
    assert!(said.contains("far from the prior: a (+1"), "{said}");
    assert!(said.contains("the model does not reproduce: ") && said.contains("sd of y (p 0.000)"), "{said}");
    assert_eq!(json("narrow")["prior"]["far"][0]["name"], "a");
    assert!(json("narrow")["ppc"]["extreme"].as_array().unwrap().iter().any(|e| e["quantity"] == "sd of y"));
}
