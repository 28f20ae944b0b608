//! Every distribution by name, and those with extra zeros.

use std::sync::LazyLock;

use crate::distribution::Distribution;
use crate::error::DistributionError;
use crate::hurdle::Hurdle;
use crate::zero_inflated::ZeroInflated;
use crate::{
    bernoulli, beta, beta_binomial, binomial, categorical, cauchy, dirichlet, exponential, flat, gamma,
    geometric, gumbel, half_normal, inverse_gamma, laplace, lkj_cholesky, logistic, loglogistic, lognormal,
    multinomial, multivariate_normal, negative_binomial, normal, ordered_logistic, pareto, poisson,
    skew_normal, student_t, uniform, von_mises, weibull, wishart,
};

/// All of them. A new one is a file and a line here; the shared tests want its examples.
pub static DISTRIBUTIONS: &[&dyn Distribution] = &[
    &normal::Normal,
    &student_t::StudentT,
    &cauchy::Cauchy,
    &laplace::Laplace,
    &logistic::Logistic,
    &gumbel::Gumbel,
    &skew_normal::SkewNormal,
    &von_mises::VonMises,
    &lognormal::LogNormal,
    &half_normal::HalfNormal,
    &cauchy::HalfCauchy,
    &student_t::HalfStudentT,
    &exponential::Exponential,
    &gamma::Gamma,
    &inverse_gamma::InverseGamma,
    &weibull::Weibull,
    &loglogistic::LogLogistic,
    &pareto::Pareto,
    &beta::Beta,
    &uniform::Uniform,
    &bernoulli::Bernoulli,
    &binomial::Binomial,
    &beta_binomial::BetaBinomial,
    &poisson::Poisson,
    &negative_binomial::NegativeBinomial,
    &geometric::Geometric,
    &flat::Flat,
    &categorical::Categorical,
    &ordered_logistic::OrderedLogistic,
    &dirichlet::Dirichlet,
    &multinomial::Multinomial,
    &multivariate_normal::MultivariateNormal,
    &lkj_cholesky::LkjCholesky,
    &wishart::Wishart,
    &wishart::InverseWishart,
];

/// The distribution a specification calls `name`.
pub fn lookup(name: &str) -> Option<&'static dyn Distribution> {
    DISTRIBUTIONS.iter().copied().find(|d| d.name() == name)
}

static ZERO_INFLATED: LazyLock<Vec<ZeroInflated>> =
    LazyLock::new(|| DISTRIBUTIONS.iter().filter_map(|d| ZeroInflated::new(*d).ok()).collect());

static HURDLES: LazyLock<Vec<Hurdle>> =
    LazyLock::new(|| DISTRIBUTIONS.iter().filter_map(|d| Hurdle::new(*d).ok()).collect());

/// `base`, one of [`DISTRIBUTIONS`], with more zeros.
///
/// # Errors
/// As of [`ZeroInflated::new`].
pub fn zero_inflated(
    base: &'static dyn Distribution,
) -> Result<&'static dyn Distribution, DistributionError> {
    match ZERO_INFLATED.iter().find(|law| law.modifies().is_some_and(|b| b.name() == base.name())) {
        Some(law) => Ok(law),
        None => Err(crate::zero_inflated::refused(base)),
    }
}

/// `base`, one of [`DISTRIBUTIONS`], behind a hurdle.
///
/// # Errors
/// As of [`Hurdle::new`].
pub fn hurdle(base: &'static dyn Distribution) -> Result<&'static dyn Distribution, DistributionError> {
    match HURDLES.iter().find(|law| law.modifies().is_some_and(|b| b.name() == base.name())) {
        Some(law) => Ok(law),
        None => Err(crate::hurdle::refused(base, base.widest_support())),
    }
}
