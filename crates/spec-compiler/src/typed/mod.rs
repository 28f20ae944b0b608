//! The typed model: every name resolved, every expression with its dimensions.

mod dims;
mod expr;
mod law;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::ast;
use crate::core::Origin;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub use dims::{DimRef, Labels, ModelDim, Positions};
pub use expr::{Basis, Gap, Kernel, Kind, LagDef, Met, Reducer, SeriesRef, Typed, Variable, Way};
pub use law::{Bounds, Call, Form, Law};
pub use units::{Conversion, Units};

/// A text or integer column that points into a dimension.
#[derive(Clone, Debug)]
pub struct IndexDef {
    pub table: usize,
    pub column: usize,
    pub dim: DimRef,
    /// Zero-based, one a row of the table; 0 where the cell is a null, whose row is left out.
    pub values: Vec<u32>,
}

/// `latent: k[row]: categorical(p)`: summed out exactly.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Discrete {
    /// The dimension of its values.
    pub dim: DimRef,
    /// The value of its first element.
    pub first: f64,
}

#[derive(Clone, Debug)]
pub struct Latent {
    pub name: String,
    /// As written.
    pub dims: Vec<DimRef>,
    pub law: Law,
    /// Where it is one of finitely many values.
    pub discrete: Option<Discrete>,
    /// The discrete variables that its law depends on.
    pub met: Met,
    pub origin: Origin,
}

/// `factor: name: expression`: added to the log density.
#[derive(Clone, Debug)]
pub struct FactorDef {
    pub name: String,
    pub value: Typed,
    pub met: Met,
    pub origin: Origin,
}

/// A column whose nulls are inferred, by the law it is observed under.
#[derive(Clone, Debug)]
pub struct Imputed {
    pub table: usize,
    pub column: usize,
    /// The dimension of the rows where it is null.
    pub dim: DimRef,
    /// Its likelihood, by position.
    pub observe: usize,
}

#[derive(Clone, Debug)]
pub struct LetDef {
    pub name: String,
    /// As written, where they are.
    pub dims: Vec<DimRef>,
    pub value: Typed,
    /// Depends on no latent.
    pub data_only: bool,
    /// Depends on no latent but discrete ones.
    pub known: bool,
    /// The discrete variables it depends on.
    pub met: Met,
    /// In whose nulls it has no value.
    pub dropped: BTreeSet<Gap>,
    /// Can its values be told? Those of one that depends on discrete variables are drawn with them.
    pub is_reported: bool,
    pub origin: Origin,
}

/// An initial value problem. Parameters of the rates are whatever in them does not run. Rates may
/// hold values over dimensions that are not rows, but are single numbers themselves.
#[derive(Clone, Debug)]
pub struct SolveDef {
    pub name: String,
    /// The dimension of the rows at which the solution is wanted.
    pub rows: DimRef,
    pub at: Typed,
    pub start: f64,
    pub states: Vec<StateDef>,
    /// Lets over running states, in order of use.
    pub rate_lets: Vec<Typed>,
    pub solver: ast::Solver,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub struct StateDef {
    pub name: String,
    pub initial: Typed,
    pub rate: Typed,
}

/// States from row to row of a table.
#[derive(Clone, Debug)]
pub struct RecurrenceDef {
    pub name: String,
    pub rows: DimRef,
    pub table: usize,
    pub series: crate::check::series::Series,
    pub states: Vec<SeriesState>,
    /// The states, each after those whose `new` value it needs.
    pub order: Vec<usize>,
    /// Lets over states at the row before, in order of use.
    pub lets: Vec<Typed>,
    /// Where the continuous states are marginalised exactly.
    pub linear: Option<crate::check::linear::Linear>,
    pub origin: Origin,
}

#[derive(Clone, Debug)]
pub struct SeriesState {
    pub name: String,
    /// With the rows, sorted.
    pub dims: Vec<DimRef>,
    /// Without the rows, as written.
    pub own: Vec<DimRef>,
    pub initial: Step,
    pub next: Step,
    pub kind: SeriesKind,
}

/// What a state is at a row.
#[derive(Clone, Debug)]
pub enum Step {
    Value(Typed),
    Law(Box<Law>),
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum SeriesKind {
    /// A function of what was before.
    Determined,
    /// Location plus scale times noise, which is the latent.
    Noise,
    /// A latent at each row.
    Centred,
    /// One of finitely many values, with a second dimension of values for the row before.
    Discrete { values: Discrete, before: DimRef },
}

impl Step {
    pub fn law(&self) -> Option<&Law> {
        match self {
            Step::Law(law) => Some(law),
            Step::Value(_) => None,
        }
    }

