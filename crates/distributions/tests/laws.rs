//! What must hold of every distribution, over the table of examples in `common`.

mod common;

use common::{Case, Quadrature, assert_close, cases, draws, masses, run};
use distributions::{
    DistributionError, Domain, Params, Place, Truncated, bijector_for, in_domain, log_prob_at, tails_at,
};
use graph::interpret::evaluate;
use graph::ir::{Graph, Kind, NodeId, Unary, Varies};
use graph::value::{Bindings, Value};
use graph::vjp::value_and_grad;
use model::Support;

/// Proper laws integrate, or sum, to one; a flat one to the length of its interval.
#[test]
fn densities_are_normalised() {
    for case in cases() {
        let total = if case.law.is_discrete() {
            masses(&case).1.iter().map(|l| l.exp()).sum()
        } else if case.law.is_proper() {
            Quadrature::of(&case).expect(|_| 1.0) + case.atom().map_or(0.0, |(_, p)| p)
        } else {
            let Support::Interval { lower, upper } = case.support() else { unreachable!() };
            if !(upper - lower).is_finite() {
                continue;
            }
            Quadrature::of(&case).expect(|_| 1.0) / (upper - lower)
        };
        // Beyond u = 700 there is e^-35 of a shape of 0.05; lgamma of large arguments costs digits.
        assert_close(total, 1.0, 3e-12, &case.label);
    }
}

/// Every law with tails: truncated at points of its own, it integrates to one.
#[test]
fn tails_agree_with_the_density() {
    let mut tested = 0;
    for case in cases().iter().filter(|c| !c.law.is_discrete() && c.law.is_proper()) {
        if case.label.starts_with("truncated") || case.law.atom().is_some() {
            continue;
        }
        for (k, at) in draws(case, 4, 7).into_iter().enumerate() {
            let tails = tails_at(case.law, &case.params(), &[at]).unwrap()[0];
            assert_close(tails.log_cdf.exp() + tails.log_survival.exp(), 1.0, 1e-13, &case.label);
            let (lower, upper) = if k % 2 == 0 { (at, f64::INFINITY) } else { (f64::NEG_INFINITY, at) };
            let law = Truncated::new(case.law, lower, upper).unwrap();
            let label = format!("{} from {lower} to {upper}", case.label);
            let part = Case { law: Box::leak(Box::new(law)), given: case.given, label, constants_only: true };
            assert_close(Quadrature::of(&part).expect(|_| 1.0), 1.0, 1e-11, &part.label);
            tested += 1;
        }
    }
    assert!(tested >= 60);
}

/// mean() and variance() are those of the density.
#[test]
fn moments_agree_with_the_density() {
    for case in cases() {
        let params = case.params();
        let expect = |f: &dyn Fn(f64) -> f64| {
            if case.law.is_discrete() {
                let (x, l) = masses(&case);
                return x.iter().zip(l).map(|(&x, l)| f(x) * l.exp()).sum();
            }
            Quadrature::of(&case).expect(f) + case.atom().map_or(0.0, |(x, p)| p * f(x))
        };
        let Some(mean) = case.law.mean(&params) else { continue };
        assert_close(expect(&|x| x), mean, 1e-8, &case.label);
        match case.law.variance(&params) {
            Some(v) if v.is_finite() => assert_close(expect(&|x| (x - mean).powi(2)), v, 1e-8, &case.label),
            _ => {}
        }
    }
}

/// Kolmogorov-Smirnov (continuous) and chi-square (discrete), at the 1e-4 level with fixed seeds.
#[test]
fn samplers_draw_from_the_density() {
    let n = 20_000;
    for case in cases().iter().filter(|c| c.law.is_proper()) {
        // Far-out windows are inverted number by number.
        let n = if case.label.starts_with("truncated") { n / 10 } else { n };
        let mut x = draws(case, n, 11);
        x.sort_by(f64::total_cmp);
        for &x in &x {
            assert!(case.law.observable(case.support(), x), "{}: drew {x}", case.label);
        }
        if case.law.is_discrete() {
            chi_square(case, &x);
            continue;
        }
        if let Some((at, p)) = case.atom() {
            let there = x.extract_if(.., |x| *x == at).count() as f64;
            let z = (there - n as f64 * p) / (n as f64 * p * (1.0 - p)).sqrt();
            assert!(z.abs() < 4.5, "{}: {there} draws at {at}, {z:.1} standard errors", case.label);
        }
        let (n, whole) = (x.len(), 1.0 - case.atom().map_or(0.0, |(_, p)| p));
        let cdf: Vec<f64> = Quadrature::of(case).cdf(&x).into_iter().map(|p| p / whole).collect();
        let gap = cdf.iter().enumerate().map(|(k, p)| (p - k as f64 / n as f64).abs()).fold(0.0, f64::max);
        assert!(gap * (n as f64).sqrt() < 2.3, "{}: Kolmogorov-Smirnov distance {gap}", case.label);
    }
}

