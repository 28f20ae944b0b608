//! Models from text, with their tables in memory.
#![allow(dead_code)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use model::{Cells, Column, DataError, DataSource, Table, Target};
use spec_compiler::{Compiled, Earlier, Source, compile_after, parse_spec};
use tables::{ReadOptions, Table as Written};

/// Tables by file name, as CSV text; an empty cell is a null.
pub struct Memory(HashMap<String, String>);

impl DataSource for Memory {
    fn read(&self, file: &Path) -> Result<Table, DataError> {
        let name = file.file_name().unwrap().to_str().unwrap();
        let text = self.0.get(name).ok_or_else(|| DataError { message: format!("no {name}"), help: None })?;
        let mut lines = text.trim().lines().map(|l| l.split(',').map(String::from).collect::<Vec<_>>());
        let header = lines.next().unwrap();
        let rows: Vec<Vec<String>> = lines.collect();
        let column = |k: usize| {
            let cells: Vec<&str> = rows.iter().map(|r| r[k].as_str()).collect();
            let nulls = (0..cells.len()).filter(|&r| cells[r].is_empty()).collect();
            let full: Vec<&&str> = cells.iter().filter(|c| !c.is_empty()).collect();
            let cells = if full.iter().all(|c| c.parse::<i64>().is_ok()) {
                Cells::Integer(cells.iter().map(|c| c.parse().unwrap_or(0)).collect())
            } else if full.iter().all(|c| c.parse::<f64>().is_ok()) {
                Cells::Real(cells.iter().map(|c| c.parse().unwrap_or(f64::NAN)).collect())
            } else {
                Cells::Text(cells.iter().map(|c| c.to_string()).collect())
            };
            Column { name: header[k].clone(), cells, nulls, written: None }
        };
        let columns = (0..header.len()).map(column).collect();
        Ok(Table { n_rows: rows.len(), columns, lines: None, digest: String::new() })
    }
}

/// Compiles `spec` with these files, after an earlier fit.
pub fn compile_with(spec: &str, files: &[(&str, &str)], earlier: &Earlier) -> Compiled {
    let source = Source::new("model.yaml", spec).unwrap();
    let files = Memory(files.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect());
    let parsed = parse_spec(&source).unwrap_or_else(|m| panic!("{}", spec_compiler::render(&m, &source)));
    compile_after(parsed, Path::new(""), &files, earlier)
        .unwrap_or_else(|m| panic!("{}", spec_compiler::render(&m, &source)))
}

pub fn compile(spec: &str, files: &[(&str, &str)]) -> Target {
    compile_with(spec, files, &Earlier::default()).target
}

/// A new empty folder, removed with the value.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let dir = std::env::temp_dir().join(format!("pathwise-answers-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Scratch(dir)
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
    pub fn table(&self, name: &str) -> Written {
        Written::read(self.0.join(name), &ReadOptions::default()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn real(table: &Written, column: &str) -> Vec<f64> {
    table.column(column).unwrap().as_real().unwrap().into_owned()
}

pub fn text(table: &Written, column: &str) -> Vec<String> {
    match &table.column(column).unwrap().data {
        tables::ColumnData::Text(v) => v.clone(),
        other => panic!("{column} is {}", other.kind()),
    }
}

pub fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

pub fn variance(x: &[f64]) -> f64 {
    let m = mean(x);
    x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (x.len() as f64 - 1.0)
}

/// Says how far `found` lies from `expected`, in standard errors, and fails above five.
#[track_caller]
pub fn close(what: &str, found: f64, expected: f64, standard_error: f64) {
    let z = (found - expected) / standard_error;
    assert!(z.abs() < 5.0, "{what}: {found}, expected {expected}: {z:.1} standard errors");
}
