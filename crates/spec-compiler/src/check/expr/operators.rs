//! Operators: elementwise over the union of the dimensions; comparisons and truth are 0 or 1.

use graph::ir::{Binary, Unary};

use crate::check::dims::union;
use crate::expr::{BinaryOp, UnaryOp};
use crate::source::Span;
use crate::typed::{Kind, Typed};

pub fn unary(op: UnaryOp, x: Typed, span: Span) -> Typed {
    match (op, &x.kind) {
        (UnaryOp::Neg, Kind::Const(v)) => Typed { kind: Kind::Const(-v), dims: vec![], span },
        (UnaryOp::Neg, _) => apply1(Unary::Neg, x, span),
        (UnaryOp::Not, _) => apply1(Unary::Not, truth(x), span),
    }
}

/// Any operator but `@`, which has a rule of its own.
pub fn binary(op: BinaryOp, l: Typed, r: Typed, span: Span) -> Typed {
    match op {
        BinaryOp::Add => apply2(Binary::Add, l, r, span),
        BinaryOp::Sub => apply2(Binary::Sub, l, r, span),
        BinaryOp::Mul => apply2(Binary::Mul, l, r, span),
        BinaryOp::Div => apply2(Binary::Div, l, r, span),
        BinaryOp::Pow => apply2(Binary::Pow, l, r, span),
        BinaryOp::Less => apply2(Binary::Lt, l, r, span),
        BinaryOp::LessEqual => apply2(Binary::Le, l, r, span),
        BinaryOp::Greater => apply2(Binary::Lt, r, l, span),
        BinaryOp::GreaterEqual => apply2(Binary::Le, r, l, span),
        BinaryOp::Equal => apply2(Binary::Eq, l, r, span),
        BinaryOp::NotEqual => apply1(Unary::Not, apply2(Binary::Eq, l, r, span), span),
        BinaryOp::And => apply2(Binary::Mul, truth(l), truth(r), span),
        BinaryOp::Or => apply2(Binary::Max, truth(l), truth(r), span),
        BinaryOp::Contract => unreachable!("has a rule of its own"),
    }
}

pub fn apply1(op: Unary, x: Typed, span: Span) -> Typed {
    let dims = x.dims.clone();
    Typed { kind: Kind::Apply1(op, Box::new(x)), dims, span }
}

pub fn apply2(op: Binary, a: Typed, b: Typed, span: Span) -> Typed {
    let dims = union(&a.dims, &b.dims);
    Typed { kind: Kind::Apply2(op, Box::new(a), Box::new(b)), dims, span }
}

/// 0 or 1: what is not a comparison counts as true where it is not zero.
pub fn truth(t: Typed) -> Typed {
    if is_truth(&t) {
        return t;
    }
    let span = t.span;
    let zero = Typed { kind: Kind::Const(0.0), dims: vec![], span };
    apply1(Unary::Not, apply2(Binary::Eq, t, zero, span), span)
}

fn is_truth(t: &Typed) -> bool {
    match &t.kind {
        Kind::Apply2(Binary::Lt | Binary::Le | Binary::Eq, ..) | Kind::Apply1(Unary::Not, _) => true,
        Kind::Apply2(Binary::Mul | Binary::Max, a, b) => is_truth(a) && is_truth(b),
        _ => false,
    }
}
