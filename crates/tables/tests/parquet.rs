//! Parquet in and out: every kind comes back, other people's types are widened or named.

mod common;

use std::fs::File;
use std::path::Path;

use common::Scratch;
use polars::prelude::*;
use tables::{ColumnData, ReadOptions, Table, TableError, write_parquet};

fn read(path: impl AsRef<Path>) -> Result<Table, TableError> {
    Table::read(path, &ReadOptions::default())
}

/// Writes a frame as another program would.
fn write_frame(path: &Path, columns: Vec<Series>) {
    let n_rows = columns[0].len();
    let columns = columns.into_iter().map(Series::into_column).collect();
    let mut frame = DataFrame::new(n_rows, columns).unwrap();
    ParquetWriter::new(File::create(path).unwrap()).finish(&mut frame).unwrap();
}

fn sample(n_rows: usize) -> Vec<(String, ColumnData)> {
    let rows = 0..n_rows;
    vec![
        ("x[a, 1]".into(), ColumnData::Real(rows.clone().map(|i| (i as f64).sin() / 3.0).collect())),
        ("n".into(), ColumnData::Integer(rows.clone().map(|i| i64::MAX - i as i64).collect())),
        ("caf\u{e9}".into(), ColumnData::Text(rows.clone().map(|i| format!("level {}", i % 7)).collect())),
        ("flag".into(), ColumnData::Bool(rows.map(|i| i % 3 == 0).collect())),
    ]
}

#[test]
fn what_is_written_is_read() {
    let scratch = Scratch::new("round-trip");
    let path = scratch.path("t.parquet");
    // The last size has more than one row group.
    for n_rows in [1, 2, 1000, 300_000] {
        let columns = sample(n_rows);
        write_parquet(&path, &columns).unwrap();
        let table = read(&path).unwrap();
        assert_eq!(table.n_rows, n_rows);
        let back: Vec<(String, ColumnData)> = table
            .columns
            .into_iter()
            .inspect(|column| assert!(column.nulls.is_empty()))
            .map(|column| (column.name, column.data))
            .collect();
        assert!(back == columns, "{n_rows} rows");
    }
}

#[test]
fn doubles_keep_their_bits() {
    let scratch = Scratch::new("bits");
    let path = scratch.path("t.parquet");
    let values = vec![
        0.0,
        -0.0,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        0.1 + 0.2,
    ];
    write_parquet(&path, &[("x".into(), ColumnData::Real(values.clone()))]).unwrap();
    let table = read(&path).unwrap();
    let column = table.column("x").unwrap();
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&column.as_real().unwrap()), bits(&values));
    assert!(column.nulls.is_empty());
    assert_eq!(column.non_finite(), [2, 3, 4, 5]);
}

#[test]
fn the_same_columns_give_the_same_bytes() {
    let scratch = Scratch::new("bytes");
    let columns = sample(300_000);
    let bytes = |name: &str| {
        let path = scratch.path(name);
        write_parquet(&path, &columns).unwrap();
        std::fs::read(path).unwrap()
    };
    let first = bytes("1.parquet");
    assert!(first == bytes("2.parquet"));
    let one_thread = scratch.path("3.parquet");
    let writer = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "write_the_sample"])
        .env("POLARS_MAX_THREADS", "1")
        .env("TABLES_SAMPLE", &one_thread)
        .output()
        .unwrap();
    assert!(writer.status.success());
    assert!(first == std::fs::read(one_thread).unwrap());
    // Doubles, integers and labels of one table: compression does something.
    assert!(first.len() < 300_000 * 17);
}

/// The other process of the test above: polars fixes its threads when it starts.
#[test]
#[ignore = "started by the_same_columns_give_the_same_bytes"]
fn write_the_sample() {
    if let Some(path) = std::env::var_os("TABLES_SAMPLE") {
        write_parquet(path, &sample(300_000)).unwrap();
    }
}

#[test]
fn a_table_without_rows() {
    let scratch = Scratch::new("no-rows");
    let path = scratch.path("t.parquet");
    write_parquet(&path, &sample(0)).unwrap();
    assert!(matches!(read(&path), Err(TableError::NoRows { .. })));
    let options = ReadOptions { allow_no_rows: true, ..ReadOptions::default() };
    let table = Table::read(&path, &options).unwrap();
    assert_eq!(table.n_rows, 0);
    assert_eq!(
        table.columns.iter().map(|c| c.kind()).collect::<Vec<_>>(),
        ["real", "integer", "text", "bool"]
    );
}

