//! The matrix exponential: Pade approximation with scaling and squaring (Higham, "The scaling and
//! squaring method for the matrix exponential revisited", SIAM J. Matrix Anal. Appl. 26, 2005,
//! algorithm 2.3: degrees and thresholds of table 2.3, coefficients of equation 2.2).

use nalgebra::DMatrix;

/// Degrees below 13 and the 1-norms up to which they are accurate to rounding.
const SMALL: [(usize, f64); 4] =
    [(3, 1.495585217958292e-2), (5, 2.53939833006323e-1), (7, 9.504178996162932e-1), (9, 2.097847961257068)];
const THETA_13: f64 = 5.371920351148152;

/// `exp(a)` of a square matrix; `None` where it, or `a`, is not finite.
pub(crate) fn expm(a: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let norm = a.column_iter().map(|c| c.iter().map(|x| x.abs()).sum::<f64>()).fold(0.0, f64::max);
    if !a.iter().all(|x| x.is_finite()) || !norm.is_finite() {
        return None;
    }
    let result = match SMALL.iter().find(|(_, theta)| norm <= *theta) {
        Some(&(degree, _)) => pade(a, degree)?,
        None => {
            let halvings = (norm / THETA_13).log2().ceil().max(0.0) as i32;
            let mut x = pade(&(a * 0.5f64.powi(halvings)), 13)?;
            for _ in 0..halvings {
                x = &x * &x;
            }
            x
        }
    };
    result.iter().all(|x| x.is_finite()).then_some(result)
}

/// Coefficients of the diagonal Pade approximant, constant term first:
/// `(2d - j)! d! / ((2d)! (d - j)! j!)`, by their ratio.
fn coefficients(degree: usize) -> Vec<f64> {
    let d = degree as f64;
    let mut b = vec![1.0];
    for j in 1..=degree {
        let j = j as f64;
        b.push(b[b.len() - 1] * (d - j + 1.0) / ((2.0 * d - j + 1.0) * j));
    }
    b
}

/// `(-U + V)^-1 (U + V)` with U the odd and V the even part of the numerator.
fn pade(a: &DMatrix<f64>, degree: usize) -> Option<DMatrix<f64>> {
    let n = a.nrows();
    let b = coefficients(degree);
    let a2 = a * a;
    let (mut odd, mut even) = (DMatrix::zeros(n, n), DMatrix::zeros(n, n));
    // Horner in a^2, from the highest pair of coefficients.
    for j in (0..=degree / 2).rev() {
        odd = &odd * &a2;
        even = &even * &a2;
        for i in 0..n {
            odd[(i, i)] += b[2 * j + 1];
            even[(i, i)] += b[2 * j];
        }
    }
    let u = a * odd;
    (&even - &u).lu().solve(&(&even + &u))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_nilpotent_and_stiff_matrices() {
        for angle in [1e-3, 0.1, 0.7, 2.0, 30.0] {
            let a = DMatrix::from_row_slice(2, 2, &[0.0, -angle, angle, 0.0]);
            let e = expm(&a).unwrap();
            let error = (e[(1, 0)] - f64::sin(angle)).abs().max((e[(0, 0)] - f64::cos(angle)).abs());
            assert!(error < 1e-14 * (1.0 + angle), "{angle}: {error:e}");
        }
        let shift = DMatrix::from_fn(4, 4, |i, j| if j == i + 1 { 3.0 } else { 0.0 });
        let e = expm(&shift).unwrap();
        for (j, exact) in [1.0, 3.0, 4.5, 4.5].into_iter().enumerate() {
            assert!((e[(0, j)] - exact).abs() < 1e-13, "column {j}");
        }
        let stiff = DMatrix::from_row_slice(2, 2, &[-1e6, 0.0, 1e6, -1.0]);
        let e = expm(&stiff).unwrap();
        let exact = 1e6 / (1e6 - 1.0) * (-1f64).exp();
        assert!((e[(1, 0)] - exact).abs() < 1e-10, "{} {exact}", e[(1, 0)]);
        assert!(expm(&DMatrix::from_element(1, 1, 1e4)).is_none());
    }
}
