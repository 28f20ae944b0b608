//! Names as values: latents, lets, states and columns; what a value is called in a message.

use crate::check::dims::union;
use crate::check::expr::{Context, is_data};
use crate::check::functions;
use crate::check::scope::{Scope, Symbol};
use crate::errors;
use crate::expr::{Arg, CONSTANT, Declaration, DimName, Expr, ExprKind, Ident};
use crate::source::Span;
use crate::typed::{Kind, SeriesRef, Typed};

pub fn name(scope: &mut Scope, name: &DimName, context: &Context) -> Option<Typed> {
    if name.primes > 0 {
        return scope.fail(errors::primed_value(name.span, &name.name));
    }
    if let Some(running) = running(scope, name, context) {
        return Some(running);
    }
    if let Some(stepping) = stepping(scope, name, context) {
        return stepping;
    }
    match *scope.lookup(&name.name) {
        [Symbol::Column { table, .. }] if name.name == CONSTANT => {
            let table = scope.tables[table].name.clone();
            scope.fail(errors::column_or_constant(name.span, &name.name, &table))
        }
        [only] => symbol(scope, only, name.span),
        [] if name.name == CONSTANT => {
            Some(Typed { kind: Kind::Const(std::f64::consts::PI), dims: vec![], span: name.span })
        }
        [] if scope.dims.find(&name.name).is_some() => {
            scope.fail(errors::dim_as_value(name.span, &name.name))
        }
        [] => {
            let known = scope.all_names();
            scope.fail(errors::unknown_name(name.span, &name.name, &known))
        }
        ref several => {
            let tables = scope.tables_of(several);
            scope.fail(errors::ambiguous(name.span, &name.name, &tables))
        }
    }
}

/// What a name means inside a recurrence, where it has a meaning of its own there.
fn stepping(scope: &mut Scope, name: &DimName, context: &Context) -> Option<Option<Typed>> {
    let step = context.step.as_ref()?;
    match *scope.lookup(&name.name) {
        [Symbol::Series(s)] if s.block == step.block => {
            if step.at_first {
                return Some(scope.fail(errors::no_row_before(name.span, &name.name)));
            }
            let dims = scope.series_dims(s);
            Some(dims.map(|dims| Typed { kind: Kind::Previous(s), dims, span: name.span }))
        }
        [Symbol::Let(i)] => {
            let &position = step.lets.get(&i)?;
            let block = step.block;
            let dims = scope.recurrences[block].lets[position].value.dims.clone();
            Some(Some(Typed { kind: Kind::StepLet { block, position }, dims, span: name.span }))
        }
        _ => None,
    }
}

/// `new(z)`: a state at the row itself.
pub fn new(scope: &mut Scope, e: &Expr, args: &[Arg], context: &Context) -> Option<Typed> {
    let Some(step) = &context.step else { return scope.fail(errors::new_outside(e.span)) };
    let block = step.block;
    let states: Vec<String> =
        scope.recurrences[block].block.states.iter().map(|s| s.target.name.name.clone()).collect();
    let [Arg { name: None, value }] = args else { return scope.fail(errors::new_of_state(e.span, &states)) };
    let found = value.as_name().and_then(|name| states.iter().position(|s| s == name));
    let Some(state) = found else { return scope.fail(errors::new_of_state(value.span, &states)) };
    let state = SeriesRef { block, state };
    let dims = scope.series_dims(state)?;
    Some(Typed { kind: Kind::Current(state), dims, span: e.span })
}

/// What a name means inside a rate, where it has a meaning of its own there.
fn running(scope: &Scope, name: &DimName, context: &Context) -> Option<Typed> {
    let running = context.running.as_ref()?;
    let (kind, dims) = match *scope.lookup(&name.name) {
        [Symbol::State { solve, state }] if solve == running.solve => (Kind::Running(state), vec![]),
        [Symbol::Let(i)] if running.lets.contains_key(&i) => {
            let (position, dims) = &running.lets[&i];
            (Kind::RateLet(*position), dims.clone())
        }
        _ if running.time.as_deref() == Some(&name.name) => (Kind::Time, vec![]),
        _ => return None,
    };
    Some(Typed { kind, dims, span: name.span })
}

