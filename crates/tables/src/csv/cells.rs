//! From the texts of a column to its kind and values.

use crate::column::ColumnData;

/// The cell without blanks around it, or `None` if it is missing.
pub(super) fn present<'a>(cell: Option<&'a str>, null_values: &[String]) -> Option<&'a str> {
    let cell = cell.unwrap_or("").trim();
    let is_null = null_values.iter().any(|null| null == cell);
    (!is_null).then_some(cell)
}

/// The narrowest kind that holds every present cell, its values, and the missing rows.
///
/// In this order: integer (64 bits), real (decimal point or `e`, also `inf` and `nan`), bool (`true`,
/// `false` in any case), text. Numbers all whole of which one does not fit 64 bits are text: they
/// are labels, and rounding would make two of them one. A column without any value is real.
pub(super) fn typed(cells: &[Option<&str>]) -> (ColumnData, Vec<usize>) {
    let nulls: Vec<usize> = (0..cells.len()).filter(|&row| cells[row].is_none()).collect();
    let data = if nulls.len() == cells.len() {
        ColumnData::Real(vec![f64::NAN; cells.len()])
    } else if let Some(values) = all(cells, 0, |cell| cell.parse().ok()) {
        ColumnData::Integer(values)
    } else if cells.iter().flatten().all(|cell| is_whole(cell)) {
        text(cells)
    } else if let Some(values) = all(cells, f64::NAN, |cell| cell.parse().ok()) {
        ColumnData::Real(values)
    } else if let Some(values) = all(cells, false, truth) {
        ColumnData::Bool(values)
    } else {
        text(cells)
    };
    (data, nulls)
}

/// Every present cell converted, `missing` elsewhere; `None` at the first cell that will not.
fn all<T: Copy>(cells: &[Option<&str>], missing: T, convert: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    cells.iter().map(|cell| cell.map_or(Some(missing), &convert)).collect()
}

fn text(cells: &[Option<&str>]) -> ColumnData {
    ColumnData::Text(cells.iter().map(|cell| cell.unwrap_or("").to_owned()).collect())
}

fn is_whole(cell: &str) -> bool {
    let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The cells of a column of whole numbers as they are written, where one has zeros before it: `01001` and
/// `1001` are one number and two labels.
pub(super) fn as_written(cells: &[Option<&str>]) -> Option<Vec<String>> {
    let has_zeros = |cell: &&str| is_whole(cell) && cell.len() > 1 && cell.starts_with('0');
    cells.iter().flatten().any(has_zeros).then(|| cells.iter().map(|c| c.unwrap_or("").to_owned()).collect())
}

// `T` and `F` are not read as truth values: `F` is as often a sex.
fn truth(cell: &str) -> Option<bool> {
    if cell.eq_ignore_ascii_case("true") {
        Some(true)
    } else if cell.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `check` for kinds: cells separated by blanks, `_` is missing.
    fn check(cells: &str, expected: &str) {
        let cells: Vec<Option<&str>> = cells.split(' ').map(|cell| (cell != "_").then_some(cell)).collect();
        let (data, nulls) = typed(&cells);
        assert_eq!(format!("{data:?} {nulls:?}"), expected);
    }

    #[test]
    fn kinds() {
        check("1 -2 +3", "Integer([1, -2, 3]) []");
        check("1 _ 3", "Integer([1, 0, 3]) [1]");
        check("1 2 2.5", "Real([1.0, 2.0, 2.5]) []");
        check("1e3 .5 5. -0.25", "Real([1000.0, 0.5, 5.0, -0.25]) []");
        check("1 inf -Infinity NaN", "Real([1.0, inf, -inf, NaN]) []");
        check("_ _", "Real([NaN, NaN]) [0, 1]");
        check("TRUE false _", "Bool([true, false, false]) [2]");
        check("T F", r#"Text(["T", "F"]) []"#);
        check("1 true", r#"Text(["1", "true"]) []"#);
        check("1 n/a _", r#"Text(["1", "n/a", ""]) [2]"#);
        check("2024-05-01 _", r#"Text(["2024-05-01", ""]) [1]"#);
        check("1,5 2,5", r#"Text(["1,5", "2,5"]) []"#);
        check("0x10", r#"Text(["0x10"]) []"#);
    }

    #[test]
    fn whole_numbers_are_never_rounded_into_one_another() {
        check(
            "9223372036854775807 -9223372036854775808",
            "Integer([9223372036854775807, -9223372036854775808]) []",
        );
        check("9223372036854775808 1", r#"Text(["9223372036854775808", "1"]) []"#);
        // With a fraction in the column it is a measurement, not a label.
        check("9223372036854775808 1.5", "Real([9.223372036854776e18, 1.5]) []");
    }

    #[test]
    fn blanks_are_cut_before_a_cell_is_compared() {
        let nulls = ["".to_string(), "NA".to_string()];
        assert_eq!(present(Some(" NA "), &nulls), None);
        assert_eq!(present(Some("  "), &nulls), None);
        assert_eq!(present(None, &nulls), None);
        assert_eq!(present(Some("\t2.5 "), &nulls), Some("2.5"));
        assert_eq!(present(Some("na"), &nulls), Some("na"));
    }
}
