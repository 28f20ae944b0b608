//! Several files as one spec, and overrides of single entries: what is merged, and where mistakes are.

mod support;

use std::io::{Error, ErrorKind};
use std::path::Path;

use spec_compiler::{Source, SourceError, compile, include, parse_spec, render};
use support::Tables;

/// The spec at `a.yaml` among files in memory, with overrides.
fn gathered(files: &[(&str, &str)], overrides: &[&str]) -> Source {
    let read = |path: &Path| {
        let name = path.to_string_lossy().into_owned();
        match files.iter().find(|(file, _)| *file == name) {
            Some((_, text)) => Source::new(name, *text),
            None => Err(SourceError::Unreadable { name, error: Error::from(ErrorKind::NotFound) }),
        }
    };
    let source = include::read_with(Path::new("a.yaml"), &read).unwrap();
    let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
    source.with_overrides(&overrides, Path::new("here")).unwrap()
}

fn ast(files: &[(&str, &str)], overrides: &[&str]) -> String {
    let source = gathered(files, overrides);
    parse_spec(&source).unwrap_or_else(|m| panic!("{}", render(&m, &source))).to_string()
}

/// What is said of a spec with mistakes, in its form or its names.
fn said(files: &[(&str, &str)], overrides: &[&str]) -> String {
    let source = gathered(files, overrides);
    match compile(&source, Path::new(""), &Tables::read()) {
        Ok(_) => panic!("no mistake"),
        Err(mistakes) => render(&mistakes, &source),
    }
}

/// A message, its long lines unwrapped, holds each part of `expected`, in this order.
fn holds(said: &str, expected: &[&str]) {
    let said = said.replace("\n  \u{2502} ", " ");
    let mut rest = said.as_str();
    for part in expected {
        let at = rest.find(part).unwrap_or_else(|| panic!("`{part}` is not next in\n{said}"));
        rest = &rest[at + part.len()..];
    }
}

const PRIORS: &str = "version: 1\nlatent:\n  mu: normal(0, 10)\n  tau: half_cauchy(5)\n";
const MODEL: &str = "model: a\ninclude: lib/priors.yaml\nlatent:\n  x: normal(mu, tau)\n";

/// Names of units are those of all files; two may need the same.
#[test]
fn names_of_units_are_added() {
    let ponds = "units: [fish, frogs]\nlatent: {x: {prior: \"normal(0, 1)\", unit: fish/ha}}\n";
    let a = "model: a\ninclude: b.yaml\nunits: [crabs, fish]\nlatent: {y: {prior: \"normal(0, 1)\", unit: crabs/fish}}\n";
    let expected = "model a\nunits fish, frogs, crabs\nlatent\n  x ~ normal(0, 1) in fish/ha\n  y ~ normal(0, 1) in crabs/fish\n";
    assert_eq!(ast(&[("a.yaml", a), ("b.yaml", ponds)], &[]), expected);
    let set = ast(&[("a.yaml", a), ("b.yaml", ponds)], &["latent.x.unit=frogs"]);
    assert!(set.contains("x ~ normal(0, 1) in frogs"), "{set}");
}

/// A section of the wrong shape is told, whichever of the files has it.
#[test]
fn sections_of_the_wrong_shape_are_told_in_either_file() {
    let a = |section: &str| format!("model: a\ninclude: b.yaml\n{section}\n");
    for (right, wrong, expected) in [
        ("units: [fish]", "units: {fish: 2}", "`units:` is a list of names, found a mapping"),
        ("units: [fish]", "units: fish", "`units:` is a list of names, found"),
        ("latent: {x: \"normal(0, 1)\"}", "latent: [x]", "`latent:` is a mapping"),
        ("latent: {x: \"normal(0, 1)\"}", "latent: x", "`latent:` is a mapping"),
    ] {
        holds(&said(&[("a.yaml", &a(right)), ("b.yaml", wrong)], &[]), &["b.yaml:1:", expected]);
        holds(&said(&[("a.yaml", &a(wrong)), ("b.yaml", right)], &[]), &["a.yaml:3:", expected]);
    }
}

