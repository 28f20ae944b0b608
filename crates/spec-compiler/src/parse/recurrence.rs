//! The section `recurrence:`.

use super::read::Reader;
use crate::ast::{Recurrence, SeriesState};
use crate::words;
use crate::yaml::{Entry, Node};

pub(super) fn blocks(reader: &mut Reader, node: Option<&Node>) -> Vec<Recurrence> {
    let expected = "a mapping `name: {over: rows, states: {...}}`";
    let entries = reader.entries(node, "`recurrence:`", expected);
    entries.iter().filter_map(|entry| block(reader, entry)).collect()
}

fn block(reader: &mut Reader, entry: &Entry) -> Option<Recurrence> {
    let name = reader.key(&entry.key, "a `recurrence:` block");
    let slot = format!("the `recurrence:` block `{}`", entry.key.text);
    let fields = reader.fields(&entry.value, &slot, &words::RECURRENCE, entry.key.span)?;
    let over = fields.get("over").and_then(|node| reader.name(node, "`over:`"));
    let by = fields.get("by").and_then(|node| reader.name(node, "`by:`"));
    let states = states(reader, fields.get("states"));
    let span = entry.key.span.to(entry.value.span());
    Some(Recurrence { name: name?, over: over?, by, states, span })
}

fn states(reader: &mut Reader, node: Option<&Node>) -> Vec<SeriesState> {
    let expected = "a mapping `name: {initial: 1, next: \"0.9 * name\"}`";
    let entries = match node {
        // Unlike a section, a recurrence without states is a mistake.
        Some(node @ Node::Scalar(_)) => {
            reader.no_scalar(node, "`states:`", expected);
            &[]
        }
        node => reader.entries(node, "`states:`", expected),
    };
    let declared = reader.declarations(entries, false);
    let states = declared.into_iter().filter_map(|(target, entry)| {
        let slot = format!("the state `{}`", entry.key.text);
        let fields = reader.fields(&entry.value, &slot, &words::SERIES_STATE, entry.key.span)?;
        let mut part = |word: &str| {
            let slot = format!("`{word}:` of {slot}");
            fields.get(word).and_then(|node| reader.expr(node, &slot))
        };
        let (initial, next) = (part("initial"), part("next"));
        let unit = fields.get("unit").and_then(|node| reader.unit(node, &slot));
        Some(SeriesState { target: target?, initial: initial?, next: next?, unit })
    });
    states.collect()
}
