//! An output folder that is there whole or not at all.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::TableError;
use crate::table::io_error;

/// A temporary folder beside its final place; [`commit`](AtomicDir::commit) moves it there, dropping
/// it uncommitted removes it.
///
/// The order of a commit, and what a crash at each point leaves behind:
///
/// 1. the new files are flushed to disk - the earlier result is in place, the new one in
///    `.NAME.tmp-*`;
/// 2. the earlier result is renamed to `.NAME.old-*` - nothing is in place, both are whole;
/// 3. the new one is renamed to `NAME` - the new result is in place;
/// 4. the earlier one is removed - only a part of `.NAME.old-*` may remain.
///
/// So a folder called `NAME` is always whole. Names that begin with a point and carry process, time
/// and counter are never looked at again: a leftover of a crashed process is not taken for a
/// result, and may be deleted (or, after a crash in step 2, renamed back) by hand.
#[derive(Debug)]
pub struct AtomicDir {
    target: PathBuf,
    marker: String,
    temporary: PathBuf,
    /// Whether dropping leaves the temporary folder alone.
    keep: bool,
}

/// What [`AtomicDir::commit`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The final folder, absolute.
    pub path: PathBuf,
    /// The earlier result, replaced, if it could not be removed.
    pub leftover: Option<PathBuf>,
}

impl AtomicDir {
    /// Makes an empty temporary folder beside `target`, and the folders above it.
    ///
    /// `target` may not exist yet, be empty, or hold an earlier result, known by a file called
    /// `marker` in it (`fit.json`, say). Anything else is refused *now*, before hours of work, and
    /// again at the end: replacing means deleting, and `--out ~` must not.
    ///
    /// # Errors
    /// [`TableError::NotAFolder`], [`TableError::NotOurs`], [`TableError::Protected`] (the working
    /// folder, the home folder, or one that contains them), [`TableError::Io`].
    pub fn create(target: impl AsRef<Path>, marker: &str) -> Result<AtomicDir, TableError> {
        let target = resolved(target.as_ref())?;
        check_replaceable(&target, marker)?;
        let temporary = sibling(&target, "tmp");
        fs::create_dir(&temporary).map_err(|e| io_error(&temporary, "make the folder", e))?;
        Ok(AtomicDir { target, marker: marker.into(), temporary, keep: false })
    }

    /// The temporary folder: write here.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// The final folder, absolute.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the folder in its final place, replacing an earlier result as a whole.
    ///
    /// # Errors
    /// Whatever [`create`](AtomicDir::create) refuses, if it has come about since;
    /// [`TableError::NotCommitted`], [`TableError::Stranded`]. In every case the new files stay
    /// where they are, and nothing of an earlier result is lost.
    pub fn commit(mut self) -> Result<Committed, TableError> {
        self.keep = true;
        check_replaceable(&self.target, &self.marker)?;
        let failed = |source| TableError::NotCommitted {
            path: self.target.clone(),
            kept: self.temporary.clone(),
            source,
        };
        flush(&self.temporary).map_err(failed)?;

        let aside = if self.target.exists() {
            let aside = sibling(&self.target, "old");
            fs::rename(&self.target, &aside).map_err(failed)?;
            Some(aside)
        } else {
            None
        };
        if let Err(source) = fs::rename(&self.temporary, &self.target) {
            return Err(match aside {
                Some(aside) if fs::rename(&aside, &self.target).is_err() => TableError::Stranded {
                    path: self.target.clone(),
                    kept: self.temporary.clone(),
                    aside,
                    source,
                },
                _ => failed(source),
            });
        }
        // The renames are done; if this flush fails they are still seen by everybody, and a power
        // cut can only bring back the state of step 2.
        let _ = self.target.parent().map(flush_folder);

        let leftover = aside.filter(|aside| fs::remove_dir_all(aside).is_err());
        Ok(Committed { path: self.target.clone(), leftover })
    }
}

impl Drop for AtomicDir {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing sensible can be done about a failure here; the name says what it is.
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// The target as an absolute path without links, so that it stays the same whatever the working
/// folder becomes; makes the folders above it.
fn resolved(target: &Path) -> Result<PathBuf, TableError> {
    let failed = |e| TableError::Io { path: target.to_path_buf(), action: "use the folder", source: e };
    if target.exists() {
        return target.canonicalize().map_err(failed);
    }
    let name = target
        .file_name()
        .ok_or_else(|| failed(io::Error::new(io::ErrorKind::InvalidInput, "the path has no last name")))?;
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if target.is_symlink() {
        // A link to nowhere; a rename onto it would fail when the work is done.
        return Err(TableError::NotAFolder { path: target.to_path_buf() });
    }
    fs::create_dir_all(parent).map_err(failed)?;
    Ok(parent.canonicalize().map_err(failed)?.join(name))
}

fn check_replaceable(target: &Path, marker: &str) -> Result<(), TableError> {
    if !target.exists() {
        return Ok(());
    }
    let path = target.to_path_buf();
    if !target.is_dir() {
        return Err(TableError::NotAFolder { path });
    }
    if target.parent().is_none() {
        return Err(TableError::Protected { path, what: "file system" });
    }
    let home = std::env::home_dir();
    let working = std::env::current_dir().ok();
    for (folder, what) in [(home, "home folder"), (working, "working folder")] {
        // An empty HOME is a part of every path.
        let folder = folder.and_then(|folder| folder.canonicalize().ok());
        if folder.is_some_and(|folder| folder.starts_with(target)) {
            return Err(TableError::Protected { path, what });
        }
    }
    let mut found = Vec::new();
    let entries = fs::read_dir(target).map_err(|e| io_error(target, "list the folder", e))?;
    for entry in entries {
        let entry = entry.map_err(|e| io_error(target, "list the folder", e))?;
        found.push(entry.file_name().to_string_lossy().into_owned());
    }
    if found.is_empty() || target.join(marker).is_file() {
        return Ok(());
    }
    found.sort();
    Err(TableError::NotOurs { path, marker: marker.into(), found })
}

/// `.NAME.ROLE-PROCESS-TIME-COUNTER` in the same folder: renames never cross file systems, and no
/// two processes or calls share a name.
fn sibling(target: &Path, role: &str) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{role}-{}-{time:x}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    target.with_file_name(name)
}

/// Writes a folder's files, and then the folder, through to the disk.
fn flush(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            flush(&entry.path())?;
        } else if kind.is_file() {
            // Some systems flush only what is open for writing.
            fs::OpenOptions::new().write(true).open(entry.path())?.sync_all()?;
        }
    }
    flush_folder(folder)
}

/// Only Unix lets a folder be opened as a file.
fn flush_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
