//! Leaving out each value in turn, against closed forms.

mod common;

use answers::loo::{self, Budget, Loo};
use common::{Scratch, compile, real, text};
use graph::program::Options;
use model::Target;
use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};

/// Draws of independent normals, by coordinate: mean and sd.
fn normals(of: &[(f64, f64)], n: usize) -> Lanes {
    let mut z = Lanes::zeros(of.len(), n);
    for (k, (m, s)) in of.iter().enumerate() {
        let key = Key::new(5, "test", &k.to_string(), "");
        for d in 0..n {
            z.set(k, d, m + s * key.normal(Counter { draw: d as u32, ..Counter::default() }));
        }
    }
    z.pad();
    z
}

fn write(target: &Target, z: &Lanes, threads: usize, folder: &Scratch) -> Option<Loo> {
    let options = Options { threads, ..Options::default() };
    loo::write(target, z, 1, &options, &Budget::default(), folder.path()).unwrap()
}

fn ln_normal(x: f64, m: f64, v: f64) -> f64 {
    -0.5 * ((x - m).powi(2) / v + (std::f64::consts::TAU * v).ln())
}

const CONJUGATE: &str = "
model: conjugate
data: {t: {file: t.csv, rows: i}}
latent: {x: 'normal(0, 1)'}
observe: {y: 'normal(x, 0.5)'}
";

/// x ~ normal(0, 1), y ~ normal(x, 0.5): without y_i the posterior is normal, and so is what it predicts.
#[test]
fn a_conjugate_normal_agrees_with_its_closed_form() {
    let y: [f64; 8] = [0.3, 1.4, 0.9, -0.2, 0.8, 1.1, 0.1, 2.1];
    let rows: String = y.iter().map(|y| format!("{y}\n")).collect();
    let target = compile(CONJUGATE, &[("t.csv", &format!("y\n{rows}"))]);
    let precision = 1.0 + 8.0 / 0.25;
    let sum: f64 = y.iter().sum();
    let z = normals(&[(sum / 0.25 / precision, precision.powf(-0.5))], 20_000);
    let folder = Scratch::new("loo-conjugate");
    let loo = write(&target, &z, 1, &folder).unwrap();
    let table = folder.table("loo.parquet");
    let (elpd, mcse, p, pit) =
        (real(&table, "elpd_loo"), real(&table, "mcse"), real(&table, "p_loo"), real(&table, "loo_pit"));
    let mut total = 0.0;
    for (i, &y) in y.iter().enumerate() {
        let less = precision - 4.0;
        let (m, v) = ((sum - y) / 0.25 / less, 0.25 + 1.0 / less);
        let exact = ln_normal(y, m, v);
        total += exact;
        assert!((elpd[i] - exact).abs() < 5.0 * mcse[i] && mcse[i] < 0.02, "{i}: {} {exact}", elpd[i]);
        let lpd = ln_normal(y, sum / 0.25 / precision, 0.25 + 1.0 / precision);
        assert!((p[i] - (lpd - exact)).abs() < 5.0 * mcse[i] + 0.003, "{i}: {} {}", p[i], lpd - exact);
        let below = numerics::special::ndtr((y - m) / v.sqrt());
        assert!((pit[i] - below).abs() < 0.02, "{i}: {} {below}", pit[i]);
    }
    assert!((loo.elpd - total).abs() < 0.05 && (loo.elpd - elpd.iter().sum::<f64>()).abs() < 1e-9);
    assert_eq!((loo.n, loo.bad, loo.very_bad, loo.draws), (8, 0, 0, 20_000));
    assert!(real(&table, "pareto_k").iter().all(|k| *k < 0.5));
    assert_eq!(text(&table, "column"), ["y"; 8]);
    // In any number of threads.
    let again = Scratch::new("loo-threads");
    assert_eq!(write(&target, &z, 7, &again).unwrap(), loo);
    let (a, b) = (folder.path().join(loo::FILE), again.path().join(loo::FILE));
    assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
}