fn chi_square(case: &Case, sorted: &[f64]) {
    let (x, log_probs) = masses(case);
    let n = sorted.len() as f64;
    let (mut statistic, mut bins) = (0.0, 0);
    let (mut expected, mut seen) = (0.0, 0.0);
    for (k, (&x, l)) in x.iter().zip(log_probs).enumerate() {
        expected += n * l.exp();
        seen += sorted.iter().filter(|&&d| d == x).count() as f64;
        let last = k + 1 == sorted.len();
        if expected >= 10.0 || last {
            statistic += (seen - expected).powi(2) / expected;
            (expected, seen) = (0.0, 0.0);
            bins += 1;
        }
    }
    let df = f64::from(bins - 1).max(1.0);
    // Wilson and Hilferty (1931): the cube root is nearly normal.
    let z = ((statistic / df).cbrt() - (1.0 - 2.0 / (9.0 * df))) / (2.0 / (9.0 * df)).sqrt();
    assert!(z < 3.9, "{}: chi-square {statistic} on {df} degrees of freedom", case.label);
}

/// Means of many draws, in standard errors.
#[test]
fn samplers_have_the_mean() {
    for case in cases().iter().filter(|c| c.law.is_proper()) {
        let params = case.params();
        let (Some(mean), Some(variance)) = (case.law.mean(&params), case.law.variance(&params)) else {
            continue;
        };
        if !variance.is_finite() {
            continue;
        }
        let x = draws(case, 40_000, 3);
        let found = x.iter().sum::<f64>() / x.len() as f64;
        let z = (found - mean) / (variance / x.len() as f64).sqrt();
        assert!(z.abs() < 4.5, "{}: mean {found} against {mean}, {z:.1} standard errors", case.label);
    }
}

/// The density as a graph of lane scalars: x first, then the parameters (constants where they must
/// be).
struct Scalars {
    graph: Graph,
    output: NodeId,
    inputs: Vec<NodeId>,
    at: Vec<(String, f64)>,
}

impl Scalars {
    fn of(case: &Case, x: f64) -> Result<Scalars, DistributionError> {
        Scalars::with(case, x, case.constants_only)
    }

    fn with(case: &Case, x: f64, constants: bool) -> Result<Scalars, DistributionError> {
        let mut g = Graph::new();
        let mut at = vec![("x".to_string(), x)];
        let mut inputs = vec![g.input("x", Varies::Lane, Kind::Real, &[])];
        // Numbers that the law must know: bounds, trials.
        let fixed: &[&str] = match case.law.name() {
            "flat" => &["lower", "upper"],
            "truncated" => &["n"],
            _ => &[],
        };
        let mut slot = 0;
        let values = case.params();
        let names: Vec<&str> = values.iter().map(|(k, _)| case.parameter(k)).collect();
        let params: Params<NodeId> = values.map(|v| {
            let name = names[slot];
            slot += 1;
            if constants || fixed.contains(&name) {
                return g.constant(v);
            }
            at.push((name.to_string(), v));
            inputs.push(g.input(name, Varies::Lane, Kind::Real, &[]));
            inputs[inputs.len() - 1]
        });
        let output = case.law.log_prob(&mut g, &params, inputs[0])?;
        Ok(Scalars { graph: g, output, inputs, at })
    }

    fn value(&self, at: &[(String, f64)]) -> f64 {
        let inputs: Vec<(&str, Vec<f64>)> = at.iter().map(|(n, v)| (n.as_str(), vec![*v])).collect();
        run(&self.graph, &[self.output], &inputs)[0][0]
    }

