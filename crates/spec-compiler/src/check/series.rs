//! Series: the rows of a table in order, and which row lies before which.

use std::cmp::Ordering;
use std::collections::HashMap;

use model::Cells;

use crate::check::data::LoadedTable;
use crate::check::scope::Scope;
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::Span;
use crate::typed::{DimRef, LagDef};

/// The rows of a table, series after series, each in its order.
#[derive(Clone, Debug)]
pub struct Series {
    /// The row at each position.
    pub order: Vec<u32>,
    /// By position: does a series begin here?
    pub first: Vec<bool>,
}

impl Series {
    /// How many series there are.
    pub fn count(&self) -> usize {
        self.first.iter().filter(|f| **f).count()
    }

    /// Are the rows of the file in this order?
    pub fn is_file_order(&self) -> bool {
        self.order.iter().enumerate().all(|(at, &row)| at == row as usize)
    }

    /// By row: the position it has.
    pub fn positions(&self) -> Vec<u32> {
        let mut out = vec![0; self.order.len()];
        for (at, &row) in self.order.iter().enumerate() {
            out[row as usize] = at as u32;
        }
        out
    }

    /// The rows that series begin with, ascending.
    pub fn first_rows(&self) -> Vec<usize> {
        let at_first = self.order.iter().zip(&self.first).filter(|(_, first)| **first);
        let mut rows: Vec<usize> = at_first.map(|(&row, _)| row as usize).collect();
        rows.sort_unstable();
        rows
    }

    /// The positions that series end at.
    pub fn ends(&self) -> Vec<u32> {
        let is_end = |at: &usize| at + 1 == self.first.len() || self.first[at + 1];
        (0..self.first.len()).filter(is_end).map(|at| at as u32).collect()
    }

    /// By row: the row `k` before it in its series, if there is one.
    pub fn earlier(&self, k: usize) -> Vec<Option<u32>> {
        let mut out = vec![None; self.order.len()];
        let mut begin = 0;
        for (at, &row) in self.order.iter().enumerate() {
            if self.first[at] {
                begin = at;
            }
            out[row as usize] = at.checked_sub(k).filter(|&b| b >= begin).map(|b| self.order[b]);
        }
        out
    }
}

/// The series of table `t`: those that the column `by` tells apart, else one; in the order of
/// `ordered_by:`, else of the file.
///
/// # Errors
/// Nulls in either column, two rows of a series at one place.
pub fn series(t: &LoadedTable, by: Option<usize>, span: Span) -> Result<Series, Box<Diagnostic>> {
    let n = t.data.n_rows;
    let group: Vec<usize> = match by {
        None => vec![0; n],
        Some(by) => {
            let c = &t.data.columns[by];
            if let Some(&row) = c.nulls.first() {
                let place = t.data.locate(row);
                return Err(Box::new(errors::null(span, &c.name, &t.name, &place, c.nulls.len())));
            }
            let labels =
                c.labels().ok_or_else(|| Box::new(errors::not_labels(span, &c.name, c.cells.kind())))?;
            let mut seen: HashMap<String, usize> = HashMap::new();
            labels
                .into_iter()
                .map(|label| {
                    let next = seen.len();
                    *seen.entry(label).or_insert(next)
                })
                .collect()
        }
    };
    let mut order: Vec<usize> = (0..n).collect();
    if let Some(key) = t.ordered_by {
        let c = &t.data.columns[key];
        if let Some(&row) = c.nulls.first() {
            let place = t.data.locate(row);
            return Err(Box::new(errors::null(span, &c.name, &t.name, &place, c.nulls.len())));
        }
        order.sort_by(|&a, &b| group[a].cmp(&group[b]).then_with(|| compare(&c.cells, a, b)));
        let tie = order
            .windows(2)
            .find(|w| group[w[0]] == group[w[1]] && compare(&c.cells, w[0], w[1]) == Ordering::Equal);
        if let Some(w) = tie {
            let places = (t.data.locate(w[0]), t.data.locate(w[1]));
            return Err(Box::new(errors::order_tie(span, &c.name, &t.name, &places, by.is_some())));
        }
    } else {
        order.sort_by_key(|&r| group[r]);
    }
    let first = (0..n).map(|at| at == 0 || group[order[at]] != group[order[at - 1]]).collect();
    Ok(Series { order: order.into_iter().map(|r| r as u32).collect(), first })
}

fn compare(cells: &Cells, a: usize, b: usize) -> Ordering {
    match cells {
        Cells::Real(v) => v[a].total_cmp(&v[b]),
        Cells::Integer(v) => v[a].cmp(&v[b]),
        Cells::Text(v) => v[a].cmp(&v[b]),
        Cells::Bool(v) => v[a].cmp(&v[b]),
    }
}

impl Scope<'_> {
    /// Where `dim` is the rows of a table whose file has another order than `ordered_by:`: the row at each
    /// place of that order, and the column. Not where several rows share a place: these are several series.
    pub fn other_order(&self, dim: DimRef, span: Span) -> Option<(Vec<u32>, String)> {
        let t = self.tables.iter().find(|t| t.rows == dim)?;
        let column = t.data.columns[t.ordered_by?].name.clone();
        let order = series(t, None, span).ok().filter(|s| !s.is_file_order())?.order;
        Some((order, column))
    }

    /// The lag by `k` rows of series of a value without value in the rows `gaps` (sorted).
    pub fn lag(&mut self, table: usize, series: &Series, k: usize, gaps: &[usize], text: String) -> usize {
        let earlier = series.earlier(k);
        let rows = || 0..earlier.len();
        let before: Vec<usize> = rows().filter(|&r| earlier[r].is_none()).collect();
        let is_gap = |r: &usize| earlier[*r].is_some_and(|e| gaps.binary_search(&(e as usize)).is_ok());
        let nulls = rows().filter(is_gap).collect();
        let source = rows().map(|r| earlier[r].unwrap_or(r as u32)).collect();
        self.has_dropped = true;
        self.lags.push(LagDef { table, source, before, nulls, text });
        self.lags.len() - 1
    }
}
