//! The texts of a spec as `fit.json` keeps them: its file, those it includes, and the overrides.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spec_compiler::source::Role;
use spec_compiler::{Source, SourceError, include};

/// Everything that a spec is made of, but its data.
#[derive(Clone, Serialize, Deserialize)]
pub struct Texts {
    spec: String,
    includes: Vec<Include>,
    /// What `--set` said.
    overrides: Vec<String>,
    /// What paths in the overrides are relative to.
    overrides_from: PathBuf,
}

#[derive(Clone, Serialize, Deserialize)]
struct Include {
    /// As the spec's folder sees it.
    file: PathBuf,
    text: String,
}

impl Texts {
    pub fn of(source: &Source) -> Texts {
        let mut out = Texts {
            spec: source.text().to_string(),
            includes: Vec::new(),
            overrides: Vec::new(),
            overrides_from: PathBuf::new(),
        };
        for file in source.files() {
            let text = file.text().to_string();
            match file.role() {
                Role::Spec => {}
                Role::Included(path) => out.includes.push(Include { file: path.clone(), text }),
                Role::Override => {
                    out.overrides.push(text);
                    out.overrides_from = file.folder().to_path_buf();
                }
            }
        }
        out
    }

    /// The spec again, byte for byte where it was; `base` is its folder, `kept` where its texts are kept.
    ///
    /// # Errors
    /// Texts that are too long, which no run has kept.
    pub fn source(&self, base: &Path, kept: &Path) -> Result<Source, SourceError> {
        let kept = kept.display();
        let includes: HashMap<&Path, &str> =
            self.includes.iter().map(|i| (i.file.as_path(), i.text.as_str())).collect();
        // No file is called so, and none can include it.
        let root = base.join("(the spec)");
        let read = |path: &Path| {
            if path == root {
                return Source::new(format!("the spec in {kept}"), self.spec.clone());
            }
            let file = path.strip_prefix(base).unwrap_or(path);
            match includes.get(file) {
                Some(&text) => Source::new(format!("{} in {kept}", file.display()), text),
                None => Err(SourceError::Unreadable {
                    name: file.display().to_string(),
                    error: Error::from(ErrorKind::NotFound),
                }),
            }
        };
        include::read_with(&root, &read)?.with_overrides(&self.overrides, &self.overrides_from)
    }
}
