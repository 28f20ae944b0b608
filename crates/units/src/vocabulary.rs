//! From a name to its unit: declared names, the table, prefixes; and the nearest names.

use std::sync::Arc;

use crate::dimensions::{Base, Dimensions};
use crate::error::{Problem, UnitError};
use crate::scale::Scale;
use crate::table::{self, Entry, Meaning};
use crate::unit::Unit;

/// At most this many suggestions.
const MAX_SHOWN: usize = 3;

/// The names that units may have: those of the table, and those that the user declares.
///
/// A declared name is a dimension of its own, as `fish` or `people`: it is what is counted. It takes
/// no prefix and has no plural, and may not be a name that the table has.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    declared: Vec<Arc<str>>,
}

impl Vocabulary {
    /// The table and `declared`. In an error, `at` is the range of the whole name.
    pub fn new(declared: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Vocabulary, UnitError> {
        let mut vocabulary = Vocabulary::default();
        for name in declared {
            let name = name.as_ref();
            let wrong = |what| Err(UnitError { at: 0..name.len(), what });
            let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
            if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return wrong(Problem::BadName { name: name.to_owned() });
            }
            if let Some(meaning) = meaning(name) {
                return wrong(Problem::Taken { name: name.to_owned(), meaning });
            }
            if !vocabulary.declared.iter().any(|known| &**known == name) {
                vocabulary.declared.push(name.into());
            }
        }
        Ok(vocabulary)
    }

    /// The names that the user declares, in their order.
    pub fn declared(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().map(|name| &**name)
    }

    /// The unit written as `text`.
    pub fn parse(&self, text: &str) -> Result<Unit, UnitError> {
        crate::parse::parse(text, self)
    }

    /// What a name stands for; `Ok(None)` where it stands for nothing.
    pub(crate) fn find(&self, name: &str) -> Result<Option<(Dimensions, Scale)>, Problem> {
        if let Some(known) = self.declared.iter().find(|known| &***known == name) {
            return Ok(Some((Dimensions::of(Base::Counted(known.clone())), Scale::ONE)));
        }
        if let Some((_, reason)) = table::REFUSED.iter().find(|r| r.0 == name) {
            return Err(Problem::Refused { name: name.to_owned(), reason });
        }
        if let Some(unit) = table::find(name) {
            return Ok(Some(define(unit)));
        }
        Ok(table::with_prefix(name).next().map(|(ten, unit)| {
            let (dimensions, scale) = define(unit);
            (dimensions, scale.times(Scale::ten_to(ten)))
        }))
    }

    /// Known names near to `wrong`: those that differ in case alone come first, then those that are
    /// one edit away, those without prefix before those with one, which is one from nano to giga.
    pub(crate) fn nearest(&self, wrong: &str) -> Vec<String> {
        if wrong.len() > 32 {
            return Vec::new();
        }
        let declared = self.declared.iter().map(|name| name.to_string());
        let whole = table::UNITS.iter().flat_map(|unit| unit.names).map(|name| (*name).to_owned());
        let prefixed = table::UNITS.iter().flat_map(|unit| {
            let usual = table::PREFIXES.iter().filter(|(_, ten)| ten.abs() <= 9);
            let allowed = usual.filter(|(_, ten)| unit.prefixes.allow(*ten));
            allowed.flat_map(|(prefix, _)| unit.symbols().iter().map(move |s| format!("{prefix}{s}")))
        });
        let mut near: Vec<(usize, String)> = Vec::new();
        for (rank, candidate) in
            declared.chain(whole).map(|name| (0, name)).chain(prefixed.map(|name| (1, name)))
        {
            let far = if candidate.eq_ignore_ascii_case(wrong) {
                0
            } else if wrong.len().max(candidate.len()) > 2 && one_edit(wrong, &candidate) {
                2
            } else {
                continue;
            };
            near.push((far + rank, candidate));
        }
        near.sort_by_key(|(far, _)| *far);
        near.truncate(MAX_SHOWN);
        near.into_iter().map(|(_, name)| name).collect()
    }
}

/// What a name means in the table, for a message.
fn meaning(name: &str) -> Option<String> {
    match Vocabulary::default().find(name) {
        Err(Problem::Refused { reason, .. }) => Some(format!("something that is refused: {reason}")),
        Ok(Some((dimensions, _))) => Some(dimensions.to_string()),
        _ => None,
    }
}

fn define(unit: &Entry) -> (Dimensions, Scale) {
    match &unit.meaning {
        Meaning::Base(base) => (Dimensions::of(base.clone()), Scale::ONE),
        Meaning::Counted(name) => (Dimensions::of(Base::Counted((*name).into())), Scale::ONE),
        Meaning::Text(text) => {
            let unit = Unit::parse(text)
                .unwrap_or_else(|e| unreachable!("{text}: {e}; tested for all of the table"));
            (unit.dimensions().clone(), unit.scale())
        }
    }
}

/// Is one character changed, added, left away, or exchanged with its neighbour?
fn one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    let start = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    let (short, long) = (&short[start..], &long[start..]);
    match long.len() - short.len() {
        0 if short.len() >= 2 && short[0] == long[1] && short[1] == long[0] => short[2..] == long[2..],
        0 => !short.is_empty() && short[1..] == long[1..],
        1 => *short == long[1..],
        _ => false,
    }
}
