//! What a posterior says row by row: predictions of what is observed, and everything that varies by row.
//!
//! Draws go by in blocks; what they give is kept for a stretch of elements at a time, of a size that
//! does not depend on the number of rows or draws, and summarised. Where a table is long, few draws
//! are taken, evenly spaced, and the elements go by in several passes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use graph::ir::NodeId;
use graph::program::Options;
use model::{Observed, Role, Stands, Target};
use numerics::random::Key;

use crate::ancestral::{Ancestry, Given, World, stream};
use crate::drawer::Drawer;
use crate::error::AnswerError;
use crate::known::Known;
use crate::nodes::{Nodes, Reader, Values};
use crate::tabulate::{Files, seen, summarise};

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Numbers kept between two passes: 64 MiB; eight times that where a pass draws states along the rows
    /// anew, which takes longer than all else.
    pub kept: usize,
    /// Elements times draws, beyond which fewer draws are taken.
    pub work: usize,
    /// The most draws taken: at 2,000 a mean is known to 0.022 of its sd.
    pub most_draws: usize,
    /// The fewest draws taken for the sake of `work`.
    pub least_draws: usize,
    /// Numbers of a block of draws that is evaluated at once.
    pub block: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { kept: 1 << 23, work: 1 << 22, most_draws: 2000, least_draws: 100, block: 1 << 22 }
    }
}

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Names of the files.
    pub files: Vec<String>,
    /// Draws that the tables are made of.
    pub draws: usize,
    /// By variable, predictions that are NaN, for they need a value that is a null.
    pub unpredicted: BTreeMap<String, usize>,
    /// By variable, other predictions that are NaN: a parameter of their law is out of its domain at some
    /// draw, or a state has no law, for it starts diffuse and nothing is seen of it.
    pub undrawn: BTreeMap<String, usize>,
    /// Variables whose law is of all rows together, of which no row has a value: their predictions are given
    /// none.
    pub alone: Vec<String>,
}

/// Writes `predictive.parquet`, `rows_<table>.parquet` and `draws_<table>.parquet` into `folder`, as
/// far as there is anything to write; of some tables (by position) alone, where those are given.
///
/// # Errors
/// New values that cannot be drawn, a law without draws, or whatever the operating system says.
pub fn write(
    target: &Target,
    known: &Known,
    seed: u64,
    options: &Options,
    budget: &Budget,
    only: Option<&[usize]>,
    folder: &Path,
) -> Result<Written, AnswerError> {
    let items = items(target, only)?;
    if items.is_empty() {
        return Ok(Written::default());
    }
    let given = Given::new();
    let mut ancestry = Ancestry::new(target, known, &given, seed, options)?;
    let nodes: Vec<NodeId> = items.iter().flat_map(|i| i.nodes(target)).collect();
    let mut nodes = Nodes::new(&target.graph, &nodes, &target.bindings, options)?;
    let total: usize = items.iter().map(|i| i.n).sum();
    let draws = evenly(known.n_draws(), (budget.work / total).clamp(budget.least_draws, budget.most_draws));
    // Whole tiles, so that a block leaves no lane idle.
    let lanes = (budget.block / (nodes.n_out() + target.n_inputs()).max(1)).clamp(8, 80) / 8 * 8;
    let kept = if target.noise.is_empty() { budget.kept } else { 8 * budget.kept };
    let mut files = Files::new(folder);
    let mut start = 0;
    while start < total {
        let chunk = start..total.min(start + (kept / draws.len().max(1)).max(1));
        let mut kept = vec![0.0; chunk.len() * draws.len()];
        let mut done = 0;
        for block in draws.chunks(lanes) {
            let world = ancestry.world(block)?;
            let nodes = nodes.eval(&world.z);
            let work = Block { target, items: &items, nodes, world: &world, seed };
            work.fill(&chunk, &mut kept, draws.len(), done, options.threads)?;
            done += block.len();
        }
        summarise(target, &items, &chunk, &mut kept, &draws, &mut files)?;
        start = chunk.end;
    }
    let unpredicted = std::mem::take(&mut files.unpredicted);
    let undrawn = std::mem::take(&mut files.undrawn);
    let alone =
        items.iter().filter(|i| matches!(i.given, Rest::Nothing)).filter_map(|i| i.name(target)).collect();
    Ok(Written { files: files.finish()?, draws: draws.len(), unpredicted, undrawn, alone })
}

