//! Microseconds a draw for value and gradient of four log densities at eight draws, one thread and two.
//!
//! `cargo run --release -p graph --example draw_gradients [model] [--explain]`

use std::time::Instant;

use graph::ir::{DimId, Graph, Kind, NodeId, Role, Size, Varies};
use graph::program::{Options, Program};
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;
use numerics::lanes::Lanes;

struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
    /// Nearly normal: the sum of twelve uniforms.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
    fn vec(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }
}

struct Model {
    g: Graph,
    b: Bindings,
    inputs: Vec<NodeId>,
    log_joint: NodeId,
}

impl Model {
    fn new() -> Model {
        let mut g = Graph::new();
        let log_joint = g.constant(0.0);
        Model { g, b: Bindings::default(), inputs: Vec::new(), log_joint }
    }
    fn dim(&mut self, name: &str, role: Role, n: usize) -> DimId {
        self.b.sizes.insert(name.into(), n);
        self.g.add_dim(name, role, Size::Bound)
    }
    fn latent(&mut self, name: &str, dims: &[DimId]) -> NodeId {
        let n = self.g.input(name, Varies::Lane, Kind::Real, dims);
        self.inputs.push(n);
        n
    }
    fn data(&mut self, name: &str, dims: &[DimId], v: Vec<f64>) -> NodeId {
        self.b.data.insert(name.into(), Value::Real(v));
        self.g.input(name, Varies::Data, Kind::Real, dims)
    }
    fn factor(&mut self, x: NodeId) {
        let s = self.g.sum_all(x);
        self.log_joint = self.g.add(self.log_joint, s);
    }
    /// Normal log density of `x`, summed over `dims` (those of the plate).
    fn normal(&mut self, x: NodeId, mean: NodeId, sd: NodeId, dims: &[DimId]) {
        let g = &mut self.g;
        let c = g.sub(x, mean);
        let z = g.div(c, sd);
        let q = g.square(z);
        let q = g.scale(-0.5, q);
        let l = g.ln(sd);
        let p = g.sub(q, l);
        let p = g.add_const(p, -0.918_938_533_204_672_7);
        let s = g.sum(p, dims);
        self.factor(s);
    }
    fn constant(&mut self, x: f64) -> NodeId {
        self.g.constant(x)
    }
}

/// Eight schools, not centred: mu, log tau, z.
fn schools() -> Model {
    let mut m = Model::new();
    let school = m.dim("school", Role::Row, 8);
    let (mu, log_tau, z) = (m.latent("mu", &[]), m.latent("log_tau", &[]), m.latent("z", &[school]));
    let y = m.data("y", &[school], vec![28., 8., -3., 7., -1., 1., 18., 12.]);
    let sigma = m.data("sigma", &[school], vec![15., 10., 16., 11., 9., 11., 10., 18.]);
    let (zero, one, five) = (m.constant(0.0), m.constant(1.0), m.constant(5.0));
    m.normal(mu, zero, five, &[]);
    let tau = m.g.exp(log_tau);
    // half-Cauchy(5) with the Jacobian of exp
    let r = m.g.scale(0.2, tau);
    let r = m.g.square(r);
    let l = m.g.log1p(r);
    let l = m.g.sub(log_tau, l);
    m.factor(l);
    m.normal(z, zero, one, &[school]);
    let t = m.g.mul(tau, z);
    let theta = m.g.add(mu, t);
    m.normal(y, theta, sigma, &[school]);
    m
}

/// 12,000 rows in 400 sorted groups.
fn radon() -> Model {
    let (n, groups) = (12_000, 400);
    let mut rng = Noise(103);
    let mut m = Model::new();
    let (home, county) = (m.dim("home", Role::Row, n), m.dim("county", Role::Plain, groups));
    let (mu, beta) = (m.latent("mu", &[]), m.latent("beta", &[]));
    let (log_sa, log_sy) = (m.latent("log_sigma_a", &[]), m.latent("log_sigma_y", &[]));
    let a = m.latent("a", &[county]);
    let mut group: Vec<u32> = (0..n).map(|_| (rng.uniform() * groups as f64) as u32).collect();
    group.sort();
    m.b.data.insert("group".into(), Value::Index(group));
    let g = m.g.input("group", Varies::Data, Kind::Index(county), &[home]);
    let x = m.data("x", &[home], (0..n).map(|_| f64::from(rng.uniform() < 0.3)).collect());
    let y = m.data("y", &[home], rng.vec(n));
    let (zero, ten) = (m.constant(0.0), m.constant(10.0));
    m.normal(mu, zero, ten, &[]);
    m.normal(beta, zero, ten, &[]);
    let (sa, sy) = (m.g.exp(log_sa), m.g.exp(log_sy));
    for (log_s, s) in [(log_sa, sa), (log_sy, sy)] {
        let q = m.g.square(s);
        let q = m.g.scale(-0.5, q);
        let q = m.g.add(log_s, q);
        m.factor(q);
    }
    m.normal(a, mu, sa, &[county]);
    let ag = m.g.gather(a, g);
    let bx = m.g.mul(beta, x);
    let mean = m.g.add(ag, bx);
    m.normal(y, mean, sy, &[home]);
    m
}

