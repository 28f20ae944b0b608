//! The command line as a user meets it: what is written, exit codes, folders, interrupts, same bits.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{Scratch, columns, ends, interrupt, run, spec};
use tables::{ReadOptions, Table};

/// A folder with a spec called `model.yaml`.
fn with_spec(name: &str, text: &str) -> Scratch {
    let folder = Scratch::new(name);
    fs::write(folder.path().join("model.yaml"), text).unwrap();
    folder
}

fn stdout(out: &Output) -> String {
    String::from_utf8(out.stdout.clone()).unwrap()
}

fn stderr(out: &Output) -> String {
    String::from_utf8(out.stderr.clone()).unwrap()
}

fn json(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(folder.join("fit.json")).unwrap()).unwrap()
}

fn table(file: &Path) -> Table {
    Table::read(file, &ReadOptions::default()).unwrap()
}

/// A posterior that every family contains.
const NORMAL: &str = "model: tiny\nlatent:\n  x: normal(1, 2)\nlet:\n  y: 2 * x\n";
/// Two modes of equal mass, of which a normal sees one.
const TWO_MODES: &str = "model: modes\ndata: {d: {file: y.csv, rows: i}}\nlatent:\n  x: normal(0, 3)\nobserve:\n  y: normal(x^2, 1)\ninference: {method: vi}\n";
/// A density that is finite nowhere.
const NOWHERE: &str = "model: nowhere\nlatent:\n  x: normal(0, 1)\n  w: normal(log(-1 - x^2), 1)\n";

#[test]
fn a_run_is_a_folder_of_tables() {
    let folder = with_spec("run", NORMAL);
    let out = run(folder.path(), &["model.yaml"]);
    assert_eq!(out.status.code(), Some(0), "{}", stderr(&out));
    let said = stdout(&out);
    assert!(said.contains("verdict ok") && said.contains("results in runs/tiny"), "{said}");
    assert!(stderr(&out).is_empty(), "no progress where there is no terminal: {}", stderr(&out));

    let run = folder.path().join("runs/tiny");
    let mut files: Vec<String> =
        fs::read_dir(&run).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let expected = [
        ".written",
        "fit.json",
        "posterior.parquet",
        "prior.parquet",
        "summary.parquet",
        "trace.parquet",
        "unconstrained.parquet",
    ];
    assert_eq!(files, expected);

    let posterior = table(&run.join("posterior.parquet"));
    assert_eq!(posterior.n_rows, 4000);
    assert_eq!(columns(&posterior), ["log_joint", "log_q", "x", "y"]);
    let real = |name: &str| posterior.column(name).unwrap().as_real().unwrap().into_owned();
    for ((&x, &y), &log_joint) in real("x").iter().zip(&real("y")).zip(&real("log_joint")) {
        assert_eq!(y, 2.0 * x);
        let z = (x - 1.0) / 2.0;
        let expected = -0.5 * z * z - 2.0_f64.ln() - 0.5 * std::f64::consts::TAU.ln();
        assert!((log_joint - expected).abs() < 1e-12, "{x}: {log_joint}, {expected}");
    }
    assert_eq!(
        columns(&table(&run.join("summary.parquet"))),
        [
            "name", "unit", "mean", "sd", "q05", "q50", "q95", "mcse", "ess", "k_hat", "shift", "r_hat",
            "ess_bulk", "ess_tail"
        ]
    );
    assert_eq!(columns(&table(&run.join("trace.parquet"))), ["step", "elbo", "elbo_mcse", "grad_var"]);

    let json = json(&run);
    assert_eq!(json["verdict"], "ok");
    assert_eq!(json["reasons"], serde_json::json!([]));
    assert_eq!(json["spec"], NORMAL);
    assert_eq!(json["seed"], 1);
}

