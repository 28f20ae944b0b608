//! Systems written by hand, lane by lane in plain Rust: the solvers' tests depend on no compiler.
#![allow(dead_code)]

pub mod graphs;

use std::any::Any;
use std::sync::Arc;

use numerics::lanes::Lanes;
use ode_sens::{LinearRhs, Pattern, Rhs, Solver, SolverOptions};

type F = fn(f64, &[f64], &[f64], &mut [f64]);
/// `(t, y, p, df/dy [n][n], df/dp [n][m])`, both zeroed before.
type D = fn(f64, &[f64], &[f64], &mut [f64], &mut [f64]);
/// `(p, dA/dp [n][n][m])`, zeroed before.
type A = fn(&[f64], &mut [f64]);

#[derive(Debug)]
pub struct System {
    pub name: &'static str,
    pub n: usize,
    pub m: usize,
    pub f: F,
    pub d: D,
    /// For linear systems.
    pub a: Option<A>,
    pattern: Pattern,
    coefficients: Vec<(usize, usize, usize)>,
    active: Vec<usize>,
}

impl System {
    pub fn new(name: &'static str, n: usize, m: usize, f: F, d: D) -> System {
        let all = |k: usize| (0..n).flat_map(move |i| (0..k).map(move |j| (i, j))).collect();
        let pattern = Pattern { states: all(n), params: all(m) };
        System { name, n, m, f, d, a: None, pattern, coefficients: Vec::new(), active: (0..m).collect() }
    }

    pub fn linear(mut self, a: A) -> System {
        let (n, m) = (self.n, self.m);
        self.a = Some(a);
        self.coefficients = (0..n * n * m).map(|e| (e / (n * m), e / m % n, e % m)).collect();
        self
    }

    /// Keeps only these entries of `df/dy`.
    pub fn banded(mut self, lower: usize, upper: usize) -> System {
        self.pattern.states.retain(|&(i, j)| j + lower >= i && j <= i + upper);
        self
    }

    fn parts(&self, x: &[f64], l: usize) -> (Vec<f64>, f64, Vec<f64>) {
        let at = |r: usize| x[r * 8 + l];
        let (n, m) = (self.n, self.m);
        ((0..m).map(at).collect(), at(m), (0..n).map(|i| at(m + 1 + i)).collect())
    }

    fn derivatives(&self, t: f64, y: &[f64], p: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut jy, mut jp) = (vec![0.0; self.n * self.n], vec![0.0; self.n * self.m]);
        (self.d)(t, y, p, &mut jy, &mut jp);
        (jy, jp)
    }
}

impl Rhs for System {
    fn name(&self) -> &str {
        self.name
    }
    fn n_states(&self) -> usize {
        self.n
    }
    fn n_params(&self) -> usize {
        self.m
    }
    fn active(&self) -> &[usize] {
        &self.active
    }
    fn pattern(&self) -> &Pattern {
        &self.pattern
    }
    fn workspace(&self) -> Box<dyn Any + Send> {
        Box::new(())
    }
    fn rhs(&self, _: &mut dyn Any, x: &[f64], out: &mut [f64]) {
        for l in 0..8 {
            let (p, t, y) = self.parts(x, l);
            let mut f = vec![0.0; self.n];
            (self.f)(t, &y, &p, &mut f);
            f.iter().enumerate().for_each(|(i, f)| out[i * 8 + l] = *f);
        }
    }
    fn jacobian(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]) {
        let (n, m) = (self.n, self.m);
        self.rhs(ws, x, &mut out[..n * 8]);
        for l in 0..8 {
            let (p, t, y) = self.parts(x, l);
            let (jy, jp) = self.derivatives(t, &y, &p);
            let states = self.pattern.states.iter().map(|&(i, j)| jy[i * n + j]);
            let params = self.pattern.params.iter().map(|&(i, j)| jp[i * m + j]);
            states.chain(params).enumerate().for_each(|(k, v)| out[(n + k) * 8 + l] = v);
        }
    }
    fn vjp(&self, _: &mut dyn Any, x: &[f64], out: &mut [f64]) {
        let (n, m) = (self.n, self.m);
        for l in 0..8 {
            let (p, t, y) = self.parts(x, l);
            let (jy, jp) = self.derivatives(t, &y, &p);
            let ct = |i: usize| x[(m + 1 + n + i) * 8 + l];
            for j in 0..n {
                out[j * 8 + l] = (0..n).map(|i| jy[i * n + j] * ct(i)).sum();
            }
            for j in 0..m {
                out[(n + j) * 8 + l] = (0..n).map(|i| jp[i * m + j] * ct(i)).sum();
            }
        }
    }
    fn linear(&self) -> Option<&dyn LinearRhs> {
        self.a.map(|_| self as &dyn LinearRhs)
    }
}

