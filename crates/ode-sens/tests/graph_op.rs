//! The solve as an operation of a graph: compiled right-hand sides, derivatives, failures.

mod common;

use std::sync::Arc;

use common::*;
use graph::foreign::Foreign;
use graph::ir::{Binary, ForeignRef, Graph, Kind, NodeId, Op, Role, Size, Unary, Varies};
use graph::jvp;
use graph::program::{Options, Program};
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;
use numerics::lanes::Lanes;
use numerics::simd::Isa;
use ode_sens::{Derivatives, Method, OdeError, OdeSystem, Rhs, Sensitivity, Solver, SolverOptions, solve_op};

/// Compiled derivatives against those written by hand, at a random point.
#[test]
fn compiled_systems_agree_with_hand_written_ones() {
    let pairs: [(OdeSystem, System); 4] = [
        (graphs::decay(), decay()),
        (graphs::bateman(), bateman()),
        (graphs::michaelis_menten(), michaelis_menten()),
        (graphs::lotka_volterra(), lotka_volterra()),
    ];
    for (graph, hand) in pairs {
        let active: Vec<usize> = (0..hand.m).collect();
        compare(&*graph.compile(&active, Isa::detect()).unwrap(), &hand);
    }
    let active: Vec<usize> = (0..CHAIN).collect();
    let rhs = graphs::chain(CHAIN).compile(&active, Isa::detect()).unwrap();
    compare(&*rhs, &chain());
    // Written with whole arrays, and still seen to be banded.
    assert_eq!(rhs.pattern().states.len(), 2 * CHAIN - 1);
    assert_eq!(rhs.linear().unwrap().coefficient_pattern().len(), 2 * CHAIN - 1);
}

fn compare(compiled: &dyn Rhs, hand: &System) {
    let (n, m) = (hand.n, hand.m);
    let mut seed = 11;
    let x: Vec<f64> = (0..(m + 1 + 2 * n) * 8).map(|_| 0.3 + uniform(&mut seed)).collect();
    let dense = |rhs: &dyn Rhs| {
        let mut out = vec![0.0; rhs.pattern().output_rows(n) * 8];
        rhs.jacobian(rhs.workspace().as_mut(), &x[..(m + 1 + n) * 8], &mut out);
        let (mut jy, mut jp) = (vec![0.0; n * n * 8], vec![0.0; n * m * 8]);
        let mut row = n;
        for &(i, j) in &rhs.pattern().states {
            jy[(i * n + j) * 8..][..8].copy_from_slice(&out[row * 8..][..8]);
            row += 1;
        }
        for &(i, j) in &rhs.pattern().params {
            jp[(i * m + j) * 8..][..8].copy_from_slice(&out[row * 8..][..8]);
            row += 1;
        }
        let (mut f, mut ct) = (vec![0.0; n * 8], vec![0.0; (n + m) * 8]);
        rhs.rhs(rhs.workspace().as_mut(), &x[..(m + 1 + n) * 8], &mut f);
        rhs.vjp(rhs.workspace().as_mut(), &x, &mut ct);
        [f, out[..n * 8].to_vec(), jy, jp, ct].concat()
    };
    for (k, (a, b)) in dense(compiled).iter().zip(dense(hand)).enumerate() {
        close(*a, b, 1e-12 * b.abs().max(1.0), &format!("{}, number {k}", hand.name));
    }
    assert_eq!(compiled.linear().is_some(), hand.a.is_some() || hand.name == "chain", "{}", hand.name);
}

const TIMES: [f64; 5] = [3.0, 0.0, 1.0, 3.0, 7.0];

