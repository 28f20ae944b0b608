//! Centred, non-centred or between: how much of each element of a hierarchy the data know.
//!
//! In the non-centred form an element is its location plus its scale times a standard normal coordinate
//! u, whose prior curvature is 1; the likelihood adds s^2 I, its information on the element in units of
//! the scale. Where s^2 I is large the data place the element, and it should be its own coordinate
//! (centred); where it is small the prior does, and the coordinate should not have to follow the scale
//! (non-centred). For a normal model with known variances and scale 1 the coordinate with
//! lambda = s^2 I / (1 + s^2 I) is independent of the location given the data.
//!
//! Source: O. Papaspiliopoulos, G. O. Roberts and M. Skold, A general framework for the parametrization
//! of hierarchical models, Statistical Science 22 (2007), section 3, for the normal case; M. I.
//! Gorinova, D. Moore and M. D. Hoffman, ICML 2020, for lambda as a property of each element.

use std::collections::BTreeMap;
use std::ops::Range;

use numerics::lanes::Lanes;

use super::snapped;
use crate::log_density::LogDensity;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Draws at which the curvature is taken.
const DRAWS: usize = 32;
/// Directions of random signs that estimate its diagonal.
const PROBES: u64 = 8;
/// Half the distance of the two gradients of a difference; coordinates have prior sd 1.
const STEP: f64 = 1e-3;
/// The draw that decides is the one in so many that leaves an element least known: at a small scale
/// only the non-centred form is free of a funnel, while at a large one its coordinates are merely
/// correlated, which a Gaussian family can follow.
const CAUTION: usize = 10;

/// Lambda for every coordinate of `blocks`, each the coordinates of one non-centred latent: 1 where it
/// should be centred. `density` is the model with all of them non-centred, `draws` some of an
/// approximation of its posterior.
pub fn informed(
    density: &mut dyn LogDensity,
    blocks: &BTreeMap<String, Range<usize>>,
    draws: &Lanes,
    seed: u64,
) -> BTreeMap<String, Vec<f64>> {
    let dim = density.dim();
    let names = density.names().to_vec();
    let mut target = Target::new(density);
    let noise = Noise::new(seed, Purpose::Centring, names.iter().map(String::as_str));
    let mut z = Lanes::zeros(dim, DRAWS);
    for lane in 0..DRAWS {
        z.set_lane(lane, &draws.lane(lane % draws.lanes()));
    }
    let is_ours: Vec<bool> = (0..dim).map(|i| blocks.values().any(|block| block.contains(&i))).collect();
    let mut curvature = vec![[0.0; DRAWS]; dim];
    let mut sound = [true; DRAWS];
    let mut signs = Lanes::zeros(dim, DRAWS);
    for probe in 1..=PROBES {
        noise.fill(probe, 0, &mut signs);
        for (i, ours) in is_ours.iter().enumerate() {
            for lane in 0..DRAWS {
                let sign = if *ours { signs.get(i, lane).signum() } else { 0.0 };
                signs.set(i, lane, sign);
            }
        }
        let mut ends = [1.0, -1.0].map(|side| {
            let mut at = z.clone();
            let mut grad = Lanes::zeros(dim, DRAWS);
            let mut value = vec![0.0; DRAWS];
            for i in 0..dim {
                for lane in 0..DRAWS {
                    at.set(i, lane, z.get(i, lane) + side * STEP * signs.get(i, lane));
                }
            }
            at.pad();
            target.eval(&at, &mut value, Some(&mut grad));
            for (lane, v) in value.iter().enumerate() {
                sound[lane] &= v.is_finite();
            }
            grad
        });
        let [plus, minus] = &mut ends;
        for (i, row) in curvature.iter_mut().enumerate().filter(|(i, _)| is_ours[*i]) {
            for (lane, c) in row.iter_mut().enumerate() {
                let slope = (plus.get(i, lane) - minus.get(i, lane)) / (2.0 * STEP);
                *c -= slope * signs.get(i, lane) / PROBES as f64;
            }
        }
    }
    let lambda = |i: usize| {
        let mut known: Vec<f64> = (0..DRAWS)
            .filter(|&lane| sound[lane])
            .map(|lane| 1.0 - 1.0 / curvature[i][lane].max(1.0))
            .collect();
        known.sort_by(f64::total_cmp);
        known.get(known.len() / CAUTION).copied().unwrap_or(0.0)
    };
    blocks.iter().map(|(name, block)| (name.clone(), snapped(block.clone().map(lambda).collect()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Function;

    /// theta_j = mu + tau z_j seen as y_j ~ normal(theta_j, s_j) with tau known: lambda is
    /// tau^2 / (tau^2 + s_j^2), wherever it is taken.
    fn chosen(tau: f64, sds: &'static [f64]) -> Vec<f64> {
        let y = [1.0, -2.0, 0.5];
        let mut density = Function::new(1 + sds.len(), move |z: &[f64], g: &mut [f64]| {
            let mut value = -0.5 * z[0] * z[0];
            g[0] = -z[0];
            for (j, s) in sds.iter().enumerate() {
                let r = (y[j] - z[0] - tau * z[1 + j]) / s;
                value -= 0.5 * (r * r + z[1 + j] * z[1 + j]);
                g[0] += r / s;
                g[1 + j] = tau * r / s - z[1 + j];
            }
            value
        });
        let blocks = BTreeMap::from([("theta".to_string(), 1..1 + sds.len())]);
        let mut draws = Lanes::zeros(1 + sds.len(), 2);
        draws.set_lane(1, &vec![0.4; 1 + sds.len()]);
        informed(&mut density, &blocks, &draws, 1).remove("theta").unwrap()
    }

    #[test]
    fn it_is_what_the_data_know_of_each_element() {
        let sds: &[f64] = &[0.2, 1.0, 5.0];
        for (found, s) in chosen(1.5, sds).iter().zip(sds) {
            let expected = 1.5 * 1.5 / (1.5 * 1.5 + s * s);
            assert!((found - expected).abs() < 1e-6, "{found}, exactly {expected}");
        }
    }

    #[test]
    fn near_the_ends_it_snaps() {
        assert_eq!(chosen(1.5, &[0.2, 0.3]), [1.0, 1.0]);
        assert_eq!(chosen(0.1, &[2.0, 3.0]), [0.0, 0.0]);
    }
}