/// Nulls, `where:` and censoring: a term for each row that counts; two likelihoods, one table.
#[test]
fn rows_that_do_not_count_have_no_terms() {
    let spec = "
model: several
data: {t: {file: t.csv, rows: i, missing: {y: drop}}}
latent: {x: 'normal(0, 1)'}
observe:
  y: normal(x, 1)
  n: {law: poisson(exp(x)), where: use == 1}
  t: censored(exponential(exp(x)), right=cut == 1)
";
    let csv = "y,n,use,t,cut\n1.0,0,1,0.5,0\n,3,0,1.0,1\n2.0,1,1,2.0,0\n";
    let target = compile(spec, &[("t.csv", csv)]);
    let folder = Scratch::new("loo-several");
    let z = normals(&[(0.4, 0.3)], 2000);
    let loo = write(&target, &z, 1, &folder).unwrap();
    let table = folder.table("loo.parquet");
    assert_eq!(text(&table, "column"), ["y", "y", "n", "n", "t", "t", "t"]);
    assert_eq!(real(&table, "row"), [1.0, 3.0, 1.0, 3.0, 1.0, 2.0, 3.0]);
    let names: Vec<(&str, usize)> = loo.outcomes.iter().map(|o| (o.name.as_str(), o.n)).collect();
    assert_eq!(names, [("y", 2), ("n", 2), ("t", 3)]);
    // Of a bound there is no rank.
    let ranked: Vec<bool> = real(&table, "loo_pit").iter().map(|p| !p.is_nan()).collect();
    assert_eq!(ranked, [true, true, true, true, true, false, true]);
    // Survival is what is left out of a censored row: raw importance sampling says nearly the same.
    let x: Vec<f64> = (0..2000).map(|d| z.get(0, d)).collect();
    let plain = -(x.iter().map(|x| x.exp().exp()).sum::<f64>() / 2000.0).ln();
    let elpd = real(&table, "elpd_loo");
    assert!((elpd[5] - plain).abs() < 0.02, "{} {plain}", elpd[5]);
    // Another outcome is seen in the digest of its variable alone.
    let other = compile(spec, &[("t.csv", &csv.replace("2.0,1,1", "2.5,1,1"))]);
    let changed = write(&other, &z, 1, &Scratch::new("loo-other")).unwrap();
    let same: Vec<bool> =
        loo.outcomes.iter().zip(&changed.outcomes).map(|(a, b)| a.digest == b.digest).collect();
    assert_eq!(same, [false, true, true]);
}

/// A discrete latent of each row is summed out of the row's term; one of a group out of the group's.
#[test]
fn discrete_latents_are_summed_out_of_terms() {
    let rows = "
model: mixture
data: {t: {file: t.csv, rows: i}}
latent:
  x: normal(0, 1)
  k[i]: bernoulli(0.3)
observe:
  y: normal(x + 3 * k, 1)
";
    let target = compile(rows, &[("t.csv", "y\n0.5\n3.5\n")]);
    let z = normals(&[(0.2, 0.5)], 4000);
    let plain = |density: &dyn Fn(f64) -> f64| {
        -((0..4000).map(|d| 1.0 / density(z.get(0, d))).sum::<f64>() / 4000.0).ln()
    };
    let two = |x: f64, y: f64| 0.7 * ln_normal(y, x, 1.0).exp() + 0.3 * ln_normal(y, x + 3.0, 1.0).exp();
    let folder = Scratch::new("loo-rows");
    let loo = write(&target, &z, 1, &folder).unwrap();
    let table = folder.table("loo.parquet");
    for (row, y) in [0.5, 3.5].into_iter().enumerate() {
        let expected = plain(&|x| two(x, y));
        let found = real(&table, "elpd_loo")[row];
        assert!((found - expected).abs() < 0.01, "{row}: {found} {expected}");
    }
    assert!(real(&table, "loo_pit").iter().all(|p| p.is_nan()) && loo.outcomes[0].pit_p.is_nan());

    let groups = "
model: groups
data: {t: {file: t.csv, rows: i, stack: {y: {columns: [a, b], dim: k}}}}
latent:
  x: normal(0, 1)
  c[i]: bernoulli(0.3)
observe:
  y: normal(x + 3 * c, 1)
";
    let target = compile(groups, &[("t.csv", "a,b\n0.5,0.6\n3.5,3.0\n")]);
    let folder = Scratch::new("loo-groups");
    assert_eq!(write(&target, &z, 1, &folder).unwrap().n, 2);
    let table = folder.table("loo.parquet");
    assert_eq!((text(&table, "column"), real(&table, "row")), (vec!["y".into(); 2], vec![1.0, 2.0]));
    for (row, (a, b)) in [(0.5, 0.6), (3.5, 3.0)].into_iter().enumerate() {
        let at = |x: f64, m: f64| (ln_normal(a, x + m, 1.0) + ln_normal(b, x + m, 1.0)).exp();
        let expected = plain(&|x| 0.7 * at(x, 0.0) + 0.3 * at(x, 3.0));
        let found = real(&table, "elpd_loo")[row];
        assert!((found - expected).abs() < 0.02, "{row}: {found} {expected}");
    }
}

