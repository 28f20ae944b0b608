//! The planner: from a graph and its data to a program.

use std::collections::HashMap;

use numerics::lanes::AlignedVec;

use super::explain::{self, Describe};
use super::fuse::fuse;
use super::instr::{Instr, Space, What};
use super::items::{Code, Items};
use super::lower::{FixedNode, Lower, Shared};
use super::schedule::{Class, Pass, Stage, long_dims, schedule};
use super::view::View;
use super::{Options, PlanError, Program, checkpoint, memory, packed, tape};
use crate::interpret;
use crate::ir::{DimId, Graph, NodeId, Op, Origin, Reduction, Unary, Varies};
use crate::layout::{Sizes, reachable};
use crate::value::{Bindings, Value};

/// Code between two waits.
pub enum StageCode {
    /// Once for a tile.
    Flat(Vec<Instr>),
    Rows(RowsCode),
}

/// One pass over the rows of a table.
pub struct RowsCode {
    pub code: Vec<Instr>,
    pub rows: usize,
    /// First row of each chunk, and the end; fixed by the plan, never by threads.
    pub chunks: Vec<usize>,
    pub acc: Vec<Acc>,
    /// Elements accumulated by a chunk.
    pub acc_len: usize,
    /// Where the tile keeps them, in `f64`.
    pub acc_at: usize,
}

/// A stretch of accumulated elements.
#[derive(Clone, Copy, Debug)]
pub struct Acc {
    pub len: usize,
    pub op: Reduction,
}

impl Acc {
    pub fn identity(&self) -> f64 {
        match self.op {
            Reduction::Sum => 0.0,
            Reduction::Max => f64::NEG_INFINITY,
            Reduction::Min => f64::INFINITY,
        }
    }
}

/// What an input packs to.
pub struct Layout {
    pub ranges: HashMap<String, std::ops::Range<usize>>,
    pub len: usize,
}

fn layout(graph: &Graph, varies: Varies, sizes: &Sizes) -> Result<Layout, PlanError> {
    let mut layout = Layout { ranges: HashMap::new(), len: 0 };
    for input in graph.inputs().iter().filter(|i| i.varies == varies) {
        for &d in &input.ty.dims {
            if sizes.get(d).is_none() {
                return Err(PlanError::MissingSize { dim: graph.dim(d).name.clone() });
            }
        }
        let n = sizes.count(&input.ty.dims);
        layout.ranges.insert(input.name.clone(), layout.len..layout.len + n);
        layout.len += n;
    }
    Ok(layout)
}

/// Results that are computed, not merely looked at elsewhere.
fn writes(items: &Items, n: NodeId) -> bool {
    match &items.of(n).code {
        Code::Expand => false,
        Code::Plain(op) => !matches!(
            op,
            Op::Input(_) | Op::Unary(Unary::Detach) | Op::Element { .. } | Op::Slice { .. } | Op::Rename(_)
        ),
        _ => true,
    }
}

fn contiguous(space: Space, offset: usize, dims: &[DimId], sizes: &Sizes) -> View {
    View { space, buf: None, offset, strides: sizes.strides(dims), lanes: true, block: false, step: 0 }
}

