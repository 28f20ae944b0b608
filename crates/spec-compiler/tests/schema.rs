//! The JSON Schema of the language against every spec there is: good ones fit it, misspelt ones do not.

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use spec_compiler::schema::schema;

/// The first place where `value` does not fit; a keyword that this checker does not know is a panic, so
/// that the schema cannot say what nobody checks.
fn fault(schema: &Value, value: &Value, place: &str) -> Option<String> {
    let at = |what: String| Some(format!("{place}: {what}"));
    for (keyword, wanted) in schema.as_object().unwrap() {
        let found = match keyword.as_str() {
            "$schema" | "title" | "description" => None,
            "type" => {
                let one = std::slice::from_ref(wanted);
                let kinds = wanted.as_array().map_or(one, Vec::as_slice);
                let fits = |kind: &Value| match kind.as_str().unwrap() {
                    "string" => value.is_string(),
                    "number" => value.is_number(),
                    "integer" => value.as_f64().is_some_and(|x| x.fract() == 0.0),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("unknown type {other}"),
                };
                (!kinds.iter().any(fits)).then(|| format!("{place}: {value} is no {wanted}"))
            }
            "enum" => (!wanted.as_array().unwrap().contains(value))
                .then(|| format!("{place}: {value} is none of {wanted}")),
            "minimum" => match (value.as_f64(), wanted.as_f64().unwrap()) {
                (Some(x), least) if x < least => at(format!("{x} is below {least}")),
                _ => None,
            },
            "anyOf" => {
                let all = wanted.as_array().unwrap();
                let faults: Vec<String> = all.iter().map_while(|one| fault(one, value, place)).collect();
                (faults.len() == all.len()).then(|| faults.join("; "))
            }
            "required" => value.as_object().and_then(|map| {
                let missing =
                    wanted.as_array().unwrap().iter().find(|k| !map.contains_key(k.as_str().unwrap()));
                missing.and_then(|key| at(format!("{key} is missing")))
            }),
            "properties" => value.as_object().and_then(|map| {
                let known = wanted.as_object().unwrap();
                map.iter().find_map(|(k, v)| fault(known.get(k)?, v, &format!("{place}.{k}")))
            }),
            "additionalProperties" => value.as_object().and_then(|map| {
                let known = schema.get("properties").and_then(Value::as_object);
                let others = map.iter().filter(|(k, _)| known.is_none_or(|known| !known.contains_key(*k)));
                let mut others = others.map(|(k, v)| match wanted {
                    Value::Bool(false) => Some(format!("{place}: unknown key {k}")),
                    inside => fault(inside, v, &format!("{place}.{k}")),
                });
                others.find_map(|found| found)
            }),
            "items" => value.as_array().and_then(|items| {
                items.iter().enumerate().find_map(|(i, item)| fault(wanted, item, &format!("{place}[{i}]")))
            }),
            "minItems" => match (value.as_array(), wanted.as_u64().unwrap()) {
                (Some(items), least) if (items.len() as u64) < least => at("too short a list".into()),
                _ => None,
            },
            "uniqueItems" => value.as_array().and_then(|items| {
                let twice = items.iter().enumerate().find(|(i, item)| items[..*i].contains(item));
                twice.and_then(|(_, item)| at(format!("{item} twice")))
            }),
            other => panic!("the schema uses {other}"),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn json(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every spec below a folder.
fn specs(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            specs(&path, out);
        } else if path.extension().is_some_and(|found| found == "yaml") {
            out.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The examples of a page that are whole specs.
fn examples(page: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(workspace().join(page)).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_string());
    let found: Vec<_> = blocks.filter(|b| b.starts_with("model:")).map(|b| (page.to_string(), b)).collect();
    assert!(!found.is_empty(), "{page} has no example");
    found
}

#[test]
fn every_good_spec_fits_the_schema() {
    let mut all = Vec::new();
    for folder in
        ["specs", "tests/truth", "crates/spec-compiler/tests/good", "crates/spec-compiler/tests/models"]
    {
        specs(&workspace().join(folder), &mut all);
    }
    specs(&workspace().join("crates/fit/templates"), &mut all);
    all.extend(examples("README.md"));
    all.extend(examples("docs/spec-language.md"));
    for page in std::fs::read_dir(workspace().join("docs/language")).unwrap() {
        all.extend(examples(&format!("docs/language/{}", page.unwrap().file_name().to_str().unwrap())));
    }
    assert!(all.len() > 15, "{}", all.len());
    let schema = schema();
    let wrong: Vec<String> = all
        .iter()
        .filter_map(|(name, text)| Some(format!("{name}: {}", fault(&schema, &json(text), "spec")?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn misspelt_and_misshaped_specs_do_not() {
    let cases = [
        ("model: m\nlatents: {x: \"normal(0, 1)\"}", "unknown key latents"),
        ("model: m\ndata: {t: {fil: x.csv, rows: i}}", "unknown key fil"),
        ("model: m\ndata: {t: {rows: i}}", "\"file\" is missing"),
        ("model: m\ndata: {t: {file: x.csv, rows: i, missing: {y: ignore}}}", "\"ignore\" is none of"),
        ("model: m\nlatent: {x: 3}", "3 is no \"string\""),
        ("model: m\nlatent: [x]", "is no [\"object\",\"null\"]"),
        ("model: m\nobserve: {y: {law: \"normal(0, 1)\", were: \"t > 1\"}}", "unknown key were"),
        ("model: m\nscm: {}", "unknown key scm"),
        ("version: 2\nmodel: m", "2 is none of"),
        ("model: m\ninference: {draws: 0}", "0 is below 1"),
        ("model: m\ninference: {draws: 1.5}", "1.5 is no"),
        ("model: m\ninference: {method: mcmc}", "is none of"),
        ("model: m\noutput: {report: []}", "too short"),
        ("model: m\ndims: {k: [a, a]}", "twice"),
        ("model: m\node: {r: {at: t, states: {x: {initial: 1}}}}", "\"rate\" is missing"),
    ];
    let schema = schema();
    for (text, expected) in cases {
        let found = fault(&schema, &json(text), "spec").unwrap_or_else(|| panic!("{text} fits"));
        assert!(found.contains(expected), "{text}: {found}");
    }
    // Whatever the compiler finds an unknown key in, the schema does.
    let mut checked = 0;
    for (path, text) in support::files("bad", "yaml") {
        let said = std::fs::read_to_string(path.with_extension("txt")).unwrap();
        if said.contains("[unknown_key]") {
            assert!(fault(&schema, &json(&text), "spec").is_some(), "{}", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn keys_are_described_and_laws_are_listed() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let of = |key: &str| schema["properties"][key]["description"].as_str().unwrap_or_default().to_string();
    assert!(of("latent").contains("half_normal(scale)") && of("observe").contains("poisson(rate"));
    assert!(
        schema["properties"]["data"]["additionalProperties"]["properties"]["stack"]["description"]
            .is_string()
    );
}