/// A sum of weighted squares of the solution of a system whose parameters and initial state are
/// functions of lane inputs `p` and `a`.
fn objective(op: Arc<dyn Foreign>, n: usize, m: usize, y0: &[f64]) -> (Graph, NodeId, Vec<NodeId>) {
    let mut g = Graph::new();
    let row = g.add_dim("sample", Role::Row, Size::Bound);
    // Declared the other way round than in the system.
    let param = (m > 0).then(|| g.add_dim("rates", Role::Plain, Size::Fixed(m)));
    let state = g.add_dim("species", Role::Plain, Size::Fixed(n));
    let times = g.input("times", Varies::Data, Kind::Real, &[row]);
    let a = g.input("a", Varies::Lane, Kind::Real, &[]);
    let mut initial: Vec<NodeId> = y0.iter().map(|&y| g.constant(y)).collect();
    initial[0] = g.mul(initial[0], a);
    let mut args = vec![g.stack(&initial, state)];
    let mut wrt = vec![a];
    if let Some(param) = param {
        let p = g.input("p", Varies::Lane, Kind::Real, &[param]);
        args.push(p);
        wrt.push(p);
    }
    args.push(times);
    let tuple = g.push(Op::Foreign(ForeignRef(op)), &args).unwrap();
    let y = g.output(tuple, 0);
    let weight = g.iota(state);
    let weight = g.add_const(weight, 1.0);
    let squares = g.square(y);
    let product = g.mul(weight, squares);
    let total = g.sum(product, &[row, state]);
    let total = g.scale(1e-2, total);
    (g, total, wrt)
}

fn bindings() -> Bindings {
    let mut b = Bindings::default();
    b.sizes.insert("sample".into(), TIMES.len());
    b.data.insert("times".into(), Value::Real(TIMES.to_vec()));
    b
}

fn evaluate(g: &Graph, outputs: &[NodeId], z: &Lanes) -> (Lanes, Vec<graph::foreign::Failure>) {
    let program = Program::compile(g, outputs, &bindings(), &Options::default()).unwrap();
    let mut out = Lanes::zeros(program.n_out(), z.lanes());
    let mut failures = Vec::new();
    program.eval(&mut program.workspace(), &[], z, &mut out, &mut failures);
    (out, failures)
}

fn options(sensitivity: Sensitivity, n: usize) -> SolverOptions {
    let mut active = vec![false; n];
    active[0] = true;
    SolverOptions { sensitivity, rtol: 1e-10, atol: 1e-12, active_y0: Some(active), ..Default::default() }
}

#[test]
fn gradients_of_an_objective_by_both_forms_and_by_differences() {
    let cases = [
        (graphs::michaelis_menten(), vec![10.0, 0.0], vec![1.2, 3.0]),
        (graphs::lotka_volterra(), vec![33.9, 5.9], vec![0.55, 0.028, 0.80, 0.024]),
        (graphs::decay(), vec![2.0], vec![0.7]),
    ];
    for (system, y0, p) in cases {
        let (n, m) = (y0.len(), p.len());
        let points: Vec<Vec<f64>> = (0..3)
            .map(|l| {
                [vec![1.0 + 0.1 * l as f64], p.iter().map(|p| p * (1.0 + 0.05 * l as f64)).collect()].concat()
            })
            .collect();
        let mut gradients = Vec::new();
        for sensitivity in [Sensitivity::Forward, Sensitivity::Adjoint] {
            let op = solve_op(system.clone(), options(sensitivity, n)).unwrap();
            let (g, total, wrt) = objective(op, n, m, &y0);
            let vg = value_and_grad(&g, total, &wrt, &[]).unwrap();
            let mut outputs = vec![vg.value];
            outputs.extend(&vg.grads);
            let (out, failures) = evaluate(&vg.graph, &outputs, &lanes(&points));
            assert!(failures.is_empty(), "{failures:?}");
            gradients.push(out);
        }
        let plain = solve_op(system.clone(), options(Sensitivity::Auto, n)).unwrap();
        let (g, total, wrt) = objective(plain, n, m, &y0);
        let value = |z: &[f64]| evaluate(&g, &[total], &lanes(&[z])).0.get(0, 0);
        for (l, z) in points.iter().enumerate() {
            let exact = value(z);
            for out in &gradients {
                close(out.get(0, l), exact, 1e-11 * exact.abs(), "value");
                for k in 0..z.len() {
                    let h = 1e-4 * z[k];
                    let at = |d: f64| {
                        value(
                            &z.iter()
                                .enumerate()
                                .map(|(j, x)| if j == k { x + d } else { *x })
                                .collect::<Vec<_>>(),
                        )
                    };
                    let slope = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
                    let what = format!("{}, lane {l}, input {k}", system.name);
                    close(out.get(1 + k, l), slope, 1e-6 * slope.abs().max(1e-2 * exact), &what);
                    close(
                        out.get(1 + k, l),
                        gradients[0].get(1 + k, l),
                        1e-10 * slope.abs().max(exact),
                        &what,
                    );
                }
            }
        }
        // Forward through the graph: the tangent is the gradient times the direction.
        let (mut g, targets) = jvp::prepare(&g, &[total, wrt[0], wrt[1]]).unwrap();
        let two = g.constant(2.0);
        let rates = g.ty(targets[2]).dims[0];
        let one = g.ones(&[rates]);
        let seeds = [(targets[1], two), (targets[2], one)];
        let tangent = jvp::jvp(&mut g, &seeds, &targets[..1]).unwrap()[0].unwrap();
        let (out, _) = evaluate(&g, &[tangent], &lanes(&points));
        for l in 0..points.len() {
            let expected =
                2.0 * gradients[0].get(1, l) + (0..m).map(|k| gradients[0].get(2 + k, l)).sum::<f64>();
            close(out.get(0, l), expected, 1e-9 * expected.abs(), "jvp");
        }
    }
}

