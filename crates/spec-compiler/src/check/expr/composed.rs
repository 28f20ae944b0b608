//! Functions that are short for an expression: each is written out in those of the graph.

use std::f64::consts::{LN_2, LN_10};

use graph::ir::{Binary, Unary};

use crate::check::expr::{Context, Function, calls, contract, operators};
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Ident};
use crate::source::Span;
use crate::typed::{DimRef, Kind, Reducer, Typed};

/// A new one is a function and a line here.
pub const COMPOSED: &[Function] = &[
    ("logit", "logit(p)", "log(p / (1 - p))", |scope, f, args, span, context| {
        // Both logarithms keep their digits near their end.
        unary(scope, f, args, span, context, |e, x| {
            let minus = e.neg(x.clone());
            e.sub(e.one(Unary::Ln, x), e.one(Unary::Log1p, minus))
        })
    }),
    ("log10", "log10(x)", "logarithm to base 10", |scope, f, args, span, context| {
        unary(scope, f, args, span, context, |e, x| e.div(e.one(Unary::Ln, x), e.number(LN_10)))
    }),
    ("log2", "log2(x)", "logarithm to base 2", |scope, f, args, span, context| {
        unary(scope, f, args, span, context, |e, x| e.div(e.one(Unary::Ln, x), e.number(LN_2)))
    }),
    ("tan", "tan(x)", "tangent (radians)", |scope, f, args, span, context| {
        unary(scope, f, args, span, context, |e, x| e.div(e.one(Unary::Sin, x.clone()), e.one(Unary::Cos, x)))
    }),
    ("normal_cdf", "normal_cdf(x)", "the standard normal's cdf", |scope, f, args, span, context| {
        unary(scope, f, args, span, context, |e, x| e.one(Unary::Exp, e.one(Unary::LogNdtr, x)))
    }),
    ("softmax", "softmax(e, over=d)", "e^e / sum(e^e)", softmax),
    (
        "squared_exponential",
        "squared_exponential(x, length)",
        "exp(-r^2 / 2), r the distance of two rows' x in lengths",
        |scope, f, args, span, context| {
            kernel(scope, f, args, span, context, |e, r| {
                e.one(Unary::Exp, e.times(-0.5, e.one(Unary::Square, r)))
            })
        },
    ),
    ("matern12", "matern12(x, length)", "exp(-r)", |scope, f, args, span, context| {
        kernel(scope, f, args, span, context, |e, r| e.one(Unary::Exp, e.neg(r)))
    }),
    (
        "matern32",
        "matern32(x, length)",
        "(1 + sqrt(3) r) exp(-sqrt(3) r)",
        |scope, f, args, span, context| {
            kernel(scope, f, args, span, context, |e, r| {
                let s = e.times(3.0f64.sqrt(), r);
                let decay = e.one(Unary::Exp, e.neg(s.clone()));
                e.mul(e.add(e.number(1.0), s), decay)
            })
        },
    ),
    (
        "matern52",
        "matern52(x, length)",
        "(1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)",
        |scope, f, args, span, context| {
            kernel(scope, f, args, span, context, |e, r| {
                let s = e.times(5.0f64.sqrt(), r);
                let decay = e.one(Unary::Exp, e.neg(s.clone()));
                let third = e.times(1.0 / 3.0, e.one(Unary::Square, s.clone()));
                e.mul(e.add(e.add(e.number(1.0), s), third), decay)
            })
        },
    ),
    (
        "periodic",
        "periodic(x, length, period)",
        "exp(-2 sin(pi d / period)^2 / length^2), d the difference of two rows' x",
        periodic,
    ),
];

/// Builds typed expressions at one place.
#[derive(Clone, Copy)]
struct Maker {
    span: Span,
}

impl Maker {
    fn number(self, x: f64) -> Typed {
        Typed { kind: Kind::Const(x), dims: vec![], span: self.span }
    }
    fn one(self, op: Unary, x: Typed) -> Typed {
        operators::apply1(op, x, self.span)
    }
    fn neg(self, x: Typed) -> Typed {
        self.one(Unary::Neg, x)
    }
    fn add(self, a: Typed, b: Typed) -> Typed {
        operators::apply2(Binary::Add, a, b, self.span)
    }
    fn sub(self, a: Typed, b: Typed) -> Typed {
        operators::apply2(Binary::Sub, a, b, self.span)
    }
    fn mul(self, a: Typed, b: Typed) -> Typed {
        operators::apply2(Binary::Mul, a, b, self.span)
    }
    fn div(self, a: Typed, b: Typed) -> Typed {
        operators::apply2(Binary::Div, a, b, self.span)
    }
    fn times(self, c: f64, x: Typed) -> Typed {
        self.mul(self.number(c), x)
    }
    fn sum(self, x: Typed, over: Vec<DimRef>) -> Typed {
        self.reduced(Reducer::Sum, x, over)
    }
    fn reduced(self, how: Reducer, x: Typed, over: Vec<DimRef>) -> Typed {
        let dims = x.dims.iter().copied().filter(|d| !over.contains(d)).collect();
        Typed { kind: Kind::Reduce { how, over, bare: false, arg: Box::new(x) }, dims, span: self.span }
    }
}