pub fn compile(
    graph: &Graph,
    outputs: &[NodeId],
    bindings: &Bindings,
    options: &Options,
) -> Result<Program, PlanError> {
    if !options.isa.is_available() {
        return Err(PlanError::NoSuchIsa { isa: options.isa.to_string() });
    }
    let sizes = Sizes::resolve(graph, bindings)?;
    sizes.check(graph, &reachable(graph, outputs))?;
    let (z, shared_in) = (layout(graph, Varies::Lane, &sizes)?, layout(graph, Varies::Shared, &sizes)?);

    let lifted = graph.nodes().iter().map(|n| n.varies != Varies::Data).collect();
    let mut items = Items::new(graph, lifted, outputs);
    fuse(&mut items);
    let items = items;

    let block_rows = options.block_rows.max(1);
    let mut shared = Shared {
        sizes: &sizes,
        isa: options.isa,
        block_rows,
        fixed: Vec::new(),
        index: Vec::new(),
        bufs: Vec::new(),
        foreign: Vec::new(),
        state_ids: Vec::new(),
        checkpoints: checkpoint::choose(&items, outputs, &sizes, options.scan_memory),
    };
    let long = long_dims(&items, &sizes, block_rows);
    let streamed = |d: DimId| long.contains(&d);
    let plan = schedule(&items, outputs, &streamed);
    let DrawFree { fixed, values, packed } =
        draw_free(&items, outputs, bindings, &mut shared, &plan.class, &streamed)?;

    // Inputs are read, and outputs written, where they are.
    let mut views: HashMap<NodeId, View> = HashMap::new();
    let mut n_read = 0;
    for n in items.nodes() {
        let Op::Input(id) = graph.node(n).op else { continue };
        let input = &graph.inputs()[id.0 as usize];
        let (space, layout) =
            if input.varies == Varies::Lane { (Space::Z, &z) } else { (Space::Shared, &shared_in) };
        if input.varies == Varies::Lane {
            n_read = n_read.max(z.ranges[&input.name].end);
        }
        views.insert(n, contiguous(space, layout.ranges[&input.name].start, &input.ty.dims, &sizes));
    }
    let mut out_ranges = Vec::new();
    let mut out_views = Vec::new();
    let mut n_out = 0;
    for &o in outputs {
        let dims = &graph.ty(o).dims;
        let len = sizes.count(dims);
        out_views.push(contiguous(Space::Out, n_out, dims, &sizes));
        out_ranges.push(n_out..n_out + len);
        n_out += len;
    }
    let mut dest: HashMap<NodeId, View> = HashMap::new();
    for (&o, view) in outputs.iter().zip(&out_views) {
        if items.is_lifted(o) && !matches!(plan.class[&o], Class::Sink(_)) && writes(&items, o) {
            dest.entry(o).or_insert_with(|| view.clone());
        }
    }
    place_parts(&items, &plan.class, &mut shared, &mut dest);

    let mut tuples = HashMap::new();
    let mut stages: Vec<(StageCode, Option<u32>)> = Vec::new();
    let mut notes = Vec::new();
    for stage in &plan.stages {
        match stage {
            Stage::Flat(nodes) => {
                let mut lower = Lower {
                    items: &items,
                    shared: &mut shared,
                    row: None,
                    views: &mut views,
                    fixed: &fixed,
                    values: &values,
                    dest: &dest,
                    tuples: &mut tuples,
                    code: Vec::new(),
                };
                for &n in nodes {
                    lower.node(n, false)?;
                }
                stages.push((StageCode::Flat(lower.code), None));
                notes.push(None);
            }
            Stage::Rows(pass) => {
                let (code, group) = rows_pass(
                    &items,
                    pass,
                    &mut shared,
                    &mut views,
                    &fixed,
                    &values,
                    &mut dest,
                    &mut tuples,
                )?;
                notes.push(Some(explain::pass(&items, pass, &code)));
                stages.push((StageCode::Rows(code), Some(group)));
            }
        }
    }

    // What is not where it is wanted yet.
    let mut lower = Lower {
        items: &items,
        shared: &mut shared,
        row: None,
        views: &mut views,
        fixed: &fixed,
        values: &values,
        dest: &dest,
        tuples: &mut tuples,
        code: Vec::new(),
    };
    for (k, (&o, to)) in outputs.iter().zip(&out_views).enumerate() {
        let from = lower.view(o);
        if !from.same_place(to) {
            let sides = lower.sides(&graph.ty(o).dims);
            lower.copy(format!("output {k} = copy n{}", o.0), &sides, to, &from);
        }
    }
    let last = lower.code;
    match stages.last_mut() {
        Some((StageCode::Flat(code), _)) => code.extend(last),
        _ if last.is_empty() => {}
        _ => {
            stages.push((StageCode::Flat(last), None));
            notes.push(None);
        }
    }

    let (tile_len, block_len) = place_buffers(&mut stages, &shared, graph, options)?;
    let stages: Vec<StageCode> = stages.into_iter().map(|(s, _)| s).collect();
    let partial_len = stages
        .iter()
        .map(|s| match s {
            StageCode::Rows(r) => r.acc_len * 8,
            StageCode::Flat(_) => 0,
        })
        .max()
        .unwrap_or(0);
    let widest = widest_foreign(&stages);
    let stages: Vec<StageCode> = stages
        .into_iter()
        .map(|s| match s {
            StageCode::Flat(code) => StageCode::Flat(tape::compress(code, &mut shared.fixed, options.isa)),
            rows => rows,
        })
        .collect();
    let text = explain::program(&Describe {
        stages: &stages,
        notes: &notes,
        tile_len,
        block_len,
        fixed: shared.fixed.len(),
        isa: options.isa,
        block_rows,
        packed: packed.iter().map(|&n| format!("n{} {}", n.0, graph.show_ty(graph.ty(n)))).collect(),
    });
    Ok(Program {
        options: options.clone(),
        z,
        n_read,
        shared_in,
        out_ranges,
        n_out,
        fixed: AlignedVec::from_slice(&shared.fixed),
        index: shared.index,
        stages,
        tile_len,
        block_len,
        partial_len,
        foreign: shared.foreign,
        widest,
        text,
    })
}

