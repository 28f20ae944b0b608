//! Data sets of models whose laws read earlier rows: each row by those just drawn.

mod common;

use answers::simulate::{Cells, DataSet, given, simulate};
use answers::{AnswerError, Given};
use common::{close, compile, mean, variance};
use graph::program::Options;
use model::Target;

const N: usize = 4000;

fn sets(target: &Target, at: &Given) -> Vec<DataSet> {
    simulate(target, at, N, 1, &Options::default()).unwrap()
}

fn cell(sets: &[DataSet], column: &str, row: usize) -> Vec<f64> {
    let of = |s: &DataSet| match &s.columns.iter().find(|c| c.column == column).unwrap().values {
        Cells::Numbers(v) => v[row],
        Cells::Labels(_) => panic!("{column} has labels"),
    };
    sets.iter().map(of).collect()
}

/// Of numbers that are normal.
fn moments(what: &str, x: &[f64], m: f64, v: f64) {
    let n = x.len() as f64;
    close(&format!("mean of {what}"), mean(x), m, (v / n).sqrt());
    close(&format!("variance of {what}"), variance(x), v, v * (2.0 / n).sqrt());
}

/// The file has the rows in another order than the series, and values far from what is drawn.
#[test]
fn columns_may_read_each_others_past() {
    let spec = "
model: two
data: {t: {file: t.csv, rows: i, ordered_by: time}}
observe:
  y: normal(0.5 * lag(z, 1, before=8), 1)
  z: normal(y + 0.5 * lag(y, 1, before=0), 1)
";
    let target = compile(spec, &[("t.csv", "time,y,z\n3,90,70\n1,50,60\n2,80,40\n")]);
    let sets = sets(&target, &Given::new());
    let at = |column: &str, time: usize| cell(&sets, column, [1, 2, 0][time]);
    let less = |a: Vec<f64>, terms: &[(f64, &Vec<f64>)]| -> Vec<f64> {
        let sum = |d: usize| terms.iter().map(|(b, x)| b * x[d]).sum::<f64>();
        a.iter().enumerate().map(|(d, a)| a - sum(d)).collect()
    };
    let (y, z): (Vec<_>, Vec<_>) = (0..3).map(|t| (at("y", t), at("z", t))).unzip();
    moments("y at first", &y[0], 4.0, 1.0);
    moments("z at first", &less(z[0].clone(), &[(1.0, &y[0])]), 0.0, 1.0);
    for t in 1..3 {
        moments("y", &less(y[t].clone(), &[(0.5, &z[t - 1])]), 0.0, 1.0);
        moments("z", &less(z[t].clone(), &[(1.0, &y[t]), (0.5, &y[t - 1])]), 0.0, 1.0);
    }
    // In all: var z1 = 2 + var of what it reads, y2 = 0.5 z1 + e.
    moments("the second y", &y[1], 2.0, 0.25 * 2.0 + 1.0);
}

/// Of a choice the branch that is taken counts: nothing reads the row before the first.
#[test]
fn a_threshold_is_crossed_by_what_was_drawn() {
    let spec = "
model: threshold
data: {t: {file: t.csv, rows: i, ordered_by: time}}
latent:
  s: half_normal(1)
let:
  past: lag(y, 1, before=1)
observe:
  y: normal(where(past > 0, -3, 5), s)
";
    let target = compile(spec, &[("t.csv", "time,y\n1,7\n2,7\n3,7\n4,7\n")]);
    let at = given(&target, &[("s".to_string(), 0.1)]).unwrap();
    for set in &sets(&target, &at)[..100] {
        let Cells::Numbers(y) = &set.columns[0].values else { panic!("numbers") };
        let expected = [-3.0, 5.0, -3.0, 5.0];
        assert!(y.iter().zip(expected).all(|(y, x)| (y - x).abs() < 1.0), "{y:?}");
    }
}

/// A null that is inferred is drawn where it stands, and the rows after it read what was drawn.
#[test]
fn an_inferred_null_is_a_part_of_the_past() {
    let spec = "
model: nulls
data: {t: {file: t.csv, rows: i, ordered_by: time, missing: {y: impute}}}
latent:
  a: normal(0, 1)
observe:
  y: normal(a * lag(y, 1, before=10), 1)
";
    let target = compile(spec, &[("t.csv", "time,y\n1,70\n2,\n3,50\n")]);
    let at = given(&target, &[("a".to_string(), 2.0)]).unwrap();
    let sets = sets(&target, &at);
    let null: Vec<f64> = sets.iter().map(|s| s.truth.iter().find(|(n, _)| n == "y[2]").unwrap().1).collect();
    let (first, last) = (cell(&sets, "y", 0), cell(&sets, "y", 2));
    moments("the row before", &first, 20.0, 1.0);
    let e: Vec<f64> = null.iter().zip(&first).map(|(x, y)| x - 2.0 * y).collect();
    moments("the null", &e, 0.0, 1.0);
    let e: Vec<f64> = last.iter().zip(&null).map(|(y, x)| y - 2.0 * x).collect();
    moments("the row after", &e, 0.0, 1.0);
    assert!(sets.iter().all(|s| s.columns[0].drawn == [true, false, true]));
}

