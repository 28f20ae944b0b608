//! What a stretch of elements says, as rows of the tables of results.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use graph::ir::{NodeId, Varies};
use model::{Observed, Role, Stands, Target};
use tables::{ColumnData, Output, ParquetBlocks};

use crate::drawer::{element_of, strides};
use crate::error::AnswerError;
use crate::moments::{Moments, rank};
use crate::nodes::{Place, Values};
use crate::predictive::{Item, What, outcomes};

/// The data beside the predictions of an observed variable.
pub struct Seen {
    /// NaN where there is none.
    pub observed: Vec<f64>,
    pub censored: Vec<bool>,
    /// False where something that the law needs is missing.
    pub possible: Vec<bool>,
}

pub fn seen(target: &Target, v: usize, o: &Observed) -> Result<Seen, AnswerError> {
    let dims = &target.variables[v].variable.dims;
    let n = target.count(dims);
    let over = |node: Option<NodeId>, none: f64| -> Result<Vec<f64>, AnswerError> {
        let Some(node) = node.filter(|&n| target.graph.varies(n) == Varies::Data) else {
            return Ok(vec![if node.is_none() { none } else { f64::NAN }; n]);
        };
        let nodes = Values::new(&target.graph, &[node], &target.bindings)?;
        let reader = nodes.lane(0);
        let element = element_of(target, dims, &target.graph.ty(node).dims);
        Ok((0..n).map(|e| reader.get(Place::Fixed(0), element(e))).collect())
    };
    let mut observed = over(Some(o.value), f64::NAN)?;
    let present = over(o.present, 1.0)?;
    let possible = over(o.possible, 1.0)?.into_iter().map(|x| x != 0.0).collect();
    let censored = over(o.censored, 0.0)?.into_iter().map(|x| x != 0.0).collect();
    observed.iter_mut().zip(&present).filter(|(_, p)| **p == 0.0).for_each(|(x, _)| *x = f64::NAN);
    Ok(Seen { observed, censored, possible })
}

/// Which values the likelihood is of: those that are seen, with all that their law needs, and that it
/// speaks of.
pub fn counted(target: &Target, v: usize, o: &Observed, seen: &Seen) -> Result<Vec<bool>, AnswerError> {
    let dims = &target.variables[v].variable.dims;
    let mut out: Vec<bool> =
        seen.observed.iter().zip(&seen.possible).map(|(x, p)| !x.is_nan() && *p).collect();
    if let Some(node) = o.within.filter(|&n| target.graph.varies(n) == Varies::Data) {
        let nodes = Values::new(&target.graph, &[node], &target.bindings)?;
        let (reader, place) = (nodes.lane(0), nodes.place(node));
        let element = element_of(target, dims, &target.graph.ty(node).dims);
        out.iter_mut().enumerate().for_each(|(e, counts)| *counts &= reader.get(place, element(e)) != 0.0);
    }
    Ok(out)
}

/// The tables of the results, each made with its first rows.
pub struct Files<'a> {
    folder: &'a Path,
    open: BTreeMap<String, ParquetBlocks>,
    /// By variable, predictions that need a value that is a null.
    pub unpredicted: BTreeMap<String, usize>,
    /// By variable, others that are NaN at some draw.
    pub undrawn: BTreeMap<String, usize>,
}

impl<'a> Files<'a> {
    pub fn new(folder: &'a Path) -> Files<'a> {
        Files { folder, open: BTreeMap::new(), unpredicted: BTreeMap::new(), undrawn: BTreeMap::new() }
    }

    pub fn write(&mut self, name: &str, columns: &[Output]) -> Result<(), AnswerError> {
        let new = || ParquetBlocks::new(self.folder.join(name));
        Ok(self.open.entry(name.to_string()).or_insert_with(new).write(columns)?)
    }

    pub fn finish(self) -> Result<Vec<String>, AnswerError> {
        let mut names = Vec::new();
        for (name, file) in self.open {
            file.finish()?;
            names.push(name);
        }
        Ok(names)
    }
}

/// Writes what `kept` has of the elements in `chunk`.
pub fn summarise(
    target: &Target,
    items: &[Item],
    chunk: &Range<usize>,
    kept: &mut [f64],
    draws: &[u32],
    files: &mut Files,
) -> Result<(), AnswerError> {
    let mut start = 0;
    for item in items {
        let all = start..start + item.n;
        start = all.end;
        let here = all.start.max(chunk.start)..all.end.min(chunk.end);
        if here.is_empty() {
            continue;
        }
        let own = here.start - all.start..here.end - all.start;
        let from = (here.start - chunk.start) * draws.len();
        let kept = &mut kept[from..from + own.len() * draws.len()];
        match item.what {
            What::Observed(v) => predictions(target, v, own, kept, draws.len(), files)?,
            What::Named(k) => {
                let named = &target.generate[k];
                let elements = Elements::of(target, &named.name, &named.dims, &named.labels);
                by_row(target, &named.name, &elements, own, kept, draws, files)?;
            }
            What::Discrete(k) => {
                let d = &target.discrete[k];
                let elements = Elements::of(target, &d.name, &d.dims, &[]);
                by_row(target, &d.name, &elements, own, kept, draws, files)?;
            }
        }
    }
    Ok(())
}

/// What the elements of an array over a table's rows are called.
struct Elements<'a> {
    name: &'a str,
    /// The table, where there is one.
    table: Option<&'a model::Rows>,
    labels: &'a [String],
    /// Stride and size of the rows' dimension.
    rows: (usize, usize),
    alone: bool,
}

