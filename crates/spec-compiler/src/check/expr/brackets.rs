//! Brackets: each row's level of a dimension, and one element of it.

use crate::check::expr::{Context, expr, must_not_vary_over_discrete, must_not_vary_over_states, names};
use crate::check::scope::{Scope, Symbol};
use crate::errors;
use crate::expr::{DimName, Expr, ExprKind, Index, constant};
use crate::source::Span;
use crate::typed::{DimRef, Kind, Typed, Variable};

pub fn index(
    scope: &mut Scope,
    e: &Expr,
    base: &Expr,
    indices: &[Index],
    context: &Context,
) -> Option<Typed> {
    if let Some(word @ ("E" | "P")) = base.as_name()
        && scope.lookup(word).is_empty()
    {
        return scope.fail(errors::query_only(base.span, &format!("`{word}[...]`")));
    }
    let value = expr(scope, base, context)?;
    look_up_all(scope, value, &base.to_string(), indices, e.span, context)
}

/// What the brackets after `value`, which reads `shown`, make of it.
pub fn look_up_all(
    scope: &mut Scope,
    mut value: Typed,
    shown: &str,
    indices: &[Index],
    span: Span,
    context: &Context,
) -> Option<Typed> {
    for i in indices {
        value = match i {
            Index::Lookup(by) => look_up(scope, value, shown, by, context)?,
            Index::Element { dim, value: at } => element(scope, value, shown, dim, at)?,
        };
        value.span = span;
    }
    Some(value)
}

/// What a lookup's bracket names.
enum By<'e> {
    Column {
        table: usize,
        column: usize,
    },
    /// The dimension itself: nothing to look up.
    Dim,
    /// A latent, let or state, or that looked up: of a discrete one its value.
    Value(Typed),
    /// `district[school]`: the column of a parent, looked up itself.
    OfParent {
        table: usize,
        column: usize,
        by: &'e Expr,
    },
}

/// `alpha[county]`
fn look_up(scope: &mut Scope, base: Typed, shown: &str, by: &Expr, context: &Context) -> Option<Typed> {
    let (table, column) = match named_by(scope, &base, shown, by, context)? {
        By::Dim => return Some(base),
        By::Value(at) => return at_variable(scope, base, shown, by, at),
        By::Column { table, column } => (table, column),
        By::OfParent { table, column, by: of } => {
            let base = by_column(scope, base, shown, by, (table, column))?;
            return look_up(scope, base, shown, of, context);
        }
    };
    let dim = indexed(scope, &base, shown, by, (table, column))?;
    let rows = scope.tables[table].rows;
    // The table's own key: its rows are in that order already. The left side's own dimension, not
    // the rows of a table that happens to have such a column: likewise.
    if rows == dim || (context.dims.contains(&dim) && !context.dims.contains(&rows)) {
        return Some(base);
    }
    by_column(scope, base, shown, by, (table, column))
}

/// Each row's level of a column.
fn by_column(
    scope: &mut Scope,
    base: Typed,
    shown: &str,
    by: &Expr,
    (table, column): (usize, usize),
) -> Option<Typed> {
    let dim = indexed(scope, &base, shown, by, (table, column))?;
    let rows = scope.tables[table].rows;
    // `m[z[g], g]`: what is looked up is `m`, not the value of `z`.
    if let Kind::At { base: of, at, dim: values } = &base.kind
        && of.dims.contains(&dim)
        && !at.dims.contains(&dim)
    {
        let of = by_column(scope, (**of).clone(), shown, by, (table, column))?;
        return Some(at_value(of, (**at).clone(), *values));
    }
    // `cc[g, h]`: what a row has looked up by one column may be looked up by another.
    let has_looked_up = matches!(&base.kind, Kind::Lookup { base, indices }
        if scope.indices[indices[0]].table == table && !base.dims.contains(&rows));
    if base.dims.contains(&rows) && !has_looked_up {
        let rows = scope.dims[rows].name.clone();
        return scope.fail(errors::already_over(by.span, shown, &rows));
    }
    if !must_not_vary_over_states(scope, &base, &[dim]) {
        return None;
    }
    let index = scope.index(table, column, dim, by.span)?;
    let mut dims: Vec<DimRef> = base.dims.iter().copied().filter(|&d| d != dim).collect();
    dims.push(rows);
    dims.sort();
    dims.dedup();
    let span = base.span;
    let kind = match base.kind {
        Kind::Lookup { base, mut indices } if has_looked_up => {
            indices.push(index);
            Kind::Lookup { base, indices }
        }
        _ => Kind::Lookup { base: Box::new(base), indices: vec![index] },
    };
    Some(Typed { kind, dims, span })
}