/// A law of several columns together reads the rows of all of them.
#[test]
fn a_vector_reads_the_vector_before_it() {
    let spec = "
model: vector
data: {t: {file: t.csv, rows: i, ordered_by: time, stack: {Y: {columns: [u, v], dim: d}}}}
let:
  A[d, d']: [[0.5, 0.25], [0, 2]]
observe:
  Y: normal(A @ lag(Y, 1, before=4), 1)
";
    let target = compile(spec, &[("t.csv", "time,u,v\n2,90,70\n1,50,60\n")]);
    let sets = sets(&target, &Given::new());
    let (u, v) = (cell(&sets, "u", 1), cell(&sets, "v", 1));
    moments("u", &u, 3.0, 1.0);
    moments("v", &v, 8.0, 1.0);
    let next = cell(&sets, "u", 0);
    let e: Vec<f64> = (0..N).map(|d| next[d] - 0.5 * u[d] - 0.25 * v[d]).collect();
    moments("the next u", &e, 0.0, 1.0);
    let next = cell(&sets, "v", 0);
    let e: Vec<f64> = (0..N).map(|d| next[d] - 2.0 * v[d]).collect();
    moments("the next v", &e, 0.0, 1.0);
}

/// A state that a filter sums out may be driven by what was seen: it runs along with the rows.
#[test]
fn a_state_is_driven_by_what_was_just_drawn() {
    let spec = "
model: driven
data: {t: {file: t.csv, rows: i, ordered_by: time}}
recurrence:
  level:
    over: i
    states:
      z: {initial: \"normal(1, 0.5)\", next: \"normal(0.5 * z + 2 * lag(y, 1), 0.5)\"}
observe:
  y: normal(z, 2)
";
    let target = compile(spec, &[("t.csv", "time,y\n2,90\n1,50\n")]);
    let sets = sets(&target, &Given::new());
    let z = |row: usize| -> Vec<f64> {
        let name = format!("z[{row}]");
        sets.iter().map(|s| s.truth.iter().find(|(n, _)| *n == name).unwrap().1).collect()
    };
    let ((z1, y1), (z2, y2)) = ((z(2), cell(&sets, "y", 1)), (z(1), cell(&sets, "y", 0)));
    moments("z at first", &z1, 1.0, 0.25);
    moments("y at first", &y1.iter().zip(&z1).map(|(y, z)| y - z).collect::<Vec<_>>(), 0.0, 4.0);
    let e: Vec<f64> = (0..N).map(|d| z2[d] - 0.5 * z1[d] - 2.0 * y1[d]).collect();
    moments("z", &e, 0.0, 0.25);
    moments("y", &y2.iter().zip(&z2).map(|(y, z)| y - z).collect::<Vec<_>>(), 0.0, 4.0);
}

#[test]
fn what_a_past_cannot_be_drawn_for_is_refused() {
    let data = [("t.csv", "time,y,x\n1,2,1\n2,3,1\n")];
    let refused = |text: &str| {
        let spec = format!(
            "model: m\ndata: {{t: {{file: t.csv, rows: i, ordered_by: time}}}}\nlatent:\n  a: normal(0, 1)\n{text}"
        );
        simulate(&compile(&spec, &data), &Given::new(), 1, 1, &Options::default()).unwrap_err()
    };
    // Rows that are mixed have no order.
    let error = refused("let:\n  c: y - mean(y)\nobserve:\n  y: normal(a * lag(c, 1, before=0), 1)\n");
    assert_eq!(error.to_string(), "`y` in row 2 depends on itself: the model has no order to draw in");
    // A basis is made of the data once and for all.
    let spline = "dims: {b: 4}\nlet:\n  B: bspline(lag(y, 1, before=0), over=b)\n  f: sum(B, over=b)\n";
    let error = refused(&format!("{spline}observe:\n  y: normal(a * f, 1)\n"));
    assert!(
        matches!(&error, AnswerError::Basis { name, column } if (&name[..], &column[..]) == ("y", "y")),
        "{error}"
    );
    // Differences do not say what the level was.
    let error =
        refused("let:\n  d: y - lag(y, 1, before=0)\nobserve:\n  d: normal(a * lag(y, 1, before=0), 1)\n");
    assert!(matches!(&error, AnswerError::NotPutBack { column, .. } if column == "y"), "{error}");
}
