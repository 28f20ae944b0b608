//! Reading the tables of a spec, and the dimensions they bring.

use std::path::Path;

use model::{Cells, DataSource};

use crate::ast::{self, DimSize, Missing, RowDim, StackColumns};
use crate::check::mistakes;
use crate::core::Core;
use crate::diagnostic::Diagnostic;
use crate::expr::Ident;
use crate::source::Span;
use crate::typed::{DimRef, ModelDim};

/// A table with the columns of its file, under the names of the spec.
#[derive(Clone, Debug)]
pub struct LoadedTable {
    pub name: String,
    /// As written in the spec.
    pub file: String,
    pub rows: DimRef,
    /// Its rows are labelled (`key:`).
    pub is_key: bool,
    pub data: model::Table,
    pub stacks: Vec<Stack>,
    /// What a null of a column (by position) means.
    pub missing: Vec<(usize, Missing)>,
    /// Columns that take their levels from a dimension.
    pub index: Vec<(usize, Ident)>,
    /// `levels:` of dimensions.
    pub levels: Vec<(Ident, Vec<String>)>,
    pub span: Span,
}

/// Columns side by side.
#[derive(Clone, Debug)]
pub struct Stack {
    pub name: String,
    pub dim: DimRef,
    /// Positions in the table's columns.
    pub columns: Vec<usize>,
    pub span: Span,
}

impl LoadedTable {
    pub fn column(&self, name: &str) -> Option<usize> {
        self.data.columns.iter().position(|c| c.name == name)
    }

    pub fn drops(&self, column: usize) -> bool {
        self.missing.iter().any(|&(c, m)| c == column && m == Missing::Drop)
    }
}

/// All tables, all dimensions that are known before any expression is read.
pub struct Loaded {
    pub tables: Vec<LoadedTable>,
    pub dims: Vec<ModelDim>,
    pub mistakes: Vec<Diagnostic>,
}

/// Reads every table of `core`; paths are relative to `base`, the folder of the spec.
pub fn load(core: &Core, base: &Path, source: &dyn DataSource) -> Loaded {
    let mut out = Loaded { tables: Vec::new(), dims: Vec::new(), mistakes: Vec::new() };
    for dim in &core.dims {
        if let Some(first) = core.dims.iter().find(|d| d.name.name == dim.name.name)
            && first.name.span != dim.name.span
        {
            out.mistakes.push(mistakes::two_things("dimension", &dim.name, first.name.span));
            continue;
        }
        let (size, labels) = match &dim.size {
            DimSize::Size(n) => (n.value as usize, None),
            DimSize::Labels(l) => (l.len(), Some(l.iter().map(|s| s.value.clone()).collect())),
        };
        out.dims.push(ModelDim { name: dim.name.name.clone(), rows_of: None, size, labels });
    }
    for table in &core.tables {
        match source.read(&base.join(&table.file.value)) {
            Ok(data) => out.table(table, data),
            Err(e) => out.mistakes.push(mistakes::data(table.file.span, &e)),
        }
    }
    out
}

impl Loaded {
    fn find_dim(&self, name: &str) -> Option<DimRef> {
        self.dims.iter().position(|d| d.name == name).map(DimRef)
    }

