//! `fit schema`: the language as a JSON Schema, for editors.

use crate::outcome::{self, Problem};

pub fn run() -> Result<u8, Problem> {
    outcome::say(format!("{:#}\n", spec_compiler::schema::schema()))?;
    Ok(outcome::OK)
}
