//! Reading the tables of a spec, and the dimensions they bring.

use std::collections::BTreeSet;
use std::path::Path;

use model::DataSource;

use crate::ast::{self, DimSize, Missing, RowDim, StackColumns};
use crate::check::MAX_MISTAKES;
use crate::check::dims::Dims;
use crate::check::glob::{glob_matches, natural};
use crate::core::Core;
use crate::diagnostic::Diagnostic;
use crate::errors;
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
    /// The column that tells the order of its rows.
    pub ordered_by: Option<usize>,
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

    /// Are its nulls inferred?
    pub fn imputes(&self, column: usize) -> bool {
        self.missing.contains(&(column, Missing::Impute))
    }

    pub fn drops(&self, column: usize) -> bool {
        self.missing.iter().any(|&(c, m)| c == column && m == Missing::Drop)
    }
}

/// All tables, all dimensions that are known before any expression is read.
pub struct Loaded {
    pub tables: Vec<LoadedTable>,
    pub dims: Dims,
    pub mistakes: Vec<Diagnostic>,
}

/// Reads every table of `core`; paths are relative to `base`, the folder of the spec.
pub fn load(core: &Core, base: &Path, source: &dyn DataSource) -> Loaded {
    let mut out = Loaded { tables: Vec::new(), dims: Dims::default(), mistakes: Vec::new() };
    for dim in &core.dims {
        let (size, labels) = match &dim.size {
            DimSize::Size(n) => (n.value as usize, None),
            DimSize::Labels(l) => {
                let labels: Vec<String> = l.iter().map(|s| s.value.clone()).collect();
                (l.len(), Some(labels.into()))
            }
        };
        out.dims.add(ModelDim { name: dim.name.name.clone(), rows_of: None, size, labels });
    }
    for table in &core.tables {
        match source.read(&base.join(&table.file.value)) {
            Ok(data) if data.n_rows == 0 => {
                out.mistakes.push(errors::no_rows(table.file.span, &table.file.value))
            }
            Ok(data) => out.table(table, data),
            Err(e) => out.mistakes.push(errors::data_file(table.file.span, &e)),
        }
    }
    out
}

impl Loaded {
    fn table(&mut self, ast: &ast::Table, mut data: model::Table) {
        rename(ast, &mut data, &mut self.mistakes);
        let mut names: Vec<String> = data.columns.iter().map(|c| c.name.clone()).collect();
        names.sort();
        let column_of = |data: &model::Table, ident: &Ident, out: &mut Vec<Diagnostic>| {
            let at = data.columns.iter().position(|c| c.name == ident.name);
            if at.is_none() && out.len() < MAX_MISTAKES {
                out.push(errors::no_column(ident.span, &ident.name, &ast.name.name, &names));
            }
            at
        };
        let ordered_by = ast.ordered_by.as_ref().and_then(|by| column_of(&data, by, &mut self.mistakes));
        // The dimension of the rows.
        let position = self.tables.len();
        let (ident, is_key) = match &ast.rows {
            RowDim::Rows(i) => (i, false),
            RowDim::Key(i) => (i, true),
        };
        let labels = if is_key {
            let Some(at) = column_of(&data, ident, &mut self.mistakes) else { return };
            match key_labels(&data, at, ident, &ast.name.name) {
                Ok(labels) => Some(labels.into()),
                Err(d) => {
                    self.mistakes.push(*d);
                    return;
                }
            }
        } else {
            None
        };
        if self.dims.find(&ident.name).is_some() {
            self.mistakes.push(errors::dim_twice(ident));
            return;
        }
        // Its levels would be lost: `alpha[county]` would have an element a row.
        if let Some(levels) = data.columns.iter().find(|c| c.name == ident.name).and_then(levels_of)
            && !is_key
            && levels < data.n_rows
        {
            self.mistakes.push(errors::rows_are_levels(ident, &ast.name.name, levels));
        }
        let rows = self.dims.add(ModelDim {
            name: ident.name.clone(),
            rows_of: (!is_key).then_some(position),
            size: data.n_rows,
            labels,
        });
        let mut missing = Vec::new();
        for (column, how) in &ast.missing {
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
            ordered_by,
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
                    self.mistakes.push(errors::empty_glob(glob.span, &glob.value, table, names));
                    return None;
                }
                hits
            }
            StackColumns::List(list) => {
                let mut hits = Vec::new();
                for c in list {
                    match data.columns.iter().position(|d| d.name == c.value) {
                        Some(at) => hits.push(at),
                        // Each costs a search for the name that was meant.
                        None if self.mistakes.len() >= MAX_MISTAKES => return None,
                        None => self.mistakes.push(errors::no_column(c.span, &c.value, table, names)),
                    }
                }
                if hits.len() < list.len() {
                    return None;
                }
                hits
            }
        };
        let labels: Vec<String> = columns.iter().map(|&c| data.columns[c].name.clone()).collect();
        let dim = match self.dims.find(&ast.dim.name) {
            Some(d) => {
                let known = &self.dims[d];
                let fits = match &known.labels {
                    Some(l) => **l == labels[..],
                    None => known.size == labels.len() && known.rows_of.is_none(),
                };
                if !fits {
                    self.mistakes.push(errors::stack_dim(&ast.dim, known.size, labels.len()));
                    return None;
                }
                d
            }
            None => {
                let name = ast.dim.name.clone();
                self.dims.add(ModelDim {
                    name,
                    rows_of: None,
                    size: labels.len(),
                    labels: Some(labels.into()),
                })
            }
        };
        Some(Stack { name: ast.name.name.clone(), dim, columns, span: ast.name.span })
    }
}

/// Gives columns the spec's names for them.
fn rename(ast: &ast::Table, data: &mut model::Table, out: &mut Vec<Diagnostic>) {
    let mut names: Vec<String> = data.columns.iter().map(|c| c.name.clone()).collect();
    names.sort();
    let mut to: Vec<(usize, &Ident)> = Vec::new();
    for (new, old) in &ast.columns {
        match data.columns.iter().position(|c| c.name == old.value) {
            Some(at) => match to.iter().find(|(taken, _)| *taken == at) {
                Some((_, first)) => out.push(errors::renamed_twice(new, &old.value, first)),
                None => to.push((at, new)),
            },
            None if out.len() >= MAX_MISTAKES => return,
            None => out.push(errors::no_column(old.span, &old.value, &ast.name.name, &names)),
        }
    }
    for &(at, new) in &to {
        if data.columns.iter().enumerate().any(|(i, c)| i != at && c.name == new.name)
            && !to.iter().any(|&(i, _)| data.columns[i].name == new.name)
        {
            out.push(errors::renamed_onto(new, &ast.name.name));
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
        let place = data.locate(row);
        return Err(Box::new(errors::null_here(
            key.span,
            &key.name,
            table,
            &place,
            "a key labels every row",
        )));
    }
    let Some(labels) = column.labels() else {
        return Err(Box::new(errors::not_labels(key.span, &key.name, column.cells.kind())));
    };
    let mut seen = std::collections::HashMap::new();
    for (row, label) in labels.iter().enumerate() {
        if let Some(first) = seen.insert(label.clone(), row) {
            let (first, again) = (data.locate(first), data.locate(row));
            return Err(Box::new(errors::key_twice(key, label, &first, &again)));
        }
    }
    Ok(labels)
}

/// How many different labels a column has, if it has labels.
fn levels_of(column: &model::Column) -> Option<usize> {
    Some(column.labels()?.into_iter().collect::<BTreeSet<String>>().len())
}
