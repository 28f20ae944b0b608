//! What a recurrence means: log densities against recursions and sums by hand.

mod support;

use std::path::Path;

use graph::value::Value;
use model::Target;
use spec_compiler::{Source, render};
use support::Tables;
use support::density::{close, log_joint};
use support::models::{at, compiled, evaluate, mistakes, normal};

/// Annual flow of the Nile at Aswan, 1871 to 1970, in 10^8 m^3 (G. Cobb, Biometrika 65, 1978; the
/// values as in R's `datasets::Nile`).
const NILE: [f64; 100] = [
    1120., 1160., 963., 1210., 1160., 1160., 813., 1230., 1370., 1140., 995., 935., 1110., 994., 1020., 960.,
    1180., 799., 958., 1140., 1100., 1210., 1150., 1250., 1260., 1220., 1030., 1100., 774., 840., 874., 694.,
    940., 833., 701., 916., 692., 1020., 1050., 969., 831., 726., 456., 824., 702., 1120., 1100., 832., 764.,
    821., 768., 845., 864., 862., 698., 845., 744., 796., 1040., 759., 781., 865., 845., 944., 984., 897.,
    822., 1010., 771., 676., 649., 846., 812., 742., 801., 1040., 860., 874., 848., 890., 744., 749., 838.,
    1050., 918., 986., 797., 923., 975., 815., 1020., 906., 901., 1170., 912., 746., 919., 718., 714., 740.,
];

fn nile() -> String {
    let rows = NILE.iter().enumerate().map(|(i, y)| format!("{},{y}\n", 1871 + i));
    format!("year_no,flow\n{}", rows.collect::<String>())
}

fn tables(name: &str, csv: &str) -> Tables {
    let mut tables = Tables::read();
    tables.add(name, csv);
    tables
}

