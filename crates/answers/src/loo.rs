//! Leave-one-out cross-validation by Pareto-smoothed importance sampling, term by term.
//!
//! The draws of the posterior of all data, weighed by `1 / p(y_i | theta)`, are draws of the posterior
//! without `y_i`. With weights `w` whose tail is smoothed,
//!
//! ```text
//! elpd_loo_i = ln(sum w p(y_i | theta) / sum w)        p_loo_i = ln(mean p(y_i | theta)) - elpd_loo_i
//! ```
//!
//! and `pareto_k`, the shape of the tail, says whether they can be trusted (A. Vehtari, A. Gelman and J. Gabry,
//! Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC, Statistics and
//! Computing 27, 2017; A. Vehtari, D. Simpson, A. Gelman, Y. Yao and J. Gabry, Pareto smoothed importance sampling, JMLR
//! 25, 2024). The same weights turn the rank of `y_i` among its predictions into what the other data
//! predict of it (`loo_pit`; A. E. Gelfand, D. K. Dey and H. Chang 1992); of a law with probable values the rank
//! is randomised among the equal ones, so that it is uniform under the model too (C. Czado, T. Gneiting and L. Held,
//! Predictive model assessment for count data, Biometrics 65, 2009).
//!
//! Draws go by once for a stretch of terms; where a table is long, with no other rows than theirs, and without
//! ranks, of which those of `predictive.parquet` say the same. Of each term only the largest ratios are kept, which the tail
//! is fitted to; of a draw outside the tail `w p(y_i | theta)` is one, so sums are enough.

mod sums;
mod term;

use std::ops::Range;
use std::path::Path;

use graph::ir::{DimId, Graph, NodeId};
use graph::program::Options;
use graph::value::Bindings;
use model::{Observed, Role, Stands, Target, Terms};
use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};
use tables::{ColumnData, Output};

use crate::ancestral::stream;
use crate::drawer::{Drawer, batch_of, element_by, element_of, strides};
use crate::error::AnswerError;
use crate::nodes::{Nodes, Values};
use crate::predictive::evenly;
use crate::rows::cut;
use crate::tabulate::{Columns, Files, counted, seen};
use sums::Sums;
use term::{Layout, Row, Term};

/// The table of the terms.
pub const FILE: &str = "loo.parquet";
/// Predictions drawn for the ranks, and the most for one: a rank is then known to 0.016.
const RANKED: usize = 1 << 20;
const MOST_RANKED: usize = 1000;
/// Draws of a block, at most.
const MOST_LANES: usize = 80;
/// Numbers of a block of draws that is evaluated at once.
const BLOCK: usize = 1 << 22;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Numbers kept at a time: 128 MiB.
    pub kept: usize,
    /// Terms times draws, beyond which fewer draws are taken.
    pub work: usize,
    /// The fewest draws taken for the sake of `work`.
    pub least_draws: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { kept: 1 << 24, work: 1 << 25, least_draws: 250 }
    }
}

/// What leaving out each term in turn says of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Loo {
    pub draws: usize,
    pub n: usize,
    /// Sums over the terms, and their standard errors.
    pub elpd: f64,
    pub elpd_se: f64,
    pub p_loo: f64,
    pub p_loo_se: f64,
    /// Terms that `pareto_k` speaks against: above [`good_below`](Loo::good_below), and above 1.
    pub bad: usize,
    pub very_bad: usize,
    pub outcomes: Vec<Outcome>,
}

/// The terms of an observed variable.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    pub name: String,
    pub n: usize,
    /// Of the values that count, and where they stand: equal where two models see the same.
    pub digest: u64,
    /// How probable it is that the ranks are as far from uniform by chance; NaN where there are none.
    pub pit_p: f64,
}

impl Loo {
    /// Below this `pareto_k` a term is estimated well: `min(1 - 1 / log10(draws), 0.7)` (Vehtari et al. 2024,
    /// section 3.2.4).
    pub fn good_below(&self) -> f64 {
        (1.0 - 1.0 / (self.draws as f64).log10()).min(0.7)
    }
}

