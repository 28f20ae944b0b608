//! Programs: a graph planned for its data, run on eight draws at a time.
//!
//! [`Program::compile`] evaluates whatever does not depend on a draw, fuses, decides what is streamed
//! over the rows of a table, and gives every array its place in memory. [`Program::eval`] then runs
//! straight code: one function pointer an instruction, compiled for the instruction set at hand, on
//! arrays laid out `[element][8 lanes]`; nothing is allocated.
//!
//! - **Draws are lanes.** No lane's result depends on its neighbours: one lane gives the bits of
//!   eight, wherever in a tile it stands.
//! - **Rows stream.** Nodes over a long row dimension live in blocks of [`Options::block_rows`] rows;
//!   sums over rows accumulate block by block, chunk by chunk. Blocks and chunks are fixed by the
//!   plan, so any number of threads gives the same bits. Draw-free matrices that only products read
//!   are packed in panels of rows, in place of a plain copy.
//! - **Modes** of a row reduction, printed by [`Program::explain`]: *linear* (one pass), *two-pass*
//!   (it needs the result of another reduction over the same rows, so block nodes are computed
//!   again), *sequential* (a scan, its carries stored or checkpointed), *stored* (something needs all rows at once).
//!
//! It knows nothing of probability, nor of where graphs come from.

mod checkpoint;
mod compile;
mod error;
mod explain;
mod fuse;
mod instr;
mod items;
mod kernels;
mod lower;
mod memory;
mod packed;
mod pool;
mod run;
mod scan;
mod schedule;
mod tape;
#[cfg(test)]
mod testing;
mod view;

pub use error::PlanError;
pub use run::Workspace;

use std::ops::Range;
use std::sync::Arc;

use numerics::lanes::AlignedVec;
use numerics::simd::Isa;

use crate::foreign::Foreign;
use crate::ir::{Graph, NodeId};
use crate::value::Bindings;
use compile::{Layout, StageCode};
use instr::{Instr, What};

/// How a program is planned.
#[derive(Clone, Debug)]
pub struct Options {
    /// The instruction set; results of `Avx2` and `Avx512` may differ from `Baseline` in last places.
    pub isa: Isa,
    /// Rows in a block. Tables with no more rows are not streamed.
    pub block_rows: usize,
    /// Threads that evaluate; one never starts another.
    pub threads: usize,
    /// Bytes that a tile of eight draws may keep.
    pub memory_budget: usize,
    /// Bytes that a tile may keep of a scan's carries for the reverse pass; beyond, checkpoints.
    pub scan_memory: usize,
}

impl Default for Options {
    /// This machine's best instruction set, 128 rows, one thread, 1 GiB, 16 MiB a scan.
    fn default() -> Options {
        Options {
            isa: Isa::detect(),
            block_rows: 128,
            threads: 1,
            memory_budget: 1 << 30,
            scan_memory: 16 << 20,
        }
    }
}

/// A planned graph. Cheap to share between threads; each needs its own [`Workspace`].
pub struct Program {
    options: Options,
    z: Layout,
    /// Elements of lane inputs up to the last one that is read.
    n_read: usize,
    shared_in: Layout,
    out_ranges: Vec<Range<usize>>,
    n_out: usize,
    fixed: AlignedVec,
    index: Vec<u32>,
    stages: Vec<StageCode>,
    /// In elements of eight lanes.
    tile_len: usize,
    block_len: usize,
    /// In `f64`, for one chunk.
    partial_len: usize,
    foreign: Vec<Arc<dyn Foreign>>,
    widest: usize,
    text: String,
}

// SAFETY: instructions hold function pointers and offsets only.
unsafe impl Send for Program {}
unsafe impl Sync for Program {}

impl Program {
    /// Plans `outputs` of a graph for the data and sizes in `bindings`.
    ///
    /// # Errors
    /// Missing or ill-fitting data and sizes, a node that would have to be stored beyond the memory
    /// budget, an instruction set that the machine lacks.
    pub fn compile(
        graph: &Graph,
        outputs: &[NodeId],
        bindings: &Bindings,
        options: &Options,
    ) -> Result<Program, PlanError> {
        compile::compile(graph, outputs, bindings, options)
    }

    /// Elements of all lane inputs, packed one after the other in the order of their declaration.
    pub fn n_in(&self) -> usize {
        self.z.len
    }

    /// Those that must be there: all up to the last input that an output depends on.
    pub fn n_read(&self) -> usize {
        self.n_read
    }

    /// Where a lane input is packed.
    pub fn input_range(&self, name: &str) -> Option<Range<usize>> {
        self.z.ranges.get(name).cloned()
    }

    /// Elements of all shared inputs, packed likewise.
    pub fn n_shared(&self) -> usize {
        self.shared_in.len
    }

    /// Where a shared input is packed.
    pub fn shared_range(&self, name: &str) -> Option<Range<usize>> {
        self.shared_in.ranges.get(name).cloned()
    }

    /// Elements of all outputs, packed in the order given, each in memory order of its type.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Where output `k` is packed.
    pub fn output_range(&self, k: usize) -> Range<usize> {
        self.out_ranges[k].clone()
    }

    /// How it was planned.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Stages, modes of row reductions, instructions and memory, in stable text.
    pub fn explain(&self) -> &str {
        &self.text
    }

    /// Instructions of one evaluation; those of passes over rows count once.
    pub fn n_instructions(&self) -> usize {
        let count = |code: &[Instr]| -> usize {
            code.iter()
                .map(|i| match &i.what {
                    What::Tape(t) => t.labels.len(),
                    _ => 1,
                })
                .sum()
        };
        self.stages
            .iter()
            .map(|s| match s {
                StageCode::Flat(code) => count(code),
                StageCode::Rows(rows) => count(&rows.code),
            })
            .sum()
    }
}
