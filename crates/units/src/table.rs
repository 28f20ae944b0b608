//! Every unit that is known, with its definition and where that is from.
//!
//! A definition is text in the units' own grammar, so that the table reads as its sources do:
//!
//! - `SI9`: The International System of Units, 9th edition (BIPM 2019, v3): base units and tables 4, 7, 8.
//! - `SP811`: NIST Special Publication 811 (2008), appendix B.
//! - `CODATA`: CODATA recommended values of 2022.
//! - `IUBMB`: Nomenclature Committee, Units of Enzyme Activity (1978): one U is one umol a minute.
//! - `ours`: a convention of this table, said beside it.

use crate::dimensions::Base;

/// What may stand before a unit's symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Prefixes {
    None,
    All,
    /// Those of thousands: nobody means a femtotonne by `ft`.
    Large,
}

pub(crate) enum Meaning {
    /// The coherent unit of the base.
    Base(Base),
    /// The unit of what is counted, by the name of one of it.
    Counted(&'static str),
    Text(&'static str),
}

pub(crate) struct Entry {
    /// The first is the symbol, the others mean the same.
    pub names: &'static [&'static str],
    pub prefixes: Prefixes,
    pub meaning: Meaning,
    pub source: &'static str,
}

const fn entry(
    names: &'static [&'static str],
    prefixes: Prefixes,
    meaning: Meaning,
    source: &'static str,
) -> Entry {
    Entry { names, prefixes, meaning, source }
}

use Meaning::{Counted, Text};
use Prefixes::{All, Large, None};

