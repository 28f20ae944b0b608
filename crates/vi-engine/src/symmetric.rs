//! Changes of sign that the density does not see: of the loadings of a factor and its scores together, of slopes and
//! what they multiply. Each mode has a twin then, which is as probable and as far away as the mode is from zero, and which
//! chains that begin at one do not find. The draws are given either sign by chance: of a symmetric law, draws
//! of one half and their images are draws of the whole.

use std::collections::BTreeSet;

use numerics::lanes::Lanes;

use crate::BLOCK;
use crate::answer::reported;
use crate::diagnostics::check::moments;
use crate::fit::Fit;
use crate::images::Parts;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Sets of coordinates that are tried.
const TRIED: usize = 256;
/// Sites, of which sets of any number are tried.
const SITES: usize = 16;
/// A relative difference of log densities that is rounding.
const ROUNDING: f64 = 1e-9;

/// Gives the draws of a fit either sign, where the density has no preference.
pub fn symmetrise(target: &mut Target, fit: &mut Fit, seed: u64) {
    let flips = flips(target, &fit.draws);
    if flips.is_empty() {
        return;
    }
    let before = reported(target, &fit.draws);
    for flip in &flips {
        let noise = Noise::new(seed, Purpose::Sign, [flip.name.as_str()]);
        for lane in (0..fit.draws.lanes()).filter(|&lane| noise.uniform_of(0, lane) < 0.5) {
            flip.coordinates.iter().for_each(|&i| fit.draws.set(i, lane, -fit.draws.get(i, lane)));
        }
    }
    fit.draws.pad();
    let after = reported(target, &fit.draws);
    let weights = vec![1.0 / fit.draws.lanes() as f64; fit.draws.lanes()];
    let mut told = false;
    for ((parameter, before), after) in fit.parameters.iter_mut().zip(&before).zip(&after) {
        if before == after {
            continue;
        }
        let (before, after) = (moments(before, &weights), moments(after, &weights));
        // What was on both sides before is no news.
        told |= before.mean.abs() > before.sd;
        (parameter.mean, parameter.sd) = (after.mean, after.sd);
        parameter.mcse = after.sd / parameter.ess.sqrt();
    }
    if told {
        let names: Vec<&str> = flips.iter().map(|f| f.name.as_str()).collect();
        fit.reasons.push(format!(
            "the model is the same with another sign of {}: half of the draws have either",
            names.join("; of ")
        ));
    }
}

/// Coordinates that change their signs together.
struct Flip {
    coordinates: Vec<usize>,
    /// Their sites: `load, z`.
    name: String,
}

/// The changes of sign that leave the log density of every draw what it is, none of them made of others.
fn flips(target: &mut Target, draws: &Lanes) -> Vec<Flip> {
    let names = target.density().names().to_vec();
    let parts = Parts::of(&names);
    let mut sets: Vec<Vec<usize>> = parts.together();
    sets.truncate(TRIED);
    if sets.is_empty() || draws.lanes() == 0 {
        return Vec::new();
    }
    sets.extend(grown(target, draws, &parts.sites()));
    // All of them at one draw, then those that hold there at every one.
    let held: Vec<bool> = changes(target, draws, &sets).into_iter().map(is_rounding).collect();
    let mut found: Vec<Flip> = Vec::new();
    let mut covered: Vec<BTreeSet<usize>> = Vec::new();
    for (set, held) in sets.iter().zip(held) {
        let own: BTreeSet<usize> = set.iter().copied().collect();
        if !held || covered.iter().any(|c| c.is_subset(&own)) {
            continue;
        }
        if holds(target, draws, set) {
            let sites: BTreeSet<&str> = set.iter().map(|&i| site(&names[i])).collect();
            let name = sites.into_iter().collect::<Vec<_>>().join(", ");
            found.push(Flip { coordinates: set.clone(), name });
            covered.push(own);
        }
    }
    found
}

fn site(name: &str) -> &str {
    name.split('[').next().unwrap_or(name)
}

