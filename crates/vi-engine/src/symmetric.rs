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
use crate::mixed::Parts;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Sets of coordinates that are tried.
const TRIED: usize = 256;
/// Draws on which one that seems to be a symmetry must hold.
const HELD: usize = 8;
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

/// The changes of sign that leave the log density what it is, none of them made of others.
fn flips(target: &mut Target, draws: &Lanes) -> Vec<Flip> {
    let names = target.density().names().to_vec();
    let mut sets: Vec<Vec<usize>> = Parts::of(&names).together();
    sets.truncate(TRIED);
    if sets.is_empty() || draws.lanes() == 0 {
        return Vec::new();
    }
    // All of them at one draw, then those that hold there at more.
    let held = hold(target, draws, 0, &sets.iter().collect::<Vec<_>>());
    let mut found: Vec<Flip> = Vec::new();
    let mut covered: Vec<BTreeSet<usize>> = Vec::new();
    for (set, held) in sets.iter().zip(held) {
        let own: BTreeSet<usize> = set.iter().copied().collect();
        if !held || covered.iter().any(|c| c.is_subset(&own)) {
            continue;
        }
        let step = (draws.lanes() / HELD).max(1);
        if (1..HELD.min(draws.lanes())).all(|k| hold(target, draws, k * step, &[set])[0]) {
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

/// Does each of these sets leave the log density of a draw what it is?
fn hold(target: &mut Target, draws: &Lanes, lane: usize, sets: &[&Vec<usize>]) -> Vec<bool> {
    let z = draws.lane(lane);
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
        out.extend(value[..sets.len()].iter().map(|v| (v - own).abs() <= ROUNDING * (1.0 + own.abs())));
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

    /// `x = a b + noise`, with something besides: the signs of a and b change together, as does that of the other.
    #[test]
    fn a_product_has_both_signs() {
        let mut density = Function::named(&["a", "b[1]", "b[2]", "s", "t"], |z, grad| {
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
        assert_eq!(found, ["s", "a, b"]);
    }
}
