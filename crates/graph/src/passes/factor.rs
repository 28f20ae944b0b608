//! A row sum of squares of a linear form, written with triangular factors of the data.

use super::linear::{Column, Form};
use super::simplify::well_typed;
use super::{size, values};
use crate::ir::{DimId, Graph, Kind, NodeId, Op, Role, Size};
use crate::value::Bindings;

/// More columns than this are left to products over the rows where nothing is known of their number.
const MOST_COLUMNS: usize = 64;

/// Columns whose mean is more than this times their deviation are left alone: what makes them differ
/// would be lost in the factor as it is in the column.
const MOST_OFFSET: f64 = 1e6;

/// Columns that share a coefficient, or an array of them.
struct Term {
    column: Column,
    coefficient: NodeId,
    width: usize,
}

/// A sum of squares to be written with factors.
pub struct Sum {
    row: DimId,
    /// The index by which coefficients are gathered, and into what.
    pub group: Option<(NodeId, DimId)>,
    /// Columns whose coefficients differ by group: one wide each.
    grouped: Vec<Term>,
    /// The others, columns of data without a parameter last.
    rest: Vec<Term>,
}

fn width(terms: &[Term]) -> usize {
    terms.iter().map(|t| t.width).sum()
}

impl Sum {
    /// Whether it pays and keeps its digits; or why not.
    pub fn new(g: &Graph, f: Form, row: DimId, bindings: Option<&Bindings>) -> Result<Sum, String> {
        let mut grouped = Vec::new();
        let mut rest = Vec::new();
        let group = f.index.and_then(|i| match g.ty(i).kind {
            Kind::Index(d) => Some((i, d)),
            _ => None,
        });
        for (column, coefficient) in f.terms {
            let width = match column {
                Column::Block(_, d) => size(g, d, bindings)
                    .ok_or_else(|| format!("the size of {} is not known", g.dim(d).name))?,
                _ => 1,
            };
            let by_group = group.is_some_and(|(_, d)| g.ty(coefficient).has(d));
            let terms = if by_group { &mut grouped } else { &mut rest };
            terms.push(Term { column, coefficient, width });
        }
        rest.sort_by_key(|t| g.as_const(t.coefficient).is_some());
        let told = |t: &&Term| matches!(t.column, Column::Block(_, d) if g.fixed_size(d).is_none());
        if rest.iter().filter(told).count() > 1 {
            return Err("the data tell the sizes of two blocks of columns".into());
        }
        let sum = Sum { row, group: group.filter(|_| !grouped.is_empty()), grouped, rest };
        sum.pays(g, bindings)?;
        sum.keeps_digits(g, bindings)?;
        Ok(sum)
    }

    pub fn columns(&self) -> usize {
        width(&self.grouped) + width(&self.rest)
    }

    fn pays(&self, g: &Graph, bindings: Option<&Bindings>) -> Result<(), String> {
        let k = self.columns();
        let Some(rows) = size(g, self.row, bindings) else {
            return if k <= MOST_COLUMNS { Ok(()) } else { Err(format!("its {k} columns may be too many")) };
        };
        let groups = self.group.and_then(|(_, d)| size(g, d, bindings)).unwrap_or(0);
        // In multiplications: an instruction costs as much as a few rows.
        let factored = groups * self.grouped.len() * k + width(&self.rest).pow(2) + 40;
        if factored < rows * (k + 1) {
            return Ok(());
        }
        let by = if self.group.is_some() { format!(" in {groups} groups") } else { String::new() };
        Err(format!("{k} columns{by} are not worth it for {rows} rows"))
    }

