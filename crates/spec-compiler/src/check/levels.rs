//! Levels: the dimension a text or integer column spans, and the index it is into one.

use std::collections::HashMap;

use crate::check::scope::Scope;
use crate::errors;
use crate::source::Span;
use crate::typed::{DimRef, IndexDef, ModelDim};

impl Scope<'_> {
    /// The dimension that a column of table `t` indexes, by name: what `index:` says, else its own.
    pub fn indexed_dim(&self, t: usize, column: usize) -> &str {
        let table = &self.tables[t];
        match table.index.iter().find(|(c, _)| *c == column) {
            Some((_, dim)) => &dim.name,
            None => &table.data.columns[column].name,
        }
    }

    /// The columns, by table, that index the dimension `name`.
    fn indexing(&self, name: &str) -> Vec<(usize, usize)> {
        let columns = |t: usize| (0..self.tables[t].data.columns.len()).map(move |c| (t, c));
        let all = (0..self.tables.len()).flat_map(columns);
        all.filter(|&(t, c)| self.indexed_dim(t, c) == name).collect()
    }

    /// `levels:` must speak of dimensions that take their levels from columns, each once.
    pub fn check_levels(&mut self) {
        let mut first: HashMap<String, Span> = HashMap::new();
        let all: Vec<_> = self.tables.iter().flat_map(|t| t.levels.iter().map(|(d, _)| d.clone())).collect();
        for dim in all {
            if let Some(&first) = first.get(&dim.name) {
                self.tell(errors::levels_twice(&dim, first));
            } else if self.dims.find(&dim.name).is_some() {
                self.tell(errors::levels_fixed(&dim));
            } else if self.indexing(&dim.name).is_empty() {
                let known = self.dim_names();
                self.tell(errors::unknown_dim(dim.span, &dim.name, &known));
            }
            first.insert(dim.name.clone(), dim.span);
        }
    }

    /// Dimensions there are, and columns that would make one.
    fn dim_names(&self) -> Vec<String> {
        let mut known = self.dims.names();
        for t in &self.tables {
            let text = t.data.columns.iter().filter(|c| c.cells.kind() == "text");
            known.extend(text.map(|c| c.name.clone()));
            known.extend(t.index.iter().map(|(_, dim)| dim.name.clone()));
        }
        known.sort();
        known.dedup();
        known
    }

    /// Makes the dimension `name` from the levels of the columns that index it, in all tables:
    /// sorted (numbers by size), or as `levels:` says. `span` is where it is first asked for.
    pub fn level_dim(&mut self, name: &str, span: Span) -> Option<DimRef> {
        let indexing = self.indexing(name);
        if indexing.is_empty() {
            let known = self.dim_names();
            return self.fail(errors::unknown_dim(span, name, &known));
        }
        let mut labels: Vec<String> = Vec::new();
        let mut numbers = true;
        for (t, c) in indexing {
            let column = &self.tables[t].data.columns[c];
            let Some(cells) = column.labels() else {
                let mistake = errors::not_labels(span, &column.name, column.cells.kind());
                return self.fail(mistake);
            };
            numbers &= column.cells.kind() == "integer";
            let present =
                cells.into_iter().enumerate().filter(|(r, _)| column.nulls.binary_search(r).is_err());
            labels.extend(present.map(|(_, label)| label));
        }
        if labels.is_empty() && !self.earlier.contains_key(name) {
            return self.fail(errors::no_levels(span, name));
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
                return self.fail(errors::level_missing(ident.span, name, missing));
            }
            labels = order;
        }
        if let Some(earlier) = self.earlier.get(name) {
            let new = labels.into_iter().filter(|l| !earlier.contains(l));
            labels = earlier.iter().cloned().chain(new).collect();
        }
        let size = labels.len();
        Some(self.dims.add(ModelDim { name: name.into(), rows_of: None, size, labels: Some(labels.into()) }))
    }

    /// The index that a column is into `dim`; `span` is where it is used.
    pub fn index(&mut self, table: usize, column: usize, dim: DimRef, span: Span) -> Option<usize> {
        if let Some(i) = self.indices.iter().position(|x| (x.table, x.column, x.dim) == (table, column, dim))
        {
            return Some(i);
        }
        let (t, d) = (&self.tables[table], &self.dims[dim]);
        let c = &t.data.columns[column];
        if let (Some(&row), false) = (c.nulls.first(), t.drops(column)) {
            let place = t.data.locate(row);
            let mistake = errors::null(span, &c.name, &t.name, &place, c.nulls.len());
            return self.fail(mistake);
        }
        let Some(labels) = c.labels() else {
            let mistake = errors::not_labels(span, &c.name, c.cells.kind());
            return self.fail(mistake);
        };
        let positions = d.positions();
        let mut values = Vec::with_capacity(labels.len());
        for (row, label) in labels.iter().enumerate() {
            if c.nulls.binary_search(&row).is_ok() {
                values.push(0);
                continue;
            }
            match positions.of(label) {
                Some(i) => values.push(i as u32),
                None => {
                    let place = t.data.locate(row);
                    let mistake =
                        errors::unknown_level(span, &c.name, &place, label, &d.name, &d.first_labels());
                    return self.fail(mistake);
                }
            }
        }
        self.indices.push(IndexDef { table, column, dim, values });
        Some(self.indices.len() - 1)
    }
}
