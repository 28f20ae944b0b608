//! Evaluation.

use numerics::lanes::{AlignedVec, LANES, Lanes};

use super::Program;
use super::compile::{RowsCode, StageCode};
use super::instr::{Frame, SPACES, Space, TileState};
use super::pool::Pool;
use crate::foreign::{Failure, Foreign};
use crate::ir::Reduction;
use std::sync::Arc;

/// Tiles that go through the rows together, so that each block of data is read once for all.
const GROUP: usize = 4;

/// The memory of an evaluation, made once by [`Program::workspace`]. Not shared between threads.
pub struct Workspace {
    tiles: Vec<Tile>,
    /// One a thread.
    blocks: Vec<Scratch>,
    shared: AlignedVec,
    /// The tiles at work, between evaluations empty but for its memory.
    group: Vec<Bases>,
    /// The last tile, when lanes do not fill it.
    padded: AlignedVec,
    pool: Option<Pool>,
}

struct Tile {
    memory: AlignedVec,
    /// Of chunks after the first; one each where threads run, else one.
    partial: AlignedVec,
    state: TileState,
}

/// A thread's memory, written through the pointer.
struct Scratch {
    _memory: AlignedVec,
    start: *mut f64,
}

impl Scratch {
    fn new(len: usize) -> Scratch {
        let mut memory = AlignedVec::zeroed(len);
        Scratch { start: memory.as_mut_ptr(), _memory: memory }
    }
}

// SAFETY: one thread uses it at a time.
unsafe impl Send for Scratch {}
unsafe impl Sync for Scratch {}

/// What a thread needs to run a stage on a tile.
#[derive(Clone, Copy)]
struct Bases {
    z: *const f64,
    out: *mut f64,
    tile: *mut f64,
    partial: *mut f64,
    state: *mut TileState,
}

// SAFETY: tasks of one job touch different memory, as `run_group` deals it out.
unsafe impl Send for Bases {}
unsafe impl Sync for Bases {}

impl Program {
    /// Memory for evaluating any number of lanes; afterwards nothing is allocated (but for the text
    /// of failures).
    pub fn workspace(&self) -> Workspace {
        let threads = self.options.threads.max(1);
        let group = if threads > 1 { GROUP.max(2 * threads) } else { GROUP };
        let most_chunks = |s: &StageCode| match s {
            StageCode::Rows(r) => r.chunks.len() - 1,
            StageCode::Flat(_) => 1,
        };
        let chunks = self.stages.iter().map(most_chunks).max().unwrap_or(1);
        let partials = if threads > 1 { chunks - 1 } else { (chunks - 1).min(1) };
        let tile = || Tile {
            memory: AlignedVec::zeroed(self.tile_len * LANES),
            partial: AlignedVec::zeroed(partials * self.partial_len),
            state: TileState::new(self.foreign.iter().map(|f| f.new_state()).collect(), self.widest),
        };
        Workspace {
            tiles: (0..group).map(|_| tile()).collect(),
            blocks: (0..threads).map(|_| Scratch::new(self.block_len * LANES)).collect(),
            shared: AlignedVec::zeroed(self.n_shared() * LANES),
            padded: AlignedVec::zeroed(self.n_in() * LANES),
            group: Vec::with_capacity(group),
            pool: (threads > 1).then(|| Pool::new(threads)),
        }
    }

    /// Evaluates every lane of `z` (`[n_in]` each, or at least `[n_read]`) into `out` (`[n_out]` each, as many lanes).
    /// `shared` holds the shared inputs. Lanes in which a foreign op failed are NaN in whatever
    /// depends on it, and told in `failures`, in the order of lanes.
    ///
    /// # Panics
    /// If the arguments' shapes are not the program's, or the workspace is another program's.
    pub fn eval(
        &self,
        ws: &mut Workspace,
        shared: &[f64],
        z: &Lanes,
        out: &mut Lanes,
        failures: &mut Vec<Failure>,
    ) {
        assert!((self.n_read()..=self.n_in()).contains(&z.n()), "elements of the lane inputs");
        assert_eq!(out.n(), self.n_out(), "elements of the outputs");
        assert_eq!(z.lanes(), out.lanes(), "lanes in and out");
        self.load_shared(ws, shared);
        let lanes = z.lanes();
        let full = lanes / LANES;
        if full < z.tiles() {
            // Padding repeats the last lane, so that it computes something harmless.
            let (from, last) = (z.tile(full), lanes % LANES - 1);
            for (to, from) in ws.padded.chunks_exact_mut(LANES).zip(from.chunks_exact(LANES)) {
                to.copy_from_slice(from);
                to[last + 1..].fill(from[last]);
            }
        }
        let mut first = 0;
        while first < z.tiles() {
            let n = (z.tiles() - first).min(ws.tiles.len());
            let mut group = std::mem::take(&mut ws.group);
            group.clear();
            for (i, tile) in ws.tiles.iter_mut().enumerate().take(n) {
                let t = first + i;
                let input = if t == full { ws.padded.as_ptr() } else { z.tile(t).as_ptr() };
                group.push(tile.bases(input, out.tile_mut(t).as_mut_ptr()));
            }
            // SAFETY: shapes were checked above; tiles do not overlap.
            unsafe { self.run_group(ws, &group) };
            ws.group = group;
            for (i, tile) in ws.tiles.iter_mut().enumerate().take(n) {
                tile.report((first + i) * LANES, lanes, failures);
            }
            first += n;
        }
    }

