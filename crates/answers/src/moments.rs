//! Numbers about draws.

/// The mean, and the standard deviation that divides by n - 1.
pub fn mean_and_sd(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let ss: f64 = x.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, (ss / (n - 1.0).max(1.0)).sqrt())
}

/// Linear interpolation between order statistics (Hyndman and Fan 1996, type 7); NaN of none.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = p * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(last);
    sorted[low] + part * (sorted[high] - sorted[low])
}

/// [`quantile`] of numbers in any order, which they lose: in linear time.
pub fn quantile_of(x: &mut [f64], p: f64) -> f64 {
    let Some(last) = x.len().checked_sub(1) else { return f64::NAN };
    let at = p * last as f64;
    let (_, low, above) = x.select_nth_unstable_by(at.floor() as usize, f64::total_cmp);
    let next = above.iter().copied().fold(f64::INFINITY, f64::min);
    if at.fract() == 0.0 { *low } else { *low + at.fract() * (next - *low) }
}

/// What a table says of one quantity.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Moments {
    pub mean: f64,
    pub sd: f64,
    pub q05: f64,
    pub q50: f64,
    pub q95: f64,
}

impl Moments {
    /// Of draws, which are sorted on the way.
    pub fn of(draws: &mut [f64]) -> Moments {
        let (mean, sd) = mean_and_sd(draws);
        draws.sort_unstable_by(f64::total_cmp);
        let q = |p| quantile(draws, p);
        Moments { mean, sd, q05: q(0.05), q50: q(0.50), q95: q(0.95) }
    }
}

/// P(draw < x) + P(draw = x) / 2, of sorted draws; NaN where x is.
pub fn rank(sorted: &[f64], x: f64) -> f64 {
    if x.is_nan() || sorted.is_empty() {
        return f64::NAN;
    }
    let below = sorted.partition_point(|v| *v < x);
    let upto = sorted.partition_point(|v| *v <= x);
    (below + upto) as f64 / (2.0 * sorted.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_and_moments_divide_by_n_less_one() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&x, 0.5), 2.5);
        assert_eq!(quantile(&x, 0.0), 1.0);
        assert_eq!(quantile(&x, 1.0), 4.0);
        let any = [2.5, -1.0, 7.0, 3.0, 3.0, 0.5, 9.0];
        let mut sorted = any;
        sorted.sort_unstable_by(f64::total_cmp);
        for p in [0.0, 0.1, 0.25, 0.5, 0.77, 1.0] {
            assert_eq!(quantile_of(&mut any.clone(), p), quantile(&sorted, p));
        }
        let (mean, sd) = mean_and_sd(&x);
        assert!((mean - 2.5).abs() < 1e-15 && (sd - (5.0_f64 / 3.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_rank_counts_ties_by_half() {
        let x = [0.0, 1.0, 1.0, 2.0];
        assert_eq!([rank(&x, -1.0), rank(&x, 1.0), rank(&x, 1.5), rank(&x, 9.0)], [0.0, 0.5, 0.75, 1.0]);
        assert!(rank(&x, f64::NAN).is_nan());
    }
}