#[test]
fn sections_of_included_files_come_first() {
    let expected = "model a\nlatent\n  mu ~ normal(0, 10)\n  tau ~ half_cauchy(5)\n  x ~ normal(mu, tau)\n";
    assert_eq!(ast(&[("a.yaml", MODEL), ("lib/priors.yaml", PRIORS)], &[]), expected);
    // A list; sections that are empty or only there; the including file names the model.
    let a = "include:\n  - b.yaml\n  - c.yaml\nmodel: a\nlatent:\n";
    let b = "model: b\ndescription: of b\nlatent:\n  p: beta(1, 1)\ninference: {draws: 4}\n";
    let c = "latent:\nlet:\n  q: 1 - p\ninference: {seed: 3}\n";
    let expected = "model a\ndescription \"of b\"\nlatent\n  p ~ beta(1, 1)\nlet\n  q = 1 - p\ninference draws=4 seed=3\n";
    assert_eq!(ast(&[("a.yaml", a), ("b.yaml", b), ("c.yaml", c)], &[]), expected);
}

#[test]
fn a_file_that_is_included_along_two_ways_is_there_once() {
    let files = [
        ("a.yaml", "model: a\ninclude: [lib/b.yaml, lib/../lib/c.yaml]\n"),
        ("lib/b.yaml", "include: ./d.yaml\nlatent: {y: \"normal(x, 1)\"}\n"),
        ("lib/../lib/c.yaml", "include: d.yaml\nlatent: {z: \"normal(x, 1)\"}\n"),
        ("lib/./d.yaml", "latent: {x: \"normal(0, 1)\"}\n"),
    ];
    assert_eq!(
        ast(&files, &[]),
        "model a\nlatent\n  x ~ normal(0, 1)\n  y ~ normal(x, 1)\n  z ~ normal(x, 1)\n"
    );
}

#[test]
fn paths_are_relative_to_the_file_that_has_them() {
    let files = [
        ("a.yaml", "model: a\ninclude: lib/b.yaml\ndata:\n  one: {file: one.csv, rows: i}\n"),
        ("lib/b.yaml", "include: deep/c.yaml\ndata:\n  two: {file: ../two.csv, rows: j}\n"),
        ("lib/deep/c.yaml", "data:\n  three: {file: three.csv, rows: k}\n"),
    ];
    let shown = ast(&files, &["data.two.file=mine.csv"]);
    for path in ["\"one.csv\"", "\"lib/deep/three.csv\"", "here/mine.csv"] {
        assert!(shown.contains(path), "{path}:\n{shown}");
    }
    assert!(ast(&files, &[]).contains("\"lib/../two.csv\""));
}

#[test]
fn two_names_for_one_thing_are_a_mistake_unless_said_otherwise() {
    let b = ("b.yaml", "latent:\n  # the scale\n\n\n\n\n  tau[k]: half_normal(1)\n");
    let a = "model: a\ninclude: b.yaml\ndims: {k: 2}\nlatent:\n  tau: half_cauchy(5)\n";
    let shown = said(&[("a.yaml", a), b], &[]);
    holds(&shown, &["a.yaml:5:3: two names for one thing: `latent:` has `tau` in two files [name_twice]"]);
    holds(&shown, &["[a.yaml:5:3]", "tau: half_cauchy(5)", "again", "[b.yaml:7:3]", "first here"]);
    holds(&shown, &["override: {latent.tau: ...}"]);
    // The declaration, its dimensions too, or its prior alone.
    let over = |text: &str| {
        ast(
            &[("a.yaml", &format!("model: a\ninclude: b.yaml\ndims: {{k: 2}}\noverride:\n  {text}\n")), b],
            &[],
        )
    };
    assert!(over("latent.tau: half_cauchy(5)").contains("tau[k] ~ half_cauchy(5)"));
    assert!(over("latent.tau[j]: half_cauchy(5)").contains("tau[j] ~ half_cauchy(5)"));
    // What includes has the last word, and the command line after it.
    let files = [
        ("a.yaml", "model: a\ninclude: b.yaml\noverride: {latent.x: \"normal(0, 3)\"}\n"),
        ("b.yaml", "include: c.yaml\noverride: {latent.x: \"normal(0, 2)\"}\n"),
        ("c.yaml", "latent: {x: \"normal(0, 1)\"}\n"),
    ];
    assert!(ast(&files, &[]).contains("x ~ normal(0, 3)"));
    let last = ast(&files, &["latent.x=normal(0, 4)", "latent.x=normal(0, 5)"]);
    assert!(last.contains("x ~ normal(0, 5)"), "{last}");
}

