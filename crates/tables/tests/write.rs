//! Tables written in either format, with missing values, and Parquet written block by block.

mod common;

use common::Scratch;
use tables::{ColumnData, Output, ParquetBlocks, ReadOptions, Table, TableError, write_table};

fn sample() -> Vec<Output> {
    let column =
        |name: &str, data, nulls: &[usize]| Output { name: name.into(), data, nulls: nulls.to_vec() };
    let reals = vec![0.1 + 0.2, -1e300, 5e-324, 3.0];
    let texts = ["a, b", "say \"so\"", "inner  blanks", "two\nlines"].map(String::from).to_vec();
    vec![
        column("x", ColumnData::Real(reals), &[1]),
        column("n, of", ColumnData::Integer(vec![i64::MIN, 7, 0, i64::MAX]), &[0, 2]),
        column("text", ColumnData::Text(texts), &[]),
        column("gaps", ColumnData::Text(["u", "v", "w", "x"].map(String::from).to_vec()), &[3]),
        column("flag", ColumnData::Bool(vec![true, false, true, false]), &[]),
    ]
}

#[test]
fn either_format_reads_back_as_the_same_table() {
    let scratch = Scratch::new("either");
    for file in ["t.csv", "t.parquet"] {
        // One that is there is replaced.
        let path = scratch.file(file, "old");
        let written = sample();
        write_table(&path, &written).unwrap();
        let table = Table::read(&path, &ReadOptions::default()).unwrap();
        assert_eq!(table.columns.len(), written.len());
        for (read, written) in table.columns.iter().zip(&written) {
            assert_eq!((&read.name, &read.nulls), (&written.name, &written.nulls), "{file}");
            assert_eq!(read.kind(), written.data.kind(), "{file}: {}", read.name);
            for row in (0..4).filter(|row| !read.is_null(*row)) {
                let cell = |data: &ColumnData| match data {
                    ColumnData::Real(v) => format!("{:x}", v[row].to_bits()),
                    ColumnData::Integer(v) => v[row].to_string(),
                    ColumnData::Text(v) => v[row].clone(),
                    ColumnData::Bool(v) => v[row].to_string(),
                };
                assert_eq!(cell(&read.data), cell(&written.data), "{file}: {} {row}", read.name);
            }
        }
    }
}

#[test]
fn what_cannot_be_a_table_is_refused() {
    let scratch = Scratch::new("refused");
    let mut columns = sample();
    let wrong = write_table(scratch.path("t.txt"), &columns).unwrap_err();
    assert!(matches!(wrong, TableError::UnknownExtension { .. }), "{wrong}");
    columns[1].name = "x".into();
    let wrong = write_table(scratch.path("t.csv"), &columns).unwrap_err();
    assert!(matches!(wrong, TableError::DuplicateColumn { .. }), "{wrong}");
    columns[1].name = "y".into();
    columns[1].data = ColumnData::Integer(vec![1]);
    let wrong = write_table(scratch.path("t.csv"), &columns).unwrap_err();
    assert!(matches!(wrong, TableError::UnequalLengths { expected: 4, found: 1, .. }), "{wrong}");
    let wrong = write_table(scratch.path("t.csv"), &[]).unwrap_err();
    assert!(matches!(wrong, TableError::NoColumns { .. }), "{wrong}");
}

#[test]
fn blocks_make_one_table() {
    let scratch = Scratch::new("blocks");
    let columns = |rows: std::ops::Range<usize>| {
        let unit = |i: usize| i.is_multiple_of(3).then(|| "mM".to_string());
        vec![
            Output::whole("x", ColumnData::Real(rows.clone().map(|i| (i as f64).sqrt()).collect())),
            Output::whole("name", ColumnData::Text(rows.clone().map(|i| format!("r{i}")).collect())),
            Output::texts("unit", rows.map(unit).collect()),
        ]
    };
    let path = scratch.path("blocks.parquet");
    let mut file = ParquetBlocks::new(&path);
    for rows in [0..3, 3..1000, 1000..1001] {
        file.write(&columns(rows)).unwrap();
    }
    file.finish().unwrap();
    let whole = scratch.path("whole.parquet");
    write_table(&whole, &columns(0..1001)).unwrap();
    let read = |path| {
        let table = Table::read(path, &ReadOptions::default()).unwrap();
        table.columns.into_iter().map(|c| (c.name, c.data, c.nulls)).collect::<Vec<_>>()
    };
    let blocks = read(path);
    assert_eq!(blocks[2].2.len(), 667);
    assert!(blocks == read(whole));
    // Nothing written is no file.
    let none = scratch.path("none.parquet");
    ParquetBlocks::new(&none).finish().unwrap();
    assert!(!none.exists());
}
