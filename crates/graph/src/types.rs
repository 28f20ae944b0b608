//! The type rule of every op: what its arguments must be and what its result varies over.

use crate::ir::{DimId, Graph, Kind, NodeId, Op, Size, Ty, Varies};

/// An ill-typed node: a bug of whoever built the graph, told in the graph's own names.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum TypeError {
    #[error("{op} takes {expected} arguments, found {found}")]
    Arity { op: String, expected: usize, found: usize },
    #[error("{op}: argument {arg} must be {expected}, found {found}")]
    Argument { op: String, arg: usize, expected: String, found: String },
    #[error("{op}: {what}")]
    Other { op: String, what: String },
}

fn arity(op: &Op, args: &[NodeId], n: usize) -> Result<(), TypeError> {
    if args.len() == n {
        return Ok(());
    }
    Err(TypeError::Arity { op: op.name().into(), expected: n, found: args.len() })
}

impl Graph {
    /// `[home, feature]` or `index(county)[home]`, for messages and printing.
    pub fn show_ty(&self, ty: &Ty) -> String {
        let dims: Vec<&str> = ty.dims.iter().map(|&d| self.dim(d).name.as_str()).collect();
        match ty.kind {
            Kind::Real => format!("[{}]", dims.join(", ")),
            Kind::Index(d) => format!("index({})[{}]", self.dim(d).name, dims.join(", ")),
            Kind::Tuple => "tuple".into(),
        }
    }

    fn bad(&self, op: &Op, arg: usize, expected: impl Into<String>, found: &Ty) -> TypeError {
        TypeError::Argument {
            op: op.name().into(),
            arg: arg + 1,
            expected: expected.into(),
            found: self.show_ty(found),
        }
    }

    fn want_dim(&self, op: &Op, arg: usize, ty: &Ty, d: DimId) -> Result<(), TypeError> {
        if ty.has(d) {
            return Ok(());
        }
        Err(self.bad(op, arg, format!("over {}", self.dim(d).name), ty))
    }

    fn want_new(&self, op: &Op, arg: usize, ty: &Ty, d: DimId) -> Result<(), TypeError> {
        if !ty.has(d) {
            return Ok(());
        }
        Err(self.bad(op, arg, format!("without {}", self.dim(d).name), ty))
    }

    /// Two dimensions of a square matrix.
    fn want_pair(&self, op: &Op, row: DimId, col: DimId) -> Result<(), TypeError> {
        let sizes = self.fixed_size(row).zip(self.fixed_size(col));
        if row != col && sizes.is_none_or(|(n, m)| n == m) {
            return Ok(());
        }
        let (row, col) = (&self.dim(row).name, &self.dim(col).name);
        Err(TypeError::Other {
            op: op.name().into(),
            what: format!("{row} and {col} are no rows and columns"),
        })
    }

    /// That a dimension whose size is known has `end` elements.
    fn fits(&self, op: &Op, d: DimId, end: usize) -> Result<(), TypeError> {
        match self.fixed_size(d) {
            Some(n) if end > n => {
                let what = format!("reaches element {end} of {}, which has {n}", self.dim(d).name);
                Err(TypeError::Other { op: op.name().into(), what })
            }
            _ => Ok(()),
        }
    }

    /// The size of a dimension, where the specification tells it.
    pub fn fixed_size(&self, d: DimId) -> Option<usize> {
        match self.dim(d).size {
            Size::Fixed(n) => Some(n),
            _ => None,
        }
    }

    /// The union of dimensions, in canonical order.
    pub fn union(&self, a: &[DimId], b: &[DimId]) -> Vec<DimId> {
        self.canonical(a.iter().chain(b).copied().collect())
    }

    /// `dims` without `d`, with `with` added.
    pub(crate) fn replaced(&self, dims: &[DimId], d: DimId, with: &[DimId]) -> Vec<DimId> {
        self.canonical(dims.iter().copied().filter(|&x| x != d).chain(with.iter().copied()).collect())
    }
}

