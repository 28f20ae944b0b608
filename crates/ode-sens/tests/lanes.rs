//! No lane's result depends on its neighbours, and no lane's failure is silent.

mod common;

use std::sync::Arc;

use common::*;
use numerics::lanes::Lanes;
use numerics::simd::Isa;
use ode_sens::{Derivatives, Method, OdeError, Reason, Rhs, Solution, Solver, SolverOptions};

const ALL: [Method; 7] = [
    Method::Tsit5,
    Method::DiffsolTsit45,
    Method::TrBdf2,
    Method::Esdirk34,
    Method::Bdf,
    Method::MatrixExponential,
    Method::Auto,
];

fn with(method: Method) -> SolverOptions {
    SolverOptions { method, rtol: 1e-6, atol: 1e-8, ..SolverOptions::default() }
}

fn bits(s: &Solution, lane: usize) -> Vec<u64> {
    [&s.y].into_iter().chain(&s.tangents).flat_map(|l| l.lane(lane)).map(f64::to_bits).collect()
}

/// Twenty systems of very different lengths.
fn predators() -> Vec<[f64; 4]> {
    let mut seed = 3;
    (0..20).map(|_| [0.55, 0.028, 0.80, 0.024].map(|p| p * (0.5 + uniform(&mut seed)))).collect()
}

fn compiled() -> Solver {
    let rhs = graphs::lotka_volterra().compile(&[0, 1, 2, 3], Isa::detect()).unwrap();
    Solver::new(rhs, with(Method::Auto)).unwrap()
}

#[test]
fn one_lane_gives_the_bits_of_many_in_any_order() {
    let times: Vec<f64> = (0..30).map(|k| 0.5 * k as f64).collect();
    let mut ps = predators();
    let y0 = [33.9, 5.9];
    for solver in [solver(lotka_volterra(), with(Method::Auto)), compiled()] {
        for derivatives in [Derivatives::None, Derivatives::Forward] {
            let solve = |ps: &[[f64; 4]]| {
                solver.solve(&lanes(&vec![y0; ps.len()]), &lanes(ps), &times, derivatives).unwrap()
            };
            let all = solve(&ps);
            assert!(all.failures.is_empty());
            for (l, p) in ps.iter().enumerate() {
                assert_eq!(bits(&solve(&[*p]), 0), bits(&all, l), "lane {l}");
            }
            let eight = solve(&ps[5..13]);
            (0..8).for_each(|l| assert_eq!(bits(&eight, l), bits(&all, 5 + l)));
            ps.reverse();
            let back = solve(&ps);
            ps.reverse();
            (0..20).for_each(|l| assert_eq!(bits(&back, 19 - l), bits(&all, l)));
        }
    }
}

#[test]
fn gradients_too_and_memory_that_is_kept_changes_nothing() {
    let times: Vec<f64> = (0..30).map(|k| 0.5 * k as f64).collect();
    let ps = predators();
    let solver = compiled();
    let mut w = solver.workspace();
    let gradient = |w: &mut _, ps: &[[f64; 4]]| {
        let (y0, p) = (lanes(&vec![[33.9, 5.9]; ps.len()]), lanes(ps));
        solver.solve_with(w, &y0, &p, &times, Derivatives::Adjoint).unwrap();
        let ct = lanes(&vec![(0..60).map(|i| f64::sin(i as f64)).collect::<Vec<_>>(); ps.len()]);
        let g = solver.gradient(w, &y0, &p, &times, &ct).unwrap();
        let lane =
            |l: usize| [g.y0.lane(l), g.p.lane(l)].concat().into_iter().map(f64::to_bits).collect::<Vec<_>>();
        (0..ps.len()).map(lane).collect::<Vec<_>>()
    };
    let all = gradient(&mut w, &ps);
    // Again, now dear systems first, in used memory.
    assert_eq!(gradient(&mut w, &ps), all);
    for (l, p) in ps.iter().enumerate() {
        assert_eq!(gradient(&mut solver.workspace(), &[*p])[0], all[l], "lane {l}");
    }
}

