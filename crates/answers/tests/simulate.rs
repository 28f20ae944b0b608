//! Draws from the prior and whole data sets, against closed forms.

mod common;

use answers::simulate::{Cells, DataSet, given, prior, simulate};
use answers::{AnswerError, Given};
use common::{close, compile, mean, variance};
use graph::program::Options;
use model::Target;

const N: usize = 4000;

fn sets(target: &Target) -> Vec<DataSet> {
    simulate(target, &Given::new(), N, 1, &Options::default()).unwrap()
}

fn truth(sets: &[DataSet], name: &str) -> Vec<f64> {
    sets.iter()
        .map(|s| s.truth.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name}")).1)
        .collect()
}

fn cell(sets: &[DataSet], column: &str, row: usize) -> Vec<f64> {
    sets.iter()
        .map(|s| match &s.columns.iter().find(|c| c.column == column).unwrap().values {
            Cells::Numbers(v) => v[row],
            Cells::Labels(_) => panic!("{column} has labels"),
        })
        .collect()
}

/// Of numbers that are normal.
fn moments(what: &str, x: &[f64], m: f64, v: f64) {
    let n = x.len() as f64;
    close(&format!("mean of {what}"), mean(x), m, (v / n).sqrt());
    close(&format!("variance of {what}"), variance(x), v, v * (2.0 / n).sqrt());
}

#[test]
fn a_chain_of_normals_has_the_sum_of_their_variances() {
    let spec = "
model: chain
data: {t: {file: t.csv, rows: i}}
latent:
  y0: normal(x0, 2)
  x0: normal(1, 3)
observe:
  y: normal(y0, 1)
  z: normal(2 * y, 0.5)
";
    let target = compile(spec, &[("t.csv", "z,y\n0.5,0.5\n1,1\n")]);
    let sets = sets(&target);
    moments("x0", &truth(&sets, "x0"), 1.0, 9.0);
    moments("y0", &truth(&sets, "y0"), 1.0, 13.0);
    moments("y", &cell(&sets, "y", 1), 1.0, 14.0);
    // It depends on the simulated y, not on the one in the file.
    moments("z", &cell(&sets, "z", 1), 2.0, 4.0 * 14.0 + 0.25);
    let (y, z) = (cell(&sets, "y", 0), cell(&sets, "z", 0));
    let rest: Vec<f64> = y.iter().zip(&z).map(|(y, z)| z - 2.0 * y).collect();
    moments("z given y", &rest, 0.0, 0.25);
}

#[test]
fn the_posterior_of_what_is_simulated_is_calibrated() {
    let spec = "model: c\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  mu: normal(2, 3)\nobserve:\n  y: normal(mu, 1.5)\n";
    let target = compile(spec, &[("t.csv", "y\n0.5\n1\n2.5\n")]);
    let sets = sets(&target);
    let precision = 1.0 / 9.0 + 3.0 / 2.25;
    let mut z: Vec<f64> = (0..N)
        .map(|d| {
            let y: f64 = (0..3).map(|row| cell(&sets[d..d + 1], "y", row)[0]).sum();
            (truth(&sets[d..d + 1], "mu")[0] - (2.0 / 9.0 + y / 2.25) / precision) * precision.sqrt()
        })
        .collect();
    // Where the truth stands in its exact posterior is standard normal over data sets (Kolmogorov and
    // Smirnov: beyond 1.95 / sqrt(n) once in a thousand).
    z.sort_by(f64::total_cmp);
    let distance = z.iter().enumerate().map(|(k, z)| {
        let p = numerics::special::ndtr(*z) * N as f64;
        (p - k as f64).abs().max((p - k as f64 - 1.0).abs()) / N as f64
    });
    let distance = distance.fold(0.0, f64::max);
    assert!(distance < 1.95 / (N as f64).sqrt(), "{distance}");
}

