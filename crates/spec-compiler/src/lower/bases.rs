//! Bases of functions of a column, as data; and the spectral densities that go with one.

use graph::ir::NodeId;

use crate::errors;
use crate::lower::Lowering;
use crate::source::Span;
use crate::typed::{Basis, DimRef, Kernel, Kind, Typed};

impl Lowering<'_> {
    /// The functions of `basis` at `x`, one an element of `dim`.
    pub fn basis(&mut self, basis: &Basis, x: &Typed, dim: DimRef, span: Span) -> NodeId {
        let node = self.expr(x);
        let order = self.in_memory_order(&x.dims);
        let values = self.data_over(node, &x.dims);
        let n = self.model.dims[dim.0].size;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // The rows of a prediction may all be at one place.
        if low >= high && !self.is_prediction {
            self.mistakes.push(errors::basis_constant(x.span));
            return self.graph.constant(0.0);
        }
        match basis {
            Basis::Spline { degree, knots } => {
                let inner = n - degree - 1;
                let knots = self.remembered(span, || {
                    let inner = knots.clone().unwrap_or_else(|| quantiles(&values, inner));
                    [vec![low], inner, vec![high]].concat()
                });
                self.beyond(x, &values, knots[0], knots[knots.len() - 1]);
                let rows: Vec<Vec<f64>> = values.iter().map(|&x| bspline(x, &knots, *degree, n)).collect();
                let order = [order, vec![dim]].concat();
                self.basis_of(node, &rows.concat(), &order)
            }
            Basis::Hilbert { boundary } => {
                let range = self.remembered(span, || vec![low, high]);
                self.beyond(x, &values, range[0], range[1]);
                let (centre, l) = frame(&range, *boundary);
                let at = |x: f64, j: usize| {
                    (std::f64::consts::PI * (j + 1) as f64 * (x - centre + l) / (2.0 * l)).sin() / l.sqrt()
                };
                let rows: Vec<f64> =
                    values.iter().flat_map(|&x| (0..n).map(move |j| (x, j))).map(|(x, j)| at(x, j)).collect();
                let order = [order, vec![dim]].concat();
                self.basis_of(node, &rows, &order)
            }
            Basis::Frequency { boundary } => {
                let range = self.remembered(span, || vec![low, high]);
                let (_, l) = frame(&range, *boundary);
                let omega: Vec<f64> = (1..=n).map(|j| std::f64::consts::PI * j as f64 / (2.0 * l)).collect();
                self.array(&omega, &[dim])
            }
        }
    }

    /// The functions at the values of `x`, of which it is noted where they come from.
    fn basis_of(&mut self, x: NodeId, values: &[f64], order: &[DimRef]) -> NodeId {
        let made = self.array(values, order);
        self.bases.push((made, x));
        made
    }

    /// Notes how many values lie outside the range of the fit.
    fn beyond(&mut self, x: &Typed, values: &[f64], low: f64, high: f64) {
        let n = values.iter().filter(|v| !(low..=high).contains(*v)).count();
        if n == 0 {
            return;
        }
        let name = match x.kind {
            Kind::Column { table, column } => &self.model.tables[table].data.columns[column].name,
            Kind::Let(i) => &self.model.lets[i].name,
            _ => return,
        };
        self.beyond.insert(name.clone(), n);
    }

    /// The square root of the spectral density of a kernel of unit variance in one dimension.
    ///
    /// Source: G. Riutort-Mayol et al., Practical Hilbert space approximate Bayesian Gaussian processes
    /// for probabilistic programming, Statistics and Computing 33 (2023), section 3.
    pub fn spectral_scale(&mut self, kernel: Kernel, frequency: NodeId, length: NodeId) -> NodeId {
        let g = &mut self.graph;
        let phase = g.mul(frequency, length);
        let squared = g.square(phase);
        // In phi = omega l: S = l f(phi), and its root.
        let root_length = g.sqrt(length);
        let (log_constant, power, nu) = match kernel {
            Kernel::SquaredExponential => {
                let decay = g.scale(-0.25, squared);
                let decay = g.exp(decay);
                let c = (2.0 * std::f64::consts::PI).powf(0.25);
                let both = g.mul(root_length, decay);
                return g.scale(c, both);
            }
            Kernel::Matern12 => (2.0f64, 1.0, 1.0),
            Kernel::Matern32 => (4.0 * 3.0f64.powf(1.5), 2.0, 3.0),
            Kernel::Matern52 => (16.0 / 3.0 * 5.0f64.powf(2.5), 3.0, 5.0),
        };
        let base = g.add_const(squared, nu);
        let exponent = g.constant(-0.5 * power);
        let decay = g.pow(base, exponent);
        let both = g.mul(root_length, decay);
        g.scale(log_constant.sqrt(), both)
    }
}

