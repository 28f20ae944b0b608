//! The typed model: every name resolved, every expression with its dimensions.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use distributions::{Distribution, DistributionError, Params};
use graph::ir::{Binary, Unary};
use model::Support;

use crate::ast;
use crate::core::Origin;
use crate::source::Span;

/// A dimension of the model, by position in [`Model::dims`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DimRef(pub usize);

/// A named dimension with its size, known since the data are read.
#[derive(Clone, Debug)]
pub struct ModelDim {
    /// With its primes.
    pub name: String,
    /// The table whose unlabelled rows it is.
    pub rows_of: Option<usize>,
    pub size: usize,
    /// Labels where it has them; otherwise elements count from 1.
    pub labels: Option<Labels>,
}

/// Labels of elements; copies of a dimension share them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labels(Arc<[String]>);

impl From<Vec<String>> for Labels {
    fn from(labels: Vec<String>) -> Labels {
        Labels(labels.into())
    }
}

impl Deref for Labels {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl serde::Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl ModelDim {
    /// The label of element `i` (zero-based).
    pub fn label(&self, i: usize) -> String {
        match &self.labels {
            Some(l) => l[i].clone(),
            None => (i + 1).to_string(),
        }
    }

    /// The first labels, for messages: a dimension may have millions of elements.
    pub fn first_labels(&self) -> Vec<String> {
        (0..self.size.min(1000)).map(|i| self.label(i)).collect()
    }

    /// Finds elements by label.
    pub fn positions(&self) -> Positions<'_> {
        let labels = self.labels.as_ref();
        Positions {
            size: self.size,
            by_label: labels.map(|l| l.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect()),
        }
    }
}

/// The zero-based position of each label of a dimension.
pub struct Positions<'d> {
    size: usize,
    by_label: Option<HashMap<&'d str, usize>>,
}

impl Positions<'_> {
    pub fn of(&self, label: &str) -> Option<usize> {
        match &self.by_label {
            Some(labels) => labels.get(label).copied(),
            None => label.parse::<usize>().ok().filter(|n| (1..=self.size).contains(n)).map(|n| n - 1),
        }
    }
}

/// An expression whose names are resolved.
#[derive(Clone, Debug)]
pub struct Typed {
    pub kind: Kind,
    /// Sorted by declaration.
    pub dims: Vec<DimRef>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Const(f64),
    /// Constants over `dims` as declared: row-major in that order.
    Array {
        values: Vec<f64>,
        order: Vec<DimRef>,
    },
    Latent(usize),
    Let(usize),
    Column {
        table: usize,
        column: usize,
    },
    Stack {
        table: usize,
        stack: usize,
    },
    /// A solution at the rows.
    State {
        solve: usize,
        state: usize,
    },
    /// A state of a recurrence at the rows.
    Series(SeriesRef),
    /// Inside a recurrence: a state at the row before (at a first row: as at that row), and at the
    /// row; a let over states at the row before.
    Previous(SeriesRef),
    Current(SeriesRef),
    StepLet {
        block: usize,
        position: usize,
    },
    /// `base` at the row that lies before each row; any value where there is none.
    Lag {
        base: Box<Typed>,
        lag: usize,
    },
    /// 1 where there is such a row.
    HasPast(usize),
    /// Values side by side along `dim`, which none of them has.
    Stacked {
        parts: Vec<Typed>,
        dim: DimRef,
    },
    /// Inside a rate: the running state, the running time, a let over them.
    Running(usize),
    Time,
    RateLet(usize),
    Apply1(Unary, Box<Typed>),
    Apply2(Binary, Box<Typed>, Box<Typed>),
    Select(Box<Typed>, Box<Typed>, Box<Typed>),
    Reduce {
        how: Reducer,
        over: Vec<DimRef>,
        arg: Box<Typed>,
    },
    /// Sum of products over one dimension, after renaming the right side's.
    Contract {
        left: Box<Typed>,
        right: Box<Typed>,
        over: DimRef,
    },
    /// The same for each element of the dimensions that it lacks: a let over more dimensions than
    /// its value.
    Spread(Box<Typed>),
    /// `base` at each row's level.
    Lookup {
        base: Box<Typed>,
        index: usize,
    },
    /// `base` at the value of a discrete variable along `dim`.
    At {
        base: Box<Typed>,
        variable: Variable,
        dim: DimRef,
    },
    Cholesky {
        matrix: Box<Typed>,
        row: DimRef,
        col: DimRef,
    },
    SolveTriangular {
        factor: Box<Typed>,
        right: Box<Typed>,
        row: DimRef,
        col: DimRef,
    },
    Identity {
        row: DimRef,
        col: DimRef,
    },
    Diagonal {
        matrix: Box<Typed>,
        row: DimRef,
        col: DimRef,
    },
    CumulativeSum {
        over: DimRef,
        arg: Box<Typed>,
    },
    /// Functions of data, one an element of `dim`.
    Basis {
        basis: Basis,
        x: Box<Typed>,
        dim: DimRef,
    },
    /// The square root of a kernel's spectral density at frequencies.
    SpectralScale {
        kernel: Kernel,
        frequency: Box<Typed>,
        length: Box<Typed>,
    },
    /// A column as positions in a dimension, for the laws of outcomes.
    Level(usize),
    Element {
        base: Box<Typed>,
        dim: DimRef,
        at: usize,
    },
    Rename {
        base: Box<Typed>,
        map: Vec<(DimRef, DimRef)>,
    },
}

