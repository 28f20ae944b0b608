//! Expressions: names resolved, dimensions inferred, functions and lookups checked.

use graph::ir::{Binary, Unary};

use crate::check::functions::{ELEMENTWISE, PAIRWISE};
use crate::check::mistakes;
use crate::check::scope::{Scope, Symbol};
use crate::expr::{Arg, BinaryOp, Declaration, DimName, Expr, ExprKind, Ident, Index, UnaryOp, constant};
use crate::source::Span;
use crate::typed::{DimRef, Kind, Reducer, Typed};

/// Where an expression stands.
pub struct Context {
    /// The current row's table, for lookups.
    pub table: Option<usize>,
    /// Inside a rate.
    pub running: Option<Running>,
}

/// A rate's own names: the states and the time of a solve, and lets that run with them.
pub struct Running {
    pub solve: usize,
    pub lets: Vec<usize>,
}

/// Types `e`; `None` after telling why not.
pub fn expr(scope: &mut Scope, e: &Expr, context: &Context) -> Option<Typed> {
    let typed = |kind, dims| Some(Typed { kind, dims, span: e.span });
    match &e.kind {
        ExprKind::Number(x) => typed(Kind::Const(*x), vec![]),
        ExprKind::Text(_) => fail(scope, mistakes::text_value(e.span)),
        ExprKind::Name(name) => self::name(scope, name, context),
        ExprKind::Member { base, member } => self::member(scope, e, base, member),
        ExprKind::Call { function, args } => call(scope, e, function, args, context),
        ExprKind::Index { base, indices } => index(scope, e, base, indices, context),
        ExprKind::Unary { op: UnaryOp::Neg, operand } => {
            let x = expr(scope, operand, context)?;
            let dims = x.dims.clone();
            match x.kind {
                Kind::Const(v) => typed(Kind::Const(-v), dims),
                _ => typed(Kind::Apply1(Unary::Neg, Box::new(x)), dims),
            }
        }
        ExprKind::Unary { op: UnaryOp::Not, operand } => {
            let x = truth(expr(scope, operand, context)?);
            let dims = x.dims.clone();
            typed(Kind::Apply1(Unary::Not, Box::new(x)), dims)
        }
        ExprKind::Binary { op: BinaryOp::Contract, left, right } => {
            let (l, r) = (expr(scope, left, context), expr(scope, right, context));
            contract(scope, e.span, l?, r?)
        }
        ExprKind::Binary { op, left, right } => {
            let (l, r) = (expr(scope, left, context), expr(scope, right, context));
            Some(binary(*op, l?, r?, e.span))
        }
        ExprKind::Array(_) => fail(scope, mistakes::array_here(e.span)),
    }
}

fn fail<T>(scope: &mut Scope, d: crate::diagnostic::Diagnostic) -> Option<T> {
    scope.mistakes.push(d);
    None
}

fn union(a: &[DimRef], b: &[DimRef]) -> Vec<DimRef> {
    let mut out: Vec<DimRef> = a.iter().chain(b).copied().collect();
    out.sort();
    out.dedup();
    out
}

fn is_truth(t: &Typed) -> bool {
    match &t.kind {
        Kind::Apply2(Binary::Lt | Binary::Le | Binary::Eq, ..) | Kind::Apply1(Unary::Not, _) => true,
        Kind::Apply2(Binary::Mul | Binary::Max, a, b) => is_truth(a) && is_truth(b),
        _ => false,
    }
}

/// 0 or 1: what is not a comparison counts as true where it is not zero.
fn truth(t: Typed) -> Typed {
    if is_truth(&t) {
        return t;
    }
    let (dims, span) = (t.dims.clone(), t.span);
    let zero = Box::new(Typed { kind: Kind::Const(0.0), dims: vec![], span });
    let is_zero = Typed { kind: Kind::Apply2(Binary::Eq, Box::new(t), zero), dims: dims.clone(), span };
    Typed { kind: Kind::Apply1(Unary::Not, Box::new(is_zero)), dims, span }
}

