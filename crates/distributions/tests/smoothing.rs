//! States drawn back: the law of the draws against dense conditioning, and against all paths.
//!
//! A draw of a linear-Gaussian state is affine in its noise, so its mean is the draw at noise of zero, and
//! its covariance A A', where A has the draws at unit noise: no sampling error.

mod common;

use common::NILE;
use distributions::series::{
    Chain, LinearGaussian, Measurement, Smoothing, Start, chain_given_data, chain_unconditional, given_data,
    smoothed, unconditional,
};
use graph::interpret::evaluate;
use graph::ir::{DimId, Graph, Kind, NodeId, Role, Size, Varies};
use graph::value::{Bindings, Value};

fn real(g: &Graph, b: &Bindings, nodes: &[NodeId]) -> Vec<Vec<f64>> {
    let of = |v: Value| match v {
        Value::Real(v) => v,
        Value::Index(_) => unreachable!("states are real"),
    };
    evaluate(g, nodes, b).unwrap().into_iter().map(of).collect()
}

/// A model over rows, with series that end at the rows in `ends`.
struct Rows {
    g: Graph,
    b: Bindings,
    rows: DimId,
    series: DimId,
    n: usize,
    ends: Vec<usize>,
}

impl Rows {
    fn new(n: usize, ends: &[usize]) -> Rows {
        let mut g = Graph::new();
        let rows = g.add_dim("row", Role::Row, Size::Fixed(n));
        let series = g.add_dim("series", Role::Plain, Size::Fixed(ends.len()));
        Rows { g, b: Bindings::default(), rows, series, n, ends: ends.to_vec() }
    }

    fn data(&mut self, name: &str, over: &[DimId], values: Vec<f64>) -> NodeId {
        self.b.data.insert(name.into(), Value::Real(values));
        self.g.input(name, Varies::Data, Kind::Real, over)
    }

    fn flags(&mut self, name: &str, at: impl Fn(usize) -> bool) -> NodeId {
        let values = (0..self.n).map(|t| f64::from(u8::from(at(t)))).collect();
        self.data(name, &[self.rows], values)
    }

    fn index(&mut self, name: &str, from: DimId, over: DimId, values: Vec<usize>) -> NodeId {
        self.b.data.insert(name.into(), Value::Index(values.into_iter().map(|x| x as u32).collect()));
        self.g.input(name, Varies::Data, Kind::Index(from), &[over])
    }

    fn first(&mut self) -> NodeId {
        let ends = self.ends.clone();
        self.flags("first", |t| t == 0 || ends.contains(&(t - 1)))
    }

    fn last(&mut self) -> NodeId {
        let ends = self.ends.clone();
        self.flags("last", |t| ends.contains(&t))
    }
}

/// The law of draws of the states: the mean and the covariance of all, state after state.
struct Law {
    mean: Vec<f64>,
    root: Vec<Vec<f64>>,
}

impl Law {
    fn variance(&self, i: usize, j: usize) -> f64 {
        self.root.iter().map(|a| a[i] * a[j]).sum()
    }
}

/// From the draws at `noise` of zero and of one unit at a time.
fn law(r: &Rows, states: &[NodeId], noise: &[(String, usize)]) -> Law {
    let at = |unit: Option<(&str, usize)>| -> Vec<f64> {
        let mut b = r.b.clone();
        for (name, n) in noise {
            let mut e = vec![0.0; *n];
            if let Some((_, at)) = unit.filter(|(of, _)| of == name) {
                e[at] = 1.0;
            }
            b.data.insert(name.clone(), Value::Real(e));
        }
        let all = real(&r.g, &b, states);
        all.into_iter().flat_map(|v| if v.len() == 1 { vec![v[0]; r.n] } else { v }).collect()
    };
    let mean = at(None);
    let mut root = Vec::new();
    for (name, n) in noise {
        for k in 0..*n {
            let moved = at(Some((name, k)));
            root.push(moved.iter().zip(&mean).map(|(x, m)| x - m).collect());
        }
    }
    Law { mean, root }
}

/// Normal variables, state after state over the rows, with what is seen of them: `y = H x + noise`.
struct Dense {
    mean: Vec<f64>,
    covariance: Vec<Vec<f64>>,
}

impl Dense {
    /// Conditions on `h'x + s e = y`, one by one.
    fn see(&mut self, h: &[f64], y: f64, sd: f64) {
        let n = self.mean.len();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let c: Vec<f64> = self.covariance.iter().map(|row| dot(row, h)).collect();
        let v = dot(&c, h) + sd * sd;
        let off = (y - dot(&self.mean, h)) / v;
        for i in 0..n {
            self.mean[i] += c[i] * off;
            for j in 0..n {
                self.covariance[i][j] -= c[i] * c[j] / v;
            }
        }
    }
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64, scale: f64) {
    assert!((found - expected).abs() < 1e-8 * scale, "{what}: {found}, by conditioning {expected}");
}

