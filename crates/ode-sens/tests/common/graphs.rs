//! The same systems as graphs.

use graph::ir::{Binary, DimId, Graph, Kind, NodeId, Role, Size, Varies};
use ode_sens::OdeSystem;

/// A system under construction: `y[i]`, `p[j]` and `t` as nodes.
pub struct Builder {
    pub g: Graph,
    pub t: NodeId,
    pub y: Vec<NodeId>,
    pub p: Vec<NodeId>,
    pub state: DimId,
}

impl Builder {
    pub fn new(n: usize, m: usize) -> Builder {
        let mut g = Graph::new();
        let state = g.add_dim("state", Role::Plain, Size::Fixed(n));
        let t = g.input("t", Varies::Lane, Kind::Real, &[]);
        let y = g.input("y", Varies::Lane, Kind::Real, &[state]);
        let y = (0..n).map(|i| g.element(y, state, i)).collect();
        let p = match m {
            0 => Vec::new(),
            m => {
                let param = g.add_dim("param", Role::Plain, Size::Fixed(m));
                let p = g.input("p", Varies::Lane, Kind::Real, &[param]);
                (0..m).map(|i| g.element(p, param, i)).collect()
            }
        };
        Builder { g, t, y, p, state }
    }

    pub fn finish(mut self, name: &str, rates: &[NodeId]) -> OdeSystem {
        let dy = self.g.stack(rates, self.state);
        OdeSystem { name: name.into(), rhs: self.g, dy, bindings: Default::default() }
    }
}

pub fn decay() -> OdeSystem {
    let mut b = Builder::new(1, 1);
    let r = b.g.mul(b.p[0], b.y[0]);
    let r = b.g.neg(r);
    b.finish("decay", &[r])
}

pub fn bateman() -> OdeSystem {
    let mut b = Builder::new(2, 3);
    let g = &mut b.g;
    let absorbed = g.mul(b.p[0], b.y[0]);
    let gut = g.neg(absorbed);
    let gained = g.div(absorbed, b.p[2]);
    let lost = g.mul(b.p[1], b.y[1]);
    let central = g.sub(gained, lost);
    b.finish("bateman", &[gut, central])
}

pub fn michaelis_menten() -> OdeSystem {
    let mut b = Builder::new(2, 2);
    let g = &mut b.g;
    let top = g.mul(b.p[0], b.y[0]);
    let bottom = g.add(b.p[1], b.y[0]);
    let v = g.div(top, bottom);
    let minus = g.neg(v);
    b.finish("michaelis_menten", &[minus, v])
}

pub fn lotka_volterra() -> OdeSystem {
    let mut b = Builder::new(2, 4);
    let g = &mut b.g;
    let (u, v) = (b.y[0], b.y[1]);
    let eaten = g.mul(b.p[1], v);
    let growth = g.sub(b.p[0], eaten);
    let du = g.mul(growth, u);
    let gain = g.mul(b.p[3], u);
    let net = g.sub(gain, b.p[2]);
    let dv = g.mul(net, v);
    b.finish("lotka_volterra", &[du, dv])
}

/// A chain of n species with one rate each, written with whole arrays.
pub fn chain(n: usize) -> OdeSystem {
    let mut g = Graph::new();
    let state = g.add_dim("state", Role::Plain, Size::Fixed(n));
    let param = g.add_dim("param", Role::Plain, Size::Fixed(n));
    g.input("t", Varies::Lane, Kind::Real, &[]);
    let y = g.input("y", Varies::Lane, Kind::Real, &[state]);
    let p = g.input("p", Varies::Lane, Kind::Real, &[param]);
    let p = g.rename(p, &[(param, state)]);
    let out = g.binary(Binary::Mul, p, y);
    let into = g.shift(out, state, 1, 0.0);
    let dy = g.sub(into, out);
    OdeSystem { name: "chain".into(), rhs: g, dy, bindings: Default::default() }
}
