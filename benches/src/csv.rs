//! Tables for the compiler, read with the standard library alone: benches do not build Polars.

use std::path::Path;

use model::{Cells, Column, DataError, DataSource, Table};

/// Reads plain CSV files: one header line, commas, no quotes, no empty cells.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainCsv;

impl DataSource for PlainCsv {
    fn read(&self, file: &Path) -> Result<Table, DataError> {
        let fault =
            |message: String| DataError { message: format!("{}: {message}", file.display()), help: None };
        let text = std::fs::read_to_string(file).map_err(|e| fault(e.to_string()))?;
        parse(&text).map_err(fault)
    }
}

/// A table from the text of a CSV file. A column is integer, else real, else text: the first that
/// all its cells are.
///
/// # Errors
/// A quote, an empty cell, a line with too few or too many cells, no header; with the line.
pub fn parse(text: &str) -> Result<Table, String> {
    if let Some(line) = text.lines().position(|l| l.contains('"')) {
        return Err(format!("line {}: quoted cells are not read here", line + 1));
    }
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().filter(|l| !l.is_empty()).ok_or("no header")?.split(',').collect();
    let mut cells: Vec<Vec<&str>> = vec![Vec::new(); names.len()];
    for (row, line) in lines.enumerate() {
        let place = |what: String| format!("line {}: {what}", row + 2);
        let mut found = 0;
        for cell in line.split(',').map(str::trim) {
            if cell.is_empty() {
                return Err(place("an empty cell".into()));
            }
            if let Some(column) = cells.get_mut(found) {
                column.push(cell);
            }
            found += 1;
        }
        if found != names.len() {
            return Err(place(format!("expected {} cells, found {found}", names.len())));
        }
    }
    let n_rows = cells[0].len();
    let columns = names.iter().zip(&cells).map(|(name, cells)| Column {
        name: name.trim().to_string(),
        cells: typed(cells),
        nulls: Vec::new(),
        written: None,
    });
    Ok(Table {
        n_rows,
        columns: columns.collect(),
        lines: Some((2..n_rows + 2).collect()),
        digest: String::new(),
    })
}

fn typed(cells: &[&str]) -> Cells {
    let integers: Option<Vec<i64>> = cells.iter().map(|c| c.parse().ok()).collect();
    let reals = || cells.iter().map(|c| c.parse().ok()).collect::<Option<Vec<f64>>>();
    match integers {
        Some(v) => Cells::Integer(v),
        None => match reals() {
            Some(v) => Cells::Real(v),
            None => Cells::Text(cells.iter().map(|c| c.to_string()).collect()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_narrowest_type_of_all_its_cells() {
        let t = parse("n,x,name\n1,1,a\n-2,0.5,7\n").unwrap();
        assert_eq!(t.n_rows, 2);
        assert_eq!(t.column("n").unwrap().cells, Cells::Integer(vec![1, -2]));
        assert_eq!(t.column("x").unwrap().cells, Cells::Real(vec![1.0, 0.5]));
        assert_eq!(t.column("name").unwrap().cells, Cells::Text(vec!["a".into(), "7".into()]));
        assert_eq!(t.locate(1), "row 2 (line 3)");
    }

    #[test]
    fn what_is_not_plain_is_refused_with_its_line() {
        for (text, expected) in [
            ("", "no header"),
            ("a,b\n1,2\n3\n", "line 3: expected 2 cells, found 1"),
            ("a,b\n1,2,3\n", "line 2: expected 2 cells, found 3"),
            ("a,b\n1,\n", "line 2: an empty cell"),
            ("a\n\"x\"\n", "line 2: quoted cells are not read here"),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected);
        }
    }
}
