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

/// Drawn values beside old bounds were taken for bounds themselves: the fit was biased, its verdict ok.
#[test]
fn a_censored_model_finds_again_what_it_made() {
    let spec = "model: bounds # of a name
data: {t: {file: t.csv, rows: i}}
latent:
  m: normal(0, 5)
  s: half_normal(5)
observe:
  y: 'censored(normal(m, s), LAW)'
";
    let rows: String = (0..200).map(|i| format!("{},{}\n", (i % 7) as f64 / 3.0, i % 2)).collect();
    for right in ["right = c", "right = y >= 1.2", "interval = [y - 0.1 * c, y + c]"] {
        let files = [("m.yaml", &*spec.replace("LAW", right)), ("t.csv", &format!("y,c\n{rows}"))];
        let dir = folder("bounds", &files);
        let said = ends(&dir, 0, &["simulate", "m.yaml", "--out", "s", "--at", "m=2", "--at", "s=1"]);
        assert!(said.contains("`y` is drawn uncensored") && said.contains("without `censored`"), "{said}");
        let written = fs::read_to_string(dir.path().join("s/m.yaml")).unwrap();
        assert!(written.contains("y: \"normal(m, s)\""), "{written}");
        ends(&dir, 0, &["s/m.yaml", "--out", "run", "--quiet"]);
        let t = table(&dir, "run/summary.parquet");
        let (mean, names) = (real(&t, "mean"), texts(&t, "name"));
        assert_eq!(names, ["m", "s"]);
        assert!((mean[0] - 2.0).abs() < 0.3 && (mean[1] - 1.0).abs() < 0.2, "{mean:?}");
    }
}

/// A rare level that no row was drawn at was lost to the fit, and with it a parameter.
#[test]
fn levels_that_were_not_drawn_stay_levels() {
    let spec = "model: rare
data: {t: {file: t.csv, rows: i}}
latent:
  b[cat]: normal(0, 100)
observe:
  cat: categorical(logit=b, over=cat)
";
    let dir = folder("rare", &[("m.yaml", spec), ("t.csv", "cat\nz\na\na\nb c\n")]);
    let args = ["--out", "s", "--at", "b[a]=90", "--at", "b=-90"];
    ends(&dir, 0, &[&["simulate", "m.yaml"], &args[..]].concat());
    assert_eq!(texts(&table(&dir, "s/t.csv"), "cat"), ["a"; 4]);
    ends(&dir, 0, &["check", "s/m.yaml"]);
    let said =
        ends(&dir, 0, &["simulate", "s/m.yaml", "--out", "again", "--at", "b[b c]=90", "--at", "b=-90"]);
    assert_eq!(texts(&table(&dir, "again/t.csv"), "cat"), ["b c"; 4], "{said}");
}

/// Trials that are counted from the outcomes: the totals of the data stay.
#[test]
fn trials_keep_their_totals() {
    let spec = "model: games
data: {t: {file: t.csv, rows: i, stack: {week: {columns: [bus, car, walk], dim: mode}}}}
latent:
  p: uniform(0, 1)
  b[mode]: normal(0, 1)
observe:
  won: binomial(won + lost, p)
  week: multinomial(bus + car + walk, logit=b, over=mode)
";
    let rows: String = (0..60).map(|i| format!("{},{},{},{},{}\n", i % 5, i % 7, i % 3, i % 4, 9)).collect();
    let files = [("m.yaml", spec), ("t.csv", &*format!("won,lost,bus,car,walk\n{rows}"))];
    let dir = folder("trials", &files);
    assert!(!ends(&dir, 0, &["check", "m.yaml"]).contains("cannot be drawn"));
    ends(&dir, 0, &["simulate", "m.yaml", "--out", "s", "--at", "p=0.9"]);
    let (old, new) = (table(&dir, "t.csv"), table(&dir, "s/t.csv"));
    assert_eq!(old.columns.iter().map(|c| c.kind()).collect::<Vec<_>>(), ["integer"; 5]);
    let total = |t: &tables::Table, names: &[&str]| -> Vec<f64> {
        (0..60).map(|r| names.iter().map(|n| real(t, n)[r]).sum()).collect()
    };
    for names in [&["won", "lost"][..], &["bus", "car", "walk"]] {
        assert_eq!(total(&old, names), total(&new, names));
    }
    assert_ne!(real(&old, "car"), real(&new, "car"));
    let share = real(&new, "won").iter().sum::<f64>() / total(&new, &["won", "lost"]).iter().sum::<f64>();
    assert!((share - 0.9).abs() < 0.1, "{share}");

    // What other outcomes there would be is not known.
    fs::write(dir.path().join("m.yaml"), spec.replace("won + lost", "won + 2 * lost")).unwrap();
    let said = ends(&dir, 2, &["simulate", "m.yaml"]);
    assert!(said.contains("m.yaml:7:8: the trials of `won` are made of its own values"), "{said}");
    let said = ends(&dir, 0, &["check", "m.yaml"]);
    assert!(said.contains("note: data sets cannot be drawn: m.yaml:7:8: the trials"), "{said}");
}

