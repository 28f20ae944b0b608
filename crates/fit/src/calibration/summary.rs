//! What many simulations say together.

use std::collections::BTreeMap;
use std::path::Path;

use answers::moments::mean_and_sd;
use answers::uniformity;
use tables::{ColumnData, Output, TableError, write_table};

use super::{Quantity, Simulation};

/// The table of the summary.
pub const FILE: &str = "summary.parquet";
/// Ranks that are so improbable, for the number of quantities that were looked at, are not uniform.
pub const LEVEL: f64 = 0.01;
/// With fewer simulations nothing is said.
pub const FEWEST: usize = 20;

/// The simulations that are summed up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    All,
    /// Those whose fits are not said to be unreliable. A verdict depends on the data and on chance alone, not
    /// on the truth, so their ranks are uniform too.
    Trusted,
}

impl Which {
    fn word(self) -> &'static str {
        match self {
            Which::All => "all",
            Which::Trusted => "trusted",
        }
    }
}

/// One quantity over the simulations.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    pub name: String,
    pub which: Which,
    pub simulations: usize,
    /// How probable such ranks are, if they are uniform; the same times the number of quantities.
    pub p: f64,
    pub adjusted_p: f64,
    /// How many truths lie within the central intervals of 50 % and 90 %.
    pub in_50: f64,
    pub in_90: f64,
    /// Of the distances of posterior means from the truths in posterior standard deviations.
    pub mean_z: f64,
    pub sd_z: f64,
    /// 1 - (variance of the posterior / variance of the truths), the mean of it.
    pub shrinkage: f64,
}

/// A row a quantity, in the order in which they appear.
pub fn rows(all: &[Simulation], which: Which) -> Vec<Row> {
    let mut names: Vec<&str> = Vec::new();
    let mut of: BTreeMap<&str, Vec<&Quantity>> = BTreeMap::new();
    let is_in = |s: &&Simulation| which == Which::All || s.is_trusted();
    for q in all.iter().filter(is_in).flat_map(|s| &s.quantities) {
        of.entry(&q.name).or_insert_with(|| {
            names.push(&q.name);
            Vec::new()
        });
        of.entry(&q.name).and_modify(|found| found.push(q));
    }
    let n = names.len() as f64;
    names.into_iter().map(|name| row(name, which, &of[name], n)).collect()
}

fn row(name: &str, which: Which, found: &[&Quantity], quantities: f64) -> Row {
    let of = found.iter().map(|q| q.of).max().unwrap_or(0);
    let u: Vec<f64> = found.iter().map(|q| (f64::from(q.rank) + 0.5) / (f64::from(q.of) + 1.0)).collect();
    let p = uniformity::p_value(&u, of as usize + 1);
    let part = |is_in: &dyn Fn(&Quantity) -> bool| {
        found.iter().filter(|q| is_in(q)).count() as f64 / found.len() as f64
    };
    let z: Vec<f64> = found.iter().map(|q| q.z()).collect();
    let truths: Vec<f64> = found.iter().map(|q| q.truth).collect();
    let (mean_z, sd_z) = mean_and_sd(&z);
    let prior = mean_and_sd(&truths).1;
    let left = found.iter().map(|q| (q.sd / prior).powi(2)).sum::<f64>() / found.len() as f64;
    Row {
        name: name.to_string(),
        which,
        simulations: found.len(),
        p,
        adjusted_p: (p * quantities).min(1.0),
        in_50: part(&|q| q.q25 <= q.truth && q.truth <= q.q75),
        in_90: part(&|q| q.q05 <= q.truth && q.truth <= q.q95),
        mean_z,
        sd_z,
        shrinkage: 1.0 - left,
    }
}

pub fn write(folder: &Path, rows: &[Row]) -> Result<(), TableError> {
    let real =
        |name: &str, f: fn(&Row) -> f64| Output::whole(name, ColumnData::Real(rows.iter().map(f).collect()));
    let columns = [
        Output::whole("name", ColumnData::Text(rows.iter().map(|r| r.name.clone()).collect())),
        Output::whole("of", ColumnData::Text(rows.iter().map(|r| r.which.word().to_string()).collect())),
        Output::whole(
            "simulations",
            ColumnData::Integer(rows.iter().map(|r| r.simulations as i64).collect()),
        ),
        real("uniform_p", |r| r.p),
        real("adjusted_p", |r| r.adjusted_p),
        real("in_50", |r| r.in_50),
        real("in_90", |r| r.in_90),
        real("mean_z", |r| r.mean_z),
        real("sd_z", |r| r.sd_z),
        real("shrinkage", |r| r.shrinkage),
    ];
    write_table(folder.join(FILE), &columns)
}

/// How many fits ended with each verdict.
pub fn verdicts(all: &[Simulation]) -> BTreeMap<&str, usize> {
    let mut out = BTreeMap::new();
    all.iter().for_each(|s| *out.entry(s.verdict.as_str()).or_default() += 1);
    out
}
