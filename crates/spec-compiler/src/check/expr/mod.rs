//! Expressions: names resolved, dimensions inferred, functions and lookups checked.

mod bases;
mod brackets;
mod calls;
mod composed;
mod contract;
mod convert;
mod discrete;
mod indicator;
mod lets;
mod matrices;
mod names;
mod nulls;
mod operators;

use std::collections::HashMap;

use crate::check::scope::Scope;
use crate::check::series::Series;
use crate::check::solve;
use crate::errors;
use crate::expr::{Arg, BinaryOp, Expr, ExprKind, Ident};
use crate::source::Span;
use crate::typed::{DimRef, Kind, Typed};

pub use bases::BASES;
pub use brackets::element_of;
pub use calls::one_dim;
pub use composed::COMPOSED;
pub use discrete::{
    all_discrete, discrete, must_not_vary_over_discrete, must_not_vary_over_states, varies_along,
};
pub use lets::{let_value, table_of_columns};
pub use matrices::MATRICES;
pub use names::{called, observed, observed_column};
pub use nulls::{Dropped, dropped, gap_rows, known_along, needs_every_row, whole_along};
pub use operators::{apply1, apply2, truth};

/// A function with a form of its own: its name, form and meaning, and how a call of it is read.
pub type Function = (
    &'static str,
    &'static str,
    &'static str,
    fn(&mut Scope, &Ident, &[Arg], Span, &Context) -> Option<Typed>,
);

/// Where an expression stands.
#[derive(Debug, Default)]
pub struct Context {
    /// The current row's table, for lookups.
    table: Option<usize>,
    /// What the left side varies over.
    dims: Vec<DimRef>,
    /// Inside a rate.
    pub running: Option<Running>,
    /// Inside a recurrence.
    pub step: Option<Step>,
}

/// A recurrence's own names: its states at the row before and at the row, and lets over them.
#[derive(Debug)]
pub struct Step {
    pub block: usize,
    pub rows: DimRef,
    pub series: Series,
    /// In `initial:`, where there is no row before.
    pub at_first: bool,
    /// By let: its position among those that run along.
    pub lets: HashMap<usize, usize>,
}

/// A rate's own names: the states and the time of a solve, and lets that run with them.
#[derive(Debug)]
pub struct Running {
    pub solve: usize,
    pub time: Option<String>,
    /// By let: its position among the running lets, and its dimensions.
    pub lets: HashMap<usize, (usize, Vec<DimRef>)>,
}

impl Context {
    /// Right of a left side that varies over `dims`, in a row of `table`.
    pub fn of_rows(table: Option<usize>, dims: &[DimRef]) -> Context {
        Context { table, dims: dims.to_vec(), ..Context::default() }
    }

    /// What the left side varies over.
    pub fn dims(&self) -> &[DimRef] {
        &self.dims
    }

    /// Right of a state over `dims`, the rows of `table` among them.
    pub fn of_step(step: Step, table: usize, dims: &[DimRef]) -> Context {
        Context { step: Some(step), ..Context::of_rows(Some(table), dims) }
    }

    pub fn of_rates(running: Running) -> Context {
        Context { running: Some(running), ..Context::default() }
    }
}

/// Types `e`; `None` after telling why not.
pub fn expr(scope: &mut Scope, e: &Expr, context: &Context) -> Option<Typed> {
    if scope.is_full() {
        return None;
    }
    let typed = untested(scope, e, context)?;
    if !nulls::mixes_whole_rows(scope, &typed) {
        return None;
    }
    if !scope.fits_budget(&typed.dims, e.span) {
        return None;
    }
    if let Some(step) = &context.step
        && typed.steps()
        && !typed.dims.contains(&step.rows)
    {
        let rows = scope.dims[step.rows].name.clone();
        return scope.fail(errors::step_mixed(e.span, &rows));
    }
    if let Kind::CumulativeSum { .. } | Kind::SpectralScale { .. } = &typed.kind
        && typed.steps()
    {
        return scope.fail(errors::later_version(e.span, &format!("`{e}` inside a recurrence")));
    }
    match &context.running {
        // A reduction would hide the rows.
        Some(r) if typed.runs() && !solve::known_at_every_time(scope, &typed, r.solve) => None,
        _ => Some(typed),
    }
}

fn untested(scope: &mut Scope, e: &Expr, context: &Context) -> Option<Typed> {
    match &e.kind {
        ExprKind::Number(x) => Some(Typed { kind: Kind::Const(*x), dims: vec![], span: e.span }),
        // A unit stands in `convert` alone, which reads it.
        ExprKind::Text(_) | ExprKind::Unit(_) => scope.fail(errors::text_value(e.span)),
        ExprKind::Name(name) => names::name(scope, name, context),
        ExprKind::Member { base, member } => names::member(scope, e, base, member, context),
        ExprKind::Call { function, args } => calls::call(scope, e, function, args, context),
        ExprKind::Index { base, indices } => brackets::index(scope, e, base, indices, context),
        ExprKind::Unary { op, operand } => {
            let x = expr(scope, operand, context)?;
            Some(operators::unary(*op, x, e.span))
        }
        ExprKind::Binary { op, left, right } => {
            if let Some((column, level, at)) = indicator::compared(*op, left, right) {
                return indicator::indicator(scope, column, (level, at), *op, context, e.span);
            }
            let (l, r) = (expr(scope, left, context), expr(scope, right, context));
            match op {
                BinaryOp::Contract => contract::contract(scope, e.span, l?, r?),
                op => {
                    let (l, r) = (l?, r?);
                    indicator::may_be_equal(scope, *op, &l, &r).then(|| operators::binary(*op, l, r, e.span))
                }
            }
        }
        ExprKind::Array(_) => scope.fail(errors::array_here(e.span)),
    }
}

/// Does the value depend on data alone?
pub fn is_data(scope: &Scope, t: &Typed) -> bool {
    depends_on_data(scope, t, false)
}

/// Is the value known for each value of the discrete latents in it, which are summed out?
pub fn is_known(scope: &Scope, t: &Typed) -> bool {
    depends_on_data(scope, t, true)
}

/// Does the value depend on data alone, but for discrete latents where `summed_out`?
fn depends_on_data(scope: &Scope, t: &Typed, summed_out: bool) -> bool {
    let is_discrete = |i: usize| scope.latents[i].done.as_ref().is_some_and(|l| l.discrete.is_some());
    match &t.kind {
        Kind::Column { table, column } => !scope.imputes(*table, *column),
        Kind::Stack { table, stack } => {
            let columns = &scope.tables[*table].stacks[*stack].columns;
            columns.iter().all(|&c| !scope.imputes(*table, c))
        }
        Kind::Latent(i) => summed_out && is_discrete(*i),
        Kind::At { base, .. } if summed_out => depends_on_data(scope, base, summed_out),
        Kind::State { .. }
        | Kind::Running(_)
        | Kind::Time
        | Kind::RateLet(_)
        | Kind::Series(_)
        | Kind::Previous(_)
        | Kind::Current(_)
        | Kind::StepLet { .. }
        | Kind::At { .. } => false,
        Kind::Let(i) => scope.lets[*i].done.as_ref().is_some_and(|l| l.data_only || (summed_out && l.known)),
        _ => t.parts().into_iter().all(|part| depends_on_data(scope, part, summed_out)),
    }
}
