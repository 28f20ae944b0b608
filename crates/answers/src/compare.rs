//! Models compared by what they predict of values that are left out.
//!
//! Everything here is of the same terms under several models: `elpd[model][term]`.

use numerics::random::{Counter, Key};

/// A model beside the best.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Compared {
    /// The sum over the terms, and its standard error.
    pub elpd: f64,
    pub se: f64,
    /// Less that of the best; the standard error is of the terms' differences.
    pub diff: f64,
    pub se_diff: f64,
    pub stacking: f64,
    pub pseudo_bma: f64,
}

/// Of each model, in their order. There are at least two terms, as many for each model.
pub fn compare(elpd: &[Vec<f64>]) -> Vec<Compared> {
    let sums: Vec<f64> = elpd.iter().map(|e| e.iter().sum()).collect();
    let best = (0..sums.len()).max_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0);
    let (stacking, pseudo_bma) = (stacking(elpd), pseudo_bma(elpd));
    let of = |k: usize| {
        let diffs = elpd[k].iter().zip(&elpd[best]).map(|(a, b)| a - b);
        Compared {
            elpd: sums[k],
            se: se_of_sum(elpd[k].iter().copied()),
            diff: sums[k] - sums[best],
            se_diff: se_of_sum(diffs),
            stacking: stacking[k],
            pseudo_bma: pseudo_bma[k],
        }
    };
    (0..elpd.len()).map(of).collect()
}

