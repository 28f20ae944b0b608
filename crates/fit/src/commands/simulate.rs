//! `fit simulate SPEC`: data sets drawn from the model, with the parameters behind them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use answers::AnswerError;
use answers::simulate::{self, Cells as Values, DataSet, Simulated};
use model::{Cells, Role, Stands};
use spec_compiler::ast;
use spec_compiler::expr::{Expr, ExprKind};
use spec_compiler::parse::Edits;
use spec_compiler::{Compiled, Source};
use tables::{AtomicDir, ColumnData, Output, write_parquet, write_table};

use crate::cli;
use crate::commands::{commit, compile};
use crate::outcome::{self, Problem};

/// The latents of a data set; the file that marks a folder as ours.
const TRUTH: &str = "truth.parquet";
/// The same of several: the first has its folder.
const MARKER_OF_MANY: &str = "simulate.json";

pub fn run(args: &cli::Simulate) -> Result<u8, Problem> {
    let (source, compiled) = compile(&args.spec, &args.overrides)?;
    let target = &compiled.target;
    let seed = args.seed.or(compiled.spec.inference.seed.as_ref().map(|s| s.value)).unwrap_or(1);
    let given = simulate::given(target, &args.at).map_err(Problem::input)?;
    let sets = simulate::simulate(target, &given, args.draws as usize, seed, &args.machine.options());
    let sets = sets.map_err(|e| match e {
        AnswerError::Plan(_) | AnswerError::Table(_) => Problem::failed(e),
        _ => Problem::input(format!("{}: {e}", place(&source, &compiled, &e))),
    })?;
    if let Some(set) = sets.first() {
        tell_what_stays(&compiled, set);
    }
    for o in compiled.spec.observe.iter().filter(|o| uncensored(o).is_some()) {
        let name = &o.target.name.name;
        outcome::tell(format!(
            "note: `{name}` is drawn uncensored, so its law in the spec beside it is without `censored`; the columns \
             that say what is censored are as they were"
        ));
    }
    let folder = args.out.clone().unwrap_or_else(|| Path::new("simulated").join(&target.name));
    let many = sets.len() > 1;
    let out =
        AtomicDir::create(&folder, if many { MARKER_OF_MANY } else { TRUTH }).map_err(Problem::input)?;
    let width = sets.len().to_string().len();
    for (k, set) in sets.iter().enumerate() {
        let place = match many {
            false => out.path().to_path_buf(),
            true => out.path().join(format!("{:0width$}", k + 1)),
        };
        write(&source, &compiled, set, &place)?;
    }
    if many {
        let text = serde_json::json!({"model": target.name, "draws": sets.len(), "seed": seed});
        let file = out.path().join(MARKER_OF_MANY);
        std::fs::write(&file, format!("{text:#}\n")).map_err(|e| cannot_write(&file, e))?;
    }
    commit(out)?;
    let n = if many { format!("{} data sets", sets.len()) } else { "a data set".to_string() };
    outcome::say(format!("{n} of {} in {}\n", target.name, folder.display()))?;
    Ok(outcome::OK)
}

/// Where in the spec the law stands that cannot be drawn: `model.yaml:9:6`.
pub fn place(source: &Source, compiled: &Compiled, error: &AnswerError) -> String {
    let spec = &compiled.spec;
    let law = error.law().map(|name| name.rsplit('.').next().unwrap_or(name));
    let latents = spec.latent.iter().map(|l| (&l.target, l.prior.span));
    let mut laws = spec.observe.iter().map(|o| (&o.target, o.law.span)).chain(latents);
    let found = laws.find(|(target, _)| law == Some(target.name.name.as_str()));
    found.map_or(source.name().to_string(), |(_, span)| source.place(span))
}