#[test]
fn mistakes_point_into_their_own_file() {
    let cases: &[(&str, &[&str])] = &[
        ("latent:\n  m\u{fc}: normal(0, mu +)\n", &["lib/priors.yaml:2:", "[missing_operand]"]),
        ("latent:\n  mu: normal(0, 1\n", &["lib/priors.yaml:2:13: `(` is never closed"]),
        ("latent: [\n", &["lib/priors.yaml:1:9: `[` is never closed"]),
        ("latent:\n\tmu: normal(0, 1)\n", &["lib/priors.yaml:2:1: a tab"]),
        ("latents:\n  mu: normal(0, 1)\n", &["lib/priors.yaml:1:1: unknown key `latents`"]),
        ("latent: 3\n", &["lib/priors.yaml:1:9: `latent:` is a mapping"]),
        (
            "version: 2\n",
            &["lib/priors.yaml:1:10: this program understands version 1 of the language [unknown_version]"],
        ),
        ("# nothing\n", &["lib/priors.yaml:1:1: the spec is empty"]),
        (
            "latent:\n  mu: normal(0, 1)\n  tau: exponential(muu)\n",
            &["lib/priors.yaml:3:20: unknown name `muu`"],
        ),
        (
            "data:\n  t: {file: none.csv, rows: i}\n",
            &["lib/priors.yaml:2:13: lib/none.csv: there is no such file"],
        ),
        ("override: {latnt.mu: \"normal(0, 1)\"}\n", &["lib/priors.yaml:1:12: there is no section `latnt`"]),
    ];
    for (text, expected) in cases {
        holds(&said(&[("a.yaml", MODEL), ("lib/priors.yaml", text)], &[]), expected);
    }
    // Only the files that are wrong are shown, in the order in which they are read.
    let shown = said(&[("a.yaml", &MODEL.replace("tau)", "tua)")), ("lib/priors.yaml", PRIORS)], &[]);
    holds(&shown, &["a.yaml:4:17: unknown name `tua`", "did you mean `tau`?"]);
    assert!(!shown.contains("priors"), "{shown}");
}

#[test]
fn circles_and_missing_files_are_named() {
    let files = [
        ("a.yaml", "model: a\ninclude: lib/b.yaml\n"),
        ("lib/b.yaml", "include: c.yaml\n"),
        ("lib/c.yaml", "include: ../a.yaml\n"),
    ];
    holds(
        &said(&files, &[]),
        &[
            "lib/c.yaml:1:10: files include each other in a circle: a.yaml includes lib/b.yaml includes",
            "lib/c.yaml includes a.yaml [include_circle]",
        ],
    );
    holds(
        &said(&[("a.yaml", "model: a\ninclude: a.yaml\n")], &[]),
        &["a.yaml:2:10: `a.yaml` includes itself"],
    );
    let missing = said(&[("a.yaml", "model: a\ninclude: [b.yaml, {}]\n")], &[]);
    holds(&missing, &["a.yaml:2:11: cannot include `b.yaml`: there is no such file [include_file]"]);
    holds(&missing, &["`include:` is a list of names, found a mapping"]);
    // Limits.
    let names: Vec<String> = (0..200).map(|i| format!("f{i}.yaml")).collect();
    let chain = |i: usize| format!("include: f{}.yaml\n", i + 1);
    let texts: Vec<String> = (0..200).map(chain).collect();
    let mut files: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|(n, t)| (n.as_str(), t.as_str())).collect();
    files.push(("a.yaml", "model: a\ninclude: f0.yaml\n"));
    holds(
        &said(&files, &[]),
        &["f14.yaml:1:10: more than 16 files that include one another [include_limit]"],
    );
    let wide = format!("model: a\ninclude: [{}]\n", names.join(", "));
    let mut files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "latent:\n")).collect();
    files.push(("a.yaml", &wide));
    holds(&said(&files, &[]), &["the spec includes more than 100 files [include_limit]"]);
    // A text is no file.
    let text = Source::new("a.yaml", "model: a\ninclude: b.yaml\n").unwrap();
    holds(
        &render(&parse_spec(&text).unwrap_err(), &text),
        &["only a spec that is a file can include others"],
    );
}

