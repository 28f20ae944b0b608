//! Row expressions that are linear in what differs from draw to draw.

use crate::ir::{Binary, DimId, Graph, Kind, NodeId, Op, Unary, Varies};

/// A draw-free column over the rows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Column {
    /// 1 in every row.
    One,
    /// A node over the rows alone.
    Data(NodeId),
    /// A node over the rows and one more dimension: a column for each of its elements.
    Block(NodeId, DimId),
}

/// A sum over columns of coefficient times column. A coefficient does not vary over the rows: it is a
/// scalar, or varies over the dimension that the form's index points into (and is then gathered by
/// it), or, for a block, over the block's dimension.
#[derive(Clone, Debug)]
pub struct Form {
    pub terms: Vec<(Column, NodeId)>,
    pub index: Option<NodeId>,
}

impl Form {
    fn of(column: Column, coefficient: NodeId) -> Form {
        Form { terms: vec![(column, coefficient)], index: None }
    }

    /// The coefficient, if the form is nothing else.
    fn pure(&self) -> Option<NodeId> {
        match self.terms[..] {
            [(Column::One, c)] => Some(c),
            _ => None,
        }
    }
}

/// The form of `n`, which varies over `row` alone or not at all; coefficients are built in `g`.
pub fn form(g: &mut Graph, n: NodeId, row: DimId) -> Option<Form> {
    let node = g.node(n).clone();
    if node.ty.kind != Kind::Real {
        return None;
    }
    if node.ty.dims.is_empty() {
        return Some(Form::of(Column::One, n));
    }
    if node.ty.dims != [row] {
        return None;
    }
    if node.varies == Varies::Data {
        let one = g.constant(1.0);
        return Some(Form::of(Column::Data(n), one));
    }
    let args = &node.args;
    match &node.op {
        Op::Binary(op @ (Binary::Add | Binary::Sub)) => {
            let (a, b) = (form(g, args[0], row)?, form(g, args[1], row)?);
            let b = if *op == Binary::Sub {
                let minus = g.constant(-1.0);
                scaled(g, b, minus)?
            } else {
                b
            };
            sum(g, a, b)
        }
        Op::Binary(Binary::Mul) => {
            let (a, b) = (form(g, args[0], row)?, form(g, args[1], row)?);
            product(g, a, b)
        }
        Op::Binary(Binary::Div) => {
            let (a, b) = (form(g, args[0], row)?, form(g, args[1], row)?);
            let b = match b.terms[..] {
                [(Column::Data(x), c)] if g.as_const(c) == Some(1.0) => Form::of(Column::Data(g.recip(x)), c),
                _ => {
                    let r = g.recip(b.pure()?);
                    Form { terms: vec![(Column::One, r)], index: b.index }
                }
            };
            product(g, a, b)
        }
        Op::Unary(Unary::Neg) => {
            let (a, minus) = (form(g, args[0], row)?, g.constant(-1.0));
            scaled(g, a, minus)
        }
        Op::Gather => {
            let Kind::Index(group) = g.ty(args[1]).kind else { return None };
            let level = g.ty(args[0]).dims == [group] && g.ty(args[1]).dims == [row];
            level.then(|| Form { terms: vec![(Column::One, args[0])], index: Some(args[1]) })
        }
        Op::Contract { over } => {
            let &[f] = &over[..] else { return None };
            let block = [(args[0], args[1]), (args[1], args[0])].into_iter().find(|&(x, b)| {
                let data = g.varies(x) == Varies::Data && g.ty(x).dims == g.canonical(vec![row, f]);
                data && g.ty(b).dims == [f]
            })?;
            Some(Form::of(Column::Block(block.0, f), block.1))
        }
        _ => None,
    }
}

fn one_index(a: Option<NodeId>, b: Option<NodeId>) -> Option<Option<NodeId>> {
    match (a, b) {
        (Some(x), Some(y)) if x != y => None,
        (x, y) => Some(x.or(y)),
    }
}

fn sum(g: &mut Graph, a: Form, b: Form) -> Option<Form> {
    let index = one_index(a.index, b.index)?;
    let mut terms = a.terms;
    for (column, c) in b.terms {
        match terms.iter_mut().find(|(k, _)| *k == column) {
            Some((_, old)) => *old = g.add(*old, c),
            None => terms.push((column, c)),
        }
    }
    Some(Form { terms, index })
}

/// Every coefficient times one that varies over the groups at most.
fn scaled(g: &mut Graph, a: Form, by: NodeId) -> Option<Form> {
    let mut terms = Vec::new();
    for (column, c) in a.terms {
        // A block's coefficients for each group would be a matrix.
        if matches!(column, Column::Block(..)) && !g.ty(by).dims.is_empty() {
            return None;
        }
        terms.push((column, g.mul(by, c)));
    }
    Some(Form { terms, index: a.index })
}

fn product(g: &mut Graph, a: Form, b: Form) -> Option<Form> {
    let index = one_index(a.index, b.index)?;
    for (x, y) in [(&a, &b), (&b, &a)] {
        if let Some(by) = x.pure() {
            let form = scaled(g, y.clone(), by)?;
            return Some(Form { index, ..form });
        }
        // Columns times one draw-free column.
        if let [(Column::Data(w), c)] = x.terms[..] {
            let mut terms = Vec::new();
            for &(column, k) in &y.terms {
                let column = match column {
                    Column::One => Column::Data(w),
                    Column::Data(v) => Column::Data(g.mul(w, v)),
                    Column::Block(v, f) => Column::Block(g.mul(w, v), f),
                };
                terms.push((column, k));
            }
            let form = scaled(g, Form { terms, index }, c)?;
            return Some(form);
        }
    }
    None
}

/// A node whose square is `n`, if that can be seen from how `n` is made or from `not_negative`, which
/// knows draw-free nodes.
pub fn root(g: &mut Graph, n: NodeId, not_negative: &dyn Fn(&Graph, NodeId) -> bool) -> Option<NodeId> {
    let node = g.node(n).clone();
    match node.op {
        Op::Unary(Unary::Square) => Some(node.args[0]),
        Op::Unary(Unary::Recip) => {
            let r = root(g, node.args[0], not_negative)?;
            Some(g.recip(r))
        }
        Op::Unary(Unary::Exp) => {
            let half = g.scale(0.5, node.args[0]);
            Some(g.exp(half))
        }
        Op::Binary(Binary::Mul) => {
            let (a, b) = (root(g, node.args[0], not_negative)?, root(g, node.args[1], not_negative)?);
            Some(g.mul(a, b))
        }
        Op::Gather => {
            let r = root(g, node.args[0], not_negative)?;
            Some(g.gather(r, node.args[1]))
        }
        Op::Const(x) if x.0 >= 0.0 => Some(g.constant(x.0.sqrt())),
        _ if node.varies == Varies::Data && not_negative(g, n) => Some(g.sqrt(n)),
        _ => None,
    }
}
