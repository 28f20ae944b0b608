//! Solutions and sensitivities against closed forms.

mod common;

use common::*;
use ode_sens::{Derivatives, Method, SolverOptions};

fn options(method: Method) -> SolverOptions {
    SolverOptions { method, ..SolverOptions::default() }
}

const ALL: [Method; 5] =
    [Method::Tsit5, Method::TrBdf2, Method::Esdirk34, Method::Bdf, Method::MatrixExponential];

#[test]
fn decay_and_its_sensitivities_by_every_method() {
    let times = [0.5, 3.0, 0.0, 1.0];
    for (method, tolerance) in ALL.into_iter().zip([1e-8, 1e-4, 1e-6, 1e-6, 1e-13]) {
        let s = solver(decay(), options(method));
        let (k, x0) = (0.7, 2.0);
        let out = s.solve(&lanes(&[[x0]]), &lanes(&[[k]]), &times, Derivatives::Forward).unwrap();
        assert!(out.failures.is_empty());
        for (row, t) in times.into_iter().enumerate() {
            let e = f64::exp(-k * t);
            let what = format!("{method:?} at {t}");
            close(out.y.get(row, 0), x0 * e, tolerance, &what);
            close(out.tangents[0].get(row, 0), -t * x0 * e, 3.0 * tolerance, &format!("{what}, dx/dk"));
            close(out.tangents[1].get(row, 0), e, 3.0 * tolerance, &format!("{what}, dx/dx0"));
        }
    }
}

/// Amount in the gut `d`, concentration after: (c, dc/dka, dc/dke, dc/dv).
fn bateman_exact(ka: f64, ke: f64, v: f64, d: f64, t: f64) -> [f64; 4] {
    // g = (e^-ke t - e^-ka t) / (ka - ke), by its series where the difference cancels
    let x = (ka - ke) * t;
    let e = f64::exp(-ke * t);
    let (g, dg_dx) = if x.abs() > 0.05 {
        let g = -f64::exp_m1(-x) / x;
        (g, (f64::exp(-x) - g) / x)
    } else {
        let (mut g, mut dg, mut term) = (0.0, 0.0, 1.0);
        for k in 0..16 {
            g += term;
            let next = -term / (k + 2) as f64;
            dg += next * (k + 1) as f64;
            term = next * x;
        }
        (g, dg)
    };
    let scale = d / v;
    let c = scale * ka * t * e * g;
    let dka = scale * t * e * (g + ka * t * dg_dx);
    let dke = scale * ka * t * e * (-t * g - t * dg_dx);
    [c, dka, dke, -c / v]
}

#[test]
fn bateman_also_where_the_rates_are_equal() {
    let published = [(0.5, 7.28140169), (1.0, 9.70665113), (2.0, 9.35671064), (5.0, 4.17332017)];
    for (t, c) in published {
        close(bateman_exact(1.5, 0.3, 2.0, 30.0, t)[0], c, 6e-9, "the closed form itself");
    }
    let times: Vec<f64> = published.iter().map(|p| p.0).collect();
    for (method, tolerance) in
        [(Method::Tsit5, 1e-7), (Method::MatrixExponential, 1e-12), (Method::Bdf, 3e-6)]
    {
        let s = solver(bateman(), SolverOptions { active_y0: Some(vec![false, false]), ..options(method) });
        let ps: [[f64; 3]; 4] = [[1.5, 0.3, 2.0], [0.9, 0.9, 2.0], [0.9, 0.9 + 1e-9, 2.0], [0.9, 0.91, 3.0]];
        let p = lanes(&ps);
        let out = s.solve(&lanes(&[[30.0, 0.0]; 4]), &p, &times, Derivatives::Forward).unwrap();
        for (l, p) in ps.iter().enumerate() {
            for (row, &t) in times.iter().enumerate() {
                let exact = bateman_exact(p[0], p[1], p[2], 30.0, t);
                let what = format!("{method:?}, {p:?} at {t}");
                close(out.y.get(2 * row + 1, l), exact[0], tolerance, &what);
                for k in 0..3 {
                    let found = out.tangents[k].get(2 * row + 1, l);
                    close(found, exact[k + 1], 20.0 * tolerance, &format!("{what}, tangent {k}"));
                }
            }
        }
    }
}

#[test]
fn michaelis_menten_by_lambert() {
    let exact = [(1.0, 8.76389036), (3.0, 6.39434285), (5.0, 4.22373199), (8.0, 1.62910662)];
    let times: Vec<f64> = exact.iter().map(|e| e.0).collect();
    for method in [Method::Tsit5, Method::Auto, Method::Bdf] {
        let s = solver(michaelis_menten(), options(method));
        let out = s.solve(&lanes(&[[10.0, 0.0]]), &lanes(&[[1.5, 2.0]]), &times, Derivatives::None).unwrap();
        for (row, (t, c)) in exact.into_iter().enumerate() {
            let tolerance = if method == Method::Bdf { 2e-6 } else { 2e-8 };
            close(out.y.get(2 * row, 0), c, tolerance, &format!("{method:?} at {t}"));
            close(out.y.get(2 * row + 1, 0), 10.0 - out.y.get(2 * row, 0), 1e-12, "conserved");
        }
    }
}

