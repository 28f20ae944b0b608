//! The folder of a run: every table and `fit.json`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use answers::{AnswerError, Budget, Known, Written};
use numerics::lanes::Lanes;
use serde_json::{Value, json};
use spec_compiler::{Compiled, Source};
use tables::{ColumnData, Output, TableError, write_parquet, write_table};
use vi_engine::nuts::Chains;
use vi_engine::{CompiledDensity, Fit, LogDensity, Method, Mixing, Options, Verdict};

use crate::centring::Recentred;
use crate::criticism::{self, Said};
use crate::data::digest as sha;
use crate::outcome::Problem;
use crate::prior;
use crate::summary::{self, Row};
use crate::texts::Texts;

/// The file that marks a folder as a run of ours.
pub const MARKER: &str = "fit.json";
/// The key of [`MARKER`] that is true where a fit was interrupted.
pub const INTERRUPTED: &str = "interrupted";
/// The draws as the engine has them: what `predict` starts from.
pub const UNCONSTRAINED: &str = "unconstrained.parquet";
/// Draws of discrete latents that do not vary by row.
pub const DISCRETE: &str = "discrete.parquet";

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("{file}: {error}")]
    Io { file: String, error: std::io::Error },
    #[error(transparent)]
    Plan(#[from] graph::program::PlanError),
    #[error(transparent)]
    Compile(#[from] vi_engine::CompileError),
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// How long things took.
pub struct Timings {
    pub compile: Duration,
    pub fit: Duration,
    /// Predictions, and whatever varies by row; known when they are written.
    pub answers: Duration,
}

/// A finished fit with what it was made of.
pub struct Run<'a> {
    /// The folder that the spec's paths are relative to.
    pub base: &'a Path,
    pub source: &'a Source,
    pub compiled: &'a Compiled,
    /// Where the model is not fitted in the coordinates it is written in.
    pub recentred: Option<&'a Recentred>,
    pub options: &'a Options,
    pub machine: &'a graph::program::Options,
    pub fit: &'a Fit,
}

/// Identifies spec, with its includes and overrides, and data.
pub fn digest(source: &Source, compiled: &Compiled) -> String {
    let mut all = source.whole();
    for t in &compiled.model.tables {
        all.push_str(&t.data.digest);
    }
    sha(all.as_bytes())
}

impl Run<'_> {
    /// Is the result a point, without a spread?
    pub fn is_point(&self) -> bool {
        self.options.method == Method::Map
    }

    /// The draws that predictions are made from. Of a point it is that point again and again: their spread
    /// is that of the laws.
    fn draws(&self) -> Cow<'_, Lanes> {
        let z = &self.fit.draws;
        if !self.is_point() {
            return Cow::Borrowed(z);
        }
        let mut repeated = Lanes::zeros(z.n(), self.options.posterior_draws);
        (0..repeated.lanes()).for_each(|lane| repeated.set_lane(lane, &z.lane(0)));
        repeated.pad();
        Cow::Owned(repeated)
    }

    /// Writes everything into `folder`, and returns the summary, and what data say of the model.
    pub fn write(
        &self,
        folder: &Path,
        density: &mut CompiledDensity,
        mut timings: Timings,
    ) -> Result<(Vec<Row>, Said), WriteError> {
        let fit = self.fit;
        let target = &self.compiled.target;
        // A row each: of a point there is one.
        let rows = &fit.draws;
        let n_rows = rows.lanes();
        let names = density.reported_names().to_vec();
        let mut reported = Lanes::zeros(names.len(), n_rows);
        density.report(rows, &mut reported);
        let columns: Vec<Vec<f64>> =
            (0..names.len()).map(|k| (0..n_rows).map(|d| reported.get(k, d)).collect()).collect();

        // Densities on the user's scale: without the bijectors' Jacobians, which that of a mode never had.
        let mut log_det = Lanes::zeros(1, n_rows);
        if !self.is_point() {
            let jacobian = graph::program::Program::compile(
                &target.graph,
                &[target.log_det_jac],
                &target.bindings,
                self.machine,
            )?;
            jacobian.eval(&mut jacobian.workspace(), &[], rows, &mut log_det, &mut Vec::new());
        }
        let less = |x: &[f64]| x.iter().enumerate().map(|(d, v)| v - log_det.get(0, d)).collect::<Vec<f64>>();
        let mut posterior = vec![
            ("log_joint".to_string(), ColumnData::Real(less(&fit.log_joint))),
            ("log_q".to_string(), ColumnData::Real(less(&fit.log_q))),
        ];
        posterior.extend(names.iter().cloned().zip(columns.iter().cloned().map(ColumnData::Real)));
        let z = &*self.draws();
        let known = Known::all(target, z);
        let discrete = answers::predictive::discrete_draws(target, &known, self.options.seed, self.machine)?;
        let made_of_discrete = discrete.made_of_them;
        let of_rows = |(name, x): &(String, Vec<f64>)| (name.clone(), ColumnData::Real(x[..n_rows].to_vec()));
        posterior.extend(made_of_discrete.iter().map(of_rows));
        let discrete: Vec<(String, Vec<f64>)> = discrete.latents;
        let of = |column: &str, name: &str| column == name || column.starts_with(&format!("{name}["));
        let reported = |(column, _): &&(String, Vec<f64>)| {
            target.discrete.iter().any(|d| d.reported && of(column, &d.name))
        };
        posterior.extend(discrete.iter().filter(reported).map(of_rows));
        write_parquet(folder.join("posterior.parquet"), &posterior)?;

        let written = match self.recentred {
            Some(recentred) => Some(recentred.as_written(target, z, self.machine)?),
            None => None,
        };
        let u = written.as_ref().unwrap_or(z);
        let unconstrained: Vec<(String, ColumnData)> = density
            .names()
            .iter()
            .enumerate()
            .map(|(k, n)| (n.clone(), ColumnData::Real((0..u.lanes()).map(|d| u.get(k, d)).collect())))
            .collect();
        write_parquet(folder.join(UNCONSTRAINED), &unconstrained)?;

        if !discrete.is_empty() {
            let all: Vec<(String, ColumnData)> =
                discrete.into_iter().map(|(name, x)| (name, ColumnData::Real(x))).collect();
            write_parquet(folder.join(DISCRETE), &all)?;
        }

        let mut rows = summary::rows(fit, &columns, target, self.is_point());
        rows.extend(summary::unjudged(&made_of_discrete, target));
        let real = |name: &str, f: fn(&Row) -> f64| {
            Output::whole(name, ColumnData::Real(rows.iter().map(f).collect()))
        };
        let mut table = vec![
            Output::whole("name", ColumnData::Text(rows.iter().map(|r| r.name.clone()).collect())),
            Output::texts("unit", rows.iter().map(|r| r.unit.clone()).collect()),
            real("mean", |r| r.mean),
            real("sd", |r| r.sd),
            real("q05", |r| r.q05),
            real("q50", |r| r.q50),
            real("q95", |r| r.q95),
            real("mcse", |r| r.mcse),
            real("ess", |r| r.ess),
            real("k_hat", |r| r.k_hat),
            real("shift", |r| r.shift),
        ];
        // The same columns, whether there were chains or not; a constant has nothing to mix.
        let mixing = |row: usize| fit.chains.as_ref().and_then(|chains| *chains.mixing.get(row)?);
        let of = |name: &str, f: fn(&Mixing) -> f64| {
            let values = (0..rows.len()).map(|row| mixing(row).as_ref().map_or(f64::NAN, f));
            Output::whole(name, ColumnData::Real(values.collect()))
        };
        table.push(of("r_hat", |m| m.r_hat));
        table.push(of("ess_bulk", |m| m.ess_bulk));
        table.push(of("ess_tail", |m| m.ess_tail));
        write_table(folder.join("summary.parquet"), &table)?;

        let t = &fit.state.trace;
        let trace = [
            ("step".to_string(), ColumnData::Integer(t.iter().map(|r| r.step as i64).collect())),
            ("elbo".to_string(), ColumnData::Real(t.iter().map(|r| r.elbo).collect())),
            ("elbo_mcse".to_string(), ColumnData::Real(t.iter().map(|r| r.elbo_mcse).collect())),
            ("grad_var".to_string(), ColumnData::Real(t.iter().map(|r| r.grad_var).collect())),
        ];
        write_parquet(folder.join("trace.parquet"), &trace)?;

        let begun = Instant::now();
        let (mut written, mut said) = (Written::default(), Said::default());
        // Whoever interrupts a fit does not wait for what follows from it.
        if !fit.interrupted {
            let (seed, machine, budget) = (self.options.seed, self.machine, Budget::default());
            written = answers::predictive::write(target, &known, seed, machine, &budget, None, folder)?;
            said.checks = answers::ppc::write(target, &known, seed, machine, &budget, folder)?;
            // A point has no draws to weigh, and no spread to set beside the prior's.
            if !self.is_point() {
                said.loo = answers::loo::write(target, z, seed, machine, &Default::default(), folder)?;
                said.prior = prior::write(target, density, &columns, seed, machine, folder)?;
            }
        }
        timings.answers = begun.elapsed();

        let write = |file: &str, bytes: &[u8]| {
            std::fs::write(folder.join(file), bytes)
                .map_err(|error| WriteError::Io { file: file.into(), error })
        };
        let text = format!("{:#}\n", self.json(&timings, &written, &said));
        write(MARKER, text.as_bytes())?;
        Ok((rows, said))
    }

    /// Does an optimizer move a family?
    fn climbs(&self) -> bool {
        matches!(self.options.method, Method::Auto | Method::Vi)
    }

    fn json(&self, timings: &Timings, written: &Written, said: &Said) -> Value {
        let (fit, model) = (self.fit, &self.compiled.model);
        // The folder of a spec that is named without one is the working folder.
        let base = if self.base.as_os_str().is_empty() { Path::new(".") } else { self.base };
        let levels: serde_json::Map<String, Value> =
            model.dims.iter().filter_map(|d| Some((d.name.clone(), json!(d.labels.as_ref()?)))).collect();
        let data: Vec<Value> = model
            .tables
            .iter()
            .enumerate()
            .map(|(i, t)| {
                let units: serde_json::Map<String, Value> = (0..t.data.columns.len())
                    .filter_map(|c| {
                        let unit = model.units.columns.get(&(i, c))?;
                        Some((t.data.columns[c].name.clone(), json!(unit.to_string())))
                    })
                    .collect();
                let schema: serde_json::Map<String, Value> =
                    t.data.columns.iter().map(|c| (c.name.clone(), json!(c.cells.kind()))).collect();
                json!({"table": t.name, "file": t.file, "digest": t.data.digest, "n_rows": t.data.n_rows, "schema": schema, "units": units})
            })
            .collect();
        let is_weighed = self.options.method != Method::Nuts && !self.is_point();
        let warnings: Vec<String> =
            model.warnings.iter().map(|w| w.clone().on(self.source).to_string()).collect();
        let mut json = json!({
            "verdict": fit.verdict.word(),
            "reasons": fit.reasons,
            "warnings": warnings,
            "centring": self.recentred.map(Recentred::json),
            INTERRUPTED: fit.interrupted,
            "model": model.name,
            "digest": digest(self.source, self.compiled),
            "data": data,
            "levels": levels,
            "units": self.compiled.target.units,
            "base": std::path::absolute(base).unwrap_or_else(|_| base.to_path_buf()),
            "remembered": self.compiled.remembered,
            "answers": {"files": written.files, "draws": written.draws},
            "loo": said.loo.as_ref().map(criticism::loo_json),
            "loo_left_out": answers::loo::left_out(&self.compiled.target).into_iter().collect::<BTreeMap<_, _>>(),
            "prior": criticism::prior_json(&said.prior),
            "ppc": criticism::ppc_json(&said.checks),
            "seed": self.options.seed,
            "method": format!("{:?}", self.options.method).to_lowercase(),
            "ended_by": ended_by(fit, self.options),
            "optimizer": self.climbs().then(|| self.options.optimizer().word()),
            "family": is_weighed.then_some(&fit.state.family),
            "chains": fit.chains.as_ref().map(chains),
            "elbo": fit.elbo,
            "elbo_mcse": fit.elbo_mcse,
            "k_hat": is_weighed.then(|| number(fit.k_hat)),
            "ess": fit.ess,
            "steps": fit.state.step,
            "evaluations": fit.tally.lanes,
            "gradients": fit.tally.gradients,
            "failed_evaluations": fit.tally.failed,
            "failures": fit.tally.reasons,
            "versions": {"fit": env!("CARGO_PKG_VERSION"), "language": spec_compiler::parse::LANGUAGE_VERSION},
            "isa": self.machine.isa.to_string(),
            "timings": {"compile_s": timings.compile.as_secs_f64(), "fit_s": timings.fit.as_secs_f64(), "answers_s": timings.answers.as_secs_f64()},
        });
        if let (Some(all), Ok(Value::Object(texts))) =
            (json.as_object_mut(), serde_json::to_value(Texts::of(self.source)))
        {
            all.extend(texts);
        }
        json
    }
}

