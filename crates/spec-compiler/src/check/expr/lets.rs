//! The values of lets: an expression, or an array of constants over declared dimensions.

use crate::check::expr::{Context, expr};
use crate::check::scope::{Scope, Symbol};
use crate::errors;
use crate::expr::{Declaration, Expr, ExprKind, Index, constant};
use crate::typed::{DimRef, Kind, Typed};

/// The value of the let `target`, over the dimensions it declares, if any, else over its own.
pub fn let_value(scope: &mut Scope, target: &Declaration, e: &Expr, context: &Context) -> Option<Typed> {
    let declared = scope.declared_dims(target)?;
    let mut value = match &e.kind {
        ExprKind::Array(_) => constants(scope, e, &declared)?,
        _ => expr(scope, e, context)?,
    };
    if !declared.is_empty() {
        if let Some(&extra) = value.dims.iter().find(|d| !declared.contains(d)) {
            let extra = scope.dims[extra].name.clone();
            return scope.fail(errors::let_dims(target.span, &extra, &target.name.name));
        }
        let (mut dims, span) = (declared, value.span);
        dims.sort();
        if dims != value.dims {
            value = Typed { kind: Kind::Spread(Box::new(value)), dims, span };
        }
    }
    Some(value)
}

fn constants(scope: &mut Scope, e: &Expr, declared: &[DimRef]) -> Option<Typed> {
    if declared.is_empty() {
        return scope.fail(errors::array_needs_dims(e.span));
    }
    let mut values = Vec::new();
    elements(scope, e, declared, &mut values)?;
    let mut dims = declared.to_vec();
    dims.sort();
    Some(Typed { kind: Kind::Array { values, order: declared.to_vec() }, dims, span: e.span })
}

fn elements(scope: &mut Scope, e: &Expr, dims: &[DimRef], out: &mut Vec<f64>) -> Option<()> {
    match (&e.kind, dims) {
        (ExprKind::Array(items), [d, rest @ ..]) => {
            let dim = &scope.dims[*d];
            if items.len() != dim.size {
                let mistake = errors::array_length(e.span, &dim.name, dim.size, items.len());
                return scope.fail(mistake);
            }
            items.iter().try_for_each(|item| elements(scope, item, rest, out))
        }
        (_, []) => match constant(e) {
            Ok(x) if x.is_finite() => {
                out.push(x);
                Some(())
            }
            Ok(_) => scope.fail(errors::array_constant(e.span)),
            Err(at) => scope.fail(errors::array_constant(at.0)),
        },
        (_, [d, ..]) => {
            let name = scope.dims[*d].name.clone();
            scope.fail(errors::array_depth(e.span, &name))
        }
    }
}

/// The table whose rows a let without declared dimensions stands in: that of its bare columns, and
/// of what else varies over a table's rows; failing these, the one that has all the columns it
/// looks up by.
pub fn table_of_columns(scope: &Scope, e: &Expr) -> Option<usize> {
    let mut used = Used::default();
    used.read(e);
    let varies_over =
        |dims: &[DimRef]| (0..scope.tables.len()).find(|&t| dims.contains(&scope.tables[t].rows));
    let of_name = |name: &&str| match *scope.lookup(name) {
        [Symbol::Column { table, .. } | Symbol::Stack { table, .. }] => Some(table),
        [Symbol::State { solve, .. }] => varies_over(&[scope.solves[solve].rows?]),
        [Symbol::Series(s)] => Some(scope.recurrences[s.block].rows?.1),
        [Symbol::Let(i)] => varies_over(&scope.lets[i].done.as_ref()?.dims),
        _ => None,
    };
    let of_member = |name: &&str| scope.tables.iter().position(|t| t.name == *name);
    let mut tables: Vec<usize> = used.names.iter().filter_map(of_name).collect();
    tables.extend(used.tables.iter().filter_map(of_member));
    tables.sort_unstable();
    tables.dedup();
    match tables[..] {
        [one] => Some(one),
        [] => {
            let has_all = |&t: &usize| used.by.iter().all(|n| scope.tables[t].column(n).is_some());
            let all: Vec<usize> = (0..scope.tables.len()).filter(has_all).collect();
            // A table that is looked up in by its key is not the one whose rows look up.
            let is_key =
                |t: usize, n: &str| scope.tables[t].is_key && scope.dims[scope.tables[t].rows].name == n;
            let looks_up = |&&t: &&usize| !used.by.iter().any(|n| is_key(t, n));
            match (&all[..], &all.iter().filter(looks_up).collect::<Vec<_>>()[..]) {
                (&[one], _) | (_, &[&one]) => Some(one),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What an expression mentions.
#[derive(Default)]
struct Used<'e> {
    /// Names outside brackets.
    names: Vec<&'e str>,
    /// Tables, as in `table.column`.
    tables: Vec<&'e str>,
    /// What it looks up by.
    by: Vec<&'e str>,
}

/// `school` of `district[school]`.
fn looked_up_by(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Index { indices, .. } => match &indices[..] {
            [Index::Lookup(of)] => looked_up_by(of),
            _ => e,
        },
        _ => e,
    }
}

impl<'e> Used<'e> {
    fn read(&mut self, e: &'e Expr) {
        match &e.kind {
            ExprKind::Name(n) => self.names.push(&n.name),
            ExprKind::Member { base, .. } => self.tables.extend(base.as_name()),
            // What is looked up varies over the level, not the row.
            ExprKind::Index { indices, .. } => {
                for i in indices {
                    if let Index::Lookup(v) = i {
                        self.by.extend(looked_up_by(v).as_name());
                    }
                }
            }
            ExprKind::Call { args, .. } => {
                // `over=` takes a dimension.
                let values = args.iter().filter(|a| a.name.as_ref().is_none_or(|n| n.name != "over"));
                values.for_each(|a| self.read(&a.value));
            }
            _ => e.children().into_iter().for_each(|c| self.read(c)),
        }
    }
}
