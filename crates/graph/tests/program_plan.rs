//! What the planner refuses and prints, and what becomes of lanes that fail.

mod common;

use common::op_examples::{Base, base_bindings};
use common::test_op::TestOp;
use graph::ir::{Binary, Graph, Kind, NodeId, Op, Reduction, Role, Size, Unary, Varies};
use graph::program::{Options, PlanError, Program};
use graph::value::{Bindings, Value};
use numerics::lanes::Lanes;

fn refused(build: impl FnOnce(&mut Base, &mut Bindings) -> NodeId) -> PlanError {
    let (mut b, mut bindings) = (Base::default(), base_bindings());
    let out = build(&mut b, &mut bindings);
    let options = Options { block_rows: 8, memory_budget: 1000, ..Options::default() };
    match Program::compile(&b.g, &[out], &bindings, &options) {
        Ok(_) => panic!("planned"),
        Err(e) => e,
    }
}

#[test]
fn what_is_missing_or_does_not_fit_is_told_by_name() {
    let message = |e: PlanError| e.to_string();
    let e = refused(|b, data| {
        data.sizes.remove("row");
        b.sum(b.x, &[b.row])
    });
    assert_eq!(message(e), "the size of `row` is not bound");
    let e = refused(|b, data| {
        data.data.remove("d");
        b.rows()
    });
    assert_eq!(message(e), "no data is bound to `d`");
    let e = refused(|b, data| {
        data.data.insert("d".into(), Value::Real(vec![1.0; 3]));
        b.rows()
    });
    assert_eq!(message(e), "`d` needs 37 values, found 3");
    let e = refused(|b, data| {
        data.data.insert("sorted".into(), Value::Real(vec![1.0; 37]));
        b.push(Op::Gather, &[b.v, b.sorted])
    });
    assert_eq!(message(e), "`sorted` must hold positions");
    let e = refused(|b, data| {
        data.data.insert("sorted".into(), Value::Index([vec![0; 20], vec![5; 17]].concat()));
        b.push(Op::Gather, &[b.v, b.sorted])
    });
    assert_eq!(message(e), "`sorted` is 5 at position 20, but `level` has 5 elements");
    let e = refused(|b, _| b.push(Op::Element { dim: b.feature, at: 3 }, &[b.beta]));
    assert_eq!(message(e), "element reaches element 4 of `feature`, which has 3");
    let e = refused(|b, _| b.push(Op::Concat { parts: vec![None, None], into: b.feature }, &[b.s, b.u]));
    assert_eq!(message(e), "concat has 2 elements for `feature`, which has 3");
}

#[test]
fn what_must_be_stored_beyond_the_budget_is_refused_by_name() {
    let e = refused(|b, _| {
        let r = b.rows();
        let shifted = b.push(Op::Shift { dim: b.row, by: 1, fill: graph::ir::Real(0.0) }, &[r]);
        let e = b.un(Unary::Exp, shifted);
        b.sum(e, &[b.row])
    });
    let PlanError::OverBudget { node, dims, bytes, budget: 1000, .. } = e else { panic!("{e}") };
    assert_eq!(dims, ["row"]);
    assert!(node.contains("[row]") && bytes >= 2 * 37 * 64, "{node} {bytes}");
}

#[test]
fn the_modes_of_row_reductions_are_printed() {
    let mut b = Base::default();
    let r = b.rows();
    let l = b.g.logsumexp(r, &[b.row]);
    let row = b.row;
    let s = common::op_examples::autoregression(&mut b, row, r, false);
    let last = b.push(Op::Output(0), &[s]);
    let options = Options { block_rows: 8, ..Options::default() };
    let p = Program::compile(&b.g, &[l, last], &base_bindings(), &options).unwrap();
    let text = p.explain();
    for mode in ["linear: n", "two-pass: n", "stored: n", "37 steps, sequential"] {
        assert!(text.contains(mode), "{mode} is missing:\n{text}");
    }
    // A table that fits a block is not streamed, and nothing is computed twice.
    let p = Program::compile(&b.g, &[l], &base_bindings(), &Options::default()).unwrap();
    assert!(!p.explain().contains("rows of") && p.n_instructions() <= 8, "{}", p.explain());
}

fn foreign_graph() -> (Graph, Vec<NodeId>) {
    let mut g = Graph::new();
    let d = g.add_dim("d", Role::Plain, Size::Fixed(2));
    let (a, b) = (g.input("a", Varies::Lane, Kind::Real, &[d]), g.input("b", Varies::Lane, Kind::Real, &[d]));
    let two = g.constant(2.0);
    let scaled = g.push(Op::Binary(Binary::Mul), &[two, a]).unwrap();
    let call = g.push(TestOp::op(), &[scaled, b]).unwrap();
    let out: Vec<NodeId> = (0..2).map(|k| g.push(Op::Output(k), &[call]).unwrap()).collect();
    let sum = g.push(Op::Reduce(Reduction::Sum, vec![d]), &[out[0]]).unwrap();
    (g, vec![sum, out[1], a])
}

