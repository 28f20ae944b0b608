//! Row sums of squares through factors of the data equal the sums over the rows.

mod common;

use common::pass::{agrees, models};
use common::small_examples::Make;
use graph::ir::{Op, Role, Varies};
use graph::passes::optimise_with;

const PASSES: &[&str] = &["simplify", "group_level", "sufficient_statistics"];

#[test]
fn gaussian_likelihoods_keep_value_and_gradient() {
    for (name, m, target) in models() {
        let o = optimise_with(&m.g, &[target], Some(&m.b), PASSES);
        let factors = o.graph.nodes().iter().filter(|n| matches!(n.op, Op::GramFactor { .. })).count();
        assert!(factors > 0, "{name}: {:?}", o.notes);
        // Nothing is left to do for each row.
        let live = o.graph.print(&o.outputs);
        let (g, outs) = graph::text::parse(&live).unwrap_or_else(|e| panic!("{name}: {e}\n{live}"));
        let rows =
            g.nodes().iter().filter(|n| n.varies != Varies::Data && n.ty.dims.iter().any(|&d| g.is_row(d)));
        assert_eq!(rows.count(), 0, "{name}:\n{live}");
        agrees(&name, &m, target, &g, outs[0], 1e-12);
    }
}

#[test]
fn it_is_told_why_a_sum_stays() {
    // A mean so far from zero that its deviation has no digits left.
    let mut m = Make::new(1);
    let home = m.row("home", 100);
    let y: Vec<f64> = (0..100).map(|i| 1e9 + (i as f64).sin()).collect();
    let y = m.real("y", Varies::Data, &[home], y);
    let mu = m.lane("mu", &[], 0.0, 1.0);
    let e = m.g.sub(y, mu);
    let s = m.g.square(e);
    let s = m.g.sum(s, &[home]);
    let note = |m: &Make| {
        let o = optimise_with(&m.g, &[s], Some(&m.b), PASSES);
        assert!(!o.graph.nodes().iter().any(|n| matches!(n.op, Op::GramFactor { .. })));
        o.notes.into_iter().map(|n| format!("{}: {}", n.pass, n.what)).collect::<Vec<_>>()
    };
    let notes = note(&m);
    assert!(
        notes.len() == 1
            && notes[0]
                .starts_with("sufficient_statistics: a sum of squares over home stays: a column's mean"),
        "{notes:?}"
    );
    // A handful of rows.
    let mut m = Make::new(1);
    let home = m.row("home", 5);
    let y = m.data("y", &[home], -1.0, 1.0);
    let mu = m.lane("mu", &[], 0.0, 1.0);
    let e = m.g.sub(y, mu);
    let sq = m.g.square(e);
    assert_eq!(m.g.sum(sq, &[home]), s);
    assert_eq!(
        note(&m),
        ["sufficient_statistics: a sum of squares over home stays: 2 columns are not worth it for 5 rows"]
    );
}

#[test]
fn what_is_not_linear_or_has_rows_of_its_own_is_left_alone() {
    let mut m = Make::new(3);
    let home = m.row("home", 200);
    let county = m.bound("county", Role::Plain, 3);
    let other = m.bound("other", Role::Plain, 3);
    let y = m.data("y", &[home], -1.0, 1.0);
    let z = m.lane("z", &[home], -1.0, 1.0);
    let a = m.lane("a", &[county], -1.0, 1.0);
    let b = m.lane("b", &[other], -1.0, 1.0);
    let positions: Vec<u32> = (0..200).map(|i| i % 3).collect();
    let i = m.index("i", county, &[home], &positions);
    let j = m.index("j", other, &[home], &positions);
    let (ga, gb) = (m.g.gather(a, i), m.g.gather(b, j));
    let two = m.g.add(ga, gb);
    let bent = m.g.exp(ga);
    for x in [z, two, bent] {
        let p = m.g.mul(x, y);
        let e = m.g.sub(y, p);
        let sq = m.g.square(e);
        let s = m.g.sum(sq, &[home]);
        let o = optimise_with(&m.g, &[s], Some(&m.b), &["simplify", "sufficient_statistics"]);
        assert!(!o.graph.nodes().iter().any(|n| matches!(n.op, Op::GramFactor { .. })), "{:?}", o.notes);
    }
}