#[rustfmt::skip]
pub(crate) const UNITS: &[Entry] = &[
    // Base units of the SI. The gram carries the prefixes of mass; the unit of its dimension is the kg.
    entry(&["m", "metre", "meter", "metres", "meters"], All, Meaning::Base(Base::Length), "SI9"),
    entry(&["g", "gram", "grams"], All, Text("0.001 kilogram"), "SI9"),
    entry(&["kilogram", "kilograms"], None, Meaning::Base(Base::Mass), "SI9"),
    entry(&["s", "sec", "second", "seconds"], All, Meaning::Base(Base::Time), "SI9"),
    entry(&["A", "ampere"], All, Meaning::Base(Base::Current), "SI9"),
    entry(&["K", "kelvin"], All, Meaning::Base(Base::Temperature), "SI9"),
    entry(&["mol", "mole", "moles"], All, Meaning::Base(Base::Amount), "SI9"),
    entry(&["cd", "candela"], All, Meaning::Base(Base::Luminosity), "SI9"),

    // Derived units of the SI.
    entry(&["rad", "radian", "radians"], All, Text("1"), "SI9"),
    entry(&["sr"], None, Text("1"), "SI9"),
    entry(&["Hz", "hertz"], All, Text("1/s"), "SI9"),
    entry(&["N", "newton"], All, Text("kg m/s^2"), "SI9"),
    entry(&["Pa", "pascal"], All, Text("N/m^2"), "SI9"),
    entry(&["J", "joule"], All, Text("N m"), "SI9"),
    entry(&["W", "watt"], All, Text("J/s"), "SI9"),
    entry(&["C", "coulomb"], All, Text("A s"), "SI9"),
    entry(&["V", "volt"], All, Text("W/A"), "SI9"),
    entry(&["F", "farad"], All, Text("C/V"), "SI9"),
    entry(&["ohm"], All, Text("V/A"), "SI9"),
    entry(&["S", "siemens"], All, Text("A/V"), "SI9"),
    entry(&["Wb", "weber"], All, Text("V s"), "SI9"),
    entry(&["T", "tesla"], All, Text("Wb/m^2"), "SI9"),
    entry(&["H", "henry"], All, Text("Wb/A"), "SI9"),
    entry(&["lm", "lumen"], All, Text("cd sr"), "SI9"),
    entry(&["lx", "lux"], All, Text("lm/m^2"), "SI9"),
    entry(&["Bq", "becquerel"], All, Text("1/s"), "SI9"),
    entry(&["Gy", "gray"], All, Text("J/kg"), "SI9"),
    entry(&["Sv", "sievert"], All, Text("J/kg"), "SI9"),
    entry(&["kat", "katal"], All, Text("mol/s"), "SI9"),

    // Time. A month and a year are Julian: 365.25 days, and a twelfth of them.
    entry(&["min", "minute", "minutes"], None, Text("60 s"), "SI9"),
    entry(&["h", "hr", "hour", "hours"], None, Text("3600 s"), "SI9"),
    entry(&["d", "day", "days"], None, Text("86400 s"), "SI9"),
    entry(&["week", "weeks", "wk"], None, Text("7 d"), "ours"),
    entry(&["month", "months"], None, Text("30.4375 d"), "ours"),
    entry(&["yr", "year", "years"], Large, Text("365.25 d"), "ours"),

    // Volume, length and area.
    entry(&["L", "l", "litre", "liter", "litres", "liters"], All, Text("dm^3"), "SI9"),
    entry(&["cc"], None, Text("cm^3"), "ours"),
    entry(&["ha", "hectare"], None, Text("hm^2"), "SI9"),
    entry(&["angstrom"], None, Text("0.1 nm"), "SP811"),
    entry(&["in", "inch"], None, Text("2.54 cm"), "SP811"),
    entry(&["ft", "foot", "feet"], None, Text("0.3048 m"), "SP811"),
    entry(&["yd", "yard"], None, Text("0.9144 m"), "SP811"),
    entry(&["mi", "mile", "miles"], None, Text("1609.344 m"), "SP811"),
    entry(&["nmi"], None, Text("1852 m"), "SI9"),
    // International: 4e-6 less than that of the US survey, which SP811 lists.
    entry(&["acre", "acres"], None, Text("4840 yd^2"), "ours"),

    // Mass. The ounce and the pound are avoirdupois.
    entry(&["t", "tonne", "tonnes"], Large, Text("1000 kg"), "SI9"),
    entry(&["Da", "dalton"], Large, Text("1.66053906892e-27 kg"), "CODATA"),
    entry(&["mcg"], None, Text("ug"), "ours"),
    entry(&["lb"], None, Text("0.45359237 kg"), "SP811"),
    entry(&["oz"], None, Text("28.349523125 g"), "SP811"),

    // Speed and angle. A revolution is an angle: rpm is 2 pi / 60 a second.
    entry(&["mph"], None, Text("mi/h"), "SP811"),
    entry(&["kn", "knot", "knots"], None, Text("nmi/h"), "SI9"),
    entry(&["deg", "degree", "degrees"], None, Text("1.7453292519943295e-2 rad"), "SI9"),
    entry(&["arcmin"], None, Text("2.908882086657216e-4 rad"), "SI9"),
    entry(&["arcsec"], All, Text("4.84813681109536e-6 rad"), "SI9"),
    entry(&["rev"], None, Text("6.283185307179586 rad"), "SP811"),
    entry(&["rpm"], None, Text("rev/min"), "SP811"),
    entry(&["bpm"], None, Text("1/min"), "ours"),

    // Force, pressure, energy. The calorie is the thermochemical one, mmHg the conventional one.
    entry(&["dyn"], None, Text("10 uN"), "SP811"),
    entry(&["lbf"], None, Text("4.4482216152605 N"), "SP811"),
    entry(&["bar"], All, Text("100 kPa"), "SI9"),
    entry(&["atm"], None, Text("101325 Pa"), "SP811"),
    entry(&["mmHg"], None, Text("133.322387415 Pa"), "SP811"),
    entry(&["cmH2O"], None, Text("98.0665 Pa"), "SP811"),
    entry(&["Torr"], All, Text("133.32236842105263 Pa"), "SP811"),
    entry(&["psi"], None, Text("lbf/in^2"), "SP811"),
    entry(&["P", "poise"], All, Text("0.1 Pa s"), "SP811"),
    entry(&["eV"], All, Text("1.602176634e-19 J"), "SI9"),
    entry(&["cal"], Large, Text("4.184 J"), "SP811"),
    entry(&["erg"], None, Text("0.1 uJ"), "SP811"),
    entry(&["Wh"], All, Text("W h"), "SP811"),
    entry(&["Ah"], All, Text("A h"), "SP811"),
    entry(&["Ci", "curie"], All, Text("3.7e10 Bq"), "SP811"),

    // Chemistry and biochemistry. A molecule is 1 / 6.02214076e23 mol, exact by the definition of the
    // mole; for counts that are Poisson declare a name.
    entry(&["M", "molar"], All, Text("mol/L"), "SP811"),
    entry(&["U"], All, Text("umol/min"), "IUBMB"),
    entry(&["molecule", "molecules"], None, Text("mol/6.02214076e23"), "SI9"),

    // Ratios.
    entry(&["%", "percent"], None, Text("0.01"), "SI9"),
    entry(&["permil"], None, Text("0.001"), "SP811"),
    entry(&["ppm"], None, Text("1e-6"), "SP811"),
    entry(&["ppb"], None, Text("1e-9"), "SP811"),

    // What no other unit compares with. `bp` is a base pair.
    entry(&["degC", "celsius"], None, Meaning::Base(Base::Celsius), "ours"),
    entry(&["degF", "fahrenheit"], None, Meaning::Base(Base::Fahrenheit), "ours"),
    entry(&["IU"], All, Meaning::Base(Base::International), "ours"),
    entry(&["cells", "cell"], None, Counted("cells"), "ours"),
    entry(&["counts", "count"], None, Counted("counts"), "ours"),
    entry(&["cpm"], None, Text("counts/min"), "ours"),
    entry(&["bp"], Large, Counted("base pairs"), "ours"),
    entry(&["CFU"], None, Counted("colony-forming units"), "ours"),
    entry(&["PFU"], None, Counted("plaque-forming units"), "ours"),
];

