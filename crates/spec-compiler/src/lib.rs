//! From the text of a spec to a typed model.
//!
//! A user's file is where most errors happen, so every value, name and operator keeps its place in
//! the file from the first phase to the last, and mistakes are collected instead of stopping at the
//! first. This crate knows nothing of optimisers.
//!
//! ```
//! use spec_compiler::{Source, parse_spec, render};
//!
//! let text = "model: coin\nlatent:\n  p: beta(1, 1\n";
//! let source = Source::new("coin.yaml", text)?;
//! let mistakes = parse_spec(&source).unwrap_err();
//! let first_line = render(&mistakes, &source).lines().next().unwrap().to_string();
//! assert_eq!(first_line, "  × coin.yaml:3:10: `(` is never closed [unclosed_bracket]");
//! # Ok::<(), spec_compiler::SourceError>(())
//! ```

pub mod ast;
pub mod check;
pub mod core;
pub mod diagnostic;
pub mod domains;
mod errors;
mod explain;
pub mod expr;
pub mod include;
pub mod lower;
pub mod nearest;
pub mod parse;
pub mod schema;
pub mod source;
pub mod typed;
pub mod words;
pub mod yaml;

use std::path::Path;

use model::{DataSource, Target};

/// Everything that compiling a spec makes, phase by phase.
pub struct Compiled {
    pub spec: ast::Spec,
    pub model: typed::Model,
    pub target: Target,
}

/// Parses, elaborates, checks and lowers a spec whose data paths are relative to `base`.
///
/// # Errors
/// The mistakes of the first phase that finds any, all of them.
pub fn compile(source: &Source, base: &Path, data: &dyn DataSource) -> Result<Compiled, Vec<Diagnostic>> {
    let spec = parse_spec(source)?;
    let core = domains::elaborate(&spec);
    let model = check::check(&core, base, data)?;
    let target = lower::lower(&model)?;
    Ok(Compiled { spec, model, target })
}

pub use diagnostic::{Diagnostic, Located, render, render_with};
pub use parse::parse_spec;
pub use source::{Source, SourceError, Span};
