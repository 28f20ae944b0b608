//! Simulations as tables, and read back.

use std::collections::BTreeMap;
use std::path::Path;

use tables::{ColumnData, Output, ReadOptions, Table, TableError, write_table};

use super::{Quantity, Simulation};

/// A row a simulation and quantity.
pub const RANKS: &str = "calibration.parquet";
/// A row a simulation.
pub const FITS: &str = "fits.parquet";

/// Writes both, in the order of the simulations.
pub fn write(folder: &Path, all: &[Simulation]) -> Result<(), TableError> {
    let rows: Vec<(&Simulation, &Quantity)> =
        all.iter().flat_map(|s| s.quantities.iter().map(move |q| (s, q))).collect();
    let integer = |name: &str, f: &dyn Fn(&(&Simulation, &Quantity)) -> i64| {
        Output::whole(name, ColumnData::Integer(rows.iter().map(f).collect()))
    };
    let text = |name: &str, f: &dyn Fn(&(&Simulation, &Quantity)) -> String| {
        Output::whole(name, ColumnData::Text(rows.iter().map(f).collect()))
    };
    let real = |name: &str, f: &dyn Fn(&Quantity) -> f64| {
        Output::whole(name, ColumnData::Real(rows.iter().map(|(_, q)| f(q)).collect()))
    };
    let columns = [
        integer("simulation", &|(s, _)| s.number as i64),
        text("verdict", &|(s, _)| s.verdict.clone()),
        text("name", &|(_, q)| q.name.clone()),
        real("truth", &|q| q.truth),
        integer("rank", &|(_, q)| i64::from(q.rank)),
        integer("of", &|(_, q)| i64::from(q.of)),
        real("mean", &|q| q.mean),
        real("sd", &|q| q.sd),
        real("q05", &|q| q.q05),
        real("q25", &|q| q.q25),
        real("q75", &|q| q.q75),
        real("q95", &|q| q.q95),
        real("z", &Quantity::z),
    ];
    write_table(folder.join(RANKS), &columns)?;
    let fits = [
        Output::whole("simulation", ColumnData::Integer(all.iter().map(|s| s.number as i64).collect())),
        Output::whole("verdict", ColumnData::Text(all.iter().map(|s| s.verdict.clone()).collect())),
        Output::whole("reason", ColumnData::Text(all.iter().map(|s| s.reason.clone()).collect())),
    ];
    write_table(folder.join(FITS), &fits)
}

/// What [`write`] wrote; `None` where the tables are not its own.
pub fn read(folder: &Path) -> Result<Option<Vec<Simulation>>, TableError> {
    let fits = Table::read(folder.join(FITS), &ReadOptions::default())?;
    let ranks = Table::read(folder.join(RANKS), &ReadOptions::default())?;
    Ok(simulations(&fits, &ranks))
}

fn simulations(fits: &Table, ranks: &Table) -> Option<Vec<Simulation>> {
    let numbers = |t: &Table, name: &str| -> Option<Vec<f64>> {
        Some(t.column(name).ok()?.as_real().ok()?.into_owned())
    };
    let texts = |t: &Table, name: &str| match &t.column(name).ok()?.data {
        ColumnData::Text(v) => Some(v.clone()),
        _ => None,
    };
    let mut all: BTreeMap<u64, Simulation> = BTreeMap::new();
    let (verdicts, reasons) = (texts(fits, "verdict")?, texts(fits, "reason")?);
    for (row, number) in numbers(fits, "simulation")?.into_iter().enumerate() {
        let number = number as u64;
        let (verdict, reason) = (verdicts[row].clone(), reasons[row].clone());
        all.insert(number, Simulation { number, verdict, reason, quantities: Vec::new() });
    }
    if ranks.n_rows > 0 {
        let names = texts(ranks, "name")?;
        let columns = ["truth", "rank", "of", "mean", "sd", "q05", "q25", "q75", "q95"];
        let columns: Vec<Vec<f64>> = columns.iter().map(|c| numbers(ranks, c)).collect::<Option<_>>()?;
        for (row, number) in numbers(ranks, "simulation")?.into_iter().enumerate() {
            let x = |k: usize| columns[k][row];
            all.get_mut(&(number as u64))?.quantities.push(Quantity {
                name: names[row].clone(),
                truth: x(0),
                rank: x(1) as u32,
                of: x(2) as u32,
                mean: x(3),
                sd: x(4),
                q05: x(5),
                q25: x(6),
                q75: x(7),
                q95: x(8),
            });
        }
    }
    Some(all.into_values().collect())
}