impl LinearRhs for System {
    fn coefficient_pattern(&self) -> &[(usize, usize, usize)] {
        &self.coefficients
    }
    fn coefficient_derivatives(&self, _: &mut dyn Any, x: &[f64], out: &mut [f64]) {
        for l in 0..8 {
            let (p, _, _) = self.parts(x, l);
            let mut a = vec![0.0; self.coefficients.len()];
            (self.a.expect("linear"))(&p, &mut a);
            a.iter().enumerate().for_each(|(k, v)| out[k * 8 + l] = *v);
        }
    }
}

/// `x' = -k x`; p = (k).
pub fn decay() -> System {
    let f: F = |_, y, p, f| f[0] = -p[0] * y[0];
    let d: D = |_, y, p, jy, jp| {
        jy[0] = -p[0];
        jp[0] = -y[0];
    };
    System::new("decay", 1, 1, f, d).linear(|_, a| a[0] = -1.0)
}

/// Gut and central compartment, `a' = -ka a`, `c' = ka a / v - ke c`; p = (ka, ke, v).
pub fn bateman() -> System {
    let f: F = |_, y, p, f| {
        f[0] = -p[0] * y[0];
        f[1] = p[0] * y[0] / p[2] - p[1] * y[1];
    };
    let d: D = |_, y, p, jy, jp| {
        let [ka, ke, v] = [p[0], p[1], p[2]];
        jy.copy_from_slice(&[-ka, 0.0, ka / v, -ke]);
        jp.copy_from_slice(&[-y[0], 0.0, 0.0, y[0] / v, -y[1], -ka * y[0] / (v * v)]);
    };
    System::new("bateman", 2, 3, f, d).linear(|p, a| {
        a[0] = -1.0; // dA00/dka
        a[6] = 1.0 / p[2]; // dA10/dka
        a[8] = -p[0] / (p[2] * p[2]); // dA10/dv
        a[10] = -1.0; // dA11/dke
    })
}

/// Substrate and product, p = (vmax, km).
pub fn michaelis_menten() -> System {
    let f: F = |_, y, p, f| {
        let v = p[0] * y[0] / (p[1] + y[0]);
        f[0] = -v;
        f[1] = v;
    };
    let d: D = |_, y, p, jy, jp| {
        let s = p[1] + y[0];
        let (ds, dv, dk) = (p[0] * p[1] / (s * s), y[0] / s, -p[0] * y[0] / (s * s));
        jy[0] = -ds;
        jy[2] = ds;
        jp.copy_from_slice(&[-dv, -dk, dv, dk]);
    };
    System::new("michaelis_menten", 2, 2, f, d)
}

/// Prey u and predator v, p = (alpha, beta, gamma, delta).
pub fn lotka_volterra() -> System {
    let f: F = |_, y, p, f| {
        f[0] = (p[0] - p[1] * y[1]) * y[0];
        f[1] = (p[3] * y[0] - p[2]) * y[1];
    };
    let d: D = |_, y, p, jy, jp| {
        let [u, v] = [y[0], y[1]];
        jy.copy_from_slice(&[p[0] - p[1] * v, -p[1] * u, p[3] * v, p[3] * u - p[2]]);
        jp.copy_from_slice(&[u, -u * v, 0.0, 0.0, 0.0, 0.0, -v, u * v]);
    };
    System::new("lotka_volterra", 2, 4, f, d)
}

