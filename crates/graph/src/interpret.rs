//! A plain evaluator of any node for one draw: the meaning of every op, one dense array at a time.
//!
//! It computes whatever depends on data alone when a [`Program`](crate::program::Program) is planned,
//! and is the oracle of the program's tests. Arrays are in memory order of the node's type.

mod linear;
mod scalar;

use std::any::Any;
use std::collections::HashMap;

use crate::foreign::{ArgForm, Call};
use crate::ir::{Binary, DimId, Graph, InputId, Kind, NodeId, Op, Reduction, Scan, Ty, Unary};
use crate::layout::{Sizes, reachable, stride_of, walk};
use crate::program::PlanError;
use crate::types::tuple_types;
use crate::value::{Bindings, Value};

/// The values of `outputs` for one draw. Every input the outputs need, lane inputs too, is taken by
/// name from the bindings' data.
pub fn evaluate(graph: &Graph, outputs: &[NodeId], bindings: &Bindings) -> Result<Vec<Value>, PlanError> {
    let sizes = Sizes::resolve(graph, bindings)?;
    evaluate_sized(graph, outputs, bindings, &sizes)
}

/// [`evaluate`] with sizes that are known already.
pub(crate) fn evaluate_sized(
    graph: &Graph,
    outputs: &[NodeId],
    bindings: &Bindings,
    sizes: &Sizes,
) -> Result<Vec<Value>, PlanError> {
    let input = |id: InputId| bound(graph, id, bindings, sizes);
    sizes.check(graph, &reachable(graph, outputs))?;
    Evaluator { graph, sizes, states: &mut HashMap::new() }.run(outputs, &input)
}

/// The values of `outputs`, with inputs given by number.
pub(crate) fn run<'v>(
    graph: &Graph,
    sizes: &Sizes,
    outputs: &[NodeId],
    input: &dyn Fn(InputId) -> Result<&'v Value, PlanError>,
) -> Result<Vec<Value>, PlanError> {
    Evaluator { graph, sizes, states: &mut HashMap::new() }.run(outputs, input)
}

/// The results of one node, which is no input, scan or result of a tuple, from its arguments.
pub(crate) fn apply(graph: &Graph, sizes: &Sizes, n: NodeId, args: &[&Value]) -> Vec<Value> {
    let mut of = Evaluator { graph, sizes, states: &mut HashMap::new() };
    match graph.node(n).op {
        Op::Foreign(_) => of.foreign(n, args),
        _ => vec![of.node(n, args)],
    }
}

/// The checked data of an input.
fn bound<'a>(
    graph: &Graph,
    id: InputId,
    bindings: &'a Bindings,
    sizes: &Sizes,
) -> Result<&'a Value, PlanError> {
    let input = &graph.inputs()[id.0 as usize];
    let name = || input.name.clone();
    let value = bindings.data.get(&input.name).ok_or_else(|| PlanError::MissingData { input: name() })?;
    let expected = sizes.count(&input.ty.dims);
    match (input.ty.kind, value) {
        (Kind::Index(d), Value::Index(v)) => {
            let Some(size) = sizes.get(d) else {
                return Err(PlanError::MissingSize { dim: graph.dim(d).name.clone() });
            };
            if let Some(position) = v.iter().position(|&i| i as usize >= size) {
                let (value, dim) = (v[position], graph.dim(d).name.clone());
                return Err(PlanError::IndexOutOfRange { input: name(), position, value, dim, size });
            }
        }
        (Kind::Real, Value::Real(_)) => {}
        (kind, _) => {
            let expected = if kind == Kind::Real { "reals".into() } else { "positions".into() };
            return Err(PlanError::WrongKind { input: name(), expected });
        }
    }
    if value.len() != expected {
        return Err(PlanError::WrongLength { input: name(), expected, found: value.len() });
    }
    Ok(value)
}

/// The elements of a real value.
pub(crate) fn reals(v: &Value) -> &[f64] {
    match v {
        Value::Real(v) => v,
        Value::Index(_) => unreachable!("the checker allows positions in gathers and scatters only"),
    }
}

