//! Tsit5 on eight systems at once, every one with its own time, step, error and outputs.
//!
//! All lanes try a step together; each accepts or rejects for itself, emits the outputs its step
//! passed, and, once done, makes room for the next system of the queue. A system starts with a
//! trial of length zero, whose last stage becomes its first rate: so starting needs no code of its
//! own, forward or in reverse. What a lane computes depends on its own system alone.

mod forward;
mod kernels;
mod log;
mod reverse;

use std::any::Any;
use std::sync::Arc;

use numerics::lanes::AlignedVec;
use numerics::simd::Isa;

use crate::error::Reason;
use crate::rhs::Rhs;
use kernels::{Control, Kernels, NONE, Scales, TangentPlan};
use log::Log;

pub(crate) use forward::Batch;
pub(crate) use reverse::ReverseWork;

/// Lanes in a tile.
pub(crate) const LANES: usize = numerics::lanes::LANES;

/// Of a lane's last [`WINDOW`] accepted steps, more than [`STIFF_STEPS`] limited by stability, and
/// more than [`STIFF_PROJECTION`] further steps ahead at the present size: then an implicit method
/// is cheaper. Constants, measured on prototypes; no occupancy, no clock.
const WINDOW: u32 = 30;
const STIFF_STEPS: u32 = 21;
const STIFF_PROJECTION: f64 = 1500.0;

/// Up to this many states the reverse sweep reads the stages from the log; above, storing them
/// costs more than making them again.
const STORE_STAGES_UP_TO: usize = 10;

/// What a system came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Outcome {
    /// Not asked for.
    Skipped,
    Done,
    /// Failed at this time; the state there is in [`LaneWork::last_state`].
    Failed(Reason, f64),
    /// Found stiff, and given up for an implicit method.
    Stiff,
}

/// Steps taken for one system.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Steps {
    pub accepted: usize,
    pub rejected: usize,
}

/// A solver for one right-hand side; shared, immutable.
#[derive(Debug)]
pub(crate) struct LaneSolver {
    rhs: Arc<dyn Rhs>,
    kernels: Kernels,
    plan: TangentPlan,
    /// States that have a tangent for their initial value.
    active_y0: Vec<usize>,
    rtol: f64,
    atol: f64,
    max_steps: usize,
    /// Whether a lane may be given up as stiff.
    detect_stiffness: bool,
}

/// Settings of a [`LaneSolver`].
pub(crate) struct LaneOptions {
    pub isa: Isa,
    pub rtol: f64,
    pub atol: f64,
    pub max_steps: usize,
    pub detect_stiffness: bool,
    pub active_y0: Vec<usize>,
}

/// Memory of one thread, kept between solves.
#[derive(Debug)]
pub(crate) struct LaneWork {
    /// The right-hand side's own scratch.
    rhs: Scratch,
    control: Control,
    /// `p, t, stage states, stage tangents` or `p, t, stage states, cotangents`.
    tile: AlignedVec,
    /// States and tangents at the start of the step.
    z: AlignedVec,
    /// `[stage][row]`.
    k: AlignedVec,
    /// A Jacobian tile, or the outcome of a VJP.
    jacobian: AlignedVec,
    /// States and tangents at an output.
    dense: AlignedVec,
    log: Log,
    /// Per system.
    pub outcomes: Vec<Outcome>,
    pub steps: Vec<Steps>,
    last_states: Vec<f64>,
    queue: Vec<u32>,
}

/// A box without a useful `Debug`.
struct Scratch(Box<dyn Any + Send>);

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scratch")
    }
}

/// What a solve computes besides values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Values,
    /// With tangents.
    Forward,
    /// With a log for the reverse sweep.
    Record,
}

impl LaneSolver {
    pub fn new(rhs: Arc<dyn Rhs>, options: LaneOptions) -> LaneSolver {
        let (n, pattern) = (rhs.n_states(), rhs.pattern());
        let a = rhs.active().len();
        let q = a + options.active_y0.len();
        let mut first = vec![0; n + 1];
        for &(r, _) in &pattern.states {
            first[r + 1] += 1;
        }
        for r in 0..n {
            first[r + 1] += first[r];
        }
        let mut param = vec![NONE; n * q];
        for (k, &(r, c)) in pattern.params.iter().enumerate() {
            param[r * q + c] = (n + pattern.states.len() + k) as u32;
        }
        let column = pattern.states.iter().map(|&(_, c)| c as u32).collect();
        LaneSolver {
            kernels: Kernels::pick(options.isa),
            plan: TangentPlan { n, q, first, column, param },
            active_y0: options.active_y0,
            rtol: options.rtol,
            atol: options.atol,
            max_steps: options.max_steps,
            detect_stiffness: options.detect_stiffness,
            rhs,
        }
    }

    fn n(&self) -> usize {
        self.plan.n
    }

    /// Tangents: active parameters, then active initial states.
    pub fn n_tangents(&self) -> usize {
        self.plan.q
    }

    fn tangents_in(&self, mode: Mode) -> usize {
        if mode == Mode::Forward { self.plan.q } else { 0 }
    }

    fn scales(&self, mode: Mode) -> Scales {
        let n = self.n();
        Scales { rtol: self.rtol, atol: self.atol, n, rows: n * (1 + self.tangents_in(mode)) }
    }

    pub fn workspace(&self) -> LaneWork {
        let (n, m, q) = (self.n(), self.rhs.n_params(), self.plan.q);
        let rows = n * (1 + q);
        let jacobian = self.rhs.pattern().output_rows(n).max(n + self.rhs.active().len());
        let zeros = |rows: usize| AlignedVec::zeroed(rows * LANES);
        LaneWork {
            rhs: Scratch(self.rhs.workspace()),
            control: Control::idle(),
            tile: zeros(m + 1 + rows.max(2 * n)),
            z: zeros(rows),
            k: zeros(7 * rows),
            jacobian: zeros(jacobian),
            dense: zeros(rows),
            log: Log::new(n, n <= STORE_STAGES_UP_TO),
            outcomes: Vec::new(),
            steps: Vec::new(),
            last_states: Vec::new(),
            queue: Vec::new(),
        }
    }
}

impl LaneWork {
    /// Where system `s` was when it failed.
    pub fn last_state(&self, s: usize, n: usize) -> &[f64] {
        &self.last_states[s * n..(s + 1) * n]
    }
}
