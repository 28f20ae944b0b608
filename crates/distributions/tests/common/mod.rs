//! The examples on which every distribution is tested, and the means to evaluate them.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod vectors;

use distributions::{
    DISTRIBUTIONS, Distribution, Event, Hurdle, Params, Place, Truncated, ZeroInflated, bijector_for,
    log_prob_at, lookup, stream,
};
use graph::interpret::evaluate;
use graph::ir::{DimId, Graph, Kind, NodeId, Role, Size, Varies};
use graph::value::{Bindings, Value};
use model::Support;
use numerics::random::{Counter, Key};

/// Annual flow of the Nile at Aswan, 1871 to 1970, in 10^8 m^3 (G. Cobb, Biometrika 65, 1978; the
/// values as in R's `datasets::Nile`).
pub const NILE: [f64; 100] = [
    1120., 1160., 963., 1210., 1160., 1160., 813., 1230., 1370., 1140., 995., 935., 1110., 994., 1020., 960.,
    1180., 799., 958., 1140., 1100., 1210., 1150., 1250., 1260., 1220., 1030., 1100., 774., 840., 874., 694.,
    940., 833., 701., 916., 692., 1020., 1050., 969., 831., 726., 456., 824., 702., 1120., 1100., 832., 764.,
    821., 768., 845., 864., 862., 698., 845., 744., 796., 1040., 759., 781., 865., 845., 944., 984., 897.,
    822., 1010., 771., 676., 649., 846., 812., 742., 801., 1040., 860., 874., 848., 890., 744., 749., 838.,
    1050., 918., 986., 797., 923., 975., 815., 1020., 906., 901., 1170., 912., 746., 919., 718., 714., 740.,
];

/// Parameters by name.
pub type Given = &'static [(&'static str, f64)];

/// A truncation: base, parameters, lower, upper, constants only.
type Windowed = (&'static str, Given, f64, f64, bool);

/// A distribution with parameters.
pub struct Case {
    pub law: &'static dyn Distribution,
    pub given: Given,
    pub label: String,
    /// Truncated laws whose tails the graph cannot express: their parameters must be constants.
    pub constants_only: bool,
}

impl Case {
    pub fn params(&self) -> Params<f64> {
        Params::bind(self.law, &[], self.given).unwrap()
    }
    pub fn support(&self) -> Support {
        self.law.support(&self.params().map(Some)).unwrap()
    }
    /// The value with a probability of its own beside the density, and that probability.
    pub fn atom(&self) -> Option<(f64, f64)> {
        let at = self.law.atom()?;
        Some((at, log_prob_at(self.law, &self.params(), &[at]).unwrap()[0].exp()))
    }
    /// Where the density has a corner.
    pub fn corner(&self) -> Option<f64> {
        self.label.contains("laplace").then(|| self.params().at(0))
    }
    /// The name of a slot's parameter.
    pub fn parameter(&self, slot: usize) -> &'static str {
        self.law.slots()[slot].alternatives[self.params().given(slot).unwrap().alternative].name
    }
}

const INF: f64 = f64::INFINITY;