/// Observed variables without terms of their own, each with the reason.
pub fn left_out(target: &Target) -> Vec<(String, &'static str)> {
    let whole = |terms: &Terms| match terms {
        Terms::Whole(whole) => Some(whole.why()),
        Terms::Each { .. } => None,
    };
    let of =
        |l: &model::Likelihood| Some((target.variables[l.variable].variable.name.clone(), whole(&l.terms)?));
    target.likelihoods.iter().filter_map(of).collect()
}

/// Writes [`FILE`] into `folder` for the posterior draws `z` (`[coordinate, draw]`); `None` where no
/// observed variable has terms of its own.
///
/// # Errors
/// A law without draws, or whatever the operating system says.
pub fn write(
    target: &Target,
    z: &Lanes,
    seed: u64,
    options: &Options,
    budget: &Budget,
    folder: &Path,
) -> Result<Option<Loo>, AnswerError> {
    let items = items(target, seed)?;
    let total: usize = items.iter().map(|i| i.n()).sum();
    if total == 0 {
        return Ok(None);
    }
    let draws = evenly(z.lanes(), (budget.work / total).max(budget.least_draws));
    let ranked = evenly(draws.len(), (RANKED / total).clamp(100, MOST_RANKED));
    let mut work = Work {
        target,
        z,
        draws: &draws,
        ranked: &ranked,
        seed,
        options,
        kept: budget.kept,
        files: Files::new(folder),
        sums: Sums::new(&items),
    };
    let most = (budget.kept / Layout::new(draws.len(), MOST_LANES).numbers()).max(1);
    if total <= most {
        work.terms(&target.graph, &target.bindings, &items)?;
    } else {
        for item in &items {
            work.by_rows(item, most)?;
        }
    }
    work.files.finish()?;
    Ok(Some(work.sums.finish(target, &items, draws.len())))
}

/// All terms under way.
struct Work<'a> {
    target: &'a Target,
    z: &'a Lanes,
    draws: &'a [u32],
    /// Positions among the draws.
    ranked: &'a [u32],
    seed: u64,
    options: &'a Options,
    kept: usize,
    files: Files<'a>,
    sums: Sums,
}

impl Work<'_> {
    /// The terms of an item, about `most` at a time, each time with no other rows than theirs.
    fn by_rows(&mut self, item: &Item<'_>, most: usize) -> Result<(), AnswerError> {
        let table = self.target.tables.iter().find(|t| item.dims.contains(&t.dim));
        let whole = |work: &mut Self| {
            work.terms(&work.target.graph, &work.target.bindings, std::slice::from_ref(item))
        };
        let Some(table) = table else { return whole(self) };
        let beside = (self.target.count(&item.dims) / table.n_rows.max(1)).max(1);
        let each = (most / beside).max(1);
        let mut start = 0;
        while start < table.n_rows {
            let range = start..table.n_rows.min(start + each);
            start = range.end;
            let part = item.of_rows(self.target, table.dim, &range);
            if part.n() == 0 {
                continue;
            }
            let Some(cut) = cut(self.target, &[item.log_prob], table.dim, &range) else { return whole(self) };
            let part = Item { log_prob: cut.nodes[0], ..part };
            self.terms(&cut.graph, &cut.bindings, &[part])?;
        }
        Ok(())
    }

    /// The terms of `items`, whose nodes are in `graph`; as often as they need room.
    fn terms(&mut self, graph: &Graph, bindings: &Bindings, items: &[Item<'_>]) -> Result<(), AnswerError> {
        let (target, z, draws) = (self.target, self.z, self.draws);
        let total: usize = items.iter().map(|i| i.n()).sum();
        let nodes: Vec<NodeId> = items.iter().flat_map(|i| i.nodes(target)).collect();
        let mut nodes = Nodes::new(graph, &nodes, bindings, self.options)?;
        let lanes = (BLOCK / (nodes.n_out() + target.n_inputs()).max(1)).clamp(8, MOST_LANES) / 8 * 8;
        let layout = Layout::new(draws.len(), lanes);
        let most = (self.kept / layout.numbers()).max(1);
        let mut start = 0;
        while start < total {
            let chunk = start..total.min(start + most);
            let mut terms = vec![Term::default(); chunk.len()];
            let mut kept = vec![[0.0; 2]; chunk.len() * layout.capacity];
            let mut filled = 0;
            for (k, block) in draws.chunks(lanes).enumerate() {
                let mut inputs = Lanes::zeros(target.n_inputs(), block.len());
                for (lane, &d) in block.iter().enumerate() {
                    (0..z.n()).for_each(|i| inputs.set(i, lane, z.get(i, d as usize)));
                }
                inputs.pad();
                let values = nodes.eval(&inputs);
                let first = (k * lanes) as u32;
                let is_ranked = |lane| self.ranked.binary_search(&(first + lane)).is_ok();
                let is_ranked: Vec<bool> = (0..block.len() as u32).map(is_ranked).collect();
                let block =
                    Block { target, items, values, draws: block, is_ranked: &is_ranked, seed: self.seed };
                let compress = filled + 2 * lanes > layout.capacity;
                let room = Room { layout, filled, compress };
                block.fill(&chunk, &mut kept, &mut terms, room, self.options.threads)?;
                filled += block.draws.len();
                if compress {
                    filled = layout.keep;
                }
            }
            let rows = kept.chunks_mut(layout.capacity).zip(&mut terms);
            let rows: Vec<Row> =
                rows.map(|(kept, term)| term.finish(&mut kept[..filled], layout.tail)).collect();
            tabulate(target, items, &chunk, &rows, &mut self.sums, &mut self.files)?;
            start = chunk.end;
        }
        Ok(())
    }
}