/// Notes what of a data set is as it was.
fn tell_what_stays(compiled: &Compiled, set: &DataSet) {
    for c in set.columns.iter().filter(|c| c.table.is_none()) {
        let name = &c.column;
        outcome::tell(format!(
            "note: `{name}` is a let: its simulated values are in {name}.parquet, and the columns that it is computed from are as they were"
        ));
    }
    let mut told: Vec<(Option<usize>, &str)> = Vec::new();
    for c in &set.columns {
        let at = (c.table, c.column.as_str());
        if told.contains(&at) {
            continue;
        }
        told.push(at);
        // Several laws may speak of different rows of one column.
        let all: Vec<&Simulated> =
            set.columns.iter().filter(|s| (s.table, s.column.as_str()) == at).collect();
        let column = c.table.and_then(|t| compiled.model.tables[t].data.column(&c.column));
        let has_value = |r: usize| match (column, &c.values) {
            (Some(column), _) => column.nulls.binary_search(&r).is_err(),
            (None, Values::Numbers(v)) => !v[r].is_nan(),
            (None, Values::Labels(_)) => true,
        };
        let stays = (0..c.drawn.len()).filter(|&r| has_value(r) && !all.iter().any(|s| s.drawn[r])).count();
        let name = &c.column;
        match stays {
            0 => {}
            1 => outcome::tell(format!(
                "note: 1 row of `{name}` keeps its data, for no likelihood speaks of it"
            )),
            n => outcome::tell(format!(
                "note: {n} rows of `{name}` keep their data, for no likelihood speaks of them"
            )),
        }
    }
}

fn cannot_write(file: &Path, error: std::io::Error) -> Problem {
    Problem::failed(format!("{}: {error}", file.display()))
}

/// A folder with the tables, the spec that reads them, and the truth.
fn write(source: &Source, compiled: &Compiled, set: &DataSet, folder: &Path) -> Result<(), Problem> {
    std::fs::create_dir_all(folder).map_err(|e| cannot_write(folder, e))?;
    let (names, values): (Vec<String>, Vec<f64>) = set.truth.iter().cloned().unzip();
    let truth =
        [("name".to_string(), ColumnData::Text(names)), ("value".to_string(), ColumnData::Real(values))];
    write_parquet(folder.join(TRUTH), &truth).map_err(Problem::failed)?;
    for (k, table) in compiled.model.tables.iter().enumerate() {
        let columns: Vec<&Simulated> = set.columns.iter().filter(|c| c.table == Some(k)).collect();
        let ast = compiled.spec.data.iter().find(|t| t.name.name == table.name);
        let in_file = |name: &str| -> String {
            let renamed = ast.and_then(|t| t.columns.iter().find(|(new, _)| new.name == name));
            renamed.map_or(name.to_string(), |(_, old)| old.value.clone())
        };
        let outputs: Vec<Output> = table
            .data
            .columns
            .iter()
            .map(|c| {
                // Several laws may speak of different rows of one column.
                let mut drawn = columns.iter().filter(|s| s.column == c.name).peekable();
                let mut cells = match (&c.written, drawn.peek().map(|s| &s.values)) {
                    // As labels they are more than numbers.
                    (Some(texts), None | Some(Values::Labels(_))) => Cells::Text(texts.clone()),
                    _ => c.cells.clone(),
                };
                drawn.for_each(|s| fill(&mut cells, s));
                let data = match cells {
                    Cells::Real(v) => ColumnData::Real(v),
                    Cells::Integer(v) => ColumnData::Integer(v),
                    Cells::Text(v) => ColumnData::Text(v),
                    Cells::Bool(v) => ColumnData::Bool(v),
                };
                Output { name: in_file(&c.name), data, nulls: c.nulls.clone() }
            })
            .collect();
        write_table(folder.join(file_name(&table.name, &table.file)), &outputs).map_err(Problem::failed)?;
    }
    for c in set.columns.iter().filter(|c| c.table.is_none()) {
        if let Values::Numbers(v) = &c.values {
            let nulls = (0..v.len()).filter(|&r| v[r].is_nan()).collect();
            let column = Output { name: c.column.clone(), data: ColumnData::Real(v.clone()), nulls };
            write_table(folder.join(format!("{}.parquet", c.column)), &[column]).map_err(Problem::failed)?;
        }
    }
    let file = folder.join(spec_name(source));
    std::fs::write(&file, with_files(source, compiled)?).map_err(|e| cannot_write(&file, e))
}

