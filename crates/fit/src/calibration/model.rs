//! The model as it makes data sets, and as it is fitted to them.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use answers::simulate::{Cells as Values, DataSet, simulate};
use answers::{AnswerError, Given};
use graph::program::Options as Machine;
use model::{Cells, Column, DataError, DataSource, Role, Target};
use numerics::random::{Counter, Key};
use spec_compiler::ast::{Missing, Spanned, Spec};
use spec_compiler::expr::{ExprKind, Ident};
use spec_compiler::{Compiled, Earlier, Source, compile_after, render};
use vi_engine::FitError;

use super::{FAILED, NOT_SIMULATED, Simulation, quantities};
use crate::centring;
use crate::commands::fit::options;
use crate::commands::simulate::fill;
use crate::outcome::Problem;

/// Attempts at a first data set.
const ATTEMPTS: u64 = 20;

/// Draws data sets from a model and fits it to them.
pub struct Generator {
    seed: u64,
    machine: Machine,
    base: PathBuf,
    /// What data sets are drawn from, with its tables.
    target: Target,
    tables: Vec<model::Table>,
    /// What is fitted to them.
    spec: Spec,
    source: Source,
    earlier: Earlier,
    /// Outcomes whose censoring is left out.
    pub uncensored: Vec<String>,
}

impl Generator {
    /// Of a spec that compiles; `fitted` is the one that is fitted, if it is another.
    ///
    /// # Errors
    /// A model that has no data sets to draw: an improper prior, a factor; an observed let that is not one of
    /// rows.
    pub fn new(
        source: &Source,
        compiled: &Compiled,
        fitted: Option<(&Source, &Spec)>,
        base: &Path,
        seed: u64,
        isa: numerics::simd::Isa,
    ) -> Result<Generator, Problem> {
        let machine = Machine { isa, threads: 1, ..Machine::default() };
        let levels = compiled
            .model
            .dims
            .iter()
            .filter_map(|d| Some((d.name.clone(), d.labels.as_ref()?.to_vec())))
            .collect();
        let earlier = Earlier { levels, remembered: compiled.remembered.clone(), is_prediction: false };
        let first = first_set(source, &compiled.target, seed, &machine)?;
        let mut tables: Vec<model::Table> = compiled.model.tables.iter().map(|t| t.data.clone()).collect();
        let mut lets = Vec::new();
        for s in first.columns.iter().filter(|s| s.table.is_none()) {
            let table = table_of_let(&compiled.target, &s.column).ok_or_else(|| {
                let why = "is a let, and not one number for each row of a table: there is no place for its simulated values";
                Problem::input(format!("{}: `{}` {why}", source.name(), s.column))
            })?;
            let Values::Numbers(values) = &s.values else { continue };
            let nulls = (0..values.len()).filter(|&r| !s.drawn[r]).collect();
            tables[table].columns.push(Column {
                name: s.column.clone(),
                cells: Cells::Real(values.clone()),
                nulls,
                written: None,
            });
            lets.push((s.column.clone(), table));
        }
        let (fitted_source, fitted_spec) = fitted.unwrap_or((source, &compiled.spec));
        let mut uncensored = Vec::new();
        let mut edit = |spec: &Spec| {
            let mut spec = spec.clone();
            uncensored = without_censoring(&mut spec);
            with_columns(&mut spec, &lets);
            spec
        };
        let generating = edit(&compiled.spec);
        let spec = edit(fitted_spec);
        // The nulls of an interval are drawn too.
        for t in &mut tables {
            for c in t.columns.iter_mut().filter(|c| uncensored.contains(&c.name)) {
                fill_nulls(c);
            }
        }
        let files = Tables { tables: &tables };
        let compiled = compile_after(generating, base, &files, &earlier)
            .map_err(|mistakes| Problem::mistakes(&mistakes, source))?;
        Ok(Generator {
            seed,
            machine,
            base: base.to_path_buf(),
            target: compiled.target,
            tables,
            spec,
            source: fitted_source.clone(),
            earlier,
            uncensored,
        })
    }

    /// The simulation of this number; `None` where it was cancelled.
    pub fn run(&self, number: u64, cancelled: &AtomicBool) -> Option<Simulation> {
        let seed = |what: &str| {
            Key::new(self.seed, "calibrate", what, "").bits(Counter { row: number, ..Counter::default() })
        };
        let nothing = |verdict: &str, reason: String| {
            let reason = reason.lines().next().unwrap_or("").to_string();
            Some(Simulation { number, verdict: verdict.into(), reason, quantities: Vec::new() })
        };
        let sets = simulate(&self.target, &Given::new(), 1, seed("data"), &self.machine);
        let set = match sets.map(|mut sets| sets.pop()) {
            Ok(Some(set)) => set,
            Ok(None) => return nothing(NOT_SIMULATED, String::new()),
            Err(e) => return nothing(NOT_SIMULATED, e.to_string()),
        };
        let tables = self.with(&set);
        let files = Tables { tables: &tables };
        let mut compiled = match compile_after(self.spec.clone(), &self.base, &files, &self.earlier) {
            Ok(compiled) => compiled,
            Err(mistakes) => {
                let first = mistakes.first().map_or(String::new(), |m| m.message.clone());
                // A mistake that is not one of these values is one of the spec that is fitted.
                return nothing(NOT_SIMULATED, first);
            }
        };
        let options = options(&compiled.spec.inference, Some(seed("fit")));
        let mut watch = cancelled;
        let chosen = match centring::choose(&self.source, &mut compiled, &options, &self.machine, &mut watch)
        {
            Ok(chosen) => chosen,
            Err(_) if cancelled.load(std::sync::atomic::Ordering::Relaxed) => return None,
            Err(e) => return nothing(FAILED, e.to_string()),
        };
        let centring::Chosen { mut density, begun, .. } = chosen;
        let fitted = match begun {
            None => vi_engine::fit(&mut density, &options, &mut watch),
            Some(state) => vi_engine::resume(&mut density, &options, state, &mut watch),
        };
        let fit = match fitted {
            Ok(fit) if fit.interrupted => return None,
            Ok(fit) => fit,
            Err(FitError::InterruptedAtStart) => return None,
            Err(e) => return nothing(FAILED, e.to_string()),
        };
        let uniform = Key::new(self.seed, "calibrate", "ties", &number.to_string());
        let found = quantities::of(&compiled.target, &mut density, &fit, &set.truth, uniform, &self.machine);
        match found {
            Ok(quantities) => Some(Simulation {
                number,
                verdict: fit.verdict.word().into(),
                reason: fit.reasons.first().cloned().unwrap_or_default(),
                quantities,
            }),
            Err(e) => nothing(FAILED, e.to_string()),
        }
    }