fn symbol(scope: &mut Scope, symbol: Symbol, span: Span) -> Option<Typed> {
    let typed = |kind, dims| Some(Typed { kind, dims, span });
    match symbol {
        // A definition that failed has told why.
        Symbol::Latent(i) => {
            let mut dims = scope.latents[i].done.as_ref()?.dims.clone();
            dims.sort();
            typed(Kind::Latent(i), dims)
        }
        Symbol::Let(i) => typed(Kind::Let(i), scope.lets[i].done.as_ref()?.value.dims.clone()),
        Symbol::State { solve, state } => {
            let rows = scope.solves[solve].rows?;
            typed(Kind::State { solve, state }, vec![rows])
        }
        Symbol::Series(s) => {
            let dims = scope.series_dims(s)?;
            scope.recurrences[s.block].done.as_ref()?;
            typed(Kind::Series(s), dims)
        }
        Symbol::Column { table, column } => self::column(scope, table, column, span),
        Symbol::Stack { table, stack } => {
            for k in 0..scope.tables[table].stacks[stack].columns.len() {
                let column = scope.tables[table].stacks[stack].columns[k];
                self::column(scope, table, column, span)?;
            }
            let t = &scope.tables[table];
            typed(Kind::Stack { table, stack }, union(&[t.rows], &[t.stacks[stack].dim]))
        }
    }
}

/// A column as numbers.
fn column(scope: &mut Scope, table: usize, column: usize, span: Span) -> Option<Typed> {
    if !scope.numeric.contains(&(table, column)) {
        if let Some(mistake) = not_numbers(scope, table, column, span) {
            return scope.fail(mistake);
        }
        scope.numeric.insert((table, column));
    }
    Some(Typed { kind: Kind::Column { table, column }, dims: vec![scope.tables[table].rows], span })
}

fn not_numbers(
    scope: &Scope,
    table: usize,
    column: usize,
    span: Span,
) -> Option<crate::diagnostic::Diagnostic> {
    let t = &scope.tables[table];
    let c = &t.data.columns[column];
    let has_value = |r: usize| c.nulls.binary_search(&r).is_err();
    if let model::Cells::Text(cells) = &c.cells {
        let is_number = |s: &String| s.trim().parse::<f64>().is_ok();
        let row = cells.iter().enumerate().find(|(r, s)| !is_number(s) && has_value(*r));
        let mostly = cells.iter().filter(|s| is_number(s)).count() * 2 > cells.len();
        let example = row.map(|(r, s)| (t.data.locate(r), s.clone()));
        return Some(errors::text_column(span, &c.name, example, mostly));
    }
    if let (Some(&row), false) = (c.nulls.first(), t.drops(column) || t.imputes(column)) {
        return Some(errors::null_number(span, &c.name, &t.name, &t.data.locate(row), c.nulls.len()));
    }
    if let model::Cells::Real(v) = &c.cells
        && let Some(row) = (0..v.len()).find(|&r| !v[r].is_finite() && has_value(r))
    {
        return Some(errors::not_finite(span, &c.name, &t.data.locate(row), v[row]));
    }
    None
}

/// `table.column`
pub fn member(scope: &mut Scope, e: &Expr, base: &Expr, member: &Ident, context: &Context) -> Option<Typed> {
    if let ExprKind::Call { function, .. } = &base.kind
        && !functions::names().contains(&function.name.as_str())
    {
        return scope
            .fail(errors::later_version(e.span, &format!("`{}(...).{}`", function.name, member.name)));
    }
    let (table, column) = table_column(scope, e.span, base, member)?;
    if let Some(r) = &context.running
        && time_column(scope, &scope.solves[r.solve].block.at) == Some((table, column))
    {
        return Some(Typed { kind: Kind::Time, dims: vec![], span: e.span });
    }
    self::column(scope, table, column, e.span)
}

/// The column that `base.member` names.
pub fn table_column(scope: &mut Scope, span: Span, base: &Expr, member: &Ident) -> Option<(usize, usize)> {
    let Some(name) = base.as_name() else { return scope.fail(errors::member(span)) };
    column_of(scope, &Ident { name: name.to_string(), span: base.span }, member)
}

fn column_of(scope: &mut Scope, table: &Ident, column: &Ident) -> Option<(usize, usize)> {
    let Some(t) = scope.tables.iter().position(|t| t.name == table.name) else {
        let known: Vec<String> = scope.tables.iter().map(|t| t.name.clone()).collect();
        return scope.fail(errors::unknown_table(table.span, &table.name, &known));
    };
    match scope.tables[t].column(&column.name) {
        Some(c) => Some((t, c)),
        None => {
            let known = scope.column_names(Some(t));
            let mistake = errors::no_column(column.span, &column.name, &scope.tables[t].name, &known);
            scope.fail(mistake)
        }
    }
}

