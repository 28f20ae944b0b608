//! Tails that the graph expresses keep their digits on either side, next to nothing and next to one, and so
//! do their gradients: they are what a censored observation costs.
//!
//! References as in `truth.rs`: mpmath 1.3 at 60 digits or more.

mod common;

use std::f64::consts::LN_2;

use common::run;
use distributions::{DISTRIBUTIONS, Params, lookup, tails_at};
use graph::ir::{Graph, Kind, NodeId, Op, Varies};
use graph::vjp::value_and_grad;

/// A law, its parameters by position, a point, ln P(X <= x) and ln P(X > x) there.
type Reference = (&'static str, &'static [f64], f64, f64, f64);

const REFERENCES: &[Reference] = &[
    ("normal", &[0.0, 1.0], 9.0, -1.1285884059538405e-19, -43.628149113332114),
    ("normal", &[0.0, 1.0], 40.0, 0.0, -804.6084420137538),
    ("normal", &[0.0, 1.0], -40.0, -804.6084420137538, 0.0),
    ("lognormal", &[0.0, 0.1], 2.4596031111569494, -1.1285884059538405e-19, -43.628149113332114),
    ("half_normal", &[1.0], 1e-12, -27.856812468573278, -7.978845608031837e-13),
    ("half_normal", &[1.0], 1.0, -0.38171514630212605, -1.1478744644493182),
    ("half_normal", &[1.0], 9.0, -2.257176811907681e-19, -42.93500193277217),
    ("half_normal", &[1.0], 40.0, 0.0, -803.9152948331938),
    ("exponential", &[1.0], 1e-15, -34.538776394910684, -1e-15),
    ("exponential", &[1.0], 2.5, -0.08565048374203818, -2.5),
    ("exponential", &[1.0], 900.0, 0.0, -900.0),
    ("uniform", &[0.0, 1.0], 1e-20, -46.051701859880914, -1e-20),
    ("uniform", &[-1.0, 0.0], -1e-20, -1e-20, -46.051701859880914),
    ("laplace", &[0.0, 1.0], -30.0, -30.693147180559944, -4.6788114844201966e-14),
    ("laplace", &[0.0, 1.0], 0.001, -0.6921481795610274, -0.6941471805599453),
    ("laplace", &[0.0, 1.0], 45.0, -1.4312592902746968e-20, -45.69314718055995),
    ("logistic", &[0.0, 1.0], -50.0, -50.0, -1.9287498479639178e-22),
    ("logistic", &[0.0, 1.0], 2.0, -0.1269280110429725, -2.1269280110429727),
    ("logistic", &[0.0, 1.0], 60.0, -8.75651076269652e-27, -60.0),
    ("gumbel", &[0.0, 1.0], -3.0, -20.085536923187668, -1.8921786966284627e-9),
    ("gumbel", &[0.0, 1.0], 30.0, -9.357622968840175e-14, -30.000000000000046),
    ("gumbel", &[0.0, 1.0], 800.0, 0.0, -800.0),
    ("weibull", &[1.5, 2.0], 1e-200, -691.8152486690536, -3.5355339059327376e-301),
    ("weibull", &[1.5, 2.0], 1e-9, -32.12461952625954, -1.1180339887498948e-14),
    ("weibull", &[1.5, 2.0], 0.5, -2.141290584763201, -0.125),
    ("weibull", &[1.5, 2.0], 50.0, -5.166420632837861e-55, -125.0),
    ("loglogistic", &[2.0, 3.0], 1e-90, -623.7774166500722, -1.25e-271),
    ("loglogistic", &[2.0, 3.0], 2.0, -LN_2, -LN_2),
    ("loglogistic", &[2.0, 3.0], 1e120, 0.0, -826.8511919361766),
    ("pareto", &[2.0, 3.0], 2.0000000001, -22.620385739191924, -1.5000001240730565e-10),
    ("pareto", &[2.0, 3.0], 7.0, -0.02359991534087348, -3.758288905486104),
    ("pareto", &[2.0, 3.0], 1e100, -8e-300, -688.6960863565339),
    ("cauchy", &[0.0, 1.0], -1e10, -24.170580815789858, -3.1830988618885674e-11),
    ("cauchy", &[0.0, 1.0], -0.25, -0.8627005120868748, -0.5482175175751669),
    ("cauchy", &[0.0, 1.0], 3.0, -0.10804899566097342, -2.278708595290299),
    ("cauchy", &[0.0, 1.0], 1e200, -3.1830988618379067e-201, -461.6617484846585),
    ("half_cauchy", &[1.0], 1e-12, -28.082603821218004, -6.36619772367784e-13),
    ("half_cauchy", &[1.0], 0.7, -0.9446896291624045, -0.4923314083230049),
    ("half_cauchy", &[1.0], 1e20, -6.366197723675813e-21, -46.50328456517037),
];

#[test]
fn both_tails_keep_their_digits() {
    for &(name, given, x, log_cdf, log_survival) in REFERENCES {
        let law = lookup(name).unwrap();
        let params = Params::bind(law, given, &[]).unwrap();
        let found = tails_at(law, &params, &[x]).unwrap()[0];
        for (side, found, expected) in
            [("ln F", found.log_cdf, log_cdf), ("ln S", found.log_survival, log_survival)]
        {
            // The relative error of an exponential is the absolute one of its argument.
            let size: f64 = if expected == 0.0 { 0.0 } else { expected.abs() };
            let tolerance = size * 1e-15 * (5.0 + size.max(f64::MIN_POSITIVE).ln().abs());
            assert!(
                (found - expected).abs() <= tolerance.max(f64::MIN_POSITIVE),
                "{name}{given:?} at {x}: {side} is {found:e}, not {expected:e}"
            );
        }
    }
}

