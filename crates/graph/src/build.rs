//! Smart constructors: the graph is simplified as it is written.
//!
//! Lowering, distributions and derivative rules all build through these, so what they emit is
//! already hoisted: factors are kept ordered by how much they vary (constant, lane scalar, small
//! array, row data, lane rows), sums pull out the factors that do not vary over what is summed, and
//! cotangents stay in their smallest shape. That is how a row sum with a scalar coefficient needs
//! no per-row multiplication, and why a likelihood's gradient runs in one pass over the rows.
//!
//! Elementwise constructors accept real nodes of any dimensions and cannot fail; those that name
//! dimensions expect the caller to have checked them (the compiler does, with the user's words).

use crate::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Real, Reduction, Unary, Varies};
use crate::rewrite;

/// How much a node varies, from least to most: what may be pulled out of what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Draw-free, no dimensions.
    Constant,
    /// One value a lane.
    LaneScalar,
    /// Dimensions, but no rows.
    Array,
    /// Over rows, draw-free.
    RowData,
    /// Over rows, per lane.
    LaneRow,
}

const CLASSES: usize = 5;

impl Graph {
    pub fn class(&self, n: NodeId) -> Class {
        let node = self.node(n);
        let fixed = node.varies == Varies::Data;
        if node.ty.dims.is_empty() {
            return if fixed { Class::Constant } else { Class::LaneScalar };
        }
        match (node.ty.dims.iter().any(|&d| self.is_row(d)), fixed) {
            (false, _) => Class::Array,
            (true, true) => Class::RowData,
            (true, false) => Class::LaneRow,
        }
    }

    fn emit(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        match self.push(op, args) {
            Ok(n) => n,
            Err(e) => panic!("ill-typed graph: {e}"),
        }
    }

    pub fn constant(&mut self, x: f64) -> NodeId {
        self.emit(Op::Const(Real(x)), &[])
    }

    /// The value of a constant node.
    pub fn as_const(&self, n: NodeId) -> Option<f64> {
        match self.node(n).op {
            Op::Const(Real(x)) => Some(x),
            _ => None,
        }
    }

    fn is_const(&self, n: NodeId, x: f64) -> bool {
        self.as_const(n) == Some(x)
    }

    pub fn size(&mut self, d: DimId) -> NodeId {
        match self.dim(d).size {
            crate::ir::Size::Fixed(n) => self.constant(n as f64),
            _ => self.emit(Op::Size(d), &[]),
        }
    }

    pub fn iota(&mut self, d: DimId) -> NodeId {
        self.emit(Op::Iota(d), &[])
    }

    /// 1 over `dims`.
    pub fn ones(&mut self, dims: &[DimId]) -> NodeId {
        if dims.is_empty() {
            return self.constant(1.0);
        }
        let dims = self.canonical(dims.to_vec());
        self.emit(Op::Ones(dims), &[])
    }

    /// `x` varying over `dims` as well, for ops that need the dimension to be there.
    pub fn expand(&mut self, x: NodeId, dims: &[DimId]) -> NodeId {
        let missing: Vec<DimId> = dims.iter().copied().filter(|&d| !self.ty(x).has(d)).collect();
        if missing.is_empty() {
            return x;
        }
        let ones = self.ones(&missing);
        // Raw: `mul` would drop the factor 1.
        self.emit(Op::Binary(Binary::Mul), &[x, ones])
    }

    pub fn unary(&mut self, op: Unary, x: NodeId) -> NodeId {
        if let Some(v) = self.as_const(x).and_then(|v| rewrite::fold_unary(op, v)) {
            return self.constant(v);
        }
        match op {
            Unary::Neg => {
                let m = self.constant(-1.0);
                return self.mul(m, x);
            }
            Unary::Square => return self.square(x),
            Unary::Recip => return self.recip(x),
            _ => {}
        }
        match rewrite::unary(self, op, x) {
            Some(n) => n,
            None => self.emit(Op::Unary(op), &[x]),
        }
    }

