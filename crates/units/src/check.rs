//! The unit of an expression from those of its parts, one function for each kind of node.
//!
//! Units are checked as far as they are known. A part has one of three [`State`]s:
//!
//! - `Known`: it carries a unit.
//! - `Number`: a literal of the spec, or what is computed of literals alone. It multiplies anything, and
//!   is a dimensionless number there (`2 * x` has the unit of `x`). In a sum, a comparison or a choice it
//!   is in the unit of what it stands beside: `age > 50` speaks of years where `age` does. Beside what is
//!   dimensionless, but not in ones, it would be read in two ways (`1 - p` of a percentage), and is a
//!   mistake unless it is 0.
//! - `Unlabelled`: a column or latent that carries no unit, or what a mistake was found in. It agrees
//!   with everything, so that a user who labels half of a model gets half of the checks, and one
//!   mistake gives one message.
//!
//! There is no silent conversion: mM and uM do not add ([`CheckError::Scale`] names both, and the remedy is
//! an explicit `convert`). A percentage is not a plain number either: `exp` of one is refused in the
//! same way.
//!
//! | in the language | here |
//! |---|---|
//! | a literal, an array of literals | `State::Number` with its value, without |
//! | a name, a column, a lookup, an element, a renaming, a spread | the state of what it names |
//! | `a + b`, `a - b`, `-a` | [`add`], [`sub`], [`neg`] |
//! | `a * b`, `a / b`, `a @ b`, `dot` | [`mul`], [`div`], [`mul`] |
//! | `a ^ b`, `sqrt`, `square` | [`pow`], [`sqrt`], [`square`] |
//! | `maximum`, `minimum`, a stack of columns | [`join`], [`join_all`] |
//! | `<`, `<=`, `==` | [`compare`] |
//! | `where` | [`choose`] |
//! | `abs`, `floor`, `sum`, `mean`, `sd`, `max`, `min` | [`kept`] |
//! | `log`, `sin`, `sigmoid`, `lgamma`, `logsumexp` and the like; `exp` | [`transcendental`]; [`exponential`] |
//! | the rate and the initial value of a state | [`rate`], [`declare`] |
//! | `convert` | [`convert`] |

use thiserror::Error;

use crate::Exponent;
use crate::error::{ConversionError, PowerError};
use crate::unit::Unit;

/// What is known of the unit of an expression.
#[derive(Clone, Debug)]
pub enum State {
    Known(Unit),
    /// With its value, where it is one number and could be computed; an array of zeros is 0 too.
    Number(Option<f64>),
    Unlabelled,
}

