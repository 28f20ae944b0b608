//! `fit check SPEC`: the spec and its data are in order, or what is wrong.

use crate::cli;
use crate::commands::compile;
use crate::outcome::{self, Problem};

pub fn run(args: &cli::Check) -> Result<u8, Problem> {
    let (source, compiled) = compile(&args.spec, &args.overrides)?;
    let t = &compiled.target;
    let coordinates = t.coordinates().len();
    let rows: usize = compiled.model.tables.iter().map(|t| t.data.n_rows).sum();
    outcome::say(format!("{}: in order ({coordinates} coordinates, {rows} rows of data)\n", source.name()))?;
    Ok(outcome::OK)
}
