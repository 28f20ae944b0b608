//! Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao and Gabry 2024).
//!
//! The generalised Pareto fit is the posterior mean of Zhang and Stephens (2009), its shape shrunk
//! towards 1/2 as by ten further observations (Vehtari et al., appendix C). All in log space, so
//! that ratios which underflow are ordered and smoothed all the same.

/// Smoothed importance weights and what they say of the proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Psis {
    /// Shape of the tail of the ratios: see [`psis`] for its edges.
    pub k_hat: f64,
    /// Smoothed log weights, normalised to sum one (`[draws]`); `-inf` for a rejected draw.
    pub log_weights: Vec<f64>,
    /// `1 / sum(w^2)`.
    pub ess: f64,
}

/// The tail is fitted only with more draws than this in it.
const FEWEST_TAIL: usize = 5;

/// How many of `n` independent draws are the tail: `ceil(min(0.2 n, 3 sqrt(n)))`; 0 where they are too few
/// to be fitted.
pub fn tail_length(n: usize) -> usize {
    let length = (0.2 * n as f64).min(3.0 * (n as f64).sqrt()).ceil() as usize;
    if length > FEWEST_TAIL && length < n { length } else { 0 }
}

/// Smooths log importance ratios `log p - log q` (`[draws]`, up to a constant).
///
/// - Adding a constant changes nothing but rounding.
/// - A ratio of `-inf` is a rejected draw: weight zero, never NaN. A NaN or `+inf` ratio counts as
///   rejected too.
/// - Where the fitted tail is constant (all ratios equal: the proposal *is* the target), `k_hat` is
///   `-inf`: no tail at all. Some packages say `+inf` here.
/// - With too few positive weights for a tail (`ceil(min(0.2 S, 3 sqrt(S)))` below 6 or fewer
///   positive weights than the tail and one more), or none, `k_hat` is `+inf`: nothing speaks for
///   the weights. With none, all log weights are `-inf` and `ess` is 0.
pub fn psis(log_ratios: &[f64]) -> Psis {
    let n = log_ratios.len();
    let finite = |r: f64| if r.is_finite() { r } else { f64::NEG_INFINITY };
    let largest = log_ratios.iter().copied().map(finite).fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        let log_weights = vec![f64::NEG_INFINITY; n];
        return Psis { k_hat: f64::INFINITY, log_weights, ess: 0.0 };
    }
    let mut log_weights: Vec<f64> = log_ratios.iter().map(|&r| finite(r) - largest).collect();
    let tail_len = tail_length(n);
    let mut k_hat = f64::INFINITY;
    if tail_len > 0 {
        // The tail_len largest, ascending, with the one below them as the cutoff. Equal ratios are
        // taken in order of position, so that the answer is a function of the input alone.
        let mut order: Vec<usize> = (0..n).collect();
        let by_ratio = |a: &usize, b: &usize| log_weights[*a].total_cmp(&log_weights[*b]).then(a.cmp(b));
        let (_, &mut below, tail) = order.select_nth_unstable_by(n - tail_len - 1, by_ratio);
        tail.sort_unstable_by(by_ratio);
        let mut smoothed: Vec<f64> = tail.iter().map(|&i| log_weights[i]).collect();
        k_hat = smooth_tail(log_weights[below], &mut smoothed);
        tail.iter().zip(&smoothed).for_each(|(&i, &w)| log_weights[i] = w);
    }
    let total = log_sum_exp(&log_weights);
    log_weights.iter_mut().for_each(|w| *w -= total);
    let squares: f64 = log_weights.iter().map(|w| (2.0 * w).exp()).sum();
    Psis { k_hat, log_weights, ess: 1.0 / squares }
}

