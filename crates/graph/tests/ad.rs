//! Derivatives of every op: reverse and forward against differences and against each other.

mod common;

use common::op_examples::{Noise, op_examples};
use common::small_examples::{Make, Numbers, Order, Small, lane_inputs, small_examples};
use graph::derivative::{AdError, in_steps};
use graph::interpret::evaluate;
use graph::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Unary, Varies};
use graph::log_tail::LOG_TAILS;
use graph::text::{BINARY, REDUCTIONS, UNARY};
use graph::value::{Bindings, Value};
use graph::{jvp, vjp};

/// The small examples, and the large ones at one draw.
fn examples() -> Vec<Small> {
    // These are refused: see `what_has_no_rule_is_refused_by_name`.
    let refused = ["unary Trigamma", "unary TrigammaRest", "concat of rows"];
    let large = op_examples().into_iter().filter(|e| !refused.contains(&e.name.as_str())).map(|e| {
        let mut bindings = e.bindings.clone();
        for x in lane_inputs(&e.graph) {
            let dims = &e.graph.ty(x).dims;
            let size =
                |d: &DimId| e.graph.fixed_size(*d).unwrap_or_else(|| e.bindings.sizes[&e.graph.dim(*d).name]);
            let n = dims.iter().map(size).product();
            bindings
                .data
                .insert(name_of(&e.graph, x), Value::Real(Noise::new(n as u64 + 3).vec(n, e.domain)));
        }
        let order = match e.smooth {
            // Near the poles of lgamma differences are poor.
            true if ["unary Digamma", "unary DigammaRest", "unary of negative numbers"]
                .contains(&e.name.as_str()) =>
            {
                Order::Once
            }
            true => Order::Twice,
            false => Order::Declared,
        };
        Small { name: e.name, graph: e.graph, outputs: e.outputs, bindings, order }
    });
    small_examples().into_iter().chain(large).collect()
}

fn reals(v: &Value) -> &[f64] {
    let Value::Real(v) = v else { panic!("not real") };
    v
}

fn run(name: &str, g: &Graph, outputs: &[NodeId], b: &Bindings) -> Vec<Vec<f64>> {
    let values = evaluate(g, outputs, b).unwrap_or_else(|e| panic!("{name}: {e}"));
    values.iter().map(|v| reals(v).to_vec()).collect()
}

fn dot(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| a * b).sum()
}

/// Largest difference, relative to the size of what is compared.
fn distance(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    assert_eq!(a.iter().map(Vec::len).collect::<Vec<_>>(), b.iter().map(Vec::len).collect::<Vec<_>>());
    let pairs = || a.iter().flatten().zip(b.iter().flatten());
    let scale = pairs().fold(1.0, |m: f64, (a, b)| m.max(a.abs()).max(b.abs()));
    // NaN must not pass for small.
    pairs()
        .map(|(a, b)| if a.is_finite() && b.is_finite() { (a - b).abs() / scale } else { f64::INFINITY })
        .fold(0.0, f64::max)
}

fn name_of(g: &Graph, n: NodeId) -> String {
    let Op::Input(i) = g.node(n).op else { panic!("no input") };
    g.inputs()[i.0 as usize].name.clone()
}

/// The five-point difference of `f` along `direction`, over the named inputs.
fn difference(
    b: &Bindings,
    names: &[String],
    direction: &[Vec<f64>],
    f: &dyn Fn(&Bindings) -> Vec<Vec<f64>>,
) -> Vec<Vec<f64>> {
    let h = 2e-3;
    let at = |step: f64| {
        let mut moved = b.clone();
        for (name, d) in names.iter().zip(direction) {
            let Some(Value::Real(x)) = moved.data.get_mut(name) else { panic!("{name} is not real") };
            x.iter_mut().zip(d).for_each(|(x, d)| *x += step * h * d);
        }
        f(&moved)
    };
    let (m2, m1, p1, p2) = (at(-2.0), at(-1.0), at(1.0), at(2.0));
    (0..m2.len())
        .map(|k| {
            (0..m2[k].len())
                .map(|i| (m2[k][i] - p2[k][i] + 8.0 * (p1[k][i] - m1[k][i])) / (12.0 * h))
                .collect()
        })
        .collect()
}

