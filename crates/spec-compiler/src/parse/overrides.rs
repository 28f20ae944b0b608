//! Overrides of single entries: `override:` in a spec, `--set section.name=value` on the command line.
//!
//! A path names the keys from a section to an entry. What it names is replaced; what is not there is
//! added, if an entry of that name may stand there. Ways through mappings that may be left out, such as
//! `inference:`, need not exist.

use super::merge::head;
use super::read::Reader;
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::{Source, Span};
use crate::words;
use crate::words::meaning::Shape;
use crate::yaml::{self, Entry, Map, Node, Scalar, Style, Text};

/// One entry to replace or add.
pub(super) struct Override {
    /// At least one; each with its place.
    path: Vec<Scalar>,
    span: Span,
    value: Node,
}

/// Sections of the spec that hold for a file as a whole.
const NOT_ENTRIES: [&str; 3] = ["version", "include", "override"];

/// The entries of an `override:` section.
pub(super) fn section(reader: &mut Reader, node: Node) -> Vec<Override> {
    let map = match node {
        Node::Map(map) => map,
        node => {
            reader.entries(Some(&node), "`override:`", "a mapping `section.name: value`");
            return Vec::new();
        }
    };
    let change = |Entry { key, value }: Entry| {
        let text = Text::of(&key, reader.source());
        match path(&text) {
            Some(path) => Some(Override { path, span: key.span, value }),
            None => {
                reader.report(errors::override_form(key.span, &key.text));
                None
            }
        }
    };
    map.entries.into_iter().filter_map(change).collect()
}

/// The override of the command line that is the text of `file`.
pub(super) fn option(source: &Source, file: usize, out: &mut Vec<Diagnostic>) -> Option<Override> {
    let file = &source.files()[file];
    let (text, start) = (file.text(), file.start());
    let span = Span::new(0, text.len()).shifted(start);
    let Some(equals) = equals(text) else {
        out.push(errors::override_form(span, text));
        return None;
    };
    let Some(path) = path(&Text::verbatim(&text[..equals], start as usize)) else {
        out.push(errors::override_form(span, text));
        return None;
    };
    let value_start = start + equals as u32 + 1;
    let mut found = Vec::new();
    let value = Source::new(file.name(), &text[equals + 1..]).ok()?;
    let value = yaml::parse_value(&value, &mut found);
    out.extend(found.into_iter().map(|mistake| mistake.shifted(value_start)));
    let mut value = value?;
    value.shift(value_start);
    let span = Span::new(start as usize, start as usize + equals);
    Some(Override { path, span, value })
}

/// The first `=` outside brackets.
fn equals(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    text.bytes().position(|byte| {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        byte == b'=' && depth <= 0
    })
}

/// `a.b[c].d` cut at its points outside brackets, each part with its place; at least one, none empty.
fn path(text: &Text) -> Option<Vec<Scalar>> {
    let whole = text.as_str();
    let (mut depth, mut from) = (0_i32, 0);
    let mut cuts = Vec::new();
    for (at, byte) in whole.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            b'.' if depth <= 0 => {
                cuts.push((from, at));
                from = at + 1;
            }
            _ => {}
        }
    }
    cuts.push((from, whole.len()));
    let part = |(from, to): (usize, usize)| {
        let raw = &whole[from..to];
        let part = raw.trim();
        let from = from + (raw.len() - raw.trim_start().len());
        let span = text.span(from, from + part.len());
        (!part.is_empty()).then(|| Scalar { text: part.to_string(), style: Style::Plain, span })
    };
    cuts.into_iter().map(part).collect()
}

pub(super) fn apply(root: &mut Map, change: Override, out: &mut Vec<Diagnostic>) {
    let Override { path, span, value } = change;
    let mut path = path;
    let section = path.remove(0);
    let shape = match Shape::Block(&words::SPEC).inside(&section.text) {
        Some(shape) if !NOT_ENTRIES.contains(&section.text.as_str()) => shape,
        _ if words::SPEC.status(&section.text) == Some(words::Status::Later) => {
            out.push(errors::later_version(section.span, &format!("`{}:`", section.text)));
            return;
        }
        _ => {
            let known = words::SPEC.understood().filter(|word| !NOT_ENTRIES.contains(word));
            let known: Vec<String> = known.map(str::to_string).collect();
            out.push(errors::unknown_path(section.span, &section.text, "", &known));
            return;
        }
    };
    if path.is_empty() && shape.mapping().is_some() {
        out.push(errors::override_short(span, &section.text));
        return;
    }
    let place = Place { name: String::new(), shape: Shape::Block(&words::SPEC) };
    path.insert(0, section);
    set(root, &place, &path, value, out);
}

/// Where a part of a path is looked up.
struct Place {
    /// The path so far.
    name: String,
    shape: Shape,
}

