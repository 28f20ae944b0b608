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
mod unused;
pub mod words;
pub mod yaml;

use std::path::Path;

use model::{DataSource, Target};

/// Everything that compiling a spec makes, phase by phase.
pub struct Compiled {
    pub spec: ast::Spec,
    pub model: typed::Model,
    pub target: Target,
    /// What was learned from the rows of the data.
    pub remembered: lower::Remembered,
}

impl Compiled {
    /// The same model with its latents parameterised in another way.
    ///
    /// # Errors
    /// As of lowering; there are none where it was lowered before.
    pub fn recentred(&self, centring: &lower::Centring) -> Result<Target, Vec<Diagnostic>> {
        lower::lower(&self.model, centring, &mut self.remembered.clone(), false)
    }

    /// What is too large in a value over the dimensions `dims` (their names) that comes from `origin`, where
    /// these are the values of several discrete variables: their combinations. `bytes` is what it would take.
    pub fn too_many_combinations(&self, origin: &str, dims: &[String], bytes: usize) -> Option<Diagnostic> {
        let m = &self.model;
        let latents = m.latents.iter().filter_map(|l| Some((&l.name, l.law.span, l.discrete?)));
        let states = m.recurrences.iter().flat_map(|r| &r.states).filter_map(|s| match s.kind {
            typed::SeriesKind::Discrete { values, .. } => Some((&s.name, s.next.law()?.span, values)),
            _ => None,
        });
        let met: Vec<_> =
            latents.chain(states).filter(|(.., values)| dims.contains(&m.dims[values.dim.0].name)).collect();
        let (_, first, _) = met.first().filter(|_| met.len() > 1)?;
        let named: Vec<(&str, usize)> =
            met.iter().map(|(name, _, values)| (name.as_str(), m.dims[values.dim.0].size)).collect();
        let too_much = format!("with all they meet, {:.1} GB for eight draws", bytes as f64 / 1e9);
        Some(errors::too_many_combinations(self.span_of(origin).unwrap_or(*first), &named, &too_much))
    }

    /// That the rows of `minibatch:` do not come in batches, and why; `origin` says in what.
    pub fn not_in_batches(&self, why: &str, origin: &str) -> Option<Diagnostic> {
        let (rows, _) = self.spec.inference.minibatch.as_ref()?;
        // The graph knows a `mean` as a `sum`.
        Some(match self.model.reduced(origin, &rows.name) {
            Some((written, place)) => {
                let why = format!("`{written}` takes several rows together");
                errors::not_in_batches(rows.span, &why, Some(place))
            }
            None => errors::not_in_batches(rows.span, why, self.span_of(origin)),
        })
    }

    /// The line behind what a node of the graph says of where it comes from: `prior of mu`.
    pub fn span_of(&self, origin: &str) -> Option<Span> {
        let m = &self.model;
        let latents = m.latents.iter().map(|l| (format!("prior of {}", l.name), l.origin.span));
        let lets = m.lets.iter().map(|l| (format!("let {}", l.name), l.origin.span));
        let solves = m.solves.iter().map(|s| (format!("ode {}", s.name), s.origin.span));
        let observes = m.observes.iter().map(|o| (format!("likelihood of {}", o.name), o.origin.span));
        let factors = m.factors.iter().map(|x| (format!("factor {}", x.name), x.origin.span));
        let mut all = latents.chain(lets).chain(solves).chain(observes).chain(factors);
        all.find(|(what, _)| what == origin).map(|(_, span)| span)
    }
}

/// Parses, elaborates, checks and lowers a spec whose data paths are relative to `base`.
///
/// # Errors
/// The mistakes of the first phase that finds any, all of them.
pub fn compile(source: &Source, base: &Path, data: &dyn DataSource) -> Result<Compiled, Vec<Diagnostic>> {
    compile_after(parse_spec(source)?, base, data, &Earlier::default())
}

/// What a fit learned from its data that holds for other data too.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// The levels of dimensions, in their order.
    pub levels: check::Levels,
    pub remembered: lower::Remembered,
    /// The data are new: that no row has an observed value is no mistake.
    pub is_prediction: bool,
}

/// [`compile`] from a spec that is parsed, after an earlier fit of it.
///
/// # Errors
/// As [`compile`].
pub fn compile_after(
    spec: ast::Spec,
    base: &Path,
    data: &dyn DataSource,
    earlier: &Earlier,
) -> Result<Compiled, Vec<Diagnostic>> {
    let core = domains::elaborate(&spec);
    let mut model = check::check_after(&core, base, data, &earlier.levels, earlier.is_prediction)?;
    let mut remembered = earlier.remembered.clone();
    let centring = lower::Centring::default();
    let target = lower::lower(&model, &centring, &mut remembered, earlier.is_prediction)?;
    let has_hierarchies = target.sites.iter().any(|site| site.centring);
    model.warnings.extend(unused::warnings(&spec.inference, has_hierarchies));
    Ok(Compiled { spec, model, target, remembered })
}

pub use diagnostic::{Diagnostic, Located, render, render_with};
pub use parse::parse_spec;
pub use source::{Source, SourceError, Span};
