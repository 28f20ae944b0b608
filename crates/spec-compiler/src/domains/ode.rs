//! `ode:` kinetics: each block is one `solve`, its states named values at the rows it is wanted at.

use crate::ast::Spec;
use crate::core::{Item, ItemKind, Origin, Solve};

/// A `let` that mentions a state needs no treatment here: in a rate it is evaluated with the
/// running state, elsewhere with the solution at the rows (see `check::solve`).
pub fn elaborate(spec: &Spec, items: &mut Vec<Item>) {
    for block in &spec.ode {
        items.push(Item {
            kind: ItemKind::Solve(Solve {
                name: block.name.clone(),
                at: block.at.clone(),
                start: block.start.clone(),
                rows: block.rows.clone(),
                states: block.states.clone(),
                solver: block.solver.clone(),
            }),
            origin: Origin { span: block.name.span, why: format!("ode {}", block.name.name) },
        });
    }
}