fn unit(shape: &[Vec<f64>], k: usize, i: usize) -> Vec<Vec<f64>> {
    let mut d: Vec<Vec<f64>> = shape.iter().map(|v| vec![0.0; v.len()]).collect();
    d[k][i] = 1.0;
    d
}

/// How a scalar is made of an example's outputs, and so which shapes the cotangents start in.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Total {
    /// Cotangent 1: the smallest shape.
    Sum,
    /// Cotangents given as data.
    Weighted,
    /// Cotangents that differ from draw to draw.
    Squares,
}

/// The example with a scalar on top. The weights are data inputs `ct0`, `ct1` and so on.
fn with_total(e: &Small, total: Total) -> (Graph, NodeId, Bindings) {
    let (mut g, mut b) = (e.graph.clone(), e.bindings.clone());
    let shapes = run(&e.name, &g, &e.outputs, &b);
    let mut rng = Numbers(77);
    let mut sum = g.constant(0.0);
    for (k, (&o, shape)) in e.outputs.iter().zip(&shapes).enumerate() {
        let x = match total {
            Total::Sum => o,
            Total::Weighted => {
                let dims = g.ty(o).dims.clone();
                let ct = g.input(&format!("ct{k}"), Varies::Data, Kind::Real, &dims);
                b.data.insert(
                    format!("ct{k}"),
                    Value::Real(shape.iter().map(|_| rng.uniform(-1.0, 1.0)).collect()),
                );
                g.mul(o, ct)
            }
            Total::Squares => g.square(o),
        };
        let s = g.sum_all(x);
        sum = g.add(sum, s);
    }
    (g, sum, b)
}

#[test]
fn reverse_agrees_with_differences() {
    for e in examples().iter().filter(|e| e.order != Order::Declared) {
        for total in [Total::Sum, Total::Weighted, Total::Squares] {
            let (g, sum, b) = with_total(e, total);
            let wrt = e.lane_inputs();
            let v = vjp::value_and_grad(&g, sum, &wrt, &[]).unwrap_or_else(|err| panic!("{}: {err}", e.name));
            let ours = run(&e.name, &v.graph, &v.grads, &b);
            let names: Vec<String> = wrt.iter().map(|&w| name_of(&g, w)).collect();
            for (w, grad) in wrt.iter().zip(&v.grads) {
                assert_eq!(g.ty(*w), v.graph.ty(*grad), "{}: a gradient has its input's type", e.name);
            }
            let mut theirs = ours.clone();
            let mut rng = Numbers(17);
            for k in 0..wrt.len() {
                let len = ours[k].len();
                for (i, theirs) in theirs[k].iter_mut().enumerate() {
                    // Of long gradients a few elements are enough.
                    if len < 30 || rng.below(len) < 5 {
                        let d = unit(&ours, k, i);
                        *theirs = difference(&b, &names, &d, &|b| run(&e.name, &g, &[sum], b))[0][0];
                    }
                }
            }
            let error = distance(&ours, &theirs);
            assert!(error < 1e-7, "{} ({total:?}): {error:e}\n{ours:?}\n{theirs:?}", e.name);
        }
    }
}

/// Tangents of the outputs, dense, for tangents of the lane inputs that are `dense` data or the
/// constant 1.
fn forward(e: &Small, dense: bool) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let targets: Vec<NodeId> = e.outputs.iter().copied().chain(e.lane_inputs()).collect();
    let (mut g, nodes) = jvp::prepare(&e.graph, &targets).unwrap_or_else(|err| panic!("{}: {err}", e.name));
    let (outputs, inputs) = nodes.split_at(e.outputs.len());
    let mut b = e.bindings.clone();
    let shapes = run(&e.name, &g, inputs, &b);
    let mut rng = Numbers(99);
    let mut direction = Vec::new();
    let mut seeds = Vec::new();
    for (k, (&x, shape)) in inputs.iter().zip(&shapes).enumerate() {
        let v: Vec<f64> = shape.iter().map(|_| if dense { rng.uniform(-1.0, 1.0) } else { 1.0 }).collect();
        let dims = g.ty(x).dims.clone();
        let t = if dense {
            b.data.insert(format!("t{k}"), Value::Real(v.clone()));
            g.input(&format!("t{k}"), Varies::Data, Kind::Real, &dims)
        } else {
            g.constant(1.0)
        };
        seeds.push((x, t));
        direction.push(v);
    }
    let ts = jvp::jvp(&mut g, &seeds, outputs).unwrap_or_else(|err| panic!("{}: {err}", e.name));
    let zero = g.constant(0.0);
    let full: Vec<NodeId> = ts
        .iter()
        .zip(outputs)
        .map(|(t, &o)| {
            let dims = g.ty(o).dims.clone();
            let t = t.unwrap_or(zero);
            assert!(
                g.ty(t).dims.iter().all(|d| dims.contains(d)),
                "{}: a tangent has dimensions of its own",
                e.name
            );
            g.expand(t, &dims)
        })
        .collect();
    (run(&e.name, &g, &full, &b), direction)
}