/// Examples of each distribution. A new one adds its lines here; nothing else is needed for it to be
/// tested.
pub fn cases() -> Vec<Case> {
    let table: &[(&str, Given)] = &[
        ("normal", &[("mean", 0.3), ("sd", 1.7)]),
        ("normal", &[("mean", -2.0), ("sd", 0.05)]),
        ("student_t", &[("df", 5.5), ("loc", -0.4), ("scale", 1.3)]),
        ("student_t", &[("df", 1.4), ("loc", 0.2), ("scale", 0.6)]),
        ("student_t", &[("df", 200.0), ("loc", 0.0), ("scale", 2.0)]),
        ("cauchy", &[("loc", 0.5), ("scale", 2.0)]),
        ("laplace", &[("loc", 0.3), ("scale", 1.4)]),
        ("laplace", &[("loc", -2.0), ("scale", 0.2)]),
        ("logistic", &[("loc", 0.3), ("scale", 1.4)]),
        ("logistic", &[("loc", -2.0), ("scale", 0.2)]),
        ("gumbel", &[("loc", 0.3), ("scale", 1.4)]),
        ("gumbel", &[("loc", -2.0), ("scale", 0.2)]),
        ("skew_normal", &[("loc", 0.3), ("scale", 1.4), ("shape", 3.0)]),
        ("skew_normal", &[("loc", -0.5), ("scale", 0.7), ("shape", -0.8)]),
        ("skew_normal", &[("loc", 0.0), ("scale", 1.0), ("shape", 40.0)]),
        ("von_mises", &[("mean", 0.7), ("concentration", 1.3)]),
        ("von_mises", &[("mean", -2.9), ("concentration", 7.5)]),
        ("von_mises", &[("mean", 8.0), ("concentration", 0.05)]),
        ("von_mises", &[("mean", 1.2), ("concentration", 600.0)]),
        ("lognormal", &[("log_mean", 0.4), ("log_sd", 0.7)]),
        ("half_normal", &[("scale", 2.5)]),
        ("half_cauchy", &[("scale", 0.7)]),
        ("half_student_t", &[("df", 4.5), ("scale", 1.2)]),
        ("exponential", &[("rate", 2.3)]),
        ("gamma", &[("shape", 2.5), ("rate", 0.8)]),
        ("gamma", &[("shape", 0.05), ("rate", 3.0)]),
        ("gamma", &[("shape", 1.0), ("rate", 3.0)]),
        ("gamma", &[("shape", 400.0), ("rate", 20.0)]),
        ("inverse_gamma", &[("shape", 4.5), ("scale", 2.0)]),
        ("inverse_gamma", &[("shape", 0.3), ("scale", 1.0)]),
        ("weibull", &[("shape", 1.7), ("scale", 2.2)]),
        ("weibull", &[("shape", 0.4), ("scale", 0.3)]),
        ("weibull", &[("shape", 25.0), ("scale", 9.0)]),
        ("loglogistic", &[("scale", 2.2), ("shape", 4.5)]),
        ("loglogistic", &[("scale", 0.3), ("shape", 0.8)]),
        ("pareto", &[("scale", 1.5), ("shape", 4.5)]),
        ("pareto", &[("scale", 0.2), ("shape", 0.7)]),
        ("beta", &[("a", 2.0), ("b", 3.5)]),
        ("beta", &[("a", 0.05), ("b", 0.1)]),
        ("beta", &[("a", 300.0), ("b", 200.0)]),
        ("uniform", &[("lower", -1.5), ("upper", 4.0)]),
        ("flat", &[("lower", -1.0), ("upper", 0.5)]),
        ("flat", &[("lower", 2.0)]),
        ("flat", &[("upper", 2.0)]),
        ("flat", &[]),
        ("bernoulli", &[("p", 0.3)]),
        ("bernoulli", &[("logit", -1.2)]),
        ("binomial", &[("n", 12.0), ("p", 0.35)]),
        ("binomial", &[("n", 300.0), ("logit", 0.7)]),
        ("poisson", &[("rate", 4.2)]),
        ("poisson", &[("log_rate", 4.6)]),
        ("beta_binomial", &[("n", 12.0), ("a", 2.3), ("b", 0.7)]),
        ("beta_binomial", &[("n", 200.0), ("a", 30.0), ("b", 45.0)]),
        ("negative_binomial", &[("mean", 4.2), ("dispersion", 2.5)]),
        ("negative_binomial", &[("log_mean", 2.1), ("dispersion", 0.9)]),
        ("negative_binomial", &[("mean", 12.0), ("dispersion", 300.0)]),
        ("geometric", &[("p", 0.3)]),
        ("geometric", &[("logit", -1.2)]),
    ];
    let windows: &[Windowed] = &[
        ("normal", &[("mean", 1.0), ("sd", 0.5)], 0.0, INF, false),
        ("normal", &[("mean", 0.0), ("sd", 1.0)], 40.0, INF, false),
        ("normal", &[("mean", 0.0), ("sd", 1.0)], -INF, -40.0, false),
        ("normal", &[("mean", 0.5), ("sd", 2.0)], -1.0, 1.5, false),
        ("normal", &[("mean", 0.0), ("sd", 1.0)], 38.0, 39.0, false),
        ("lognormal", &[("log_mean", 0.4), ("log_sd", 0.7)], 0.5, 3.0, false),
        ("half_normal", &[("scale", 2.5)], 1.0, 6.0, false),
        ("half_normal", &[("scale", 2.5)], -1.0, 0.01, false),
        ("exponential", &[("rate", 2.3)], 0.1, 0.8, false),
        ("exponential", &[("rate", 2.3)], 300.0, INF, false),
        ("laplace", &[("loc", 0.3), ("scale", 1.4)], 50.0, INF, false),
        ("laplace", &[("loc", 0.3), ("scale", 1.4)], -1.0, 2.0, false),
        ("logistic", &[("loc", 0.3), ("scale", 1.4)], -INF, -60.0, false),
        ("logistic", &[("loc", 0.3), ("scale", 1.4)], -1.0, 2.0, false),
        ("gumbel", &[("loc", 0.3), ("scale", 1.4)], 1100.0, INF, false),
        ("gumbel", &[("loc", 0.3), ("scale", 1.4)], -4.0, -1.0, false),
        ("skew_normal", &[("loc", 0.3), ("scale", 1.4), ("shape", 3.0)], -9.0, -3.0, true),
        ("von_mises", &[("mean", 0.7), ("concentration", 9.0)], -3.0, -1.5, true),
        ("weibull", &[("shape", 1.7), ("scale", 2.2)], 40.0, INF, false),
        ("weibull", &[("shape", 1.7), ("scale", 2.2)], -INF, 0.001, false),
        ("loglogistic", &[("scale", 2.2), ("shape", 4.5)], 0.5, 9.0, false),
        ("pareto", &[("scale", 1.5), ("shape", 4.5)], 3.0, 90.0, true),
        ("uniform", &[("lower", -1.5), ("upper", 4.0)], 0.0, 9.0, true),
        ("student_t", &[("df", 5.5), ("loc", -0.4), ("scale", 1.3)], 0.0, INF, false),
        ("student_t", &[("df", 5.5), ("loc", -0.4), ("scale", 1.3)], -3.0, 7.0, false),
        ("half_student_t", &[("df", 4.5), ("scale", 1.2)], 0.5, 90.0, false),
        ("cauchy", &[("loc", 0.5), ("scale", 2.0)], 100.0, INF, false),
        ("cauchy", &[("loc", 0.5), ("scale", 2.0)], -2.0, 1.0, false),
        ("half_cauchy", &[("scale", 0.7)], 0.1, 50.0, false),
        ("gamma", &[("shape", 2.5), ("rate", 0.8)], 200.0, INF, false),
        ("gamma", &[("shape", 0.05), ("rate", 3.0)], 0.001, 0.1, false),
        ("inverse_gamma", &[("shape", 4.5), ("scale", 2.0)], 0.01, 0.2, false),
        ("beta", &[("a", 2.0), ("b", 3.5)], 0.3, 0.6, false),
        ("beta", &[("a", 300.0), ("b", 200.0)], 0.0, 0.1, false),
        ("binomial", &[("n", 12.0), ("p", 0.35)], 1.0, 11.0, false),
        ("poisson", &[("rate", 0.2)], 1.0, INF, false),
        ("poisson", &[("rate", 4.2)], 15.0, INF, false),
        ("poisson", &[("log_rate", 4.6)], 80.0, INF, false),
        ("poisson", &[("rate", 4.2)], 2.0, 9.0, false),
        ("beta_binomial", &[("n", 12.0), ("a", 2.3), ("b", 0.7)], 1.0, 11.0, false),
    ];
    let inflated: &[(&str, Given)] = &[
        ("poisson", &[("rate", 4.2), ("zero", 0.3)]),
        ("poisson", &[("log_rate", 0.1), ("zero_logit", -2.0)]),
        ("negative_binomial", &[("mean", 4.2), ("dispersion", 1.5), ("zero_logit", 0.4)]),
        ("binomial", &[("n", 12.0), ("p", 0.35), ("zero", 0.2)]),
    ];
    let hurdles: &[(&str, Given)] = &[
        ("poisson", &[("rate", 0.02), ("zero", 0.3)]),
        ("poisson", &[("log_rate", 2.1), ("zero_logit", -2.0)]),
        ("negative_binomial", &[("log_mean", 1.2), ("dispersion", 1.5), ("zero", 0.6)]),
        ("gamma", &[("shape", 0.6), ("rate", 0.8), ("zero", 0.3)]),
        ("lognormal", &[("log_mean", 0.4), ("log_sd", 0.7), ("zero_logit", 0.5)]),
        ("beta", &[("a", 2.0), ("b", 3.5), ("zero", 0.1)]),
    ];
    let mut cases: Vec<Case> = table
        .iter()
        .map(|&(name, given)| {
            let law = lookup(name).unwrap_or_else(|| panic!("{name} is not registered"));
            Case { law, given, label: format!("{name}{given:?}"), constants_only: false }
        })
        .collect();
    cases.extend(windows.iter().map(|&(name, given, lower, upper, constants_only)| {
        let law = Truncated::new(lookup(name).unwrap(), lower, upper).unwrap();
        let label = format!("truncated({name}{given:?}, {lower}, {upper})");
        Case { law: Box::leak(Box::new(law)), given, label, constants_only }
    }));
    let law = |name: &str| lookup(name).unwrap();
    cases.extend(
        inflated.iter().map(|&(name, given)| modified(ZeroInflated::new(law(name)).unwrap(), name, given)),
    );
    cases.extend(hurdles.iter().map(|&(name, given)| modified(Hurdle::new(law(name)).unwrap(), name, given)));
    for law in DISTRIBUTIONS.iter().filter(|law| law.event() == Event::Scalar) {
        assert!(cases.iter().any(|c| c.law.name() == law.name()), "{} has no example", law.name());
    }
    cases
}

