//! The workloads: which spec, at which tolerances.

use std::path::{Path, PathBuf};

use model::{DataError, DataSource, Table, Target};
use spec_compiler::Source;

use crate::csv::PlainCsv;

/// One model and its data.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub name: &'static str,
    /// How it differs from the peer's, where it does; its rows are ours alone.
    pub variant: Option<&'static str>,
    /// From the workspace root.
    pub spec: &'static str,
}

const fn like_the_peer(name: &'static str, spec: &'static str) -> Workload {
    Workload { name, variant: None, spec }
}

const fn at_our_tolerances(name: &'static str, spec: &'static str) -> Workload {
    Workload { name, variant: Some("default tolerances"), spec }
}

pub const WORKLOADS: [Workload; 7] = [
    like_the_peer("logreg", "benches/specs/logreg.yaml"),
    like_the_peer("radon", "benches/specs/radon.yaml"),
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

impl DataSource for Files {
    fn read(&self, file: &Path) -> Result<Table, DataError> {
        let generated = file.parent().is_some_and(|p| p.ends_with(".peers/data"));
        let table = match (&self.peer_data, file.file_name()) {
            (Some(folder), Some(name)) if generated => PlainCsv.read(&folder.join(name)),
            _ => PlainCsv.read(file),
        };
        let help = "benches/README.md says how the peers' data are made".to_string();
        table.map_err(|e| if generated { DataError { help: Some(help), ..e } } else { e })
    }
}

impl Workload {
    /// Compiles the spec with its data.
    ///
    /// # Errors
    /// The compiler's messages, as a user would see them.
    pub fn load(&self) -> Result<Target, String> {
        let peer_data = std::env::var_os("PATHWISE_PEER_DATA").map(PathBuf::from);
        self.load_from(&Files { peer_data })
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
}