#[test]
fn instruction_sets_with_fused_products_agree() {
    if !Isa::Avx512.is_available() {
        return;
    }
    let times = [1.0, 7.0];
    let solve = |isa| {
        let rhs = graphs::lotka_volterra().compile(&[0, 1, 2, 3], isa).unwrap();
        let s = Solver::new(rhs, SolverOptions { isa: Some(isa), ..with(Method::Auto) }).unwrap();
        s.solve(&lanes(&[[33.9, 5.9]]), &lanes(&[[0.55, 0.028, 0.80, 0.024]]), &times, Derivatives::Forward)
            .unwrap()
    };
    assert_eq!(bits(&solve(Isa::Avx2), 0), bits(&solve(Isa::Avx512), 0));
}

#[test]
fn a_lane_that_fails_disturbs_no_other() {
    let times = [0.1, 0.3];
    let s = solver(blow_up(), with(Method::Tsit5));
    let y0 = |ys: &[f64]| lanes(&ys.iter().map(|&y| [y]).collect::<Vec<_>>());
    // More than eight, so that lanes are refilled after failures.
    let mut ys: Vec<f64> = (1..20).map(|k| 0.1 * k as f64).collect();
    let p = lanes(&[[1.0]; 19]);
    let clean = s.solve(&y0(&ys), &p, &times, Derivatives::Forward).unwrap();
    assert!(clean.failures.is_empty());
    for (l, bad) in [(2, f64::NAN), (3, f64::INFINITY), (9, 1e4), (15, -f64::INFINITY)] {
        ys[l] = bad;
    }
    let dirty = s.solve(&y0(&ys), &p, &times, Derivatives::Forward).unwrap();
    let mut failed: Vec<usize> = dirty.failures.iter().map(|f| f.lane).collect();
    failed.sort_unstable();
    assert_eq!(failed, [2, 3, 9, 15]);
    for l in 0..19 {
        if failed.contains(&l) {
            let values = [dirty.y.lane(l), dirty.tangents[0].lane(l), dirty.tangents[1].lane(l)].concat();
            assert!(values.iter().all(|v| v.is_nan()), "lane {l} must be NaN: {values:?}");
        } else {
            assert_eq!(bits(&dirty, l), bits(&clean, l), "lane {l}");
        }
    }
}

#[test]
fn a_failed_lane_has_no_gradient_and_says_why() {
    let s = solver(blow_up(), with(Method::Tsit5));
    let (y0, p, times) = (lanes(&[[1.0], [2.0]]), lanes(&[[0.5], [1.0]]), [0.25, 1.0]);
    let mut w = s.workspace();
    let out = s.solve_with(&mut w, &y0, &p, &times, Derivatives::Adjoint).unwrap();
    let f = &out.failures[0];
    assert_eq!((out.failures.len(), f.lane, f.reason), (1, 1, Reason::StepTooSmall));
    assert!((f.time - 0.5).abs() < 1e-6 && f.state[0] > 1e6 && f.params == [1.0], "{f:?}");
    assert!(f.to_string().starts_with("step size fell to zero at t = 0.5 (y = ["), "{f}");
    let g = s.gradient(&mut w, &y0, &p, &times, &lanes(&[[0.0, 1.0], [0.0, 1.0]])).unwrap();
    assert!(g.y0.get(0, 1).is_nan() && g.p.get(0, 1).is_nan());
    // y = y0 / (1 - p y0 t) = 2: dy/dp = t y^2, dy/dy0 = (y / y0)^2
    close(g.p.get(0, 0), 4.0, 1e-4, "dy/dp");
    close(g.y0.get(0, 0), 4.0, 1e-4, "dy/dy0");
}

