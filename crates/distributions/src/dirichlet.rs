//! Dirichlet draws as normalised gammas, and how they move with their shapes.

use numerics::incomplete::gamma::ln_implicit;

/// `[i][j]`: the derivative of component i of a Dirichlet draw by shape j.
///
/// The draw is that of gamma(shape, 1) numbers over their sum, given by their logarithms, so that
/// those of small shapes need not be representable. Each gamma keeps its probability:
/// `dx_i/da_j = x_i ([i = j] - x_j) d ln y_j/da_j`. NaN where a shape is not positive and finite. Of
/// two lengths the shorter counts.
pub fn dirichlet_implicit(shapes: &[f64], ln_gammas: &[f64]) -> Vec<Vec<f64>> {
    let top = ln_gammas.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let y: Vec<f64> = ln_gammas.iter().zip(shapes).map(|(l, _)| (l - top).exp()).collect();
    let total: f64 = y.iter().sum();
    let moved: Vec<f64> = shapes.iter().zip(ln_gammas).map(|(&a, &l)| ln_implicit(a, l)).collect();
    // 1 - x as the sum of the others: it keeps its digits where x is nearly one.
    let others = |i: usize| y.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, y)| y).sum::<f64>();
    (0..y.len())
        .map(|i| {
            let by = |j: usize| if i == j { others(i) / total } else { -y[j] / total };
            (0..y.len()).map(|j| y[i] / total * by(j) * moved[j]).collect()
        })
        .collect()
}
