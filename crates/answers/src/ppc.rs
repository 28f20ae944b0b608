//! Posterior predictive checks: quantities of the data beside the same of data that the fitted model makes.
//!
//! For each draw of the posterior a whole data set is drawn, as many rows as were seen, and quantities that
//! the likelihood does not fit by itself are computed from it: where the observed one lies far out among
//! them, the model does not make such data (A. Gelman, X.-L. Meng and H. Stern, Posterior predictive assessment
//! of model fitness via realized discrepancies, Statistica Sinica 6, 1996; Gelman et al., Bayesian Data Analysis,
//! 3rd ed., section 6.3). `p` is the probability that a replicate is larger, and half of that it is equal.
//! Data are used twice, so it is nearer to 1/2 than uniform numbers are: one that is far from it counts.
//!
//! The replicates are those of `predictive.parquet`, drawn again a data set at a time.

use std::path::Path;

use graph::ir::NodeId;
use graph::program::Options;
use graph::value::Value;
use model::{Carrier, Observed, Role, Stands, Target};
use numerics::random::Key;
use tables::{ColumnData, Output};

use crate::ancestral::{Ancestry, Given, World, stream};
use crate::drawer::Drawer;
use crate::error::AnswerError;
use crate::known::Known;
use crate::moments::{Moments, mean_and_sd, quantile_of, rank};
use crate::nodes::{Nodes, Values};
use crate::predictive::{Budget, evenly};
use crate::tabulate::{Columns, Files, counted, seen};

/// The table of the checks.
pub const FILE: &str = "ppc.parquet";
/// Groups of one column: with more, it is not one that data are looked at by.
const MOST_GROUPS: usize = 200;
/// Outside of these a quantity is not reproduced.
const EXTREME: (f64, f64) = (0.005, 0.995);

/// Replicates: a `p` is known to 0.016.
const MOST_DRAWS: usize = 1000;
/// A count below this could have been 0.
const SMALL: f64 = 10.0;

/// What was found.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Checks {
    /// Rows of the table; 0 where there is none.
    pub rows: usize,
    /// Quantities of whole outcomes that the model does not reproduce: their names (`max of y`) and `p`.
    pub extreme: Vec<(String, f64)>,
    /// Outcomes that are not checked, and why.
    pub left_out: Vec<(String, &'static str)>,
}

/// Writes [`FILE`] into `folder`, where anything is observed.
///
/// # Errors
/// As [`predictive::write`](crate::predictive::write).
pub fn write(
    target: &Target,
    known: &Known,
    seed: u64,
    options: &Options,
    budget: &Budget,
    folder: &Path,
) -> Result<Checks, AnswerError> {
    let mut checks = Checks::default();
    let items = items(target, &mut checks.left_out)?;
    let total: usize = items.iter().map(|i| i.observed.len()).sum();
    if items.is_empty() {
        return Ok(checks);
    }
    let given = Given::new();
    let mut ancestry = Ancestry::new(target, known, &given, seed, options)?;
    let nodes: Vec<NodeId> =
        items.iter().flat_map(|i| target.variables[i.variable].variable.law.nodes()).collect();
    let mut nodes = Nodes::new(&target.graph, &nodes, &target.bindings, options)?;
    let most = (budget.work / 2 / total).clamp(budget.least_draws, MOST_DRAWS.min(budget.most_draws));
    let draws = evenly(known.n_draws(), most);
    let lanes = (budget.block / (nodes.n_out() + target.n_inputs()).max(1)).clamp(8, 80) / 8 * 8;
    // By draw: every quantity of every item.
    let mut replicates: Vec<Vec<f64>> = Vec::new();
    for block in draws.chunks(lanes) {
        let world = ancestry.world(block)?;
        let values = nodes.eval(&world.z);
        let work = Block { target, items: &items, values, world: &world, seed };
        replicates.extend(work.replicates(options.threads)?);
    }
    let mut files = Files::new(folder);
    let mut first = 0;
    for item in &items {
        item.write(target, &replicates, first, &mut files, &mut checks)?;
        first += item.n_quantities();
    }
    files.finish()?;
    Ok(checks)
}

/// A number that is made of some values of a data set.
#[derive(Clone, PartialEq, Debug)]
enum Quantity {
    Mean,
    Sd,
    Skewness,
    Min,
    Q25,
    Median,
    Q75,
    Max,
    Zeros,
    Lag1,
    /// The part that has this outcome, counted from 1.
    Share(usize, String),
}

