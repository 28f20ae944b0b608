//! The code of a scan: its body once, run step by step.
//!
//! Carries and emissions are buffers of the surrounding code; everything else of the body lies in
//! one buffer of its own. What depends on data and step inputs alone is evaluated for every step
//! when the program is planned.

use std::collections::HashMap;
use std::sync::Arc;

use super::checkpoint::Checkpointed;
use super::fuse::fuse;
use super::instr::{Again, Instr, Operand, ScanCode, Space, What};
use super::items::Items;
use super::lower::{FixedNode, Lower};
use super::view::View;
use super::{PlanError, memory};
use crate::interpret;
use crate::ir::{DimId, InputId, Kind, NodeId, Op, Scan};
use crate::layout::{Sizes, reachable, stride_of, walk};
use crate::value::Value;

/// How much a node of the body varies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Varies {
    Fixed,
    Step,
    Lane,
}

impl<'a> Lower<'a, '_, '_> {
    pub fn scan(&mut self, n: NodeId, args: &[NodeId], label: String) -> Result<(), PlanError> {
        let Op::Scan(scan) = &self.graph().node(n).op else { unreachable!("called for scans") };
        let scan: &'a Arc<Scan> = scan;
        let body = &scan.body;
        let steps = self.shared.sizes.of(scan.over);
        let plan = self.shared.checkpoints.get(&n).cloned();
        let stored = scan.outputs.len() - scan.n_carry;

        // Carries and emissions, as the body sees them.
        let mut carries = Vec::new();
        for (k, &a) in args.iter().enumerate().take(scan.n_carry) {
            let dims = &body.inputs()[k].ty.dims;
            let carry = self.fresh(dims);
            let (from, sides) = (self.view(a), self.sides(dims));
            self.copy(format!("n{} = carry {k}", n.0), &sides, &carry, &from);
            self.tuples.insert((n, k), carry.clone());
            carries.push(carry);
        }
        let forward = plan.as_ref().filter(|p| p.forward == n);
        let mut emissions = Vec::new();
        for (k, &o) in scan.outputs.iter().enumerate().skip(scan.n_carry) {
            if forward.is_some() && k >= stored {
                continue;
            }
            let stacked = self.fresh(&body.union(&body.ty(o).dims, &[scan.over]));
            let mut each = stacked.element(scan.over, 0);
            each.step = stride_of(&stacked.strides, scan.over);
            self.tuples.insert((n, k), stacked);
            emissions.push((k, each));
        }
        let mut save = None;
        if let Some(p) = forward {
            let segments = steps.div_ceil(p.every);
            let (before, mut saved) = (std::mem::take(&mut self.code), Vec::new());
            for (k, carry) in carries.iter().enumerate() {
                let dims = &body.inputs()[k].ty.dims;
                let step = self.shared.sizes.count(dims);
                let buf = Some(self.shared.buffer(segments * step, false, Some(n)));
                let to = View { buf, step, ..carry.clone() };
                self.copy(format!("n{} = checkpoint {k}", n.0), &self.sides(dims), &to, carry);
                saved.push(to);
            }
            save = Some((p.every, std::mem::replace(&mut self.code, before)));
            for (k, view) in segment_views(scan, &carries, self.shared.sizes).into_iter().enumerate() {
                self.tuples.insert((n, stored + k), view);
            }
            for p in self.shared.checkpoints.values_mut().filter(|p| p.forward == n) {
                p.saved = saved.clone();
            }
        }
        let again = match plan.filter(|p| p.forward != n) {
            Some(p) => Some(self.run_again(&p)?),
            None => None,
        };
        let body = self.steps(n, scan, args, &carries, &emissions)?;
        self.emit(
            label,
            What::Scan(Box::new(ScanCode { n: steps, reverse: scan.reverse, body, save, again })),
        );
        Ok(())
    }

