//! Levels: the dimension a text or integer column spans, and the index it is into one.

use crate::check::data::cell_labels;
use crate::check::mistakes;
use crate::check::scope::Scope;
use crate::source::Span;
use crate::typed::{DimRef, IndexDef, ModelDim};

impl Scope<'_> {
    /// The dimension that a column of table `t` indexes, by name: what `index:` says, else its own.
    pub fn indexed_dim(&self, t: usize, column: usize) -> String {
        let table = &self.tables[t];
        match table.index.iter().find(|(c, _)| *c == column) {
            Some((_, dim)) => dim.name.clone(),
            None => table.data.columns[column].name.clone(),
        }
    }

    /// Makes the dimension `name` from the levels of the columns that index it, in all tables:
    /// sorted (numbers by size), or as `levels:` says.
    pub fn level_dim(&mut self, name: &str) -> Option<DimRef> {
        let mut labels: Vec<String> = Vec::new();
        let mut found = false;
        let mut numbers = true;
        for t in 0..self.tables.len() {
            for c in 0..self.tables[t].data.columns.len() {
                if self.indexed_dim(t, c) != name {
                    continue;
                }
                let column = &self.tables[t].data.columns[c];
                let Some(cells) = cell_labels(&column.cells) else { continue };
                found = true;
                numbers &= column.cells.kind() == "integer";
                labels.extend(
                    cells
                        .into_iter()
                        .enumerate()
                        .filter(|(r, _)| column.nulls.binary_search(r).is_err())
                        .map(|(_, l)| l),
                );
            }
        }
        if !found {
            return None;
        }
        if numbers {
            labels.sort_by_key(|l| l.parse::<i64>().unwrap_or(i64::MAX));
        } else {
            labels.sort();
        }
        labels.dedup();
        let written = self.tables.iter().flat_map(|t| &t.levels).find(|(d, _)| d.name == name).cloned();
        if let Some((ident, order)) = written {
            if let Some(missing) = labels.iter().find(|l| !order.contains(l)) {
                self.mistakes.push(mistakes::level_missing(ident.span, name, missing));
            }
            labels = order;
        }
        self.dims.push(ModelDim {
            name: name.into(),
            rows_of: None,
            size: labels.len(),
            labels: Some(labels),
        });
        Some(DimRef(self.dims.len() - 1))
    }

    /// The index that a column is into `dim`; `span` is where it is used.
    pub fn index(&mut self, table: usize, column: usize, dim: DimRef, span: Span) -> Option<usize> {
        if let Some(i) = self.indices.iter().position(|x| (x.table, x.column, x.dim) == (table, column, dim))
        {
            return Some(i);
        }
        let (t, d) = (&self.tables[table], &self.dims[dim.0]);
        let c = &t.data.columns[column];
        if let Some(&row) = c.nulls.first() {
            let place = t.data.locate(row);
            self.mistakes.push(mistakes::null(span, &c.name, &t.name, &place, c.nulls.len()));
            return None;
        }
        let Some(labels) = cell_labels(&c.cells) else {
            self.mistakes.push(mistakes::not_labels(span, &c.name, c.cells.kind()));
            return None;
        };
        let positions: std::collections::HashMap<String, u32> =
            (0..d.size).map(|i| (d.label(i), i as u32)).collect();
        let mut values = Vec::with_capacity(labels.len());
        for (row, label) in labels.iter().enumerate() {
            match positions.get(label) {
                Some(&i) => values.push(i),
                None => {
                    let known: Vec<String> = (0..d.size.min(1000)).map(|i| d.label(i)).collect();
                    let place = t.data.locate(row);
                    self.mistakes
                        .push(mistakes::unknown_level(span, &c.name, &place, label, &d.name, &known));
                    return None;
                }
            }
        }
        self.indices.push(IndexDef { table, column, dim, values });
        Some(self.indices.len() - 1)
    }
}
