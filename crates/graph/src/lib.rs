//! (in work)
pub mod build;
pub mod derivative;
pub mod foreign;
pub mod interpret;
pub mod ir;
pub mod jvp;
mod layout;
mod names;
pub mod program;
mod rewrite;
pub mod types;
pub mod value;
pub mod vjp;