/// The dimension that a column has levels of, which `base` must have.
fn indexed(
    scope: &mut Scope,
    base: &Typed,
    shown: &str,
    by: &Expr,
    (table, column): (usize, usize),
) -> Option<DimRef> {
    let name = scope.indexed_dim(table, column).to_string();
    // `cc[home, away]` of `cc[team, team']`, both columns of teams: the primed one is left for the second.
    let plain = scope.dims.find(&name);
    let is_looked_up = |d: DimRef| match &base.kind {
        Kind::Lookup { indices, .. } => indices.iter().any(|i| scope.indices[*i].dim == d),
        _ => false,
    };
    let primed = plain.filter(|d| is_looked_up(*d)).and_then(|_| scope.dims.find(&format!("{name}'")));
    let dim = [plain, primed].into_iter().flatten().find(|d| base.dims.contains(d));
    if dim.is_none() {
        let has = scope.dims.show(&base.dims);
        let t = &scope.tables[table];
        scope.tell(if t.data.columns[column].name != name {
            errors::not_over(by.span, shown, &has, &name)
        } else {
            let levels = base.dims.iter().map(|&d| &scope.dims[d]).find(|d| d.rows_of.is_none());
            errors::not_over_levels(by.span, shown, &has, (&name, &t.name), levels.map(|d| d.name.as_str()))
        });
    }
    dim
}

/// `mu[k]`, for a discrete variable `k` over the outcomes that `mu` varies over.
fn at_variable(scope: &mut Scope, base: Typed, shown: &str, by: &Expr, at: Typed) -> Option<Typed> {
    let Some((variable, outcomes)) = at.variable().and_then(|v| Some((v, scope.outcomes(v)?))) else {
        let name = by.to_string();
        return scope.fail(match at.variable() {
            Some(v) if scope.values_of(v).is_some() => errors::lookup_by_number(by.span, &name),
            Some(_) => errors::lookup_by_value(by.span, &name, "continuous"),
            None => errors::lookup_by_value(by.span, &name, "computed"),
        });
    };
    // `theta[state, state']` at a state is its row: the unprimed dimension goes first.
    let plain = scope.dims.unprimed(outcomes);
    let known = looked_up(&base);
    // `b[z, h]` of `b[k, k']`: the primed one is left for the second.
    let is_second = known.iter().any(|(dim, _)| *dim == plain);
    let primed = scope.dims.find(&format!("{}'", scope.dims[plain].name)).filter(|_| is_second);
    let found = [Some(plain), Some(outcomes), primed].into_iter().flatten().find(|d| base.dims.contains(d));
    // `b[z[g], z[h]]`
    if found.is_some() && known.iter().any(|(_, v)| *v == Some(variable)) {
        let name = scope.name_of(variable);
        return scope.fail(errors::discrete_twice(by.span, &name));
    }
    let Some(dim) = found else {
        let (has, dim) = (scope.dims.show(&base.dims), scope.dims[plain].name.clone());
        return scope.fail(errors::not_over(by.span, shown, &has, &dim));
    };
    Some(at_value(base, at, dim))
}

