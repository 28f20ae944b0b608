//! Values that depend on discrete latents: each of their values is carried along until it is summed
//! out, so what mixes elements of their plates cannot be done.

use std::collections::BTreeSet;

use crate::check::scope::Scope;
use crate::errors;
use crate::typed::{DimRef, Kind, Typed};

/// The discrete latents that `t` depends on.
pub fn discrete(scope: &Scope, t: &Typed) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    if scope.has_discrete {
        collect(scope, t, &mut out);
    }
    out
}

fn collect(scope: &Scope, t: &Typed, out: &mut BTreeSet<usize>) {
    match &t.kind {
        Kind::Latent(i) if scope.is_discrete(*i) => {
            out.insert(*i);
        }
        Kind::At { latent, .. } => {
            out.insert(*latent);
        }
        Kind::Let(i) => {
            if let Some(let_) = &scope.lets[*i].done {
                out.extend(&let_.discrete);
            }
        }
        _ => {}
    }
    t.parts().into_iter().for_each(|part| collect(scope, part, out));
}

/// Tells where `t`, whose elements over `dims` are mixed here, depends on a discrete latent with an own
/// value for each of them.
pub fn must_not_vary_over_discrete(scope: &mut Scope, t: &Typed, dims: &[DimRef]) -> bool {
    let mixed = discrete(scope, t).into_iter().find(|&i| {
        let plates = scope.latents[i].dims.as_deref().unwrap_or(&[]);
        plates.iter().any(|d| dims.contains(d))
    });
    let Some(i) = mixed else { return true };
    let name = scope.latents[i].target.name.name.clone();
    scope.tell(errors::discrete_mixed(t.span, &name));
    false
}