/// A mistake with units; places and words are the caller's.
#[derive(Clone, Debug, Error)]
pub enum CheckError {
    /// Two that must agree measure different things.
    #[error("{left} and {right} measure different things: {} and {}", left.dimensions(), right.dimensions())]
    Different { left: Unit, right: Unit },
    /// Two that must agree measure the same, in other sizes. The remedy is `convert(right, left)`.
    #[error("{left} and {right} measure the same, but convert between them: convert(..., {left})")]
    Scale { left: Unit, right: Unit },
    /// A literal other than 0 beside a percentage, degrees, `mM/uM`: is it one of these, or plain?
    #[error("a bare number stands beside {unit}: in which unit is it?")]
    BareNumber { unit: Unit },
    /// The argument of `exp`, `log`, `sin`... measures something. The remedy: divide by a reference.
    #[error("{unit} measures {}, a plain number is wanted: divide by a reference", unit.dimensions())]
    NotDimensionless { unit: Unit },
    /// Dimensionless, but not in ones: `%`, `deg`, `mM/uM`. The remedy is `convert(..., 1)`.
    #[error("{unit} is no plain number: convert(..., 1)")]
    NotPlain { unit: Unit },
    /// A quantity to a power that is no constant.
    #[error("{unit} to a power that is not a constant has no unit: divide by a reference")]
    VaryingPower { unit: Unit },
    #[error(transparent)]
    Power(#[from] PowerError),
    #[error(transparent)]
    Conversion(#[from] ConversionError),
    /// `convert` of what carries no unit.
    #[error("there is no unit to convert to {to} from")]
    NothingToConvert { to: Unit },
    /// A law of counts for what is no count.
    #[error("{unit} is no count")]
    NotCount { unit: Unit },
}

pub type Checked = Result<State, CheckError>;

impl From<Unit> for State {
    fn from(unit: Unit) -> State {
        State::Known(unit)
    }
}

impl State {
    /// A plain number that is no literal: what `exp` gives.
    pub fn plain() -> State {
        State::Known(Unit::one())
    }

    pub fn unit(&self) -> Option<&Unit> {
        match self {
            State::Known(unit) => Some(unit),
            State::Number(_) | State::Unlabelled => None,
        }
    }

    fn is_zero(&self) -> bool {
        matches!(self, State::Number(Some(x)) if *x == 0.0)
    }
}

/// Of two literals: the value, if both are known.
fn fold(a: Option<f64>, b: Option<f64>, f: fn(f64, f64) -> f64) -> State {
    State::Number(a.zip(b).map(|(a, b)| f(a, b)))
}

/// Do numbers in `found` mean the same in `expected`?
pub fn agree(expected: &Unit, found: &Unit) -> Result<(), CheckError> {
    let (left, right) = (expected.clone(), found.clone());
    if expected.same_unit(found) {
        Ok(())
    } else if expected.same_dimensions(found) {
        Err(CheckError::Scale { left, right })
    } else {
        Err(CheckError::Different { left, right })
    }
}

/// A plain number is wanted: the argument of `exp`, `log`, `sin` (radians), a condition, an exponent.
pub fn plain(argument: &State) -> Result<(), CheckError> {
    match argument {
        State::Known(unit) if unit.is_one() => Ok(()),
        State::Known(unit) if unit.is_dimensionless() => Err(CheckError::NotPlain { unit: unit.clone() }),
        State::Known(unit) => Err(CheckError::NotDimensionless { unit: unit.clone() }),
        State::Number(_) | State::Unlabelled => Ok(()),
    }
}

/// What agree in their unit: the branches of a choice, the larger of two, the columns of a stack.
///
/// A literal is in the unit of what it stands beside.
pub fn join(a: &State, b: &State) -> Checked {
    match (a, b) {
        (State::Known(left), State::Known(right)) => agree(left, right).map(|()| a.clone()),
        (known @ State::Known(unit), other @ State::Number(_))
        | (other @ State::Number(_), known @ State::Known(unit)) => {
            match unit.is_dimensionless() && !unit.is_one() && !other.is_zero() {
                true => Err(CheckError::BareNumber { unit: unit.clone() }),
                false => Ok(known.clone()),
            }
        }
        (State::Number(_), State::Number(_)) => Ok(State::Number(None)),
        (State::Unlabelled, other) | (other, State::Unlabelled) => Ok(match other {
            State::Known(_) => other.clone(),
            // An unlabelled column plus 5 is still unlabelled.
            State::Number(_) | State::Unlabelled => State::Unlabelled,
        }),
    }
}

/// [`join`] of any number; of none, a literal.
pub fn join_all<'a>(parts: impl IntoIterator<Item = &'a State>) -> Checked {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Ok(State::Number(None)) };
    parts.try_fold(first.clone(), |so_far, part| join(&so_far, part))
}

pub fn add(a: &State, b: &State) -> Checked {
    match (a, b) {
        (State::Number(a), State::Number(b)) => Ok(fold(*a, *b, |a, b| a + b)),
        _ => join(a, b),
    }
}

pub fn sub(a: &State, b: &State) -> Checked {
    match (a, b) {
        (State::Number(a), State::Number(b)) => Ok(fold(*a, *b, |a, b| a - b)),
        _ => join(a, b),
    }
}

/// `<`, `<=`, `==`: sides that agree, and a plain 0 or 1.
pub fn compare(a: &State, b: &State) -> Checked {
    join(a, b).map(|_| State::plain())
}

/// Also an element of a contraction (`@`, `dot`).
pub fn mul(a: &State, b: &State) -> State {
    match (a, b) {
        (State::Known(a), State::Known(b)) => State::Known(a.times(b)),
        (State::Number(a), State::Number(b)) => fold(*a, *b, |a, b| a * b),
        (State::Unlabelled, _) | (_, State::Unlabelled) => State::Unlabelled,
        (known, State::Number(_)) | (State::Number(_), known) => known.clone(),
    }
}

pub fn div(a: &State, b: &State) -> State {
    match (a, b) {
        (State::Number(a), State::Number(b)) => fold(*a, *b, |a, b| a / b),
        _ => mul(a, &recip(b)),
    }
}

pub fn recip(a: &State) -> State {
    match a {
        State::Known(unit) => State::Known(unit.recip()),
        State::Number(a) => State::Number(a.map(f64::recip)),
        State::Unlabelled => State::Unlabelled,
    }
}

/// `-a`; what else keeps the unit of its argument (`abs`, `sum`, `mean`, `sd`, `max`, `min`, a lookup, an
/// element) may use the state as it is, or `kept` where the value of a literal changes.
pub fn neg(a: &State) -> State {
    match a {
        State::Number(a) => State::Number(a.map(|a| -a)),
        _ => a.clone(),
    }
}

