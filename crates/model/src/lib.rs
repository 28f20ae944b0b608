//! What a compiled model *is*, for everyone who makes one or uses one.
//!
//! The compiler makes a [`Target`]; the engine fits it, the answers run over it. Neither knows the
//! other: this crate holds types only ([`Target`], and what its variables are drawn by), and nothing here knows who makes or uses them. It also holds
//! the one trait through which the compiler asks for data ([`DataSource`]), so that the compiler
//! never sees the table library.

pub mod data;
pub mod generate;
mod numbers;
pub mod support;
pub mod target;

pub use data::{Cells, Column, DataError, DataSource, Table};
pub use generate::{
    Back, Carrier, Discrete, DrawError, Drawing, Elements, Generated, Lookup, Lookups, MadeOfDiscrete, Noise,
    NoiseLaw, Observed, Recipe, Role, Rows, Sampler, Stands, State, Uniforms, Variable,
};
pub use numbers::rounded;
pub use support::{Bijector, Support, is_kept};
pub use target::{Likelihood, Named, Site, Target, Terms, Whole, element_names};