    /// What is wrong with the spec that is fitted, if it does not compile over the first of the data sets.
    ///
    /// # Errors
    /// Its mistakes.
    pub fn check(&self) -> Result<(), Problem> {
        let set = first_set(&self.source, &self.target, self.seed, &self.machine)?;
        let tables = self.with(&set);
        let files = Tables { tables: &tables };
        match compile_after(self.spec.clone(), &self.base, &files, &self.earlier) {
            Ok(_) => Ok(()),
            Err(mistakes) => Err(Problem::input(format!(
                "a data set that the model makes cannot be fitted\n{}",
                render(&mistakes, &self.source)
            ))),
        }
    }

    /// The tables with the values of a data set.
    fn with(&self, set: &DataSet) -> Vec<model::Table> {
        let mut tables = self.tables.clone();
        for s in &set.columns {
            let Some(table) = s.table.map(|t| &mut tables[t]) else { continue };
            for c in table.columns.iter_mut().filter(|c| c.name == s.column) {
                fill(&mut c.cells, s);
            }
        }
        tables
    }
}

/// A data set of the model, whatever its number.
fn first_set(source: &Source, target: &Target, seed: u64, machine: &Machine) -> Result<DataSet, Problem> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match simulate(target, &Given::new(), 1, seed.wrapping_add(attempt), machine) {
            Ok(mut sets) => return sets.pop().ok_or_else(|| Problem::failed("no data set was drawn")),
            // One that is out of a domain says nothing of the next.
            Err(AnswerError::Draw { .. }) if attempt < ATTEMPTS => {}
            Err(e @ (AnswerError::Plan(_) | AnswerError::Table(_))) => return Err(Problem::failed(e)),
            Err(e) => return Err(Problem::input(format!("{}: {e}", source.name()))),
        }
    }
}

/// The table of which an observed let has a number for each row.
fn table_of_let(target: &Target, name: &str) -> Option<usize> {
    let of = target
        .variables
        .iter()
        .find(|v| matches!(v.role, Role::Observed(_)) && v.variable.name.rsplit('.').next() == Some(name))?;
    let [dim] = of.variable.dims[..] else { return None };
    target.tables.iter().position(|t| t.dim == dim)
}

/// Outcomes are seen as they are drawn: how they would have been censored is not in the model. Returns their
/// names.
fn without_censoring(spec: &mut Spec) -> Vec<String> {
    let mut out = Vec::new();
    for o in &mut spec.observe {
        let ExprKind::Call { function, args } = &o.law.kind else { continue };
        let Some(base) = args.first().filter(|_| function.name == "censored") else { continue };
        out.push(o.target.name.name.clone());
        o.law = base.value.clone();
    }
    out
}

/// Tables are those in memory, under the names of the spec, and what lets computed are columns of them.
fn with_columns(spec: &mut Spec, lets: &[(String, usize)]) {
    for (k, t) in spec.data.iter_mut().enumerate() {
        t.file.value = k.to_string();
        t.columns.clear();
        for (name, _) in lets.iter().filter(|(_, table)| *table == k) {
            let ident = Ident { name: name.clone(), span: t.span };
            t.missing.push((ident.clone(), Spanned { value: Missing::Drop, span: t.span }));
            let unit = spec.lets.iter().find(|l| l.target.name.name == *name).and_then(|l| l.unit.clone());
            t.units.extend(unit.map(|unit| (ident, unit)));
        }
    }
    spec.lets.retain(|l| !lets.iter().any(|(name, _)| *name == l.target.name.name));
}

/// Gives every row a value.
fn fill_nulls(c: &mut Column) {
    c.nulls.clear();
    if let Cells::Real(v) = &mut c.cells {
        let some = v.iter().copied().find(|x| x.is_finite()).unwrap_or(0.0);
        v.iter_mut().filter(|x| !x.is_finite()).for_each(|x| *x = some);
    }
}

/// Tables by their position.
struct Tables<'a> {
    tables: &'a [model::Table],
}

impl DataSource for Tables<'_> {
    fn read(&self, file: &Path) -> Result<model::Table, DataError> {
        let position = file.file_name().and_then(|name| name.to_str()?.parse::<usize>().ok());
        position.and_then(|k| self.tables.get(k).cloned()).ok_or_else(|| DataError {
            message: format!("{} is no table of the model", file.display()),
            help: None,
        })
    }
}
