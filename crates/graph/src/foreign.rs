//! The one hatch: operations computed outside the graph, such as an ODE solve.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use crate::ir::{Graph, NodeId, Ty};
use crate::types::TypeError;

/// How a foreign op wants an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgForm {
    /// `[elements]`: must be draw-free.
    Data,
    /// `[elements][8]`: one tile of lanes; draw-free values are repeated over the lanes.
    Lanes,
}

/// Why a lane has no value: typed by the op, shown to the user.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// The lane within the whole evaluation.
    pub lane: usize,
    /// The op that failed (`ode reaction`).
    pub op: String,
    /// What happened, in one sentence with its numbers (time, state, why).
    pub why: String,
}

/// One evaluation of a foreign op on one tile of eight lanes.
pub struct Call<'a> {
    /// As the op's `arg_forms` say; elements in memory order of the argument's type.
    pub args: &'a [&'a [f64]],
    /// `[elements][8]` each, to be filled; a failed lane's values must be NaN.
    pub outs: &'a mut [&'a mut [f64]],
    /// Set for a lane that failed; lanes failed earlier come in as `true` and may be skipped.
    pub failed: &'a mut [bool; 8],
    /// `(lane in the tile, why)` for lanes that failed here.
    pub failures: &'a mut Vec<(usize, String)>,
    /// What [`Foreign::new_state`] made for this tile; ops with the same `state_id` share it.
    pub state: &'a mut dyn Any,
}

/// An operation the graph does not look into. No lane's result may depend on its neighbours.
pub trait Foreign: Debug + Send + Sync {
    /// For printing and failures: `ode reaction`.
    fn name(&self) -> &str;

    /// The types of the results, given those of the arguments.
    fn infer(&self, graph: &Graph, args: &[Ty]) -> Result<Vec<Ty>, TypeError>;

    fn arg_forms(&self) -> Vec<ArgForm>;

    /// Scratch memory of one tile, kept between evaluations: whatever is allocated here is not
    /// allocated again.
    fn new_state(&self) -> Box<dyn Any + Send>;

    /// Ops with equal ids share one state per tile: how a reverse sweep finds the forward steps.
    fn state_id(&self) -> Option<u64> {
        None
    }

    fn call(&self, call: Call<'_>);

    /// The same op, its own results first, followed by what [`Foreign::vjp`] needs. Used in place
    /// of `self` wherever a derivative is taken, so that a value and its gradient solve once.
    /// `None`: the op has no derivative, and differentiating it is refused by name.
    fn with_residuals(&self) -> Option<Arc<dyn Foreign>>;

    /// Emits the cotangents of the arguments, for an op made by [`Foreign::with_residuals`].
    /// `results` are all its outputs; `cotangents[k]` is that of own result k (`None`: zero).
    /// `None` for an argument without derivative (data).
    fn vjp(
        &self,
        graph: &mut Graph,
        args: &[NodeId],
        results: &[NodeId],
        cotangents: &[Option<NodeId>],
    ) -> Result<Vec<Option<NodeId>>, TypeError>;

    /// Emits the tangents of own results from those of the arguments, likewise.
    fn jvp(
        &self,
        graph: &mut Graph,
        args: &[NodeId],
        results: &[NodeId],
        tangents: &[Option<NodeId>],
    ) -> Result<Vec<Option<NodeId>>, TypeError>;
}