/// Replaces the largest log ratios, ascending and less the very largest (so the last is 0), by those
/// expected of the generalised Pareto distribution fitted to them; `cutoff` is the ratio next below.
/// Returns `k_hat`; where the fit fails, or the cutoff is a rejected draw, that is `+inf` and the ratios
/// stay.
pub fn smooth_tail(cutoff: f64, tail: &mut [f64]) -> f64 {
    if cutoff == f64::NEG_INFINITY {
        return f64::INFINITY;
    }
    let base = cutoff.exp();
    // expm1 keeps the digits of a tail that barely exceeds its cutoff
    let excess: Vec<f64> = tail.iter().map(|r| base * (r - cutoff).exp_m1()).collect();
    match fit_pareto(&excess) {
        Tail::Constant => f64::NEG_INFINITY,
        Tail::Unfit => f64::INFINITY,
        Tail::Pareto { k, sigma } => {
            let n = tail.len() as f64;
            for (rank, r) in tail.iter_mut().enumerate() {
                let smoothed = base + pareto_quantile((rank as f64 + 0.5) / n, k, sigma);
                // never above the largest raw ratio
                *r = smoothed.ln().min(0.0);
            }
            k
        }
    }
}

/// `log sum exp`, `-inf` for none.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

enum Tail {
    Pareto {
        k: f64,
        sigma: f64,
    },
    /// All excesses are equal.
    Constant,
    /// The fit is not finite.
    Unfit,
}

/// Zhang and Stephens (2009) on ascending excesses, k with their sign reversed.
fn fit_pareto(x: &[f64]) -> Tail {
    let n = x.len();
    let (first, last) = (x[0], x[n - 1]);
    // A spread at rounding level is no spread; ratios are exponentials of sums of many terms.
    if last - first <= 1e-12 * last.abs().max(1e-300) || last <= 1e-9 {
        return Tail::Constant;
    }
    let quartile = x[(n as f64 / 4.0 + 0.5).floor() as usize - 1];
    if quartile <= 0.0 {
        // Ties at the cutoff fill the lowest quarter: the grid below has no scale.
        return Tail::Unfit;
    }
    let grid = 30 + (n as f64).sqrt().floor() as usize;
    let theta: Vec<f64> = (1..=grid)
        .map(|j| {
            let spread = 1.0 - (grid as f64 / (j as f64 - 0.5)).sqrt();
            1.0 / last + spread / (3.0 * quartile)
        })
        .collect();
    let shape = |theta: f64| x.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n as f64;
    let profile: Vec<f64> = theta
        .iter()
        .map(|&theta| {
            let k = shape(theta);
            n as f64 * ((-theta / k).ln() - k - 1.0)
        })
        .collect();
    let total = log_sum_exp(&profile);
    let theta_hat: f64 = theta.iter().zip(&profile).map(|(theta, l)| theta * (l - total).exp()).sum();
    let raw = shape(theta_hat);
    let sigma = -raw / theta_hat;
    let k = (raw * n as f64 + 10.0 * 0.5) / (n as f64 + 10.0);
    if k.is_finite() && sigma.is_finite() && sigma > 0.0 { Tail::Pareto { k, sigma } } else { Tail::Unfit }
}

