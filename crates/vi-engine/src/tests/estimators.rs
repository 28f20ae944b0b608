//! The ELBO's gradient estimators, for every family.

use super::*;
use crate::coordinates::{Coordinates, Scale};
use crate::curvature::whiten;
use crate::draws::{Layout, StepNoise};
use crate::estimator::Estimator;
use crate::families::tests::in_plates;
use crate::families::{self, Family};
use crate::log_density::LaneFailure;
use crate::pattern::Pattern;
use crate::stream::{Noise, Purpose};
use crate::target::Target;
use crate::testing::Gaussian;
use crate::{DrawNoise, FamilyChoice, Gradient};
use numerics::lanes::Lanes;

const FAMILIES: [FamilyChoice; 6] = [
    FamilyChoice::MeanField,
    FamilyChoice::FullRank,
    FamilyChoice::LowRank(2),
    FamilyChoice::Structured,
    FamilyChoice::Mixture(3),
    FamilyChoice::Flow(2),
];

fn unit(dim: usize) -> Coordinates {
    Coordinates { centre: vec![0.0; dim], scale: Scale::Diagonal(vec![1.0; dim]) }
}

fn noise(family: &dyn Family, draws: usize, step: u64) -> Lanes {
    let names: Vec<String> = (0..family.n_base()).map(|i| format!("e{i}")).collect();
    let mut eps = Lanes::zeros(family.n_base(), draws);
    Noise::new(5, Purpose::Step, names.iter().map(String::as_str)).fill(step, 0, &mut eps);
    eps
}

fn member(family: &dyn Family) -> Vec<f64> {
    let spread = 0.3 / (family.n_params() as f64 / 30.0).max(1.0).sqrt();
    let step = |p: usize| spread * ((p * p) as f64 + 1.0).sin();
    family.standard().iter().enumerate().map(|(p, start)| start + step(p)).collect()
}

/// The noise of many steps of some options.
struct Steps {
    layout: Layout,
    noise: StepNoise,
    eps: Lanes,
}

impl Steps {
    fn new(options: &Options, family: &dyn Family) -> Steps {
        let layout = Layout::of(options, family);
        let names: Vec<String> = (0..family.n_base()).map(|i| format!("e{i}")).collect();
        let noise = Noise::new(5, Purpose::Step, names.iter().map(String::as_str));
        let noise = StepNoise::new(noise, options.noise, layout);
        Steps { layout, noise, eps: Lanes::zeros(family.n_base(), layout.lanes) }
    }
}

/// What many steps at one place tell: of every parameter the mean of the gradients and its standard
/// error, of all together the variance, and the mean of the variances that were reported.
struct Told {
    mean: Vec<f64>,
    error: Vec<f64>,
    variance: Vec<f64>,
    reported: f64,
    elbo: f64,
}

fn tell(
    density: &mut dyn LogDensity,
    options: &Options,
    family: &dyn Family,
    lambda: &[f64],
    repeats: u64,
) -> Told {
    let mut steps = Steps::new(options, family);
    let mut target = Target::new(density);
    let mut estimator = Estimator::with(options.gradient, family.dim(), steps.layout);
    let n = family.n_params();
    let (mut sum, mut square) = (vec![0.0; n], vec![0.0; n]);
    let (mut reported, mut elbo) = (0.0, 0.0);
    for step in 0..repeats {
        steps.noise.fill(step, &mut steps.eps);
        let mut g = vec![0.0; n];
        let coordinates = unit(family.dim());
        let estimate = estimator.gradient(&mut target, &coordinates, family, lambda, &steps.eps, &mut g);
        reported += estimate.grad_var;
        elbo += estimate.elbo;
        for p in 0..n {
            sum[p] += g[p];
            square[p] += g[p] * g[p];
        }
    }
    let repeats = repeats as f64;
    let mean: Vec<f64> = sum.iter().map(|s| s / repeats).collect();
    let variance: Vec<f64> = square.iter().zip(&mean).map(|(s, m)| (s / repeats - m * m).max(0.0)).collect();
    let error = variance.iter().map(|v| (v / repeats).sqrt()).collect();
    Told { mean, error, variance, reported: reported / repeats, elbo: elbo / repeats }
}