    fn grads(&self, at: &[(String, f64)]) -> Vec<f64> {
        let vg = value_and_grad(&self.graph, self.output, &self.inputs, &[]).unwrap();
        let inputs: Vec<(&str, Vec<f64>)> = at.iter().map(|(n, v)| (n.as_str(), vec![*v])).collect();
        run(&vg.graph, &vg.grads, &inputs).into_iter().map(|v| v[0]).collect()
    }
}

/// Gradients in x and in every real parameter against central differences.
#[test]
fn gradients_agree_with_differences() {
    for case in cases() {
        let points = if case.law.is_proper() { draws(&case, 5, 5) } else { vec![inside(case.support())] };
        for x in points {
            let scalars = Scalars::of(&case, x).unwrap();
            let grads = scalars.grads(&scalars.at);
            for (k, (name, v)) in scalars.at.iter().enumerate() {
                // A count, or a value with a probability of its own, has no neighbours.
                let whole =
                    if k == 0 { case.law.is_discrete() || case.law.atom() == Some(x) } else { name == "n" };
                if whole {
                    continue;
                }
                // Steps that stay inside the support, and match the scale.
                let h = 1e-5 * edge_distance(&case, k, *v);
                let shifted = |by: f64| {
                    let mut at = scalars.at.clone();
                    at[k].1 += by;
                    (scalars.value(&at), at[k].1)
                };
                let ((high, b), (low, a)) = (shifted(h), shifted(-h));
                let expected = (high - low) / (b - a);
                let noise = 1e-15 * (high.abs() + 1.0) / h;
                let error = (grads[k] - expected).abs();
                let tolerance = 1e-6 * expected.abs() + 20.0 * noise + 1e-7;
                assert!(
                    error < tolerance,
                    "{} at {x}: d/d{name} {} against {expected}",
                    case.label,
                    grads[k]
                );
            }
        }
    }
}

/// Some number in an interval.
fn inside(support: Support) -> f64 {
    let Support::Interval { lower, upper } = support else { unreachable!() };
    if lower.is_finite() { lower + 0.3 } else { upper.min(0.0) - 0.3 }
}

/// How far `v` is from where its domain ends.
fn edge_distance(case: &Case, input: usize, v: f64) -> f64 {
    if input > 0 {
        return if v == 0.0 { 1.0 } else { v.abs().min(if v < 1.0 { (1.0 - v).max(0.1) } else { v }) };
    }
    let (lower, upper) = case.support().range();
    (v - lower).min(upper - v).min(v.abs().max(1.0))
}

/// Outside the support the density of a latent is zero: -inf, never NaN, and no NaN in gradients.
#[test]
fn nothing_lies_outside_the_support() {
    for case in cases() {
        let support = case.support();
        let (lower, upper) = support.range();
        let mut outside = Vec::new();
        if lower.is_finite() {
            outside.extend([lower - 1e-6, lower - 1.0, lower - 1e300, f64::NEG_INFINITY]);
        }
        if upper.is_finite() {
            outside.extend([upper + 1e-6, upper + 1.0, upper + 1e300, f64::INFINITY]);
        }
        if case.law.is_discrete() {
            outside.extend([0.5, 1.0 - 1e-9]);
        }
        let found = log_prob_at(case.law, &case.params(), &outside).unwrap();
        for (&x, l) in outside.iter().zip(found) {
            assert!(!case.law.observable(support, x), "{}: {x}", case.label);
            assert_eq!(l, f64::NEG_INFINITY, "{} at {x}", case.label);
            let scalars = Scalars::of(&case, x).unwrap();
            assert_eq!(
                scalars.value(&scalars.at),
                f64::NEG_INFINITY,
                "{} at {x}, varying parameters",
                case.label
            );
            assert!(scalars.grads(&scalars.at).iter().all(|d| !d.is_nan()), "{} at {x}", case.label);
        }
        // Inside it is finite.
        if case.law.is_proper() {
            let inside = draws(&case, 200, 9);
            let found = log_prob_at(case.law, &case.params(), &inside).unwrap();
            for (x, l) in inside.into_iter().zip(found) {
                assert!(l.is_finite(), "{} at {x}: {l}", case.label);
            }
        }
    }
}

