//! `convert(x, mM/min)`: a product with a factor that is known once the units are.

use graph::ir::Binary;
use units::Problem;

use crate::check::expr::{Context, expr, operators};
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind, Ident, written_unit};
use crate::source::Span;
use crate::typed::{Conversion, Kind, Typed};

pub fn convert(
    scope: &mut Scope,
    function: &Ident,
    args: &[Arg],
    span: Span,
    context: &Context,
) -> Option<Typed> {
    if let Some(word) = args.iter().find_map(|a| a.name.as_ref()) {
        return scope.fail(errors::unknown_argument(word.span, &word.name, &function.name, &[]));
    }
    let [Arg { value: x, .. }, Arg { value: Expr { kind: ExprKind::Unit(unit), span: at }, .. }] = args
    else {
        return scope.fail(errors::argument_count(function.span, &function.name, 2, args.len()));
    };
    let x = expr(scope, x, context);
    let to = match scope.units.parse(&text(unit)) {
        Ok(to) => to,
        Err(error) => return scope.fail(errors::unit(place(unit, &error.what), &error.what)),
    };
    let factor = Typed { kind: Kind::Factor(scope.conversions.len()), dims: vec![], span: *at };
    scope.conversions.push(Conversion { to, factor: None });
    Some(operators::apply2(Binary::Mul, x?, factor, span))
}

/// `J/(mol*K)`, or what stands in quotes.
fn text(unit: &Expr) -> String {
    match &unit.kind {
        ExprKind::Text(text) => text.clone(),
        _ => written_unit(unit),
    }
}

/// The name that the problem is about, else the whole.
fn place(unit: &Expr, problem: &Problem) -> Span {
    let (Problem::Unknown { name, .. } | Problem::Refused { name, .. }) = problem else { return unit.span };
    find(unit, name).unwrap_or(unit.span)
}

fn find(unit: &Expr, name: &str) -> Option<Span> {
    if unit.as_name() == Some(name) {
        return Some(unit.span);
    }
    unit.children().into_iter().find_map(|part| find(part, name))
}