/// t(C) of Michaelis-Menten is explicit, `vmax t = C0 - C + km ln(C0 / C)`: so are its derivatives.
#[test]
fn michaelis_menten_sensitivities_by_the_implicit_equation() {
    let (vmax, km, c0) = (1.5, 2.0, 10.0);
    let times = [1.0, 3.0, 5.0, 8.0];
    let s = solver(michaelis_menten(), options(Method::Tsit5));
    let out = s.solve(&lanes(&[[c0, 0.0]]), &lanes(&[[vmax, km]]), &times, Derivatives::Forward).unwrap();
    for (row, t) in times.into_iter().enumerate() {
        let c = out.y.get(2 * row, 0);
        let slope = 1.0 + km / c;
        let what = format!("at {t}");
        close(out.tangents[0].get(2 * row, 0), -t / slope, 1e-7, &what);
        close(out.tangents[1].get(2 * row, 0), f64::ln(c0 / c) / slope, 1e-7, &what);
        close(out.tangents[2].get(2 * row, 0), (1.0 + km / c0) / slope, 1e-7, &what);
    }
}

#[test]
fn lotka_volterra_values_and_invariant() {
    let exact = [
        (1.0, 49.2569681, 7.1290067),
        (5.0, 18.8415881, 39.2480427),
        (10.0, 31.9505775, 5.9091125),
        (20.0, 30.1171538, 5.9597326),
    ];
    let times: Vec<f64> = exact.iter().map(|e| e.0).collect();
    let p = [0.55, 0.028, 0.80, 0.024];
    let s = solver(lotka_volterra(), options(Method::Auto));
    let out = s.solve(&lanes(&[[33.9, 5.9]]), &lanes(&[p]), &times, Derivatives::None).unwrap();
    for (row, (t, u, v)) in exact.into_iter().enumerate() {
        let (fu, fv) = (out.y.get(2 * row, 0), out.y.get(2 * row + 1, 0));
        close(fu, u, 2e-6, &format!("prey at {t}"));
        close(fv, v, 2e-6, &format!("predator at {t}"));
        let invariant = p[3] * fu - p[2] * fu.ln() + p[1] * fv - p[0] * fv.ln();
        close(invariant, -2.8161558, 6e-8, "invariant");
    }
}

#[test]
fn sir_final_size() {
    let s = solver(sir(), options(Method::Auto));
    let y0 = [1.0 - 1e-9, 1e-9, 0.0];
    let out = s.solve(&lanes(&[y0]), &lanes(&[[2.0, 1.0]]), &[200.0], Derivatives::None).unwrap();
    close(out.y.get(2, 0), 0.79681213, 1e-7, "recovered in the end");
    close((0..3).map(|i| out.y.get(i, 0)).sum(), 1.0, 1e-12, "conserved");
}

#[test]
fn logistic_growth_and_its_sensitivities() {
    let (r, k, x0) = (0.8, 5.0, 0.3);
    let times = [0.5, 2.0, 4.0, 12.0];
    let s = solver(logistic(), options(Method::Tsit5));
    let out = s.solve(&lanes(&[[x0]]), &lanes(&[[r, k]]), &times, Derivatives::Forward).unwrap();
    for (row, t) in times.into_iter().enumerate() {
        let e = f64::exp(-r * t);
        let q = 1.0 + (k / x0 - 1.0) * e;
        let x = k / q;
        close(out.y.get(row, 0), x, 2e-8, "value");
        close(out.tangents[0].get(row, 0), x / q * (k / x0 - 1.0) * t * e, 2e-7, "d/dr");
        close(out.tangents[1].get(row, 0), 1.0 / q - k / (q * q) * e / x0, 2e-7, "d/dk");
        close(out.tangents[2].get(row, 0), x / q * k / (x0 * x0) * e, 2e-7, "d/dx0");
    }
}

#[test]
fn robertson_is_found_stiff_and_solved() {
    let exact = [0.715827069, 9.18553476e-6, 0.284163746];
    for method in [Method::Auto, Method::Bdf, Method::Esdirk34] {
        let s = solver(robertson(), options(method));
        let out = s
            .solve(&lanes(&[[1.0, 0.0, 0.0]]), &lanes(&[[0.04, 1e4, 3e7]]), &[40.0], Derivatives::None)
            .unwrap();
        assert!(out.failures.is_empty(), "{:?}", out.failures);
        for (i, x) in exact.into_iter().enumerate() {
            close(out.y.get(i, 0), x, 2e-6 * x.max(1e-4), &format!("{method:?}, species {i}"));
        }
    }
}

/// A fifth-order method at a tolerance smaller by 32: two steps for one, the error 1/32 of it.
/// Error per unit of tolerance stays within a narrow band over five decades.
#[test]
fn errors_follow_the_tolerance() {
    let error = |rtol: f64| {
        let s = solver(lotka_volterra(), SolverOptions { rtol, atol: rtol * 1e-2, ..options(Method::Tsit5) });
        let out = s
            .solve(&lanes(&[[33.9, 5.9]]), &lanes(&[[0.55, 0.028, 0.80, 0.024]]), &[10.0], Derivatives::None)
            .unwrap();
        ((out.y.get(0, 0) - 31.9505775).abs(), out.steps[0].accepted as f64)
    };
    let (rough, fine) = (error(1e-4), error(1e-4 / 1024.0));
    let order = (rough.0 / fine.0).log2() / (fine.1 / rough.1).log2();
    assert!((4.0..7.0).contains(&order), "order {order}: {rough:?} {fine:?}");
}
