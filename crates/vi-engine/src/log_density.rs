//! The narrow waist: all the engine ever sees of a model.

use numerics::lanes::Lanes;

/// A log density over an unconstrained vector, evaluated for many draws (lanes) at a time.
///
/// The density need not be normalised. It must be a function of its own lane only: a lane's bits
/// may depend neither on its neighbours nor on how many there are, so that the engine's answer is
/// the same for any width.
///
/// The engine calls with few distinct widths (1, `draws`, and blocks of [`crate::BLOCK`]), so an
/// implementation may keep its buffers.
pub trait LogDensity {
    /// Length of the unconstrained vector; at least 1.
    fn dim(&self) -> usize;

    /// Names of the unconstrained coordinates (`dim` of them, distinct), such as `vmax` or
    /// `theta[A]`. Random streams are keyed by them, so that adding a site moves no other's noise.
    fn names(&self) -> &[String];

    /// Log density and gradient.
    ///
    /// `z`: `[dim]` x lanes. `value`: `[lanes]`. `grad`, where wanted: `[dim]` x lanes, overwritten.
    ///
    /// A lane that cannot be evaluated (non-finite, a differential equation without a solution) has
    /// the value `-inf`, never NaN, a zero gradient, and is pushed to `failures` (which the caller
    /// has cleared). A point of zero density is `-inf` without a failure.
    fn eval(
        &mut self,
        z: &Lanes,
        value: &mut [f64],
        grad: Option<&mut Lanes>,
        failures: &mut Vec<LaneFailure>,
    );

    /// The batch of data that a step of the climb sees; `None` where each sees all.
    fn batch_of(&self, _step: u64) -> Option<usize> {
        None
    }

    /// [`eval`](LogDensity::eval) by one batch: an estimate, whose mean over the batches is the log density.
    fn eval_batch(
        &mut self,
        _batch: usize,
        z: &Lanes,
        value: &mut [f64],
        grad: Option<&mut Lanes>,
        failures: &mut Vec<LaneFailure>,
    ) {
        self.eval(z, value, grad, failures);
    }

    /// Points from which it may be worth to look for modes, `[dim]` x lanes: draws from the prior.
    fn guesses(&self) -> Option<&Lanes> {
        None
    }

    /// The plates that coordinates stand in: of each, the level of every coordinate (`[dim]`), `None`
    /// for those outside. Levels *may* be independent given the rest; [`crate::blocks`] finds out.
    fn plates(&self) -> Vec<Vec<Option<usize>>> {
        Vec::new()
    }

    /// Names of what the user reads, on which shifts and errors are reported; by default the
    /// unconstrained coordinates themselves.
    fn reported_names(&self) -> &[String] {
        self.names()
    }

    /// Is this one of [`reported_names`](LogDensity::reported_names), by position, the probability of an
    /// outcome? Of those it is the absolute size that counts: 1e-17 or 1e-16 is the same answer.
    fn is_probability(&self, _reported: usize) -> bool {
        false
    }

    /// What the user reads (constrained parameters, lets), for draws `z`: `out` is
    /// `[reported_names]` x lanes. The default copies `z`.
    fn report(&mut self, z: &Lanes, out: &mut Lanes) {
        for t in 0..z.tiles() {
            out.tile_mut(t).copy_from_slice(z.tile(t));
        }
    }
}

/// Why one lane of an evaluation has no value.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneFailure {
    /// Lane of the evaluated block.
    pub lane: usize,
    /// What happened, in the model's words (parameters, time, state).
    pub reason: String,
}