/// Names that are refused, with the reason: a wrong guess would be worse.
#[rustfmt::skip]
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("dB", "it is the logarithm of a ratio; model the ratio, or leave the unit away"),
    ("Np", "it is the logarithm of a ratio; model the ratio, or leave the unit away"),
    ("pH", "it is the logarithm of a concentration; model the concentration, or leave the unit away"),
    ("ppt", "it is read as parts per thousand and per trillion; write permil or 1e-12"),
    ("Eq", "how much a mole makes depends on its charge; write mol"),
    ("mEq", "how much a mole makes depends on its charge; write mmol"),
    ("gal", "it is another in the US, in Britain and in geodesy; write L or m/s^2"),
    ("gallon", "it is another in the US and in Britain; write L"),
    ("ton", "there are three; write t for 1000 kg"),
    ("unit", "write U for umol/min, IU for international units, or declare a name"),
    ("units", "write U for umol/min, IU for international units, or declare a name"),
    ("a", "it is read as a year and as an are; write yr, or 100 m^2"),
];

/// Symbol and power of ten (SI9, table 7).
#[rustfmt::skip]
pub(crate) const PREFIXES: &[(&str, i64)] = &[
    ("q", -30), ("r", -27), ("y", -24), ("z", -21), ("a", -18), ("f", -15), ("p", -12), ("n", -9),
    ("u", -6), ("m", -3), ("c", -2), ("d", -1), ("da", 1), ("h", 2), ("k", 3), ("M", 6), ("G", 9),
    ("T", 12), ("P", 15), ("E", 18), ("Z", 21), ("Y", 24), ("R", 27), ("Q", 30),
];

impl Prefixes {
    /// May the prefix of this power of ten stand before the unit?
    pub fn allow(self, ten: i64) -> bool {
        match self {
            Prefixes::None => false,
            Prefixes::All => true,
            Prefixes::Large => (3..=12).contains(&ten),
        }
    }
}

/// A unit of the table, for documentation.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    /// The symbol first.
    pub names: &'static [&'static str],
    /// In other units; nothing for a base unit.
    pub definition: Option<&'static str>,
    prefixes: Prefixes,
    pub source: &'static str,
}

impl Listed {
    /// May this prefix stand before the symbol?
    pub fn takes_prefix(&self, prefix: &str) -> bool {
        PREFIXES.iter().any(|&(known, ten)| known == prefix && self.prefixes.allow(ten))
    }
}

/// All of the table, in its order.
pub fn list() -> impl Iterator<Item = Listed> {
    UNITS.iter().map(|unit| Listed {
        names: unit.names,
        definition: match unit.meaning {
            Meaning::Text(text) => Some(text),
            Meaning::Base(_) | Meaning::Counted(_) => Option::None,
        },
        prefixes: unit.prefixes,
        source: unit.source,
    })
}

/// All names that are refused, each with the reason.
pub fn refused() -> impl Iterator<Item = (&'static str, &'static str)> {
    REFUSED.iter().copied()
}

/// The unit of this name.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    UNITS.iter().find(|unit| unit.names.contains(&name))
}

/// All readings of a name as a prefix and a symbol. Only symbols take prefixes, words do not; the
/// litre has two symbols.
pub(crate) fn with_prefix(name: &str) -> impl Iterator<Item = (i64, &'static Entry)> {
    PREFIXES.iter().filter_map(move |&(prefix, ten)| {
        let symbol = name.strip_prefix(prefix)?;
        let unit = UNITS.iter().find(|u| u.symbols().contains(&symbol))?;
        unit.prefixes.allow(ten).then_some((ten, unit))
    })
}

impl Entry {
    /// The names that take prefixes, if any do.
    pub fn symbols(&self) -> &'static [&'static str] {
        if self.names[0] == "L" { &self.names[..2] } else { &self.names[..1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unit;

    #[test]
    fn every_definition_is_a_unit_and_every_name_is_there_once() {
        let mut names: Vec<&str> = UNITS.iter().flat_map(|u| u.names).copied().collect();
        names.extend(REFUSED.iter().map(|r| r.0));
        for unit in UNITS {
            for name in unit.names {
                let found = Unit::parse(name).unwrap_or_else(|e| panic!("{name}: {e}"));
                if let Meaning::Text(text) = unit.meaning {
                    assert!(found.same_unit(&Unit::parse(text).unwrap()), "{name}");
                }
            }
            assert!(["SI9", "SP811", "CODATA", "IUBMB", "ours"].contains(&unit.source), "{:?}", unit.names);
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "a name twice");
    }

    /// The rule: a whole name comes first, then a prefix with a symbol. Pinned are the texts for which
    /// that matters; no text may have two readings as prefix and symbol.
    #[test]
    fn no_text_has_two_readings_with_a_prefix() {
        let mut shadowed = Vec::new();
        for unit in UNITS {
            for (prefix, ten) in PREFIXES {
                for symbol in unit.symbols().iter().filter(|_| unit.prefixes.allow(*ten)) {
                    let text = format!("{prefix}{symbol}");
                    assert_eq!(with_prefix(&text).count(), 1, "{text}");
                    if find(&text).is_some() || REFUSED.iter().any(|r| r.0 == text) {
                        shadowed.push(text);
                    }
                }
            }
        }
        assert_eq!(shadowed, ["pH"], "these are read as whole names");
    }
}