    /// One tile: `z` is `[n_in][8]`, `out` is `[n_out][8]`. The cheapest way in; failures of foreign
    /// ops show as NaN only.
    ///
    /// # Panics
    /// If a slice is too short.
    #[inline]
    pub fn eval_tile(&self, ws: &mut Workspace, shared: &[f64], z: &[f64], out: &mut [f64]) {
        assert!(z.len() >= self.z.len * LANES && out.len() >= self.n_out * LANES, "a tile is too short");
        if self.shared_in.len > 0 {
            self.load_shared(ws, shared);
        }
        let tile = &mut ws.tiles[0];
        assert!(tile.memory.len() == self.tile_len * LANES, "another program's workspace");
        let bases = tile.bases(z.as_ptr(), out.as_mut_ptr());
        if let [StageCode::Flat(code)] = &self.stages[..] {
            let mut frame = self.frame(&ws.shared, &bases, std::ptr::null_mut());
            frame.rows = 1;
            for instr in code {
                // SAFETY: lengths were checked; the program was planned for this memory.
                unsafe { instr.run(&frame) };
            }
        } else {
            // SAFETY: as above.
            unsafe { self.run_group(ws, &[bases]) };
        }
        if !self.foreign.is_empty() {
            ws.tiles[0].state.failures.clear();
        }
    }

    fn load_shared(&self, ws: &mut Workspace, shared: &[f64]) {
        assert_eq!(shared.len(), self.n_shared(), "elements of the shared inputs");
        assert!(ws.tiles[0].memory.len() == self.tile_len * LANES, "another program's workspace");
        for (to, &x) in ws.shared.chunks_exact_mut(LANES).zip(shared) {
            to.fill(x);
        }
    }

    #[inline]
    fn frame(&self, shared: &AlignedVec, tile: &Bases, block: *mut f64) -> Frame {
        let mut bases = [std::ptr::null_mut(); SPACES];
        bases[Space::Fixed as usize] = self.fixed.as_ptr().cast_mut();
        bases[Space::Z as usize] = tile.z.cast_mut();
        bases[Space::Out as usize] = tile.out;
        bases[Space::Shared as usize] = shared.as_ptr().cast_mut();
        bases[Space::Tile as usize] = tile.tile;
        bases[Space::Block as usize] = block;
        Frame { bases, index: self.index.as_ptr(), row0: 0, rows: 1, state: tile.state }
    }