impl<'a> Elements<'a> {
    fn of(
        target: &'a Target,
        name: &'a str,
        dims: &[graph::ir::DimId],
        labels: &'a [String],
    ) -> Elements<'a> {
        let table = target.tables.iter().find(|t| dims.contains(&t.dim));
        let rows = match table.and_then(|t| dims.iter().position(|&d| d == t.dim)) {
            Some(k) => (strides(target, dims)[k], target.size(dims[k])),
            None => (1, 1),
        };
        let alone = dims.len() == usize::from(table.is_some());
        Elements { name, table, labels, rows, alone }
    }

    /// From 1; 0 where there are no rows.
    fn row(&self, e: usize) -> i64 {
        if self.table.is_some() { (e / self.rows.0 % self.rows.1) as i64 + 1 } else { 0 }
    }

    /// Among those of one row, from 0.
    fn beside(&self, e: usize) -> usize {
        e / (self.rows.0 * self.rows.1) * self.rows.0 + e % self.rows.0
    }

    fn name(&self, e: usize) -> String {
        if self.alone {
            return self.name.to_string();
        }
        let k = self.beside(e);
        match self.labels.get(k) {
            Some(label) if !label.is_empty() => format!("{}[{label}]", self.name),
            _ => format!("{}[{}]", self.name, k + 1),
        }
    }
}

/// Where the elements of an observed variable stand.
pub struct Columns<'a> {
    elements: Elements<'a>,
    stands: &'a Stands,
}

impl<'a> Columns<'a> {
    /// `name` is the variable's; `dims` may lack some of its dimensions.
    pub fn of(
        target: &'a Target,
        name: &'a str,
        dims: &[graph::ir::DimId],
        stands: &'a Stands,
    ) -> Columns<'a> {
        // The table that holds the column stands beside it.
        let bare = name.rsplit('.').next().unwrap_or(name);
        Columns { elements: Elements::of(target, bare, dims, &[]), stands }
    }

    pub fn bare(&self) -> &str {
        self.elements.name
    }

    /// Empty where there is none.
    pub fn table(&self) -> &str {
        self.elements.table.map_or("", |t| &t.name)
    }

    /// From 1; 0 where there is no table.
    pub fn row(&self, e: usize) -> i64 {
        self.elements.row(e)
    }

    /// Among those of one row, from 0.
    pub fn beside(&self, e: usize) -> usize {
        self.elements.beside(e)
    }

    pub fn name(&self, e: usize) -> String {
        match (self.stands, self.elements.table) {
            (Stands::Columns { columns, .. }, Some(table)) if columns.len() > 1 && !self.elements.alone => {
                table.columns[columns[self.elements.beside(e)]].clone()
            }
            _ => self.elements.name(e),
        }
    }
}

fn real(moments: &[Moments], f: fn(&Moments) -> f64) -> ColumnData {
    ColumnData::Real(moments.iter().map(f).collect())
}

fn summary_columns(moments: &[Moments]) -> Vec<Output> {
    vec![
        Output::whole("mean", real(moments, |m| m.mean)),
        Output::whole("sd", real(moments, |m| m.sd)),
        Output::whole("q05", real(moments, |m| m.q05)),
        Output::whole("q50", real(moments, |m| m.q50)),
        Output::whole("q95", real(moments, |m| m.q95)),
    ]
}

/// The unit of what is called `name`, in each of `n` rows.
fn unit_column(target: &Target, name: &str, n: usize) -> Output {
    Output::texts("unit", vec![target.units.get(name).cloned(); n])
}

