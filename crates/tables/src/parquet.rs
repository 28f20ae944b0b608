//! Parquet in and out.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::io::parquet::write::BatchedWriter;
use polars::prelude as pl;
use polars::prelude::{
    ArrowDataType, DataFrame, IntoColumn, NamedFrom, ParquetCompression, ParquetReader, ParquetWriter,
    PolarsError, PolarsResult, SerReader, Series, polars_ensure,
};

use crate::column::{Column, ColumnData, Lines, Origin};
use crate::error::TableError;
use crate::table::{Table, Unsupported, check_unique, io_error, polars_error, read_error};
use crate::write::Output;

/// Writes columns of equal length to a Parquet file (zstd), replacing one that is there.
///
/// Doubles keep their bits, NaN included; nothing is written as missing. The same columns give the
/// same bytes on any number of threads. The file is not written atomically: write it into an
/// [`AtomicDir`](crate::AtomicDir). The columns are copied once; [`ParquetBlocks`] takes
/// tables larger than memory.
///
/// # Errors
/// [`TableError::NoColumns`], [`TableError::DuplicateColumn`], [`TableError::UnequalLengths`], or
/// whatever the operating system says.
pub fn write_parquet(path: impl AsRef<Path>, columns: &[(String, ColumnData)]) -> Result<(), TableError> {
    let path = path.as_ref();
    let n_rows = columns
        .first()
        .map(|(_, data)| data.len())
        .ok_or_else(|| TableError::NoColumns { path: path.to_path_buf() })?;
    check_unique(path, columns.iter().map(|(name, _)| name.as_str()))?;
    if let Some((column, data)) = columns.iter().find(|(_, data)| data.len() != n_rows) {
        return Err(TableError::UnequalLengths {
            path: path.to_path_buf(),
            column: column.clone(),
            expected: n_rows,
            found: data.len(),
        });
    }

    write_frame(path, frame(path, columns.iter().map(|(name, data)| (name.as_str(), data, &[][..])))?)
}

/// The same with rows that have no value.
pub(crate) fn write_with_nulls(path: &Path, columns: &[Output]) -> Result<(), TableError> {
    write_frame(path, frame(path, columns.iter().map(Output::parts))?)
}

/// A table of columns: names, values, and rows without a value.
fn frame<'c>(
    path: &Path,
    columns: impl Iterator<Item = (&'c str, &'c ColumnData, &'c [usize])>,
) -> Result<DataFrame, TableError> {
    fn options<'c, T: ?Sized>(values: impl Iterator<Item = &'c T>, nulls: &[usize]) -> Vec<Option<&'c T>> {
        values.enumerate().map(|(r, x)| nulls.binary_search(&r).is_err().then_some(x)).collect()
    }
    fn copied<T: Copy>(values: Vec<Option<&T>>) -> Vec<Option<T>> {
        values.into_iter().map(|x| x.copied()).collect()
    }
    let series = |(name, data, nulls): (&str, &ColumnData, &[usize])| {
        let name = name.into();
        match data {
            ColumnData::Real(v) if nulls.is_empty() => Series::new(name, v),
            ColumnData::Integer(v) if nulls.is_empty() => Series::new(name, v),
            ColumnData::Bool(v) if nulls.is_empty() => Series::new(name, v),
            ColumnData::Text(v) if nulls.is_empty() => Series::new(name, v),
            ColumnData::Real(v) => Series::new(name, copied(options(v.iter(), nulls))),
            ColumnData::Integer(v) => Series::new(name, copied(options(v.iter(), nulls))),
            ColumnData::Bool(v) => Series::new(name, copied(options(v.iter(), nulls))),
            ColumnData::Text(v) => Series::new(name, options(v.iter().map(String::as_str), nulls)),
        }
        .into_column()
    };
    let columns: Vec<_> = columns.map(series).collect();
    let n_rows = columns.first().map_or(0, pl::Column::len);
    DataFrame::new(n_rows, columns).map_err(|e| polars_error(path, "build the table", e))
}

fn write_frame(path: &Path, mut frame: DataFrame) -> Result<(), TableError> {
    let file = File::create(path).map_err(|e| io_error(path, "write the file", e))?;
    ParquetWriter::new(file)
        .with_compression(ParquetCompression::Zstd(None))
        .finish(&mut frame)
        .map_err(|e| write_error(path, e))?;
    Ok(())
}