/// What is drawn of what the density sums out, as columns (`k`, `k[a]`), for all draws.
#[derive(Default)]
pub struct DrawnBack {
    /// Discrete latents that do not vary by row.
    pub latents: Vec<(String, Vec<f64>)>,
    /// [`Target::made_of_discrete`].
    pub made_of_them: Vec<(String, Vec<f64>)>,
}

/// The draws of discrete latents that do not vary by row, and of what is made of discrete ones.
///
/// # Errors
/// As [`write`].
pub fn discrete_draws(
    target: &Target,
    known: &Known,
    seed: u64,
    options: &Options,
) -> Result<DrawnBack, AnswerError> {
    let by_row = |d: &model::Discrete| d.dims.iter().any(|&x| target.graph.is_row(x));
    let wanted: Vec<usize> = (0..target.discrete.len()).filter(|&k| !by_row(&target.discrete[k])).collect();
    let mut out = DrawnBack::default();
    if wanted.is_empty() && target.made_of_discrete.is_empty() {
        return Ok(out);
    }
    let given = Given::new();
    let mut ancestry = Ancestry::new(target, known, &given, seed, options)?;
    let nodes: Vec<NodeId> = target.made_of_discrete.iter().flat_map(|m| m.variable.law.nodes()).collect();
    let mut nodes = Nodes::new(&target.graph, &nodes, &target.bindings, options)?;
    let new = |name: String| (name, Vec::new());
    for &k in &wanted {
        let d = &target.discrete[k];
        out.latents.extend(d.columns(d.labels.len()).into_iter().map(new));
    }
    out.made_of_them.extend(target.made_of_discrete.iter().flat_map(|m| m.columns()).map(new));
    let all: Vec<u32> = (0..known.n_draws() as u32).collect();
    for block in all.chunks(80) {
        let world = ancestry.world(block)?;
        let mut columns = out.latents.iter_mut();
        for &k in &wanted {
            let d = &target.discrete[k];
            for (e, column) in (0..d.labels.len()).zip(&mut columns) {
                let values = (0..block.len()).map(|lane| d.first + world.discrete(k, e, lane) as f64);
                column.1.extend(values);
            }
        }
        if target.made_of_discrete.is_empty() {
            continue;
        }
        let values = nodes.eval(&world.z);
        let mut columns = out.made_of_them.iter_mut();
        for made in &target.made_of_discrete {
            let mut drawer = Drawer::new(target, &made.variable, values, false);
            for (e, column) in (0..drawer.n_values()).zip(&mut columns) {
                for lane in 0..block.len() {
                    let chosen = |k, e| world.discrete(k, e, lane);
                    let mut value = [0.0];
                    drawer.draw(e, values.lane(lane), &chosen, &mut || 0.5, &mut value)?;
                    column.1.push(value[0]);
                }
            }
        }
    }
    Ok(out)
}

/// At most about `n` of `all` draws, evenly spaced: neighbours may be alike.
pub(crate) fn evenly(all: usize, n: usize) -> Vec<u32> {
    let n = n.min(all);
    (0..n).map(|i| (i * all / n) as u32).collect()
}

/// A quantity with a number for each element and draw.
pub struct Item {
    pub what: What,
    /// Elements.
    pub n: usize,
    /// What its missing elements are drawn given.
    given: Rest,
}

/// What the elements of a value that is missing some are drawn given.
enum Rest {
    /// Every value is drawn on its own, as a whole.
    Own,
    /// The elements that are seen, of a law of all rows together; NaN where they are missing.
    Seen(Vec<f64>),
    /// There could be such elements, but none is seen.
    Nothing,
}

impl Rest {
    fn of(target: &Target, v: usize, o: &Observed) -> Result<Rest, AnswerError> {
        let variable = &target.variables[v].variable;
        if !variable.event.iter().any(|&d| target.graph.is_row(d)) {
            return Ok(Rest::Own);
        }
        let mut seen = seen(target, v, o)?;
        seen.observed.iter_mut().zip(&seen.possible).filter(|(_, p)| !**p).for_each(|(x, _)| *x = f64::NAN);
        let missing = seen.observed.iter().filter(|x| x.is_nan()).count();
        Ok(match missing {
            0 => Rest::Own,
            n if n == seen.observed.len() => Rest::Nothing,
            _ => Rest::Seen(seen.observed),
        })
    }
}

pub enum What {
    /// An observed variable, by position.
    Observed(usize),
    /// Something that varies by row, by position in [`Target::generate`].
    Named(usize),
    /// A discrete latent that does.
    Discrete(usize),
}

