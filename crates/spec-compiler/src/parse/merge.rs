//! The trees of a spec's files as one: sections of included files are added to those of the file that
//! includes them.
//!
//! `model` and `description` name a file, so those of the including file hold. Everything else has one
//! name in all files; `override:` says so where another value is meant.

use super::overrides::{self, Override};
use super::read::Reader;
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::{Role, Source};
use crate::words;
use crate::yaml::{self, Entry, Map, Node};

/// The version of the language that this program understands.
pub const LANGUAGE_VERSION: u64 = 1;

/// Sections that are not entries of the model, so that a file's own replaces that of an included one.
const OF_THE_FILE: [&str; 2] = ["model", "description"];

/// The whole spec as one mapping, without `include:`, `override:` and `version:`.
///
/// Mistakes are added to `out`. Nothing is returned where a file is not YAML.
pub(super) fn tree(source: &Source, out: &mut Vec<Diagnostic>) -> Option<Map> {
    let mut whole: Option<Map> = None;
    let mut broken = false;
    let mut changes: Vec<Override> = Vec::new();
    for &file in source.order() {
        let mut found = Vec::new();
        let map = yaml::parse(&source.only(file), &mut found);
        let start = source.files()[file].start();
        out.extend(found.into_iter().map(|mistake| mistake.shifted(start)));
        let Some(mut map) = map else {
            broken = true;
            continue;
        };
        map.shift(start);
        let mut reader = Reader::new(source, out);
        let mut entries = Vec::new();
        for Entry { key, value } in map.entries {
            match key.text.as_str() {
                "version" => version(&mut reader, &value),
                "include" => include(&mut reader, &value, source),
                "override" => changes.extend(overrides::section(&mut reader, value)),
                _ => entries.push(Entry { key, value }),
            }
        }
        let map = Map { entries, span: map.span };
        match &mut whole {
            None => whole = Some(map),
            Some(whole) => {
                // The last file is the spec's own, so its place is the spec's.
                whole.span = map.span;
                map.entries.into_iter().for_each(|entry| add_section(whole, entry, out));
            }
        }
    }
    out.extend(source.faults().unwrap_or_default().iter().cloned());
    for (position, file) in source.files().iter().enumerate() {
        if *file.role() == Role::Override {
            changes.extend(overrides::option(source, position, out));
        }
    }
    if broken {
        return None;
    }
    let mut whole = whole?;
    changes.into_iter().for_each(|change| overrides::apply(&mut whole, change, out));
    Some(whole)
}

fn version(reader: &mut Reader, node: &Node) {
    if let Some(version) = reader.whole(node, "version", 1..=u64::MAX)
        && version.value != LANGUAGE_VERSION
    {
        reader.report(errors::unknown_version(version.span, LANGUAGE_VERSION));
    }
}

/// The files are read already; here their names are checked.
fn include(reader: &mut Reader, node: &Node, source: &Source) {
    match node {
        Node::Seq(_) => {
            reader.labels(node, "`include:`");
        }
        node => {
            reader.text(node, "`include:`");
        }
    }
    if source.faults().is_none() {
        reader.report(errors::include_of_text(node.span()));
    }
}

/// Adds a section of a file to those of the files that it includes.
fn add_section(whole: &mut Map, Entry { key, value }: Entry, out: &mut Vec<Diagnostic>) {
    let known = whole.entries.iter_mut().find(|entry| entry.key.text == key.text);
    // A word that no spec has is told once a file.
    let Some(known) = known.filter(|_| words::SPEC.status(&key.text).is_some()) else {
        whole.entries.push(Entry { key, value });
        return;
    };
    match (&mut known.value, value) {
        (_, value) if OF_THE_FILE.contains(&key.text.as_str()) => *known = Entry { key, value },
        // A section whose entries are all commented out has none.
        (_, Node::Scalar(scalar)) if scalar.is_null() => {}
        (Node::Scalar(scalar), value) if scalar.is_null() => known.value = value,
        (Node::Map(map), Node::Map(more)) => {
            for entry in more.entries {
                let name = head(&entry.key.text);
                match map.entries.iter().find(|known| head(&known.key.text) == name) {
                    Some(first) => {
                        out.push(errors::included_twice(entry.key.span, &key.text, name, first.key.span));
                    }
                    None => map.entries.push(entry),
                }
            }
        }
        // Names of units, which two files may need.
        (Node::Seq(seq), Node::Seq(more)) => {
            for item in more.items {
                let same = |known: &Node| match (known, &item) {
                    (Node::Scalar(known), Node::Scalar(item)) => known.text == item.text,
                    _ => false,
                };
                if !seq.items.iter().any(same) {
                    seq.items.push(item);
                }
            }
        }
        (Node::Bad(_), _) => {}
        // The reader says what is wrong with the one that has not the shape of its section.
        (known, value) if has_its_shape(&key.text, known) => *known = value,
        _ => {}
    }
}

/// Is the section `key` what sections are, a mapping, or a list where it has names of units?
fn has_its_shape(key: &str, node: &Node) -> bool {
    match node {
        Node::Map(_) => key != "units",
        Node::Seq(_) => key == "units",
        Node::Scalar(_) | Node::Bad(_) => false,
    }
}

/// The name that a key declares: `alpha` of `alpha[county]`.
pub(super) fn head(key: &str) -> &str {
    key.split('[').next().unwrap_or(key).trim()
}
