//! Expressions whose names are resolved, each with its dimensions.

use std::collections::{BTreeMap, BTreeSet};

use graph::ir::{Binary, Unary};

use super::DimRef;
use crate::check::series::Series;
use crate::source::Span;

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
    /// What a conversion between units multiplies by: see [`Model::conversions`](super::Model).
    Factor(usize),
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
        /// Without `over=`: along all dimensions that there are.
        bare: bool,
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
    /// `base` at each row's level of each of some columns of one table, of different dimensions.
    Lookup {
        base: Box<Typed>,
        indices: Vec<usize>,
    },
    /// `base` at the value of a discrete variable along `dim`: `at` is the variable, or that looked up.
    At {
        base: Box<Typed>,
        at: Box<Typed>,
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
    /// Along rows in the order of their series; `None` where that is the one they are stored in.
    CumulativeSum {
        series: Option<Series>,
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

/// Where an element of something finds that of a discrete variable, by plate of the variable: the columns
/// that it is looked up by, the row's own last; none along a plate where it is the same element.
pub type Way = BTreeMap<DimRef, Vec<usize>>;

/// The discrete variables that something depends on, each by the ways that lead to its elements.
pub type Met = BTreeMap<Variable, BTreeSet<Way>>;

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

impl Reducer {
    pub const ALL: [Reducer; 6] =
        [Reducer::Sum, Reducer::Mean, Reducer::Sd, Reducer::Max, Reducer::Min, Reducer::LogSumExp];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Reducer::Sum => "sum",
            Reducer::Mean => "mean",
            Reducer::Sd => "sd",
            Reducer::Max => "max",
            Reducer::Min => "min",
            Reducer::LogSumExp => "logsumexp",
        }
    }
}

impl Typed {
    /// The direct parts.
    pub fn parts(&self) -> Vec<&Typed> {
        match &self.kind {
            Kind::Const(_)
            | Kind::Factor(_)
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
            Kind::At { base, at, .. } => vec![base, at],
            Kind::Lag { base, .. }
            | Kind::Lookup { base, .. }
            | Kind::Element { base, .. }
            | Kind::Rename { base, .. } => vec![base],
        }
    }

    /// The dimensions along which an element of this is made of other elements of its parts than its own,
    /// and what a part needs there; `None` where each element is made of its like alone. A lag is one
    /// of these: it knows for which rows it has no value.
    pub fn mixes(&self) -> Option<(Vec<DimRef>, &'static str)> {
        match &self.kind {
            Kind::Const(_)
            | Kind::Factor(_)
            | Kind::Array { .. }
            | Kind::Latent(_)
            | Kind::Let(_)
            | Kind::Column { .. }
            | Kind::Stack { .. }
            | Kind::State { .. }
            | Kind::Series(_)
            | Kind::Previous(_)
            | Kind::Current(_)
            | Kind::StepLet { .. }
            | Kind::Lag { .. }
            | Kind::HasPast(_)
            | Kind::Stacked { .. }
            | Kind::Running(_)
            | Kind::Time
            | Kind::RateLet(_)
            | Kind::Apply1(..)
            | Kind::Apply2(..)
            | Kind::Select(..)
            | Kind::Spread(_)
            | Kind::Identity { .. }
            | Kind::Diagonal { .. }
            | Kind::SpectralScale { .. }
            | Kind::Level(_) => None,
            Kind::Reduce { over, .. } => Some((over.clone(), "reduced here")),
            Kind::Contract { over, .. } => Some((vec![*over], "summed over here")),
            Kind::Lookup { base, .. } => Some((base.dims.clone(), "looked up here")),
            Kind::At { dim, .. } => Some((vec![*dim], "looked up here")),
            Kind::Element { dim, .. } => Some((vec![*dim], "one row is used here")),
            Kind::Cholesky { row, col, .. } | Kind::SolveTriangular { row, col, .. } => {
                Some((vec![*row, *col], "a matrix needs every row"))
            }
            Kind::CumulativeSum { over, .. } => Some((vec![*over], "summed up here")),
            Kind::Basis { x, .. } => Some((x.dims.clone(), "a basis needs every row")),
            Kind::Rename { map, .. } => {
                Some((map.iter().map(|(from, _)| *from).collect(), "each row meets all others here"))
            }
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
            Kind::At { at, .. } => at.is_step(),
            _ => false,
        }
    }

    /// The discrete variable that this names, or looks up.
    pub fn variable(&self) -> Option<Variable> {
        match &self.kind {
            Kind::Latent(i) => Some(Variable::Latent(*i)),
            Kind::Series(s) | Kind::Current(s) => Some(Variable::State(*s)),
            Kind::Previous(s) => Some(Variable::Before(*s)),
            Kind::Lookup { base, .. } => base.variable(),
            _ => None,
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