/// The type of `op(args)`, or why it has none.
pub fn infer(g: &Graph, op: &Op, args: &[NodeId]) -> Result<Ty, TypeError> {
    let other = |what: String| TypeError::Other { op: op.name().into(), what };
    let tys: Vec<&Ty> = args.iter().map(|&a| g.ty(a)).collect();
    let real = |dims: Vec<DimId>| Ok(Ty { kind: Kind::Real, dims: g.canonical(dims) });
    let indexed = match op {
        Op::Gather | Op::ScatterAdd => Some(1),
        Op::GramFactor { grouped: true, .. } => args.len().checked_sub(1),
        _ => None,
    };
    let any_kind = matches!(op, Op::Output(_) | Op::Foreign(_) | Op::Filter { .. } | Op::Scan(_));
    for (i, ty) in tys.iter().enumerate() {
        let wants_index = Some(i) == indexed;
        let is_index = matches!(ty.kind, Kind::Index(_));
        if !any_kind && (wants_index != is_index || ty.kind == Kind::Tuple) {
            return Err(g.bad(op, i, if wants_index { "an index" } else { "real" }, ty));
        }
    }
    match op {
        Op::Const(_) | Op::Size(_) => {
            arity(op, args, 0)?;
            Ok(Ty::scalar())
        }
        Op::Iota(d) => {
            arity(op, args, 0)?;
            real(vec![*d])
        }
        Op::Ones(dims) => {
            arity(op, args, 0)?;
            real(dims.clone())
        }
        Op::Input(i) => {
            arity(op, args, 0)?;
            let input = g.inputs().get(i.0 as usize);
            input.map(|i| i.ty.clone()).ok_or_else(|| other(format!("there is no input {}", i.0)))
        }
        Op::Unary(_) => {
            arity(op, args, 1)?;
            Ok(tys[0].clone())
        }
        Op::Binary(_) => {
            arity(op, args, 2)?;
            real(g.union(&tys[0].dims, &tys[1].dims))
        }
        Op::LogTail(t) => {
            arity(op, args, t.arity())?;
            let dims = tys.iter().flat_map(|ty| ty.dims.iter().copied()).collect();
            real(dims)
        }
        Op::Select => {
            arity(op, args, 3)?;
            let ab = g.union(&tys[1].dims, &tys[2].dims);
            real(g.union(&tys[0].dims, &ab))
        }
        Op::Reduce(_, over) => {
            arity(op, args, 1)?;
            for &d in over {
                g.want_dim(op, 0, tys[0], d)?;
            }
            real(tys[0].dims.iter().copied().filter(|d| !over.contains(d)).collect())
        }
        Op::Contract { over } => {
            arity(op, args, 2)?;
            let all = g.union(&tys[0].dims, &tys[1].dims);
            if let Some(&d) = over.iter().find(|d| !all.contains(d)) {
                return Err(other(format!("no argument varies over {}", g.dim(d).name)));
            }
            real(all.into_iter().filter(|d| !over.contains(d)).collect())
        }
        Op::Gather => {
            arity(op, args, 2)?;
            let Kind::Index(d) = tys[1].kind else { unreachable!("checked above") };
            g.want_dim(op, 0, tys[0], d)?;
            if let Some(&e) = tys[1].dims.iter().find(|&&e| tys[0].has(e)) {
                return Err(other(format!("the source already varies over {}", g.dim(e).name)));
            }
            real(g.replaced(&tys[0].dims, d, &tys[1].dims))
        }
        Op::ScatterAdd => {
            arity(op, args, 2)?;
            let Kind::Index(d) = tys[1].kind else { unreachable!("checked above") };
            for &e in &tys[1].dims {
                g.want_dim(op, 0, tys[0], e)?;
            }
            if tys[0].has(d) {
                return Err(other(format!("the values already vary over {}", g.dim(d).name)));
            }
            let kept = tys[0].dims.iter().copied().filter(|e| !tys[1].has(*e));
            real(kept.chain([d]).collect())
        }
        Op::Element { dim, at } => {
            arity(op, args, 1)?;
            g.want_dim(op, 0, tys[0], *dim)?;
            g.fits(op, *dim, at + 1)?;
            real(g.replaced(&tys[0].dims, *dim, &[]))
        }
        Op::Place { dim, at } => {
            arity(op, args, 1)?;
            g.fits(op, *dim, at + 1)?;
            g.want_new(op, 0, tys[0], *dim)?;
            real(g.union(&tys[0].dims, &[*dim]))
        }
        Op::Slice { dim, start, into } => {
            arity(op, args, 1)?;
            g.want_dim(op, 0, tys[0], *dim)?;
            g.want_new(op, 0, tys[0], *into)?;
            g.fits(op, *dim, start + g.fixed_size(*into).unwrap_or(0))?;
            real(g.replaced(&tys[0].dims, *dim, &[*into]))
        }
        Op::Pad { from, start, dim } => {
            arity(op, args, 1)?;
            g.want_dim(op, 0, tys[0], *from)?;
            g.want_new(op, 0, tys[0], *dim)?;
            g.fits(op, *dim, start + g.fixed_size(*from).unwrap_or(0))?;
            real(g.replaced(&tys[0].dims, *from, &[*dim]))
        }
        Op::Concat { parts, into } => {
            arity(op, args, parts.len())?;
            let mut dims = vec![*into];
            for (i, (ty, part)) in tys.iter().zip(parts).enumerate() {
                g.want_new(op, i, ty, *into)?;
                if let Some(d) = part {
                    g.want_dim(op, i, ty, *d)?;
                }
                dims.extend(ty.dims.iter().copied().filter(|d| Some(*d) != *part));
            }
            real(dims)
        }
        Op::Shift { dim, .. } => {
            arity(op, args, 1)?;
            g.want_dim(op, 0, tys[0], *dim)?;
            Ok(tys[0].clone())
        }
        Op::Rename(map) => {
            arity(op, args, 1)?;
            for (i, &(from, to)) in map.iter().enumerate() {
                g.want_dim(op, 0, tys[0], from)?;
                if map[..i].iter().any(|(a, _)| *a == from) {
                    return Err(other(format!("{} is renamed twice", g.dim(from).name)));
                }
                if let (Some(n), Some(m)) = (g.fixed_size(from), g.fixed_size(to))
                    && n != m
                {
                    let (from, to) = (&g.dim(from).name, &g.dim(to).name);
                    return Err(other(format!("{from} has {n} elements, {to} has {m}")));
                }
            }
            let to = |d: DimId| map.iter().find(|(a, _)| *a == d).map_or(d, |(_, b)| *b);
            let dims: Vec<DimId> = tys[0].dims.iter().map(|&d| to(d)).collect();
            let n = dims.len();
            let dims = g.canonical(dims);
            if dims.len() < n {
                return Err(other("two dimensions would have one name".into()));
            }
            real(dims)
        }
        Op::Filter { dim, into } => {
            arity(op, args, 2)?;
            g.want_dim(op, 0, tys[0], *dim)?;
            g.want_new(op, 0, tys[0], *into)?;
            if tys[1].kind != Kind::Real || tys[1].dims != [*dim] {
                return Err(g.bad(op, 1, format!("[{}]", g.dim(*dim).name), tys[1]));
            }
            if args.iter().any(|&a| g.varies(a) != Varies::Data) {
                return Err(other("works on data only".into()));
            }
            Ok(Ty { kind: tys[0].kind, dims: g.replaced(&tys[0].dims, *dim, &[*into]) })
        }
        Op::Cholesky { row, col } => {
            arity(op, args, 1)?;
            g.want_dim(op, 0, tys[0], *row)?;
            g.want_dim(op, 0, tys[0], *col)?;
            g.want_pair(op, *row, *col)?;
            Ok(tys[0].clone())
        }
        Op::TriSolve { row, col, .. } => {
            arity(op, args, 2)?;
            g.want_dim(op, 0, tys[0], *row)?;
            g.want_dim(op, 0, tys[0], *col)?;
            g.want_pair(op, *row, *col)?;
            g.want_dim(op, 1, tys[1], *row)?;
            if tys[1].has(*col) {
                return Err(g.bad(op, 1, format!("without {}", g.dim(*col).name), tys[1]));
            }
            let rest: Vec<DimId> = tys[0].dims.iter().copied().filter(|d| d != col).collect();
            real(g.union(&rest, &tys[1].dims))
        }
        Op::GramFactor { over, row, col, grouped } => {
            let n_cols = args.len().saturating_sub(usize::from(*grouped));
            g.want_pair(op, *row, *col)?;
            if n_cols == 0 || g.fixed_size(*row).is_some_and(|k| k != n_cols) {
                return Err(other(format!("{n_cols} columns for a factor over {}", g.dim(*row).name)));
            }
            for (i, ty) in tys[..n_cols].iter().enumerate() {
                if ty.dims.iter().any(|d| d != over) {
                    return Err(g.bad(op, i, format!("over {} at most", g.dim(*over).name), ty));
                }
            }
            if args.iter().any(|&a| g.varies(a) != Varies::Data) {
                return Err(other("works on data only".into()));
            }
            let mut dims = vec![*row, *col];
            if *grouped {
                let last = tys[n_cols];
                let Kind::Index(d) = last.kind else { unreachable!("checked above") };
                if last.dims != [*over] {
                    return Err(g.bad(op, n_cols, format!("an index over {}", g.dim(*over).name), last));
                }
                dims.push(d);
            }
            real(dims)
        }
        Op::Scan(s) => {
            let inputs = s.body.inputs();
            arity(op, args, inputs.len())?;
            if s.body.dims().iter().zip(g.dims()).any(|(a, b)| a.name != b.name) {
                return Err(other("the body has other dimensions than its graph".into()));
            }
            if s.outputs.len() < s.n_carry || inputs.len() < s.n_carry + s.n_step {
                return Err(other("the body has too few inputs or outputs".into()));
            }
            for (i, (ty, input)) in tys.iter().zip(inputs).enumerate() {
                let is_step = (s.n_carry..s.n_carry + s.n_step).contains(&i);
                let got = if is_step {
                    g.want_dim(op, i, ty, s.over)?;
                    g.replaced(&ty.dims, s.over, &[])
                } else {
                    ty.dims.clone()
                };
                if got != input.ty.dims || ty.kind != input.ty.kind {
                    return Err(g.bad(op, i, g.show_ty(&input.ty), ty));
                }
                if g.varies(args[i]) > input.varies {
                    return Err(other(format!(
                        "`{}` varies less in the body than what is passed to it",
                        input.name
                    )));
                }
            }
            for (k, &o) in s.outputs[..s.n_carry].iter().enumerate() {
                if s.body.ty(o) != &inputs[k].ty {
                    return Err(g.bad(op, k, "a carry of the same type as its successor", s.body.ty(o)));
                }
                if s.body.varies(o) > inputs[k].varies {
                    return Err(other(format!(
                        "the carry `{}` varies less than its successor",
                        inputs[k].name
                    )));
                }
            }
            if let Some(&o) = s.outputs.iter().find(|&&o| s.body.ty(o).kind != Kind::Real) {
                return Err(other(format!("results must be real, found {}", g.show_ty(s.body.ty(o)))));
            }
            Ok(Ty { kind: Kind::Tuple, dims: Vec::new() })
        }
        Op::Foreign(f) => {
            let tys: Vec<Ty> = tys.into_iter().cloned().collect();
            f.0.infer(g, &tys)?;
            Ok(Ty { kind: Kind::Tuple, dims: Vec::new() })
        }
        Op::Output(k) => {
            arity(op, args, 1)?;
            let outs = tuple_types(g, args[0])?;
            outs.get(*k).cloned().ok_or_else(|| other(format!("result {k} of {}", outs.len())))
        }
    }
}

/// The types of a tuple node's results.
pub fn tuple_types(g: &Graph, n: NodeId) -> Result<Vec<Ty>, TypeError> {
    let node = g.node(n);
    match &node.op {
        Op::Scan(s) => Ok(s
            .outputs
            .iter()
            .enumerate()
            .map(|(k, &o)| {
                let ty = s.body.ty(o);
                let with: &[DimId] = if k < s.n_carry { &[] } else { std::slice::from_ref(&s.over) };
                Ty { kind: Kind::Real, dims: g.union(&ty.dims, with) }
            })
            .collect()),
        Op::Foreign(f) => {
            let tys: Vec<Ty> = node.args.iter().map(|&a| g.ty(a).clone()).collect();
            f.0.infer(g, &tys)
        }
        op => Err(TypeError::Other { op: op.name().into(), what: "has one result only".into() }),
    }
}
