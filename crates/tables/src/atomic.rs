//! An output folder that is there whole or not at all.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::TableError;
use crate::table::io_error;

/// The file that lists what a commit put into a folder: the marker first, then a path a line, relative to the
/// folder and with `/` between names.
const LIST: &str = ".written";

/// A temporary folder beside its final place; [`commit`](AtomicDir::commit) moves it there, dropping
/// it uncommitted removes it.
///
/// The order of a commit, and what a crash at each point leaves behind:
///
/// 1. the new files are listed in `.written` and flushed to disk - the earlier result is in place, the new
///    one in `.NAME.tmp-*`;
/// 2. the earlier result is renamed to `.NAME.old-*` - nothing is in place, both are whole;
/// 3. the new one is renamed to `NAME` - the new result is in place;
/// 4. of the earlier one the files in its own list are removed, and whatever else is there is moved into
///    the new folder, to the place it had - a part of `.NAME.old-*` may remain.
///
/// So a folder called `NAME` is always whole, and no file is removed that was not written here. Names that
/// begin with a point and carry process, time and counter are never looked at again: a leftover of a
/// crashed process is not taken for a result, and may be deleted (or, after a crash in step 2, renamed
/// back) by hand.
#[derive(Debug)]
pub struct AtomicDir {
    target: PathBuf,
    marker: String,
    temporary: PathBuf,
    /// Results inside the earlier result that are of no use without it.
    dependent: Vec<PathBuf>,
    /// Whether dropping leaves the temporary folder alone.
    keep: bool,
}

/// What [`AtomicDir::commit`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The final folder, absolute.
    pub path: PathBuf,
    /// What remains of the earlier result, if a file of it could be neither removed nor moved.
    pub leftover: Option<PathBuf>,
}

impl AtomicDir {
    /// Makes an empty temporary folder beside `target`, and the folders above it.
    ///
    /// `target` may not exist yet, be empty, or hold an earlier result that was committed under the same
    /// `marker` (`fit.json`, say: the file that tells of what kind a result is). Anything else is refused
    /// *now*, before hours of work, and again at the end.
    ///
    /// # Errors
    /// [`TableError::NotAFolder`], [`TableError::NotOurs`], [`TableError::Protected`] (the working
    /// folder, the home folder, or one that contains them), [`TableError::Io`].
    pub fn create(target: impl AsRef<Path>, marker: &str) -> Result<AtomicDir, TableError> {
        let target = resolved(target.as_ref())?;
        written(&target, marker)?;
        let temporary = sibling(&target, "tmp");
        fs::create_dir(&temporary).map_err(|e| io_error(&temporary, "make the folder", e))?;
        Ok(AtomicDir { target, marker: marker.into(), temporary, dependent: Vec::new(), keep: false })
    }

    /// The result in `folder`, inside the target, goes with an earlier result of the target.
    pub fn with_dependent(mut self, folder: impl Into<PathBuf>) -> AtomicDir {
        self.dependent.push(folder.into());
        self
    }

