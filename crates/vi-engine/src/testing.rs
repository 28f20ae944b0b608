//! Densities with known answers, for the tests.

use nalgebra::{Cholesky, DMatrix, DVector};
use numerics::lanes::Lanes;

use crate::coordinates::row;
use crate::log_density::{LaneFailure, LogDensity};

/// A density written as `log_prob(z, gradient) -> value` for one draw. A value of NaN is a failure.
pub struct Function<F> {
    names: Vec<String>,
    f: F,
    pub evaluations: usize,
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64> Function<F> {
    pub fn new(dim: usize, f: F) -> Self {
        Function { names: (0..dim).map(|i| format!("z{i}")).collect(), f, evaluations: 0 }
    }

    pub fn named(names: &[&str], f: F) -> Self {
        Function { names: names.iter().map(|n| n.to_string()).collect(), f, evaluations: 0 }
    }
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64> LogDensity for Function<F> {
    fn dim(&self) -> usize {
        self.names.len()
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn eval(
        &mut self,
        z: &Lanes,
        value: &mut [f64],
        mut grad: Option<&mut Lanes>,
        failures: &mut Vec<LaneFailure>,
    ) {
        for (lane, value) in value.iter_mut().enumerate() {
            self.evaluations += 1;
            let mut g = vec![0.0; self.names.len()];
            *value = (self.f)(&z.lane(lane), &mut g);
            if value.is_nan() {
                *value = f64::NEG_INFINITY;
                g.fill(0.0);
                failures.push(LaneFailure { lane, reason: "no value here".into() });
            }
            if let Some(grad) = grad.as_deref_mut() {
                grad.set_lane(lane, &g);
            }
        }
    }
}

/// A normal density, normalised up to `log_evidence`.
pub struct Gaussian {
    names: Vec<String>,
    pub mean: DVector<f64>,
    pub covariance: DMatrix<f64>,
    pub precision: DMatrix<f64>,
    pub log_evidence: f64,
    constant: f64,
}

impl Gaussian {
    pub fn new(mean: &[f64], covariance: DMatrix<f64>) -> Self {
        let n = mean.len();
        let cholesky = Cholesky::new(covariance.clone()).expect("a covariance");
        let log_det: f64 = 2.0 * (0..n).map(|i| cholesky.l_dirty()[(i, i)].ln()).sum::<f64>();
        Gaussian {
            names: (0..n).map(|i| format!("z{i}")).collect(),
            mean: DVector::from_column_slice(mean),
            precision: cholesky.inverse(),
            covariance,
            log_evidence: 0.0,
            constant: -0.5 * log_det - n as f64 * crate::families::HALF_LOG_TAU,
        }
    }

    /// From a lower triangle packed by rows.
    pub fn from_factor(mean: &[f64], factor: &[f64]) -> Self {
        let n = mean.len();
        let l = DMatrix::from_fn(n, n, |i, j| if j <= i { factor[row(i) + j] } else { 0.0 });
        Gaussian::new(mean, &l * l.transpose())
    }
}

impl LogDensity for Gaussian {
    fn dim(&self) -> usize {
        self.names.len()
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn eval(
        &mut self,
        z: &Lanes,
        value: &mut [f64],
        mut grad: Option<&mut Lanes>,
        _failures: &mut Vec<LaneFailure>,
    ) {
        for (lane, value) in value.iter_mut().enumerate() {
            let x = DVector::from_vec(z.lane(lane)) - &self.mean;
            let g = -(&self.precision * &x);
            *value = self.log_evidence + self.constant + 0.5 * x.dot(&g);
            if let Some(grad) = grad.as_deref_mut() {
                grad.set_lane(lane, g.as_slice());
            }
        }
    }
}

/// A density whose coordinates stand in plates.
pub struct Plated<D> {
    pub density: D,
    pub plates: Vec<Vec<Option<usize>>>,
}

impl<D: LogDensity> LogDensity for Plated<D> {
    fn dim(&self) -> usize {
        self.density.dim()
    }

    fn names(&self) -> &[String] {
        self.density.names()
    }

    fn plates(&self) -> Vec<Vec<Option<usize>>> {
        self.plates.clone()
    }

    fn eval(&mut self, z: &Lanes, v: &mut [f64], g: Option<&mut Lanes>, f: &mut Vec<LaneFailure>) {
        self.density.eval(z, v, g, f);
    }
}

/// Rosenbrock's valley; its gradient is added to `g`.
pub fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
    let mut value = 0.0;
    for i in 0..x.len() - 1 {
        let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
        value += a * a + 100.0 * b * b;
        g[i] += -2.0 * a - 400.0 * x[i] * b;
        g[i + 1] += 200.0 * b;
    }
    value
}
