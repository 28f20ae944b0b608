//! The units of distributions: what each parameter has, given the unit of the variable.
//!
//! Literals are numbers in the unit that is wanted: `vmax: {prior: "lognormal(0, 1)", unit: mM/min}` has a
//! median of 1 mM/min.

use crate::Exponent;
use crate::check::{CheckError, State, agree, plain};
use crate::unit::Unit;

/// The unit of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParameterUnit {
    /// That of the variable: a location, a scale, a bound.
    Same,
    /// One over that of the variable: a rate.
    Inverse,
    /// A plain number: a shape, degrees of freedom, a probability.
    Dimensionless,
    /// A plain number, the logarithm of the number that the variable has in its unit.
    LogOf,
    /// That of the variable to a power: 2 for a covariance.
    Power(i64),
    /// Said by another: the law inside `truncated`.
    Unchecked,
}

/// What the variable may be measured in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VariableUnit {
    Any,
    /// A plain number: a proportion, an outcome of 0 or 1, an angle in radians.
    Plain,
    /// A plain number, or one of what is counted. `counts/min` is none: a Poisson law fixes the
    /// variance by the mean, which is so in one unit alone.
    Count,
}

/// The units of one distribution.
#[derive(Debug)]
pub struct LawUnits {
    pub name: &'static str,
    pub variable: VariableUnit,
    pub parameters: &'static [(&'static str, ParameterUnit)],
}

use ParameterUnit::{Dimensionless, Inverse, LogOf, Power, Same, Unchecked};
use VariableUnit::{Any, Count, Plain};

const fn law(
    name: &'static str,
    variable: VariableUnit,
    parameters: &'static [(&'static str, ParameterUnit)],
) -> LawUnits {
    LawUnits { name, variable, parameters }
}

/// All laws, by their names and those of their parameters in the language.
#[rustfmt::skip]
pub const LAWS: &[LawUnits] = &[
    law("normal", Any, &[("mean", Same), ("sd", Same)]),
    law("student_t", Any, &[("df", Dimensionless), ("loc", Same), ("scale", Same)]),
    law("cauchy", Any, &[("loc", Same), ("scale", Same)]),
    law("laplace", Any, &[("loc", Same), ("scale", Same)]),
    law("logistic", Any, &[("loc", Same), ("scale", Same)]),
    law("gumbel", Any, &[("loc", Same), ("scale", Same)]),
    law("skew_normal", Any, &[("loc", Same), ("scale", Same), ("shape", Dimensionless)]),
    law("lognormal", Any, &[("log_mean", LogOf), ("log_sd", Dimensionless)]),
    law("half_normal", Any, &[("scale", Same)]),
    law("half_cauchy", Any, &[("scale", Same)]),
    law("half_student_t", Any, &[("df", Dimensionless), ("scale", Same)]),
    law("exponential", Any, &[("rate", Inverse)]),
    law("gamma", Any, &[("shape", Dimensionless), ("rate", Inverse)]),
    law("inverse_gamma", Any, &[("shape", Dimensionless), ("scale", Same)]),
    law("weibull", Any, &[("shape", Dimensionless), ("scale", Same)]),
    law("pareto", Any, &[("scale", Same), ("shape", Dimensionless)]),
    law("loglogistic", Any, &[("scale", Same), ("shape", Dimensionless)]),
    law("uniform", Any, &[("lower", Same), ("upper", Same)]),
    law("flat", Any, &[("lower", Same), ("upper", Same)]),
    law("truncated", Any, &[("d", Unchecked), ("lower", Same), ("upper", Same)]),
    law("zero_inflated", Count, &[("d", Unchecked), ("zero", Dimensionless), ("zero_logit", Dimensionless)]),
    law("hurdle", Any, &[("d", Unchecked), ("zero", Dimensionless), ("zero_logit", Dimensionless)]),
    law("multivariate_normal", Any,
        &[("mean", Same), ("covariance", Power(2)), ("precision", Power(-2)), ("cholesky", Same)]),
    // Of a factor of the scale the unit would be a root: it is not checked.
    law("wishart", Any, &[("df", Dimensionless), ("scale", Same), ("cholesky", Unchecked)]),
    law("inverse_wishart", Any, &[("df", Dimensionless), ("scale", Same), ("cholesky", Unchecked)]),
    law("lkj_cholesky", Plain, &[("eta", Dimensionless)]),
    law("beta", Plain, &[("a", Dimensionless), ("b", Dimensionless)]),
    law("dirichlet", Plain, &[("alpha", Dimensionless)]),
    law("von_mises", Plain, &[("mean", Same), ("concentration", Dimensionless)]),
    law("bernoulli", Plain, &[("p", Dimensionless), ("logit", Dimensionless)]),
    law("categorical", Plain, &[("p", Dimensionless), ("logit", Dimensionless)]),
    law("ordered_logistic", Plain, &[("eta", Dimensionless), ("cutpoints", Dimensionless)]),
    law("binomial", Count, &[("n", Same), ("p", Dimensionless), ("logit", Dimensionless)]),
    law("beta_binomial", Count, &[("n", Same), ("a", Dimensionless), ("b", Dimensionless)]),
    law("multinomial", Count, &[("n", Same), ("p", Dimensionless), ("logit", Dimensionless)]),
    law("poisson", Count, &[("rate", Same), ("log_rate", LogOf)]),
    law("geometric", Count, &[("p", Dimensionless), ("logit", Dimensionless)]),
    // The variance is mean + mean^2 / dispersion: the dispersion is the shape of a gamma law.
    law("negative_binomial", Count, &[("mean", Same), ("log_mean", LogOf), ("dispersion", Dimensionless)]),
];

