//! What the passes make compiles to a program of the same values.

mod common;

use common::pass::{models, value_and_gradient};
use common::small_examples::{Make, lane_inputs};
use graph::ir::{NodeId, Op, Role, Unary, Varies};
use graph::passes::optimise;
use graph::program::{Options, Program};
use graph::value::Value;
use graph::vjp::value_and_grad;
use numerics::lanes::Lanes;

/// Ten lanes of the optimised gradient against one draw of the graph as it was.
fn same(name: &str, m: &Make, target: NodeId) {
    let o = optimise(&m.g, &[target], Some(&m.b));
    let v =
        value_and_grad(&o.graph, o.outputs[0], &lane_inputs(&o.graph), &[]).unwrap_or_else(|e| panic!("{e}"));
    let outputs: Vec<NodeId> = [v.value].iter().chain(&v.grads).copied().collect();
    let program = Program::compile(&v.graph, &outputs, &m.b, &Options::default())
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    let draw: Vec<f64> =
        m.g.inputs()
            .iter()
            .filter(|i| i.varies == Varies::Lane)
            .flat_map(|i| match &m.b.data[&i.name] {
                Value::Real(v) => v.clone(),
                Value::Index(_) => panic!("an index that is no data"),
            })
            .collect();
    let mut z = Lanes::zeros(program.n_in(), 10);
    (0..10).for_each(|lane| z.set_lane(lane, &draw));
    let mut out = Lanes::zeros(program.n_out(), 10);
    program.eval(&mut program.workspace(), &[], &z, &mut out, &mut Vec::new());
    let (value, grads) = value_and_gradient(&m.g, target, &m.b);
    let expected: Vec<f64> = [value].into_iter().chain(grads.into_iter().flatten()).collect();
    for lane in [0, 9] {
        let found: Vec<f64> = (0..program.n_out()).map(|i| out.get(i, lane)).collect();
        let scale = expected.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        for (a, b) in expected.iter().zip(&found) {
            assert!((a - b).abs() < 1e-11 * scale, "{name}: {a} became {b}");
        }
    }
}

#[test]
fn optimised_models_compile() {
    for (name, m, target) in models() {
        same(&name, &m, target);
    }
}

#[test]
fn split_rows_compile() {
    for seen in [vec![1.0; 60], vec![0.0; 60], (0..60).map(|i| f64::from(i % 3 == 0)).collect()] {
        let mut m = Make::new(5);
        let home = m.row("home", 60);
        let county = m.bound("county", Role::Plain, 4);
        let seen = m.real("seen", Varies::Data, &[home], seen);
        let t = m.data("t", &[home], 0.5, 3.0);
        let of = m.index("of", county, &[home], &(0..60).map(|i| i * 7 % 4).collect::<Vec<u32>>());
        let (a, sd) = (m.lane("a", &[county], -1.0, 1.0), m.lane("sd", &[], 0.5, 1.0));
        let ga = m.g.gather(a, of);
        let density = common::pass::normal(&mut m, t, ga, sd);
        let e = m.g.sub(ga, t);
        let z = m.g.div(e, sd);
        let tail = m.g.unary(Unary::LogNdtr, z);
        let l = m.g.select(seen, density, tail);
        let s = m.g.sum(l, &[home]);
        assert!(m.g.nodes().iter().any(|n| n.op == Op::Select));
        same("censored", &m, s);
    }
}
