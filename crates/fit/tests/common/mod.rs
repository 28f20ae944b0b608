//! What the tests of the binary share: running it, and reading what it wrote.
#![allow(dead_code)]

pub mod homes;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tables::{ReadOptions, Table};

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A folder of the truth, announced; `None` where there is none.
pub fn truth(folder: &str, case: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("PATHWISE_TRUTH") {
        Some(dir) => workspace().join(dir),
        None => workspace().join("../shared/truth"),
    };
    let path = root.join(folder);
    if path.is_dir() {
        println!("truth: ran {case}");
        Some(path)
    } else {
        println!("truth: skipped {case}");
        None
    }
}

/// A new empty folder, removed with the value.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("pathwise-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the binary in `dir`.
pub fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fit")).args(args).current_dir(dir).output().unwrap()
}

/// A folder with files.
pub fn folder(name: &str, files: &[(&str, &str)]) -> Scratch {
    let folder = Scratch::new(name);
    for (file, text) in files {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

/// What was said, long lines unwrapped.
pub fn text_of(out: &Output) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    said.replace("\n  \u{2502} ", " ")
}

/// Runs a command that must end with this exit code, and gives what it said.
#[track_caller]
pub fn ends(dir: &Scratch, code: i32, args: &[&str]) -> String {
    let out = run(dir.path(), args);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {}", text_of(&out));
    text_of(&out)
}

/// A table in a folder.
pub fn table(dir: &Scratch, file: &str) -> Table {
    Table::read(dir.path().join(file), &ReadOptions::default()).unwrap()
}

pub fn real(table: &Table, column: &str) -> Vec<f64> {
    table.column(column).unwrap().as_real().unwrap().into_owned()
}

pub fn texts(table: &Table, column: &str) -> Vec<String> {
    match &table.column(column).unwrap().data {
        tables::ColumnData::Text(v) => v.clone(),
        other => panic!("{column} is {}", other.kind()),
    }
}

pub fn columns(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|c| c.name.as_str()).collect()
}

/// Sends a signal (`-INT` is Ctrl-C) to `fit ARGS` after `delay`.
#[cfg(unix)]
pub fn signalled_after(delay: Duration, signal: &str, folder: &Path, args: &[&str]) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_fit"))
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(delay);
    let id = child.id().to_string();
    // It may be over.
    let _ = Command::new("kill").args([signal, &id]).status().unwrap();
    child.wait_with_output().unwrap()
}

/// Interrupts the fit of `text` into `run` while it climbs or samples, however quick the machine is: `STEPS` in
/// the text is how long it goes on. Leaves what there is in `place`.
#[cfg(unix)]
pub fn interrupt(folder: &Path, text: &str, place: &str) -> Output {
    let (mut steps, mut delay) = (10_000, Duration::from_millis(80));
    for _ in 0..12 {
        std::fs::write(folder.join("model.yaml"), text.replace("STEPS", &steps.to_string())).unwrap();
        let out = signalled_after(delay, "-INT", folder, &["model.yaml", "--out", "run"]);
        let is_fitted = String::from_utf8_lossy(&out.stderr).contains("while the answers");
        match out.status.code() {
            Some(130) if is_part(&folder.join(place)) => return out,
            // Before there was anything to write.
            Some(130) | None if !is_fitted => delay *= 2,
            // Over before the signal came.
            _ => steps *= 4,
        }
    }
    panic!("no interrupt came at the right moment");
}

/// Whether a folder holds an interrupted fit.
fn is_part(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("fit.json")).is_ok_and(|json| json.contains("\"interrupted\": true"))
}

/// A shipped spec by its name, another by its path.
pub fn spec(name: &str) -> String {
    if name.ends_with(".yaml") {
        return name.into();
    }
    workspace().join(format!("specs/{name}.yaml")).to_string_lossy().into_owned()
}

/// A finished run.
pub struct Run {
    folder: Scratch,
    pub stdout: String,
}

/// Fits a spec; it must end with exit code 0.
pub fn fit(name: &str) -> Run {
    let stem = Path::new(name).file_stem().unwrap().to_string_lossy();
    let folder = Scratch::new(&format!("fit-{stem}"));
    let out = run(folder.path(), &[&spec(name), "--out", "run"]);
    let (stdout, stderr) =
        (String::from_utf8(out.stdout).unwrap(), String::from_utf8_lossy(&out.stderr).into_owned());
    assert_eq!(out.status.code(), Some(0), "{stdout}{stderr}");
    Run { folder, stdout }
}

impl Run {
    pub fn json(&self) -> serde_json::Value {
        let text = std::fs::read_to_string(self.folder.path().join("run/fit.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub fn verdict(&self) -> String {
        self.json()["verdict"].as_str().unwrap().to_string()
    }

    pub fn table(&self, name: &str) -> Table {
        Table::read(self.folder.path().join("run").join(name), &ReadOptions::default()).unwrap()
    }

    /// Mean and sd of a column of the posterior.
    pub fn moments(&self, column: &str) -> (f64, f64) {
        let table = self.table("posterior.parquet");
        mean_and_sd(&table.column(column).unwrap().as_real().unwrap())
    }
}

pub fn mean_and_sd(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    (mean, (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

/// A table as it stands: CSV, or Parquet by its name.
pub struct Csv(Table);

impl Csv {
    pub fn read(path: &Path) -> Csv {
        Csv(Table::read(path, &ReadOptions::default()).unwrap())
    }
    pub fn columns(&self) -> Vec<String> {
        self.0.columns.iter().map(|c| c.name.clone()).collect()
    }
    pub fn n_rows(&self) -> usize {
        self.0.n_rows
    }
    pub fn has(&self, column: &str) -> bool {
        self.0.column(column).is_ok()
    }
    pub fn number(&self, row: usize, column: &str) -> f64 {
        self.0.column(column).unwrap().as_real().unwrap()[row]
    }
    pub fn text(&self, row: usize, column: &str) -> &str {
        match &self.0.column(column).unwrap().data {
            tables::ColumnData::Text(v) => &v[row],
            other => panic!("{column} is {}", other.kind()),
        }
    }
}

/// `fit logdensity` of a spec at `rows`.
pub fn logdensity(name: &str, columns: &[String], rows: &[Vec<f64>], gradient: bool) -> Csv {
    let stem = Path::new(name).file_stem().unwrap().to_string_lossy();
    let folder = Scratch::new(&format!("at-{stem}-{gradient}"));
    let quoted: Vec<String> = columns.iter().map(|c| format!("\"{c}\"")).collect();
    let mut text = quoted.join(",");
    for row in rows {
        let cells: Vec<String> = row.iter().map(|x| format!("{x:e}")).collect();
        text.push('\n');
        text.push_str(&cells.join(","));
    }
    std::fs::write(folder.path().join("at.csv"), text + "\n").unwrap();
    let spec = spec(name);
    let mut args = vec!["logdensity", &spec, "--at", "at.csv"];
    if gradient {
        args.push("--gradient");
    }
    let out = run(folder.path(), &args);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let file = folder.path().join("out.csv");
    std::fs::write(&file, &out.stdout).unwrap();
    Csv::read(&file)
}