/// An observed variable with its terms.
struct Item<'t> {
    /// Among all.
    position: usize,
    variable: usize,
    observed: &'t Observed,
    log_prob: NodeId,
    dims: Vec<DimId>,
    /// The terms that count, by position.
    terms: Vec<usize>,
    /// Where they are among the elements of `log_prob`.
    places: Vec<usize>,
    /// The values they are told by: dimensions, and elements of these. Rows that share a term are told by the first.
    told_by: (Vec<DimId>, Vec<usize>),
    /// The values that are ranked, by position in `terms`: each term is one number that the model draws.
    ranked: Vec<f64>,
    digest: u64,
    key: Key,
}

fn items(target: &Target, seed: u64) -> Result<Vec<Item<'_>>, AnswerError> {
    let mut out = Vec::new();
    for l in &target.likelihoods {
        let Terms::Each { log_prob, summed, by } = &l.terms else { continue };
        let of = &target.variables[l.variable];
        let Role::Observed(observed) = &of.role else { continue };
        let dims = target.graph.ty(*log_prob).dims.clone();
        let batch = batch_of(&of.variable);
        let seen = seen(target, l.variable, observed)?;
        let mut counts = vec![true; target.count(&batch)];
        let to_value = element_of(target, &of.variable.dims, &batch);
        let values = counted(target, l.variable, observed, &seen)?;
        let is_nominal = matches!(observed.stands, Stands::Outcomes { .. });
        for e in 0..seen.observed.len() {
            counts[to_value(e)] &= values[e];
        }
        let mut first: Vec<Option<usize>> = vec![None; target.count(&dims)];
        {
            let to_term = element_by(target, &batch, &dims, by);
            counts.iter().enumerate().filter(|(_, c)| **c).for_each(|(v, _)| {
                first[to_term(v)].get_or_insert(v);
            });
        }
        let terms: Vec<usize> = (0..first.len()).filter(|&t| first[t].is_some()).collect();
        let told_by = match by.first() {
            None => (dims.clone(), terms.clone()),
            Some(by) => {
                let has = |d: &DimId| *d == by.rows || dims.contains(d);
                let dims: Vec<DimId> = batch.iter().copied().filter(has).collect();
                let to_told = element_of(target, &batch, &dims);
                let told = first.iter().flatten().map(|v| to_told(*v)).collect();
                (dims, told)
            }
        };
        let mut digest = Fnv::new();
        for (e, x) in seen.observed.iter().enumerate().filter(|(e, _)| counts[to_value(*e)]) {
            digest.add(&(e as u64).to_le_bytes());
            digest.add(&x.to_bits().to_le_bytes());
            digest.add(&[u8::from(seen.censored[e])]);
        }
        let has_rank = !*summed && !is_nominal && dims == of.variable.dims;
        let rank = |t: &usize| if has_rank && !seen.censored[*t] { seen.observed[*t] } else { f64::NAN };
        let ranked = terms.iter().map(rank).collect();
        let key = Key::new(seed, "loo", &of.variable.name, "");
        let digest = digest.0;
        let (position, variable, places) = (out.len(), l.variable, terms.clone());
        let log_prob = *log_prob;
        out.push(Item {
            position,
            variable,
            observed,
            log_prob,
            dims,
            terms,
            places,
            told_by,
            ranked,
            digest,
            key,
        });
    }
    Ok(out)
}

