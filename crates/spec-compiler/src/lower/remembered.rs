//! What is learned from the rows of the data: means, ranges, knots. A prediction for other rows must
//! not learn them anew, or `(x - mean(x)) / sd(x)` would mean something else there.

use std::collections::BTreeMap;

use graph::ir::{NodeId, Varies};

use crate::lower::Lowering;
use crate::source::Span;

/// Numbers learned from data, by the place in the spec that asks for them.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Remembered(pub BTreeMap<String, Vec<f64>>);

impl Lowering<'_> {
    /// What the spec at `span` learned from the data: now, or where the model was fitted.
    pub fn remembered(&mut self, span: Span, learn: impl FnOnce() -> Vec<f64>) -> Vec<f64> {
        let key = format!("{}..{}", span.start, span.end);
        if let Some(known) = self.remembered.0.get(&key) {
            return known.clone();
        }
        let values = learn();
        self.remembered.0.insert(key, values.clone());
        values
    }

    /// The same for a node that is data.
    pub fn remembered_node(&mut self, span: Span, n: NodeId) -> NodeId {
        if self.graph.varies(n) != Varies::Data {
            return n;
        }
        let Some(now) = self.data_values(n) else { return n };
        let values = self.remembered(span, || now.clone());
        if values == now || values.len() != now.len() {
            return n;
        }
        let dims = self.graph.ty(n).dims.clone();
        self.data_input(values, &dims)
    }
}