const HOMES: &str = "model: m
data:
  homes: {file: homes.csv, rows: home}
latent:
  mu: normal(0, 1)
  alpha[county]: normal(mu, 1)
ode:
observe:
  homes.y: normal(alpha[county], 1)
";

#[test]
fn overrides_replace_or_add_one_entry() {
    let cases: &[(&str, &str)] = &[
        ("latent.mu=normal(0, 5)", "  mu ~ normal(0, 5)\n"),
        ("latent.alpha=normal(mu, 2)", "  alpha[county] ~ normal(mu, 2)\n"),
        ("latent.alpha[year]=normal(mu, 2)", "  alpha[year] ~ normal(mu, 2)\n"),
        ("latent.alpha[county].prior=normal(0, 1)", "  alpha[county] ~ normal(0, 1)\n"),
        ("latent.mu.unit=m", "  mu ~ normal(0, 1) in m\n"),
        ("observe.homes.y.where=floor == 0", "  homes.y ~ normal(alpha[county], 1) where floor == 0\n"),
        ("latent.mu.prior.more=1", ""),
        ("latent.s=half_normal(1)", "  s ~ half_normal(1)\n"),
        ("latent.mu={prior: \"normal(0, 7)\"}", "  mu ~ normal(0, 7)\n"),
        ("let.twice = 2 * mu", "let\n  twice = 2 * mu\n"),
        ("dims.k=[a, b]", "dims\n  k \"a\", \"b\"\n"),
        ("observe.homes.y=student_t(4, alpha[county], 1)", "  homes.y ~ student_t(4, alpha[county], 1)\n"),
        ("observe.homes.floor=poisson(1)", "  homes.floor ~ poisson(1)\n"),
        ("observe.floor=poisson(1)", "  floor ~ poisson(1)\n"),
        ("inference.seed=3", "inference seed=3\n"),
        ("inference.family=low_rank(8)", "inference family=low_rank(8)\n"),
        ("output.report=[mu]", "output\n  report mu\n"),
        ("data.homes.missing.y=drop", "drop"),
        ("model=other", "model other\n"),
        ("description=of a=b", "description \"of a=b\"\n"),
        ("ode.o={at: t, states: {x: {initial: 1, rate: -x}}}", "    at t\n"),
    ];
    for (option, expected) in cases {
        let source = gathered(&[("a.yaml", HOMES)], &[option]);
        let shown = match parse_spec(&source) {
            Ok(spec) => spec.to_string(),
            Err(mistakes) => render(&mistakes, &source),
        };
        if expected.is_empty() {
            holds(&shown, &["`latent.mu` is a single value and has no entries"]);
        } else {
            assert!(shown.contains(expected), "{option}:\n{shown}");
        }
    }
    // What is not there is made on the way, and the digest knows of it.
    let many = ast(
        &[("a.yaml", HOMES)],
        &["inference.seed=3", "inference.draws=4", "data.homes.levels.county=[b, a]"],
    );
    assert!(many.contains("inference draws=4 seed=3") && many.contains("county"), "{many}");
    let whole = |options: &[&str]| gathered(&[("a.yaml", HOMES)], options).whole();
    assert_eq!(whole(&[]), HOMES);
    assert_ne!(whole(&["inference.seed=3"]), whole(&["inference.seed=4"]));
}

