//! Products that sum over a dimension: `@` and `dot`.

use crate::check::dims::union;
use crate::check::expr::must_not_vary_over_discrete;
use crate::check::scope::Scope;
use crate::errors;
use crate::source::Span;
use crate::typed::{DimRef, Kind, Typed};

/// `l @ r` (rule 3 of the language): a matrix over d and d' times something over d is the ordinary
/// product; otherwise the one dimension, not rows, that both share.
pub fn contract(scope: &mut Scope, span: Span, l: Typed, r: Typed) -> Option<Typed> {
    let mut pairs = scope.dims.pairs(&l.dims);
    pairs.retain(|(d, _)| r.dims.contains(d));
    let is_row = |d: DimRef| scope.dims[d].rows_of.is_some();
    let shared: Vec<DimRef> = l.dims.iter().copied().filter(|&d| r.dims.contains(&d) && !is_row(d)).collect();
    match (&pairs[..], &shared[..]) {
        (&[(d, p)], _) => {
            if r.dims.contains(&p) {
                // M @ N: the inner dimension takes a name of its own.
                let inner = scope.dims.prime(p);
                let (l, r) = (renamed(l, vec![(p, inner)]), renamed(r, vec![(d, inner)]));
                return contracted(scope, l, r, inner, span);
            }
            contracted(scope, l, renamed(r, vec![(d, p)]), p, span)
        }
        ([], &[d]) => contracted(scope, l, r, d, span),
        _ => {
            let (left, right) = (scope.dims.show(&l.dims), scope.dims.show(&r.dims));
            let names: Vec<String> = shared.iter().map(|&d| scope.dims[d].name.clone()).collect();
            scope.fail(errors::contraction(span, &left, &right, &names))
        }
    }
}

/// The sum of products over `over`, which both sides have.
pub fn contracted(scope: &mut Scope, left: Typed, right: Typed, over: DimRef, span: Span) -> Option<Typed> {
    for side in [&left, &right] {
        if !must_not_vary_over_discrete(scope, side, &[over]) {
            return None;
        }
    }
    let dims = union(&left.dims, &right.dims).into_iter().filter(|&d| d != over).collect();
    Some(Typed { kind: Kind::Contract { left: Box::new(left), right: Box::new(right), over }, dims, span })
}

/// `x` with dimensions renamed from the first of each pair to the second.
pub fn renamed(x: Typed, map: Vec<(DimRef, DimRef)>) -> Typed {
    let to = |d: DimRef| map.iter().find(|(from, _)| *from == d).map_or(d, |(_, to)| *to);
    let mut dims: Vec<DimRef> = x.dims.iter().map(|&d| to(d)).collect();
    dims.sort();
    let span = x.span;
    Typed { kind: Kind::Rename { base: Box::new(x), map }, dims, span }
}
