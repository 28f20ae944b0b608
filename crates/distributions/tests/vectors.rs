//! What must hold of every law of vectors, matrices and outcomes, over the examples in
//! `common/vectors.rs`.

mod common;

use common::vectors::{Bound, Case, Map, cases, log_probs, normals};
use common::{assert_close, run};
use distributions::{Domain, Event, Fault, Params, in_domain};
use graph::ir::{DimId, Graph, Kind, NodeId, Role, Size, Varies};
use graph::program::{Options, Program};
use graph::value::Bindings;
use graph::vjp::value_and_grad;
use model::Support;
use numerics::lanes::Lanes;

const INF: f64 = f64::INFINITY;

fn continuous() -> impl Iterator<Item = Case> {
    cases().into_iter().filter(|c| !c.law.is_discrete())
}

/// Every value of a discrete law of the examples.
fn values(case: &Case) -> Vec<Vec<f64>> {
    if case.law.event() == Event::Outcome {
        return (1..=case.law.outcomes(case.n)).map(|k| vec![k as f64]).collect();
    }
    let total = case.params().at(0)[0];
    let mut found = vec![vec![]];
    for _ in 0..case.n {
        found = found
            .iter()
            .flat_map(|v: &Vec<f64>| (0..=total as u32).map(|k| [&v[..], &[f64::from(k)]].concat()))
            .collect();
    }
    found.retain(|v| v.iter().sum::<f64>() == total);
    found
}

#[test]
fn probabilities_sum_to_one() {
    for case in cases().iter().filter(|c| c.law.is_discrete()) {
        let total: f64 = log_probs(case, &values(case)).iter().map(|l| l.exp()).sum();
        assert_close(total, 1.0, 1e-14, &case.label);
    }
}

/// Chi-square against the probabilities, at the 1e-4 level with fixed seeds.
#[test]
fn samplers_draw_what_is_likely() {
    let n = 20_000;
    for case in cases().iter().filter(|c| c.law.is_discrete()) {
        let (values, draws) = (values(case), case.draws(n, 11));
        let (mut statistic, mut bins, mut counted) = (0.0, 0, 0);
        for (value, l) in values.iter().zip(log_probs(case, &values)) {
            let seen = draws.iter().filter(|d| *d == value).count();
            counted += seen;
            let expected = f64::from(n) * l.exp();
            assert!(expected > 0.0 || seen == 0, "{}: drew {value:?}", case.label);
            if expected >= 5.0 {
                statistic += (seen as f64 - expected).powi(2) / expected;
                bins += 1;
            }
        }
        assert_eq!(counted, n as usize, "{}", case.label);
        let df = f64::from(bins - 1);
        // Wilson and Hilferty (1931): the cube root is nearly normal.
        let z = ((statistic / df).cbrt() - (1.0 - 2.0 / (9.0 * df))) / (2.0 / (9.0 * df)).sqrt();
        assert!(z < 3.9, "{}: chi-square {statistic} on {df} degrees of freedom", case.label);
    }
}

/// Means of functions whose mean and variance are known, in standard errors.
#[test]
fn samplers_have_the_moments() {
    let n = 40_000;
    for case in cases() {
        let draws = case.draws(n, 3);
        for (k, (f, mean, variance)) in case.moments.iter().enumerate() {
            let x: Vec<f64> = draws.iter().map(|d| f(d)).collect();
            let found = x.iter().sum::<f64>() / x.len() as f64;
            let error = (variance / x.len() as f64).sqrt();
            assert!((found - mean).abs() <= 4.5 * error + 1e-15, "{} {k}: {found}, not {mean}", case.label);
            // Fourth moments of the heaviest examples are large.
            let spread = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
            assert!(
                (spread - variance).abs() <= 0.12 * variance,
                "{} {k}: {spread}, not {variance}",
                case.label
            );
        }
    }
}