#[test]
fn the_exit_code_tells_how_it_went() {
    let folder = with_spec("codes", TWO_MODES);
    fs::write(folder.path().join("y.csv"), "y\n4\n4.2\n3.9\n").unwrap();
    fs::write(folder.path().join("nowhere.yaml"), NOWHERE).unwrap();
    fs::write(folder.path().join("wrong.yaml"), "model: wrong\nlatent:\n  x: normal(0, s)\n").unwrap();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["model.yaml"], 3, ""),
        (&["nowhere.yaml"], 1, "in the prior of w: ln(-1) is NaN"),
        (&["wrong.yaml"], 2, "wrong.yaml:3:16"),
        (&["absent.yaml"], 2, "absent.yaml"),
        (&["chek", "model.yaml"], 2, ""),
        (&["chek"], 2, "did you mean `fit check`?"),
        (&[], 2, "SPEC"),
        (&["model.yaml", "--threads", "0"], 2, "1..=256"),
    ];
    for (args, code, says) in cases {
        let out = run(folder.path(), args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}{}", stdout(&out), stderr(&out));
        assert!(stderr(&out).contains(says), "{args:?}: {}", stderr(&out));
    }
    // Whatever the verdict, the tables are there and say so; a failure leaves nothing behind.
    let json = json(&folder.path().join("runs/modes"));
    assert_eq!(json["verdict"], "unreliable");
    assert!(!json["reasons"].as_array().unwrap().is_empty());
    let runs: Vec<_> = fs::read_dir(folder.path().join("runs")).unwrap().collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
}