/// What a latent says of another latent is no part of the term.
#[test]
fn terms_are_given_the_continuous_latents() {
    let spec = "
model: both
data: {t: {file: t.csv, rows: i}}
latent:
  k[i]: bernoulli(0.3)
  x[i]: normal(2 * k, 1)
observe:
  y: normal(x + k, 1)
";
    let target = compile(spec, &[("t.csv", "y\n0.5\n")]);
    let z = normals(&[(0.4, 0.5)], 4000);
    let folder = Scratch::new("loo-given");
    write(&target, &z, 1, &folder).unwrap();
    let density = |x: f64| {
        let of = |p: f64, k: f64| p * ln_normal(x, 2.0 * k, 1.0).exp();
        let (none, one) = (of(0.7, 0.0), of(0.3, 1.0));
        (none * ln_normal(0.5, x, 1.0).exp() + one * ln_normal(0.5, x + 1.0, 1.0).exp()) / (none + one)
    };
    let expected = -((0..4000).map(|d| 1.0 / density(z.get(0, d))).sum::<f64>() / 4000.0).ln();
    let found = real(&folder.table("loo.parquet"), "elpd_loo")[0];
    assert!((found - expected).abs() < 0.01, "{found} {expected}");
}

/// Where there are no terms, it is said why.
#[test]
fn wholes_are_left_out_with_the_reason() {
    let why = |spec: &str, csv: &str| {
        let target = compile(spec, &[("t.csv", csv)]);
        let z = Lanes::zeros(target.coordinates().len(), 10);
        assert!(write(&target, &z, 1, &Scratch::new("loo-none")).is_none());
        loo::left_out(&target)
    };
    let series = "
model: series
data: {t: {file: t.csv, rows: i, ordered_by: time}}
latent: {s: half_normal(1)}
recurrence:
  level: {over: i, states: {z: {initial: 'normal(0, 1)', next: 'normal(z, s)'}}}
observe: {y: 'normal(z, 1)'}
";
    let csv = "time,y\n1,0.5\n2,0.7\n3,0.2\n";
    let reason = "the states of its series are summed out, so its rows have no terms of their own";
    assert_eq!(why(series, csv), [("y".to_string(), reason)]);
    let curve = "
model: curve
data: {t: {file: t.csv, rows: i}}
latent: {s: half_normal(1)}
let: {K: 's * exp(-(time - prime(time))^2) + 0.1 * identity(i)'}
observe: {y: 'multivariate_normal(0, K)'}
";
    assert_eq!(why(curve, csv), [("y".to_string(), "its law is of all rows together")]);
    let global = "
model: global
data: {t: {file: t.csv, rows: i}}
latent: {k: bernoulli(0.5), x: 'normal(0, 1)'}
observe: {y: 'normal(x + k, 1)'}
";
    let reason = "all its rows share a discrete latent, which is summed out";
    assert_eq!(why(global, csv), [("y".to_string(), reason)]);
    let shared = "
model: shared
data: {t: {file: t.csv, rows: i}}
latent: {'k[i]': bernoulli(0.5), x: 'normal(0, 1)'}
observe: {y: 'normal(x + k, 1)', time: 'normal(x - k, 1)'}
";
    let reason = "it shares a discrete latent, which is summed out, with other likelihoods";
    assert_eq!(why(shared, csv), [("y".to_string(), reason), ("time".to_string(), reason)]);
}

