//! What a fit says of values that are known.

use std::collections::HashMap;

use answers::moments::{mean_and_sd, quantile};
use graph::program::{Options as Machine, Program};
use model::Target;
use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};
use vi_engine::{CompileError, CompiledDensity, Fit, LogDensity, unconstrain};

use super::Quantity;

/// Draws that a truth is ranked among, evenly spaced: neighbours may be alike.
const RANKED: usize = 99;
/// The name of the log joint density among the quantities.
const LOG_JOINT: &str = "log_joint";

/// Everything that is reported once a draw, and the log joint density, of which `truth` tells the value.
/// `uniform` are random numbers for ties.
pub fn of(
    target: &Target,
    density: &mut CompiledDensity,
    fit: &Fit,
    truth: &[(String, f64)],
    uniform: Key,
    machine: &Machine,
) -> Result<Vec<Quantity>, CompileError> {
    let truth: HashMap<&str, f64> = truth.iter().map(|(name, x)| (name.as_str(), *x)).collect();
    let names = density.reported_names().to_vec();
    let draws = fit.draws.lanes();
    let mut values = Lanes::zeros(names.len(), draws);
    density.report(&fit.draws, &mut values);

    let columns: Vec<String> = target.sites.iter().flat_map(|s| s.columns()).collect();
    let known: Option<Vec<f64>> = columns.iter().map(|c| truth.get(c.as_str()).copied()).collect();
    let (mut at_truth, mut log_joint) = (Vec::new(), None);
    match known {
        Some(known) => {
            let mut point = Lanes::zeros(known.len(), 1);
            point.set_lane(0, &known);
            point.pad();
            let u = unconstrain(target, &point, machine)?;
            let mut out = Lanes::zeros(names.len(), 1);
            density.report(&u, &mut out);
            at_truth.extend((0..names.len()).map(|k| out.get(k, 0)));
            log_joint = Some(densities(target, &u, &fit.draws, machine)?);
        }
        // The model that is fitted has latents that the other lacks.
        None => at_truth.extend(names.iter().map(|n| truth.get(n.as_str()).copied().unwrap_or(f64::NAN))),
    }
    let mut out = Vec::new();
    for (k, name) in names.into_iter().enumerate() {
        if density.is_probability(k) || at_truth[k].is_nan() {
            continue;
        }
        let of: Vec<f64> = (0..draws).map(|d| values.get(k, d)).collect();
        out.extend(quantity(name, at_truth[k], of, uniform));
    }
    if let Some((at_truth, of)) = log_joint {
        out.extend(quantity(LOG_JOINT.into(), at_truth, of, uniform));
    }
    Ok(out)
}

/// The log joint density, on the user's scale, at a point and at draws.
fn densities(
    target: &Target,
    point: &Lanes,
    draws: &Lanes,
    machine: &Machine,
) -> Result<(f64, Vec<f64>), CompileError> {
    let program = Program::compile(&target.graph, &[target.log_joint], &target.bindings, machine)?;
    let eval = |z: &Lanes| -> Vec<f64> {
        let mut out = Lanes::zeros(1, z.lanes());
        program.eval(&mut program.workspace(), &[], z, &mut out, &mut Vec::new());
        (0..z.lanes()).map(|d| out.get(0, d)).collect()
    };
    Ok((eval(point)[0], eval(draws)))
}

/// `None` where the values are not finite, or all the same.
fn quantity(name: String, truth: f64, mut draws: Vec<f64>, uniform: Key) -> Option<Quantity> {
    let n = draws.len();
    if !truth.is_finite() || draws.iter().any(|x| !x.is_finite()) || draws.iter().all(|x| *x == truth) {
        return None;
    }
    let of = RANKED.min(n);
    let thinned: Vec<f64> = (0..of).map(|i| draws[i * n / of]).collect();
    let below = thinned.iter().filter(|x| **x < truth).count();
    let equal = thinned.iter().filter(|x| **x == truth).count();
    let part = Key::uniform(&uniform, Counter { row: hash(&name), ..Counter::default() });
    let rank = below + (part * (equal + 1) as f64) as usize;
    let (mean, sd) = mean_and_sd(&draws);
    draws.sort_unstable_by(f64::total_cmp);
    let q = |p| quantile(&draws, p);
    Some(Quantity {
        name,
        truth,
        rank: rank as u32,
        of: of as u32,
        mean,
        sd,
        q05: q(0.05),
        q25: q(0.25),
        q75: q(0.75),
        q95: q(0.95),
    })
}

/// A number of its own for each name.
fn hash(name: &str) -> u64 {
    Key::new(0, "name", name, "").bits(Counter::default())
}
