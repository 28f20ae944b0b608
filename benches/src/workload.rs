//! The workloads: which spec, at which tolerances, rewritten by which passes.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

use model::{DataError, DataSource, Table, Target};
use spec_compiler::Source;

use crate::csv::PlainCsv;

/// One model and its data.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub name: &'static str,
    /// How it differs from the workload of that name, where it does.
    pub variant: Option<&'static str>,
    /// From the workspace root.
    pub spec: &'static str,
    /// The passes that rewrite its graph, where not all of them.
    pub passes: Option<&'static [&'static str]>,
}

/// The passes of a fit but the one that finds sufficient statistics, so that every row is visited.
pub const ROW_PASSES: [&str; 3] = ["simplify", "split_rows", "group_level"];

const fn like_the_peer(name: &'static str, spec: &'static str) -> Workload {
    Workload { name, variant: None, spec, passes: None }
}

const fn at_our_tolerances(name: &'static str, spec: &'static str) -> Workload {
    Workload { name, variant: Some("default tolerances"), spec, passes: None }
}

const fn without_statistics(name: &'static str, spec: &'static str) -> Workload {
    Workload { name, variant: Some("no sufficient statistics"), spec, passes: Some(&ROW_PASSES) }
}

pub const WORKLOADS: [Workload; 9] = [
    like_the_peer("logreg", "benches/specs/logreg.yaml"),
    without_statistics("logreg", "benches/specs/logreg.yaml"),
    like_the_peer("radon", "benches/specs/radon.yaml"),
    without_statistics("radon", "benches/specs/radon.yaml"),
    like_the_peer("mm_ode", "benches/specs/mm_ode.yaml"),
    at_our_tolerances("mm_ode", "specs/michaelis_menten.yaml"),
    like_the_peer("lotka_volterra", "benches/specs/lotka_volterra.yaml"),
    at_our_tolerances("lotka_volterra", "specs/lynx_hare.yaml"),
    like_the_peer("eight_schools", "specs/eight_schools.yaml"),
];

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").to_path_buf()
}

/// Files as the spec names them, but the peers' data from the folder PATHWISE_PEER_DATA names.
struct Files {
    peer_data: Option<PathBuf>,
}

impl Files {
    fn from_environment() -> Files {
        Files { peer_data: std::env::var_os("PATHWISE_PEER_DATA").map(PathBuf::from) }
    }

    /// Where `file` is, and whether it is of the peers' data.
    fn locate(&self, file: &Path) -> (PathBuf, bool) {
        let generated = file.parent().is_some_and(|p| p.ends_with(".peers/data"));
        match (&self.peer_data, file.file_name()) {
            (Some(folder), Some(name)) if generated => (folder.join(name), true),
            _ => (file.to_path_buf(), generated),
        }
    }
}

impl DataSource for Files {
    fn read(&self, file: &Path) -> Result<Table, DataError> {
        let (file, generated) = self.locate(file);
        let help = "benches/README.md says how the peers' data are made".to_string();
        PlainCsv.read(&file).map_err(|e| if generated { DataError { help: Some(help), ..e } } else { e })
    }
}

/// Reads nothing, and keeps which of the files asked for do not exist.
struct Missing {
    files: Files,
    found: RefCell<Vec<PathBuf>>,
}

impl DataSource for Missing {
    fn read(&self, file: &Path) -> Result<Table, DataError> {
        let (file, _) = self.files.locate(file);
        if !file.exists() {
            self.found.borrow_mut().push(file);
        }
        Err(DataError { message: "not read".into(), help: None })
    }
}

impl Workload {
    /// Compiles the spec with its data.
    ///
    /// # Errors
    /// The compiler's messages, as a user would see them.
    pub fn load(&self) -> Result<Target, String> {
        self.load_from(&Files::from_environment())
    }

    /// Compiles the spec with tables from `data`.
    ///
    /// # Errors
    /// As [`Workload::load`].
    pub fn load_from(&self, data: &dyn DataSource) -> Result<Target, String> {
        let path = root().join(self.spec);
        let base = path.parent().expect("a file in a folder");
        let source = Source::read(&path).map_err(|e| e.to_string())?;
        match spec_compiler::compile(&source, base, data) {
            Ok(compiled) => Ok(compiled.target),
            Err(mistakes) => Err(spec_compiler::render(&mistakes, &source)),
        }
    }

    /// The files of its data that do not exist; reads none.
    pub fn missing_data(&self) -> Vec<PathBuf> {
        let missing = Missing { files: Files::from_environment(), found: RefCell::default() };
        // A mistake in the spec itself is for `load` to tell.
        let _ = self.load_from(&missing);
        missing.found.into_inner()
    }
}

impl fmt::Display for Workload {
    /// The name and how the variant differs: `mm_ode, default tolerances`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variant {
            Some(variant) => write!(f, "{}, {variant}", self.name),
            None => f.write_str(self.name),
        }
    }
}