#[test]
fn mistakes_of_overrides_point_at_the_option() {
    let cases: &[(&str, &[&str])] = &[
        (
            "latent.mu",
            &["--set latent.mu:1:1: an override is `section.name=value`, found `latent.mu` [override_form]"],
        ),
        ("", &["--set:1:1: an override is"]),
        ("=3", &["--set:1:1: an override is"]),
        ("latent..mu=3", &["--set latent..mu:1:1: an override is"]),
        (
            "latnt.mu=normal(0, 1)",
            &["--set latnt.mu:1:1: there is no section `latnt` [unknown_path]", "did you mean `latent`?"],
        ),
        ("version.a=1", &["there is no section `version`"]),
        ("scm.a.b=1", &["`scm:` is not part of this version yet"]),
        ("latent={}", &["--set latent:1:1: an override names one entry of `latent:`"]),
        ("inference.sed=3", &["--set inference.sed:1:11: unknown key `sed`", "did you mean `seed`?"]),
        ("inference.solver.rtol=3", &["--set inference.solver.rtol:1:11: unknown key `solver`"]),
        ("inference.seed=x", &["--set inference.seed:1:16: `seed:` is a number"]),
        ("inference.seed.more=3", &["--set inference.seed.more:1:16: `inference.seed` is a single value"]),
        (
            "data.hmes.file=x.csv",
            &["--set data.hmes.file:1:6: there is no `hmes` in `data`", "did you mean `homes`?"],
        ),
        ("data.homes.fle=x.csv", &["--set data.homes.fle:1:12: unknown key `fle`", "did you mean `file`?"]),
        ("data.homes.file=none.csv", &["--set data.homes.file:1:17: here/none.csv: there is no such file"]),
        ("latent.mu=normal(0, -1)", &["--set latent.mu:1:21: sd of normal must be a positive number"]),
        ("latent.mu=normal(0, 1", &["--set latent.mu:1:17: `(` is never closed"]),
        ("latent.mu=[", &["--set latent.mu:1:11: `[` is never closed"]),
        ("latent.mu=", &["--set latent.mu:1:11: the prior of `mu` is empty"]),
        ("latent.mu=*a", &["--set latent.mu:1:11: a value cannot start with `*`"]),
        ("latent.1mu=normal(0, 1)", &["--set latent.1mu:1:8: "]),
    ];
    for (option, expected) in cases {
        holds(&said(&[("a.yaml", HOMES)], &[option]), expected);
    }
}

#[test]
fn the_version_of_the_language_is_checked() {
    let text = |version: &str| format!("version: {version}\nmodel: a\n");
    assert_eq!(ast(&[("a.yaml", &text("1"))], &[]), "model a\n");
    for version in ["2", "0", "one", "1.5", "[1]", ""] {
        let shown = said(&[("a.yaml", &text(version))], &[]);
        assert!(shown.contains("a.yaml:1:"), "{version}: {shown}");
    }
    holds(&said(&[("a.yaml", &text("2"))], &[]), &["understands version 1", "write `version: 1`"]);
}

/// As one file: includes and overrides in their places, other files for tables, texts quoted where they
/// must be.
#[test]
fn several_files_can_be_written_as_one() {
    let root = "model: a\ninclude: lib/b.yaml\nlatent:\n  x[i, j]: normal(mu, 1)\noverride:\n  latent.mu: 'normal(0, 3)'\ndescription: \"two\\nlines: \\\"one\\\"\"\n";
    let included = "latent:\n  mu: normal(0, 10)\ndims: {i: 2, j: [left, \"to, right\"]}\ndata:\n  d: {file: y.csv, rows: r, stack: {s: {columns: [a, b], dim: k}}}\n  e:\n    file: z.csv\n    rows: q\n";
    let files = [("a.yaml", root), ("lib/b.yaml", included)];
    let source = gathered(&files, &["data.e.file=w.csv", "inference.draws=4", "inference.seed=2"]);
    let new = [("d".to_string(), "d.csv".to_string()), ("e".to_string(), "it \"is\".csv".to_string())];
    let edits = spec_compiler::parse::Edits { files: new.into(), ..Default::default() };
    let text = spec_compiler::parse::one_file(&source, &edits).unwrap();
    let expected = "# One file, made of a.yaml, lib/b.yaml, --set data.e.file, --set inference.draws, --set inference.seed.
latent:
  mu: \"normal(0, 3)\"
  x[i, j]: normal(mu, 1)
dims:
  i: 2
  j: [left, \"to, right\"]
data:
  d:
    file: \"d.csv\"
    rows: r
    stack:
      s:
        columns: [a, b]
        dim: k
  e:
    file: \"it \\\"is\\\".csv\"
    rows: q
model: a
description: \"two\\nlines: \\\"one\\\"\"
inference:
  draws: 4
  seed: 2
";
    assert_eq!(text, expected);
    let again = Source::new("a.yaml", text).unwrap();
    assert_eq!(parse_spec(&again).unwrap_or_else(|m| panic!("{}", render(&m, &again))).data.len(), 2);
    // What is wrong is said as it is of the files.
    let source = gathered(&[("a.yaml", "model: a\ninclude: b.yaml\n")], &[]);
    assert!(spec_compiler::parse::one_file(&source, &Default::default()).is_err());
}