/// A state of a recurrence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SeriesRef {
    pub block: usize,
    pub state: usize,
}

/// A discrete variable, which is summed out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Variable {
    Latent(usize),
    /// The state at the row.
    State(SeriesRef),
    /// The state at the row before.
    Before(SeriesRef),
}

/// Where a value may lack rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Gap {
    /// Nulls of a column that are dropped.
    Column { table: usize, column: usize },
    /// By position in [`Model::lags`].
    Lag(usize),
}

/// `lag(e, k)`: which row lies k before each row of its series.
#[derive(Clone, Debug)]
pub struct LagDef {
    pub table: usize,
    /// By row; the row itself where there is none.
    pub source: Vec<u32>,
    /// Rows without one.
    pub before: Vec<usize>,
    /// Rows for which it has no value.
    pub nulls: Vec<usize>,
    /// As written.
    pub text: String,
}

/// Functions that a column is expanded in.
#[derive(Clone, PartialEq, Debug)]
pub enum Basis {
    /// B-splines; inner knots at the quantiles where none are given.
    Spline { degree: usize, knots: Option<Vec<f64>> },
    /// The sines of a box of `boundary` times the range.
    Hilbert { boundary: f64 },
    /// Their angular frequencies.
    Frequency { boundary: f64 },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kernel {
    SquaredExponential,
    Matern12,
    Matern32,
    Matern52,
}

/// Reductions a user can write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reducer {
    Sum,
    Mean,
    /// Divides by n - 1.
    Sd,
    Max,
    Min,
    LogSumExp,
}

/// A text or integer column that points into a dimension.
#[derive(Clone, Debug)]
pub struct IndexDef {
    pub table: usize,
    pub column: usize,
    pub dim: DimRef,
    /// Zero-based, one a row of the table; 0 where the cell is a null, whose row is left out.
    pub values: Vec<u32>,
}

/// What stands right of the colon of a random variable: a call of a distribution, and what modifies it.
#[derive(Clone, Debug)]
pub struct Law {
    pub form: Form,
    /// The widest there may be, where it depends on parameters that vary.
    pub support: Support,
    /// Why the support is not the same for all elements, if it is not.
    pub varies: Option<DistributionError>,
    /// The dimensions of one value: none for a number.
    pub event: Vec<DimRef>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Form {
    Call(Call),
    /// `truncated(d, lower=, upper=)`
    Truncated {
        base: Box<Law>,
        bounds: Bounds,
    },
    /// `censored(d, left=, right=, interval=[lo, hi])`: conditions, and the ends of a row's interval.
    Censored {
        base: Box<Law>,
        left: Option<Typed>,
        right: Option<Typed>,
        interval: Option<Box<[Typed; 2]>>,
    },
    /// `ordered(d)`: ascending along the law's dimension.
    Ordered {
        base: Box<Law>,
    },
    /// `mixture(weights, d1, d2, ...)`
    Mixture {
        weights: Vec<Typed>,
        components: Vec<Law>,
    },
    /// `mixture(weights, d, over=k)`
    MixtureOver {
        weights: Box<Typed>,
        component: Box<Law>,
        over: DimRef,
    },
}

/// `lower=` and `upper=`, where they are given.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    pub lower: Option<Typed>,
    pub upper: Option<Typed>,
    /// Both as numbers, infinite where there is none, if they are constants.
    pub constant: Option<(f64, f64)>,
}