#[test]
fn a_failing_draw_is_masked_and_explained() {
    for sensitivity in [Sensitivity::Forward, Sensitivity::Adjoint] {
        let mut b = graphs::Builder::new(1, 1);
        let square = b.g.square(b.y[0]);
        let rate = b.g.mul(b.p[0], square);
        let system = b.finish("runaway", &[rate]);
        let op = solve_op(system, options(sensitivity, 1)).unwrap();
        let (g, total, wrt) = objective(op, 1, 1, &[1.0]);
        let vg = value_and_grad(&g, total, &wrt, &[]).unwrap();
        let outputs = [vg.value, vg.grads[0], vg.grads[1]];
        let good = [1.0, 0.01];
        let (out, failures) = evaluate(&vg.graph, &outputs, &lanes(&[good, [1.0, 0.5], good]));
        assert_eq!(failures.len(), 1);
        assert_eq!((failures[0].lane, failures[0].op.as_str()), (1, "ode runaway"));
        assert!(
            failures[0].why.contains("at t = 2 ") && failures[0].why.ends_with("with p = [0.5]"),
            "{failures:?}"
        );
        assert!(out.lane(1).iter().all(|x| x.is_nan()), "{:?}", out.lane(1));
        let (alone, none) = evaluate(&vg.graph, &outputs, &lanes(&[good]));
        assert!(none.is_empty() && alone.lane(0) == out.lane(0) && alone.lane(0) == out.lane(2));
    }
}

#[test]
fn times_before_the_start_fail_every_lane_by_name() {
    let start_later = SolverOptions { start: 0.5, ..options(Sensitivity::Forward, 1) };
    let op = solve_op(graphs::decay(), start_later).unwrap();
    let (g, total, _) = objective(op, 1, 1, &[1.0]);
    let (out, failures) = evaluate(&g, &[total], &lanes(&[[1.0, 0.7], [1.0, 0.8]]));
    assert!(out.get(0, 0).is_nan() && out.get(0, 1).is_nan());
    assert_eq!(failures[1].why, "ode decay: the solution is wanted at 0, before its start at 0.5");
}