/// Local level with Durbin and Koopman's variances. A diffuse start is given by a first observation alone,
/// which is the dense law with a level of that mean and the variance of its noise.
#[test]
fn the_level_of_the_nile_is_smoothed() {
    let n = NILE.len();
    let mut r = Rows::new(n, &[n - 1]);
    let rows = r.rows;
    let y = r.data("y", &[rows], NILE.to_vec());
    let (zero, one) = (r.g.constant(0.0), r.g.constant(1.0));
    let (s, e) = (1469.1_f64.sqrt(), 15099.0_f64.sqrt());
    let (first, last) = (r.first(), r.last());
    let (series_dim, sd, noise_sd) = (r.series, r.g.constant(s), r.g.constant(e));
    let ends = r.index("ends", rows, series_dim, vec![n - 1]);
    let series = r.index("series", series_dim, rows, vec![0; n]);
    let model = LinearGaussian {
        over: rows,
        first,
        ends,
        start: vec![Start::Diffuse],
        transition: vec![vec![Some(one)]],
        shift: vec![zero],
        sd: vec![sd],
        measurements: vec![Measurement {
            value: y,
            loading: vec![Some(one)],
            shift: zero,
            sd: noise_sd,
            seen: None,
        }],
    };
    let noise = r.data("e", &[rows], vec![0.0; n]);
    let start = r.data("d", &[series_dim], vec![0.0]);
    let by = Smoothing { last, series, noise: vec![noise], start_noise: vec![start] };
    let states = given_data(&mut r.g, &model, &by);
    let found = law(&r, &states, &[("e".into(), n), ("d".into(), 1)]);

    let covariance = (0..n).map(|i| (0..n).map(|j| e * e + s * s * i.min(j) as f64).collect());
    let mut dense = Dense { mean: vec![NILE[0]; n], covariance: covariance.collect() };
    for (t, y) in NILE.iter().enumerate().skip(1) {
        let h: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i == t))).collect();
        dense.see(&h, *y, e);
    }
    for i in 0..n {
        close("mean", found.mean[i], dense.mean[i], 1000.0);
        for j in 0..n {
            close("covariance", found.variance(i, j), dense.covariance[i][j], 4000.0);
        }
    }
    // The last is what the filter has there.
    close("last", found.mean[n - 1], 798.370293, 100.0);
}