/// The units of the distribution of this name.
pub fn of(name: &str) -> Option<&'static LawUnits> {
    LAWS.iter().find(|law| law.name == name)
}

impl LawUnits {
    /// The unit of a parameter; nothing for a name that it has not.
    pub fn parameter(&self, name: &str) -> Option<ParameterUnit> {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, unit)| *unit)
    }

    /// Is `found` right for a parameter of a variable in this unit? Literals and what is unlabelled always
    /// are; so is a plain mean of what is counted (`cells: poisson(exp(a))`).
    pub fn check(&self, parameter: ParameterUnit, variable: &State, found: &State) -> Result<(), CheckError> {
        match (self.variable, parameter, found) {
            (VariableUnit::Count, ParameterUnit::Same, State::Known(found)) if found.is_one() => Ok(()),
            _ => parameter.check(variable, found),
        }
    }

    /// May the variable carry this unit?
    pub fn variable(&self, variable: &State) -> Result<(), CheckError> {
        match (self.variable, variable) {
            (VariableUnit::Any, _) | (_, State::Number(_) | State::Unlabelled) => Ok(()),
            (VariableUnit::Plain, _) => plain(variable),
            (VariableUnit::Count, State::Known(unit)) if unit.is_count() => Ok(()),
            (VariableUnit::Count, State::Known(unit)) => Err(CheckError::NotCount { unit: unit.clone() }),
        }
    }

    /// What the variable is measured in, by its law: that of the first parameter that tells.
    ///
    /// For a latent that carries no unit, such as `x: normal(mu, tau)`. Found plain only where every
    /// variable of the law is (`beta`); `Unlabelled` where nothing tells.
    pub fn infer<'a>(&self, parameters: impl IntoIterator<Item = (ParameterUnit, &'a State)>) -> State {
        let told = parameters.into_iter().find_map(|(parameter, found)| {
            let unit = found.unit()?;
            match parameter {
                ParameterUnit::Same => Some(unit.clone()),
                ParameterUnit::Inverse => Some(unit.recip()),
                ParameterUnit::Power(power) => unit.pow(Exponent::ratio(1, power)?).ok(),
                ParameterUnit::Dimensionless | ParameterUnit::LogOf | ParameterUnit::Unchecked => None,
            }
        });
        match (self.variable, told) {
            (VariableUnit::Plain, _) => State::plain(),
            (_, Some(unit)) => State::Known(unit),
            (_, None) => State::Unlabelled,
        }
    }
}

