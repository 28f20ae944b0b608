//! What a unit measures: powers of base dimensions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::Exponent;

/// A base dimension. The first seven are those of the SI.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Base {
    Mass,
    Length,
    Amount,
    Current,
    Temperature,
    Luminosity,
    Time,
    /// Readings on a scale whose zero is arbitrary. Differences and slopes of them make sense, a
    /// factor to kelvin does not, so that they are a dimension of their own.
    Celsius,
    Fahrenheit,
    /// International units: defined substance by substance, so that no other unit compares.
    International,
    /// What is counted: cells, counts, or a name that the user declares.
    Counted(Arc<str>),
}

impl Base {
    fn symbol(&self) -> &str {
        match self {
            Base::Mass => "mass",
            Base::Length => "length",
            Base::Amount => "amount",
            Base::Current => "current",
            Base::Temperature => "temperature",
            Base::Luminosity => "luminosity",
            Base::Time => "time",
            Base::Celsius => "degrees Celsius",
            Base::Fahrenheit => "degrees Fahrenheit",
            Base::International => "international units",
            Base::Counted(name) => name,
        }
    }
}

/// Powers of base dimensions; none where all cancel.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Dimensions(BTreeMap<Base, Exponent>);

impl Dimensions {
    pub fn of(base: Base) -> Dimensions {
        Dimensions(BTreeMap::from([(base, Exponent::ONE)]))
    }

    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub fn powers(&self) -> impl Iterator<Item = (&Base, Exponent)> {
        self.0.iter().map(|(base, &power)| (base, power))
    }

    /// The one base that these are, to the power 1.
    pub fn single(&self) -> Option<&Base> {
        match self.0.iter().next() {
            Some((base, &Exponent::ONE)) if self.0.len() == 1 => Some(base),
            _ => None,
        }
    }

    pub fn times(&self, other: &Dimensions) -> Dimensions {
        let mut powers = self.0.clone();
        for (base, power) in other.powers() {
            let sum = powers.get(base).copied().unwrap_or_default() + power;
            if sum.is_zero() {
                powers.remove(base);
            } else {
                powers.insert(base.clone(), sum);
            }
        }
        Dimensions(powers)
    }

    /// Nothing where a power is none that an [`Exponent`] holds.
    pub fn pow(&self, power: Exponent) -> Option<Dimensions> {
        if power.is_zero() {
            return Some(Dimensions::default());
        }
        let raised = self.powers().map(|(base, p)| Some((base.clone(), p.times(power)?)));
        raised.collect::<Option<_>>().map(Dimensions)
    }

    pub fn recip(&self) -> Dimensions {
        Dimensions(self.powers().map(|(base, power)| (base.clone(), -power)).collect())
    }
}

/// `amount / (length^3 time)`, or `dimensionless`.
impl fmt::Display for Dimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("dimensionless");
        }
        f.write_str(&quotient("", self.powers().map(|(base, power)| (base.symbol(), power)), " / "))
    }
}

/// A product of powers, those below the line in parentheses if there are several.
///
/// `factor` stands first, where it is not empty.
pub(crate) fn quotient<'a>(
    factor: &str,
    powers: impl Iterator<Item = (&'a str, Exponent)>,
    slash: &str,
) -> String {
    let show = |(name, power): (&str, Exponent)| {
        if power == Exponent::ONE { name.to_owned() } else { format!("{name}^{power}") }
    };
    let (below, above): (Vec<_>, Vec<_>) = powers.partition(|(_, power)| power.is_negative());
    let mut above: Vec<String> = above.into_iter().map(show).collect();
    if !factor.is_empty() {
        above.insert(0, factor.to_owned());
    }
    let below: Vec<String> = below.into_iter().map(|(name, power)| show((name, -power))).collect();
    let above = if above.is_empty() { "1".to_owned() } else { above.join(" ") };
    match below.as_slice() {
        [] => above,
        [one] => format!("{above}{slash}{one}"),
        _ => format!("{above}{slash}({})", below.join(" ")),
    }
}
