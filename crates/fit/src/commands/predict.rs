//! `fit predict RUN --data FILE`: what the posterior of a finished run says of other rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use answers::{AnswerError, Budget, predictive};
use model::{Cells, Column, DataError, DataSource};
use serde_json::json;
use spec_compiler::ast::{self, Missing, RowDim, Spanned};
use spec_compiler::expr::{Expr, ExprKind, Ident};
use spec_compiler::nearest::nearest;
use spec_compiler::typed::Kind;
use spec_compiler::{Compiled, Diagnostic};
use tables::AtomicDir;

use crate::cli;
use crate::commands::commit;
use crate::data::Files;
use crate::outcome::{self, Problem};
use crate::saved::SavedRun;

/// The file that marks a folder as predictions of ours.
pub const MARKER: &str = "predict.json";
/// Where predictions go in the folder of their run.
pub const FOLDER: &str = "predict";
/// New levels told by name.
const SHOWN: usize = 8;

pub fn run(args: &cli::Predict) -> Result<u8, Problem> {
    let begun = Instant::now();
    let saved = SavedRun::read(&args.run)?;
    let mistakes = |found: Vec<_>| Problem::mistakes(&found, &saved.source);
    let mut spec = spec_compiler::parse_spec(&saved.source).map_err(mistakes)?;
    let files = replace(&mut spec, &saved, &args.data)?;
    let keys = old_keys(&spec, &files);
    let compiled =
        spec_compiler::compile_after(spec, &saved.base, &files, &saved.earlier).map_err(|mut found| {
            files.without_column(&found).unwrap_or_else(|| {
                found.iter_mut().for_each(|d| hint_at_key(d, &keys));
                mistakes(found)
            })
        })?;
    let target = &compiled.target;

    let position = |name: &String| target.tables.iter().position(|t| t.name == *name);
    let replaced: Vec<usize> = files.new.values().flat_map(|n| &n.tables).filter_map(position).collect();
    let (known, new) = saved.known(target, &replaced);
    if !args.quiet {
        tell(&saved, &new);
        tell_of_rows(&compiled, &replaced);
    }
    let folder = args.out.clone().unwrap_or_else(|| args.run.join(FOLDER));
    let out = AtomicDir::create(&folder, MARKER).map_err(Problem::input)?;
    let seed = args.seed.unwrap_or(saved.seed);
    let budget = match args.draws {
        Some(n) => Budget { most_draws: n as usize, least_draws: n as usize, ..Budget::default() },
        None => Budget::default(),
    };
    let only = (!replaced.is_empty()).then_some(&replaced[..]);
    let machine = args.machine.options();
    let written = predictive::write(target, &known, seed, &machine, &budget, only, out.path());
    let written = written.map_err(|e| match e {
        AnswerError::Plan(_) | AnswerError::Table(_) => Problem::failed(e),
        _ => Problem::input(e),
    })?;
    if !args.quiet {
        for (name, n) in &written.unpredicted {
            let are = are_nan(*n, name);
            outcome::tell(format!("note: {are}: a value that is needed is missing"));
        }
        for (name, n) in &written.undrawn {
            let are = are_nan(*n, name);
            outcome::tell(format!(
                "note: {are}: a parameter lies outside its domain at some draw, or a state that starts `flat()` \
                 has too few rows with a value before or after"
            ));
        }
        for name in written.alone.iter().filter(|_| !replaced.is_empty()) {
            outcome::tell(format!(
                "note: the law of `{name}` is of all rows together, and no row has a value: what the fit saw does not \
                 tell of these rows; to predict given it, put its rows with their values beside them"
            ));
        }
    }
    let data: Vec<_> = files.new.iter().map(|(file, n)| json!({"tables": n.tables, "file": file})).collect();
    let text = json!({
        "run": std::path::absolute(&saved.folder).unwrap_or_else(|_| saved.folder.clone()),
        "verdict": saved.verdict,
        "data": data,
        "new": new,
        "draws": written.draws,
        "files": written.files,
        "seed": seed,
        "versions": {"fit": env!("CARGO_PKG_VERSION")},
    });
    let file = out.path().join(MARKER);
    std::fs::write(&file, format!("{text:#}\n"))
        .map_err(|e| Problem::failed(format!("{}: {e}", file.display())))?;
    commit(out)?;
    if !args.quiet {
        let (n, place, time) = (written.draws, folder.display(), begun.elapsed().as_secs_f64());
        let files =
            if written.files.is_empty() { "nothing to predict".into() } else { written.files.join(", ") };
        outcome::say(format!("{files}: {n} draws; in {place} ({time:.2} s)\n"))?;
    }
    Ok(outcome::OK)
}

