//! The parameterisation of a model's hierarchies: asked for in the spec, or chosen by what the first part
//! of a fit makes of each.

use std::collections::BTreeMap;

use graph::ir::{NodeId, Op};
use graph::program::{Options as Machine, Program};
use model::{Site, Target};
use numerics::lanes::Lanes;
use serde_json::{Value, json};
use spec_compiler::ast;
use spec_compiler::lower::{CENTRING, Centring};
use spec_compiler::{Compiled, Source};
use vi_engine::centring::Trial;
use vi_engine::{CompileError, CompiledDensity, FitError, Method, Minibatches, Observer, Options, State};

use crate::commands::not_planned;
use crate::outcome::Problem;

/// A model that is not fitted in the coordinates it is written in.
pub struct Recentred {
    /// The model as it is written: every coordinate the value itself.
    written: Target,
    lambda: Lambda,
}

/// What is fitted, and how.
pub struct Chosen {
    pub density: CompiledDensity,
    /// Where the model is not fitted in the coordinates it is written in.
    pub recentred: Option<Recentred>,
    /// Where the fit has begun already.
    pub begun: Option<State>,
}

/// Gives the hierarchies of a model the coordinates they are fitted in. `compiled.target` is then in
/// these.
pub fn choose(
    source: &Source,
    compiled: &mut Compiled,
    options: &Options,
    machine: &Machine,
    observer: &mut dyn Observer,
) -> Result<Chosen, Problem> {
    let choice = compiled.spec.inference.centring.as_ref().map_or(ast::Centring::Auto, |c| c.value);
    let written = |compiled: &Compiled| {
        let density = match options.method {
            Method::Map => CompiledDensity::without_jacobian(&compiled.target, machine),
            _ => density_of(&compiled.target, &compiled.spec.inference, options, machine),
        };
        let density = density.map_err(|e| not_planned(source, compiled, e))?;
        let density = with_guesses(density, &compiled.target, options, machine);
        Ok(Chosen { density, recentred: None, begun: None })
    };
    // The mode on the user's scale is the same in all of them.
    if options.method == Method::Map || !compiled.target.sites.iter().any(|s| s.centring) {
        return written(compiled);
    }
    let hierarchies = Hierarchies { compiled, options, machine };
    let found = match choice {
        ast::Centring::Centred => Ok((hierarchies.all(1.0), None)),
        ast::Centring::NonCentred => Ok((hierarchies.all(0.0), None)),
        ast::Centring::Learned => hierarchies.learned(observer),
        ast::Centring::Auto => hierarchies.best(observer),
    };
    let (lambda, begun) = match found {
        Ok(found) => found,
        Err(Trouble::Compile(e)) => return Err(not_planned(source, compiled, e)),
        Err(Trouble::Fit(e @ FitError::InterruptedAtStart)) => {
            return Err(Problem::interrupted(e));
        }
        // What is wrong is told by the fit, in the model's own words.
        Err(Trouble::Fit(_)) => return written(compiled),
    };
    if lambda.values().flatten().all(|l| *l == 1.0) {
        return Ok(Chosen { begun, ..written(compiled)? });
    }
    let target = hierarchies.target(&Centring::Partial(lambda.clone()));
    let density = hierarchies.density(&target).map_err(|e| not_planned(source, compiled, e))?;
    let written = std::mem::replace(&mut compiled.target, target);
    Ok(Chosen { density, recentred: Some(Recentred { written, lambda }), begun })
}

/// The density that is fitted, in batches of rows where the spec asks for them.
fn density_of(
    target: &Target,
    inference: &ast::Inference,
    options: &Options,
    machine: &Machine,
) -> Result<CompiledDensity, CompileError> {
    let density = CompiledDensity::new(target, machine)?;
    let Some((rows, size)) = &inference.minibatch else { return Ok(density) };
    let is_it = |t: &model::Rows| target.graph.dim(t.dim).name == rows.name;
    let table = target.tables.iter().position(is_it).expect("the check has found it");
    let size = usize::try_from(size.value).unwrap_or(usize::MAX);
    Ok(density.in_batches(Minibatches::new(target, table, size, options.seed, machine)?))
}

/// Draws from the prior that modes are looked for by: few where the density is dear, which is by the numbers it is made
/// of, and where equations are solved.
const GUESSES: std::ops::RangeInclusive<usize> = 32..=2048;
const NUMBERS: usize = 1 << 20;

/// The density with draws from the prior, where there are any.
fn with_guesses(
    density: CompiledDensity,
    target: &Target,
    options: &Options,
    machine: &Machine,
) -> CompiledDensity {
    let rows: usize = target.tables.iter().map(|table| target.size(table.dim)).sum();
    let affordable = match target.graph.nodes().iter().any(|node| matches!(node.op, Op::Foreign(_))) {
        true => 0,
        false => NUMBERS / (target.coordinates().len() + rows).max(1),
    };
    let draws = affordable.clamp(*GUESSES.start(), *GUESSES.end());
    match answers::simulate::prior(target, draws, options.seed, machine) {
        Ok(z) => density.with_guesses(z),
        // A model may well have a prior that cannot be drawn from.
        Err(_) => density,
    }
}

/// By latent, for each element: 1 where it is centred, 0 where it is not.
type Lambda = BTreeMap<String, Vec<f64>>;

/// Why a parameterisation was not found.
enum Trouble {
    Compile(CompileError),
    Fit(FitError),
}

impl From<CompileError> for Trouble {
    fn from(e: CompileError) -> Self {
        Trouble::Compile(e)
    }
}

impl From<FitError> for Trouble {
    fn from(e: FitError) -> Self {
        Trouble::Fit(e)
    }
}

