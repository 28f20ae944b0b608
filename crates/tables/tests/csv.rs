//! CSV files as users have them: what is read, and what is said when it cannot be.

mod common;

use common::Scratch;
use tables::{ColumnData, ReadOptions, Table, TableError};

/// Reads a text as CSV.
fn read(scratch: &Scratch, text: impl AsRef<[u8]>) -> Result<Table, TableError> {
    Table::read(scratch.file("t.csv", text), &ReadOptions::default())
}

/// Reads a text and compares kinds, values and missing rows of all columns.
fn check(test: &str, text: &str, expected: &[&str]) {
    let scratch = Scratch::new(test);
    let table = read(&scratch, text).unwrap();
    let found: Vec<String> =
        table.columns.iter().map(|c| format!("{}: {:?} {:?}", c.name, c.data, c.nulls)).collect();
    assert_eq!(found, expected);
}

/// Reads a text that must be refused and compares the message.
fn check_error(test: &str, text: impl AsRef<[u8]>, expected: &str) {
    let scratch = Scratch::new(test);
    let error = read(&scratch, text).unwrap_err();
    assert_eq!(scratch.message(error), expected);
}

#[test]
fn columns_of_every_kind() {
    check(
        "kinds",
        "id,dose,arm,alive\n1,0.5,a,TRUE\n2,1,\"b, late\",false\n3,2.5e-3,\"say \"\"c\"\"\",true\n",
        &[
            "id: Integer([1, 2, 3]) []",
            "dose: Real([0.5, 1.0, 0.0025]) []",
            r#"arm: Text(["a", "b, late", "say \"c\""]) []"#,
            "alive: Bool([true, false, true]) []",
        ],
    );
}

#[test]
fn missing_cells() {
    check(
        "missing",
        "x,y,z\n1,NA,\n,a, NA \n3,\"\",\n\"NA\",b,  \n",
        &[
            "x: Integer([1, 0, 3, 0]) [1, 3]",
            r#"y: Text(["", "a", "", "b"]) [0, 2]"#,
            "z: Real([NaN, NaN, NaN, NaN]) [0, 1, 2, 3]",
        ],
    );
}