    fn table(&mut self, ast: &ast::Table, mut data: model::Table) {
        rename(ast, &mut data, &mut self.mistakes);
        let mut names: Vec<String> = data.columns.iter().map(|c| c.name.clone()).collect();
        names.sort();
        let column_of = |data: &model::Table, ident: &Ident, out: &mut Vec<Diagnostic>| {
            let at = data.columns.iter().position(|c| c.name == ident.name);
            if at.is_none() {
                out.push(mistakes::no_column(ident.span, &ident.name, &ast.name.name, &names));
            }
            at
        };
        if let Some(by) = &ast.ordered_by {
            self.mistakes.push(mistakes::later(by.span, "`ordered_by:`", "recurrences"));
        }
        // The dimension of the rows.
        let position = self.tables.len();
        let (ident, is_key) = match &ast.rows {
            RowDim::Rows(i) => (i, false),
            RowDim::Key(i) => (i, true),
        };
        let labels = if is_key {
            let Some(at) = column_of(&data, ident, &mut self.mistakes) else { return };
            match key_labels(&data, at, ident, &ast.name.name) {
                Ok(labels) => Some(labels),
                Err(d) => {
                    self.mistakes.push(*d);
                    return;
                }
            }
        } else {
            None
        };
        if self.find_dim(&ident.name).is_some() {
            self.mistakes.push(mistakes::dim_twice(ident));
            return;
        }
        self.dims.push(ModelDim {
            name: ident.name.clone(),
            rows_of: (!is_key).then_some(position),
            size: data.n_rows,
            labels,
        });
        let rows = DimRef(self.dims.len() - 1);
        let mut missing = Vec::new();
        for (column, how) in &ast.missing {
            if how.value == Missing::Impute {
                self.mistakes.push(mistakes::later(how.span, "`missing: impute`", "missing data"));
            }
            if let Some(at) = column_of(&data, column, &mut self.mistakes) {
                missing.push((at, how.value));
            }
        }
        let mut index = Vec::new();
        for (column, dim) in &ast.index {
            if let Some(at) = column_of(&data, column, &mut self.mistakes) {
                index.push((at, dim.clone()));
            }
        }
        let levels = ast
            .levels
            .iter()
            .map(|(dim, levels)| (dim.clone(), levels.iter().map(|l| l.value.clone()).collect()))
            .collect();
        let stacks = ast.stack.iter().filter_map(|s| self.stack(s, &data, &ast.name.name, &names)).collect();
        self.tables.push(LoadedTable {
            name: ast.name.name.clone(),
            file: ast.file.value.clone(),
            rows,
            is_key,
            data,
            stacks,
            missing,
            index,
            levels,
            span: ast.name.span,
        });
    }

    fn stack(
        &mut self,
        ast: &ast::Stack,
        data: &model::Table,
        table: &str,
        names: &[String],
    ) -> Option<Stack> {
        let columns: Vec<usize> = match &ast.columns {
            StackColumns::Glob(glob) => {
                let mut hits: Vec<usize> = (0..data.columns.len())
                    .filter(|&i| glob_matches(&glob.value, &data.columns[i].name))
                    .collect();
                hits.sort_by(|&a, &b| natural(&data.columns[a].name).cmp(&natural(&data.columns[b].name)));
                if hits.is_empty() {
                    self.mistakes.push(mistakes::empty_glob(glob.span, &glob.value, table, names));
                    return None;
                }
                hits
            }
            StackColumns::List(list) => {
                let mut hits = Vec::new();
                for c in list {
                    match data.columns.iter().position(|d| d.name == c.value) {
                        Some(at) => hits.push(at),
                        None => self.mistakes.push(mistakes::no_column(c.span, &c.value, table, names)),
                    }
                }
                if hits.len() < list.len() {
                    return None;
                }
                hits
            }
        };
        let labels: Vec<String> = columns.iter().map(|&c| data.columns[c].name.clone()).collect();
        let dim = match self.find_dim(&ast.dim.name) {
            Some(d) => {
                let known = &self.dims[d.0];
                let fits = match &known.labels {
                    Some(l) => *l == labels,
                    None => known.size == labels.len() && known.rows_of.is_none(),
                };
                if !fits {
                    self.mistakes.push(mistakes::stack_dim(&ast.dim, known.size, labels.len()));
                    return None;
                }
                d
            }
            None => {
                let name = ast.dim.name.clone();
                self.dims.push(ModelDim { name, rows_of: None, size: labels.len(), labels: Some(labels) });
                DimRef(self.dims.len() - 1)
            }
        };
        Some(Stack { name: ast.name.name.clone(), dim, columns, span: ast.name.span })
    }
}

