//! Batches of rows: their mean is the whole, and what rows do not tell one by one is refused.

use graph::batches::{BatchError, Batches};
use graph::interpret::evaluate;
use graph::ir::{Graph, Kind, NodeId, Role, Size, Varies};
use graph::value::{Bindings, Value};

const N: usize = 12;

/// A regression with a column centred by the mean of all, a group's level, a number of rows and a prior.
struct Model {
    g: Graph,
    rows: graph::ir::DimId,
    term: NodeId,
    prior: NodeId,
    bindings: Bindings,
}

fn model() -> Model {
    let mut g = Graph::new();
    let rows = g.add_dim("row", Role::Row, Size::Bound);
    let group = g.add_dim("group", Role::Plain, Size::Fixed(3));
    let x = g.input("x", Varies::Data, Kind::Real, &[rows]);
    let y = g.input("y", Varies::Data, Kind::Real, &[rows]);
    let of = g.input("of", Varies::Data, Kind::Index(group), &[rows]);
    let (b, a) =
        (g.input("b", Varies::Lane, Kind::Real, &[]), g.input("a", Varies::Lane, Kind::Real, &[group]));
    let mean = g.mean(x, &[rows]);
    let centred = g.sub(x, mean);
    let slope = g.mul(b, centred);
    let level = g.gather(a, of);
    let fitted = g.add(slope, level);
    let rest = g.sub(y, fitted);
    let square = g.square(rest);
    // Constants of the lane by row, which sums pull out.
    let scale = g.exp(b);
    let all = g.add(square, scale);
    let prior = g.square(b);
    let mut bindings = Bindings::default();
    bindings.sizes.insert("row".into(), N);
    bindings.data.insert("x".into(), Value::Real((0..N).map(|i| (i as f64).sqrt()).collect()));
    bindings.data.insert("y".into(), Value::Real((0..N).map(|i| (i * i % 7) as f64).collect()));
    bindings.data.insert("of".into(), Value::Index((0..N as u32).map(|i| i % 3).collect()));
    bindings.data.insert("b".into(), Value::Real(vec![0.4]));
    bindings.data.insert("a".into(), Value::Real(vec![1.0, -0.5, 2.0]));
    Model { g, rows, term: all, prior, bindings }
}

#[test]
fn the_mean_over_batches_is_the_whole() {
    let mut m = model();
    let sum = m.g.sum(m.term, &[m.rows]);
    let whole = m.g.add(sum, m.prior);
    let value = |g: &Graph, n: NodeId, b: &Bindings| match &evaluate(g, &[n], b).unwrap()[0] {
        Value::Real(v) => v.clone(),
        Value::Index(_) => unreachable!(),
    };
    let expected = value(&m.g, whole, &m.bindings)[0];
    let plates = [m.rows];
    let batches = Batches::new(&m.g, &[(m.term, &plates)], m.prior, m.rows, &m.bindings).unwrap();
    let ids: Vec<graph::ir::InputId> = (0..m.g.inputs().len() as u32)
        .map(graph::ir::InputId)
        .filter(|i| m.g.inputs()[i.0 as usize].varies == Varies::Lane)
        .collect();
    let (g, outputs) = batches.differentiated(ids).unwrap();
    // With the draw, which the interpreter takes by name too.
    let with_draw = |rows: &[usize]| {
        let mut out = batches.bindings(rows);
        ["a", "b"].iter().for_each(|k| drop(out.data.insert(k.to_string(), m.bindings.data[*k].clone())));
        out
    };
    let parts: [&[usize]; 3] = [&[0, 3, 7, 11], &[1, 2, 4, 10], &[5, 6, 8, 9]];
    let mut mean = vec![0.0; outputs.len() + 2];
    for rows in parts {
        let found: Vec<f64> = outputs.iter().flat_map(|&n| value(&g, n, &with_draw(rows))).collect();
        mean.iter_mut().zip(&found).for_each(|(m, x)| *m += x / 3.0);
    }
    assert!((mean[0] - expected).abs() < 1e-12 * expected.abs(), "{} {expected}", mean[0]);
    // Gradients, by the batch of all rows.
    let all: Vec<usize> = (0..N).collect();
    let whole: Vec<f64> = outputs.iter().flat_map(|&n| value(&g, n, &with_draw(&all))).collect();
    for (a, b) in mean.iter().zip(&whole) {
        assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{a} {b}");
    }
}

#[test]
fn what_rows_do_not_tell_one_by_one_is_refused() {
    let plates = |m: &Model| [m.rows];
    let refused = |m: &Model, term: NodeId| {
        Batches::new(&m.g, &[(term, &plates(m))], m.prior, m.rows, &m.bindings).unwrap_err()
    };
    let mut m = model();
    let mean = m.g.mean(m.term, &[m.rows]);
    let mixed = m.g.mul(m.term, mean);
    assert!(matches!(refused(&m, mixed), BatchError::Together { .. }));
    let own = m.g.input("own", Varies::Lane, Kind::Real, &[m.rows]);
    let local = m.g.add(m.term, own);
    assert!(matches!(refused(&m, local), BatchError::Local(name) if name == "own"));
    assert!(matches!(refused(&m, m.prior), BatchError::None));
}
