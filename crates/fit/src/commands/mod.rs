//! One file a command.

pub mod calibrate;
pub mod check;
pub mod compare;
pub mod explain;
pub mod fit;
pub mod logdensity;
pub mod new;
pub mod predict;
pub mod schema;
pub mod simulate;

use std::path::Path;

use graph::program::PlanError;
use spec_compiler::nearest::nearest;
use spec_compiler::source::Role;
use spec_compiler::{Compiled, Source};
use tables::AtomicDir;
use vi_engine::CompileError;

use crate::cli;
use crate::data::Files;
use crate::outcome::{self, Problem};

/// Reads and compiles a spec; its data paths are relative to its folder.
pub fn compile(path: &Path, overrides: &cli::Overrides) -> Result<(Source, Compiled), Problem> {
    let source = outcome::read_spec(path, overrides)?;
    let base = path.parent().unwrap_or(Path::new(""));
    match spec_compiler::compile(&source, base, &Files) {
        Ok(compiled) => {
            if !compiled.model.warnings.is_empty() {
                outcome::tell(spec_compiler::render(&compiled.model.warnings, &source).trim_end());
            }
            warn_of_idle(&source, &compiled);
            Ok((source, compiled))
        }
        Err(mistakes) => Err(Problem::mistakes(&mistakes, &source)),
    }
}

/// Puts results in their place.
pub fn commit(out: AtomicDir) -> Result<(), Problem> {
    let done = out.commit().map_err(Problem::failed)?;
    if let Some(leftover) = done.leftover {
        outcome::tell(format!(
            "note: what could not be moved to the new results is in {}",
            leftover.display()
        ));
    }
    Ok(())
}

/// Why a program cannot be planned: in the words of the spec where they are known.
pub fn not_planned(source: &Source, compiled: &Compiled, error: impl Into<CompileError>) -> Problem {
    let error = error.into();
    if let CompileError::Plan(PlanError::OverBudget { origin, dims, bytes, .. }) = &error {
        let origins = &compiled.target.origins;
        let origin = origins.get(origin.0 as usize).map_or("", String::as_str);
        if let Some(mistake) = compiled.too_many_combinations(origin, dims, *bytes) {
            return Problem::mistakes(&[mistake], source);
        }
    }
    if let CompileError::Batches { why, origin } = &error
        && let Some(mistake) = compiled.not_in_batches(why, origin)
    {
        return Problem::mistakes(&[mistake], source);
    }
    Problem::failed(error)
}

/// An override that adds a latent which nothing uses is more likely a slip of the pen.
fn warn_of_idle(source: &Source, compiled: &Compiled) {
    let set: Vec<&str> = source
        .files()
        .iter()
        .filter(|file| *file.role() == Role::Override)
        .filter_map(|file| file.text().trim_start().strip_prefix("latent.")?.split(['=', '[']).next())
        .map(str::trim)
        .collect();
    if set.is_empty() {
        return;
    }
    // What is no whole spec without the overrides says nothing of what was there before.
    let Ok(before) = spec_compiler::parse_spec(&source.without_overrides()) else { return };
    let known: Vec<&str> = before.latent.iter().map(|l| l.target.name.name.as_str()).collect();
    let used = compiled.model.used_latents();
    for (i, latent) in compiled.model.latents.iter().enumerate() {
        let name = latent.name.as_str();
        if used.contains(&i) || !set.contains(&name) || known.contains(&name) {
            continue;
        }
        let near = nearest(name, known.iter().copied());
        let help = near.first().map_or(String::new(), |near| format!("; did you mean `latent.{near}`?"));
        outcome::tell(format!("warning: --set latent.{name}: a new latent, which nothing uses{help}"));
    }
}
