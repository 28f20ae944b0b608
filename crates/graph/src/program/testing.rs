//! Helpers of the planner's tests.

use super::{Options, Program};
use crate::ir::{DimId, Graph, Kind, NodeId, Role, Size, Varies};
use crate::value::Bindings;

/// A lane input over one dimension.
pub fn lane_vector(g: &mut Graph, name: &str, d: DimId) -> NodeId {
    g.input(name, Varies::Lane, Kind::Real, &[d])
}

/// The print of a program whose output is made by `build` over a dimension of three.
pub fn instructions(build: impl FnOnce(&mut Graph, DimId) -> NodeId) -> String {
    let mut g = Graph::new();
    let d = g.add_dim("d", Role::Plain, Size::Fixed(3));
    let out = build(&mut g, d);
    let program = Program::compile(&g, &[out], &Bindings::default(), &Options::default());
    program.expect("a plain graph").explain().to_string()
}
