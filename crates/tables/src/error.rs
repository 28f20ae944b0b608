//! Everything that can go wrong with a table or an output folder, with the fields a caller needs
//! to point at the cause.

use std::fmt;
use std::path::PathBuf;

/// Where a cell is: its data row and, for a text file, the line on which that row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Data row, counted from 1; the header is not a row.
    pub row: usize,
    /// Line of the file, counted from 1; `None` for Parquet.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "row {} (line {line})", self.row),
            None => write!(f, "row {}", self.row),
        }
    }
}

/// An error of this crate; every variant names the file or folder it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The extension is not one this crate reads.
    #[error("{}: cannot tell the format from {}; tables are read from .csv and .parquet files",
        path.display(), extension(found))]
    UnknownExtension { path: PathBuf, found: Option<String> },
    /// There is no such file.
    #[error("{}: there is no such file", path.display())]
    NotFound { path: PathBuf },
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io { path: PathBuf, action: &'static str, source: std::io::Error },
    /// Not one byte, or blank lines only.
    #[error("{}: the file is empty; expected a header line and at least one row", path.display())]
    Empty { path: PathBuf },
    /// A header, but nothing below it.
    #[error("{}: the table has columns but no rows", path.display())]
    NoRows { path: PathBuf },
    /// A text file in another encoding.
    #[error("{}: line {line} is not UTF-8 text; {hint}", path.display())]
    NotUtf8 { path: PathBuf, line: usize, hint: &'static str },
    /// Two columns of one name; positions count from 1.
    #[error("{}: two columns are called `{column}` (columns {first} and {second})", path.display())]
    DuplicateColumn { path: PathBuf, column: String, first: usize, second: usize },
    /// A row with more or fewer cells than the header.
    #[error("{}: {place} has {found} {}, but the header has {expected}",
        path.display(), plural(*found, "cell"))]
    Ragged { path: PathBuf, place: Place, expected: usize, found: usize },
    /// A column name with a comma that ended it.
    #[error("{}: the comma in the column name `{name}` ends a cell; put such names in quotes: \
        \"{name}\"", path.display())]
    SplitName { path: PathBuf, name: String },
    /// A quoted cell that never ends.
    #[error("{}: the quote opened on line {line} is never closed", path.display())]
    OpenQuote { path: PathBuf, line: usize },
    /// A quote in the middle of a cell.
    #[error("{}: line {line} has a quote inside a cell; quotes must enclose the whole cell \
        (no blanks around them), and one inside is written twice", path.display())]
    StrayQuote { path: PathBuf, line: usize },
    /// A `.parquet` file that is none, or is damaged.
    #[error("{}: this is not a readable Parquet file: {reason}", path.display())]
    NotParquet { path: PathBuf, reason: String },
    /// Polars refused something this crate had found in order.
    #[error("{}: polars could not {action}: {message}", path.display())]
    Polars { path: PathBuf, action: &'static str, message: String },
    /// A Parquet column of a type without a meaning here (dates, lists, decimals, ...).
    #[error("{}: column `{column}` has type {dtype}; only real, integer, boolean, text and \
        categorical columns can be used, so convert it first (a date to days as a number, \
        for example)", path.display())]
    UnsupportedType { path: PathBuf, column: String, dtype: String },
    /// No column of that name.
    #[error("{}: there is no column `{column}`; the columns are {}",
        path.display(), listed(available))]
    UnknownColumn { path: PathBuf, column: String, available: Vec<String> },
    /// Missing cells where complete data are required; `places` has the first few.
    #[error("{}: column `{column}` has {count} missing {} of {n_rows}: {}",
        path.display(), plural(*count, "value"), some_of(places, *count))]
    Nulls { path: PathBuf, column: String, places: Vec<Place>, count: usize, n_rows: usize },
    /// NaN or infinite cells where finite data are required; `places` has the first few.
    #[error("{}: column `{column}` has {count} {} that {} not finite (NaN or infinity): {}",
        path.display(), plural(*count, "value"), if *count == 1 { "is" } else { "are" },
        some_of(places, *count))]
    NonFinite { path: PathBuf, column: String, places: Vec<Place>, count: usize },
    /// A cell that should be a number.
    #[error("'{value}' is not a number; column `{column}`, {place} of {}{}",
        path.display(), number_hint(value))]
    NotANumber { path: PathBuf, column: String, place: Place, value: String },
    /// A cell that should be a whole number between -2^63 and 2^63 - 1.
    #[error("'{value}' is not a whole number that fits 64 bits; column `{column}`, {place} of {}",
        path.display())]
    NotAnInteger { path: PathBuf, column: String, place: Place, value: String },
    /// Labels were asked of a column of real numbers.
    #[error("{}: column `{column}` holds real numbers, which cannot serve as labels; expected text \
        or whole numbers", path.display())]
    NotLabels { path: PathBuf, column: String },
    /// A table without columns was to be written.
    #[error("{}: a table needs at least one column", path.display())]
    NoColumns { path: PathBuf },
    /// Columns of different lengths were to be written as one table.
    #[error("{}: column `{column}` has {found} rows, but the first column has {expected}",
        path.display())]
    UnequalLengths { path: PathBuf, column: String, expected: usize, found: usize },
    /// The output path is a file, or a link to nowhere.
    #[error("{}: this is not a folder; the output must be one", path.display())]
    NotAFolder { path: PathBuf },
    /// The output folder holds something else than an earlier result.
    #[error("{}: this folder is not empty and has no list, `.written`, of an earlier result with \
        {marker} (it holds {}), so nothing is written into it; choose a new folder", path.display(), listed(found))]
    NotOurs { path: PathBuf, marker: String, found: Vec<String> },
    /// The output folder is the working folder, the home folder, or one above them.
    #[error("{}: this folder is, or contains, the {what}, so it will not be replaced; choose a \
        folder below it", path.display())]
    Protected { path: PathBuf, what: &'static str },
    /// Files of somebody else have the names of new ones.
    #[error("{}: {} {} not of an earlier result, so {} not replaced; the new results are complete in {}",
        path.display(), listed(found), if found.len() == 1 { "is" } else { "are" },
        if found.len() == 1 { "it is" } else { "they are" }, kept.display())]
    InTheWay { path: PathBuf, kept: PathBuf, found: Vec<String> },
    /// The new folder could not be put in place; it is whole, under the name `kept`, and an
    /// earlier result is untouched.
    #[error("{}: cannot put the new results in place: {source}; they are complete in {}",
        path.display(), kept.display())]
    NotCommitted { path: PathBuf, kept: PathBuf, source: std::io::Error },
    /// As `NotCommitted`, and the earlier result could not be moved back from `aside`.
    #[error("{}: cannot put the new results in place: {source}; they are complete in {}, and the \
        earlier ones in {}", path.display(), kept.display(), aside.display())]
    Stranded { path: PathBuf, kept: PathBuf, aside: PathBuf, source: std::io::Error },
}

/// How many places or names a message lists before it says how many more there are.
pub(crate) const LISTED: usize = 5;

fn extension(found: &Option<String>) -> String {
    match found {
        Some(ext) => format!("the extension `.{ext}`"),
        None => "a name without an extension".into(),
    }
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.into() } else { format!("{noun}s") }
}

fn listed(names: &[String]) -> String {
    // Column lists are shown longer than rows: the right name is probably among them.
    const SHOWN: usize = 4 * LISTED;
    let mut text: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}

fn some_of(places: &[Place], count: usize) -> String {
    let mut text: Vec<String> = places.iter().map(Place::to_string).collect();
    if count > places.len() {
        text.push(format!("and {} more", count - places.len()));
    }
    text.join(", ")
}

/// A decimal comma deserves a word, since the cell looks right to its author.
fn number_hint(value: &str) -> &'static str {
    let is_number_with_commas = value.contains(',') && value.replace(',', ".").parse::<f64>().is_ok();
    if is_number_with_commas { " (the decimal sign must be a point)" } else { "" }
}