fn binary(op: BinaryOp, l: Typed, r: Typed, span: Span) -> Typed {
    let dims = union(&l.dims, &r.dims);
    let make = |op, a: Typed, b: Typed| Typed {
        kind: Kind::Apply2(op, Box::new(a), Box::new(b)),
        dims: dims.clone(),
        span,
    };
    match op {
        BinaryOp::Add => make(Binary::Add, l, r),
        BinaryOp::Sub => make(Binary::Sub, l, r),
        BinaryOp::Mul => make(Binary::Mul, l, r),
        BinaryOp::Div => make(Binary::Div, l, r),
        BinaryOp::Pow => make(Binary::Pow, l, r),
        BinaryOp::Less => make(Binary::Lt, l, r),
        BinaryOp::LessEqual => make(Binary::Le, l, r),
        BinaryOp::Greater => make(Binary::Lt, r, l),
        BinaryOp::GreaterEqual => make(Binary::Le, r, l),
        BinaryOp::Equal => make(Binary::Eq, l, r),
        BinaryOp::NotEqual => {
            let equal = make(Binary::Eq, l, r);
            Typed { kind: Kind::Apply1(Unary::Not, Box::new(equal)), dims, span }
        }
        BinaryOp::And => make(Binary::Mul, truth(l), truth(r)),
        BinaryOp::Or => make(Binary::Max, truth(l), truth(r)),
        BinaryOp::Contract => unreachable!("has a rule of its own"),
    }
}

// ---- names ----------------------------------------------------------------------------------

fn name(scope: &mut Scope, name: &DimName, context: &Context) -> Option<Typed> {
    let typed = |kind, dims| Some(Typed { kind, dims, span: name.span });
    if name.primes > 0 {
        return fail(scope, mistakes::primed_value(name.span, &name.name));
    }
    if let Some(running) = &context.running {
        let block = scope.solves[running.solve].block;
        if let Some(k) = block.states.iter().position(|s| s.target.name.name == name.name) {
            return typed(Kind::Running(k), vec![]);
        }
        if block.at.as_name() == Some(name.name.as_str()) {
            return typed(Kind::Time, vec![]);
        }
        if let Some(at) = running.lets.iter().position(|&l| scope.lets[l].target.name.name == name.name) {
            return typed(Kind::RateLet(at), vec![]);
        }
    }
    let found = scope.lookup(&name.name);
    match found[..] {
        [] if name.name == "pi" => typed(Kind::Const(std::f64::consts::PI), vec![]),
        [] => {
            if scope.find_dim(&name.name).is_some() {
                return fail(scope, mistakes::dim_as_value(name.span, &name.name));
            }
            let mut known = scope.all_names();
            if let Some(r) = &context.running {
                known.extend(scope.solves[r.solve].block.at.as_name().map(str::to_string));
            }
            fail(scope, mistakes::unknown_name(name.span, &name.name, &known))
        }
        [only] => symbol(scope, only, name, context),
        _ => {
            let tables: Vec<String> = found
                .iter()
                .filter_map(|s| match s {
                    Symbol::Column { table, .. } | Symbol::Stack { table, .. } => {
                        Some(scope.tables[*table].name.clone())
                    }
                    _ => None,
                })
                .collect();
            fail(scope, mistakes::ambiguous(name.span, &name.name, &tables))
        }
    }
}

fn symbol(scope: &mut Scope, symbol: Symbol, name: &DimName, context: &Context) -> Option<Typed> {
    let typed = |kind, dims| Some(Typed { kind, dims, span: name.span });
    match symbol {
        Symbol::Latent(i) => {
            let mut dims = scope.latents[i].dims.clone()?;
            dims.sort();
            typed(Kind::Latent(i), dims)
        }
        // A let that failed has told why.
        Symbol::Let(i) => {
            let dims = scope.lets[i].done.as_ref()?.dims.clone();
            typed(Kind::Let(i), dims)
        }
        Symbol::State { solve, state } => {
            let rows = scope.solves[solve].rows?;
            typed(Kind::State { solve, state }, vec![rows])
        }
        Symbol::Column { table, column } => {
            if context.running.is_some() && !scope.tables[table].is_key {
                let at = scope.solves[context.running.as_ref()?.solve].block.at.to_string();
                return fail(scope, mistakes::row_in_rate(name.span, &name.name, &at));
            }
            self::column(scope, table, column, name.span)
        }
        Symbol::Stack { table, stack } => {
            let columns = scope.tables[table].stacks[stack].columns.clone();
            for c in columns {
                self::column(scope, table, c, name.span)?;
            }
            let dims = union(&[scope.tables[table].rows], &[scope.tables[table].stacks[stack].dim]);
            typed(Kind::Stack { table, stack }, dims)
        }
    }
}