#[test]
fn forward_agrees_with_differences() {
    for e in examples().iter().filter(|e| e.order != Order::Declared) {
        for dense in [false, true] {
            let (ours, direction) = forward(e, dense);
            let names: Vec<String> = e.lane_inputs().iter().map(|&w| name_of(&e.graph, w)).collect();
            let theirs =
                difference(&e.bindings, &names, &direction, &|b| run(&e.name, &e.graph, &e.outputs, b));
            let error = distance(&ours, &theirs);
            assert!(error < 1e-7, "{} (dense: {dense}): {error:e}\n{ours:?}\n{theirs:?}", e.name);
        }
    }
}

#[test]
fn forward_and_reverse_are_transposes() {
    for e in &examples() {
        let (g, sum, b) = with_total(e, Total::Weighted);
        let v = vjp::value_and_grad(&g, sum, &e.lane_inputs(), &[])
            .unwrap_or_else(|err| panic!("{}: {err}", e.name));
        let grads = run(&e.name, &v.graph, &v.grads, &b);
        let (tangents, direction) = forward(e, true);
        let cts: Vec<Vec<f64>> =
            (0..e.outputs.len()).map(|k| reals(&b.data[&format!("ct{k}")]).to_vec()).collect();
        let (left, right) = (dot(&cts, &tangents), dot(&grads, &direction));
        let error = (left - right).abs() / (1.0 + left.abs());
        assert!(error < 1e-12, "{}: <ct, J v> = {left}, <J' ct, v> = {right}", e.name);
    }
}

#[test]
fn second_derivatives_agree_with_differences_and_each_other() {
    for e in examples().iter().filter(|e| e.order == Order::Twice) {
        for total in [Total::Weighted, Total::Squares] {
            let (g, sum, mut b) = with_total(e, total);
            let wrt = e.lane_inputs();
            let v =
                vjp::value_and_grad(&g, sum, &wrt, &wrt).unwrap_or_else(|err| panic!("{}: {err}", e.name));
            let names: Vec<String> = wrt.iter().map(|&w| name_of(&g, w)).collect();

            // Forward over reverse.
            let targets: Vec<NodeId> = v.grads.iter().chain(&v.others).copied().collect();
            let (mut h, nodes) =
                jvp::prepare(&v.graph, &targets).unwrap_or_else(|err| panic!("{}: {err}", e.name));
            let (grads, inputs) = nodes.split_at(wrt.len());
            let mut rng = Numbers(5);
            let mut direction = Vec::new();
            let mut seeds = Vec::new();
            for (k, &x) in inputs.iter().enumerate() {
                let d: Vec<f64> =
                    (0..reals(&b.data[&names[k]]).len()).map(|_| rng.uniform(-1.0, 1.0)).collect();
                let dims = h.ty(x).dims.clone();
                seeds.push((x, h.input(&format!("v{k}"), Varies::Data, Kind::Real, &dims)));
                b.data.insert(format!("v{k}"), Value::Real(d.clone()));
                direction.push(d);
            }
            let ts = jvp::jvp(&mut h, &seeds, grads).unwrap_or_else(|err| panic!("{}: {err}", e.name));
            let zero = h.constant(0.0);
            let full: Vec<NodeId> = ts
                .iter()
                .zip(grads)
                .map(|(t, &x)| {
                    let dims = h.ty(x).dims.clone();
                    h.expand(t.unwrap_or(zero), &dims)
                })
                .collect();
            let ours = run(&e.name, &h, &full, &b);
            let theirs = difference(&b, &names, &direction, &|b| run(&e.name, &v.graph, &v.grads, b));
            let error = distance(&ours, &theirs);
            assert!(error < 3e-8, "{} ({total:?}): {error:e}\n{ours:?}\n{theirs:?}", e.name);

            // Reverse over reverse: the gradient of <gradient, v>.
            let mut r = v.graph.clone();
            let mut along = r.constant(0.0);
            for (k, &grad) in v.grads.iter().enumerate() {
                let dims = r.ty(grad).dims.clone();
                let d = r.input(&format!("v{k}"), Varies::Data, Kind::Real, &dims);
                let p = r.mul(grad, d);
                let s = r.sum_all(p);
                along = r.add(along, s);
            }
            let w = vjp::value_and_grad(&r, along, &v.others, &[])
                .unwrap_or_else(|err| panic!("{}: {err}", e.name));
            let reverse = run(&e.name, &w.graph, &w.grads, &b);
            let error = distance(&ours, &reverse);
            assert!(error < 1e-11, "{} ({total:?}): {error:e}\n{ours:?}\n{reverse:?}", e.name);
        }
    }
}