/// A modified law: its parameters are the base's and its own.
fn modified(law: impl Distribution + 'static, base: &str, given: Given) -> Case {
    let label = format!("{}({base}{given:?})", law.name());
    Case { law: Box::leak(Box::new(law)), given, label, constants_only: false }
}

/// The values of `outputs` for inputs given by name.
pub fn run(g: &Graph, outputs: &[NodeId], inputs: &[(&str, Vec<f64>)]) -> Vec<Vec<f64>> {
    let mut bindings = Bindings::default();
    for (name, values) in inputs {
        bindings.data.insert(name.to_string(), Value::Real(values.clone()));
    }
    let values = evaluate(g, outputs, &bindings).unwrap();
    values
        .into_iter()
        .map(|v| match v {
            Value::Real(v) => v,
            Value::Index(_) => unreachable!(),
        })
        .collect()
}

/// A vector input and its dimension.
pub fn vector(g: &mut Graph, name: &str, n: usize, varies: Varies) -> (NodeId, DimId) {
    let dim = g.add_dim(&format!("{name} points"), Role::Plain, Size::Fixed(n));
    (g.input(name, varies, Kind::Real, &[dim]), dim)
}

/// Points of a continuous support with the log of density times weight at each: the sum of their
/// exponentials is the integral. The density is taken of the bijector's value, with its log
/// determinant, as in a model.
///
/// The trapezoidal rule after u = sinh(s), and on the whole line x = sinh(sinh(s)), converges faster
/// than any power (Takahasi and Mori 1974), from corner to corner of the density.
pub struct Quadrature {
    pieces: Vec<Piece>,
}

