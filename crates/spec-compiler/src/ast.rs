//! A spec as it was written: typed sections, every name and expression with its place.
//!
//! Nothing is looked up yet: names may be unknown and dimensions wrong. Sections that the file
//! does not have are empty. Entries stand in the order of the file.

use units::{Unit, Vocabulary};

use crate::expr::{Declaration, Expr, Ident};
use crate::source::Span;

/// A value with its place.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Spec {
    /// Names the folder of results: letters, digits, `_` and `-`.
    pub model: Ident,
    pub description: Option<Spanned<String>>,
    /// The names that units may have, with those that `units:` declares.
    pub units: Vocabulary,
    pub data: Vec<Table>,
    pub dims: Vec<Dim>,
    pub latent: Vec<Latent>,
    pub lets: Vec<Let>,
    pub ode: Vec<Ode>,
    pub recurrence: Vec<Recurrence>,
    pub observe: Vec<Observe>,
    pub factors: Vec<Factor>,
    pub inference: Inference,
    pub output: Output,
}

/// An entry of `data:`.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: Ident,
    /// Relative to the spec.
    pub file: Spanned<String>,
    pub rows: RowDim,
    /// Columns that take their levels from one dimension: (column, dimension).
    pub index: Vec<(Ident, Ident)>,
    /// The order of a dimension's levels.
    pub levels: Vec<(Ident, Vec<Spanned<String>>)>,
    /// Renamed columns: (name in the spec, name in the file).
    pub columns: Vec<(Ident, Spanned<String>)>,
    pub stack: Vec<Stack>,
    /// What a null of a column means.
    pub missing: Vec<(Ident, Spanned<Missing>)>,
    pub ordered_by: Option<Ident>,
    /// Of columns, and of stacks.
    pub units: Vec<(Ident, Spanned<Unit>)>,
    pub span: Span,
}

/// The dimension that a table's rows form.
#[derive(Clone, Debug)]
pub enum RowDim {
    /// `rows: sample`: unlabelled rows.
    Rows(Ident),
    /// `key: county`: a column of that name is unique and labels the rows.
    Key(Ident),
}

/// Columns side by side as one variable: `x: {columns: "x*", dim: feature}`.
#[derive(Clone, Debug)]
pub struct Stack {
    pub name: Ident,
    pub columns: StackColumns,
    pub dim: Ident,
}

#[derive(Clone, Debug)]
pub enum StackColumns {
    /// A pattern with `*`.
    Glob(Spanned<String>),
    /// At least one.
    List(Vec<Spanned<String>>),
}

/// An entry of `dims:`.
#[derive(Clone, Debug)]
pub struct Dim {
    pub name: Ident,
    pub size: DimSize,
}

#[derive(Clone, Debug)]
pub enum DimSize {
    /// At least one.
    Size(Spanned<u64>),
    /// At least one, distinct.
    Labels(Vec<Spanned<String>>),
}

/// An entry of `latent:`; the prior is a call of a distribution.
#[derive(Clone, Debug)]
pub struct Latent {
    pub target: Declaration,
    pub prior: Expr,
    pub unit: Option<Spanned<Unit>>,
}

/// An entry of `let:`.
#[derive(Clone, Debug)]
pub struct Let {
    pub target: Declaration,
    pub value: Expr,
    pub unit: Option<Spanned<Unit>>,
}