    pub fn binary(&mut self, op: Binary, a: NodeId, b: NodeId) -> NodeId {
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            return self.constant(rewrite::fold_binary(op, x, y));
        }
        match op {
            Binary::Add => self.add(a, b),
            Binary::Sub => self.sub(a, b),
            Binary::Mul => self.mul(a, b),
            Binary::Div => self.div(a, b),
            Binary::Pow => self.pow(a, b),
            Binary::Max | Binary::Min | Binary::Eq => {
                if a == b && op != Binary::Eq {
                    return a;
                }
                self.emit(Op::Binary(op), &[a.min(b), a.max(b)])
            }
            Binary::Log1pGap | Binary::Lt | Binary::Le => self.emit(Op::Binary(op), &[a, b]),
        }
    }

    pub fn neg(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Neg, x)
    }
    pub fn exp(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Exp, x)
    }
    pub fn ln(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Ln, x)
    }
    pub fn log1p(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Log1p, x)
    }
    pub fn sqrt(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Sqrt, x)
    }
    pub fn softplus(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Softplus, x)
    }
    pub fn lgamma(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Lgamma, x)
    }
    pub fn detach(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Detach, x)
    }

    /// `x + c`.
    pub fn add_const(&mut self, x: NodeId, c: f64) -> NodeId {
        let c = self.constant(c);
        self.add(c, x)
    }

    /// `c x`.
    pub fn scale(&mut self, c: f64, x: NodeId) -> NodeId {
        let c = self.constant(c);
        self.mul(c, x)
    }

    // ---- products -----------------------------------------------------------------------------

    /// The factors of a product, one slot a class.
    fn factors(&self, n: NodeId) -> [Option<NodeId>; CLASSES] {
        let mut out = [None; CLASSES];
        let mut n = n;
        let mut from = 0;
        while let Some((low, high)) = self.ordered_product(n)
            && self.class(low) as usize >= from
        {
            out[self.class(low) as usize] = Some(low);
            from = self.class(low) as usize + 1;
            n = high;
        }
        out[self.class(n) as usize] = Some(n);
        out
    }

    /// `n = low * high` with `low` of a smaller class: the canonical form of a product.
    pub(crate) fn ordered_product(&self, n: NodeId) -> Option<(NodeId, NodeId)> {
        let node = self.node(n);
        if node.op != Op::Binary(Binary::Mul) {
            return None;
        }
        let (a, b) = (node.args[0], node.args[1]);
        // The coefficient must not be what gives the product its dimensions.
        (self.class(a) < self.class(b) && self.ty(b).dims == node.ty.dims).then_some((a, b))
    }

    /// A node that is zero wherever a condition says so: `(condition, value, value is taken)`.
    fn masked(&self, n: NodeId) -> Option<(NodeId, NodeId, bool)> {
        let node = self.node(n);
        if node.op != Op::Select {
            return None;
        }
        if self.is_const(node.args[2], 0.0) {
            Some((node.args[0], node.args[1], true))
        } else if self.is_const(node.args[1], 0.0) {
            Some((node.args[0], node.args[2], false))
        } else {
            None
        }
    }

    /// `a b`. Where a factor is zero by a mask the product is zero, whatever the other factor is: so
    /// a derivative that is not finite stays in the branch not taken.
    pub fn mul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let (fa, fb) = (self.factors(a), self.factors(b));
        let mut product: Option<NodeId> = None;
        for k in (0..CLASSES).rev() {
            let factor = match (fa[k], fb[k]) {
                (Some(x), Some(y)) => Some(self.same_class_product(x, y)),
                (x, y) => x.or(y),
            };
            product = match (factor, product) {
                (Some(f), _) if self.is_const(f, 0.0) => return f,
                (Some(f), Some(p)) if self.is_const(f, 1.0) => Some(p),
                (Some(f), Some(p)) => Some(self.product(f, p)),
                (f, p) => f.or(p),
            };
        }
        product.expect("two factors")
    }

    fn product(&mut self, low: NodeId, high: NodeId) -> NodeId {
        if self.is_const(high, 1.0) {
            return low;
        }
        if let (Some(x), Some(y)) = (self.as_const(low), self.as_const(high)) {
            return self.constant(x * y);
        }
        for (m, other) in [(high, low), (low, high)] {
            if let Some((c, x, taken)) = self.masked(m)
                && self.must_mask(c, other)
            {
                let inner = self.mul(x, other);
                return self.mask(c, inner, taken);
            }
        }
        self.emit(Op::Binary(Binary::Mul), &[low, high])
    }

    /// Must `x` stay inside a mask it is multiplied with, so that 0 x NaN cannot escape from the
    /// branch not taken? Not where all elements of the mask share it: then it may be hoisted.
    fn must_mask(&self, c: NodeId, x: NodeId) -> bool {
        let mask = &self.ty(c).dims;
        !self.as_const(x).is_some_and(f64::is_finite)
            && (mask.is_empty() || mask.iter().any(|&d| self.ty(x).has(d)))
    }

    /// `x` where the condition is what it should be, else zero.
    fn mask(&mut self, c: NodeId, x: NodeId, taken: bool) -> NodeId {
        let zero = self.constant(0.0);
        if taken { self.select(c, x, zero) } else { self.select(c, zero, x) }
    }

    fn same_class_product(&mut self, x: NodeId, y: NodeId) -> NodeId {
        if let (Some(a), Some(b)) = (self.as_const(x), self.as_const(y)) {
            return self.constant(a * b);
        }
        if self.is_const(x, 1.0) {
            return y;
        }
        if self.is_const(y, 1.0) {
            return x;
        }
        for (m, other) in [(x, y), (y, x)] {
            if let Some((c, inner, taken)) = self.masked(m) {
                let p = self.mul(inner, other);
                return self.mask(c, p, taken);
            }
        }
        if x == y {
            return self.square(x);
        }
        for (r, other) in [(x, y), (y, x)] {
            if self.node(r).op == Op::Unary(Unary::Recip) && self.node(r).args[0] == other {
                return self.constant(1.0);
            }
        }
        self.emit(Op::Binary(Binary::Mul), &[x.min(y), x.max(y)])
    }

    pub fn square(&mut self, x: NodeId) -> NodeId {
        if let Some(v) = self.as_const(x) {
            return self.constant(v * v);
        }
        if let Some((low, high)) = self.ordered_product(x) {
            let (l, h) = (self.square(low), self.square(high));
            return self.mul(l, h);
        }
        match self.node(x).op {
            Op::Unary(Unary::Sqrt) => self.node(x).args[0],
            _ => self.emit(Op::Unary(Unary::Square), &[x]),
        }
    }

    pub fn recip(&mut self, x: NodeId) -> NodeId {
        if let Some(v) = self.as_const(x) {
            return self.constant(1.0 / v);
        }
        if let Some((low, high)) = self.ordered_product(x) {
            let (l, h) = (self.recip(low), self.recip(high));
            return self.mul(l, h);
        }
        if let Some(n) = rewrite::recip(self, x) {
            return n;
        }
        self.emit(Op::Unary(Unary::Recip), &[x])
    }

    pub fn div(&mut self, a: NodeId, b: NodeId) -> NodeId {
        if self.is_const(a, 0.0) {
            return a;
        }
        if self.is_const(a, 1.0) || self.class(b) < self.class(a) || self.as_const(b).is_some() {
            let r = self.recip(b);
            return self.mul(r, a);
        }
        if let Some((low, high)) = self.ordered_product(a) {
            let q = self.div(high, b);
            return self.mul(low, q);
        }
        if let Some((low, high)) = self.ordered_product(b) {
            let (r, q) = (self.recip(low), self.div(a, high));
            return self.mul(r, q);
        }
        if let Op::Unary(Unary::Exp | Unary::Recip) = self.node(b).op {
            let r = self.recip(b);
            return self.mul(a, r);
        }
        if let Some((c, x, taken)) = self.masked(a) {
            let q = self.div(x, b);
            return self.mask(c, q, taken);
        }
        if a == b {
            return self.constant(1.0);
        }
        self.emit(Op::Binary(Binary::Div), &[a, b])
    }

    pub fn pow(&mut self, a: NodeId, b: NodeId) -> NodeId {
        match self.as_const(b) {
            Some(0.0) => self.constant(1.0),
            Some(1.0) => a,
            Some(2.0) => self.square(a),
            Some(0.5) => self.sqrt(a),
            Some(-1.0) => self.recip(a),
            Some(3.0) => {
                let s = self.square(a);
                self.mul(a, s)
            }
            _ => self.emit(Op::Binary(Binary::Pow), &[a, b]),
        }
    }

    // ---- sums ---------------------------------------------------------------------------------

    /// `x = -1 * y` gives y.
    fn negated(&mut self, n: NodeId) -> Option<NodeId> {
        let (low, high) = self.ordered_product(n)?;
        if self.is_const(low, -1.0) {
            return Some(high);
        }
        let c = self.as_const(low)?;
        (c < 0.0).then(|| self.scale(-c, high))
    }

    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            return self.constant(x + y);
        }
        for (x, y) in [(a, b), (b, a)] {
            // Adding zero must not lose the dimensions of the other side: zero has none.
            if self.is_const(x, 0.0) {
                return y;
            }
        }
        if a == b {
            return self.scale(2.0, a);
        }
        if let Some(x) = self.negated(b) {
            return self.sub(a, x);
        }
        if let Some(x) = self.negated(a) {
            return self.sub(b, x);
        }
        if let Some(n) = rewrite::add(self, a, b) {
            return n;
        }
        // Small terms meet first: s1 + (s2 + row) = (s1 + s2) + row.
        let (a, b) = if self.class(a) <= self.class(b) { (a, b) } else { (b, a) };
        if self.class(a) <= Class::LaneScalar && self.node(b).op == Op::Binary(Binary::Add) {
            let (l, r) = (self.node(b).args[0], self.node(b).args[1]);
            if self.class(l) <= Class::LaneScalar && self.class(l) < self.class(r) {
                let s = self.add(a, l);
                return self.add(s, r);
            }
        }
        let (a, b) = if self.class(a) < self.class(b) { (a, b) } else { (a.min(b), a.max(b)) };
        self.emit(Op::Binary(Binary::Add), &[a, b])
    }

    pub fn sub(&mut self, a: NodeId, b: NodeId) -> NodeId {
        if let (Some(x), Some(y)) = (self.as_const(a), self.as_const(b)) {
            return self.constant(x - y);
        }
        if self.is_const(b, 0.0) {
            return a;
        }
        if self.is_const(a, 0.0) {
            return self.neg(b);
        }
        if a == b {
            return self.constant(0.0);
        }
        if let Some(x) = self.negated(b) {
            return self.add(a, x);
        }
        // What was added is taken away again: (b + x) - b keeps no digit of a small x. It must have the
        // dimensions of b too.
        for (sum, other, minus) in [(a, b, false), (b, a, true)] {
            if self.node(sum).op == Op::Binary(Binary::Add)
                && let [l, r] = self.node(sum).args[..]
                && (l == other || r == other)
            {
                let rest = if l == other { r } else { l };
                if self.ty(rest).dims == self.ty(sum).dims {
                    return if minus { self.neg(rest) } else { rest };
                }
            }
        }
        if let Some(n) = rewrite::sub(self, a, b) {
            return n;
        }
        self.emit(Op::Binary(Binary::Sub), &[a, b])
    }

    /// A choice and what multiplies it: `(factors, condition, a, b)`.
    fn choice(&self, n: NodeId) -> Option<(Vec<NodeId>, NodeId, NodeId, NodeId)> {
        let mut factors = Vec::new();
        let mut n = n;
        while let Some((low, high)) = self.ordered_product(n) {
            factors.push(low);
            n = high;
        }
        let node = self.node(n);
        (node.op == Op::Select).then(|| (factors, node.args[0], node.args[1], node.args[2]))
    }

    /// `a + b`, branch by branch where both are choices on one condition, and under both masks where
    /// they have two: so derivatives add up, for a sum of masked terms must stay masked (see
    /// [`Graph::mul`]).
    pub(crate) fn add_branches(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let (Some((fa, c, a1, a2)), Some((fb, d, b1, b2))) = (self.choice(a), self.choice(b)) else {
            return self.add(a, b);
        };
        if c == d {
            let mut branch = |x: NodeId, y: NodeId| {
                let x = fa.iter().fold(x, |x, &f| self.mul(f, x));
                let y = fb.iter().fold(y, |y, &f| self.mul(f, y));
                self.add_branches(x, y)
            };
            let (x, y) = (branch(a1, b1), branch(a2, b2));
            return self.select(c, x, y);
        }
        let sum = self.add(a, b);
        let (Some((first, _)), Some((second, _))) = (self.unmasked(a), self.unmasked(b)) else {
            return sum;
        };
        let one = self.constant(1.0);
        let either = self.select(first, one, second);
        self.mask(either, sum, true)
    }

    /// A node that is zero where a condition is, and what it is elsewhere.
    fn unmasked(&mut self, n: NodeId) -> Option<(NodeId, NodeId)> {
        let (factors, c, a, b) = self.choice(n)?;
        let zero = self.constant(0.0);
        let (c, x) = match (a == zero, b == zero) {
            (_, true) => (c, a),
            (true, _) => (self.binary(Binary::Eq, c, zero), b),
            _ => return None,
        };
        Some((c, factors.into_iter().fold(x, |x, f| self.mul(f, x))))
    }

    /// Does `x` vary over none of `dims`?
    pub(crate) fn lacks(&self, x: NodeId, dims: &[DimId]) -> bool {
        dims.iter().all(|&d| !self.ty(x).has(d))
    }

    /// Would this term of a sum over `over` leave the sum, at least but for a draw-free part?
    fn hoists(&self, n: NodeId, over: &[DimId]) -> bool {
        if self.lacks(n, over) {
            return true;
        }
        match self.ordered_product(n) {
            Some((low, high)) => {
                self.lacks(low, over) && self.varies(low) != Varies::Data
                    || self.lacks(low, over) && self.hoists(high, over)
            }
            None => false,
        }
    }

    /// The sum over `over`; a dimension that `x` lacks multiplies by its size.
    pub fn sum(&mut self, x: NodeId, over: &[DimId]) -> NodeId {
        let (present, absent): (Vec<DimId>, Vec<DimId>) = over.iter().partition(|&&d| self.ty(x).has(d));
        let mut times = self.constant(1.0);
        for d in absent {
            let n = self.size(d);
            times = self.mul(times, n);
        }
        let s = self.sum_present(x, &present);
        self.mul(times, s)
    }

    fn sum_present(&mut self, x: NodeId, over: &[DimId]) -> NodeId {
        if over.is_empty() {
            return x;
        }
        let node = self.node(x).clone();
        match node.op {
            Op::Binary(Binary::Mul) => {
                let (a, b) = (node.args[0], node.args[1]);
                for (k, rest) in [(a, b), (b, a)] {
                    if self.lacks(k, over) {
                        let s = self.sum(rest, over);
                        return self.mul(k, s);
                    }
                }
                if node.varies != Varies::Data {
                    return self.contract(a, b, over);
                }
            }
            Op::Binary(op @ (Binary::Add | Binary::Sub)) => {
                let (a, b) = (node.args[0], node.args[1]);
                // data - lane is a residual: taken apart, its sum would lose digits.
                let residual = [a, b].iter().any(|&n| self.varies(n) == Varies::Data && !self.lacks(n, over));
                if !residual && (self.hoists(a, over) || self.hoists(b, over)) {
                    let (s, t) = (self.sum(a, over), self.sum(b, over));
                    return self.binary(op, s, t);
                }
            }
            Op::Select if self.lacks(node.args[0], over) => {
                let (a, b) = (self.sum(node.args[1], over), self.sum(node.args[2], over));
                return self.select(node.args[0], a, b);
            }
            Op::Contract { over: inner } => {
                let all: Vec<DimId> = inner.iter().chain(over).copied().collect();
                let (a, b) = (node.args[0], node.args[1]);
                // Summing one operand first is cheaper than a larger contraction.
                for (p, q) in [(a, b), (b, a)] {
                    if self.lacks(q, over) {
                        let s = self.sum(p, over);
                        return self.contract(s, q, &inner);
                    }
                }
                return self.contract(a, b, &all);
            }
            _ => {}
        }
        let over = self.canonical(over.to_vec());
        self.emit(Op::Reduce(Reduction::Sum, over), &[x])
    }

    pub fn sum_all(&mut self, x: NodeId) -> NodeId {
        let dims = self.ty(x).dims.clone();
        self.sum(x, &dims)
    }

    /// The mean over `over`.
    pub fn mean(&mut self, x: NodeId, over: &[DimId]) -> NodeId {
        let s = self.sum(x, over);
        let mut n = self.constant(1.0);
        for &d in over {
            let k = self.size(d);
            n = self.mul(n, k);
        }
        self.div(s, n)
    }

    /// The sum of `a b` over `over`, without making the product.
    pub fn contract(&mut self, a: NodeId, b: NodeId, over: &[DimId]) -> NodeId {
        if over.is_empty() {
            return self.mul(a, b);
        }
        let over = self.canonical(over.to_vec());
        // What only one operand has is summed there, what none has multiplies by its size.
        let of = |g: &Graph, in_a: bool, in_b: bool| -> Vec<DimId> {
            over.iter().copied().filter(|&d| g.ty(a).has(d) == in_a && g.ty(b).has(d) == in_b).collect()
        };
        let (only_a, only_b, none) = (of(self, true, false), of(self, false, true), of(self, false, false));
        let both = of(self, true, true);
        if both.len() < over.len() {
            let (a, b) = (self.sum(a, &only_a), self.sum(b, &only_b));
            let c = if both.is_empty() { self.mul(a, b) } else { self.contract(a, b, &both) };
            return self.sum(c, &none);
        }
        for (x, y) in [(a, b), (b, a)] {
            if let Some((low, high)) = self.ordered_product(x)
                && self.lacks(low, &over)
            {
                let c = self.contract(high, y, &over);
                return self.mul(low, c);
            }
            if let Some((c, inner, taken)) = self.masked(x)
                && self.must_mask(c, y)
            {
                return self.masked_contract((c, inner, taken), x, y, &over);
            }
        }
        if a == b {
            let s = self.square(a);
            return self.sum(s, &over);
        }
        self.emit(Op::Contract { over }, &[a.min(b), a.max(b)])
    }

    /// A contraction of `x`, which is `inner` under a mask, that keeps what is masked of `y` out.
    fn masked_contract(
        &mut self,
        (c, inner, taken): (NodeId, NodeId, bool),
        x: NodeId,
        y: NodeId,
        over: &[DimId],
    ) -> NodeId {
        if self.lacks(c, over) {
            let s = self.contract(inner, y, over);
            return self.mask(c, s, taken);
        }
        if [c, y].iter().all(|&n| self.varies(n) == Varies::Data) {
            // Masked once, with the data.
            let y = self.mask(c, y, taken);
            return self.emit(Op::Contract { over: over.to_vec() }, &[x.min(y), x.max(y)]);
        }
        let p = self.mul(x, y);
        self.sum(p, over)
    }

    pub fn reduce(&mut self, op: Reduction, x: NodeId, over: &[DimId]) -> NodeId {
        if op == Reduction::Sum {
            return self.sum(x, over);
        }
        let over: Vec<DimId> = over.iter().copied().filter(|&d| self.ty(x).has(d)).collect();
        if over.is_empty() {
            return x;
        }
        let over = self.canonical(over);
        self.emit(Op::Reduce(op, over), &[x])
    }

    /// `ln sum exp(x)` over `over`, shifted by the maximum.
    pub fn logsumexp(&mut self, x: NodeId, over: &[DimId]) -> NodeId {
        let m = self.reduce(Reduction::Max, x, over);
        let m = self.detach(m);
        let shifted = self.sub(x, m);
        let e = self.exp(shifted);
        let s = self.sum(e, over);
        let l = self.ln(s);
        self.add(m, l)
    }

    /// The same where all of `x` may be `-inf`, which is then the value, without a gradient.
    pub fn logsumexp_or_none(&mut self, x: NodeId, over: &[DimId]) -> NodeId {
        let (none, zero, one) = (self.constant(f64::NEG_INFINITY), self.constant(0.0), self.constant(1.0));
        let m = self.reduce(Reduction::Max, x, over);
        let m = self.detach(m);
        let is_none = self.binary(Binary::Eq, m, none);
        let m = self.select(is_none, zero, m);
        let shifted = self.sub(x, m);
        let e = self.exp(shifted);
        let s = self.sum(e, over);
        let s = self.select(is_none, one, s);
        let l = self.ln(s);
        let l = self.add(m, l);
        self.select(is_none, none, l)
    }

    // ---- choice and structure -----------------------------------------------------------------

    pub fn select(&mut self, c: NodeId, a: NodeId, b: NodeId) -> NodeId {
        if a == b {
            return a;
        }
        match self.as_const(c) {
            Some(0.0) => return b,
            Some(_) => return a,
            None => {}
        }
        // The same condition again: only one branch of it can matter.
        let branch = |g: &Graph, x: NodeId, k: usize| {
            let node = g.node(x);
            (node.op == Op::Select && node.args[0] == c).then(|| node.args[k])
        };
        let (inner_a, inner_b) = (branch(self, a, 1), branch(self, b, 2));
        if inner_a.is_some() || inner_b.is_some() {
            return self.select(c, inner_a.unwrap_or(a), inner_b.unwrap_or(b));
        }
        let (zero, one) = (self.constant(0.0), self.constant(1.0));
        let is_mask = a == zero || b == zero;
        let all_data = |g: &Graph, c2: NodeId| [c, c2].iter().all(|&n| g.varies(n) == Varies::Data);
        match (self.unmasked(a), self.unmasked(b)) {
            (None, None) => {}
            // One mask for two, made of data once.
            (Some((c2, x)), _) | (_, Some((c2, x))) if is_mask => {
                if all_data(self, c2) {
                    let both = if a == zero { self.select(c, zero, c2) } else { self.select(c, c2, zero) };
                    return self.select(both, x, zero);
                }
            }
            // A mask stays outermost, where products find it.
            (ma, mb) => {
                let ((ca, xa), (cb, xb)) = (ma.unwrap_or((one, a)), mb.unwrap_or((one, b)));
                let any = self.select(c, ca, cb);
                let x = self.select(c, xa, xb);
                return self.mask(any, x, true);
            }
        }
        self.emit(Op::Select, &[c, a, b])
    }

    /// `x` indexed by `index`; what `x` does not vary over is left alone.
    pub fn gather(&mut self, x: NodeId, index: NodeId) -> NodeId {
        let Kind::Index(d) = self.ty(index).kind else { panic!("gather by a node that is no index") };
        if !self.ty(x).has(d) {
            return x;
        }
        self.emit(Op::Gather, &[x, index])
    }

    pub fn scatter_add(&mut self, x: NodeId, index: NodeId) -> NodeId {
        let along = self.ty(index).dims.clone();
        if let Some((low, high)) = self.ordered_product(x)
            && self.lacks(low, &along)
        {
            let s = self.scatter_add(high, index);
            return self.mul(low, s);
        }
        if self.lacks(x, &along) {
            let ones = self.ones(&along);
            let counts = self.emit(Op::ScatterAdd, &[ones, index]);
            return self.mul(x, counts);
        }
        let x = self.expand(x, &along);
        self.emit(Op::ScatterAdd, &[x, index])
    }

    pub fn element(&mut self, x: NodeId, dim: DimId, at: usize) -> NodeId {
        if !self.ty(x).has(dim) {
            return x;
        }
        match &self.node(x).op {
            Op::Place { dim: d, at: k } if *d == dim => {
                if *k == at {
                    self.node(x).args[0]
                } else {
                    self.constant(0.0)
                }
            }
            Op::Concat { parts, into } if *into == dim && parts.iter().all(Option::is_none) => {
                self.node(x).args[at]
            }
            _ => self.emit(Op::Element { dim, at }, &[x]),
        }
    }

    pub fn place(&mut self, x: NodeId, dim: DimId, at: usize) -> NodeId {
        self.emit(Op::Place { dim, at }, &[x])
    }

    pub fn slice(&mut self, x: NodeId, dim: DimId, start: usize, into: DimId) -> NodeId {
        if !self.ty(x).has(dim) {
            return x;
        }
        self.emit(Op::Slice { dim, start, into }, &[x])
    }

    pub fn pad(&mut self, x: NodeId, from: DimId, start: usize, dim: DimId) -> NodeId {
        let x = self.expand(x, &[from]);
        self.emit(Op::Pad { from, start, dim }, &[x])
    }

    /// One after the other along `into`; see [`Op::Concat`].
    pub fn concat(&mut self, args: &[NodeId], parts: &[Option<DimId>], into: DimId) -> NodeId {
        let args: Vec<NodeId> =
            args.iter().zip(parts).map(|(&x, part)| part.map_or(x, |d| self.expand(x, &[d]))).collect();
        self.emit(Op::Concat { parts: parts.to_vec(), into }, &args)
    }

    /// Scalars (in `into`) side by side.
    pub fn stack(&mut self, args: &[NodeId], into: DimId) -> NodeId {
        self.concat(args, &vec![None; args.len()], into)
    }

    pub fn shift(&mut self, x: NodeId, dim: DimId, by: i64, fill: f64) -> NodeId {
        let x = self.expand(x, &[dim]);
        self.emit(Op::Shift { dim, by, fill: Real(fill) }, &[x])
    }

    pub fn rename(&mut self, x: NodeId, map: &[(DimId, DimId)]) -> NodeId {
        let map: Vec<(DimId, DimId)> =
            map.iter().copied().filter(|(a, b)| a != b && self.ty(x).has(*a)).collect();
        if map.is_empty() {
            return x;
        }
        self.emit(Op::Rename(map), &[x])
    }

    pub fn cholesky(&mut self, x: NodeId, row: DimId, col: DimId) -> NodeId {
        let x = self.expand(x, &[row, col]);
        self.emit(Op::Cholesky { row, col }, &[x])
    }

    pub fn tri_solve(&mut self, l: NodeId, b: NodeId, row: DimId, col: DimId, transposed: bool) -> NodeId {
        let (l, b) = (self.expand(l, &[row, col]), self.expand(b, &[row]));
        self.emit(Op::TriSolve { row, col, transposed }, &[l, b])
    }

    pub fn filter(&mut self, x: NodeId, mask: NodeId, dim: DimId, into: DimId) -> NodeId {
        if !self.ty(x).has(dim) {
            return x;
        }
        let mask = self.expand(mask, &[dim]);
        self.emit(Op::Filter { dim, into }, &[x, mask])
    }

    pub fn output(&mut self, tuple: NodeId, k: usize) -> NodeId {
        self.emit(Op::Output(k), &[tuple])
    }
}
