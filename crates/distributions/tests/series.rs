//! Laws over a series against published values, and how they treat starts.

mod common;

use common::NILE;
use distributions::series::{Chain, LinearGaussian, Marginal, Measurement, Start, forward, log_marginal};
use distributions::{DISTRIBUTIONS, Params, log_prob_at};
use graph::interpret::evaluate;
use graph::ir::{DimId, Graph, Kind, NodeId, Role, Size, Varies};
use graph::value::{Bindings, Value};

fn number(g: &Graph, b: &Bindings, n: NodeId) -> f64 {
    match evaluate(g, &[n], b).unwrap().remove(0) {
        Value::Real(v) => v[0],
        Value::Index(_) => unreachable!("a density is real"),
    }
}

fn data(g: &mut Graph, b: &mut Bindings, name: &str, rows: DimId, values: Vec<f64>) -> NodeId {
    b.data.insert(name.into(), Value::Real(values));
    g.input(name, Varies::Data, Kind::Real, &[rows])
}

struct Rows {
    g: Graph,
    b: Bindings,
    rows: DimId,
    first: NodeId,
    ends: NodeId,
    y: NodeId,
}

/// One series.
fn rows(y: &[f64]) -> Rows {
    let (mut g, mut b) = (Graph::new(), Bindings::default());
    let n = y.len();
    let rows = g.add_dim("row", Role::Row, Size::Fixed(n));
    let series = g.add_dim("series", Role::Plain, Size::Fixed(1));
    let first = (0..n).map(|t| f64::from(u8::from(t == 0))).collect();
    let first = data(&mut g, &mut b, "first", rows, first);
    b.data.insert("ends".into(), Value::Index(vec![n as u32 - 1]));
    let ends = g.input("ends", Varies::Data, Kind::Index(rows), &[series]);
    let y = data(&mut g, &mut b, "y", rows, y.to_vec());
    Rows { g, b, rows, first, ends, y }
}

/// Level and slope, the level seen with noise of sd 1.
fn trend(r: &mut Rows, start: Vec<Start>, seen: Option<NodeId>) -> Marginal {
    let (zero, one) = (r.g.constant(0.0), r.g.constant(1.0));
    let (s, t) = (r.g.constant(0.5), r.g.constant(0.2));
    let y = Measurement { value: r.y, loading: vec![Some(one), None], shift: zero, sd: one, seen };
    let model = LinearGaussian {
        over: r.rows,
        first: r.first,
        ends: r.ends,
        start,
        transition: vec![vec![Some(one), Some(one)], vec![None, Some(one)]],
        shift: vec![zero, zero],
        sd: vec![s, t],
        measurements: vec![y],
    };
    log_marginal(&mut r.g, &model)
}

/// J. Durbin and S. Koopman's local level: the last filtered mean and variance.
#[test]
fn the_nile_is_filtered() {
    let mut r = rows(&NILE);
    let (zero, one) = (r.g.constant(0.0), r.g.constant(1.0));
    let (s, e) = (r.g.constant(1469.1_f64.sqrt()), r.g.constant(15099.0_f64.sqrt()));
    let y = Measurement { value: r.y, loading: vec![Some(one)], shift: zero, sd: e, seen: None };
    let model = LinearGaussian {
        over: r.rows,
        first: r.first,
        ends: r.ends,
        start: vec![Start::Diffuse],
        transition: vec![vec![Some(one)]],
        shift: vec![zero],
        sd: vec![s],
        measurements: vec![y],
    };
    let found = log_marginal(&mut r.g, &model);
    let mean = number(&r.g, &r.b, found.last_mean[0]);
    let variance = number(&r.g, &r.b, found.last_variance[0]);
    assert!((mean - 798.370293).abs() < 1e-6, "{mean}");
    assert!((variance - 4032.157942).abs() < 1e-6, "{variance}");
}