impl Quantity {
    fn name(&self) -> String {
        let name = match self {
            Quantity::Mean => "mean",
            Quantity::Sd => "sd",
            Quantity::Skewness => "skewness",
            Quantity::Min => "min",
            Quantity::Q25 => "q25",
            Quantity::Median => "median",
            Quantity::Q75 => "q75",
            Quantity::Max => "max",
            Quantity::Zeros => "zeros",
            Quantity::Lag1 => "lag_1",
            Quantity::Share(_, label) => return format!("share of {label}"),
        };
        name.into()
    }
}

/// Some values of an outcome, and what is made of them.
struct Group {
    column: String,
    /// The column whose level they share; empty for all.
    by: String,
    level: String,
    elements: Vec<usize>,
    quantities: Vec<Quantity>,
    /// Pairs of elements of which one is of the row before that of the other.
    pairs: Vec<(usize, usize)>,
}

impl Group {
    /// The quantities of a data set `y`, of which the group has some elements; `values` is room.
    fn of(&self, y: &[f64], values: &mut Vec<f64>, out: &mut Vec<f64>) {
        values.clear();
        values.extend(self.elements.iter().map(|&e| y[e]));
        let n = values.len() as f64;
        let (mean, sd) = mean_and_sd(values);
        let share = |x: f64| values.iter().filter(|v| **v == x).count() as f64 / n;
        let least = || values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = || values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A replicate that could not be drawn has no order.
        let known = |x: f64| if mean.is_nan() { f64::NAN } else { x };
        for q in &self.quantities {
            out.push(match q {
                Quantity::Mean => mean,
                Quantity::Sd => sd,
                // Of the moments, as they are; 0 where all values are the same, and so below.
                Quantity::Skewness => {
                    let moment = |k: i32| values.iter().map(|x| (x - mean).powi(k)).sum::<f64>() / n;
                    ratio(moment(3), moment(2).powf(1.5))
                }
                Quantity::Min => known(least()),
                Quantity::Q25 => known(quantile_of(&mut values.clone(), 0.25)),
                Quantity::Median => known(quantile_of(&mut values.clone(), 0.5)),
                Quantity::Q75 => known(quantile_of(&mut values.clone(), 0.75)),
                Quantity::Max => known(most()),
                Quantity::Zeros => share(0.0),
                Quantity::Lag1 => {
                    let off = |e: usize| y[e] - mean;
                    let products: f64 = self.pairs.iter().map(|&(a, b)| off(a) * off(b)).sum();
                    ratio(products, self.elements.iter().map(|&e| off(e).powi(2)).sum::<f64>())
                }
                Quantity::Share(k, _) => share(*k as f64),
            });
        }
    }
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

/// An observed variable.
struct Item {
    variable: usize,
    /// In memory order; NaN where a value does not count.
    observed: Vec<f64>,
    groups: Vec<Group>,
}

fn items(target: &Target, left_out: &mut Vec<(String, &'static str)>) -> Result<Vec<Item>, AnswerError> {
    let mut out = Vec::new();
    for (variable, of) in target.variables.iter().enumerate() {
        let Role::Observed(o) = &of.role else { continue };
        let name = &of.variable.name;
        let seen = seen(target, variable, o)?;
        let counts = counted(target, variable, o, &seen)?;
        if (0..counts.len()).any(|e| counts[e] && seen.censored[e]) {
            left_out.push((name.clone(), "some of its values are bounds: there is no data set to compare"));
            continue;
        }
        let mut observed = seen.observed;
        // Labels are drawn as numbers that count from 1.
        let shift = if matches!(o.stands, Stands::Outcomes { .. }) { 1.0 } else { 0.0 };
        observed.iter_mut().zip(&counts).for_each(|(x, c)| *x = if *c { *x + shift } else { f64::NAN });
        let groups = groups(target, variable, o, &observed);
        if !groups.is_empty() {
            out.push(Item { variable, observed, groups });
        }
    }
    Ok(out)
}

/// All values of each column, and those of each level of the columns that the model looks up by.
fn groups(target: &Target, variable: usize, o: &Observed, observed: &[f64]) -> Vec<Group> {
    let of = &target.variables[variable].variable;
    let columns = Columns::of(target, &of.name, &of.dims, &o.stands);
    let table = target.tables.iter().find(|t| of.dims.contains(&t.dim));
    let mut out: Vec<Group> = Vec::new();
    let mut by_column: Vec<(String, Vec<usize>)> = Vec::new();
    for e in (0..observed.len()).filter(|&e| !observed[e].is_nan()) {
        // What has no rows is looked at as a whole.
        let k = if table.is_some() { columns.beside(e) } else { 0 };
        if by_column.len() <= k {
            by_column.resize(k + 1, (String::new(), Vec::new()));
        }
        if by_column[k].1.is_empty() {
            by_column[k].0 = if table.is_some() { columns.name(e) } else { columns.bare().to_string() };
        }
        by_column[k].1.push(e);
    }
    for (column, elements) in by_column.into_iter().filter(|(_, elements)| !elements.is_empty()) {
        let new = |by: &str, level: &str, elements: Vec<usize>| {
            let (column, by, level) = (column.clone(), by.to_string(), level.to_string());
            Group { column, by, level, elements, quantities: Vec::new(), pairs: Vec::new() }
        };
        let mut all = new("", "", elements);
        if let Some(before) = table.and_then(|t| t.before.as_ref()) {
            let row = |e: usize| columns.row(e) as usize - 1;
            let mut at = vec![None; before.len()];
            all.elements.iter().for_each(|&e| at[row(e)] = Some(e));
            let pair = |&e: &usize| Some((e, at[before[row(e)]? as usize]?));
            all.pairs = all.elements.iter().filter_map(pair).collect();
        }
        let own: &[usize] = match &o.stands {
            Stands::Columns { columns, .. } => columns,
            Stands::Outcomes { column, .. } => std::slice::from_ref(column),
            Stands::Computed => &[],
        };
        let carriers = table.into_iter().flat_map(|t| t.carriers.iter().map(move |c| (t, c)));
        for (t, (c, carrier)) in carriers {
            let Carrier::Positions { input, labels } = carrier else { continue };
            let Some(Value::Index(levels)) = target.bindings.data.get(input) else { continue };
            if own.contains(c) || labels.len() > MOST_GROUPS || labels.len() < 2 {
                continue;
            }
            let mut parts = vec![Vec::new(); labels.len()];
            for &e in &all.elements {
                parts[levels[columns.row(e) as usize - 1] as usize].push(e);
            }
            let parts = parts.into_iter().zip(labels).filter(|(part, _)| !part.is_empty());
            out.extend(parts.map(|(part, level)| new(&t.columns[*c], level, part)));
        }
        out.push(all);
    }
    // Whole columns first.
    out.sort_by_key(|g| !g.by.is_empty());
    let wholes: Vec<(String, Vec<f64>)> = out
        .iter()
        .filter(|g| g.by.is_empty())
        .map(|g| (g.column.clone(), g.elements.iter().map(|&e| observed[e]).collect()))
        .collect();
    for g in &mut out {
        let whole = wholes.iter().find(|(column, _)| *column == g.column);
        g.quantities = quantities(g, o, whole.map_or(&[], |(_, values)| values));
    }
    out
}

/// What is looked at, of a column that has these values.
fn quantities(g: &Group, o: &Observed, whole: &[f64]) -> Vec<Quantity> {
    use Quantity::*;
    if let Stands::Outcomes { labels, .. } = &o.stands {
        return labels.iter().enumerate().map(|(k, label)| Share(k + 1, label.clone())).collect();
    }
    let is_binary = whole.iter().all(|&x| x == 0.0 || x == 1.0);
    let mut out = vec![Mean];
    if g.elements.len() > 1 && !is_binary {
        out.extend(if g.by.is_empty() {
            vec![Sd, Skewness, Min, Q25, Median, Q75, Max]
        } else {
            vec![Sd, Min, Max]
        });
        // Small counts could have zeros even where none was seen.
        let are_counts = whole.iter().all(|x| *x >= 0.0 && x.fract() == 0.0);
        if whole.contains(&0.0) || are_counts && whole.iter().any(|x| *x < SMALL) {
            out.push(Zeros);
        }
    }
    if g.pairs.len() > 1 {
        out.push(Lag1);
    }
    out
}

impl Item {
    fn n_quantities(&self) -> usize {
        self.groups.iter().map(|g| g.quantities.len()).sum()
    }

    /// The rows of its quantities, of which the first is the number `first` of a replicate.
    fn write(
        &self,
        target: &Target,
        replicates: &[Vec<f64>],
        first: usize,
        files: &mut Files,
        checks: &mut Checks,
    ) -> Result<(), AnswerError> {
        let of = &target.variables[self.variable].variable;
        let table = target.tables.iter().find(|t| of.dims.contains(&t.dim)).map_or("", |t| &t.name);
        let (mut values, mut observed) = (Vec::new(), Vec::new());
        self.groups.iter().for_each(|g| g.of(&self.observed, &mut values, &mut observed));
        let rows: Vec<(&Group, &Quantity)> =
            self.groups.iter().flat_map(|g| g.quantities.iter().map(move |q| (g, q))).collect();
        let (mut moments, mut ps) = (Vec::new(), Vec::new());
        for (k, (g, q)) in rows.iter().enumerate() {
            let mut draws: Vec<f64> = replicates.iter().map(|r| r[first + k]).collect();
            let m = Moments::of(&mut draws);
            let p = if m.mean.is_nan() { f64::NAN } else { 1.0 - rank(&draws, observed[k]) };
            if g.by.is_empty() && (p < EXTREME.0 || p > EXTREME.1) {
                checks.extreme.push((format!("{} of {}", q.name(), g.column), p));
            }
            moments.push(m);
            ps.push(p);
        }
        checks.rows += rows.len();
        let text = |name: &str, f: &dyn Fn(&(&Group, &Quantity)) -> String| {
            Output::whole(name, ColumnData::Text(rows.iter().map(f).collect()))
        };
        let real = |name: &str, f: fn(&Moments) -> f64| {
            Output::whole(name, ColumnData::Real(moments.iter().map(f).collect()))
        };
        let counts = rows.iter().map(|(g, _)| g.elements.len() as i64).collect();
        files.write(
            FILE,
            &[
                text("table", &|_| table.to_string()),
                text("column", &|(g, _)| g.column.clone()),
                text("by", &|(g, _)| g.by.clone()),
                text("level", &|(g, _)| g.level.clone()),
                Output::whole("n", ColumnData::Integer(counts)),
                text("quantity", &|(_, q)| q.name()),
                Output::whole("observed", ColumnData::Real(observed)),
                real("mean", |m| m.mean),
                real("sd", |m| m.sd),
                real("q05", |m| m.q05),
                real("q50", |m| m.q50),
                real("q95", |m| m.q95),
                Output::whole("p", ColumnData::Real(ps)),
            ],
        )
    }
}

/// A block of draws at work.
struct Block<'a> {
    target: &'a Target,
    items: &'a [Item],
    values: &'a Values,
    world: &'a World,
    seed: u64,
}

impl Block<'_> {
    /// The quantities of a data set for each draw.
    fn replicates(&self, threads: usize) -> Result<Vec<Vec<f64>>, AnswerError> {
        let lanes: Vec<usize> = (0..self.world.draws.len()).collect();
        let total: usize = self.items.iter().map(|i| i.observed.len()).sum();
        // A thread costs as much as some thousand draws.
        let threads = threads.min(total * lanes.len() / 8192).max(1);
        if threads == 1 {
            return self.part(&lanes);
        }
        std::thread::scope(|scope| {
            let parts = lanes.chunks(lanes.len().div_ceil(threads));
            let work: Vec<_> = parts.map(|part| scope.spawn(move || self.part(part))).collect();
            let mut out = Vec::new();
            for w in work {
                out.extend(w.join().unwrap_or_else(|e| std::panic::resume_unwind(e))?);
            }
            Ok(out)
        })
    }

