//! Tables: Polars in (CSV, Parquet), Parquet out, output folders that appear whole.
//!
//! A fit is as good as the table it reads, and most troubles with tables are small: a word among
//! numbers, an empty cell, a row cut short. This crate reads a table *whole* into plain columns,
//! so that no later part meets Polars, and says of every trouble in which column, row and line it
//! is. On the way out it writes Parquet, and makes sure that a folder of results is either
//! complete or absent.
//!
//! ```
//! use tables::{AtomicDir, ColumnData, ReadOptions, Table, write_parquet};
//! # let work = std::env::temp_dir().join(format!("tables-front-page-{}", std::process::id()));
//! # std::fs::create_dir_all(&work).unwrap();
//! let csv = work.join("assay.csv");
//! std::fs::write(&csv, "state,conc,rate\ntreated,0.02,76\ntreated,0.06,n/a\ncontrol,,107\n")?;
//!
//! let table = Table::read(&csv, &ReadOptions::default())?;
//! assert_eq!(table.n_rows, 3);
//! assert_eq!(
//!     table.schema(),
//!     [("state".into(), "text"), ("conc".into(), "real"), ("rate".into(), "text")]
//! );
//!
//! // What is wrong with a column is said when somebody needs it.
//! let missing = table.column("conc")?.require_complete().unwrap_err();
//! assert!(missing.to_string().ends_with("column `conc` has 1 missing value of 3: row 3 (line 4)"));
//! let word = table.column("rate")?.as_real().unwrap_err();
//! assert!(word.to_string().starts_with("'n/a' is not a number; column `rate`, row 2 (line 3)"));
//!
//! // Results are written beside their final place and appear at once.
//! let run = AtomicDir::create(work.join("runs/assay"), "fit.json")?;
//! let draws = [("vmax".to_string(), ColumnData::Real(vec![212.1, 209.8]))];
//! write_parquet(run.path().join("posterior.parquet"), &draws)?;
//! std::fs::write(run.path().join("fit.json"), "{}")?;
//! let run = run.commit()?;
//!
//! let back = Table::read(run.path.join("posterior.parquet"), &ReadOptions::default())?;
//! assert_eq!(back.columns[0].data, draws[0].1);
//! # std::fs::remove_dir_all(&work).unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a table is taken to say
//!
//! - **Kinds** follow from all rows, not the first hundred: integer if every cell is a whole number
//!   of 64 bits, else real if every cell is a number, else bool (`true`/`false` in any case), else
//!   text. Categoricals become text; float32 and small integers are widened. Whole numbers too
//!   large for 64 bits are text: they are labels, and rounding would merge them.
//! - **Missing** is an empty cell or `NA` ([`ReadOptions::null_values`]), quoted or not, and a null
//!   of Parquet. `NaN` and `inf` are numbers, reported by [`Column::non_finite`]. Words such as
//!   `n/a`, `null` or `-` make the column text, and are named when numbers are wanted.
//! - **Blanks** around CSV cells and names are cut off. A blank line is no row. A header without a
//!   name is `unnamed_<position>`.
//! - **Dates** are text in CSV. Parquet's dates, times, decimals and nested types are left out
//!   ([`Table::unsupported`]), and asking for one names its type.
//! - **Refused**: rows shorter or longer than the header, duplicate names, text that is not UTF-8,
//!   quotes that RFC 4180 does not allow.
//!
//! A table is held in memory whole; reading a CSV file takes about four times the file's size for
//! a moment.
//!
//! The crate knows nothing of models, specs, or what a result folder means: it is told the name of
//! the file by which it may recognise an earlier one.

mod atomic;
mod column;
mod csv;
mod error;
mod parquet;
mod table;
mod write;

pub use atomic::{AtomicDir, Committed, remove_result};
pub use column::{Column, ColumnData};
pub use error::{Place, TableError};
pub use parquet::{ParquetBlocks, write_parquet};
pub use table::{ReadOptions, Table, Unsupported};
pub use write::{Output, write_table};
