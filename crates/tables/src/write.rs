//! Whole tables in the format of their file's extension, missing values included.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::column::ColumnData;
use crate::error::TableError;
use crate::table::{Format, check_unique, io_error};

/// A column to write; `nulls` are rows (from 0, ascending) without a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub name: String,
    pub data: ColumnData,
    pub nulls: Vec<usize>,
}

impl Output {
    /// A column that has a value in every row.
    pub fn whole(name: impl Into<String>, data: ColumnData) -> Output {
        Output { name: name.into(), data, nulls: Vec::new() }
    }

    /// A column of texts, where there are any.
    pub fn texts(name: impl Into<String>, values: Vec<Option<String>>) -> Output {
        let nulls = (0..values.len()).filter(|&row| values[row].is_none()).collect();
        let data = ColumnData::Text(values.into_iter().map(Option::unwrap_or_default).collect());
        Output { name: name.into(), data, nulls }
    }

    pub(crate) fn parts(&self) -> (&str, &ColumnData, &[usize]) {
        (&self.name, &self.data, &self.nulls)
    }
}

/// Writes columns of equal length to a `.csv` or `.parquet` file that reads back as the same table.
///
/// CSV quotes what needs quotes (RFC 4180), writes numbers with every digit, and leaves a cell without
/// a value empty. What it cannot say: an empty text (it reads as missing), blanks at the ends of a text,
/// and that a column of numbers is text.
///
/// # Errors
/// As [`write_parquet`](crate::write_parquet), and an extension that is neither.
pub fn write_table(path: impl AsRef<Path>, columns: &[Output]) -> Result<(), TableError> {
    let path = path.as_ref();
    let first = columns.first().ok_or_else(|| TableError::NoColumns { path: path.to_path_buf() })?;
    let n_rows = first.data.len();
    check_unique(path, columns.iter().map(|c| c.name.as_str()))?;
    if let Some(c) = columns.iter().find(|c| c.data.len() != n_rows) {
        let (path, column) = (path.to_path_buf(), c.name.clone());
        return Err(TableError::UnequalLengths { path, column, expected: n_rows, found: c.data.len() });
    }
    match Format::of(path)? {
        Format::Csv => csv(path, columns, n_rows).map_err(|e| io_error(path, "write the file", e)),
        Format::Parquet => crate::parquet::write_with_nulls(path, columns),
    }
}

fn csv(path: &Path, columns: &[Output], n_rows: usize) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let header: Vec<String> = columns.iter().map(|c| quoted(&c.name)).collect();
    writeln!(out, "{}", header.join(","))?;
    for row in 0..n_rows {
        for (k, c) in columns.iter().enumerate() {
            if k > 0 {
                out.write_all(b",")?;
            }
            if c.nulls.binary_search(&row).is_ok() {
                continue;
            }
            match &c.data {
                ColumnData::Real(v) => out.write_all(number(v[row]).as_bytes())?,
                ColumnData::Integer(v) => write!(out, "{}", v[row])?,
                ColumnData::Bool(v) => write!(out, "{}", v[row])?,
                ColumnData::Text(v) => out.write_all(quoted(&v[row]).as_bytes())?,
            }
        }
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Every digit, by powers of ten where there would be many zeros; always recognisable as a real.
fn number(x: f64) -> String {
    if x == 0.0 || !x.is_finite() || (1e-5..1e16).contains(&x.abs()) {
        format!("{x:?}")
    } else {
        format!("{x:e}")
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
}