/// `abs`, `floor`, and reductions: the unit stays, a literal's value is not followed.
///
/// `floor` of a quantity depends on the unit that it is in; it is the unit that the user chose.
pub fn kept(a: &State) -> State {
    match a {
        State::Number(_) if !a.is_zero() => State::Number(None),
        _ => a.clone(),
    }
}

/// `base^exponent`. Where the base is a quantity the exponent must be a literal: `x^n` with a latent `n` has
/// no unit (write `(x / K)^n`).
pub fn pow(base: &State, exponent: &State) -> Checked {
    plain(exponent)?;
    match (base, exponent) {
        (State::Number(a), State::Number(b)) => Ok(fold(*a, *b, f64::powf)),
        (State::Number(_), other) => Ok(other.clone()),
        (State::Unlabelled, _) => Ok(State::Unlabelled),
        (State::Known(unit), _) if unit.is_one() => Ok(State::plain()),
        (State::Known(unit), State::Number(Some(power))) => raise(unit, *power),
        (State::Known(unit), State::Number(None) | State::Known(_)) => {
            Err(CheckError::VaryingPower { unit: unit.clone() })
        }
        (State::Known(_), State::Unlabelled) => Ok(State::Unlabelled),
    }
}

fn raise(unit: &Unit, power: f64) -> Checked {
    let dimensions = unit.dimensions().clone();
    let exact = Exponent::from_f64(power).ok_or(PowerError { dimensions, power })?;
    Ok(State::Known(unit.pow(exact)?))
}

pub fn sqrt(a: &State) -> Checked {
    pow(a, &State::Number(Some(0.5)))
}

pub fn square(a: &State) -> Checked {
    pow(a, &State::Number(Some(2.0)))
}

/// `log`, `sin`, `sigmoid`, `lgamma`, `logsumexp`...: a plain number of a plain number.
///
/// `log` is no exception: the logarithm of a quantity is `log(x / reference)`.
pub fn transcendental(a: &State) -> Checked {
    plain(a)?;
    Ok(match a {
        State::Number(_) => State::Number(None),
        State::Known(_) | State::Unlabelled => State::plain(),
    })
}

/// `exp`, `expm1`, `softplus`: as [`transcendental`], but of what is unlabelled nothing is known.
///
/// Where the argument is the logarithm of a number in some unit (`exp(log_vmax)`, a regression with a log
/// link), the result is in that unit, which nobody has said.
pub fn exponential(a: &State) -> Checked {
    match a {
        State::Unlabelled => Ok(State::Unlabelled),
        _ => transcendental(a),
    }
}

/// The sign of a quantity, whatever its unit.
pub fn sign(a: &State) -> State {
    match a {
        State::Number(_) => State::Number(None),
        State::Known(_) | State::Unlabelled => State::plain(),
    }
}

/// `where(condition, a, b)`.
pub fn choose(condition: &State, a: &State, b: &State) -> Checked {
    plain(condition)?;
    join(a, b)
}

/// `convert(a, to)`: the new state, and what the number is multiplied by.
///
/// A literal is a number in the unit that stands beside it: `convert(5, mM)` is 5 mM.
pub fn convert(a: &State, to: &Unit) -> Result<(State, f64), CheckError> {
    match a {
        State::Known(unit) => Ok((State::Known(to.clone()), unit.factor_to(to)?)),
        State::Number(_) => Ok((State::Known(to.clone()), 1.0)),
        State::Unlabelled => Err(CheckError::NothingToConvert { to: to.clone() }),
    }
}

/// What a declared unit is given: a let with a unit, the initial value of a state.
///
/// A literal is a number in that unit, for the unit stands beside it.
pub fn declare(unit: &Unit, value: &State) -> Checked {
    if let State::Known(found) = value {
        agree(unit, found)?;
    }
    Ok(State::Known(unit.clone()))
}

