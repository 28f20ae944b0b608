//! Damaged specs, the same ones every time: no panic, no hang, no place outside the file.

mod support;

use spec_compiler::yaml::{self, Node, Style, Text};
use spec_compiler::{Source, parse_spec};
use support::Random;

/// Good specs with random damage: anything may be wrong, nothing may panic, hang, or point
/// outside the file.
#[test]
fn damaged_specs_do_no_harm() {
    let mut seeds = support::files("good", "yaml");
    let bad = support::files("bad", "yaml");
    // As many good ones as bad ones.
    seeds = seeds.iter().cycle().take(bad.len()).cloned().chain(bad).collect();
    let pieces = [
        "",
        " ",
        "\n",
        "\t",
        "\n  ",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        ",",
        ": ",
        ":",
        "'",
        "\"",
        "*",
        "&a ",
        "*a",
        "!",
        "|\n",
        ">-\n",
        "@",
        "`",
        "%",
        "#",
        " #",
        "- ",
        "? ",
        "---\n",
        "...\n",
        "\\",
        "\\u03b1",
        "\u{3b1}",
        "\u{1f600}",
        "\u{feff}",
        "\r",
        "\r\n",
        "\0",
        "1e999",
        "0x",
        "''",
        "null",
        "~",
        "<<: ",
        "=",
        "^",
        "x",
        "9",
        "\u{2028}",
        "\u{85}",
        "\u{a0}",
    ];
    let mut random = Random(2);
    let (mut parsed, mut characters) = (0, 0);
    for round in 0..20_000 {
        let mut text = seeds[round % seeds.len()].1.clone();
        for _ in 0..1 + random.below(4) {
            let at = floor(&text, random.below(text.len() + 1));
            let end = floor(&text, (at + random.below(6)).min(text.len())).max(at);
            text.replace_range(at..end, random.one(&pieces));
        }
        let source = Source::new("fuzz.yaml", text.clone()).unwrap();
        if let Some(root) = yaml::parse(&source, &mut Vec::new()) {
            characters += places_are_right(&Node::Map(root), &source);
        }
        match parse_spec(&source) {
            Ok(spec) => {
                parsed += 1;
                assert!(!spec.to_string().is_empty());
            }
            Err(mistakes) => {
                assert!(!mistakes.is_empty(), "{text:?}");
                for mistake in &mistakes {
                    let labels = std::iter::once(&mistake.primary).chain(&mistake.secondary);
                    for label in labels {
                        assert!(text.get(label.span.range()).is_some(), "{mistake:?}\n{text}");
                    }
                }
                let shown = spec_compiler::render(&mistakes, &source);
                assert!(shown.contains("fuzz.yaml:"), "{text:?}");
            }
        }
    }
    // The damage is neither harmless nor always fatal.
    assert!(parsed > 500 && parsed < 10_000, "{parsed}");
    assert!(characters > 1_000_000, "{characters}");
}

/// Every character of every scalar is written where its place says. Returns their number.
fn places_are_right(node: &Node, source: &Source) -> usize {
    match node {
        Node::Scalar(scalar) => {
            let text = Text::of(scalar, source);
            let mut count = 0;
            for (at, c) in scalar.text.char_indices() {
                let raw = source.slice(text.span(at, at + c.len_utf8()));
                let escaped = match scalar.style {
                    Style::SingleQuoted => raw == "''",
                    Style::DoubleQuoted => raw.starts_with('\\'),
                    _ => false,
                };
                let same = raw.chars().eq([c]) || escaped || c.is_whitespace();
                assert!(same, "{c:?} is not at {raw:?} of {scalar:?} in {:?}", source.text());
                count += 1;
            }
            count
        }
        Node::Seq(seq) => {
            let items = seq.items.iter().map(|item| places_are_right(item, source));
            items.sum()
        }
        Node::Map(map) => {
            let parts = map.entries.iter().map(|entry| {
                places_are_right(&Node::Scalar(entry.key.clone()), source)
                    + places_are_right(&entry.value, source)
            });
            parts.sum()
        }
        Node::Bad(_) => 0,
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
