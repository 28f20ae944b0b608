//! Elements on demand are those of the interpreter, whatever is asked for first, and need no more than
//! they depend on.

mod common;

use common::expressions::expression;
use common::small_examples::{Make, small_examples};
use graph::interpret::evaluate;
use graph::ir::{Binary, Graph, Kind, NodeId, Op, Scan, Varies};
use graph::on_demand::{Missing, OnDemand};
use graph::value::{Bindings, Value};
use std::sync::Arc;

fn numbers(v: &Value) -> Vec<f64> {
    match v {
        Value::Real(v) => v.clone(),
        Value::Index(v) => v.iter().map(|&i| f64::from(i)).collect(),
    }
}

/// Every element of the outputs, from the last to the first, with inputs given when they are missed.
fn agrees(name: &str, graph: &Graph, outputs: &[NodeId], bindings: &Bindings) {
    let expected = evaluate(graph, outputs, bindings).unwrap();
    let mut open: Vec<NodeId> = (0..graph.nodes().len() as u32).map(NodeId).collect();
    // Positions decide how long a counted dimension is, so masks stay as they are.
    open.retain(|&n| match graph.node(n).op {
        Op::Input(id) => bindings.data.contains_key(&graph.inputs()[id.0 as usize].name),
        _ => false,
    });
    let mut at = OnDemand::new(graph, bindings, &open, &[], outputs).unwrap();
    for (&output, expected) in outputs.iter().zip(&expected).rev() {
        for (e, expected) in numbers(expected).into_iter().enumerate().rev() {
            let found = loop {
                match at.get(output, e) {
                    Ok(x) => break x,
                    Err(missing) => {
                        for m in missing {
                            let x = at.bound(m.node, m.element);
                            at.give(m.node, m.element, x);
                        }
                    }
                }
            };
            let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
            assert!(same, "{name}: element {e} is {found}, expected {expected}");
        }
    }
}

#[test]
fn every_op_has_its_elements() {
    for e in small_examples() {
        agrees(&e.name, &e.graph, &e.outputs, &e.bindings);
    }
}

#[test]
fn random_graphs_have_their_elements() {
    for seed in 0..200 {
        let e = expression(seed, 40);
        agrees(&format!("seed {seed}"), &e.make.g, &e.outputs, &e.make.b);
    }
}

/// h = 0.5 + 0.3 y of the row before, squared, + 0.6 h of the row before; e of the row is y of the row.
#[test]
fn a_step_needs_what_came_before_it_alone() {
    let mut m = Make::new(1);
    let row = m.row("day", 4);
    let y = m.data("y", &[row], -1.0, 1.0);
    let start = m.real("start", Varies::Data, &[], vec![2.0]);
    let mut body = Graph::with_dims_of(&m.g);
    let h = body.input("h", Varies::Data, Kind::Real, &[]);
    let e = body.input("e", Varies::Data, Kind::Real, &[]);
    let here = body.input("here", Varies::Data, Kind::Real, &[]);
    let square = body.square(e);
    let (a, b) = (body.scale(0.3, square), body.scale(0.6, h));
    let sum = body.add(a, b);
    let next = body.add_const(sum, 0.5);
    let outputs = vec![next, here, next];
    let scan = Scan { over: row, n_carry: 2, n_step: 1, reverse: false, body, outputs };
    let tuple = m.push(Op::Scan(Arc::new(scan)), &[start, start, y]);
    let h = m.g.output(tuple, 2);
    agrees("scan", &m.g, &[h], &m.b);

    let mut at = OnDemand::new(&m.g, &m.b, &[y], &[], &[h]).unwrap();
    assert!((at.get(h, 0).unwrap() - (0.5 + 0.3 * 4.0 + 0.6 * 2.0)).abs() < 1e-15);
    // Of the row itself nothing is asked, of the rows before it everything at once or one by one.
    assert_eq!(at.get(h, 1), Err(vec![Missing { node: y, element: 0 }]));
    at.give(y, 0, 10.0);
    assert!((at.get(h, 1).unwrap() - (0.5 + 30.0 + 0.6 * 2.9)).abs() < 1e-14);
    assert_eq!(at.get(h, 2), Err(vec![Missing { node: y, element: 1 }]));
}

#[test]
fn only_the_branch_that_is_taken_is_needed() {
    let mut m = Make::new(1);
    let row = m.row("day", 3);
    let (y, z) = (m.data("y", &[row], -1.0, 1.0), m.data("z", &[row], -1.0, 1.0));
    let zero = m.g.constant(0.0);
    let above = m.g.binary(Binary::Lt, zero, y);
    let chosen = m.g.select(above, z, y);
    let total = m.g.sum(y, &[row]);
    let mut at = OnDemand::new(&m.g, &m.b, &[y, z], &[], &[chosen, total]).unwrap();
    // All that a sum misses is told at once.
    let all = (0..3).map(|element| Missing { node: y, element }).collect();
    assert_eq!(at.get(total, 0), Err(all));
    assert_eq!(at.get(chosen, 1), Err(vec![Missing { node: y, element: 1 }]));
    at.give(y, 1, -3.0);
    assert_eq!(at.get(chosen, 1), Ok(-3.0));
    at.give(y, 2, 3.0);
    assert_eq!(at.get(chosen, 2), Err(vec![Missing { node: z, element: 2 }]));
    at.give(z, 2, 7.0);
    assert_eq!(at.get(chosen, 2), Ok(7.0));
    at.give(y, 0, 1.0);
    assert_eq!(at.get(total, 0), Ok(1.0));
}

/// A node that is made later, and waits for something itself, may be read instead of an input.
#[test]
fn one_node_is_read_instead_of_another() {
    let mut m = Make::new(1);
    let row = m.row("day", 3);
    let (y, z) = (m.data("y", &[row], -1.0, 1.0), m.data("z", &[row], -1.0, 1.0));
    let out = m.g.add_const(z, 1.0);
    let twice = m.g.scale(2.0, y);
    let mut at = OnDemand::new(&m.g, &m.b, &[y], &[(z, twice)], &[out, z]).unwrap();
    assert_eq!(at.get(out, 2), Err(vec![Missing { node: y, element: 2 }]));
    at.give(y, 2, 4.0);
    assert_eq!((at.get(out, 2), at.get(z, 2)), (Ok(9.0), Ok(8.0)));
}