fn write_error(path: &Path, error: PolarsError) -> TableError {
    match error {
        PolarsError::IO { error, .. } => {
            io_error(path, "write the file", std::io::Error::new(error.kind(), error.to_string()))
        }
        error => polars_error(path, "write the table", error),
    }
}

/// A Parquet file written block by block (zstd), so that a table may be larger than memory.
///
/// As for [`write_parquet`], doubles keep their bits, and the file is not written atomically. The same
/// blocks give the same bytes.
pub struct ParquetBlocks {
    path: PathBuf,
    /// `None` until the first block tells names and kinds.
    writer: Option<BatchedWriter<File>>,
}

impl ParquetBlocks {
    /// A file at `path`, made with its first block.
    pub fn new(path: impl AsRef<Path>) -> ParquetBlocks {
        ParquetBlocks { path: path.as_ref().to_path_buf(), writer: None }
    }

    /// Adds rows; every block has the same columns.
    ///
    /// # Errors
    /// As [`write_parquet`].
    pub fn write(&mut self, columns: &[Output]) -> Result<(), TableError> {
        let path = &self.path;
        check_unique(path, columns.iter().map(|c| c.name.as_str()))?;
        let frame = frame(path, columns.iter().map(Output::parts))?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = File::create(path).map_err(|e| io_error(path, "write the file", e))?;
                let writer = ParquetWriter::new(file)
                    .with_compression(ParquetCompression::Zstd(None))
                    .batched(frame.schema())
                    .map_err(|e| write_error(path, e))?;
                none.insert(writer)
            }
        };
        writer.write_batch(&frame).map_err(|e| write_error(path, e))
    }

    /// Ends the file; without a block there is none.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn finish(self) -> Result<(), TableError> {
        let Some(writer) = self.writer else { return Ok(()) };
        writer.finish().map(|_| ()).map_err(|e| write_error(&self.path, e))
    }
}

pub(crate) fn read(path: &Path) -> Result<Table, TableError> {
    let mut file = File::open(path).map_err(|e| read_error(path, e))?;
    check_magic(path, &mut file)?;
    let damaged = |reason| TableError::NotParquet { path: path.to_path_buf(), reason };
    // Polars believes what a file says about itself, and panics where a damaged one lies.
    let Frame { n_rows, columns, unsupported } =
        std::panic::catch_unwind(AssertUnwindSafe(|| supported_columns(file)))
            .map_err(|_| damaged("its contents contradict one another".into()))?
            .map_err(|error| damaged(error.to_string()))?;

    let origin = Arc::new(Origin { path: path.to_path_buf(), lines: Lines::Absent });
    let columns = columns
        .into_iter()
        .map(|column| plain(path, column, &origin))
        .collect::<Result<Vec<_>, TableError>>()?;
    Ok(Table { path: path.to_path_buf(), n_rows, columns, unsupported })
}

struct Frame {
    n_rows: usize,
    columns: Vec<pl::Column>,
    unsupported: Vec<Unsupported>,
}

fn supported_columns(file: File) -> PolarsResult<Frame> {
    let mut reader = ParquetReader::new(file);
    let n_rows = reader.num_rows()?;
    let schema = reader.schema()?;

    // Polars panics on types it was built without, so they are left out before it reads.
    let mut projection = Vec::new();
    let mut unsupported = Vec::new();
    for (i, field) in schema.iter_values().enumerate() {
        if is_supported(&field.dtype) {
            projection.push(i);
        } else {
            unsupported.push(Unsupported { name: field.name.to_string(), dtype: type_name(&field.dtype) });
        }
    }
    let columns = if projection.is_empty() {
        Vec::new()
    } else {
        let frame = reader.with_projection(Some(projection)).finish()?;
        polars_ensure!(frame.height() == n_rows, ComputeError: "rows are missing");
        frame.into_columns()
    };
    Ok(Frame { n_rows, columns, unsupported })
}