fn unary(
    scope: &mut Scope,
    function: &Ident,
    args: &[Arg],
    span: Span,
    context: &Context,
    value: fn(Maker, Typed) -> Typed,
) -> Option<Typed> {
    let ([x], []) = calls::arguments(scope, function, args, [], context)?;
    Some(value(Maker { span }, x))
}

/// `softmax(e, over=d)`
fn softmax(
    scope: &mut Scope,
    function: &Ident,
    args: &[Arg],
    span: Span,
    context: &Context,
) -> Option<Typed> {
    let ([x], [over]) = calls::arguments(scope, function, args, ["over"], context)?;
    let over = calls::over_of(scope, &x, over, function, span)?;
    let e = Maker { span };
    let total = e.reduced(Reducer::LogSumExp, x.clone(), vec![over]);
    let spread = Typed { kind: Kind::Spread(Box::new(total)), dims: x.dims.clone(), span };
    Some(e.one(Unary::Exp, e.sub(x, spread)))
}

/// `kernel(x, length)`: a correlation of rows by the distance of their `x`, which may be a vector over
/// one more dimension, along which the length may differ.
fn kernel(
    scope: &mut Scope,
    function: &Ident,
    args: &[Arg],
    span: Span,
    context: &Context,
    correlation: fn(Maker, Typed) -> Typed,
) -> Option<Typed> {
    let ([x, length], []) = calls::arguments(scope, function, args, [], context)?;
    let e = Maker { span };
    let (rows, primed, inner) = points(scope, &x, span)?;
    let other = contract::renamed(x.clone(), vec![(rows, primed)]);
    let by_feature = inner.is_some_and(|d| length.dims.contains(&d));
    if by_feature {
        let apart = e.div(e.sub(x, other), length);
        let squared = e.sum(e.one(Unary::Square, apart), inner.into_iter().collect());
        return Some(correlation(e, distance(e, squared)));
    }
    let apart = e.sub(x, other);
    // Of one number the distance is exact; and it is data where `x` is.
    let r = match inner {
        None => e.one(Unary::Abs, apart),
        Some(d) => e.one(Unary::Sqrt, e.sum(e.one(Unary::Square, apart), vec![d])),
    };
    Some(correlation(e, e.div(r, length)))
}

/// The root of a squared distance that is not data; where it is zero its derivative has no say.
fn distance(e: Maker, squared: Typed) -> Typed {
    let dims = squared.dims.clone();
    let zero = operators::apply2(Binary::Eq, squared.clone(), e.number(0.0), e.span);
    let safe = Typed {
        kind: Kind::Select(Box::new(zero.clone()), Box::new(e.number(1.0)), Box::new(squared)),
        dims: dims.clone(),
        span: e.span,
    };
    let root = e.one(Unary::Sqrt, safe);
    Typed { kind: Kind::Select(Box::new(zero), Box::new(e.number(0.0)), Box::new(root)), dims, span: e.span }
}

/// `periodic(x, length, period)`: exp(-2 sin^2(pi r / period) / length^2).
///
/// Source: C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning (2006),
/// equation (4.31).
fn periodic(
    scope: &mut Scope,
    function: &Ident,
    args: &[Arg],
    span: Span,
    context: &Context,
) -> Option<Typed> {
    let ([x, length, period], []) = calls::arguments(scope, function, args, [], context)?;
    let e = Maker { span };
    let (rows, primed, inner) = points(scope, &x, span)?;
    if let Some(d) = inner {
        let dim = scope.dims[d].name.clone();
        return scope.fail(errors::points(span, &function.name, &dim));
    }
    let other = contract::renamed(x.clone(), vec![(rows, primed)]);
    let turn = e.div(e.times(std::f64::consts::PI, e.sub(x, other)), period);
    let s = e.div(e.one(Unary::Sin, turn), length);
    Some(e.one(Unary::Exp, e.times(-2.0, e.one(Unary::Square, s))))
}

/// The dimension of the points of a kernel and its prime, and the one of their coordinates, if any.
fn points(scope: &mut Scope, x: &Typed, span: Span) -> Option<(DimRef, DimRef, Option<DimRef>)> {
    let (rows, inner) = match x.dims[..] {
        [rows] => (rows, None),
        [a, b] if scope.has_rows(a) != scope.has_rows(b) => match scope.has_rows(a) {
            true => (a, Some(b)),
            false => (b, Some(a)),
        },
        _ => {
            let has = scope.dims.show(&x.dims);
            return scope.fail(errors::kernel_of(span, &has));
        }
    };
    let primed = scope.dims.prime(rows);
    Some((rows, primed, inner))
}