/// A call of a distribution, its arguments by parameter.
#[derive(Clone)]
pub struct Call {
    pub distribution: &'static dyn Distribution,
    pub args: Vec<Typed>,
    /// Which argument is which parameter.
    pub params: Params<usize>,
    /// The dimensions of the law beyond those of its values: see [`distributions::Event`].
    pub event: Vec<DimRef>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.distribution.name())
    }
}

impl Law {
    /// What messages call it.
    pub fn name(&self) -> &'static str {
        match &self.form {
            Form::Call(call) => call.distribution.name(),
            Form::Truncated { .. } => "truncated",
            Form::Censored { .. } => "censored",
            Form::Ordered { .. } => "ordered",
            Form::Mixture { .. } | Form::MixtureOver { .. } => "mixture",
        }
    }

    /// The laws that it modifies.
    pub fn parts(&self) -> &[Law] {
        match &self.form {
            Form::Call(_) => &[],
            Form::Truncated { base, .. }
            | Form::Censored { base, .. }
            | Form::Ordered { base }
            | Form::MixtureOver { component: base, .. } => std::slice::from_ref(base),
            Form::Mixture { components, .. } => components,
        }
    }

    /// Its own arguments and those of its parts, each with the dimensions that it may have beyond the
    /// left side's.
    pub fn args(&self) -> Vec<(&Typed, Vec<DimRef>)> {
        let mut out = Vec::new();
        self.collect(&[], &mut out);
        out
    }

    fn collect<'l>(&'l self, beyond: &[DimRef], out: &mut Vec<(&'l Typed, Vec<DimRef>)>) {
        let mut own: Vec<&Typed> = Vec::new();
        let mut beyond = beyond.to_vec();
        match &self.form {
            Form::Call(call) => {
                beyond.extend(&call.event);
                own.extend(&call.args);
            }
            Form::Truncated { bounds, .. } => own.extend(bounds.lower.iter().chain(&bounds.upper)),
            Form::Censored { left, right, interval, .. } => {
                own.extend(left.iter().chain(right).chain(interval.iter().flat_map(|i| i.iter())));
            }
            Form::Ordered { .. } => {}
            Form::Mixture { weights, .. } => own.extend(weights),
            Form::MixtureOver { weights, over, .. } => {
                beyond.push(*over);
                own.push(weights);
            }
        }
        out.extend(own.into_iter().map(|t| (t, beyond.clone())));
        self.parts().iter().for_each(|part| part.collect(&beyond, out));
    }

    /// The calls of distributions in it.
    pub fn calls(&self) -> Vec<&Call> {
        match &self.form {
            Form::Call(call) => vec![call],
            _ => self.parts().iter().flat_map(Law::calls).collect(),
        }
    }

    /// The call that it is a call of, if it is one, modified or not.
    pub fn only_call(&self) -> Option<&Call> {
        match self.calls()[..] {
            [call] => Some(call),
            _ => None,
        }
    }
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
    pub origin: Origin,
}

/// `factor: name: expression`: added to the log density.
#[derive(Clone, Debug)]
pub struct FactorDef {
    pub name: String,
    pub value: Typed,
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
    /// The discrete variables it depends on.
    pub discrete: BTreeSet<Variable>,
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
    pub order: Vec<Def>,
    /// Names to report instead of all.
    pub report: Option<BTreeSet<String>>,
    /// Names whose draws are wanted row by row.
    pub drawn: BTreeSet<String>,
    pub inference: ast::Inference,
}

