//! CSV: the layout is checked here, cells are cut by polars, and kinds follow from *all* cells.
//!
//! Polars is asked for text only. Its own inference looks at the first rows, renames duplicate
//! columns, fills short rows with nulls, counts a blank line as a row and cannot say on which line
//! a cell stood; `layout` refuses or repairs each of these before polars sees the bytes.

mod cells;
mod layout;

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{CsvReadOptions, DataType, PlSmallStr, Schema, SerReader};

use crate::column::{Column, ColumnData, Origin};
use crate::error::TableError;
use crate::table::{ReadOptions, Table, polars_error, read_error};

pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Table, TableError> {
    let bytes = std::fs::read(path).map_err(|e| read_error(path, e))?;
    let layout = layout::check(path, bytes, options.separator)?;
    let n_rows = layout.n_rows;
    let origin = Arc::new(Origin { path: path.to_path_buf(), lines: layout.lines });

    let texts = if n_rows == 0 {
        vec![None; layout.header.len()]
    } else {
        // Positions serve as names: the real ones are ours to report.
        let schema: Schema = (0..layout.header.len())
            .map(|i| (PlSmallStr::from_string(i.to_string()), DataType::String))
            .collect();
        let frame = CsvReadOptions::default()
            .with_has_header(false)
            .with_schema(Some(Arc::new(schema)))
            .map_parse_options(|parse| parse.with_separator(layout.separator))
            .into_reader_with_file_handle(Cursor::new(&layout.bytes[layout.body..]))
            .finish()
            .map_err(|e| polars_error(path, "read the rows", e))?;
        if frame.height() != n_rows || frame.width() != layout.header.len() {
            return Err(TableError::Polars {
                path: path.to_path_buf(),
                action: "read the rows",
                message: format!(
                    "expected {n_rows} rows of {} cells, found {} of {}",
                    layout.header.len(),
                    frame.height(),
                    frame.width()
                ),
            });
        }
        frame.into_columns().into_iter().map(Some).collect()
    };

    let columns = layout
        .header
        .into_iter()
        .zip(texts)
        .map(|(name, text)| {
            // `text` is dropped with each turn, so cells are held twice for one column only.
            let ((data, nulls), written) = match &text {
                None => (cells::typed(&[]), None),
                Some(text) => {
                    let text = text.str().map_err(|e| polars_error(path, "read the rows", e))?;
                    let cells: Vec<Option<&str>> =
                        text.iter().map(|cell| cells::present(cell, &options.null_values)).collect();
                    let (data, nulls) = cells::typed(&cells);
                    let written = matches!(data, ColumnData::Integer(_)).then(|| cells::as_written(&cells));
                    ((data, nulls), written.flatten())
                }
            };
            Ok(Column { name, data, nulls, written, origin: Arc::clone(&origin) })
        })
        .collect::<Result<Vec<_>, TableError>>()?;

    Ok(Table { path: path.to_path_buf(), n_rows, columns, unsupported: Vec::new() })
}
