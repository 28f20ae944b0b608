//! Which coordinates are independent of each other given the rest: the blocks of `structured`.
//!
//! A model tells its plates ([`LogDensity::plates`]): of each dimension, the level at which a
//! coordinate stands. Whether the levels of a plate are independent given everything else is asked of
//! the density itself, since a likelihood may tie what a prior keeps apart: the gradient at one level
//! must not change when another is moved. Levels are moved in groups, so that this costs some tens
//! of lanes however many there are: half of the levels at a time to see whether any two are tied, and
//! by the bits of their numbers to see which one level a coordinate *without* a level depends on (the
//! pupils of a school, told apart by a dimension of their own, belong to its block).

use numerics::lanes::Lanes;

use crate::log_density::LogDensity;
use crate::pattern::Arrow;
use crate::stream::{Noise, Purpose};

/// Lanes in which a random half of the blocks is moved: two that are tied are moved together in all
/// of them with probability 2^-15.
const HALVES: usize = 15;
/// How far, in units of the coordinates.
const STEP: f64 = 0.01;
/// A gradient that changes by less, relative to its size, has not changed.
const UNCHANGED: f64 = 1e-10;
/// Spreads of the points tried for a finite density.
const SPREADS: [f64; 4] = [0.5, 0.1, 2.0, 0.0];

/// The block of each of the first `dim` coordinates, `None` for a global: of the plates' possible
/// blocks, the ones that leave a normal of the fewest parameters.
pub fn find(density: &mut dyn LogDensity, dim: usize) -> Vec<Option<usize>> {
    let none = vec![None; dim];
    let mut plates = density.plates();
    plates.iter_mut().for_each(|plate| plate.resize(dim, None));
    plates.retain(|plate| plate.iter().flatten().any(|level| Some(level) != plate.iter().flatten().next()));
    if plates.is_empty() {
        return none;
    }
    // the most coordinates first; equals in the model's order
    plates.sort_by_key(|plate| std::cmp::Reverse(plate.iter().flatten().count()));
    let Some(mut probe) = Probe::new(density) else { return none };
    let mut found: Vec<Vec<Option<usize>>> = Vec::new();
    for first in 0..plates.len() {
        let rest = (0..plates.len()).filter(|&other| other != first);
        let mut blocks = none.clone();
        for plate in std::iter::once(first).chain(rest) {
            let more = probe.grown(with(&blocks, &plates[plate]));
            if more != blocks && probe.independent(&more) {
                blocks = more;
            }
        }
        found.push(blocks);
    }
    let blocked = found.into_iter().filter(|blocks| blocks.iter().any(Option::is_some));
    blocked.min_by_key(|blocks| Arrow::new(blocks.clone()).size()).unwrap_or(none)
}

/// The blocks there are, and beside them the levels of a plate for what has no block yet.
fn with(blocks: &[Option<usize>], plate: &[Option<usize>]) -> Vec<Option<usize>> {
    let next = blocks.iter().flatten().max().map_or(0, |last| last + 1);
    blocks.iter().zip(plate).map(|(block, level)| block.or(level.map(|level| next + level))).collect()
}

/// A point of the density and its gradient there.
struct Probe<'a> {
    density: &'a mut dyn LogDensity,
    noise: Noise,
    point: Vec<f64>,
    gradient: Vec<f64>,
}

impl<'a> Probe<'a> {
    /// `None` where no point with a finite density is found.
    fn new(density: &'a mut dyn LogDensity) -> Option<Self> {
        let names = density.names().to_vec();
        // The structure of a model does not depend on the seed of a fit.
        let noise = Noise::new(0, Purpose::Blocks, names.iter().map(String::as_str));
        let mut probe = Probe { density, noise, point: Vec::new(), gradient: Vec::new() };
        for (attempt, spread) in SPREADS.iter().enumerate() {
            let mut z = Lanes::zeros(names.len(), 1);
            probe.noise.fill(attempt as u64, 0, &mut z);
            let point: Vec<f64> = z.lane(0).iter().map(|x| spread * x).collect();
            if let Some(gradient) = probe.gradients(std::slice::from_ref(&point)).remove(0) {
                (probe.point, probe.gradient) = (point, gradient);
                return Some(probe);
            }
        }
        None
    }