#[test]
fn a_lane_that_fails_is_nan_and_told_with_its_number() {
    let (g, outputs) = foreign_graph();
    let p = Program::compile(&g, &outputs, &Bindings::default(), &Options::default()).unwrap();
    let lanes = 19;
    let mut z = Lanes::zeros(4, lanes);
    for lane in 0..lanes {
        let b = if lane == 5 || lane == 18 { -1.0 } else { 3.0 };
        z.set_lane(lane, &[0.1 * lane as f64, 0.2, 2.0, b]);
    }
    let mut out = Lanes::zeros(p.n_out(), lanes);
    let mut ws = p.workspace();
    for _ in 0..2 {
        let mut failures = Vec::new();
        p.eval(&mut ws, &[], &z, &mut out, &mut failures);
        // The last lane is repeated as padding, but told once.
        assert_eq!(failures.iter().map(|f| f.lane).collect::<Vec<_>>(), [5, 18]);
        assert_eq!((failures[0].op.as_str(), failures[0].why.as_str()), ("test wave", "b = -1 is negative"));
        for lane in 0..lanes {
            let x = out.lane(lane);
            if lane == 5 || lane == 18 {
                assert!(x[0].is_nan() && x[1].is_nan() && x[2].is_nan(), "{x:?}");
            } else {
                let want = (0.2 * lane as f64).sin() * 2.0 + 0.4f64.sin() * 3.0;
                assert!((x[0] - want).abs() < 1e-14, "{x:?}");
            }
            assert_eq!(x[3], 0.1 * lane as f64);
        }
    }
}

#[test]
fn a_matrix_that_is_not_positive_definite_spoils_its_own_lane() {
    let mut g = Graph::new();
    let (i, j) = (g.add_dim("i", Role::Plain, Size::Fixed(2)), g.add_dim("j", Role::Plain, Size::Fixed(2)));
    let a = g.input("a", Varies::Lane, Kind::Real, &[i, j]);
    let l = g.push(Op::Cholesky { row: i, col: j }, &[a]).unwrap();
    let p = Program::compile(&g, &[l], &Bindings::default(), &Options::default()).unwrap();
    let mut z = Lanes::zeros(4, 8);
    for lane in 0..8 {
        z.set_lane(lane, &[4.0, 0.0, 2.0, if lane == 6 { 1.0 } else { 5.0 }]);
    }
    let mut out = Lanes::zeros(4, 8);
    p.eval(&mut p.workspace(), &[], &z, &mut out, &mut Vec::new());
    for lane in 0..8 {
        if lane == 6 {
            assert!(out.lane(lane).iter().all(|x| x.is_nan()));
        } else {
            assert_eq!(out.lane(lane), [2.0, 0.0, 1.0, 2.0]);
        }
    }
}

#[test]
fn inputs_and_outputs_are_packed_in_order() {
    let mut b = Base::default();
    let total = b.sum(b.m, &[b.level, b.feature]);
    let p = Program::compile(&b.g, &[total, b.v, b.shared_f], &base_bindings(), &Options::default()).unwrap();
    assert_eq!(p.input_range("s"), Some(0..1));
    assert_eq!(p.input_range("m"), Some(15..30));
    assert_eq!(p.shared_range("shared_f"), Some(1..4));
    assert_eq!((p.output_range(0), p.output_range(1), p.output_range(2)), (0..1, 1..6, 6..9));
    assert_eq!((p.n_in(), p.n_out(), p.n_shared()), (30 + 37 + 111, 9, 4));
    assert_eq!(p.input_range("d"), None, "data are bound, not given");
}

/// What comes behind the last input that is read need not be there.
#[test]
fn inputs_that_are_not_read_may_be_left_out_at_the_end() {
    let mut g = Graph::new();
    let d = g.add_dim("d", Role::Plain, Size::Fixed(3));
    let x = g.input("x", Varies::Lane, Kind::Real, &[d]);
    let y = g.input("y", Varies::Lane, Kind::Real, &[d]);
    let (all, both) = (g.sum(x, &[d]), g.add(x, y));
    let both = g.sum(both, &[d]);
    let plan = |n| Program::compile(&g, &[n], &Bindings::default(), &Options::default()).unwrap();
    let (first, whole) = (plan(all), plan(both));
    assert_eq!((first.n_in(), first.n_read(), whole.n_read()), (6, 3, 6));
    // Eleven lanes: a full tile, and one that is padded.
    let mut short = Lanes::zeros(3, 11);
    (0..11).for_each(|lane| short.set_lane(lane, &[1.0, lane as f64, 2.0]));
    let mut out = Lanes::zeros(1, 11);
    first.eval(&mut first.workspace(), &[], &short, &mut out, &mut Vec::new());
    (0..11).for_each(|lane| assert_eq!(out.get(0, lane), 3.0 + lane as f64));
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut out = Lanes::zeros(1, 11);
        whole.eval(&mut whole.workspace(), &[], &short, &mut out, &mut Vec::new());
    }));
    assert!(refused.is_err(), "one that reads them wants them");
}

