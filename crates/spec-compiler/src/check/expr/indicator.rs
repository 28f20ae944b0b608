//! `sex == 'female'`, `kind == 2`: 1 where a column is the level, or a discrete variable has the value, else 0.

use crate::check::laws;
use crate::check::scope::{Scope, Symbol};
use crate::errors;
use crate::expr::{BinaryOp, Expr, ExprKind};
use crate::source::Span;
use crate::typed::{Kind, Typed};

use super::{Context, brackets, expr, names, operators};

/// The column and the level that are compared, in either order; `None` where no level is quoted.
pub fn compared<'e>(op: BinaryOp, left: &'e Expr, right: &'e Expr) -> Option<(&'e Expr, &'e str, Span)> {
    if !matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
        return None;
    }
    match (&left.kind, &right.kind) {
        (ExprKind::Text(level), _) => Some((right, level, left.span)),
        (_, ExprKind::Text(level)) => Some((left, level, right.span)),
        _ => None,
    }
}

/// The comparison as a lookup: of each row's level in the numbers 1 and 0.
pub fn indicator(
    scope: &mut Scope,
    column: &Expr,
    (level, at): (&str, Span),
    op: BinaryOp,
    context: &Context,
    span: Span,
) -> Option<Typed> {
    let (t, c) = match &column.kind {
        ExprKind::Name(name) if name.primes == 0 => match *scope.lookup(&name.name) {
            [Symbol::Column { table, column }] => (table, column),
            // A key and the columns that point to it have one name: the row's own is meant.
            ref several if several.len() > 1 => {
                let own = context.table.and_then(|t| Some((t, scope.tables[t].column(&name.name)?)));
                let Some(own) = own else {
                    let tables = scope.tables_of(several);
                    return scope.fail(errors::ambiguous(name.span, &name.name, &tables));
                };
                own
            }
            _ => return outcome(scope, column, (level, at), op, context, span),
        },
        // `kind[site] == 'park'`: what the parent's rows are is looked up.
        ExprKind::Index { base, indices } => {
            let of_parent = indicator(scope, base, (level, at), op, context, span)?;
            return brackets::look_up_all(scope, of_parent, &base.to_string(), indices, span, context);
        }
        ExprKind::Member { base, member } => names::table_column(scope, column.span, base, member)?,
        _ => return outcome(scope, column, (level, at), op, context, span),
    };
    let name = scope.indexed_dim(t, c).to_string();
    let dim = match scope.dims.find(&name) {
        Some(dim) => dim,
        None => scope.level_dim(&name, column.span)?,
    };
    let labels: Vec<String> = (0..scope.dims[dim].size).map(|i| scope.dims[dim].label(i)).collect();
    if !labels.iter().any(|l| l == level) {
        return scope.fail(errors::no_such_level(at, level, &name, &labels));
    }
    let is_level = |l: &String| f64::from(u8::from((l == level) == (op == BinaryOp::Equal)));
    let kind = Kind::Array { values: labels.iter().map(is_level).collect(), order: vec![dim] };
    let base = Typed { kind, dims: vec![dim], span };
    let rows = scope.tables[t].rows;
    if rows == dim {
        // The table's own key: its rows are in that order already.
        return Some(base);
    }
    let index = scope.index(t, c, dim, column.span)?;
    Some(Typed { kind: Kind::Lookup { base: Box::new(base), indices: vec![index] }, dims: vec![rows], span })
}

/// `kind == 'slow'`: a discrete variable whose values are the levels of a dimension, as the number of one.
fn outcome(
    scope: &mut Scope,
    e: &Expr,
    (level, at): (&str, Span),
    op: BinaryOp,
    context: &Context,
    span: Span,
) -> Option<Typed> {
    let value = expr(scope, e, context)?;
    let known = value.variable().and_then(|v| Some((scope.values_of(v)?.first, scope.outcomes(v)?)));
    let Some((first, outcomes)) = known else { return scope.fail(errors::text_value(at)) };
    let dim = &scope.dims[scope.dims.unprimed(outcomes)];
    let Some(position) = dim.positions().of(level) else {
        return scope.fail(errors::no_such_level(at, level, &dim.name, &dim.first_labels()));
    };
    let number = Typed { kind: Kind::Const(first + position as f64), dims: vec![], span: at };
    Some(operators::binary(op, value, number, span))
}

/// Tells where `a == b` is a discrete variable and a number that is none of its values.
pub fn may_be_equal(scope: &mut Scope, op: BinaryOp, a: &Typed, b: &Typed) -> bool {
    if !matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
        return true;
    }
    for (variable, other) in [(a, b), (b, a)] {
        if let Some(v) = variable.variable()
            && let Some(values) = scope.values_of(v)
            && let Some(number) = laws::constant_of(scope, other)
        {
            let last = values.first + (scope.dims[values.dim].size - 1) as f64;
            if number.fract() == 0.0 && (values.first..=last).contains(&number) {
                continue;
            }
            let dim = scope.outcomes(v).map(|d| &scope.dims[scope.dims.unprimed(d)]);
            let levels = dim.map(|d| (d.name.as_str(), d.labels.is_some().then(|| d.first_labels())));
            let name = scope.name_of(v);
            scope.tell(errors::no_such_value(other.span, (&name, number), (values.first, last), levels));
            return false;
        }
    }
    true
}
