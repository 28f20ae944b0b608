//! `recurrence:` discrete time: each block is one `recur`, its states named values at the rows.

use crate::ast::Spec;
use crate::core::{Item, ItemKind, Origin, Recur};

/// As with `ode:`, a `let` that mentions a state needs no treatment here: inside the block it is
/// evaluated with the state's previous value, elsewhere with the one at each row.
pub fn elaborate(spec: &Spec, items: &mut Vec<Item>) {
    for block in &spec.recurrence {
        items.push(Item {
            kind: ItemKind::Recur(Recur {
                name: block.name.clone(),
                over: block.over.clone(),
                by: block.by.clone(),
                states: block.states.clone(),
            }),
            origin: Origin { span: block.name.span, why: format!("recurrence {}", block.name.name) },
        });
    }
}