/// The elements of an index.
pub(crate) fn positions(v: &Value) -> &[u32] {
    match v {
        Value::Index(v) => v,
        Value::Real(_) => unreachable!("the checker allows an index only here"),
    }
}

enum Held<'a> {
    Borrowed(&'a Value),
    Owned(Value),
    Tuple(Vec<Value>),
}

impl Held<'_> {
    fn value(&self) -> &Value {
        match self {
            Held::Borrowed(v) => v,
            Held::Owned(v) => v,
            Held::Tuple(_) => unreachable!("only `output` uses a tuple"),
        }
    }
}

type States = HashMap<u64, Box<dyn Any + Send>>;

struct Evaluator<'a> {
    graph: &'a Graph,
    sizes: &'a Sizes,
    states: &'a mut States,
}

impl<'a> Evaluator<'a> {
    /// Every value is dropped after its last use.
    fn run<'v>(
        &mut self,
        outputs: &[NodeId],
        input: &dyn Fn(InputId) -> Result<&'v Value, PlanError>,
    ) -> Result<Vec<Value>, PlanError> {
        let graph = self.graph;
        let nodes = reachable(graph, outputs);
        let mut last_use: HashMap<NodeId, NodeId> = HashMap::new();
        for &n in &nodes {
            for &a in &graph.node(n).args {
                last_use.insert(a, n);
            }
        }
        for &o in outputs {
            last_use.remove(&o);
        }
        let mut held: HashMap<NodeId, Held<'v>> = HashMap::new();
        for &n in &nodes {
            let node = graph.node(n);
            let value = match &node.op {
                Op::Input(id) => Held::Borrowed(input(*id)?),
                Op::Output(k) => match &held[&node.args[0]] {
                    Held::Tuple(values) => Held::Owned(values[*k].clone()),
                    _ => unreachable!("checked by `infer`"),
                },
                Op::Scan(scan) => {
                    let args: Vec<&Value> = node.args.iter().map(|a| held[a].value()).collect();
                    let tys: Vec<&Ty> = node.args.iter().map(|&a| graph.ty(a)).collect();
                    Held::Tuple(self.scan(scan, &args, &tys)?)
                }
                Op::Foreign(_) => {
                    let args: Vec<&Value> = node.args.iter().map(|a| held[a].value()).collect();
                    Held::Tuple(self.foreign(n, &args))
                }
                _ => {
                    let args: Vec<&Value> = node.args.iter().map(|a| held[a].value()).collect();
                    Held::Owned(self.node(n, &args))
                }
            };
            held.insert(n, value);
            for a in &node.args {
                if last_use.get(a) == Some(&n) {
                    held.remove(a);
                }
            }
        }
        Ok(outputs
            .iter()
            .map(|o| match &held[o] {
                Held::Borrowed(v) => (*v).clone(),
                Held::Owned(v) => v.clone(),
                Held::Tuple(_) => unreachable!("a tuple is no output"),
            })
            .collect())
    }

    fn counts(&self, dims: &[DimId]) -> Vec<usize> {
        dims.iter().map(|&d| self.sizes.of(d)).collect()
    }

    /// Strides of argument `dims` as the box `over` is walked.
    fn along(&self, over: &[DimId], dims: &[DimId]) -> Vec<usize> {
        let s = self.sizes.strides(dims);
        over.iter().map(|&d| stride_of(&s, d)).collect()
    }

    fn node(&self, n: NodeId, args: &[&Value]) -> Value {
        let node = self.graph.node(n);
        let (dims, ty) = (&node.ty.dims, |k: usize| &self.graph.ty(node.args[k]).dims);
        let counts = self.counts(dims);
        let len: usize = counts.iter().product();
        let x = |k: usize| reals(args[k]);
        let mut out = vec![0.0; len];
        match &node.op {
            Op::Const(c) => out[0] = c.0,
            Op::Size(d) => out[0] = self.sizes.of(*d) as f64,
            Op::Iota(_) => out.iter_mut().enumerate().for_each(|(i, o)| *o = i as f64),
            Op::Ones(_) => out.fill(1.0),
            Op::Unary(op) => scalar::unary(*op, x(0), &mut out),
            Op::Binary(op) => {
                let (a, b) = (x(0), x(1));
                let strides = zip(self.along(dims, dims), self.along(dims, ty(0)), self.along(dims, ty(1)));
                macro_rules! each {
                    ($f:expr) => {
                        walk(&counts, &strides, |[o, i, j]| out[o] = $f(a[i], b[j]))
                    };
                }
                match op {
                    Binary::Add => each!(|x, y| x + y),
                    Binary::Sub => each!(|x, y| x - y),
                    Binary::Mul => each!(|x, y| x * y),
                    Binary::Div => each!(|x, y| x / y),
                    op => each!(|x, y| scalar::binary(*op, x, y)),
                }
            }
            Op::LogTail(tail) => {
                let of = |d: &[DimId]| self.along(dims, d);
                // A law of two arguments reads its second again, and does not look.
                let last = tail.arity() - 1;
                let (a, b, c) = (x(0), x(1), x(last));
                let (so, sa, sb, sc) = (of(dims), of(ty(0)), of(ty(1)), of(ty(last)));
                let strides: Vec<[usize; 4]> =
                    (0..dims.len()).map(|i| [so[i], sa[i], sb[i], sc[i]]).collect();
                walk(&counts, &strides, |[o, i, j, k]| out[o] = tail.value([a[i], b[j], c[k]]));
            }
            Op::Select => {
                let (c, a, b) = (x(0), x(1), x(2));
                let of = |d: &[DimId]| self.along(dims, d);
                let (so, sc, sa, sb) = (of(dims), of(ty(0)), of(ty(1)), of(ty(2)));
                let strides: Vec<[usize; 4]> =
                    (0..dims.len()).map(|i| [so[i], sc[i], sa[i], sb[i]]).collect();
                walk(&counts, &strides, |[o, i, j, k]| out[o] = if c[i] != 0.0 { a[j] } else { b[k] });
            }
            Op::Reduce(op, _) => {
                out.fill(match op {
                    Reduction::Sum => 0.0,
                    Reduction::Max => f64::NEG_INFINITY,
                    Reduction::Min => f64::INFINITY,
                });
                let (a, from) = (x(0), ty(0));
                let strides = pair(self.along(from, dims), self.along(from, from));
                let f = match op {
                    Reduction::Sum => |s, x| s + x,
                    Reduction::Max => |s, x| scalar::binary(Binary::Max, s, x),
                    Reduction::Min => |s, x| scalar::binary(Binary::Min, s, x),
                };
                walk(&self.counts(from), &strides, |[o, i]| out[o] = f(out[o], a[i]));
            }
            Op::Contract { .. } => {
                let (a, b) = (x(0), x(1));
                let all = self.graph.union(ty(0), ty(1));
                let strides = zip(self.along(&all, dims), self.along(&all, ty(0)), self.along(&all, ty(1)));
                walk(&self.counts(&all), &strides, |[o, i, j]| out[o] += a[i] * b[j]);
            }
            Op::Gather => {
                let Kind::Index(d) = self.graph.ty(node.args[1]).kind else {
                    unreachable!("checked by `infer`")
                };
                let (a, at) = (x(0), positions(args[1]));
                let step = stride_of(&self.sizes.strides(ty(0)), d);
                // d may come back as one of the index's own dimensions: there x does not move.
                let kept: Vec<usize> = dims
                    .iter()
                    .zip(self.along(dims, ty(0)))
                    .map(|(&e, s)| if e == d { 0 } else { s })
                    .collect();
                let strides = zip(self.along(dims, dims), kept, self.along(dims, ty(1)));
                walk(&counts, &strides, |[o, i, j]| out[o] = a[i + at[j] as usize * step]);
            }
            Op::ScatterAdd => {
                let Kind::Index(d) = self.graph.ty(node.args[1]).kind else {
                    unreachable!("checked by `infer`")
                };
                let (a, at) = (x(0), positions(args[1]));
                let step = stride_of(&self.sizes.strides(dims), d);
                let from = ty(0);
                let strides = zip(self.along(from, dims), self.along(from, from), self.along(from, ty(1)));
                walk(&self.counts(from), &strides, |[o, i, j]| out[o + at[j] as usize * step] += a[i]);
            }
            Op::Element { dim, at } => {
                let from = ty(0);
                let start = at * stride_of(&self.sizes.strides(from), *dim);
                let strides = pair(self.along(dims, dims), self.along(dims, from));
                walk(&counts, &strides, |[o, i]| out[o] = x(0)[start + i]);
            }
            Op::Place { dim, at } => {
                let from = ty(0);
                let start = at * stride_of(&self.sizes.strides(dims), *dim);
                let strides = pair(self.along(from, dims), self.along(from, from));
                walk(&self.counts(from), &strides, |[o, i]| out[start + o] = x(0)[i]);
            }
            Op::Slice { dim, start, into } => {
                let a = self.sizes.strides(ty(0));
                let start = start * stride_of(&a, *dim);
                let s = dims.iter().map(|&d| stride_of(&a, if d == *into { *dim } else { d })).collect();
                let strides = pair(self.along(dims, dims), s);
                walk(&counts, &strides, |[o, i]| out[o] = x(0)[start + i]);
            }
            Op::Pad { from, start, dim } => {
                let (all, o) = (ty(0), self.sizes.strides(dims));
                let start = start * stride_of(&o, *dim);
                let s = all.iter().map(|&d| stride_of(&o, if d == *from { *dim } else { d })).collect();
                let strides = pair(s, self.along(all, all));
                walk(&self.counts(all), &strides, |[o, i]| out[start + o] = x(0)[i]);
            }
            Op::Concat { parts, into } => {
                let o = self.sizes.strides(dims);
                let mut start = 0;
                for (k, part) in parts.iter().enumerate() {
                    let n = part.map_or(1, |d| self.sizes.of(d));
                    let a = self.sizes.strides(ty(k));
                    let from = |d: DimId| {
                        if d == *into { part.map_or(0, |p| stride_of(&a, p)) } else { stride_of(&a, d) }
                    };
                    let strides =
                        pair(o.iter().map(|s| s.1).collect(), dims.iter().map(|&d| from(d)).collect());
                    let mut counts = counts.clone();
                    let at = dims.iter().position(|d| d == into).expect("concat has its dimension");
                    counts[at] = n;
                    let first = start * o[at].1;
                    walk(&counts, &strides, |[o, i]| out[first + o] = x(k)[i]);
                    start += n;
                }
            }
            Op::Shift { dim, by, fill } => {
                let at = dims.iter().position(|d| d == dim).expect("checked by `infer`");
                let s = self.sizes.strides(dims);
                let (n, step) = (counts[at] as i64, s[at].1);
                out.fill(fill.0);
                let kept = (n - by.abs()).max(0) as usize;
                let (to, from) = (by.max(&0).unsigned_abs() as usize, (-by).max(0).unsigned_abs() as usize);
                let mut counts = counts.clone();
                counts[at] = kept;
                let strides = pair(s.iter().map(|s| s.1).collect(), s.iter().map(|s| s.1).collect());
                walk(&counts, &strides, |[o, i]| out[to * step + o] = x(0)[from * step + i]);
            }
            Op::Rename(map) => {
                let a = self.sizes.strides(ty(0));
                let back = |d: DimId| map.iter().find(|(_, to)| *to == d).map_or(d, |(from, _)| *from);
                let strides =
                    pair(self.along(dims, dims), dims.iter().map(|&d| stride_of(&a, back(d))).collect());
                walk(&counts, &strides, |[o, i]| out[o] = x(0)[i]);
            }
            Op::Filter { dim, into } => {
                let a = self.sizes.strides(ty(0));
                let step = stride_of(&a, *dim);
                let rows: Vec<usize> =
                    (0..x(1).len()).filter(|&i| x(1)[i] != 0.0).map(|i| i * step).collect();
                let s = dims.iter().map(|&d| if d == *into { 0 } else { stride_of(&a, d) }).collect();
                let row: Vec<usize> = dims.iter().map(|d| usize::from(d == into)).collect();
                let strides = zip(self.along(dims, dims), s, row);
                if let Value::Index(v) = args[0] {
                    let mut out = vec![0; len];
                    walk(&counts, &strides, |[o, i, r]| out[o] = v[i + rows[r]]);
                    return Value::Index(out);
                }
                walk(&counts, &strides, |[o, i, r]| out[o] = x(0)[i + rows[r]]);
            }
            Op::Cholesky { row, col } => {
                let s = self.sizes.strides(dims);
                let rest: Vec<DimId> = dims.iter().copied().filter(|d| d != row && d != col).collect();
                let strides: Vec<[usize; 1]> = self.along(&rest, dims).into_iter().map(|s| [s]).collect();
                let (n, sr, sc) = (self.sizes.of(*row), stride_of(&s, *row), stride_of(&s, *col));
                walk(&self.counts(&rest), &strides, |[o]| {
                    linear::cholesky(&x(0)[o..], &mut out[o..], n, sr, sc)
                });
            }
            Op::TriSolve { row, col, transposed } => {
                let l = self.sizes.strides(ty(0));
                let (n, sr, sc) = (self.sizes.of(*row), stride_of(&l, *row), stride_of(&l, *col));
                let rest: Vec<DimId> = dims.iter().copied().filter(|d| d != row).collect();
                let without = |d: &[DimId]| self.along(&rest, d);
                let strides = zip(without(dims), without(ty(0)), without(ty(1)));
                let sb = stride_of(&self.sizes.strides(ty(1)), *row);
                let so = stride_of(&self.sizes.strides(dims), *row);
                let mut y = vec![0.0; n];
                walk(&self.counts(&rest), &strides, |[o, i, j]| {
                    (0..n).for_each(|r| y[r] = x(1)[j + r * sb]);
                    linear::tri_solve(&x(0)[i..], &mut y, sr, sc, *transposed);
                    (0..n).for_each(|r| out[o + r * so] = y[r]);
                });
            }
            Op::GramFactor { over, row, col, grouped } => {
                let k = args.len() - usize::from(*grouped);
                let columns: Vec<&[f64]> = (0..k).map(x).collect();
                let s = self.sizes.strides(dims);
                let (sr, sc) = (stride_of(&s, *row), stride_of(&s, *col));
                let mut put = |group: usize, step: usize, r: &[f64]| {
                    for (i, j) in (0..k).flat_map(|i| (i..k).map(move |j| (i, j))) {
                        out[group * step + i * sr + j * sc] = r[i * k + j];
                    }
                };
                if *grouped {
                    let Kind::Index(d) = self.graph.ty(node.args[k]).kind else {
                        unreachable!("checked by `infer`")
                    };
                    let groups = linear::members(positions(args[k]), self.sizes.of(d));
                    let step = stride_of(&s, d);
                    for (group, rows) in groups.iter().enumerate() {
                        put(group, step, &linear::gram_factor(&columns, rows.iter().map(|&r| r as usize)));
                    }
                } else {
                    put(0, 0, &linear::gram_factor(&columns, 0..self.sizes.of(*over)));
                }
            }
            Op::Input(_) | Op::Scan(_) | Op::Foreign(_) | Op::Output(_) => unreachable!("handled in `run`"),
        }
        Value::Real(out)
    }

    fn scan(&mut self, scan: &Scan, args: &[&Value], tys: &[&Ty]) -> Result<Vec<Value>, PlanError> {
        let (sizes, n) = (self.sizes, self.sizes.of(scan.over));
        let mut carry: Vec<Value> = args[..scan.n_carry].iter().map(|&v| v.clone()).collect();
        let emitted: Vec<&Ty> = scan.outputs[scan.n_carry..].iter().map(|&o| scan.body.ty(o)).collect();
        let stacked: Vec<Vec<DimId>> =
            emitted.iter().map(|ty| scan.body.union(&ty.dims, std::slice::from_ref(&scan.over))).collect();
        let mut out: Vec<Vec<f64>> = stacked.iter().map(|d| vec![0.0; sizes.count(d)]).collect();
        for i in 0..n {
            let t = if scan.reverse { n - 1 - i } else { i };
            let mut steps = Vec::with_capacity(scan.n_step);
            for k in scan.n_carry..scan.n_carry + scan.n_step {
                let dims = &scan.body.inputs()[k].ty.dims;
                let first = t * stride_of(&sizes.strides(&tys[k].dims), scan.over);
                let strides = pair(self.along(dims, dims), self.along(dims, &tys[k].dims));
                let (counts, len) = (self.counts(dims), sizes.count(dims));
                steps.push(match args[k] {
                    Value::Real(v) => {
                        let mut slice = vec![0.0; len];
                        walk(&counts, &strides, |[o, i]| slice[o] = v[first + i]);
                        Value::Real(slice)
                    }
                    Value::Index(v) => {
                        let mut slice = vec![0; len];
                        walk(&counts, &strides, |[o, i]| slice[o] = v[first + i]);
                        Value::Index(slice)
                    }
                });
            }
            let input = |id: InputId| {
                let k = id.0 as usize;
                Ok(match k.checked_sub(scan.n_carry) {
                    None => &carry[k],
                    Some(s) if s < scan.n_step => &steps[s],
                    Some(_) => args[k],
                })
            };
            let body = &mut Evaluator { graph: &scan.body, sizes, states: self.states };
            let mut next = body.run(&scan.outputs, &input)?;
            for (k, v) in next.drain(scan.n_carry..).enumerate() {
                let (dims, to) = (&emitted[k].dims, &stacked[k]);
                let first = t * stride_of(&sizes.strides(to), scan.over);
                let strides = pair(self.along(dims, to), self.along(dims, dims));
                walk(&self.counts(dims), &strides, |[o, i]| out[k][first + o] = reals(&v)[i]);
            }
            carry = next;
        }
        Ok(carry.into_iter().chain(out.into_iter().map(Value::Real)).collect())
    }

    /// One draw in lane 0, repeated over the others.
    fn foreign(&mut self, n: NodeId, args: &[&Value]) -> Vec<Value> {
        let node = self.graph.node(n);
        let Op::Foreign(op) = &node.op else { unreachable!("called for foreign ops") };
        let op = &op.0;
        let lanes: Vec<Vec<f64>> = args
            .iter()
            .zip(op.arg_forms())
            .map(|(v, form)| {
                let v: Vec<f64> = match v {
                    Value::Real(v) => v.clone(),
                    Value::Index(v) => v.iter().map(|&i| i as f64).collect(),
                };
                match form {
                    ArgForm::Data => v,
                    ArgForm::Lanes => v.iter().flat_map(|&x| [x; 8]).collect(),
                }
            })
            .collect();
        let tys = tuple_types(self.graph, n).expect("checked by `infer`");
        let mut outs: Vec<Vec<f64>> =
            tys.iter().map(|ty| vec![0.0; 8 * self.sizes.count(&ty.dims)]).collect();
        let id = op.state_id();
        let mut own;
        let state = match id {
            Some(id) => self.states.entry(id).or_insert_with(|| op.new_state()),
            None => {
                own = op.new_state();
                &mut own
            }
        };
        let args: Vec<&[f64]> = lanes.iter().map(Vec::as_slice).collect();
        op.call(Call {
            args: &args,
            outs: &mut outs.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(),
            failed: &mut [false; 8],
            failures: &mut Vec::new(),
            state: state.as_mut(),
        });
        outs.into_iter().map(|o| Value::Real(o.into_iter().step_by(8).collect())).collect()
    }
}

fn pair(a: Vec<usize>, b: Vec<usize>) -> Vec<[usize; 2]> {
    a.into_iter().zip(b).map(|(a, b)| [a, b]).collect()
}

fn zip(a: Vec<usize>, b: Vec<usize>, c: Vec<usize>) -> Vec<[usize; 3]> {
    a.into_iter().zip(b).zip(c).map(|((a, b), c)| [a, b, c]).collect()
}

/// `op(x, y)` for two numbers.
pub(crate) fn binary(op: Binary, x: f64, y: f64) -> f64 {
    scalar::binary(op, x, y)
}

/// `op(x)` for one number.
pub fn unary(op: Unary, x: f64) -> f64 {
    let mut out = [0.0];
    scalar::unary(op, &[x], &mut out);
    out[0]
}
