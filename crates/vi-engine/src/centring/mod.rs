//! How much of each element of a hierarchy should be centred.
//!
//! An element y of a law with a location and a scale is made from a coordinate u as
//! y = location + scale^(1 - lambda) (u - lambda location): lambda is 1 where it is centred (u is the
//! value), 0 where it is not (u is standard normal beforehand). The posterior of the values does not
//! depend on it; how well a family fits the posterior of the coordinates does.
//!
//! | file | lambda |
//! |---|---|
//! | `information` | from what the data know of each element, by curvature: cheap |
//! | `learn` | by the ELBO's own gradient, along with the family |
//! | `compare` | of several parameterisations the one with the highest ELBO, after a short climb |

mod compare;
mod information;
mod learn;

pub use compare::{Trial, trial};
pub use information::informed;
pub use learn::{HALF_WAY, learn};

/// Below this every element of a latent counts as non-centred, and above one less it as centred.
const SNAP: f64 = 0.15;

/// The lambdas of one latent, all 0 or all 1 where they are near.
fn snapped(all: Vec<f64>) -> Vec<f64> {
    if all.iter().all(|l| *l < SNAP) {
        vec![0.0; all.len()]
    } else if all.iter().all(|l| *l > 1.0 - SNAP) {
        vec![1.0; all.len()]
    } else {
        all
    }
}
