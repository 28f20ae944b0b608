//! The examples on which laws of vectors, matrices and outcomes are tested.

use distributions::{DISTRIBUTIONS, Distribution, Event, Params, Place, Shape, bijector_for, lookup, stream};
use graph::ir::{DimId, Graph, Kind, NodeId, Role, Size, Varies};
use model::Support;
use numerics::random::{Counter, Key};

use super::run;

/// Parameters by name: their elements, matrices row by row.
pub type Given = &'static [(&'static str, &'static [f64])];

/// A law with parameters, for values of `n` elements a dimension (of an outcome: the parameter's).
pub struct Case {
    pub law: &'static dyn Distribution,
    pub n: usize,
    pub given: Given,
    /// Mean and variance of some functions of a value, in closed form.
    pub moments: &'static [Moment],
    pub label: String,
}

/// What function of a value, its mean, its variance.
pub type Moment = (fn(&[f64]) -> f64, f64, f64);

const S2: &[f64] = &[2.0, 0.6, 0.6, 0.5];
const S3: &[f64] = &[1.5, 0.3, -0.4, 0.3, 0.8, 0.2, -0.4, 0.2, 1.1];
/// Lower, with something above that is not to be read.
const L2: &[f64] = &[1.2, 9.0, -0.5, 0.7];
const L3: &[f64] = &[1.2, 9.0, 9.0, -0.5, 0.7, 9.0, 0.3, 0.4, 1.5];