#[test]
fn a_long_table_is_cut_into_chunks_that_threads_share() {
    let mut g = Graph::new();
    let row = g.add_dim("row", Role::Row, Size::Bound);
    let x = g.input("x", Varies::Data, Kind::Real, &[row]);
    let (s, u) = (g.input("s", Varies::Lane, Kind::Real, &[]), g.input("u", Varies::Lane, Kind::Real, &[]));
    let sx = g.mul(s, x);
    let eta = g.add(u, sx);
    let l = g.softplus(eta);
    let e = g.exp(eta);
    let outputs = [g.sum(l, &[row]), g.reduce(Reduction::Max, e, &[row]), g.contract(x, e, &[row])];
    let n = 200_000;
    let mut b = Bindings::default();
    b.sizes.insert("row".into(), n);
    b.data.insert("x".into(), Value::Real((0..n).map(|i| (i as f64).sin()).collect()));
    let mut results = Vec::new();
    for threads in [1, 2] {
        let p = Program::compile(&g, &outputs, &b, &Options { threads, ..Options::default() }).unwrap();
        assert!(p.explain().contains("chunks"), "{}", p.explain());
        let mut z = Lanes::zeros(2, 30);
        for lane in 0..30 {
            z.set_lane(lane, &[0.1 * lane as f64, -0.05 * lane as f64]);
        }
        let mut out = Lanes::zeros(3, 30);
        let mut ws = p.workspace();
        for _ in 0..3 {
            p.eval(&mut ws, &[], &z, &mut out, &mut Vec::new());
        }
        results.push((0..30).flat_map(|l| out.lane(l)).map(f64::to_bits).collect::<Vec<_>>());
        let want: f64 = (0..n).map(|i| (1.5 * (i as f64).sin() - 0.75f64).exp().ln_1p()).sum();
        assert!((out.get(0, 15) / want - 1.0).abs() < 1e-13);
    }
    assert_eq!(results[0], results[1]);
}

#[test]
fn a_long_dimension_that_stands_alone_is_streamed() {
    let mut g = Graph::new();
    let group = g.add_dim("group", Role::Plain, Size::Fixed(300));
    let column = g.add_dim("column", Role::Plain, Size::Fixed(300));
    let home = g.add_dim("home", Role::Row, Size::Bound);
    let [a, b, x] =
        [(&[group][..], "a"), (&[column][..], "b"), (&[home, column][..], "x")].map(|(dims, name)| {
            g.input(name, if name == "x" { Varies::Data } else { Varies::Lane }, Kind::Real, dims)
        });
    let shifted = g.softplus(a);
    let groups = g.sum(shifted, &[group]);
    let product = g.contract(x, b, &[column]);
    let e = g.exp(product);
    let rows = g.sum(e, &[home]);
    let mut data = Bindings::default();
    data.sizes.insert("home".into(), 500);
    data.data.insert("x".into(), Value::Real((0..150_000).map(|i| (i % 17) as f64 * 1e-3).collect()));
    let plan = |block_rows| {
        let options = Options { block_rows, ..Options::default() };
        Program::compile(&g, &[groups, rows], &data, &options).unwrap()
    };
    // The columns of a table meet its rows, which are streamed.
    let p = plan(128);
    let text = p.explain();
    assert!(text.contains("rows of group (300 rows") && text.contains("rows of home (500 rows"), "{text}");
    assert!(!text.contains("rows of column"), "{text}");
    let whole = plan(1024);
    assert!(!whole.explain().contains("rows of"), "{}", whole.explain());
    let mut z = Lanes::zeros(600, 3);
    for lane in 0..3 {
        let values: Vec<f64> = (0..600).map(|i| ((i * (lane + 1)) % 23) as f64 * 0.01 - 0.1).collect();
        z.set_lane(lane, &values);
    }
    z.pad();
    let run = |p: &Program| {
        let mut out = Lanes::zeros(p.n_out(), 3);
        p.eval(&mut p.workspace(), &[], &z, &mut out, &mut Vec::new());
        out
    };
    let (streamed, unstreamed) = (run(&p), run(&whole));
    for lane in 0..3 {
        for (s, u) in streamed.lane(lane).iter().zip(unstreamed.lane(lane)) {
            assert!((s / u - 1.0).abs() < 1e-12, "{s} {u}");
        }
    }
}
