//! Long scans keep checkpoints: same bits, memory with the square root of their length.

mod common;

use std::sync::Arc;

use common::op_examples::body_of;
use graph::interpret::evaluate;
use graph::ir::{Graph, Kind, NodeId, Op, Role, Scan, Size, Varies};
use graph::program::{Options, Program};
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;
use numerics::lanes::Lanes;

/// Two carries, one of them a vector: `c' = tanh(a c + v_0 + y)`, `v' = v b + c`; the sum of `c'^2`.
fn long(n: usize, reverse: bool) -> (Graph, Vec<NodeId>, Bindings) {
    let mut g = Graph::new();
    let time = g.add_dim("time", Role::Plain, Size::Bound);
    let pair = g.add_dim("pair", Role::Plain, Size::Fixed(2));
    let lane = |g: &mut Graph, name: &str, dims: &[_]| g.input(name, Varies::Lane, Kind::Real, dims);
    let (c0, a) = (lane(&mut g, "c0", &[]), lane(&mut g, "a", &[]));
    let v0 = lane(&mut g, "v0", &[pair]);
    let y = g.input("y", Varies::Data, Kind::Real, &[time]);
    let mut body = body_of(&g);
    let c = lane(&mut body, "c", &[]);
    let v = lane(&mut body, "v", &[pair]);
    let e = body.input("e", Varies::Data, Kind::Real, &[]);
    let k = lane(&mut body, "k", &[]);
    let first = body.element(v, pair, 0);
    let kc = body.mul(k, c);
    let sum = body.add(kc, first);
    let sum = body.add(sum, e);
    let next = body.unary(graph::ir::Unary::Tanh, sum);
    let half = body.scale(0.5, v);
    let next_v = body.add(half, next);
    let square = body.square(next);
    let outputs = vec![next, next_v, square];
    let scan = Scan { over: time, n_carry: 2, n_step: 1, reverse, body, outputs };
    let s = g.push(Op::Scan(Arc::new(scan)), &[c0, v0, y, a]).unwrap();
    let squares = g.output(s, 2);
    let total = g.sum(squares, &[time]);
    let d = value_and_grad(&g, total, &[c0, a, v0], &[]).unwrap();
    let mut b = Bindings::default();
    b.sizes.insert("time".into(), n);
    b.data.insert("y".into(), Value::Real((0..n).map(|i| 0.3 * (0.37 * i as f64).sin()).collect()));
    let outputs = [d.value].into_iter().chain(d.grads).collect();
    (d.graph, outputs, b)
}

fn plan(n: usize, reverse: bool, scan_memory: usize) -> Program {
    let (g, outputs, b) = long(n, reverse);
    Program::compile(&g, &outputs, &b, &Options { scan_memory, ..Options::default() }).unwrap()
}

fn run(p: &Program) -> Vec<u64> {
    let mut z = Lanes::zeros(p.n_in(), 8);
    for lane in 0..8 {
        z.set_lane(lane, &[0.1 * lane as f64, 0.6 - 0.1 * lane as f64, 0.2, -0.3]);
    }
    let mut out = Lanes::zeros(p.n_out(), 8);
    p.eval(&mut p.workspace(), &[], &z, &mut out, &mut Vec::new());
    (0..8).flat_map(|lane| out.lane(lane)).map(f64::to_bits).collect()
}

fn tile_bytes(p: &Program) -> usize {
    let text = p.explain();
    let (_, rest) = text.split_once("a tile ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn checkpointed_is_stored_to_the_last_bit() {
    for n in [4, 5, 16, 17, 1000, 20_000] {
        for reverse in [false, true] {
            let (stored, checked) = (plan(n, reverse, usize::MAX), plan(n, reverse, 0));
            assert!(!stored.explain().contains("checkpoint"), "{}", stored.explain());
            assert!(checked.explain().contains("carries checkpointed every"), "{}", checked.explain());
            assert_eq!(run(&stored), run(&checked), "{n} {reverse}");
        }
    }
}

#[test]
fn checkpointed_is_what_the_interpreter_says() {
    let (g, outputs, mut b) = long(20_000, false);
    let found: Vec<f64> = run(&plan(20_000, false, 0)).into_iter().map(f64::from_bits).collect();
    for (name, x) in [("c0", vec![0.1]), ("a", vec![0.5]), ("v0", vec![0.2, -0.3])] {
        b.data.insert(name.into(), Value::Real(x));
    }
    let want = evaluate(&g, &outputs, &b).unwrap();
    let want = want.iter().flat_map(|v| match v {
        Value::Real(v) => v.clone(),
        _ => panic!("real outputs"),
    });
    for (w, f) in want.zip(&found[5..]) {
        assert!((w - f).abs() <= 1e-11 * w.abs().max(1.0), "{w} {f}");
    }
}

#[test]
fn memory_grows_with_the_square_root_of_the_steps() {
    // What is stacked besides carries (an emission of the forward scan) grows with the steps.
    let carries = |n: usize| tile_bytes(&plan(n, false, usize::MAX)) - tile_bytes(&plan(n, false, 0));
    let (short, long) = (carries(1_000), carries(100_000));
    assert!(
        short > 1_000 * 3 * 64 * 9 / 10 - 2 * 40 * 3 * 64 && long > 100_000 * 3 * 64 * 98 / 100,
        "{short} {long}"
    );
}