/// The dimensions that are keys of tables of the fit, each with its table.
fn old_keys(spec: &ast::Spec, files: &PredictFiles<'_>) -> Vec<(String, String)> {
    let is_new = |name: &String| files.new.values().any(|n| n.tables.contains(name));
    let of = |t: &ast::Table| match &t.rows {
        RowDim::Key(dim) if !is_new(&t.name.name) => Some((dim.name.clone(), t.name.name.clone())),
        _ => None,
    };
    spec.data.iter().filter_map(of).collect()
}

/// A level that is new has no row in the table of which it is the key.
fn hint_at_key(mistake: &mut Diagnostic, keys: &[(String, String)]) {
    let of = |(dim, _): &&(String, String)| mistake.message.ends_with(&format!("is no level of `{dim}`"));
    if let Some((_, table)) = keys.iter().find(of) {
        let known = mistake.help.take().map_or(String::new(), |help| format!("{help}; "));
        mistake.help = Some(format!("{known}give the rows of new ones too: --data {table}=FILE"));
    }
}

/// What a reader of the predictions should know.
fn tell(saved: &SavedRun, new: &[String]) {
    if !["ok", "corrected"].contains(&saved.verdict.as_str()) {
        outcome::tell(format!(
            "note: the verdict of the run is `{}`; its predictions are no better",
            saved.verdict
        ));
    }
    if !new.is_empty() {
        let more = if new.len() > SHOWN { format!(" and {} more", new.len() - SHOWN) } else { String::new() };
        let shown = new.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        outcome::tell(format!("note: not in the fit, so drawn from the model: {shown}{more}"));
    }
}

/// What the new rows are asked that the fit did not see.
fn tell_of_rows(compiled: &Compiled, replaced: &[usize]) {
    for (name, n) in &compiled.target.beyond {
        outcome::tell(format!(
            "note: {n} values of `{name}` lie outside the range of the fit, for which its basis was made: what is \
             said there is no more than how the basis goes on"
        ));
    }
    let model = &compiled.model;
    for def in model.recurrences.iter().filter(|def| replaced.contains(&def.table)) {
        let table = &model.tables[def.table];
        let is_seen = model.observes.iter().any(|o| match o.value.kind {
            Kind::Column { table: t, column } => {
                t == def.table && table.data.columns[column].nulls.len() < table.data.n_rows
            }
            _ => o.value.dims.contains(&def.rows),
        });
        if !is_seen {
            let states = def.states.iter().map(|s| format!("`{}`", s.name)).collect::<Vec<_>>().join(", ");
            outcome::tell(format!(
                "note: {states} start from `initial:` at the first row of `{}`, for no row has a value; to go on from \
                 the rows of the fit, put them, with their values, before the new ones",
                table.name
            ));
        }
    }
}

/// Where the tables of a prediction come from.
struct PredictFiles<'a> {
    saved: &'a SavedRun,
    new: BTreeMap<PathBuf, NewFile>,
}

/// A file of new rows.
#[derive(Default)]
struct NewFile {
    tables: Vec<String>,
    /// Columns that may be missing, under the file's names: with their kind, and whether they are
    /// null then (or else only their presence counts).
    absent: Vec<(String, String, bool)>,
    /// Columns of the fit: the file's name of each, and the spec's.
    columns: Vec<(String, String)>,
}

/// Puts the new files into the spec.
fn replace<'a>(
    spec: &mut ast::Spec,
    saved: &'a SavedRun,
    data: &[String],
) -> Result<PredictFiles<'a>, Problem> {
    let mut out = PredictFiles { saved, new: BTreeMap::new() };
    let names: Vec<String> = spec.data.iter().map(|t| t.name.name.clone()).collect();
    let mut taken = BTreeSet::new();
    for given in data {
        let (table, file) = match given.split_once('=') {
            Some((table, file)) => (table.to_string(), file),
            None => match &names[..] {
                [one] => (one.clone(), given.as_str()),
                [] => return Err(Problem::input("the model has no data")),
                _ => {
                    let names = names.join(", ");
                    return Err(Problem::input(format!(
                        "which table is {given}? write --data TABLE={given}; tables are {names}"
                    )));
                }
            },
        };
        let Some(ast) = spec.data.iter_mut().find(|t| t.name.name == table) else {
            let near = nearest(&table, names.iter().map(String::as_str));
            let help = near.first().map_or(String::new(), |n| format!("; did you mean `{n}`?"));
            return Err(Problem::input(format!("--data {given}: the model has no table `{table}`{help}")));
        };
        if !taken.insert(table.clone()) {
            return Err(Problem::input(format!("--data gives `{table}` twice")));
        }
        let path = std::path::absolute(file).map_err(|e| Problem::input(format!("{file}: {e}")))?;
        if !path.is_file() {
            let help = match spec_compiler::nearest::file_near(&path) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "paths of the command line are relative to the working folder".to_string(),
            };
            return Err(Problem::input(format!("--data {given}: there is no file {file}\n  help: {help}")));
        }
        if let Err(unread) = Files.read(&path) {
            return Err(Problem::input(format!("--data {}", unread.message)));
        }
        ast.file.value = path.display().to_string();
        let needless = needless(&spec.observe, &table);
        let schema = saved.table(&table).map(|t| t.schema.clone()).unwrap_or_default();
        let new = out.new.entry(path).or_default();
        new.tables.push(table);
        for column in schema.keys() {
            let renamed = ast.columns.iter().find(|(new, _)| new.name == *column);
            new.columns.push((renamed.map_or(column.clone(), |(_, old)| old.value.clone()), column.clone()));
        }
        for (column, observed) in needless {
            let Some(kind) = schema.get(&column) else { continue };
            let renamed = ast.columns.iter().find(|(new, _)| new.name == column);
            let name = renamed.map_or(column.clone(), |(_, old)| old.value.clone());
            new.absent.push((name, kind.clone(), observed));
            if observed && !ast.missing.iter().any(|(c, _)| c.name == column) {
                let span = ast.span;
                ast.missing.push((Ident { name: column, span }, Spanned { value: Missing::Drop, span }));
            }
        }
    }
    Ok(out)
}

