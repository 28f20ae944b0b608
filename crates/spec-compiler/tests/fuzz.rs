//! Damaged specs, the same ones every time: no panic, no hang, no place outside the file.

mod support;

use std::path::Path;

use spec_compiler::yaml::{self, Node, Style, Text};
use spec_compiler::{Source, compile, parse_spec};
use support::{Random, Tables};

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

/// Good models, a little damaged, through all phases: each is compiled or told why not.
#[test]
fn damaged_models_do_no_harm() {
    let seeds: Vec<String> = support::files("models", "yaml").into_iter().map(|(_, text)| text).collect();
    let tables = Tables::read();
    let words: Vec<&str> = seeds.iter().flat_map(|text| tokens(text)).collect();
    let mut random = Random(3);
    let (mut compiled, mut told) = (0, 0);
    for round in 0..30_000 {
        let mut text = seeds[round % seeds.len()].clone();
        for _ in 0..1 + random.below(2) {
            text = damaged(&text, &words, &mut random);
        }
        let source = Source::new("fuzz.yaml", text.clone()).unwrap();
        let found = std::panic::catch_unwind(|| compile(&source, Path::new(""), &tables));
        match found.unwrap_or_else(|_| panic!("panics: {text}")) {
            Ok(made) => {
                compiled += 1;
                assert!(!made.model.to_string().is_empty());
            }
            Err(mistakes) => {
                assert!(!mistakes.is_empty(), "{text}");
                told += usize::from(parse_spec(&source).is_ok());
                for label in mistakes.iter().flat_map(|m| std::iter::once(&m.primary).chain(&m.secondary)) {
                    assert!(text.get(label.span.range()).is_some(), "{label:?}\n{text}");
                }
                assert!(spec_compiler::render(&mistakes, &source).contains("fuzz.yaml:"), "{text}");
            }
        }
    }
    // Many get past the grammar, to be refused by the checks or compiled.
    assert!(compiled > 500 && told > 3_000, "{compiled} compiled, {told} refused by the checks");
}

/// One change: of a token for another, of lines, or of a character.
fn damaged(text: &str, words: &[&str], random: &mut Random) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return "model: m\n".into();
    }
    let at = random.below(lines.len());
    match random.below(10) {
        0 => {
            lines.remove(at);
        }
        1 => lines.insert(at, lines[random.below(lines.len())]),
        2 => {
            let other = random.below(lines.len());
            lines.swap(at, other);
        }
        3 => {
            let mut text = text.to_string();
            let at = floor(&text, random.below(text.len() + 1));
            let pieces = ["", " ", "'", "[", "]", "(", ")", ",", "=", ".", "-", "0", "9", "e", "^", "@", "k"];
            let end = floor(&text, (at + random.below(2)).min(text.len())).max(at);
            text.replace_range(at..end, random.one(&pieces));
            return text;
        }
        _ => {
            let own: Vec<&str> = tokens(text).collect();
            let old = random.one(&own);
            let start = old.as_ptr() as usize - text.as_ptr() as usize;
            // Mostly a name for a name, a number for a number.
            let kind = |word: &str| {
                let first = word.chars().next().unwrap_or(' ');
                (first.is_alphabetic(), first.is_numeric())
            };
            let mut new = random.one(words);
            while random.below(20) > 0 && kind(new) != kind(old) {
                new = random.one(words);
            }
            return format!("{}{new}{}", &text[..start], &text[start + old.len()..]);
        }
    }
    lines.join("\n") + "\n"
}

/// Names, numbers and operators.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match word(first) {
            true => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
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