/// The column whose values are the times of a solve, where they are a column's.
fn time_column(scope: &Scope, at: &Expr) -> Option<(usize, usize)> {
    match &at.kind {
        ExprKind::Member { base, member } => {
            let table = scope.tables.iter().position(|t| Some(t.name.as_str()) == base.as_name())?;
            Some((table, scope.tables[table].column(&member.name)?))
        }
        _ => match *scope.lookup(at.as_name()?) {
            [Symbol::Column { table, column }] => Some((table, column)),
            _ => None,
        },
    }
}

/// The left side of `observe:`: a column, or a let that depends on data alone.
pub fn observed(scope: &mut Scope, target: &Declaration) -> Option<Typed> {
    let Ident { name, span } = &target.name;
    let value = match *scope.lookup(name) {
        _ if let Some(table) = &target.table => {
            let (table, column) = column_of(scope, table, &target.name)?;
            self::column(scope, table, column, target.span)?
        }
        [] => {
            let known = scope.column_names(None);
            return scope.fail(errors::unknown_observed(*span, name, &known));
        }
        [Symbol::Latent(_) | Symbol::State { .. } | Symbol::Series(_)] => {
            return scope.fail(errors::observed_is_data(*span, name));
        }
        [one] => symbol(scope, one, *span)?,
        ref several => {
            let tables = scope.tables_of(several);
            return scope.fail(errors::ambiguous_observed(*span, name, &tables));
        }
    };
    let imputed = matches!(value.kind, Kind::Column { table, column } if scope.imputes(table, column));
    if !imputed && !is_data(scope, &value) {
        return scope.fail(errors::observed_is_data(*span, name));
    }
    if !target.dims.is_empty() {
        let mut declared = scope.declared_dims(target)?;
        declared.sort();
        if declared != value.dims {
            let has = scope.dims.show(&value.dims);
            return scope.fail(errors::observed_dims(target.span, name, &has));
        }
    }
    Some(value)
}

/// The column that an observed outcome stands in, whatever its cells are.
pub fn observed_column(scope: &mut Scope, target: &Declaration) -> Option<(usize, usize)> {
    match (&target.table, scope.lookup(&target.name.name)) {
        (Some(table), _) => column_of(scope, table, &target.name),
        (None, &[Symbol::Column { table, column }]) => Some((table, column)),
        _ => None,
    }
}

/// How a message speaks of a value: by its name in backticks, or as `this`.
pub fn called(scope: &Scope, t: &Typed) -> String {
    match named(scope, t) {
        Some(name) => format!("`{name}`"),
        None => "this".into(),
    }
}

fn named(scope: &Scope, t: &Typed) -> Option<String> {
    let of_table = |table: usize, name: &str| match scope.lookup(name) {
        [_] => name.to_string(),
        _ => format!("{}.{name}", scope.tables[table].name),
    };
    Some(match &t.kind {
        Kind::Latent(i) => scope.latents[*i].target.name.name.clone(),
        Kind::Let(i) => scope.lets[*i].target.name.name.clone(),
        Kind::State { solve, state } => scope.solves[*solve].block.states[*state].target.name.name.clone(),
        Kind::Column { table, column } => of_table(*table, &scope.tables[*table].data.columns[*column].name),
        Kind::Stack { table, stack } => of_table(*table, &scope.tables[*table].stacks[*stack].name),
        Kind::Series(s) | Kind::Previous(s) => scope.series_name(*s),
        Kind::Current(s) => format!("new({})", scope.series_name(*s)),
        Kind::Lag { lag, .. } => scope.lags[*lag].text.clone(),
        Kind::At { base, at, .. } => format!("{}[{}]", named(scope, base)?, named(scope, at)?),
        Kind::Lookup { base, indices } => {
            let column = |i: &usize| {
                let index = &scope.indices[*i];
                scope.tables[index.table].data.columns[index.column].name.as_str()
            };
            format!("{}[{}]", named(scope, base)?, indices.iter().map(column).collect::<Vec<_>>().join(", "))
        }
        _ => return None,
    })
}
