//! Forward sensitivities, reverse sweeps and finite differences agree.

mod common;

use common::*;
use ode_sens::{Derivatives, Method, Solver, SolverOptions};

fn tsit5() -> SolverOptions {
    SolverOptions { method: Method::Tsit5, ..SolverOptions::default() }
}

/// The gradient of `sum_i w_i y_i` over all rows and states, by tangents and by the reverse sweep,
/// in the order of the tangents.
fn gradients(s: &Solver, y0: &[f64], p: &[f64], times: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (y0, p) = (lanes(&[y0]), lanes(&[p]));
    let weights: Vec<f64> = (0..times.len() * y0.n()).map(|i| 0.5 + f64::sin(3.0 * i as f64)).collect();
    let forward = s.solve(&y0, &p, times, Derivatives::Forward).unwrap();
    assert!(forward.failures.is_empty(), "{:?}", forward.failures);
    let dot = |x: Vec<f64>| x.iter().zip(&weights).map(|(a, b)| a * b).sum::<f64>();
    let by_tangents = forward.tangents.iter().map(|t| dot(t.lane(0))).collect();
    let mut w = s.workspace();
    s.solve_with(&mut w, &y0, &p, times, Derivatives::Adjoint).unwrap();
    let g = s.gradient(&mut w, &y0, &p, times, &lanes(&[&weights])).unwrap();
    let active: Vec<f64> = s.active_y0().iter().map(|&i| g.y0.get(i, 0)).collect();
    (by_tangents, [g.p.lane(0), active].concat())
}

fn agree(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let size = a.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    for (k, (x, y)) in a.iter().zip(b).enumerate() {
        close(x / size, y / size, tolerance, &format!("{what}, tangent {k} of {a:?} and {b:?}"));
    }
}

