//! Values bound to a graph: the sizes of its dimensions and its data.

use std::collections::HashMap;

/// Data for one input, elements in memory order of the input's type.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Real(Vec<f64>),
    /// Zero-based positions in a dimension.
    Index(Vec<u32>),
}

impl Value {
    pub fn len(&self) -> usize {
        match self {
            Value::Real(v) => v.len(),
            Value::Index(v) => v.len(),
        }
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a program is planned with: sizes of `Size::Bound` dimensions by name, data inputs by name.
#[derive(Clone, Default, Debug)]
pub struct Bindings {
    pub sizes: HashMap<String, usize>,
    pub data: HashMap<String, Value>,
}