    /// The gradient at each point where there is one.
    fn gradients(&mut self, points: &[Vec<f64>]) -> Vec<Option<Vec<f64>>> {
        let dim = self.density.dim();
        let (mut z, mut grad) = (Lanes::zeros(dim, points.len()), Lanes::zeros(dim, points.len()));
        let mut value = vec![0.0; points.len()];
        points.iter().enumerate().for_each(|(lane, point)| z.set_lane(lane, point));
        z.pad();
        self.density.eval(&z, &mut value, Some(&mut grad), &mut Vec::new());
        let sound = |lane: usize| {
            let gradient = grad.lane(lane);
            (value[lane].is_finite() && gradient.iter().all(|g| g.is_finite())).then_some(gradient)
        };
        (0..points.len()).map(sound).collect()
    }

    /// Of each set of coordinates, which gradients change when it is moved; `None` where that cannot be
    /// evaluated.
    fn changes(&mut self, moved: &[Vec<bool>]) -> Vec<Option<Vec<bool>>> {
        let mut steps = Lanes::zeros(self.density.dim(), moved.len());
        self.noise.fill(SPREADS.len() as u64, 0, &mut steps);
        let points: Vec<Vec<f64>> = moved
            .iter()
            .enumerate()
            .map(|(lane, moved)| {
                let mut point = self.point.clone();
                for (i, _) in moved.iter().enumerate().filter(|(_, moved)| **moved) {
                    point[i] += STEP * (1.0 + steps.get(i, lane).abs());
                }
                point
            })
            .collect();
        let before = self.gradient.clone();
        let changed = |gradient: Vec<f64>| {
            let differs = |(a, b): (&f64, &f64)| (a - b).abs() > UNCHANGED * (1.0 + a.abs());
            gradient.iter().zip(&before).map(differs).collect()
        };
        self.gradients(&points).into_iter().map(|gradient| gradient.map(changed)).collect()
    }

    /// Is no block's gradient changed by another?
    fn independent(&mut self, blocks: &[Option<usize>]) -> bool {
        let numbers = numbered(blocks);
        let n = numbers.iter().flatten().max().map_or(0, |last| last + 1);
        let halves = Noise::new(0, Purpose::Blocks, ["halves"]);
        let moved: Vec<Vec<bool>> = (0..HALVES)
            .map(|half| {
                let coin: Vec<bool> = (0..n).map(|b| halves.uniform_of(half as u64, b) < 0.5).collect();
                numbers.iter().map(|number| number.is_some_and(|number| coin[number])).collect()
            })
            .collect();
        let changes = self.changes(&moved);
        let sound = changes.iter().flatten().count();
        let tied = moved.iter().zip(&changes).any(|(moved, changed)| {
            let Some(changed) = changed else { return false };
            (0..numbers.len()).any(|i| numbers[i].is_some() && !moved[i] && changed[i])
        });
        2 * sound > HALVES && !tied
    }

    /// With every global that depends on one block only as part of that block.
    fn grown(&mut self, mut blocks: Vec<Option<usize>>) -> Vec<Option<usize>> {
        loop {
            let numbers = numbered(&blocks);
            let n = numbers.iter().flatten().max().map_or(0, |last| last + 1);
            let bits = n.next_power_of_two().trailing_zeros() as usize;
            if bits == 0 {
                return blocks;
            }
            // for every bit, the blocks whose number has it and those whose number has not
            let has = |number: usize, k: usize| ((number >> (k / 2)) & 1 == 1) == k.is_multiple_of(2);
            let moved: Vec<Vec<bool>> = (0..2 * bits)
                .map(|k| numbers.iter().map(|number| number.is_some_and(|number| has(number, k))).collect())
                .collect();
            let Some(changes) = self.changes(&moved).into_iter().collect::<Option<Vec<_>>>() else {
                return blocks;
            };
            // the number whose every bit changes the coordinate, and whose every other bit does not
            let number = |i: usize| {
                (0..bits).try_fold(0, |number, bit| match (changes[2 * bit][i], changes[2 * bit + 1][i]) {
                    (true, false) => Some(number | 1 << bit),
                    (false, true) => Some(number),
                    _ => None,
                })
            };
            let of_number: std::collections::BTreeMap<usize, usize> = numbers
                .iter()
                .zip(&blocks)
                .filter_map(|(number, block)| Some(((*number)?, (*block)?)))
                .collect();
            let mut grew = false;
            for (i, block) in blocks.iter_mut().enumerate().filter(|(_, block)| block.is_none()) {
                *block = number(i).and_then(|number| of_number.get(&number).copied());
                grew |= block.is_some();
            }
            if !grew {
                return blocks;
            }
        }
    }
}

