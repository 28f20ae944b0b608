//! Units of measurement, at run time: reads them, computes with them, checks equations.
//!
//! A column or a latent of a spec may carry a unit. The compiler walks its expressions with the functions
//! of [`check`], and its distributions with the table of [`laws`]; conversions are explicit, results carry
//! their units. This crate knows neither specs nor expressions nor distributions, and makes no
//! message for a user: errors are data.
//!
//! ```
//! use units::{Unit, Vocabulary, check, check::State};
//!
//! let vmax = State::Known(Unit::parse("mM/min")?);
//! let substrate = State::Known(Unit::parse("mM")?);
//! let flux = check::div(&check::mul(&vmax, &substrate), &check::add(&substrate, &State::Number(Some(0.0)))?);
//! assert_eq!(flux.unit().unwrap().to_string(), "mM/min");
//!
//! assert_eq!(Unit::parse("mM")?.factor_to(&Unit::parse("umol/L")?)?, 1000.0);
//!
//! let lake = Vocabulary::new(["fish"])?;
//! assert_eq!(lake.parse("fish/ha")?.dimensions().to_string(), "fish / length^2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Grammar
//!
//! ```text
//! unit   = power { ("*" | "." | blank) power } { "/" power }
//! power  = (name | number | "(" unit ")") [ ("^" | "**") exponent | digits | "-" digits | superscripts ]
//! exponent = signed decimal | "(" whole [ "/" whole ] ")"
//! ```
//!
//! `mM/min`, `counts/min^2`, `10^6/mL`, `1e6 cells`, `mg m-2 d-1`, `mL/min/(1.73 m^2)`. `a/b/c` is `a/(b c)`. A
//! product after a division, `a/b c`, is read in two ways and so refused, as in the SI brochure (section 5.4.6).
//! The micro sign is `u`, the degree sign with C or F `degC` or `degF`.
//!
//! # Names
//!
//! A name is, in this order: one that the user declares ([`Vocabulary`]); a whole name of the table; a
//! prefix and a symbol of the table. So `min` is a minute, `ft` a foot, `Pa` a pascal, `cd` a candela, and `pH`
//! not a picohenry. Case counts: `mM` is not `MM`. No text has two readings as prefix and symbol; a
//! test says so.
//!
//! All names are listed in `units.md` beside this crate's manifest, which a test keeps. The table ends with what compares with nothing else: `cells`, `counts`, `CFU`, `IU`. Also `degC`: a reading
//! in degrees Celsius has an arbitrary zero, so that it is no factor times a kelvin. It is a dimension of its own;
//! slopes (`1/degC`) and differences (`T - T_ref`) work, a conversion to K is refused. Logarithmic units (`dB`,
//! `pH`) and names with several meanings (`gal`, `ton`) are refused, each with its reason.
//!
//! An angle is a plain number: `rad` is 1, `deg` is 0.017 of it, and `sin` of degrees is a mistake that
//! names the conversion.
//!
//! # Why not another crate
//!
//! `uom` checks at compile time, when a spec is not known; here it is the second opinion on every factor
//! (`tests/factors.rs`). Crates that work at run time read the units of astronomy or of UCUM (which has no
//! `mM`), know no unit that a user declares, or bring the evaluator of a whole language.

pub mod check;
mod dimensions;
mod error;
mod exponent;
pub mod laws;
mod parse;
mod scale;
mod table;
mod unit;
mod vocabulary;

pub use dimensions::{Base, Dimensions};
pub use error::{ConversionError, PowerError, Problem, UnitError};
pub use exponent::Exponent;
pub use table::{Listed, list, refused};
pub use unit::Unit;
pub use vocabulary::Vocabulary;