    /// # Safety
    /// The bases are those of different tiles of the workspace, with memory for inputs and outputs.
    unsafe fn run_group(&self, ws: &mut Workspace, group: &[Bases]) {
        let (shared, blocks) = (&ws.shared, &ws.blocks);
        for stage in &self.stages {
            match stage {
                StageCode::Flat(code) => {
                    let one = |tile: usize, _thread: usize| {
                        let mut frame = self.frame(shared, &group[tile], std::ptr::null_mut());
                        frame.rows = 1;
                        for instr in code {
                            unsafe { instr.run(&frame) };
                        }
                    };
                    match &ws.pool {
                        Some(pool) if group.len() > 1 && worth(code.len() * group.len()) => {
                            pool.run(group.len(), &one);
                        }
                        _ => (0..group.len()).for_each(|t| one(t, 0)),
                    }
                }
                StageCode::Rows(rows) => {
                    let chunks = rows.chunks.len() - 1;
                    let block = |thread: usize| blocks[thread].start;
                    let acc = |t: &Bases, chunk: usize, stride: usize| match chunk {
                        0 => t.tile.wrapping_add(rows.acc_at),
                        c => t.partial.wrapping_add((c - 1) * stride),
                    };
                    match &ws.pool {
                        Some(pool) if chunks * group.len() > 1 && worth(rows.rows * rows.code.len()) => {
                            // With many chunks a block of data is read once for all tiles.
                            let together = chunks >= 4;
                            let tasks = if together { chunks } else { chunks * group.len() };
                            pool.run(tasks, &|task, thread| {
                                let (chunk, tiles) = if together {
                                    (task, group)
                                } else {
                                    (task / group.len(), &group[task % group.len()..][..1])
                                };
                                let at = |t: &Bases| acc(t, chunk, self.partial_len);
                                unsafe { self.run_chunk(rows, chunk, tiles, shared, block(thread), &at) };
                            });
                            for t in group {
                                for chunk in 1..chunks {
                                    unsafe { rows.join(acc(t, 0, 0), acc(t, chunk, self.partial_len)) };
                                }
                            }
                        }
                        _ => {
                            for chunk in 0..chunks {
                                let at = |t: &Bases| acc(t, chunk, 0);
                                unsafe { self.run_chunk(rows, chunk, group, shared, block(0), &at) };
                                if chunk > 0 {
                                    group
                                        .iter()
                                        .for_each(|t| unsafe { rows.join(acc(t, 0, 0), acc(t, 1, 0)) });
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Blocks outside, tiles inside.
    unsafe fn run_chunk(
        &self,
        rows: &RowsCode,
        chunk: usize,
        tiles: &[Bases],
        shared: &AlignedVec,
        block: *mut f64,
        acc: &dyn Fn(&Bases) -> *mut f64,
    ) {
        for t in tiles {
            unsafe { rows.start(acc(t)) };
        }
        let (mut row, end) = (rows.chunks[chunk], rows.chunks[chunk + 1]);
        while row < end {
            let n = (end - row).min(self.options.block_rows.max(1));
            for t in tiles {
                let mut frame = self.frame(shared, t, block);
                frame.bases[Space::Acc as usize] = acc(t);
                (frame.row0, frame.rows) = (row, n);
                for instr in &rows.code {
                    unsafe { instr.run(&frame) };
                }
            }
            row += n;
        }
    }
}

/// Whether waking a thread, some microseconds, is worth it for so many elements.
fn worth(elements: usize) -> bool {
    elements >= 50_000
}

impl RowsCode {
    unsafe fn start(&self, mut acc: *mut f64) {
        for stretch in &self.acc {
            // SAFETY: the planner made room for all stretches.
            unsafe { std::slice::from_raw_parts_mut(acc, stretch.len * LANES) }.fill(stretch.identity());
            acc = acc.wrapping_add(stretch.len * LANES);
        }
    }

    /// Joins a later chunk's results to the tile's.
    unsafe fn join(&self, mut to: *mut f64, mut from: *const f64) {
        for stretch in &self.acc {
            let n = stretch.len * LANES;
            // SAFETY: the planner made room for all stretches in both.
            let (x, y) =
                unsafe { (std::slice::from_raw_parts_mut(to, n), std::slice::from_raw_parts(from, n)) };
            match stretch.op {
                Reduction::Sum => x.iter_mut().zip(y).for_each(|(x, y)| *x += y),
                // NaN survives from either side.
                Reduction::Max => {
                    x.iter_mut().zip(y).for_each(|(x, &y)| *x = if *x > y || x.is_nan() { *x } else { y })
                }
                Reduction::Min => {
                    x.iter_mut().zip(y).for_each(|(x, &y)| *x = if *x < y || x.is_nan() { *x } else { y })
                }
            }
            (to, from) = (to.wrapping_add(n), from.wrapping_add(n));
        }
    }
}

impl Tile {
    /// Ready for a new evaluation.
    fn bases(&mut self, z: *const f64, out: *mut f64) -> Bases {
        self.state.failed = [false; LANES];
        Bases {
            z,
            out,
            tile: self.memory.as_mut_ptr(),
            partial: self.partial.as_mut_ptr(),
            state: &mut self.state,
        }
    }

    fn report(&mut self, first: usize, lanes: usize, failures: &mut Vec<Failure>) {
        if self.state.failures.is_empty() {
            return;
        }
        self.state.failures.sort_by_key(|f| f.0);
        let report = |(lane, op, why): (usize, Arc<dyn Foreign>, String)| Failure {
            lane: first + lane,
            op: op.name().into(),
            why,
        };
        failures.extend(self.state.failures.drain(..).filter(|f| first + f.0 < lanes).map(report));
    }
}