/// Quantile of the generalised Pareto distribution.
fn pareto_quantile(p: f64, k: f64, sigma: f64) -> f64 {
    let log_survival = (-p).ln_1p();
    if k.abs() < 1e-12 { -sigma * log_survival } else { sigma * (-k * log_survival).exp_m1() / k }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize, k: f64) -> Vec<f64> {
        (1..=n)
            .map(|i| {
                let log_u = ((i as f64 - 0.5) / n as f64).ln();
                if k > 0.0 {
                    -k * log_u
                } else if k == 0.0 {
                    (-log_u).ln()
                } else {
                    (-(-k * log_u).exp_m1()).ln()
                }
            })
            .collect()
    }

    /// R loo 2.5.1 and Python arviz 0.23.4, which agree to nine digits: S, k, k-hat, ESS, largest
    /// weight.
    const VECTORS: [(usize, f64, f64, f64, f64); 11] = [
        (1000, -0.3, -0.1997637, 612.7172, 0.003882441),
        (1000, 0.0, 0.06303008, 495.6752, 0.007578229),
        (1000, 0.2, 0.2367877, 938.3860, 0.003657079),
        (1000, 0.5, 0.4970860, 444.2133, 0.02242686),
        (1000, 0.7, 0.6706578, 138.9385, 0.06014809),
        (1000, 0.9, 0.8442665, 38.14427, 0.1359197),
        (1000, 1.2, 1.104674, 8.372162, 0.3205577),
        (4000, 0.2, 0.2193108, 3751.575, 0.001206667),
        (4000, 0.5, 0.4983135, 1549.822, 0.01117760),
        (4000, 0.7, 0.6843220, 319.3200, 0.03991328),
        (4000, 1.2, 1.149272, 8.164105, 0.3275514),
    ];

    #[test]
    fn published_vectors_to_their_digits() {
        for (n, k, k_hat, ess, largest) in VECTORS {
            let found = psis(&grid(n, k));
            let heaviest = found.log_weights.iter().copied().fold(f64::MIN, f64::max).exp();
            let near = |a: f64, b: f64, error: f64| (a / b - 1.0).abs() < error;
            assert!(near(found.k_hat, k_hat, 1e-6), "S {n} k {k}: k-hat {}", found.k_hat);
            assert!(near(found.ess, ess, 1e-6), "S {n} k {k}: ess {}", found.ess);
            // printed with fewer sound digits: 0.001206667 is 0.001206673 by either formula
            assert!(near(heaviest, largest, 1e-5), "S {n} k {k}: largest {heaviest}");
        }
    }

    #[test]
    fn equal_ratios_are_perfect() {
        for constant in [0.0, -1234.5, 700.0] {
            let found = psis(&vec![constant; 1000]);
            assert_eq!(found.k_hat, f64::NEG_INFINITY);
            assert!((found.ess - 1000.0).abs() < 1e-9);
        }
        // Equal up to rounding is equal.
        let noisy: Vec<f64> = (0..1000).map(|i| 5.0 + 1e-15 * (i % 7) as f64).collect();
        assert_eq!(psis(&noisy).k_hat, f64::NEG_INFINITY);
    }

    #[test]
    fn a_constant_changes_nothing() {
        let ratios = grid(1000, 0.5);
        let base = psis(&ratios);
        for shift in [1000.0, -1000.0, -1e6] {
            let moved: Vec<f64> = ratios.iter().map(|r| r + shift).collect();
            let found = psis(&moved);
            assert!((found.k_hat - base.k_hat).abs() < 1e-8);
            for (a, b) in found.log_weights.iter().zip(&base.log_weights) {
                assert!((a - b).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn rejected_draws_have_weight_zero_and_never_nan() {
        let mut ratios = grid(1000, 0.5);
        for i in (0..1000).step_by(10) {
            ratios[i] = [f64::NEG_INFINITY, f64::NAN][i / 10 % 2];
        }
        let found = psis(&ratios);
        assert!(found.k_hat.is_finite());
        assert!((log_sum_exp(&found.log_weights)).abs() < 1e-12);
        for i in (0..1000).step_by(10) {
            assert_eq!(found.log_weights[i], f64::NEG_INFINITY);
        }
        assert!(found.log_weights.iter().all(|w| !w.is_nan()));
        // Fewer survivors than a tail: nothing can be said for them.
        let mut few = vec![f64::NEG_INFINITY; 1000];
        few[3] = 1.0;
        few[700] = 2.0;
        let found = psis(&few);
        assert_eq!(found.k_hat, f64::INFINITY);
        assert!(found.ess < 2.0 && found.log_weights.iter().all(|w| !w.is_nan()));
        let none = psis(&vec![f64::NEG_INFINITY; 100]);
        assert_eq!((none.k_hat, none.ess), (f64::INFINITY, 0.0));
        assert_eq!(psis(&[]).k_hat, f64::INFINITY);
    }
}
