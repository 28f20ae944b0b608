//! Reverse differentiation as a graph transform: rules emit graph, never numbers.
//!
//! A cotangent is kept in its smallest shape: dimensions it lacks are those along which it is the
//! same. So the cotangent of a row sum's argument is a scalar, and only what really differs from
//! row to row is computed per row.

use std::collections::HashMap;
use std::sync::Arc;

use crate::derivative::{self, AdError};
use crate::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Real, Reduction, Scan, Varies};
use crate::log_tail;

/// A graph holding an output, and its gradient with respect to some inputs.
#[derive(Debug)]
pub struct ValueAndGrad {
    pub graph: Graph,
    pub value: NodeId,
    /// One per requested input, with exactly the input's dimensions.
    pub grads: Vec<NodeId>,
    /// Other nodes asked for, as they are called in the new graph.
    pub others: Vec<NodeId>,
}

/// The gradient of a scalar `output` with respect to `wrt` (real nodes), in a new graph; `others`
/// are carried along. Every gradient has the dimensions of its node (zeros where nothing depends
/// on it).
pub fn value_and_grad(
    g: &Graph,
    output: NodeId,
    wrt: &[NodeId],
    others: &[NodeId],
) -> Result<ValueAndGrad, AdError> {
    let targets: Vec<NodeId> = [output].iter().chain(wrt).chain(others).copied().collect();
    let (mut graph, nodes) = derivative::with_residuals(g, &targets)?;
    let (value, rest) = (nodes[0], &nodes[1..]);
    let (wrt, others) = rest.split_at(wrt.len());
    let one = graph.constant(1.0);
    let cts = vjp(&mut graph, &[(value, one)], wrt)?;
    let grads = wrt.iter().zip(cts).map(|(&w, ct)| full(&mut graph, w, ct)).collect();
    Ok(ValueAndGrad { value, grads, others: others.to_vec(), graph })
}

/// A cotangent with all the dimensions of its node.
fn full(g: &mut Graph, node: NodeId, ct: Option<NodeId>) -> NodeId {
    let dims = g.ty(node).dims.clone();
    match ct {
        Some(ct) => g.expand(ct, &dims),
        None => {
            let zero = g.constant(0.0);
            g.expand(zero, &dims)
        }
    }
}

/// Cotangents of `wrt` given those of `outputs`; `None` where nothing depends on it. Foreign ops
/// and scans must be in the form `value_and_grad` puts them in.
pub fn vjp(
    g: &mut Graph,
    outputs: &[(NodeId, NodeId)],
    wrt: &[NodeId],
) -> Result<Vec<Option<NodeId>>, AdError> {
    let roots: Vec<NodeId> = outputs.iter().map(|o| o.0).collect();
    let live = derivative::ancestors(g, &roots);
    let active = derivative::descendants(g, wrt);
    let mut sweep = Sweep { g, cts: HashMap::new(), tuples: HashMap::new(), active };
    for &(n, ct) in outputs {
        sweep.give(n, ct);
    }
    let top = roots.iter().map(|r| r.index() + 1).max().unwrap_or(0);
    for i in (0..top).rev() {
        let n = NodeId(i as u32);
        if !live[i] || !sweep.active[i] {
            continue;
        }
        sweep.g.origin = sweep.g.node(n).origin;
        if let Some(cts) = sweep.tuples.remove(&n) {
            sweep.tuple_rule(n, &cts)?;
        } else if let Some(&ct) = sweep.cts.get(&n) {
            sweep.rule(n, ct)?;
        }
    }
    Ok(wrt.iter().map(|w| sweep.cts.get(w).copied()).collect())
}

struct Sweep<'a> {
    g: &'a mut Graph,
    cts: HashMap<NodeId, NodeId>,
    /// Cotangents of the results of tuple nodes.
    tuples: HashMap<NodeId, Vec<Option<NodeId>>>,
    active: Vec<bool>,
}

