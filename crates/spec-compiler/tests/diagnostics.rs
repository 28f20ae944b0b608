//! Each spec of `tests/bad` with the messages that it causes, beside it.

mod support;

use std::path::Path;

use spec_compiler::{Source, compile, render};
use support::Tables;

/// The messages for a text; a spec without a mistake is a fault of the test.
fn messages(name: &str, text: &str) -> String {
    let source = Source::new(name, text).unwrap();
    match compile(&source, Path::new(""), &Tables::read()) {
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

/// Each spec of `tests/warned` compiles, with the warnings beside it; those without a mistake have none.
#[test]
fn warnings_are_no_mistakes() {
    let warnings = |name: &str, text: &str| {
        let source = Source::new(name, text).unwrap();
        let compiled = compile(&source, Path::new(""), &Tables::read());
        let compiled = compiled.unwrap_or_else(|mistakes| panic!("{}", render(&mistakes, &source)));
        render(&compiled.model.warnings, &source)
    };
    let mut wrong = Vec::new();
    for (path, text) in support::files("warned", "yaml") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let actual = warnings(&name, &text);
        for message in actual.split("  \u{26a0} ").skip(1) {
            assert!(message.starts_with(&format!("{name}:")), "{message}");
        }
        assert!(actual.contains("\u{26a0}"), "{name}:\n{actual}");
        if !support::agrees(&path.with_extension("txt"), &actual) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Each method with the keys that it has no use for; hierarchies are tried or learned by climbs, which use theirs.
#[test]
fn only_keys_without_a_use_are_warned_of() {
    let keys = "family: full_rank, gradient: reparameterized, noise: sobol, draws: 8, steps: 9, posterior_draws: 400";
    let warned = |data: &str, more: &str| {
        let text = format!("model: m\n{data}inference: {{{keys}, {more}}}\n");
        let source = Source::new("m.yaml", &text).unwrap();
        let compiled = compile(&source, Path::new(""), &Tables::read());
        let compiled = compiled.unwrap_or_else(|mistakes| panic!("{}", render(&mistakes, &source)));
        let warnings = compiled.model.warnings.iter();
        warnings.map(|w| w.message.split('`').nth(1).unwrap()).collect::<String>()
    };
    let alone = |more: &str| warned("latent:\n  x: normal(0, 1)\n", more);
    let hierarchy =
        |more: &str| warned("dims: {k: 3}\nlatent:\n  s: gamma(2, 2)\n  x[k]: normal(0, s)\n", more);
    let climb = "gradient:noise:draws:steps:";
    for (more, without, with) in [
        ("method: auto, centring: learned", String::new(), String::new()),
        ("method: vi, optimizer: adam, covariance: family", String::new(), String::new()),
        ("method: laplace", climb.into(), climb.into()),
        ("method: laplace, centring: learned", climb.into(), String::new()),
        ("method: pathfinder, paths: 4", format!("family:{climb}"), climb.into()),
        ("method: pathfinder, centring: centred", format!("family:{climb}"), format!("family:{climb}")),
        ("method: pathfinder, centring: learned", format!("family:{climb}"), String::new()),
        ("method: nuts", climb.into(), String::new()),
        ("method: nuts, centring: non_centred", climb.into(), climb.into()),
        (
            "method: nuts, centring: learned, covariance: family",
            "gradient:noise:covariance:draws:steps:".into(),
            "covariance:".into(),
        ),
        (
            "method: map, centring: auto",
            format!("family:{climb}centring:"),
            format!("family:{climb}centring:"),
        ),
    ] {
        assert_eq!((alone(more), hierarchy(more)), (without, with), "{more}");
    }
}

/// What takes rows together is called as it is written, not as the graph has it.
#[test]
fn rows_taken_together_are_named_as_they_are_written() {
    let said = |value: &str| {
        let text = format!(
            "model: m\ndata:\n  homes: {{file: homes.csv, rows: home}}\nlatent:\n  b: normal(0, 1)\nlet:\n  c: {value}\n\
             observe:\n  y: normal(c, 1)\ninference: {{minibatch: {{home: 2}}}}\n"
        );
        let source = Source::new("m.yaml", &text).unwrap();
        let compiled = compile(&source, Path::new(""), &Tables::read());
        let compiled = compiled.unwrap_or_else(|mistakes| panic!("{}", render(&mistakes, &source)));
        let mistake = compiled.not_in_batches("`sum` takes several rows together", "let c").unwrap();
        let place = mistake.secondary[0].span;
        (mistake.message.split_once(": ").unwrap().1.to_string(), source.slice(place).to_string())
    };
    let expected =
        |word: &str, place: &str| (format!("`{word}` takes several rows together"), place.to_string());
    assert_eq!(
        said("mean(year) * mean(b * floor, over=home)"),
        expected("mean", "mean(b * floor, over=home)")
    );
    assert_eq!(said("sd(b * floor, over=home)"), expected("sd", "sd(b * floor, over=home)"));
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

/// Models that would be large, deep or circular: refused, or compiled in linear time.
#[test]
fn hostile_models_cost_nothing() {
    let n = 5_000;
    let lines = |range: std::ops::Range<usize>, line: &dyn Fn(usize) -> String| -> String {
        range.map(|i| format!("  {}\n", line(i))).collect()
    };
    let model = |rest: &str| format!("model: m\n{rest}");
    let doubling = lines(0..n, &|i| format!("a{i}: a{0} + a{0}", i + 1));
    let ode = "data:\n  times: {file: times.csv, rows: i}\node:\n  o:\n    at: t\n    states:\n";
    let series = "data:\n  ones: {file: ones.csv, rows: i, ordered_by: n}\nrecurrence:\n  r:\n    over: i\n    states:\n";
    let many = |line: &dyn Fn(usize) -> String| model(&format!("latent:\n{}", lines(0..n, line)));
    let wide = "data:\n  wide:\n    file: thousands.csv\n    rows: i\n    stack:\n";
    let names = |prefix: &str| (0..n).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>().join(", ");
    let big = "dims: {k: 1000000000}\n";
    let cases: Vec<(&str, String, &str)> = vec![
        ("cube", model(&format!("{big}latent:\n  x[k, k', k'']: normal(0, 1)\n")), "too_large"),
        ("long_name", model(&format!("latent:\n  x: normal({}, 1)\n", "y".repeat(100_000))), "unknown_name"),
        (
            "long_expression_in_a_message",
            model(&format!("dims: {{k: 2}}\nlet:\n  y: \"maximum({0}1, {0}2)[k=1]\"\n", "0 + ".repeat(400))),
            "wrong_dimension",
        ),
        (
            "high_let",
            model(&format!("latent:\n  x: normal(0, 1)\nlet:\n  y: {}x\n", "x * x + ".repeat(450))),
            "",
        ),
        (
            "high_law",
            model(&format!("latent:\n  x: normal(0, 1)\n  y: normal({}x, 1)\n", "x - ".repeat(450))),
            "",
        ),
        (
            "high_rate",
            format!(
                "{}      s: {{initial: 1, rate: \"{}s\"}}\ndims: {{k: 2}}\n",
                model(ode),
                "exp(-s) / (1 + t) + ".repeat(450)
            ),
            "",
        ),
        ("unused_dim", model(big), ""),
        ("kernel", model("dims: {k: 9999}\nlet:\n  v[k]: 1\n  b: v * prime(v)\n  c: b @ b\n"), "too_large"),
        ("huge_dim", model("dims: {k: 99999999999999999999999999}\n"), "number_out_of_range"),
        ("huge_exponent", model("dims: {k: 1e300}\n"), "number_out_of_range"),
        (
            "huge_element",
            model("dims: {k: 2}\nlatent:\n  x[k]: normal(0, 1)\nlet:\n  y: x[k=1e300]\n"),
            "unknown_element",
        ),
        ("huge_number", model("latent:\n  x: normal(0, 1e999)\n"), "number_out_of_range"),
        (
            "huge_digits",
            model(&format!("latent:\n  x: normal(0, {})\n", "9".repeat(5_000))),
            "number_out_of_range",
        ),
        ("nan", model("latent:\n  x: normal(0, nan)\n"), "unknown_name"),
        ("inf", model("latent:\n  x: normal(0, .inf)\n"), "expected_value"),
        ("quotient", model("latent:\n  x: normal(0 / 0, 1 / 0)\n"), "arguments"),
        ("primes", model(&format!("dims: {{k: 2}}\nlet:\n  x[k{}]: 1\n", "'".repeat(300))), "unclosed_quote"),
        (
            "nested_primes",
            model(&format!(
                "dims: {{k: 2}}\nlet:\n  v[k]: 1\n  x: {}v{}\n",
                "prime(".repeat(90),
                ")".repeat(90)
            )),
            "",
        ),
        ("doubling", model(&format!("latent:\n  a{n}: normal(0, 1)\nlet:\n{doubling}")), ""),
        (
            "doubling_in_a_rate",
            format!("{}      a{n}: {{initial: 1, rate: -a0}}\nlet:\n{doubling}", model(ode)),
            "",
        ),
        (
            "names_of_names",
            many(&|i| {
                format!("x{i}: normal({}, 1)", if i == 0 { "0".into() } else { format!("x{}", i - 1) })
            }),
            "",
        ),
        (
            "arrays_of_arrays",
            model(&format!(
                "dims: {{k: 2}}\nlatent:\n  x[k]: normal(0, b0)\nlet:\n{}  b{n}[k]: [1, 2]\n",
                lines(0..n, &|i| format!("b{i}: b{}", i + 1))
            )),
            "",
        ),
        ("ring", many(&|i| format!("x{i}: normal(x{}, 1)", (i + 1) % n)), "self_reference"),
        ("rings", many(&|i| format!("x{i}: normal(x{i}, 1)")), "self_reference"),
        (
            "ring_through_a_solve",
            model(&format!(
                "{ode}      s: {{initial: x, rate: -s}}\nlatent:\n  x: normal(y, 1)\nlet:\n  y: mean(s)\n"
            )),
            "self_reference",
        ),
        (
            "ring_of_lets_in_a_rate",
            model(&format!("{ode}      s: {{initial: 1, rate: -y * s}}\nlet:\n  x: y * s\n  y: x\n")),
            "self_reference",
        ),
        ("unknown_names", many(&|i| format!("x{i}: normal(y{i}, z{i})")), "unknown_name"),
        ("unknown_arguments", model(&format!("latent:\n  x: normal({})\n", names("y"))), "unknown_name"),
        (
            "many_states",
            format!(
                "{}{}",
                model(ode),
                lines(0..500, &|i| format!("    s{i}: {{initial: 1, rate: -s{}}}", (i + 1) % 500))
            ),
            "",
        ),
        (
            "doubling_in_a_recurrence",
            model(&format!(
                "{series}      z: {{initial: \"normal(0, 1)\", next: \"normal(a0, 1)\"}}\nobserve:\n  v: normal(z, 1)\nlet:\n{}  a{n}: z\n",
                lines(0..n, &|i| format!("a{i}: a{0} + a{0}", i + 1))
            )),
            "",
        ),
        (
            "doubling_at_each_row",
            model(&format!(
                "{series}      z: {{initial: \"gamma(1, 1)\", next: \"gamma(1, a0)\"}}\nobserve:\n  v: normal(z, 1)\nlet:\n{}  a{n}: z\n",
                lines(0..n, &|i| format!("a{i}: a{0} + a{0}", i + 1))
            )),
            "",
        ),
        (
            "a_chain_of_new_states",
            model(&format!(
                "{series}{}",
                lines(0..500, &|i| match i {
                    0 => "    s0: {initial: 1, next: s0 + v}".into(),
                    i => format!("    s{i}: {{initial: 1, next: new(s{})}}", i - 1),
                })
            )),
            "",
        ),
        (
            "a_ring_of_new_states",
            model(&format!(
                "{series}{}",
                lines(0..n, &|i| format!("    s{i}: {{initial: 1, next: new(s{})}}", (i + 1) % n))
            )),
            "new_circle",
        ),
        ("a_long_lag", model(&format!("{series}      z: {{initial: 0, next: \"lag(v, 1e300)\"}}\n")), "lag"),
        (
            "stack",
            format!(
                "{}      x: {{columns: \"x*\", dim: k}}\nlatent:\n  b[k]: normal(0, 1)\nobserve:\n  y: normal(x @ b, 1)\n",
                model(wide)
            ),
            "",
        ),
        ("stack_by_name", format!("{}      x: {{columns: [{}], dim: k}}\n", model(wide), names("x")), ""),
        (
            "stack_by_wrong_name",
            format!("{}      x: {{columns: [{}], dim: k}}\n", model(wide), names("z")),
            "unknown_column",
        ),
        (
            "renames",
            format!(
                "{}    columns: {{{}}}\n",
                model(wide).replace("    stack:\n", ""),
                (0..n).map(|i| format!("z{i}: x{i}")).collect::<Vec<_>>().join(", ")
            ),
            "",
        ),
    ];
    let mut tables = Tables::read();
    let header: Vec<String> = (0..n).map(|i| format!("x{i}")).collect();
    tables.add("thousands.csv", &format!("{},y\n{}2\n", header.join(","), "1,".repeat(n)));
    for (name, text, code) in cases {
        let source = Source::new(name, text).unwrap();
        let start = std::time::Instant::now();
        let shown = match compile(&source, Path::new(""), &tables) {
            Ok(_) => String::new(),
            Err(mistakes) => render(&mistakes, &source),
        };
        let taken = start.elapsed();
        eprintln!("{name}: {taken:?}");
        match code {
            "" => assert!(shown.is_empty(), "{name}: {}", &shown[..shown.len().min(2_000)]),
            code => {
                assert!(shown.contains(&format!("[{code}]")), "{name}: {}", &shown[..shown.len().min(2_000)])
            }
        }
        assert!(shown.len() < 200_000, "{name}: {} bytes of messages", shown.len());
        assert!(taken.as_millis() < 5_000, "{name}: {taken:?}");
    }
}

/// Every code of the catalogue is in some snapshot, in the tests of hostile files above, or in those of
/// several files, or of fits.
#[test]
fn every_code_has_a_test() {
    let snapshots = [support::files("bad", "txt"), support::files("warned", "txt")].concat();
    let snapshots: String = snapshots.into_iter().map(|(_, text)| text).collect();
    let (here, files) = (include_str!("diagnostics.rs"), include_str!("include.rs"));
    let fits = include_str!("../../fit/tests/methods.rs");
    let tested = |code: &str| {
        snapshots.contains(&format!("[{code}]"))
            || [files, fits].iter().any(|text| text.contains(&format!("[{code}]")))
            || here.contains(&format!("\"{code}\""))
    };
    let mut missing = Vec::new();
    for (_, text) in support::files("../src/errors", "rs") {
        for call in text.split("mistake(").skip(1) {
            let Some(rest) = call.trim_start().strip_prefix('"') else { continue };
            let code = rest.split('"').next().unwrap();
            if !tested(code) {
                missing.push(code.to_string());
            }
        }
    }
    missing.dedup();
    // What the YAML library says where we found no words of our own.
    missing.retain(|code| code != "yaml_syntax");
    assert!(missing.is_empty(), "{missing:?}");
}
