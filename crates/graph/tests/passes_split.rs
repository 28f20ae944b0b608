//! Rows split by a draw-free mask: the same values and gradients with less work.

mod common;

use common::pass::{agrees, count, lane_rows, normal};
use common::small_examples::Make;
use graph::ir::{Binary, NodeId, Op, Role, Unary, Varies};
use graph::passes::{Optimised, optimise_with};

const PASSES: &[&str] = &["simplify", "split_rows"];

fn mask(m: &mut Make, name: &str, home: graph::ir::DimId, every: usize) -> NodeId {
    let n = m.len(&[home]);
    m.real(name, Varies::Data, &[home], (0..n).map(|i| f64::from(i % every == 0)).collect())
}

/// Splits with the data known and with it unknown; both must agree with the model as it was.
fn split(name: &str, m: &Make, target: NodeId) -> Optimised {
    for bindings in [None, Some(&m.b)] {
        let o = optimise_with(&m.g, &[target], bindings, PASSES);
        agrees(name, m, target, &o.graph, o.outputs[0], 1e-12);
    }
    optimise_with(&m.g, &[target], Some(&m.b), PASSES)
}

fn selects(o: &Optimised) -> usize {
    count(&o.graph, &o.outputs, |op| *op == Op::Select)
}

/// A censored location-scale model: density where the event was seen, the tail where it was not.
fn censored(m: &mut Make, every: usize) -> (graph::ir::DimId, NodeId) {
    let home = m.row("home", 60);
    let (county, feature) = (m.bound("county", Role::Plain, 4), m.fixed("feature", 3));
    let seen = mask(m, "seen", home, every);
    let (t, x) = (m.data("t", &[home], 0.5, 3.0), m.data("x", &[home, feature], -1.0, 1.0));
    let positions: Vec<u32> = (0..60).map(|i| i * 7 % 4).collect();
    let of = m.index("of", county, &[home], &positions);
    let (a, b, sd) =
        (m.lane("a", &[county], -1.0, 1.0), m.lane("b", &[feature], -1.0, 1.0), m.lane("sd", &[], 0.5, 1.0));
    let (ga, xb) = (m.g.gather(a, of), m.g.contract(x, b, &[feature]));
    let mean = m.g.add(ga, xb);
    let density = normal(m, t, mean, sd);
    let e = m.g.sub(mean, t);
    let z = m.g.div(e, sd);
    let tail = m.g.unary(Unary::LogNdtr, z);
    (home, m.g.select(seen, density, tail))
}

#[test]
fn each_branch_sees_its_own_rows() {
    let mut m = Make::new(5);
    let (home, l) = censored(&mut m, 3);
    let s = m.g.sum(l, &[home]);
    let o = split("censored", &m, s);
    assert_eq!(selects(&o), 0);
    assert_eq!(
        o.notes[0].what,
        "sums over home became sums over the rows of a mask (20 of 60) and over the others"
    );
    // The densities are left to their statistics, the tails to their rows.
    let all = graph::passes::optimise(&m.g, &[s], Some(&m.b));
    agrees("censored", &m, s, &all.graph, all.outputs[0], 1e-12);
}

#[test]
fn a_mask_of_all_rows_or_none_needs_no_filter() {
    for every in [1, 1000] {
        let mut m = Make::new(5);
        let (home, l) = censored(&mut m, every);
        // With `every` past the end only the first row is seen: make it none.
        if every > 1 {
            m.b.data.insert("seen".into(), graph::value::Value::Real(vec![0.0; 60]));
        }
        let s = m.g.sum(l, &[home]);
        let o = split("one side is empty", &m, s);
        assert_eq!(selects(&o), 0);
        assert_eq!(count(&o.graph, &o.outputs, |op| matches!(op, Op::Filter { .. })), 0);
    }
}

#[test]
fn rows_that_are_masked_out_cost_nothing_and_may_be_missing() {
    let mut m = Make::new(6);
    let home = m.row("home", 40);
    let seen = mask(&mut m, "seen", home, 4);
    let y = (0..40).map(|i| if i % 4 == 0 { 1.0 + f64::from(i % 3) } else { f64::NAN }).collect();
    let y = m.real("y", Varies::Data, &[home], y);
    let (mu, sd) = (m.lane("mu", &[], 0.0, 1.0), m.lane("sd", &[], 0.5, 1.0));
    let e = m.g.sub(y, mu);
    let e = m.g.exp(e);
    let l = normal(&mut m, e, mu, sd);
    let zero = m.g.constant(0.0);
    let l = m.g.select(seen, l, zero);
    let s = m.g.sum(l, &[home]);
    let o = split("missing", &m, s);
    assert_eq!(selects(&o), 0);
    assert_eq!(count(&o.graph, &o.outputs, |op| matches!(op, Op::Filter { .. })), 1, "y of the rows seen");
}