/// The root of n times the variance of a term (Vehtari, Gelman and Gabry 2017, equation 23).
fn se_of_sum(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (n * x.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// The most steps, and how far the mean log score may still rise.
const STEPS: usize = 100_000;
const TOLERANCE: f64 = 1e-10;

/// The weights of a mixture of the models' predictions with the best log score (Y. Yao, A. Vehtari, D.
/// Simpson and A. Gelman, Using stacking to average Bayesian predictive distributions, Bayesian Analysis 13,
/// 2018, equation 4).
///
/// The score is concave in the weights, so the steps of expectation and maximisation, which never lower it,
/// lead to its top; the largest component of its gradient bounds what is left.
pub fn stacking(elpd: &[Vec<f64>]) -> Vec<f64> {
    let (models, n) = (elpd.len(), elpd.first().map_or(0, Vec::len));
    let mut weights = vec![1.0 / models as f64; models];
    let largest: Vec<f64> = (0..n).map(|i| elpd.iter().fold(f64::NEG_INFINITY, |m, e| m.max(e[i]))).collect();
    let p: Vec<Vec<f64>> =
        elpd.iter().map(|e| e.iter().zip(&largest).map(|(e, m)| (e - m).exp()).collect()).collect();
    for _ in 0..STEPS {
        let mut gradient = vec![0.0; models];
        for i in 0..n {
            let mixed: f64 = weights.iter().zip(&p).map(|(w, p)| w * p[i]).sum();
            gradient.iter_mut().zip(&p).for_each(|(g, p)| *g += p[i] / mixed / n as f64);
        }
        weights.iter_mut().zip(&gradient).for_each(|(w, g)| *w *= g);
        if gradient.iter().fold(f64::NEG_INFINITY, |m, g| m.max(*g)) < 1.0 + TOLERANCE {
            break;
        }
    }
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

/// Replicates of the bootstrap, and their numbers in all.
const REPLICATES: usize = 1000;
const NUMBERS: usize = 100_000_000;

/// Weights by `exp(elpd)`, averaged over the Bayesian bootstrap of the terms: pseudo-BMA+ (Yao et al. 2018,
/// section 3.4).
pub fn pseudo_bma(elpd: &[Vec<f64>]) -> Vec<f64> {
    let (models, n) = (elpd.len(), elpd.first().map_or(0, Vec::len));
    let replicates = (NUMBERS / n.max(1)).clamp(50, REPLICATES);
    let key = Key::new(1, "pseudo-BMA+", "", "");
    let mut weights = vec![0.0; models];
    for draw in 0..replicates as u32 {
        let (mut total, mut sums) = (0.0, vec![0.0; models]);
        for i in 0..n {
            let part = key.exponential(Counter { row: i as u64, draw, ..Counter::default() });
            total += part;
            sums.iter_mut().zip(elpd).for_each(|(s, e)| *s += part * e[i]);
        }
        let z: Vec<f64> = sums.iter().map(|s| n as f64 * s / total).collect();
        let largest = z.iter().fold(f64::NEG_INFINITY, |m, z| m.max(*z));
        let all: f64 = z.iter().map(|z| (z - largest).exp()).sum();
        weights.iter_mut().zip(&z).for_each(|(w, z)| *w += (z - largest).exp() / all / replicates as f64);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(p: &[f64]) -> Vec<f64> {
        p.iter().map(|p| p.ln()).collect()
    }

    /// 2 ln(1 + w) + ln(4 - 3 w) is largest at 5/9; 2 ln(1 + w) + ln(2 - w / 2) at 1, the end.
    #[test]
    fn stacking_weights_in_closed_form() {
        let w = stacking(&[logs(&[2.0, 2.0, 1.0]), logs(&[1.0, 1.0, 4.0])]);
        assert!((w[0] - 5.0 / 9.0).abs() < 1e-4 && (w[0] + w[1] - 1.0).abs() < 1e-12, "{w:?}");
        let w = stacking(&[logs(&[2.0, 2.0, 1.5]), logs(&[1.0, 1.0, 2.0])]);
        assert!((w[0] - 1.0).abs() < 1e-6, "{w:?}");
        // A copy adds nothing: the two share a weight. Densities may be tiny.
        let far = |p: &[f64]| p.iter().map(|p| p.ln() - 5000.0).collect::<Vec<f64>>();
        let (a, b) = (far(&[2.0, 2.0, 1.0]), far(&[1.0, 1.0, 4.0]));
        let w = stacking(&[a.clone(), b, a]);
        assert!((w[0] - 5.0 / 18.0).abs() < 1e-4 && (w[2] - w[0]).abs() < 1e-12, "{w:?}");
    }

    #[test]
    fn differences_have_the_error_of_the_differences() {
        let a = vec![-1.0, -2.0, -3.0, -4.0];
        let b: Vec<f64> = a.iter().map(|x| x - 0.5).collect();
        let found = compare(&[b, a]);
        assert!((found[0].diff + 2.0).abs() < 1e-12 && found[0].se_diff.abs() < 1e-12);
        assert_eq!((found[1].diff, found[1].se_diff, found[1].elpd), (0.0, 0.0, -10.0));
        // 4 times the variance 5/3.
        assert!((found[1].se - (20.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        // Every replicate has the same difference of 2.
        let expected = 1.0 / (1.0 + (-2.0_f64).exp());
        assert!((found[1].pseudo_bma - expected).abs() < 1e-9 && found[1].stacking > 0.999_999);
    }

    /// Of two terms that pull apart, the share is that of one exponential number among two: uniform.
    #[test]
    fn the_bootstrap_is_bayesian() {
        // z_1 - z_2 = 2 (2 u - 1) 10, with u uniform: the mean of its logistic is 1/2, and of ln its spread
        // remains.
        let w = pseudo_bma(&[vec![10.0, 0.0], vec![0.0, 10.0]]);
        assert!((w[0] - 0.5).abs() < 4.0 * 0.5 / (1000.0_f64).sqrt(), "{w:?}");
        let w = pseudo_bma(&[vec![10.0, -5.0], vec![0.0, 0.0]]);
        // Positive where u 10 > (1 - u) 5: two thirds, but for the width of the logistic.
        assert!((w[0] - 2.0 / 3.0).abs() < 0.06, "{w:?}");
    }
}
