//! A spec of several files and overrides written as one file.

use std::collections::BTreeMap;

use super::merge;
use crate::diagnostic::Diagnostic;
use crate::source::{Role, Source};
use crate::yaml::{Entry, Map, Node, Scalar, Style};

/// The text of one file that says what all of `source` says, with other files for its tables, by name.
/// Comments are lost.
///
/// # Errors
/// Mistakes of form, as of [`parse_spec`](super::parse_spec).
pub fn one_file(source: &Source, files: &BTreeMap<String, String>) -> Result<String, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    let tree = merge::tree(source, &mut mistakes);
    let Some(mut tree) = tree.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
    for table in tree.entries.iter_mut().filter(|e| e.key.text == "data").flat_map(|e| entries(&mut e.value))
    {
        let Some(file) = files.get(&table.key.text) else { continue };
        for key in entries(&mut table.value).iter_mut().filter(|e| e.key.text == "file") {
            if let Node::Scalar(old) = &mut key.value {
                *old = Scalar { text: file.clone(), style: Style::DoubleQuoted, span: old.span };
            }
        }
    }
    let mut out = format!("# One file, made of {}.\n", parts(source).join(", "));
    mapping(&tree, 0, &mut out);
    Ok(out)
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
