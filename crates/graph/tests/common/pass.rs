//! Models for the passes, and that a pass changes neither value nor gradient.

use graph::interpret::evaluate;
use graph::ir::{Graph, NodeId, Op, Role, Varies};
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;

use super::small_examples::{Make, lane_inputs};

/// Values of outputs, all of them real.
pub fn values(g: &Graph, outputs: &[NodeId], b: &Bindings) -> Vec<Vec<f64>> {
    let values = evaluate(g, outputs, b).unwrap_or_else(|e| panic!("{e}"));
    let real = |v| match v {
        Value::Real(v) => v,
        Value::Index(_) => panic!("an output is real"),
    };
    values.into_iter().map(real).collect()
}

/// Value and gradient with respect to every lane input, in the order of the inputs.
pub fn value_and_gradient(g: &Graph, target: NodeId, b: &Bindings) -> (f64, Vec<Vec<f64>>) {
    let v = value_and_grad(g, target, &lane_inputs(g), &[]).unwrap_or_else(|e| panic!("{e}"));
    (values(&v.graph, &[v.value], b)[0][0], values(&v.graph, &v.grads, b))
}

/// That two graphs of one signature agree, relative to the size of the values.
pub fn agrees(name: &str, m: &Make, target: NodeId, other: &Graph, other_target: NodeId, within: f64) {
    let (value, grads) = value_and_gradient(&m.g, target, &m.b);
    let (value2, grads2) = value_and_gradient(other, other_target, &m.b);
    let off = |a: f64, b: f64, scale: f64| if a == b { 0.0 } else { (a - b).abs() / scale.max(1.0) };
    let error = off(value, value2, value.abs());
    assert!(error < within, "{name}: {value} became {value2}, off by {error:e}");
    let scale = grads.iter().flatten().fold(value.abs(), |m, x| m.max(x.abs()));
    for (a, b) in grads.iter().flatten().zip(grads2.iter().flatten()) {
        let error = off(*a, *b, scale);
        assert!(error < within, "{name}: a gradient {a} became {b}, off by {error:e}");
    }
    assert!(value.is_finite() && grads.iter().flatten().all(|x| x.is_finite()), "{name}: {value}");
}

/// Ln density of a normal, constants left out.
pub fn normal(m: &mut Make, y: NodeId, mean: NodeId, sd: NodeId) -> NodeId {
    let e = m.g.sub(y, mean);
    let z = m.g.div(e, sd);
    let q = m.g.square(z);
    let h = m.g.scale(-0.5, q);
    let l = m.g.ln(sd);
    m.g.sub(h, l)
}

/// Rows, a county of each, and how many there are; one county has no row.
fn homes(m: &mut Make) -> (graph::ir::DimId, graph::ir::DimId, NodeId) {
    let (home, county) = (m.row("home", 300), m.bound("county", Role::Plain, 8));
    let positions: Vec<u32> = (0..300).map(|_| m.rng.below(7) as u32).collect();
    let of = m.index("of", county, &[home], &positions);
    (home, county, of)
}