/// The draw-free nodes that lane code reads.
struct DrawFree {
    fixed: HashMap<NodeId, FixedNode>,
    /// Values that the bodies of scans may want.
    values: HashMap<NodeId, Value>,
    /// Those packed in panels.
    packed: Vec<NodeId>,
}

/// Evaluates them.
fn draw_free(
    items: &Items,
    outputs: &[NodeId],
    bindings: &Bindings,
    shared: &mut Shared,
    class: &HashMap<NodeId, Class>,
    streamed: &dyn Fn(DimId) -> bool,
) -> Result<DrawFree, PlanError> {
    let graph = items.graph;
    let mut wanted: Vec<NodeId> = items.nodes().flat_map(|n| items.of(n).args.clone()).collect();
    wanted.extend(outputs);
    wanted.retain(|n| !items.is_lifted(*n));
    wanted.sort();
    wanted.dedup();
    let for_scans: std::collections::HashSet<NodeId> = items
        .nodes()
        .filter(|&n| matches!(graph.node(n).op, Op::Scan(_)))
        .flat_map(|n| graph.node(n).args.clone())
        .collect();
    let by_rows =
        packed::choose(items, outputs, &wanted, &|n| class[&n], streamed, shared.sizes, shared.block_rows);
    let mut free = DrawFree { fixed: HashMap::new(), values: HashMap::new(), packed: Vec::new() };
    let values = interpret::evaluate_sized(graph, &wanted, bindings, shared.sizes)?;
    for ((&n, value), by) in wanted.iter().zip(values).zip(by_rows) {
        let dims = &graph.ty(n).dims;
        let node = match (&value, by) {
            (Value::Real(v), Some(row)) => {
                free.packed.push(n);
                shared.put_packed(v, dims, row)
            }
            _ => shared.put_value(&value, dims),
        };
        free.fixed.insert(n, node);
        if for_scans.contains(&n) {
            free.values.insert(n, value);
        }
    }
    Ok(free)
}