/// Draws in the unconstrained coordinates, where an importance sampler of heavy tails about their mean
/// must find what they say, and that the density integrates to one.
#[test]
fn densities_are_normalised_and_agree_with_samplers() {
    let n = 40_000;
    for case in continuous() {
        let map = Map::new(case.support(), case.n);
        let drawn = map.inverse(&case.draws(n, 17));
        let size = map.size;
        let mean: Vec<f64> = (0..size).map(|k| average(&drawn, |u| u[k])).collect();
        let mut covariance = vec![0.0; size * size];
        for (i, j) in (0..size).flat_map(|i| (0..size).map(move |j| (i, j))) {
            covariance[i * size + j] = average(&drawn, |u| (u[i] - mean[i]) * (u[j] - mean[j]));
        }
        let (proposed, log_q) = student_t(&mean, &covariance, n as usize, &case.label);
        let (x, log_det) = map.forward(&proposed);
        let log_p = log_probs(&case, &x);
        let weights: Vec<f64> =
            (0..proposed.len()).map(|k| (log_p[k] + log_det[k] - log_q[k]).exp()).collect();

        let (total, error) = mean_and_error(weights.iter().copied());
        assert!(error < 0.02, "{}: a poor proposal, {error}", case.label);
        assert!((total - 1.0).abs() < 4.0 * error, "{}: {total} +- {error}", case.label);
        // First and second moments of the coordinates, by draws and by weights.
        let pairs = (0..size).flat_map(|i| (0..=i).map(move |j| (i, Some(j))));
        for (i, j) in (0..size).map(|i| (i, None)).chain(pairs) {
            let f = |u: &[f64]| {
                let d = |k: usize| (u[k] - mean[k]) / covariance[k * size + k].sqrt();
                j.map_or(d(i), |j| d(i) * d(j))
            };
            let (by_draws, error) = mean_and_error(drawn.iter().map(|u| f(u)));
            let weighted = proposed.iter().zip(&weights).map(|(u, w)| f(u) * w);
            let (by_weights, other) = mean_and_error(weighted);
            let z = (by_draws - by_weights) / error.hypot(other);
            assert!(z.abs() < 4.5, "{} {i} {j:?}: {by_draws} and {by_weights}, {z:.1}", case.label);
        }
    }
}

fn average(x: &[Vec<f64>], f: impl Fn(&[f64]) -> f64) -> f64 {
    x.iter().map(|x| f(x)).sum::<f64>() / x.len() as f64
}

fn mean_and_error(x: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = x.clone().count() as f64;
    let mean = x.clone().sum::<f64>() / n;
    (mean, (x.map(|x| (x - mean).powi(2)).sum::<f64>() / n / n).sqrt())
}

/// Draws of a multivariate Student's t of 6 degrees of freedom, and their log density.
fn student_t(mean: &[f64], covariance: &[f64], n: usize, label: &str) -> (Vec<Vec<f64>>, Vec<f64>) {
    let (size, df) = (mean.len(), 6.0);
    let mut l = vec![0.0; size * size];
    for (i, j) in (0..size).flat_map(|i| (0..=i).map(move |j| (i, j))) {
        let rest = covariance[i * size + j] - (0..j).map(|k| l[i * size + k] * l[j * size + k]).sum::<f64>();
        l[i * size + j] = if i == j { rest.sqrt() } else { rest / l[j * size + j] };
    }
    let ln_det: f64 = (0..size).map(|i| l[i * size + i].ln()).sum();
    let lgamma = numerics::special::lgamma;
    let half = 0.5 * (df + size as f64);
    let norm =
        lgamma(half) - lgamma(0.5 * df) - 0.5 * size as f64 * (df * std::f64::consts::PI).ln() - ln_det;
    let z = normals(label, n * (size + 6));
    z.chunks(size + 6)
        .map(|z| {
            let (z, chi) = z.split_at(size);
            let scale = (df / chi.iter().map(|c| c * c).sum::<f64>()).sqrt();
            let at = |i: usize| mean[i] + scale * (0..=i).map(|k| l[i * size + k] * z[k]).sum::<f64>();
            let square = z.iter().map(|z| z * z).sum::<f64>() * scale * scale;
            ((0..size).map(at).collect(), norm - half * (square / df).ln_1p())
        })
        .unzip()
}