/// A new law adds its lines here; nothing else is needed for it to be tested.
pub fn cases() -> Vec<Case> {
    let table: &[(&str, usize, Given, &'static [Moment])] = &[
        ("categorical", 3, &[("p", &[0.5, 0.0, 1.5])], &[]),
        ("categorical", 4, &[("logit", &[0.5, -1.0, 2.0, 0.0])], &[]),
        ("ordered_logistic", 1, &[("eta", &[0.3]), ("cutpoints", &[-0.5])], &[]),
        ("ordered_logistic", 4, &[("eta", &[-0.7]), ("cutpoints", &[-1.0, 0.2, 0.9, 4.0])], &[]),
        ("multinomial", 3, &[("n", &[5.0]), ("p", &[0.2, 0.5, 0.3])], &[(|x| x[1], 2.5, 1.25)]),
        ("multinomial", 3, &[("n", &[6.0]), ("p", &[2.0, 0.0, 6.0])], &[(|x| x[2], 4.5, 1.125)]),
        ("multinomial", 2, &[("n", &[7.0]), ("logit", &[0.4, -0.3])], &[]),
        ("multinomial", 4, &[("n", &[3.0]), ("logit", &[0.0])], &[(|x| x[0], 0.75, 0.5625)]),
        ("dirichlet", 2, &[("alpha", &[1.5, 3.0])], &[(|x| x[0], 1.0 / 3.0, 2.0 / 9.0 / 5.5)]),
        ("dirichlet", 3, &[("alpha", &[2.0])], &[(|x| x[2], 1.0 / 3.0, 2.0 / 63.0)]),
        ("dirichlet", 3, &[("alpha", &[0.4, 1.0, 5.0])], &[(|x| x[2], 5.0 / 6.4, 7.0 / 40.96 / 7.4)]),
        (
            "multivariate_normal",
            2,
            &[("mean", &[1.0, -2.0]), ("covariance", S2)],
            &[(|x| x[0], 1.0, 2.0), (|x| (x[0] - 1.0) * (x[1] + 2.0), 0.6, 2.0 * 0.5 + 0.36)],
        ),
        (
            "multivariate_normal",
            3,
            &[("mean", &[0.5]), ("cholesky", L3)],
            &[(|x| x[1], 0.5, 0.74), (|x| (x[0] - 0.5) * (x[2] - 0.5), 0.36, 1.44 * 2.5 + 0.1296)],
        ),
        (
            "multivariate_normal",
            2,
            &[("mean", &[0.0, 1.0]), ("precision", S2)],
            // The covariance is [[0.5, -0.6], [-0.6, 2]] / 0.64.
            &[
                (|x| x[0], 0.0, 0.78125),
                (|x| x[0] * (x[1] - 1.0), -0.9375, 0.78125 * 3.125 + 0.9375 * 0.9375),
            ],
        ),
        ("multivariate_normal", 1, &[("mean", &[0.2]), ("covariance", &[4.0])], &[(|x| x[0], 0.2, 4.0)]),
        // A correlation of n dimensions has variance 1 / (2 eta + n - 1).
        ("lkj_cholesky", 2, &[("eta", &[1.7])], &[(|x| x[2], 0.0, 1.0 / 4.4)]),
        ("lkj_cholesky", 3, &[("eta", &[1.0])], &[(|x| x[3], 0.0, 0.25)]),
        (
            "lkj_cholesky",
            3,
            &[("eta", &[0.6])],
            &[(|x| x[3], 0.0, 1.0 / 3.2), (|x| x[3] * x[6] + x[4] * x[7], 0.0, 1.0 / 3.2)],
        ),
        (
            "lkj_cholesky",
            4,
            &[("eta", &[3.0])],
            &[(|x| x[8] * x[12] + x[9] * x[13] + x[10] * x[14], 0.0, 1.0 / 9.0)],
        ),
        // Var X_ij = df (S_ij^2 + S_ii S_jj).
        ("wishart", 1, &[("df", &[2.5]), ("scale", &[2.0])], &[(|x| x[0], 5.0, 20.0)]),
        (
            "wishart",
            2,
            &[("df", &[3.5]), ("scale", S2)],
            &[(|x| x[0], 7.0, 28.0), (|x| x[1], 2.1, 3.5 * 1.36), (|x| x[2] - x[1], 0.0, 0.0)],
        ),
        ("wishart", 3, &[("df", &[6.0]), ("scale", S3)], &[(|x| x[6], -2.4, 6.0 * (0.16 + 1.65))]),
        ("wishart", 2, &[("df", &[4.0]), ("cholesky", L2)], &[(|x| x[3], 4.0 * 0.74, 8.0 * 0.5476)]),
        // Mean S / (df - n - 1); variance of a diagonal element 2 mean^2 / (df - n - 3).
        ("inverse_wishart", 1, &[("df", &[7.0]), ("scale", &[2.0])], &[(|x| x[0], 0.4, 0.32 / 3.0)]),
        (
            "inverse_wishart",
            2,
            &[("df", &[9.0]), ("scale", S2)],
            &[(|x| x[0], 1.0 / 3.0, 1.0 / 18.0), (|x| x[1], 0.1, IW_OFF)],
        ),
        ("inverse_wishart", 3, &[("df", &[14.0]), ("scale", S3)], &[(|x| x[4], 0.08, 0.0016)]),
        ("inverse_wishart", 2, &[("df", &[9.0]), ("cholesky", L2)], &[(|x| x[3], 0.74 / 6.0, 0.5476 / 72.0)]),
    ];
    let cases: Vec<Case> = table
        .iter()
        .map(|&(name, n, given, moments)| {
            let law = lookup(name).unwrap_or_else(|| panic!("{name} is not registered"));
            Case { law, n, given, moments, label: format!("{name}{given:?}") }
        })
        .collect();
    for law in DISTRIBUTIONS.iter().filter(|law| law.event() != Event::Scalar) {
        assert!(cases.iter().any(|c| c.law.name() == law.name()), "{} has no example", law.name());
    }
    cases
}

/// Var X_12 = ((df - n + 1) S_12^2 + (df - n - 1) S_11 S_22) / ((df - n) (df - n - 1)^2 (df - n - 3)), for
/// df 9, n 2 and S2.
const IW_OFF: f64 = (8.0 * 0.36 + 6.0) / (7.0 * 36.0 * 4.0);

impl Case {
    pub fn params(&self) -> Params<&'static [f64]> {
        Params::bind(self.law, &[], self.given).unwrap()
    }
    pub fn support(&self) -> Support {
        let constants = self.params().map(|v| (v.len() == 1).then(|| v[0]));
        self.law.support(&constants).unwrap()
    }
    /// Elements of one value.
    pub fn elements(&self) -> usize {
        match self.law.event() {
            Event::Scalar | Event::Outcome => 1,
            Event::Vector => self.n,
            Event::Matrix => self.n * self.n,
        }
    }
    pub fn draws(&self, n: u32, seed: u64) -> Vec<Vec<f64>> {
        let (params, key) = (self.params(), Key::new(seed, "test", &self.label, ""));
        (0..n)
            .map(|draw| {
                let mut out = vec![0.0; self.elements()];
                let mut uniforms = stream(key, Counter { draw, ..Counter::default() });
                self.law.sample_into(&params, &mut uniforms, &mut out).unwrap();
                out
            })
            .collect()
    }
}

