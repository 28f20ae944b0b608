//! One term while draws go by in blocks: its largest ratios are kept, of the others there are sums.

use numerics::psis::{smooth_tail, tail_length};

/// What is kept of a term while draws go by.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Ratios of the tail.
    pub(super) tail: usize,
    /// The tail, and the ratio below it.
    pub(super) keep: usize,
    pub(super) capacity: usize,
}

impl Layout {
    pub(super) fn new(draws: usize, lanes: usize) -> Layout {
        let tail = tail_length(draws);
        // Without a tail all are kept, for there are few.
        let keep = if tail == 0 { draws } else { tail + 1 };
        Layout { tail, keep, capacity: (2 * keep + 2 * lanes).min(draws + 2 * lanes) }
    }

    pub(super) fn numbers(self) -> usize {
        2 * self.capacity + std::mem::size_of::<Term>() / 8
    }
}

/// Sums over the draws of a term that are not kept: ratios `r = -ln p(y | theta)`, in units of `e^largest`.
#[derive(Clone, Debug)]
pub(super) struct Term {
    n: f64,
    largest: f64,
    sum: f64,
    squares: f64,
    /// Over the draws that are ranked: of the ratios, and of those of predictions below the value.
    ranked: f64,
    below: f64,
    /// Of the densities, in units of `e^-smallest`.
    smallest: f64,
    densities: f64,
}

impl Default for Term {
    fn default() -> Term {
        Term {
            n: 0.0,
            largest: f64::NEG_INFINITY,
            sum: 0.0,
            squares: 0.0,
            ranked: 0.0,
            below: 0.0,
            smallest: f64::INFINITY,
            densities: 0.0,
        }
    }
}

/// A term's row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) elpd: f64,
    pub(super) mcse: f64,
    pub(super) p_loo: f64,
    pub(super) k: f64,
    pub(super) pit: f64,
}

impl Term {
    /// Takes draws, each with its ratio and the rank of its prediction, out of those that are kept.
    pub(super) fn add(&mut self, draws: &[[f64; 2]]) {
        // A draw that failed has no density at all.
        let sound = || draws.iter().filter(|d| d[0] > f64::NEG_INFINITY);
        let largest = sound().fold(self.largest, |m, d| m.max(d[0]));
        let smallest = sound().fold(self.smallest, |m, d| m.min(d[0]));
        if largest == f64::NEG_INFINITY {
            return;
        }
        let less = (self.largest - largest).exp();
        self.sum *= less;
        self.squares *= less * less;
        self.ranked *= less;
        self.below *= less;
        self.densities *= (smallest - self.smallest).exp();
        for &[r, rank] in sound() {
            let w = (r - largest).exp();
            self.n += 1.0;
            self.sum += w;
            self.squares += w * w;
            if !rank.is_nan() {
                self.ranked += w;
                self.below += w * rank;
            }
            self.densities += (smallest - r).exp();
        }
        (self.largest, self.smallest) = (largest, smallest);
    }

    /// Keeps the `keep` largest ratios, in front.
    pub(super) fn compress(&mut self, kept: &mut [[f64; 2]], keep: usize) {
        if kept.len() > keep {
            kept.select_nth_unstable_by(keep - 1, |a, b| by_ratio(b, a));
            self.add(&kept[keep..]);
        }
    }

    pub(super) fn finish(&mut self, kept: &mut [[f64; 2]], tail: usize) -> Row {
        kept.sort_unstable_by(by_ratio);
        let tail = if tail == 0 { kept.len() } else { tail };
        let (rest, tail) = kept.split_at(kept.len() - tail);
        let cutoff = rest.last().map_or(f64::NEG_INFINITY, |d| d[0]);
        self.add(rest);
        let largest = tail.last().map_or(f64::NEG_INFINITY, |d| d[0]);
        if largest == f64::NEG_INFINITY {
            return Row { elpd: f64::NAN, mcse: f64::NAN, p_loo: f64::NAN, k: f64::INFINITY, pit: f64::NAN };
        }
        let mut log_weights: Vec<f64> = tail.iter().map(|d| d[0] - largest).collect();
        let k = match rest.is_empty() {
            true => f64::INFINITY,
            false => smooth_tail(cutoff - largest, &mut log_weights),
        };
        let mut all = self.clone();
        all.add(tail);
        // Without the tail, in units of e^largest.
        let less = (self.largest - largest).exp();
        let (mut weight, mut weighed) = (self.sum * less, self.n);
        let (mut ranked, mut below) = (self.ranked * less, self.below * less);
        for (&[r, rank], w) in tail.iter().zip(&log_weights).filter(|(d, _)| d[0] > f64::NEG_INFINITY) {
            weight += w.exp();
            weighed += (w - (r - largest)).exp();
            if !rank.is_nan() {
                ranked += w.exp();
                below += w.exp() * rank;
            }
        }
        let mean = weighed / weight;
        let elpd = mean.ln() - largest;
        let lpd = all.densities.ln() - all.smallest - all.n.ln();
        // (w p - w mean)^2, with w p = 1 outside the tail; of ln by the moments of a lognormal.
        let mut variance = self.n - 2.0 * mean * self.sum * less + mean * mean * self.squares * less * less;
        for (&[r, _], w) in tail.iter().zip(&log_weights).filter(|(d, _)| d[0] > f64::NEG_INFINITY) {
            variance += ((w - (r - largest)).exp() - w.exp() * mean).powi(2);
        }
        let mcse = (variance / (weighed * weighed)).ln_1p().sqrt();
        Row { elpd, mcse, p_loo: lpd - elpd, k, pit: below / ranked }
    }
}