#[test]
fn a_cut_derivative_is_zero() {
    let mut m = Make::new(1);
    let x = m.lane("x", &[], 1.0, 2.0);
    let d = m.push(Op::Unary(Unary::Detach), &[x]);
    let y = m.push(Op::Binary(Binary::Mul), &[x, d]);
    let v = vjp::value_and_grad(&m.g, y, &[x], &[]).expect("has a rule");
    let both = run("detach", &v.graph, &[v.grads[0], x], &m.b);
    assert_eq!(both[0], both[1], "x times the detached x has the derivative x, not 2 x");
}

#[test]
fn ties_share_the_derivative_of_a_reduction() {
    for e in examples().iter().filter(|e| e.name.starts_with("Max") && e.name.ends_with("with ties")) {
        let reduces = matches!(e.graph.node(e.outputs[0]).op, Op::Reduce(..));
        let (g, sum, b) = with_total(e, Total::Sum);
        let v = vjp::value_and_grad(&g, sum, &e.lane_inputs(), &[]).expect("has a rule");
        let grads = run(&e.name, &v.graph, &v.grads, &b);
        if reduces {
            assert_eq!(grads[0], [0.5, 0.5, 0.5, 0.0, 0.0, 0.5]);
        } else {
            // All to the first argument.
            assert_eq!(grads[0], [1.0, 0.0, 1.0, 1.0]);
            assert_eq!(grads[1], [0.0, 1.0, 0.0, 0.0]);
        }
    }
}

#[test]
fn what_has_no_rule_is_refused_by_name() {
    let mut m = Make::new(1);
    let x = m.lane("x", &[], 1.0, 2.0);
    for (op, message) in [
        (Unary::Trigamma, "trigamma has no derivative rule"),
        (Unary::TrigammaRest, "trigamma_rest has no derivative rule"),
    ] {
        let y = m.push(Op::Unary(op), &[x]);
        let refused = vjp::value_and_grad(&m.g, y, &[x], &[]).map(|_| ()).unwrap_err();
        assert_eq!(refused.to_string(), message);
        let refused = jvp::jvp(&mut m.g, &[(x, x)], &[y]).unwrap_err();
        assert_eq!(refused.to_string(), message);
    }

    // By two shapes.
    let mut m = Make::new(1);
    let (a, x) = (m.lane("a", &[], 1.0, 2.0), m.lane("x", &[], 1.0, 2.0));
    let y = m.g.log_tail(LOG_TAILS[0].0, &[a, x]);
    let v = vjp::value_and_grad(&m.g, y, &[a], &[a]).expect("has a rule");
    let refused = vjp::value_and_grad(&v.graph, v.grads[0], &v.others, &[]).map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "log_gamma_p_da has no derivative rule");

    // Which cotangents belong to the second of two parts is known with the data only.
    let all = op_examples();
    let e = all.iter().find(|e| e.name == "concat of rows").expect("enrolled");
    let mut g = e.graph.clone();
    let s = g.sum_all(e.outputs[0]);
    let refused = vjp::value_and_grad(&g, s, &lane_inputs(&e.graph), &[]).map(|_| ()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "concat into both between parts whose sizes the data tell, has no derivative rule"
    );

    // The second derivative of a foreign op that offers only the first.
    let all = examples();
    let e = all.iter().find(|e| e.name == "foreign").expect("enrolled");
    let (g, sum, _) = with_total(e, Total::Squares);
    let wrt = e.lane_inputs();
    let v = vjp::value_and_grad(&g, sum, &wrt, &wrt).expect("has a rule");
    let refused = jvp::prepare(&v.graph, &v.grads).map(|_| ()).unwrap_err();
    assert!(matches!(&refused, AdError::NoRule { op, .. } if op == "test wave with residuals"), "{refused}");
    let mut h = v.graph.clone();
    let one = h.constant(1.0);
    let seeds: Vec<(NodeId, NodeId)> = v.others.iter().map(|&x| (x, one)).collect();
    let refused = jvp::jvp(&mut h, &seeds, &v.grads).unwrap_err();
    assert!(matches!(&refused, AdError::NoRule { op, .. } if op == "test wave with residuals"), "{refused}");
}