/// Central differences of the same weighted sum at tight tolerances.
fn differences(s: &Solver, y0: &[f64], p: &[f64], times: &[f64]) -> Vec<f64> {
    let value = |y0: &[f64], p: &[f64]| -> f64 {
        let out = s.solve(&lanes(&[y0]), &lanes(&[p]), times, Derivatives::None).unwrap();
        out.y.lane(0).iter().enumerate().map(|(i, y)| (0.5 + f64::sin(3.0 * i as f64)) * y).sum()
    };
    let x = [p, y0].concat();
    (0..x.len())
        .map(|k| {
            let h = if x[k] == 0.0 { 1e-3 } else { 3e-4 * x[k].abs() };
            let at = |d: f64| {
                let mut x = x.clone();
                x[k] += d;
                value(&x[p.len()..], &x[..p.len()])
            };
            (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
        })
        .collect()
}

fn cases() -> Vec<(System, Vec<f64>, Vec<f64>, f64)> {
    vec![
        (michaelis_menten(), vec![10.0, 0.0], vec![1.2, 3.0], 20.0),
        (lotka_volterra(), vec![33.9, 5.9], vec![0.55, 0.028, 0.80, 0.024], 10.0),
        (bateman(), vec![30.0, 0.0], vec![1.5, 0.3, 2.0], 12.0),
        (logistic(), vec![0.3], vec![0.8, 5.0], 12.0),
        (sir(), vec![0.99, 0.01, 0.0], vec![2.0, 1.0], 15.0),
        (decay(), vec![2.0], vec![0.7], 5.0),
    ]
}

fn grid(t_end: f64) -> Vec<f64> {
    (0..=20).map(|k| t_end * k as f64 / 20.0).collect()
}

#[test]
fn lane_forward_and_reverse_agree_to_ten_digits() {
    for (system, y0, p, t_end) in cases() {
        let name = system.name;
        for rtol in [1e-5, 1e-8] {
            let s = solver(
                System::new(name, system.n, system.m, system.f, system.d),
                SolverOptions { rtol, ..tsit5() },
            );
            let (forward, reverse) = gradients(&s, &y0, &p, &grid(t_end));
            agree(&forward, &reverse, 1e-10, &format!("{name} at {rtol}"));
        }
    }
}

#[test]
fn chain_of_fifty_at_the_stability_limit_agrees_to_eight_digits() {
    let mut y0 = vec![0.0; CHAIN];
    y0[0] = 1.0;
    let p: Vec<f64> = (0..CHAIN).map(|i| 1.0 + 0.01 * i as f64).collect();
    let s = solver(chain(), SolverOptions { rtol: 1e-6, active_y0: Some(vec![false; CHAIN]), ..tsit5() });
    let (forward, reverse) = gradients(&s, &y0, &p, &grid(20.0));
    agree(&forward, &reverse, 1e-8, "chain");
}

#[test]
fn lane_gradients_against_differences() {
    for (system, y0, p, t_end) in cases() {
        let name = system.name;
        let s = solver(system, SolverOptions { rtol: 1e-11, atol: 1e-13, ..tsit5() });
        let (_, reverse) = gradients(&s, &y0, &p, &grid(t_end));
        agree(&reverse, &differences(&s, &y0, &p, &grid(t_end)), 1e-8, name);
    }
}

/// Within 100 rtol, as promised for diffsol.
#[test]
fn implicit_forward_and_discrete_adjoint_agree() {
    for method in [Method::Bdf, Method::TrBdf2, Method::Esdirk34, Method::DiffsolTsit45] {
        for (system, y0, p, t_end) in cases() {
            let name = system.name;
            let s =
                solver(system, SolverOptions { method, rtol: 1e-6, atol: 1e-8, ..SolverOptions::default() });
            let (forward, reverse) = gradients(&s, &y0, &p, &grid(t_end));
            agree(&forward, &reverse, 1e-4, &format!("{method:?}, {name}"));
        }
    }
}

#[test]
fn implicit_gradients_against_the_explicit_ones() {
    for (system, y0, p, t_end) in cases() {
        let name = system.name;
        let tight = solver(System::new(name, system.n, system.m, system.f, system.d), tsit5());
        let (exact, _) = gradients(&tight, &y0, &p, &grid(t_end));
        let s = solver(system, SolverOptions { method: Method::Bdf, ..SolverOptions::default() });
        let (_, reverse) = gradients(&s, &y0, &p, &grid(t_end));
        agree(&exact, &reverse, 1e-5, name);
    }
}

/// Robertson at t = 40: stiff, so `auto` ends with BDF; its discrete adjoint against forward, and
/// both against a much tighter solve. ESDIRK's transposed Newton solve may diverge here, in which
/// case forward sensitivities answer.
#[test]
fn stiff_gradients_by_every_way() {
    let (y0, p, times) = ([1.0, 0.0, 0.0], [0.04, 1e4, 3e7], [0.4, 4.0, 40.0]);
    // In units of log-parameters, so that all count.
    let scaled = |g: &[f64]| -> Vec<f64> { g.iter().zip(p).map(|(g, p)| g * p).collect() };
    let with = |method, rtol, atol| {
        let active_y0 = Some(vec![false; 3]);
        solver(robertson(), SolverOptions { method, rtol, atol, active_y0, ..SolverOptions::default() })
    };
    let (exact, _) = gradients(&with(Method::Bdf, 1e-11, 1e-15), &y0, &p, &times);
    for method in [Method::Auto, Method::Bdf, Method::Esdirk34] {
        let (forward, reverse) = gradients(&with(method, 1e-8, 1e-12), &y0, &p, &times);
        agree(&scaled(&forward), &scaled(&reverse), 1e-6, &format!("{method:?}: forward and reverse"));
        agree(&scaled(&exact), &scaled(&reverse), 1e-5, &format!("{method:?}: truth"));
    }
}

#[test]
fn matrix_exponential_gradients() {
    for (system, y0, p, t_end) in [
        (bateman(), vec![30.0, 1.0], vec![1.5, 0.3, 2.0], 12.0),
        (bateman(), vec![30.0, 1.0], vec![0.9, 0.9, 2.0], 12.0),
        (decay(), vec![2.0], vec![0.7], 5.0),
    ] {
        let s =
            solver(system, SolverOptions { method: Method::MatrixExponential, ..SolverOptions::default() });
        let (forward, reverse) = gradients(&s, &y0, &p, &grid(t_end));
        agree(&forward, &reverse, 1e-13, "forward and reverse");
        agree(&reverse, &differences(&s, &y0, &p, &grid(t_end)), 1e-9, "differences");
    }
}

/// What is not active costs no tangent and changes no other.
#[test]
fn tangents_are_taken_for_what_is_active() {
    let all = solver(lotka_volterra(), tsit5());
    let some = solver(lotka_volterra(), SolverOptions { active_y0: Some(vec![false, true]), ..tsit5() });
    assert_eq!((all.n_tangents(), some.n_tangents()), (6, 5));
    let (y0, p) = ([33.9, 5.9], [0.55, 0.028, 0.80, 0.024]);
    let (a, ra) = gradients(&all, &y0, &p, &grid(10.0));
    let (b, rb) = gradients(&some, &y0, &p, &grid(10.0));
    assert_eq!([&a[..4], &a[5..]].concat(), b);
    assert_eq!([&ra[..4], &ra[5..]].concat(), rb);
}

/// Values do not depend on what is differentiated.
#[test]
fn values_are_the_same_in_every_mode() {
    for method in [Method::Tsit5, Method::Bdf, Method::Esdirk34, Method::MatrixExponential] {
        let s = solver(bateman(), SolverOptions { method, ..SolverOptions::default() });
        let (y0, p) = (lanes(&[[30.0, 0.0]]), lanes(&[[1.5, 0.3, 2.0]]));
        let value = |d| s.solve(&y0, &p, &grid(12.0), d).unwrap().y.lane(0);
        let plain = value(Derivatives::None);
        assert_eq!(plain, value(Derivatives::Forward), "{method:?}");
        assert_eq!(plain, value(Derivatives::Adjoint), "{method:?}");
    }
}