struct Piece {
    support: Support,
    x: Vec<f64>,
    /// The coordinate in which the points are equidistant.
    s: Vec<f64>,
    log_weighted: Vec<f64>,
}

impl Quadrature {
    pub fn of(case: &Case) -> Quadrature {
        let support = case.support();
        let Support::Interval { lower, upper } = support else { panic!("{} is discrete", case.label) };
        let corner = case.corner().filter(|c| lower < *c && *c < upper);
        let pieces = match corner {
            None => vec![Piece::of(case, support)],
            Some(at) => {
                let (below, above) =
                    (Support::Interval { lower, upper: at }, Support::Interval { lower: at, upper });
                vec![Piece::of(case, below), Piece::of(case, above)]
            }
        };
        Quadrature { pieces }
    }

    /// The integral of f times the density, over the points where the latter is not zero.
    pub fn expect(&self, f: impl Fn(f64) -> f64) -> f64 {
        let terms = self.pieces.iter().flat_map(|p| p.x.iter().zip(&p.log_weighted));
        terms.filter(|(_, l)| **l > -700.0).map(|(&x, l)| f(x) * l.exp()).sum()
    }

    /// P(X <= x) for the sorted points `x`, by interpolation in s.
    pub fn cdf(&self, sorted: &[f64]) -> Vec<f64> {
        let mut found = vec![0.0; sorted.len()];
        for piece in &self.pieces {
            let added = piece.cdf(sorted);
            found.iter_mut().zip(added).for_each(|(f, a)| *f += a);
        }
        found
    }
}

