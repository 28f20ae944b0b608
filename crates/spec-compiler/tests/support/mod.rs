//! Text in, text out: the one comparison of the snapshot tests.

// Each test binary uses its part of this.
#![allow(dead_code)]

pub mod density;
pub mod models;

use std::path::{Path, PathBuf};

use model::{Cells, Column, DataError, DataSource, Table};

/// A file or folder beside the tests.
pub fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Compares with the snapshot file, or writes it where `UPDATE_SNAPSHOTS=1` is set. Says whether
/// they agree.
pub fn agrees(snapshot: &Path, actual: &str) -> bool {
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(snapshot, actual).unwrap();
        return true;
    }
    let expected = std::fs::read_to_string(snapshot).unwrap_or_default();
    if expected != actual {
        eprintln!(
            "{} differs; UPDATE_SNAPSHOTS=1 refreshes it\n--- expected\n{expected}--- found\n{actual}",
            snapshot.display()
        );
    }
    expected == actual
}

/// The files of a folder with an extension, sorted, with their texts.
pub fn files(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(here(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// Specs without a mistake: those of `good`, and those of the language's own examples that ship.
pub fn good_specs() -> Vec<(PathBuf, String)> {
    [files("good", "yaml"), files("../../../specs", "yaml")].concat()
}

/// A table as CSV text without quotes; an empty cell is a null.
pub fn csv(text: &str) -> Table {
    let mut lines = text.trim().lines().map(|l| l.split(',').map(str::trim).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    let columns = header.iter().enumerate().map(|(k, name)| {
        let cells: Vec<&str> = rows.iter().map(|r| r[k]).collect();
        let nulls: Vec<usize> = (0..cells.len()).filter(|&r| cells[r].is_empty()).collect();
        let full = || cells.iter().filter(|c| !c.is_empty());
        let cells = if full().all(|c| c.parse::<i64>().is_ok()) {
            Cells::Integer(cells.iter().map(|c| c.parse().unwrap_or(0)).collect())
        } else if full().all(|c| c.parse::<f64>().is_ok()) {
            Cells::Real(cells.iter().map(|c| c.parse().unwrap_or(f64::NAN)).collect())
        } else {
            Cells::Text(cells.iter().map(|c| c.to_string()).collect())
        };
        Column { name: name.to_string(), cells, nulls, written: None }
    });
    let columns = columns.collect();
    let lines = Some((0..rows.len()).map(|r| r + 2).collect());
    Table { n_rows: rows.len(), columns, lines, digest: String::new() }
}

/// The tables of `tests/tables`, in memory, by file name.
pub struct Tables(Vec<(String, Table)>);

impl Tables {
    pub fn read() -> Tables {
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        Tables(files("tables", "csv").into_iter().map(|(path, text)| (name(path), csv(&text))).collect())
    }

    pub fn add(&mut self, name: &str, text: &str) {
        self.0.push((name.into(), csv(text)));
    }
}

impl DataSource for Tables {
    fn read(&self, file: &Path) -> Result<Table, DataError> {
        let name = file.to_string_lossy();
        match self.0.iter().find(|(n, _)| *n == name) {
            Some((_, table)) => Ok(table.clone()),
            None => Err(DataError { message: format!("{name}: there is no such file"), help: None }),
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    pub fn one<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
