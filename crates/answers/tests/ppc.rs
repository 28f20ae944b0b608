//! Posterior predictive checks, against data with known quantities and models that are wrong on purpose.

mod common;

use answers::ppc::{self, Checks};
use answers::{Budget, Known};
use common::{Scratch, close, compile, real, text};
use graph::program::Options;
use model::Target;
use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};
use tables::Table;

/// All draws of all coordinates at one value.
fn at(values: &[f64], n: usize) -> Lanes {
    let mut z = Lanes::zeros(values.len(), n);
    values.iter().enumerate().for_each(|(k, x)| (0..n).for_each(|d| z.set(k, d, *x)));
    z.pad();
    z
}

fn write(target: &Target, z: &Lanes, threads: usize, folder: &Scratch) -> Checks {
    let options = Options { threads, ..Options::default() };
    let known = Known::all(target, z);
    ppc::write(target, &known, 1, &options, &Budget::default(), folder.path()).unwrap()
}

/// The row of a quantity.
fn row(t: &Table, column: &str, by: &str, level: &str, quantity: &str) -> Option<usize> {
    let [columns, bys, levels, quantities] = ["column", "by", "level", "quantity"].map(|c| text(t, c));
    (0..t.n_rows)
        .find(|&r| [&columns[r], &bys[r], &levels[r], &quantities[r]] == [column, by, level, quantity])
}

fn normal_csv(n: usize, by: impl Fn(usize) -> &'static str, f: impl Fn(usize, f64) -> f64) -> String {
    let key = Key::new(3, "test", "y", "");
    let mut csv = String::from("g,y\n");
    for i in 0..n {
        let x = f(i, key.normal(Counter { row: i as u64, ..Counter::default() }));
        csv.push_str(&format!("{},{x}\n", by(i)));
    }
    csv
}

const NORMAL: &str = "
model: normal
data: {t: {file: t.csv, rows: i}}
latent: {m: 'normal(0, 10)', d[g]: 'normal(0, 10)'}
observe: {y: 'normal(m + d[g], 2)'}
";

/// Quantities of known numbers, and of replicates whose law is known.
#[test]
fn quantities_are_those_of_the_data_and_of_its_replicates() {
    let spec = NORMAL.replace("d[g]: ", "'d[g]': ");
    let csv = "g,y\na,1\na,2\nb,4\nb,9\nb,-1\n";
    let target = compile(&spec, &[("t.csv", csv)]);
    let folder = Scratch::new("ppc-normal");
    let checks = write(&target, &at(&[3.0, 0.0, 0.0], 4000), 1, &folder);
    let t = folder.table("ppc.parquet");
    assert_eq!((checks.rows, t.n_rows), (16, 16));
    let (observed, mean, sd) = (real(&t, "observed"), real(&t, "mean"), real(&t, "sd"));
    let is = |by: &str, level: &str, quantity: &str, expected: f64| {
        let r = row(&t, "y", by, level, quantity).unwrap_or_else(|| panic!("no {quantity} of {level}"));
        assert!((observed[r] - expected).abs() < 1e-12, "{quantity} {level}: {} {expected}", observed[r]);
    };
    is("", "", "mean", 3.0);
    is("", "", "sd", 14.5_f64.sqrt());
    // Third central moment (-8 - 1 + 1 + 216 - 64) / 5, second 58 / 5.
    is("", "", "skewness", 28.8 / 11.6_f64.powf(1.5));
    is("", "", "min", -1.0);
    is("", "", "q25", 1.0);
    is("", "", "median", 2.0);
    is("", "", "q75", 4.0);
    is("", "", "max", 9.0);
    is("g", "a", "mean", 1.5);
    is("g", "a", "sd", 0.5_f64.sqrt());
    is("g", "b", "max", 9.0);
    assert!(row(&t, "y", "", "", "zeros").is_none() && row(&t, "y", "", "", "lag_1").is_none());
    let r = row(&t, "y", "", "", "mean").unwrap();
    let spread = 2.0 / 5.0_f64.sqrt();
    close("mean of means", mean[r], 3.0, spread / 1000.0_f64.sqrt());
    close("sd of means", sd[r], spread, spread / 2000.0_f64.sqrt());
    close("p of the mean", real(&t, "p")[r], 0.5, 0.5 / 1000.0_f64.sqrt());
    let again = Scratch::new("ppc-threads");
    assert_eq!(write(&target, &at(&[3.0, 0.0, 0.0], 4000), 5, &again), checks);
    let bits = |f: &Scratch| std::fs::read(f.path().join(ppc::FILE)).unwrap();
    assert!(bits(&folder) == bits(&again));
}

