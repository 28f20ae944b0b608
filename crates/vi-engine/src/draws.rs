//! The draws of a gradient step: how many, which of them depend on each other, and their noise.

use numerics::lanes::Lanes;
use numerics::random::Counter;
use numerics::special::ndtri;

use crate::families::Family;
use crate::options::{DrawNoise, Gradient, Options};
use crate::sobol::{self, Direction};
use crate::stream::Noise;

/// How the lanes of a step depend on each other. What is averaged over are *units*, independent of
/// each other and alike in distribution, so that their differences tell the variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Draws in all: a whole number of units.
    pub lanes: usize,
    /// Lanes of a unit, consecutive.
    pub unit: usize,
    /// Lanes of one stratum in a row.
    pub run: usize,
}

impl Layout {
    /// Draws that are independent of each other.
    pub fn independent(lanes: usize) -> Layout {
        Layout { lanes, unit: 1, run: 1 }
    }

    /// The layout that these options ask for of a family.
    pub fn of(options: &Options, family: &dyn Family) -> Layout {
        let strata = family.strata().filter(|_| options.gradient != Gradient::ScoreFunction);
        Layout::new(
            options.draws(family.dim()),
            options,
            strata.map_or(1, |strata| strata.shares(&family.standard()).len()),
        )
    }

    /// With at least as many draws as asked for, of so many strata.
    ///
    /// Two bounds are drawn where the objective is one of several draws together, and two sets of
    /// Sobol' points: one alone would not tell its variance.
    fn new(draws: usize, options: &Options, strata: usize) -> Layout {
        let run = if options.noise == DrawNoise::Antithetic { 2 } else { 1 };
        let whole = run * strata;
        if options.gradient == Gradient::DoublyReparameterized {
            let unit = draws.next_multiple_of(whole);
            Layout { lanes: 2 * unit, unit, run }
        } else if options.noise == DrawNoise::Sobol {
            let unit = draws.div_ceil(2).next_multiple_of(whole);
            Layout { lanes: 2 * unit, unit, run }
        } else {
            // what a unit of strata is compared with is another
            let least = if strata > 1 { 2 * whole } else { whole };
            Layout { lanes: draws.max(least).next_multiple_of(whole), unit: whole, run }
        }
    }

    /// With units taken together, the same number of each, where there are more than so many and they can be.
    pub fn coarser(self, most: usize) -> Layout {
        let units = self.lanes / self.unit;
        let together = (units.div_ceil(most).max(1)..=units / 2).find(|n| units.is_multiple_of(*n));
        Layout { unit: self.unit * together.unwrap_or(1), ..self }
    }

    /// Each unit's lanes.
    pub fn units(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let Layout { lanes, unit, .. } = *self;
        (0..lanes).step_by(unit).map(move |first| first..(first + unit).min(lanes))
    }

    /// The stratum of a lane, of so many.
    pub fn stratum(&self, lane: usize, strata: usize) -> usize {
        lane / self.run % strata
    }
}

/// The base noise of every step.
pub struct StepNoise {
    noise: Noise,
    kind: DrawNoise,
    layout: Layout,
    directions: Vec<Direction>,
}

impl StepNoise {
    pub fn new(noise: Noise, kind: DrawNoise, layout: Layout) -> Self {
        let directions = match kind {
            DrawNoise::Sobol => (0..noise.keys().len().min(sobol::DIMENSIONS)).map(Direction::new).collect(),
            _ => Vec::new(),
        };
        StepNoise { noise, kind, layout, directions }
    }

    /// Fills `eps` (`[names]` x lanes of the layout) for one step.
    ///
    /// The number for a lane is a function of seed, purpose, name and step; of Sobol' points, which
    /// only together are even, of the name's place among the others too. Elements beyond the table
    /// of direction numbers have independent noise.
    pub fn fill(&self, step: u64, eps: &mut Lanes) {
        match self.kind {
            DrawNoise::Independent => self.noise.fill(step, 0, eps),
            DrawNoise::Antithetic => {
                let mut half = Lanes::zeros(eps.n(), eps.lanes().div_ceil(2));
                self.noise.fill(step, 0, &mut half);
                for lane in 0..eps.lanes() {
                    let sign = if lane % 2 == 0 { 1.0 } else { -1.0 };
                    (0..eps.n()).for_each(|i| eps.set(i, lane, sign * half.get(i, lane / 2)));
                }
                eps.pad();
            }
            DrawNoise::Sobol => {
                self.noise.fill(step, 0, eps);
                let mut points = vec![0.0; self.layout.unit];
                for (i, (direction, key)) in self.directions.iter().zip(self.noise.keys()).enumerate() {
                    for (set, lanes) in self.layout.units().enumerate() {
                        let at = Counter { step, row: 1 + set as u64, ..Counter::default() };
                        direction.points(*key, at, &mut points);
                        for (lane, x) in lanes.zip(&points) {
                            eps.set(i, lane, ndtri(*x));
                        }
                    }
                }
                eps.pad();
            }
        }
    }
}

