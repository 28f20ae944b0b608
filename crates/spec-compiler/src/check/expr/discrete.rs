//! Values that depend on discrete latents: each of their values is carried along until it is summed
//! out, so what mixes elements of their plates cannot be done.

use std::collections::BTreeSet;

use crate::check::scope::Scope;
use crate::errors;
use crate::typed::{DimRef, Kind, Typed, Variable};

/// The discrete variables that `t` depends on.
pub fn discrete(scope: &Scope, t: &Typed) -> BTreeSet<Variable> {
    let mut out = BTreeSet::new();
    if scope.has_discrete {
        collect(scope, t, &mut out);
    }
    out
}

fn collect(scope: &Scope, t: &Typed, out: &mut BTreeSet<Variable>) {
    match &t.kind {
        Kind::Latent(i) if scope.is_discrete(*i) => {
            out.insert(Variable::Latent(*i));
        }
        Kind::Series(s) | Kind::Current(s) if scope.is_discrete_state(*s) => {
            out.insert(Variable::State(*s));
        }
        Kind::Previous(s) if scope.is_discrete_state(*s) => {
            out.insert(Variable::Before(*s));
        }
        Kind::At { variable, .. } => {
            out.insert(*variable);
        }
        Kind::StepLet { block, position } => {
            out.extend(&scope.recurrences[*block].lets[*position].discrete);
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
    let on_them = |i: &Variable| scope.plates(*i).iter().any(|d| dims.contains(d));
    let mixed = discrete(scope, t).into_iter().find(on_them);
    let Some(i) = mixed else { return true };
    let name = scope.name_of(i);
    scope.tell(errors::discrete_mixed(t.span, &name));
    false
}