/// `x' = r x (1 - x / k)`; p = (r, k).
pub fn logistic() -> System {
    let f: F = |_, y, p, f| f[0] = p[0] * y[0] * (1.0 - y[0] / p[1]);
    let d: D = |_, y, p, jy, jp| {
        jy[0] = p[0] * (1.0 - 2.0 * y[0] / p[1]);
        jp[0] = y[0] * (1.0 - y[0] / p[1]);
        jp[1] = p[0] * y[0] * y[0] / (p[1] * p[1]);
    };
    System::new("logistic", 1, 2, f, d)
}

/// Fractions S, I, R; p = (beta, gamma).
pub fn sir() -> System {
    let f: F = |_, y, p, f| {
        let (i, r) = (p[0] * y[0] * y[1], p[1] * y[1]);
        f.copy_from_slice(&[-i, i - r, r]);
    };
    let d: D = |_, y, p, jy, jp| {
        let (a, b, si) = (p[0] * y[1], p[0] * y[0], y[0] * y[1]);
        jy.copy_from_slice(&[-a, -b, 0.0, a, b - p[1], 0.0, 0.0, p[1], 0.0]);
        jp.copy_from_slice(&[-si, 0.0, si, -y[1], 0.0, y[1]]);
    };
    System::new("sir", 3, 2, f, d)
}

/// Robertson's problem, p = (k1, k2, k3).
pub fn robertson() -> System {
    let f: F = |_, y, p, f| {
        let (a, b, c) = (p[0] * y[0], p[1] * y[1] * y[2], p[2] * y[1] * y[1]);
        f.copy_from_slice(&[b - a, a - b - c, c]);
    };
    let d: D = |_, y, p, jy, jp| {
        let (b1, b2, c) = (p[1] * y[2], p[1] * y[1], 2.0 * p[2] * y[1]);
        jy.copy_from_slice(&[-p[0], b1, b2, p[0], -b1 - c, -b2, 0.0, c, 0.0]);
        let (x, y2) = (y[1] * y[2], y[1] * y[1]);
        jp.copy_from_slice(&[-y[0], x, 0.0, y[0], -x, -y2, 0.0, 0.0, y2]);
    };
    System::new("robertson", 3, 3, f, d)
}

pub const CHAIN: usize = 50;

/// A chain of 50 species, each with its own rate: `y_i' = p_{i-1} y_{i-1} - p_i y_i`.
pub fn chain() -> System {
    let f: F = |_, y, p, f| {
        for i in 0..CHAIN {
            f[i] = -p[i] * y[i] + if i > 0 { p[i - 1] * y[i - 1] } else { 0.0 };
        }
    };
    let d: D = |_, y, p, jy, jp| {
        for i in 0..CHAIN {
            jy[i * CHAIN + i] = -p[i];
            jp[i * CHAIN + i] = -y[i];
            if i > 0 {
                jy[i * CHAIN + i - 1] = p[i - 1];
                jp[i * CHAIN + i - 1] = y[i - 1];
            }
        }
    };
    System::new("chain", CHAIN, CHAIN, f, d).banded(1, 0)
}

/// `y' = p y^2`: leaves the plane at t = 1 / (p y0).
pub fn blow_up() -> System {
    let f: F = |_, y, p, f| f[0] = p[0] * y[0] * y[0];
    let d: D = |_, y, p, jy, jp| {
        jy[0] = 2.0 * p[0] * y[0];
        jp[0] = y[0] * y[0];
    };
    System::new("blow_up", 1, 1, f, d)
}

/// `y' = -y` until t = p, NaN after.
pub fn turns_nan() -> System {
    let f: F = |t, y, p, f| f[0] = if t < p[0] { -y[0] } else { f64::NAN };
    let d: D = |_, _, _, jy, _| jy[0] = -1.0;
    System::new("turns_nan", 1, 1, f, d)
}

pub fn solver(system: System, options: SolverOptions) -> Solver {
    Solver::new(Arc::new(system), options).expect("valid options")
}

/// One lane a row.
pub fn lanes<R: AsRef<[f64]>>(rows: &[R]) -> Lanes {
    let mut l = Lanes::zeros(rows[0].as_ref().len(), rows.len());
    rows.iter().enumerate().for_each(|(k, r)| l.set_lane(k, r.as_ref()));
    l
}

pub fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(error <= tolerance, "{what}: found {found}, expected {expected}, off by {error:e}");
}

/// Uniform in (0, 1), the same everywhere.
pub fn uniform(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    ((*seed >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}