/// Two coupled states, one known at first, two columns of which some values are missing, coefficients by
/// row, two series: given data, and alone.
#[test]
fn coupled_states_agree_with_dense_conditioning() {
    let n = 7;
    let w = [0.5, 1.5, 0.7, -0.4, 0.2, 1.0, -1.0];
    let y = [0.4, -0.3, 1.1, 0.9, 0.7, 0.2, 0.8];
    let x = [1.4, 0.3, 0.1, -0.9, 0.5, -0.2, 0.6];
    let unseen = [2, 5, 6];
    let mut r = Rows::new(n, &[3, 6]);
    let (rows, series_dim) = (r.rows, r.series);
    let (zero, one) = (r.g.constant(0.0), r.g.constant(1.0));
    let (first, last) = (r.first(), r.last());
    let ends = r.index("ends", rows, series_dim, vec![3, 6]);
    let series = r.index("series", series_dim, rows, vec![0, 0, 0, 0, 1, 1, 1]);
    let [wn, yn, xn] = [("w", w), ("y", y), ("x", x)].map(|(name, v)| r.data(name, &[rows], v.to_vec()));
    let seen = r.flags("seen", |t| !unseen.contains(&t));
    let mut c = |x: f64| r.g.constant(x);
    let (a, b, p, q, mean, wide) = (c(0.6), c(-0.25), c(0.8), c(0.5), c(0.3), c(1.2));
    let (two, half, fine) = (c(2.0), c(0.5), c(0.1));
    let model = LinearGaussian {
        over: rows,
        first,
        ends,
        start: vec![Start::Known { mean, sd: wide }, Start::Known { mean: a, sd: zero }],
        transition: vec![vec![Some(one), Some(wn)], vec![Some(b), Some(a)]],
        shift: vec![zero, wn],
        sd: vec![p, q],
        measurements: vec![
            Measurement {
                value: yn,
                loading: vec![Some(one), Some(two)],
                shift: mean,
                sd: half,
                seen: Some(seen),
            },
            Measurement { value: xn, loading: vec![None, Some(wn)], shift: zero, sd: fine, seen: None },
        ],
    };
    let noise: Vec<NodeId> = ["e0", "e1"].iter().map(|e| r.data(e, &[rows], vec![0.0; n])).collect();
    let names = [("e0".to_string(), n), ("e1".to_string(), n)];
    let by = Smoothing { last, series, noise: noise.clone(), start_noise: vec![] };
    let given = given_data(&mut r.g, &model, &by);
    let alone = unconditional(&mut r.g, &model, &noise);
    let (given, alone) = (law(&r, &given, &names), law(&r, &alone, &names));

    // Each state as a mean and its loadings on all the noise.
    let mut loads = vec![vec![0.0; 2 * n]; 2 * n];
    let mut mean = vec![0.0; 2 * n];
    for t in 0..n {
        if t == 0 || t == 4 {
            mean[t] = 0.3;
            mean[n + t] = 0.6;
            loads[t][t] = 1.2;
            continue;
        }
        mean[t] = mean[t - 1] + w[t] * mean[n + t - 1];
        mean[n + t] = -0.25 * mean[t - 1] + 0.6 * mean[n + t - 1] + w[t];
        let (level, slope) = (loads[t - 1].clone(), loads[n + t - 1].clone());
        loads[t] = level.iter().zip(&slope).map(|(l, s)| l + w[t] * s).collect();
        loads[n + t] = level.iter().zip(&slope).map(|(l, s)| -0.25 * l + 0.6 * s).collect();
        loads[t][t] += 0.8;
        loads[n + t][n + t] += 0.5;
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let covariance = loads.iter().map(|a| loads.iter().map(|b| dot(a, b)).collect()).collect();
    let mut dense = Dense { mean, covariance };
    let check = |found: &Law, dense: &Dense| {
        for i in 0..2 * n {
            close("mean", found.mean[i], dense.mean[i], 1.0);
            for j in 0..2 * n {
                close("covariance", found.variance(i, j), dense.covariance[i][j], 1.0);
            }
        }
    };
    check(&alone, &dense);
    for t in 0..n {
        let row = |level: f64, slope: f64| {
            let mut h = vec![0.0; 2 * n];
            (h[t], h[n + t]) = (level, slope);
            h
        };
        if !unseen.contains(&t) {
            dense.see(&row(1.0, 2.0), y[t] - 0.3, 0.5);
        }
        dense.see(&row(0.0, w[t]), x[t], 0.1);
    }
    check(&given, &dense);
}

/// Diffuse level and slope in two series are the limit of wide ones.
#[test]
fn diffuse_starts_are_the_limit_of_wide_ones() {
    let y = [1.2, -0.3, 0.8, 2.1, 1.7, 3.0, 2.2, 4.1];
    let n = y.len();
    let draws = |wide: Option<f64>| {
        let mut r = Rows::new(n, &[3, 7]);
        let (rows, series_dim) = (r.rows, r.series);
        let (zero, one) = (r.g.constant(0.0), r.g.constant(1.0));
        let (s, t) = (r.g.constant(0.5), r.g.constant(0.2));
        let (first, last) = (r.first(), r.last());
        let ends = r.index("ends", rows, series_dim, vec![3, 7]);
        let series = r.index("series", series_dim, rows, vec![0, 0, 0, 0, 1, 1, 1, 1]);
        let yn = r.data("y", &[rows], y.to_vec());
        let seen = r.flags("seen", |t| t != 1 && t != 7);
        let start = match wide {
            None => Start::Diffuse,
            Some(sd) => Start::Known { mean: zero, sd: r.g.constant(sd) },
        };
        let seen =
            Measurement { value: yn, loading: vec![Some(one), None], shift: zero, sd: one, seen: Some(seen) };
        let model = LinearGaussian {
            over: rows,
            first,
            ends,
            start: vec![start, start],
            transition: vec![vec![Some(one), Some(one)], vec![None, Some(one)]],
            shift: vec![zero, zero],
            sd: vec![s, t],
            measurements: vec![seen],
        };
        let mut names: Vec<(String, usize)> = vec![("e0".into(), n), ("e1".into(), n)];
        let noise = ["e0", "e1"].iter().map(|e| r.data(e, &[rows], vec![0.0; n])).collect();
        let mut start_noise = Vec::new();
        if wide.is_none() {
            for d in ["d0", "d1"] {
                names.push((d.into(), 2));
                start_noise.push(r.data(d, &[series_dim], vec![0.0; 2]));
            }
        }
        let by = Smoothing { last, series, noise, start_noise };
        let states = given_data(&mut r.g, &model, &by);
        law(&r, &states, &names)
    };
    let (exact, near) = (draws(None), draws(Some(1e4)));
    for i in 0..2 * n {
        let off = (exact.mean[i] - near.mean[i]).abs();
        assert!(off < 1e-5, "mean {i}: {} and {}", exact.mean[i], near.mean[i]);
        for j in 0..2 * n {
            let (a, b) = (exact.variance(i, j), near.variance(i, j));
            assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "covariance {i} {j}: {a} and {b}");
        }
    }
}