/// The dimensions that discrete variables have been looked up along, and which.
fn looked_up(base: &Typed) -> Vec<(DimRef, Option<Variable>)> {
    let (mut out, mut here) = (Vec::new(), base);
    while let Kind::At { base, at, dim } = &here.kind {
        out.push((*dim, at.variable()));
        here = base;
    }
    out
}

/// `base` at the value `at` along `dim`.
fn at_value(base: Typed, at: Typed, dim: DimRef) -> Typed {
    let mut dims: Vec<DimRef> = base.dims.iter().copied().filter(|&d| d != dim).collect();
    dims.extend(&at.dims);
    dims.sort();
    dims.dedup();
    let span = base.span;
    Typed { kind: Kind::At { base: Box::new(base), at: Box::new(at), dim }, dims, span }
}

fn named_by<'e>(
    scope: &mut Scope,
    base: &Typed,
    shown: &str,
    by: &'e Expr,
    context: &Context,
) -> Option<By<'e>> {
    if let ExprKind::Index { base: named, indices } = &by.kind {
        if is_value(scope, base, named) {
            return Some(By::Value(expr(scope, by, context)?));
        }
        let [Index::Lookup(of)] = &indices[..] else { return not_a_lookup(scope, base, shown, by) };
        let (table, column) = column_of_parent(scope, named)?;
        return Some(By::OfParent { table, column, by: of });
    }
    if let ExprKind::Member { base: table, member } = &by.kind {
        let (table, column) = names::table_column(scope, by.span, table, member)?;
        return Some(By::Column { table, column });
    }
    let Some(name) = by.as_name() else { return not_a_lookup(scope, base, shown, by) };
    if is_value(scope, base, by) {
        return Some(By::Value(expr(scope, by, context)?));
    }
    let tables: Vec<usize> = match context.table {
        Some(t) => vec![t],
        None => (0..scope.tables.len()).collect(),
    };
    let columns = tables.iter().filter_map(|&t| scope.tables[t].column(name).map(|c| (t, c)));
    match columns.collect::<Vec<_>>()[..] {
        [(table, column)] => Some(By::Column { table, column }),
        [] if scope.dims.find(name).is_some_and(|d| base.dims.contains(&d)) => Some(By::Dim),
        [] => {
            let known = scope.column_names(context.table);
            scope.fail(errors::unknown_lookup(by.span, name, &known))
        }
        ref several => {
            // The left side's own dimension needs no row.
            if scope.dims.find(name).is_some_and(|d| context.dims.contains(&d) && base.dims.contains(&d)) {
                return Some(By::Dim);
            }
            let tables: Vec<String> = several.iter().map(|&(t, _)| scope.tables[t].name.clone()).collect();
            scope.fail(errors::ambiguous(by.span, name, &tables))
        }
    }
}

/// What stands in the brackets is taken for the first dimension's element, by number or label.
fn not_a_lookup<'e>(scope: &mut Scope, base: &Typed, shown: &str, by: &'e Expr) -> Option<By<'e>> {
    let elements = base.dims.iter().enumerate().map(|(position, &d)| {
        let dim = &scope.dims[d];
        let number = match by.kind {
            ExprKind::Number(n) if position == 0 && n >= 1.0 && n <= dim.size as f64 => n as usize,
            _ => 1,
        };
        let label = match &by.kind {
            ExprKind::Text(text) if position == 0 => text.clone(),
            _ => dim.label(number - 1),
        };
        let plain = label.chars().all(|c| c.is_alphanumeric() || c == '_');
        if plain { format!("{}={label}", dim.name) } else { format!("{}='{label}'", dim.name) }
    });
    let element = elements.collect::<Vec<_>>().join(", ");
    scope.fail(errors::lookup_by_column(by.span, shown, &element))
}

/// Does `e` name a latent, let or state? A dimension of `base` by that name is meant unless it is discrete.
fn is_value(scope: &Scope, base: &Typed, e: &Expr) -> bool {
    let Some(name) = e.as_name() else { return false };
    let is_dim = scope.dims.find(name).is_some_and(|d| base.dims.contains(&d));
    match *scope.lookup(name) {
        [Symbol::Latent(i)] => !is_dim || scope.is_discrete(i),
        [Symbol::Series(s)] => !is_dim || scope.is_discrete_state(s),
        [Symbol::Let(_) | Symbol::State { .. }] => !is_dim,
        _ => false,
    }
}