/// Far along the unconstrained line a latent's density falls to -inf at worst: neither it nor its
/// gradient is NaN while it is finite, and it never rises to inf.
#[test]
fn latents_far_along_the_line() {
    for case in cases().iter().filter(|c| !c.law.is_discrete()) {
        let mut g = Graph::new();
        let u = g.input("u", Varies::Lane, Kind::Real, &[]);
        let bijector = bijector_for(&mut g, case.support(), &Place::default()).unwrap();
        let x = bijector.forward(&mut g, u);
        let params = case.params().map(|v| g.constant(v));
        let log_prob = case.law.log_prob(&mut g, &params, x).unwrap();
        let log_det = bijector.log_det_jac(&mut g, u);
        let total = g.add(log_prob, log_det);
        let vg = value_and_grad(&g, total, &[u], &[]).unwrap();
        for at in [-700.0, -300.0, -50.0, -37.0, 37.0, 50.0, 300.0, 700.0] {
            let found = run(&vg.graph, &[vg.value, vg.grads[0]], &[("u", vec![at])]);
            let (value, grad) = (found[0][0], found[1][0]);
            assert!(value < f64::INFINITY, "{} at u = {at}: {value}", case.label);
            assert!(
                !grad.is_nan() || value == f64::NEG_INFINITY,
                "{} at u = {at}: {value}, gradient {grad}",
                case.label
            );
        }
    }
}

/// A pairing is refused by name exactly where the example says so.
#[test]
fn truncation_with_varying_parameters() {
    for case in cases().iter().filter(|c| c.law.name() == "truncated") {
        let x = draws(case, 1, 1)[0];
        let found = Scalars::with(case, x, false).map(|_| ());
        assert_eq!(found.is_err(), case.constants_only, "{}: {found:?}", case.label);
        let constants = Scalars::with(case, x, true).unwrap();
        let expected = constants.value(&[("x".into(), x)]);
        if let Ok(scalars) = Scalars::with(case, x, false) {
            assert_close(scalars.value(&scalars.at), expected, 1e-12, &case.label);
        }
    }
}

/// Parameters outside their domain are found when they are constant.
#[test]
fn constants_are_checked() {
    for case in cases() {
        let params = case.params();
        case.law.check(&params.map(Some)).unwrap();
        for (slot, given) in params.iter() {
            let parameter = case.law.slots()[slot].alternatives[given.alternative];
            let bad: &[f64] = match parameter.domain {
                Domain::Real => &[f64::NAN, f64::INFINITY],
                Domain::Positive => &[f64::NAN, 0.0, -1.0, f64::INFINITY],
                Domain::NonNegative => &[f64::NAN, -1e-9, f64::INFINITY],
                Domain::Unit => &[f64::NAN, -1e-9, 1.0 + 1e-9],
                Domain::Count => &[f64::NAN, -1.0, 0.5, f64::INFINITY],
                Domain::Bound => &[f64::NAN],
                _ => unreachable!("of vectors and matrices"),
            };
            for &value in bad {
                let mut k = 0;
                let broken = params.map(|v| {
                    k += 1;
                    Some(if k - 1 == slot.min(params.iter().count() - 1) { value } else { v })
                });
                let found = case.law.check(&broken);
                assert!(
                    matches!(found, Err(DistributionError::OutOfDomain { parameter: p, .. }) if p == parameter.name),
                    "{}: {} = {value} gives {found:?}",
                    case.label,
                    parameter.name
                );
            }
        }
    }
}

/// A parameter that leaves its domain leaves no density: a formula that stays finite is guarded.
#[test]
fn there_is_no_density_outside_the_domain_of_a_parameter() {
    let mut tested = 0;
    for case in cases().iter().filter(|c| !c.label.starts_with("truncated")) {
        let params = case.params();
        for (slot, given) in params.iter() {
            let parameter = case.law.slots()[slot].alternatives[given.alternative];
            let outside: &[f64] = match parameter.domain {
                Domain::Positive | Domain::NonNegative => &[-0.3, -1.5, -2.0, -40.0],
                Domain::Unit => &[-0.3, 1.4, 11.0],
                // n of a binomial is data, or a constant.
                Domain::Count | Domain::Real | Domain::Bound => continue,
                _ => unreachable!("of vectors and matrices"),
            };
            let (mut g, mut data) = (Graph::new(), Bindings::default());
            let mut at = 0;
            let nodes = params.map(|_| {
                at += 1;
                g.input(&format!("p{at}"), Varies::Lane, Kind::Real, &[])
            });
            for x in draws(case, 40, 3) {
                let x = g.constant(x);
                let density = case.law.log_prob(&mut g, &nodes, x).unwrap();
                let guarded =
                    in_domain(&mut g, case.law, &nodes, density, &|_, _| (f64::NEG_INFINITY, f64::INFINITY));
                for &wrong in outside {
                    let mut at = 0;
                    for (other, value) in params.iter() {
                        at += 1;
                        let value = if other == slot { wrong } else { value.value };
                        data.data.insert(format!("p{at}"), Value::Real(vec![value]));
                    }
                    let Value::Real(found) = evaluate(&g, &[guarded], &data).unwrap().remove(0) else {
                        unreachable!("a density is real")
                    };
                    let none = found[0].is_nan() || found[0] == f64::NEG_INFINITY;
                    assert!(none, "{} with {} = {wrong}: {}", case.label, parameter.name, found[0]);
                    tested += 1;
                }
            }
        }
    }
    assert!(tested > 3000);
}

