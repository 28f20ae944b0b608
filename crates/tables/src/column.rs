//! One column as plain values, with its missing rows and the way back to the cells of the file.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{LISTED, Place, TableError};

/// The values of a column, one per row; also what [`write_parquet`](crate::write_parquet) takes.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnData {
    Real(Vec<f64>),
    Integer(Vec<i64>),
    Text(Vec<String>),
    Bool(Vec<bool>),
}

impl ColumnData {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            ColumnData::Real(values) => values.len(),
            ColumnData::Integer(values) => values.len(),
            ColumnData::Text(values) => values.len(),
            ColumnData::Bool(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `"real"`, `"integer"`, `"text"` or `"bool"`.
    pub fn kind(&self) -> &'static str {
        match self {
            ColumnData::Real(_) => "real",
            ColumnData::Integer(_) => "integer",
            ColumnData::Text(_) => "text",
            ColumnData::Bool(_) => "bool",
        }
    }
}

/// The file a column came from, and the line on which each of its rows begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub path: PathBuf,
    pub lines: Lines,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lines {
    /// Parquet has none.
    Absent,
    /// Row `r` (from 0) is on line `first + r`.
    Regular { first: usize },
    /// Blank lines or line breaks in cells came between.
    Listed(Vec<usize>),
}

impl Origin {
    /// The place of the row with this index (from 0).
    pub fn place(&self, row: usize) -> Place {
        let line = match &self.lines {
            Lines::Absent => None,
            Lines::Regular { first } => Some(first + row),
            Lines::Listed(lines) => lines.get(row).copied(),
        };
        Place { row: row + 1, line }
    }
}

/// A named column of a [`Table`](crate::Table).
///
/// `data` has a value for every row; at a row listed in `nulls` it is a placeholder that means
/// nothing (NaN, 0, an empty text, `false`). Code that cannot treat missing data calls
/// [`require_complete`](Column::require_complete) first.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub data: ColumnData,
    /// Rows without a value, counted from 0, ascending.
    pub nulls: Vec<usize>,
    /// Whole numbers as the file has them, where one has zeros before it; an empty text where missing.
    pub written: Option<Vec<String>>,
    pub(crate) origin: Arc<Origin>,
}

impl Column {
    /// The number of rows, missing ones included.
    pub fn n_rows(&self) -> usize {
        self.data.len()
    }