/// The column of a table with a key that `e` names.
fn column_of_parent(scope: &mut Scope, e: &Expr) -> Option<(usize, usize)> {
    if let ExprKind::Member { base: table, member } = &e.kind {
        return names::table_column(scope, e.span, table, member);
    }
    let name = e.to_string();
    let parents = (0..scope.tables.len()).filter(|&t| scope.tables[t].is_key);
    // By its own key a row is looked up already.
    let is_key = |t: usize, column: &str| scope.dims[scope.tables[t].rows].name == column;
    let found = parents.clone().filter(|&t| !is_key(t, &name));
    let found = found.filter_map(|t| scope.tables[t].column(&name).map(|c| (t, c)));
    match found.collect::<Vec<_>>()[..] {
        [one] => Some(one),
        [] => {
            let of = |t: usize| scope.column_names(Some(t)).into_iter().filter(move |n| !is_key(t, n));
            let known: Vec<String> = parents.flat_map(of).collect();
            scope.fail(errors::unknown_parent_column(e.span, &name, &known))
        }
        ref several => {
            let tables: Vec<String> = several.iter().map(|&(t, _)| scope.tables[t].name.clone()).collect();
            scope.fail(errors::ambiguous(e.span, &name, &tables))
        }
    }
}

/// `theta[i=2]`, `sigma[part=left]`
fn element(scope: &mut Scope, base: Typed, shown: &str, dim: &DimName, at: &Expr) -> Option<Typed> {
    let d = scope.dim(dim)?;
    if !base.dims.contains(&d) {
        let has = scope.dims.show(&base.dims);
        return scope.fail(errors::not_over(dim.span, shown, &has, &dim.to_string()));
    }
    let Some(label) = label(at) else {
        let lookup = matches!(at.kind, ExprKind::Index { .. } | ExprKind::Member { .. });
        let lookup = lookup.then(|| format!("{shown}[{at}]"));
        return scope.fail(errors::element_is_constant(at.span, &dim.to_string(), lookup));
    };
    let known = &scope.dims[d];
    let Some(position) = known.positions().of(&label) else {
        let mistake =
            errors::unknown_element(at.span, &label, &dim.to_string(), known.size, &known.first_labels());
        let is_value = at.as_name().is_some_and(|name| !scope.lookup(name).is_empty());
        return scope.fail(match is_value {
            true => errors::looked_up_by(mistake, &format!("{shown}[{at}]")),
            false => mistake,
        });
    };
    // Labels say which row is meant, numbers may be taken for places in the order.
    let unlabelled = known.labels.is_none();
    if let Some((order, column)) = scope.other_order(d, at.span).filter(|_| unlabelled)
        && order[position] as usize != position
    {
        let dim = dim.to_string();
        scope.warnings.push(errors::row_of_the_file(at.span, shown, &dim, &label, &column));
    }
    must_not_vary_over_discrete(scope, &base, &[d]).then(|| element_of(&base, d, position))
}

/// Element `at` (zero-based) of `base` along `dim`.
pub fn element_of(base: &Typed, dim: DimRef, at: usize) -> Typed {
    let dims = base.dims.iter().copied().filter(|&x| x != dim).collect();
    Typed { kind: Kind::Element { base: Box::new(base.clone()), dim, at }, dims, span: base.span }
}

/// A label as written: a text, a name or a whole number.
fn label(e: &Expr) -> Option<String> {
    match &e.kind {
        ExprKind::Text(text) => Some(text.clone()),
        ExprKind::Name(name) if name.primes == 0 => Some(name.name.clone()),
        _ => constant(e).ok().filter(|x| x.fract() == 0.0).map(|x| x.to_string()),
    }
}