/// A column as numbers.
fn column(scope: &mut Scope, table: usize, column: usize, span: Span) -> Option<Typed> {
    let t = &scope.tables[table];
    let c = &t.data.columns[column];
    if let model::Cells::Text(cells) = &c.cells {
        let is_number = |s: &String| s.trim().parse::<f64>().is_ok();
        let row = cells.iter().enumerate().find(|(r, s)| !is_number(s) && c.nulls.binary_search(r).is_err());
        let mostly = cells.iter().filter(|s| is_number(s)).count() * 2 > cells.len();
        let example = row.map(|(r, s)| (t.data.locate(r), s.clone()));
        return fail(scope, mistakes::text_column(span, &c.name.clone(), example, mostly));
    }
    if let (Some(&row), false) = (c.nulls.first(), t.drops(column)) {
        let place = t.data.locate(row);
        return fail(scope, mistakes::null(span, &c.name, &t.name, &place, c.nulls.len()));
    }
    if let model::Cells::Real(v) = &c.cells
        && let Some(row) =
            v.iter().enumerate().position(|(r, x)| !x.is_finite() && c.nulls.binary_search(&r).is_err())
    {
        let place = t.data.locate(row);
        return fail(scope, mistakes::not_finite(span, &c.name, &place, v[row]));
    }
    Some(Typed { kind: Kind::Column { table, column }, dims: vec![t.rows], span })
}

fn member(scope: &mut Scope, e: &Expr, base: &Expr, member: &Ident) -> Option<Typed> {
    let Some(table_name) = base.as_name() else {
        return fail(scope, mistakes::member(e.span));
    };
    let Some(table) = scope.tables.iter().position(|t| t.name == table_name) else {
        let known: Vec<String> = scope.tables.iter().map(|t| t.name.clone()).collect();
        return fail(scope, mistakes::unknown_table(base.span, table_name, &known));
    };
    match scope.tables[table].column(&member.name) {
        Some(c) => column(scope, table, c, e.span),
        None => {
            let t = &scope.tables[table];
            let known: Vec<String> = t.data.columns.iter().map(|c| c.name.clone()).collect();
            fail(scope, mistakes::no_column(member.span, &member.name, &t.name.clone(), &known))
        }
    }
}

/// The left side of `observe:`: a column, or a let that depends on data alone.
pub fn observed(scope: &mut Scope, target: &Declaration) -> Option<Typed> {
    let name = &target.name;
    let as_name = DimName { name: name.name.clone(), primes: 0, span: name.span };
    let found = scope.lookup(&name.name);
    let value = match found[..] {
        [] => {
            let mut known: Vec<String> = Vec::new();
            for t in &scope.tables {
                known.extend(t.data.columns.iter().map(|c| c.name.clone()));
            }
            return fail(scope, mistakes::unknown_observed(name.span, &name.name, &known));
        }
        [Symbol::Latent(_) | Symbol::State { .. }] => {
            return fail(scope, mistakes::observed_is_data(name.span, &name.name));
        }
        [one] => symbol(scope, one, &as_name, &Context { table: None, running: None })?,
        _ => return self::name(scope, &as_name, &Context { table: None, running: None }),
    };
    if !is_data(scope, &value) {
        return fail(scope, mistakes::observed_is_data(name.span, &name.name));
    }
    if !target.dims.is_empty() {
        let mut declared = scope.declared_dims(target)?;
        declared.sort();
        if declared != value.dims {
            let has = crate::typed::show_dims(&scope.dims, &value.dims);
            return fail(scope, mistakes::observed_dims(target.span, &name.name, &has));
        }
    }
    Some(value)
}

/// Does the value depend on data alone?
pub fn is_data(scope: &Scope, t: &Typed) -> bool {
    match &t.kind {
        Kind::Latent(_) | Kind::State { .. } | Kind::Running(_) | Kind::Time | Kind::RateLet(_) => false,
        Kind::Let(i) => scope.lets[*i].done.as_ref().is_some_and(|l| l.data_only),
        _ => parts(t).into_iter().all(|p| is_data(scope, p)),
    }
}