/// Every way to estimate the ELBO's gradient.
fn every_elbo() -> impl Iterator<Item = Options> {
    let gradients = [Gradient::Reparameterized, Gradient::StickingTheLanding, Gradient::ScoreFunction];
    let noises = [DrawNoise::Independent, DrawNoise::Antithetic, DrawNoise::Sobol];
    gradients
        .into_iter()
        .flat_map(move |gradient| noises.map(|noise| Options { gradient, noise, ..Options::default() }))
}

/// A target that no family contains.
fn skewed(dim: usize) -> Function<impl FnMut(&[f64], &mut [f64]) -> f64> {
    Function::new(dim, |z, g| {
        let mut value = 0.0;
        for i in 0..z.len() {
            let next = z[(i + 1) % z.len()];
            value += 2.0 * z[i] - z[i].exp() - 0.1 * (z[i] - next).powi(2);
            g[i] += 2.0 - z[i].exp() - 0.2 * (z[i] - next);
            g[(i + 1) % z.len()] += 0.2 * (z[i] - next);
        }
        value
    })
}

#[test]
fn the_reparameterised_gradient_is_that_of_the_fixed_draw_elbo() {
    for choice in FAMILIES {
        let family = in_plates(choice, 3);
        let mut density = skewed(3);
        let mut target = Target::new(&mut density);
        let coordinates = Coordinates {
            centre: vec![0.1, 0.2, -0.3],
            scale: if *family.scale() == Pattern::Lower {
                Scale::Lower(vec![0.5, 0.1, 0.8, -0.2, 0.3, 0.6])
            } else {
                Scale::Diagonal(vec![0.5, 0.8, 0.6])
            },
        };
        let lambda = member(&*family);
        let eps = noise(&*family, 12, 0);
        let mut estimator = Estimator::new(Gradient::Reparameterized, 3, 12);
        let mut gradient = vec![0.0; family.n_params()];
        estimator.gradient(&mut target, &coordinates, &*family, &lambda, &eps, &mut gradient);
        let mut objective = |lambda: &[f64]| match family.entropy(lambda, None) {
            // mean log p + entropy
            Some(entropy) => {
                let mut u = Lanes::zeros(3, 12);
                family.rsample(lambda, &eps, &mut u);
                let (mut z, mut value) = (Lanes::zeros(3, 12), vec![0.0; 12]);
                target.eval_whitened(&coordinates, &u, &mut z, &mut value, None);
                value.iter().sum::<f64>() / 12.0 + entropy
            }
            // the estimate itself, draws in their strata
            None => {
                let mut ignored = vec![0.0; lambda.len()];
                let estimate =
                    estimator.gradient(&mut target, &coordinates, &*family, lambda, &eps, &mut ignored);
                estimate.elbo
            }
        };
        for p in 0..family.n_params() {
            let mut moved = lambda.clone();
            moved[p] += 1e-5;
            let up = objective(&moved);
            moved[p] -= 2e-5;
            let difference = (up - objective(&moved)) / 2e-5;
            assert!((gradient[p] - difference).abs() < 1e-7, "{} {p}", family.name());
        }
    }
}

#[test]
fn all_estimators_have_one_mean_and_report_their_variance() {
    for choice in FAMILIES {
        let family = in_plates(choice, 2);
        let lambda = member(&*family);
        let mut first: Option<Told> = None;
        for options in every_elbo() {
            let what = format!("{} {:?} {:?}", family.name(), options.gradient, options.noise);
            let told = tell(&mut skewed(2), &options, &*family, &lambda, 1500);
            let total: f64 = told.variance.iter().sum();
            assert!((told.reported / total - 1.0).abs() < 0.15, "{what}: {} {total}", told.reported);
            let first =
                first.get_or_insert(Told { ..tell(&mut skewed(2), &options, &*family, &lambda, 1500) });
            for p in 0..lambda.len() {
                let error = told.error[p].hypot(first.error[p]);
                let difference = (told.mean[p] - first.mean[p]).abs();
                assert!(difference < 4.5 * error + 1e-12, "{what} {p}: {difference}, error {error}");
            }
        }
    }
}

