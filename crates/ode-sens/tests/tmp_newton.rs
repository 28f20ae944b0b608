mod common;
use common::*;
use ode_sens::*;
#[test]
fn hunt() {
    for method in [Method::Esdirk34, Method::TrBdf2, Method::Bdf] {
        for (rtol, atol) in [(1e-3, 1e-7), (1e-4, 1e-6), (1e-6, 1e-10), (1e-4, 1e-10)] {
            for t in [40.0, 4e4, 4e6] {
                let s = solver(robertson(), SolverOptions { method, rtol, atol, ..Default::default() });
                let (y0, p) = (lanes(&[[1.0, 0.0, 0.0]]), lanes(&[[0.04, 1e4, 3e7]]));
                let mut w = s.workspace();
                eprintln!("{method:?} {rtol} {atol} {t}");
                let out = s.solve_with(&mut w, &y0, &p, &[t], Derivatives::Adjoint).unwrap();
                let g = s.gradient(&mut w, &y0, &p, &[t], &lanes(&[[1.0, 1.0, 0.5]])).unwrap();
                eprintln!("{:?} {:?}", out.failures.len(), g.p.lane(0));
            }
        }
    }
}
