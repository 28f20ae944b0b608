//! The numerical floor of Pathwise: special functions that keep their digits in the tails, vector
//! kernels for every instruction set, random numbers that are functions of their place, and sums
//! that do not depend on who adds them.
//!
//! A Bayesian answer is millions of logarithms, exponentials and normal tails, evaluated for eight or
//! more Monte-Carlo draws at once. They decide both the speed of a fit and whether its tails
//! (censored times, far quantiles, log-gamma near its zeros) can be trusted. So each function here states its
//! error and is held to it by references of 60 digits; each kernel is written once and compiled for the
//! baseline, AVX2 and AVX-512, chosen at run time; and randomness and sums give the same bits on any number of
//! threads, blocks and machines.
//!
//! ```
//! use numerics::lanes::Lanes;
//! use numerics::random::{Block, Key};
//! use numerics::simd::Isa;
//! use numerics::{math, reduce, special};
//!
//! // The mean of a lognormal: a thousand elements, eight draws of each.
//! let key = Key::new(1, "example", "z", "");
//! let mut z = Lanes::zeros(1000, 8);
//! key.fill_normal(Block::default(), &mut z);
//!
//! let mut x = vec![0.0; 8000];
//! math::exp_slice(Isa::detect(), z.tile(0), &mut x);
//! let mean = reduce::sum(&x) / 8000.0;
//! assert!((mean - special::exp(0.5)).abs() < 0.1);
//!
//! // Ten standard deviations out, where 1 - cdf is 0, the tail has its digits.
//! assert!((special::log_ndtr(-10.0) - -53.231_285_150_512_47).abs() < 1e-13);
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`lanes`] | storage: elements by draws, tiles of eight draws |
//! | [`simd`] | [`simd::Pack`], eight lanes under one instruction set; [`dispatch!`] |
//! | [`math`] | functions on packs and slices, with stated errors |
//! | [`special`] | the same for one number |
//! | [`incomplete`] | incomplete gamma and beta integrals, and derivatives of draws by shapes |
//! | [`random`] | keyed, counter-based streams |
//! | [`psis`] | Pareto-smoothed importance weights |
//! | [`reduce`] | sums, products and log-sum-exp in a fixed order |
//!
//! It knows nothing of graphs, gradients, densities or models: what a number means is its caller's
//! business. It depends on the standard library alone; where the target is not x86-64, only the baseline
//! is compiled.

pub mod incomplete;
pub mod lanes;
pub mod math;
pub mod psis;
pub mod random;
pub mod reduce;
pub mod simd;
pub mod special;