fn items(target: &Target, only: Option<&[usize]>) -> Result<Vec<Item>, AnswerError> {
    let wanted = |dims: &[graph::ir::DimId]| only.is_none_or(|only| only.contains(&table_of(target, dims)));
    let mut out = Vec::new();
    for (v, of) in target.variables.iter().enumerate() {
        if let Role::Observed(o) = &of.role
            && wanted(&of.variable.dims)
        {
            let n = target.count(&of.variable.dims) * outcomes(o);
            out.push(Item { what: What::Observed(v), n, given: Rest::of(target, v, o)? });
        }
    }
    let mut rows: Vec<(usize, Item)> = Vec::new();
    for (k, named) in target.generate.iter().enumerate().filter(|(_, n)| n.by_row && wanted(&n.dims)) {
        rows.push((
            table_of(target, &named.dims),
            Item { what: What::Named(k), n: target.count(&named.dims), given: Rest::Own },
        ));
    }
    for (k, d) in target.discrete.iter().enumerate() {
        let by_row = d.dims.iter().any(|&x| target.graph.is_row(x));
        if by_row && d.reported && wanted(&d.dims) {
            rows.push((
                table_of(target, &d.dims),
                Item { what: What::Discrete(k), n: target.count(&d.dims), given: Rest::Own },
            ));
        }
    }
    // One table after the other, as they are written.
    rows.sort_by_key(|(table, _)| *table);
    out.extend(rows.into_iter().map(|(_, item)| item));
    out.retain(|item| item.n > 0);
    Ok(out)
}

/// Numbers an element: one, or one for each of the outcomes that it may be.
pub fn outcomes(o: &Observed) -> usize {
    match &o.stands {
        Stands::Outcomes { labels, .. } => labels.len(),
        _ => 1,
    }
}

/// The table whose rows are among `dims`.
fn table_of(target: &Target, dims: &[graph::ir::DimId]) -> usize {
    target.tables.iter().position(|t| dims.contains(&t.dim)).unwrap_or(usize::MAX)
}

impl Item {
    /// Of an observed variable.
    fn name(&self, target: &Target) -> Option<String> {
        match self.what {
            What::Observed(v) => Some(target.variables[v].variable.name.clone()),
            _ => None,
        }
    }

    fn nodes(&self, target: &Target) -> Vec<NodeId> {
        match self.what {
            What::Observed(v) => target.variables[v].variable.law.nodes(),
            What::Named(k) => match &target.generate[k].given {
                Some(given) => given.law.nodes(),
                None => vec![target.generate[k].node],
            },
            What::Discrete(_) => Vec::new(),
        }
    }
}

/// A block of draws at work.
struct Block<'a> {
    target: &'a Target,
    items: &'a [Item],
    nodes: &'a Values,
    world: &'a World,
    seed: u64,
}

