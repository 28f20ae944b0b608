//! One file a command.

pub mod check;
pub mod explain;
pub mod fit;
pub mod logdensity;
pub mod new;
pub mod predict;
pub mod schema;
pub mod simulate;

use std::path::Path;

use spec_compiler::{Compiled, Source};

use crate::cli;
use crate::data::Files;
use crate::outcome::{self, Problem};

/// Reads and compiles a spec; its data paths are relative to its folder.
pub fn compile(path: &Path, overrides: &cli::Overrides) -> Result<(Source, Compiled), Problem> {
    let source = outcome::read_spec(path, overrides)?;
    let base = path.parent().unwrap_or(Path::new(""));
    match spec_compiler::compile(&source, base, &Files) {
        Ok(compiled) => Ok((source, compiled)),
        Err(mistakes) => Err(Problem::mistakes(&mistakes, &source)),
    }
}
