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

/// A model that is not fitted in the coordinates it is written in.
pub struct Recentred {
    /// The model as it is written: every coordinate the value itself.
    written: Target,
    /// By latent, for each element: 1 where it is centred, 0 where it is not.
    lambda: BTreeMap<String, Vec<f64>>,
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
    let lambda = match choice {
        ast::Centring::NonCentred => blocks.into_iter().map(|(n, b)| (n, vec![0.0; b.len()])).collect(),
        _ => {
            let mut density = CompiledDensity::new(&apart, machine).map_err(Problem::failed)?;
            match vi_engine::centring::choose(&mut density, &blocks, options, observer) {
                Ok(lambda) => lambda,
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