/// Columns that predictions do not need: the observed ones (true), and those that tell what is known of
/// a censored value.
fn needless(observes: &[ast::Observe], table: &str) -> Vec<(String, bool)> {
    let mut out: BTreeMap<String, bool> = BTreeMap::new();
    for o in observes {
        if o.target.table.as_ref().is_some_and(|t| t.name != table) {
            continue;
        }
        out.insert(o.target.name.name.clone(), true);
        let ExprKind::Call { function, args } = &o.law.kind else { continue };
        if function.name != "censored" {
            continue;
        }
        for arg in args.iter().filter(|a| a.name.is_some()) {
            names(&arg.value, &mut |name| {
                out.entry(name.to_string()).or_insert(false);
            });
        }
    }
    out.into_iter().collect()
}

/// Every name in an expression.
fn names(e: &Expr, found: &mut dyn FnMut(&str)) {
    match &e.kind {
        ExprKind::Name(name) => found(&name.name),
        ExprKind::Member { member, .. } => found(&member.name),
        ExprKind::Call { args, .. } => args.iter().for_each(|a| names(&a.value, found)),
        ExprKind::Index { base, .. } => names(base, found),
        ExprKind::Unary { operand, .. } => names(operand, found),
        ExprKind::Binary { left, right, .. } => {
            names(left, found);
            names(right, found);
        }
        ExprKind::Array(items) => items.iter().for_each(|e| names(e, found)),
        ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Unit(_) => {}
    }
}

impl PredictFiles<'_> {
    /// That a new file lacks columns of the fit which the mistakes speak of.
    fn without_column(&self, found: &[Diagnostic]) -> Option<Problem> {
        let mut out = Vec::new();
        for (path, new) in &self.new {
            let Ok(table) = self.read(path) else { continue };
            for (file_name, name) in &new.columns {
                let is_spoken_of = || found.iter().any(|d| d.message.contains(&format!("`{name}`")));
                if table.column(file_name).is_none() && is_spoken_of() {
                    out.push(format!("{} has no column `{file_name}`", path.display()));
                }
            }
        }
        (!out.is_empty()).then(|| {
            let help = "the model needs it; the observed columns alone may be missing";
            Problem::input(format!("{}\n  help: {help}", out.join("\nerror: ")))
        })
    }
}

impl DataSource for PredictFiles<'_> {
    fn read(&self, file: &Path) -> Result<model::Table, DataError> {
        let mut table = Files.read(file)?;
        let Some(new) = self.new.get(file) else {
            let old = self.saved.tables.iter().find(|t| self.saved.base.join(&t.file) == file);
            return match old {
                Some(old) if old.digest != table.digest => Err(DataError {
                    message: format!("{} is not what it was when the model was fitted", file.display()),
                    help: Some(format!("to use it as it is: --data {}={}", old.name, file.display())),
                }),
                _ => Ok(table),
            };
        };
        for (name, kind, is_null) in &new.absent {
            if table.column(name).is_some() {
                continue;
            }
            let n = table.n_rows;
            let cells = match kind.as_str() {
                "integer" => Cells::Integer(vec![0; n]),
                "text" => Cells::Text(vec![String::new(); n]),
                "boolean" => Cells::Bool(vec![false; n]),
                _ => Cells::Real(vec![0.0; n]),
            };
            let nulls = if *is_null { (0..n).collect() } else { Vec::new() };
            table.columns.push(Column { name: name.clone(), cells, nulls, written: None });
        }
        Ok(table)
    }
}

/// So many predictions of `name` are NaN.
fn are_nan(n: usize, name: &str) -> String {
    match n {
        1 => format!("1 prediction of `{name}` is NaN"),
        n => format!("{n} predictions of `{name}` are NaN"),
    }
}
