//! Bases of functions of a column: splines and the Hilbert-space approximation of Gaussian processes.

use crate::check::dims::union;
use crate::check::expr::{Context, Function, calls, is_data};
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind, Ident, constant};
use crate::source::Span;
use crate::typed::{Basis, DimRef, Kernel, Kind, Typed};

/// A new one is a function and a line here.
pub const BASES: &[Function] = &[
    (
        "bspline",
        "bspline(x, over=d, degree=3, knots=[...])",
        "B-splines of x, one an element of d; without `knots` at the quantiles of x",
        bspline,
    ),
    (
        "hilbert_basis",
        "hilbert_basis(x, over=d, boundary=1.5)",
        "sines that approximate functions of x, one an element of d, on 1.5 times its range",
        hilbert_basis,
    ),
    (
        "hilbert_scale",
        "hilbert_scale(x, length, over=d, kernel=squared_exponential, boundary=1.5)",
        "the standard deviations of their coefficients in a Gaussian process of unit variance",
        hilbert_scale,
    ),
];

/// The argument of a basis, and its dimension.
fn column(scope: &mut Scope, x: &Typed, over: Option<&Expr>, f: &Ident, span: Span) -> Option<DimRef> {
    if !is_data(scope, x) {
        return scope.fail(errors::basis_of_data(x.span, &f.name));
    }
    let Some(over) = over else { return scope.fail(errors::basis_over(span, &f.name)) };
    let dim = calls::one_dim(scope, over)?;
    if x.dims.contains(&dim) || scope.has_rows(dim) {
        return scope.fail(errors::basis_over(over.span, &f.name));
    }
    Some(dim)
}

fn number(scope: &mut Scope, e: Option<&Expr>, default: f64, least: f64, name: &str) -> Option<f64> {
    let Some(e) = e else { return Some(default) };
    match constant(e) {
        Ok(x) if x.is_finite() && x >= least => Some(x),
        _ => scope.fail(errors::basis_number(e.span, name, least)),
    }
}

/// `bspline(x, over=d, degree=3, knots=[...])`
fn bspline(scope: &mut Scope, f: &Ident, args: &[Arg], span: Span, context: &Context) -> Option<Typed> {
    let ([x], [over, degree, knots]) =
        calls::arguments(scope, f, args, ["over", "degree", "knots"], context)?;
    let dim = column(scope, &x, over, f, span)?;
    let degree_value = number(scope, degree, 3.0, 0.0, "degree")?;
    if degree_value.fract() != 0.0 || degree_value > 20.0 {
        return scope.fail(errors::basis_number(degree.map_or(span, |e| e.span), "degree", 0.0));
    }
    let degree = degree_value as usize;
    let size = scope.dims[dim].size;
    let Some(inner) = size.checked_sub(degree + 1) else {
        return scope.fail(errors::spline_size(span, size, degree));
    };
    let knots = match knots {
        None => None,
        Some(Expr { kind: ExprKind::Array(items), span }) => {
            let values: Vec<f64> = items.iter().filter_map(|k| constant(k).ok()).collect();
            let ascending = values.windows(2).all(|w| w[0] < w[1]);
            if values.len() != items.len() || values.len() != inner || !ascending {
                return scope.fail(errors::spline_knots(*span, inner));
            }
            Some(values)
        }
        Some(other) => return scope.fail(errors::spline_knots(other.span, inner)),
    };
    let dims = union(&x.dims, &[dim]);
    Some(Typed {
        kind: Kind::Basis { basis: Basis::Spline { degree, knots }, x: Box::new(x), dim },
        dims,
        span,
    })
}

/// `hilbert_basis(x, over=d, boundary=1.5)`
fn hilbert_basis(scope: &mut Scope, f: &Ident, args: &[Arg], span: Span, context: &Context) -> Option<Typed> {
    let ([x], [over, boundary]) = calls::arguments(scope, f, args, ["over", "boundary"], context)?;
    let dim = column(scope, &x, over, f, span)?;
    let boundary = number(scope, boundary, 1.5, 1.0, "boundary")?;
    let dims = union(&x.dims, &[dim]);
    Some(Typed { kind: Kind::Basis { basis: Basis::Hilbert { boundary }, x: Box::new(x), dim }, dims, span })
}

/// `hilbert_scale(x, length, over=d, kernel=squared_exponential, boundary=1.5)`
fn hilbert_scale(scope: &mut Scope, f: &Ident, args: &[Arg], span: Span, context: &Context) -> Option<Typed> {
    let ([x, length], [over, boundary, kernel]) =
        calls::arguments(scope, f, args, ["over", "boundary", "kernel"], context)?;
    let dim = column(scope, &x, over, f, span)?;
    let boundary = number(scope, boundary, 1.5, 1.0, "boundary")?;
    let kernel = match kernel.map(|k| (k.as_name(), k.span)) {
        None | Some((Some("squared_exponential"), _)) => Kernel::SquaredExponential,
        Some((Some("matern12"), _)) => Kernel::Matern12,
        Some((Some("matern32"), _)) => Kernel::Matern32,
        Some((Some("matern52"), _)) => Kernel::Matern52,
        Some((found, at)) => return scope.fail(errors::kernel_name(at, found.unwrap_or("this"))),
    };
    let frequency = Typed {
        kind: Kind::Basis { basis: Basis::Frequency { boundary }, x: Box::new(x), dim },
        dims: vec![dim],
        span,
    };
    let dims = union(&frequency.dims, &length.dims);
    let kind = Kind::SpectralScale { kernel, frequency: Box::new(frequency), length: Box::new(length) };
    Some(Typed { kind, dims, span })
}