impl Item<'_> {
    fn n(&self) -> usize {
        self.terms.len()
    }

    /// The terms of some rows; their values are not ranked.
    fn of_rows(&self, target: &Target, rows: DimId, range: &Range<usize>) -> Item<'_> {
        let at = self.dims.iter().position(|d| *d == rows).unwrap_or(0);
        let (inner, n) = (strides(target, &self.dims)[at], target.size(rows));
        let row = |t: usize| t / inner % n;
        let here = |t: &usize| range.contains(&row(*t));
        let terms: Vec<usize> = self.terms.iter().copied().filter(here).collect();
        let told = self.terms.iter().zip(&self.told_by.1).filter(|(t, _)| here(t)).map(|(_, e)| *e);
        let told_by = (self.told_by.0.clone(), told.collect());
        let place = |&t: &usize| (t / (inner * n) * range.len() + row(t) - range.start) * inner + t % inner;
        let places = terms.iter().map(place).collect();
        let ranked = vec![f64::NAN; terms.len()];
        Item { terms, places, told_by, ranked, dims: self.dims.clone(), ..*self }
    }

    fn is_ranked(&self) -> bool {
        self.ranked.iter().any(|x| !x.is_nan())
    }

    fn nodes(&self, target: &Target) -> Vec<NodeId> {
        let mut out = vec![self.log_prob];
        if self.is_ranked() {
            out.extend(target.variables[self.variable].variable.law.nodes());
        }
        out
    }
}

/// FNV-1a, 64 bits: the digest of what is observed.
struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.0 = (self.0 ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    }
}

/// Where a block of draws goes, and whether there is none for another behind it.
#[derive(Clone, Copy)]
struct Room {
    layout: Layout,
    filled: usize,
    compress: bool,
}

/// A block of draws at work.
struct Block<'a> {
    target: &'a Target,
    items: &'a [Item<'a>],
    values: &'a Values,
    draws: &'a [u32],
    is_ranked: &'a [bool],
    seed: u64,
}

