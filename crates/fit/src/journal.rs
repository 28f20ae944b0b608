//! What has been done of a fit, kept in a file beside its folder while it runs, so that a fit that is killed at
//! any moment goes on from there.
//!
//! The file begins with a line that says whose it is, as a part of its name does: fits of other data or seeds into the
//! same folder have their own. Then come records: of a piece of the fit its number,
//! whether that is its end, its bytes with their length and a digest. Of a piece the last record counts, and a
//! record that was not written to its end ends the file.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::data::digest as sha;
use crate::outcome;

/// What is said of the file to whoever looks into it.
const ABOUT: &str = "an unfinished fit, which the same fit goes on from:";
/// The most bytes of the line that says so.
const TITLE: u64 = 1000;
/// A piece under way is kept so often, or less where keeping it takes more than a twentieth of the time; one that
/// took less than [`WORTH`] is done again.
const EVERY: Duration = Duration::from_secs(2);
const SHARE: u32 = 20;
const WORTH: Duration = Duration::from_millis(50);
/// Bytes of records that count no more at which the file is written anew, if they are the most of it.
const WASTE: u64 = 64 << 20;
/// Number, end, length and digest.
const HEAD: usize = 32;

/// A record in the file.
#[derive(Clone, Copy)]
struct Kept {
    /// Of its bytes.
    at: u64,
    length: u64,
    is_end: bool,
    digest: u64,
}

/// The journal of one fit.
pub struct Journal {
    path: PathBuf,
    title: String,
    /// `None` where the file cannot be written.
    file: Option<File>,
    broken: bool,
    end: u64,
    kept: HashMap<u64, Kept>,
    /// The piece under way, counted from one; when it began or was kept, and how long that took.
    piece: u64,
    since: Instant,
    cost: Duration,
    /// A piece that begins after an interrupt is none of the fit's.
    is_over: bool,
}

/// What the names of the journals of fits into `folder` begin and end with.
fn name(folder: &Path) -> (String, &'static str) {
    (format!("{}.", folder.file_name().unwrap_or_default().to_string_lossy()), ".unfinished")
}

/// The journals of other fits into `folder`, and which these are.
pub fn others(folder: &Path) -> Vec<(PathBuf, String)> {
    let (begin, end) = name(folder);
    let is_one = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|n| n.starts_with(&begin) && n.ends_with(end))
    };
    let beside = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(entries) = fs::read_dir(beside) else { return Vec::new() };
    let title = |path: PathBuf| {
        let mut line = String::new();
        BufReader::new(File::open(&path).ok()?).take(TITLE).read_line(&mut line).ok()?;
        Some((path, line.strip_prefix(ABOUT)?.trim().to_string()))
    };
    let mut found: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(is_one).filter_map(title).collect();
    found.sort();
    found
}