/// The rate of a state over time: must agree with `state / time`.
///
/// The result is what is known of the rate.
pub fn rate(state: &State, time: &State, rate: &State) -> Checked {
    join(&div(state, time), rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u(text: &str) -> State {
        State::Known(Unit::parse(text).unwrap())
    }

    fn n(x: f64) -> State {
        State::Number(Some(x))
    }

    fn show(state: &Checked) -> String {
        match state {
            Ok(State::Known(unit)) => unit.to_string(),
            Ok(State::Number(Some(x))) => format!("number {x}"),
            Ok(State::Number(None)) => "number".to_owned(),
            Ok(State::Unlabelled) => "unlabelled".to_owned(),
            Err(e) => format!("{e:?}").split([' ', '(', '{']).next().unwrap().to_owned(),
        }
    }

    #[track_caller]
    fn check(found: Checked, expected: &str) {
        assert_eq!(show(&found), expected, "{found:?}");
    }

    #[test]
    fn michaelis_menten_checks() {
        // vmax * S / (Km + S), of S over t.
        let (vmax, km, s, t) = (u("mM/min"), u("mM"), u("mM"), u("min"));
        let v = div(&mul(&vmax, &s), &add(&km, &s).unwrap());
        check(Ok(v.clone()), "mM/min");
        check(rate(&s, &t, &neg(&v)), "mM/min");
        check(rate(&s, &u("s"), &v), "Scale");
        check(rate(&s, &t, &km), "Different");
        check(add(&u("uM"), &s), "Scale");
        check(rate(&s, &t, &n(0.0)), "mM/min");
        check(rate(&s, &t, &n(1.0)), "mM/min");
    }

    #[test]
    fn literals_are_in_the_unit_beside_them() {
        check(add(&u("mM"), &n(5.0)), "mM");
        check(add(&n(0.0), &u("mM")), "mM");
        check(sub(&n(1.0), &u("1")), "1");
        check(sub(&n(1.0), &u("%")), "BareNumber");
        check(sub(&n(1.0), &State::Unlabelled), "unlabelled");
        check(add(&State::Unlabelled, &u("mM")), "mM");
        check(add(&n(1.0), &n(2.0)), "number 3");
        check(compare(&u("d"), &n(30.0)), "1");
        check(compare(&u("deg"), &n(30.0)), "BareNumber");
        check(compare(&u("%"), &n(0.0)), "1");
        check(compare(&u("d"), &u("d")), "1");
        check(join_all([&n(0.0), &State::Unlabelled, &u("h")]), "h");
        check(join_all([&u("h"), &n(0.0), &u("d")]), "Scale");
    }

    #[test]
    fn products_and_powers() {
        check(Ok(mul(&n(2.0), &u("kg"))), "kg");
        check(Ok(div(&n(1.0), &u("min"))), "1/min");
        check(Ok(div(&u("mM"), &u("mM"))), "1");
        check(Ok(mul(&State::Unlabelled, &u("kg"))), "unlabelled");
        check(pow(&u("kg"), &n(0.75)), "kg^0.75");
        check(pow(&u("kg"), &div(&n(2.0), &n(3.0))), "kg^(2/3)");
        check(pow(&u("kg"), &u("1")), "VaryingPower");
        check(pow(&u("kg"), &u("m")), "NotDimensionless");
        check(pow(&u("kg"), &n(std::f64::consts::PI)), "Power");
        check(pow(&u("1"), &u("1")), "1");
        check(pow(&n(10.0), &u("1")), "1");
        check(pow(&n(2.0), &n(3.0)), "number 8");
        check(sqrt(&u("mM^2")), "mM");
        check(square(&u("m/s")), "m^2/s^2");
    }

    #[test]
    fn functions_take_plain_numbers() {
        check(transcendental(&u("mM")), "NotDimensionless");
        check(transcendental(&u("%")), "NotPlain");
        check(transcendental(&u("deg")), "NotPlain");
        check(transcendental(&u("mM/uM")), "NotPlain");
        check(transcendental(&u("rad")), "1");
        check(transcendental(&n(2.0)), "number");
        check(transcendental(&State::Unlabelled), "1");
        check(exponential(&State::Unlabelled), "unlabelled");
        check(exponential(&u("1")), "1");
        check(exponential(&u("mM")), "NotDimensionless");
        check(choose(&u("m"), &n(1.0), &n(2.0)), "NotDimensionless");
        check(choose(&u("1"), &u("m"), &n(0.0)), "m");
        check(choose(&u("1"), &u("m"), &u("ft")), "Scale");
    }

    #[test]
    fn conversions_are_explicit() {
        let (state, factor) = convert(&u("mM"), &Unit::parse("uM").unwrap()).unwrap();
        assert_eq!((show(&Ok(state)), factor), ("uM".to_owned(), 1000.0));
        let (state, factor) = convert(&n(5.0), &Unit::parse("uM").unwrap()).unwrap();
        assert_eq!((show(&Ok(state)), factor), ("uM".to_owned(), 1.0));
        let nothing = convert(&State::Unlabelled, &Unit::one());
        assert!(matches!(nothing, Err(CheckError::NothingToConvert { .. })));
        assert!(matches!(
            convert(&u("degC"), &Unit::parse("K").unwrap()),
            Err(CheckError::Conversion(ConversionError::Offset { .. }))
        ));
        check(declare(&Unit::parse("mM").unwrap(), &n(10.0)), "mM");
        check(declare(&Unit::parse("mM").unwrap(), &u("uM")), "Scale");
    }
}
