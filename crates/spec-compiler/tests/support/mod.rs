//! Text in, text out: the one comparison of the snapshot tests.

// Each test binary uses its part of this.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

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
