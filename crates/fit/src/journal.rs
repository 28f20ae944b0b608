//! What has been done of a fit, kept in a file beside its folder while it runs, so that a fit that is killed at
//! any moment goes on from there.
//!
//! The file begins with a line that says whose it is. Then come records: of a piece of the fit its number,
//! whether that is its end, its bytes with their length and a digest. Of a piece the last record counts, and a
//! record that was not written to its end ends the file.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::data::digest as sha;
use crate::outcome::{self, Problem};

/// What is said of the file to whoever looks into it.
const ABOUT: &str = "an unfinished fit, which --resume goes on from;";
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
}

/// The journal of one fit.
pub struct Journal {
    path: PathBuf,
    title: String,
    /// `None` before the first record of a fit that does not resume, and where the file cannot be written.
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

/// Where the journal of a fit into `folder` is.
pub fn place(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".unfinished");
    folder.with_file_name(name)
}

impl Journal {
    /// Of a fit from the beginning; `key` says which. A journal that is in its place stays there until this one
    /// has something to keep.
    pub fn begin(folder: &Path, key: &str) -> Journal {
        let mut journal = Journal::new(folder, key);
        if !journal.path.exists() {
            journal.create();
        }
        journal
    }

    /// Of a fit that goes on.
    ///
    /// # Errors
    /// There is none, or it is of another fit.
    pub fn resume(folder: &Path, key: &str) -> Result<Journal, Problem> {
        let mut journal = Journal::new(folder, key);
        let path = journal.path.display();
        let wrong = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => {
                Problem::input(format!("{} has no interrupted fit to resume", folder.display()))
            }
            _ => Problem::input(format!("{path}: {e}")),
        };
        let mut file = OpenOptions::new().read(true).write(true).open(&journal.path).map_err(wrong)?;
        if !journal.is_title_of(&mut file) {
            return Err(Problem::input(format!(
                "{path} is of another spec, other data, another seed or another version; fit again without --resume"
            )));
        }
        journal.end = journal.title.len() as u64;
        while let Ok((piece, kept)) = next_record(&mut file) {
            journal.end = kept.at + kept.length;
            journal.kept.insert(piece, kept);
        }
        file.set_len(journal.end).map_err(wrong)?;
        journal.file = Some(file);
        Ok(journal)
    }

    fn new(folder: &Path, key: &str) -> Journal {
        Journal {
            path: place(folder),
            title: format!("{ABOUT} {key}\n"),
            file: None,
            broken: false,
            end: 0,
            kept: HashMap::new(),
            piece: 0,
            since: Instant::now(),
            cost: Duration::ZERO,
            is_over: false,
        }
    }

    /// Whether an earlier run of this very fit has kept something that this one does not go on from.
    pub fn is_passed_over(&self) -> bool {
        let is_of_use = |mut file: File| self.is_title_of(&mut file) && next_record(&mut file).is_ok();
        self.file.is_none() && File::open(&self.path).is_ok_and(is_of_use)
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
        read.is_ok().then_some(bytes)
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

    /// The fit is there: nothing is left to go on with. A journal of another fit stays.
    pub fn remove(self) {
        if self.file.is_some() || self.is_passed_over() {
            let _ = fs::remove_file(&self.path);
        }
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
        if self.file.is_none() {
            self.create();
        }
        let Some(file) = &mut self.file else { return Err(io::Error::other("cannot be written")) };
        self.end = append(file, self.end, self.piece, is_end, bytes)?;
        let length = bytes.len() as u64;
        self.kept.insert(self.piece, Kept { at: self.end - length, length, is_end });
        let live: u64 = self.kept.values().map(|kept| kept.length).sum();
        if self.end - live > WASTE.max(live) { self.tidy() } else { Ok(()) }
    }

    /// Writes the file anew, with the records that count.
    fn tidy(&mut self) -> io::Result<()> {
        let Some(old) = &mut self.file else { return Ok(()) };
        let beside = self.path.with_extension("unfinished.tmp");
        let mut new = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside)?;
        new.write_all(self.title.as_bytes())?;
        let mut end = self.title.len() as u64;
        for (piece, kept) in &mut self.kept {
            let mut bytes = vec![0; kept.length as usize];
            old.seek(SeekFrom::Start(kept.at))?;
            old.read_exact(&mut bytes)?;
            end = append(&mut new, end, *piece, kept.is_end, &bytes)?;
            kept.at = end - kept.length;
        }
        fs::rename(&beside, &self.path)?;
        (self.file, self.end) = (Some(new), end);
        Ok(())
    }
}

/// Writes a record at `end`, and returns the new end.
fn append(file: &mut File, end: u64, piece: u64, is_end: bool, bytes: &[u8]) -> io::Result<u64> {
    let words = [piece, is_end.into(), bytes.len() as u64, digest(piece, is_end, bytes)];
    file.seek(SeekFrom::Start(end))?;
    file.write_all(&words.map(u64::to_le_bytes).concat())?;
    file.write_all(bytes)?;
    Ok(end + (HEAD + bytes.len()) as u64)
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
        Ok((piece, Kept { at, length, is_end }))
    } else {
        Err(damaged())
    }
}

/// Tells a whole record from a torn one.
fn digest(piece: u64, is_end: bool, bytes: &[u8]) -> u64 {
    let hex = sha(bytes);
    u64::from_str_radix(&hex[..16], 16).unwrap_or_default() ^ piece ^ (u64::from(is_end) << 63)
}