/// A density that is a member of a family.
struct Member<'a> {
    family: &'a dyn Family,
    lambda: Vec<f64>,
    names: Vec<String>,
}

impl<'a> Member<'a> {
    fn new(family: &'a dyn Family, lambda: &[f64]) -> Self {
        let names = (0..family.dim()).map(|i| format!("z{i}")).collect();
        Member { family, lambda: lambda.to_vec(), names }
    }
}

impl LogDensity for Member<'_> {
    fn dim(&self) -> usize {
        self.family.dim()
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn eval(&mut self, z: &Lanes, value: &mut [f64], grad: Option<&mut Lanes>, _: &mut Vec<LaneFailure>) {
        self.family.log_q(&self.lambda, z, value, grad);
    }
}

/// At q = p the gradients that keep only the chain rule through the draws vanish draw by draw.
#[test]
fn sticking_the_landing_vanishes_where_q_is_the_posterior() {
    for choice in FAMILIES {
        let family = in_plates(choice, 4);
        let lambda = member(&*family);
        let mut density = Member::new(&*family, &lambda);
        for gradient in [Gradient::StickingTheLanding, Gradient::DoublyReparameterized] {
            if gradient == Gradient::DoublyReparameterized && family.strata().is_some() {
                continue; // refused
            }
            for noise in [DrawNoise::Independent, DrawNoise::Antithetic, DrawNoise::Sobol] {
                let options = Options { gradient, noise, ..Options::default() };
                if options.validate(4).is_err() {
                    continue;
                }
                let mut steps = Steps::new(&options, &*family);
                steps.noise.fill(9, &mut steps.eps);
                let mut target = Target::new(&mut density);
                let mut estimator = Estimator::with(gradient, 4, steps.layout);
                let mut g = vec![0.0; family.n_params()];
                let estimate =
                    estimator.gradient(&mut target, &unit(4), &*family, &lambda, &steps.eps, &mut g);
                assert!(g.iter().all(|g| g.abs() < 1e-11), "{} {gradient:?}: {g:?}", family.name());
                assert!(estimate.grad_var < 1e-20 && estimate.elbo_mcse < 1e-12);
                assert!(estimate.elbo.abs() < 1e-12, "the bound is the evidence");
            }
        }
    }
}

/// There the reparameterised one has variance one per mean coordinate and two per log scale.
#[test]
fn the_reparameterised_gradient_s_variance_does_not_vanish() {
    let family = families::build(FamilyChoice::MeanField, 1);
    let mut density = Gaussian::from_factor(&[0.0], &[1.0]);
    let options = Options { gradient: Gradient::Reparameterized, draws: Some(4000), ..Options::default() };
    let told = tell(&mut density, &options, &*family, &[0.0, 0.0], 1);
    assert!((4000.0 * told.reported - 3.0).abs() < 0.3, "{}", 4000.0 * told.reported);
}

/// The reward x^2 of one draw of q = normal(mu, s), over what the ELBO adds: log p = x^2 + log q at q's
/// own place, which the score function and sticking-the-landing then see as x^2 alone.
fn square_reward(mu: f64, s: f64) -> impl LogDensity {
    Function::new(1, move |z, g| {
        let e = (z[0] - mu) / s;
        g[0] = 2.0 * z[0] - e / s;
        z[0] * z[0] - 0.5 * e * e - s.ln() - families::HALF_LOG_TAU
    })
}

