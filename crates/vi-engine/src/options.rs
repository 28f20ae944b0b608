//! What the user may choose; `spec-compiler` reads the words.

use numerics::lanes::LANES;

use crate::error::OptionError;
use crate::families;

/// How the posterior is approximated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Quasi-Newton start, full rank to [`FULL_RANK_LIMIT`] dimensions, mean field above; refined,
    /// checked, and corrected from a wider proposal where the check asks for it.
    #[default]
    Auto,
    /// The chosen family alone, refined and checked.
    Vi,
    /// The normal at the mode, by curvature; checked, not refined.
    Laplace,
    /// Normals along descents, by the curvature that quasi-Newton steps met; checked, not refined
    /// ([`crate::pathfinder`]).
    Pathfinder,
    /// The mode, a point ([`crate::mode`]): on the user's scale where the density is
    /// [`without_jacobian`](crate::CompiledDensity::without_jacobian).
    Map,
    /// No-U-Turn sampling: no family, but chains ([`crate::nuts`]).
    Nuts,
}

/// Whose covariance the draws of the answer have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Covariance {
    /// That of the family at its optimum.
    #[default]
    Family,
    /// That which the response of a mean field's means to tilts of the density implies
    /// ([`crate::linear_response`]).
    LinearResponse,
}

/// The largest dimension for which `full_rank` is the default family.
pub const FULL_RANK_LIMIT: usize = 100;

/// Rank of the family that batch and match moves above that, for it cannot move a mean field.
const DEFAULT_RANK: usize = 8;

/// The shape of q.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyChoice {
    MeanField,
    FullRank,
    /// Diagonal plus this rank.
    LowRank(usize),
    /// Full rank in what all groups share and within each group, groups independent given that.
    Structured,
    /// So many normals.
    Mixture(usize),
    /// So many coupling layers of splines.
    Flow(usize),
}

/// How the gradient of the ELBO is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gradient {
    /// The chain rule through the draws, plus the entropy in closed form.
    Reparameterized,
    /// The same without the score term: unbiased too, and its variance vanishes as q approaches the
    /// posterior (Roeder, Wu and Duvenaud 2017).
    #[default]
    StickingTheLanding,
    /// Of the importance-weighted bound of `draws` draws, which is nearer to the evidence than the ELBO
    /// and makes q wider (Tucker, Lawson, Gu and Maddison 2019). A step evaluates two bounds.
    DoublyReparameterized,
    /// Without the gradient of the model: each draw's term less the mean of the others', times the
    /// score of q (Mnih and Rezende 2016).
    ScoreFunction,
}

/// How the draws of a gradient step relate to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DrawNoise {
    #[default]
    Independent,
    /// In pairs of noise and its negative: what is linear in it cancels.
    Antithetic,
    /// Scrambled Sobol' points, in two sets ([`crate::sobol`]).
    Sobol,
}

/// What moves the family towards the posterior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optimizer {
    /// New draws at every step, Adam on the ELBO, an automatic step size and stop rule
    /// ([`crate::refine`]).
    Adam,
    /// Closed-form updates that match scores ([`crate::batch_and_match`]). Full or low rank.
    BatchAndMatch,
    /// The ELBO's natural gradient in mean and precision ([`crate::natural_gradient`]). Full rank or mean
    /// field.
    NaturalGradient,
    /// The same draws throughout, L-BFGS, judged on fresh draws ([`crate::fixed_draws`]).
    FixedDraws,
    /// The same with Newton steps by conjugate gradients ([`crate::newton_cg`]).
    NewtonCg,
}

