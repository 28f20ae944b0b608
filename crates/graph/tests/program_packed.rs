//! Matrices packed in panels: the same numbers as from plain ones.

use graph::ir::{Graph, Kind, NodeId, Role, Size, Varies};
use graph::program::{Options, Program};
use graph::value::{Bindings, Value};
use numerics::lanes::Lanes;
use numerics::simd::Isa;

/// `sum softplus(X beta)` and `X' exp(X beta / 8)` for `n` rows and `k` columns.
fn regression(n: usize, k: usize) -> (Graph, Vec<NodeId>, Bindings) {
    let mut g = Graph::new();
    let row = g.add_dim("row", Role::Row, Size::Bound);
    let column = g.add_dim("column", Role::Plain, Size::Bound);
    let x = g.input("x", Varies::Data, Kind::Real, &[row, column]);
    let beta = g.input("beta", Varies::Lane, Kind::Real, &[column]);
    let eta = g.contract(x, beta, &[column]);
    let l = g.softplus(eta);
    let small = g.scale(0.125, eta);
    let e = g.exp(small);
    let outputs = vec![g.sum(l, &[row]), g.contract(x, e, &[row])];
    let mut b = Bindings::default();
    b.sizes.insert("row".into(), n);
    b.sizes.insert("column".into(), k);
    b.data.insert("x".into(), Value::Real((0..n * k).map(|i| (0.7 * i as f64).sin()).collect()));
    (g, outputs, b)
}

fn run(p: &Program, lanes: usize) -> Lanes {
    let mut z = Lanes::zeros(p.n_in(), lanes);
    for lane in 0..lanes {
        let beta: Vec<f64> = (0..p.n_in()).map(|j| ((3 * lane + 5 * j) as f64).cos()).collect();
        z.set_lane(lane, &beta);
    }
    let mut out = Lanes::zeros(p.n_out(), lanes);
    p.eval(&mut p.workspace(), &[], &z, &mut out, &mut Vec::new());
    out
}

#[test]
fn streamed_products_are_those_of_plain_matrices_whatever_is_left_over() {
    for isa in Isa::ALL.into_iter().filter(|i| i.is_available()) {
        for (n, k) in [(33, 2), (128 + 1, 3), (300, 16), (1000, 17), (515, 33)] {
            let (g, outputs, b) = regression(n, k);
            let plan = |block_rows| {
                let options = Options { isa, block_rows, ..Options::default() };
                Program::compile(&g, &outputs, &b, &options).unwrap()
            };
            let whole = plan(1 << 20);
            assert!(!whole.explain().contains("packed"), "{}", whole.explain());
            for block_rows in [16, 32] {
                let packed = plan(block_rows);
                assert!(packed.explain().contains("packed in panels"), "{}", packed.explain());
                let (want, found, one) = (run(&whole, 8), run(&packed, 8), run(&packed, 1));
                for i in 0..packed.n_out() {
                    for lane in 0..8 {
                        let (w, f) = (want.get(i, lane), found.get(i, lane));
                        assert!((w - f).abs() <= 1e-12 * n as f64, "{isa} {n} x {k}: {w} {f}");
                    }
                    assert_eq!(one.get(i, 0).to_bits(), found.get(i, 0).to_bits());
                }
            }
            // Blocks that no number of panels fills stay plain.
            assert!(!plan(20).explain().contains("packed"));
        }
    }
}

#[test]
fn a_matrix_that_others_read_stays_plain() {
    let (mut g, mut outputs, b) = regression(300, 3);
    let x = NodeId(0);
    let row = g.ty(x).dims[0];
    let beta = NodeId(1);
    let scaled = g.mul(x, beta);
    let e = g.exp(scaled);
    outputs.push(g.sum(e, &[row]));
    let p = Program::compile(&g, &outputs, &b, &Options::default()).unwrap();
    assert!(!p.explain().contains("packed"), "{}", p.explain());
}
