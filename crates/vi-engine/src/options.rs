//! What the user may choose, in the words of the specification language.

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
}

/// The largest dimension for which `full_rank` is the default family.
pub const FULL_RANK_LIMIT: usize = 100;

impl Method {
    /// Reads the word of a specification.
    ///
    /// # Errors
    /// A method of a later issue, or an unknown word.
    pub fn parse(word: &str) -> Result<Self, OptionError> {
        match word.trim() {
            "auto" => Ok(Method::Auto),
            "vi" => Ok(Method::Vi),
            "laplace" => Ok(Method::Laplace),
            later @ ("pathfinder" | "nuts" | "map") => Err(OptionError::later("method", later)),
            other => Err(OptionError::unknown("method", other, "auto, vi, laplace")),
        }
    }
}

/// The shape of q.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyChoice {
    MeanField,
    FullRank,
    /// Diagonal plus this rank.
    LowRank(usize),
}

impl FamilyChoice {
    /// Reads `mean_field`, `full_rank` or `low_rank(k)`.
    ///
    /// # Errors
    /// A family of a later issue, an unknown word, or a rank that is not a positive whole number.
    pub fn parse(word: &str) -> Result<Self, OptionError> {
        let word = word.trim();
        let (head, argument) = match word.split_once('(') {
            Some((head, rest)) => (head.trim(), rest.strip_suffix(')').map(str::trim)),
            None => (word, None),
        };
        match (head, argument) {
            ("mean_field", None) => Ok(FamilyChoice::MeanField),
            ("full_rank", None) => Ok(FamilyChoice::FullRank),
            ("low_rank", Some(rank)) => match rank.parse() {
                Ok(rank) if rank > 0 => Ok(FamilyChoice::LowRank(rank)),
                _ => Err(OptionError::unknown("family", word, "low_rank(8)")),
            },
            ("mixture" | "flow", _) => Err(OptionError::later("family", word)),
            _ => Err(OptionError::unknown("family", word, "mean_field, full_rank, low_rank(8)")),
        }
    }
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
}

impl Gradient {
    /// Reads the word of a specification.
    ///
    /// # Errors
    /// An estimator of a later issue, or an unknown word.
    pub fn parse(word: &str) -> Result<Self, OptionError> {
        match word.trim() {
            "reparameterized" => Ok(Gradient::Reparameterized),
            "sticking_the_landing" => Ok(Gradient::StickingTheLanding),
            later @ ("doubly_reparameterized" | "score_function" | "closed_form" | "pathwise") => {
                Err(OptionError::later("gradient", later))
            }
            other => Err(OptionError::unknown("gradient", other, "reparameterized, sticking_the_landing")),
        }
    }
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
    pub objective: Objective,
    /// Monte-Carlo draws of a gradient step (the lanes).
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
    /// Zero draws, posterior draws or steps.
    pub fn validate(&self) -> Result<(), OptionError> {
        let numbers = [
            ("draws", self.draws as u64),
            ("posterior_draws", self.posterior_draws as u64),
            ("steps", self.steps.unwrap_or(1)),
        ];
        match numbers.iter().find(|(_, n)| *n == 0) {
            Some((option, _)) => Err(OptionError::unknown(option, "0", "a positive whole number")),
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
    fn words_are_read_and_later_ones_refused_by_name() {
        assert_eq!(FamilyChoice::parse("low_rank(8)"), Ok(FamilyChoice::LowRank(8)));
        assert_eq!(FamilyChoice::parse(" full_rank "), Ok(FamilyChoice::FullRank));
        assert_eq!(Method::parse("vi"), Ok(Method::Vi));
        assert_eq!(Method::parse("nuts").unwrap_err().to_string(), "`method: nuts` comes with a later issue");
        assert_eq!(
            FamilyChoice::parse("flow(4)").unwrap_err().to_string(),
            "`family: flow(4)` comes with a later issue"
        );
        assert_eq!(
            Gradient::parse("pathwize").unwrap_err().to_string(),
            "`gradient: pathwize` is unknown; expected reparameterized, sticking_the_landing"
        );
        for bad in ["low_rank", "low_rank(0)", "low_rank(x)", "low_rank(2", "full_rank(2)"] {
            assert!(FamilyChoice::parse(bad).is_err(), "{bad}");
        }
        assert!(Options { draws: 0, ..Options::default() }.validate().is_err());
    }
}