#[test]
fn blow_up_is_a_failure_for_every_method() {
    for method in ALL.into_iter().filter(|m| *m != Method::MatrixExponential) {
        let s = solver(blow_up(), with(method));
        let out = s.solve(&lanes(&[[1.0]]), &lanes(&[[1.0]]), &[0.5, 2.0], Derivatives::None).unwrap();
        assert_eq!(out.failures.len(), 1, "{method:?}");
        let f = &out.failures[0];
        assert!(f.time <= 1.0 + 1e-3 && f.time > 0.9, "{method:?}: {f}");
        assert!(out.y.lane(0).iter().all(|v| v.is_nan()), "{method:?}");
    }
}

#[test]
fn rates_that_turn_nan_are_never_a_solution() {
    for method in ALL.into_iter().filter(|m| *m != Method::MatrixExponential) {
        let s = solver(turns_nan(), with(method));
        let p = lanes(&[[1.0], [9.0], [-1.0]]);
        let out = s.solve(&lanes(&[[1.0]; 3]), &p, &[0.5, 2.0], Derivatives::None).unwrap();
        let failed: Vec<usize> = out.failures.iter().map(|f| f.lane).collect();
        assert_eq!(failed, [0, 2], "{method:?}");
        assert_eq!(out.failures[1].reason, Reason::NotFiniteAtStart, "{method:?}");
        assert!(out.y.lane(0).iter().chain(&out.y.lane(2)).all(|v| v.is_nan()), "{method:?}");
        close(out.y.get(1, 1), f64::exp(-2.0), 1e-3, &format!("{method:?}"));
    }
}

#[test]
fn the_budget_of_steps_is_kept() {
    for method in ALL.into_iter().filter(|m| *m != Method::MatrixExponential) {
        let s = solver(lotka_volterra(), SolverOptions { max_steps: 10, ..with(method) });
        let p = lanes(&[[0.55, 0.028, 0.80, 0.024], [1e-9, 1e-9, 1e-9, 1e-9]]);
        let out = s.solve(&lanes(&[[33.9, 5.9]; 2]), &p, &[20.0], Derivatives::None).unwrap();
        assert_eq!(out.failures.len(), 1, "{method:?}");
        let f = &out.failures[0];
        assert_eq!((f.lane, f.reason), (0, Reason::BudgetExhausted { steps: 10 }), "{method:?}");
        assert!(f.to_string().starts_with("step budget of 10 exhausted at t = "), "{f}");
        assert!(out.y.get(0, 1).is_finite(), "{method:?}");
    }
}

/// Times as data have them: none, unsorted, repeated, the start alone.
#[test]
fn any_grid_of_times_will_do() {
    for method in ALL {
        let s = solver(decay(), with(method));
        let solve = |times: &[f64], d| s.solve(&lanes(&[[2.0]]), &lanes(&[[0.5]]), times, d).unwrap();
        assert_eq!(solve(&[], Derivatives::Forward).y.n(), 0, "{method:?}");
        let only = solve(&[0.0, 0.0], Derivatives::Forward);
        assert_eq!(
            (only.y.lane(0), only.tangents[0].lane(0)),
            (vec![2.0, 2.0], vec![0.0, 0.0]),
            "{method:?}"
        );
        assert_eq!(only.tangents[1].lane(0), [1.0, 1.0], "{method:?}");
        let sorted = solve(&[0.0, 1.0, 2.0], Derivatives::Forward);
        let mixed = solve(&[2.0, 0.0, 1.0, 2.0, 1.0], Derivatives::Forward);
        for (a, b) in
            [&sorted.y].into_iter().chain(&sorted.tangents).zip([&mixed.y].into_iter().chain(&mixed.tangents))
        {
            let (a, b) = (a.lane(0), b.lane(0));
            assert_eq!([b[1], b[2], b[0]], a[..], "{method:?}");
            assert_eq!([b[4], b[3]], a[1..], "{method:?}");
        }
    }
}

