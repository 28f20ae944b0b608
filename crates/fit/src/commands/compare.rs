//! `fit compare RUN1 RUN2 ...`: which of several models predicts the values that are left out best.

use std::collections::BTreeMap;
use std::path::Path;

use answers::compare::{Compared, compare};
use answers::loo;
use comfy_table::CellAlignment;
use tables::{ColumnData, Output, ReadOptions, Table, write_table};

use crate::cli;
use crate::outcome::{self, Problem};
use crate::results;

pub fn run(args: &cli::Compare) -> Result<u8, Problem> {
    let runs = args.runs.iter().map(|folder| Criticised::read(folder)).collect::<Result<Vec<_>, _>>()?;
    let (first, others) = runs.split_first().ok_or_else(|| Problem::input("which runs?"))?;
    others.iter().try_for_each(|other| first.sees_the_same_as(other))?;
    if first.elpd.len() < 2 {
        return Err(Problem::input("there is one value to leave out: it does not tell models apart"));
    }
    for run in &runs {
        if !["ok", "corrected"].contains(&run.verdict.as_str()) {
            outcome::tell(format!(
                "note: {}: the verdict of the run is `{}`; its comparison is no better",
                run.name, run.verdict
            ));
        }
        if run.bad > 0 {
            outcome::tell(format!(
                "note: {}: Pareto k is too large for {} of {} values; their elpd_loo is not to be trusted",
                run.name,
                run.bad,
                run.elpd.len()
            ));
        }
    }
    let elpd: Vec<Vec<f64>> = runs.iter().map(|r| r.elpd.clone()).collect();
    let mut rows: Vec<(&Criticised, Compared)> = runs.iter().zip(compare(&elpd)).collect();
    rows.sort_by(|a, b| b.1.elpd.total_cmp(&a.1.elpd));
    if let Some(file) = &args.out {
        write(file, &rows)?;
    }
    outcome::say(text(&rows))?;
    Ok(outcome::OK)
}

/// What a run says of its model.
struct Criticised {
    /// As it was called.
    name: String,
    verdict: String,
    /// By outcome: how many terms, and their digest.
    outcomes: BTreeMap<String, (u64, String)>,
    left_out: BTreeMap<String, String>,
    p_loo: f64,
    bad: u64,
    elpd: Vec<f64>,
}

impl Criticised {
    fn read(folder: &Path) -> Result<Criticised, Problem> {
        let name = folder.display().to_string();
        let json = results::read_json(folder)?;
        let wrong = || Problem::input(format!("{name}: its fit.json is not as it was written; fit again"));
        let left_out: BTreeMap<String, String> =
            serde_json::from_value(json["loo_left_out"].clone()).map_err(|_| wrong())?;
        let loo = &json["loo"];
        if loo.is_null() {
            let why = left_out.iter().map(|(column, why)| format!("\n  `{column}`: {why}"));
            let why: String = why.collect();
            return Err(Problem::input(format!("{name}: nothing can be left out of this model{why}")));
        }
        let outcome = |o: &serde_json::Value| {
            let (name, digest) = (o["name"].as_str()?, o["digest"].as_str()?);
            Some((name.to_string(), (o["n"].as_u64()?, digest.to_string())))
        };
        let outcomes: Option<_> =
            loo["outcomes"].as_array().and_then(|all| all.iter().map(outcome).collect());
        let k = |which: &str| loo["pareto_k"][which].as_u64().ok_or_else(wrong);
        let bad = k("bad")? + k("very_bad")?;
        let table = Table::read(folder.join(loo::FILE), &ReadOptions::default()).map_err(Problem::input)?;
        Ok(Criticised {
            verdict: json["verdict"].as_str().ok_or_else(wrong)?.to_string(),
            outcomes: outcomes.ok_or_else(wrong)?,
            left_out,
            p_loo: loo["p_loo"].as_f64().unwrap_or(f64::NAN),
            bad,
            elpd: in_order(&table).ok_or_else(wrong)?,
            name,
        })
    }