    /// The forward steps of a checkpointed scan, for its reverse.
    fn run_again(&mut self, p: &Checkpointed) -> Result<Again, PlanError> {
        let n = p.forward;
        let Op::Scan(scan) = &self.graph().node(n).op else { unreachable!("called for scans") };
        let scan: &'a Arc<Scan> = scan;
        let args = self.graph().node(n).args.clone();
        let before = std::mem::take(&mut self.code);
        let mut carries = Vec::new();
        for (k, from) in p.saved.iter().enumerate() {
            let dims = &scan.body.inputs()[k].ty.dims;
            let carry = self.fresh(dims);
            self.copy(format!("n{} = carry {k}", n.0), &self.sides(dims), &carry, from);
            carries.push(carry);
        }
        let load = std::mem::replace(&mut self.code, before);
        let stored = scan.outputs.len() - scan.n_carry;
        let views = segment_views(scan, &carries, self.shared.sizes);
        let stride = views.first().map_or(0, |v| v.step);
        let emissions: Vec<(usize, View)> =
            views.into_iter().enumerate().map(|(k, v)| (stored + k, v)).collect();
        let buf = Some(self.shared.buffer(p.every * stride, false, None));
        let segment = Operand { space: Space::Tile, buf, ..Operand::NONE };
        let step = self.steps(n, scan, &args, &carries, &emissions)?;
        Ok(Again { every: p.every, load, step, segment, stride: 8 * stride })
    }

    /// The code of a step: `emissions` are outputs by number, and where they go.
    fn steps(
        &mut self,
        n: NodeId,
        scan: &'a Arc<Scan>,
        args: &[NodeId],
        carries: &[View],
        emissions: &[(usize, View)],
    ) -> Result<Vec<Instr>, PlanError> {
        let body = &scan.body;
        let is_step = |k: usize| (scan.n_carry..scan.n_carry + scan.n_step).contains(&k);

        let of_input = |k: usize| match self.values.get(&args[k]) {
            _ if k < scan.n_carry => Varies::Lane,
            Some(_) if is_step(k) => Varies::Step,
            Some(_) => Varies::Fixed,
            None => Varies::Lane,
        };
        let mut varies = vec![Varies::Fixed; body.nodes().len()];
        for (i, node) in body.nodes().iter().enumerate() {
            varies[i] = match node.op {
                Op::Input(id) => of_input(id.0 as usize),
                _ => node.args.iter().map(|a| varies[a.index()]).max().unwrap_or(Varies::Fixed),
            };
        }
        let lifted = varies.iter().map(|&v| v == Varies::Lane).collect();
        let mut items = Items::new(body, lifted, &scan.outputs);
        fuse(&mut items);

        let known = self.shared.checkpoints.get(&n).filter(|p| p.forward == n).map(|p| p.free.clone());
        let (fixed, values) = match known {
            Some(free) if !free.0.is_empty() => free,
            _ => self.evaluate_body(scan, args, &items, &varies)?,
        };
        for p in self.shared.checkpoints.values_mut().filter(|p| p.forward == n) {
            p.free = (fixed.clone(), values.clone());
        }

        let mut views: HashMap<NodeId, View> = HashMap::new();
        let mut dest: HashMap<NodeId, View> = HashMap::new();
        for (k, each) in emissions {
            let o = scan.outputs[*k];
            if items.is_lifted(o) && !matches!(body.node(o).op, Op::Input(_)) {
                dest.entry(o).or_insert_with(|| each.clone());
            }
        }
        for (i, node) in body.nodes().iter().enumerate() {
            let Op::Input(id) = node.op else { continue };
            let k = id.0 as usize;
            if varies[i] != Varies::Lane {
                continue;
            }
            let view = if k < scan.n_carry {
                carries[k].clone()
            } else {
                let outer = match self.views.get(&args[k]) {
                    // Carries of a segment that is run again: they move with the steps already.
                    Some(v) if v.space == Space::Segment => {
                        views.insert(NodeId(i as u32), v.clone());
                        continue;
                    }
                    Some(v) if v.step == 0 => v.clone(),
                    // Moves with an outer scan: held still while this one runs.
                    _ => {
                        if let Some(FixedNode::Index { .. }) = self.fixed.get(&args[k]) {
                            let what = "an index that changes with the steps of an outer scan".into();
                            return Err(PlanError::Unsupported { op: "scan".into(), what });
                        }
                        let v = self.view(args[k]);
                        let dims = self.graph().ty(args[k]).dims.clone();
                        self.dense(&v, &dims, "scan")
                    }
                };
                if is_step(k) {
                    let mut each = outer.element(scan.over, 0);
                    each.step = stride_of(&outer.strides, scan.over);
                    each
                } else {
                    outer
                }
            };
            views.insert(NodeId(i as u32), view);
        }

        let first = self.shared.bufs.len();
        // Those are of the graph outside.
        let outer = std::mem::take(&mut self.shared.checkpoints);
        let mut lower = Lower {
            items: &items,
            shared: &mut *self.shared,
            row: None,
            views: &mut views,
            fixed: &fixed,
            values: &values,
            dest: &dest,
            tuples: &mut HashMap::new(),
            code: Vec::new(),
        };
        for i in items.nodes() {
            lower.node(i, false)?;
        }
        for (k, to) in emissions {
            let o = scan.outputs[*k];
            let from = lower.view(o);
            lower.copy_unless_there(o, "emit", to, &from);
        }
        // A next carry that lies in another carry's memory is set aside first.
        let mut next: Vec<View> = (0..scan.n_carry).map(|k| lower.view(scan.outputs[k])).collect();
        for (k, next) in next.iter_mut().enumerate() {
            let elsewhere =
                carries.iter().enumerate().any(|(i, c)| i != k && c.buf == next.buf && c.buf.is_some());
            if elsewhere {
                let dims = body.ty(scan.outputs[k]).dims.clone();
                let aside = lower.fresh(&dims);
                let sides = lower.sides(&dims);
                lower.copy("carry aside".into(), &sides, &aside, next);
                *next = aside;
            }
        }
        for ((&o, to), from) in scan.outputs.iter().zip(carries).zip(&next) {
            lower.copy_unless_there(o, "carry", to, from);
        }
        let mut code: Vec<Instr> = lower.code;

        let own = |b: u32| b as usize >= first;
        let (places, len) = memory::place(&mut code, &self.shared.bufs, &own);
        let local = self.shared.buffer(len, false, None);
        for instr in &mut code {
            instr.operands(&mut |o, _| {
                if let Some(b) = o.buf.filter(|&b| own(b)) {
                    o.offset += 8 * places[&b];
                    o.buf = Some(local);
                }
            });
        }
        self.shared.checkpoints = outer;
        Ok(code)
    }