/// A block of `ode:`.
#[derive(Clone, Debug)]
pub struct Ode {
    pub name: Ident,
    /// The times at which the solution is wanted: a column.
    pub at: Expr,
    /// When `initial` holds; zero where absent.
    pub start: Option<Expr>,
    pub rows: Option<Ident>,
    /// At least one.
    pub states: Vec<State>,
    pub solver: Solver,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct State {
    pub target: Declaration,
    pub initial: Expr,
    pub rate: Expr,
    pub unit: Option<Spanned<Unit>>,
}

/// A block of `recurrence:`.
#[derive(Clone, Debug)]
pub struct Recurrence {
    pub name: Ident,
    /// The dimension of the rows it runs along.
    pub over: Ident,
    /// The column that tells series apart; one series where absent.
    pub by: Option<Ident>,
    /// At least one.
    pub states: Vec<SeriesState>,
    pub span: Span,
}

/// A state of a recurrence: laws, or expressions.
#[derive(Clone, Debug)]
pub struct SeriesState {
    pub target: Declaration,
    /// At the first row of a series.
    pub initial: Expr,
    /// At each later one.
    pub next: Expr,
    pub unit: Option<Spanned<Unit>>,
}

/// `solver:`; what is absent is chosen later.
#[derive(Clone, Debug, Default)]
pub struct Solver {
    pub method: Option<Spanned<OdeMethod>>,
    pub rtol: Option<Spanned<f64>>,
    pub atol: Option<Spanned<f64>>,
    pub sensitivity: Option<Spanned<Sensitivity>>,
}

/// An entry of `observe:`; the law is a call of a distribution.
#[derive(Clone, Debug)]
pub struct Observe {
    pub target: Declaration,
    pub law: Expr,
    /// `where:`: the rows that the likelihood is restricted to.
    pub rows: Option<Expr>,
}

/// An entry of `factor:`: a term of the log density.
#[derive(Clone, Debug)]
pub struct Factor {
    pub name: Ident,
    pub value: Expr,
}

/// `inference:`; what is absent has its default later.
#[derive(Clone, Debug, Default)]
pub struct Inference {
    pub method: Option<Spanned<Method>>,
    pub family: Option<Spanned<Family>>,
    pub gradient: Option<Spanned<Gradient>>,
    pub optimizer: Option<Spanned<Optimizer>>,
    pub covariance: Option<Spanned<Covariance>>,
    /// Descents of `pathfinder`, at least one.
    pub paths: Option<Spanned<u64>>,
    pub noise: Option<Spanned<DrawNoise>>,
    /// Monte-Carlo draws a step, at least one.
    pub draws: Option<Spanned<u64>>,
    /// At least a hundred.
    pub posterior_draws: Option<Spanned<u64>>,
    pub seed: Option<Spanned<u64>>,
    pub centring: Option<Spanned<Centring>>,
    /// At least one.
    pub steps: Option<Spanned<u64>>,
    /// Rows of which table a step sees, and how many.
    pub minibatch: Option<(Ident, Spanned<u64>)>,
}

#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The names to report instead of all.
    pub report: Option<Vec<Ident>>,
    /// What varies by row and is wanted with its draws.
    pub draws: Vec<Ident>,
}

/// A word of a fixed list, such as `method: auto`.
pub trait Choice: Copy + 'static {
    /// The key whose value it is.
    const SLOT: &'static str;
    /// Every word with its meaning.
    const WORDS: &'static [(&'static str, Self)];
    /// Words of the language that a later version understands.
    const LATER: &'static [&'static str];

    /// The word that was written.
    fn word(self) -> &'static str;
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident in $slot:literal {
        $($word:literal => $variant:ident),* $(,)?
    } later [$($later:literal),* $(,)?]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($variant),* }

        impl Choice for $name {
            const SLOT: &'static str = $slot;
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, $name::$variant)),*];
            const LATER: &'static [&'static str] = &[$($later),*];

            fn word(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }
        }
    };
}

choice! {
    /// `missing: {outcome: drop}`
    Missing in "missing" { "drop" => Drop, "impute" => Impute } later []
}

choice! {
    /// `solver: {method: ...}`
    OdeMethod in "method" {
        "auto" => Auto,
        "tsit5" => Tsit5,
        "tr_bdf2" => TrBdf2,
        "esdirk34" => Esdirk34,
        "bdf" => Bdf,
        "matrix_exponential" => MatrixExponential,
    } later []
}

choice! {
    /// `solver: {sensitivity: ...}`
    Sensitivity in "sensitivity" {
        "auto" => Auto,
        "forward" => Forward,
        "adjoint" => Adjoint,
    } later []
}

choice! {
    /// `inference: {method: ...}`
    Method in "method" {
        "auto" => Auto,
        "vi" => Vi,
        "laplace" => Laplace,
        "pathfinder" => Pathfinder,
        "nuts" => Nuts,
        "map" => Map,
    } later []
}

choice! {
    /// `inference: {optimizer: ...}`
    Optimizer in "optimizer" {
        "adam" => Adam,
        "batch_and_match" => BatchAndMatch,
        "natural_gradient" => NaturalGradient,
        "fixed_draws" => FixedDraws,
        "newton_cg" => NewtonCg,
    } later []
}

choice! {
    /// `inference: {covariance: ...}`
    Covariance in "covariance" {
        "family" => Family,
        "linear_response" => LinearResponse,
    } later []
}

choice! {
    /// `inference: {centring: ...}`
    Centring in "centring" {
        "auto" => Auto,
        "centred" => Centred,
        "non_centred" => NonCentred,
        "learned" => Learned,
    } later []
}

choice! {
    /// `inference: {gradient: ...}`
    Gradient in "gradient" {
        "reparameterized" => Reparameterized,
        "sticking_the_landing" => StickingTheLanding,
        "doubly_reparameterized" => DoublyReparameterized,
        "score_function" => ScoreFunction,
    } later ["closed_form", "pathwise"]
}

choice! {
    /// `inference: {noise: ...}`
    DrawNoise in "noise" {
        "independent" => Independent,
        "antithetic" => Antithetic,
        "sobol" => Sobol,
    } later []
}

/// `inference: {family: ...}`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    MeanField,
    FullRank,
    /// With its rank, at least one.
    LowRank(u64),
    Structured,
    /// With the number of its components, at least one.
    Mixture(u64),
    /// With the number of its layers, at least one.
    Flow(u64),
}