impl Optimizer {
    /// As in the spec.
    pub fn word(self) -> &'static str {
        match self {
            Optimizer::Adam => "adam",
            Optimizer::BatchAndMatch => "batch_and_match",
            Optimizer::NaturalGradient => "natural_gradient",
            Optimizer::FixedDraws => "fixed_draws",
            Optimizer::NewtonCg => "newton_cg",
        }
    }

    /// Can it move this family?
    pub fn moves(self, family: FamilyChoice) -> bool {
        match self {
            Optimizer::BatchAndMatch => matches!(family, FamilyChoice::FullRank | FamilyChoice::LowRank(_)),
            Optimizer::NaturalGradient => matches!(family, FamilyChoice::FullRank | FamilyChoice::MeanField),
            // whose draws would have to change their components
            Optimizer::FixedDraws | Optimizer::NewtonCg => !matches!(family, FamilyChoice::Mixture(_)),
            Optimizer::Adam => true,
        }
    }

    /// The families it can move, for people.
    fn families(self) -> &'static str {
        match self {
            Optimizer::BatchAndMatch => "`full_rank` or `low_rank(8)`",
            Optimizer::NaturalGradient => "`full_rank` or `mean_field`",
            Optimizer::FixedDraws | Optimizer::NewtonCg => "any but a mixture",
            Optimizer::Adam => "any",
        }
    }

    /// Draws of a step, unless the user says otherwise. Of fixed draws there are more where the family
    /// needs them ([`crate::fixed_draws`]).
    fn draws(self) -> usize {
        match self {
            Optimizer::Adam => 8,
            Optimizer::BatchAndMatch | Optimizer::NaturalGradient => 32,
            Optimizer::FixedDraws | Optimizer::NewtonCg => 64,
        }
    }
}

/// Everything that determines a fit, besides the density.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub method: Method,
    /// `None`: by the method and the dimension.
    pub family: Option<FamilyChoice>,
    pub gradient: Gradient,
    pub noise: DrawNoise,
    /// `None`: by the method.
    pub optimizer: Option<Optimizer>,
    pub covariance: Covariance,
    /// Descents of `pathfinder`.
    pub paths: usize,
    /// Monte-Carlo draws of a gradient step, at least: [`crate::draws`] rounds them up. `None`: by the optimizer.
    pub draws: Option<usize>,
    /// Equally weighted draws in the answer.
    pub posterior_draws: usize,
    pub seed: u64,
    /// Exactly this many gradient steps, instead of the stop rule.
    pub steps: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            method: Method::Auto,
            family: None,
            gradient: Gradient::default(),
            noise: DrawNoise::default(),
            optimizer: None,
            covariance: Covariance::Family,
            paths: 8,
            draws: None,
            posterior_draws: 4000,
            seed: 1,
            steps: None,
        }
    }
}

impl Options {
    /// # Errors
    /// Zero draws, posterior draws, steps or paths; a gradient that the family does not have; an optimizer that cannot move the family; a linear
    /// response of what is no mean field on fixed draws.
    pub fn validate(&self, dim: usize) -> Result<(), OptionError> {
        let (optimizer, family) = (self.optimizer(), self.family_for(dim));
        if !optimizer.moves(family) {
            return Err(OptionError {
                option: "optimizer",
                found: optimizer.word().into(),
                expected: format!(
                    "with it {} as `family:`, not `{}`",
                    optimizer.families(),
                    families::build(family, dim).name()
                ),
            });
        }
        let is_fixed = matches!(optimizer, Optimizer::FixedDraws | Optimizer::NewtonCg);
        if self.covariance == Covariance::LinearResponse && !(is_fixed && family == FamilyChoice::MeanField) {
            return Err(OptionError {
                option: "covariance",
                found: "linear_response".into(),
                expected: "with it `family: mean_field` and `optimizer: fixed_draws` or `newton_cg`".into(),
            });
        }
        let numbers = [
            ("draws", self.draws.unwrap_or(1) as u64),
            ("posterior_draws", self.posterior_draws as u64),
            ("steps", self.steps.unwrap_or(1)),
            ("paths", self.paths as u64),
        ];
        if self.gradient == Gradient::DoublyReparameterized
            && matches!(self.family, Some(FamilyChoice::Mixture(_)))
        {
            // which component a draw is of is no smooth function of its noise
            let (found, expected) = ("doubly_reparameterized".into(), "another gradient of a mixture");
            return Err(OptionError { option: "gradient", found, expected: expected.into() });
        }
        // the gradient takes the draws of a bound as independent
        if self.gradient == Gradient::DoublyReparameterized && self.noise != DrawNoise::Independent {
            let (found, expected) =
                (format!("{:?}", self.noise).to_lowercase(), "independent draws of a bound");
            return Err(OptionError { option: "noise", found, expected: expected.into() });
        }
        match numbers.iter().find(|(_, n)| *n == 0) {
            Some((option, _)) => {
                Err(OptionError { option, found: "0".into(), expected: "a positive whole number".into() })
            }
            None => Ok(()),
        }
    }

