//! `fit new KIND [DIR]`: a commented spec with a small synthetic table, to start from.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli;
use crate::outcome::{self, Problem};
use crate::templates::{LATER, TEMPLATES, Template};

pub fn run(args: &cli::New) -> Result<u8, Problem> {
    let Some(kind) = &args.kind else {
        outcome::say(listed())?;
        return Ok(outcome::OK);
    };
    let template = TEMPLATES.iter().find(|t| t.kind == kind).ok_or_else(|| unknown(kind))?;
    let folder = args.dir.clone().unwrap_or_else(|| PathBuf::from(kind));
    let spec = write(template, &folder)?;
    outcome::say(format!(
        "wrote {spec} and {kind}.csv beside it\nfit it with: fit {spec}\n",
        spec = spec.display()
    ))?;
    Ok(outcome::OK)
}

/// Writes both files, or neither: nothing of the user's is ever replaced. Returns the spec's path.
fn write(template: &Template, folder: &Path) -> Result<PathBuf, Problem> {
    let spec = folder.join(format!("{}.yaml", template.kind));
    let table = folder.join(format!("{}.csv", template.kind));
    let problem = |path: &Path, e: std::io::Error| Problem::input(format!("{}: {e}", path.display()));
    let taken =
        |path: &Path| Problem::input(format!("{} is there already; name another folder", path.display()));
    if let Some(path) = [&spec, &table].into_iter().find(|path| path.exists()) {
        return Err(taken(path));
    }
    std::fs::create_dir_all(folder).map_err(|e| problem(folder, e))?;
    for (path, text) in [(&table, template.table), (&spec, template.spec)] {
        // Not even one that appeared since.
        let file = std::fs::File::options().write(true).create_new(true).open(path);
        let mut file = file.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => taken(path),
            _ => problem(path, e),
        })?;
        file.write_all(text.as_bytes()).map_err(|e| problem(path, e))?;
    }
    Ok(spec)
}

fn listed() -> String {
    let width = TEMPLATES.iter().map(|t| t.kind.len()).max().unwrap_or(0);
    let lines: String = TEMPLATES.iter().map(|t| format!("  {:width$}  {}\n", t.kind, t.about)).collect();
    format!("kinds of models to start from:\n{lines}write one with: fit new KIND [DIR]\n")
}

fn unknown(kind: &str) -> Problem {
    if LATER.contains(&kind) {
        return Problem::input(format!("`fit new {kind}` is not part of this version yet"));
    }
    let kinds: Vec<&str> = TEMPLATES.iter().map(|t| t.kind).collect();
    let near = spec_compiler::nearest::nearest(kind, kinds.iter().copied());
    let help = match near.first() {
        Some(near) => format!("did you mean `fit new {near}`?"),
        None => format!("kinds are {}", kinds.join(", ")),
    };
    Problem::input(format!("there is no kind of model `{kind}` to start from\n  help: {help}"))
}
