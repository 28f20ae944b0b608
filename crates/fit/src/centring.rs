//! The parameterisation of a model's hierarchies: asked for in the spec, or chosen by a short look at the
//! non-centred model.

use std::collections::BTreeMap;

use graph::ir::NodeId;
use graph::program::Program;
use model::Target;
use numerics::lanes::Lanes;
use serde_json::{Value, json};
use spec_compiler::Compiled;
use spec_compiler::ast;
use spec_compiler::lower::Centring;
use vi_engine::{CompileError, CompiledDensity, FitError, Observer, Options};

use crate::outcome::Problem;

/// By latent, for each element: 1 where it is centred, 0 where it is not.
type Lambda = BTreeMap<String, Vec<f64>>;

/// A model that is not fitted in the coordinates it is written in.
pub struct Recentred {
    /// The model as it is written: every coordinate the value itself.
    written: Target,
    lambda: Lambda,
}

/// Gives the hierarchies of a model the coordinates they are fitted in, if these are not the values.
pub fn choose(
    compiled: &mut Compiled,
    options: &Options,
    machine: &graph::program::Options,
    observer: &mut dyn Observer,
) -> Result<Option<Recentred>, Problem> {
    let choice = compiled.spec.inference.centring.as_ref().map_or(ast::Centring::Auto, |c| c.value);
    if !compiled.target.sites.iter().any(|s| s.centring) || choice == ast::Centring::Centred {
        return Ok(None);
    }
    let recentred =
        |c: &Centring| compiled.recentred(c).map_err(|_| Problem::failed("a hierarchy cannot be recentred"));
    let apart = recentred(&Centring::NonCentred)?;
    let (mut blocks, mut first) = (BTreeMap::new(), 0);
    for site in &apart.sites {
        if site.centring {
            blocks.insert(site.name.clone(), first..first + site.coordinates.len());
        }
        first += site.coordinates.len();
    }
    let non_centred: Lambda = blocks.iter().map(|(n, b)| (n.clone(), vec![0.0; b.len()])).collect();
    let lambda = match choice {
        ast::Centring::NonCentred => non_centred,
        _ => {
            let mut density = CompiledDensity::new(&apart, machine).map_err(Problem::failed)?;
            let chosen = vi_engine::centring::choose(&mut density, &blocks, options, observer);
            let worth = chosen
                .and_then(|lambda| Ok((lambda, vi_engine::start_elbo(&mut density, options, observer)?)));
            match worth {
                Ok((lambda, worth)) => {
                    let target = recentred(&Centring::Partial(lambda.clone()))?;
                    let mut density = CompiledDensity::new(&target, machine).map_err(Problem::failed)?;
                    match vi_engine::start_elbo(&mut density, options, observer) {
                        Ok(own) if !is_astray(own, worth) => lambda,
                        _ => non_centred,
                    }
                }
                Err(e @ FitError::InterruptedAtStart) => {
                    return Err(Problem::interrupted(format!("{e}: nothing was written")));
                }
                // What is wrong is told by the fit, in the model's own words.
                Err(_) => return Ok(None),
            }
        }
    };
    if lambda.values().flatten().all(|l| *l == 1.0) {
        return Ok(None);
    }
    let target = recentred(&Centring::Partial(lambda.clone()))?;
    let written = std::mem::replace(&mut compiled.target, target);
    Ok(Some(Recentred { written, lambda }))
}

/// The other coordinates in which a model may be fitted whose fit in the chosen ones is unreliable: every element
/// centred, and none. None where the spec chooses, or no hierarchy is there.
pub fn others(compiled: &Compiled, chosen: Option<&Recentred>) -> Vec<(Target, Option<Recentred>)> {
    let written = chosen.map_or(&compiled.target, |c| &c.written);
    let choice = compiled.spec.inference.centring.as_ref().map(|c| c.value);
    if !matches!(choice, None | Some(ast::Centring::Auto)) || !written.sites.iter().any(|s| s.centring) {
        return Vec::new();
    }
    let mut out = Vec::new();
    if chosen.is_some_and(|c| c.lambda.values().flatten().any(|l| *l != 0.0)) || chosen.is_none() {
        if let Ok(apart) = compiled.recentred(&Centring::NonCentred) {
            let blocks = apart.sites.iter().filter(|s| s.centring);
            let lambda = blocks.map(|s| (s.name.clone(), vec![0.0; s.coordinates.len()])).collect();
            out.push((apart, Some(Recentred { written: written.clone(), lambda })));
        }
    }
    if chosen.is_some() {
        out.push((written.clone(), None));
    }
    out
}

/// Whether the search for a start went astray in these coordinates, though not in the non-centred ones: where
/// a scale goes to zero, every other form has a spike of no mass that draws the search in. Both are the ELBO of
/// a start with its standard error, of one evidence.
fn is_astray(own: (f64, f64), non_centred: (f64, f64)) -> bool {
    own.0 < non_centred.0 - 1.0 - 3.0 * own.1.hypot(non_centred.1)
}

impl Recentred {
    /// The coordinates of the model as it is written, of draws `z` of the one that is fitted: what later
    /// commands start from, whatever the parameterisation was.
    pub fn as_written(
        &self,
        fitted: &Target,
        z: &Lanes,
        machine: &graph::program::Options,
    ) -> Result<Lanes, CompileError> {
        let mut g = fitted.graph.clone();
        let values: Vec<NodeId> = fitted.sites.iter().map(|s| g.expand(s.value, &s.dims)).collect();
        let program = Program::compile(&g, &values, &fitted.bindings, machine)?;
        let mut out = Lanes::zeros(program.n_out(), z.lanes());
        program.eval(&mut program.workspace(), &[], z, &mut out, &mut Vec::new());
        vi_engine::unconstrain(&self.written, &out, machine)
    }

    /// How each hierarchy was parameterised, for the record.
    pub fn json(&self) -> Value {
        let form = |lambda: &Vec<f64>| {
            let mean = lambda.iter().sum::<f64>() / lambda.len().max(1) as f64;
            let word = match () {
                () if lambda.iter().all(|l| *l == 0.0) => "non_centred",
                () if lambda.iter().all(|l| *l == 1.0) => "centred",
                () => "between",
            };
            json!({ "form": word, "mean_lambda": mean })
        };
        self.lambda.iter().map(|(name, lambda)| (name.clone(), form(lambda))).collect()
    }
}
