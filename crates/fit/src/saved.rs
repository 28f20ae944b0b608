//! A finished run, read back: the spec, what it learned, and its draws.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use answers::{DiscreteKnown, Known};
use model::{Back, Role, Target};
use numerics::lanes::Lanes;
use spec_compiler::{Earlier, Source, lower::Remembered};
use tables::{ReadOptions, Table};

use crate::outcome::Problem;
use crate::results;
use crate::texts::Texts;

/// A table of the run.
pub struct SavedTable {
    pub name: String,
    /// As written in the spec.
    pub file: String,
    pub digest: String,
    /// The kinds of its columns, under the spec's names.
    pub schema: BTreeMap<String, String>,
}

/// A run that has ended.
pub struct SavedRun {
    pub folder: PathBuf,
    /// The spec with all that it included, and its overrides.
    pub source: Source,
    /// The folder that the spec's paths are relative to.
    pub base: PathBuf,
    pub verdict: String,
    pub seed: u64,
    pub tables: Vec<SavedTable>,
    pub earlier: Earlier,
    /// `[coordinate, draw]`
    pub z: Lanes,
    columns: HashMap<String, usize>,
    discrete: HashMap<String, Vec<f64>>,
}

impl SavedRun {
    /// Reads the run in `folder`.
    pub fn read(folder: &Path) -> Result<SavedRun, Problem> {
        let file = folder.join(results::MARKER);
        let wrong = |why: String| Problem::input(format!("{}: {why}", file.display()));
        let json = results::read_json(folder)?;
        let damaged = |what: &str| wrong(format!("`{what}` is not as it was written; fit again"));
        let word = |what: &str| json[what].as_str().map(String::from).ok_or_else(|| damaged(what));
        let parsed = |what: &str| serde_json::from_value(json[what].clone()).map_err(|_| damaged(what));
        let tables = json["data"].as_array().ok_or_else(|| damaged("data"))?.iter().map(|t| {
            Some(SavedTable {
                name: t["table"].as_str()?.into(),
                file: t["file"].as_str()?.into(),
                digest: t["digest"].as_str()?.into(),
                schema: serde_json::from_value(t["schema"].clone()).ok()?,
            })
        });
        let tables = tables.collect::<Option<Vec<_>>>().ok_or_else(|| damaged("data"))?;
        let levels: BTreeMap<String, Vec<String>> =
            serde_json::from_value(json["levels"].clone()).map_err(|_| damaged("levels"))?;
        let remembered: Remembered = parsed("remembered")?;
        let draws = Table::read(folder.join(results::UNCONSTRAINED), &ReadOptions::default())
            .map_err(Problem::input)?;
        let mut z = Lanes::zeros(draws.columns.len(), draws.n_rows);
        for (k, column) in draws.columns.iter().enumerate() {
            let values = column.as_real().map_err(Problem::input)?;
            values.iter().enumerate().for_each(|(d, &x)| z.set(k, d, x));
        }
        z.pad();
        let mut discrete = HashMap::new();
        let draws_of_discrete = folder.join(results::DISCRETE);
        if draws_of_discrete.exists() {
            for column in
                Table::read(&draws_of_discrete, &ReadOptions::default()).map_err(Problem::input)?.columns
            {
                let values = column.as_real().map_err(Problem::input)?.into_owned();
                discrete.insert(column.name.clone(), values);
            }
        }
        let base = PathBuf::from(word("base")?);
        let texts: Texts =
            serde_json::from_value(json.clone()).map_err(|_| damaged("spec, includes, overrides"))?;
        Ok(SavedRun {
            folder: folder.to_path_buf(),
            source: texts.source(&base, &file).map_err(Problem::input)?,
            base,
            verdict: word("verdict")?,
            seed: json["seed"].as_u64().ok_or_else(|| damaged("seed"))?,
            tables,
            earlier: Earlier { levels, remembered, is_prediction: true },
            z,
            columns: draws.columns.iter().enumerate().map(|(k, c)| (c.name.clone(), k)).collect(),
            discrete,
        })
    }

    pub fn table(&self, name: &str) -> Option<&SavedTable> {
        self.tables.iter().find(|t| t.name == name)
    }

    /// What the run knows of `target`, the same model with new rows in the tables `replaced` (by
    /// position); and the names of latents with elements that it does not know.
    pub fn known(&self, target: &Target, replaced: &[usize]) -> (Known<'_>, Vec<String>) {
        let is_new_row = |dims: &[graph::ir::DimId]| {
            replaced.iter().any(|&t| !target.tables[t].is_key && dims.contains(&target.tables[t].dim))
        };
        let nulls: Vec<usize> = target
            .variables
            .iter()
            .filter_map(|of| match of.role {
                Role::Nulls { site, .. } if is_new_row(&of.variable.dims) => Some(site),
                _ => None,
            })
            .collect();
        let (mut columns, mut new) = (Vec::new(), Vec::new());
        for (k, site) in target.sites.iter().enumerate() {
            let rows = is_new_row(&site.dims) || nulls.contains(&k);
            let of = |name: &String| if rows { None } else { self.columns.get(name).copied() };
            let found: Vec<Option<usize>> = site.coordinates.iter().map(of).collect();
            if !rows {
                let unknown = found.iter().zip(&site.coordinates).filter(|(f, _)| f.is_none());
                new.extend(unknown.map(|(_, name)| name.clone()));
            }
            columns.extend(found);
        }
        let mut discrete = Vec::new();
        for d in &target.discrete {
            let n = target.count(&d.dims);
            let rows = d.dims.iter().any(|&x| target.graph.is_row(x));
            if rows {
                // The states of a recurrence are drawn given what is seen of them alone; what new values depend
                // on is drawn before these, and then again given what is seen.
                let is_new = is_new_row(&d.dims) && matches!(d.back, Back::LogWeights(_));
                discrete.push(DiscreteKnown {
                    is_new: vec![is_new; n],
                    kept: vec![None; n],
                    given_data: is_new,
                });
                continue;
            }
            let kept: Vec<Option<Vec<u32>>> = d
                .columns(n)
                .iter()
                .map(|name| {
                    let values = self.discrete.get(name)?;
                    Some(values.iter().map(|x| (x - d.first) as u32).collect())
                })
                .collect();
            let is_new = kept.iter().map(Option::is_none).collect();
            discrete.push(DiscreteKnown { is_new, kept, given_data: false });
        }
        (Known::of(&self.z, columns, discrete), new)
    }
}
