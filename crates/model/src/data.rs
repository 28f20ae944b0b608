//! Plain columns, and the trait that fetches them.

use std::path::Path;

/// The cells of a column. A null is a default value whose row is listed in [`Column::nulls`].
#[derive(Clone, PartialEq, Debug)]
pub enum Cells {
    Real(Vec<f64>),
    Integer(Vec<i64>),
    Text(Vec<String>),
    Bool(Vec<bool>),
}

impl Cells {
    pub fn len(&self) -> usize {
        match self {
            Cells::Real(v) => v.len(),
            Cells::Integer(v) => v.len(),
            Cells::Text(v) => v.len(),
            Cells::Bool(v) => v.len(),
        }
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// What a person would call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Cells::Real(_) => "real",
            Cells::Integer(_) => "integer",
            Cells::Text(_) => "text",
            Cells::Bool(_) => "boolean",
        }
    }
}

/// One column of a table.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    pub name: String,
    pub cells: Cells,
    /// Zero-based rows without a value, ascending.
    pub nulls: Vec<usize>,
    /// Whole numbers as they are written, where that tells more of them as labels: `01001`.
    pub written: Option<Vec<String>>,
}

impl Column {
    /// Texts, whole numbers and truth values as labels; `None` for reals.
    pub fn labels(&self) -> Option<Vec<String>> {
        match &self.cells {
            Cells::Text(v) => Some(v.clone()),
            Cells::Integer(v) => {
                Some(self.written.clone().unwrap_or_else(|| v.iter().map(i64::to_string).collect()))
            }
            Cells::Bool(v) => Some(v.iter().map(bool::to_string).collect()),
            Cells::Real(_) => None,
        }
    }
}

/// A whole table, in memory.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    pub n_rows: usize,
    pub columns: Vec<Column>,
    /// The line of the file each row starts on (from 1), where rows have lines.
    pub lines: Option<Vec<usize>>,
    /// A digest of the file's bytes, hexadecimal.
    pub digest: String,
}

impl Table {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// `row 3 (line 4)`: how a row (zero-based) is named to the user.
    pub fn locate(&self, row: usize) -> String {
        match self.lines.as_ref().and_then(|l| l.get(row)) {
            Some(line) => format!("row {} (line {line})", row + 1),
            None => format!("row {}", row + 1),
        }
    }
}

/// Why a file could not be read, in one sentence.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct DataError {
    pub message: String,
    /// What would help, if anything is known.
    pub help: Option<String>,
}

/// Fetches tables by path. `fit` implements it over its table library; tests over memory.
pub trait DataSource {
    fn read(&self, file: &Path) -> Result<Table, DataError>;
}
