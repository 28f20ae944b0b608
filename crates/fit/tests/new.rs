//! `fit new` and `fit schema`: every template fits, and nothing of the user's is ever replaced.

mod common;

use std::fs;
use std::process::Output;

use common::{Scratch, run, workspace};

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// The kinds that there are files for.
fn kinds() -> Vec<String> {
    let files = fs::read_dir(workspace().join("crates/fit/templates")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut kinds: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_string())).collect();
    kinds.sort();
    kinds
}

#[test]
fn every_template_fits_where_it_was_written() {
    let folder = Scratch::new("templates");
    let kinds = kinds();
    assert!(kinds.len() >= 8, "{kinds:?}");
    let listed = said(&run(folder.path(), &["new"]));
    assert_eq!(listed.lines().count(), kinds.len() + 2, "each file is a line of the table: {listed}");
    for kind in &kinds {
        assert!(listed.contains(&format!("  {kind} ")), "{listed}");
        let out = run(folder.path(), &["new", kind, "demo"]);
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        let spec = format!("demo/{kind}.yaml");
        assert!(said(&out).contains(&format!("fit it with: fit {spec}")), "{}", said(&out));
        let out = run(folder.path(), &[&spec]);
        assert_eq!(out.status.code(), Some(0), "{kind}: {}", said(&out));
        let text = fs::read_to_string(folder.path().join(&spec)).unwrap();
        assert!(text.starts_with('#') && text.contains(&format!("model: {kind}\n")), "{text}");
    }
}

#[test]
fn nothing_is_ever_replaced() {
    let folder = Scratch::new("replaced");
    assert!(run(folder.path(), &["new", "ode"]).status.success());
    let spec = folder.path().join("ode/ode.yaml");
    fs::write(&spec, "mine").unwrap();
    for there in ["ode.yaml", "ode.csv"] {
        let out = run(folder.path(), &["new", "ode"]);
        assert_eq!(out.status.code(), Some(2));
        assert!(said(&out).contains("there already"), "{there}: {}", said(&out));
        assert_eq!(fs::read_to_string(&spec).unwrap_or("mine".into()), "mine");
        let _ = fs::remove_file(&spec);
    }
    // Where the table alone is there, no spec is written either.
    assert!(!spec.exists() && folder.path().join("ode/ode.csv").exists());
    // Beside other files it may be.
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    assert!(run(folder.path(), &["new", "logistic", "."]).status.success());
    let cases = [
        ("hierarcy", "did you mean `fit new hierarchy`?"),
        ("survival", "not part of this version"),
        ("x", "kinds are"),
    ];
    for (kind, expected) in cases {
        let out = run(folder.path(), &["new", kind]);
        assert_eq!(out.status.code(), Some(2));
        assert!(said(&out).contains(expected) && !folder.path().join(kind).exists(), "{}", said(&out));
    }
}

#[test]
fn the_schema_is_printed() {
    let out = run(Scratch::new("schema").path(), &["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(schema, spec_compiler::schema::schema());
}
