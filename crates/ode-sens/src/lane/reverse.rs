//! The reverse sweep: the derivative of the very steps that were taken, step sizes held constant.

use super::forward::{Batch, theta};
use numerics::lanes::AlignedVec;

use super::kernels::{Control, Reverse, Row};
use super::log::{NO_SYSTEM, Trial};
use super::{LANES, LaneSolver, LaneWork, Outcome};

/// Memory of the sweep.
#[derive(Debug)]
pub(crate) struct ReverseWork {
    end: AlignedVec,
    start: AlignedVec,
    /// Of the last stage, from the step after.
    carry: AlignedVec,
    stages: AlignedVec,
    params: AlignedVec,
    output: AlignedVec,
    /// All stages, where the log has not got them.
    k: AlignedVec,
}

impl ReverseWork {
    /// The buffers as the kernels want them, for one call: no pointer outlives the next use of its
    /// buffer.
    fn sweep(&mut self, n: usize, m: usize) -> Reverse {
        Reverse {
            n,
            m,
            end: self.end.as_ptr(),
            start: self.start.as_mut_ptr(),
            stages: self.stages.as_mut_ptr(),
            params: self.params.as_mut_ptr(),
        }
    }
}

impl LaneSolver {
    pub fn reverse_workspace(&self) -> ReverseWork {
        let n = self.n();
        let zeros = |rows: usize| AlignedVec::zeroed(rows * LANES);
        ReverseWork {
            end: zeros(n),
            start: zeros(n),
            carry: zeros(n),
            stages: zeros(7 * n),
            params: zeros(self.rhs.active().len().max(1)),
            output: zeros(n),
            k: zeros(6 * n),
        }
    }

    /// Takes the cotangents of the states, `[tile][row][n][8]`, back through the solve that `w`
    /// has just recorded (of the same batch): `y0_ct`, `[tile][n][8]`, and `p_ct`,
    /// `[tile][active][8]`, are overwritten for systems that were solved and left for others.
    pub fn reverse(
        &self,
        w: &mut LaneWork,
        r: &mut ReverseWork,
        batch: &Batch<'_>,
        cotangent: &[f64],
        y0_ct: &mut [f64],
        p_ct: &mut [f64],
    ) {
        let m = self.rhs.n_params();
        w.tile.fill(0.0);
        w.control = Control::idle();
        for buffer in [&mut r.end, &mut r.carry, &mut r.params] {
            buffer.fill(0.0);
        }
        let mut loaded = [NO_SYSTEM; LANES];
        for i in (0..w.log.trials().len()).rev() {
            let trial = w.log.trials()[i];
            for (l, loaded) in loaded.iter_mut().enumerate() {
                let s = trial.system[l];
                if s != *loaded && s != NO_SYSTEM {
                    for j in 0..m {
                        w.tile[j * LANES + l] =
                            batch.p[(s as usize / LANES * m + j) * LANES + s as usize % LANES];
                    }
                    *loaded = s;
                }
                w.control.accepted.0[l] = f64::from(trial.accepted >> l & 1);
            }
            self.reverse_trial(w, r, batch, cotangent, i);
            for l in (0..LANES).filter(|l| trial.fresh >> l & 1 == 1) {
                self.unload(w, r, trial.system[l] as usize, l, y0_ct, p_ct);
            }
        }
    }

    /// The start of system `s` is reached: its gradient is complete.
    fn unload(
        &self,
        w: &LaneWork,
        r: &mut ReverseWork,
        s: usize,
        l: usize,
        y0_ct: &mut [f64],
        p_ct: &mut [f64],
    ) {
        let (n, a) = (self.n(), self.rhs.active().len());
        let (tile, lane) = (s / LANES, s % LANES);
        let done = w.outcomes[s] == Outcome::Done;
        for i in 0..n {
            if done {
                y0_ct[(tile * n + i) * LANES + lane] = r.end[i * LANES + l];
            }
            r.end[i * LANES + l] = 0.0;
            r.carry[i * LANES + l] = 0.0;
        }
        for j in 0..a {
            if done {
                p_ct[(tile * a + j) * LANES + lane] = r.params[j * LANES + l];
            }
            r.params[j * LANES + l] = 0.0;
        }
    }

