//! The log density of a spec and its gradient, at a point.

use std::path::Path;

use graph::ir::{Graph, NodeId};
use graph::program::{Options, Program};
use graph::value::{Bindings, Value};
use model::Target;
use numerics::lanes::Lanes;
use spec_compiler::{Compiled, Source, compile, render};

use super::Tables;

pub fn compiled(text: &str, tables: &Tables) -> Compiled {
    let source = Source::new("spec.yaml", text).unwrap();
    compile(&source, Path::new(""), tables).unwrap_or_else(|m| panic!("{}", render(&m, &source)))
}

pub fn evaluate(graph: &Graph, node: NodeId, bindings: &Bindings) -> Vec<f64> {
    match graph::interpret::evaluate(graph, &[node], bindings).unwrap().remove(0) {
        Value::Real(v) => v,
        Value::Index(_) => unreachable!("a density is real"),
    }
}

/// The target with the coordinates of its sites at `u`.
pub fn bound(t: &Target, u: &[f64]) -> Bindings {
    let mut b = t.bindings.clone();
    let mut rest = u;
    for s in &t.sites {
        let (own, next) = rest.split_at(s.coordinates.len());
        b.data.insert(s.name.clone(), Value::Real(own.to_vec()));
        rest = next;
    }
    assert!(rest.is_empty(), "{:?}", t.coordinates());
    b
}

/// The log joint density at `u`: by the interpreter, and in agreement the program, whose gradient is
/// that of differences. Blocks are short, so that rows are streamed.
pub fn log_joint(c: &Compiled, u: &[f64]) -> f64 {
    let t = &c.target;
    let x = evaluate(&t.graph, t.log_joint, &bound(t, u))[0];
    let wrt: Vec<NodeId> = t.sites.iter().map(|s| s.unconstrained).collect();
    let both = graph::vjp::value_and_grad(&t.graph, t.log_joint, &wrt, &[]).unwrap();
    let g = both.graph;
    let outputs: Vec<NodeId> = [both.value].into_iter().chain(both.grads).collect();
    let options = Options { block_rows: 2, ..Options::default() };
    let program = Program::compile(&g, &outputs, &t.bindings, &options).unwrap();
    let mut input = Lanes::zeros(u.len(), 1);
    u.iter().enumerate().for_each(|(i, x)| input.set(i, 0, *x));
    input.pad();
    let mut out = Lanes::zeros(1 + u.len(), 1);
    program.eval(&mut program.workspace(), &[], &input, &mut out, &mut Vec::new());
    close(out.get(0, 0), x);
    for i in 0..u.len() {
        let h = 1e-5 * (1.0 + u[i].abs());
        let at = |d: f64| {
            let mut u = u.to_vec();
            u[i] += d;
            evaluate(&t.graph, t.log_joint, &bound(t, &u))[0]
        };
        let slope = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        let found = out.get(1 + i, 0);
        assert!(
            (found - slope).abs() < 1e-5 * (1.0 + slope.abs()),
            "gradient {i}: {found}, by differences {slope}"
        );
    }
    x
}

pub fn normal(x: f64, m: f64, s: f64) -> f64 {
    -0.5 * ((x - m) / s).powi(2) - s.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
}

#[track_caller]
pub fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found}, by hand {expected}");
}
