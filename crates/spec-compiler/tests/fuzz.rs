//! Damaged specs, the same ones every time: no panic, no hang, no place outside the file.

mod support;

use std::path::Path;

use spec_compiler::yaml::{self, Node, Style, Text};
use spec_compiler::{Diagnostic, Source, SourceError, compile, include, parse_spec};
use support::{Random, Tables};

/// What damages a file as YAML.
const PIECES: &[&str] = &[
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

/// Good specs with random damage: anything may be wrong, nothing may panic, hang, or point
/// outside the file.
#[test]
fn damaged_specs_do_no_harm() {
    let mut seeds = support::good_specs();
    let bad = support::files("bad", "yaml");
    // As many good ones as bad ones.
    seeds = seeds.iter().cycle().take(bad.len()).cloned().chain(bad).collect();
    let mut random = Random(2);
    let (mut parsed, mut characters) = (0, 0);
    for round in 0..20_000 {
        let mut text = seeds[round % seeds.len()].1.clone();
        for _ in 0..1 + random.below(4) {
            let at = floor(&text, random.below(text.len() + 1));
            let end = floor(&text, (at + random.below(6)).min(text.len())).max(at);
            text.replace_range(at..end, random.one(PIECES));
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

/// A seed with a mistake would be a poor one.
#[test]
fn undamaged_models_compile() {
    for (path, text) in support::files("models", "yaml") {
        let source = Source::new("model.yaml", text).unwrap();
        if let Err(mistakes) = compile(&source, Path::new(""), &Tables::read()) {
            panic!("{}: {}", path.display(), spec_compiler::render(&mistakes, &source));
        }
    }
}

/// Files that once did harm: a panic, a hang, a place outside the file, a silence.
#[test]
fn files_that_once_failed_do_no_harm() {
    let tables = Tables::read();
    for (path, text) in support::files("fuzz", "yaml") {
        let source = Source::new("fuzz.yaml", text).unwrap();
        if let Err(mistakes) = compile(&source, Path::new(""), &tables) {
            told(&mistakes, &source, &path.display().to_string());
        }
    }
}

/// Mistakes are there, lie in the files, and can be printed.
fn told(mistakes: &[Diagnostic], source: &Source, what: &str) {
    assert!(!mistakes.is_empty(), "{what}");
    for label in mistakes.iter().flat_map(|m| std::iter::once(&m.primary).chain(&m.secondary)) {
        assert!(source.holds(label.span), "{label:?}\n{what}");
    }
    let shown = spec_compiler::render(mistakes, source);
    assert!(shown.contains(".yaml:") || shown.contains("--set"), "{what}");
    assert!(!shown.contains("Failed to read contents"), "{what}\n{shown}");
}

const ROOT: &str = "version: 1
model: m
include: [lib/b.yaml, c.yaml]
data: {homes: {file: homes.csv, rows: home}}
override:
  latent.tau: half_normal(2)
  inference.seed: 3
observe: {homes.y: \"normal(alpha[county], tau)\"}
";
const FILES: [(&str, &str); 3] = [
    ("lib/b.yaml", "include: ../c.yaml\nlatent:\n  alpha[county]: normal(mu, tau)\ninference: {draws: 4}\n"),
    ("c.yaml", "latent:\n  mu: normal(0, 1)\n  tau: half_cauchy(5)\n"),
    ("lib/../c.yaml", "latent:\n  mu: normal(0, 1)\n  tau: half_cauchy(5)\n"),
];
const OPTIONS: [&str; 6] = [
    "latent.mu=normal(0, 2)",
    "data.homes.missing.y=impute",
    "observe.homes.y={law: \"normal(mu, 1)\", where: \"floor > 0\"}",
    "latent.alpha[county]=normal(0, 1)",
    "inference.family=low_rank(8)",
    "let.x=mu^2",
];

/// Several files and overrides, each a little damaged: merged or told why not, each place in its file.
#[test]
fn damaged_files_and_overrides_do_no_harm() {
    let tables = Tables::read();
    let all = [ROOT, FILES[0].1, FILES[1].1].join("\n") + &OPTIONS.join("\n");
    let words: Vec<&str> = tokens(&all).collect();
    let mut random = Random(4);
    let (mut parsed, mut elsewhere) = (0, 0);
    for round in 0..10_000 {
        let mut hurt = |text: &str| -> String {
            match random.below(4) {
                0 => damaged(text, &words, &mut random),
                1 => {
                    let mut text = text.to_string();
                    let at = floor(&text, random.below(text.len() + 1));
                    let end = floor(&text, (at + random.below(6)).min(text.len())).max(at);
                    text.replace_range(at..end, random.one(PIECES));
                    text
                }
                _ => text.to_string(),
            }
        };
        let root = hurt(ROOT);
        let files: Vec<(&str, String)> = FILES.iter().map(|(name, text)| (*name, hurt(text))).collect();
        let option = hurt(OPTIONS[round % OPTIONS.len()]);
        let read = |path: &Path| match path.to_string_lossy().as_ref() {
            "a.yaml" => Source::new("a.yaml", root.clone()),
            name => match files.iter().find(|(file, _)| *file == name) {
                Some((_, text)) => Source::new(name, text.clone()),
                None => Err(SourceError::Unreadable {
                    name: name.into(),
                    error: std::io::Error::from(std::io::ErrorKind::NotFound),
                }),
            },
        };
        let what = format!("{root}---\n{files:?}\n--set {option}");
        let found = std::panic::catch_unwind(|| {
            let source = include::read_with(Path::new("a.yaml"), &read).unwrap();
            let source = source.with_overrides(std::slice::from_ref(&option), Path::new("")).unwrap();
            let found = compile(&source, Path::new(""), &tables).err();
            (source, found)
        });
        let (source, found) = found.unwrap_or_else(|_| panic!("panics: {what}"));
        match found {
            None => parsed += 1,
            Some(mistakes) => {
                told(&mistakes, &source, &what);
                let own = |span: spec_compiler::Span| span.end as usize <= source.text().len();
                elsewhere += usize::from(mistakes.iter().any(|m| !own(m.primary.span)));
            }
        }
    }
    assert!(parsed > 500 && elsewhere > 3_000, "{parsed} compiled, {elsewhere} mistakes in other files");
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