    fn reverse_trial(
        &self,
        w: &mut LaneWork,
        r: &mut ReverseWork,
        batch: &Batch<'_>,
        cotangent: &[f64],
        i: usize,
    ) {
        let (n, m, a) = (self.n(), self.rhs.n_params(), self.rhs.active().len());
        let x_rows = (m + 1 + n) * LANES;
        let (z, stored) = w.log.read(i, &mut w.control);
        r.start.fill(0.0);
        r.stages[..6 * n * LANES].fill(0.0);
        r.stages[6 * n * LANES..].copy_from_slice(&r.carry);
        let run_stage = |control: &Control, k: &[f64], tile: &mut [f64], j: usize| {
            let tile = tile.as_mut_ptr();
            // SAFETY: z has n rows, k as many stages as stage j uses, the tile room for n rows
            // after the time in row m.
            unsafe {
                let (time, y) = (tile.add(m * LANES), tile.add((m + 1) * LANES));
                (self.kernels.stage[j - 1])(control, z.as_ptr(), k.as_ptr(), time, y, n);
            }
        };
        let has_stages = w.log.has_stages();
        if !has_stages {
            r.k[..n * LANES].copy_from_slice(stored);
            for j in 1..=5 {
                run_stage(&w.control, &r.k, &mut w.tile, j);
                let k = &mut r.k[j * n * LANES..(j + 1) * n * LANES];
                self.rhs.rhs(w.rhs.0.as_mut(), &w.tile[..x_rows], k);
            }
        }
        self.reverse_outputs(&mut w.control, &w.log.trials()[i], r, batch, cotangent);
        for j in (1..=6).rev() {
            let k = if has_stages { stored } else { &r.k };
            run_stage(&w.control, k, &mut w.tile, j);
            w.tile[x_rows..x_rows + n * LANES].copy_from_slice(&r.stages[j * n * LANES..(j + 1) * n * LANES]);
            let x = &w.tile[..x_rows + n * LANES];
            self.rhs.vjp(w.rhs.0.as_mut(), x, &mut w.jacobian[..(n + a) * LANES]);
            // SAFETY: the sweep's buffers have the rows `Reverse` names, the VJP's n + a rows.
            unsafe { (self.kernels.stage_reverse[j - 1])(&w.control, &r.sweep(n, a), w.jacobian.as_ptr()) };
        }
        let accepted = w.control.accepted;
        take(&accepted, &r.start, &mut r.end);
        take(&accepted, &r.stages[..n * LANES], &mut r.carry);
    }

    /// Adds the cotangents of the outputs that a trial emitted.
    fn reverse_outputs(
        &self,
        control: &mut Control,
        trial: &Trial,
        r: &mut ReverseWork,
        batch: &Batch<'_>,
        cotangent: &[f64],
    ) {
        let (n, a) = (self.n(), self.rhs.active().len());
        let (times, tile_len) = (batch.grid.unique(), batch.grid.n_rows() * n * LANES);
        let mut next = trial.first_output;
        loop {
            let mut pending = false;
            r.output.fill(0.0);
            for l in 0..LANES {
                if next[l] >= trial.end_output[l] {
                    // Its cotangent is zero, so any position will do, and it must be finite.
                    control.theta.0[l] = 0.0;
                    continue;
                }
                pending = true;
                control.theta.0[l] = theta(control, l, times[next[l] as usize]);
                let s = trial.system[l] as usize;
                for &row in batch.grid.rows_of(next[l] as usize) {
                    let base = s / LANES * tile_len + row as usize * n * LANES + s % LANES;
                    for j in 0..n {
                        r.output[j * LANES + l] += cotangent[base + j * LANES];
                    }
                }
                next[l] += 1;
            }
            if !pending {
                return;
            }
            // SAFETY: `output` has n rows, the sweep's buffers theirs.
            unsafe { (self.kernels.dense_reverse)(control, &r.sweep(n, a), r.output.as_ptr()) };
        }
    }
}

/// Replaces the lanes of `to` that are accepted.
fn take(accepted: &Row, from: &[f64], to: &mut [f64]) {
    for (from, to) in from.chunks_exact(LANES).zip(to.chunks_exact_mut(LANES)) {
        for l in 0..LANES {
            if accepted.0[l] != 0.0 {
                to[l] = from[l];
            }
        }
    }
}