/// Blocks by consecutive numbers.
fn numbered(blocks: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut known: Vec<usize> = blocks.iter().flatten().copied().collect();
    known.sort_unstable();
    known.dedup();
    blocks.iter().map(|block| block.and_then(|block| known.binary_search(&block).ok())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Function, Plated};

    /// log p = sum over the pairs of -(z_a - z_b)^4 / 4 (and a little of a normal).
    fn tied(dim: usize, pairs: Vec<(usize, usize)>, plates: &[&[Option<usize>]]) -> Vec<Option<usize>> {
        let density = Function::new(dim, move |z, g| {
            let mut value = 0.0;
            for i in 0..z.len() {
                g[i] -= z[i];
                value -= 0.5 * z[i] * z[i];
            }
            for &(a, b) in &pairs {
                let r = z[a] - z[b];
                value -= 0.25 * r.powi(4);
                g[a] -= r.powi(3);
                g[b] += r.powi(3);
            }
            value
        });
        let plates = plates.iter().map(|plate| plate.to_vec()).collect();
        find(&mut Plated { density, plates }, dim)
    }

    #[test]
    fn levels_that_share_only_globals_are_blocks() {
        // mu and tau; theta and phi of three groups
        let pairs = (0..3).flat_map(|g| [(0, 2 + g), (1, 5 + g), (2 + g, 5 + g)]).collect();
        let plate = [None, None, Some(0), Some(1), Some(2), Some(0), Some(1), Some(2)];
        assert_eq!(tied(8, pairs, &[&plate]), plate);
    }

    #[test]
    fn levels_that_a_likelihood_ties_are_none() {
        let plate = [None, Some(0), Some(1), Some(2), Some(3)];
        let chain = vec![(0, 1), (0, 2), (1, 2), (2, 3)];
        assert_eq!(tied(5, chain, &[&plate]), [None; 5]);
    }

    #[test]
    fn pupils_belong_to_their_school() {
        // mu; four schools; eight pupils, two a school, under a dimension of their own
        let mut pairs: Vec<(usize, usize)> = (0..4).map(|s| (0, 1 + s)).collect();
        pairs.extend((0..8).map(|p| (1 + p / 2, 5 + p)));
        let mut schools = vec![None; 13];
        let mut pupils = vec![None; 13];
        (0..4).for_each(|s| schools[1 + s] = Some(s));
        (0..8).for_each(|p| pupils[5 + p] = Some(p));
        let found = tied(13, pairs, &[&pupils, &schools]);
        let mut expected = schools.clone();
        (0..8).for_each(|p| expected[5 + p] = Some(p / 2));
        assert_eq!(found, expected);
    }

    #[test]
    fn of_crossed_plates_the_larger_has_the_blocks() {
        // two items and six persons, each tied to each
        let pairs = (0..6).flat_map(|p| [(0, 2 + p), (1, 2 + p)]).collect();
        let mut items = vec![None; 8];
        let mut persons = vec![None; 8];
        (items[0], items[1]) = (Some(0), Some(1));
        (0..6).for_each(|p| persons[2 + p] = Some(p));
        assert_eq!(tied(8, pairs, &[&items, &persons]), persons);
    }

    #[test]
    fn plates_that_do_not_meet_both_have_blocks() {
        let pairs = (0..3).flat_map(|g| [(0, 1 + g), (0, 4 + g)]).collect();
        let a = [None, Some(0), Some(1), Some(2), None, None, None];
        let b = [None, None, None, None, Some(0), Some(1), Some(2)];
        let found = tied(7, pairs, &[&a, &b]);
        let distinct: std::collections::BTreeSet<_> = found.iter().flatten().collect();
        assert_eq!((found[0], distinct.len()), (None, 6));
    }
}