/// A law's dimensions in a graph, and its parameters as inputs of the lane.
pub struct Bound {
    pub g: Graph,
    pub dim: DimId,
    pub event: Vec<DimId>,
    /// Those of one value.
    pub own: Vec<DimId>,
    pub params: Params<NodeId>,
    /// Name, node and elements of each parameter.
    pub inputs: Vec<(&'static str, NodeId, Vec<f64>)>,
}

impl Bound {
    pub fn of(case: &Case) -> Bound {
        let mut g = Graph::new();
        let dim = g.add_dim("d", Role::Plain, Size::Fixed(case.n));
        let prime = g.prime(dim);
        let (event, own) = match case.law.event() {
            Event::Scalar => (vec![], vec![]),
            Event::Outcome => (vec![dim], vec![]),
            Event::Vector => (vec![dim], vec![dim]),
            Event::Matrix => (vec![dim, prime], vec![dim, prime]),
        };
        let mut inputs = Vec::new();
        let values = case.params();
        let mut slots = values.iter();
        let params = values.map(|v| {
            let (slot, given) = slots.next().unwrap();
            let parameter = case.law.slots()[slot].alternatives[given.alternative];
            let dims: &[DimId] = match parameter.shape {
                Shape::Square => &[dim, prime],
                Shape::Along => &[dim],
                Shape::Elementwise if v.len() > 1 => &[dim],
                Shape::Elementwise | Shape::Scalar => &[],
            };
            let node = g.input(parameter.name, Varies::Lane, Kind::Real, dims);
            inputs.push((parameter.name, node, v.to_vec()));
            node
        });
        let params = params.over(&event);
        Bound { g, dim, event, own, params, inputs }
    }

    pub fn bindings(&self) -> Vec<(&'static str, Vec<f64>)> {
        self.inputs.iter().map(|(name, _, v)| (*name, v.clone())).collect()
    }
}

/// The log density of each value.
pub fn log_probs(case: &Case, values: &[Vec<f64>]) -> Vec<f64> {
    let mut b = Bound::of(case);
    let many = b.g.add_dim("many", Role::Row, Size::Fixed(values.len()));
    let dims: Vec<DimId> = b.own.iter().copied().chain([many]).collect();
    let x = b.g.input("x", Varies::Lane, Kind::Real, &dims);
    let density = case.law.log_prob(&mut b.g, &b.params, x).unwrap();
    let density = b.g.expand(density, &[many]);
    let mut inputs = b.bindings();
    inputs.push(("x", values.concat()));
    run(&b.g, &[density], &inputs).remove(0)
}

/// A support's values of `n` elements a dimension, and the graph of its bijector over many coordinates.
pub struct Map {
    pub support: Support,
    pub n: usize,
    /// Of coordinates.
    pub size: usize,
}

impl Map {
    pub fn new(support: Support, n: usize) -> Map {
        let size = match support {
            Support::Simplex => n - 1,
            Support::CholeskyCorrelation => n * (n - 1) / 2,
            Support::PositiveDefinite => n * (n + 1) / 2,
            _ => n,
        };
        Map { support, n, size }
    }