#[test]
fn blanks_windows_line_ends_and_byte_order_mark() {
    check(
        "blanks",
        "\u{feff} x ,y\r\n 1 , a\r\n\r\n2.5\t,b \r\n",
        &["x: Real([1.0, 2.5]) []", r#"y: Text(["a", "b"]) []"#],
    );
}

#[test]
fn a_tab_may_begin_a_row_of_a_tab_separated_file() {
    check("tabs", "x\ty\n\t2\n3\t\n", &["x: Integer([0, 3]) [0]", "y: Integer([2, 0]) [1]"]);
}

#[test]
fn the_last_line_may_lack_its_end() {
    for (i, end) in ["", "\n", "\r\n"].into_iter().enumerate() {
        check(
            &format!("last-line-{i}"),
            &format!("x,y\n1,2\n3,\"\"{end}"),
            &["x: Integer([1, 3]) []", "y: Integer([2, 0]) [1]"],
        );
    }
    check("last-comma", "x,y\n1,2\n3,", &["x: Integer([1, 3]) []", "y: Integer([2, 0]) [1]"]);
}

#[test]
fn r_row_names_and_a_single_column() {
    check(
        "row-names",
        "\"\",\"speed\"\n\"1\",4\n\"2\",7\n",
        &["unnamed_1: Integer([1, 2]) []", "speed: Integer([4, 7]) []"],
    );
    check("single", "x\n1\n\n\"\"\n3\n", &["x: Integer([1, 0, 3]) [1]"]);
}

#[test]
fn kinds_follow_from_all_rows() {
    let scratch = Scratch::new("all-rows");
    let mut text = String::from("count,word\n");
    for i in 0..5000 {
        text += &format!("{i},{i}\n");
    }
    text += "0.5,n/a\n";
    let table = read(&scratch, &text).unwrap();
    assert_eq!(table.schema(), [("count".into(), "real"), ("word".into(), "text")]);
    assert_eq!(table.column("count").unwrap().as_real().unwrap()[5000], 0.5);
    assert_eq!(
        scratch.message(table.column("word").unwrap().as_real().unwrap_err()),
        "'n/a' is not a number; column `word`, row 5001 (line 5002) of t.csv"
    );
}

#[test]
fn words_among_numbers_are_named() {
    let scratch = Scratch::new("words");
    let table = read(&scratch, "conc,dose\n1,\"1,5\"\n\n\"2\n\",2\nn/a,3\nx,4\n").unwrap();
    let word = table.column("conc").unwrap().as_real().unwrap_err();
    assert_eq!(scratch.message(word), "'n/a' is not a number; column `conc`, row 3 (line 6) of t.csv");
    let comma = table.column("dose").unwrap().as_real().unwrap_err();
    assert_eq!(
        scratch.message(comma),
        "'1,5' is not a number; column `dose`, row 1 (line 2) of t.csv (the decimal sign must be a \
         point)"
    );
}

#[test]
fn text_that_is_all_numbers_can_be_had_as_numbers() {
    let scratch = Scratch::new("numeric-text");
    let table = read(&scratch, "id\n18446744073709551616\n5\n").unwrap();
    let id = table.column("id").unwrap();
    assert_eq!(id.kind(), "text");
    assert_eq!(*id.as_real().unwrap(), [18446744073709551616.0, 5.0]);
    assert!(matches!(
        id.as_integer(),
        Err(TableError::NotAnInteger { place, value, .. })
            if place.row == 1 && value == "18446744073709551616"
    ));
}

#[test]
fn complete_and_finite_data_can_be_required() {
    let scratch = Scratch::new("require");
    let mut text = String::from("x,y\n1,2\n");
    text += &"NA,inf\n".repeat(7);
    text += "3,nan\n";
    let table = read(&scratch, &text).unwrap();
    let x = table.column("x").unwrap();
    assert_eq!(
        scratch.message(x.require_complete().unwrap_err()),
        "t.csv: column `x` has 7 missing values of 9: row 2 (line 3), row 3 (line 4), row 4 \
         (line 5), row 5 (line 6), row 6 (line 7), and 2 more"
    );
    let y = table.column("y").unwrap();
    y.require_complete().unwrap();
    assert_eq!(y.non_finite(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(
        scratch.message(y.require_finite().unwrap_err()),
        "t.csv: column `y` has 8 values that are not finite (NaN or infinity): row 2 (line 3), \
         row 3 (line 4), row 4 (line 5), row 5 (line 6), row 6 (line 7), and 3 more"
    );
    // A missing cell is no NaN, although NaN stands in its place.
    assert!(x.non_finite().is_empty());
    x.require_finite().unwrap();
}

#[test]
fn options_choose_separator_and_null_values() {
    let scratch = Scratch::new("options");
    let path = scratch.file("t.csv", "a|b\n1|-\n2|NA\n");
    let options =
        ReadOptions { separator: Some(b'|'), null_values: vec!["-".into()], ..ReadOptions::default() };
    let table = Table::read(&path, &options).unwrap();
    assert_eq!(table.column_names(), ["a", "b"]);
    let b = table.column("b").unwrap();
    assert_eq!(b.data, ColumnData::Text(vec!["".into(), "NA".into()]));
    assert_eq!(b.nulls, [0]);
}

#[test]
fn files_that_are_no_tables() {
    check_error("empty", "", "t.csv: the file is empty; expected a header line and at least one row");
    check_error("header", "a,b\n", "t.csv: the table has columns but no rows");
    check_error("twice", "a,b,a\n1,2,3\n", "t.csv: two columns are called `a` (columns 1 and 3)");
    check_error("short", "a,b\n1,2\n\n3\n", "t.csv: row 2 (line 4) has 1 cell, but the header has 2");
    check_error("long", "a,b\n1,2,3\n", "t.csv: row 1 (line 2) has 3 cells, but the header has 2");
    // A name with a comma that nothing quotes.
    let cut =
        "t.csv: the comma in the column name `w[1,1]` ends a cell; put such names in quotes: \"w[1,1]\"";
    check_error("cut", "a,w[1,1],w[1,2]\n1,2,3\n", cut);
    check_error("cut-once", "a,w[1,1]\n1,2\n", cut);
    check_error("not-cut", "a,\"w[1,1]\"\n1\n", "t.csv: row 1 (line 2) has 1 cell, but the header has 2");
    check_error("open", "a,b\n1,2\n\"3,4\n5,6\n", "t.csv: the quote opened on line 3 is never closed");
    check_error(
        "latin1",
        b"name\nAda\nJos\xe9\n",
        "t.csv: line 3 is not UTF-8 text; save it as UTF-8 (in spreadsheets: \"CSV UTF-8\")",
    );
    check_error(
        "utf16",
        b"\xff\xfea\0,\0b\0\n\0",
        "t.csv: line 1 is not UTF-8 text; it looks like UTF-16; save it as UTF-8",
    );
}

#[test]
fn a_header_alone_is_accepted_on_request() {
    let scratch = Scratch::new("header-only");
    let path = scratch.file("t.csv", "a,b\n");
    let options = ReadOptions { allow_no_rows: true, ..ReadOptions::default() };
    let table = Table::read(&path, &options).unwrap();
    assert_eq!((table.n_rows, table.column_names()), (0, vec!["a", "b"]));
}

#[test]
fn names_of_files_and_columns() {
    let scratch = Scratch::new("names");
    let read = |path| Table::read(path, &ReadOptions::default());
    assert_eq!(
        scratch.message(read(scratch.file("t.xlsx", "a\n1\n")).unwrap_err()),
        "t.xlsx: cannot tell the format from the extension `.xlsx`; tables are read from .csv and \
         .parquet files"
    );
    assert_eq!(
        scratch.message(read(scratch.path("t")).unwrap_err()),
        "t: cannot tell the format from a name without an extension; tables are read from .csv \
         and .parquet files"
    );
    assert_eq!(scratch.message(read(scratch.path("no.csv")).unwrap_err()), "no.csv: there is no such file");
    std::fs::create_dir(scratch.path("folder.csv")).unwrap();
    assert!(matches!(read(scratch.path("folder.csv")), Err(TableError::Io { .. })));
    let table = read(scratch.file("t.CSV", "a,b\n1,2\n")).unwrap();
    assert_eq!(
        scratch.message(table.column("c").unwrap_err()),
        "t.CSV: there is no column `c`; the columns are `a`, `b`"
    );
}

/// Polars cuts a file into pieces and counts lines in parallel; this file has many pieces, line
/// breaks and separators within quotes, and blank lines, and every cell must come back.
#[test]
fn a_large_file_comes_back_cell_by_cell() {
    let scratch = Scratch::new("large");
    let mut text = String::from("row,note,value\n");
    let mut lines = Vec::new();
    let mut line = 2;
    let n_rows = 50_000;
    for row in 0..n_rows {
        if row % 997 == 5 {
            text += " \n";
            line += 1;
        }
        lines.push(line);
        let note = ["plain", "\"a\nb, \"\"c\"\"\"", "", "\"x;\r\n\ny\""][row % 4];
        text += &format!("{row},{note},{}\n", row as f64 / 7.0);
        line += 1 + note.matches('\n').count();
    }
    let table = read(&scratch, &text).unwrap();
    assert_eq!(table.n_rows, n_rows);
    let [row, note, value] = &table.columns[..] else { panic!("three columns") };
    assert_eq!(row.data, ColumnData::Integer((0..n_rows as i64).collect()));
    assert_eq!(value.data, ColumnData::Real((0..n_rows).map(|row| row as f64 / 7.0).collect()));
    let notes = ["plain", "a\nb, \"c\"", "", "x;\r\n\ny"];
    assert_eq!(note.data, ColumnData::Text((0..n_rows).map(|row| notes[row % 4].into()).collect()));
    assert_eq!(note.nulls, (2..n_rows).step_by(4).collect::<Vec<_>>());
    for (at, &line) in lines.iter().enumerate() {
        assert_eq!(row.place(at).line, Some(line));
    }
}

/// Any cells written by the rules of RFC 4180 come back, whatever is in them.
#[test]
fn arbitrary_cells_round_trip() {
    let scratch = Scratch::new("arbitrary");
    let mut random = 1_u64;
    let mut next = |n: usize| {
        // Knuth's MMIX constants (The Art of Computer Programming 2, 3.3.4).
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % n
    };
    let alphabet = ["a", "\"", ",", "\n", ";", "\r\n", "\t", "\u{e9}", "1", "."];
    for _ in 0..200 {
        let (n_rows, n_columns) = (1 + next(6), 1 + next(4));
        let cells: Vec<Vec<String>> = (0..n_rows)
            .map(|_| {
                (0..n_columns)
                    .map(|_| {
                        // `x` at both ends keeps cells text and their blanks inside.
                        let inside: String = (0..next(5)).map(|_| alphabet[next(10)]).collect();
                        format!("x{inside}x")
                    })
                    .collect()
            })
            .collect();
        let header: Vec<String> = (0..n_columns).map(|i| format!("c{i}")).collect();
        let mut text = header.join(",") + "\n";
        for row in &cells {
            let quoted: Vec<String> = row
                .iter()
                .map(|cell| {
                    let needs_quotes = cell.contains(['"', ',', '\n', '\r']);
                    if needs_quotes || next(2) == 0 {
                        format!("\"{}\"", cell.replace('"', "\"\""))
                    } else {
                        cell.clone()
                    }
                })
                .collect();
            text += &(quoted.join(",") + ["\n", "\r\n"][next(2)]);
        }
        let table = read(&scratch, &text).unwrap_or_else(|e| panic!("{e}\n{text:?}"));
        for (j, column) in table.columns.iter().enumerate() {
            let expected = cells.iter().map(|row| row[j].clone()).collect();
            assert_eq!(column.data, ColumnData::Text(expected), "{text:?}");
        }
    }
}
