//! Normals from a quasi-Newton descent: at each of its points, the curvature that the steps so far have
//! met.

use nalgebra::{Cholesky, DMatrix, DVector};

/// Pairs of steps and changes of the gradient that are kept.
const MEMORY: usize = 6;
/// A pair counts where its curvature is positive beyond rounding: `s'y > this * |y|^2`.
const CURVED: f64 = 1e-12;

/// A point of a descent with the gradient of minus the log density.
#[derive(Clone, Debug)]
pub struct Point {
    pub x: DVector<f64>,
    pub gradient: DVector<f64>,
}

/// A normal with covariance `D (1 + Q (L L' - 1) Q') D`, `D` diagonal, `Q` with a few orthonormal columns.
/// A draw is `mean + D (eps + Q (L - 1) Q' eps)`.
#[derive(Clone, Debug)]
pub struct PathNormal {
    pub mean: DVector<f64>,
    d: DVector<f64>,
    q: DMatrix<f64>,
    l: DMatrix<f64>,
}

impl PathNormal {
    /// The draw of base noise.
    pub fn rsample(&self, eps: &DVector<f64>) -> DVector<f64> {
        let along = self.q.tr_mul(eps);
        let stretched = &self.l * &along - along;
        (eps + &self.q * stretched).component_mul(&self.d) + &self.mean
    }

    /// The base noise of a draw.
    fn eps(&self, z: &DVector<f64>) -> DVector<f64> {
        let w = (z - &self.mean).component_div(&self.d);
        let along = self.q.tr_mul(&w);
        let shrunk = self.l.solve_lower_triangular(&along).unwrap_or_else(|| along.clone());
        w + &self.q * (shrunk - along)
    }

    /// Log density, and its gradient.
    pub fn log_prob(&self, z: &DVector<f64>) -> (f64, DVector<f64>) {
        let eps = self.eps(z);
        let log_det: f64 = self.d.iter().chain(self.l.diagonal().iter()).map(|x| x.ln()).sum();
        let log_prob = -0.5 * eps.norm_squared() - log_det - z.len() as f64 * crate::families::HALF_LOG_TAU;
        let along = self.q.tr_mul(&eps);
        let shrunk = self.l.tr_solve_lower_triangular(&along).unwrap_or_else(|| along.clone());
        (log_prob, -(eps + &self.q * (shrunk - along)).component_div(&self.d))
    }
}

/// The inverse Hessian that the pairs so far estimate (Zhang, Carpenter, Gelman and Vehtari 2022, algorithms
/// 3 and 4).
pub struct Curvature {
    /// Its diagonal part.
    alpha: DVector<f64>,
    steps: Vec<DVector<f64>>,
    changes: Vec<DVector<f64>>,
}

impl Curvature {
    pub fn new(dim: usize) -> Self {
        Curvature { alpha: DVector::from_element(dim, 1.0), steps: Vec::new(), changes: Vec::new() }
    }

    /// Learns from one step of a descent.
    pub fn learn(&mut self, from: &Point, to: &Point) {
        let (s, y) = (&to.x - &from.x, &to.gradient - &from.gradient);
        let b = s.dot(&y);
        let is_curved = b > CURVED * y.norm_squared();
        if !is_curved {
            return;
        }
        // The update of the diagonal after Gilbert and Lemarechal (1989).
        let a = y.component_mul(&y).dot(&self.alpha);
        let c = s.component_mul(&s).component_div(&self.alpha).sum();
        for i in 0..s.len() {
            let old = self.alpha[i];
            let inverse = a / (b * old) + y[i] * y[i] / b - a * s[i] * s[i] / (b * c * old * old);
            if inverse > 0.0 && inverse.is_finite() {
                self.alpha[i] = 1.0 / inverse;
            }
        }
        if self.steps.len() == MEMORY {
            self.steps.remove(0);
            self.changes.remove(0);
        }
        self.steps.push(s);
        self.changes.push(y);
    }

