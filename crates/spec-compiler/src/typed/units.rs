//! Which unit everything has, as far as it is known.

use std::collections::BTreeMap;

use units::Unit;

/// `convert(x, mM)`: the unit, and the factor, which is known once the units are.
#[derive(Clone, Debug)]
pub struct Conversion {
    pub to: Unit,
    pub factor: Option<f64>,
}

/// The units of a model, declared or found; what is not there is unknown.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// Of latents, lets and states.
    pub named: BTreeMap<String, Unit>,
    /// Of columns, by table and position.
    pub columns: BTreeMap<(usize, usize), Unit>,
    /// Of what is observed, by position.
    pub observed: BTreeMap<usize, Unit>,
}

impl Units {
    /// `, in mM/min`, or nothing.
    pub fn of(&self, name: &str) -> String {
        self.named.get(name).map_or(String::new(), |unit| format!(", in {unit}"))
    }
}