    /// Models are compared by the same values, or not at all.
    fn sees_the_same_as(&self, other: &Criticised) -> Result<(), Problem> {
        let differ = |why: String| {
            Problem::input(format!(
                "{} and {} are not of the same data: {why}\n  help: models are compared by what they predict of the \
                 same values",
                self.name, other.name
            ))
        };
        for (a, b) in [(self, other), (other, self)] {
            for (column, (n, digest)) in &a.outcomes {
                if let Some(why) = b.left_out.get(column) {
                    return Err(Problem::input(format!("{}: `{column}` cannot be left out: {why}", b.name)));
                }
                let Some((m, of_other)) = b.outcomes.get(column) else {
                    let has = b.outcomes.keys().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
                    return Err(differ(format!(
                        "`{column}` is observed in {} alone, {} has {has}",
                        a.name, b.name
                    )));
                };
                if n != m {
                    return Err(differ(format!(
                        "`{column}` has {n} values that count in {}, {m} in {}",
                        a.name, b.name
                    )));
                }
                if digest != of_other {
                    return Err(differ(format!("the values of `{column}` differ")));
                }
            }
        }
        Ok(())
    }
}

/// The terms in an order that depends on what they are of, not on the order of a spec.
fn in_order(table: &Table) -> Option<Vec<f64>> {
    let text = |name: &str| match &table.column(name).ok()?.data {
        ColumnData::Text(v) => Some(v),
        _ => None,
    };
    let (tables, columns) = (text("table")?, text("column")?);
    let rows = table.column("row").ok()?.as_real().ok()?;
    let elpd = table.column("elpd_loo").ok()?.as_real().ok()?;
    let mut order: Vec<usize> = (0..table.n_rows).collect();
    order.sort_by(|&a, &b| {
        let names = columns[a].cmp(&columns[b]).then(tables[a].cmp(&tables[b]));
        names.then(rows[a].total_cmp(&rows[b]))
    });
    Some(order.into_iter().map(|i| elpd[i]).collect())
}

fn write(file: &Path, rows: &[(&Criticised, Compared)]) -> Result<(), Problem> {
    let real = |name: &str, f: &dyn Fn(&(&Criticised, Compared)) -> f64| {
        Output::whole(name, ColumnData::Real(rows.iter().map(f).collect()))
    };
    let names = rows.iter().map(|(run, _)| run.name.clone()).collect();
    let verdicts = rows.iter().map(|(run, _)| run.verdict.clone()).collect();
    let bad = rows.iter().map(|(run, _)| run.bad as i64).collect();
    let columns = [
        Output::whole("run", ColumnData::Text(names)),
        Output::whole("verdict", ColumnData::Text(verdicts)),
        real("elpd_loo", &|(_, c)| c.elpd),
        real("se", &|(_, c)| c.se),
        real("elpd_diff", &|(_, c)| c.diff),
        real("se_diff", &|(_, c)| c.se_diff),
        real("p_loo", &|(run, _)| run.p_loo),
        Output::whole("bad_k", ColumnData::Integer(bad)),
        real("stacking", &|(_, c)| c.stacking),
        real("pseudo_bma", &|(_, c)| c.pseudo_bma),
    ];
    write_table(file, &columns).map_err(Problem::input)
}

fn text(rows: &[(&Criticised, Compared)]) -> String {
    let mut t = comfy_table::Table::new();
    t.load_preset(comfy_table::presets::NOTHING);
    t.set_header(["", "elpd_loo", "se", "diff", "se diff", "p_loo", "bad k", "stacking", "pseudo-BMA+"]);
    for (run, c) in rows {
        let one = |x: f64| format!("{x:.1}");
        let mut row = vec![run.name.clone()];
        row.extend([c.elpd, c.se, c.diff, c.se_diff, run.p_loo].map(one));
        row.push(run.bad.to_string());
        row.extend([c.stacking, c.pseudo_bma].map(|w| format!("{w:.3}")));
        t.add_row(row);
    }
    t.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    let lines: Vec<String> = t.lines().map(|line| line.trim_end().to_string()).collect();
    lines.join("\n") + "\n"
}