/// Drawn values can be observed, and what is put out of shape cannot.
#[test]
fn draws_are_observable() {
    for case in cases() {
        let known = case.params().map(Some);
        for x in case.draws(200, 4) {
            assert!(x.iter().all(|&x| case.law.observable(case.law.widest_support(), x)), "{}", case.label);
            assert!(case.law.observable_value(&known, &x), "{}: {x:?}", case.label);
            let mut wrong = x.clone();
            *wrong.last_mut().unwrap() += 1.0;
            if case.n == 1
                || matches!(case.law.name(), "multivariate_normal" | "categorical" | "ordered_logistic")
            {
                continue;
            }
            wrong[1] += 0.25;
            assert!(!case.law.observable_value(&known, &wrong), "{}: {wrong:?}", case.label);
        }
    }
}

/// What no value of a law can be, each for one reason.
#[test]
fn what_cannot_be_observed() {
    let observable = |name: &str, given: &[(&'static str, &'static [f64])], x: &[f64]| {
        let law = distributions::lookup(name).unwrap();
        let given: Vec<(&str, Option<&[f64]>)> = given.iter().map(|(n, v)| (*n, Some(*v))).collect();
        law.observable_value(&Params::bind(law, &[], &given).unwrap(), x)
    };
    let counts: &[(&str, &[f64])] = &[("n", &[3.0]), ("p", &[0.5, 0.5])];
    assert!(observable("multinomial", counts, &[1.0, 2.0]));
    assert!(!observable("multinomial", counts, &[1.0, 1.0]), "too few");
    assert!(!observable("multinomial", counts, &[0.5, 2.5]), "not whole");
    assert!(!observable("multinomial", counts, &[-1.0, 4.0]), "negative");
    // Trials that are not data tell nothing.
    let law = distributions::lookup("multinomial").unwrap();
    let unknown = Params::bind(law, &[None, None], &[]).unwrap();
    assert!(law.observable_value(&unknown, &[1.0, 1.0]) && !law.observable_value(&unknown, &[0.5, 1.0]));

    let alpha: &[(&str, &[f64])] = &[("alpha", &[2.0])];
    assert!(observable("dirichlet", alpha, &[0.3, 0.7 + 9e-7]));
    assert!(!observable("dirichlet", alpha, &[0.3, 0.7 + 2e-6]), "more than one");
    assert!(!observable("dirichlet", alpha, &[0.0, 1.0]), "nothing of one");

    let eta: &[(&str, &[f64])] = &[("eta", &[2.0])];
    assert!(observable("lkj_cholesky", eta, &[1.0, 0.0, -0.6, 0.8]));
    assert!(!observable("lkj_cholesky", eta, &[1.0, 0.0, -0.6, -0.8]), "a negative diagonal");
    assert!(!observable("lkj_cholesky", eta, &[0.8, 0.6, 0.6, 0.8]), "not lower");
    assert!(!observable("lkj_cholesky", eta, &[1.0, 0.0, 0.6, 0.7]), "a short row");

    let scale: &[(&str, &[f64])] = &[("df", &[4.0]), ("scale", &[1.0, 0.0, 0.0, 1.0])];
    for name in ["wishart", "inverse_wishart"] {
        assert!(observable(name, scale, &[2.0, 1.0, 1.0, 2.0]));
        assert!(!observable(name, scale, &[2.0, 1.0, 1.001, 2.0]), "not symmetric");
        assert!(!observable(name, scale, &[1.0, 2.0, 2.0, 1.0]), "indefinite");
    }
}

/// A row of ratings costs what two cutpoints do, however many there are.
#[test]
fn a_rating_picks_its_cutpoints() {
    use graph::ir::{Op, Unary};
    let law = distributions::lookup("ordered_logistic").unwrap();
    let mut g = Graph::new();
    let row = g.add_dim("row", Role::Row, Size::Bound);
    let d = g.add_dim("d", Role::Plain, Size::Fixed(9));
    let x = g.input("x", Varies::Data, Kind::Real, &[row]);
    let eta = g.input("eta", Varies::Lane, Kind::Real, &[row]);
    let cutpoints = g.input("cutpoints", Varies::Lane, Kind::Real, &[d]);
    let params = Params::bind(law, &[eta, cutpoints], &[]).unwrap().over(&[d]);
    let density = law.log_prob(&mut g, &params, x).unwrap();
    assert_eq!(g.ty(density).dims, [row]);
    let costly: Vec<&[DimId]> = g
        .nodes()
        .iter()
        .filter(|n| {
            matches!(n.op, Op::Unary(Unary::Softplus | Unary::Exp | Unary::Expm1 | Unary::Ln | Unary::Log1p))
        })
        .map(|n| &n.ty.dims[..])
        .collect();
    assert_eq!(costly.iter().filter(|d| d.contains(&row)).count(), 2);
    assert!(costly.iter().all(|dims| dims.len() == 1), "{costly:?}");
}