    /// The temporary folder: write here.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// The final folder, absolute.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Puts the folder in its final place. The files of an earlier result are replaced as a whole; what
    /// others put into its folder stays there.
    ///
    /// # Errors
    /// Whatever [`create`](AtomicDir::create) refuses, if it has come about since; [`TableError::InTheWay`],
    /// [`TableError::NotCommitted`], [`TableError::Stranded`]. In every case the new files stay
    /// where they are, and nothing of an earlier result is lost.
    pub fn commit(mut self) -> Result<Committed, TableError> {
        self.keep = true;
        let mut old = written(&self.target, &self.marker)?;
        let mut dependent = Vec::new();
        for folder in &self.dependent {
            let place = self.target.join(folder);
            if let Some((marker, files)) = read_list(&place) {
                old.extend(files.into_iter().map(|file| folder.join(file)));
                dependent.push((place, marker));
            }
        }
        let failed = |source| TableError::NotCommitted {
            path: self.target.clone(),
            kept: self.temporary.clone(),
            source,
        };
        let new = files_in(&self.temporary).map_err(failed)?;
        let in_the_way = |file: &&PathBuf| !old.contains(*file) && self.target.join(file).exists();
        let found: Vec<String> = new.iter().filter(in_the_way).map(|f| f.display().to_string()).collect();
        if !found.is_empty() {
            let (path, kept) = (self.target.clone(), self.temporary.clone());
            return Err(TableError::InTheWay { path, kept, found });
        }
        write_list(&self.temporary, &self.marker, &new).map_err(failed)?;
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

        let leftover = aside.filter(|aside| {
            remove_files(aside, &old);
            !move_into(aside, &self.target)
        });
        for (place, marker) in dependent.iter().filter(|(place, _)| place.is_dir()) {
            // Others have files there; the next result of its kind may still come.
            let _ = write_list(place, marker, &[]);
        }
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

/// Removes the result in `folder` that was committed under `marker`, and the folder if nothing else is in it.
///
/// # Errors
/// As [`AtomicDir::create`].
pub fn remove_result(folder: &Path, marker: &str) -> Result<(), TableError> {
    let files = written(folder, marker)?;
    remove_files(folder, &files);
    // It stays where it is not empty.
    let _ = fs::remove_dir(folder);
    Ok(())
}

/// The marker and the files in a folder's list, and the list itself; `None` where there is none.
fn read_list(folder: &Path) -> Option<(String, BTreeSet<PathBuf>)> {
    let text = fs::read_to_string(folder.join(LIST)).ok()?;
    let mut lines = text.lines();
    let marker = lines.next()?.to_string();
    // A path that leads out of the folder is none of ours, whoever wrote it there.
    let is_inside = |path: &PathBuf| path.components().all(|part| matches!(part, Component::Normal(_)));
    let files = lines.chain([LIST]).map(PathBuf::from).filter(is_inside).collect();
    Some((marker, files))
}

fn write_list(folder: &Path, marker: &str, files: &[PathBuf]) -> io::Result<()> {
    let mut text = format!("{marker}\n");
    for file in files {
        let names: Vec<_> = file.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        text.push_str(&names.join("/"));
        text.push('\n');
    }
    fs::write(folder.join(LIST), text)
}

/// Every file in a folder and the folders in it, relative to it.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(folder.join(&at))? {
            let entry = entry?;
            let path = at.join(entry.file_name());
            if entry.file_type()?.is_dir() { folders.push(path) } else { out.push(path) }
        }
    }
    out.sort();
    Ok(out)
}

/// Removes these files, and the folders in `folder` that held them and hold nothing now.
fn remove_files(folder: &Path, files: &BTreeSet<PathBuf>) {
    for file in files {
        // What cannot be removed is found where it was.
        let _ = fs::remove_file(folder.join(file));
    }
    let above = |file: &PathBuf| file.ancestors().skip(1).map(PathBuf::from).collect::<Vec<_>>();
    let mut folders: Vec<PathBuf> =
        files.iter().flat_map(above).filter(|f| !f.as_os_str().is_empty()).collect();
    folders.sort_by_key(|f| std::cmp::Reverse(f.components().count()));
    folders.dedup();
    for inner in folders {
        let _ = fs::remove_dir(folder.join(inner));
    }
}

/// Moves whatever is in `from` to the same place in `to`, as far as that is free, and removes `from` if it
/// is empty then: if not, it is false.
fn move_into(from: &Path, to: &Path) -> bool {
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() && !path.is_symlink() && place.is_dir() {
            move_into(&path, &place);
        } else if !place.exists() {
            // What cannot be moved is found where it was.
            let _ = fs::rename(&path, &place);
        }
    }
    fs::remove_dir(from).is_ok()
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

/// The files of the result in `target`: none where that is not there, or empty.
fn written(target: &Path, marker: &str) -> Result<BTreeSet<PathBuf>, TableError> {
    if !target.exists() {
        return Ok(BTreeSet::new());
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
    match read_list(target) {
        Some((of, files)) if of == marker => Ok(files),
        _ if found.is_empty() => Ok(BTreeSet::new()),
        _ => {
            found.sort();
            Err(TableError::NotOurs { path, marker: marker.into(), found })
        }
    }
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