/// Exact means and variances of x = mu + s e, reward x^2: M draws have a variance of 1 / M.
#[test]
fn variances_are_those_of_the_closed_forms() {
    let (mu, s) = (0.7f64, 0.6f64);
    let family = families::build(FamilyChoice::MeanField, 1);
    let lambda = [mu, s.ln()];
    // in mu and in log s
    let mean = [2.0 * mu, 2.0 * s * s];
    let pathwise = [4.0 * s * s, s * s * (4.0 * mu * mu + 8.0 * s * s)];
    let score = [
        mu.powi(4) / (s * s) + 14.0 * mu * mu + 15.0 * s * s,
        s * s * (2.0 * mu.powi(4) / (s * s) + 60.0 * mu * mu + 74.0 * s * s),
    ];
    let repeats = 40_000;
    let check = |gradient: Gradient, draws: usize, expected: [f64; 2]| {
        let options = Options { gradient, draws: Some(draws), ..Options::default() };
        let told = tell(&mut square_reward(mu, s), &options, &*family, &lambda, repeats);
        for p in 0..2 {
            assert!((told.mean[p] - mean[p]).abs() < 4.5 * told.error[p], "{gradient:?} {p}");
            let ratio = told.variance[p] / expected[p];
            // that of the score function has a tail of the noise's sixteenth power
            let tolerance = if gradient == Gradient::ScoreFunction { 0.12 } else { 0.05 };
            assert!(
                (ratio - 1.0).abs() < tolerance,
                "{gradient:?} {draws} {p}: variance {ratio} of the exact one"
            );
        }
    };
    check(Gradient::StickingTheLanding, 1, pathwise);
    check(Gradient::StickingTheLanding, 8, pathwise.map(|v| v / 8.0));
    // one draw has no other that might tell a baseline
    check(Gradient::ScoreFunction, 1, score);
    // Leaving one out makes it the unbiased sample covariance of f = x^2 and the score t, of variance
    // E[(f - Ef)^2 t^2] / M - (M - 2) c^2 / (M (M - 1)) + Var f Var t / (M (M - 1)), c = Cov(f, t).
    let variance_f = 4.0 * mu * mu * s * s + 2.0 * s.powi(4);
    let moments = |t: fn(f64) -> f64| {
        // by the trapezoidal rule over e
        let cell = 1e-3;
        (-12_000..12_000).fold([0.0; 2], |[joint, square], k| {
            let e = k as f64 * cell;
            let weight = cell * (-0.5 * e * e - families::HALF_LOG_TAU).exp();
            let f = (mu + s * e).powi(2) - mu * mu - s * s;
            [joint + weight * (f * t(e)).powi(2), square + weight * t(e) * t(e)]
        })
    };
    let m = 8.0;
    let left_out = |p: usize| {
        let [joint, square] = if p == 0 { moments(|e| e) } else { moments(|e| e * e - 1.0) };
        // the score in mu is e / s
        let per = if p == 0 { 1.0 / (s * s) } else { 1.0 };
        let (joint, square) = (joint * per, square * per);
        joint / m - (m - 2.0) * mean[p] * mean[p] / (m * (m - 1.0)) + variance_f * square / (m * (m - 1.0))
    };
    check(Gradient::ScoreFunction, 8, [left_out(0), left_out(1)]);
}

/// |x|^2 in d dimensions at mean zero: pathwise variance 4 s^2, score function s^2 (d + 2) (d + 4).
#[test]
fn the_score_function_s_variance_grows_with_the_square_of_the_dimension() {
    let (dim, s) = (5, 0.7f64);
    let mut density = Function::new(dim, move |z, g| {
        let mut value = 0.0;
        for i in 0..z.len() {
            let e = z[i] / s;
            g[i] = 2.0 * z[i] - e / s;
            value += z[i] * z[i] - 0.5 * e * e - s.ln() - families::HALF_LOG_TAU;
        }
        value
    });
    let family = families::build(FamilyChoice::MeanField, dim);
    let mut lambda = vec![0.0; dim];
    lambda.resize(2 * dim, s.ln());
    for (gradient, expected) in [
        (Gradient::StickingTheLanding, 4.0 * s * s),
        (Gradient::ScoreFunction, s * s * ((dim + 2) * (dim + 4)) as f64),
    ] {
        let options = Options { gradient, draws: Some(1), ..Options::default() };
        let told = tell(&mut density, &options, &*family, &lambda, 40_000);
        let variance = told.variance[..dim].iter().sum::<f64>() / dim as f64;
        assert!((variance / expected - 1.0).abs() < 0.06, "{gradient:?}: {variance} {expected}");
    }
}