    pub fn optimizer(&self) -> Optimizer {
        self.optimizer.unwrap_or(Optimizer::Adam)
    }

    /// Draws of a step in `dim` coordinates.
    pub fn draws(&self, dim: usize) -> usize {
        self.draws.unwrap_or_else(|| {
            let optimizer = self.optimizer();
            // A precision learns by the covariance of a batch, which has to have about full rank.
            let is_precision = optimizer == Optimizer::NaturalGradient;
            let is_dense = self.family_for(dim) == FamilyChoice::FullRank;
            let least = if is_precision && is_dense { dim.next_multiple_of(LANES) } else { 0 };
            optimizer.draws().max(least)
        })
    }

    /// The family to use for `dim` coordinates.
    pub fn family_for(&self, dim: usize) -> FamilyChoice {
        let is_matched = self.optimizer() == Optimizer::BatchAndMatch;
        self.family.unwrap_or(if dim <= FULL_RANK_LIMIT {
            FamilyChoice::FullRank
        } else if is_matched {
            FamilyChoice::LowRank(DEFAULT_RANK)
        } else {
            FamilyChoice::MeanField
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_must_be_positive() {
        let e = Options { draws: Some(0), ..Options::default() }.validate(3).unwrap_err();
        assert_eq!(e.to_string(), "`draws: 0` is refused; expected a positive whole number");
        let family = Some(FamilyChoice::Mixture(2));
        let gradient = Gradient::DoublyReparameterized;
        assert!(Options { family, gradient, ..Options::default() }.validate(3).is_err());
        let e = Options { gradient, noise: DrawNoise::Sobol, ..Options::default() }.validate(3).unwrap_err();
        assert_eq!(e.to_string(), "`noise: sobol` is refused; expected independent draws of a bound");
        assert!(Options { steps: Some(0), ..Options::default() }.validate(3).is_err());
        assert!(Options::default().validate(3).is_ok());
    }

    #[test]
    fn an_optimizer_that_cannot_move_the_family_is_refused() {
        let options =
            |optimizer, family| Options { optimizer: Some(optimizer), family, ..Options::default() };
        let matched = options(Optimizer::BatchAndMatch, Some(FamilyChoice::MeanField));
        let e = matched.validate(3).unwrap_err();
        assert_eq!(
            e.to_string(),
            "`optimizer: batch_and_match` is refused; expected with it `full_rank` or `low_rank(8)` as `family:`, not `mean_field`"
        );
        assert!(options(Optimizer::NaturalGradient, Some(FamilyChoice::LowRank(2))).validate(9).is_err());
        // where none is named, it is one that can be moved
        assert!(options(Optimizer::BatchAndMatch, None).validate(500).is_ok());
        assert!(options(Optimizer::NaturalGradient, None).validate(500).is_ok());
        // as many draws as a precision of full rank wants
        let draws = |dim| options(Optimizer::NaturalGradient, None).draws(dim);
        assert_eq!([draws(5), draws(90), draws(500)], [32, 96, 32]);
    }
}
