//! A unit: what it measures, its factor to the SI, and how it is written.

use std::fmt;
use std::sync::Arc;

use crate::Exponent;
use crate::dimensions::{Base, Dimensions, quotient};
use crate::error::{ConversionError, PowerError, UnitError};
use crate::scale::Scale;
use crate::vocabulary::Vocabulary;

/// A unit of measurement, such as `mM/min`.
///
/// There is no `==`: ask [`Unit::same_unit`] (the numbers mean the same: `mM` and `mol/m^3`) or
/// [`Unit::same_dimensions`] (there is a factor between them).
#[derive(Clone, Debug)]
pub struct Unit(Arc<Parts>);

/// Shared, for the units of a model are few and its expressions many.
#[derive(Clone, Debug)]
struct Parts {
    dimensions: Dimensions,
    scale: Scale,
    /// The number that is written before the symbols.
    factor: Scale,
    /// Symbols and their powers, none of which is zero.
    symbols: Vec<(Arc<str>, Exponent)>,
    /// As the user wrote it, where this is no result.
    written: Option<Arc<str>>,
}

impl Unit {
    /// The unit of plain numbers.
    pub fn one() -> Unit {
        Unit::number(Scale::ONE)
    }

    /// Reads a unit of the table: see [the grammar](crate#grammar).
    pub fn parse(text: &str) -> Result<Unit, UnitError> {
        Vocabulary::default().parse(text)
    }

    fn of(parts: Parts) -> Unit {
        Unit(Arc::new(parts))
    }

    pub(crate) fn number(factor: Scale) -> Unit {
        Unit::of(Parts {
            dimensions: Dimensions::default(),
            scale: factor,
            factor,
            symbols: Vec::new(),
            written: None,
        })
    }

    pub(crate) fn named(name: &str, dimensions: Dimensions, scale: Scale) -> Unit {
        let symbols = vec![(name.into(), Exponent::ONE)];
        Unit::of(Parts { dimensions, scale, factor: Scale::ONE, symbols, written: None })
    }

    pub(crate) fn written_as(self, text: &str) -> Unit {
        Unit::of(Parts { written: Some(text.into()), ..(*self.0).clone() })
    }

    pub fn dimensions(&self) -> &Dimensions {
        &self.0.dimensions
    }

    pub(crate) fn scale(&self) -> Scale {
        self.0.scale
    }

    /// How many coherent SI units this is: 60 for `min`, 0.001 for `g` (the kilogram is coherent).
    /// 0 or infinite where no f64 holds it.
    pub fn to_si(&self) -> f64 {
        self.0.scale.to_f64()
    }

    /// The unit of a product.
    pub fn times(&self, other: &Unit) -> Unit {
        if self.is_written_one() {
            return other.clone();
        }
        if other.is_written_one() {
            return self.clone();
        }
        let mut symbols = self.0.symbols.clone();
        for (symbol, power) in &other.0.symbols {
            match symbols.iter_mut().find(|(known, _)| known == symbol) {
                Some((_, known)) => *known = *known + *power,
                None => symbols.push((symbol.clone(), *power)),
            }
        }
        symbols.retain(|(_, power)| !power.is_zero());
        let dimensions = self.0.dimensions.times(&other.0.dimensions);
        let product = Unit::of(Parts {
            dimensions,
            scale: self.0.scale.times(other.0.scale),
            factor: self.0.factor.times(other.0.factor),
            symbols,
            written: None,
        });
        // s/sec and Hz s are 1, whatever the symbols.
        if product.is_one() { Unit::one() } else { product }
    }

    /// The unit of a quotient.
    pub fn over(&self, other: &Unit) -> Unit {
        self.times(&other.recip())
    }

    pub fn recip(&self) -> Unit {
        Unit::of(Parts {
            dimensions: self.0.dimensions.recip(),
            scale: self.0.scale.recip(),
            factor: self.0.factor.recip(),
            symbols: self.0.symbols.iter().map(|(symbol, power)| (symbol.clone(), -*power)).collect(),
            written: None,
        })
    }

    /// The unit of a power; an error where a dimension would have a power that is no [`Exponent`].
    pub fn pow(&self, power: Exponent) -> Result<Unit, PowerError> {
        if power == Exponent::ONE {
            return Ok(self.clone());
        }
        if power.is_zero() {
            return Ok(Unit::one());
        }
        let raised = self.0.symbols.iter().map(|(symbol, p)| Some((symbol.clone(), p.times(power)?)));
        let symbols = raised.collect::<Option<Vec<_>>>();
        match (self.0.dimensions.pow(power), symbols) {
            (Some(dimensions), Some(symbols)) => Ok(Unit::of(Parts {
                dimensions,
                scale: self.0.scale.pow(power),
                factor: self.0.factor.pow(power),
                symbols,
                written: None,
            })),
            _ => Err(PowerError { dimensions: self.0.dimensions.clone(), power: power.to_f64() }),
        }
    }

    /// Is there a factor between the two?
    pub fn same_dimensions(&self, other: &Unit) -> bool {
        self.0.dimensions == other.0.dimensions
    }

    /// Do numbers in the one mean the same in the other?
    pub fn same_unit(&self, other: &Unit) -> bool {
        self.same_dimensions(other) && self.0.scale.same(other.0.scale)
    }

    /// What a number in this unit is multiplied by to be one in `to`: 1000 from mM to uM.
    ///
    /// Always positive and finite.
    pub fn factor_to(&self, to: &Unit) -> Result<f64, ConversionError> {
        let (from, to) = (self.clone(), to.clone());
        if from.same_dimensions(&to) {
            let factor = from.0.scale.over(to.0.scale).to_f64();
            let fits = factor.is_normal();
            return if fits { Ok(factor) } else { Err(ConversionError::Range { from, to }) };
        }
        let temperature = |unit: &Unit| {
            matches!(unit.0.dimensions.single(), Some(Base::Temperature | Base::Celsius | Base::Fahrenheit))
        };
        if temperature(&from) && temperature(&to) {
            return Err(ConversionError::Offset { from, to });
        }
        Err(ConversionError::Dimensions { from, to })
    }

    /// No dimension is left; `%` and `deg` are dimensionless, but not one.
    pub fn is_dimensionless(&self) -> bool {
        self.0.dimensions.is_none()
    }

    /// The unit of plain numbers, and of radians.
    pub fn is_one(&self) -> bool {
        self.same_unit(&Unit::one())
    }

    /// A unit in which whole numbers count: `1`, or one of what is counted (`cells`, not `1e6 cells`).
    pub fn is_count(&self) -> bool {
        let counted = matches!(self.0.dimensions.single(), Some(Base::Counted(_)));
        (counted || self.is_dimensionless()) && self.0.scale.same(Scale::ONE)
    }

    /// `1`, and neither `rad` nor `%`.
    fn is_written_one(&self) -> bool {
        self.0.symbols.is_empty() && self.is_one()
    }

    /// As put together from symbols, in the order in which they came, whatever the user wrote.
    pub fn canonical(&self) -> String {
        let factor = if self.0.factor.same(Scale::ONE) { String::new() } else { self.0.factor.to_string() };
        quotient(&factor, self.0.symbols.iter().map(|(symbol, power)| (&**symbol, *power)), "/")
    }
}

/// As the user wrote it, or as results are put together: `umol/(min mg)`. What is printed can be read.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.written {
            Some(text) => f.write_str(text),
            None => f.write_str(&self.canonical()),
        }
    }
}