/// In the coordinates of the value and in every parameter against central differences; of a symmetric
/// matrix in both elements of a pair, of a factor in those that are read.
#[test]
fn gradients_agree_with_differences() {
    for case in cases() {
        let mut b = Bound::of(&case);
        let discrete = case.law.is_discrete();
        let map = Map::new(case.support(), case.n);
        let draw = case.draws(1, 23).remove(0);
        let (x, log_det, u) = if discrete {
            let x = b.g.input("x", Varies::Data, Kind::Real, &b.own);
            (x, b.g.constant(0.0), None)
        } else {
            let (u, x, log_det) = map.emit(&mut b.g, &[]);
            (x, log_det, Some(u))
        };
        let density = case.law.log_prob(&mut b.g, &b.params, x).unwrap();
        let total = b.g.add(density, log_det);
        let mut at = b.bindings();
        let mut wrt: Vec<NodeId> = b.inputs.iter().map(|i| i.1).collect();
        match u {
            Some(u) => {
                at.push(("u", map.inverse(&[draw]).remove(0)));
                wrt.push(u);
            }
            None => at.push(("x", draw)),
        }
        let vg = value_and_grad(&b.g, total, &wrt, &[]).unwrap();
        let full: Vec<NodeId> = {
            let mut g = vg.graph.clone();
            let outputs = wrt.iter().zip(&vg.grads);
            let outputs = outputs.map(|(&x, &d)| {
                let dims = b.g.ty(x).dims.clone();
                g.expand(d, &dims)
            });
            let outputs: Vec<NodeId> = outputs.collect();
            check(&case, &g, vg.value, &outputs, &at, discrete);
            outputs
        };
        assert_eq!(full.len(), wrt.len());
    }
}