fn by_ratio(a: &[f64; 2], b: &[f64; 2]) -> std::cmp::Ordering {
    a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ArviZ 0.23.4 (`loo(pointwise=True, reff=1)`; `mcse` from its `psislw`) on 1,000 draws of five terms,
    /// `ln p = -1 - i + k ln u + 0.2 sin s`.
    const TRUE_K: [f64; 5] = [0.1, 0.3, 0.5, 0.65, 0.9];
    const ELPD: [f64; 5] =
        [-1.115359650255, -2.365815996567, -3.692571935274, -5.013044558337, -6.724604867748];
    const MCSE: [f64; 5] = [0.005713273029, 0.014870731875, 0.035844671768, 0.068039230758, 0.156401999306];
    const P_LOO: [f64; 5] = [0.03013168, 0.11367428, 0.29742396, 0.52264311, 1.0932026];
    const K: [f64; 5] = [0.276182519611, 0.382046384411, 0.543165340767, 0.69238237946, 0.837852343697];

    /// A term whose draws come in blocks of `lanes`, ranked where `rank` is not NaN.
    fn term(ratios: &[f64], rank: impl Fn(usize) -> f64, lanes: usize) -> Row {
        let layout = Layout::new(ratios.len(), lanes);
        let (mut kept, mut term, mut filled) = (vec![[0.0; 2]; layout.capacity], Term::default(), 0);
        for (b, block) in ratios.chunks(lanes).enumerate() {
            for (i, &r) in block.iter().enumerate() {
                kept[filled + i] = [r, rank(b * lanes + i)];
            }
            filled += block.len();
            if filled + lanes > layout.capacity {
                term.compress(&mut kept[..filled], layout.keep);
                filled = layout.keep;
            }
        }
        term.finish(&mut kept[..filled], layout.tail)
    }

    #[test]
    fn terms_agree_with_arviz_in_any_blocks() {
        for i in 0..5 {
            let ll = |s: usize| {
                let u = ((s * 617 % 1000) as f64 + 0.5) / 1000.0;
                -1.0 - i as f64 + TRUE_K[i] * u.ln() + 0.2 * (s as f64).sin()
            };
            let ratios: Vec<f64> = (0..1000).map(|s| -ll(s)).collect();
            for lanes in [8, 80, 1000] {
                let row = term(&ratios, |_| f64::NAN, lanes);
                let near = |a: f64, b: f64, error: f64| (a - b).abs() < error;
                assert!(near(row.elpd, ELPD[i], 1e-9), "{i}: {row:?}");
                assert!(near(row.mcse, MCSE[i], 1e-9) && near(row.k, K[i], 1e-9), "{i}: {row:?}");
                assert!(near(row.p_loo, P_LOO[i], 1e-7) && row.pit.is_nan(), "{i}: {row:?}");
            }
        }
    }

    /// Ranks are weighed as densities are.
    #[test]
    fn ranks_are_weighed_by_the_smoothed_ratios() {
        let ratios: Vec<f64> = (0..1000).map(|s| 0.4 * ((s * 617 % 1000) as f64 / 1000.0).sin()).collect();
        let rank =
            |s: usize| if s.is_multiple_of(2) { f64::from(u8::from(s.is_multiple_of(4))) } else { f64::NAN };
        let weights = numerics::psis::psis(&ratios).log_weights;
        let (mut total, mut below) = (0.0, 0.0);
        for s in (0..1000).step_by(2) {
            total += weights[s].exp();
            below += weights[s].exp() * rank(s);
        }
        let row = term(&ratios, rank, 8);
        assert!((row.pit - below / total).abs() < 1e-12, "{row:?}");
    }

    /// Where all draws say the same, there is nothing to leave out; where some failed, they do not count.
    #[test]
    fn edges() {
        let row = term(&[1.5; 400], |_| f64::NAN, 8);
        assert_eq!((row.elpd, row.k), (-1.5, f64::NEG_INFINITY));
        assert!(row.p_loo.abs() < 1e-12 && row.mcse.abs() < 1e-7);
        let mut some: Vec<f64> = vec![1.5; 400];
        (0..400).step_by(7).for_each(|s| some[s] = f64::NEG_INFINITY);
        let row = term(&some, |_| f64::NAN, 8);
        assert!((row.elpd + 1.5).abs() < 1e-12 && row.p_loo.abs() < 1e-12);
        // Too few for a tail: raw weights, and nothing speaks for them.
        let row = term(&[1.0, 2.0], |_| f64::NAN, 8);
        let expected = -((1f64.exp() + 2f64.exp()) / 2.0).ln();
        assert!((row.elpd - expected).abs() < 1e-12 && row.k == f64::INFINITY);
        assert!(term(&[f64::NEG_INFINITY; 50], |_| f64::NAN, 8).elpd.is_nan());
    }
}
