//! Dense linear algebra for one draw.

/// Lower factor of the `n x n` matrix at `x` (lower triangle read, element (i, j) at `i sr + j sc`).
/// The strict upper triangle of `out` is zero; all of it is NaN where x is not positive definite.
pub fn cholesky(x: &[f64], out: &mut [f64], n: usize, sr: usize, sc: usize) {
    let at = |i: usize, j: usize| i * sr + j * sc;
    let mut definite = true;
    for j in 0..n {
        for i in 0..n {
            if i < j {
                out[at(i, j)] = 0.0;
                continue;
            }
            let dot: f64 = (0..j).map(|k| out[at(i, k)] * out[at(j, k)]).sum();
            let rest = x[at(i, j)] - dot;
            out[at(i, j)] = if i == j {
                definite &= rest > 0.0 && rest < f64::INFINITY;
                rest.sqrt()
            } else {
                rest / out[at(j, j)]
            };
        }
    }
    if !definite {
        for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
            out[at(i, j)] = f64::NAN;
        }
    }
}

/// Solves L y = b, or L' y = b, in place.
pub fn tri_solve(l: &[f64], y: &mut [f64], sr: usize, sc: usize, transposed: bool) {
    let n = y.len();
    for step in 0..n {
        let i = if transposed { n - 1 - step } else { step };
        let dot: f64 = if transposed {
            (i + 1..n).map(|j| l[j * sr + i * sc] * y[j]).sum()
        } else {
            (0..i).map(|j| l[i * sr + j * sc] * y[j]).sum()
        };
        y[i] = (y[i] - dot) / l[i * sr + i * sc];
    }
}

/// The rows of each group, in order.
pub fn members(group: &[u32], n: usize) -> Vec<Vec<u32>> {
    let mut rows = vec![Vec::new(); n];
    for (r, &g) in group.iter().enumerate() {
        rows[g as usize].push(r as u32);
    }
    rows
}

/// The upper triangular R, `k x k` row-major with a diagonal that is not negative, with R'R = X'X,
/// by Householder reflections (Golub and Van Loan, Algorithm 5.2.1): X'X, whose condition is the
/// square of X's, is never formed. A column with one element stands for that value in every row.
pub fn gram_factor(columns: &[&[f64]], rows: impl ExactSizeIterator<Item = usize> + Clone) -> Vec<f64> {
    let k = columns.len();
    // At least k rows, so that every column has a reflection.
    let n = rows.len().max(k);
    let mut a = vec![0.0; n * k];
    for (column, to) in columns.iter().zip(a.chunks_exact_mut(n)) {
        let broadcast = column.len() == 1;
        for (t, r) in to.iter_mut().zip(rows.clone()) {
            *t = column[if broadcast { 0 } else { r }];
        }
    }
    for j in 0..k {
        let (done, rest) = a.split_at_mut((j + 1) * n);
        let v = &mut done[j * n + j..];
        let norm = norm(v);
        if norm == 0.0 {
            continue;
        }
        // v = x + sign(x0) |x| e0, so nothing cancels.
        let beta = if v[0] > 0.0 { -norm } else { norm };
        v[0] -= beta;
        let vv: f64 = dot(v, v);
        for c in rest.chunks_exact_mut(n) {
            let c = &mut c[j..];
            let scale = 2.0 * dot(v, c) / vv;
            c.iter_mut().zip(v.iter()).for_each(|(c, v)| *c -= scale * v);
        }
        v.fill(0.0);
        v[0] = beta;
    }
    let mut r = vec![0.0; k * k];
    for i in 0..k {
        let sign = if a[i * n + i] < 0.0 { -1.0 } else { 1.0 };
        for j in i..k {
            r[i * k + j] = sign * a[j * n + i];
        }
    }
    r
}

/// Scaled, so that neither squares nor their sum overflow or vanish.
fn norm(v: &[f64]) -> f64 {
    let largest = v.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    let s: f64 = v.iter().map(|x| (x / largest) * (x / largest)).sum();
    largest * s.sqrt()
}

/// Eight partial sums, so that it vectorises and errs little.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut partial = [0.0; 8];
    let (ac, bc) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = ac.remainder().iter().zip(bc.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in ac.zip(bc) {
        for i in 0..8 {
            partial[i] += a[i] * b[i];
        }
    }
    partial.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gram_factor_of_nearly_equal_columns_keeps_its_digits() {
        let x: Vec<f64> = (0..50).map(|i| 1.0 + 1e-9 * (i as f64).sin()).collect();
        let one = [1.0];
        let r = gram_factor(&[&one, &x], 0..50);
        // R[1][1] is the norm of x about its mean, lost entirely in X'X.
        let mean = x.iter().map(|v| v - 1.0).sum::<f64>() / 50.0;
        let sd = x.iter().map(|v| (v - 1.0 - mean).powi(2)).sum::<f64>().sqrt();
        assert!((r[3] / sd - 1.0).abs() < 1e-5, "{} {sd}", r[3]);
        assert!((r[0] - 50f64.sqrt()).abs() < 1e-12 && r[2] == 0.0);
    }

    #[test]
    fn an_indefinite_matrix_has_no_factor() {
        let mut l = [0.0; 4];
        cholesky(&[4.0, 9.0, 2.0, 5.0], &mut l, 2, 2, 1);
        assert_eq!(l, [2.0, 0.0, 1.0, 2.0]);
        cholesky(&[1.0, 2.0, 2.0, 1.0], &mut l, 2, 2, 1);
        assert!(l.iter().all(|x| x.is_nan()));
    }
}