impl Block<'_> {
    /// Puts the ratios of the terms in `chunk` behind those that are there.
    fn fill(
        &self,
        chunk: &Range<usize>,
        kept: &mut [[f64; 2]],
        terms: &mut [Term],
        room: Room,
        threads: usize,
    ) -> Result<(), AnswerError> {
        // A thread costs as much as some thousand draws.
        let threads = threads.min(chunk.len() * self.draws.len() / 8192).max(1);
        let each = chunk.len().div_ceil(threads);
        let work = |(k, (kept, terms)): (usize, (&mut [[f64; 2]], &mut [Term]))| {
            let start = chunk.start + k * each;
            self.part(start..start + terms.len(), kept, terms, room)
        };
        let mut parts = kept.chunks_mut(each * room.layout.capacity).zip(terms.chunks_mut(each)).enumerate();
        if threads == 1 {
            return parts.try_for_each(work);
        }
        std::thread::scope(|scope| {
            let work: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
            work.into_iter().try_for_each(|w| w.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
        })
    }

    fn part(
        &self,
        part: Range<usize>,
        kept: &mut [[f64; 2]],
        terms: &mut [Term],
        room: Room,
    ) -> Result<(), AnswerError> {
        let Room { layout, filled, compress } = room;
        let lanes = self.draws.len();
        let mut start = 0;
        for item in self.items {
            let all = start..start + item.n();
            start = all.end;
            let here = all.start.max(part.start)..all.end.min(part.end);
            if here.is_empty() {
                continue;
            }
            let place = self.values.place(item.log_prob);
            let variable = &self.target.variables[item.variable].variable;
            let mut drawer = item.is_ranked().then(|| Drawer::new(self.target, variable, self.values, true));
            let key = Key::new(self.seed, "loo predict", &variable.name, "");
            for k in here {
                let (i, own) = (k - part.start, k - all.start);
                let (t, at, value) = (item.terms[own], item.places[own], item.ranked[own]);
                let kept = &mut kept[i * layout.capacity..(i + 1) * layout.capacity];
                // Where a prediction equals the value, it lies below it so often.
                let ties = item.key.uniform(Counter { row: t as u64, ..Counter::default() });
                for lane in 0..lanes {
                    let reader = self.values.lane(lane);
                    let ll = reader.get(place, at);
                    let ratio = if ll.is_nan() { f64::NEG_INFINITY } else { -ll };
                    let mut rank = f64::NAN;
                    if let Some(drawer) = drawer.as_mut().filter(|_| self.is_ranked[lane] && !value.is_nan())
                    {
                        let mut uniforms = stream(key, t as u64, 0, self.draws[lane]);
                        let mut x = [0.0];
                        drawer.draw(t, reader, &|_, _| 0, &mut uniforms, &mut x)?;
                        rank = match x[0].partial_cmp(&value) {
                            Some(std::cmp::Ordering::Less) => 1.0,
                            Some(std::cmp::Ordering::Equal) => ties,
                            Some(std::cmp::Ordering::Greater) => 0.0,
                            None => f64::NAN,
                        };
                    }
                    kept[filled + lane] = [ratio, rank];
                }
                if compress {
                    terms[i].compress(&mut kept[..filled + lanes], layout.keep);
                }
            }
        }
        Ok(())
    }
}

/// Writes the rows of the terms in `chunk`, and adds them up.
fn tabulate(
    target: &Target,
    items: &[Item],
    chunk: &Range<usize>,
    rows: &[Row],
    sums: &mut Sums,
    files: &mut Files,
) -> Result<(), AnswerError> {
    let mut start = 0;
    for item in items {
        let all = start..start + item.n();
        start = all.end;
        let here = all.start.max(chunk.start)..all.end.min(chunk.end);
        if here.is_empty() {
            continue;
        }
        let rows = &rows[here.start - chunk.start..here.end - chunk.start];
        let told = &item.told_by.1[here.start - all.start..here.end - all.start];
        rows.iter().for_each(|row| sums.add(item.position, row));
        let name = &target.variables[item.variable].variable.name;
        let columns = Columns::of(target, name, &item.told_by.0, &item.observed.stands);
        let real = |name: &str, f: fn(&Row) -> f64| {
            Output::whole(name, ColumnData::Real(rows.iter().map(f).collect()))
        };
        let table = vec![columns.table().to_string(); rows.len()];
        let at = told.iter().map(|&e| columns.row(e)).collect();
        let column = told.iter().map(|&e| columns.name(e)).collect();
        files.write(
            FILE,
            &[
                Output::whole("table", ColumnData::Text(table)),
                Output::whole("row", ColumnData::Integer(at)),
                Output::whole("column", ColumnData::Text(column)),
                real("elpd_loo", |r| r.elpd),
                real("mcse", |r| r.mcse),
                real("p_loo", |r| r.p_loo),
                real("pareto_k", |r| r.k),
                real("loo_pit", |r| r.pit),
            ],
        )?;
    }
    Ok(())
}