#[test]
fn tables_that_are_refused() {
    let scratch = Scratch::new("refused");
    let path = scratch.path("t.parquet");
    let integer = |name: &str, n: i64| (name.to_string(), ColumnData::Integer((0..n).collect()));
    let message =
        |columns: &[(String, ColumnData)]| scratch.message(write_parquet(&path, columns).unwrap_err());
    assert_eq!(message(&[]), "t.parquet: a table needs at least one column");
    assert_eq!(
        message(&[integer("a", 2), integer("b", 3)]),
        "t.parquet: column `b` has 3 rows, but the first column has 2"
    );
    assert_eq!(
        message(&[integer("a", 2), integer("a", 2)]),
        "t.parquet: two columns are called `a` (columns 1 and 2)"
    );
    assert!(!path.exists());
    assert!(matches!(
        write_parquet(scratch.path("no/t.parquet"), &[integer("a", 1)]),
        Err(TableError::Io { action: "write the file", .. })
    ));
}

#[test]
fn types_of_other_programs_are_widened() {
    let scratch = Scratch::new("widened");
    let path = scratch.path("t.parquet");
    let category = DataType::from_categories(Categories::global());
    write_frame(
        &path,
        vec![
            Series::new("i8".into(), [Some(-1_i8), None, Some(3)]),
            Series::new("u16".into(), [1_u16, 2, 65535]),
            Series::new("i32".into(), [1_i32, 2, -3]),
            Series::new("u64".into(), [1_u64, 2, 9223372036854775807]),
            Series::new("f32".into(), [Some(0.5_f32), None, Some(f32::NAN)]),
            Series::new("bool".into(), [None, Some(true), Some(false)]),
            Series::new("text".into(), [Some("a"), Some(" b "), None]),
            Series::new("category".into(), [Some("lo"), None, Some("hi")]).cast(&category).unwrap(),
            Series::new_null("null".into(), 3),
        ],
    );
    let table = read(&path).unwrap();
    let found: Vec<String> =
        table.columns.iter().map(|c| format!("{}: {:?} {:?}", c.name, c.data, c.nulls)).collect();
    assert_eq!(
        found,
        [
            "i8: Integer([-1, 0, 3]) [1]",
            "u16: Integer([1, 2, 65535]) []",
            "i32: Integer([1, 2, -3]) []",
            "u64: Integer([1, 2, 9223372036854775807]) []",
            "f32: Real([0.5, NaN, NaN]) [1]",
            "bool: Bool([false, true, false]) [0]",
            r#"text: Text(["a", " b ", ""]) [2]"#,
            r#"category: Text(["lo", "", "hi"]) [1]"#,
            "null: Real([NaN, NaN, NaN]) [0, 1, 2]",
        ]
    );
    assert_eq!(table.column("f32").unwrap().non_finite(), [2]);
    assert_eq!(
        scratch.message(table.column("i8").unwrap().require_complete().unwrap_err()),
        "t.parquet: column `i8` has 1 missing value of 3: row 2"
    );
}

#[test]
fn other_types_are_named_when_asked_for() {
    let scratch = Scratch::new("unsupported");
    let path = scratch.path("t.parquet");
    let days = Series::new("day".into(), [19000_i32, 19001]);
    let list = Series::new("list".into(), [days.clone(), days.clone()]);
    write_frame(&path, vec![days.cast(&DataType::Date).unwrap(), Series::new("y".into(), [1.5, 2.5]), list]);
    let table = read(&path).unwrap();
    assert_eq!(table.column_names(), ["y"]);
    assert_eq!(
        scratch.message(table.column("day").unwrap_err()),
        "t.parquet: column `day` has type date; only real, integer, boolean, text and \
         categorical columns can be used, so convert it first (a date to days as a number, for \
         example)"
    );
    assert!(matches!(table.column("list"), Err(TableError::UnsupportedType { .. })));
}

#[test]
fn integers_beyond_64_bits_are_labels() {
    let scratch = Scratch::new("u64");
    let path = scratch.path("t.parquet");
    write_frame(&path, vec![Series::new("id".into(), [1, u64::MAX])]);
    let table = read(&path).unwrap();
    let id = table.column("id").unwrap();
    assert_eq!(*id.as_labels().unwrap(), ["1", "18446744073709551615"]);
    assert_eq!(
        scratch.message(id.as_integer().unwrap_err()),
        "'18446744073709551615' is not a whole number that fits 64 bits; column `id`, row 2 of \
         t.parquet"
    );
}

#[test]
fn files_that_are_not_parquet() {
    let scratch = Scratch::new("not-parquet");
    let message = |content: &[u8]| scratch.message(read(scratch.file("t.parquet", content)).unwrap_err());
    assert_eq!(message(b""), "t.parquet: the file is empty; expected a header line and at least one row");
    assert_eq!(message(b"a,b\n1,2\n"), "t.parquet: this is not a readable Parquet file: it has only 8 bytes");
    assert_eq!(
        message(b"a,b\n1,2\n3,4\n5,6\n"),
        "t.parquet: this is not a readable Parquet file: it does not begin with the letters PAR1"
    );
    assert_eq!(
        message(b"PAR1 and then cut short"),
        "t.parquet: this is not a readable Parquet file: it does not end with the letters PAR1"
    );
    assert_eq!(
        scratch.message(read(scratch.path("no.parquet")).unwrap_err()),
        "no.parquet: there is no such file"
    );
}