fn predictions(
    target: &Target,
    v: usize,
    own: Range<usize>,
    kept: &mut [f64],
    n_draws: usize,
    files: &mut Files,
) -> Result<(), AnswerError> {
    let of = &target.variables[v];
    let Role::Observed(o) = &of.role else { unreachable!("items are made of observed ones") };
    let n_outcomes = outcomes(o);
    let seen = seen(target, v, o)?;
    let columns = Columns::of(target, &of.variable.name, &of.variable.dims, &o.stands);
    let column = |at: usize| -> String {
        match &o.stands {
            Stands::Outcomes { labels, .. } => format!("{}={}", columns.bare(), labels[at % n_outcomes]),
            _ => columns.name(at / n_outcomes),
        }
    };
    let (mut moments, mut pit, mut observed) = (Vec::new(), Vec::new(), Vec::new());
    for (draws, at) in kept.chunks_mut(n_draws).zip(own.clone()) {
        let e = at / n_outcomes;
        if !seen.possible[e] {
            draws.fill(f64::NAN);
            *files.unpredicted.entry(of.variable.name.clone()).or_default() += 1;
        }
        let m = Moments::of(draws);
        if seen.possible[e] && m.mean.is_nan() {
            *files.undrawn.entry(of.variable.name.clone()).or_default() += 1;
        }
        let mut x = seen.observed[e];
        if n_outcomes > 1 && !x.is_nan() {
            x = f64::from(u8::from(x == (at % n_outcomes) as f64));
        }
        // Of a value that is a bound, or a label, the rank says nothing.
        let ranked = !seen.censored[e] && n_outcomes == 1 && !m.mean.is_nan();
        pit.push(if ranked { rank(draws, x) } else { f64::NAN });
        observed.push(x);
        moments.push(m);
    }
    let n = own.len();
    let row = own.clone().map(|at| columns.row(at / n_outcomes));
    let mut columns = vec![
        Output::whole("table", ColumnData::Text(vec![columns.table().to_string(); n])),
        Output::whole("row", ColumnData::Integer(row.collect())),
        Output::whole("column", ColumnData::Text(own.map(column).collect())),
        unit_column(target, &of.variable.name, n),
        Output::whole("observed", ColumnData::Real(observed)),
    ];
    columns.extend(summary_columns(&moments));
    columns.push(Output::whole("pit", ColumnData::Real(pit)));
    files.write("predictive.parquet", &columns)
}

fn by_row(
    target: &Target,
    name: &str,
    elements: &Elements,
    own: Range<usize>,
    kept: &mut [f64],
    draws: &[u32],
    files: &mut Files,
) -> Result<(), AnswerError> {
    let Some(table) = elements.table else { return Ok(()) };
    if target.drawn.contains(name) {
        let file = format!("draws_{}.parquet", table.name);
        // A block of the file has so many elements that it is neither tiny nor as large as all.
        let each = ((1 << 20) / draws.len().max(1)).max(1);
        for (k, values) in kept.chunks(each * draws.len()).enumerate() {
            let part = own.start + k * each..own.start + k * each + values.len() / draws.len();
            let spread = |f: &dyn Fn(usize) -> i64| -> Vec<i64> {
                part.clone().flat_map(|e| std::iter::repeat_n(f(e), draws.len())).collect()
            };
            let names = part.clone().flat_map(|e| std::iter::repeat_n(elements.name(e), draws.len()));
            let numbers = part.clone().flat_map(|_| draws.iter().map(|&d| i64::from(d) + 1));
            files.write(
                &file,
                &[
                    Output::whole("name", ColumnData::Text(names.collect())),
                    Output::whole("row", ColumnData::Integer(spread(&|e| elements.row(e)))),
                    Output::whole("draw", ColumnData::Integer(numbers.collect())),
                    Output::whole("value", ColumnData::Real(values.to_vec())),
                ],
            )?;
        }
    }
    let moments: Vec<Moments> = kept.chunks_mut(draws.len()).map(Moments::of).collect();
    let mut columns = vec![
        Output::whole("name", ColumnData::Text(own.clone().map(|e| elements.name(e)).collect())),
        unit_column(target, name, own.len()),
        Output::whole("row", ColumnData::Integer(own.map(|e| elements.row(e)).collect())),
    ];
    columns.extend(summary_columns(&moments));
    files.write(&format!("rows_{}.parquet", table.name), &columns)
}