/// A spread that is too small, a group that lies elsewhere, a tail: each shows where it is.
#[test]
fn what_a_model_does_not_make_stands_out() {
    let spec = NORMAL.replace("d[g]: ", "'d[g]': ");
    let of = |csv: &str, z: [f64; 3]| {
        let target = compile(&spec, &[("t.csv", csv)]);
        let folder = Scratch::new("ppc-wrong");
        let checks = write(&target, &at(&z, 1000), 1, &folder);
        let names: Vec<String> = checks.extreme.into_iter().map(|(name, _)| name).collect();
        (names, folder.table("ppc.parquet"))
    };
    let by = |i: usize| if i.is_multiple_of(2) { "a" } else { "b" };
    let (none, _) = of(&normal_csv(200, by, |_, x| 1.0 + 2.0 * x), [1.0, 0.0, 0.0]);
    assert_eq!(none, Vec::<String>::new());
    let (spread, _) = of(&normal_csv(200, by, |_, x| 1.0 + 4.0 * x), [1.0, 0.0, 0.0]);
    assert!(
        spread.contains(&"sd of y".to_string()) && !spread.contains(&"mean of y".to_string()),
        "{spread:?}"
    );
    // Each group is off, by as much in either direction: the whole looks well.
    let shifted = normal_csv(200, by, |i, x| 1.0 + 2.0 * x + if i.is_multiple_of(2) { 0.8 } else { -0.8 });
    let (whole, t) = of(&shifted, [1.0, 0.0, 0.0]);
    assert!(!whole.contains(&"mean of y".to_string()), "{whole:?}");
    let p = |level: &str| real(&t, "p")[row(&t, "y", "g", level, "mean").unwrap()];
    assert!(p("a") < 0.005 && p("b") > 0.995, "{} {}", p("a"), p("b"));
}

/// Counts with too many zeros, series with a memory, labels, several columns, rows that do not count.
#[test]
fn quantities_fit_the_outcome() {
    let spec = "
model: many
data:
  t: {file: t.csv, rows: i, ordered_by: time, missing: {n: drop}, stack: {s: {columns: [a, b], dim: k}}}
latent: {m: 'normal(0, 1)', p[kind]: 'normal(0, 1)'}
observe:
  n: poisson(exp(m))
  y: normal(m, 1)
  kind: categorical(logit = p)
  s: normal(m, 1)
"
    .replace("p[kind]:", "'p[kind]':");
    let mut csv = String::from("time,n,y,kind,a,b\n");
    for i in 0..40_usize {
        // A slow wave, out of order in the file; five zeros for each three.
        let time = (i * 7) % 40;
        let n = if i == 0 { String::new() } else { if i.is_multiple_of(6) { "3" } else { "0" }.to_string() };
        let kind = ["left", "right", "right", "up"][i % 4];
        csv.push_str(&format!("{time},{n},{},{kind},1.5,{i}\n", ((time as f64) / 6.0).sin()));
    }
    let target = compile(&spec, &[("t.csv", &csv)]);
    let folder = Scratch::new("ppc-many");
    let n = target.coordinates().len();
    let checks = write(&target, &at(&vec![0.0; n], 1000), 1, &folder);
    let t = folder.table("ppc.parquet");
    let (observed, p, counts) = (real(&t, "observed"), real(&t, "p"), real(&t, "n"));
    let find = |column: &str, quantity: &str| row(&t, column, "", "", quantity);
    let zeros = find("n", "zeros").unwrap();
    assert_eq!((counts[zeros], observed[zeros]), (39.0, 33.0 / 39.0));
    assert!(p[zeros] < 0.005);
    let wave: Vec<f64> = (0..40).map(|t| (f64::from(t) / 6.0).sin()).collect();
    let m = common::mean(&wave);
    let products: f64 = wave.windows(2).map(|w| (w[0] - m) * (w[1] - m)).sum();
    let expected = products / wave.iter().map(|x| (x - m).powi(2)).sum::<f64>();
    let lag = find("y", "lag_1").unwrap();
    assert!((observed[lag] - expected).abs() < 1e-12 && p[lag] < 0.005, "{} {expected}", observed[lag]);
    assert_eq!(observed[find("kind", "share of right").unwrap()], 0.5);
    assert!(find("kind", "mean").is_none());
    assert_eq!(observed[find("a", "mean").unwrap()], 1.5);
    assert_eq!(observed[find("b", "max").unwrap()], 39.0);
    assert!(checks.extreme.iter().any(|(what, _)| what == "lag_1 of y"), "{:?}", checks.extreme);
    assert!(checks.left_out.is_empty());
}

#[test]
fn censored_outcomes_are_left_out_by_name() {
    let spec = "
model: censored
data: {t: {file: t.csv, rows: i}}
latent: {r: 'normal(0, 1)'}
observe: {t: 'censored(exponential(exp(r)), right = cut == 1)'}
";
    let target = compile(spec, &[("t.csv", "t,cut\n1.0,0\n2.0,1\n")]);
    let folder = Scratch::new("ppc-censored");
    let checks = write(&target, &at(&[0.0], 100), 1, &folder);
    assert_eq!((checks.rows, checks.left_out.len(), checks.left_out[0].0.as_str()), (0, 1, "t"));
    assert!(!folder.path().join(ppc::FILE).exists());
}
