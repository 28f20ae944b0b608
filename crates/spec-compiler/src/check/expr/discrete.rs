//! Values that depend on discrete latents: each of their values is carried along until it is summed
//! out, so what mixes elements of their plates cannot be done.

use std::collections::BTreeSet;

use crate::check::scope::Scope;
use crate::errors;
use crate::typed::{DimRef, Kind, Met, Typed, Variable, Way};

/// The discrete variables that `t` depends on.
pub fn discrete(scope: &Scope, t: &Typed) -> Met {
    all_discrete(scope, [t])
}

/// Those that some of several depend on.
pub fn all_discrete<'t>(scope: &Scope, all: impl IntoIterator<Item = &'t Typed>) -> Met {
    let mut out = Met::new();
    if scope.has_discrete {
        all.into_iter().for_each(|t| collect(scope, t, &mut out));
    }
    out
}

fn collect(scope: &Scope, t: &Typed, out: &mut Met) {
    match &t.kind {
        Kind::Latent(i) if scope.is_discrete(*i) => itself(scope, Variable::Latent(*i), out),
        Kind::Series(s) | Kind::Current(s) if scope.is_discrete_state(*s) => {
            itself(scope, Variable::State(*s), out);
        }
        Kind::Previous(s) if scope.is_discrete_state(*s) => itself(scope, Variable::Before(*s), out),
        Kind::StepLet { block, position } => merge(&scope.recurrences[*block].lets[*position].met, out),
        Kind::Let(i) => {
            if let Some(let_) = &scope.lets[*i].done {
                merge(&let_.met, out);
            }
        }
        Kind::Lookup { base, indices } => {
            for (v, ways) in discrete(scope, base) {
                let ways = ways.into_iter().map(|way| looked_up(scope, way, indices));
                out.entry(v).or_default().extend(ways);
            }
        }
        _ => t.parts().into_iter().for_each(|part| collect(scope, part, out)),
    }
}

fn itself(scope: &Scope, v: Variable, out: &mut Met) {
    let way = scope.plates(v).into_iter().map(|d| (d, Vec::new())).collect();
    out.entry(v).or_default().insert(way);
}

fn merge(met: &Met, out: &mut Met) {
    for (v, ways) in met {
        out.entry(*v).or_default().extend(ways.iter().cloned());
    }
}

/// The way from a row, whose columns `indices` say where it was before.
fn looked_up(scope: &Scope, mut way: Way, indices: &[usize]) -> Way {
    for (&plate, columns) in &mut way {
        let along = along(scope, plate, columns);
        columns.extend(indices.iter().find(|i| scope.indices[**i].dim == along));
    }
    way
}

/// The dimension along which the elements of a plate differ here.
fn along(scope: &Scope, plate: DimRef, columns: &[usize]) -> DimRef {
    columns.last().map_or(plate, |i| scope.tables[scope.indices[*i].table].rows)
}

/// Do the elements that `way` leads to differ along one of `dims`?
pub fn varies_along(scope: &Scope, way: &Way, dims: &[DimRef]) -> bool {
    way.iter().any(|(plate, columns)| dims.contains(&along(scope, *plate, columns)))
}

/// Tells where `t`, whose elements over `dims` are mixed here, depends on a discrete latent with an own
/// value for each of them.
pub fn must_not_vary_over_discrete(scope: &mut Scope, t: &Typed, dims: &[DimRef]) -> bool {
    must_not_vary(scope, t, dims, |_| true)
}

/// The same of states: each row may look up its element of a discrete latent.
pub fn must_not_vary_over_states(scope: &mut Scope, t: &Typed, dims: &[DimRef]) -> bool {
    must_not_vary(scope, t, dims, |v| !matches!(v, Variable::Latent(_)))
}

fn must_not_vary(scope: &mut Scope, t: &Typed, dims: &[DimRef], of: impl Fn(&Variable) -> bool) -> bool {
    let varies = |ways: &BTreeSet<Way>| ways.iter().any(|way| varies_along(scope, way, dims));
    let mixed = discrete(scope, t).into_iter().find(|(v, ways)| of(v) && varies(ways));
    let Some((v, _)) = mixed else { return true };
    let name = scope.name_of(v);
    scope.tell(errors::discrete_mixed(t.span, &name));
    false
}