#[test]
fn a_folder_that_is_not_a_run_is_left_alone() {
    let folder = with_spec("foreign", NORMAL);
    let precious = folder.path().join("notes/precious.txt");
    fs::create_dir(precious.parent().unwrap()).unwrap();
    fs::write(&precious, "mine").unwrap();
    let out = run(folder.path(), &["model.yaml", "--out", "notes"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(stderr(&out).contains("precious.txt"), "{}", stderr(&out));
    assert_eq!(fs::read_to_string(&precious).unwrap(), "mine");
    // The working folder itself is no place for results.
    let out = run(folder.path(), &["model.yaml", "--out", "."]);
    assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
    // A run is replaced by the next, and by nothing less.
    assert!(run(folder.path(), &["model.yaml", "--out", "run"]).status.success());
    let first = fs::read(folder.path().join("run/posterior.parquet")).unwrap();
    fs::write(folder.path().join("model.yaml"), "model: tiny\nlatent:\n  x: normal(1)\n").unwrap();
    assert_eq!(run(folder.path(), &["model.yaml", "--out", "run"]).status.code(), Some(2));
    assert!(first == fs::read(folder.path().join("run/posterior.parquet")).unwrap());
}

/// A model without a name, and what others put beside results, once cost a user their files.
#[test]
fn a_fit_removes_nothing_but_what_a_fit_wrote() {
    let folder = with_spec("kept", NORMAL);
    let dir = folder.path();
    let fits = |args: &[&str], code: i32| {
        let out = run(dir, args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}{}", stdout(&out), stderr(&out));
        stderr(&out)
    };
    fits(&["model.yaml"], 0);
    for name in ["\"\"", "'..'", "a/b"] {
        fs::write(dir.join("nameless.yaml"), NORMAL.replace("model: tiny", &format!("model: {name}")))
            .unwrap();
        assert!(fits(&["nameless.yaml"], 2).contains("`model:` is a name"));
    }
    assert!(fits(&["model.yaml", "--out", "runs"], 2).contains("`tiny`"));

    let tiny = dir.join("runs/tiny");
    fits(&["model.yaml", "--out", "runs/tiny/other"], 0);
    fits(&["predict", "runs/tiny"], 0);
    fs::write(tiny.join("notes.txt"), "mine").unwrap();
    fs::create_dir(tiny.join("plots")).unwrap();
    fs::write(tiny.join("plots/a.png"), "mine").unwrap();
    let said = fits(&["model.yaml", "--seed", "2"], 0);
    assert!(said.contains("runs/tiny/predict were of the earlier fit"), "{said}");
    assert_eq!(json(&tiny)["seed"], 2);
    assert!(!tiny.join("predict").exists());
    assert_eq!(json(&tiny.join("other"))["seed"], 1);
    for file in ["notes.txt", "plots/a.png"] {
        assert_eq!(fs::read_to_string(tiny.join(file)).unwrap(), "mine", "{file}");
    }

    // A table of the user's is kept from a data set of the same name.
    fits(&["simulate", "model.yaml", "--out", "sets"], 0);
    fs::write(dir.join("sets/notes.csv"), "mine").unwrap();
    fits(&["simulate", "model.yaml", "--out", "sets", "--seed", "2"], 0);
    assert_eq!(fs::read_to_string(dir.join("sets/notes.csv")).unwrap(), "mine");
    assert_eq!(fs::read_dir(dir).unwrap().count(), 4, "nothing is left over");
}

/// The draws of `fit SPEC ARGS`, bit for bit.
fn draws(folder: &Path, args: &[&str]) -> Vec<u8> {
    let mut all = vec!["--out", "run", "--quiet"];
    all.extend(args);
    let out = run(folder, &all);
    assert!(out.stdout.is_empty() && out.stderr.is_empty(), "quiet is quiet: {}", stderr(&out));
    fs::read(folder.join("run/posterior.parquet")).unwrap()
}

#[test]
fn same_seed_same_bits_on_any_number_of_threads() {
    let folder = Scratch::new("bits");
    for name in ["eight_schools", "michaelis_menten"] {
        let spec = spec(name);
        let one = draws(folder.path(), &[&spec, "--threads", "1"]);
        assert!(one == draws(folder.path(), &[&spec, "--threads", "2"]), "{name}");
        assert!(one != draws(folder.path(), &[&spec, "--seed", "2"]), "{name}");
    }
}

#[test]
fn instruction_sets_agree_but_for_rounding() {
    let folder = Scratch::new("isa");
    let spec = spec("puromycin");
    let best = json_of_run(folder.path(), &spec, None);
    let baseline = json_of_run(folder.path(), &spec, Some("baseline"));
    assert_eq!(baseline["isa"], "baseline");
    let elbo = |j: &serde_json::Value| (j["elbo"].as_f64().unwrap(), j["elbo_mcse"].as_f64().unwrap());
    let ((a, mcse), (b, _)) = (elbo(&best), elbo(&baseline));
    assert!((a - b).abs() < 4.0 * mcse, "{a} {b} {mcse}");
}

fn json_of_run(folder: &Path, spec: &str, isa: Option<&str>) -> serde_json::Value {
    let mut args = vec![spec, "--out", "run"];
    args.extend(isa.iter().flat_map(|isa| ["--isa", isa]));
    assert!(run(folder, &args).status.success());
    json(&folder.join("run"))
}

/// An interrupt may come while it is found out how the hierarchy is parameterised, or later.
#[cfg(unix)]
#[test]
fn an_interrupted_hierarchy_goes_on_to_the_same_bits() {
    let folder = Scratch::new("interrupt-hierarchy");
    let data = common::workspace().join("datasets/eight_schools.csv");
    let text = format!(
        "
model: schools
data:
  schools: {{file: {}, key: school}}
latent:
  mu: normal(0, 5)
  tau: half_cauchy(5)
  theta[school]: normal(mu, tau)
observe:
  effect: normal(theta, se)
inference: {{draws: STEPS}}
",
        data.display()
    );
    interrupt(folder.path(), &text, "run");
    assert_eq!(table(&folder.path().join("run/posterior.parquet")).n_rows, 4000);
    assert!(run(folder.path(), &["model.yaml", "--out", "whole"]).status.success());
    let out = run(folder.path(), &["model.yaml", "--out", "run", "--resume"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let read = |run: &str| fs::read(folder.path().join(run).join("posterior.parquet")).unwrap();
    assert!(read("run") == read("whole"));
    assert_eq!(json(&folder.path().join("run"))["centring"]["theta"]["form"], "non_centred");
}

#[cfg(unix)]
#[test]
fn an_interrupted_fit_is_written_and_goes_on_to_the_same_bits() {
    let folder = Scratch::new("interrupt");
    let data = common::workspace().join("datasets/michaelis_menten.csv");
    let text = fs::read_to_string(spec("michaelis_menten"))
        .unwrap()
        .replace("../datasets/michaelis_menten.csv", &data.to_string_lossy())
        + "\ninference: {steps: STEPS}\n";
    let out = interrupt(folder.path(), &text, "run");
    let kept = json(&folder.path().join("run"));
    assert_eq!(kept["verdict"], "unreliable");
    assert!(kept["reasons"].to_string().contains("interrupted"), "{}", kept["reasons"]);
    assert!(stdout(&out).contains("--resume"), "it says how to go on: {}", stdout(&out));
    assert_eq!(table(&folder.path().join("run/posterior.parquet")).n_rows, 4000);

    // Another spec may not go on from it.
    let changed = fs::read_to_string(folder.path().join("model.yaml")).unwrap() + "\n# changed\n";
    fs::write(folder.path().join("other.yaml"), changed).unwrap();
    let out = run(folder.path(), &["other.yaml", "--out", "run", "--resume"]);
    assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
    let set = ["--set", "latent.sigma=half_normal(1)"];
    let out = run(folder.path(), &[&["model.yaml", "--out", "run", "--resume"], &set[..]].concat());
    assert_eq!(out.status.code(), Some(2), "nor may this one, changed: {}", stderr(&out));

    assert!(run(folder.path(), &["model.yaml", "--out", "whole"]).status.success());
    let out = run(folder.path(), &["model.yaml", "--out", "run", "--resume"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let read = |run: &str, file: &str| fs::read(folder.path().join(run).join(file)).unwrap();
    for file in ["posterior.parquet", "summary.parquet", "trace.parquet"] {
        assert!(read("run", file) == read("whole", file), "{file}");
    }
    // A finished run is not given up for a part of one.
    interrupt(folder.path(), &text, "run.interrupted");
    assert!(read("run", "posterior.parquet") == read("whole", "posterior.parquet"));
    let out = run(folder.path(), &["model.yaml", "--out", "run", "--resume"]);
    assert!(out.status.success(), "{}", stderr(&out));
    assert!(!folder.path().join("run.interrupted").exists());
    let out = run(folder.path(), &["model.yaml", "--out", "run", "--resume"]);
    assert!(out.status.success(), "there is nothing to do: {}", stderr(&out));
    assert!(stderr(&out).contains("has this fit, finished: "), "{}", stderr(&out));
}

/// The journals of fits into `run`.
#[cfg(unix)]
fn journals(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_string_lossy().ends_with(".unfinished")).collect()
}

/// A fit that is killed, and what it leaves is damaged.
#[cfg(unix)]
#[test]
fn a_killed_fit_goes_on_to_the_same_bits() {
    let folder = Scratch::new("killed");
    let rows: String = (0..400)
        .map(|i| format!("{},{},{}\n", i % 20, (i * 7 % 11) as f64 / 5.0, (i * 13 % 17) as f64 / 4.0))
        .collect();
    fs::write(folder.path().join("d.csv"), format!("g,x,y\n{rows}")).unwrap();
    let text = "
model: slopes
data:
  d: {file: d.csv, rows: obs}
latent:
  mu: normal(0, 5)
  tau: half_cauchy(5)
  s: half_normal(2)
  nu: gamma(2, 0.1)
  a[g]: normal(mu, tau)
observe:
  y: student_t(nu, a[g] + x, s)
inference: {method: nuts, posterior_draws: 4000}
";
    fs::write(folder.path().join("model.yaml"), text).unwrap();
    let begun = std::time::Instant::now();
    assert_ne!(run(folder.path(), &["model.yaml", "--out", "whole"]).status.code(), Some(2));
    let whole = begun.elapsed();
    let read = |run: &str| fs::read(folder.path().join(run).join("posterior.parquet")).unwrap();
    for part in [0.1, 0.5, 0.8] {
        let args = ["model.yaml", "--out", "run"];
        let out = common::signalled_after(whole.mul_f64(part), "-KILL", folder.path(), &args);
        if out.status.code().is_some() {
            // A quicker machine than a moment ago.
            continue;
        }
        let [journal] = &journals(folder.path())[..] else { panic!("{:?}", journals(folder.path())) };
        if part > 0.7 {
            let bytes = fs::read(journal).unwrap();
            fs::write(journal, &bytes[..bytes.len() - bytes.len() / 10]).unwrap();
        }
        fs::remove_dir_all(folder.path().join("run")).unwrap_or_default();
        let out = run(folder.path(), &["model.yaml", "--out", "run", "--resume", "--seed", "2"]);
        assert_eq!(out.status.code(), Some(2), "another seed: {}", stderr(&out));
        assert!(stderr(&out).contains("seed 1"), "it says of what there is: {}", stderr(&out));
        // It is the same fit, asked to go on or not.
        let again: &[&str] = if part < 0.3 { &[] } else { &["--resume"] };
        let out = run(folder.path(), &[&["model.yaml", "--out", "run"], again].concat());
        assert!(matches!(out.status.code(), Some(0 | 3)), "{}", stderr(&out));
        assert!(read("run") == read("whole"), "killed after {part}");
        assert!(journals(folder.path()).is_empty());
    }
    // Where nothing is left of it, it begins.
    fs::remove_dir_all(folder.path().join("run")).unwrap();
    let out = run(folder.path(), &["model.yaml", "--out", "run", "--resume"]);
    assert!(matches!(out.status.code(), Some(0 | 3)), "{}", stderr(&out));
    assert!(stderr(&out).contains("it begins") && read("run") == read("whole"), "{}", stderr(&out));
}

#[test]
fn every_phase_can_be_looked_at() {
    let folder = Scratch::new("phases");
    let spec = spec("michaelis_menten");
    let cases = [
        ("ast", "state product_made"),
        ("core", "solve   reaction at time"),
        ("model", "latent  vmax ~ lognormal: a positive number"),
        ("graph", "input assay.time: data [sample]"),
        ("grad", "= input vmax : []"),
        ("program", "blocks of 128 rows"),
    ];
    for (phase, says) in cases {
        let out = run(folder.path(), &["explain", "--phase", phase, &spec]);
        assert!(out.status.success(), "{phase}: {}", stderr(&out));
        assert!(stdout(&out).contains(says), "{phase}: {}", stdout(&out));
    }
    let out = run(folder.path(), &["explain", &spec]);
    assert!(
        out.status.success() && stdout(&out).contains(cases[2].1),
        "the model by default: {}",
        stderr(&out)
    );
    assert_eq!(
        stderr(&out).trim_end(),
        "note: the phase `model`; `--phase` takes ast, core, model, graph, grad, program"
    );
    let out = run(folder.path(), &["explain", "--phase", "gradient", &spec]);
    assert_eq!(out.status.code(), Some(2));
    assert!(stderr(&out).contains("program"), "the phases are named: {}", stderr(&out));
}

/// What is seldom meant is told, kept, and fitted all the same.
#[test]
fn warnings_are_told_and_kept() {
    let text = "model: warned\ndata: {d: {file: y.csv, rows: i}}\nlatent:\n  b: normal(0, 1)\nobserve:\n  y: normal(sum(x * b), 1)\n";
    let folder = with_spec("warned", text);
    fs::write(folder.path().join("y.csv"), "x,y\n0.5,1\n-1,0.2\n").unwrap();
    let place = "model.yaml:6:13: `sum` without `over=` goes along `i` too, the rows of `y`";
    for command in [&["check", "model.yaml"][..], &["model.yaml"]] {
        let out = run(folder.path(), command);
        assert!(out.status.success(), "{}", stderr(&out));
        assert_eq!(stderr(&out).matches(place).count(), 1, "{}", stderr(&out));
    }
    let kept = &json(&folder.path().join("runs/warned"))["warnings"];
    assert_eq!(*kept, serde_json::json!([format!("{place} [rows_summed_away]")]));
}

/// What takes too much memory is told in the words of the spec.
#[test]
fn discrete_latents_that_meet_in_too_many_combinations_are_named() {
    let latents: String = (0..11).map(|i| format!("  z{i}: truncated(poisson(3), upper=3)\n")).collect();
    let sum: Vec<String> = (0..11).map(|i| format!("z{i}")).collect();
    let text = format!(
        "model: met\ndata: {{d: {{file: y.csv, rows: i}}}}\nlatent:\n  m: normal(0, 1)\n{latents}observe:\n  y: normal(m * ({}), 1)\n",
        sum.join(" + ")
    );
    let folder = with_spec("met", &text);
    let rows: String = (0..9).map(|i| format!("{i}\n")).collect();
    fs::write(folder.path().join("y.csv"), format!("y\n{rows}")).unwrap();
    for command in
        [&["check", "model.yaml"][..], &["model.yaml"], &["explain", "--phase", "program", "model.yaml"]]
    {
        let out = run(folder.path(), command);
        let said = stderr(&out);
        assert_eq!(out.status.code(), Some(2), "{command:?}: {said}");
        let place = "model.yaml:17:3: 11 discrete latents are summed out together here, in 4194304";
        assert!(said.contains(place) && said.contains("`z0` (4), `z1` (4)"), "{command:?}: {said}");
        assert!(stdout(&out).is_empty(), "{command:?}: {}", stdout(&out));
    }
}

#[test]
fn densities_at_points_of_a_table() {
    let folder = with_spec("at", NORMAL);
    let at = |text: &str| {
        fs::write(folder.path().join("at.csv"), text).unwrap();
        run(folder.path(), &["logdensity", "model.yaml", "--at", "at.csv", "--gradient"])
    };
    let out = at("y,x\n7,1\n8,3\n");
    assert_eq!(stderr(&out), "note: at.csv: ignoring y\n");
    let constant = -2.0_f64.ln() - 0.5 * std::f64::consts::TAU.ln();
    let expected = format!("row,log_joint,u:x,g:x\n1,{constant},1,0\n2,{},3,-0.5\n", constant - 0.5);
    assert_eq!(stdout(&out), expected);

    let cases = [("z\n1\n", "at.csv has no column `x`"), ("x\none\n", "at.csv"), ("x\n1\n,\n", "at.csv")];
    for (text, says) in cases {
        let out = at(text);
        assert_eq!(out.status.code(), Some(2), "{text:?}: {}{}", stdout(&out), stderr(&out));
        assert!(stderr(&out).contains(says) && stdout(&out).is_empty(), "{text:?}: {}", stderr(&out));
    }

    // Where there is no density there is no gradient.
    let out = at("x\n1e200\n");
    assert_eq!(stdout(&out).lines().nth(1), Some("1,-inf,1e200,NaN").or(None), "{}", stdout(&out));

    // A posterior is a table of points: its own densities come out again.
    assert!(run(folder.path(), &["model.yaml", "--quiet", "--out", "run"]).status.success());
    let out = run(folder.path(), &["logdensity", "model.yaml", "--at", "run/posterior.parquet"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let posterior = table(&folder.path().join("run/posterior.parquet"));
    let log_joint = posterior.column("log_joint").unwrap().as_real().unwrap().into_owned();
    for (line, expected) in stdout(&out).lines().skip(1).zip(log_joint) {
        let found: f64 = line.split(',').nth(1).unwrap().parse().unwrap();
        assert!((found - expected).abs() < 1e-12, "{line}: {expected}");
    }
}

#[test]
fn a_slip_in_the_command_is_told_before_its_arguments() {
    let dir = Scratch::new("slip");
    let said = ends(&dir, 2, &["chek", "model.yaml"]);
    assert!(said.contains("did you mean `fit check`?"), "{said}");
    let said = ends(&dir, 2, &["predcit", "run", "--data", "a.csv"]);
    assert!(said.contains("did you mean `fit predict`?"), "{said}");
}

#[test]
fn nobody_need_read_what_is_wrong() {
    use std::process::{Command, Stdio};
    let dir = Scratch::new("unread");
    for _ in 0..5 {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut fit = Command::new(env!("CARGO_BIN_EXE_fit"));
        fit.args(["check", "absent.yaml"]).current_dir(dir.path()).stdout(Stdio::null()).stderr(writer);
        assert_eq!(fit.status().unwrap().code(), Some(2));
    }
}
