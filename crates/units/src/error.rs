//! What can be wrong with a unit, as data: the caller has the words.

use std::ops::Range;

use thiserror::Error;

use crate::{Dimensions, Unit};

/// A unit that cannot be read. `at` is the place in the text, in bytes.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{what}")]
pub struct UnitError {
    pub at: Range<usize>,
    pub what: Problem,
}

#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Problem {
    #[error("there is no unit here")]
    Empty,
    #[error("`{name}` is no unit that is known{}", suggestion(near))]
    Unknown {
        name: String,
        /// At most three, the nearest first.
        near: Vec<String>,
    },
    /// Known, but no unit that equations can be checked with.
    #[error("`{name}` is refused: {reason}")]
    Refused { name: String, reason: &'static str },
    #[error("`{found}` is unexpected; {expected}")]
    Unexpected { found: String, expected: &'static str },
    /// `a/b c` and `a/b*c` are read in two ways.
    #[error("a product after a division is read in two ways: write a/(b c), or a c/b")]
    ProductAfterDivision,
    #[error("the parenthesis is not closed")]
    Unclosed,
    #[error("parentheses are nested too deeply")]
    TooDeep,
    #[error(
        "`{text}` is no power: a number up to 100, a fraction with a denominator up to 16, or three decimals"
    )]
    Power { text: String },
    #[error("`{text}` is no factor: a positive number that a computer can hold")]
    Factor { text: String },
    /// A name that the user declares, and that the table has.
    #[error("`{name}` is declared, but means {meaning} already")]
    Taken { name: String, meaning: String },
    #[error("`{name}` is no name for a unit: letters, digits and `_`, a letter first")]
    BadName { name: String },
}

fn suggestion(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!(": `{}`?", near.join("`, `")) }
}

/// Why one unit is not a factor times another.
#[derive(Clone, Debug, Error)]
pub enum ConversionError {
    #[error("{from} is {}, {to} is {}", from.dimensions(), to.dimensions())]
    Dimensions { from: Unit, to: Unit },
    /// Celsius to kelvin or Fahrenheit: not a factor but a formula with an offset.
    #[error("{from} and {to} differ by an offset")]
    Offset { from: Unit, to: Unit },
    #[error("the factor from {from} to {to} is beyond the range of f64")]
    Range { from: Unit, to: Unit },
}

/// A unit has no such power.
#[derive(Clone, PartialEq, Debug, Error)]
#[error(
    "({dimensions}) has no power {power}: powers are up to 100, with denominators up to 16 or three decimals"
)]
pub struct PowerError {
    pub dimensions: Dimensions,
    pub power: f64,
}