/// What the draws of the answer came from.
fn ended_by(fit: &Fit, options: &Options) -> &'static str {
    match (&fit.chains, options.method) {
        (Some(_), Method::Nuts) => "nuts",
        (Some(_), _) => "polish",
        (None, Method::Map) => "mode",
        (None, _) if fit.verdict == Verdict::Corrected => "weights",
        (None, _) => "approximation",
    }
}

/// What was run.
fn chains(chains: &Chains) -> Value {
    json!({
        "sampler": "no-u-turn, diagonal mass matrix in whitened coordinates",
        "warmup": chains.warmup,
        "draws": chains.draws,
        "divergences": chains.divergences,
        "saturated": chains.saturated,
        "evaluations": chains.evaluations,
        "step_sizes": chains.step_sizes,
        "r_hat": number(chains.worst_r_hat()),
    })
}

/// The [`MARKER`] of the run in `folder`.
pub fn read_json(folder: &Path) -> Result<Value, Problem> {
    let file = folder.join(MARKER);
    let wrong = |why: String| Problem::input(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            Problem::input(format!("{} is not the folder of a finished run", folder.display()))
        }
        _ => wrong(e.to_string()),
    })?;
    let json: Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    let (version, ours) = (json["versions"]["fit"].as_str().unwrap_or("?"), env!("CARGO_PKG_VERSION"));
    if version != ours {
        return Err(wrong(format!("the run is of fit {version}, this is {ours}; fit again")));
    }
    Ok(json)
}

/// The verdict of the run in `folder`, if that is of this spec and data, with this seed.
pub fn verdict_of(folder: &Path, digest: &str, seed: u64) -> Option<String> {
    let json = read_json(folder).ok()?;
    let is_it = json["digest"].as_str() == Some(digest) && json["seed"].as_u64() == Some(seed);
    json["verdict"].as_str().filter(|_| is_it).map(String::from)
}

/// Whether `folder` has a run that was not interrupted.
pub fn is_finished(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join(MARKER));
    text.is_ok_and(|text| serde_json::from_str::<Value>(&text).is_ok_and(|json| json[INTERRUPTED] != true))
}

/// A number, or its word where JSON has none: `-inf` (a perfect k-hat), `inf`, `NaN`.
pub fn number(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { json!(x.to_string()) }
}