#[test]
fn a_number_depends_on_its_name_and_draw_alone() {
    let spec = |more: &str| {
        format!(
            "model: m\ndata: {{t: {{file: t.csv, rows: i}}}}\nlatent:\n{more}  x: normal(0, 1)\n  a[g]: normal(x, 1)\nobserve:\n  y: normal(a[g], 1)\n"
        )
    };
    let few = compile(&spec(""), &[("t.csv", "g,y\nb,0.5\nc,0.5\n")]);
    let many = compile(&spec("  other: gamma(2, 3)\n"), &[("t.csv", "g,y\na,0.5\nb,0.5\nc,0.5\n")]);
    let options = |threads| Options { threads, ..Options::default() };
    let draw = |t: &Target, n, threads| simulate(t, &Given::new(), n, 7, &options(threads)).unwrap();
    let (few, many) = (draw(&few, 100, 1), draw(&many, 130, 2));
    for (a, b) in few.iter().zip(&many) {
        for (name, x) in &a.truth {
            let y = b.truth.iter().find(|(n, _)| n == name).unwrap().1;
            assert_eq!(x.to_bits(), y.to_bits(), "{name}");
        }
    }
}

#[test]
fn modified_laws_are_drawn_as_they_are_written() {
    let spec = "
model: laws
dims: {k: 3, j: 2}
latent:
  t: truncated(normal(0, 1), lower=0)
  low: normal(-1, 0.1)
  far: truncated(normal(0, 1), lower=low + 7)
  m: mixture([0.3, 0.7], normal(-5, 1), normal(5, 2))
  w[k]: dirichlet(2, over=k)
  mo: mixture(share, normal(at, 0.5), over=j)
let:
  at[j]: [-3, 3]
  share[j]: [1, 3]
data: {t: {file: t.csv, key: o}}
observe:
  c: ordered(normal(0, 1))
";
    let target = compile(spec, &[("t.csv", "o,c\na,0.1\nb,0.2\nc,0.3\n")]);
    let sets = sets(&target);
    let t = truth(&sets, "t");
    let half = (2.0 / std::f64::consts::PI).sqrt();
    close("half normal", mean(&t), half, ((1.0 - half * half) / N as f64).sqrt());
    // Between 5 and 6 standard deviations out the base never falls: by inversion.
    let far = truth(&sets, "far");
    let low = truth(&sets, "low");
    assert!(far.iter().zip(&low).all(|(x, l)| *x >= l + 7.0 && *x < l + 9.5));
    // 0.3 (26) + 0.7 (29) - 2^2
    let m = truth(&sets, "m");
    close("mixture", mean(&m), 2.0, (24.1 / N as f64).sqrt());
    let low = m.iter().filter(|x| **x < 0.0).count() as f64 / N as f64;
    let expected = 0.3 + 0.7 * 0.006209665;
    close("share of the first", low, expected, (0.21 / N as f64).sqrt());
    let mo = truth(&sets, "mo");
    let low = mo.iter().filter(|x| **x < 0.0).count() as f64 / N as f64;
    close("share of the first along j", low, 0.25, (0.1875 / N as f64).sqrt());
    let w = ["w[1]", "w[2]", "w[3]"].map(|n| truth(&sets, n));
    for d in 0..N {
        assert!((w.iter().map(|w| w[d]).sum::<f64>() - 1.0).abs() < 1e-12);
    }
    // Var of a component of dirichlet(2, 2, 2): (1/3)(2/3)/7
    moments("w[2]", &w[1], 1.0 / 3.0, 2.0 / 63.0);
    let c = [0, 1, 2].map(|row| cell(&sets, "c", row));
    assert!((0..N).all(|d| c[0][d] < c[1][d] && c[1][d] < c[2][d]));
    // The largest of three: 3 / (2 sqrt(pi)) (H. A. David and H. N. Nagaraja, Order Statistics, table 3.2).
    let largest = 1.5 / std::f64::consts::PI.sqrt();
    close("the largest of three", mean(&c[2]), largest, (0.56 / N as f64).sqrt());
}

#[test]
fn discrete_latents_choose_what_depends_on_them() {
    let spec = "
model: chosen
dims: {v: 2}
data: {t: {file: t.csv, rows: i}}
let:
  p[v]: [0.2, 0.8]
  q[v]: [0.1, 0.7]
  mid: where(k == 1, 4, -4)
latent:
  top: categorical(p)
  k[i]: bernoulli(q[top])
observe:
  y: normal(mid, 1)
";
    let target = compile(spec, &[("t.csv", "y\n0.5\n1.5\n")]);
    let sets = sets(&target);
    let top = truth(&sets, "top");
    let twos = top.iter().filter(|x| **x == 2.0).count() as f64 / N as f64;
    close("P(top = 2)", twos, 0.8, (0.16 / N as f64).sqrt());
    let k = truth(&sets, "k[2]");
    close("P(k = 1)", mean(&k), 0.2 * 0.1 + 0.8 * 0.7, (0.25 / N as f64).sqrt());
    let y = cell(&sets, "y", 1);
    for (y, k) in y.iter().zip(&k) {
        assert!((y - if *k == 1.0 { 4.0 } else { -4.0 }).abs() < 6.0);
    }
}