/// Does this set leave the log density of every draw what it is? A bound on one side alone is met by few.
fn holds(target: &mut Target, draws: &Lanes, set: &[usize]) -> bool {
    (0..draws.lanes()).step_by(BLOCK).all(|first| {
        let lanes = BLOCK.min(draws.lanes() - first);
        let (mut own, mut image) = (Lanes::zeros(draws.n(), lanes), Lanes::zeros(draws.n(), lanes));
        for lane in 0..lanes {
            let z = draws.lane(first + lane);
            own.set_lane(lane, &z);
            image.set_lane(lane, &z);
            set.iter().for_each(|&i| image.set(i, lane, -z[i]));
        }
        own.pad();
        image.pad();
        let (mut a, mut b) = (vec![0.0; lanes], vec![0.0; lanes]);
        target.eval(&own, &mut a, None);
        target.eval(&image, &mut b, None);
        a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= ROUNDING * (1.0 + a.abs()))
    })
}

/// Sets of several sites: from each site on, the one that brings the log density of the first draw nearest to what it
/// was, as long as one does.
fn grown(target: &mut Target, draws: &Lanes, sites: &[Vec<usize>]) -> Vec<Vec<usize>> {
    if sites.len() > SITES {
        return Vec::new();
    }
    let first = changes(target, draws, sites);
    let mut out = Vec::new();
    for (start, mut change) in first.into_iter().enumerate() {
        let mut taken = vec![start];
        while !is_rounding(change) {
            let left: Vec<usize> = (0..sites.len()).filter(|k| !taken.contains(k)).collect();
            let with = |k: &usize| taken.iter().chain([k]).flat_map(|&k| sites[k].clone()).collect();
            let found = changes(target, draws, &left.iter().map(with).collect::<Vec<_>>());
            let nearest = found.into_iter().zip(left).min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((nearer, k)) = nearest.filter(|(nearer, _)| *nearer < change) else { break };
            taken.push(k);
            change = nearer;
        }
        if is_rounding(change) && taken.len() > 2 {
            out.push(taken.iter().flat_map(|&k| sites[k].clone()).collect());
        }
    }
    out
}

fn is_rounding(change: f64) -> bool {
    change <= ROUNDING
}

/// How far each of these sets takes the log density of the first draw from what it is, relatively.
fn changes(target: &mut Target, draws: &Lanes, sets: &[Vec<usize>]) -> Vec<f64> {
    let z = draws.lane(0);
    let mut out = Vec::with_capacity(sets.len());
    for sets in sets.chunks(BLOCK - 1) {
        let mut block = Lanes::zeros(z.len(), sets.len() + 1);
        block.set_lane(sets.len(), &z);
        for (k, set) in sets.iter().enumerate() {
            block.set_lane(k, &z);
            set.iter().for_each(|&i| block.set(i, k, -z[i]));
        }
        block.pad();
        let mut value = vec![0.0; sets.len() + 1];
        target.eval(&block, &mut value, None);
        let own = value[sets.len()];
        out.extend(value[..sets.len()].iter().map(|v| (v - own).abs() / (1.0 + own.abs())));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::verdict::Verdict;
    use crate::observe::Silent;
    use crate::options::Options;
    use crate::testing::Function;

    /// `x = a b + noise, y = a c + noise`, with something besides: the signs of a, b and c change together, as does that of the other.
    #[test]
    fn a_product_has_both_signs() {
        let mut density = Function::named(&["a", "b", "c", "s", "t"], |z, grad| {
            let (a, s, t) = (z[0], z[3], z[4]);
            let mut value = -0.5 * (a * a + s * s) - 0.5 * (t - 1.0) * (t - 1.0);
            (grad[0], grad[3], grad[4]) = (-a, -s, 1.0 - t);
            for (k, x) in [(1, 3.0), (2, -4.0)] {
                let r = (x - a * z[k]) / 0.2;
                value -= 0.5 * (r * r + z[k] * z[k]);
                grad[k] = r * a / 0.2 - z[k];
                grad[0] += r * z[k] / 0.2;
            }
            value
        });
        let fit = crate::fit(&mut density, &Options::default(), &mut Silent).unwrap();
        assert_ne!(fit.verdict, Verdict::Unreliable, "{:?}", fit.reasons);
        for p in &fit.parameters[..3] {
            assert!(p.mean.abs() < 0.1 * p.sd && p.sd > 1.0, "{}: {} {}", p.name, p.mean, p.sd);
        }
        let found = flips(&mut Target::new(&mut density), &fit.draws);
        let found: Vec<&str> = found.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(found, ["s", "a, b, c"]);
    }
}
