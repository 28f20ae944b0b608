//! What the data added to the prior, quantity by quantity.

use answers::moments::{Moments, mean_and_sd};
use answers::{AnswerError, simulate};
use graph::program::Options as Machine;
use model::{Named, Target};
use numerics::lanes::Lanes;
use tables::{ColumnData, Output, write_table};
use vi_engine::{CompiledDensity, LogDensity, per_draw};

use std::path::Path;

/// The table.
pub const FILE: &str = "prior.parquet";
/// Draws from the prior, and numbers of coordinates beyond which there are fewer.
const DRAWS: usize = 4000;
const FEWEST_DRAWS: usize = 200;
const NUMBERS: usize = 1 << 22;
/// Parts of prior and posterior together that the overlap is counted in.
const PARTS: usize = 20;
/// Further from the prior's mean, in its sds, the two disagree.
const FAR: f64 = 3.0;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Prior {
    /// Why there is no table, where there is none.
    pub left_out: Option<String>,
    /// What lies far from its prior, and how far.
    pub far: Vec<(String, f64)>,
}

/// One quantity.
struct Row {
    name: String,
    unit: Option<String>,
    prior: Moments,
    /// Of the posterior mean from the prior's, in the prior's sds.
    z: f64,
    shrinkage: f64,
    overlap: f64,
}

/// Writes [`FILE`] into `folder`: the prior of everything that is reported once a draw, but of probabilities, beside
/// its posterior draws, `columns`.
///
/// # Errors
/// A graph that cannot be planned, or whatever the operating system says.
pub fn write(
    target: &Target,
    density: &mut CompiledDensity,
    columns: &[Vec<f64>],
    seed: u64,
    machine: &Machine,
    folder: &Path,
) -> Result<Prior, AnswerError> {
    let coordinates = target.coordinates().len();
    let draws = (NUMBERS / coordinates.max(1)).clamp(FEWEST_DRAWS, DRAWS);
    let z = match simulate::prior(target, draws, seed, machine) {
        Ok(z) => z,
        Err(e @ (AnswerError::Plan(_) | AnswerError::Table(_))) => return Err(e),
        // A model may well have such a prior.
        Err(e) => return Ok(Prior { left_out: Some(e.to_string()), far: Vec::new() }),
    };
    let names = density.reported_names().to_vec();
    let mut values = Lanes::zeros(names.len(), draws);
    density.report(&z, &mut values);
    let is_probability: Vec<bool> = per_draw(target).flat_map(Named::outcomes).map(|o| o.is_some()).collect();
    let rows: Vec<Row> = names
        .into_iter()
        .enumerate()
        .filter(|(k, _)| !is_probability[*k])
        .map(|(k, name)| {
            let unit = target.unit_of(&name).map(str::to_string);
            row(name, unit, (0..draws).map(|d| values.get(k, d)).collect(), &columns[k])
        })
        .collect();
    let real =
        |name: &str, f: fn(&Row) -> f64| Output::whole(name, ColumnData::Real(rows.iter().map(f).collect()));
    if !rows.is_empty() {
        let table = [
            Output::whole("name", ColumnData::Text(rows.iter().map(|r| r.name.clone()).collect())),
            Output::texts("unit", rows.iter().map(|r| r.unit.clone()).collect()),
            real("mean", |r| r.prior.mean),
            real("sd", |r| r.prior.sd),
            real("q05", |r| r.prior.q05),
            real("q50", |r| r.prior.q50),
            real("q95", |r| r.prior.q95),
            real("z", |r| r.z),
            real("shrinkage", |r| r.shrinkage),
            real("overlap", |r| r.overlap),
        ];
        write_table(folder.join(FILE), &table)?;
    }
    let far = rows.into_iter().filter(|r| r.z.abs() > FAR).map(|r| (r.name, r.z)).collect();
    Ok(Prior { left_out: None, far })
}

fn row(name: String, unit: Option<String>, mut prior: Vec<f64>, posterior: &[f64]) -> Row {
    let overlap = overlap(&prior, posterior);
    let (mean, sd) = mean_and_sd(posterior);
    let prior = Moments::of(&mut prior);
    let (z, shrinkage) = ((mean - prior.mean) / prior.sd, 1.0 - (sd / prior.sd).powi(2));
    Row { name, unit, prior, z, shrinkage, overlap }
}

/// The integral of the lesser of two densities, of which there are draws: counted in parts that hold equally many
/// draws of both together, so that it does not depend on the scale. Of two samples of one distribution it is
/// a little below 1, for counts vary: 0.96 of 4,000 draws each. NaN where a draw is.
fn overlap(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<f64> = a.iter().chain(b).copied().collect();
    if all.iter().any(|x| x.is_nan()) || a.is_empty() || b.is_empty() {
        return f64::NAN;
    }
    all.sort_unstable_by(f64::total_cmp);
    let cuts: Vec<f64> = (1..PARTS).map(|k| all[k * all.len() / PARTS]).collect();
    let share = |x: &[f64]| {
        let mut out = [0.0; PARTS];
        let each = 1.0 / x.len() as f64;
        x.iter().for_each(|x| out[cuts.partition_point(|cut| cut <= x)] += each);
        out
    };
    share(a).iter().zip(share(b)).map(|(a, b)| a.min(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::random::{Counter, Key};

    fn normal(name: &str, mean: f64, sd: f64) -> Vec<f64> {
        let key = Key::new(1, "test", name, "");
        (0..4000).map(|d| mean + sd * key.normal(Counter { draw: d, ..Counter::default() })).collect()
    }

    /// Two normals of one sd, d apart, overlap by 2 Phi(-d / 2).
    #[test]
    fn the_overlap_of_two_normals() {
        let a = normal("a", 0.0, 1.0);
        for d in [0.5, 1.0, 2.0, 4.0] {
            let found = overlap(&a, &normal("b", d, 1.0));
            let expected = 2.0 * numerics::special::ndtr(-d / 2.0);
            assert!((found - expected).abs() < 0.03, "{d}: {found} {expected}");
        }
        let same = overlap(&a, &normal("c", 0.0, 1.0));
        assert!(same > 0.93 && same < 1.0, "{same}");
        assert_eq!(overlap(&a, &normal("d", 50.0, 1.0)), 0.0);
        assert!((overlap(&a, &a) - 1.0).abs() < 1e-12 && overlap(&a, &[f64::NAN]).is_nan());
        // It does not depend on the scale.
        let exp = |x: &[f64]| x.iter().map(|x| x.exp()).collect::<Vec<f64>>();
        let b = normal("b", 1.0, 0.5);
        assert_eq!(overlap(&exp(&a), &exp(&b)), overlap(&a, &b));
    }

    #[test]
    fn shrinkage_and_distance_are_of_prior_sds() {
        let r = row("x".into(), None, normal("a", 1.0, 2.0), &normal("b", 4.0, 0.5));
        assert!((r.z - 1.5).abs() < 0.1 && (r.shrinkage - (1.0 - 1.0 / 16.0)).abs() < 0.01);
    }
}
