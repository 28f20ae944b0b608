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
//! | `full_rank` | d (d + 3) / 2 | up to a hundred or so parameters | skewness, several modes |

mod beside;
mod full_rank;
mod low_rank;
mod mean_field;
#[cfg(test)]
mod tests;

use numerics::lanes::Lanes;

pub(crate) use beside::Beside;

use crate::options::FamilyChoice;

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

    /// Whether the family contains every affine image of its members, so that whitening may be
    /// dense; otherwise it is diagonal.
    fn affine(&self) -> bool;

    /// The `lambda` to start from: mean zero, variances one.
    fn standard(&self) -> Vec<f64>;

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

    /// Differential entropy; its gradient is added to `grad` where given.
    fn entropy(&self, lambda: &[f64], grad: Option<&mut [f64]>) -> f64;

    /// `KL(a | b) + KL(b | a)`, in nats: the distance in which convergence is judged.
    fn symmetric_kl(&self, a: &[f64], b: &[f64]) -> f64;
}

/// The family of a choice, for `dim` coordinates.
pub fn build(choice: FamilyChoice, dim: usize) -> Box<dyn Family> {
    match choice {
        FamilyChoice::MeanField => Box::new(mean_field::MeanField::new(dim)),
        FamilyChoice::FullRank => Box::new(full_rank::FullRank::new(dim)),
        FamilyChoice::LowRank(rank) => Box::new(low_rank::LowRank::new(dim, rank)),
    }
}