    fn keeps_digits(&self, g: &Graph, bindings: Option<&Bindings>) -> Result<(), String> {
        for term in self.grouped.iter().chain(&self.rest) {
            let (Column::Data(n) | Column::Block(n, _)) = term.column else { continue };
            let Some(all) = values(g, n, bindings) else { continue };
            // Rows come first in memory.
            for at in 0..term.width {
                let v = || all.iter().skip(at).step_by(term.width);
                let n = v().count() as f64;
                let mean = v().sum::<f64>() / n;
                let deviation = (v().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
                if n > 0.0 && !deviation.is_finite() {
                    return Err("a column is not finite".into());
                }
                if deviation > 0.0 && mean.abs() > MOST_OFFSET * deviation {
                    return Err(format!("a column's mean {mean:e} hides its deviation {deviation:e}"));
                }
            }
        }
        Ok(())
    }

    pub fn emit(&self, g: &mut Graph) -> NodeId {
        let (m, k) = (self.grouped.len(), self.columns());
        let (r, c) = square_dims(g, k);
        let mut columns = Vec::new();
        for term in self.grouped.iter().chain(&self.rest) {
            match term.column {
                Column::One => columns.push(g.constant(1.0)),
                Column::Data(n) => columns.push(n),
                Column::Block(x, d) => columns.extend((0..term.width).map(|at| g.element(x, d, at))),
            }
        }
        let Some((index, group)) = self.group else {
            let factor = gram_factor(g, self.row, (r, c), &columns, None);
            return self.rest_squares(g, factor, (r, c));
        };
        let factor = gram_factor(g, self.row, (r, c), &columns, Some(index));
        let mut total = g.constant(0.0);
        for i in 0..m {
            let z = self.group_row(g, factor, (r, c), i);
            let squares = g.square(z);
            let s = g.sum(squares, &[group]);
            total = g.add(total, s);
        }
        if k == m {
            return total;
        }
        // Below, no group has coefficients of its own. Row by row over all groups, then stacked.
        let k2 = k - m;
        let (r2, c2) = square_dims(g, k2);
        let stack = fresh(g, "stack", k2 * k2);
        let mut rows = Vec::new();
        for i in m..k {
            let line = g.element(factor, r, i);
            let columns: Vec<NodeId> = (m..k).map(|j| g.element(line, c, j)).collect();
            rows.push(gram_factor(g, group, (r2, c2), &columns, None));
        }
        let stacked = g.concat(&rows, &vec![Some(r2); k2], stack);
        let columns: Vec<NodeId> = (0..k2).map(|j| g.element(stacked, c2, j)).collect();
        let below = gram_factor(g, stack, (r2, c2), &columns, None);
        let s = self.rest_squares(g, below, (r2, c2));
        g.add(total, s)
    }

    /// Row `i` of each group's factor times the coefficients, over the groups.
    fn group_row(&self, g: &mut Graph, factor: NodeId, (r, c): (DimId, DimId), i: usize) -> NodeId {
        let line = g.element(factor, r, i);
        let mut z = g.constant(0.0);
        let mut at = 0;
        for term in self.grouped.iter().chain(&self.rest) {
            // Left of the diagonal the factor is zero.
            if at >= i {
                let p = match term.column {
                    Column::Block(_, d) => {
                        let part = g.slice(line, c, at, d);
                        g.contract(part, term.coefficient, &[d])
                    }
                    _ => {
                        let entry = g.element(line, c, at);
                        g.mul(entry, term.coefficient)
                    }
                };
                z = g.add(z, p);
            }
            at += term.width;
        }
        z
    }

    /// `|R c|^2` for the coefficients that are the same in all groups.
    fn rest_squares(&self, g: &mut Graph, factor: NodeId, (r, c): (DimId, DimId)) -> NodeId {
        let part = |t: &Term| match t.column {
            Column::Block(_, d) => Some(d),
            _ => None,
        };
        let parts: Vec<Option<DimId>> = self.rest.iter().map(part).collect();
        let coefficients: Vec<NodeId> = self.rest.iter().map(|t| t.coefficient).collect();
        let v = g.concat(&coefficients, &parts, c);
        let z = g.contract(factor, v, &[c]);
        let squares = g.square(z);
        g.sum(squares, &[r])
    }
}

/// A dimension of a name not used yet.
fn fresh(g: &mut Graph, name: &str, n: usize) -> DimId {
    let free = |k: usize| g.find_dim(&format!("{name}.{k}")).is_none();
    let k = (1..).find(|&k| free(k)).unwrap_or_default();
    g.add_dim(&format!("{name}.{k}"), Role::Plain, Size::Fixed(n))
}

/// Rows and columns of a `k x k` factor.
fn square_dims(g: &mut Graph, k: usize) -> (DimId, DimId) {
    let r = fresh(g, "factor", k);
    (r, g.prime(r))
}

fn gram_factor(
    g: &mut Graph,
    over: DimId,
    (row, col): (DimId, DimId),
    columns: &[NodeId],
    index: Option<NodeId>,
) -> NodeId {
    let args: Vec<NodeId> = columns.iter().copied().chain(index).collect();
    let op = Op::GramFactor { over, row, col, grouped: index.is_some() };
    well_typed(g.push(op, &args))
}
