//! The log density of a spec and its gradient, at a point.

use graph::ir::NodeId;
use graph::program::{Options, Program};
use numerics::lanes::Lanes;
use spec_compiler::Compiled;

use super::models::{at, evaluate};

/// The log joint density at `u`: by the interpreter, and in agreement the program, whose gradient is
/// that of differences. Blocks are short, so that rows are streamed.
pub fn log_joint(c: &Compiled, u: &[f64]) -> f64 {
    let t = &c.target;
    let x = evaluate(&t.graph, t.log_joint, &at(t, u))[0];
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
        let moved = |d: f64| {
            let mut u = u.to_vec();
            u[i] += d;
            evaluate(&t.graph, t.log_joint, &at(t, &u))[0]
        };
        let slope = (8.0 * (moved(h) - moved(-h)) - (moved(2.0 * h) - moved(-2.0 * h))) / (12.0 * h);
        let found = out.get(1 + i, 0);
        assert!(
            (found - slope).abs() < 1e-5 * (1.0 + slope.abs()),
            "gradient {i}: {found}, by differences {slope}"
        );
    }
    x
}

#[track_caller]
pub fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found}, by hand {expected}");
}
