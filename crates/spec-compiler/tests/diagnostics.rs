//! Each spec of `tests/bad` with the messages that it causes, beside it.

mod support;

use spec_compiler::{Source, parse_spec, render};

/// The messages for a text; a spec without a mistake is a fault of the test.
fn messages(name: &str, text: &str) -> String {
    let source = Source::new(name, text).unwrap();
    match parse_spec(&source) {
        Ok(_) => panic!("{name} has no mistake"),
        Err(mistakes) => render(&mistakes, &source),
    }
}

#[test]
fn every_bad_spec_gets_its_messages() {
    let mut wrong = Vec::new();
    let specs = support::files("bad", "yaml");
    assert!(specs.len() > 40);
    for (path, text) in specs {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let actual = messages(&name, &text);
        for message in actual.split("  \u{d7} ").skip(1) {
            assert!(message.starts_with(&format!("{name}:")), "{message}");
        }
        if !support::agrees(&path.with_extension("txt"), &actual) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn many_mistakes_are_counted() {
    let lines: String = (0..60).map(|i| format!("  a{i}: x +\n")).collect();
    let actual = messages("many.yaml", &format!("model: m\nlet:\n{lines}"));
    assert_eq!(actual.matches("[missing_operand]").count(), 50);
    assert!(actual.ends_with("and 10 more\n"), "{actual}");
}

/// A hostile file is refused before it costs anything.
#[test]
fn hostile_files_are_refused_quickly() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (this, next) in ('a'..='j').zip('b'..='k') {
        let items = vec![format!("*{this}"); 9].join(", ");
        bomb.push_str(&format!("{next}: &{next} [{items}]\n"));
    }
    let blocks: String = (0..5_000).map(|n| format!("{}a:\n", " ".repeat(n % 3_000))).collect();
    let anchors = format!("a: {}x\n", "&a [".repeat(60));
    let expression = |text: String| format!("model: m\nlet:\n  a: \"{text}\"\n");
    let chain = |op: &str| expression(vec!["x"; 20_000].join(op));
    let cases = [
        ("aliases", bomb, "too_many_nodes"),
        ("flow", "[".repeat(8 << 20), "too_deep"),
        ("flow_100_000", format!("a: {}", "[".repeat(100_000)), "too_deep"),
        ("maps", "{a: ".repeat(100_000), "too_deep"),
        ("blocks", blocks, "too_deep"),
        ("dashes", "- ".repeat(100_000), "too_deep"),
        ("anchors", anchors, "unclosed_bracket"),
        ("many_aliases", format!("a: &a 1\nb: [{}]\n", "*a, ".repeat(2_000)), "too_many_aliases"),
        ("many", format!("a: [{}]\n", "1, ".repeat(300_000)), "too_many_nodes"),
        ("brackets", expression("(".repeat(100_000)), "expression_too_long"),
        ("brackets_40_000", expression("(".repeat(40_000)), "expression_too_deep"),
        ("arrays", expression("[".repeat(40_000)), "expression_too_deep"),
        ("calls", expression("f(".repeat(20_000)), "expression_too_deep"),
        ("signs", expression("-".repeat(40_000)), "expression_too_deep"),
        ("nots", expression("not ".repeat(40_000)), "expression_too_deep"),
        ("powers", chain("^"), "expression_too_deep"),
        ("sums", chain("+"), "expression_too_deep"),
        ("members", expression(format!("x{}", ".y".repeat(20_000))), "expression_too_deep"),
        ("indices", expression(format!("x{}", "[y]".repeat(10_000))), "expression_too_deep"),
        ("one_line", "x".repeat(8 << 20), "not_a_mapping"),
        ("one_key", format!("model: m\n? {}\n: 1\n", "x".repeat(4 << 20)), "unknown_key"),
    ];
    for (name, text, code) in cases {
        let start = std::time::Instant::now();
        let shown = messages(name, &text);
        let taken = start.elapsed();
        assert!(shown.contains(&format!("[{code}]")), "{name}: {shown}");
        assert!(shown.len() < 10_000, "{name}: {} bytes of messages", shown.len());
        assert!(taken.as_millis() < 1_000, "{name}: {taken:?}");
        eprintln!("{name}: {taken:?}");
    }
}
