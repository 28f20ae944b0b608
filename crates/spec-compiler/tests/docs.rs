//! The reference pages: they name everything there is, their tables are made from the code, and every
//! example that is a whole spec compiles against its tables and has a density.

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use graph::value::Value;
use model::{DataError, DataSource, Table};
use spec_compiler::check::functions;
use spec_compiler::{Source, compile, render};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pages, by their path from the root: the reference and those of `docs/language`.
fn pages() -> Vec<(String, String)> {
    let folder = std::fs::read_dir(root().join("docs/language")).unwrap();
    let names = folder.map(|e| format!("docs/language/{}", e.unwrap().file_name().to_str().unwrap()));
    let mut names: Vec<String> = names.filter(|n| n.ends_with(".md")).collect();
    names.push("docs/spec-language.md".into());
    names.sort();
    let read = |name: String| {
        let text = std::fs::read_to_string(root().join(&name)).unwrap();
        (name, text)
    };
    names.into_iter().map(read).collect()
}

#[test]
fn every_function_and_distribution_is_in_the_reference() {
    let text = std::fs::read_to_string(root().join("docs/spec-language.md")).unwrap();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let names = functions::names();
    let all = names.into_iter().chain(distributions::signatures().into_iter().map(|s| s.name));
    let missing: Vec<&str> = all.filter(|n| !words.contains(n)).collect();
    assert!(missing.is_empty(), "docs/spec-language.md lacks {missing:?}");
}

#[test]
fn a_name_is_of_this_version_or_of_a_later_one() {
    use functions::{LATER, LATER_LAWS, names};
    let laws = distributions::signatures().into_iter().map(|s| s.name);
    let both: Vec<&str> =
        names().into_iter().chain(laws).filter(|n| LATER.contains(n) || LATER_LAWS.contains(n)).collect();
    assert!(both.is_empty(), "still in a list of later names: {both:?}");
}

/// What the code says of its distributions, what makes laws of laws, and its functions.
fn tables() -> [(&'static str, String); 3] {
    // A bar ends a cell.
    let cell = |text: &str| text.replace('|', "\\|");
    let mut laws = String::from("| distribution | a value is | meaning |\n|---|---|---|\n");
    for s in distributions::signatures().iter().filter(|s| distributions::lookup(s.name).is_some()) {
        let _ = writeln!(laws, "| `{}` | {} | {} |", cell(&s.signature), s.support, s.doc);
    }
    let mut modifiers = String::from("| law of laws | meaning |\n|---|---|\n");
    for (_, form, meaning) in functions::modifier_forms() {
        let _ = writeln!(modifiers, "| `{form}` | {} |", cell(meaning));
    }
    let mut calls = String::from("| function | meaning |\n|---|---|\n");
    for (form, meaning) in functions::forms() {
        let _ = writeln!(calls, "| `{form}` | {} |", cell(meaning));
    }
    // Markdown wants lines of their own around a table.
    [("distributions", laws), ("laws of laws", modifiers), ("functions", calls)]
        .map(|(n, t)| (n, format!("\n{t}\n")))
}

#[test]
fn the_tables_are_made_from_the_code() {
    let path = root().join("docs/spec-language.md");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (name, table) in tables() {
        let begin = format!("<!-- {name}: made from the code, UPDATE_SNAPSHOTS=1 refreshes it -->\n");
        let start = text.find(&begin).unwrap_or_else(|| panic!("the page has no `{begin}`")) + begin.len();
        let end = start + text[start..].find("<!-- end -->").expect("a table has an end");
        text.replace_range(start..end, &table);
    }
    assert!(support::agrees(&path, &text), "the tables of docs/spec-language.md are not those of the code");
}

/// Tables of the repository, by their path from `docs`, where the examples stand.
struct Files;

impl DataSource for Files {
    fn read(&self, file: &Path) -> Result<Table, DataError> {
        match std::fs::read_to_string(root().join("docs").join(file)) {
            Ok(text) => Ok(support::csv(&text)),
            Err(e) => Err(DataError { message: format!("{}: {e}", file.display()), help: None }),
        }
    }
}

/// The text blocks of a page in `language`, each with its line.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (k, line) in page.lines().enumerate() {
        match &mut open {
            None if line == "```yaml" => open = Some((k + 1, String::new())),
            None => {}
            Some(_) if line.starts_with("```") => out.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    out
}

/// Each is compiled, and its density and the Jacobian are numbers where every coordinate is small.
#[test]
fn every_whole_example_is_a_model() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for (name, page) in pages() {
        // What includes other files is no whole.
        let is_whole = |text: &str| text.starts_with("model:") && !text.contains("\ninclude:");
        let whole: Vec<_> = blocks(&page).into_iter().filter(|(_, t)| is_whole(t)).collect();
        assert!(!whole.is_empty(), "{name} has no whole example");
        for (line, text) in whole {
            checked += 1;
            let source = Source::new(format!("{name}:{line}"), text).unwrap();
            let target = match compile(&source, Path::new(""), &Files) {
                Ok(compiled) => compiled.target,
                Err(mistakes) => {
                    wrong.push(render(&mistakes, &source));
                    continue;
                }
            };
            let mut bindings = target.bindings.clone();
            for site in &target.sites {
                let at = (0..site.coordinates.len()).map(|k| 0.05 * (k % 7) as f64 - 0.1).collect();
                bindings.data.insert(site.name.clone(), Value::Real(at));
            }
            let nodes = [target.log_joint, target.log_det_jac];
            for value in graph::interpret::evaluate(&target.graph, &nodes, &bindings).unwrap() {
                match value {
                    Value::Real(v) if v[0].is_finite() => {}
                    other => wrong.push(format!("{name}:{line}: a density of {other:?}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 15, "{checked}");
}

/// Examples that are parts of a spec have sections of it.
#[test]
fn other_examples_have_sections_of_a_spec() {
    let known = spec_compiler::words::SPEC.words.iter().map(|k| k.word).collect::<Vec<_>>();
    for (name, page) in pages() {
        for (line, text) in blocks(&page) {
            let keys = text.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_lowercase()));
            for key in keys.filter_map(|l| l.split(':').next()) {
                assert!(known.contains(&key), "{name}:{line}: {key}");
            }
        }
    }
}

/// A link in a page leads to a file, and to a heading where it names one.
#[test]
fn links_lead_somewhere() {
    let anchor = |heading: &str| -> String {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    for (name, page) in pages() {
        let here = root().join(&name);
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { here.clone() } else { here.parent().unwrap().join(file) };
            assert!(target.exists(), "{name}: {link}");
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let found = text.lines().filter(|l| l.starts_with('#')).any(|l| anchor(l) == heading);
                assert!(found, "{name}: {link}");
            }
        }
    }
}
