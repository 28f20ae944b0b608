//! The steps of a solve, kept for the reverse sweep.

use numerics::lanes::AlignedVec;

use super::LANES;
use super::kernels::{Control, Row};

/// Trials stored in one piece of memory.
const CHUNK: usize = 32;

/// One trial of eight lanes, `[row][8]`: t, h, the states at its start, then stages 0 to 5 (or
/// stage 0 alone); with what the lanes did.
#[derive(Debug)]
pub(super) struct Log {
    n: usize,
    /// Stages stored: 6 or 1.
    stages: usize,
    chunks: Vec<AlignedVec>,
    trials: Vec<Trial>,
}

/// What an idle lane works on.
pub(super) const NO_SYSTEM: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    pub accepted: u8,
    /// Lanes whose system started here.
    pub fresh: u8,
    /// Which system each lane worked on.
    pub system: [u32; LANES],
    /// The outputs it emitted: `[first, end)`.
    pub first_output: [u32; LANES],
    pub end_output: [u32; LANES],
}

impl Log {
    pub fn new(n: usize, store_stages: bool) -> Log {
        let stages = if store_stages { 6 } else { 1 };
        Log { n, stages, chunks: Vec::new(), trials: Vec::new() }
    }

    pub fn clear(&mut self) {
        self.trials.clear();
    }

    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    pub fn last_mut(&mut self) -> Option<&mut Trial> {
        self.trials.last_mut()
    }

    /// Are stages 1 to 5 there?
    pub fn has_stages(&self) -> bool {
        self.stages == 6
    }

    fn stride(&self) -> usize {
        (2 + self.n * (1 + self.stages)) * LANES
    }

    /// Stores a trial as it stands before the step is taken.
    pub fn push(&mut self, control: &Control, z: &[f64], k: &[f64], trial: Trial) {
        let (at, stride, n) = (self.trials.len(), self.stride(), self.n * LANES);
        if at / CHUNK == self.chunks.len() {
            self.chunks.push(AlignedVec::zeroed(CHUNK * stride));
        }
        let record = &mut self.chunks[at / CHUNK][at % CHUNK * stride..][..stride];
        record[..LANES].copy_from_slice(&control.t.0);
        record[LANES..2 * LANES].copy_from_slice(&control.h.0);
        record[2 * LANES..][..n].copy_from_slice(&z[..n]);
        record[2 * LANES + n..].copy_from_slice(&k[..self.stages * n]);
        self.trials.push(trial);
    }

    /// Times and steps into `control`, then the states and the stored stages of trial `i`.
    pub fn read(&self, i: usize, control: &mut Control) -> (&[f64], &[f64]) {
        let (stride, n) = (self.stride(), self.n * LANES);
        let record = &self.chunks[i / CHUNK][i % CHUNK * stride..][..stride];
        let row = |r: usize| {
            let mut row = Row::ZERO;
            row.0.copy_from_slice(&record[r * LANES..(r + 1) * LANES]);
            row
        };
        control.t = row(0);
        control.h = row(1);
        (&record[2 * LANES..][..n], &record[2 * LANES + n..])
    }
}