/// Values outside their supports were moved into them, or blamed on what reads them.
#[test]
fn a_value_that_cannot_be_is_refused_by_name() {
    let spec = "model: given
data: {t: {file: t.csv, rows: i}}
dims: {k: 3}
latent:
  w[k]: dirichlet(1)
  mu[k]: ordered(normal(0, 1))
  L[k, k']: lkj_cholesky(1)
  a: uniform(0, 1)
  b: truncated(normal(0, 1), lower=a)
  h: flat(lower=0, upper=1 - a)
observe:
  y: normal(w[k=1] + mu[k=2] + L[k=2,k'=1] + b + h, 1)
";
    let dir = folder("given", &[("m.yaml", spec), ("t.csv", "y\n1\n2\n")]);
    let cases = [
        ("w[1]=0.5", "`w` needs all its elements given, or none: it must be positive numbers that sum to 1"),
        ("w=0.5", "`w` cannot have the values given: it must be positive numbers that sum to 1"),
        ("mu=1", "`mu` cannot have the values given: it must be numbers in ascending order"),
        ("L=0.5", "`L` cannot have the values given: it must be the Cholesky factor of a correlation matrix"),
        ("b=-0.5", "`b` cannot be -0.5: it lies outside its bounds"),
        ("a=2", "`a` cannot be 2: it must be"),
    ];
    for (at, says) in cases {
        let said = ends(&dir, 2, &["simulate", "m.yaml", "--at", "h=0.1", "--at", at]);
        assert!(said.contains(says), "{at}: {said}");
    }
    let said = ends(&dir, 2, &["simulate", "m.yaml", "--at", "h=0", "--at", "a=0.5", "--at", "a=0.6"]);
    assert!(said.contains("`a` is given twice"), "{said}");
    let said = ends(&dir, 2, &["simulate", "m.yaml"]);
    assert!(
        said.contains("m.yaml:10:6: `h` cannot be drawn: flat between bounds is not normalised"),
        "{said}"
    );
    let whole: Vec<&str> =
        "h=0.1 w[1]=0.2 w[2]=0.3 w[3]=0.5 mu[1]=-1 mu[2]=0 mu[3]=4 a=0.3 b=0.4".split(' ').collect();
    let whole: Vec<&str> = whole.into_iter().flat_map(|at| ["--at", at]).collect();
    ends(&dir, 0, &[&["simulate", "m.yaml"], &whole[..]].concat());
    let truth = table(&dir, "simulated/given/truth.parquet");
    let (names, values) = (texts(&truth, "name"), real(&truth, "value"));
    for (name, value) in [("w[2]", 0.3), ("mu[3]", 4.0), ("b", 0.4)] {
        let k = names.iter().position(|n| n == name).unwrap();
        assert!((values[k] - value).abs() < 1e-12, "{name}: {}", values[k]);
    }

    let header = "\"w[1]\",\"w[2]\",\"w[3]\",a,b\n";
    let small = "model: small\ndims: {k: 3}\nlatent:\n  w[k]: dirichlet(1)\n  a: uniform(0, 1)\n  b: truncated(normal(0, 1), lower=a)\n";
    fs::write(dir.path().join("small.yaml"), small).unwrap();
    for (row, says) in [
        ("0.5,0.5,0.5,0.5,1", Some("`w` in row 1 (line 2) must be positive numbers that sum to 1")),
        ("0.2,0.3,0.5,0.5,0.1", Some("`b` is 0.1")),
        ("0.333333,0.333333,0.333333,0.5,1", None),
    ] {
        fs::write(dir.path().join("at.csv"), format!("{header}{row}\n")).unwrap();
        let code = if says.is_some() { 2 } else { 0 };
        let said = ends(&dir, code, &["logdensity", "small.yaml", "--at", "at.csv"]);
        assert!(said.contains(says.unwrap_or("row,log_joint")), "{row}: {said}");
    }
}
