//! A table read whole into plain columns, the format chosen by the file's extension.

use std::path::{Path, PathBuf};

use crate::column::Column;
use crate::error::TableError;
use crate::{csv, parquet};

/// How to read a table; the default is right for most files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The character between the cells of a CSV file. `None` looks at the header: a comma if it
    /// has one, else a semicolon, else a tab.
    pub separator: Option<u8>,
    /// CSV cells that mean "missing", after blanks around them are cut off, quoted or not.
    /// `NaN` is a value (of a measurement that went wrong), not a missing cell.
    pub null_values: Vec<String>,
    /// Accept a table without rows.
    pub allow_no_rows: bool,
}

impl Default for ReadOptions {
    /// Separator from the header; empty cells and `NA` are missing (as in R's readr); at least one
    /// row.
    fn default() -> Self {
        ReadOptions { separator: None, null_values: vec![String::new(), "NA".into()], allow_no_rows: false }
    }
}

/// A Parquet column of a type that cannot be used here; its other columns can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    pub name: String,
    /// `date`, `timestamp`, `decimal`, `list`, ..., else the name Arrow gives it.
    pub dtype: String,
}

/// A table in memory: columns of equal length in the order of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub path: PathBuf,
    pub n_rows: usize,
    pub columns: Vec<Column>,
    /// Columns that were left out; asking for one is an error that names its type.
    pub unsupported: Vec<Unsupported>,
}

impl Table {
    /// Reads a `.csv` or `.parquet` file (upper or lower case) whole.
    ///
    /// # Errors
    /// Whatever is wrong with the file as a file; wrong values in a column are reported when the
    /// column is used, so that a column nobody asks for stops nobody.
    pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table, TableError> {
        let path = path.as_ref();
        // A pattern such as `runs/x*.csv` would become its files here, in natural order, and their
        // tables be stacked below; nothing beyond this function sees more than one file.
        let table = match Format::of(path)? {
            Format::Csv => csv::read(path, options)?,
            Format::Parquet => parquet::read(path)?,
        };
        if table.n_rows == 0 && !options.allow_no_rows {
            return Err(TableError::NoRows { path: path.to_path_buf() });
        }
        Ok(table)
    }

    /// The names of the usable columns, in the order of the file.
    pub fn column_names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// The column of that name.
    ///
    /// # Errors
    /// [`TableError::UnknownColumn`] with the names there are, or [`TableError::UnsupportedType`].
    pub fn column(&self, name: &str) -> Result<&Column, TableError> {
        if let Some(column) = self.columns.iter().find(|column| column.name == name) {
            return Ok(column);
        }
        if let Some(column) = self.unsupported.iter().find(|column| column.name == name) {
            return Err(TableError::UnsupportedType {
                path: self.path.clone(),
                column: name.into(),
                dtype: column.dtype.clone(),
            });
        }
        Err(TableError::UnknownColumn {
            path: self.path.clone(),
            column: name.into(),
            available: self.columns.iter().map(|c| c.name.clone()).collect(),
        })
    }

    /// Name and kind (`"real"`, `"integer"`, `"text"`, `"bool"`) of every usable column, in the
    /// order of the file: what a digest of the data's shape needs.
    pub fn schema(&self) -> Vec<(String, &'static str)> {
        self.columns.iter().map(|column| (column.name.clone(), column.kind())).collect()
    }
}

pub(crate) enum Format {
    Csv,
    Parquet,
}

impl Format {
    pub fn of(path: &Path) -> Result<Format, TableError> {
        let found = path.extension().map(|ext| ext.to_string_lossy());
        match found.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Ok(Format::Csv),
            Some("parquet") => Ok(Format::Parquet),
            _ => Err(TableError::UnknownExtension {
                path: path.to_path_buf(),
                found: found.map(|ext| ext.into_owned()),
            }),
        }
    }
}

/// Refuses two columns of one name.
pub(crate) fn check_unique<'a>(path: &Path, names: impl Iterator<Item = &'a str>) -> Result<(), TableError> {
    let mut seen = std::collections::HashMap::new();
    for (position, name) in names.enumerate() {
        if let Some(first) = seen.insert(name, position + 1) {
            return Err(TableError::DuplicateColumn {
                path: path.to_path_buf(),
                column: name.into(),
                first,
                second: position + 1,
            });
        }
    }
    Ok(())
}

/// Maps an error of the operating system while reading, a missing file to its own variant.
pub(crate) fn read_error(path: &Path, source: std::io::Error) -> TableError {
    if source.kind() == std::io::ErrorKind::NotFound {
        TableError::NotFound { path: path.to_path_buf() }
    } else {
        io_error(path, "read the file", source)
    }
}

/// Maps an error of the operating system.
pub(crate) fn io_error(path: &Path, action: &'static str, source: std::io::Error) -> TableError {
    TableError::Io { path: path.to_path_buf(), action, source }
}

/// Maps an error of polars, whose text is all it has.
pub(crate) fn polars_error(
    path: &Path,
    action: &'static str,
    error: polars::prelude::PolarsError,
) -> TableError {
    TableError::Polars { path: path.to_path_buf(), action, message: error.to_string() }
}