impl Block<'_> {
    /// Writes the numbers of the elements in `chunk` into `kept`, `[element][draw]`, from draw `done` on.
    fn fill(
        &self,
        chunk: &Range<usize>,
        kept: &mut [f64],
        n_draws: usize,
        done: usize,
        threads: usize,
    ) -> Result<(), AnswerError> {
        // A thread costs as much as some thousand draws.
        let threads = threads.min(chunk.len() * self.world.draws.len() / 8192).max(1);
        if threads == 1 {
            return self.part(chunk.clone(), kept, n_draws, done);
        }
        let each = chunk.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let work: Vec<_> = kept
                .chunks_mut(each * n_draws)
                .enumerate()
                .map(|(k, kept)| {
                    let start = chunk.start + k * each;
                    let part = start..start + kept.len() / n_draws;
                    scope.spawn(move || self.part(part, kept, n_draws, done))
                })
                .collect();
            work.into_iter().try_for_each(|w| w.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
        })
    }

    fn part(
        &self,
        part: Range<usize>,
        kept: &mut [f64],
        n_draws: usize,
        done: usize,
    ) -> Result<(), AnswerError> {
        let mut start = 0;
        for item in self.items {
            let all = start..start + item.n;
            start = all.end;
            let here = all.start.max(part.start)..all.end.min(part.end);
            if here.is_empty() {
                continue;
            }
            let own = here.start - all.start..here.end - all.start;
            let from = here.start - part.start;
            let kept = &mut kept[from * n_draws..(from + own.len()) * n_draws];
            self.item(item, own, kept, n_draws, done)?;
        }
        Ok(())
    }

    /// The elements `own` of an item.
    fn item(
        &self,
        item: &Item,
        own: Range<usize>,
        kept: &mut [f64],
        n_draws: usize,
        done: usize,
    ) -> Result<(), AnswerError> {
        let (target, world) = (self.target, self.world);
        let lanes = world.draws.len();
        match item.what {
            What::Named(k) if let Some(given) = &target.generate[k].given => {
                let mut drawer = Drawer::new(target, given, self.nodes, false);
                for (i, e) in own.enumerate() {
                    for lane in 0..lanes {
                        let chosen = |k, e| world.discrete(k, e, lane);
                        let mut value = [0.0];
                        drawer.draw(e, self.nodes.lane(lane), &chosen, &mut || 0.5, &mut value)?;
                        kept[i * n_draws + done + lane] = value[0];
                    }
                }
            }
            What::Named(k) => {
                let place = self.nodes.place(target.generate[k].node);
                // Draws innermost, as they are stored here and there.
                let readers: Vec<Reader> = (0..lanes).map(|lane| self.nodes.lane(lane)).collect();
                for (kept, e) in kept.chunks_mut(n_draws).zip(own) {
                    let kept = kept[done..done + lanes].iter_mut().zip(&readers);
                    kept.for_each(|(kept, reader)| *kept = reader.get(place, e));
                }
            }
            What::Discrete(k) => {
                for (i, e) in own.enumerate() {
                    for lane in 0..lanes {
                        kept[i * n_draws + done + lane] =
                            target.discrete[k].first + world.discrete(k, e, lane) as f64;
                    }
                }
            }
            What::Observed(v) => {
                let of = &target.variables[v];
                let Role::Observed(o) = &of.role else { unreachable!("items are made of observed ones") };
                let n_outcomes = outcomes(o);
                let mut drawer = Drawer::new(target, &of.variable, self.nodes, false);
                let key = Key::new(self.seed, "predict", &of.variable.name, "");
                let mut value = vec![0.0; drawer.n_event()];
                let touched = values_in(&drawer, &own, n_outcomes);
                let readers: Vec<Reader> = (0..lanes).map(|lane| self.nodes.lane(lane)).collect();
                for k in touched {
                    let elements: Vec<usize> = drawer.elements(k).collect();
                    let seen: Option<Vec<f64>> = match &item.given {
                        Rest::Seen(seen) => Some(elements.iter().map(|&e| seen[e]).collect()),
                        Rest::Own | Rest::Nothing => None,
                    };
                    let known: Option<Vec<bool>> =
                        seen.as_ref().map(|s| s.iter().map(|x| !x.is_nan()).collect());
                    for (lane, reader) in readers.iter().enumerate() {
                        let chosen = |k, e| world.discrete(k, e, lane);
                        let mut uniforms = stream(key, k as u64, 0, world.draws[lane]);
                        drawer.draw(k, *reader, &chosen, &mut uniforms, &mut value)?;
                        // A row that is seen gets what a replicate of all rows has there; one that is missing
                        // is drawn given those that are seen.
                        if let (Some(seen), Some(known)) = (&seen, &known) {
                            let mut given = seen.clone();
                            let mut uniforms = stream(key, k as u64, 1, world.draws[lane]);
                            drawer.draw_given(k, *reader, &chosen, known, &mut uniforms, &mut given)?;
                            let missing =
                                value.iter_mut().zip(given).zip(known).filter(|(_, known)| !**known);
                            missing.for_each(|((x, given), _)| *x = given);
                        }
                        for (&e, &x) in elements.iter().zip(&value) {
                            for outcome in 0..n_outcomes {
                                let at = e * n_outcomes + outcome;
                                if !own.contains(&at) {
                                    continue;
                                }
                                let x = match n_outcomes {
                                    1 => x,
                                    _ if x.is_nan() => x,
                                    _ => f64::from(u8::from(x == (outcome + 1) as f64)),
                                };
                                kept[(at - own.start) * n_draws + done + lane] = x;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The values of which an element is in `own`.
fn values_in(drawer: &Drawer, own: &Range<usize>, n_outcomes: usize) -> Vec<usize> {
    let is_in = |e: usize| e * n_outcomes < own.end && (e + 1) * n_outcomes > own.start;
    if drawer.n_event() == 1 {
        let (first, last) = (own.start / n_outcomes, own.end.div_ceil(n_outcomes));
        return (first..last).collect();
    }
    (0..drawer.n_values()).filter(|&k| drawer.elements(k).any(is_in)).collect()
}