/// Probabilities and rates of exactly 0, and probabilities of 1, as a presence z makes them of p: what is
/// certain has log density 0, what is impossible -inf, and a mixture over z the gradient of what is left.
#[test]
fn what_is_certain_and_what_is_impossible() {
    // By law: its name, the parameter, and outcomes with their log density where z = 1.
    type Density = fn(f64, f64) -> f64;
    let binomial: Density = |x, p| {
        let ways = [1.0f64, 4.0, 6.0, 4.0, 1.0][x as usize];
        ways.ln() + x * p.ln() + (4.0 - x) * (1.0 - p).ln()
    };
    let bernoulli: Density = |x, p| if x == 1.0 { p.ln() } else { (1.0 - p).ln() };
    let poisson: Density = |x, rate| x * rate.ln() - rate - [1.0f64, 1.0, 2.0][x as usize].ln();
    let laws: [(&str, &str, &[f64], Density); 3] = [
        ("bernoulli", "p", &[0.0, 1.0], bernoulli),
        ("binomial", "p", &[0.0, 1.0, 4.0], binomial),
        ("poisson", "rate", &[0.0, 1.0, 2.0], poisson),
    ];
    for (name, parameter, outcomes, at_one) in laws {
        let law = distributions::lookup(name).unwrap();
        // Zero where z is zero, and one: z p, and 1 - z (1 - p).
        for at_zero in [0.0, 1.0] {
            if name == "poisson" && at_zero == 1.0 {
                continue;
            }
            for &x in outcomes {
                let mut g = Graph::new();
                let (z, dim) = common::vector(&mut g, "z", 2, Varies::Data);
                let u = g.input("u", Varies::Lane, Kind::Real, &[]);
                let p = g.unary(Unary::Sigmoid, u);
                let (one, four) = (g.constant(1.0), g.constant(4.0));
                let rate = if at_zero == 0.0 {
                    g.mul(z, p)
                } else {
                    let q = g.sub(one, p);
                    let none = g.mul(z, q);
                    g.sub(one, none)
                };
                let given: Vec<(&str, NodeId)> = match name {
                    "binomial" => vec![("n", four), (parameter, rate)],
                    _ => vec![(parameter, rate)],
                };
                let params = Params::bind(law, &[], &given).unwrap();
                let seen = g.constant(x);
                let by_z = law.log_prob(&mut g, &params, seen).unwrap();
                let by_z = g.expand(by_z, &[dim]);
                let total = g.logsumexp(by_z, &[dim]);
                let vg = value_and_grad(&g, total, &[u], &[by_z]).unwrap();
                let u = 0.3f64;
                let found =
                    run(&vg.graph, &[vg.others[0], vg.grads[0]], &[("z", vec![0.0, 1.0]), ("u", vec![u])]);
                let label = format!("{name} of {at_zero} at {x}");
                let last = if name == "binomial" { 4.0 } else { 1.0 };
                let certain = x == at_zero * last;
                let none = found[0][0];
                assert!(if certain { none == 0.0 } else { none == f64::NEG_INFINITY }, "{label}: {none}");
                let p = |u: f64| 1.0 / (1.0 + (-u).exp());
                assert_close(found[0][1], at_one(x, p(u)), 1e-14, &label);
                let total = |u: f64| (f64::from(u8::from(certain)) + at_one(x, p(u)).exp()).ln();
                let expected = (total(u + 1e-6) - total(u - 1e-6)) / 2e-6;
                assert_close(found[1][0], expected, 1e-8, &format!("gradient of {label}"));
            }
        }
    }
}