/// The parts of a concatenation are written where they belong from the start.
fn place_parts(
    items: &Items,
    class: &HashMap<NodeId, Class>,
    shared: &mut Shared,
    dest: &mut HashMap<NodeId, View>,
) {
    let graph = items.graph;
    let nodes: Vec<NodeId> = items.nodes().collect();
    for &n in nodes.iter().rev() {
        let Code::Plain(Op::Concat { parts, into }) = &items.of(n).code else { continue };
        if class[&n] != Class::Whole {
            continue;
        }
        let dims = &graph.ty(n).dims;
        let (sizes, args) = (shared.sizes, &items.of(n).args);
        let out = dest
            .entry(n)
            .or_insert_with(|| {
                let buf = Some(shared.buffer(sizes.count(dims), false, None));
                View { buf, ..contiguous(Space::Tile, 0, dims, sizes) }
            })
            .clone();
        let mut start = 0;
        for (&a, part) in args.iter().zip(parts) {
            let view = match part {
                Some(p) => out.slice(*into, start, *p),
                None => out.element(*into, start),
            };
            start += part.map_or(1, |d| sizes.of(d));
            let mut expected: Vec<DimId> = dims.iter().copied().filter(|d| d != into).collect();
            expected.extend(part);
            let whole = graph.ty(a).dims == graph.canonical(expected);
            if whole
                && items.is_lifted(a)
                && class[&a] == Class::Whole
                && writes(items, a)
                && !matches!(graph.node(a).op, Op::Output(_))
            {
                dest.entry(a).or_insert(view);
            }
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn rows_pass(
    items: &Items,
    pass: &Pass,
    shared: &mut Shared,
    views: &mut HashMap<NodeId, View>,
    fixed: &HashMap<NodeId, FixedNode>,
    values: &HashMap<NodeId, Value>,
    dest: &mut HashMap<NodeId, View>,
    tuples: &mut HashMap<(NodeId, usize), View>,
) -> Result<(RowsCode, u32), PlanError> {
    let graph = items.graph;
    let sizes = shared.sizes;
    let mut acc = Vec::new();
    let mut acc_len = 0;
    for &n in &pass.sinks {
        let dims = &graph.ty(n).dims;
        let len = sizes.count(dims);
        dest.insert(n, contiguous(Space::Acc, acc_len, dims, sizes));
        let op = match &items.of(n).code {
            Code::Plain(Op::Reduce(op, _)) => *op,
            _ => Reduction::Sum,
        };
        acc.push(Acc { len, op });
        acc_len += len;
    }
    for &n in &pass.stores {
        let dims = &graph.ty(n).dims;
        dest.entry(n).or_insert_with(|| {
            let buf = Some(shared.buffer(sizes.count(dims), false, Some(n)));
            View { buf, ..contiguous(Space::Tile, 0, dims, sizes) }
        });
    }
    let mut lower =
        Lower { items, shared, row: Some(pass.dim), views, fixed, values, dest, tuples, code: Vec::new() };
    for &n in &pass.nodes {
        lower.node(n, pass.sinks.contains(&n))?;
        if pass.stores.contains(&n) && !lower.views[&n].same_place(&lower.dest[&n]) {
            let (from, to) = (lower.views[&n].clone(), lower.dest[&n].clone());
            let sides = lower.sides(&graph.ty(n).dims);
            lower.copy(format!("n{} = store", n.0), &sides, &to, &from);
            lower.views.insert(n, to);
        }
    }
    let code = lower.code;
    let group = shared.buffer(acc_len, false, None);
    let mut offset = 0;
    for &n in &pass.sinks {
        let dims = &graph.ty(n).dims;
        views.insert(n, View { buf: Some(group), ..contiguous(Space::Tile, offset, dims, sizes) });
        offset += sizes.count(dims);
    }
    for n in &pass.nodes {
        if views.get(n).is_some_and(|v| v.block) {
            views.remove(n);
        }
    }
    let rows = sizes.of(pass.dim);
    let chunks = chunks(rows, shared.block_rows, code.len(), acc_len);
    Ok((RowsCode { code, rows, chunks, acc, acc_len, acc_at: 0 }, group))
}

/// Chunks of whole blocks: as many as keep threads busy, as few as make adding up their results
/// negligible.
fn chunks(rows: usize, block: usize, instructions: usize, acc_len: usize) -> Vec<usize> {
    // Elements handled by a chunk; adding up a chunk's results handles acc_len.
    const LEAST_WORK: usize = 200_000;
    const SHARE: usize = 20;
    const MOST: usize = 64;
    let work = rows * instructions.max(1);
    let n = (work / LEAST_WORK).min(work / (SHARE * acc_len.max(1))).clamp(1, MOST);
    let blocks = rows.div_ceil(block);
    let n = n.min(blocks);
    (0..=n).map(|c| (c * blocks / n * block).min(rows)).collect()
}

/// Gives every buffer its place in a tile's memory or a thread's.
fn place_buffers(
    stages: &mut [(StageCode, Option<u32>)],
    shared: &Shared,
    graph: &Graph,
    options: &Options,
) -> Result<(usize, usize), PlanError> {
    let bufs = &shared.bufs;
    let in_tile = |b: u32| !bufs[b as usize].block;
    let in_block = |b: u32| bufs[b as usize].block;
    let (mut lives, mut heirs) = (HashMap::new(), HashMap::new());
    let mut now = 0;
    let mut starts = Vec::new();
    for (stage, group) in stages.iter_mut() {
        starts.push(now);
        match stage {
            StageCode::Flat(code) => {
                memory::uses(code, now, false, &in_tile, &mut lives);
                now += code.len();
            }
            StageCode::Rows(rows) => {
                memory::uses(&mut rows.code, now, true, &in_tile, &mut lives);
                if let Some(group) = group {
                    let life = lives.entry(*group).or_insert(memory::Interval { first: now, last: now });
                    (life.first, life.last) = (life.first.min(now), life.last.max(now));
                }
                now += 1;
            }
        }
    }
    for ((stage, _), &start) in stages.iter_mut().zip(&starts) {
        if let StageCode::Flat(code) = stage {
            memory::heirs(code, start, &lives, bufs, &mut heirs);
        }
    }
    let (at, tile_len) = memory::assign(&lives, bufs, &heirs);
    let bytes = tile_len * 64;
    if bytes > options.memory_budget {
        let largest = bufs.iter().filter(|b| !b.block && b.stored.is_some()).max_by_key(|b| b.len);
        let budget = options.memory_budget;
        return Err(match largest.and_then(|b| b.stored) {
            Some(n) => PlanError::OverBudget {
                node: format!("n{} = {} {}", n.0, graph.node(n).op.name(), graph.show_ty(graph.ty(n))),
                origin: graph.node(n).origin,
                dims: graph.ty(n).dims.iter().map(|&d| graph.dim(d).name.clone()).collect(),
                bytes,
                budget,
            },
            None => PlanError::OverBudget {
                node: "what is not over rows".into(),
                origin: Origin::default(),
                dims: Vec::new(),
                bytes,
                budget,
            },
        });
    }
    let mut block_len = 0;
    for (stage, group) in stages.iter_mut() {
        let code = match stage {
            StageCode::Flat(code) => code,
            StageCode::Rows(rows) => {
                let (places, len) = memory::place(&mut rows.code, bufs, &in_block);
                block_len = block_len.max(len);
                for instr in &mut rows.code {
                    instr.operands(&mut |o, _| {
                        if let Some(b) = o.buf.filter(|&b| in_block(b)) {
                            o.offset += 8 * places[&b];
                            o.space = Space::Block;
                        }
                    });
                }
                rows.acc_at = group.map_or(0, |g| 8 * at[&g]);
                &mut rows.code
            }
        };
        for instr in code {
            instr.operands(&mut |o, _| {
                if let Some(b) = o.buf.filter(|&b| in_tile(b)) {
                    o.offset += 8 * at[&b];
                    o.space = Space::Tile;
                }
            });
        }
    }
    Ok((tile_len, block_len))
}

/// The most arguments or results of a foreign op, so that none allocates.
fn widest_foreign(stages: &[StageCode]) -> usize {
    fn of(code: &[Instr]) -> usize {
        code.iter()
            .map(|i| match &i.what {
                What::Foreign(f) => f.args.len().max(f.outs.len()),
                What::Scan(s) => of(&s.body).max(s.again.as_ref().map_or(0, |a| of(&a.step))),
                _ => 0,
            })
            .max()
            .unwrap_or(0)
    }
    stages
        .iter()
        .map(|s| match s {
            StageCode::Flat(code) => of(code),
            StageCode::Rows(rows) => of(&rows.code),
        })
        .max()
        .unwrap_or(0)
}
