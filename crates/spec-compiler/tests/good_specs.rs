//! Specs that parse: their trees as text, and the same YAML to a second parser.

mod support;

use std::path::{Path, PathBuf};

use serde_yaml::Value;
use spec_compiler::yaml::{self, Node};
use spec_compiler::{Source, compile, parse_spec, render};
use support::Tables;

/// What is expected of a spec, wherever the spec itself is.
fn snapshot(spec: &Path, extension: &str) -> PathBuf {
    support::here("good").join(spec.file_name().unwrap()).with_extension(extension)
}

#[test]
fn every_good_spec_has_its_tree() {
    let mut wrong = Vec::new();
    for (path, text) in support::good_specs() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = Source::new(name.clone(), text).unwrap();
        let spec = match parse_spec(&source) {
            Ok(spec) => spec,
            Err(mistakes) => panic!("{}", render(&mistakes, &source)),
        };
        if !support::agrees(&snapshot(&path, "ast"), &spec.to_string()) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The examples of the language that this version runs, over a few rows each: their typed models.
#[test]
fn the_examples_compile() {
    let mut tables = Tables::read();
    tables.add("../datasets/y.csv", "y\n0.5\n-1.5\n");
    tables.add("../datasets/michaelis_menten.csv", "time,product\n2,3.5\n0,0.1\n1,1.9\n2,3.7\n");
    tables.add("../datasets/radon.parquet", "log_radon,floor,county\n1.5,0,b\n0.5,1,a\n");
    tables.add("../datasets/counties.csv", "county,uranium\na,0.5\nb,2\nc,1\n");
    tables.add("../datasets/logreg.parquet", "x1,x2,x10,outcome\n1,0,2,1\n0,-1,0.5,0\n");
    tables.add("../datasets/nile.csv", "year_no,flow\n1872,1160\n1871,1120\n1873,963\n");
    tables.add("../datasets/eight_schools.csv", "school,effect,se\nB,8,10\nA,28,15\n");
    tables.add("../datasets/lynx_hare.csv", "year,hare,lynx\n1900,30,4\n1901,47.2,6.1\n");
    tables.add("../datasets/puromycin.csv", "conc,rate,state\n0.02,76,treated\n0.02,67,untreated\n");
    tables.add(
        "../datasets/trips.csv",
        "lake,hours,caught,kept,weight\nb,1,0,0,0\na,2.5,3,1,1.5\na,0.5,0,2,0\n",
    );
    tables.add("../datasets/homes_x.csv", "county,x1,x2,y\nb,1,2,0.5\na,3,-1,1.5\nb,0.5,4,-1\n");
    tables.add("../datasets/pupils.csv", "school,score\ns2,0.5\ns1,1.5\ns3,-1\n");
    tables.add("../datasets/schools.csv", "school,district,size\ns1,south,3\ns3,north,1\ns2,south,2\n");
    tables.add("../datasets/districts.csv", "district,income\nnorth,0.4\nsouth,-0.6\n");
    tables.add("walks.csv", "day,dog,speed\n2,b,1.5\n1,a,0.5\n1,b,0.7\n2,a,\n");
    let mut wrong = Vec::new();
    for (path, text) in support::good_specs() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // A spec of shapes, not a model.
        if name == "everything.yaml" {
            continue;
        }
        let source = Source::new(name.clone(), text).unwrap();
        let compiled = compile(&source, Path::new(""), &tables);
        let compiled = compiled.unwrap_or_else(|mistakes| panic!("{}", render(&mistakes, &source)));
        let warnings = &compiled.model.warnings;
        assert!(warnings.is_empty(), "{}", render(warnings, &source));
        let shown = format!("{}coordinates {}\n", compiled.model, compiled.target.coordinates().join(", "));
        if !support::agrees(&snapshot(&path, "model"), &shown) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Written as one file, a spec says what it said, to both parsers.
#[test]
fn one_file_says_the_same() {
    for (path, text) in support::files("good", "yaml") {
        let place = path.display().to_string();
        let source = Source::new("a.yaml", text).unwrap();
        let written = spec_compiler::parse::one_file(&source, &Default::default()).unwrap();
        let again = Source::new("b.yaml", written.clone()).unwrap();
        let spec = parse_spec(&again).unwrap_or_else(|m| panic!("{}\n{written}", render(&m, &again)));
        assert_eq!(spec.to_string(), parse_spec(&source).unwrap().to_string(), "{place}");
        let root = yaml::parse(&again, &mut Vec::new()).unwrap();
        same(&Node::Map(root), &serde_yaml::from_str(&written).unwrap(), &place);
    }
}

/// serde_yaml_ng, a parser with other ancestors, reads every good spec as we do.
#[test]
fn a_second_parser_reads_the_same() {
    let textbook = support::files("../../../specs/textbook", "yaml");
    assert!(!textbook.is_empty());
    for (path, text) in support::good_specs().into_iter().chain(textbook) {
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