/// Logistic regression, 100,000 x 25.
fn logistic() -> Model {
    let (n, k) = (100_000, 25);
    let mut rng = Noise(104);
    let mut m = Model::new();
    let (row, feature) = (m.dim("row", Role::Row, n), m.dim("feature", Role::Plain, k));
    let (alpha, beta) = (m.latent("alpha", &[]), m.latent("beta", &[feature]));
    let x = m.data("x", &[row, feature], rng.vec(n * k));
    let y = m.data("y", &[row], (0..n).map(|_| f64::from(rng.uniform() < 0.4)).collect());
    let (zero, ten) = (m.constant(0.0), m.constant(10.0));
    m.normal(alpha, zero, ten, &[]);
    m.normal(beta, zero, ten, &[feature]);
    let eta = m.g.contract(x, beta, &[feature]);
    let eta = m.g.add(alpha, eta);
    // y eta - softplus(eta)
    let (p, s) = (m.g.mul(y, eta), m.g.softplus(eta));
    let l = m.g.sub(p, s);
    m.factor(l);
    m
}

/// A Michaelis-Menten right-hand side with its Jacobian-vector product: what an ODE solver calls.
fn right_hand_side() -> Model {
    let mut m = Model::new();
    let state = m.dim("state", Role::Plain, 2);
    let (s, vmax, km) = (m.latent("s", &[state]), m.latent("vmax", &[]), m.latent("km", &[]));
    let x = m.g.element(s, state, 0);
    let k = m.g.add(km, x);
    let v = m.g.mul(vmax, x);
    let rate = m.g.div(v, k);
    m.factor(rate);
    m
}

fn time(p: &Program, lanes: usize) -> f64 {
    let mut ws = p.workspace();
    let (mut z, mut out) = (Lanes::zeros(p.n_in(), lanes), Lanes::zeros(p.n_out(), lanes));
    let mut rng = Noise(5);
    for lane in 0..lanes {
        z.set_lane(lane, &rng.vec(p.n_in()).iter().map(|x| 0.3 * x).collect::<Vec<_>>());
    }
    let mut failures = Vec::new();
    let mut best = f64::INFINITY;
    let (start, mut reps) = (Instant::now(), 1);
    while start.elapsed().as_secs_f64() < 0.6 {
        let t = Instant::now();
        for _ in 0..reps {
            p.eval(&mut ws, &[], &z, &mut out, &mut failures);
        }
        let each = t.elapsed().as_secs_f64() / reps as f64;
        best = best.min(each);
        reps = ((5e-4 / each) as usize).max(1);
    }
    assert!(out.get(0, 0).is_finite());
    best / lanes as f64 * 1e6
}

/// Nanoseconds of one tile's evaluation by its cheapest entry.
fn time_tile(p: &Program) -> f64 {
    let mut ws = p.workspace();
    let (z, mut out) = (vec![0.4; 8 * p.n_in()], vec![0.0; 8 * p.n_out()]);
    let reps = 2000;
    let mut best = f64::INFINITY;
    for _ in 0..200 {
        let t = Instant::now();
        for _ in 0..reps {
            p.eval_tile(&mut ws, &[], &z, &mut out);
        }
        best = best.min(t.elapsed().as_secs_f64() / reps as f64);
    }
    best * 1e9
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let explain = args.iter().any(|a| a == "--explain");
    type Build = fn() -> Model;
    let models: [(&str, Build); 4] =
        [("schools", schools), ("radon", radon), ("logistic", logistic), ("rhs", right_hand_side)];
    println!(
        "{:10} {:>6} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "model", "instr", "S=1", "S=8", "S=32", "2 threads", "plan, ms"
    );
    for (name, model) in models {
        if args.iter().any(|a| !a.starts_with("--") && a != name) {
            continue;
        }
        let m = model();
        let v = value_and_grad(&m.g, m.log_joint, &m.inputs, &[]).expect("every op has a rule");
        let outputs = [vec![v.value], v.grads].concat();
        let plan = |threads| {
            Program::compile(&v.graph, &outputs, &m.b, &Options { threads, ..Options::default() })
                .expect("planned")
        };
        let t = Instant::now();
        let p = plan(1);
        let planned = t.elapsed().as_secs_f64() * 1e3;
        if explain {
            println!("{}", p.explain());
        }
        println!(
            "{name:10} {:6} {:9.4} {:9.4} {:9.4} {:9.4} {planned:9.2}",
            p.n_instructions(),
            time(&p, 1),
            time(&p, 8),
            time(&p, 32),
            time(&plan(2), 8),
        );
        if p.n_in() < 16 {
            println!("{name:10} {:6} one tile: {:.1} ns", p.n_instructions(), time_tile(&p));
        }
    }
}
