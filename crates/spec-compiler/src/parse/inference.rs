//! The sections `inference:` and `output:`.

use std::ops::RangeInclusive;

use super::read::Reader;
use crate::ast::{Family, Inference, Output, RowDim, Spanned, Table};
use crate::errors;
use crate::expr::Ident;
use crate::expr::{Arg, ExprKind, constant};
use crate::words;
use crate::yaml::Node;

/// Draws of a step, rows of `posterior.parquet`, steps: more are a slip of the pen.
const MAX_DRAWS: u64 = 10_000;
const MAX_POSTERIOR_DRAWS: u64 = 10_000_000;
/// Fewer have hardly a draw beyond the 5 % and 95 % quantiles of the summary.
pub(crate) const MIN_POSTERIOR_DRAWS: u64 = 100;
const MAX_STEPS: u64 = 1_000_000_000;
const MAX_PATHS: u64 = 10_000;
const MAX_BATCH: u64 = 1_000_000_000;

/// A family with a number: its word, what the number is, an example and the largest; more components or
/// layers are a slip of the pen.
struct Numbered {
    word: &'static str,
    number: &'static str,
    example: u64,
    largest: u64,
    make: fn(u64) -> Family,
}

const NUMBERED: [Numbered; 3] = [
    Numbered { word: "low_rank", number: "its rank", example: 8, largest: 1 << 53, make: Family::LowRank },
    Numbered {
        word: "mixture",
        number: "the number of its components",
        example: 3,
        largest: 100,
        make: Family::Mixture,
    },
    Numbered {
        word: "flow",
        number: "the number of its layers",
        example: 4,
        largest: 100,
        make: Family::Flow,
    },
];

/// Those without.
const PLAIN: [(&str, Family); 3] =
    [("mean_field", Family::MeanField), ("full_rank", Family::FullRank), ("structured", Family::Structured)];

/// `data` are the tables of the spec.
pub(super) fn inference(reader: &mut Reader, node: Option<&Node>, data: &[Table]) -> Inference {
    let Some(node) = node.filter(|node| !is_empty(node)) else {
        return Inference::default();
    };
    let Some(fields) = reader.fields(node, "`inference:`", &words::INFERENCE, node.span()) else {
        return Inference::default();
    };
    let mut count = |word: &str, range: RangeInclusive<u64>| {
        let node = fields.get(word)?;
        reader.whole(node, word, range)
    };
    let draws = count("draws", 1..=MAX_DRAWS);
    let posterior_draws = count("posterior_draws", MIN_POSTERIOR_DRAWS..=MAX_POSTERIOR_DRAWS);
    let seed = count("seed", 0..=u64::MAX);
    let steps = count("steps", 1..=MAX_STEPS);
    let paths = count("paths", 1..=MAX_PATHS);
    let chosen = Inference {
        method: fields.get("method").and_then(|node| reader.choice(node)),
        family: fields.get("family").and_then(|node| family(reader, node)),
        gradient: fields.get("gradient").and_then(|node| match (node, fields.key_span("gradient")) {
            (Node::Seq(_) | Node::Map(_), Some(key)) => {
                reader.report(errors::later_version(key, "more than one `gradient:`"));
                None
            }
            _ => reader.choice(node),
        }),
        optimizer: fields.get("optimizer").and_then(|node| reader.choice(node)),
        covariance: fields.get("covariance").and_then(|node| reader.choice(node)),
        paths,
        noise: fields.get("noise").and_then(|node| reader.choice(node)),
        draws,
        posterior_draws,
        seed,
        centring: fields.get("centring").and_then(|node| reader.choice(node)),
        steps,
        minibatch: minibatch(reader, fields.get("minibatch"), data),
    };
    super::exclusions::check(reader, &chosen);
    chosen
}

/// `{row: 1000}`
fn minibatch(reader: &mut Reader, node: Option<&Node>, data: &[Table]) -> Option<(Ident, Spanned<u64>)> {
    if let Some(Node::Scalar(scalar)) = node
        && !scalar.is_null()
    {
        let rows = data.first().map_or("row", |table| match &table.rows {
            RowDim::Rows(name) | RowDim::Key(name) => &name.name,
        });
        let size = scalar.text.parse().unwrap_or(1000);
        reader.report(errors::minibatch_of_what(scalar.span, rows, size));
        return None;
    }
    let entries = reader.entries(node, "`minibatch:`", "a mapping `rows: how many`");
    if let [_, second, ..] = entries {
        reader.report(errors::one_minibatch(second.key.span));
    }
    let first = entries.first()?;
    let rows = reader.key(&first.key, "the rows of `minibatch:`");
    let size = reader.whole(&first.value, "minibatch", 1..=MAX_BATCH);
    Some((rows?, size?))
}

/// Families with a number are written as calls: `low_rank(8)`.
fn family(reader: &mut Reader, node: &Node) -> Option<Spanned<Family>> {
    let expr = reader.expr(node, "`family:`")?;
    let span = expr.span;
    let (word, args): (&str, &[Arg]) = match &expr.kind {
        ExprKind::Call { function, args } => (&function.name, args),
        _ => (expr.as_name().unwrap_or(""), &[]),
    };
    if let Some((_, value)) = PLAIN.iter().find(|(plain, _)| *plain == word) {
        if !args.is_empty() {
            let numbered = NUMBERED.map(|n| format!("{}({})", n.word, n.example));
            reader.report(errors::family_takes_no_number(span, word, &numbered));
            return None;
        }
        return Some(Spanned { value: *value, span });
    }
    let Some(numbered) = NUMBERED.iter().find(|numbered| numbered.word == word) else {
        let words: Vec<&str> = PLAIN.iter().map(|(word, _)| *word).chain(NUMBERED.map(|n| n.word)).collect();
        let found = expr.to_string();
        reader.report(errors::unknown_choice(span, "family", &found, &words));
        return None;
    };
    let [Arg { name: None, value }] = args else {
        reader.report(errors::family_needs_number(span, word, numbered.number, numbered.example));
        return None;
    };
    let value = match constant(value) {
        Ok(n) if n >= 1.0 && n.fract() == 0.0 && n <= numbered.largest as f64 => (numbered.make)(n as u64),
        _ => {
            let range = match numbered.largest {
                0..=1000 => format!("from 1 to {}", numbered.largest),
                _ => "of at least 1".to_string(),
            };
            reader.report(errors::family_number(value.span, word, numbered.number, &range));
            return None;
        }
    };
    Some(Spanned { value, span })
}

pub(super) fn output(reader: &mut Reader, node: Option<&Node>) -> Output {
    let Some(node) = node.filter(|node| !is_empty(node)) else {
        return Output::default();
    };
    let Some(fields) = reader.fields(node, "`output:`", &words::OUTPUT, node.span()) else {
        return Output::default();
    };
    let mut names = |key: &str, item_of: &str| -> Option<Vec<Ident>> {
        let items = reader.items(fields.get(key)?, &format!("`{key}:`"), "a list of names")?;
        Some(items.iter().filter_map(|item| reader.name(item, item_of)).collect())
    };
    let report = names("report", "an item of `report:`");
    let draws = names("draws", "an item of `draws:`").unwrap_or_default();
    Output { report, draws }
}

/// A section whose entries are all commented out.
fn is_empty(node: &Node) -> bool {
    matches!(node, Node::Scalar(scalar) if scalar.is_null())
}