/// Overwrites the rows that were drawn; whole numbers and truth values stay what they are.
pub fn fill(cells: &mut Cells, s: &Simulated) {
    let rows = (0..s.drawn.len()).filter(|&r| s.drawn[r]);
    let whole = |v: &[f64]| v.iter().zip(&s.drawn).all(|(x, drawn)| !drawn || x.fract() == 0.0);
    match (&mut *cells, &s.values) {
        (Cells::Real(to), Values::Numbers(v)) => rows.for_each(|r| to[r] = v[r]),
        (Cells::Integer(to), Values::Numbers(v)) if whole(v) => rows.for_each(|r| to[r] = v[r] as i64),
        (Cells::Integer(to), Values::Numbers(v)) => {
            let mut reals: Vec<f64> = to.iter().map(|&x| x as f64).collect();
            rows.for_each(|r| reals[r] = v[r]);
            *cells = Cells::Real(reals);
        }
        (Cells::Bool(to), Values::Numbers(v)) => rows.for_each(|r| to[r] = v[r] != 0.0),
        (Cells::Text(to), Values::Numbers(v)) => rows.for_each(|r| to[r] = v[r].to_string()),
        (Cells::Text(to), Values::Labels(v)) => rows.for_each(|r| to[r].clone_from(&v[r])),
        (Cells::Integer(to), Values::Labels(v)) => {
            rows.for_each(|r| to[r] = v[r].parse().unwrap_or(to[r]));
        }
        (Cells::Bool(to), Values::Labels(v)) => rows.for_each(|r| to[r] = v[r] == "true"),
        (Cells::Real(to), Values::Labels(v)) => rows.for_each(|r| to[r] = v[r].parse().unwrap_or(f64::NAN)),
    }
}

/// A table keeps its format.
fn file_name(table: &str, file: &str) -> String {
    let extension = Path::new(file).extension().map_or("csv".into(), |e| e.to_string_lossy().into_owned());
    format!("{table}.{extension}")
}

fn spec_name(source: &Source) -> PathBuf {
    let name = Path::new(source.name()).file_name().unwrap_or_default();
    if name.is_empty() { PathBuf::from("model.yaml") } else { PathBuf::from(name) }
}

/// The spec, with the tables of the data set in the place of its own: its very text where that is one file and
/// nothing else changes, else all its files and overrides as one.
fn with_files(source: &Source, compiled: &Compiled) -> Result<String, Problem> {
    let tables = compiled.spec.data.iter();
    let names = tables.clone().map(|t| (t.name.name.clone(), file_name(&t.name.name, &t.file.value)));
    let laws = compiled.spec.observe.iter().filter_map(|o| Some((o.law.span, uncensored(o)?.to_string())));
    let edits = Edits { files: names.clone().collect(), laws: laws.collect(), levels: levels(compiled) };
    if source.files().len() > 1 || !edits.laws.is_empty() || !edits.levels.is_empty() {
        let text = spec_compiler::parse::one_file(source, &edits);
        return text.map_err(|found| Problem::mistakes(&found, source));
    }
    let mut places: Vec<(std::ops::Range<usize>, String)> =
        tables.zip(names).map(|(t, (_, name))| (t.file.span.range(), format!("\"{name}\""))).collect();
    places.sort_by_key(|(at, _)| at.start);
    let mut text = source.text().to_string();
    for (at, name) in places.into_iter().rev() {
        text.replace_range(at, &name);
    }
    Ok(text)
}

/// The law of which a likelihood knows only bounds in some rows. The drawn values stand in the data set, so the
/// spec beside it has no bounds: nobody knows when a value that was seen would have been censored.
fn uncensored(o: &ast::Observe) -> Option<&Expr> {
    match &o.law.kind {
        ExprKind::Call { function, args } if function.name == "censored" => Some(&args.first()?.value),
        _ => None,
    }
}

/// The levels of outcomes that a data set may lack, by table, where the spec does not give them.
fn levels(compiled: &Compiled) -> BTreeMap<String, Vec<(String, Vec<String>)>> {
    let spec = &compiled.spec;
    let mut out: BTreeMap<String, Vec<(String, Vec<String>)>> = BTreeMap::new();
    for of in &compiled.target.variables {
        let Role::Observed(o) = &of.role else { continue };
        let Stands::Outcomes { table, column, labels } = &o.stands else { continue };
        let rows = &compiled.target.tables[*table];
        let Some(ast) = spec.data.iter().find(|t| t.name.name == rows.name) else { continue };
        let column = &rows.columns[*column];
        let index = ast.index.iter().find(|(c, _)| c.name == *column);
        let dim = index.map_or(column, |(_, dim)| &dim.name);
        let is_given = spec.dims.iter().any(|d| d.name.name == *dim)
            || spec.data.iter().any(|t| t.levels.iter().any(|(of, _)| of.name == *dim));
        let is_of_data =
            compiled.model.dims.iter().any(|d| d.name == *dim && d.labels.as_deref() == Some(&labels[..]));
        let of_table = out.get(&rows.name).into_iter().flatten();
        if !is_given && is_of_data && !of_table.clone().any(|(of, _)| of == dim) {
            out.entry(rows.name.clone()).or_default().push((dim.clone(), labels.clone()));
        }
    }
    out
}
