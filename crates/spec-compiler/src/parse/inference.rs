//! The sections `inference:` and `output:`.

use std::ops::RangeInclusive;

use super::read::Reader;
use crate::ast::{Family, Inference, Output, Spanned};
use crate::errors;
use crate::expr::Ident;
use crate::expr::{Arg, ExprKind, constant};
use crate::words;
use crate::yaml::Node;

/// Draws of a step, rows of `posterior.parquet`, steps: more are a slip of the pen.
const MAX_DRAWS: u64 = 10_000;
const MAX_POSTERIOR_DRAWS: u64 = 10_000_000;
const MAX_STEPS: u64 = 1_000_000_000;
const MAX_PATHS: u64 = 10_000;

pub(super) fn inference(reader: &mut Reader, node: Option<&Node>) -> Inference {
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
    let posterior_draws = count("posterior_draws", 1..=MAX_POSTERIOR_DRAWS);
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
        draws,
        posterior_draws,
        seed,
        centring: fields.get("centring").and_then(|node| reader.choice(node)),
        steps,
    };
    super::exclusions::check(reader, &chosen);
    chosen
}

/// Families with a number are written as calls: `low_rank(8)`.
fn family(reader: &mut Reader, node: &Node) -> Option<Spanned<Family>> {
    let expr = reader.expr(node, "`family:`")?;
    let span = expr.span;
    let (word, args): (&str, &[Arg]) = match &expr.kind {
        ExprKind::Call { function, args } => (&function.name, args),
        _ => (expr.as_name().unwrap_or(""), &[]),
    };
    let value = match (word, args) {
        ("mean_field", []) => Family::MeanField,
        ("full_rank", []) => Family::FullRank,
        ("low_rank", [Arg { name: None, value }]) => match constant(value) {
            Ok(rank) if rank >= 1.0 && rank.fract() == 0.0 && rank <= 2f64.powi(53) => {
                Family::LowRank(rank as u64)
            }
            _ => {
                let expected = "low_rank with a whole number of at least 1";
                reader.report(errors::number_out_of_range(value.span, "family", expected));
                return None;
            }
        },
        ("low_rank", _) => {
            reader.report(errors::low_rank_needs_rank(span));
            return None;
        }
        ("mixture" | "flow", _) => {
            reader.report(errors::later_version(span, &format!("`family: {word}`")));
            return None;
        }
        _ => {
            let words = ["mean_field", "full_rank", "low_rank"];
            let found = expr.to_string();
            reader.report(errors::unknown_choice(span, "family", &found, &words));
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
