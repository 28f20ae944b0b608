//! Truncation to ends that vary, and censoring.

mod common;

use common::{assert_close, run, vector};
use distributions::{
    Distribution, DistributionError, Ends, Params, Seen, censored, log_prob_at, lookup, tails_at, truncated,
};
use graph::ir::{Graph, Kind, NodeId, Varies};
use graph::vjp::value_and_grad;

const INF: f64 = f64::INFINITY;

/// Laws whose tails are graph, with parameters, and numbers that nearly all of it lies between.
const LAWS: &[(&str, &[f64], f64, f64)] = &[
    ("normal", &[0.3, 1.7], -15.0, 15.0),
    ("lognormal", &[0.4, 0.7], 1e-4, 100.0),
    ("half_normal", &[2.5], 0.0, 25.0),
    ("exponential", &[0.8], 0.0, 45.0),
    ("uniform", &[-1.0, 6.0], -1.0, 6.0),
];

fn params(g: &mut Graph, law: &dyn Distribution, values: &[f64]) -> Params<NodeId> {
    let nodes: Vec<NodeId> = (0..values.len())
        .map(|k| if law.name() == "uniform" { g.constant(values[k]) } else { lane(g, &format!("p{k}")) })
        .collect();
    Params::bind(law, &nodes, &[]).unwrap()
}

fn lane(g: &mut Graph, name: &str) -> NodeId {
    g.input(name, Varies::Lane, Kind::Real, &[])
}

fn named(values: &[f64]) -> Vec<(String, Vec<f64>)> {
    values.iter().enumerate().map(|(k, v)| (format!("p{k}"), vec![*v])).collect()
}

fn evaluate(g: &Graph, outputs: &[NodeId], inputs: &[(String, Vec<f64>)]) -> Vec<Vec<f64>> {
    let inputs: Vec<(&str, Vec<f64>)> = inputs.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    run(g, outputs, &inputs)
}

/// The integral of the truncated density between its ends, by Simpson's rule; nothing outside them.
#[test]
fn windows_that_vary_integrate_to_one() {
    for &(name, values, first, last) in LAWS {
        let law = lookup(name).unwrap();
        for (lower, upper) in [(0.7, 3.5), (1.0, INF), (-INF, 2.0), (4.0, 4.1)] {
            let mut g = Graph::new();
            let n = 4000;
            let (from, to) = (lower.max(first), upper.min(last));
            let h = (to - from) / f64::from(n);
            // Not beyond the end by a rounding.
            let x: Vec<f64> = (0..=n).map(|k| (from + h * f64::from(k)).min(to)).collect();
            let (input, dim) = vector(&mut g, "x", x.len(), Varies::Lane);
            let params = params(&mut g, law, values);
            let end = |g: &mut Graph, name: &str, at: f64| at.is_finite().then(|| lane(g, name));
            let ends: Ends = (end(&mut g, "lower", lower), end(&mut g, "upper", upper));
            let density = truncated(&mut g, law, &params, input, ends).unwrap();
            let density = g.expand(density, &[dim]);
            let mut inputs = named(values);
            inputs.extend([("lower".into(), vec![lower]), ("upper".into(), vec![upper]), ("x".into(), x)]);
            let found = evaluate(&g, &[density], &inputs).remove(0);
            let weight = |k: usize| match k {
                0 => 1.0,
                k if k == n as usize => 1.0,
                k => 2.0 + 2.0 * (k % 2) as f64,
            };
            let total: f64 = found.iter().enumerate().map(|(k, l)| weight(k) * l.exp() * h / 3.0).sum();
            assert_close(total, 1.0, 1e-7, &format!("{name} {lower} {upper}"));

            let outside: Vec<f64> =
                [lower - 0.1, upper + 0.1].into_iter().filter(|x| x.is_finite()).collect();
            for x in outside {
                inputs.last_mut().unwrap().1 = vec![x; n as usize + 1];
                assert_eq!(evaluate(&g, &[density], &inputs)[0][0], -INF, "{name} at {x}");
            }
        }
    }
}

/// Ends in the wrong order leave nothing.
#[test]
fn an_empty_window() {
    let law = lookup("normal").unwrap();
    let mut g = Graph::new();
    let (x, lower, upper) = (lane(&mut g, "x"), lane(&mut g, "lower"), lane(&mut g, "upper"));
    let (zero, one) = (g.constant(0.0), g.constant(1.0));
    let params = Params::bind(law, &[zero, one], &[]).unwrap();
    let density = truncated(&mut g, law, &params, x, (Some(lower), Some(upper))).unwrap();
    let at = |x: f64, lower: f64, upper: f64| {
        run(&g, &[density], &[("x", vec![x]), ("lower", vec![lower]), ("upper", vec![upper])])[0][0]
    };
    assert_eq!((at(1.0, 2.0, 0.0), at(0.0, 0.0, 0.0)), (-INF, -INF));
    assert!(at(0.5, 0.0, 1.0).is_finite());
}

/// What is seen of each of seven rows: its value, that it is left, right, in an interval, in one without
/// end, exactly at two equal ends, and in an interval from where the support begins.
struct Rows {
    g: Graph,
    output: NodeId,
    inputs: Vec<(String, Vec<f64>)>,
    wrt: Vec<NodeId>,
}

