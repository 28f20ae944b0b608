//! `include:`: the files of a spec, found and read before any of them is understood.
//!
//! Paths are relative to the file that names them. A file that is included along two ways is read once.

use std::path::{Component, Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::nearest;
use crate::source::{Role, Source, SourceError, Span};
use crate::yaml::{self, Node, Scalar};

/// Files that include each other one inside the next.
pub const MAX_DEPTH: usize = 16;
/// Files of one spec.
pub const MAX_FILES: usize = 100;

/// A spec's file with all that it includes.
///
/// An included file that cannot be read, and includes that go in a circle, are mistakes of the spec,
/// which [`crate::parse_spec`] reports with all others.
///
/// # Errors
/// As [`Source::read`], for the spec's own file.
pub fn read(path: &Path) -> Result<Source, SourceError> {
    read_with(path, &Source::read)
}

/// As [`read`], with files from anywhere.
///
/// # Errors
/// What `file` says of `path`.
pub fn read_with(
    path: &Path,
    file: &dyn Fn(&Path) -> Result<Source, SourceError>,
) -> Result<Source, SourceError> {
    let root = file(path)?;
    let mut gatherer = Gatherer {
        file,
        files: Vec::new(),
        ids: Vec::new(),
        open: Vec::new(),
        order: Vec::new(),
        faults: Vec::new(),
        start: 0,
    };
    gatherer.add(root, path, Role::Spec, PathBuf::new());
    Ok(Source::gathered(gatherer.files, gatherer.order, gatherer.faults))
}

struct Gatherer<'a> {
    file: &'a dyn Fn(&Path) -> Result<Source, SourceError>,
    files: Vec<(Source, Role, PathBuf)>,
    /// Each file as the file system knows it.
    ids: Vec<PathBuf>,
    /// The files from the spec to the one being read, each named by `include:` of the one before.
    open: Vec<usize>,
    order: Vec<usize>,
    faults: Vec<Diagnostic>,
    /// Where the next text begins among all.
    start: u32,
}

impl Gatherer<'_> {
    /// Adds a file and all that it includes. `path` is how to read it, `folder` what paths in it are
    /// relative to, as the spec's folder sees it. Recursion is bounded by [`MAX_DEPTH`].
    fn add(&mut self, source: Source, path: &Path, role: Role, folder: PathBuf) {
        let (this, start) = (self.files.len(), self.start);
        self.start = start.saturating_add(source.text().len() as u32 + 1);
        let includes = includes(&source);
        self.files.push((source, role, folder.clone()));
        self.ids.push(identity(path));
        self.open.push(this);
        for scalar in includes {
            let span = scalar.span.shifted(start);
            let beside = path.parent().unwrap_or(Path::new(""));
            self.include(&scalar.text, span, &beside.join(&scalar.text), &folder.join(&scalar.text));
        }
        self.open.pop();
        self.order.push(this);
    }

    fn include(&mut self, text: &str, span: Span, path: &Path, seen: &Path) {
        let id = identity(path);
        if let Some(known) = self.ids.iter().position(|other| *other == id) {
            if let Some(from) = self.open.iter().position(|&file| file == known) {
                let circle: Vec<&str> = self.open[from..].iter().map(|&f| self.files[f].0.name()).collect();
                self.faults.push(errors::include_circle(span, &circle));
            }
            return;
        }
        if self.open.len() >= MAX_DEPTH {
            self.faults.push(errors::include_depth(span));
            return;
        }
        if self.files.len() >= MAX_FILES {
            self.faults.push(errors::include_count(span));
            return;
        }
        match (self.file)(path) {
            Ok(source) => {
                let folder = seen.parent().map(Path::to_path_buf).unwrap_or_default();
                self.add(source, path, Role::Included(seen.to_path_buf()), folder);
            }
            Err(error) => {
                let why = match &error {
                    SourceError::Unreadable { error, .. } => match error.kind() {
                        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
                        _ => error.to_string(),
                    },
                    other => other.to_string(),
                };
                self.faults.push(errors::include_unreadable(
                    span,
                    text,
                    &why,
                    nearest::file_as_written(path, text),
                ));
            }
        }
    }
}

/// What a file includes: a path, or a list of them. Other shapes are told when the spec is parsed.
fn includes(source: &Source) -> Vec<Scalar> {
    // Most files include nothing and need not be read twice.
    if !source.text().contains("include") {
        return Vec::new();
    }
    let Some(root) = yaml::parse(source, &mut Vec::new()) else { return Vec::new() };
    let Some(entry) = root.entries.into_iter().find(|entry| entry.key.text == "include") else {
        return Vec::new();
    };
    let items = match entry.value {
        Node::Seq(seq) => seq.items,
        node => vec![node],
    };
    let scalar = |node| match node {
        Node::Scalar(scalar) if !scalar.is_null() => Some(scalar),
        _ => None,
    };
    items.into_iter().filter_map(scalar).collect()
}

/// The same for every way to write the path of one file.
fn identity(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir
                    if matches!(plain.components().next_back(), Some(Component::Normal(_))) =>
                {
                    plain.pop();
                }
                part => plain.push(part),
            }
        }
        plain
    })
}