/// Two diffuse starts are the limit of wide ones, less their own density; also where the first rows are
/// not seen, so that the starts are known late.
#[test]
fn diffuse_starts_are_the_limit_of_wide_ones() {
    let y = [1.2, -0.3, 0.8, 2.1, 1.7, 3.0, 2.2, 4.1];
    for unseen in [vec![], vec![0, 1, 4]] {
        let mut r = rows(&y);
        let seen = (0..y.len()).map(|t| f64::from(u8::from(!unseen.contains(&t)))).collect();
        let seen = data(&mut r.g, &mut r.b, "seen", r.rows, seen);
        let diffuse = trend(&mut r, vec![Start::Diffuse, Start::Diffuse], Some(seen));
        let sd = 1e4;
        let (zero, wide) = (r.g.constant(0.0), r.g.constant(sd));
        let wide = Start::Known { mean: zero, sd: wide };
        let wide = trend(&mut r, vec![wide, wide], Some(seen));
        let density = -2.0 * (sd * (2.0 * std::f64::consts::PI).sqrt()).ln();
        let exact = number(&r.g, &r.b, diffuse.log_prob);
        let near = number(&r.g, &r.b, wide.log_prob) - density;
        assert!((exact - near).abs() < 1e-5, "{exact}, nearly {near}");
        for k in 0..2 {
            for (a, b) in
                [(&diffuse.last_mean, &wide.last_mean), (&diffuse.last_variance, &wide.last_variance)]
            {
                let (exact, near) = (number(&r.g, &r.b, a[k]), number(&r.g, &r.b, b[k]));
                assert!(
                    (exact - near).abs() < 1e-5 * (1.0 + near.abs()),
                    "state {k}: {exact}, nearly {near}"
                );
            }
        }
    }
}

/// A diffuse level and slope know no origin: a line added to the data changes nothing, however far it goes.
/// What is rounded off the data themselves is 1e-9 of their noise.
#[test]
fn diffuse_starts_know_no_origin() {
    let y = [1.2, -0.3, 0.8, 2.1, 1.7, 3.0, 2.2, 4.1];
    let at = |line: &dyn Fn(f64) -> f64| {
        let moved: Vec<f64> = y.iter().enumerate().map(|(t, y)| y + line(t as f64)).collect();
        let mut r = rows(&moved);
        let found = trend(&mut r, vec![Start::Diffuse, Start::Diffuse], None);
        number(&r.g, &r.b, found.log_prob)
    };
    let (here, far) = (at(&|_| 0.0), at(&|t| 1e7 - 3e6 * t));
    assert!((here - far).abs() < 1e-7, "{here}, far away {far}");
}

/// Where a row begins a series its step of time is not taken, and where nothing is seen the measurement is
/// not made, whatever they would be there; nor does a derivative come from there.
#[test]
fn what_is_not_used_may_be_anything() {
    let y = [0.4, f64::NAN, -0.8, 1.1];
    let mut r = rows(&y);
    let (zero, one) = (r.g.constant(0.0), r.g.constant(1.0));
    let seen = data(&mut r.g, &mut r.b, "seen", r.rows, vec![1.0, 0.0, 1.0, 1.0]);
    let dt = data(&mut r.g, &mut r.b, "dt", r.rows, vec![0.0, 0.5, 1.0, 2.0]);
    let e = data(&mut r.g, &mut r.b, "e", r.rows, vec![1.0, 0.0, 1.0, 1.0]);
    let s = r.g.input("s", Varies::Lane, Kind::Real, &[]);
    let root = r.g.sqrt(dt);
    let (sd, rate) = (r.g.mul(s, root), r.g.div(s, dt));
    let start = Start::Known { mean: zero, sd: zero };
    let y = Measurement { value: r.y, loading: vec![Some(one)], shift: zero, sd: e, seen: Some(seen) };
    let model = LinearGaussian {
        over: r.rows,
        first: r.first,
        ends: r.ends,
        start: vec![start],
        transition: vec![vec![Some(rate)]],
        shift: vec![rate],
        sd: vec![sd],
        measurements: vec![y],
    };
    let found = log_marginal(&mut r.g, &model).log_prob;
    let out = graph::vjp::value_and_grad(&r.g, found, &[s], &[]).unwrap();
    let at = |s: f64| {
        r.b.data.insert("s".into(), Value::Real(vec![s]));
        (number(&out.graph, &r.b, out.value), number(&out.graph, &r.b, out.grads[0]))
    };
    let mut at = at;
    let h = 1e-5;
    let (above, below) = (at(0.7 + h).0, at(0.7 - h).0);
    let (value, slope) = at(0.7);
    assert!(value.is_finite() && (slope - (above - below) / (2.0 * h)).abs() < 1e-6, "{value} {slope}");
}