/// A Parquet file begins and ends with four letters; polars would map any file into memory first.
fn check_magic(path: &Path, file: &mut File) -> Result<(), TableError> {
    const MAGIC: &[u8; 4] = b"PAR1";
    // Two magics and the footer's length.
    const SHORTEST: u64 = 12;
    let failed = |e| read_error(path, e);
    let length = file.metadata().map_err(failed)?.len();
    let mut reason = None;
    if length == 0 {
        return Err(TableError::Empty { path: path.to_path_buf() });
    } else if length < SHORTEST {
        reason = Some(format!("it has only {length} bytes"));
    } else {
        let mut magic = [0; 4];
        for (from, place) in [(SeekFrom::Start(0), "begin"), (SeekFrom::End(-4), "end")] {
            file.seek(from).map_err(failed)?;
            file.read_exact(&mut magic).map_err(failed)?;
            if &magic != MAGIC && reason.is_none() {
                reason = Some(format!("it does not {place} with the letters PAR1"));
            }
        }
        file.rewind().map_err(failed)?;
    }
    match reason {
        None => Ok(()),
        Some(reason) => Err(TableError::NotParquet { path: path.to_path_buf(), reason }),
    }
}

fn is_supported(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    match dtype {
        A::Null | A::Boolean | A::Float32 | A::Float64 => true,
        A::Int8 | A::Int16 | A::Int32 | A::Int64 => true,
        A::UInt8 | A::UInt16 | A::UInt32 | A::UInt64 => true,
        A::Utf8 | A::LargeUtf8 | A::Utf8View => true,
        // A categorical: its values decide.
        A::Dictionary(_, values, _) => is_supported(values),
        _ => false,
    }
}

/// What people call a type that is not supported.
fn type_name(dtype: &ArrowDataType) -> String {
    use ArrowDataType as A;
    match dtype {
        A::Date32 | A::Date64 => "date".into(),
        A::Time32(_) | A::Time64(_) => "time".into(),
        A::Timestamp(..) => "timestamp".into(),
        A::Duration(_) | A::Interval(_) => "duration".into(),
        A::Decimal(..) | A::Decimal32(..) | A::Decimal64(..) | A::Decimal256(..) => "decimal".into(),
        A::List(_) | A::LargeList(_) | A::FixedSizeList(..) | A::Map(..) => "list".into(),
        A::Struct(_) => "struct".into(),
        other => format!("{other:?}"),
    }
}

/// A polars column as plain values.
fn plain(path: &Path, column: pl::Column, origin: &Arc<Origin>) -> Result<Column, TableError> {
    let failed = |e| polars_error(path, "convert a column", e);
    let name = column.name().to_string();
    let series = column.take_materialized_series();
    let nulls = null_rows(&series);
    let dtype = series.dtype().clone();
    let data = if dtype.is_bool() {
        let values = series.bool().map_err(failed)?;
        ColumnData::Bool(values.iter().map(|v| v.unwrap_or(false)).collect())
    } else if dtype.is_float() || dtype.is_null() {
        let series = series.strict_cast(&pl::DataType::Float64).map_err(failed)?;
        let values = series.f64().map_err(failed)?;
        ColumnData::Real(values.iter().map(|v| v.unwrap_or(f64::NAN)).collect())
    } else if dtype.is_integer() && fits_64_bits(&series) {
        let series = series.strict_cast(&pl::DataType::Int64).map_err(failed)?;
        let values = series.i64().map_err(failed)?;
        ColumnData::Integer(values.iter().map(|v| v.unwrap_or(0)).collect())
    } else {
        // Text, categoricals, and numbers that are labels (as in CSV).
        let series = series.strict_cast(&pl::DataType::String).map_err(failed)?;
        let values = series.str().map_err(failed)?;
        ColumnData::Text(values.iter().map(|v| v.unwrap_or_default().to_owned()).collect())
    };
    Ok(Column { name, data, nulls, written: None, origin: Arc::clone(origin) })
}

fn null_rows(series: &Series) -> Vec<usize> {
    if series.null_count() == 0 {
        return Vec::new();
    }
    let is_null = series.is_null();
    (0..).zip(is_null.iter()).filter_map(|(row, null)| (null == Some(true)).then_some(row)).collect()
}

fn fits_64_bits(series: &Series) -> bool {
    match series.u64() {
        Ok(values) => values.iter().flatten().all(|v| i64::try_from(v).is_ok()),
        Err(_) => true,
    }
}
