//! Random expressions: what smart constructors make of a graph equals the graph as it was pushed,
//! and so do the derivatives.

mod common;

use common::expressions::{Expression, expression};
use common::small_examples::{Numbers, lane_inputs};
use graph::interpret::evaluate;
use graph::ir::{Graph, NodeId, Op, Reduction};
use graph::passes;
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;

fn run(g: &Graph, outputs: &[NodeId], b: &Bindings) -> Vec<Vec<f64>> {
    evaluate(g, outputs, b)
        .unwrap_or_else(|e| panic!("{e}"))
        .into_iter()
        .map(|v| match v {
            Value::Real(v) => v,
            Value::Index(_) => panic!("outputs are real"),
        })
        .collect()
}

/// The largest difference, relative to the largest number about.
fn distance(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let pairs = || a.iter().flatten().zip(b.iter().flatten());
    let scale = pairs().fold(1.0, |m: f64, (a, b)| m.max(a.abs()).max(b.abs()));
    let off =
        |a: f64, b: f64| if a.is_finite() && b.is_finite() { (a - b).abs() / scale } else { f64::INFINITY };
    pairs().map(|(&a, &b)| off(a, b)).fold(0.0, f64::max)
}

/// The raw sum of all outputs.
fn total(e: &Expression) -> (Graph, NodeId) {
    let mut g = e.make.g.clone();
    let sums: Vec<NodeId> = e
        .outputs
        .iter()
        .map(|&o| {
            let dims = g.ty(o).dims.clone();
            if dims.is_empty() {
                o
            } else {
                g.push(Op::Reduce(Reduction::Sum, dims), &[o]).expect("well typed")
            }
        })
        .collect();
    let total = sums
        .into_iter()
        .reduce(|a, b| g.push(Op::Binary(graph::ir::Binary::Add), &[a, b]).expect("well typed"))
        .expect("has outputs");
    (g, total)
}

fn each(n: u64, size: usize, f: impl Fn(u64, &Expression)) {
    for seed in 0..n {
        let e = expression(seed, size);
        if !e.outputs.is_empty() {
            f(seed, &e);
        }
    }
}

#[test]
fn smart_constructors_change_no_value() {
    each(3000, 14, |seed, e| {
        let o = passes::optimise_with(&e.make.g, &e.outputs, None, &["simplify"]);
        for (a, b) in e.outputs.iter().zip(&o.outputs) {
            assert_eq!(e.make.g.ty(*a), o.graph.ty(*b), "seed {seed}: types stay");
        }
        let (raw, smart) = (run(&e.make.g, &e.outputs, &e.make.b), run(&o.graph, &o.outputs, &e.make.b));
        let error = distance(&raw, &smart);
        assert!(error < 1e-12, "seed {seed}: {error:e}\n{raw:?}\n{smart:?}");
    });
}

#[test]
fn smart_constructors_change_no_gradient() {
    each(3000, 12, |seed, e| {
        let (g, sum) = total(e);
        let wrt = lane_inputs(&g);
        let raw = value_and_grad(&g, sum, &wrt, &[]).unwrap_or_else(|err| panic!("seed {seed}: {err}"));
        let targets: Vec<NodeId> = [sum].into_iter().chain(wrt.iter().copied()).collect();
        let o = passes::optimise_with(&g, &targets, None, &["simplify"]);
        let smart = value_and_grad(&o.graph, o.outputs[0], &o.outputs[1..], &[])
            .unwrap_or_else(|err| panic!("seed {seed}: {err}"));
        let (a, b) = (run(&raw.graph, &raw.grads, &e.make.b), run(&smart.graph, &smart.grads, &e.make.b));
        if a.iter().flatten().any(|x| x.abs() > 1e3) {
            return;
        }
        // At a point where a raw factor is 0 x inf the raw gradient is NaN and says nothing.
        if a.iter().flatten().any(|x| x.is_nan()) {
            assert!(b.iter().flatten().all(|x| !x.is_infinite()), "seed {seed}: {b:?}");
            return;
        }
        let error = distance(&a, &b);
        assert!(error < 1e-11, "seed {seed}: {error:e}\n{a:?}\n{b:?}");

        if !e.smooth {
            return;
        }
        // Along one direction, by differences of the raw value: NaN must not leak from where the value has none.
        let mut rng = Numbers(seed);
        let direction: Vec<Vec<f64>> =
            a.iter().map(|v| v.iter().map(|_| rng.uniform(-1.0, 1.0)).collect()).collect();
        let slope: f64 = b.iter().flatten().zip(direction.iter().flatten()).map(|(g, d)| g * d).sum();
        let at = |h: f64| {
            let mut moved = e.make.b.clone();
            for (w, d) in wrt.iter().zip(&direction) {
                let Op::Input(i) = g.node(*w).op else { unreachable!("inputs") };
                let Some(Value::Real(x)) = moved.data.get_mut(&g.inputs()[i.0 as usize].name) else {
                    panic!("real")
                };
                x.iter_mut().zip(d).for_each(|(x, d)| *x += h * d);
            }
            run(&g, &[sum], &moved)[0][0]
        };
        let difference = |h: f64| (at(-2.0 * h) - at(2.0 * h) + 8.0 * (at(h) - at(-h))) / (12.0 * h);
        let (fine, coarse) = (difference(1e-4), difference(2e-4));
        if (fine - coarse).abs() < 1e-7 * (1.0 + fine.abs()) {
            assert!((slope - fine).abs() < 1e-5 * (1.0 + fine.abs()), "seed {seed}: {slope} {fine}");
        }
    });
}
