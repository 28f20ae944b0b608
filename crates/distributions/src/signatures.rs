//! The table of distributions for people: names, signatures, supports.

use crate::distribution::Distribution;
use crate::extra_zeros;
use crate::params::Slot;
use crate::registry::DISTRIBUTIONS;

/// One line of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    pub name: &'static str,
    /// `bernoulli(p | logit=)`: what stands after `|` or carries `=` is given by name.
    pub signature: String,
    pub doc: &'static str,
    /// `a positive number`.
    pub support: String,
    /// `p: a number from 0 to 1`, one a parameter.
    pub parameters: Vec<String>,
}

/// Every distribution, in the order of the registry, and `truncated`, `zero_inflated` and `hurdle`.
pub fn signatures() -> Vec<Signature> {
    let mut table: Vec<Signature> = DISTRIBUTIONS.iter().map(|d| signature(*d)).collect();
    table.push(Signature {
        name: "truncated",
        signature: "truncated(d, lower=, upper=)".into(),
        doc: "Another distribution, given that it lies between constant bounds.",
        support: "the part of d's support between the bounds".into(),
        parameters: vec!["d: a distribution".into(), "lower: a number".into(), "upper: a number".into()],
    });
    table.push(with_zeros(
        "zero_inflated",
        "A distribution of counts with more zeros: with probability zero a count is none of its own.",
        "d's, a count from 0",
    ));
    table.push(with_zeros(
        "hurdle",
        "Zero with probability zero, otherwise d given that it is not zero.",
        "d's, counts from 0 or zero and positive numbers",
    ));
    table
}

fn with_zeros(name: &'static str, doc: &'static str, support: &str) -> Signature {
    let zeros = extra_zeros::ZERO.alternatives.iter().map(|p| format!("{}: {}", p.name, p.domain));
    Signature {
        name,
        signature: format!("{name}(d, {})", slot(&extra_zeros::ZERO)),
        doc,
        support: support.into(),
        parameters: std::iter::once("d: a distribution".into()).chain(zeros).collect(),
    }
}

fn signature(d: &dyn Distribution) -> Signature {
    let slots: Vec<String> = d.slots().iter().map(slot).collect();
    let parameters = d.slots().iter().flat_map(|s| s.alternatives);
    Signature {
        name: d.name(),
        signature: format!("{}({})", d.name(), slots.join(", ")),
        doc: d.doc(),
        support: d.widest_support().to_string(),
        parameters: parameters.map(|p| format!("{}: {}", p.name, p.domain)).collect(),
    }
}

fn slot(slot: &Slot) -> String {
    let by_name = |k: usize| k > 0 || slot.by_name;
    let names = slot.alternatives.iter().enumerate();
    let words: Vec<String> =
        names.map(|(k, p)| format!("{}{}", p.name, if by_name(k) { "=" } else { "" })).collect();
    words.join(" | ")
}