/// The hierarchies of a model and the ways to parameterise them.
struct Hierarchies<'a> {
    compiled: &'a Compiled,
    options: &'a Options,
    machine: &'a Machine,
}

impl Hierarchies<'_> {
    fn target(&self, centring: &Centring) -> Target {
        self.compiled.recentred(centring).expect("what was lowered once is lowered again")
    }

    fn density(&self, target: &Target) -> Result<CompiledDensity, CompileError> {
        density_of(target, &self.compiled.spec.inference, self.options, self.machine)
    }

    fn sites(&self) -> impl Iterator<Item = &Site> {
        self.compiled.target.sites.iter().filter(|s| s.centring)
    }

    /// The same for all.
    fn all(&self, lambda: f64) -> Lambda {
        self.sites().map(|s| (s.name.clone(), vec![lambda; s.labels.len()])).collect()
    }

    /// The non-centred model with the beginning of its fit. A search for a start goes astray in other
    /// coordinates, so they all begin here.
    fn apart(&self, observer: &mut dyn Observer) -> Result<Begun, Trouble> {
        let target = self.target(&Centring::NonCentred);
        let density = self.density(&target)?;
        let mut density = with_guesses(density, &target, self.options, self.machine);
        let trial = vi_engine::centring::trial(&mut density, self.options, None, observer)?;
        Ok(Begun { target, density, trial })
    }

    /// By the gradient of the ELBO. Cancelled, it is the non-centred fit that there is.
    fn learned(&self, observer: &mut dyn Observer) -> Result<(Lambda, Option<State>), Trouble> {
        let apart = self.apart(observer)?;
        let half_way = self.all(vi_engine::centring::HALF_WAY);
        let half_way = self.target(&Centring::Partial(half_way));
        let draws = finite(&transport(&apart.target, &half_way, &apart.trial.draws, self.machine)?);
        let free = self.target(&Centring::Free);
        let of = |s: &Site| Some((s.name.strip_suffix(CENTRING)?.to_string(), s.coordinates.len()));
        let (names, lengths): (Vec<String>, Vec<usize>) = free.sites.iter().filter_map(of).unzip();
        let mut density = self.density(&free)?;
        match vi_engine::centring::learn(&mut density, &lengths, &draws, self.options, observer) {
            Err(FitError::InterruptedAtStart) => Ok((self.all(0.0), Some(apart.trial.state))),
            learned => Ok((names.into_iter().zip(learned?).collect(), None)),
        }
    }

    /// Of non-centred, centred, and by what the data know of each element, the one that the family fits
    /// best, of those that were tried before it is cancelled.
    fn best(&self, observer: &mut dyn Observer) -> Result<(Lambda, Option<State>), Trouble> {
        let mut apart = self.apart(observer)?;
        let mut best = (self.all(0.0), apart.trial.clone());
        for lambda in [self.informed(&mut apart), self.all(1.0)] {
            if best.0 == lambda || observer.cancelled() {
                continue;
            }
            let target = self.target(&Centring::Partial(lambda.clone()));
            let draws = finite(&transport(&apart.target, &target, &apart.trial.draws, self.machine)?);
            let mut found = apart.trial.state.start.clone();
            for rival in &mut found.rivals {
                let mut point = Lanes::zeros(rival.point.len(), 1);
                point.set_lane(0, &rival.point);
                rival.point = transport(&apart.target, &target, &point, self.machine)?.lane(0);
            }
            let mut density = self.density(&target)?;
            let from = Some((&draws, &found));
            // Coordinates in which no fit can begin are not the best.
            if let Ok(trial) = vi_engine::centring::trial(&mut density, self.options, from, observer)
                && trial.beats(&best.1)
            {
                best = (lambda, trial);
            }
        }
        Ok((best.0, Some(best.1.state)))
    }

    /// By what the data know of each element, as far as curvature tells.
    fn informed(&self, apart: &mut Begun) -> Lambda {
        let (mut blocks, mut first) = (BTreeMap::new(), 0);
        for site in &apart.target.sites {
            if site.centring {
                blocks.insert(site.name.clone(), first..first + site.coordinates.len());
            }
            first += site.coordinates.len();
        }
        let seed = self.options.seed;
        vi_engine::centring::informed(&mut apart.density, &blocks, &apart.trial.draws, seed)
    }
}

/// A model in some coordinates, with the beginning of its fit.
struct Begun {
    target: Target,
    density: CompiledDensity,
    trial: Trial,
}

/// Draws `z` of a model in the coordinates of `from`, in those of `to`.
fn transport(from: &Target, to: &Target, z: &Lanes, machine: &Machine) -> Result<Lanes, CompileError> {
    let mut g = from.graph.clone();
    let values: Vec<NodeId> = from.sites.iter().map(|s| g.expand(s.value, &s.dims)).collect();
    let program = Program::compile(&g, &values, &from.bindings, machine)?;
    let mut out = Lanes::zeros(program.n_out(), z.lanes());
    program.eval(&mut program.workspace(), &[], z, &mut out, &mut Vec::new());
    vi_engine::unconstrain(to, &out, machine)
}

/// The draws of which every coordinate is finite.
fn finite(z: &Lanes) -> Lanes {
    let sound: Vec<Vec<f64>> =
        (0..z.lanes()).map(|l| z.lane(l)).filter(|z| z.iter().all(|x| x.is_finite())).collect();
    let mut kept = Lanes::zeros(z.n(), sound.len());
    sound.iter().enumerate().for_each(|(lane, z)| kept.set_lane(lane, z));
    kept
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
        transport(fitted, &self.written, z, machine)
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