#[test]
fn a_system_without_parameters_takes_two_arguments() {
    let mut b = graphs::Builder::new(2, 0);
    let minus = b.g.neg(b.y[0]);
    let rates = [b.y[1], minus];
    let system = b.finish("pendulum", &rates);
    let op = solve_op(system, options(Sensitivity::Auto, 2)).unwrap();
    let (g, total, wrt) = objective(op, 2, 0, &[1.0, 0.0]);
    let vg = value_and_grad(&g, total, &wrt, &[]).unwrap();
    let (out, _) = evaluate(&vg.graph, &[vg.value, vg.grads[0]], &lanes(&[[1.5]]));
    let norm =
        |a: f64| 1e-2 * TIMES.iter().map(|t| a * a * (t.cos().powi(2) + 2.0 * t.sin().powi(2))).sum::<f64>();
    close(out.get(0, 0), norm(1.5), 1e-8, "value");
    close(out.get(1, 0), 2.0 * norm(1.5) / 1.5, 1e-8, "gradient");
}

#[test]
fn linear_systems_are_recognised() {
    let is_linear = |s: OdeSystem| {
        let exponential = SolverOptions { method: Method::MatrixExponential, ..Default::default() };
        match solve_op(s, exponential) {
            Ok(_) => true,
            Err(OdeError::NotLinear { .. }) => false,
            Err(e) => panic!("{e}"),
        }
    };
    assert!(is_linear(graphs::decay()) && is_linear(graphs::bateman()) && is_linear(graphs::chain(4)));
    assert!(!is_linear(graphs::michaelis_menten()) && !is_linear(graphs::lotka_volterra()));
    let mut b = graphs::Builder::new(1, 1);
    let rate = b.g.mul(b.t, b.y[0]);
    assert!(!is_linear(b.finish("time in the coefficient", &[rate])));
    let mut b = graphs::Builder::new(1, 1);
    let rate = b.g.add(b.t, b.y[0]);
    assert!(!is_linear(b.finish("time beside the state", &[rate])));
    let mut b = graphs::Builder::new(1, 1);
    let rate = b.g.sub(b.p[0], b.y[0]);
    assert!(is_linear(b.finish("infusion", &[rate])));
    // Steps: constant derivatives, but no matrix times the state.
    assert!(!is_linear(stop_at_one()));
    let mut b = graphs::Builder::new(1, 1);
    let whole = b.g.unary(Unary::Floor, b.y[0]);
    assert!(!is_linear(b.finish("floor of the state", &[whole])));
    let mut b = graphs::Builder::new(1, 1);
    let above = b.g.binary(Binary::Lt, b.p[0], b.y[0]);
    let rate = b.g.scale(-3.0, above);
    assert!(!is_linear(b.finish("comparison of the state", &[rate])));
    let mut b = graphs::Builder::new(1, 1);
    let early = b.g.binary(Binary::Lt, b.t, b.p[0]);
    let rate = b.g.scale(-3.0, early);
    assert!(!is_linear(b.finish("comparison of the time", &[rate])));
    let mut b = graphs::Builder::new(1, 1);
    let held = b.g.unary(Unary::Detach, b.y[0]);
    assert!(!is_linear(b.finish("detached state", &[held])));
    // A step that depends on parameters alone is a constant like any other.
    let mut b = graphs::Builder::new(1, 1);
    let one = b.g.constant(1.0);
    let fast = b.g.binary(Binary::Lt, one, b.p[0]);
    let rate = b.g.mul(fast, b.y[0]);
    assert!(is_linear(b.finish("comparison of a parameter", &[rate])));
}

/// `y' = -1000 y` and `z' = where(z > 1, -v, 0)`: stiff, and its Jacobian is constant.
fn stop_at_one() -> OdeSystem {
    let mut b = graphs::Builder::new(2, 1);
    let fast = b.g.scale(-1000.0, b.y[0]);
    let (one, zero) = (b.g.constant(1.0), b.g.zero());
    let above = b.g.binary(Binary::Lt, one, b.y[1]);
    let down = b.g.neg(b.p[0]);
    let rate = b.g.select(above, down, zero);
    b.finish("stop_at_one", &[fast, rate])
}

