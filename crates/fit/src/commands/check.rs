//! `fit check SPEC`: the spec and its data are in order, or what is wrong; and whether the density can
//! be evaluated where the prior says that the answer may be.

use answers::{AnswerError, Given, simulate};
use numerics::lanes::Lanes;
use spec_compiler::{Compiled, Source};
use vi_engine::{CompiledDensity, LogDensity, NotFinite};

use crate::cli;
use crate::commands::simulate::place;
use crate::commands::{compile, not_planned};
use crate::outcome::{self, Problem};

/// Draws from the prior.
const DRAWS: usize = 64;
/// Elements of all simulated data sets together.
const MOST_SIMULATED: usize = 1_000_000;
/// Values shown of a draw that fails.
const SHOWN: usize = 6;

pub fn run(args: &cli::Check) -> Result<u8, Problem> {
    let (source, compiled) = compile(&args.spec, &args.overrides)?;
    let t = &compiled.target;
    let coordinates = t.coordinates().len();
    let rows: usize = compiled.model.tables.iter().map(|t| t.data.n_rows).sum();
    let (text, code) = match coordinates {
        0 => (String::new(), outcome::OK),
        _ => stress(&source, &compiled)?,
    };
    let name = source.name();
    let is = if code == outcome::OK { "in order" } else { "no draw from the prior has a density" };
    outcome::say(format!("{name}: {is} ({coordinates} coordinates, {rows} rows of data)\n{text}"))?;
    Ok(code)
}

/// What the density is at draws from the prior.
fn stress(source: &Source, compiled: &Compiled) -> Result<(String, u8), Problem> {
    let target = &compiled.target;
    let machine = graph::program::Options::default();
    let seed = compiled.spec.inference.seed.as_ref().map_or(1, |s| s.value);
    let z = match simulate::prior(target, DRAWS, seed, &machine) {
        Ok(z) => z,
        Err(AnswerError::Plan(e)) => return Err(not_planned(source, compiled, e)),
        // A model may well have such a prior; it cannot be tried like this.
        Err(e) => return Ok((format!("prior: not tried: {e}\n"), outcome::OK)),
    };
    let mut density = CompiledDensity::new(target, &machine).map_err(|e| not_planned(source, compiled, e))?;
    let (mut value, mut grad, mut failures) = (vec![0.0; DRAWS], Lanes::zeros(z.n(), DRAWS), Vec::new());
    density.eval(&z, &mut value, Some(&mut grad), &mut failures);
    let nowhere = value.iter().filter(|v| **v == f64::NEG_INFINITY).count() - failures.len();
    let mut out = String::new();
    if failures.is_empty() && nowhere == 0 {
        out.push_str(&format!(
            "prior: the density and its gradient are finite at {DRAWS} of {DRAWS} draws\n"
        ));
    }
    if let Some(first) = failures.first() {
        let n = failures.len();
        let what = match vi_engine::first_not_finite(target, &z.lane(first.lane)) {
            Some(place) => first_place(source, compiled, &place),
            None => first.reason.clone(),
        };
        out.push_str(&format!("warning: prior: {n} of {DRAWS} draws cannot be evaluated; first {what}\n"));
        out.push_str(&format!("  at {}\n", inputs(&mut density, &z, first.lane)));
    }
    if nowhere > 0 {
        let lane =
            (0..DRAWS).find(|&l| value[l] == f64::NEG_INFINITY && failures.iter().all(|f| f.lane != l));
        out.push_str(&format!("warning: prior: at {nowhere} of {DRAWS} draws the data are impossible\n"));
        if let Some(lane) = lane {
            out.push_str(&format!("  at {}\n", inputs(&mut density, &z, lane)));
        }
    }
    if failures.len() + nowhere == DRAWS {
        return Ok((out, outcome::FAILED));
    }
    out.push_str(&predictive(source, compiled, seed, &machine));
    Ok((out, outcome::OK))
}

/// Whether data sets can be drawn from the model.
fn predictive(source: &Source, compiled: &Compiled, seed: u64, machine: &graph::program::Options) -> String {
    let target = &compiled.target;
    let rows: usize = target.tables.iter().map(|t| t.n_rows).sum();
    let draws = (MOST_SIMULATED / rows.max(1)).clamp(1, DRAWS);
    match simulate::simulate(target, &Given::new(), draws, seed, machine) {
        Err(AnswerError::Draw { name, why }) => {
            format!("warning: prior predictive: `{name}` cannot be drawn: {why}\n")
        }
        // No fault: such a model can be fitted.
        Err(e) => format!("note: data sets cannot be drawn: {}: {e}\n", place(source, compiled, &e)),
        Ok(sets) => {
            let is_bad = |c: &simulate::Simulated| match &c.values {
                simulate::Cells::Numbers(v) => {
                    v.iter().zip(&c.drawn).any(|(x, drawn)| *drawn && !x.is_finite())
                }
                simulate::Cells::Labels(_) => false,
            };
            let n = sets.iter().filter(|s| s.columns.iter().any(is_bad)).count();
            let name = sets.iter().flat_map(|s| &s.columns).find(|c| is_bad(c)).map(|c| &c.column);
            name.map_or(String::new(), |name| {
                format!("warning: prior predictive: in {n} of {draws} data sets `{name}` is not finite\n")
            })
        }
    }
}

/// `in the prior of w (model.yaml:4:3): ln(-1) is NaN`
fn first_place(source: &Source, compiled: &Compiled, place: &NotFinite) -> String {
    let line = compiled.span_of(&place.origin).map_or(String::new(), |s| format!(" ({})", source.place(s)));
    format!("in the {}{line}: {}", place.origin, place.what)
}

/// What was reported of a draw: `mu = 3, tau = 0.1`.
fn inputs(density: &mut CompiledDensity, z: &Lanes, lane: usize) -> String {
    let names = density.reported_names().to_vec();
    let mut values = Lanes::zeros(names.len(), z.lanes());
    density.report(z, &mut values);
    let shown: Vec<String> = names
        .iter()
        .enumerate()
        .take(SHOWN)
        .map(|(k, name)| format!("{name} = {}", model::rounded(values.get(k, lane))))
        .collect();
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}