/// Durbin and Koopman's local level, with the variances of their book: the value is statsmodels'.
#[test]
fn nile_with_a_diffuse_level() {
    let text = "
model: level
data:
  series: {file: nile.csv, rows: year, ordered_by: year_no}
latent:
  log_s: flat()
  log_r: flat()
recurrence:
  level:
    over: year
    states:
      z: {initial: flat(), next: \"normal(z, exp(log_s))\"}
observe:
  flow: normal(z, exp(log_r))
";
    let tables = tables("nile.csv", &nile());
    let c = compiled(text, &tables);
    assert_eq!(c.target.coordinates(), ["log_s", "log_r"]);
    let u = [0.5 * 1469.1_f64.ln(), 0.5 * 15099.0_f64.ln()];
    // KFAS prints -632.5456 for these variances.
    let exact = log_joint(&c, &u);
    assert!((exact - -632.5456).abs() < 5e-5, "{exact}");
    // statsmodels begins with a variance of 1e6, and leaves the first row out.
    let c = compiled(&text.replace("initial: flat()", "initial: \"normal(0, 1000)\""), &tables);
    let first = normal(NILE[0], 0.0, (1e6 + 15099.0_f64).sqrt());
    let found = log_joint(&c, &u) - first;
    assert!((found - -632.53769505).abs() < 1e-8, "{found}");
    // The wider, the nearer to diffuse.
    let c = compiled(&text.replace("initial: flat()", "initial: \"normal(0, 1e6)\""), &tables);
    let found = log_joint(&c, &u) - normal(NILE[0], 0.0, 1e6);
    assert!((found - exact).abs() < 1e-5, "{found}, diffuse {exact}");
}

const SMALL: &str =
    "t,w,g,y\n3,0.5,b,0.4\n1,1.5,a,-0.3\n2,0.7,a,1.1\n1,-0.4,b,0.9\n2,0.2,b,\n3,1.0,a,0.2\n4,-1.0,a,0.8\n";

/// The rows of `SMALL` by series, in order.
fn small() -> [Vec<(f64, Option<f64>)>; 2] {
    [
        vec![(1.5, Some(-0.3)), (0.7, Some(1.1)), (1.0, Some(0.2)), (-1.0, Some(0.8))],
        vec![(-0.4, Some(0.9)), (0.2, None), (0.5, Some(0.4))],
    ]
}

/// ln N(y; m, V) by Cholesky.
fn gaussian(y: &[f64], m: &[f64], v: &[Vec<f64>]) -> f64 {
    let n = y.len();
    let mut l = vec![vec![0.0; n]; n];
    let mut x = vec![0.0; n];
    let mut out = 0.0;
    for i in 0..n {
        for j in 0..=i {
            let s: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            l[i][j] = if i == j { (v[i][i] - s).sqrt() } else { (v[i][j] - s) / l[j][j] };
        }
        let s: f64 = (0..i).map(|k| l[i][k] * x[k]).sum();
        x[i] = (y[i] - m[i] - s) / l[i][i];
        out += -0.5 * x[i] * x[i] - l[i][i].ln() - 0.5 * (2.0 * std::f64::consts::PI).ln();
    }
    out
}

/// Two coupled states with a covariate, two series in a file out of order, a missing value: against
/// the normal law of all that is seen.
#[test]
fn filters_agree_with_dense_conditioning() {
    let text = |by: &str, table: &str| {
        format!(
            "
model: m
data:
  s: {{file: {table}, rows: i, ordered_by: t, missing: {{y: drop}}}}
latent:
  a: normal(0, 1)
  log_s: normal(0, 1)
let:
  mean: level + 2 * slope
recurrence:
  trend:
    over: i{by}
    states:
      level: {{initial: \"normal(0.3, 1.2)\", next: \"normal(level + slope * w, exp(log_s))\"}}
      slope: {{initial: 0.1, next: \"normal(a * slope - (level - w) / 4, 0.5)\"}}
observe:
  y: normal(mean - 0.1, 0.7)
"
        )
    };
    let (a, log_s) = (0.6_f64, -0.4_f64);
    let s = log_s.exp();
    let dense = |rows: &[(f64, Option<f64>)]| {
        // Each state as a mean and its loadings on all the noise: 2 a row.
        let k = 2 * rows.len();
        let mut level = vec![0.0; k + 1];
        let mut slope = vec![0.0; k + 1];
        let (mut means, mut loads, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for (t, &(w, y)) in rows.iter().enumerate() {
            if t == 0 {
                (level[0], level[1]) = (0.3, 1.2);
                slope[0] = 0.1;
            } else {
                let (l, b) = (level.clone(), slope.clone());
                for i in 0..=k {
                    level[i] = l[i] + w * b[i];
                    slope[i] = a * b[i] - l[i] / 4.0;
                }
                slope[0] += w / 4.0;
                level[1 + 2 * t] += s;
                slope[2 + 2 * t] += 0.5;
            }
            if let Some(y) = y {
                means.push(level[0] + 2.0 * slope[0] - 0.1);
                loads.push((1..=k).map(|i| level[i] + 2.0 * slope[i]).collect::<Vec<f64>>());
                seen.push(y);
            }
        }
        let n = seen.len();
        let v = (0..n)
            .map(|i| {
                let dot = |j: usize| loads[i].iter().zip(&loads[j]).map(|(a, b)| a * b).sum::<f64>();
                (0..n).map(|j| dot(j) + if i == j { 0.49 } else { 0.0 }).collect()
            })
            .collect::<Vec<Vec<f64>>>();
        gaussian(&seen, &means, &v)
    };
    let prior = normal(a, 0.0, 1.0) + normal(log_s, 0.0, 1.0);
    let c = compiled(
        &text(", by: g", "small.csv").replace("over: i, by: g", "over: i\n    by: g"),
        &tables("small.csv", SMALL),
    );
    assert_eq!(c.target.coordinates(), ["a", "log_s"]);
    let both: f64 = small().iter().map(|rows| dense(rows)).sum();
    close(log_joint(&c, &[a, log_s]), prior + both);
    // Restarts are as series of their own.
    let mut sum = 0.0;
    for g in ["a", "b"] {
        let rows: String = SMALL
            .lines()
            .skip(1)
            .filter(|l| l.contains(&format!(",{g},")))
            .map(|l| format!("{l}\n"))
            .collect();
        let alone = tables("one.csv", &format!("t,w,g,y\n{rows}"));
        sum += log_joint(&compiled(&text("", "one.csv"), &alone), &[a, log_s]) - prior;
    }
    close(sum, both);
}

/// The noise of a state that is not marginalised, for what is seen is not normal; and a filter of the
/// same block gives the integral over it.
#[test]
fn random_states_are_run_by_their_noise() {
    let text = "
model: m
data:
  s: {file: small.csv, rows: i, ordered_by: t, missing: {y: drop}}
latent:
  a: normal(0, 1)
recurrence:
  volatility:
    over: i
    by: g
    states:
      h: {initial: \"normal(0, 1)\", next: \"student_t(4, a * h + w, 0.5)\"}
      v: {initial: \"lognormal(0, 1)\", next: \"lognormal(log(v) / 2 + new(h), 0.3)\"}
observe:
  y: normal(0, exp(h / 2) + v)
";
    let c = compiled(text, &tables("small.csv", SMALL));
    let t = &c.target;
    assert_eq!(t.sites.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["a", "h.noise", "v.noise"]);
    let a = 0.4;
    let eps: Vec<f64> = (0..14).map(|i| (i as f64 * 1.7).sin()).collect();
    let u: Vec<f64> = [a].iter().chain(&eps).copied().collect();
    let student = |x: f64| {
        // df 4: density 3/8 (1 + x^2/4)^(-5/2)
        (0.375_f64).ln() - 2.5 * (1.0 + x * x / 4.0).ln()
    };
    let series = [[1, 2, 5, 6].as_slice(), &[3, 4, 0]];
    let w = [0.5, 1.5, 0.7, -0.4, 0.2, 1.0, -1.0];
    let y = [Some(0.4), Some(-0.3), Some(1.1), Some(0.9), None, Some(0.2), Some(0.8)];
    let mut expected = normal(a, 0.0, 1.0);
    let (mut hs, mut vs) = (vec![0.0; 7], vec![0.0; 7]);
    for rows in series {
        let (mut h, mut v) = (0.0, 1.0_f64);
        for (t, &r) in rows.iter().enumerate() {
            let (e, f) = (eps[r], eps[7 + r]);
            if t == 0 {
                expected += normal(e, 0.0, 1.0);
                h = e;
                v = f.exp();
            } else {
                expected += student(e);
                h = a * h + w[r] + 0.5 * e;
                v = (v.ln() / 2.0 + h + 0.3 * f).exp();
            }
            expected += normal(f, 0.0, 1.0);
            (hs[r], vs[r]) = (h, v);
            if let Some(y) = y[r] {
                expected += normal(y, 0.0, (h / 2.0_f64).exp() + v);
            }
        }
    }
    close(log_joint(&c, &u), expected);
    for (name, values) in [("h", hs), ("v", vs)] {
        let named = t.generate.iter().find(|n| n.name == name).unwrap();
        assert!(named.by_row);
        evaluate(&t.graph, named.node, &at(t, &u)).iter().zip(values).for_each(|(x, y)| close(*x, y));
    }
}

/// A law that is not location and scale: a latent at each row.
#[test]
fn other_laws_are_latents_at_each_row() {
    let text = "
model: m
data:
  s: {file: small.csv, rows: i, ordered_by: t, missing: {y: drop}}
latent:
  a: gamma(2, 2)
recurrence:
  rate:
    over: i
    by: g
    states:
      x: {initial: \"gamma(2, 1)\", next: \"gamma(3, 3 / x + a)\"}
observe:
  y: normal(x, 1)
";
    let c = compiled(text, &tables("small.csv", SMALL));
    let x: Vec<f64> = (0..7).map(|i| 0.5 + 0.2 * i as f64).collect();
    let a = 0.8_f64;
    let gamma = |x: f64, k: f64, r: f64| {
        k * r.ln() - if k == 3.0 { 2.0_f64.ln() } else { 0.0 } + (k - 1.0) * x.ln() - r * x
    };
    let mut expected = gamma(a, 2.0, 2.0);
    for (rows, y) in
        [([1, 2, 5, 6].as_slice(), vec![-0.3, 1.1, 0.2, 0.8]), (&[3, 4, 0], vec![0.9, f64::NAN, 0.4])]
    {
        for t in 0..rows.len() {
            expected += match t {
                0 => gamma(x[rows[0]], 2.0, 1.0),
                _ => gamma(x[rows[t]], 3.0, 3.0 / x[rows[t - 1]] + a),
            };
            if !y[t].is_nan() {
                expected += normal(y[t], x[rows[t]], 1.0);
            }
        }
    }
    let u: Vec<f64> = [a].iter().chain(&x).map(|x| x.ln()).collect();
    close(log_joint(&c, &u), expected);
}

#[test]
fn determined_states_and_lets_over_them_run_along() {
    // GARCH(1, 1): y_t = sqrt(h_t) e_t.
    let text = "
model: garch
data:
  s: {file: s.csv, rows: i, ordered_by: t}
latent:
  omega: flat()
  alpha: flat()
  beta: flat()
let:
  carried: beta * h + omega
recurrence:
  variance:
    over: i
    states:
      h: {initial: 0.7, next: \"carried + alpha * lag(y, 1)^2\"}
observe:
  y: normal(0, sqrt(h))
";
    let y = [0.3, -1.2, 0.8, 0.1, -0.5, 1.9, -0.7, 0.2, 0.4, -0.9, 0.6];
    let rows: String = y.iter().enumerate().map(|(i, y)| format!("{i},{y}\n")).collect();
    let tables = tables("s.csv", &format!("t,y\n{rows}"));
    let (omega, alpha, beta) = (0.2, 0.3, 0.4);
    let (mut h, mut expected) = (0.7_f64, normal(y[0], 0.0, 0.7_f64.sqrt()));
    for t in 1..y.len() {
        h = omega + beta * h + alpha * y[t - 1] * y[t - 1];
        expected += normal(y[t], 0.0, h.sqrt());
    }
    close(log_joint(&compiled(text, &tables), &[omega, alpha, beta]), expected);

    // AR(2) by lags: of two rows nothing is said.
    let text = |mean: &str, extra: &str| {
        format!(
            "
model: ar
data:
  s: {{file: s.csv, rows: i, ordered_by: t}}
latent:
  {extra}
observe:
  y: {{law: \"normal({mean}, 0.5)\", where: \"t >= 2\"}}
"
        )
    };
    let (p, q) = (0.5, -0.3);
    let expected: f64 = (2..y.len()).map(|t| normal(y[t], p * y[t - 1] + q * y[t - 2], 0.5)).sum();
    let two = text("p * lag(y, 1) + q * lag(y, 2)", "p: flat()\n  q: flat()");
    close(log_joint(&compiled(&two, &tables), &[p, q]), expected);
    let vector = text("lags(y, 2, over=lag) @ phi", "phi[lag]: flat()");
    close(log_joint(&compiled(&vector, &tables), &[p, q]), expected);
    let said = mistakes(&two.replace("t >= 2", "t >= 1"), &tables);
    assert!(
        said.contains("[no_past]") && said.contains("`where:`") && said.contains("row 2 (line 3)"),
        "{said}"
    );
    let filled = two.replace("lag(y, 2)", "lag(y, 2, before=1)").replace("t >= 2", "t >= 1");
    close(log_joint(&compiled(&filled, &tables), &[p, q]), expected + normal(y[1], p * y[0] + q, 0.5));
}

/// A recurrent network with a vector of states.
#[test]
fn states_may_be_vectors() {
    let text = "
model: rnn
dims: {unit: 2}
data:
  s: {file: small.csv, rows: i, ordered_by: t, missing: {y: drop}}
latent:
  w_in[unit]: flat()
  w_rec[unit, unit']: flat()
recurrence:
  net:
    over: i
    by: g
    states:
      h[unit]: {initial: 0, next: \"tanh(w_rec @ h + w_in * w)\"}
observe:
  y: normal(sum(h, over=unit), 1)
";
    let c = compiled(text, &tables("small.csv", SMALL));
    let u = [0.3, -0.4, 0.5, 0.2, -0.6, 0.7];
    let mut expected = 0.0;
    for rows in small() {
        let mut h = [0.0_f64; 2];
        for (t, &(w, y)) in rows.iter().enumerate() {
            if t > 0 {
                h = [0, 1].map(|i: usize| (u[2 + 2 * i] * h[0] + u[3 + 2 * i] * h[1] + u[i] * w).tanh());
            }
            expected += y.map_or(0.0, |y| normal(y, h[0] + h[1], 1.0));
        }
    }
    close(log_joint(&c, &u), expected);
}

/// Against the sum over every path, with two columns, a mixture within a row and a missing value.
#[test]
fn hidden_chains_are_sums_over_all_paths() {
    let text = "
model: hmm
dims: {state: 3}
data:
  s: {file: small.csv, rows: i, ordered_by: t, missing: {y: drop}}
let:
  start[state]: [0.2, 0.5, 0.3]
latent:
  theta[state, state']: flat(lower=0)
  mu[state]: normal(0, 3)
recurrence:
  chain:
    over: i
    by: g
    states:
      k: {initial: \"categorical(start)\", next: \"categorical(theta[k])\"}
observe:
  y: normal(mu[k], 0.8)
  w: normal(where(k == 2, 1, 0), 1)
";
    let c = compiled(text, &tables("small.csv", SMALL));
    let u = [0.1, -0.5, 0.4, 0.8, 0.2, -0.3, 0.6, -0.2, 0.7, 0.3, -0.8, 1.2];
    let t = &c.target;
    let theta = evaluate(&t.graph, t.sites[0].value, &at(t, &u));
    let mu = &u[9..];
    let start = [0.2, 0.5, 0.3];
    let row = |k: usize| theta[3 * k..3 * k + 3].iter().sum::<f64>();
    let mut expected: f64 = mu.iter().map(|m| normal(*m, 0.0, 3.0)).sum();
    for rows in small() {
        let n = rows.len();
        let mut total = 0.0;
        for path in 0..3_usize.pow(n as u32) {
            let k = |t: usize| path / 3_usize.pow(t as u32) % 3;
            let mut lp = 0.0;
            for t in 0..n {
                lp += match t {
                    0 => f64::ln(start[k(0)]),
                    _ => (theta[3 * k(t - 1) + k(t)] / row(k(t - 1))).ln(),
                };
                lp += rows[t].1.map_or(0.0, |y| normal(y, mu[k(t)], 0.8));
                lp += normal(rows[t].0, if k(t) == 1 { 1.0 } else { 0.0 }, 1.0);
            }
            total += lp.exp();
        }
        expected += total.ln();
    }
    close(log_joint(&c, &u), expected);
}

/// A chain that cannot go back, with zeros that no derivative may trip over.
#[test]
fn chains_may_have_steps_that_are_impossible() {
    let text = "
model: hmm
dims: {state: 3}
data:
  s: {file: small.csv, rows: i, ordered_by: t, missing: {y: drop}}
let:
  start[state]: [1, 0, 0]
  theta[state, state']: [[0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1]]
latent:
  mu[state]: normal(0, 3)
recurrence:
  chain:
    over: i
    by: g
    states:
      k: {initial: \"categorical(start)\", next: \"categorical(theta[k])\"}
observe:
  y: normal(mu[k], 0.8)
";
    let c = compiled(text, &tables("small.csv", SMALL));
    let u = [0.3, -0.8, 1.2];
    let theta = [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]];
    let mut expected: f64 = u.iter().map(|m| normal(*m, 0.0, 3.0)).sum();
    for rows in small() {
        let seen = |k: usize, y: Option<f64>| y.map_or(1.0, |y| normal(y, u[k], 0.8).exp());
        let mut p = [seen(0, rows[0].1), 0.0, 0.0];
        for &(_, y) in &rows[1..] {
            p = [0, 1, 2].map(|k: usize| (0..3).map(|j| p[j] * theta[j][k]).sum::<f64>() * seen(k, y));
        }
        expected += p.iter().sum::<f64>().ln();
    }
    close(log_joint(&c, &u), expected);
}

/// A scale that may become negative has no density there, though noise is the same either way.
#[test]
fn negative_scales_have_no_density() {
    for seen in ["normal(z, 1)", "student_t(3, z, 1)"] {
        let text = format!(
            "
model: m
data:
  s: {{file: small.csv, rows: i, ordered_by: t, missing: {{y: drop}}}}
latent:
  a: normal(0, 1)
recurrence:
  r:
    over: i
    by: g
    states:
      z: {{initial: \"normal(0, 1)\", next: \"normal(z, a - w)\"}}
observe:
  y: {seen}
"
        );
        let c = compiled(&text, &tables("small.csv", SMALL));
        let noise = c.target.coordinates().len() - 1;
        let at = |a: f64| {
            let u: Vec<f64> = [a].into_iter().chain(vec![0.1; noise]).collect();
            evaluate(&c.target.graph, c.target.log_joint, &at(&c.target, &u))[0]
        };
        // The covariate is 1 in one row, and 1.5 in a first one, where the law is another.
        assert!(at(1.1).is_finite());
        assert_eq!(at(0.9), f64::NEG_INFINITY);
    }
}

/// Draws of states stand in the rows of the file, whatever order it has: the same noise gives the same
/// states, given data or not; without data they are those of the laws alone.
#[test]
fn draws_of_states_follow_the_rows() {
    let text = "
model: m
dims: {kind: 2}
data:
  s: {file: small.csv, rows: i, ordered_by: t, missing: {y: drop}}
latent:
  a: normal(0, 1)
let:
  shown: level - slope
recurrence:
  trend:
    over: i
    by: g
    states:
      level: {initial: \"normal(0.3, 1.2)\", next: \"normal(level + slope * w, 0.8)\"}
      slope: {initial: 0.1, next: \"normal(a * slope, 0.5)\"}
  chain:
    over: i
    by: g
    states:
      k: {initial: \"bernoulli(0.4)\", next: \"bernoulli(where(k, 0.9, 0.2))\"}
observe:
  y: normal(level, 0.7)
  w: normal(where(k, 1, -1), 1)
";
    let lines: Vec<&str> = SMALL.lines().collect();
    let sorted = [2, 3, 6, 7, 4, 5, 1].map(|l| lines[l]);
    let other = format!("{}\n{}\n", lines[0], sorted.join("\n"));
    let c = compiled(text, &tables("small.csv", SMALL));
    let d = compiled(text, &tables("small.csv", &other));
    let names: Vec<&str> = c.target.noise.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["(noise of level)", "(noise of slope)", "(noise of k)"]);
    let by_row = |t: &Target, rows: &[usize]| {
        let mut b = at(t, &[0.6]);
        for (n, noise) in t.noise.iter().enumerate() {
            let values = rows.iter().map(|&r| (0.05 + 0.13 * (r + n) as f64).fract()).collect();
            b.data.insert(noise.name.clone(), Value::Real(values));
        }
        let k = &t.discrete[0];
        let computed = |name: &str| {
            let of = t.variables.iter().find(|v| v.variable.name == name).unwrap();
            match of.variable.law {
                model::Recipe::Computed { value, .. } => value,
                _ => panic!("{name} is computed from noise"),
            }
        };
        let nodes =
            [t.states[0].given_data, t.states[1].given_data, k.back.node(), computed("level"), computed("k")];
        nodes.map(|n| evaluate(&t.graph, n, &b))
    };
    let straight = by_row(&c.target, &[0, 1, 2, 3, 4, 5, 6]);
    // The rows of the sorted file are these of the other.
    let order = [1, 2, 5, 6, 3, 4, 0];
    let sorted = by_row(&d.target, &order);
    for (a, b) in straight.iter().zip(&sorted) {
        for (at, &row) in order.iter().enumerate() {
            close(b[at], a[row]);
        }
    }
    // The slope begins with a value, and nothing moves that.
    assert!((straight[1][1] - 0.1).abs() < 1e-12 && (straight[1][3] - 0.1).abs() < 1e-12);
    // A let over the states is computed from their values.
    let t = &c.target;
    let mut b = at(t, &[0.6]);
    b.data.insert("level".into(), Value::Real(vec![1.0; 7]));
    b.data.insert("slope".into(), Value::Real(vec![0.25; 7]));
    let shown = t.generate.iter().find(|n| n.name == "shown").unwrap();
    assert_eq!(evaluate(&t.graph, shown.node, &b), vec![0.75; 7]);
    // Rows of probabilities add up to one.
    let p = |name: &str| evaluate(&t.graph, t.generate.iter().find(|n| n.name == name).unwrap().node, &b);
    for (x, y) in p("P(k=0)").iter().zip(p("P(k=1)")) {
        close(x + y, 1.0);
        assert!(*x > 0.0 && y > 0.0);
    }
    // Nothing seen: given data is alone.
    let none = SMALL.replace(",0.4\n", ",\n").replace(",-0.3\n", ",\n").replace(",1.1\n", ",\n");
    let none = none.replace(",0.9\n", ",\n").replace(",0.2\n", ",\n").replace(",0.8\n", ",\n");
    let source = Source::new("spec.yaml", text).unwrap();
    let after = spec_compiler::Earlier { is_prediction: true, ..Default::default() };
    let spec = spec_compiler::parse_spec(&source).unwrap();
    let e = spec_compiler::compile_after(spec, Path::new(""), &tables("small.csv", &none), &after);
    let e = e.unwrap_or_else(|m| panic!("{}", render(&m, &source))).target;
    let law = |noise: f64| {
        let mut b = at(&e, &[0.6]);
        e.noise.iter().for_each(|n| {
            b.data.insert(n.name.clone(), Value::Real(vec![noise; 7]));
        });
        evaluate(&e.graph, e.states[0].given_data, &b)
    };
    // The mean of the level: 0.3 at first, then plus w times the slope before.
    let mean = law(0.0);
    close(mean[1], 0.3);
    close(mean[2], 0.3 + 0.7 * 0.1);
    close(mean[5], 0.3 + 0.7 * 0.1 + 0.06);
}

/// A scale that is data must be positive in the rows whose step it belongs to, whatever becomes of the
/// state.
#[test]
fn scales_of_steps_are_looked_at_where_they_are_taken() {
    for seen in ["normal(z, 1)", "student_t(3, z, 1)"] {
        let text = |initial: &str, next: &str| {
            format!(
                "
model: m
data:
  s: {{file: small.csv, rows: i, ordered_by: t, missing: {{y: drop}}}}
latent:
  a: normal(0, 1)
recurrence:
  r:
    over: i
    by: g
    states:
      z: {{initial: \"normal(0, {initial})\", next: \"normal(a * z, {next})\"}}
observe:
  y: {seen}
"
            )
        };
        let tables = tables("small.csv", SMALL);
        let said = mistakes(&text("1", "w + 0.5"), &tables);
        assert!(said.contains("row 7 (line 8)") && said.contains("sd"), "{said}");
        let said = mistakes(&text("w", "1"), &tables);
        assert!(said.contains("row 4 (line 5)"), "{said}");
        compiled(&text("where(t == 1, 1, -1)", "where(t == 1, -1, 1)"), &tables);
    }
}

/// Running sums go along the rows as `lag` does: in the order of `ordered_by:`, anew for each series.
#[test]
fn running_sums_go_in_the_order_of_the_rows() {
    // In order x is 1, 2, 3, 4; by series a 1, 4 and b 2, 3.
    let csv = "t,g,x,y\n4,a,4,0.1\n2,b,2,0.2\n1,a,1,0.3\n3,b,3,0.4\n";
    let tables = tables("walk.csv", csv);
    let is = |sum: &str, order: &str, expected: [f64; 4]| {
        let text = format!(
            "
model: walk
data:
  walk: {{file: walk.csv, rows: i{order}}}
latent:
  b: normal(0, 1)
  e[i]: normal(0, 1)
let:
  sum: {sum}
observe:
  y: normal(b * sum, 1)
"
        );
        let (b, e) = (0.7, [0.4, -0.2, 1.1, 0.3]);
        let y = [0.1, 0.2, 0.3, 0.4];
        let by_hand = normal(b, 0.0, 1.0)
            + e.iter().map(|e| normal(*e, 0.0, 1.0)).sum::<f64>()
            + (0..4).map(|i| normal(y[i], b * expected[i], 1.0)).sum::<f64>();
        close(log_joint(&compiled(&text, &tables), &[&[b][..], &e].concat()), by_hand);
    };
    let ordered = ", ordered_by: t";
    is("cumulative_sum(x, over=i)", ordered, [10.0, 3.0, 1.0, 6.0]);
    is("cumulative_sum(x, over=i)", "", [4.0, 6.0, 7.0, 10.0]);
    is("cumulative_sum(x, over=i, by=g)", ordered, [5.0, 2.0, 1.0, 5.0]);
    is("cumulative_sum(x, by=g)", "", [4.0, 2.0, 5.0, 5.0]);
    is("cumulative_sum(e, over=i)", ordered, [1.6, 0.9, 1.1, 1.2]);
    is("cumulative_sum(e, over=i, by=g)", ordered, [1.5, -0.2, 1.1, 0.1]);
}

/// In `next` a running sum of data keeps to the series of the block.
#[test]
fn running_sums_in_a_block_keep_to_its_series() {
    let text = "
model: m
data:
  s: {file: small.csv, rows: i, ordered_by: t}
latent: {b: \"normal(0, 1)\"}
recurrence:
  r:
    over: i
    by: g
    states:
      z: {initial: 0, next: cumulative_sum(w)}
observe:
  y: {law: \"normal(b * z, 1)\", where: \"t > 1 and not (g == 'b' and t == 2)\"}
";
    let tables = tables("small.csv", &SMALL.replace("b,\n", "b,0\n"));
    let c = compiled(text, &tables);
    let b = 0.3;
    let mut by_hand = normal(b, 0.0, 1.0);
    for series in small() {
        let mut sum = series[0].0;
        for (w, y) in &series[1..] {
            sum += w;
            by_hand += y.map_or(0.0, |y| normal(y, b * sum, 1.0));
        }
    }
    close(log_joint(&c, &[b]), by_hand);
}