/// The direct parts of a typed expression.
pub fn parts(t: &Typed) -> Vec<&Typed> {
    match &t.kind {
        Kind::Const(_)
        | Kind::Array { .. }
        | Kind::Latent(_)
        | Kind::Let(_)
        | Kind::Column { .. }
        | Kind::Stack { .. }
        | Kind::State { .. }
        | Kind::Running(_)
        | Kind::Time
        | Kind::RateLet(_) => vec![],
        Kind::Apply1(_, a) => vec![a],
        Kind::Apply2(_, a, b) => vec![a, b],
        Kind::Select(a, b, c) => vec![a, b, c],
        Kind::Reduce { arg, .. } => vec![arg],
        Kind::Contract { left, right, .. } => vec![left, right],
        Kind::Lookup { base, .. } | Kind::Element { base, .. } | Kind::Rename { base, .. } => vec![base],
    }
}

/// The table that the bare columns of a let belong to; failing these, the one that has all the
/// columns it looks up by.
pub fn table_of_columns(scope: &Scope, e: &Expr) -> Option<usize> {
    let mut bare = Vec::new();
    let mut by = Vec::new();
    walk(e, &mut bare, &mut by);
    let mut tables: Vec<usize> = bare
        .iter()
        .filter_map(|n| match scope.lookup(n)[..] {
            [Symbol::Column { table, .. } | Symbol::Stack { table, .. }] => Some(table),
            [Symbol::State { solve, .. }] => scope.solves[solve].rows.and_then(|r| scope.table_of(&[r])),
            [Symbol::Let(i)] => scope.lets[i]
                .done
                .as_ref()
                .and_then(|l| (0..scope.tables.len()).find(|&t| l.dims.contains(&scope.tables[t].rows))),
            _ => None,
        })
        .collect();
    tables.sort_unstable();
    tables.dedup();
    match tables[..] {
        [one] => Some(one),
        [] => {
            let having: Vec<usize> = (0..scope.tables.len())
                .filter(|&t| by.iter().all(|n| scope.tables[t].column(n).is_some()))
                .collect();
            if let [one] = having[..] { Some(one) } else { None }
        }
        _ => None,
    }
}

fn walk<'e>(e: &'e Expr, bare: &mut Vec<&'e str>, by: &mut Vec<&'e str>) {
    match &e.kind {
        ExprKind::Name(n) => bare.push(&n.name),
        ExprKind::Index { indices, .. } => {
            for i in indices {
                if let Index::Lookup(v) = i
                    && let Some(n) = v.as_name()
                {
                    by.push(n);
                }
            }
        }
        _ => e.children().into_iter().for_each(|c| walk(c, bare, by)),
    }
}

// ---- brackets -------------------------------------------------------------------------------

fn index(scope: &mut Scope, e: &Expr, base: &Expr, indices: &[Index], context: &Context) -> Option<Typed> {
    let mut value = expr(scope, base, context)?;
    value.span = e.span;
    for i in indices {
        value = match i {
            Index::Lookup(by) => look_up(scope, value, base, by, context)?,
            Index::Element { dim, value: at } => element(scope, value, base, dim, at)?,
        };
    }
    Some(value)
}

fn look_up(scope: &mut Scope, base: Typed, base_expr: &Expr, by: &Expr, context: &Context) -> Option<Typed> {
    let shown = base_expr.to_string();
    let has = crate::typed::show_dims(&scope.dims, &base.dims);
    let Some(name) = by.as_name() else {
        let dim = base.dims.first().map(|d| scope.dims[d.0].name.clone());
        return fail(scope, mistakes::lookup_by_column(by.span, &shown, dim.as_deref()));
    };
    let table = context.table.or_else(|| {
        let having: Vec<usize> =
            (0..scope.tables.len()).filter(|&t| scope.tables[t].column(name).is_some()).collect();
        if let [one] = having[..] { Some(one) } else { None }
    });
    let column = table.and_then(|t| scope.tables[t].column(name).map(|c| (t, c)));
    let Some((table, column)) = column else {
        // The dimension itself: nothing to look up.
        if let Some(d) = scope.find_dim(name)
            && base.dims.contains(&d)
        {
            return Some(base);
        }
        let known: Vec<String> = match table {
            Some(t) => scope.tables[t].data.columns.iter().map(|c| c.name.clone()).collect(),
            None => scope.tables.iter().flat_map(|t| t.data.columns.iter().map(|c| c.name.clone())).collect(),
        };
        return fail(scope, mistakes::unknown_lookup(by.span, name, &known));
    };
    let dim_name = scope.indexed_dim(table, column);
    let dim = scope.find_dim(&dim_name).filter(|d| base.dims.contains(d));
    let Some(dim) = dim else {
        return fail(scope, mistakes::not_over(by.span, &shown, &has, &dim_name));
    };
    // The table's own key: its rows are in that order already.
    if scope.tables[table].rows == dim {
        return Some(base);
    }
    let rows = scope.tables[table].rows;
    if base.dims.contains(&rows) {
        return fail(scope, mistakes::already_over(by.span, &shown, &scope.dims[rows.0].name.clone()));
    }
    let index = scope.index(table, column, dim, by.span)?;
    let mut dims: Vec<DimRef> = base.dims.iter().copied().filter(|&d| d != dim).collect();
    dims.push(rows);
    dims.sort();
    let span = base.span;
    Some(Typed { kind: Kind::Lookup { base: Box::new(base), index }, dims, span })
}