impl Typed {
    /// The direct parts.
    pub fn parts(&self) -> Vec<&Typed> {
        match &self.kind {
            Kind::Const(_)
            | Kind::Array { .. }
            | Kind::Latent(_)
            | Kind::Let(_)
            | Kind::Column { .. }
            | Kind::Stack { .. }
            | Kind::State { .. }
            | Kind::Running(_)
            | Kind::Time
            | Kind::RateLet(_)
            | Kind::Series(_)
            | Kind::Previous(_)
            | Kind::Current(_)
            | Kind::StepLet { .. }
            | Kind::HasPast(_)
            | Kind::Level(_)
            | Kind::Identity { .. } => vec![],
            Kind::Stacked { parts, .. } => parts.iter().collect(),
            Kind::Apply1(_, a) | Kind::Spread(a) => vec![a],
            Kind::Apply2(_, a, b) => vec![a, b],
            Kind::Select(a, b, c) => vec![a, b, c],
            Kind::Reduce { arg, .. } | Kind::CumulativeSum { arg, .. } => vec![arg],
            Kind::Cholesky { matrix, .. } | Kind::Diagonal { matrix, .. } => vec![matrix],
            Kind::SolveTriangular { factor, right, .. } => vec![factor, right],
            Kind::Basis { x, .. } => vec![x],
            Kind::SpectralScale { frequency, length, .. } => vec![frequency, length],
            Kind::Contract { left, right, .. } => vec![left, right],
            Kind::Lag { base, .. }
            | Kind::Lookup { base, .. }
            | Kind::At { base, .. }
            | Kind::Element { base, .. }
            | Kind::Rename { base, .. } => vec![base],
        }
    }

    /// Does it change along the solution of an initial value problem?
    pub fn runs(&self) -> bool {
        matches!(self.kind, Kind::Running(_) | Kind::Time | Kind::RateLet(_))
            || self.parts().into_iter().any(Typed::runs)
    }

    /// Does it, or a part of it, speak of the rows of a recurrence one by one?
    pub fn steps(&self) -> bool {
        self.is_step() || self.parts().into_iter().any(Typed::steps)
    }

    /// Does it speak of them itself?
    pub fn is_step(&self) -> bool {
        match &self.kind {
            Kind::Previous(_) | Kind::Current(_) | Kind::StepLet { .. } => true,
            Kind::At { variable, .. } => matches!(variable, Variable::Before(_)),
            _ => false,
        }
    }

    /// The innermost part that varies over `dim`, which this does: where the dimension comes from.
    pub fn source_of(&self, dim: DimRef) -> &Typed {
        let mut here = self;
        while let Some(&part) = here.parts().iter().find(|p| p.dims.contains(&dim)) {
            here = part;
        }
        here
    }
}

impl Model {
    /// `[school, k]`, or nothing for a scalar.
    pub fn show_dims(&self, dims: &[DimRef]) -> String {
        show_dims(&self.dims, dims)
    }
}

impl Model {
    /// Does a let depend on states that are summed out by a filter, which then have no draws?
    pub fn is_summed_out(&self, i: usize) -> bool {
        self.recurrences.iter().any(|r| r.linear.as_ref().is_some_and(|l| l.lets[i]))
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
            writeln!(f, "    {}{dims} first {first}, then {then}: {how}", s.name)?;
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
        for def in &self.order {
            match *def {
                Def::Latent(i) => {
                    let l = &self.latents[i];
                    let law = l.law.name();
                    writeln!(
                        f,
                        "  latent  {}{} ~ {law}: {}",
                        l.name,
                        self.show_dims(&l.dims),
                        l.law.support
                    )?;
                }
                Def::Let(i) => {
                    let l = &self.lets[i];
                    let of = if l.data_only { " (data only)" } else { "" };
                    writeln!(f, "  let     {}{}{of}", l.name, self.show_dims(&l.dims))?;
                }
                Def::Solve(i) => {
                    let s = &self.solves[i];
                    let names: Vec<&str> = s.states.iter().map(|s| s.name.as_str()).collect();
                    let dims = self.show_dims(&[s.rows]);
                    writeln!(f, "  solve   {}: {}{dims} from {}", s.name, names.join(", "), s.start)?;
                }
                Def::Recurrence(i) => self.show_recurrence(f, &self.recurrences[i])?,
            }
        }
        for o in &self.observes {
            writeln!(f, "  observe {}{} ~ {}", o.name, self.show_dims(&o.value.dims), o.law.name())?;
        }
        for x in &self.factors {
            writeln!(f, "  factor  {}{}", x.name, self.show_dims(&x.value.dims))?;
        }
        Ok(())
    }
}