    /// The normal of this curvature about where it puts the mode, seen from `point`. `None` where rounding
    /// leaves no positive definite one.
    pub fn normal(&self, point: &Point) -> Option<PathNormal> {
        let d = self.alpha.map(f64::sqrt);
        let m = self.steps.len();
        if m == 0 {
            let mean = &point.x - self.alpha.component_mul(&point.gradient);
            let dim = d.len();
            let (q, l) = (DMatrix::zeros(dim, 0), DMatrix::zeros(0, 0));
            return Some(PathNormal { mean, d, q, l });
        }
        let (s, y) = (DMatrix::from_columns(&self.steps), DMatrix::from_columns(&self.changes));
        let products = s.tr_mul(&y);
        let eta = products.upper_triangle().try_inverse()?;
        let scaled = DMatrix::from_fn(d.len(), m, |i, j| self.alpha[i] * y[(i, j)]);
        let middle = DMatrix::from_diagonal(&products.diagonal()) + y.tr_mul(&scaled);
        let mut gamma = DMatrix::zeros(2 * m, 2 * m);
        gamma.view_mut((0, m), (m, m)).copy_from(&-&eta);
        gamma.view_mut((m, 0), (m, m)).copy_from(&-eta.transpose());
        gamma.view_mut((m, m), (m, m)).copy_from(&(eta.transpose() * middle * &eta));
        // beta = [alpha Y, S], and H^-1 = alpha + beta gamma beta'
        let mut beta = DMatrix::zeros(d.len(), 2 * m);
        beta.columns_mut(0, m).copy_from(&scaled);
        beta.columns_mut(m, m).copy_from(&s);
        let mean = &point.x
            - self.alpha.component_mul(&point.gradient)
            - &beta * (&gamma * beta.tr_mul(&point.gradient));
        for (i, mut row) in beta.row_iter_mut().enumerate() {
            row /= d[i];
        }
        let (q, r) = beta.qr().unpack();
        let inner = &r * gamma * r.transpose();
        let inner = (&inner + inner.transpose()) * 0.5 + DMatrix::identity(r.nrows(), r.nrows());
        let l = Cholesky::new(inner)?.l();
        mean.iter().all(|x| x.is_finite()).then_some(PathNormal { mean, d, q, l })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covariance(normal: &PathNormal) -> DMatrix<f64> {
        let dim = normal.mean.len();
        let columns: Vec<DVector<f64>> = (0..dim)
            .map(|j| normal.rsample(&DVector::from_fn(dim, |i, _| f64::from(i == j))) - &normal.mean)
            .collect();
        let factor = DMatrix::from_columns(&columns);
        &factor * factor.transpose()
    }

    /// Steps along every coordinate of a quadratic tell its whole curvature; more coordinates than pairs,
    /// that part of it which they met.
    #[test]
    fn curvature_is_learned_from_steps() {
        for dim in [3, 9] {
            let l = DMatrix::from_fn(dim, dim, |i, j| match i.cmp(&j) {
                std::cmp::Ordering::Less => 0.0,
                std::cmp::Ordering::Equal => 1.0 + 0.2 * i as f64,
                std::cmp::Ordering::Greater => 0.3 * ((i + 2 * j) as f64).sin(),
            });
            let precision = &l * l.transpose();
            let mode = DVector::from_fn(dim, |i, _| i as f64 - 1.0);
            let at = |x: DVector<f64>| {
                let gradient = &precision * (&x - &mode);
                Point { x, gradient }
            };
            let mut curvature = Curvature::new(dim);
            let mut here = at(DVector::from_fn(dim, |i, _| (i as f64).cos()));
            for k in 0..MEMORY + 1 {
                let mut x = here.x.clone();
                x[k % dim] += 0.5;
                x[(k + 1) % dim] -= 0.2;
                let next = at(x);
                curvature.learn(&here, &next);
                here = next;
            }
            let normal = curvature.normal(&here).unwrap();
            let covariance = covariance(&normal);
            // the secant equation of the last step: H^-1 y = s
            let (s, y) = (curvature.steps.last().unwrap(), curvature.changes.last().unwrap());
            assert!((&covariance * y - s).amax() < 1e-10);
            let constant = -0.5 * covariance.determinant().ln() - dim as f64 * crate::families::HALF_LOG_TAU;
            let z = DVector::from_fn(dim, |i, _| 0.3 * i as f64);
            let solved = covariance.clone().try_inverse().unwrap() * (&z - &normal.mean);
            let (log_prob, score) = normal.log_prob(&z);
            assert!((log_prob - constant + 0.5 * (&z - &normal.mean).dot(&solved)).abs() < 1e-9);
            assert!((score + solved).amax() < 1e-9);
            let eps = DVector::from_fn(dim, |i, _| 0.2 + 0.1 * i as f64);
            assert!((normal.eps(&normal.rsample(&eps)) - eps).amax() < 1e-12);
        }
    }
}
