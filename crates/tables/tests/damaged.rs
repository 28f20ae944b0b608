//! A damaged Parquet file is an error, not a panic. (Alone in its process: it silences panics.)

mod common;

use common::Scratch;
use tables::{ColumnData, ReadOptions, Table, TableError, write_parquet};

#[test]
fn a_damaged_file_is_an_error() {
    let scratch = Scratch::new("damaged");
    let whole = scratch.path("whole.parquet");
    let columns = [
        ("x".to_string(), ColumnData::Real((0..50).map(|i| f64::from(i) / 7.0).collect())),
        ("level".to_string(), ColumnData::Text((0..50).map(|i| format!("l{}", i % 7)).collect())),
    ];
    write_parquet(&whole, &columns).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    let read = |bytes: &[u8]| Table::read(scratch.file("t.parquet", bytes), &ReadOptions::default());

    for length in 1..bytes.len() {
        assert!(matches!(read(&bytes[..length]), Err(TableError::NotParquet { .. })));
    }

    // The footer says where everything is; one wrong byte in it misleads a reader in every way.
    let length = bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap();
    let footer = bytes.len() - 8 - u32::from_le_bytes(length) as usize;
    std::panic::set_hook(Box::new(|_| {}));
    let mut refused = 0;
    for at in footer..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        refused += usize::from(read(&damaged).is_err());
    }
    let _ = std::panic::take_hook();
    assert!(refused > (bytes.len() - footer) / 4, "{refused}");
}