#[test]
fn values_may_be_given() {
    let spec = "model: m\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  mu: flat()\n  s: half_normal(1)\n  a[g]: normal(mu, s)\nobserve:\n  y: normal(a[g], 1)\n";
    let target = compile(spec, &[("t.csv", "g,y\na,0.5\nb,0.5\n")]);
    let options = Options::default();
    let improper = simulate(&target, &Given::new(), 1, 1, &options).unwrap_err();
    assert!(matches!(&improper, AnswerError::Improper { name, .. } if name == "mu"), "{improper}");
    let of = |values: &[(&str, f64)]| {
        let values: Vec<(String, f64)> = values.iter().map(|(n, x)| (n.to_string(), *x)).collect();
        given(&target, &values)
    };
    let sets =
        simulate(&target, &of(&[("mu", 3.0), ("s", 0.5), ("a[b]", 9.0)]).unwrap(), N, 1, &options).unwrap();
    assert!(truth(&sets, "mu").iter().all(|x| (x - 3.0).abs() < 1e-12));
    assert!(truth(&sets, "a[b]").iter().all(|x| (x - 9.0).abs() < 1e-12));
    moments("a[a]", &truth(&sets, "a[a]"), 3.0, 0.25);
    moments("y at b", &cell(&sets, "y", 1), 9.0, 1.0);
    for outside in [("s", -1.0), ("mu", f64::INFINITY), ("mu", f64::NAN)] {
        assert!(matches!(of(&[outside]), Err(AnswerError::OutsideSupport { .. })), "{outside:?}");
    }
    assert!(matches!(of(&[("none", 1.0)]), Err(AnswerError::UnknownLatent { .. })));
}

#[test]
fn what_has_no_order_to_draw_in_is_refused() {
    let data = [("t.csv", "y,z\n0.5,1\n1.5,2\n")];
    let head = "model: m\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  a: normal(0, 1)\n";
    let circle =
        compile(&format!("{head}observe:\n  y: normal(mean(z), 1)\n  z: normal(mean(y), 1)\n"), &data);
    let error = simulate(&circle, &Given::new(), 1, 1, &Options::default()).unwrap_err();
    assert!(matches!(error, AnswerError::Circle { .. }), "{error}");
    let says = "`z` in row 2 depends on `y` in row 1, which depends on it";
    assert!(error.to_string().starts_with(says), "{error}");
    let itself = compile(&format!("{head}observe:\n  y: normal(a + mean(y), 1)\n"), &data);
    let error = simulate(&itself, &Given::new(), 1, 1, &Options::default()).unwrap_err();
    assert!(error.to_string().starts_with("`y` in row 1 depends on itself"), "{error}");
    let before = compile(&format!("{head}  b[i]: normal(y, 1)\nobserve:\n  y: normal(a, 1)\n"), &data);
    let error = simulate(&before, &Given::new(), 1, 1, &Options::default()).unwrap_err();
    assert!(matches!(&error, AnswerError::BeforeData { name, .. } if name == "b"), "{error}");
    // A let that is drawn is not put back into its column, so only the let can be read.
    let text = format!("{head}let:\n  w: log(z)\nobserve:\n  w: normal(a, 1)\n  y: normal(z, 1)\n");
    let error = simulate(&compile(&text, &data), &Given::new(), 1, 1, &Options::default()).unwrap_err();
    let is_told = matches!(&error, AnswerError::NotPutBack { name, column, computed }
        if (name.as_str(), column.as_str(), computed.as_str()) == ("y", "z", "w"));
    assert!(is_told, "{error}");
    let by_let = compile(&text.replace("normal(z, 1)", "normal(w, 0.001)"), &data);
    let sets = simulate(&by_let, &Given::new(), 2, 1, &Options::default()).unwrap();
    assert_eq!((sets[0].columns[0].table, sets[0].columns[0].column.as_str()), (None, "w"));
    let (w, y) = (cell(&sets, "w", 1), cell(&sets, "y", 1));
    assert!(w.iter().zip(&y).all(|(w, y)| (w - y).abs() < 0.01), "{w:?} {y:?}");
    let factor = compile(&format!("{head}factor:\n  f: -a^2\n"), &[("t.csv", data[0].1)]);
    let error = simulate(&factor, &Given::new(), 1, 1, &Options::default()).unwrap_err();
    assert!(matches!(&error, AnswerError::Factor { name } if name == "f"), "{error}");
}