impl Sweep<'_> {
    fn wants(&self, n: NodeId) -> bool {
        self.active.get(n.index()).copied().unwrap_or(false)
    }

    /// Adds to the cotangent of `n`.
    fn give(&mut self, n: NodeId, ct: NodeId) {
        let total = match self.cts.get(&n) {
            Some(&old) => self.g.add_branches(old, ct),
            None => ct,
        };
        self.cts.insert(n, total);
    }

    /// Gives `n` a contribution that varies (really or implicitly) over `over`: summed over the
    /// dimensions that `n` lacks.
    fn give_from(&mut self, n: NodeId, over: &[DimId], contribution: NodeId) {
        let extra: Vec<DimId> = over.iter().copied().filter(|&d| !self.g.ty(n).has(d)).collect();
        let ct = self.g.sum(contribution, &extra);
        self.give(n, ct);
    }

    fn rule(&mut self, n: NodeId, ct: NodeId) -> Result<(), AdError> {
        let node = self.g.node(n).clone();
        let dims = node.ty.dims.clone();
        let args = &node.args;
        match &node.op {
            Op::Const(_) | Op::Input(_) | Op::Size(_) | Op::Iota(_) | Op::Ones(_) => {}
            // Draw-free by type: no cotangent reaches them.
            Op::Filter { .. } | Op::GramFactor { .. } => {}
            Op::Unary(op) => {
                if let Some(d) = derivative::unary(self.g, *op, args[0], n)? {
                    let c = self.g.mul(ct, d);
                    self.give(args[0], c);
                }
            }
            Op::Binary(op) => self.binary(*op, n, args, &dims, ct),
            Op::LogTail(tail) => {
                for (k, &x) in args.iter().enumerate() {
                    if self.wants(x) {
                        let d = log_tail::derivative(self.g, *tail, args, k)?;
                        let c = self.g.mul(ct, d);
                        self.give_from(x, &dims, c);
                    }
                }
            }
            Op::Select => {
                let zero = self.g.constant(0.0);
                if self.wants(args[1]) {
                    let c = self.g.select(args[0], ct, zero);
                    self.give_from(args[1], &dims, c);
                }
                if self.wants(args[2]) {
                    let c = self.g.select(args[0], zero, ct);
                    self.give_from(args[2], &dims, c);
                }
            }
            Op::Reduce(Reduction::Sum, _) => self.give(args[0], ct),
            Op::Reduce(_, over) => {
                // Shared equally among ties.
                let hit = self.g.binary(Binary::Eq, args[0], n);
                let ties = self.g.sum(hit, over);
                let share = self.g.div(ct, ties);
                let zero = self.g.constant(0.0);
                let c = self.g.select(hit, share, zero);
                self.give(args[0], c);
            }
            Op::Contract { over } => {
                let all = self.g.union(&dims, over);
                for (x, y) in [(args[0], args[1]), (args[1], args[0])] {
                    if self.wants(x) {
                        let extra: Vec<DimId> =
                            all.iter().copied().filter(|&d| !self.g.ty(x).has(d)).collect();
                        let c = self.product_sum(ct, y, &extra);
                        self.give(x, c);
                    }
                }
            }
            Op::Gather => {
                let c = self.g.scatter_add(ct, args[1]);
                self.give(args[0], c);
            }
            Op::ScatterAdd => {
                let c = self.g.gather(ct, args[1]);
                self.give(args[0], c);
            }
            Op::Element { dim, at } => {
                let c = self.g.place(ct, *dim, *at);
                self.give(args[0], c);
            }
            Op::Place { dim, at } => {
                let c = self.g.element(ct, *dim, *at);
                self.give(args[0], c);
            }
            Op::Slice { dim, start, into } => {
                let c = self.g.pad(ct, *into, *start, *dim);
                self.give(args[0], c);
            }
            Op::Pad { from, start, dim } => {
                let c = self.g.slice(ct, *dim, *start, *from);
                self.give(args[0], c);
            }
            Op::Concat { parts, into } => {
                for (k, (&x, part)) in args.iter().zip(parts).enumerate() {
                    if self.wants(x) {
                        let start = self.part_start(parts, *into, k).ok_or_else(|| AdError::NoRule {
                            op: format!(
                                "concat into {} between parts whose sizes the data tell,",
                                self.g.dim(*into).name
                            ),
                            origin: node.origin,
                        })?;
                        let c = match part {
                            None => self.g.element(ct, *into, start),
                            Some(d) => self.g.slice(ct, *into, start, *d),
                        };
                        // Broadcast against the other parts' dimensions.
                        let over: Vec<DimId> = dims.iter().copied().filter(|d| d != into).collect();
                        self.give_from(x, &over, c);
                    }
                }
            }
            Op::Shift { dim, by, .. } => {
                let c = self.g.shift(ct, *dim, -by, 0.0);
                self.give(args[0], c);
            }
            Op::Rename(map) => {
                let back: Vec<(DimId, DimId)> = map.iter().map(|&(a, b)| (b, a)).collect();
                let c = self.g.rename(ct, &back);
                self.give(args[0], c);
            }
            Op::Cholesky { row, col } => {
                let c = self.cholesky(n, *row, *col, ct);
                self.give(args[0], c);
            }
            Op::TriSolve { row, col, transposed } => {
                self.tri_solve(n, args, *row, *col, *transposed, ct);
            }
            Op::Output(k) => {
                let results = crate::types::tuple_types(self.g, args[0])?.len();
                let slots = self.tuples.entry(args[0]).or_insert_with(|| vec![None; results]);
                slots[*k] = Some(ct);
            }
            Op::Scan(_) | Op::Foreign(_) => unreachable!("tuples get their cotangents result by result"),
        }
        Ok(())
    }

    /// Sum over `extra` of `ct * y`, where `ct` may lack dimensions it implicitly has.
    fn product_sum(&mut self, ct: NodeId, y: NodeId, extra: &[DimId]) -> NodeId {
        let (present, absent): (Vec<DimId>, Vec<DimId>) =
            extra.iter().partition(|&&d| self.g.ty(ct).has(d) || self.g.ty(y).has(d));
        let c = self.g.contract(ct, y, &present);
        self.g.sum(c, &absent)
    }

    /// Where part `k` of a concatenation begins, counted from whichever end has known sizes.
    fn part_start(&self, parts: &[Option<DimId>], into: DimId, k: usize) -> Option<usize> {
        let width = |part: &Option<DimId>| part.map_or(Some(1), |d| self.g.fixed_size(d));
        let total = |parts: &[Option<DimId>]| parts.iter().map(width).sum::<Option<usize>>();
        total(&parts[..k]).or_else(|| self.g.fixed_size(into)?.checked_sub(total(&parts[k..])?))
    }

    fn binary(&mut self, op: Binary, n: NodeId, args: &[NodeId], dims: &[DimId], ct: NodeId) {
        let (a, b) = (args[0], args[1]);
        let (for_a, for_b) = match op {
            Binary::Add => (Some(ct), Some(ct)),
            Binary::Sub => (Some(ct), self.wants(b).then(|| self.g.neg(ct))),
            Binary::Mul => {
                (self.wants(a).then(|| self.g.mul(ct, b)), self.wants(b).then(|| self.g.mul(ct, a)))
            }
            Binary::Div => {
                let q = self.g.div(ct, b);
                let for_b = self.wants(b).then(|| {
                    let p = self.g.mul(q, n);
                    self.g.neg(p)
                });
                (Some(q), for_b)
            }
            Binary::Pow => {
                let for_a = self.wants(a).then(|| {
                    let less = self.g.add_const(b, -1.0);
                    let p = self.g.pow(a, less);
                    let d = self.g.mul(b, p);
                    self.g.mul(ct, d)
                });
                let for_b = self.wants(b).then(|| {
                    let l = self.g.ln(a);
                    let d = self.g.mul(n, l);
                    // 0^b is flat in b > 0
                    let zero = self.g.constant(0.0);
                    let positive = self.g.binary(Binary::Lt, zero, a);
                    let c = self.g.mul(ct, d);
                    self.g.select(positive, c, zero)
                });
                (for_a, for_b)
            }
            Binary::Max | Binary::Min => {
                let zero = self.g.constant(0.0);
                let (low, high) = if op == Binary::Max { (b, a) } else { (a, b) };
                let takes_a = self.g.binary(Binary::Le, low, high);
                (Some(self.g.select(takes_a, ct, zero)), Some(self.g.select(takes_a, zero, ct)))
            }
            Binary::Log1pGap => {
                let (by_n, by_a) = derivative::log1p_gap(self.g, a, b);
                let for_a = self.wants(a).then(|| self.g.mul(ct, by_n));
                (for_a, self.wants(b).then(|| self.g.mul(ct, by_a)))
            }
            Binary::Lt | Binary::Le | Binary::Eq => (None, None),
        };
        for (x, c) in [(a, for_a), (b, for_b)] {
            if let Some(c) = c
                && self.wants(x)
            {
                self.give_from(x, dims, c);
            }
        }
    }

    /// Murray, Differentiation of the Cholesky decomposition (2016), equation (10):
    /// sym(L^-T P(L' ct) L^-1) with P the lower triangle, its diagonal halved.
    fn cholesky(&mut self, l: NodeId, row: DimId, col: DimId, ct: NodeId) -> NodeId {
        let ct = derivative::lower(self.g, ct, row, col, 1.0);
        let other = self.g.prime(col);
        let other = if other == row { self.g.prime(other) } else { other };
        let ct2 = self.g.rename(ct, &[(col, other)]);
        let p = self.g.contract(l, ct2, &[row]);
        let p = derivative::lower(self.g, p, col, other, 0.5);
        let p = self.g.rename(p, &[(col, row)]);
        let x = self.g.tri_solve(l, p, row, col, true);
        let x = self.g.rename(x, &[(row, other), (other, row)]);
        let y = self.g.tri_solve(l, x, row, col, true);
        let y = self.g.rename(y, &[(other, col)]);
        let yt = self.g.rename(y, &[(row, col), (col, row)]);
        let s = self.g.add(y, yt);
        self.g.scale(0.5, s)
    }

    fn tri_solve(
        &mut self,
        n: NodeId,
        args: &[NodeId],
        row: DimId,
        col: DimId,
        transposed: bool,
        ct: NodeId,
    ) {
        let (l, b) = (args[0], args[1]);
        let dims = self.g.ty(n).dims.clone();
        let for_b = self.g.tri_solve(l, ct, row, col, !transposed);
        if self.wants(l) {
            // -tril(b_bar y') for L y = b; -tril(y b_bar') for L' y = b
            let (left, right) = if transposed { (n, for_b) } else { (for_b, n) };
            let right = self.g.rename(right, &[(row, col)]);
            let all = self.g.union(&dims, &[col]);
            let extra: Vec<DimId> = all.into_iter().filter(|&d| !self.g.ty(l).has(d)).collect();
            let p = self.product_sum(left, right, &extra);
            let p = derivative::lower(self.g, p, row, col, 1.0);
            let c = self.g.neg(p);
            self.give(l, c);
        }
        if self.wants(b) {
            self.give_from(b, &dims, for_b);
        }
    }

    fn tuple_rule(&mut self, n: NodeId, cts: &[Option<NodeId>]) -> Result<(), AdError> {
        let node = self.g.node(n).clone();
        match &node.op {
            Op::Foreign(f) => {
                let results: Vec<NodeId> = (0..cts.len()).map(|k| self.g.output(n, k)).collect();
                let for_args = f.0.vjp(self.g, &node.args, &results, cts)?;
                for (&x, ct) in node.args.iter().zip(for_args) {
                    if let Some(ct) = ct
                        && self.wants(x)
                    {
                        self.give(x, ct);
                    }
                }
                Ok(())
            }
            Op::Scan(s) => self.scan(n, s, &node.args, cts),
            op => Err(AdError::NoRule { op: op.name().into(), origin: node.origin }),
        }
    }

    /// The reverse of a scan is a scan the other way over the stored carries: its carries are the
    /// cotangents of the carries and the sums of those of the captured values, its emissions the
    /// cotangents of the per-step inputs.
    fn scan(
        &mut self,
        n: NodeId,
        s: &Arc<Scan>,
        args: &[NodeId],
        cts: &[Option<NodeId>],
    ) -> Result<(), AdError> {
        if !derivative::has_carries(s) {
            return Err(AdError::NoRule {
                op: "a scan without residuals".into(),
                origin: self.g.node(n).origin,
            });
        }
        // The stored carries are emissions like others: a derivative taken before may use them.
        let emits: Vec<usize> = (s.n_carry..s.outputs.len()).filter(|&k| cts[k].is_some()).collect();
        let stored = s.outputs.len() - s.n_carry;
        let inputs = derivative::body_inputs(&s.body);
        let real: Vec<bool> = inputs.iter().map(|&i| s.body.ty(i).kind == Kind::Real).collect();
        let captured = s.n_carry + s.n_step..inputs.len();

        // The body of the reverse step: its carries come first, then its steps, then captures.
        let mut body = Graph::with_dims_of(self.g);
        let like = |body: &mut Graph, name: &str, k: usize, varies: Varies| {
            let ty = s.body.ty(inputs[k]).clone();
            body.input(&format!("{name}{k}"), varies, ty.kind, &ty.dims)
        };
        let varies_of = |k: usize| s.body.varies(inputs[k]);
        let carry_ct: Vec<NodeId> = (0..s.n_carry).map(|k| like(&mut body, "ct", k, Varies::Lane)).collect();
        let sums: Vec<usize> =
            captured.clone().filter(|&k| real[k] && varies_of(k) != Varies::Data).collect();
        let sum_ct: Vec<NodeId> = sums.iter().map(|&k| like(&mut body, "sum", k, Varies::Lane)).collect();
        let emit_ct: Vec<NodeId> = emits
            .iter()
            .map(|&k| {
                let ty = s.body.ty(s.outputs[k]).clone();
                body.input(&format!("emit{k}"), Varies::Lane, ty.kind, &ty.dims)
            })
            .collect();
        let mut forward: Vec<NodeId> = Vec::new();
        for k in 0..inputs.len() {
            let varies = if k < s.n_carry { Varies::Lane } else { varies_of(k) };
            forward.push(like(&mut body, "x", k, varies));
        }
        // The forward step again, inside the reverse one.
        let (step, step_outputs) = derivative::step_with_residuals(s)?;
        let copied = body.inline(&step, &forward)?;
        let outputs: Vec<(NodeId, NodeId)> = (0..s.n_carry)
            .map(|k| (copied[step_outputs[k].index()], carry_ct[k]))
            .chain(emits.iter().zip(&emit_ct).map(|(&k, &ct)| (copied[step_outputs[k].index()], ct)))
            .collect();
        let wrt: Vec<NodeId> = forward.clone();
        let step_cts = vjp(&mut body, &outputs, &wrt)?;
        let as_full = |body: &mut Graph, k: usize| full(body, forward[k], step_cts[k]);
        let mut outs: Vec<NodeId> = (0..s.n_carry).map(|k| as_full(&mut body, k)).collect();
        for (&k, &acc) in sums.iter().zip(&sum_ct) {
            let c = as_full(&mut body, k);
            outs.push(body.add(acc, c));
        }
        let steps: Vec<usize> =
            (s.n_carry..s.n_carry + s.n_step).filter(|&k| real[k] && varies_of(k) != Varies::Data).collect();
        for &k in &steps {
            outs.push(as_full(&mut body, k));
        }

        // Its arguments: cotangents of the final carries, zeros, cotangents of the emissions, the
        // stored carries and steps, the captures.
        let mut new_args = Vec::new();
        for (k, ct) in cts[..s.n_carry].iter().enumerate() {
            new_args.push(full(self.g, args[k], *ct));
        }
        for &k in &sums {
            new_args.push(full(self.g, args[k], None));
        }
        for &k in &emits {
            let out = self.g.output(n, k);
            new_args.push(full(self.g, out, cts[k]));
        }
        for k in 0..s.n_carry {
            new_args.push(self.g.output(n, stored + k));
        }
        new_args.extend(&args[s.n_carry..]);
        let reverse = Scan {
            over: s.over,
            n_carry: s.n_carry + sums.len(),
            n_step: emits.len() + s.n_carry + s.n_step,
            reverse: !s.reverse,
            body,
            outputs: outs,
        };
        let tuple = self.g.push(Op::Scan(Arc::new(reverse)), &new_args)?;
        let takers = (0..s.n_carry).chain(sums.iter().copied()).chain(steps.iter().copied());
        for (k, x) in takers.enumerate() {
            if self.wants(args[x]) {
                let c = self.g.output(tuple, k);
                self.give(args[x], c);
            }
        }
        Ok(())
    }
}

impl Graph {
    /// Copies the nodes of `other` into this graph (same dimension table), its inputs replaced by
    /// `inputs`; returns where each node went.
    pub fn inline(&mut self, other: &Graph, inputs: &[NodeId]) -> Result<Vec<NodeId>, AdError> {
        let mut map: Vec<NodeId> = Vec::with_capacity(other.nodes().len());
        for node in other.nodes() {
            let n = match &node.op {
                Op::Input(i) => inputs[i.0 as usize],
                op => {
                    let args: Vec<NodeId> = node.args.iter().map(|a| map[a.index()]).collect();
                    self.origin = node.origin;
                    self.push(op.clone(), &args)?
                }
            };
            map.push(n);
        }
        Ok(map)
    }

    /// Zero of no dimension.
    pub fn zero(&mut self) -> NodeId {
        self.push(Op::Const(Real(0.0)), &[]).expect("a constant is well typed")
    }
}