#[test]
fn masks_split_what_other_masks_left() {
    let mut m = Make::new(7);
    let home = m.row("home", 60);
    let (left, right) = (mask(&mut m, "left", home, 3), mask(&mut m, "right", home, 2));
    let t = m.data("t", &[home], 0.5, 3.0);
    let (mu, sd) = (m.lane("mu", &[], 0.0, 1.0), m.lane("sd", &[], 0.5, 1.0));
    let e = m.g.sub(t, mu);
    let z = m.g.div(e, sd);
    let minus = m.g.neg(z);
    let (below, above) = (m.g.unary(Unary::LogNdtr, z), m.g.unary(Unary::LogNdtr, minus));
    let density = normal(&mut m, t, mu, sd);
    let inner = m.g.select(right, above, density);
    let l = m.g.select(left, below, inner);
    let s = m.g.sum(l, &[home]);
    let o = split("three ways", &m, s);
    assert_eq!((selects(&o), o.notes.len()), (0, 2));
}

#[test]
fn what_is_cheap_or_not_row_by_row_stays() {
    // A choice between two numbers.
    let mut m = Make::new(8);
    let home = m.row("home", 40);
    let seen = mask(&mut m, "seen", home, 3);
    let y = m.data("y", &[home], -1.0, 1.0);
    let (a, b) = (m.lane("a", &[], 0.0, 1.0), m.lane("b", &[], 0.0, 1.0));
    let c = m.g.select(seen, a, b);
    let p = m.g.mul(c, y);
    let e = m.g.exp(p);
    let s = m.g.sum(e, &[home]);
    let o = split("cheap", &m, s);
    assert_eq!(o.notes, []);

    // Latents of each row cannot be filtered, nor can what looks at other rows.
    for shifted in [false, true] {
        let mut m = Make::new(9);
        let home = m.row("home", 40);
        let seen = mask(&mut m, "seen", home, 3);
        let y = m.data("y", &[home], -1.0, 1.0);
        let a = m.lane("a", &[], 0.0, 1.0);
        let z = if shifted {
            let p = m.g.mul(a, y);
            m.g.shift(p, home, 1, 0.0)
        } else {
            m.lane("z", &[home], -1.0, 1.0)
        };
        let (low, high) = (m.g.unary(Unary::LogNdtr, z), m.g.exp(z));
        let l = m.g.select(seen, low, high);
        let s = m.g.sum(l, &[home]);
        let o = split("not by row", &m, s);
        assert_eq!((o.notes.len(), selects(&o)), (0, 1));
    }
}

#[test]
fn sums_that_share_rows_are_split_together() {
    let mut m = Make::new(10);
    let home = m.row("home", 60);
    let seen = mask(&mut m, "seen", home, 3);
    let (y, x) = (m.data("y", &[home], -1.0, 1.0), m.data("x", &[home], -1.0, 1.0));
    let (a, b) = (m.lane("a", &[], 0.0, 1.0), m.lane("b", &[], 0.5, 1.0));
    let bx = m.g.mul(b, x);
    let eta = m.g.add(a, bx);
    let (low, high) = (m.g.unary(Unary::LogNdtr, eta), m.g.softplus(eta));
    let chosen = m.g.select(seen, low, high);
    let first = m.g.sum(chosen, &[home]);
    let second = m.g.contract(chosen, y, &[home]);
    let both = m.g.binary(Binary::Max, first, second);
    let total = m.g.add(both, first);
    let o = split("two sums", &m, total);
    assert_eq!((o.notes.len(), selects(&o)), (1, 0));
    // eta and its function, each for its own rows: not once more for the second sum.
    assert_eq!(count(&o.graph, &o.outputs, |op| *op == Op::Unary(Unary::LogNdtr)), 1);
    assert!(lane_rows(&o.graph, &o.outputs) <= 6, "{}", o.graph.print(&o.outputs));
}