/// The root keeps its digits where a covariance would not: what is seen is 1e-8 of what is unknown.
#[test]
fn a_precise_measurement_of_a_wide_state_keeps_its_digits() {
    let mut r = rows(&[3.0, 3.0]);
    let (zero, one) = (r.g.constant(0.0), r.g.constant(1.0));
    let (wide, fine) = (r.g.constant(1e8), r.g.constant(1e-4));
    let start = Start::Known { mean: zero, sd: wide };
    let y = Measurement { value: r.y, loading: vec![Some(one)], shift: zero, sd: fine, seen: None };
    let model = LinearGaussian {
        over: r.rows,
        first: r.first,
        ends: r.ends,
        start: vec![start],
        transition: vec![vec![Some(one)]],
        shift: vec![zero],
        sd: vec![fine],
        measurements: vec![y],
    };
    let found = log_marginal(&mut r.g, &model);
    // After the first row the variance is v = 1e-8 to 24 digits; then p = 2v, and p v / (p + v).
    let variance = number(&r.g, &r.b, found.last_variance[0]);
    assert!((variance / (2.0 / 3.0 * 1e-8) - 1.0).abs() < 1e-6, "{variance}");
}

/// A chain of one value is no chain: what is seen is independent.
#[test]
fn a_chain_of_one_value_changes_nothing() {
    let y = [0.3, -1.0, 2.0];
    let mut r = rows(&y);
    let values = r.g.add_dim("value", Role::Plain, Size::Fixed(1));
    let before = r.g.add_dim("before", Role::Plain, Size::Fixed(1));
    let zero = r.g.constant(0.0);
    let (initial, transition) = (r.g.expand(zero, &[values]), r.g.expand(zero, &[values, before]));
    let emission = r.g.expand(r.y, &[values]);
    let chain = Chain { over: r.rows, values, before, first: r.first, initial, transition, emission };
    let found = forward(&mut r.g, &chain);
    let total = r.g.sum_all(found);
    assert!((number(&r.g, &r.b, total) - 1.3).abs() < 1e-12);
}

/// Laws made of noise: the density of a value is that of its noise, less ln of the scale.
#[test]
fn locations_and_scales_are_what_they_say() {
    let mut found = Vec::new();
    for case in common::cases() {
        let Some(by) = case.law.location_scale() else { continue };
        let (law, params) = (case.law, case.params());
        found.push(law.name());
        let (location, scale) = (params.at(by.location), params.at(by.scale));
        let mut noise: Params<f64> = params.clone();
        noise.set(by.location, 0.0);
        noise.set(by.scale, 1.0);
        for e in [-2.5_f64, -0.3, 0.0, 1.7] {
            let z = location + scale * e;
            let at = |z: f64| if by.log { (z.exp(), z) } else { (z, 0.0) };
            let ((x, jacobian), (y, own)) = (at(z), at(e));
            let direct = log_prob_at(law, &params, &[x]).unwrap()[0] + jacobian;
            let through = log_prob_at(law, &noise, &[y]).unwrap()[0] + own - scale.ln();
            assert!(
                (direct - through).abs() < 1e-9 * (1.0 + direct.abs()),
                "{}: {direct}, {through}",
                case.label
            );
        }
    }
    let declared = DISTRIBUTIONS.iter().filter(|d| d.location_scale().is_some());
    assert!(declared.clone().count() >= 4 && declared.into_iter().all(|d| found.contains(&d.name())));
}
