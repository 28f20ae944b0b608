//! Whether chains agree, and what their draws are worth: split R-hat and effective sample sizes on
//! normalised ranks (Vehtari, Gelman, Simpson, Carpenter and Buerkner 2021, Bayesian Analysis 16(2)).
//!
//! Every chain is split in two halves, so that a drift within a chain counts as disagreement; with an odd
//! number of draws the middle one is left out. Effective sample sizes use Geyer's initial monotone
//! sequence, as in R's posterior and in ArviZ.

use numerics::special::ndtri;

use crate::diagnostics::check::moments;

/// What the chains say of one quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixing {
    /// The larger of the R-hats of the ranks and of the ranks of the distance from the median: 1 where
    /// chains agree in place and in spread.
    pub r_hat: f64,
    /// Effective sample size of the ranks: for the middle of the distribution.
    pub ess_bulk: f64,
    /// The smaller effective sample size of the 5 % and 95 % quantiles.
    pub ess_tail: f64,
    /// Effective sample size of the mean of the values themselves: `(sd / mcse)^2`.
    pub ess_mean: f64,
}

/// Diagnoses one quantity from its chains (`[chain][draw]`; longer ones are cut to the shortest).
///
/// Chains that are many and short are taken together for R-hat, `group` neighbours as one; for effective
/// sample sizes they remain what they are.
///
/// `None` for a quantity that is the same number everywhere, but for rounding: it has nothing to mix. All values are NaN
/// where a draw is not finite, or a chain has fewer than four.
pub fn mixing(chains: &[&[f64]], group: usize) -> Option<Mixing> {
    let length = chains.iter().map(|c| c.len()).min().unwrap_or(0);
    let halves: Vec<&[f64]> =
        chains.iter().flat_map(|c| [&c[..length / 2], &c[length - length / 2..length]]).collect();
    if length < 4 || halves.iter().any(|half| half.iter().any(|x| !x.is_finite())) {
        return Some(Mixing { r_hat: f64::NAN, ess_bulk: f64::NAN, ess_tail: f64::NAN, ess_mean: f64::NAN });
    }
    let all = halves.concat();
    if moments(&all, &vec![1.0 / all.len() as f64; all.len()]).is_constant() {
        return None;
    }
    let sorted = |mut x: Vec<f64>| {
        x.sort_unstable_by(f64::total_cmp);
        x
    };
    let whole = sorted(chains.iter().flat_map(|c| &c[..length]).copied().collect());
    let (low, high) = (quantile(&whole, 0.05), quantile(&whole, 0.95));
    let median = quantile(&sorted(halves.concat()), 0.5);
    let scores = normal_scores(&halves);
    let distances: Vec<Vec<f64>> =
        halves.iter().map(|half| half.iter().map(|x| (x - median).abs()).collect()).collect();
    let below = |q: f64| -> Vec<Vec<f64>> {
        halves.iter().map(|half| half.iter().map(|x| f64::from(*x <= q)).collect()).collect()
    };
    Some(Mixing {
        r_hat: r_hat(&grouped(&scores, group))
            .max(r_hat(&grouped(&normal_scores(&slices(&distances)), group))),
        ess_bulk: ess(&slices(&scores)),
        ess_tail: ess(&slices(&below(low))).min(ess(&slices(&below(high)))),
        ess_mean: ess(&halves),
    })
}

/// The first halves of each `group` chains as one, and their second halves; `halves` come chain by chain.
fn grouped(halves: &[Vec<f64>], group: usize) -> Vec<Vec<f64>> {
    let join = |of: &[Vec<f64>], first: usize| of.iter().skip(first).step_by(2).flatten().copied().collect();
    halves.chunks(2 * group).flat_map(|of| [join(of, 0), join(of, 1)]).collect()
}

fn slices(chains: &[Vec<f64>]) -> Vec<&[f64]> {
    chains.iter().map(Vec::as_slice).collect()
}

