//! Numbers from elsewhere: 60-digit references far out, and statrs over grids.
//!
//! The references were made with mpmath 1.3 at 60 digits, each from the closed form of its density
//! (and, truncated, less the logarithm of the incomplete gamma or beta function, `ncdf`, or of the sum
//! of probabilities), at the decimal arguments given here.

mod common;

use common::{Given, assert_close, run};
use distributions::{
    Distribution, Hurdle, Params, Truncated, ZeroInflated, log_prob_at, lookup, stream, tails_at,
};
use graph::ir::{Graph, Kind, Varies};
use graph::vjp::value_and_grad;
use numerics::random::{Counter, Key};
use statrs::distribution as reference;
use statrs::distribution::{Continuous, Discrete};

/// A truncation: base, parameters, bounds, point, log density.
type Windowed = (&'static str, Given, (f64, f64), f64, f64);

fn log_prob(law: &dyn Distribution, given: &[(&str, f64)], x: f64) -> f64 {
    log_prob_at(law, &Params::bind(law, &[], given).unwrap(), &[x]).unwrap()[0]
}

/// e^45 and e^39.
const A: f64 = 3.4934271057485095e19;
const B: f64 = 8.659340042399374e16;

#[test]
fn densities_far_out() {
    let table: &[(&str, Given, f64, f64)] = &[
        ("normal", &[("mean", 0.0), ("sd", 1.0)], 1e5, -5000000000.918939),
        ("student_t", &[("df", 4.0), ("loc", 0.0), ("scale", 1.0)], 1e6, -66.59264614004337),
        ("student_t", &[("df", 1e6), ("loc", 0.0), ("scale", 1.0)], 1.0, -1.4189390332045895),
        ("cauchy", &[("loc", 0.0), ("scale", 1.0)], 1e100, -461.6617484846585),
        ("gamma", &[("shape", 0.01), ("rate", 2.0)], 1e-300, 679.2752242129951),
        ("gamma", &[("shape", 5.0), ("rate", 2.0)], 1e4, -19962.87095643964),
        ("inverse_gamma", &[("shape", 3.0), ("scale", 2.0)], 1e-5, -199952.562003779),
        ("lognormal", &[("log_mean", 0.0), ("log_sd", 0.5)], 1e-30, -9474.564837423939),
        ("beta", &[("a", 0.001), ("b", 0.001)], 1e-300, 682.4838515533071),
        ("beta", &[("a", 200.0), ("b", 300.0)], 0.001, -1036.962337051722),
        ("bernoulli", &[("logit", -800.0)], 1.0, -800.0),
        ("bernoulli", &[("logit", 800.0)], 1.0, 0.0),
        ("poisson", &[("rate", 0.001)], 20.0, -180.49172204039624),
        ("poisson", &[("rate", 1e6)], 1000500.0, -7.951923004872761),
        ("binomial", &[("n", 1000.0), ("p", 0.001)], 900.0, -5895.166513684017),
        ("laplace", &[("loc", 0.0), ("scale", 1.0)], 1e5, -100000.69314718056),
        ("logistic", &[("loc", 0.0), ("scale", 1.0)], -1e4, -1e4),
        ("logistic", &[("loc", 0.0), ("scale", 1.0)], 0.7, -1.5063720977709159),
        ("gumbel", &[("loc", 0.0), ("scale", 1.0)], -5.0, -143.4131591025766),
        ("gumbel", &[("loc", 0.0), ("scale", 1.0)], 1000.0, -1000.0),
        ("weibull", &[("shape", 0.5), ("scale", 2.0)], 1e-300, 344.34804317826695),
        ("weibull", &[("shape", 30.0), ("scale", 2.0)], 5.0, -867361737959.123),
        ("loglogistic", &[("scale", 2.0), ("shape", 3.0)], 1e-200, -922.01486645063),
        ("loglogistic", &[("scale", 2.0), ("shape", 3.0)], 1e100, -917.8559833672704),
        ("pareto", &[("scale", 2.0), ("shape", 3.0)], 1e100, -917.8559833672704),
        ("skew_normal", &[("loc", 0.0), ("scale", 1.0), ("shape", 4.0)], -10.0, -854.8342333663985),
        ("skew_normal", &[("loc", 0.0), ("scale", 1.0), ("shape", -2.5)], 3.0, -35.80168225553473),
        ("von_mises", &[("mean", 0.5), ("concentration", 2.0)], -3.0, -4.534783982473894),
        ("von_mises", &[("mean", 0.0), ("concentration", 0.001)], 2.0, -1.838293463245877),
        ("negative_binomial", &[("mean", 3.0), ("dispersion", 0.5)], 200.0, -35.025239665526996),
        ("negative_binomial", &[("log_mean", -20.0), ("dispersion", 2.0)], 3.0, -60.69314718571283),
        ("negative_binomial", &[("log_mean", 30.0), ("dispersion", 2.0)], 3.0, -57.227411277761156),
        ("beta_binomial", &[("n", 1000.0), ("a", 0.01), ("b", 0.02)], 500.0, -10.552583641203276),
        ("beta_binomial", &[("n", 20.0), ("a", 3.0), ("b", 400.0)], 20.0, -72.66473551529431),
        ("negative_binomial", &[("mean", 7.0), ("dispersion", 1e12)], 5.0, -2.0579409975059795),
        ("negative_binomial", &[("mean", 7.0), ("dispersion", 1e19)], 5.0, -2.0579409975054794),
        ("negative_binomial", &[("mean", 300.0), ("dispersion", 1e300)], 310.0, -3.9523385741824977),
        ("negative_binomial", &[("mean", 40.0), ("dispersion", 1e6)], 55.0, -5.438990476471787),
        ("negative_binomial", &[("mean", 7.0), ("dispersion", 1e-9)], 3.0, -21.821878147212267),
        ("negative_binomial", &[("log_mean", 3.0), ("dispersion", 1e19)], 25.0, -3.0891421461681876),
        ("beta_binomial", &[("n", 20.0), ("a", A), ("b", B)], 4.0, -87.56381117842975),
        ("beta_binomial", &[("n", 20.0), ("a", A), ("b", B)], 20.0, -0.049513702754608986),
        ("beta_binomial", &[("n", 52.0), ("a", 1e12), ("b", 3e12)], 9.0, -2.8210510579414136),
        ("beta_binomial", &[("n", 30.0), ("a", 1e100), ("b", 1e99)], 25.0, -2.505091476032376),
        ("beta_binomial", &[("n", 30.0), ("a", 1e300), ("b", 2e300)], 11.0, -1.9725279136475453),
        ("beta_binomial", &[("n", 30.0), ("a", 1e-12), ("b", 1e-10)], 30.0, -4.615120517237425),
        ("beta_binomial", &[("n", 30.0), ("a", 1e-300), ("b", 1e300)], 1.0, -1378.1498584147653),
        ("beta_binomial", &[("n", 30.0), ("a", 1e-300), ("b", 2.0)], 0.0, -3.02724519543652e-300),
        ("student_t", &[("df", 1e12), ("loc", 0.3), ("scale", 2.0)], -4.0, -3.9233357137618374),
        ("student_t", &[("df", 1e19), ("loc", 0.0), ("scale", 1.0)], 6.0, -18.918938533204674),
        ("student_t", &[("df", 1e300), ("loc", 0.0), ("scale", 1.0)], 2.5, -4.043938533204673),
        ("student_t", &[("df", 1e-9), ("loc", 0.0), ("scale", 1.0)], 2.0, -22.10956020993923),
        ("binomial", &[("n", 1e19), ("p", 1e-19)], 3.0, -2.791759469228055),
        ("binomial", &[("n", 1e100), ("p", 1e-100)], 4.0, -4.178053830347945),
        ("beta", &[("a", 1e-9), ("b", 1e19)], 1e-20, 25.228436021209134),
        ("beta", &[("a", 2.0), ("b", 1e300)], 1e-300, 689.7755278982137),
        ("geometric", &[("p", 0.001)], 5000.0, -11.910256946899805),
        ("geometric", &[("logit", 40.0)], 3.0, -120.0),
    ];
    for &(name, given, x, expected) in table {
        let found = log_prob(lookup(name).unwrap(), given, x);
        // The terms of a count of 1e6 are of size n ln n.
        let tolerance = match (name, given[0].1) {
            ("poisson", n) if n >= 1e6 => 1e-8,
            (_, 1e3) => 1e-12,
            _ => 1e-13,
        };
        assert_close(found, expected, tolerance, &format!("{name}{given:?} at {x}"));
    }
}

#[test]
fn windows_far_out() {
    const INF: f64 = f64::INFINITY;
    let standard: Given = &[("mean", 0.0), ("sd", 1.0)];
    let table: &[Windowed] = &[
        ("normal", standard, (40.0, INF), 40.01, 3.2894534805491156),
        ("normal", standard, (-INF, -40.0), -40.01, 3.2894534805491156),
        ("normal", standard, (40.0, 40.5), 40.1, -0.3154965176543517),
        ("normal", standard, (-40.5, -40.0), -40.1, -0.3154965176543517),
        ("half_normal", &[("scale", 1.0)], (40.0, INF), 40.01, 3.2894534805491156),
        ("exponential", &[("rate", 2.0)], (500.0, INF), 501.0, -1.3068528194400546),
        ("exponential", &[("rate", 2.0)], (500.0, 501.0), 500.5, -0.16143936157119562),
        ("cauchy", &[("loc", 0.0), ("scale", 1.0)], (1e8, INF), 2e8, -19.806975105072254),
        ("gamma", &[("shape", 2.0), ("rate", 1.0)], (300.0, INF), 301.0, -1.0),
        ("beta", &[("a", 2.0), ("b", 3.0)], (-INF, 1e-6), 5e-7, 13.815510891297746),
        (
            "student_t",
            &[("df", 5.0), ("loc", 0.0), ("scale", 1.0)],
            (1000.0, INF),
            1001.0,
            -5.304318624294349,
        ),
        ("inverse_gamma", &[("shape", 3.0), ("scale", 2.0)], (-INF, 0.002), 0.0019, -39.306042391082556),
        ("poisson", &[("rate", 0.001)], (10.0, INF), 12.0, -18.698403393085226),
        ("poisson", &[("rate", 3.0)], (1.0, INF), 2.0, -1.4448534222810243),
    ];
    for &(name, given, (lower, upper), x, expected) in table {
        let law = Truncated::new(lookup(name).unwrap(), lower, upper).unwrap();
        let found = log_prob(&law, given, x);
        // Differences of logarithms of size 1000.
        assert_close(found, expected, 3e-12, &format!("truncated({name}{given:?}, {lower}, {upper}) at {x}"));
    }
}

/// Zeros that are rare, or nearly all there is, on either scale.
#[test]
fn zeros_far_out() {
    let base = |name: &str| lookup(name).unwrap();
    let inflated = ZeroInflated::new(base("poisson")).unwrap();
    let table: &[(Given, f64, f64)] = &[
        (&[("rate", 3.0), ("zero", 0.2)], 0.0, -1.4278263797547404),
        (&[("rate", 1000.0), ("zero", 1e-300)], 0.0, -690.7755278982137),
        (&[("rate", 900.0), ("zero_logit", -800.0)], 0.0, -800.0),
        (&[("rate", 3.0), ("zero_logit", 50.0)], 2.0, -51.495922603223725),
        (&[("rate", 3.0), ("zero", 0.0)], 0.0, -3.0),
        (&[("rate", 3.0), ("zero", 1.0)], 0.0, 0.0),
        (&[("rate", 3.0), ("zero", 1.0)], 1.0, f64::NEG_INFINITY),
    ];
    for &(given, x, expected) in table {
        assert_close(log_prob(&inflated, given, x), expected, 1e-14, &format!("{given:?} at {x}"));
    }
    let hurdle = Hurdle::new(base("poisson")).unwrap();
    let found = log_prob(&hurdle, &[("rate", 1e-12), ("zero", 0.3)], 1.0);
    assert_close(found, -0.3566749439392324, 1e-14, "one event at a tiny rate");
    assert_eq!(log_prob(&hurdle, &[("rate", 2.0), ("zero", 0.0)], 0.0), f64::NEG_INFINITY);
    let hurdle = Hurdle::new(base("gamma")).unwrap();
    let given = [("shape", 2.0), ("rate", 3.0), ("zero_logit", -40.0)];
    assert_close(log_prob(&hurdle, &given, 0.0), -40.0, 1e-15, "a rare zero");
    assert_close(log_prob(&hurdle, &given, 1.5), -1.8973103145556163, 1e-14, "a gamma number");
}

/// More dispersion is less variance; a large one is Poisson.
#[test]
fn a_negative_binomial_of_large_dispersion_is_poisson() {
    let law = lookup("negative_binomial").unwrap();
    let found = log_prob(law, &[("mean", 5.0), ("dispersion", 1e5)], 12.0);
    assert_close(found, -5.673774560918241, 1e-9, "dispersion 1e5");
    let poisson = log_prob(lookup("poisson").unwrap(), &[("rate", 5.0)], 12.0);
    assert!((found - poisson).abs() < 2e-4);
}

#[test]
fn the_tail_at_forty_standard_deviations() {
    let law = lookup("normal").unwrap();
    let params = Params::bind(law, &[0.0, 1.0], &[]).unwrap();
    let tails = tails_at(law, &params, &[-40.0, 40.0]).unwrap();
    assert_close(tails[0].log_cdf, -804.608442013754, 1e-15, "ln Phi(-40)");
    assert_close(tails[1].log_survival, -804.608442013754, 1e-15, "ln Phi(-40)");
}

/// Every law that statrs has, over grids of points and parameters.
#[test]
fn agrees_with_statrs() {
    let grid = |lower: f64, upper: f64| (0..=40).map(move |k| lower + (upper - lower) * f64::from(k) / 40.0);
    let mut compared = 0;
    let mut check = |name: &str, given: &[(&str, f64)], x: f64, expected: f64| {
        let found = log_prob(lookup(name).unwrap(), given, x);
        assert_close(found, expected, 1e-11, &format!("{name}{given:?} at {x}"));
        compared += 1;
    };
    for (a, b) in [(0.5, 0.3), (2.0, 1.0), (7.5, 12.0), (40.0, 2.2)] {
        let normal = reference::Normal::new(a, b).unwrap();
        let t = reference::StudentsT::new(a, b, 3.3).unwrap();
        let cauchy = reference::Cauchy::new(a, b).unwrap();
        let half = reference::Normal::new(0.0, b).unwrap();
        let half_t = reference::StudentsT::new(0.0, b, 3.3).unwrap();
        let half_cauchy = reference::Cauchy::new(0.0, b).unwrap();
        let laplace = reference::Laplace::new(a, b).unwrap();
        let gumbel = reference::Gumbel::new(a, b).unwrap();
        for x in grid(-50.0, 50.0) {
            check("laplace", &[("loc", a), ("scale", b)], x, laplace.ln_pdf(x));
            // Further out the density underflows, of which statrs takes the logarithm.
            if x > a - 6.0 * b {
                check("gumbel", &[("loc", a), ("scale", b)], x, gumbel.ln_pdf(x));
            }
            check("normal", &[("mean", a), ("sd", b)], x, normal.ln_pdf(x));
            check("student_t", &[("df", 3.3), ("loc", a), ("scale", b)], x, t.ln_pdf(x));
            check("cauchy", &[("loc", a), ("scale", b)], x, cauchy.ln_pdf(x));
        }
        let lognormal = reference::LogNormal::new(a, b).unwrap();
        let exponential = reference::Exp::new(a).unwrap();
        let gamma = reference::Gamma::new(a, b).unwrap();
        let inverse_gamma = reference::InverseGamma::new(a, b).unwrap();
        let ln_2 = std::f64::consts::LN_2;
        let weibull = reference::Weibull::new(a, b).unwrap();
        let pareto = reference::Pareto::new(b, a).unwrap();
        for x in grid(b, 60.0) {
            check("pareto", &[("scale", b), ("shape", a)], x, pareto.ln_pdf(x));
        }
        for x in grid(0.01, 60.0) {
            check("weibull", &[("shape", a), ("scale", b)], x, weibull.ln_pdf(x));
            check("half_normal", &[("scale", b)], x, half.ln_pdf(x) + ln_2);
            check("half_student_t", &[("df", 3.3), ("scale", b)], x, half_t.ln_pdf(x) + ln_2);
            check("half_cauchy", &[("scale", b)], x, half_cauchy.ln_pdf(x) + ln_2);
            check("lognormal", &[("log_mean", a), ("log_sd", b)], x, lognormal.ln_pdf(x));
            check("exponential", &[("rate", a)], x, exponential.ln_pdf(x));
            check("gamma", &[("shape", a), ("rate", b)], x, gamma.ln_pdf(x));
            // Nearer to zero the density underflows, of which statrs takes the logarithm.
            let x = x + 0.1;
            check("inverse_gamma", &[("shape", a), ("scale", b)], x, inverse_gamma.ln_pdf(x));
        }
        let beta = reference::Beta::new(a, b).unwrap();
        for x in grid(0.001, 0.999) {
            check("beta", &[("a", a), ("b", b)], x, beta.ln_pdf(x));
        }
        let uniform = reference::Uniform::new(-b, a).unwrap();
        for x in grid(-b, a) {
            check("uniform", &[("lower", -b), ("upper", a)], x, uniform.ln_pdf(x));
        }
        let (poisson, p) = (reference::Poisson::new(a).unwrap(), b / 13.0);
        let binomial = reference::Binomial::new(p, 60).unwrap();
        for k in 0..=60 {
            check("poisson", &[("rate", a)], k as f64, poisson.ln_pmf(k));
            // statrs counts failures at r and the probability of success r / (r + mean).
            let overdispersed = reference::NegativeBinomial::new(b, b / (b + a)).unwrap();
            let given = [("mean", a), ("dispersion", b)];
            check("negative_binomial", &given, k as f64, overdispersed.ln_pmf(k));
            // statrs counts trials.
            let geometric = reference::Geometric::new(p).unwrap();
            check("geometric", &[("p", p)], k as f64, geometric.ln_pmf(k + 1));
            check("binomial", &[("n", 60.0), ("p", p)], k as f64, binomial.ln_pmf(k));
        }
        let bernoulli = reference::Bernoulli::new(p).unwrap();
        for k in 0..=1 {
            check("bernoulli", &[("p", p)], k as f64, bernoulli.ln_pmf(k));
        }
    }
    assert!(compared > 2400);
}

/// p and logit, rate and log_rate say the same.
#[test]
fn alternatives_agree() {
    let sigmoid = |l: f64| 1.0 / (1.0 + (-l).exp());
    for l in [-9.0, -2.5, 0.0, 0.3, 4.0, 9.0] {
        for x in [0.0, 1.0, 3.0, 7.0] {
            let pair = |name: &str, one: &[(&str, f64)], other: &[(&str, f64)]| {
                let law = lookup(name).unwrap();
                assert_close(
                    log_prob(law, one, x),
                    log_prob(law, other, x),
                    1e-12,
                    &format!("{name}{other:?} at {x}"),
                );
            };
            if x <= 1.0 {
                pair("bernoulli", &[("p", sigmoid(l))], &[("logit", l)]);
            }
            pair("binomial", &[("n", 7.0), ("p", sigmoid(l))], &[("n", 7.0), ("logit", l)]);
            pair("poisson", &[("rate", l.exp())], &[("log_rate", l)]);
            pair("geometric", &[("p", sigmoid(l))], &[("logit", l)]);
            let (mean, log_mean) =
                ([("mean", l.exp()), ("dispersion", 1.3)], [("log_mean", l), ("dispersion", 1.3)]);
            pair("negative_binomial", &mean, &log_mean);
        }
    }
}

/// Certain events: 0 ln 0 is 0.
#[test]
fn certain_events() {
    let certain: &[(&str, Given, f64)] = &[
        ("bernoulli", &[("p", 0.0)], 0.0),
        ("bernoulli", &[("p", 1.0)], 1.0),
        ("binomial", &[("n", 5.0), ("p", 0.0)], 0.0),
        ("binomial", &[("n", 5.0), ("p", 1.0)], 5.0),
        ("binomial", &[("n", 0.0), ("p", 0.4)], 0.0),
        ("poisson", &[("rate", 0.0)], 0.0),
        ("negative_binomial", &[("mean", 0.0), ("dispersion", 2.0)], 0.0),
        ("geometric", &[("p", 1.0)], 0.0),
    ];
    for &(name, given, x) in certain {
        assert_eq!(log_prob(lookup(name).unwrap(), given, x), 0.0, "{name}{given:?}");
        if name != "binomial" || given[0].1 > 0.0 {
            let other = if x == 0.0 { 1.0 } else { 0.0 };
            assert_eq!(
                log_prob(lookup(name).unwrap(), given, other),
                f64::NEG_INFINITY,
                "{name}{given:?} at {other}"
            );
        }
    }
}

/// Every draw at one half, or at an end, is what happens when gammas of a tiny shape underflow.
#[test]
fn beta_of_tiny_shapes_has_two_ends() {
    let law = lookup("beta").unwrap();
    let params = Params::bind(law, &[0.001, 0.001], &[]).unwrap();
    let key = Key::new(1, "test", "beta", "");
    let n: u32 = 20_000;
    let x: Vec<f64> = (0..n)
        .map(|draw| law.sample(&params, &mut stream(key, Counter { draw, ..Counter::default() })).unwrap())
        .collect();
    let share = |f: &dyn Fn(f64) -> bool| x.iter().filter(|&&x| f(x)).count() as f64 / f64::from(n);
    let upper = share(&|x| x > 0.5);
    assert!((upper - 0.5).abs() < 4.0 * 0.5 / f64::from(n).sqrt(), "{upper}");
    // P(0.1 < X < 0.9) = ln(81) / 2000 to first order.
    let middle = share(&|x| x > 0.1 && x < 0.9);
    let expected = 81f64.ln() / 2000.0;
    assert!(
        (middle - expected).abs() < 4.0 * (expected / f64::from(n)).sqrt(),
        "{middle} against {expected}"
    );
    assert!(x.iter().all(|&x| x > 0.0 && x < 1.0));
}

/// Half-Cauchy: the median is the scale.
#[test]
fn half_cauchy_median() {
    let law = lookup("half_cauchy").unwrap();
    let params = Params::bind(law, &[3.5], &[]).unwrap();
    let tails = tails_at(law, &params, &[3.5]).unwrap()[0];
    assert_close(tails.log_cdf, 0.5f64.ln(), 1e-15, "P(X <= scale)");
    assert_close(tails.log_survival, 0.5f64.ln(), 1e-15, "P(X > scale)");
}

/// Next to zero P(X <= x) is as small as x: it must not be one less something near one. mpmath, as
/// above.
#[test]
fn lower_tails_next_to_zero() {
    let tail = |name: &str, positional: &[f64]| {
        let law = lookup(name).unwrap();
        let params = Params::bind(law, positional, &[]).unwrap();
        tails_at(law, &params, &[1e-9]).unwrap()[0].log_cdf
    };
    assert_close(tail("half_student_t", &[5.0, 1.0]), -20.99873824544119, 1e-14, "half_student_t");
    assert_close(tail("half_cauchy", &[1.0]), -21.174848542235868, 1e-15, "half_cauchy");
}

/// An event between 0.05 and 0.1 of one who was there at 0.025, under gamma(10, 1): value and gradient
/// by shape and rate. mpmath `gammainc` and `diff`, 60 digits, at the decimal times.
#[test]
fn an_interval_far_in_the_lower_tail_of_a_gamma() {
    let law = lookup("gamma").unwrap();
    let mut g = Graph::new();
    let [shape, rate] = ["shape", "rate"].map(|name| g.input(name, Varies::Lane, Kind::Real, &[]));
    let params = Params::bind(law, &[shape, rate], &[]).unwrap();
    let [entry, from, to] = [0.025, 0.05, 0.1].map(|t| {
        let t = g.constant(t);
        law.tails(&mut g, &params, t).unwrap()
    });
    let less = g.sub(from.log_cdf, to.log_cdf);
    let share = g.exp(less);
    let minus = g.neg(share);
    let rest = g.log1p(minus);
    let interval = g.add(to.log_cdf, rest);
    let log_prob = g.sub(interval, entry.log_survival);
    let vg = value_and_grad(&g, log_prob, &[shape, rate], &[]).unwrap();
    let outputs = [vg.value, vg.grads[0], vg.grads[1]];
    let found = run(&vg.graph, &outputs, &[("shape", vec![10.0]), ("rate", vec![1.0])]);
    for (found, expected) in found.iter().zip([-38.22216048566351, -4.654461188634906, 9.90911376872843]) {
        assert!((found[0] / expected - 1.0).abs() < 1e-13, "{} against {expected}", found[0]);
    }
}