/// Base noise whose last element chooses a stratum: `u` in (0, 1) that lies in the middle of its share.
pub fn middle(shares: &[f64], stratum: usize) -> f64 {
    let below: f64 = shares[..stratum].iter().sum();
    ndtri((below + 0.5 * shares[stratum]).clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Purpose;

    fn noise(kind: DrawNoise, layout: Layout, names: &[&str]) -> Lanes {
        let noise = Noise::new(4, Purpose::Step, names.iter().copied());
        let mut eps = Lanes::zeros(names.len(), layout.lanes);
        StepNoise::new(noise, kind, layout).fill(3, &mut eps);
        eps
    }

    #[test]
    fn a_layout_has_whole_units() {
        let options = |gradient, noise| Options { gradient, noise, ..Options::default() };
        let layout = |gradient, noise, draws, strata| Layout::new(draws, &options(gradient, noise), strata);
        let sticking = Gradient::StickingTheLanding;
        assert_eq!(layout(sticking, DrawNoise::Independent, 8, 1), Layout::independent(8));
        let antithetic = layout(sticking, DrawNoise::Antithetic, 8, 3);
        assert_eq!(antithetic, Layout { lanes: 12, unit: 6, run: 2 });
        let strata: Vec<usize> = (0..12).map(|lane| antithetic.stratum(lane, 3)).collect();
        assert_eq!(strata, [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        assert_eq!(layout(sticking, DrawNoise::Sobol, 9, 1), Layout { lanes: 10, unit: 5, run: 1 });
        let bounds = layout(Gradient::DoublyReparameterized, DrawNoise::Independent, 7, 1);
        assert_eq!(bounds, Layout { lanes: 14, unit: 7, run: 1 });
        assert_eq!(bounds.units().collect::<Vec<_>>(), [0..7, 7..14]);
    }

    #[test]
    fn many_units_are_taken_together() {
        let unit = |lanes| Layout { lanes, unit: 2, run: 2 }.coarser(16).unit;
        assert_eq!([unit(8), unit(32), unit(64), unit(60), unit(74)], [2, 2, 4, 4, 2]);
    }

    #[test]
    fn antithetic_draws_come_in_pairs() {
        let layout = Layout { lanes: 10, unit: 2, run: 2 };
        let eps = noise(DrawNoise::Antithetic, layout, &["a", "b"]);
        let alone = noise(DrawNoise::Independent, Layout::independent(5), &["b"]);
        for pair in 0..5 {
            assert_eq!(eps.get(1, 2 * pair), -eps.get(1, 2 * pair + 1));
            assert_eq!(eps.get(1, 2 * pair), alone.get(0, pair));
        }
    }

    /// Sixteen points: one in each sixteenth of the normal, in every element; sets differ.
    #[test]
    fn sobol_draws_are_even() {
        let layout = Layout { lanes: 32, unit: 16, run: 1 };
        let eps = noise(DrawNoise::Sobol, layout, &["a", "b", "c"]);
        for i in 0..3 {
            for unit in layout.units() {
                let cdf = |lane| 16.0 * numerics::special::ndtr(eps.get(i, lane));
                let mut cells: Vec<usize> = unit.map(|lane| cdf(lane) as usize).collect();
                cells.sort_unstable();
                assert_eq!(cells, (0..16).collect::<Vec<_>>());
            }
            assert_ne!(eps.get(i, 0), eps.get(i, 16));
        }
    }

    #[test]
    fn beyond_the_table_noise_is_independent() {
        let names: Vec<String> = (0..sobol::DIMENSIONS + 1).map(|i| format!("e{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let layout = Layout { lanes: 8, unit: 4, run: 1 };
        let eps = noise(DrawNoise::Sobol, layout, &names);
        let plain = noise(DrawNoise::Independent, layout, &names);
        let last = sobol::DIMENSIONS;
        assert_eq!(eps.lane(3)[last], plain.lane(3)[last]);
        assert_ne!(eps.lane(3)[last - 1], plain.lane(3)[last - 1]);
    }

    #[test]
    fn the_middle_of_a_share_is_in_it() {
        let shares = [0.25, 0.0, 0.5, 0.25];
        for (k, expected) in [(0, 0.125), (2, 0.5), (3, 0.875)] {
            assert!((numerics::special::ndtr(middle(&shares, k)) - expected).abs() < 1e-12);
        }
        assert!(middle(&[1.0, 0.0], 1).is_finite() && middle(&[0.0, 1.0], 0).is_finite());
    }
}
