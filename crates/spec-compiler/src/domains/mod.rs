//! Domains: each turns its section of a spec into core items. A new domain is one file here and one
//! line in [`elaborate`].

pub mod ode;
pub mod recurrence;

use crate::ast::Spec;
use crate::core::{Core, Item, ItemKind, Origin};

/// Expands a spec into core.
pub fn elaborate(spec: &Spec) -> Core {
    let mut items = Vec::new();
    for latent in &spec.latent {
        items.push(Item {
            kind: ItemKind::Sample {
                target: latent.target.clone(),
                law: latent.prior.clone(),
                unit: latent.unit.clone(),
            },
            origin: Origin { span: latent.target.span, why: format!("prior of {}", latent.target.name.name) },
        });
    }
    for let_ in &spec.lets {
        items.push(Item {
            kind: ItemKind::Let {
                target: let_.target.clone(),
                value: let_.value.clone(),
                unit: let_.unit.clone(),
            },
            origin: Origin { span: let_.target.span, why: format!("let {}", let_.target.name.name) },
        });
    }
    ode::elaborate(spec, &mut items);
    recurrence::elaborate(spec, &mut items);
    for observe in &spec.observe {
        items.push(Item {
            kind: ItemKind::Observe {
                target: observe.target.clone(),
                law: observe.law.clone(),
                rows: observe.rows.clone(),
            },
            origin: Origin {
                span: observe.target.span,
                why: format!("likelihood of {}", observe.target.name.name),
            },
        });
    }
    for factor in &spec.factors {
        items.push(Item {
            kind: ItemKind::Factor { name: factor.name.clone(), value: factor.value.clone() },
            origin: Origin { span: factor.name.span, why: format!("factor {}", factor.name.name) },
        });
    }
    Core {
        model: spec.model.clone(),
        units: spec.units.clone(),
        tables: spec.data.clone(),
        dims: spec.dims.clone(),
        items,
        inference: spec.inference.clone(),
        output: spec.output.clone(),
    }
}
