//! Distributions: densities, tails, samplers and bijectors, emitted as graph.
//!
//! A model is as trustworthy as its densities in the corners: 40 standard deviations out, at a shape
//! of 0.001, at a probability that rounds to one. Each distribution is one file here, written once as
//! *graph*: the smart constructors hoist what does not vary, the engine differentiates it, and the
//! numbers this crate gives ([`log_prob_at`]) are that same graph, evaluated. One table of examples
//! in the tests enrols a distribution in every property it must have.
//!
//! ```
//! use distributions::{Params, Place, Truncated, bijector_for, constants, log_prob_at, lookup, stream};
//! use graph::ir::{Graph, Kind, Varies};
//! use numerics::random::{Counter, Key};
//!
//! // rate: truncated(normal(1, 0.5), lower=0), in a graph: a latent, its bijector, its density.
//! let normal = lookup("normal").unwrap();
//! let law: &dyn distributions::Distribution = &Truncated::new(normal, 0.0, f64::INFINITY)?;
//! let mut g = Graph::new();
//! let params = Params::bind(law, &[g.constant(1.0)], &[("sd", g.constant(0.5))])?;
//! law.check(&constants(&g, &params))?;
//! let support = law.support(&constants(&g, &params))?;
//! let bijector = bijector_for(&mut g, support, &Place::default())?;
//! assert_eq!((support.to_string(), bijector.name()), ("a positive number".into(), "lower".into()));
//! let u = g.input("rate", Varies::Lane, Kind::Real, &[]);
//! let x = bijector.forward(&mut g, u);
//! let log_prob = law.log_prob(&mut g, &params, x)?;
//! let log_det = bijector.log_det_jac(&mut g, u);
//! let unconstrained = g.add(log_prob, log_det);
//! # let _ = unconstrained;
//!
//! // As numbers: a density and a draw.
//! let params = Params::bind(law, &[1.0, 0.5], &[])?;
//! let found = log_prob_at(law, &params, &[1.0, -0.1])?;
//! let expected = -(2.0 * std::f64::consts::PI).sqrt().ln() - 0.5f64.ln() - 0.977249868051821f64.ln();
//! assert!((found[0] - expected).abs() < 1e-14);
//! assert_eq!(found[1], f64::NEG_INFINITY);
//! let key = Key::new(1, "predict", "rate", "");
//! let draw = law.sample(&params, &mut stream(key, Counter::default()))?;
//! assert!(draw > 0.0);
//!
//! // A mistake is named.
//! let mistake = Params::bind(normal, &[0.0], &[("scale", 1.0)]).unwrap_err();
//! assert_eq!(mistake.to_string(), "normal has no parameter scale; it has mean, sd");
//! # Ok::<(), distributions::DistributionError>(())
//! ```
//!
//! # What is promised
//!
//! - Densities are normalised, constants included (but `flat`).
//! - Outside the support the density of anything that depends on a latent is -inf, never NaN. Values
//!   that come out of the right bijector are known to be inside, and are not checked. Data are the
//!   compiler's to check ([`Distribution::observable`]).
//! - Of a vector or a matrix the elements are compared with the support, and a matrix is factored; that
//!   proportions sum to one, or a matrix is symmetric, is not looked at: of data
//!   [`Distribution::observable_value`] tells.
//! - Both ends of an interval count as inside; a density there is its limit, which may be infinite.
//! - Tails are on the log scale, each with its digits where it is next to 0, 1 or nothing. Where the
//!   graph has no operation for a law's tails (skew normal, von Mises) it can be truncated with constant
//!   parameters only; anything else is refused by name.
//! - A continuous law tells how its draws move with its parameters ([`Distribution::implicit`]), to
//!   ten digits at shapes from 1e-4 to 1e6.
//! - Samplers are exact, take uniform numbers one by one, and stay inside the support: a number that
//!   underflows becomes the smallest positive one.
//! - Gamma functions of large arguments are not subtracted, but what remains of them is: a beta-binomial,
//!   negative binomial or Student's t has its digits at parameters of any size, 1e-300 or 1e300.
//! - Other terms still cancel: a Poisson, binomial or multinomial count of n, and a beta, gamma or Dirichlet number
//!   whose shape is n, keep about 1e-16 n ln n absolutely.
//!
//! The crate knows nothing of specifications, inference or tables.

mod bernoulli;
mod beta;
mod beta_binomial;
mod bijectors;
mod binomial;
mod categorical;
mod cauchy;
mod dirichlet;
mod distribution;
mod domain;
mod emit;
mod error;
mod evaluate;
mod exponential;
mod extra_zeros;
mod flat;
mod gamma;
mod geometric;
mod guard;
mod gumbel;
mod half_normal;
mod hurdle;
mod inverse_gamma;
mod laplace;
mod lkj_cholesky;
mod logistic;
mod loglogistic;
mod lognormal;
mod matrix;
mod multinomial;
mod multivariate_normal;
mod negative_binomial;
mod normal;
mod ordered_logistic;
mod params;
mod pareto;
mod poisson;
mod prelude;
mod quadrature;
mod random;
mod range;
mod registry;
pub mod series;
mod signatures;
mod skew_normal;
mod student_t;
mod truncated;
mod uniform;
mod von_mises;
mod weibull;
mod window;
mod wishart;
mod zero_inflated;

pub use bijectors::{Affine, Identity, Place, bijector_for};
pub use dirichlet::dirichlet_implicit;
pub use distribution::{Distribution, Event, LocationScale, Tails, Uniforms, constants};
pub use domain::{Domain, Fault};
pub use error::DistributionError;
pub use evaluate::{log_prob_at, tails_at};
pub use guard::{in_domain, scale_in_domain};
pub use hurdle::Hurdle;
pub use params::{Given, Parameter, Params, Shape, Slot};
pub use random::stream;
pub use registry::{DISTRIBUTIONS, hurdle, lookup, zero_inflated};
pub use signatures::{Signature, signatures};
pub use truncated::{Truncated, WINDOW_LIMIT};
pub use window::{Ends, Seen, censored, truncated};
pub use zero_inflated::ZeroInflated;