/// Groups, columns side by side, a let that is lagged and one that is not of the rows: a long table goes by
/// some rows at a time, to the same numbers.
#[test]
fn some_rows_at_a_time_say_the_same() {
    let spec = "
model: long
data:
  t: {file: t.csv, rows: i, ordered_by: time, missing: {y: drop}, stack: {x: {columns: [u, v], dim: k}, s: {columns: [a, b], dim: j}}}
latent:
  m: normal(0, 1)
  'd[g]': normal(0, 1)
  'w[k]': normal(0, 1)
  'e[i]': normal(0, 1)
  'z[i]': bernoulli(0.3)
let:
  centre: mean(u)
observe:
  y: {law: 'normal(m + d[g] + x @ w + 0.1 * e + lag(u, 1, before=0) - centre, 1)', where: 'u > -3'}
  s: normal(m, 2)
  n: poisson(exp(0.2 * m + 0.5 * z))
";
    let mut csv = String::from("time,g,u,v,y,a,b,n\n");
    let wave = |i: usize, f: f64| (f * i as f64).sin();
    for i in 0..60 {
        let g = ["p", "q", "r"][i % 3];
        let y = if i == 7 { String::new() } else { format!("{}", 2.0 * wave(i, 0.7)) };
        let (u, v, a, b) = (wave(i, 1.3), wave(i, 2.1), wave(i, 3.3), wave(i, 0.2));
        csv.push_str(&format!("{i},{g},{u},{v},{y},{a},{b},{}\n", i % 4));
    }
    let target = compile(spec, &[("t.csv", &csv)]);
    let z = normals(&vec![(0.1, 0.4); target.coordinates().len()], 500);
    let folders = [Scratch::new("loo-whole"), Scratch::new("loo-rows")];
    let options = Options::default();
    let of = |kept: usize, folder: &Scratch| {
        let budget = Budget { kept, ..Budget::default() };
        loo::write(&target, &z, 1, &options, &budget, folder.path()).unwrap().unwrap()
    };
    let (whole, parts) = (of(1 << 24, &folders[0]), of(6000, &folders[1]));
    assert_eq!((whole.n, parts.n), (59 + 120 + 60, 59 + 120 + 60));
    assert!((whole.elpd - parts.elpd).abs() < 1e-8 && whole.bad == parts.bad);
    let sorted = |folder: &Scratch| {
        let t = folder.table("loo.parquet");
        let (columns, rows) = (text(&t, "column"), real(&t, "row"));
        let numbers = ["elpd_loo", "mcse", "p_loo", "pareto_k"].map(|c| real(&t, c));
        let mut all: Vec<(String, u64, Vec<f64>)> = (0..t.n_rows)
            .map(|i| (columns[i].clone(), rows[i] as u64, numbers.iter().map(|n| n[i]).collect()))
            .collect();
        all.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
        all
    };
    for (a, b) in sorted(&folders[0]).iter().zip(&sorted(&folders[1])) {
        assert_eq!((&a.0, a.1), (&b.0, b.1));
        assert!(a.2.iter().zip(&b.2).all(|(x, y)| (x - y).abs() < 1e-7), "{a:?} {b:?}");
    }
}