impl Journal {
    /// Of the fit into `folder` that `key` tells from others: with what an earlier run of it has kept, which it goes on
    /// from.
    pub fn open(folder: &Path, key: &str) -> Journal {
        let (begin, end) = name(folder);
        let mut journal = Journal {
            path: folder.with_file_name(format!("{begin}{}{end}", &sha(key.as_bytes())[..8])),
            title: format!("{ABOUT} {key}\n"),
            file: None,
            broken: false,
            end: 0,
            kept: HashMap::new(),
            piece: 0,
            since: Instant::now(),
            cost: Duration::ZERO,
            is_over: false,
        };
        // Left by a kill while it was being tidied.
        let _ = fs::remove_file(journal.beside());
        if journal.read().is_err() {
            journal.create();
        }
        journal
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is something to go on from.
    pub fn is_begun(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Reads the records up to the first that is not whole.
    fn read(&mut self) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        if !self.is_title_of(&mut file) {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        self.end = self.title.len() as u64;
        while let Ok((piece, kept)) = next_record(&mut file) {
            self.end = kept.at + kept.length;
            self.kept.insert(piece, kept);
        }
        file.set_len(self.end)?;
        self.file = Some(file);
        Ok(())
    }

    /// Where it is written anew.
    fn beside(&self) -> PathBuf {
        self.path.with_extension("unfinished.tmp")
    }

    fn is_title_of(&self, file: &mut File) -> bool {
        let mut title = vec![0; self.title.len()];
        file.read_exact(&mut title).is_ok() && title == self.title.as_bytes()
    }

    /// A piece begins: what is kept of it.
    pub fn recall(&mut self, cancelled: bool) -> Option<Vec<u8>> {
        self.is_over |= cancelled;
        self.piece += 1;
        self.since = Instant::now();
        let kept = self.kept.get(&self.piece).filter(|_| !self.is_over)?;
        let file = self.file.as_mut()?;
        let mut bytes = vec![0; kept.length as usize];
        let read = file.seek(SeekFrom::Start(kept.at)).and_then(|_| file.read_exact(&mut bytes));
        // Another process may have written there since.
        (read.is_ok() && digest(self.piece, kept.is_end, &bytes) == kept.digest).then_some(bytes)
    }

    /// Keeps the piece that has begun, where it is time for that.
    pub fn keep(&mut self, is_end: bool, cancelled: bool, bytes: &mut dyn FnMut() -> Vec<u8>) {
        let has_end = || self.kept.get(&self.piece).is_some_and(|kept| kept.is_end);
        let waited = self.since.elapsed();
        let is_time = match is_end {
            true => waited >= WORTH || self.kept.contains_key(&self.piece),
            false => cancelled || waited >= EVERY.max(SHARE * self.cost),
        };
        if self.is_over || self.broken || !is_time || has_end() {
            return;
        }
        let begun = Instant::now();
        if let Err(e) = self.write(is_end, &bytes()) {
            self.broken = true;
            outcome::tell(format!(
                "note: {}: {e}; should the fit be killed, it begins again",
                self.path.display()
            ));
        }
        (self.since, self.cost) = (Instant::now(), begun.elapsed());
    }

    /// The fit is there: nothing is left to go on with.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }

    /// An empty journal in the place of whatever is there.
    fn create(&mut self) {
        let made = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&self.path);
        let made = made.and_then(|mut file| file.write_all(self.title.as_bytes()).map(|()| file));
        self.broken = made.is_err();
        self.file = made.ok();
        self.end = self.title.len() as u64;
    }

    fn write(&mut self, is_end: bool, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::Error::other("cannot be written")) };
        let kept = append(file, self.end, self.piece, is_end, bytes)?;
        file.sync_data()?;
        self.end = kept.at + kept.length;
        self.kept.insert(self.piece, kept);
        let live: u64 = self.kept.values().map(|kept| kept.length).sum();
        if self.end - live > WASTE.max(live) { self.tidy() } else { Ok(()) }
    }

    /// Writes the file anew, with the records that count.
    fn tidy(&mut self) -> io::Result<()> {
        let beside = self.beside();
        let Some(old) = &mut self.file else { return Ok(()) };
        let mut new = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside)?;
        new.write_all(self.title.as_bytes())?;
        let mut end = self.title.len() as u64;
        let mut moved = HashMap::new();
        for (piece, kept) in &self.kept {
            let mut bytes = vec![0; kept.length as usize];
            old.seek(SeekFrom::Start(kept.at))?;
            old.read_exact(&mut bytes)?;
            let kept = append(&mut new, end, *piece, kept.is_end, &bytes)?;
            end = kept.at + kept.length;
            moved.insert(*piece, kept);
        }
        new.sync_all()?;
        fs::rename(&beside, &self.path)?;
        (self.file, self.end, self.kept) = (Some(new), end, moved);
        Ok(())
    }
}

/// Writes a record at `end`.
fn append(file: &mut File, end: u64, piece: u64, is_end: bool, bytes: &[u8]) -> io::Result<Kept> {
    let (length, digest) = (bytes.len() as u64, digest(piece, is_end, bytes));
    file.seek(SeekFrom::Start(end))?;
    file.write_all(&[piece, is_end.into(), length, digest].map(u64::to_le_bytes).concat())?;
    file.write_all(bytes)?;
    Ok(Kept { at: end + HEAD as u64, length, is_end, digest })
}

/// The record that begins where the file is.
fn next_record(file: &mut File) -> io::Result<(u64, Kept)> {
    let mut words = [[0; 8]; HEAD / 8];
    for word in &mut words {
        file.read_exact(word)?;
    }
    let [piece, is_end, length, expected] = words.map(u64::from_le_bytes);
    let at = file.stream_position()?;
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    // A damaged length must not reserve memory.
    if file.metadata()?.len().checked_sub(at).is_none_or(|left| length > left) {
        return Err(damaged());
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    let is_end = is_end != 0;
    if digest(piece, is_end, &bytes) == expected {
        Ok((piece, Kept { at, length, is_end, digest: expected }))
    } else {
        Err(damaged())
    }
}

/// Tells a whole record from a torn one.
fn digest(piece: u64, is_end: bool, bytes: &[u8]) -> u64 {
    let hex = sha(bytes);
    u64::from_str_radix(&hex[..16], 16).unwrap_or_default() ^ piece ^ (u64::from(is_end) << 63)
}
