//! What laws of vectors and matrices share: triangular factors as graph, and as numbers for samplers.

use std::f64::consts::PI;

use graph::ir::{Binary, Reduction, Varies};

use crate::bijectors::known_diagonal;
use crate::prelude::*;

/// ln of the diagonal of a lower factor over `(row, col)`, as a vector over `row`.
pub fn ln_diagonal(g: &mut Graph, l: NodeId, row: DimId, col: DimId) -> NodeId {
    match known_diagonal(g, l, row, col) {
        // Of an exponential: it does not underflow with it.
        Some(diagonal) => {
            let ln = g.ln(diagonal);
            self::diagonal(g, ln, row, col)
        }
        None => {
            let diagonal = diagonal(g, l, row, col);
            g.ln(diagonal)
        }
    }
}

fn diagonal(g: &mut Graph, x: NodeId, row: DimId, col: DimId) -> NodeId {
    let (i, j, zero) = (g.iota(row), g.iota(col), g.constant(0.0));
    let on = g.binary(Binary::Eq, i, j);
    let x = g.select(on, x, zero);
    g.sum(x, &[col])
}

/// `density`, or -inf where a diagonal element of `l` is not positive, or NaN: where there was nothing to
/// factor. Nothing is emitted where the structure of `l` tells, or for data, which the compiler checks.
pub fn where_definite(g: &mut Graph, l: NodeId, (row, col): (DimId, DimId), density: NodeId) -> NodeId {
    if g.varies(l) == Varies::Data || known_diagonal(g, l, row, col).is_some() {
        return density;
    }
    let (diagonal, zero) = (diagonal(g, l, row, col), g.constant(0.0));
    let least = g.reduce(Reduction::Min, diagonal, &[row]);
    let (definite, never) = (g.binary(Binary::Lt, zero, least), g.constant(f64::NEG_INFINITY));
    g.select(definite, density, never)
}

/// A matrix parameter, if it has both of the law's dimensions.
pub fn square(
    g: &Graph,
    distribution: &'static str,
    parameter: &'static str,
    x: NodeId,
    (row, col): (DimId, DimId),
) -> Result<NodeId, DistributionError> {
    let name = |d: DimId| g.dim(d).name.clone();
    match g.ty(x).has(row) && g.ty(x).has(col) {
        true => Ok(x),
        false => {
            let (row, col) = (name(row), name(col));
            Err(DistributionError::NotSquare { distribution, parameter, row, col })
        }
    }
}

/// ln of the multivariate gamma function of size n: n (n - 1) / 4 ln pi + sum over j < n of
/// ln Gamma(a - j / 2), j along `dim`.
///
/// Source: R. J. Muirhead, Aspects of Multivariate Statistical Theory (1982), theorem 2.1.12.
pub fn ln_multigamma(g: &mut Graph, a: NodeId, dim: DimId) -> NodeId {
    let (steps, n) = (g.iota(dim), g.size(dim));
    let half = g.scale(0.5, steps);
    let shifted = g.sub(a, half);
    let each = g.lgamma(shifted);
    let sum = g.sum(each, &[dim]);
    let less = g.add_const(n, -1.0);
    let pairs = g.mul(n, less);
    let constant = g.scale(0.25 * PI.ln(), pairs);
    g.add(sum, constant)
}

/// Degrees of freedom above n - 1, n the size of `dim`: else an error of a constant, and no density.
pub fn enough_degrees(
    g: &mut Graph,
    distribution: &'static str,
    df: NodeId,
    dim: DimId,
    density: NodeId,
) -> Result<NodeId, DistributionError> {
    if let (Some(found), Some(size)) = (g.as_const(df), g.fixed_size(dim)) {
        let enough = found > size as f64 - 1.0;
        let error = DistributionError::DegreesOfFreedom { distribution, size, found };
        return if enough { Ok(density) } else { Err(error) };
    }
    if g.varies(df) == Varies::Data {
        return Ok(density);
    }
    let n = g.size(dim);
    let least = g.add_const(n, -1.0);
    let out = g.binary(Binary::Le, df, least);
    Ok(emit::impossible_where(g, out, density))
}

// ---- numbers, matrices row by row -----------------------------------------------------------------

/// The lower factor of the symmetric `x`, of which the lower triangle is read, if it is positive
/// definite.
pub fn cholesky(x: &[f64], n: usize) -> Option<Vec<f64>> {
    factor(x, n).ok()
}

/// The same, or the first row that cannot be and what is left of its diagonal element.
pub fn factor(x: &[f64], n: usize) -> Result<Vec<f64>, (usize, f64)> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let rest = x[i * n + j] - (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum::<f64>();
            l[i * n + j] = if i > j {
                rest / l[j * n + j]
            } else if rest > 0.0 && rest < f64::INFINITY {
                rest.sqrt()
            } else {
                return Err((i, rest));
            };
        }
    }
    Ok(l)
}

/// The row and column of the first element that differs from the one across the diagonal by more than
/// rounding.
pub fn asymmetry(x: &[f64], n: usize) -> Option<(usize, usize)> {
    let mut pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
    pairs.find(|&(i, j)| {
        let size = x[i * n + i].abs().max(x[j * n + j].abs());
        (x[i * n + j] - x[j * n + i]).abs() > 1e-8 * size
    })
}

/// L x in place; from the last element on, each needs those before it.
pub fn multiply(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in (0..n).rev() {
        x[i] = (0..=i).map(|k| l[i * n + k] * x[k]).sum();
    }
}

/// Solves L y = x in place.
pub fn solve(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in 0..n {
        let rest = x[i] - (0..i).map(|k| l[i * n + k] * x[k]).sum::<f64>();
        x[i] = rest / l[i * n + i];
    }
}

/// Solves L' y = x in place.
pub fn solve_transposed(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in (0..n).rev() {
        let rest = x[i] - (i + 1..n).map(|k| l[k * n + i] * x[k]).sum::<f64>();
        x[i] = rest / l[i * n + i];
    }
}

/// L L', of the lower triangle of `l`.
pub fn outer(l: &[f64], n: usize) -> Vec<f64> {
    let element = |i: usize, j: usize| (0..=i.min(j)).map(|k| l[i * n + k] * l[j * n + k]).sum();
    (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| element(i, j)).collect()
}

/// The inverse of the symmetric `x`, of which the lower triangle is read, if it is positive definite.
pub fn inverse(x: &[f64], n: usize) -> Option<Vec<f64>> {
    let l = cholesky(x, n)?;
    let mut out = vec![0.0; n * n];
    for (i, row) in out.chunks_mut(n.max(1)).enumerate() {
        row[i] = 1.0;
        solve(&l, row);
        solve_transposed(&l, row);
    }
    Some(out)
}

/// The size of a square matrix of so many elements.
pub fn side(elements: usize) -> usize {
    elements.isqrt()
}
