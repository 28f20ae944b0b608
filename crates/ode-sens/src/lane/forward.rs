//! The solve itself: values, with or without tangents, with or without a log.

use super::kernels::{Control, Verdict};
use super::log::{NO_SYSTEM, Trial};
use super::{LANES, LaneSolver, LaneWork, Mode, Outcome, STIFF_PROJECTION, STIFF_STEPS, Steps, WINDOW};
use crate::error::Reason;
use crate::grid::TimeGrid;

/// Systems to solve, tile-major `[tile][row][8]`, and where their solutions go.
pub(crate) struct Batch<'a> {
    /// `[tile][n][8]`.
    pub y0: &'a [f64],
    /// `[tile][m][8]`.
    pub p: &'a [f64],
    pub grid: &'a TimeGrid,
    pub n_systems: usize,
    /// Systems to leave alone.
    pub skip: &'a dyn Fn(usize) -> bool,
}

/// What was tried.
struct Trialled {
    rows: usize,
    /// The zero-length trial of a new system.
    fresh: bool,
}

/// What a lane is doing.
#[derive(Clone, Copy)]
struct Lane {
    system: u32,
    /// The next output, as a position in the grid's unique times.
    output: u32,
    trials: usize,
    steps: Steps,
    /// The last accepted steps, newest lowest: 1 for stability-limited.
    stiff: u32,
}

impl LaneSolver {
    /// Solves all systems of a batch. `outs[0]` receives the states, `[tile][row][n][8]` over the
    /// rows of the grid, `outs[1 + c]` the derivatives with respect to tangent c likewise. What is
    /// written for a system that is not [`Outcome::Done`] is unfinished.
    pub fn solve(&self, w: &mut LaneWork, batch: &Batch<'_>, outs: &mut [&mut [f64]], mode: Mode) {
        let n = self.n();
        w.outcomes.clear();
        w.outcomes.resize(batch.n_systems, Outcome::Skipped);
        w.last_states.clear();
        w.last_states.resize(batch.n_systems * n, 0.0);
        self.fill_queue(w, batch);
        w.steps.clear();
        w.steps.resize(batch.n_systems, Steps::default());
        w.log.clear();
        w.control = Control::idle();
        w.z.fill(0.0);
        w.k.fill(0.0);
        w.tile.fill(0.0);
        let Some(&t_end) = batch.grid.unique().last() else {
            // Nothing is wanted.
            (0..batch.n_systems).filter(|&s| !(batch.skip)(s)).for_each(|s| w.outcomes[s] = Outcome::Done);
            return;
        };
        w.control.t_end.0 = [t_end; LANES];
        let idle = Lane { system: NO_SYSTEM, output: 0, trials: 0, steps: Steps::default(), stiff: 0 };
        let mut lanes = [idle; LANES];
        let mut fresh: u8 = 0;
        let rows = self.scales(mode).rows;
        for l in 0..LANES {
            self.load(w, batch, &mut lanes, l, &mut fresh, mode);
        }
        while lanes.iter().any(|l| l.system != NO_SYSTEM) {
            self.trial(w, mode);
            let verdict = self.judge(w, mode);
            if fresh & verdict.accepted != 0 {
                self.first_step(w, fresh & verdict.accepted, mode);
            }
            if mode == Mode::Record {
                w.log.push(
                    &w.control,
                    &w.z,
                    &w.k,
                    Trial {
                        accepted: verdict.accepted,
                        fresh,
                        system: lanes.map(|l| l.system),
                        first_output: lanes.map(|l| l.output),
                        end_output: [0; LANES],
                    },
                );
            }
            self.emit(w, batch, &mut lanes, verdict.accepted, outs, mode);
            if let Some(trial) = w.log.last_mut() {
                trial.end_output = lanes.map(|l| l.output);
            }
            self.advance(w, mode);
            let started = fresh;
            fresh = 0;
            for l in 0..LANES {
                if lanes[l].system != NO_SYSTEM
                    && self.account(
                        w,
                        &mut lanes[l],
                        l,
                        verdict,
                        &Trialled { rows, fresh: started >> l & 1 == 1 },
                    )
                {
                    self.load(w, batch, &mut lanes, l, &mut fresh, mode);
                }
            }
        }
    }

    /// Dear systems first, by the steps of the last solve of as many: they decide how long the
    /// whole takes. The order cannot change a bit of any solution.
    fn fill_queue(&self, w: &mut LaneWork, batch: &Batch<'_>) {
        w.queue.clear();
        w.queue.extend((0..batch.n_systems as u32).filter(|&s| !(batch.skip)(s as usize)));
        if batch.n_systems > LANES && w.steps.len() == batch.n_systems {
            let cost = |s: u32| w.steps[s as usize].accepted + w.steps[s as usize].rejected;
            w.queue.sort_by_key(|&s| (std::cmp::Reverse(cost(s)), s));
        }
        // Taken from the end.
        w.queue.reverse();
    }