    fn copy_unless_there(&mut self, n: NodeId, word: &str, to: &View, from: &View) {
        if !to.same_place(from) {
            let sides = self.sides(&self.graph().ty(n).dims);
            self.copy(format!("n{} = {word}", n.0), &sides, to, from);
        }
    }

    /// The draw-free nodes that the body's items use, for every step where they change with it.
    #[allow(clippy::type_complexity)]
    fn evaluate_body(
        &mut self,
        scan: &Scan,
        args: &[NodeId],
        items: &Items,
        varies: &[Varies],
    ) -> Result<(HashMap<NodeId, FixedNode>, HashMap<NodeId, Value>), PlanError> {
        let body = &scan.body;
        let mut wanted: Vec<NodeId> = items.nodes().flat_map(|n| items.of(n).args.clone()).collect();
        wanted.extend(&scan.outputs);
        wanted.retain(|n| !items.is_lifted(*n));
        wanted.sort();
        wanted.dedup();
        let (steps, once): (Vec<NodeId>, Vec<NodeId>) =
            wanted.into_iter().partition(|n| varies[n.index()] == Varies::Step);
        let sizes = self.shared.sizes;

        let mut fixed = HashMap::new();
        let mut values = HashMap::new();
        let captured = |id: InputId| Ok(&self.values[&args[id.0 as usize]]);
        let found = interpret::run(body, sizes, &once, &captured)?;
        for (&n, value) in once.iter().zip(found) {
            fixed.insert(n, self.shared.put_value(&value, &body.ty(n).dims));
            values.insert(n, value);
        }
        if steps.is_empty() {
            return Ok((fixed, values));
        }
        let used: Vec<usize> = reachable(body, &steps)
            .into_iter()
            .filter_map(|n| if let Op::Input(id) = body.node(n).op { Some(id.0 as usize) } else { None })
            .collect();
        let mut stacked: Vec<Option<Value>> = vec![None; steps.len()];
        for t in 0..sizes.of(scan.over) {
            let mut slices: HashMap<usize, Value> = HashMap::new();
            for &k in used.iter().filter(|&&k| varies_with_step(scan, k)) {
                let from = sizes.strides(&self.graph().ty(args[k]).dims);
                slices.insert(
                    k,
                    slice(&self.values[&args[k]], &body.inputs()[k].ty.dims, &from, scan, t, sizes),
                );
            }
            let input = |id: InputId| {
                let k = id.0 as usize;
                Ok(slices.get(&k).unwrap_or_else(|| &self.values[&args[k]]))
            };
            for (all, value) in stacked.iter_mut().zip(interpret::run(body, sizes, &steps, &input)?) {
                match (all, value) {
                    (Some(Value::Real(all)), Value::Real(v)) => all.extend(v),
                    (Some(Value::Index(all)), Value::Index(v)) => all.extend(v),
                    (all, v) => *all = Some(v),
                }
            }
        }
        for (&n, value) in steps.iter().zip(stacked) {
            let dims = &body.ty(n).dims;
            // Without steps nothing is read, but there must be something to point at.
            let value = value.unwrap_or_else(|| match body.ty(n).kind {
                Kind::Index(_) => Value::Index(vec![0; sizes.count(dims)]),
                _ => Value::Real(vec![0.0; sizes.count(dims)]),
            });
            let mut node = self.shared.put_value(&value, dims);
            match &mut node {
                FixedNode::Real(v) | FixedNode::Packed(v) => v.step = sizes.count(dims),
                FixedNode::Index { step, sorted, .. } => (*step, *sorted) = (sizes.count(dims), false),
            }
            fixed.insert(n, node);
        }
        Ok((fixed, values))
    }
}

