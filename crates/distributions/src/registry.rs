//! Every distribution by name.

use crate::distribution::Distribution;
use crate::{
    bernoulli, beta, binomial, categorical, cauchy, dirichlet, exponential, flat, gamma, half_normal,
    inverse_gamma, lkj_cholesky, lognormal, multinomial, multivariate_normal, ordered_logistic, wishart,
};
use crate::{normal, poisson, student_t, uniform};

/// All of them. A new one is a file and a line here; the shared tests want its examples.
pub static DISTRIBUTIONS: &[&dyn Distribution] = &[
    &normal::Normal,
    &student_t::StudentT,
    &cauchy::Cauchy,
    &lognormal::LogNormal,
    &half_normal::HalfNormal,
    &cauchy::HalfCauchy,
    &student_t::HalfStudentT,
    &exponential::Exponential,
    &gamma::Gamma,
    &inverse_gamma::InverseGamma,
    &beta::Beta,
    &uniform::Uniform,
    &bernoulli::Bernoulli,
    &binomial::Binomial,
    &poisson::Poisson,
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