/// Gives columns the spec's names for them.
fn rename(ast: &ast::Table, data: &mut model::Table, out: &mut Vec<Diagnostic>) {
    let mut names: Vec<String> = data.columns.iter().map(|c| c.name.clone()).collect();
    names.sort();
    let mut to = Vec::new();
    for (new, old) in &ast.columns {
        match data.columns.iter().position(|c| c.name == old.value) {
            Some(at) => to.push((at, new)),
            None => out.push(mistakes::no_column(old.span, &old.value, &ast.name.name, &names)),
        }
    }
    for &(at, new) in &to {
        if data.columns.iter().enumerate().any(|(i, c)| i != at && c.name == new.name)
            && !to.iter().any(|&(i, _)| data.columns[i].name == new.name)
        {
            out.push(mistakes::renamed_onto(new, &ast.name.name));
        }
    }
    for (at, new) in to {
        data.columns[at].name = new.name.clone();
    }
}

/// The label of each row: a unique text or integer column.
fn key_labels(
    data: &model::Table,
    at: usize,
    key: &Ident,
    table: &str,
) -> Result<Vec<String>, Box<Diagnostic>> {
    let column = &data.columns[at];
    if let Some(&row) = column.nulls.first() {
        return Err(Box::new(mistakes::null(
            key.span,
            &key.name,
            table,
            &data.locate(row),
            column.nulls.len(),
        )));
    }
    let Some(labels) = cell_labels(&column.cells) else {
        return Err(Box::new(mistakes::not_labels(key.span, &key.name, column.cells.kind())));
    };
    let mut seen = std::collections::HashMap::new();
    for (row, label) in labels.iter().enumerate() {
        if let Some(first) = seen.insert(label.clone(), row) {
            let (first, again) = (data.locate(first), data.locate(row));
            return Err(Box::new(mistakes::key_twice(key, label, &first, &again)));
        }
    }
    Ok(labels)
}

/// Text, integers and truth values are labels; reals are not.
pub fn cell_labels(cells: &Cells) -> Option<Vec<String>> {
    match cells {
        Cells::Text(v) => Some(v.clone()),
        Cells::Integer(v) => Some(v.iter().map(i64::to_string).collect()),
        Cells::Bool(v) => Some(v.iter().map(bool::to_string).collect()),
        Cells::Real(_) => None,
    }
}

/// `x*` against `x12`: `*` is any run of characters.
fn glob_matches(pattern: &str, name: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return pattern == name;
    }
    if name.len() < first.len() + last.len() || !name.starts_with(first) || !name.ends_with(last) {
        return false;
    }
    let mut rest = &name[first.len()..name.len() - last.len()];
    for part in &parts[1..parts.len() - 1] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// A sort key with runs of digits as numbers: `x2` before `x10`.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut out: Vec<(u64, String)> = Vec::new();
    let mut chars = name.chars().peekable();
    while chars.peek().is_some() {
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_ascii_digit()) {
            word.push(c);
        }
        let mut digits = String::new();
        while let Some(c) = chars.next_if(char::is_ascii_digit) {
            digits.push(c);
        }
        let number = digits.parse().unwrap_or(u64::MAX);
        if !word.is_empty() {
            out.push((0, word));
        }
        if !digits.is_empty() {
            out.push((number.saturating_add(1), String::new()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_and_sort_naturally() {
        assert!(
            glob_matches("x*", "x12") && glob_matches("*_mg", "dose_mg") && glob_matches("a*b*c", "aXbYc")
        );
        assert!(!glob_matches("x*", "y1") && !glob_matches("ab*ba", "aba"));
        let mut names = vec!["x10", "x2", "x1"];
        names.sort_by_key(|n| natural(n));
        assert_eq!(names, ["x1", "x2", "x10"]);
    }
}