fn check(
    case: &Case,
    g: &Graph,
    value: NodeId,
    grads: &[NodeId],
    at: &[(&'static str, Vec<f64>)],
    discrete: bool,
) {
    let grads = run(g, grads, at);
    let n = case.n;
    for (k, (name, v)) in at.iter().enumerate() {
        if discrete && (*name == "x" || *name == "n") {
            continue;
        }
        let is_square = matches!(*name, "covariance" | "precision" | "scale");
        for e in 0..v.len() {
            let (i, j) = (e / n, e % n);
            if (is_square || *name == "cholesky") && j > i || v[e] == 0.0 && *name == "p" {
                continue;
            }
            let h = 1e-5 * v[e].abs().clamp(0.1, 1.0);
            let shifted = |by: f64| {
                let mut at = at.to_vec();
                at[k].1[e] += by;
                if is_square && i != j {
                    at[k].1[j * n + i] += by;
                }
                run(g, &[value], &at)[0][0]
            };
            let expected = (shifted(h) - shifted(-h)) / (2.0 * h);
            let mut found = grads[k][e];
            if is_square && i != j {
                found += grads[k][j * n + i];
            }
            let tolerance = 1e-6 * expected.abs() + 1e-7;
            assert!(
                (found - expected).abs() < tolerance,
                "{}: d/d{name}[{e}] {found}, not {expected}",
                case.label
            );
        }
    }
}

/// Parameters and values that leave no density: -inf, or NaN where it is told by a factor that there is
/// none, never a number.
#[test]
fn nothing_outside() {
    let density = |name: &str, n: usize, given: &[(&'static str, &'static [f64])], x: &[f64]| {
        let law = distributions::lookup(name).unwrap();
        let given = Box::leak(given.to_vec().into_boxed_slice());
        let case = Case { law, n, given, moments: &[], label: String::new() };
        let mut b = Bound::of(&case);
        let x_node = b.g.input("x", Varies::Lane, Kind::Real, &b.own);
        let density = law.log_prob(&mut b.g, &b.params, x_node).unwrap();
        let density = in_domain(&mut b.g, law, &b.params, density, &|_, _| (-INF, INF));
        let mut inputs = b.bindings();
        inputs.push(("x", x.to_vec()));
        run(&b.g, &[density], &inputs)[0][0]
    };
    let indefinite: &[f64] = &[1.0, 2.0, 2.0, 1.0];
    let unit: &[f64] = &[1.0, 0.0, 0.0, 1.0];
    let backwards: &[f64] = &[1.0, 0.0, 0.3, -1.0];
    let none = [
        ("dirichlet", density("dirichlet", 2, &[("alpha", &[0.5, 0.5])], &[0.0, 1.0])),
        ("dirichlet", density("dirichlet", 2, &[("alpha", &[2.0, -0.5])], &[0.5, 0.5])),
        ("dirichlet", density("dirichlet", 2, &[("alpha", &[-0.5])], &[0.5, 0.5])),
        ("categorical", density("categorical", 3, &[("p", &[0.5, -0.1, 0.6])], &[1.0])),
        ("multinomial", density("multinomial", 2, &[("n", &[3.0]), ("p", &[0.5, 0.5])], &[1.0, 1.0])),
        ("multinomial", density("multinomial", 2, &[("n", &[3.0]), ("p", &[0.5, 0.5])], &[1.5, 1.5])),
        ("multinomial", density("multinomial", 2, &[("n", &[3.0]), ("p", &[0.5, 0.5])], &[-1.0, 4.0])),
        (
            "ordered_logistic",
            density("ordered_logistic", 2, &[("eta", &[0.0]), ("cutpoints", &[1.0, 0.5])], &[1.0]),
        ),
        (
            "normal",
            density("multivariate_normal", 2, &[("mean", &[0.0]), ("covariance", indefinite)], &[0.0, 0.0]),
        ),
        (
            "normal",
            density("multivariate_normal", 2, &[("mean", &[0.0]), ("precision", indefinite)], &[0.0, 0.0]),
        ),
        (
            "normal",
            density("multivariate_normal", 2, &[("mean", &[0.0]), ("cholesky", backwards)], &[0.0, 0.0]),
        ),
        ("lkj", density("lkj_cholesky", 2, &[("eta", &[2.0])], backwards)),
        ("lkj", density("lkj_cholesky", 2, &[("eta", &[-0.3])], &[1.0, 0.0, 0.6, 0.8])),
        ("wishart", density("wishart", 2, &[("df", &[4.0]), ("scale", unit)], indefinite)),
        ("wishart", density("wishart", 2, &[("df", &[4.0]), ("scale", indefinite)], unit)),
        ("wishart", density("wishart", 2, &[("df", &[1.0]), ("scale", unit)], unit)),
        ("wishart", density("wishart", 2, &[("df", &[-1.5]), ("scale", unit)], unit)),
        ("inverse_wishart", density("inverse_wishart", 2, &[("df", &[0.7]), ("scale", unit)], unit)),
        ("inverse_wishart", density("inverse_wishart", 2, &[("df", &[4.0]), ("cholesky", backwards)], unit)),
    ];
    for (k, (name, found)) in none.into_iter().enumerate() {
        assert_eq!(found, -INF, "{name} {k}");
    }
}

/// Far along the lines of the coordinates a density falls to -inf at worst, and neither it nor its
/// gradient is NaN where it is finite, unless it is so low that its square overflows.
#[test]
fn latents_far_along_the_line() {
    for case in continuous() {
        let mut b = Bound::of(&case);
        let map = Map::new(case.support(), case.n);
        let (u, x, log_det) = map.emit(&mut b.g, &[]);
        let density = case.law.log_prob(&mut b.g, &b.params, x).unwrap();
        let total = b.g.add(density, log_det);
        let vg = value_and_grad(&b.g, total, &[u], &[]).unwrap();
        for far in [-700.0, -300.0, -40.0, 40.0, 300.0, 700.0] {
            for one in 0..=map.size {
                // One coordinate, or all.
                let at: Vec<f64> =
                    (0..map.size).map(|k| if one == k || one == map.size { far } else { 0.1 }).collect();
                let mut inputs = b.bindings();
                inputs.push(("u", at.clone()));
                let found = run(&vg.graph, &[vg.value, vg.grads[0]], &inputs);
                let value = found[0][0];
                assert!(value < INF, "{} at {at:?}: {value}", case.label);
                let sound = found[1].iter().all(|d| !d.is_nan()) || value < -1e150;
                assert!(sound, "{} at {at:?}: {value}, gradient {:?}", case.label, found[1]);
            }
        }
    }
}

/// A covariance that comes from its bijector is never factored again, nor checked.
#[test]
fn a_factor_that_is_known_is_used() {
    use graph::ir::Op;
    let mut g = Graph::new();
    g.add_dim("d", Role::Plain, Size::Fixed(4));
    let (_, sigma, _) = Map::new(Support::PositiveDefinite, 4).emit(&mut g, &[]);
    let d = g.find_dim("d").unwrap();
    let (zero, prime) = (g.constant(0.0), g.prime(d));
    let x = g.input("x", Varies::Lane, Kind::Real, &[d]);
    let five = g.constant(5.0);
    let nodes = g.nodes().len();
    for (name, first, event, value) in [
        ("multivariate_normal", zero, vec![d], x),
        ("wishart", five, vec![d, prime], sigma),
        ("inverse_wishart", five, vec![d, prime], sigma),
    ] {
        let law = distributions::lookup(name).unwrap();
        let params = Params::bind(law, &[first, sigma], &[]).unwrap().over(&event);
        law.log_prob(&mut g, &params, value).unwrap();
    }
    let factored = g.nodes()[nodes..].iter().any(|n| matches!(n.op, Op::Cholesky { .. }));
    assert!(!factored);
    let never = g.constant(-INF);
    assert!(!g.nodes().iter().any(|n| n.op == Op::Select && n.args.contains(&never)), "checked");
}

/// Vectors over groups, a correlated prior: b over (county, coef), with means, scales and a factor that
/// are latent; value and gradient by the program, eight draws at once, as by the interpreter.
#[test]
fn correlated_effects_by_the_program() {
    let mut g = Graph::new();
    let county = g.add_dim("county", Role::Plain, Size::Fixed(5));
    let coef = g.add_dim("d", Role::Plain, Size::Fixed(3));
    let (u, l, log_det) = Map::new(Support::CholeskyCorrelation, 3).emit(&mut g, &[]);
    let prime = g.prime(coef);
    let sigma = g.input("sigma", Varies::Lane, Kind::Real, &[coef]);
    let b = g.input("b", Varies::Lane, Kind::Real, &[county, coef]);
    let mean = g.input("mean", Varies::Lane, Kind::Real, &[coef]);
    let eta = g.constant(2.0);
    let lkj = distributions::lookup("lkj_cholesky").unwrap();
    let prior = Params::bind(lkj, &[eta], &[]).unwrap().over(&[coef, prime]);
    let prior = lkj.log_prob(&mut g, &prior, l).unwrap();
    let scaled = g.mul(sigma, l);
    let law = distributions::lookup("multivariate_normal").unwrap();
    let params = Params::bind(law, &[mean], &[("cholesky", scaled)]).unwrap().over(&[coef]);
    let rows = law.log_prob(&mut g, &params, b).unwrap();
    let rows = g.sum(rows, &[county]);
    let total = [prior, log_det].into_iter().fold(rows, |t, n| g.add(t, n));

    let half_ln_2pi = 0.5 * (2.0 * std::f64::consts::PI).ln();
    let inputs = [u, sigma, b, mean];
    let vg = value_and_grad(&g, total, &inputs, &[]).unwrap();
    let outputs: Vec<NodeId> = std::iter::once(vg.value).chain(vg.grads.iter().copied()).collect();
    let program = Program::compile(&vg.graph, &outputs, &Bindings::default(), &Options::default()).unwrap();
    let z: Vec<Vec<f64>> = (0..3).map(|k| normals(&format!("lane {k}"), 3 + 3 + 15 + 3)).collect();
    let mut lanes = Lanes::zeros(24, 3);
    let at = |z: &[f64]| {
        let mut z = z.to_vec();
        z[3..6].iter_mut().for_each(|s| *s = s.exp());
        z
    };
    z.iter().enumerate().for_each(|(k, z)| lanes.set_lane(k, &at(z)));
    lanes.pad();
    let mut out = Lanes::zeros(25, 3);
    program.eval(&mut program.workspace(), &[], &lanes, &mut out, &mut Vec::new());
    for (k, z) in z.iter().enumerate() {
        let z = at(z);
        let bindings = [("u", 0..3), ("sigma", 3..6), ("b", 6..21), ("mean", 21..24)];
        let bindings: Vec<(&str, Vec<f64>)> = bindings.into_iter().map(|(n, r)| (n, z[r].to_vec())).collect();
        let expected = run(&vg.graph, &outputs, &bindings).concat();
        for (found, expected) in out.lane(k).iter().zip(expected) {
            assert_close(*found, expected, 1e-12, "lane");
        }
        // The same by the definition: rows of a normal with covariance (sigma L) (sigma L)'.
        let map = Map::new(Support::CholeskyCorrelation, 3);
        let (l, log_det) = map.forward(&[z[..3].to_vec()]);
        let factor: Vec<f64> = (0..9).map(|e| l[0][e] * z[3 + e / 3]).collect();
        let normal = |row: &[f64]| {
            let mut y = [0.0; 3];
            let mut density = 0.0;
            for i in 0..3 {
                let rest = row[i] - z[21 + i] - (0..i).map(|k| factor[i * 3 + k] * y[k]).sum::<f64>();
                y[i] = rest / factor[i * 3 + i];
                density -= 0.5 * y[i] * y[i] + factor[i * 3 + i].ln() + half_ln_2pi;
            }
            density
        };
        let rows: f64 = z[6..21].chunks(3).map(normal).sum();
        let given: common::vectors::Given = &[("eta", &[2.0])];
        let case = Case { law: lkj, n: 3, given, moments: &[], label: String::new() };
        assert_close(out.lane(k)[0], rows + log_probs(&case, &l)[0] + log_det[0], 1e-12, "definition");
    }
}

/// Constants are judged by their domain, matrices as a whole.
#[test]
fn domains_of_matrices() {
    let definite = Domain::PositiveDefinite;
    assert!(definite.holds(&[2.0, 0.6, 0.6, 0.5]) && definite.holds(&[3.0]));
    assert!(!definite.holds(&[1.0, 2.0, 2.0, 1.0]), "indefinite");
    assert!(!definite.holds(&[2.0, 0.6, 0.5, 0.5]), "not symmetric");
    assert!(!definite.holds(&[2.0, 0.6, 0.6]), "not square");
    assert!(!definite.holds(&[f64::NAN]) && !definite.holds(&[INF]));
    let factor = Domain::CholeskyFactor;
    assert!(factor.holds(&[1.0, 0.0, -2.0, 0.1]));
    assert!(!factor.holds(&[1.0, 5.0, -2.0, 0.1]), "not zero above the diagonal");
    assert!(!factor.holds(&[1.0, 0.0, 2.0, -0.1]));
    assert!(definite.includes(Support::PositiveDefinite) && factor.includes(Support::CholeskyCorrelation));
    assert!(!definite.includes(Support::CholeskyCorrelation) && !factor.includes(Support::REAL));
    assert!(Domain::Positive.holds(&[1.0, 2.0]) && !Domain::Positive.holds(&[1.0, 0.0]));
}

/// What is wrong with elements together is told with its numbers.
#[test]
fn faults_of_wholes() {
    let definite = |x: &[f64]| Domain::PositiveDefinite.fault(x);
    assert_eq!(definite(&[4.0, 6.0, 6.0, 8.0]), Some(Fault::Indefinite { row: 1, left: -1.0 }));
    assert_eq!(definite(&[-2.0, 0.0, 0.0, 1.0]), Some(Fault::Indefinite { row: 0, left: -2.0 }));
    let uneven = Fault::Asymmetric { row: 1, col: 0, found: 0.5, across: 0.6 };
    assert_eq!(definite(&[2.0, 0.6, 0.5, 0.5]), Some(uneven));
    assert_eq!(definite(&[1.0, 2.0, 3.0]), Some(Fault::NotSquare));
    let factor = Domain::CholeskyFactor.fault(&[1.0, 0.0, 2.0, -0.1]);
    assert_eq!(factor, Some(Fault::Diagonal { row: 1, found: -0.1 }));
    let factor = Domain::CholeskyFactor.fault(&[1.0, 0.0, 0.0, 2.0, 1.0, 0.3, 0.0, 0.0, 1.0]);
    assert_eq!(factor, Some(Fault::Above { row: 1, col: 2, found: 0.3 }));
    let shares = |x: &[f64]| Domain::Probabilities.fault(x);
    assert_eq!(shares(&[0.25, 0.75]), None);
    assert_eq!(shares(&[0.33, 0.33, 0.33]), None, "rounded to two digits");
    assert_eq!(shares(&[0.5, 0.75]), Some(Fault::Sum { found: 1.25 }));
    assert_eq!(shares(&[0.0, 0.0]), Some(Fault::Sum { found: 0.0 }));
    assert_eq!(shares(&[1.5, -0.5]), Some(Fault::Element { at: 1, found: -0.5 }));
    let ascending = |x: &[f64]| Domain::Ascending.fault(x);
    assert_eq!(ascending(&[-1.0, 0.5, 0.6]), None);
    assert_eq!(ascending(&[-1.0, 0.5, 0.5]), Some(Fault::NotAbove { at: 2, before: 0.5, found: 0.5 }));
}

#[test]
fn mistakes_that_only_a_density_can_tell() {
    let mut g = Graph::new();
    let d = g.add_dim("d", Role::Plain, Size::Fixed(3));
    let prime: DimId = g.prime(d);
    let wishart = distributions::lookup("wishart").unwrap();
    let x = g.input("x", Varies::Lane, Kind::Real, &[d, prime]);
    let mut message = |df: f64, dims: &[DimId]| {
        let df = g.constant(df);
        let scale = g.input("scale", Varies::Data, Kind::Real, dims);
        let params = Params::bind(wishart, &[df, scale], &[]).unwrap().over(&[d, prime]);
        wishart.log_prob(&mut g, &params, x).map_err(|e| e.to_string())
    };
    let expected = "df of wishart must be above 2 for matrices of 3 rows, found 2";
    assert_eq!(message(2.0, &[d, prime]), Err(expected.into()));
    assert!(message(2.5, &[d, prime]).is_ok());
    assert_eq!(message(4.0, &[d]), Err("scale of wishart must be a matrix over d and d'".into()));
    let law = distributions::lookup("multivariate_normal").unwrap();
    let params = Params::bind(law, &[&[0.0][..], &[1.0, 2.0, 2.0, 1.0]], &[]).unwrap();
    let found = law.sample_into(&params, &mut || 0.5, &mut [0.0; 2]).unwrap_err().to_string();
    assert_eq!(found, "covariance of multivariate_normal must be a positive definite matrix");
}

/// Two numbers of variance 1 and correlation 0.6, the second given that the first is 2: mean 1.2, variance 0.64,
/// by each of the parameters.
#[test]
fn normal_elements_are_drawn_given_others() {
    let law = distributions::lookup("multivariate_normal").unwrap();
    // 1 / (1 - 0.36) = 1.5625
    let covariance = [1.0, 0.6, 0.6, 1.0];
    let precision = [1.5625, -0.9375, -0.9375, 1.5625];
    let cholesky = [1.0, 0.0, 0.6, 0.8];
    for (name, matrix) in [("covariance", covariance), ("precision", precision), ("cholesky", cholesky)] {
        let named = [(name, &matrix[..])];
        let params = Params::bind(law, &[&[0.0, 0.0][..]], &named).unwrap();
        // A uniform of a half is a normal of 0.
        for (known, at, expected) in
            [([true, false], [2.0, 9.0], [2.0, 1.2]), ([false, true], [9.0, 2.0], [1.2, 2.0])]
        {
            let mut out = at;
            law.sample_given(&params, &known, &mut || 0.5, &mut out).unwrap();
            let close = out.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-12);
            assert!(close, "{name} {known:?}: {out:?}");
        }
        let mut out = [2.0, 0.0];
        law.sample_given(&params, &[true, false], &mut || 0.841_344_746_068_542_9, &mut out).unwrap();
        assert!((out[1] - 2.0).abs() < 1e-9, "{name}: a sd above 1.2 is 2, not {}", out[1]);
    }
    let other = distributions::lookup("dirichlet").unwrap();
    let params = Params::bind(other, &[&[1.0, 1.0][..]], &[]).unwrap();
    let found =
        other.sample_given(&params, &[true, false], &mut || 0.5, &mut [0.5; 2]).unwrap_err().to_string();
    assert_eq!(found, "dirichlet has no draws of some elements given the others");
}