#[test]
fn imputed_nulls_are_part_of_their_column() {
    let spec = "
model: m
data: {t: {file: t.csv, rows: i, missing: {x: impute}}}
latent:
  a: normal(0, 1)
observe:
  x: normal(5, 2)
  y: normal(a + x, 0.1)
";
    let target = compile(spec, &[("t.csv", "x,y\n4,4\n,5\n6,6\n")]);
    let sets = sets(&target);
    let (a, x) = (truth(&sets, "a"), truth(&sets, "x[2]"));
    moments("the null", &x, 5.0, 4.0);
    let y = cell(&sets, "y", 1);
    let rest: Vec<f64> = (0..N).map(|d| y[d] - a[d] - x[d]).collect();
    moments("y less its mean", &rest, 0.0, 0.01);
}

#[test]
fn prior_draws_round_trip_through_the_bijectors() {
    let spec = "model: m\nlatent:\n  b: beta(2, 2)\n  u: uniform(b, 3)\n  x: half_cauchy(5)\nlet:\n  up: u\n";
    let target = compile(spec, &[]);
    let z = prior(&target, 200, 3, &Options::default()).unwrap();
    let sets = simulate(&target, &Given::new(), 200, 3, &Options::default()).unwrap();
    assert!((0..200).all(|d| (0..3).all(|i| z.get(i, d).is_finite())));
    let (b, u) = (truth(&sets, "b"), truth(&sets, "u"));
    assert!((0..200).all(|d| b[d] < u[d] && u[d] < 3.0));
    let x = truth(&sets, "x");
    for (d, (b, x)) in b.iter().zip(&x).enumerate() {
        assert!((b - 1.0 / (1.0 + (-z.get(0, d)).exp())).abs() < 1e-12);
        assert!((x / z.get(2, d).exp() - 1.0).abs() < 1e-12);
    }
}

/// Zeros of their own, and what is not zero: by the moments of the laws.
#[test]
fn zeros_are_drawn_as_often_as_they_come() {
    let spec = "
model: zeros
data: {t: {file: t.csv, rows: i}}
observe:
  a: zero_inflated(poisson(3), zero=share)
  b: hurdle(poisson(0.5), zero=0.4)
  c: hurdle(gamma(4, 2), zero_logit=1)
";
    let target = compile(spec, &[("t.csv", "a,b,c,share\n0,0,0,0.25\n1,1,1,0.9\n")]);
    let sets = sets(&target);
    let zeros = |column: &str, row: usize, p: f64, m: f64, v: f64| {
        let x = cell(&sets, column, row);
        let share = x.iter().filter(|x| **x == 0.0).count() as f64 / N as f64;
        close(&format!("zeros of {column}"), share, p, (p * (1.0 - p) / N as f64).sqrt());
        close(&format!("mean of {column}"), mean(&x), m, (v / N as f64).sqrt());
    };
    // Of a mixture with zero: mean (1 - z) m, variance (1 - z) (v + z m^2).
    for (row, z) in [(0, 0.25), (1, 0.9)] {
        let p = z + (1.0 - z) * (-3f64).exp();
        zeros("a", row, p, (1.0 - z) * 3.0, (1.0 - z) * (3.0 + z * 9.0));
    }
    let above = 1.0 - (-0.5f64).exp();
    let (m, square) = (0.6 * 0.5 / above, 0.6 * 0.75 / above);
    zeros("b", 0, 0.4, m, square - m * m);
    let z = 1.0 / (1.0 + (-1f64).exp());
    zeros("c", 0, z, (1.0 - z) * 2.0, (1.0 - z) * (1.0 + z * 4.0));
}
