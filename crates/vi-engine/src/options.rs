//! What the user may choose; `spec-compiler` reads the words.

use crate::error::OptionError;

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
    /// No-U-Turn sampling: no family, but chains ([`crate::nuts`]).
    Nuts,
}

/// The largest dimension for which `full_rank` is the default family.
pub const FULL_RANK_LIMIT: usize = 100;

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

/// What climbs the ELBO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Objective {
    /// New draws at every step, Adam, an automatic step size and stop rule ([`crate::refine`]).
    #[default]
    Stochastic,
    /// The same draws throughout, L-BFGS, judged on fresh draws ([`crate::fixed_draws`]).
    FixedDraws,
}

/// Everything that determines a fit, besides the density.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub method: Method,
    /// `None`: by the method and the dimension.
    pub family: Option<FamilyChoice>,
    pub gradient: Gradient,
    pub noise: DrawNoise,
    pub objective: Objective,
    /// Monte-Carlo draws of a gradient step, at least: [`crate::draws`] rounds them up.
    pub draws: usize,
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
            objective: Objective::default(),
            draws: 8,
            posterior_draws: 4000,
            seed: 1,
            steps: None,
        }
    }
}

impl Options {
    /// # Errors
    /// Zero draws, posterior draws or steps; a gradient that the family does not have.
    pub fn validate(&self) -> Result<(), OptionError> {
        let numbers = [
            ("draws", self.draws as u64),
            ("posterior_draws", self.posterior_draws as u64),
            ("steps", self.steps.unwrap_or(1)),
        ];
        if self.gradient == Gradient::DoublyReparameterized
            && matches!(self.family, Some(FamilyChoice::Mixture(_)))
        {
            // which component a draw is of is no smooth function of its noise
            let (found, expected) = ("doubly_reparameterized".into(), "another gradient of a mixture");
            return Err(OptionError { option: "gradient", found, expected });
        }
        // the gradient takes the draws of a bound as independent
        if self.gradient == Gradient::DoublyReparameterized && self.noise != DrawNoise::Independent {
            let (found, expected) =
                (format!("{:?}", self.noise).to_lowercase(), "independent draws of a bound");
            return Err(OptionError { option: "noise", found, expected });
        }
        match numbers.iter().find(|(_, n)| *n == 0) {
            Some((option, _)) => {
                Err(OptionError { option, found: "0".into(), expected: "a positive whole number" })
            }
            None => Ok(()),
        }
    }

    /// The family to use for `dim` coordinates.
    pub fn family_for(&self, dim: usize) -> FamilyChoice {
        self.family.unwrap_or(if dim <= FULL_RANK_LIMIT {
            FamilyChoice::FullRank
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
        let e = Options { draws: 0, ..Options::default() }.validate().unwrap_err();
        assert_eq!(e.to_string(), "`draws: 0` is refused; expected a positive whole number");
        let family = Some(FamilyChoice::Mixture(2));
        let gradient = Gradient::DoublyReparameterized;
        assert!(Options { family, gradient, ..Options::default() }.validate().is_err());
        let e = Options { gradient, noise: DrawNoise::Sobol, ..Options::default() }.validate().unwrap_err();
        assert_eq!(e.to_string(), "`noise: sobol` is refused; expected independent draws of a bound");
        assert!(Options { steps: Some(0), ..Options::default() }.validate().is_err());
        assert!(Options::default().validate().is_ok());
    }
}