#[test]
fn gradients_of_any_grid_of_times() {
    for method in ALL {
        let s = solver(decay(), with(method));
        let (y0, p) = (lanes(&[[2.0]]), lanes(&[[0.5]]));
        let gradient = |times: &[f64]| {
            let mut w = s.workspace();
            s.solve_with(&mut w, &y0, &p, times, Derivatives::Adjoint).unwrap();
            let g = s.gradient(&mut w, &y0, &p, times, &lanes(&[vec![1.0; times.len()]])).unwrap();
            (g.p.get(0, 0), g.y0.get(0, 0))
        };
        assert_eq!(gradient(&[]), (0.0, 0.0), "{method:?}");
        assert_eq!(gradient(&[0.0, 0.0]), (0.0, 2.0), "{method:?}");
        let (dp, dy0) = gradient(&[2.0, 0.0, 1.0, 2.0]);
        let (e1, e2) = (f64::exp(-0.5), f64::exp(-1.0));
        close(dp, -2.0 * (2.0 * 2.0 * e2 + e1), 2e-3, &format!("{method:?}"));
        close(dy0, 1.0 + e1 + 2.0 * e2, 1e-3, &format!("{method:?}"));
    }
}

#[test]
fn a_later_start_holds_the_initial_state() {
    for method in ALL {
        let s = solver(decay(), SolverOptions { start: 3.0, ..with(method) });
        let y0 = lanes(&[[2.0]]);
        let out = s.solve(&y0, &lanes(&[[0.5]]), &[3.0, 4.0], Derivatives::None).unwrap();
        close(out.y.get(0, 0), 2.0, 0.0, &format!("{method:?}"));
        close(out.y.get(1, 0), 2.0 * f64::exp(-0.5), 1e-3, &format!("{method:?}"));
        let e = s.solve(&y0, &lanes(&[[0.5]]), &[4.0, 2.5], Derivatives::None).unwrap_err();
        assert!(matches!(e, OdeError::TimeBeforeStart { time: 2.5, start: 3.0, .. }), "{e}");
    }
}

#[test]
fn lanes_that_failed_before_are_left_alone() {
    let s = solver(decay(), with(Method::Auto));
    let mut w = s.workspace();
    let (y0, p) = ([1.0; 8], [0.5; 8]);
    let mut skip = [false; 8];
    skip[3] = true;
    let problem = ode_sens::Problem { y0: &y0, p: &p, times: &[1.0], n_systems: 8, skip: &skip };
    let (mut out, mut failures) = (vec![0.0; 8], Vec::new());
    s.solve_into(&mut w, &problem, &mut [&mut out], Derivatives::None, &mut failures).unwrap();
    assert!(failures.is_empty() && out[3].is_nan());
    assert!((0..8).filter(|l| *l != 3).all(|l| out[l] == out[0]));
}

#[test]
fn sizes_and_options_are_checked() {
    let s = solver(decay(), with(Method::Auto));
    let e = s.solve(&lanes(&[[1.0, 2.0]]), &lanes(&[[0.5]]), &[1.0], Derivatives::None).unwrap_err();
    assert_eq!(e.to_string(), "ode decay: y0 needs 1 elements, found 2");
    let bad = |o: SolverOptions| Solver::new(Arc::new(decay()), o).unwrap_err().to_string();
    assert_eq!(
        bad(SolverOptions { rtol: 0.0, ..Default::default() }),
        "ode decay: rtol must be in (0, 0.1], found 0"
    );
    assert_eq!(
        bad(SolverOptions { active_p: Some(vec![true; 2]), ..Default::default() }),
        "ode decay: active_p needs 1 elements, found 2"
    );
    let e = Solver::new(Arc::new(logistic()), with(Method::MatrixExponential)).unwrap_err();
    assert!(matches!(e, OdeError::NotLinear { .. }));
}