/// The carries of a segment's steps, side by side.
fn segment_views(scan: &Scan, carries: &[View], sizes: &Sizes) -> Vec<View> {
    let lens: Vec<usize> = (0..scan.n_carry).map(|k| sizes.count(&scan.body.inputs()[k].ty.dims)).collect();
    let mut offset = 0;
    let place = |(carry, len): (&View, &usize)| {
        let view =
            View { space: Space::Segment, buf: None, offset, step: lens.iter().sum(), ..carry.clone() };
        offset += len;
        view
    };
    carries.iter().zip(&lens).map(place).collect()
}

fn varies_with_step(scan: &Scan, k: usize) -> bool {
    (scan.n_carry..scan.n_carry + scan.n_step).contains(&k)
}

/// Step `t` of a step input.
fn slice(
    value: &Value,
    dims: &[DimId],
    from: &[(DimId, usize)],
    scan: &Scan,
    t: usize,
    sizes: &Sizes,
) -> Value {
    let first = t * stride_of(from, scan.over);
    let counts: Vec<usize> = dims.iter().map(|&d| sizes.of(d)).collect();
    let strides: Vec<[usize; 1]> = dims.iter().map(|&d| [stride_of(from, d)]).collect();
    match value {
        Value::Real(v) => {
            let mut out = Vec::with_capacity(counts.iter().product());
            walk(&counts, &strides, |[i]| out.push(v[first + i]));
            Value::Real(out)
        }
        Value::Index(v) => {
            let mut out = Vec::with_capacity(counts.iter().product());
            walk(&counts, &strides, |[i]| out.push(v[first + i]));
            Value::Index(out)
        }
    }
}