/// Gaussian models with a linear mean: name, graph and data, log likelihood.
pub fn models() -> Vec<(String, Make, NodeId)> {
    let mut all = Vec::new();
    let mut model = |name: &str, f: &dyn Fn(&mut Make) -> (NodeId, Vec<graph::ir::DimId>)| {
        let mut m = Make::new(11);
        let (rows, over) = f(&mut m);
        let s = m.g.sum(rows, &over);
        all.push((name.to_string(), m, s));
    };
    model("mean and deviation", &|m| {
        let home = m.row("home", 50);
        let y = m.data("y", &[home], 4.0, 6.0);
        let (mu, sd) = (m.lane("mu", &[], 4.0, 6.0), m.lane("sd", &[], 0.5, 1.0));
        (normal(m, y, mu, sd), vec![home])
    });
    model("alpha by county and a slope", &|m| {
        let (home, county, of) = homes(m);
        let (y, x) = (m.data("y", &[home], -1.0, 3.0), m.data("x", &[home], 0.0, 1.0));
        let (a, b, sd) =
            (m.lane("a", &[county], -1.0, 1.0), m.lane("b", &[], -1.0, 1.0), m.lane("sd", &[], 0.5, 1.0));
        let (at, bx) = (m.g.gather(a, of), m.g.mul(b, x));
        let mean = m.g.add(at, bx);
        (normal(m, y, mean, sd), vec![home])
    });
    model("not centred, with a deviation by county", &|m| {
        let (home, county, of) = homes(m);
        let (y, x) = (m.data("y", &[home], -1.0, 3.0), m.data("x", &[home], 0.0, 1.0));
        let (mu, tau, z) =
            (m.lane("mu", &[], -1.0, 1.0), m.lane("tau", &[], 0.5, 1.0), m.lane("z", &[county], -1.0, 1.0));
        let (b, sd) = (m.lane("b", &[], -1.0, 1.0), m.lane("sd", &[county], 0.5, 1.0));
        let (zc, sc) = (m.g.gather(z, of), m.g.gather(sd, of));
        let tz = m.g.mul(tau, zc);
        let a = m.g.add(mu, tz);
        let bx = m.g.mul(b, x);
        let mean = m.g.add(a, bx);
        (normal(m, y, mean, sc), vec![home])
    });
    for told in [false, true] {
        model(if told { "regression, features told by the data" } else { "regression" }, &|m| {
            let home = m.row("home", 120);
            let feature = if told { m.bound("feature", Role::Plain, 4) } else { m.fixed("feature", 4) };
            let (y, x) = (m.data("y", &[home], -1.0, 3.0), m.data("x", &[home, feature], -1.0, 1.0));
            let (a, b, sd) = (
                m.lane("a", &[], -1.0, 1.0),
                m.lane("b", &[feature], -1.0, 1.0),
                m.lane("sd", &[], 0.5, 1.0),
            );
            let xb = m.g.contract(x, b, &[feature]);
            let mean = m.g.add(a, xb);
            (normal(m, y, mean, sd), vec![home])
        });
    }
    model("regression with alpha and slope by county", &|m| {
        let (home, county, of) = homes(m);
        let feature = m.fixed("feature", 3);
        let (y, u, x) = (
            m.data("y", &[home], -1.0, 3.0),
            m.data("u", &[home], -1.0, 1.0),
            m.data("x", &[home, feature], -1.0, 1.0),
        );
        let (a, c, b) = (
            m.lane("a", &[county], -1.0, 1.0),
            m.lane("c", &[county], -1.0, 1.0),
            m.lane("b", &[feature], -1.0, 1.0),
        );
        let sd = m.lane("sd", &[], 0.5, 1.0);
        let (ga, gc) = (m.g.gather(a, of), m.g.gather(c, of));
        let (cu, xb) = (m.g.mul(gc, u), m.g.contract(x, b, &[feature]));
        let mean = m.g.add(ga, cu);
        let mean = m.g.add(mean, xb);
        (normal(m, y, mean, sd), vec![home])
    });
    model("known errors of each row", &|m| {
        let home = m.row("home", 80);
        let (y, se) = (m.data("y", &[home], -1.0, 3.0), m.data("se", &[home], 0.5, 2.0));
        let (mu, slope) = (m.lane("mu", &[], -1.0, 1.0), m.lane("slope", &[], -1.0, 1.0));
        let x = m.data("x", &[home], -1.0, 1.0);
        let bx = m.g.mul(slope, x);
        let mean = m.g.add(mu, bx);
        (normal(m, y, mean, se), vec![home])
    });
    model("weights of each row", &|m| {
        let home = m.row("home", 80);
        let (y, w) = (m.data("y", &[home], -1.0, 3.0), m.data("w", &[home], 0.0, 2.0));
        let (mu, sd) = (m.lane("mu", &[], -1.0, 1.0), m.lane("sd", &[], 0.5, 1.0));
        let l = normal(m, y, mu, sd);
        (m.g.mul(w, l), vec![home])
    });
    all
}

/// The nodes of an op among what is needed.
pub fn count(g: &Graph, outputs: &[NodeId], is: impl Fn(&Op) -> bool) -> usize {
    let text = g.print(outputs);
    let (g, _) = graph::text::parse(&text).unwrap_or_else(|e| panic!("{e}"));
    g.nodes().iter().filter(|n| is(&n.op)).count()
}

/// Lane work over the rows that is left: nodes over a row dimension that differ from draw to draw.
pub fn lane_rows(g: &Graph, outputs: &[NodeId]) -> usize {
    let text = g.print(outputs);
    let (g, _) = graph::text::parse(&text).unwrap_or_else(|e| panic!("{e}"));
    g.nodes().iter().filter(|n| n.varies != Varies::Data && n.ty.dims.iter().any(|&d| g.is_row(d))).count()
}
