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
    /// The numbers that texts are which are whole ones, one with zeros before it, as codes and some months are.
    /// They are labels as written, and numbers too.
    pub fn padded_numbers(&self, nulls: &[usize]) -> Option<Vec<i64>> {
        let Cells::Text(cells) = self else { return None };
        let is_null = |r: usize| nulls.binary_search(&r).is_ok();
        let mut is_padded = false;
        let numbers = cells.iter().enumerate().map(|(r, s)| {
            let s = if is_null(r) { "0" } else { s.trim() };
            is_padded |= s.len() > 1 && s.starts_with('0');
            s.parse().ok().filter(|_| s.bytes().all(|b| b.is_ascii_digit()))
        });
        let numbers: Option<Vec<i64>> = numbers.collect();
        numbers.filter(|_| is_padded)
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