    fn part(&self, lanes: &[usize]) -> Result<Vec<Vec<f64>>, AnswerError> {
        let mut out = vec![Vec::new(); lanes.len()];
        let mut values = Vec::new();
        for item in self.items {
            let of = &self.target.variables[item.variable].variable;
            // As they came into the data.
            let mut drawer = Drawer::new(self.target, of, self.values, true);
            let key = Key::new(self.seed, "predict", &of.name, "");
            let mut value = vec![0.0; drawer.n_event()];
            let mut y = vec![f64::NAN; item.observed.len()];
            for (&lane, out) in lanes.iter().zip(&mut out) {
                let reader = self.values.lane(lane);
                for k in 0..drawer.n_values() {
                    if drawer.elements(k).all(|e| item.observed[e].is_nan()) {
                        continue;
                    }
                    let chosen = |k, e| self.world.discrete(k, e, lane);
                    let mut uniforms = stream(key, k as u64, 0, self.world.draws[lane]);
                    drawer.draw(k, reader, &chosen, &mut uniforms, &mut value)?;
                    drawer.elements(k).zip(&value).for_each(|(e, &x)| y[e] = x);
                }
                item.groups.iter().for_each(|g| g.of(&y, &mut values, out));
            }
        }
        Ok(out)
    }
}