    /// The expressions in it.
    pub fn args(&self) -> Vec<&Typed> {
        match self {
            Step::Law(law) => law.args().into_iter().map(|(arg, _)| arg).collect(),
            Step::Value(value) => vec![value],
        }
    }
}

#[derive(Clone, Debug)]
pub struct ObserveDef {
    pub name: String,
    pub value: Typed,
    /// Rows that count; all where absent.
    pub mask: Option<Typed>,
    /// In whose nulls a row does not count.
    pub dropped: BTreeSet<Gap>,
    pub law: Law,
    /// The discrete variables that its law depends on.
    pub met: Met,
    pub origin: Origin,
}

/// What is evaluated when: latents, lets, solves and recurrences in dependency order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Def {
    Latent(usize),
    Let(usize),
    Solve(usize),
    Recurrence(usize),
}

/// The whole typed model.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: String,
    pub dims: Vec<ModelDim>,
    pub tables: Vec<crate::check::data::LoadedTable>,
    pub indices: Vec<IndexDef>,
    pub latents: Vec<Latent>,
    pub lets: Vec<LetDef>,
    pub solves: Vec<SolveDef>,
    pub recurrences: Vec<RecurrenceDef>,
    pub lags: Vec<LagDef>,
    pub observes: Vec<ObserveDef>,
    pub factors: Vec<FactorDef>,
    pub imputed: Vec<Imputed>,
    pub conversions: Vec<Conversion>,
    pub units: Units,
    pub order: Vec<Def>,
    /// Names to report instead of all.
    pub report: Option<BTreeSet<String>>,
    /// Names whose draws are wanted row by row.
    pub drawn: BTreeSet<String>,
    pub inference: ast::Inference,
    /// What is no mistake of form, but seldom meant.
    pub warnings: Vec<Diagnostic>,
}

impl Model {
    /// `[school, k]`, or nothing for a scalar.
    pub fn show_dims(&self, dims: &[DimRef]) -> String {
        show_dims(&self.dims, dims)
    }
}

impl Model {
    /// The units of latents, lets, states, observed variables and columns with inferred nulls.
    pub fn units_by_name(&self) -> BTreeMap<String, String> {
        let named = self.units.named.iter().map(|(name, unit)| (name.clone(), unit.to_string()));
        let observed =
            self.units.observed.iter().map(|(&i, unit)| (self.observes[i].name.clone(), unit.to_string()));
        let imputed = self.imputed.iter().filter_map(|x| {
            let unit = self.units.columns.get(&(x.table, x.column))?;
            Some((self.tables[x.table].data.columns[x.column].name.clone(), unit.to_string()))
        });
        named.chain(observed).chain(imputed).collect()
    }

    /// The reduction along `rows` in the item that `origin` names (`let a`), of what is not data alone: its word
    /// and its place.
    pub fn reduced(&self, origin: &str, rows: &str) -> Option<(&'static str, Span)> {
        fn args(law: &Law) -> Vec<&Typed> {
            law.args().into_iter().map(|(arg, _)| arg).collect()
        }
        let latents = self.latents.iter().map(|l| (format!("prior of {}", l.name), args(&l.law)));
        let lets = self.lets.iter().map(|l| (format!("let {}", l.name), vec![&l.value]));
        let observes = self.observes.iter().map(|o| (format!("likelihood of {}", o.name), args(&o.law)));
        let factors = self.factors.iter().map(|f| (format!("factor {}", f.name), vec![&f.value]));
        let mut items = latents.chain(lets).chain(observes).chain(factors);
        let (_, mut todo) = items.find(|(name, _)| name == origin)?;
        let is_rows = |d: &DimRef| self.dims[d.0].name == rows;
        while let Some(t) = todo.pop() {
            if let Kind::Reduce { how, over, .. } = &t.kind
                && over.iter().any(is_rows)
                && !self.is_data(t)
            {
                return Some((how.word(), t.span));
            }
            todo.extend(t.parts());
        }
        None
    }

    /// Does it depend on data alone?
    fn is_data(&self, t: &Typed) -> bool {
        let is_imputed = |table, column| self.imputed.iter().any(|x| (x.table, x.column) == (table, column));
        match &t.kind {
            Kind::Latent(_) | Kind::State { .. } | Kind::Series(_) => false,
            Kind::Column { table, column } => !is_imputed(*table, *column),
            Kind::Stack { table, stack } => {
                let columns = &self.tables[*table].stacks[*stack].columns;
                !columns.iter().any(|c| is_imputed(*table, *c))
            }
            Kind::Let(i) => self.lets[*i].data_only,
            _ => t.parts().into_iter().all(|part| self.is_data(part)),
        }
    }