#[test]
fn every_law_whose_tails_are_graph_has_references() {
    for law in DISTRIBUTIONS {
        let mut g = Graph::new();
        let params =
            Params::bind(*law, &law.slots().iter().map(|_| g.constant(1.0)).collect::<Vec<_>>(), &[]);
        let Ok(params) = params else { continue };
        let x = lane(&mut g, "x");
        let is_graph = law.tails(&mut g, &params, x).is_some();
        // Those of incomplete integrals have theirs where the op is made.
        if g.nodes().iter().any(|n| matches!(n.op, Op::LogTail(_))) {
            continue;
        }
        let has = REFERENCES.iter().any(|r| r.0 == law.name());
        assert_eq!(is_graph, has, "{}", law.name());
    }
}

fn lane(g: &mut Graph, name: &str) -> NodeId {
    g.input(name, Varies::Lane, Kind::Real, &[])
}

/// d ln F / dx = f / F and d ln S / dx = -f / S, from the density: no branch that is not taken spoils them.
#[test]
fn their_gradients_are_the_hazards() {
    for &(name, given, x, ..) in REFERENCES {
        let law = lookup(name).unwrap();
        let mut g = Graph::new();
        let at = lane(&mut g, "x");
        let nodes: Vec<NodeId> = (0..given.len()).map(|k| lane(&mut g, &format!("p{k}"))).collect();
        let params = Params::bind(law, &nodes, &[]).unwrap();
        let density = law.log_prob(&mut g, &params, at).unwrap();
        let tails = law.tails(&mut g, &params, at).unwrap();
        let mut inputs: Vec<(String, Vec<f64>)> =
            given.iter().enumerate().map(|(k, v)| (format!("p{k}"), vec![*v])).collect();
        inputs.push(("x".into(), vec![x]));
        let inputs: Vec<(&str, Vec<f64>)> = inputs.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
        let values = run(&g, &[density, tails.log_cdf, tails.log_survival], &inputs);
        for (side, tail, sign) in [(1, tails.log_cdf, 1.0), (2, tails.log_survival, -1.0)] {
            let wrt: Vec<NodeId> = [at].into_iter().chain(nodes.clone()).collect();
            let vg = value_and_grad(&g, tail, &wrt, &[]).unwrap();
            let grads = run(&vg.graph, &vg.grads, &inputs);
            assert!(grads.iter().all(|d| d[0].is_finite()), "{name}{given:?} at {x}: {grads:?}");
            let expected: f64 = sign * (values[0][0] - values[side][0]).exp();
            let error = (grads[0][0] - expected).abs();
            assert!(
                error <= 1e-11 * expected.abs() + 1e-300,
                "{name}{given:?} at {x}: the derivative is {:e}, not {expected:e}",
                grads[0][0]
            );
        }
    }
}

/// By quadrature; far sides of skew and of narrow laws.
#[test]
fn tails_without_a_closed_form() {
    let found = |name: &str, given: &[f64], x: f64| {
        let law = lookup(name).unwrap();
        tails_at(law, &Params::bind(law, given, &[]).unwrap(), &[x]).unwrap()[0]
    };
    let close =
        |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-13, "{found} {expected}");
    close(found("skew_normal", &[0.0, 1.0, 3.0], -3.0).log_cdf, -51.77641966434414);
    close(found("skew_normal", &[0.0, 1.0, 3.0], -3.0).log_survival, -3.264274309655235e-23);
    close(found("skew_normal", &[0.0, 1.0, 3.0], 12.0).log_survival, -74.71752582100885);
    close(found("skew_normal", &[0.0, 1.0, -3.0], -12.0).log_cdf, -74.71752582100885);
    close(found("von_mises", &[0.7, 9.0], -2.0).log_cdf, -16.96129852527157);
    close(found("von_mises", &[0.7, 9.0], 2.5).log_survival, -13.0160578281452);
    // A narrow one is normal, to 1/(8 concentration).
    let normal = found("normal", &[0.0, 1e-4], 2e-4);
    let narrow = found("von_mises", &[0.0, 1e8], 2e-4);
    assert!((narrow.log_survival / normal.log_survival - 1.0).abs() < 1e-7, "{narrow:?} against {normal:?}");
}

/// The usual form of the density is wrong by 1e-8 here, and its derivative by as much.
#[test]
fn a_narrow_von_mises_keeps_its_digits() {
    let law = lookup("von_mises").unwrap();
    let mut g = Graph::new();
    let (x, mean, concentration) = (lane(&mut g, "x"), g.constant(0.0), lane(&mut g, "concentration"));
    let params = Params::bind(law, &[mean, concentration], &[]).unwrap();
    let density = law.log_prob(&mut g, &params, x).unwrap();
    let vg = value_and_grad(&g, density, &[concentration], &[]).unwrap();
    let inputs = [("x", vec![2e-4]), ("concentration", vec![1e8])];
    let found = run(&vg.graph, &[vg.value, vg.grads[0]], &inputs);
    // mpmath: besseli by its asymptotic series, DLMF 10.40.1.
    let expected = [6.291401844188177, -1.4999999920833335e-8];
    for (found, expected) in found.iter().zip(expected) {
        assert!((found[0] / expected - 1.0).abs() < 1e-14, "{} against {expected}", found[0]);
    }
}
