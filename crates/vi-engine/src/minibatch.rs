//! A density seen through batches of a table's rows: the climb takes steps by one batch after another, everything
//! else, the check above all, sees all rows.
//!
//! Rows are dealt into batches once, by the seed; their order is another in each pass through the table. What a batch
//! says is scaled so that the mean over batches is what the table says.

use graph::batches::{BatchError, Batches};
use graph::program::{Options, Program};
use model::Target;

use crate::compiled::{CompileError, Runner};
use crate::stream::{Noise, Purpose};

/// Batches of rows of one table.
pub struct Minibatches {
    batches: Batches,
    graph: graph::ir::Graph,
    outputs: Vec<graph::ir::NodeId>,
    rows: Vec<Vec<usize>>,
    options: Options,
    /// Planned when they are first met.
    runners: Vec<Option<Runner>>,
    seed: u64,
}

impl Minibatches {
    /// Of about `size` of the rows of `table`, by its position.
    ///
    /// # Errors
    /// A density that some rows do not tell.
    pub fn new(
        target: &Target,
        table: usize,
        size: usize,
        seed: u64,
        options: &Options,
    ) -> Result<Minibatches, CompileError> {
        let dim = target.tables[table].dim;
        let terms: Vec<(graph::ir::NodeId, &[graph::ir::DimId])> =
            target.terms.iter().map(|(node, plates)| (*node, plates.as_slice())).collect();
        let batches = Batches::new(&target.graph, &terms, target.log_det_jac, dim, &target.bindings)
            .map_err(|why| told(target, &why))?;
        let (graph, outputs) = batches.differentiated(target.sites.iter().map(|s| s.input))?;
        let rows = dealt(batches.n_rows(), size, seed);
        let runners = rows.iter().map(|_| None).collect();
        Ok(Minibatches { batches, graph, outputs, rows, options: options.clone(), runners, seed })
    }

    /// The batch of a step: each comes once in every pass.
    pub fn of_step(&self, step: u64) -> usize {
        let n = self.rows.len();
        let order = permutation(n, self.seed, step / n as u64 + 1);
        order[(step % n as u64) as usize]
    }

    /// The program of a batch.
    ///
    /// # Errors
    /// A plan beyond the memory budget.
    pub(crate) fn runner(&mut self, batch: usize) -> Result<&mut Runner, CompileError> {
        if self.runners[batch].is_none() {
            let bindings = self.batches.bindings(&self.rows[batch]);
            let program = Program::compile(&self.graph, &self.outputs, &bindings, &self.options)?;
            self.runners[batch] = Some(Runner::new(program));
        }
        Ok(self.runners[batch].as_mut().expect("just made"))
    }
}

fn told(target: &Target, why: &BatchError) -> CompileError {
    let origin = match why {
        BatchError::Together { origin, .. } => target.origins.get(origin.0 as usize).cloned(),
        _ => None,
    };
    CompileError::Batches { why: why.to_string(), origin: origin.unwrap_or_default() }
}

/// Rows in batches of as many, or one less.
fn dealt(n_rows: usize, size: usize, seed: u64) -> Vec<Vec<usize>> {
    let n = n_rows.div_ceil(size.max(1)).max(1);
    let order = permutation(n_rows, seed, 0);
    let mut out: Vec<Vec<usize>> = vec![Vec::with_capacity(n_rows.div_ceil(n)); n];
    order.into_iter().enumerate().for_each(|(k, row)| out[k % n].push(row));
    // Data that are sorted stay so.
    out.iter_mut().for_each(|rows| rows.sort_unstable());
    out
}

/// Of numbers below `n`; `pass` tells one order from another.
fn permutation(n: usize, seed: u64, pass: u64) -> Vec<usize> {
    let mut out: Vec<usize> = (0..n).collect();
    Noise::new(seed, Purpose::Batches, ["rows"]).shuffle(pass as usize, &mut out);
    out
}