    /// The latents that something is made of: all but those that only have a law.
    pub fn used_latents(&self) -> BTreeSet<usize> {
        fn args(law: &Law) -> impl Iterator<Item = &Typed> {
            law.args().into_iter().map(|(arg, _)| arg)
        }
        let mut todo: Vec<&Typed> = self.latents.iter().flat_map(|l| args(&l.law)).collect();
        todo.extend(self.lets.iter().map(|l| &l.value));
        todo.extend(self.factors.iter().map(|f| &f.value));
        for s in &self.solves {
            todo.extend(s.states.iter().flat_map(|s| [&s.initial, &s.rate]));
            todo.extend(s.rate_lets.iter().chain([&s.at]));
        }
        for r in &self.recurrences {
            todo.extend(r.states.iter().flat_map(|s| [&s.initial, &s.next]).flat_map(Step::args));
            todo.extend(&r.lets);
        }
        for o in &self.observes {
            todo.extend(args(&o.law).chain([&o.value]).chain(&o.mask));
        }
        let mut used = BTreeSet::new();
        while let Some(t) = todo.pop() {
            if let Kind::Latent(i) = t.kind {
                used.insert(i);
            }
            todo.extend(t.parts());
        }
        used
    }

    fn show_recurrence(&self, f: &mut fmt::Formatter<'_>, r: &RecurrenceDef) -> fmt::Result {
        let (n, rows) = (r.series.count(), &self.dims[r.rows.0].name);
        writeln!(f, "  recur   {} over {rows}: {n} series", r.name)?;
        for s in &r.states {
            let law = |step: &Step| step.law().map_or("an expression".to_string(), |l| l.name().to_string());
            let how = match s.kind {
                _ if r.linear.is_some() => "marginalised by a Kalman filter".to_string(),
                SeriesKind::Determined => "determined".into(),
                SeriesKind::Noise => "by its noise".into(),
                SeriesKind::Centred => "a latent at each row".into(),
                SeriesKind::Discrete { values, .. } => {
                    format!("{} values, summed out by the forward algorithm", self.dims[values.dim.0].size)
                }
            };
            let (dims, first, then) = (self.show_dims(&s.own), law(&s.initial), law(&s.next));
            let unit = self.units.of(&s.name);
            writeln!(f, "    {}{dims} first {first}, then {then}: {how}{unit}", s.name)?;
        }
        Ok(())
    }
}

pub(crate) fn show_dims(all: &[ModelDim], dims: &[DimRef]) -> String {
    if dims.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = dims.iter().map(|d| all[d.0].name.as_str()).collect();
    format!("[{}]", names.join(", "))
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model {}", self.name)?;
        for d in &self.dims {
            write!(f, "  dim     {}: {}", d.name, d.size)?;
            match (&d.labels, d.rows_of) {
                (Some(l), _) if l.len() <= 8 => writeln!(f, " ({})", l.join(", "))?,
                (Some(l), _) => writeln!(f, " ({}, ..., {})", l[0], l[l.len() - 1])?,
                (None, Some(t)) => writeln!(f, " rows of {}", self.tables[t].name)?,
                (None, None) => writeln!(f)?,
            }
        }
        for (&(table, column), unit) in &self.units.columns {
            let t = &self.tables[table];
            writeln!(f, "  column  {}.{}, in {unit}", t.name, t.data.columns[column].name)?;
        }
        for def in &self.order {
            match *def {
                Def::Latent(i) => {
                    let l = &self.latents[i];
                    let law = l.law.name();
                    writeln!(
                        f,
                        "  latent  {}{} ~ {law}: {}{}",
                        l.name,
                        self.show_dims(&l.dims),
                        l.law.support,
                        self.units.of(&l.name)
                    )?;
                }
                Def::Let(i) => {
                    let l = &self.lets[i];
                    let of = if l.data_only { " (data only)" } else { "" };
                    let unit = self.units.of(&l.name);
                    writeln!(f, "  let     {}{}{of}{unit}", l.name, self.show_dims(&l.dims))?;
                }
                Def::Solve(i) => {
                    let s = &self.solves[i];
                    let names: Vec<&str> = s.states.iter().map(|s| s.name.as_str()).collect();
                    let dims = self.show_dims(&[s.rows]);
                    writeln!(f, "  solve   {}: {}{dims} from {}", s.name, names.join(", "), s.start)?;
                    for state in &s.states {
                        if let Some(unit) = self.units.named.get(&state.name) {
                            writeln!(f, "    {} in {unit}", state.name)?;
                        }
                    }
                }
                Def::Recurrence(i) => self.show_recurrence(f, &self.recurrences[i])?,
            }
        }
        for (i, o) in self.observes.iter().enumerate() {
            let unit = self.units.observed.get(&i).map_or(String::new(), |unit| format!(", in {unit}"));
            writeln!(f, "  observe {}{} ~ {}{unit}", o.name, self.show_dims(&o.value.dims), o.law.name())?;
        }
        for x in &self.factors {
            writeln!(f, "  factor  {}{}", x.name, self.show_dims(&x.value.dims))?;
        }
        Ok(())
    }
}
