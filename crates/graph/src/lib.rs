//! (in work)
pub mod build;
pub mod derivative;
pub mod foreign;
pub mod interpret;
pub mod ir;
pub mod jvp;
mod layout;
mod names;
pub mod passes;
pub mod program;
mod rewrite;
pub mod text;
pub mod types;
pub mod value;
pub mod vjp;