/// Linear between order statistics; `x` is sorted.
fn quantile(x: &[f64], p: f64) -> f64 {
    let at = p * (x.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(x.len() - 1);
    x[below] + at.fract() * (x[above] - x[below])
}

/// Normal scores of the ranks over all chains, equal values sharing their mean rank: equation 14, with
/// Blom's offset 3/8.
fn normal_scores(chains: &[&[f64]]) -> Vec<Vec<f64>> {
    let mut order: Vec<(f64, usize, usize)> = Vec::new();
    for (c, chain) in chains.iter().enumerate() {
        order.extend(chain.iter().enumerate().map(|(t, x)| (*x, c, t)));
    }
    // -0 and 0 are one value
    order.sort_unstable_by(|a, b| (a.0 + 0.0).total_cmp(&(b.0 + 0.0)));
    let mut scores: Vec<Vec<f64>> = chains.iter().map(|c| vec![0.0; c.len()]).collect();
    let mut first = 0;
    while first < order.len() {
        let ties = order[first..].iter().take_while(|(x, ..)| *x == order[first].0).count();
        let rank = first as f64 + 0.5 * (ties + 1) as f64;
        let score = ndtri((rank - 0.375) / (order.len() as f64 + 0.25));
        order[first..first + ties].iter().for_each(|&(_, c, t)| scores[c][t] = score);
        first += ties;
    }
    scores
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// With the divisor `n - 1`.
fn variance(x: &[f64]) -> f64 {
    let m = mean(x);
    x.iter().map(|x| (x - m).powi(2)).sum::<f64>() / (x.len() as f64 - 1.0)
}

/// Equations 1 to 4, without splitting; one where nothing varies.
fn r_hat(chains: &[Vec<f64>]) -> f64 {
    let n = chains[0].len() as f64;
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let within = mean(&chains.iter().map(|c| variance(c)).collect::<Vec<f64>>());
    let between = variance(&means);
    if between == 0.0 && within == 0.0 {
        return 1.0;
    }
    ((n - 1.0) / n + between / within).sqrt()
}

/// Equations 10 to 13, without splitting or ranks. A constant has the value of as many independent draws.
fn ess(chains: &[&[f64]]) -> f64 {
    let (m, n) = (chains.len() as f64, chains[0].len());
    let first = chains[0][0];
    if chains.iter().all(|c| c.iter().all(|x| *x == first)) {
        return m * n as f64;
    }
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    // Mean over chains of the autocovariance at a lag, with the divisor n.
    let covariance = |lag: usize| {
        let of = |(chain, mean): (&&[f64], &f64)| {
            chain.iter().zip(&chain[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n as f64
        };
        chains.iter().zip(&means).map(of).sum::<f64>() / m
    };
    let biased = covariance(0);
    let within = biased * n as f64 / (n as f64 - 1.0);
    let total = biased + if means.len() > 1 { variance(&means) } else { 0.0 };
    let correlation = |lag: usize| 1.0 - (within - covariance(lag)) / total;
    // Sums of neighbouring pairs are positive and fall for a reversible chain: noise ends the sequence, and
    // of the pair that ends it only the even part counts.
    let mut pair = (1.0, correlation(1));
    let (mut falling, mut sum, mut lag) = (f64::INFINITY, 0.0, 2);
    while lag + 2 < n && pair.0 + pair.1 > 0.0 {
        falling = f64::min(falling, pair.0 + pair.1);
        sum += falling;
        pair = (correlation(lag), correlation(lag + 1));
        lag += 2;
    }
    let last = if pair.0 > 0.0 || pair.0 + pair.1 >= 0.0 { pair.0 } else { 0.0 };
    let draws = m * n as f64;
    // Antithetic chains may be worth more than their draws, within reason.
    let tau = (-1.0 + 2.0 * sum + last).max(1.0 / draws.log10());
    draws / tau
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Autoregressions of noise that any language can make: a linear congruential generator (Knuth's
    /// MMIX constants), sums of twelve of its uniforms; chain `c` is moved by `shift * c`.
    fn chains(m: usize, n: usize, rho: f64, shift: f64) -> Vec<Vec<f64>> {
        let mut state = 12345u64;
        let mut normal = || {
            let uniforms = (0..12).map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 11) as f64 * 2f64.powi(-53)
            });
            uniforms.sum::<f64>() - 6.0
        };
        let mut chain = |c: usize| {
            let mut x = 0.0;
            let mut step = || {
                x = rho * x + normal();
                x + shift * c as f64
            };
            (0..n).map(|_| step()).collect()
        };
        (0..m).map(&mut chain).collect()
    }

    fn of(chains: &[Vec<f64>], f: impl Fn(f64) -> f64) -> Mixing {
        let mapped: Vec<Vec<f64>> = chains.iter().map(|c| c.iter().map(|x| f(*x)).collect()).collect();
        mixing(&slices(&mapped), 1).expect("a quantity that varies")
    }

    /// Python arviz 0.23.4 (`rhat`, `ess` with `bulk`, `tail` and `mean`) on the same chains.
    #[test]
    fn published_software_agrees_to_nine_digits() {
        type Case = (usize, usize, f64, f64, fn(f64) -> f64, [f64; 4]);
        let cases: [Case; 7] = [
            (
                4,
                1000,
                0.0,
                0.0,
                |x| x,
                [1.0001306325440167, 4124.979464542969, 4190.789183356833, 4122.261179613338],
            ),
            (
                4,
                1000,
                0.9,
                0.0,
                |x| x,
                [1.0061203506808647, 245.4120999155375, 443.72214706819307, 244.5645866996766],
            ),
            (
                4,
                1000,
                0.5,
                0.5,
                f64::exp,
                [1.115383760422967, 24.245055842177955, 216.56171272485523, 60.07438182949241],
            ),
            (2, 501, -0.6, 0.0, |x| x, [1.0010915259837576, 3000.0, 899.7838367674369, 3000.0]),
            (
                2,
                200,
                0.3,
                0.0,
                |x| 1.0 / x,
                [0.9968258031908814, 397.0446111722678, 311.54257602992453, 408.00177320474234],
            ),
            (
                3,
                300,
                0.7,
                0.0,
                f64::floor,
                [1.0149520215471162, 173.84650501265764, 138.7967084404996, 171.84681067992523],
            ),
            (
                4,
                100,
                0.99,
                0.0,
                |x| x,
                [1.1850058917238462, 16.237881286229126, 12.051926586550051, 13.8800414046036],
            ),
        ];
        for (m, n, rho, shift, f, expected) in cases {
            let found = of(&chains(m, n, rho, shift), f);
            let found = [found.r_hat, found.ess_bulk, found.ess_tail, found.ess_mean];
            for (x, y) in found.iter().zip(expected) {
                assert!((x / y - 1.0).abs() < 1e-9, "{m} {n} {rho} {shift}: {found:?} {expected:?}");
            }
        }
    }

    #[test]
    fn constants_have_nothing_to_mix_and_non_finite_draws_no_diagnosis() {
        let constant = [vec![2.0; 100], vec![2.0; 100]];
        assert_eq!(mixing(&slices(&constant), 1), None);
        let stuck = [vec![1.0; 100], vec![2.0; 100]];
        assert!(mixing(&slices(&stuck), 1).is_some_and(|m| m.r_hat > 1e9));
        for bad in [f64::NAN, f64::INFINITY] {
            let mut chains = chains(2, 100, 0.0, 0.0);
            chains[1][7] = bad;
            assert!(mixing(&slices(&chains), 1).is_some_and(|m| m.r_hat.is_nan() && m.ess_tail.is_nan()));
        }
        assert!(mixing(&[&[1.0, 2.0, 3.0]], 1).is_some_and(|m| m.r_hat.is_nan()));
        assert!(mixing(&[], 1).is_some_and(|m| m.r_hat.is_nan()));
    }
}