impl ParameterUnit {
    /// The unit that the parameter has where the variable has `variable`; nothing where any will do.
    pub fn given(self, variable: &Unit) -> Result<Option<Unit>, CheckError> {
        Ok(match self {
            ParameterUnit::Same => Some(variable.clone()),
            ParameterUnit::Inverse => Some(variable.recip()),
            ParameterUnit::Dimensionless | ParameterUnit::LogOf => Some(Unit::one()),
            ParameterUnit::Power(power) => match Exponent::whole(power) {
                Some(exact) => Some(variable.pow(exact)?),
                None => {
                    let dimensions = variable.dimensions().clone();
                    return Err(crate::PowerError { dimensions, power: power as f64 }.into());
                }
            },
            ParameterUnit::Unchecked => None,
        })
    }

    /// Is `found` right for a variable in this unit?
    fn check(self, variable: &State, found: &State) -> Result<(), CheckError> {
        let State::Known(unit) = found else { return Ok(()) };
        match (self, variable) {
            (ParameterUnit::Dimensionless | ParameterUnit::LogOf, _) => plain(found),
            (_, State::Known(variable)) => match self.given(variable)? {
                Some(expected) => agree(&expected, unit),
                None => Ok(()),
            },
            (_, State::Number(_) | State::Unlabelled) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u(text: &str) -> State {
        State::Known(Unit::parse(text).unwrap())
    }

    fn right(name: &str, variable: &str, parameter: &str, found: &str) -> bool {
        let law = of(name).unwrap();
        let variable = u(variable);
        law.variable(&variable).is_ok()
            && law.check(law.parameter(parameter).unwrap(), &variable, &u(found)).is_ok()
    }

    #[test]
    fn parameters_follow_the_variable() {
        assert!(right("normal", "mM", "sd", "mM"));
        assert!(!right("normal", "mM", "sd", "uM"));
        assert!(!right("normal", "mM", "mean", "mM^2"));
        assert!(right("lognormal", "mM/min", "log_mean", "1"));
        assert!(!right("lognormal", "mM/min", "log_mean", "mM/min"));
        assert!(right("exponential", "d", "rate", "1/d"));
        assert!(!right("exponential", "d", "rate", "d"));
        assert!(right("multivariate_normal", "m/s", "covariance", "m^2/s^2"));
        assert!(right("multivariate_normal", "m/s", "precision", "s^2/m^2"));
        assert!(right("multivariate_normal", "m/s", "cholesky", "m/s"));
        assert!(right("poisson", "counts", "rate", "counts"));
        assert!(right("poisson", "counts", "rate", "1"));
        assert!(!right("poisson", "counts", "rate", "1/min"));
        assert!(!right("poisson", "counts/min", "rate", "counts/min"));
        assert!(!right("poisson", "1e6 cells", "rate", "1e6 cells"));
        assert!(!right("beta", "%", "a", "1"));
        assert!(right("von_mises", "rad", "mean", "rad"));
        assert!(!right("von_mises", "deg", "mean", "deg"));
    }

    #[test]
    fn a_variable_without_a_unit_has_that_of_its_law() {
        let infer = |name: &str, parameter: &str, found: State| {
            let law = of(name).unwrap();
            law.infer([(law.parameter(parameter).unwrap(), &found)]).unit().map(Unit::to_string)
        };
        assert_eq!(infer("normal", "mean", u("mM")).as_deref(), Some("mM"));
        assert_eq!(infer("gamma", "rate", u("1/h")).as_deref(), Some("h"));
        assert_eq!(infer("multivariate_normal", "precision", u("1/m^2")).as_deref(), Some("m"));
        assert_eq!(infer("beta", "a", State::Number(Some(2.0))).as_deref(), Some("1"));
        assert_eq!(infer("lognormal", "log_mean", u("1")), None);
        assert_eq!(infer("normal", "mean", State::Number(Some(0.0))), None);
    }

    #[test]
    fn every_inferred_unit_checks() {
        for law in LAWS {
            for &(parameter, unit) in law.parameters {
                let Some(found) = unit.given(&Unit::parse("cells").unwrap()).unwrap() else { continue };
                let found = State::Known(found);
                let variable = law.infer([(unit, &found)]);
                if law.variable != VariableUnit::Plain {
                    law.variable(&variable).unwrap_or_else(|e| panic!("{} {parameter}: {e}", law.name));
                    unit.check(&variable, &found).unwrap_or_else(|e| panic!("{} {parameter}: {e}", law.name));
                }
            }
        }
    }
}
