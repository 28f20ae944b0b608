//! The YAML tree to a [`Spec`]: every section read, every mistake of form collected.

mod data;
mod exclusions;
mod inference;
mod merge;
mod model;
mod one_file;
mod overrides;
mod read;
mod recurrence;

use crate::ast::Spec;
use crate::diagnostic::Diagnostic;
use crate::source::Source;
use crate::words;
use crate::yaml;
pub(crate) use inference::MIN_POSTERIOR_DRAWS;
pub use merge::LANGUAGE_VERSION;
pub use one_file::{Edits, one_file};
use read::Reader;

/// Parses a spec: its file, those it includes, and its overrides.
///
/// # Errors
/// Every mistake of form in the files: YAML syntax (which ends the reading), keys, shapes, words,
/// expressions. At least one; in no particular order.
pub fn parse_spec(source: &Source) -> Result<Spec, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let spec = match merge::tree(source, &mut diagnostics) {
        Some(root) => sections(&mut Reader::new(source, &mut diagnostics), &root),
        None => None,
    };
    match spec {
        Some(spec) if diagnostics.is_empty() => Ok(spec),
        _ => Err(diagnostics),
    }
}

fn sections(reader: &mut Reader, root: &yaml::Map) -> Option<Spec> {
    let fields = reader.root(root, &words::SPEC);
    // Names of units come first, for all that carries one.
    reader.declare_units(fields.get("units"));
    // All sections are read before any is missed, so that all mistakes are found.
    let model = fields.get("model").and_then(|node| reader.model_name(node));
    let description = fields.get("description").and_then(|node| reader.text(node, "`description:`"));
    let data = data::tables(reader, fields.get("data"));
    let dims = data::dims(reader, fields.get("dims"));
    let latent = model::latents(reader, fields.get("latent"));
    let lets = model::lets(reader, fields.get("let"));
    let ode = model::odes(reader, fields.get("ode"));
    let recurrence = recurrence::blocks(reader, fields.get("recurrence"));
    let observe = model::observations(reader, fields.get("observe"));
    let factors = model::factors(reader, fields.get("factor"));
    let inference = inference::inference(reader, fields.get("inference"), &data);
    let output = inference::output(reader, fields.get("output"));
    Some(Spec {
        model: model?,
        description,
        units: reader.vocabulary().clone(),
        data,
        dims,
        latent,
        lets,
        ode,
        recurrence,
        observe,
        factors,
        inference,
        output,
    })
}
