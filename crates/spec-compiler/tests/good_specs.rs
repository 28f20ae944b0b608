//! Specs that parse: their trees as text, and the same YAML to a second parser.

mod support;

use serde_yaml::Value;
use spec_compiler::yaml::{self, Node};
use spec_compiler::{Source, parse_spec, render};

#[test]
fn every_good_spec_has_its_tree() {
    let mut wrong = Vec::new();
    for (path, text) in support::files("good", "yaml") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = Source::new(name.clone(), text).unwrap();
        let spec = match parse_spec(&source) {
            Ok(spec) => spec,
            Err(mistakes) => panic!("{}", render(&mistakes, &source)),
        };
        if !support::agrees(&path.with_extension("ast"), &spec.to_string()) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// serde_yaml_ng, a parser with other ancestors, reads every good spec as we do.
#[test]
fn a_second_parser_reads_the_same() {
    let specs = support::files("good", "yaml");
    assert!(!specs.is_empty());
    for (path, text) in specs {
        let source = Source::new("a.yaml", text.clone()).unwrap();
        let root = yaml::parse(&source, &mut Vec::new()).unwrap();
        let other: Value = serde_yaml::from_str(&text).unwrap();
        same(&Node::Map(root), &other, &path.display().to_string());
    }
}

fn same(ours: &Node, theirs: &Value, place: &str) {
    match (ours, theirs) {
        (Node::Scalar(scalar), Value::String(text)) => assert_eq!(&scalar.text, text, "{place}"),
        (Node::Scalar(scalar), Value::Null) => assert!(scalar.is_null(), "{place}"),
        (Node::Scalar(scalar), Value::Number(number)) => {
            assert_eq!(scalar.text.parse().ok(), number.as_f64(), "{place}");
        }
        (Node::Seq(seq), Value::Sequence(items)) => {
            assert_eq!(seq.items.len(), items.len(), "{place}");
            for (i, (ours, theirs)) in seq.items.iter().zip(items).enumerate() {
                same(ours, theirs, &format!("{place}[{i}]"));
            }
        }
        (Node::Map(map), Value::Mapping(entries)) => {
            assert_eq!(map.entries.len(), entries.len(), "{place}");
            for entry in &map.entries {
                let place = format!("{place}.{}", entry.key.text);
                let theirs = entries.get(entry.key.text.as_str());
                same(&entry.value, theirs.unwrap_or_else(|| panic!("{place}")), &place);
            }
        }
        _ => panic!("{place}: {ours:?} is {theirs:?} to the other parser"),
    }
}