    /// `"real"`, `"integer"`, `"text"` or `"bool"`.
    pub fn kind(&self) -> &'static str {
        self.data.kind()
    }

    /// Where the cell of a row (from 0) is in the file.
    pub fn place(&self, row: usize) -> Place {
        self.origin.place(row)
    }

    /// Whether a row (from 0) has no value.
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.binary_search(&row).is_ok()
    }

    /// Refuses missing values.
    ///
    /// # Errors
    /// [`TableError::Nulls`] with the first rows and their number.
    pub fn require_complete(&self) -> Result<(), TableError> {
        if self.nulls.is_empty() {
            return Ok(());
        }
        Err(TableError::Nulls {
            path: self.origin.path.clone(),
            column: self.name.clone(),
            places: self.first_places(&self.nulls),
            count: self.nulls.len(),
            n_rows: self.n_rows(),
        })
    }

    /// Rows (from 0) that hold NaN or an infinity; missing rows are not among them. Empty for
    /// columns that are not real.
    pub fn non_finite(&self) -> Vec<usize> {
        match &self.data {
            ColumnData::Real(values) => {
                (0..values.len()).filter(|&row| !values[row].is_finite() && !self.is_null(row)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Refuses NaN and infinities; missing rows pass.
    ///
    /// # Errors
    /// [`TableError::NonFinite`] with the first rows and their number.
    pub fn require_finite(&self) -> Result<(), TableError> {
        let rows = self.non_finite();
        if rows.is_empty() {
            return Ok(());
        }
        Err(TableError::NonFinite {
            path: self.origin.path.clone(),
            column: self.name.clone(),
            places: self.first_places(&rows),
            count: rows.len(),
        })
    }

    /// The column as real numbers: NaN where missing, booleans as 0 and 1, integers beyond 2^53
    /// rounded. A text column is read cell by cell, so that one stray word in a column of numbers
    /// is named.
    ///
    /// # Errors
    /// [`TableError::NotANumber`] at the first cell that is none.
    pub fn as_real(&self) -> Result<Cow<'_, [f64]>, TableError> {
        match &self.data {
            ColumnData::Real(values) => Ok(Cow::Borrowed(values)),
            ColumnData::Integer(values) => {
                let mut real: Vec<f64> = values.iter().map(|&v| v as f64).collect();
                self.nulls.iter().for_each(|&row| real[row] = f64::NAN);
                Ok(Cow::Owned(real))
            }
            ColumnData::Bool(values) => {
                let mut real: Vec<f64> = values.iter().map(|&v| f64::from(u8::from(v))).collect();
                self.nulls.iter().for_each(|&row| real[row] = f64::NAN);
                Ok(Cow::Owned(real))
            }
            ColumnData::Text(values) => {
                self.each(values, f64::NAN, |value| value.parse().ok()).map_err(|(row, value)| {
                    TableError::NotANumber {
                        path: self.origin.path.clone(),
                        column: self.name.clone(),
                        place: self.place(row),
                        value,
                    }
                })
            }
        }
    }

    /// The column as whole numbers: 0 where missing, booleans as 0 and 1, real numbers if they
    /// are whole, text if every cell is a whole number.
    ///
    /// # Errors
    /// [`TableError::NotAnInteger`] at the first cell that is none or does not fit.
    pub fn as_integer(&self) -> Result<Cow<'_, [i64]>, TableError> {
        let integers = match &self.data {
            ColumnData::Integer(values) => return Ok(Cow::Borrowed(values)),
            ColumnData::Bool(values) => return Ok(values.iter().map(|&v| i64::from(v)).collect()),
            ColumnData::Real(values) => self.each(values, 0, |&v| whole(v)),
            ColumnData::Text(values) => self.each(values, 0, |value| value.parse().ok()),
        };
        integers.map_err(|(row, value)| TableError::NotAnInteger {
            path: self.origin.path.clone(),
            column: self.name.clone(),
            place: self.place(row),
            value,
        })
    }

    /// The column as labels: text as it is, whole numbers in decimal (as written, where one has zeros before
    /// it), booleans as `true` and
    /// `false`; an empty text where missing.
    ///
    /// # Errors
    /// [`TableError::NotLabels`] for a column of real numbers.
    pub fn as_labels(&self) -> Result<Cow<'_, [String]>, TableError> {
        if let Some(written) = &self.written {
            return Ok(Cow::Borrowed(written));
        }
        let mut labels: Vec<String> = match &self.data {
            ColumnData::Text(values) => return Ok(Cow::Borrowed(values)),
            ColumnData::Integer(values) => values.iter().map(i64::to_string).collect(),
            ColumnData::Bool(values) => values.iter().map(bool::to_string).collect(),
            ColumnData::Real(_) => {
                return Err(TableError::NotLabels {
                    path: self.origin.path.clone(),
                    column: self.name.clone(),
                });
            }
        };
        self.nulls.iter().for_each(|&row| labels[row].clear());
        Ok(Cow::Owned(labels))
    }

    /// Converts every present value; on failure the row and the text of the first bad one.
    fn each<T: ToString, U: Clone>(
        &self,
        values: &[T],
        missing: U,
        convert: impl Fn(&T) -> Option<U>,
    ) -> Result<Cow<'_, [U]>, (usize, String)> {
        let mut converted = vec![missing; values.len()];
        let mut nulls = self.nulls.iter().peekable();
        for (row, value) in values.iter().enumerate() {
            if nulls.next_if(|&&null| null == row).is_some() {
                continue;
            }
            converted[row] = convert(value).ok_or_else(|| (row, value.to_string()))?;
        }
        Ok(Cow::Owned(converted))
    }

    fn first_places(&self, rows: &[usize]) -> Vec<Place> {
        rows.iter().take(LISTED).map(|&row| self.place(row)).collect()
    }
}

fn whole(value: f64) -> Option<i64> {
    // 2^63 itself is a float but does not fit; -2^63 does.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let fits = value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value);
    fits.then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(data: ColumnData, nulls: Vec<usize>) -> Column {
        Column {
            name: "x".into(),
            data,
            nulls,
            written: None,
            origin: Arc::new(Origin { path: "t.csv".into(), lines: Lines::Regular { first: 2 } }),
        }
    }

    #[test]
    fn null_placeholders_follow_the_kind_asked_for() {
        let integers = column(ColumnData::Integer(vec![3, 0]), vec![1]);
        let real = integers.as_real().unwrap();
        assert_eq!(real[0], 3.0);
        assert!(real[1].is_nan());
        assert_eq!(*integers.as_labels().unwrap(), ["3", ""]);

        let text = column(ColumnData::Text(vec!["".into(), "4".into()]), vec![0]);
        assert!(text.as_real().unwrap()[0].is_nan());
        assert_eq!(*text.as_integer().unwrap(), [0, 4]);
    }

    #[test]
    fn whole_numbers_end_where_64_bits_end() {
        assert_eq!(whole(-9_223_372_036_854_775_808.0), Some(i64::MIN));
        assert_eq!(whole(9_223_372_036_854_775_808.0), None);
        assert_eq!(whole(0.5), None);
        assert_eq!(whole(f64::NAN), None);
        assert_eq!(whole(f64::INFINITY), None);
        assert_eq!(whole(-0.0), Some(0));
    }

    #[test]
    fn real_numbers_are_no_labels_and_fractions_no_integers() {
        let real = column(ColumnData::Real(vec![1.0, 2.5]), vec![]);
        assert!(matches!(real.as_labels(), Err(TableError::NotLabels { .. })));
        let message = real.as_integer().unwrap_err().to_string();
        assert!(message.starts_with("'2.5' is not a whole number"));
        assert!(message.contains("column `x`, row 2 (line 3) of t.csv"));
    }

    #[test]
    fn a_null_is_not_a_nan() {
        let real = column(ColumnData::Real(vec![f64::NAN, f64::NAN, f64::INFINITY, 1.0]), vec![0]);
        assert_eq!(real.non_finite(), [1, 2]);
    }
}