    fn event(&self, g: &mut Graph) -> Vec<DimId> {
        let d = g.find_dim("d").unwrap_or_else(|| g.add_dim("d", Role::Plain, Size::Fixed(self.n)));
        match self.support {
            Support::CholeskyCorrelation | Support::PositiveDefinite => vec![d, g.prime(d)],
            _ => vec![d],
        }
    }

    /// In `g`, the input `u` over its coordinates and `batch`, the value and the log determinant.
    pub fn emit(&self, g: &mut Graph, batch: &[DimId]) -> (NodeId, NodeId, NodeId) {
        let event = self.event(g);
        let place = Place { name: "x", event: &event, bounds: (None, None) };
        let bijector = bijector_for(g, self.support, &place).unwrap();
        let elementwise = bijector.coordinates().is_empty();
        let own = if elementwise { &event[..] } else { bijector.coordinates() };
        let dims: Vec<DimId> = own.iter().chain(batch).copied().collect();
        let u = g.input("u", Varies::Lane, Kind::Real, &dims);
        let x = bijector.forward(g, u);
        let log_det = bijector.log_det_jac(g, u);
        let log_det = if elementwise { g.sum(log_det, &event) } else { log_det };
        (u, x, log_det)
    }

    /// (x, log determinant) at each u.
    pub fn forward(&self, u: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut g = Graph::new();
        let many = g.add_dim("many", Role::Row, Size::Fixed(u.len()));
        let (_, x, log_det) = self.emit(&mut g, &[many]);
        let event = self.event(&mut g);
        let x = g.expand(x, &event);
        let outputs = [x, log_det].map(|n| g.expand(n, &[many]));
        let values = run(&g, &outputs, &[("u", u.concat())]);
        (values[0].chunks(values[0].len() / u.len()).map(<[f64]>::to_vec).collect(), values[1].clone())
    }

    pub fn inverse(&self, x: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut g = Graph::new();
        let many = g.add_dim("many", Role::Row, Size::Fixed(x.len()));
        let event = self.event(&mut g);
        let dims: Vec<DimId> = event.iter().copied().chain([many]).collect();
        let input = g.input("x", Varies::Lane, Kind::Real, &dims);
        let place = Place { name: "x", event: &event, bounds: (None, None) };
        let bijector = bijector_for(&mut g, self.support, &place).unwrap();
        let u = bijector.inverse(&mut g, input);
        let values = run(&g, &[u], &[("x", x.concat())]).remove(0);
        values.chunks(self.size).map(<[f64]>::to_vec).collect()
    }

    /// The elements that tell a value.
    pub fn free(&self) -> Vec<usize> {
        let n = self.n;
        let lower = |diagonal: usize| {
            (0..n).flat_map(move |i| (0..i + diagonal).map(move |j| i * n + j)).collect::<Vec<usize>>()
        };
        match self.support {
            Support::Simplex => (0..n - 1).collect(),
            Support::CholeskyCorrelation => lower(0),
            Support::PositiveDefinite => lower(1),
            _ => (0..n).collect(),
        }
    }
}

/// Standard normal numbers.
pub fn normals(label: &str, n: usize) -> Vec<f64> {
    let key = Key::new(5, "test", label, "");
    let mut uniforms = stream(key, Counter::default());
    (0..n).map(|_| numerics::special::ndtri(uniforms())).collect()
}

/// ln |det|, by elimination with pivots; the matrix row by row.
pub fn ln_det(m: &[f64], n: usize) -> f64 {
    let mut a = m.to_vec();
    let mut ln = 0.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| a[i * n + k].abs().total_cmp(&a[j * n + k].abs())).unwrap();
        (0..n).for_each(|j| a.swap(k * n + j, pivot * n + j));
        ln += a[k * n + k].abs().ln();
        for i in k + 1..n {
            let f = a[i * n + k] / a[k * n + k];
            (k..n).for_each(|j| a[i * n + j] -= f * a[k * n + j]);
        }
    }
    ln
}
