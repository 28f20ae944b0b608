use super::Context;
use crate::ir::{Graph, NodeId};
pub fn run(g: &Graph, outputs: &[NodeId], _: &mut Context<'_>) -> (Graph, Vec<NodeId>) {
    (g.clone(), outputs.to_vec())
}
