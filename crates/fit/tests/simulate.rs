//! `fit simulate` as a user meets it: data sets that are fitted again, their folders and formats, refusals.

mod common;

use std::fs;

use common::{
    columns, ends, folder,
    homes::{HOMES, homes},
    real, table, texts,
};

#[test]
fn what_is_simulated_is_fitted_and_found_again() {
    let dir = folder("simulate", &[("homes.yaml", HOMES), ("homes.csv", &homes())]);
    let said = ends(
        &dir,
        0,
        &["simulate", "homes.yaml", "--out", "s", "--seed", "3", "--at", "tau=1.5", "--at", "sigma=0.5"],
    );
    assert!(said.contains("in s"), "{said}");
    let (old, new) = (table(&dir, "homes.csv"), table(&dir, "s/homes.csv"));
    assert_eq!(columns(&old), columns(&new));
    assert_eq!((real(&old, "x"), texts(&old, "county")), (real(&new, "x"), texts(&new, "county")));
    assert!(real(&old, "y").iter().zip(&real(&new, "y")).all(|(a, b)| a != b));
    let truth = table(&dir, "s/truth.parquet");
    let truth: Vec<(String, f64)> = texts(&truth, "name").into_iter().zip(real(&truth, "value")).collect();
    assert_eq!(truth.len(), 9);
    ends(&dir, 0, &["s/homes.yaml", "--out", "run", "--quiet"]);
    let posterior = table(&dir, "run/posterior.parquet");
    // The rank of each truth is uniform: none of nine lies beyond all but 1 in 1,000 of the draws.
    for (name, value) in &truth {
        let draws = real(&posterior, name);
        let below = draws.iter().filter(|x| **x < *value).count() as f64 / draws.len() as f64;
        assert!((0.001..0.999).contains(&below), "{name}: {value} is at {below}");
    }
    let sd = |name: &str| {
        let x = real(&posterior, name);
        let m = x.iter().sum::<f64>() / x.len() as f64;
        (x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / x.len() as f64).sqrt()
    };
    assert!(sd("sigma") < 0.05 && sd("tau") < 1.0, "the data say something: {} {}", sd("sigma"), sd("tau"));
}

#[test]
fn several_data_sets_have_folders_and_the_seed_decides() {
    let dir = folder("several", &[("homes.yaml", HOMES), ("homes.csv", &homes())]);
    ends(&dir, 0, &["simulate", "homes.yaml", "--draws", "12", "--threads", "1"]);
    ends(&dir, 0, &["simulate", "homes.yaml", "--draws", "12", "--threads", "2", "--out", "again"]);
    ends(&dir, 0, &["simulate", "homes.yaml", "--draws", "2", "--seed", "1", "--out", "few"]);
    ends(&dir, 0, &["simulate", "homes.yaml", "--seed", "2", "--out", "other"]);
    let bytes = |file: &str| fs::read(dir.path().join(file)).unwrap();
    for k in ["01", "07", "12"] {
        for file in ["homes.csv", "truth.parquet", "homes.yaml"] {
            assert_eq!(bytes(&format!("simulated/homes/{k}/{file}")), bytes(&format!("again/{k}/{file}")));
        }
    }
    assert_ne!(bytes("again/01/homes.csv"), bytes("again/02/homes.csv"));
    assert_eq!(bytes("again/02/homes.csv"), bytes("few/2/homes.csv"));
    assert_ne!(bytes("again/01/homes.csv"), bytes("other/homes.csv"));
}

#[test]
fn a_simulated_table_keeps_format_names_nulls_and_kinds() {
    let spec = "model: m
data:
  t:
    file: t.parquet
    rows: i
    columns: {count: \"How many\", kind: \"The kind\"}
    missing: {count: drop}
dims: {j: 2}
latent:
  r[kind2]: gamma(2, 1)
  w: beta(2, 2)
let:
  p[kind]: [0.5, 0.5]
observe:
  count: poisson(r[kind2])
  seen: bernoulli(w)
";
    let spec = spec.replace("dims: {j: 2}\n", "").replace("let:\n  p[kind]: [0.5, 0.5]\n", "");
    let dir = folder("formats", &[("m.yaml", &spec)]);
    let column =
        |name: &str, data, nulls: &[usize]| tables::Output { name: name.into(), data, nulls: nulls.to_vec() };
    let written = [
        column("How many", tables::ColumnData::Integer(vec![3, 0, 5]), &[1]),
        column("The kind", tables::ColumnData::Text(vec!["a, b".into(), String::new(), "c".into()]), &[]),
        column("kind2", tables::ColumnData::Text(vec!["u".into(), "v".into(), "u".into()]), &[]),
        column("seen", tables::ColumnData::Bool(vec![true, false, true]), &[]),
    ];
    tables::write_table(dir.path().join("t.parquet"), &written).unwrap();
    ends(&dir, 0, &["simulate", "m.yaml", "--out", "s"]);
    let t = table(&dir, "s/t.parquet");
    assert_eq!(columns(&t), ["How many", "The kind", "kind2", "seen"]);
    assert_eq!(t.column("How many").unwrap().nulls, [1]);
    assert_eq!(t.columns.iter().map(|c| c.kind()).collect::<Vec<_>>(), ["integer", "text", "text", "bool"]);
    assert_eq!(texts(&t, "The kind"), ["a, b", "", "c"]);
    ends(&dir, 0, &["check", "s/m.yaml"]);
}

#[test]
fn simulate_says_what_it_cannot_draw() {
    let flat =
        "model: m\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  mu: flat()\nobserve:\n  y: normal(mu, 1)\n";
    let dir = folder("undrawn", &[("flat.yaml", flat), ("t.csv", "y\n1\n2\n")]);
    let said = ends(&dir, 2, &["simulate", "flat.yaml"]);
    assert!(said.contains("`mu` cannot be drawn: flat has no finite integral"), "{said}");
    assert!(!dir.path().join("simulated").exists(), "nothing half written");
    ends(&dir, 0, &["simulate", "flat.yaml", "--at", "mu=3"]);
    for (at, says) in [("nu=3", "there is no latent `nu`"), ("mu", "NAME=VALUE"), ("mu=x", "not a number")] {
        let said = ends(&dir, 2, &["simulate", "flat.yaml", "--at", at]);
        assert!(said.contains(says), "{said}");
    }
}