/// How much work some systems take; a change here is a change of speed.
#[test]
fn steps_are_pinned() {
    let count = |system: System, y0: &[f64], p: &[f64], t: f64, options: SolverOptions| {
        // The same on every machine.
        let options = SolverOptions { isa: Some(Isa::Baseline), ..options };
        let out =
            solver(system, options).solve(&lanes(&[y0]), &lanes(&[p]), &[t], Derivatives::None).unwrap();
        (out.steps[0].accepted, out.steps[0].rejected)
    };
    let lv = [0.55, 0.028, 0.80, 0.024];
    let default = SolverOptions::default;
    let found = [
        count(michaelis_menten(), &[10.0, 0.0], &[1.2, 3.0], 20.0, with(Method::Tsit5)),
        count(michaelis_menten(), &[10.0, 0.0], &[1.2, 3.0], 20.0, default()),
        count(lotka_volterra(), &[33.9, 5.9], &lv, 10.0, with(Method::Tsit5)),
        count(lotka_volterra(), &[33.9, 5.9], &lv, 10.0, default()),
        count(lotka_volterra(), &[33.9, 5.9], &lv, 10.0, with(Method::Bdf)),
        count(robertson(), &[1.0, 0.0, 0.0], &[0.04, 1e4, 3e7], 40.0, default()),
    ];
    assert_eq!(found, [(22, 1), (47, 0), (35, 0), (83, 0), (133, 4), (287, 7)]);
}

/// Stiffness is told from a lane's own steps: its neighbours change nothing, and only it is solved
/// again.
#[test]
fn only_the_stiff_lane_changes_method() {
    let s = solver(robertson(), SolverOptions::default());
    let explicit = solver(robertson(), SolverOptions { method: Method::Tsit5, ..Default::default() });
    let implicit = solver(robertson(), SolverOptions { method: Method::Bdf, ..Default::default() });
    let y0 = [[1.0, 0.0, 0.0]; 2];
    let ps = [[0.04, 1e4, 3e7], [0.04, 0.1, 3.0]];
    let solve = |s: &Solver, l: std::ops::Range<usize>| {
        s.solve(&lanes(&y0[l.clone()]), &lanes(&ps[l]), &[40.0], Derivatives::Forward).unwrap()
    };
    let both = solve(&s, 0..2);
    assert_eq!(bits(&both, 0), bits(&solve(&implicit, 0..1), 0));
    assert_eq!(bits(&both, 1), bits(&solve(&explicit, 1..2), 0));
}

#[test]
fn a_stiff_linear_system_is_solved_exactly() {
    let s = solver(bateman(), SolverOptions::default());
    let exact =
        |ka: f64, ke: f64, t: f64| 30.0 * ka / (2.0 * (ka - ke)) * (f64::exp(-ke * t) - f64::exp(-ka * t));
    let out =
        s.solve(&lanes(&[[30.0, 0.0]]), &lanes(&[[1e5, 0.3, 2.0]]), &[1.0, 10.0], Derivatives::None).unwrap();
    close(out.y.get(1, 0), exact(1e5, 0.3, 1.0), 1e-9, "stiff absorption");
    close(out.y.get(3, 0), exact(1e5, 0.3, 10.0), 1e-9, "stiff absorption");
    // Some 300,000 by an explicit method.
    assert!(out.steps[0].accepted < 1000, "{:?}", out.steps);
}

#[test]
fn the_shape_of_a_hand_written_system() {
    let s = System::new(
        "pair",
        2,
        0,
        |_, y, _, f| f.copy_from_slice(&[y[1], -y[0]]),
        |_, _, _, j, _| {
            j.copy_from_slice(&[0.0, 1.0, -1.0, 0.0]);
        },
    );
    assert_eq!((s.n_params(), s.pattern().output_rows(2)), (0, 6));
    for method in [Method::Auto, Method::Bdf] {
        let solver = Solver::new(
            Arc::new(System::new("pair", 2, 0, s.f, s.d)),
            SolverOptions { method, ..Default::default() },
        );
        let none = Lanes::zeros(0, 1);
        let out = solver.unwrap().solve(&lanes(&[[0.0, 1.0]]), &none, &[1.5], Derivatives::Forward).unwrap();
        close(out.y.get(0, 0), f64::sin(1.5), 1e-6, "no parameters at all");
        close(out.tangents[1].get(0, 0), f64::sin(1.5), 1e-5, "with respect to the velocity");
    }
}