impl Piece {
    fn of(case: &Case, support: Support) -> Piece {
        let (steps, end) = (6000, 700f64.asinh());
        let h = 2.0 * end / steps as f64;
        let s: Vec<f64> = (0..=steps).map(|k| -end + h * k as f64).collect();
        let whole = support == Support::REAL;
        let u: Vec<f64> = s.iter().map(|s| if whole { s.sinh().sinh() } else { s.sinh() }).collect();
        let ln_cosh = |t: f64| t.abs() + (-2.0 * t.abs()).exp().ln_1p() - std::f64::consts::LN_2;
        let ln_step = |s: &f64| h.ln() + ln_cosh(*s) + if whole { ln_cosh(s.sinh()) } else { 0.0 };

        let mut g = Graph::new();
        let (input, dim) = vector(&mut g, "u", u.len(), Varies::Lane);
        let bijector = bijector_for(&mut g, support, &Place::default()).unwrap();
        let x = bijector.forward(&mut g, input);
        let params = case.params().map(|v| g.constant(v));
        let log_prob = case.law.log_prob(&mut g, &params, x).unwrap();
        let log_det = bijector.log_det_jac(&mut g, input);
        let total = g.add(log_prob, log_det);
        let outputs = [x, total].map(|n| g.expand(n, &[dim]));
        let values = run(&g, &outputs, &[("u", u)]);
        let log_weighted = values[1].iter().zip(&s).map(|(l, s)| l + ln_step(s)).collect();
        Piece { support, x: values[0].clone(), s, log_weighted }
    }

    /// The probability of the piece up to each point.
    fn cdf(&self, sorted: &[f64]) -> Vec<f64> {
        let (lower, upper) = self.support.range();
        let clipped: Vec<f64> = sorted.iter().map(|x| x.clamp(lower, upper)).collect();
        let u = inverse(self.support, &clipped);
        // A bijector from an upper bound falls.
        let falls = self.x[0] > self.x[self.x.len() - 1];
        let mut below = vec![0.0];
        for pair in self.log_weighted.windows(2) {
            below.push(below[below.len() - 1] + 0.5 * (pair[0].exp() + pair[1].exp()));
        }
        let total = below[below.len() - 1];
        let h = self.s[1] - self.s[0];
        let at = |(x, u): (&f64, f64)| {
            if *x < lower || *x > upper {
                return if *x < lower { 0.0 } else { total };
            }
            let s = if self.support == Support::REAL { u.asinh().asinh() } else { u.asinh() };
            let t = ((s - self.s[0]) / h).clamp(0.0, (self.s.len() - 2) as f64);
            let k = t.floor() as usize;
            let p = below[k] + (t - k as f64) * (below[k + 1] - below[k]);
            if falls { total - p } else { p }
        };
        sorted.iter().zip(u).map(at).collect()
    }
}

/// The coordinates of `x` under the bijector onto `support`.
pub fn inverse(support: Support, x: &[f64]) -> Vec<f64> {
    let mut g = Graph::new();
    let (input, _) = vector(&mut g, "x", x.len(), Varies::Lane);
    let bijector = bijector_for(&mut g, support, &Place::default()).unwrap();
    let u = bijector.inverse(&mut g, input);
    run(&g, &[u], &[("x", x.to_vec())]).remove(0)
}

/// The integers that carry all but 1e-14 of a discrete law, and their log probabilities.
pub fn masses(case: &Case) -> (Vec<f64>, Vec<f64>) {
    let Support::Integers { lower, upper } = case.support() else { panic!("{} is continuous", case.label) };
    let last = upper.min(lower + 600.0);
    let x: Vec<f64> = (0..=(last - lower) as usize).map(|k| lower + k as f64).collect();
    let log_probs = distributions::log_prob_at(case.law, &case.params(), &x).unwrap();
    (x, log_probs)
}

pub fn draws(case: &Case, n: usize, seed: u64) -> Vec<f64> {
    let (params, key) = (case.params(), Key::new(seed, "test", &case.label, ""));
    let draw = |draw| stream(key, Counter { draw, ..Counter::default() });
    (0..n as u32).map(|k| case.law.sample(&params, &mut draw(k)).unwrap()).collect()
}

#[track_caller]
pub fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance || found == expected, "{what}: {found} against {expected}, error {error:.1e}");
}