/// Probabilities exactly, and the shares of whole paths among many draws, against the sum over all paths;
/// with an impossible step, two series, and a transition that varies by row.
#[test]
fn chains_agree_with_the_sum_over_all_paths() {
    const DRAWS: usize = 40_000;
    let n = 5;
    let mut r = Rows::new(n, &[2, 4]);
    let rows = r.rows;
    let values = r.g.add_dim("value", Role::Plain, Size::Fixed(3));
    let before = r.g.add_dim("before", Role::Plain, Size::Fixed(3));
    let draw = r.g.add_dim("draw", Role::Plain, Size::Fixed(DRAWS));
    let start = [0.2, 0.5, 0.3_f64];
    let step = |t: usize, j: usize, k: usize| -> f64 {
        let p = [[0.5, 0.3, 0.2], [0.0, 0.6, 0.4], [0.3, 0.3, 0.4]][j];
        let q = [0.1, 0.2, 0.7];
        if t == 3 { q[k] } else { p[k] }
    };
    let seen = |t: usize, k: usize| -> f64 {
        [[0.1, 0.9, 0.4], [0.5, 0.2, 0.3], [0.0, 0.2, 0.8], [0.6, 0.3, 0.3], [1.0, 1.0, 1.0]][t][k]
    };
    let (first, last) = (r.first(), r.last());
    let initial = r.data("initial", &[values], start.iter().map(|p: &f64| p.ln()).collect());
    let by = |t: usize| (0..9).map(move |e| step(t, e % 3, e / 3).ln());
    // Memory order: rows, then values, then the values before.
    let transition = r.data("transition", &[rows, values, before], (0..n).flat_map(by).collect());
    let emission = (0..n).flat_map(|t| (0..3).map(move |k| seen(t, k).ln())).collect();
    let emission = r.data("emission", &[rows, values], emission);
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let u = (0..n * DRAWS).map(|_| uniform()).collect();
    let u = r.data("u", &[rows, draw], u);
    let chain = Chain { over: rows, values, before, first, initial, transition, emission };
    let p = smoothed(&mut r.g, &chain, last);
    // One chain for each draw: its laws vary over the draws, all alike.
    let each = r.g.expand(initial, &[draw]);
    let many = Chain { initial: each, ..chain };
    let drawn = chain_given_data(&mut r.g, &many, last, u);
    let alone = chain_unconditional(&mut r.g, &many, u);
    let found = real(&r.g, &r.b, &[p, drawn, alone]);

    for (from, to) in [(0, 3), (3, 5)] {
        let steps = to - from;
        let paths = 3_usize.pow(steps as u32);
        let at = |path: usize, t: usize| path / 3_usize.pow((t - from) as u32) % 3;
        let weight = |path: usize, with_data: bool| -> f64 {
            (from..to)
                .map(|t| {
                    let k = at(path, t);
                    let p = if t == from { start[k] } else { step(t, at(path, t - 1), k) };
                    p * if with_data { seen(t, k) } else { 1.0 }
                })
                .product()
        };
        let total: f64 = (0..paths).map(|path| weight(path, true)).sum();
        for t in from..to {
            for k in 0..3 {
                let of = (0..paths).filter(|&path| at(path, t) == k);
                let expected = of.map(|path| weight(path, true)).sum::<f64>() / total;
                assert!((found[0][t * 3 + k] - expected).abs() < 1e-12, "row {t}, value {k}");
            }
        }
        for (draws, with_data, total) in [(&found[1], true, total), (&found[2], false, 1.0)] {
            let mut counts = vec![0.0; paths];
            for d in 0..DRAWS {
                let path: usize =
                    (from..to).map(|t| draws[t * DRAWS + d] as usize * 3_usize.pow((t - from) as u32)).sum();
                counts[path] += 1.0;
            }
            for (path, count) in counts.iter().enumerate() {
                let p = weight(path, with_data) / total;
                let n = DRAWS as f64;
                let z = (count / n - p) / (p * (1.0 - p) / n).sqrt().max(1e-12);
                assert!(z.abs() < 5.0, "path {path}: {}, expected {p}", count / n);
            }
        }
    }
}