#[test]
fn rates_in_steps_are_never_solved_as_linear() {
    let rhs = stop_at_one().compile(&[0], Isa::detect()).unwrap();
    let solve = |method| {
        let options = SolverOptions { method, rtol: 1e-6, atol: 1e-8, ..Default::default() };
        let (y0, p) = (lanes(&[[1.0, 3.0]]), lanes(&[[0.5]]));
        let out =
            Solver::new(rhs.clone(), options).unwrap().solve(&y0, &p, &TIMES, Derivatives::None).unwrap();
        out.y.lane(0)
    };
    let (auto, tsit5) = (solve(Method::Auto), solve(Method::Tsit5));
    for (a, b) in auto.iter().zip(&tsit5) {
        close(*a, *b, 1e-4, "auto and tsit5");
    }
    // z falls from 3 at a rate of 1/2 until it is 1, at time 4; the last time is 7.
    close(tsit5[tsit5.len() - 1], 1.0, 1e-4, "z at rest");
}

#[test]
fn matrix_exponential_of_a_compiled_system() {
    let all: Vec<usize> = (0..3).collect();
    let rhs = graphs::bateman().compile(&all, Isa::detect()).unwrap();
    let with = |method| {
        Solver::new(rhs.clone(), SolverOptions { method, rtol: 1e-11, atol: 1e-13, ..Default::default() })
    };
    let solve = |method| {
        let (y0, p) = (lanes(&[[30.0, 0.0]]), lanes(&[[1.5, 0.3, 2.0]]));
        let out = with(method).unwrap().solve(&y0, &p, &TIMES, Derivatives::Forward).unwrap();
        [&out.y].into_iter().chain(&out.tangents).flat_map(|l| l.lane(0)).collect::<Vec<_>>()
    };
    for (a, b) in solve(Method::MatrixExponential).iter().zip(solve(Method::Tsit5)) {
        close(*a, b, 1e-8, "both methods");
    }
}

#[test]
fn malformed_systems_are_refused_by_name() {
    let mut b = graphs::Builder::new(1, 1);
    let extra = b.g.input("x", Varies::Lane, Kind::Real, &[]);
    let rate = b.g.mul(extra, b.y[0]);
    let e = solve_op(b.finish("odd", &[rate]), SolverOptions::default()).unwrap_err();
    assert_eq!(e.to_string(), "ode odd: unexpected input x");
    let mut b = graphs::Builder::new(1, 1);
    let rate = b.g.unary(Unary::Trigamma, b.y[0]);
    let e = solve_op(b.finish("deep", &[rate]), SolverOptions::default()).unwrap_err();
    assert_eq!(e.to_string(), "ode deep: trigamma has no derivative rule");
}

/// More rows than a block: the op is computed whole, what follows it streams.
#[test]
fn long_tables_are_streamed_after_the_solve() {
    let op = solve_op(graphs::decay(), options(Sensitivity::Forward, 1)).unwrap();
    let (g, total, wrt) = objective(op, 1, 1, &[1.0]);
    let vg = value_and_grad(&g, total, &wrt, &[]).unwrap();
    let times: Vec<f64> = (0..500).map(|k| (k * 7 % 500) as f64 / 100.0).collect();
    let mut b = Bindings::default();
    b.sizes.insert("sample".into(), times.len());
    b.data.insert("times".into(), Value::Real(times.clone()));
    let program = Program::compile(&vg.graph, &[vg.value, vg.grads[1]], &b, &Options::default()).unwrap();
    let mut out = Lanes::zeros(2, 1);
    let (a, k) = (2.0, 0.4);
    program.eval(&mut program.workspace(), &[], &lanes(&[[a, k]]), &mut out, &mut Vec::new());
    let value: f64 = times.iter().map(|t| 1e-2 * a * a * f64::exp(-2.0 * k * t)).sum();
    let slope: f64 = times.iter().map(|t| -2e-2 * t * a * a * f64::exp(-2.0 * k * t)).sum();
    close(out.get(0, 0), value, 1e-8 * value, "value");
    close(out.get(1, 0), slope, 1e-8 * value, "slope");
}