/// Sets the entry of `map` at `path`, which has at least one part.
fn set(map: &mut Map, place: &Place, path: &[Scalar], value: Node, out: &mut Vec<Diagnostic>) {
    // `observe:` has entries such as `homes.y`, whose names hold the points that cut a path.
    for taken in (1..=path.len()).rev() {
        let key = join(&path[..taken]);
        let same = |entry: &&mut Entry| entry.key.text == key.text || head(&entry.key.text) == key.text;
        if let Some(entry) = map.entries.iter_mut().find(same) {
            return enter(entry, place, &key, &path[taken..], value, out);
        }
    }
    let first = &path[0];
    let known = || map.entries.iter().map(|entry| head(&entry.key.text).to_string()).collect::<Vec<_>>();
    let free = matches!(place.shape, Shape::Entries(_));
    let Some(shape) = place.shape.inside(&first.text) else {
        // A key that this block never has: the reader knows the keys, and says so at this place.
        let empty = Node::Scalar(Scalar { text: String::new(), style: Style::Plain, span: first.span });
        let value = if path.len() == 1 { value } else { empty };
        map.entries.push(Entry { key: first.clone(), value });
        return;
    };
    // Columns are observed as `table.column`.
    let of_tables = place.name == "observe" && path.len() == 2;
    match &path[1..] {
        [] => {
            // `alpha[county]` replaces `alpha[state]`.
            let name = head(&first.text);
            match map.entries.iter_mut().find(|entry| head(&entry.key.text) == name) {
                Some(entry) => *entry = Entry { key: first.clone(), value },
                None => map.entries.push(Entry { key: first.clone(), value }),
            }
        }
        _ if of_tables => map.entries.push(Entry { key: join(path), value }),
        _ if free => out.push(errors::unknown_path(first.span, &first.text, &place.name, &known())),
        rest => {
            let mut inside = Map { entries: Vec::new(), span: first.span };
            match shape.mapping() {
                Some(shape) => {
                    let place = Place { name: longer(&place.name, &first.text), shape };
                    set(&mut inside, &place, rest, value, out);
                    map.entries.push(Entry { key: first.clone(), value: Node::Map(inside) });
                }
                None => out.push(errors::override_deep(rest[0].span, &longer(&place.name, &first.text))),
            }
        }
    }
}

/// Sets what is at `rest` inside `entry`, or the entry itself.
fn enter(
    entry: &mut Entry,
    place: &Place,
    key: &Scalar,
    rest: &[Scalar],
    value: Node,
    out: &mut Vec<Diagnostic>,
) {
    let Some(next) = rest.first() else {
        entry.value = value;
        return;
    };
    let name = longer(&place.name, &key.text);
    let shape = place.shape.inside(&key.text).and_then(Shape::mapping);
    match (&mut entry.value, shape) {
        (Node::Map(map), shape) => {
            let place = Place { name, shape: shape.unwrap_or(Shape::Any) };
            set(map, &place, rest, value, out);
        }
        // A section whose entries are all commented out.
        (Node::Scalar(scalar), Some(shape)) if scalar.is_null() => {
            let mut map = Map { entries: Vec::new(), span: scalar.span };
            let place = Place { name, shape };
            set(&mut map, &place, rest, value, out);
            entry.value = Node::Map(map);
        }
        (Node::Bad(_), _) => {}
        // `observe.y.where` beside a law that is written alone.
        (Node::Scalar(alone), _) if rest.len() == 1 && own_key(&place.name).is_some() => {
            let key = own_key(&place.name).unwrap_or_default();
            let alone = Scalar { text: alone.text.clone(), style: alone.style, span: alone.span };
            let key = Scalar { text: key.into(), style: Style::Plain, span: alone.span };
            let mut map = Map { entries: Vec::new(), span: alone.span };
            if next.text != key.text {
                map.entries.push(Entry { key, value: Node::Scalar(alone) });
            }
            map.entries.push(Entry { key: next.clone(), value });
            entry.value = Node::Map(map);
        }
        _ => out.push(errors::override_deep(next.span, &name)),
    }
}

/// In sections whose entries may be one expression or a mapping: the key that the expression has there.
fn own_key(section: &str) -> Option<&'static str> {
    match section {
        "observe" => Some("law"),
        "latent" => Some("prior"),
        "let" => Some("value"),
        _ => None,
    }
}

fn longer(path: &str, word: &str) -> String {
    if path.is_empty() { word.to_string() } else { format!("{path}.{word}") }
}

/// Parts of a path as one key.
fn join(parts: &[Scalar]) -> Scalar {
    let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    let span = parts.iter().fold(parts[0].span, |span, part| span.to(part.span));
    Scalar { text: texts.join("."), style: Style::Plain, span }
}
