//! A spec of several files and overrides written as one file.

use std::collections::BTreeMap;

use super::merge;
use crate::diagnostic::Diagnostic;
use crate::source::{Role, Source, Span};
use crate::yaml::{Entry, Map, Node, Scalar, Seq, Style};

/// What the one file says that its sources do not.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// By table, its file.
    pub files: BTreeMap<String, String>,
    /// Laws of `observe:`, by the place of the old one.
    pub laws: Vec<(Span, String)>,
    /// By table, levels of dimensions that have no order in the sources.
    pub levels: BTreeMap<String, Vec<(String, Vec<String>)>>,
}

/// The text of one file that says what all of `source` says, but for the edits. Comments are lost.
///
/// # Errors
/// Mistakes of form, as of [`parse_spec`](super::parse_spec).
pub fn one_file(source: &Source, edits: &Edits) -> Result<String, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    let tree = merge::tree(source, &mut mistakes);
    let Some(mut tree) = tree.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
    for section in &mut tree.entries {
        match section.key.text.as_str() {
            "data" => entries(&mut section.value).iter_mut().for_each(|table| edit_table(table, edits)),
            "observe" => edit_laws(&mut section.value, edits),
            _ => {}
        }
    }
    let mut out = format!("# One file, made of {}.\n", parts(source).join(", "));
    mapping(&tree, 0, &mut out);
    Ok(out)
}

fn quoted(text: &str, span: Span) -> Scalar {
    Scalar { text: text.to_string(), style: Style::DoubleQuoted, span }
}

fn edit_table(table: &mut Entry, edits: &Edits) {
    let Node::Map(map) = &mut table.value else { return };
    if let Some(file) = edits.files.get(&table.key.text) {
        for key in map.entries.iter_mut().filter(|e| e.key.text == "file") {
            key.value = Node::Scalar(quoted(file, key.value.span()));
        }
    }
    let Some(levels) = edits.levels.get(&table.key.text) else { return };
    let span = map.span;
    let of = |(dim, labels): &(String, Vec<String>)| {
        let items = labels.iter().map(|label| Node::Scalar(quoted(label, span))).collect();
        let key = Scalar { text: dim.clone(), style: Style::Plain, span };
        Entry { key, value: Node::Seq(Seq { items, span }) }
    };
    let new: Vec<Entry> = levels.iter().map(of).collect();
    match map.entries.iter_mut().find(|e| e.key.text == "levels").map(|e| &mut e.value) {
        Some(Node::Map(old)) => old.entries.extend(new),
        _ => {
            let key = Scalar { text: "levels".into(), style: Style::Plain, span };
            map.entries.push(Entry { key, value: Node::Map(Map { entries: new, span }) });
        }
    }
}

fn edit_laws(node: &mut Node, edits: &Edits) {
    match node {
        Node::Map(map) => map.entries.iter_mut().for_each(|e| edit_laws(&mut e.value, edits)),
        Node::Scalar(old) => {
            let is_in = |span: &Span| old.span.start <= span.start && span.end <= old.span.end;
            if let Some((_, law)) = edits.laws.iter().find(|(span, _)| is_in(span)) {
                *old = quoted(law, old.span);
            }
        }
        Node::Seq(_) | Node::Bad(_) => {}
    }
}

/// The names of the texts.
fn parts(source: &Source) -> Vec<String> {
    let files = source.files().iter();
    let name = |file: &crate::source::File| match file.role() {
        Role::Included(path) => path.display().to_string(),
        Role::Override => file.name().to_string(),
        Role::Spec => {
            let name = std::path::Path::new(file.name()).file_name();
            name.map_or(file.name().to_string(), |n| n.to_string_lossy().into_owned())
        }
    };
    files.map(|file| name(file).replace(['\n', '\r'], " ")).collect()
}

fn entries(node: &mut Node) -> &mut [Entry] {
    match node {
        Node::Map(map) => &mut map.entries,
        _ => &mut [],
    }
}

/// A line or more for each entry.
fn mapping(map: &Map, indent: usize, out: &mut String) {
    for Entry { key, value } in &map.entries {
        out.push_str(&" ".repeat(indent));
        out.push_str(&scalar(key, false));
        out.push(':');
        match value {
            Node::Map(map) if !map.entries.is_empty() => {
                out.push('\n');
                mapping(map, indent + 2, out);
            }
            value => {
                let text = flow(value, false);
                if !text.is_empty() {
                    out.push(' ');
                    out.push_str(&text);
                }
                out.push('\n');
            }
        }
    }
}

/// On one line; `inside` brackets or braces.
fn flow(node: &Node, inside: bool) -> String {
    match node {
        Node::Scalar(text) => scalar(text, inside),
        Node::Seq(seq) => {
            let items: Vec<String> = seq.items.iter().map(|item| flow(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Node::Map(map) => {
            let entry = |e: &Entry| format!("{}: {}", scalar(&e.key, true), flow(&e.value, true));
            let entries: Vec<String> = map.entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Node::Bad(_) => String::new(),
    }
}

/// As it was where that is possible, else between double quotes.
fn scalar(s: &Scalar, inside: bool) -> String {
    let cut = inside && s.text.contains([',', '[', ']', '{', '}']);
    if s.style == Style::Plain && !cut && !(inside && s.text.is_empty()) {
        return s.text.clone();
    }
    if s.is_null() {
        return "null".to_string();
    }
    let mut out = String::from("\"");
    for c in s.text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\U{:08x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