    /// Puts the next system of the queue into lane `l`, or leaves it idle.
    fn load(
        &self,
        w: &mut LaneWork,
        batch: &Batch<'_>,
        lanes: &mut [Lane; LANES],
        l: usize,
        fresh: &mut u8,
        mode: Mode,
    ) {
        let (n, m, rows) = (self.n(), self.rhs.n_params(), self.scales(mode).rows);
        let start = batch.grid.start();
        let c = &mut w.control;
        c.t.0[l] = start;
        c.h.0[l] = 0.0;
        c.may_grow.0[l] = 1.0;
        c.error.0[l] = 1.0;
        // A lane must not inherit anything: 0 x NaN in an old stage would poison the next system.
        for r in 0..rows {
            w.z[r * LANES + l] = 0.0;
            w.k[r * LANES + l] = 0.0;
        }
        let Some(s) = w.queue.pop() else {
            lanes[l].system = NO_SYSTEM;
            c.active.0[l] = 0.0;
            return;
        };
        let (tile, lane) = (s as usize / LANES, s as usize % LANES);
        for i in 0..m {
            w.tile[i * LANES + l] = batch.p[(tile * m + i) * LANES + lane];
        }
        for i in 0..n {
            w.z[i * LANES + l] = batch.y0[(tile * n + i) * LANES + lane];
        }
        if mode == Mode::Forward {
            let (q, a) = (self.plan.q, self.rhs.active().len());
            for (c, &i) in self.active_y0.iter().enumerate() {
                w.z[(n + i * q + a + c) * LANES + l] = 1.0;
            }
        }
        c.active.0[l] = 1.0;
        *fresh |= 1 << l;
        lanes[l] = Lane { system: s, output: 0, trials: 0, steps: Steps::default(), stiff: 0 };
    }

    /// Six stages of a step.
    fn trial(&self, w: &mut LaneWork, mode: Mode) {
        let (n, m, q, rows) = (self.n(), self.rhs.n_params(), self.tangents_in(mode), self.scales(mode).rows);
        let x_rows = (m + 1 + n) * LANES;
        for i in 1..=6 {
            let tile = w.tile.as_mut_ptr();
            // SAFETY: the kernels are for this machine; z holds `rows` rows, k seven times as many,
            // the tile the time in row m and `rows` rows after it.
            unsafe {
                (self.kernels.stage[i - 1])(
                    &w.control,
                    w.z.as_ptr(),
                    w.k.as_ptr(),
                    tile.add(m * LANES),
                    tile.add((m + 1) * LANES),
                    rows,
                );
            }
            let k = &mut w.k[i * rows * LANES..(i + 1) * rows * LANES];
            if q == 0 {
                self.rhs.rhs(w.rhs.0.as_mut(), &w.tile[..x_rows], k);
            } else {
                let out = self.rhs.pattern().output_rows(n) * LANES;
                self.rhs.jacobian(w.rhs.0.as_mut(), &w.tile[..x_rows], &mut w.jacobian[..out]);
                // SAFETY: the Jacobian tile has the rows the plan was made for, k `rows` rows.
                unsafe {
                    let y = w.tile.as_ptr().add((m + 1) * LANES);
                    (self.kernels.tangents)(&self.plan, w.jacobian.as_ptr(), y, k.as_mut_ptr());
                }
            }
        }
    }

    fn judge(&self, w: &mut LaneWork, mode: Mode) -> Verdict {
        let m = self.rhs.n_params();
        // SAFETY: as in `trial`.
        unsafe {
            let y = w.tile.as_ptr().add((m + 1) * LANES);
            (self.kernels.judge)(&mut w.control, w.z.as_ptr(), w.k.as_ptr(), y, &self.scales(mode))
        }
    }

    /// Step sizes for the lanes whose zero-length trial was accepted.
    fn first_step(&self, w: &mut LaneWork, lanes: u8, mode: Mode) {
        let kept = w.control.h_next;
        // SAFETY: as in `trial`.
        unsafe { (self.kernels.first_step)(&mut w.control, w.z.as_ptr(), w.k.as_ptr(), &self.scales(mode)) };
        for l in 0..LANES {
            if lanes >> l & 1 == 0 {
                w.control.h_next.0[l] = kept.0[l];
            } else {
                w.control.error.0[l] = 1.0;
            }
        }
    }

    fn advance(&self, w: &mut LaneWork, mode: Mode) {
        let m = self.rhs.n_params();
        // SAFETY: as in `trial`.
        unsafe {
            let y = w.tile.as_ptr().add((m + 1) * LANES);
            let rows = self.scales(mode).rows;
            (self.kernels.advance)(&mut w.control, w.z.as_mut_ptr(), w.k.as_mut_ptr(), y, rows);
        }
    }