#[test]
fn antithetic_pairs_have_no_variance_in_the_mean_of_a_quadratic() {
    let (mu, s) = (0.7, 0.6f64);
    let family = families::build(FamilyChoice::MeanField, 1);
    let options = Options { noise: DrawNoise::Antithetic, draws: Some(2), ..Options::default() };
    let told = tell(&mut square_reward(mu, s), &options, &*family, &[mu, s.ln()], 200);
    assert!(told.variance[0] < 1e-28 && (told.mean[0] - 2.0 * mu).abs() < 1e-14);
    // what is even in the noise is the same twice: as one draw alone
    let exact = s * s * 8.0 * s * s;
    assert!((told.variance[1] / exact - 1.0).abs() < 0.4, "{} {exact}", told.variance[1]);
}

/// A quadratic: gradients are linear in the noise and its products.
#[test]
fn sobol_draws_have_less_variance() {
    let family = families::build(FamilyChoice::FullRank, 3);
    let lambda = member(&*family);
    let variance = |noise| {
        let mut density = Gaussian::from_factor(&[0.5, -0.5, 1.0], &[2.0, 0.6, 0.5, -0.3, 0.2, 1.0]);
        let options = Options { noise, draws: Some(64), ..Options::default() };
        tell(&mut density, &options, &*family, &lambda, 200).variance.iter().sum::<f64>()
    };
    let (independent, sobol) = (variance(DrawNoise::Independent), variance(DrawNoise::Sobol));
    assert!(sobol < 0.3 * independent, "{sobol} {independent}");
}

/// The bound of two draws and its gradient, by quadrature in both.
#[test]
fn the_doubly_reparameterised_gradient_is_that_of_the_importance_weighted_bound() {
    let family = families::build(FamilyChoice::MeanField, 1);
    let lambda = [0.3, -0.2f64];
    let log_w = |lambda: &[f64; 2], e: f64| {
        let z = lambda[0] + lambda[1].exp() * e;
        2.0 * z - z.exp() + 0.5 * e * e + lambda[1] + families::HALF_LOG_TAU
    };
    let bound = |lambda: [f64; 2]| {
        let (points, width) = (400, 9.0);
        let cell = 2.0 * width / points as f64;
        let at: Vec<f64> = (0..points).map(|k| k as f64 * cell - width).collect();
        let weight = |e: f64| cell * (-0.5 * e * e - families::HALF_LOG_TAU).exp();
        let w: Vec<f64> = at.iter().map(|&e| log_w(&lambda, e)).collect();
        let mut total = 0.0;
        for a in 0..points {
            for b in 0..points {
                let top = w[a].max(w[b]);
                let both = top + (0.5 * ((w[a] - top).exp() + (w[b] - top).exp())).ln();
                total += weight(at[a]) * weight(at[b]) * both;
            }
        }
        total
    };
    let exact = [0, 1].map(|p| {
        let moved = |h: f64| {
            let mut lambda = lambda;
            lambda[p] += h;
            bound(lambda)
        };
        (moved(1e-5) - moved(-1e-5)) / 2e-5
    });
    let options = Options { gradient: Gradient::DoublyReparameterized, draws: Some(2), ..Options::default() };
    let told = tell(&mut skewed(1), &options, &*family, &lambda, 40_000);
    let total: f64 = told.variance.iter().sum();
    assert!((told.reported / total - 1.0).abs() < 0.1, "{} {total}", told.reported);
    assert!((told.elbo - bound(lambda)).abs() < 0.01, "{} {}", told.elbo, bound(lambda));
    for ((mean, exact), error) in told.mean.iter().zip(exact).zip(&told.error) {
        assert!((mean - exact).abs() < 4.5 * error, "{mean} {exact}");
    }
}

