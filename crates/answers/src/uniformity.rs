//! Whether numbers between 0 and 1 look uniform: a test of their empirical distribution function.
//!
//! At `K` points the count of numbers below is binomial; the test asks how far out the most extreme of
//! these counts lies, and how often uniform numbers have one as far out. The latter is exact: the counts
//! are a Markov chain with binomial steps (T. Saeilynoja, P.-C. Buerkner and A. Vehtari, Graphical test for
//! discrete uniformity and its applications in goodness-of-fit evaluation and multiple sample
//! comparison, Statistics and Computing 32, 2022, algorithm 1 and equation 8).

/// The most numbers that are tested; of more, so many evenly spaced ones: the test takes time that grows as
/// their square root to the third power, and a thousand show what matters.
const MOST: usize = 1000;

/// The probability that as many uniform numbers would have an empirical distribution function as extreme at
/// the points `1/points, 2/points, ...` as that of `u`, in any order. Ranks `r` from 0 to `l` enter as
/// `(r + 1/2) / (l + 1)`, with `l + 1` points. NaN are left out; NaN of fewer than two numbers.
pub fn p_value(u: &[f64], points: usize) -> f64 {
    let all: Vec<f64> = u.iter().copied().filter(|x| !x.is_nan()).collect();
    let n = all.len().min(MOST);
    let sample: Vec<f64> = (0..n).map(|i| all[i * all.len() / n]).collect();
    if n < 2 || points < 2 {
        return f64::NAN;
    }
    let ln_factorial: Vec<f64> = std::iter::once(0.0)
        .chain((1..=n).scan(0.0, |sum: &mut f64, k| {
            *sum += (k as f64).ln();
            Some(*sum)
        }))
        .collect();
    let binomial = Binomial { ln_factorial };
    let tails: Vec<Tails> = (1..points).map(|k| binomial.tails(n, k as f64 / points as f64)).collect();
    let mut least: f64 = 1.0;
    for (k, tails) in (1..points).zip(&tails) {
        let z = k as f64 / points as f64;
        let count = sample.iter().filter(|u| **u < z).count();
        least = least.min(tails.two_sided(count));
    }
    if least >= 1.0 {
        return 1.0;
    }
    // How probable it is that no count is as extreme.
    let (mut inside, mut first, mut before) = (vec![1.0], 0, 0.0);
    for (k, tails) in (1..points).zip(&tails) {
        let z = k as f64 / points as f64;
        let range = tails.less_extreme_than(least);
        let step = (z - before) / (1.0 - before);
        let mut next = vec![0.0; range.len()];
        for (i, p) in inside.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            let count = first + i;
            for (to, next) in range.clone().zip(&mut next).filter(|(to, _)| *to >= count) {
                *next += p * binomial.mass(n - count, step, to - count);
            }
        }
        (inside, first, before) = (next, range.start, z);
    }
    (1.0 - inside.iter().sum::<f64>()).clamp(0.0, 1.0)
}

struct Binomial {
    ln_factorial: Vec<f64>,
}

impl Binomial {
    fn mass(&self, n: usize, p: f64, k: usize) -> f64 {
        if k > n {
            return 0.0;
        }
        if p >= 1.0 {
            return f64::from(u8::from(k == n));
        }
        let f = &self.ln_factorial;
        (f[n] - f[k] - f[n - k] + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()).exp()
    }

    fn tails(&self, n: usize, p: f64) -> Tails {
        let mass: Vec<f64> = (0..=n).map(|k| self.mass(n, p, k)).collect();
        let sum = |total: &mut f64, m: &f64| {
            *total += m;
            Some(*total)
        };
        let upto = mass.iter().scan(0.0, sum).collect();
        let mut from: Vec<f64> = mass.iter().rev().scan(0.0, sum).collect();
        from.reverse();
        Tails { upto, from }
    }
}

/// P(X <= k) and P(X >= k).
struct Tails {
    upto: Vec<f64>,
    from: Vec<f64>,
}

impl Tails {
    fn two_sided(&self, k: usize) -> f64 {
        2.0 * self.upto[k].min(self.from[k])
    }

    /// The counts of which [`two_sided`](Tails::two_sided) is larger.
    fn less_extreme_than(&self, p: f64) -> std::ops::Range<usize> {
        // What is exactly as extreme must not be inside through rounding.
        let is_inside = |k: &usize| self.two_sided(*k) > p * (1.0 + 1e-9);
        let n = self.upto.len();
        let first = (0..n).find(is_inside).unwrap_or(0);
        let last = (0..n).rev().find(is_inside).map_or(first, |k| k + 1);
        first..last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::random::{Counter, Key};

    fn uniform(set: u64, n: usize) -> Vec<f64> {
        let key = Key::new(set, "test", "u", "");
        (0..n).map(|i| key.uniform(Counter { row: i as u64, ..Counter::default() })).collect()
    }

    /// Of two numbers and two points, one count decides: it is 0 or 2 half of the time.
    #[test]
    fn the_smallest_case_by_hand() {
        assert_eq!(p_value(&[0.2, 0.7], 2), 1.0);
        assert!((p_value(&[0.1, 0.3], 2) - 0.5).abs() < 1e-12);
        assert!((p_value(&[0.6, 0.8], 2) - 0.5).abs() < 1e-12);
        assert!(p_value(&[0.5], 10).is_nan() && p_value(&[f64::NAN, 0.4], 10).is_nan());
    }

    #[test]
    fn of_uniform_numbers_the_p_values_are_uniform() {
        let p: Vec<f64> = (0..1000).map(|set| p_value(&uniform(set, 50), 20)).collect();
        for level in [0.05, 0.2, 0.5] {
            let below = p.iter().filter(|p| **p <= level).count() as f64 / 1000.0;
            let se = (level * (1.0 - level) / 1000.0_f64).sqrt();
            // A test of counts cannot reject more often than its level, and seldom does by much less.
            assert!(below < level + 3.0 * se && below > 0.6 * level, "{level}: {below}");
        }
    }

    #[test]
    fn what_is_not_uniform_is_found() {
        let u = uniform(7, 200);
        let narrow: Vec<f64> = u.iter().map(|u| 0.5 + 0.6 * (u - 0.5)).collect();
        let shifted: Vec<f64> = u.iter().map(|u| u.powf(1.5)).collect();
        assert!(p_value(&u, 100) > 0.05);
        assert!(p_value(&narrow, 100) < 1e-4);
        assert!(p_value(&shifted, 100) < 1e-3);
        assert!(p_value(&vec![0.5; 5000], 100) < 1e-12);
    }
}