/// The centre of a range, and half the width of the box around it.
fn frame(range: &[f64], boundary: f64) -> (f64, f64) {
    (0.5 * (range[0] + range[1]), boundary * 0.5 * (range[1] - range[0]))
}

/// `n` inner quantiles, equally far apart in probability.
fn quantiles(values: &[f64], n: usize) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |k: usize| {
        let place = (k + 1) as f64 / (n + 1) as f64 * (sorted.len() - 1) as f64;
        let low = place.floor() as usize;
        let high = (low + 1).min(sorted.len() - 1);
        sorted[low] + (place - low as f64) * (sorted[high] - sorted[low])
    };
    (0..n).map(at).collect()
}

/// The `n` B-splines of `degree` at `x`: `knots` are the ends and what lies between; beyond the ends
/// the outermost pieces go on.
///
/// Source: C. de Boor, A Practical Guide to Splines (2001), chapter IX, equations (14) and (15).
fn bspline(x: f64, knots: &[f64], degree: usize, n: usize) -> Vec<f64> {
    let (low, high) = (knots[0], knots[knots.len() - 1]);
    let mut t = vec![low; degree];
    t.extend(knots);
    t.extend(std::iter::repeat_n(high, degree));
    // The piece that x lies in, the last one closed.
    let piece = (degree..n).rev().find(|&i| t[i] <= x && t[i] < t[i + 1]).unwrap_or(degree);
    let mut basis = vec![0.0; n + degree];
    basis[piece] = 1.0;
    for p in 1..=degree {
        for i in 0..n + degree - p {
            let ratio = |a: f64, b: f64| if b > 0.0 { a / b } else { 0.0 };
            let left = ratio(x - t[i], t[i + p] - t[i]) * basis[i];
            let right = ratio(t[i + p + 1] - x, t[i + p + 1] - t[i + 1]) * basis[i + 1];
            basis[i] = left + right;
        }
    }
    basis.truncate(n);
    basis
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They are positive, sum to one, and reproduce x by its Greville abscissae.
    #[test]
    fn splines_are_a_partition_of_one() {
        let knots = [0.0, 0.3, 0.35, 0.8, 1.0];
        for degree in 0..=4 {
            let n = knots.len() - 2 + degree + 1;
            let mut t = vec![0.0; degree];
            t.extend(knots);
            t.extend(vec![1.0; degree]);
            for k in 0..=100 {
                let x = f64::from(k) / 100.0;
                let b = bspline(x, &knots, degree, n);
                assert!(b.iter().all(|v| *v >= -1e-15), "degree {degree} at {x}: {b:?}");
                assert!((b.iter().sum::<f64>() - 1.0).abs() < 1e-14);
                if degree > 0 {
                    let abscissa = |i: usize| t[i + 1..=i + degree].iter().sum::<f64>() / degree as f64;
                    let again: f64 = b.iter().enumerate().map(|(i, v)| v * abscissa(i)).sum();
                    assert!((again - x).abs() < 1e-14, "degree {degree}: {again} for {x}");
                }
            }
        }
    }
}