fn element(scope: &mut Scope, base: Typed, base_expr: &Expr, dim: &DimName, at: &Expr) -> Option<Typed> {
    let d = scope.dim(dim)?;
    let shown = base_expr.to_string();
    if !base.dims.contains(&d) {
        let has = crate::typed::show_dims(&scope.dims, &base.dims);
        return fail(scope, mistakes::not_over(dim.span, &shown, &has, &dim.name));
    }
    let known = &scope.dims[d.0];
    let label = match &at.kind {
        ExprKind::Text(t) => t.clone(),
        ExprKind::Name(n) if n.primes == 0 => n.name.clone(),
        _ => match constant(at) {
            Ok(x) if x.fract() == 0.0 => format!("{x}"),
            _ => return fail(scope, mistakes::element_is_constant(at.span, &dim.name)),
        },
    };
    let position = (0..known.size).find(|&i| known.label(i) == label);
    let Some(at_index) = position else {
        let labels: Vec<String> = (0..known.size.min(100)).map(|i| known.label(i)).collect();
        return fail(scope, mistakes::unknown_element(at.span, &label, &dim.name, known.size, &labels));
    };
    let dims = base.dims.iter().copied().filter(|&x| x != d).collect();
    let span = base.span;
    Some(Typed { kind: Kind::Element { base: Box::new(base), dim: d, at: at_index }, dims, span })
}

// ---- calls ----------------------------------------------------------------------------------

fn call(scope: &mut Scope, e: &Expr, function: &Ident, args: &[Arg], context: &Context) -> Option<Typed> {
    let name = function.name.as_str();
    let reducer = match name {
        "sum" => Some(Reducer::Sum),
        "mean" => Some(Reducer::Mean),
        "sd" => Some(Reducer::Sd),
        "max" => Some(Reducer::Max),
        "min" => Some(Reducer::Min),
        "logsumexp" => Some(Reducer::LogSumExp),
        _ => None,
    };
    let span = e.span;
    if let Some(how) = reducer {
        let (values, over) = arguments(scope, function, args, 1, &["over"], context)?;
        let arg = values.into_iter().next()?;
        let written = over[0];
        let over = match written {
            None => arg.dims.clone(),
            Some(o) => dims_argument(scope, o)?,
        };
        if let Some(&d) = over.iter().find(|d| !arg.dims.contains(d)) {
            let has = crate::typed::show_dims(&scope.dims, &arg.dims);
            let shown = args[0].value.to_string();
            let dim = scope.dims[d.0].name.clone();
            return fail(scope, mistakes::not_over(written.map_or(span, |o| o.span), &shown, &has, &dim));
        }
        let dims = arg.dims.iter().copied().filter(|d| !over.contains(d)).collect();
        return Some(Typed { kind: Kind::Reduce { how, over, arg: Box::new(arg) }, dims, span });
    }
    if let Some((_, op, _)) = ELEMENTWISE.iter().find(|f| f.0 == name) {
        let (values, _) = arguments(scope, function, args, 1, &[], context)?;
        let x = values.into_iter().next()?;
        let dims = x.dims.clone();
        return Some(Typed { kind: Kind::Apply1(*op, Box::new(x)), dims, span });
    }
    if let Some((_, op, _)) = PAIRWISE.iter().find(|f| f.0 == name) {
        let (values, _) = arguments(scope, function, args, 2, &[], context)?;
        let [a, b] = <[Typed; 2]>::try_from(values).ok()?;
        let dims = union(&a.dims, &b.dims);
        return Some(Typed { kind: Kind::Apply2(*op, Box::new(a), Box::new(b)), dims, span });
    }
    match name {
        "where" => {
            let (values, _) = arguments(scope, function, args, 3, &[], context)?;
            let [c, a, b] = <[Typed; 3]>::try_from(values).ok()?;
            let dims = union(&c.dims, &union(&a.dims, &b.dims));
            Some(Typed { kind: Kind::Select(Box::new(truth(c)), Box::new(a), Box::new(b)), dims, span })
        }
        "dot" => {
            let (values, named) = arguments(scope, function, args, 2, &["over"], context)?;
            let [a, b] = <[Typed; 2]>::try_from(values).ok()?;
            let Some(over) = named[0] else {
                return fail(scope, mistakes::dot_needs_over(span));
            };
            let over = dims_argument(scope, over)?;
            let [over] = over[..] else { return fail(scope, mistakes::dot_needs_over(span)) };
            for (x, arg) in [(&a, &args[0]), (&b, &args[1])] {
                if !x.dims.contains(&over) {
                    let has = crate::typed::show_dims(&scope.dims, &x.dims);
                    let dim = scope.dims[over.0].name.clone();
                    return fail(
                        scope,
                        mistakes::not_over(arg.value.span, &arg.value.to_string(), &has, &dim),
                    );
                }
            }
            Some(contracted(a, b, over, span))
        }
        "prime" | "transpose" => {
            let (values, _) = arguments(scope, function, args, 1, &[], context)?;
            let x = values.into_iter().next()?;
            rename(scope, name, x, span)
        }
        _ if distributions::lookup(name).is_some() || name == "truncated" => {
            fail(scope, mistakes::distribution_here(function.span, name))
        }
        _ => fail(scope, mistakes::unknown_function(function.span, name)),
    }
}