fn rows(law: &dyn Distribution, values: &[f64], ends: (f64, f64)) -> Rows {
    let mut g = Graph::new();
    let x = vec![1.2, 0.9, 2.1, 1.0, 1.5, 1.1, 1.0];
    let (y, dim) = vector(&mut g, "y", 7, Varies::Data);
    let column = |g: &mut Graph, name: &str| g.input(name, Varies::Data, Kind::Real, &[dim]);
    let (left, right, is_interval) = (column(&mut g, "left"), column(&mut g, "right"), column(&mut g, "is"));
    let (lower, upper) = (column(&mut g, "lower"), column(&mut g, "upper"));
    let params = params(&mut g, law, values);
    let wrt: Vec<NodeId> = params.iter().map(|(_, p)| p.value).collect();
    let end = |g: &mut Graph, at: f64| at.is_finite().then(|| g.constant(at));
    let ends = (end(&mut g, ends.0), end(&mut g, ends.1));
    let marks = Seen { left: Some(left), right: Some(right), interval: None };
    let marked = censored(&mut g, law, &params, y, &marks, ends).unwrap();
    let between = Seen { interval: Some((lower, upper)), ..Seen::default() };
    let between = censored(&mut g, law, &params, y, &between, ends).unwrap();
    let output = g.select(is_interval, between, marked);
    let mut inputs = named(values);
    let mut give = |name: &str, v: Vec<f64>| inputs.push((name.into(), v));
    give("left", vec![0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    give("right", vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    give("is", vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    give("lower", vec![1.0, 1.0, 1.0, 1.0, 1.5, 1.1, law.widest_support().range().0]);
    give("upper", vec![1.0, 1.0, 1.0, 1.8, INF, 1.1, 2.2]);
    give("y", x);
    Rows { g, output, inputs, wrt }
}

#[test]
fn censored_rows_have_the_probability_of_what_was_seen() {
    for &(name, values, ..) in LAWS {
        let law = lookup(name).unwrap();
        let p = Params::bind(law, values, &[]).unwrap();
        let tails = |x: f64| {
            let t = tails_at(law, &p, &[x]).unwrap()[0];
            (t.log_cdf.exp(), t.log_survival.exp())
        };
        let density = |x: f64| log_prob_at(law, &p, &[x]).unwrap()[0];
        for (a, b) in [(-INF, INF), (0.5, INF), (-INF, 3.0), (0.5, 3.0)] {
            let below = if a == -INF { 0.0 } else { tails(a).0 };
            let above = if b == INF { 0.0 } else { tails(b).1 };
            let window = (1.0 - below - above).ln();
            let expected = [
                density(1.2),
                (tails(0.9).0 - below).ln(),
                (tails(2.1).1 - above).ln(),
                (tails(1.8).0 - tails(1.0).0).ln(),
                // An interval without end ends where the law does, or its window.
                (tails(1.5).1 - above).ln(),
                density(1.1),
                (tails(2.2).0 - below).ln(),
            ];
            let r = rows(law, values, (a, b));
            let found = evaluate(&r.g, &[r.output], &r.inputs).remove(0);
            for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_close(*found, expected - window, 1e-13, &format!("{name} row {k} in {a} to {b}"));
            }
            if name == "uniform" {
                continue;
            }
            // Gradients are finite, and those of the sum.
            let mut g = r.g.clone();
            let total = g.sum_all(r.output);
            let vg = value_and_grad(&g, total, &r.wrt, &[]).unwrap();
            let grads = evaluate(&vg.graph, &vg.grads, &r.inputs);
            for (k, grad) in grads.iter().enumerate() {
                let shifted = |by: f64| {
                    let mut inputs = r.inputs.clone();
                    inputs[k].1[0] += by;
                    evaluate(&vg.graph, &[vg.value], &inputs)[0][0]
                };
                let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert_close(grad[0], difference, 1e-7, &format!("{name} in {a} to {b}: d/dp{k}"));
            }
        }
    }
}

/// Far out, on both sides, and between two points there: mpmath, 50 digits.
#[test]
fn far_tails_keep_their_digits() {
    let law = lookup("normal").unwrap();
    let at = |x: f64, seen: &dyn Fn(&mut Graph) -> Seen| {
        let mut g = Graph::new();
        let params = params(&mut g, law, &[0.0, 1.0]);
        let (x, seen) = (g.constant(x), seen(&mut g));
        let found = censored(&mut g, law, &params, x, &seen, (None, None)).unwrap();
        evaluate(&g, &[found], &named(&[0.0, 1.0]))[0][0]
    };
    let yes = |g: &mut Graph| Some(g.constant(1.0));
    let right = at(40.0, &|g| Seen { right: yes(g), ..Seen::default() });
    assert_close(right, -804.6084420137538, 1e-15, "above 40");
    let left = at(-40.0, &|g| Seen { left: yes(g), ..Seen::default() });
    assert_close(left, -804.6084420137538, 1e-15, "below -40");
    for (a, b) in [(40.0, 40.5), (-40.5, -40.0)] {
        let found = at(0.0, &|g| Seen { interval: Some((g.constant(a), g.constant(b))), ..Seen::default() });
        // ln(Phi(-40) - Phi(-40.5)).
        assert_close(found, -804.6084420155503, 1e-15, "40 to 40.5");
    }
}

/// A law whose tails the graph has not is refused by name.
#[test]
fn laws_without_tails_are_refused() {
    let law = lookup("flat").unwrap();
    let mut g = Graph::new();
    let (x, end) = (lane(&mut g, "x"), lane(&mut g, "end"));
    let params = Params::bind(law, &[], &[]).unwrap();
    let refused = Err(DistributionError::TruncationVaries { distribution: "flat" });
    assert_eq!(truncated(&mut g, law, &params, x, (Some(end), None)), refused);
    let seen = Seen { right: Some(end), ..Seen::default() };
    assert_eq!(censored(&mut g, law, &params, x, &seen, (None, None)), refused);
}
