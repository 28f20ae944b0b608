//! What is gathered over all terms.

use model::Target;

use super::term::Row;
use super::{Item, Loo, Outcome};
use crate::uniformity;

/// The points at which the distribution of ranks is tested.
const POINTS: usize = 100;

/// What is gathered over all terms.
pub(super) struct Sums {
    elpd: Welford,
    p_loo: Welford,
    ks: Vec<f64>,
    pits: Vec<Vec<f64>>,
}

#[derive(Clone, Copy, Default)]
struct Welford {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Welford {
    fn add(&mut self, x: f64) {
        self.n += 1.0;
        let off = x - self.mean;
        self.mean += off / self.n;
        self.squares += off * (x - self.mean);
    }

    /// The sum, and its standard error: the root of n times the variance of a term.
    fn sum_and_se(&self) -> (f64, f64) {
        (self.n * self.mean, (self.n * self.squares / (self.n - 1.0)).sqrt())
    }
}

impl Sums {
    pub(super) fn new(items: &[Item]) -> Sums {
        let pits = vec![Vec::new(); items.len()];
        Sums { elpd: Welford::default(), p_loo: Welford::default(), ks: Vec::new(), pits }
    }

    pub(super) fn add(&mut self, item: usize, row: &Row) {
        self.elpd.add(row.elpd);
        self.p_loo.add(row.p_loo);
        self.ks.push(row.k);
        if !row.pit.is_nan() {
            self.pits[item].push(row.pit);
        }
    }

    pub(super) fn finish(self, target: &Target, items: &[Item], draws: usize) -> Loo {
        let (elpd, elpd_se) = self.elpd.sum_and_se();
        let (p_loo, p_loo_se) = self.p_loo.sum_and_se();
        let mut loo = Loo {
            draws,
            n: self.ks.len(),
            elpd,
            elpd_se,
            p_loo,
            p_loo_se,
            bad: 0,
            very_bad: 0,
            outcomes: items
                .iter()
                .zip(&self.pits)
                .map(|(item, pits)| Outcome {
                    name: target.variables[item.variable].variable.name.clone(),
                    n: item.n(),
                    digest: item.digest,
                    pit_p: uniformity::p_value(pits, POINTS),
                })
                .collect(),
        };
        let good = loo.good_below();
        loo.very_bad = self.ks.iter().filter(|k| **k > 1.0).count();
        loo.bad = self.ks.iter().filter(|k| **k > good).count() - loo.very_bad;
        loo
    }
}
