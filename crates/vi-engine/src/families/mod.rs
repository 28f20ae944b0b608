//! Variational families: what q may look like.
//!
//! A family is one file and one line in [`build`]. It owns no state: its parameters `lambda` are a
//! plain vector, its randomness the base noise it is handed. Families live in whitened coordinates
//! ([`crate::coordinates`]).
//!
//! | family | parameters | for | cannot |
//! |---|---|---|---|
//! | `mean_field` | 2 d | very many parameters, weak correlation | correlations; its sds are 1/sqrt of the precision's diagonal |
//! | `low_rank(k)` | (2 + k) d | many parameters, few directions of correlation | more than k such directions |
//! | `structured` | linear in groups | hierarchies with many groups | dependence between groups other than through what they share |
//! | `full_rank` | d (d + 3) / 2 | up to a hundred or so parameters | skewness, several modes |
//! | `mixture(k)` | k times those of `full_rank`, or of `mean_field` above a hundred | several modes, heavy or skewed shoulders | modes that nobody told it of |
//! | `flow(k)` | those of `full_rank`, and k networks | bent and skewed posteriors of few parameters | far modes; tails other than a normal's |

mod beside;
mod flow;
mod low_rank;
mod mixture;
#[cfg(test)]
pub(crate) mod tests;
mod triangular;

use numerics::lanes::Lanes;

pub(crate) use beside::Beside;

use crate::blocks;
use crate::coordinates::Coordinates;
use crate::log_density::LogDensity;
use crate::options::FamilyChoice;
use crate::pattern::Pattern;
use flow::Flow;
use low_rank::LowRank;
use mixture::Mixture;
use triangular::Triangular;

/// `log(2 pi) / 2`.
pub(crate) const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;

/// A reparameterisable distribution over vectors of length `dim`.
pub trait Family {
    /// As in the spec: `full_rank`, `low_rank(8)`.
    fn name(&self) -> String;

    fn dim(&self) -> usize;

    /// Length of `lambda`.
    fn n_params(&self) -> usize;

    /// Elements of base noise a draw needs; the first `dim` belong to the coordinates.
    fn n_base(&self) -> usize {
        self.dim()
    }

    /// The factors by which the coordinates may be whitened: the family contains the image of every
    /// member under each of this pattern.
    fn scale(&self) -> &Pattern;

    /// The `lambda` to start from: mean zero, variances one.
    fn standard(&self) -> Vec<f64>;

    /// The member to start from where several modes are known: for each the logarithm of its mass, up to
    /// a constant, and the coordinates that are standard normal about it; the heaviest first. `None` where
    /// the family has room for one only, and starts from the standard member.
    fn over_modes(&self, _modes: &[(f64, Coordinates)]) -> Option<Vec<f64>> {
        None
    }

    /// The coordinates in which the member is the standard one; `None` for a family that is no normal of a
    /// [`Family::scale`].
    fn normal(&self, _lambda: &[f64]) -> Option<Coordinates> {
        None
    }

    /// Draws from base noise: `eps` is `[n_base]` x lanes, `z` `[dim]` x lanes, both of one width.
    fn rsample(&self, lambda: &[f64], eps: &Lanes, z: &mut Lanes);

    /// `log q(z)` (normalised) per lane and, where wanted, its gradient with respect to `z` at
    /// fixed `lambda` (`[dim]` x lanes, overwritten).
    fn log_q(&self, lambda: &[f64], z: &Lanes, log_q: &mut [f64], score: Option<&mut Lanes>);

    /// The chain rule of [`Family::rsample`]: adds to `out` (`[n_params]`) the sum over lanes of
    /// `weight[lane] * (dz / d lambda)' grad`, and writes the squared norm of every lane's
    /// *unweighted* term to `squared` (`[lanes]`).
    fn pullback(
        &self,
        lambda: &[f64],
        eps: &Lanes,
        grad: &Lanes,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    );

    /// The chain rule of [`Family::log_q`] in `lambda`, at fixed draws `z`, which came of `eps`: adds
    /// to `out` the sum over lanes of `weight[lane] * d log q(z) / d lambda`, and writes `squared` as
    /// [`Family::pullback`] does.
    fn pullback_log_q(
        &self,
        lambda: &[f64],
        eps: &Lanes,
        z: &Lanes,
        weight: &[f64],
        out: &mut [f64],
        squared: &mut [f64],
    );

    /// Differential entropy, where there is a closed form; its gradient is then added to `grad` where
    /// given.
    fn entropy(&self, lambda: &[f64], grad: Option<&mut [f64]>) -> Option<f64>;

    /// `KL(a | b) + KL(b | a)`, in nats, or a bound on it: the distance in which convergence is judged.
    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64;

    /// The strata of a mixture's draws.
    fn strata(&self) -> Option<&dyn Strata> {
        None
    }
}

/// Alternatives of which a draw is one, chosen by the last element of its base noise: alternative `k`
/// where the normal cdf of that is between the sums of the shares before it and of those up to it.
pub trait Strata {
    /// The probability of each, `[n]`.
    fn shares(&self, lambda: &[f64]) -> Vec<f64>;

    /// The chain rule of [`Strata::shares`]: adds to `out` (`[n_params]`) the sum of
    /// `by[k] * d share[k] / d lambda`.
    fn pullback_shares(&self, lambda: &[f64], by: &[f64], out: &mut [f64]);

    /// The part of [`Family::pullback_log_q`] that is in the parameters of the shares.
    fn pullback_log_q(&self, lambda: &[f64], z: &Lanes, weight: &[f64], out: &mut [f64]);
}

/// The family of a choice, for the first `dim` coordinates of a density.
pub fn of(choice: FamilyChoice, density: &mut dyn LogDensity, dim: usize) -> Box<dyn Family> {
    match choice {
        FamilyChoice::Structured => build_in(choice, &blocks::find(density, dim)),
        _ => build(choice, dim),
    }
}

/// The family of a choice, for `dim` coordinates that stand in no plates.
pub fn build(choice: FamilyChoice, dim: usize) -> Box<dyn Family> {
    build_in(choice, &vec![None; dim])
}

/// The family of a choice, for coordinates of these blocks (`None` for a global).
fn build_in(choice: FamilyChoice, blocks: &[Option<usize>]) -> Box<dyn Family> {
    let dim = blocks.len();
    match choice {
        FamilyChoice::MeanField => Box::new(Triangular::mean_field(dim)),
        FamilyChoice::FullRank => Box::new(Triangular::full_rank(dim)),
        FamilyChoice::LowRank(rank) => Box::new(LowRank::new(dim, rank)),
        FamilyChoice::Structured => Box::new(Triangular::structured(blocks)),
        FamilyChoice::Mixture(components) => Box::new(Mixture::new(dim, components)),
        FamilyChoice::Flow(layers) => Box::new(Flow::new(dim, layers)),
    }
}