/// Of the same number of draws, those in strata have the less noisy gradient of a mixture's weights,
/// where components overlap and where they are apart.
#[test]
fn strata_are_better_than_draws_of_any_component() {
    let family = families::build(FamilyChoice::Mixture(3), 2);
    for apart in [0.0, 4.0] {
        let mut lambda = member(&*family);
        for k in 0..3 {
            lambda[3 + 5 * k] += apart * (k as f64 - 1.0);
        }
        let variance = |gradient| {
            let mut density = Gaussian::from_factor(&[0.2, 0.1], &[1.0, 0.3, 0.8]);
            let options = Options { gradient, draws: Some(9), ..Options::default() };
            let told = tell(&mut density, &options, &*family, &lambda, 4000);
            told.variance[..3].iter().sum::<f64>()
        };
        let strata = variance(Gradient::StickingTheLanding);
        let score = variance(Gradient::ScoreFunction);
        assert!(strata < 0.85 * score, "{apart} apart: {strata} {score}");
    }
}

#[test]
fn failed_draws_are_left_out_of_every_average() {
    let family = families::build(FamilyChoice::FullRank, 2);
    let lambda = member(&*family);
    let eps = noise(&*family, 16, 0);
    let good = |z: &[f64]| z[0] < 0.5;
    let mut masked = Function::new(2, |z, g| {
        if !good(z) {
            g.fill(f64::NAN);
            return f64::NAN;
        }
        (g[0], g[1]) = (-z[0], -z[1]);
        -0.5 * (z[0] * z[0] + z[1] * z[1])
    });
    let mut whole = Gaussian::from_factor(&[0.0, 0.0], &[1.0, 0.0, 1.0]);
    let estimate = |density: &mut dyn LogDensity, eps: &Lanes| {
        let mut target = Target::new(density);
        let mut g = vec![0.0; family.n_params()];
        let mut estimator = Estimator::new(Gradient::StickingTheLanding, 2, eps.lanes());
        let e = estimator.gradient(&mut target, &unit(2), &*family, &lambda, eps, &mut g);
        (e, g, target.tally)
    };
    let (masked, masked_gradient, tally) = estimate(&mut masked, &eps);
    // The same draws without the bad ones.
    let mut z = Lanes::zeros(2, 16);
    family.rsample(&lambda, &eps, &mut z);
    let kept: Vec<usize> = (0..16).filter(|&l| good(&z.lane(l))).collect();
    assert!(kept.len() > 2 && kept.len() < 16, "the mask must mask");
    let mut fewer = Lanes::zeros(2, kept.len());
    kept.iter().enumerate().for_each(|(k, &l)| fewer.set_lane(k, &eps.lane(l)));
    let (alone, gradient, _) = estimate(&mut whole, &fewer);
    assert_eq!((tally.failed as usize, masked.good), (16 - kept.len(), kept.len()));
    assert!((masked.grad_var - alone.grad_var).abs() < 1e-12);
    for (a, b) in masked_gradient.iter().zip(&gradient) {
        assert!((a - b).abs() < 1e-12);
    }
}

#[test]
fn a_normal_posterior_is_standard_in_its_whitened_coordinates() {
    let mut density = Gaussian::from_factor(&[10.0, -3.0], &[0.01, 5.0, 2.0]);
    let mut target = Target::new(&mut density);
    let coordinates = whiten(&mut target, &[10.0, -3.0], &Pattern::Lower);
    let (mut u, mut z) = (Lanes::zeros(2, 1), Lanes::zeros(2, 1));
    let (mut value, mut grad) = ([0.0], Lanes::zeros(2, 1));
    u.set_lane(0, &[0.7, -1.3]);
    target.eval_whitened(&coordinates, &u, &mut z, &mut value, Some(&mut grad));
    assert!((grad.get(0, 0) + 0.7).abs() < 1e-5 && (grad.get(1, 0) - 1.3).abs() < 1e-5);
    let normal = -0.5 * (0.49 + 1.69) - 2.0 * crate::families::HALF_LOG_TAU;
    assert!((value[0] - normal).abs() < 1e-5);
}