fn rename(scope: &mut Scope, name: &str, x: Typed, span: Span) -> Option<Typed> {
    let pairs: Vec<(DimRef, DimRef)> = x
        .dims
        .iter()
        .filter_map(|&d| scope.find_dim(&format!("{}'", scope.dims[d.0].name)).map(|p| (d, p)))
        .filter(|(_, p)| x.dims.contains(p))
        .collect();
    let map = if name == "transpose" {
        match pairs[..] {
            [(d, p)] => vec![(d, p), (p, d)],
            _ => {
                let has = crate::typed::show_dims(&scope.dims, &x.dims);
                return fail(scope, mistakes::not_square(span, &has));
            }
        }
    } else {
        if x.dims.len() != 1 {
            let has = crate::typed::show_dims(&scope.dims, &x.dims);
            return fail(scope, mistakes::prime_of_vector(span, &has));
        }
        let d = x.dims[0];
        vec![(d, scope.prime(d))]
    };
    let mut dims: Vec<DimRef> =
        x.dims.iter().map(|&d| map.iter().find(|(a, _)| *a == d).map_or(d, |(_, b)| *b)).collect();
    dims.sort();
    Some(Typed { kind: Kind::Rename { base: Box::new(x), map }, dims, span })
}

/// Exactly `n` values by position, and the named arguments in `allowed`.
fn arguments<'e>(
    scope: &mut Scope,
    function: &Ident,
    args: &'e [Arg],
    n: usize,
    allowed: &[&str],
    context: &Context,
) -> Option<(Vec<Typed>, Vec<Option<&'e Expr>>)> {
    let mut named = vec![None; allowed.len()];
    let mut values = Vec::new();
    let mut count = 0;
    let mut good = true;
    for a in args {
        match &a.name {
            None => {
                count += 1;
                values.extend(expr(scope, &a.value, context));
            }
            Some(ident) => match allowed.iter().position(|w| *w == ident.name) {
                Some(k) => named[k] = Some(&a.value),
                None => {
                    scope.mistakes.push(mistakes::unknown_argument(
                        ident.span,
                        &ident.name,
                        &function.name,
                        allowed,
                    ));
                    good = false;
                }
            },
        }
    }
    if count != n {
        return fail(scope, mistakes::argument_count(function.span, &function.name, n, count));
    }
    (good && values.len() == n).then_some((values, named))
}

