//! The compiler's tables, read by the table library.

use std::path::Path;

use model::{Cells, Column, DataError, DataSource};
use sha2::{Digest, Sha256};
use tables::{ColumnData, ReadOptions, Table};

/// Reads CSV and Parquet files.
pub struct Files;

impl DataSource for Files {
    fn read(&self, file: &Path) -> Result<model::Table, DataError> {
        let error = |e: tables::TableError| DataError {
            message: e.to_string(),
            help: spec_compiler::nearest::file(file),
        };
        let table = Table::read(file, &ReadOptions::default()).map_err(error)?;
        let bytes = std::fs::read(file)
            .map_err(|e| DataError { message: format!("{}: {e}", file.display()), help: None })?;
        let lines: Option<Vec<usize>> =
            table.columns.first().and_then(|c| (0..table.n_rows).map(|r| c.place(r).line).collect());
        let columns = table
            .columns
            .into_iter()
            .map(|c| Column {
                name: c.name,
                nulls: c.nulls,
                written: c.written,
                cells: match c.data {
                    ColumnData::Real(v) => Cells::Real(v),
                    ColumnData::Integer(v) => Cells::Integer(v),
                    ColumnData::Text(v) => Cells::Text(v),
                    ColumnData::Bool(v) => Cells::Bool(v),
                },
            })
            .collect();
        Ok(model::Table { n_rows: table.n_rows, columns, lines, digest: digest(&bytes) })
    }
}

/// SHA-256, hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