/// The word of an op's kind; a new structural op does not compile until it is listed here and below.
fn word(op: &Op) -> String {
    match op {
        Op::Unary(_) | Op::Binary(_) | Op::Reduce(..) | Op::LogTail(_) => {}
        Op::Const(_) | Op::Input(_) | Op::Size(_) | Op::Iota(_) | Op::Ones(_) | Op::Select => {}
        Op::Contract { .. } | Op::Gather | Op::ScatterAdd | Op::Element { .. } | Op::Place { .. } => {}
        Op::Slice { .. } | Op::Pad { .. } | Op::Concat { .. } | Op::Shift { .. } | Op::Rename(_) => {}
        Op::Filter { .. } | Op::Cholesky { .. } | Op::TriSolve { .. } | Op::GramFactor { .. } => {}
        Op::Scan(_) | Op::Output(_) => {}
        Op::Foreign(_) => return "foreign".into(),
    }
    op.name().into()
}

/// Of ops that are in no table of the text form.
const STRUCTURAL: &str = "const input size iota ones select contract gather scatter_add element place slice \
    pad concat shift rename filter cholesky tri_solve gram_factor scan output foreign";

#[test]
fn every_op_is_enrolled() {
    let seen: Vec<String> = examples()
        .iter()
        .flat_map(|e| e.graph.nodes().iter().map(|n| word(&n.op)).collect::<Vec<_>>())
        .collect();
    let mut words: Vec<&str> = STRUCTURAL.split_whitespace().collect();
    words.extend(
        UNARY
            .iter()
            .map(|u| u.1)
            .chain(BINARY.iter().map(|b| b.1))
            .chain(REDUCTIONS.iter().map(|r| r.1))
            .chain(LOG_TAILS.iter().map(|t| t.1)),
    );
    let missing: Vec<&&str> = words.iter().filter(|w| !seen.iter().any(|s| s == **w)).collect();
    assert!(missing.is_empty(), "no example in op_examples.rs of {missing:?}");
    let unlisted: Vec<&String> = seen.iter().filter(|s| !words.contains(&s.as_str())).collect();
    assert!(unlisted.is_empty(), "not in STRUCTURAL: {unlisted:?}");
}

/// Where no derivative tells of a dependence, `in_steps` does.
#[test]
fn elementwise_ops_without_derivative_are_steps() {
    let mut g = Graph::new();
    let x = g.input("x", Varies::Lane, Kind::Real, &[]);
    let c = g.constant(0.5);
    let unary = UNARY.iter().map(|&(op, _)| (Op::Unary(op), vec![x]));
    let binary = BINARY.iter().map(|&(op, _)| (Op::Binary(op), vec![x, c]));
    let ruled = |op: &Op| !matches!(op, Op::Unary(Unary::Trigamma | Unary::TrigammaRest));
    for (op, args) in unary.chain(binary).filter(|(op, _)| ruled(op)) {
        let n = g.push(op.clone(), &args).unwrap();
        let one = g.constant(1.0);
        let tangent = jvp::jvp(&mut g, &[(x, one)], &[n]).unwrap()[0];
        let constant = tangent.is_none_or(|t| g.as_const(t) == Some(0.0));
        assert!(!constant || in_steps(&g, n).contains(&x), "{op:?}");
    }
}