/// `over=d` or `over=[d, e]`.
fn dims_argument(scope: &mut Scope, e: &Expr) -> Option<Vec<DimRef>> {
    match &e.kind {
        ExprKind::Name(n) => scope.dim(n).map(|d| vec![d]),
        ExprKind::Array(items) => {
            let mut out = Vec::new();
            for item in items {
                out.extend(dims_argument(scope, item)?);
            }
            Some(out)
        }
        _ => fail(scope, mistakes::over_is_dim(e.span)),
    }
}

// ---- products -------------------------------------------------------------------------------

fn contracted(a: Typed, b: Typed, over: DimRef, span: Span) -> Typed {
    let dims = union(&a.dims, &b.dims).into_iter().filter(|&d| d != over).collect();
    Typed { kind: Kind::Contract { left: Box::new(a), right: Box::new(b), over }, dims, span }
}

fn renamed(x: Typed, map: Vec<(DimRef, DimRef)>) -> Typed {
    let mut dims: Vec<DimRef> =
        x.dims.iter().map(|&d| map.iter().find(|(a, _)| *a == d).map_or(d, |(_, b)| *b)).collect();
    dims.sort();
    let span = x.span;
    Typed { kind: Kind::Rename { base: Box::new(x), map }, dims, span }
}

/// `l @ r` (rule 3 of the language): a matrix over d and d' times something over d is the ordinary
/// product; otherwise the one dimension, not rows, that both share.
fn contract(scope: &mut Scope, span: Span, l: Typed, r: Typed) -> Option<Typed> {
    let pairs: Vec<(DimRef, DimRef)> = l
        .dims
        .iter()
        .filter_map(|&d| scope.find_dim(&format!("{}'", scope.dims[d.0].name)).map(|p| (d, p)))
        .filter(|(d, p)| l.dims.contains(p) && r.dims.contains(d))
        .collect();
    let is_row = |d: &DimRef| scope.tables.iter().any(|t| t.rows == *d && !t.is_key);
    let shared: Vec<DimRef> = l.dims.iter().copied().filter(|d| r.dims.contains(d) && !is_row(d)).collect();
    match (&pairs[..], &shared[..]) {
        (&[(d, p)], _) => {
            if r.dims.contains(&p) {
                // M @ N: the inner dimension takes a name of its own.
                let inner = scope.prime(p);
                let (l, r) = (renamed(l, vec![(p, inner)]), renamed(r, vec![(d, inner)]));
                return Some(contracted(l, r, inner, span));
            }
            Some(contracted(l, renamed(r, vec![(d, p)]), p, span))
        }
        ([], &[d]) => Some(contracted(l, r, d, span)),
        _ => {
            let (a, b) = (
                crate::typed::show_dims(&scope.dims, &l.dims),
                crate::typed::show_dims(&scope.dims, &r.dims),
            );
            let names: Vec<String> = shared.iter().map(|d| scope.dims[d.0].name.clone()).collect();
            fail(scope, mistakes::contraction(span, &a, &b, &names))
        }
    }
}

// ---- constant arrays ------------------------------------------------------------------------

/// The value of a `let`: an expression, or an array of constants over its declared dimensions.
pub fn let_value(scope: &mut Scope, e: &Expr, declared: &[DimRef], context: &Context) -> Option<Typed> {
    let ExprKind::Array(_) = &e.kind else { return expr(scope, e, context) };
    if declared.is_empty() {
        return fail(scope, mistakes::array_needs_dims(e.span));
    }
    let mut values = Vec::new();
    array(scope, e, declared, &mut values)?;
    let mut dims = declared.to_vec();
    dims.sort();
    Some(Typed { kind: Kind::Array { values, order: declared.to_vec() }, dims, span: e.span })
}

fn array(scope: &mut Scope, e: &Expr, dims: &[DimRef], out: &mut Vec<f64>) -> Option<()> {
    match (&e.kind, dims) {
        (ExprKind::Array(items), [d, rest @ ..]) => {
            let dim = &scope.dims[d.0];
            if items.len() != dim.size {
                let (name, size) = (dim.name.clone(), dim.size);
                return fail(scope, mistakes::array_length(e.span, &name, size, items.len()));
            }
            items.iter().try_for_each(|item| array(scope, item, rest, out))
        }
        (_, []) => match constant(e) {
            Ok(x) => {
                out.push(x);
                Some(())
            }
            Err(at) => fail(scope, mistakes::array_constant(at.0)),
        },
        (_, [d, ..]) => {
            let name = scope.dims[d.0].name.clone();
            fail(scope, mistakes::array_depth(e.span, &name))
        }
    }
}