    /// Writes the outputs that the accepted steps passed, one of each lane at a time.
    fn emit(
        &self,
        w: &mut LaneWork,
        batch: &Batch<'_>,
        lanes: &mut [Lane; LANES],
        accepted: u8,
        outs: &mut [&mut [f64]],
        mode: Mode,
    ) {
        let (n, q, rows) = (self.n(), self.tangents_in(mode), self.scales(mode).rows);
        let (times, tile_len) = (batch.grid.unique(), batch.grid.n_rows() * n * LANES);
        loop {
            let mut pending = 0u8;
            for l in (0..LANES).filter(|l| accepted >> l & 1 == 1) {
                let next = lanes[l].output as usize;
                if next < times.len() && times[next] <= w.control.t_next.0[l] {
                    pending |= 1 << l;
                    w.control.theta.0[l] = theta(&w.control, l, times[next]);
                }
            }
            if pending == 0 {
                return;
            }
            // SAFETY: `dense` holds `rows` rows, as do z and each stage.
            unsafe {
                (self.kernels.dense)(&w.control, w.z.as_ptr(), w.k.as_ptr(), w.dense.as_mut_ptr(), rows);
            }
            let dense: &[f64] = &w.dense;
            for l in (0..LANES).filter(|l| pending >> l & 1 == 1) {
                let (s, next) = (lanes[l].system as usize, lanes[l].output as usize);
                lanes[l].output += 1;
                let base = s / LANES * tile_len + s % LANES;
                for &row in batch.grid.rows_of(next) {
                    let base = base + row as usize * n * LANES;
                    // Tangent c of state i is row n + i q + c; the states come first.
                    for (c, out) in outs[..1 + q].iter_mut().enumerate() {
                        let (first, step) = if c == 0 { (0, 1) } else { (n + c - 1, q) };
                        for i in 0..n {
                            out[base + i * LANES] = dense[(first + i * step) * LANES + l];
                        }
                    }
                }
            }
        }
    }

    /// Counts the trial of lane `l`; true if its system is finished, one way or another.
    fn account(
        &self,
        w: &mut LaneWork,
        lane: &mut Lane,
        l: usize,
        verdict: Verdict,
        trial: &Trialled,
    ) -> bool {
        let &Trialled { rows, fresh } = trial;
        let (t, h, end) = (w.control.t.0[l], w.control.h.0[l], w.control.t_end.0[l]);
        let accepted = verdict.accepted >> l & 1 == 1;
        let outcome = if accepted {
            if !fresh {
                lane.trials += 1;
                lane.steps.accepted += 1;
                lane.stiff = lane.stiff << 1 | u32::from(verdict.stiff >> l & 1);
            }
            if t >= end {
                let finite = (0..rows).all(|r| w.z[r * LANES + l].is_finite());
                Some(if finite { Outcome::Done } else { Outcome::Failed(Reason::NotFinite, t) })
            } else if h <= 0.0 {
                Some(Outcome::Failed(Reason::StepTooSmall, t))
            } else if self.is_stiff(lane, (end - t) / h) {
                Some(Outcome::Stiff)
            } else {
                None
            }
        } else {
            lane.trials += 1;
            lane.steps.rejected += 1;
            if fresh {
                Some(Outcome::Failed(Reason::NotFiniteAtStart, t))
            } else if t + 0.1 * h == t {
                Some(Outcome::Failed(Reason::StepTooSmall, t))
            } else {
                None
            }
        };
        let budget = Reason::BudgetExhausted { steps: self.max_steps };
        let spent = lane.trials >= self.max_steps;
        let Some(outcome) = outcome.or(spent.then_some(Outcome::Failed(budget, t))) else {
            return false;
        };
        let (n, s) = (self.n(), lane.system as usize);
        w.outcomes[s] = outcome;
        w.steps[s] = lane.steps;
        for i in 0..n {
            w.last_states[s * n + i] = w.z[i * LANES + l];
        }
        true
    }

    fn is_stiff(&self, lane: &Lane, projected: f64) -> bool {
        let window = lane.stiff & ((1 << WINDOW) - 1);
        self.detect_stiffness
            && lane.steps.accepted >= WINDOW as usize
            && window.count_ones() > STIFF_STEPS
            && projected > STIFF_PROJECTION
    }
}

/// Where in lane l's step a time lies; the start for a step of length zero, not 0 / 0.
pub(super) fn theta(c: &Control, l: usize, time: f64) -> f64 {
    if c.h.0[l] > 0.0 { (time - c.t.0[l]) / c.h.0[l] } else { 0.0 }
}
