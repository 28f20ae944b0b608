//! `truncated` and `censored`: a law of which a part is seen.

use distributions::Distribution;
use model::Cells;

use super::{constant_of, modified};
use crate::check::expr::{self, Context};
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind};
use crate::typed::{Bounds, Form, Kind, Law, Typed};

/// `truncated(d, lower=, upper=)`
pub fn truncated(scope: &mut Scope, e: &Expr, args: &[Arg], context: &Context) -> Option<Law> {
    let (base, named) = modified(scope, e, args, ["lower", "upper"], context)?;
    let Form::Call(call) = &base.form else {
        return scope.fail(errors::truncated_form(base.span));
    };
    if base.has_atom() {
        return scope.fail(errors::atom(base.span, base.name(), "truncated"));
    }
    if named.iter().all(Option::is_none) {
        return scope.fail(errors::truncated_nowhere(e.span));
    }
    let mut ends: [Option<Typed>; 2] = [None, None];
    for (end, written) in ends.iter_mut().zip(named) {
        if let Some(written) = written {
            *end = Some(expr::expr(scope, written, context)?);
        }
    }
    let [lower, upper] = ends;
    let value = |scope: &Scope, end: &Option<Typed>, without: f64| match end {
        None => Some(without),
        Some(t) => constant_of(scope, t),
    };
    let constant = value(scope, &lower, f64::NEG_INFINITY).zip(value(scope, &upper, f64::INFINITY));
    let bounds = Bounds { lower, upper, constant };
    let constants = call.params.map(|i| constant_of(scope, &call.args[i]));
    let distribution = call.distribution;
    let (span, event) = (e.span, base.event.clone());
    let Some((lower, upper)) = constant else {
        if !distribution.is_proper() || distribution.is_discrete() || base.varies.is_some() {
            return scope.fail(errors::window_varies(e.span, distribution.name()));
        }
        let support = base.support;
        // The ends are nodes: the widest support is the law's own.
        let varies = Some(distributions::DistributionError::NeedsConstant {
            distribution: "truncated",
            parameter: if bounds.lower.is_some() { "lower" } else { "upper" },
        });
        return Some(Law {
            form: Form::Truncated { base: Box::new(base), bounds },
            support,
            varies,
            event,
            span,
        });
    };
    let window = distributions::Truncated::new(distribution, lower, upper);
    match window.and_then(|w| w.check(&constants).and_then(|()| w.support(&constants))) {
        Ok(support) => Some(Law {
            form: Form::Truncated { base: Box::new(base), bounds },
            support,
            varies: None,
            event,
            span,
        }),
        Err(error) => scope.fail(errors::arguments(e.span, &error, distribution)),
    }
}

/// `censored(d, left=, right=, interval=[lo, hi])`
pub fn censored(scope: &mut Scope, e: &Expr, args: &[Arg], context: &Context) -> Option<Law> {
    let (base, [left, right, interval]) = modified(scope, e, args, ["left", "right", "interval"], context)?;
    let is_window = match &base.form {
        Form::Call(_) => true,
        Form::Truncated { base, .. } => matches!(base.form, Form::Call(_)),
        _ => false,
    };
    if !is_window || base.support.is_discrete() || !base.event.is_empty() {
        return scope.fail(errors::censored_form(base.span));
    }
    if base.has_atom() {
        return scope.fail(errors::atom(base.span, base.name(), "censored"));
    }
    let condition = |scope: &mut Scope, which: &str, written: Option<&Expr>| match written {
        None => Some(None),
        Some(written) => {
            let c = expr::expr(scope, written, context)?;
            if !expr::is_data(scope, &c) {
                return scope.fail(errors::censoring_is_data(c.span));
            }
            if let Some(found) = no_condition(scope, &c) {
                return scope.fail(errors::censoring_is_condition(c.span, which, &found));
            }
            Some(Some(expr::truth(c)))
        }
    };
    let (left, right) = (condition(scope, "left", left)?, condition(scope, "right", right)?);
    let interval = match interval {
        None => None,
        Some(Expr { kind: ExprKind::Array(ends), .. }) if ends.len() == 2 => {
            let (lo, hi) = (expr::expr(scope, &ends[0], context), expr::expr(scope, &ends[1], context));
            let ends = [lo?, hi?];
            if let Some(bad) = ends.iter().find(|t| !expr::is_data(scope, t)) {
                let mistake = errors::censoring_is_data(bad.span);
                return scope.fail(mistake);
            }
            Some(Box::new(ends))
        }
        Some(other) => return scope.fail(errors::censored_form(other.span)),
    };
    if left.is_none() && right.is_none() && interval.is_none() {
        return scope.fail(errors::censored_form(e.span));
    }
    let (support, varies, event) = (base.support, base.varies.clone(), base.event.clone());
    let form = Form::Censored { base: Box::new(base), left, right, interval };
    Some(Law { form, support, varies, event, span: e.span })
}

/// What an argument is, if it cannot be a condition by row: a limit, or a column of limits.
fn no_condition(scope: &Scope, t: &Typed) -> Option<String> {
    if let Some(x) = constant_of(scope, t) {
        return Some(format!("the number {x}"));
    }
    let Kind::Column { table, column } = t.kind else { return None };
    let column = &scope.tables[table].data.columns[column];
    let other = match &column.cells {
        Cells::Real(v) => v.iter().copied().find(|&x| x != 0.0 && x != 1.0),
        Cells::Integer(v) => v.iter().copied().find(|&x| x != 0 && x != 1).map(|x| x as f64),
        Cells::Bool(_) | Cells::Text(_) => None,
    };
    other.map(|x| format!("a column that holds {x}"))
}
