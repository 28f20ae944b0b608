//! Keys of `inference:` that the chosen method does not use, as `vi-engine/src/fit.rs` has it.

use crate::ast::{Centring, Choice, Inference, Method};
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::Span;

/// A warning for each. What `parse/exclusions.rs` refuses is not among them.
///
/// The form of hierarchies is found out by the beginnings of fits and is learned by a climb, whatever the method
/// is: where the model has any, these use more keys than the method does.
pub fn warnings(chosen: &Inference, has_hierarchies: bool) -> Vec<Diagnostic> {
    let Some(method) = &chosen.method else { return Vec::new() };
    let centring = chosen.centring.as_ref().map_or(Centring::Auto, |c| c.value);
    let learns = has_hierarchies && centring == Centring::Learned;
    let tries = learns || has_hierarchies && centring == Centring::Auto;
    let unused: &[&str] = match method.value {
        Method::Auto | Method::Vi => &[],
        // Its coordinates are those in which the family would begin.
        Method::Nuts if tries => &["covariance"],
        Method::Nuts => &["gradient", "noise", "optimizer", "covariance", "draws", "steps", "minibatch"],
        Method::Laplace | Method::Pathfinder if learns => &[],
        Method::Laplace => &["gradient", "noise", "draws", "steps"],
        Method::Pathfinder if tries => &["gradient", "noise", "draws", "steps"],
        Method::Pathfinder => &["family", "gradient", "noise", "draws", "steps"],
        Method::Map => &["family", "gradient", "noise", "draws", "steps", "centring"],
    };
    let told = |key: &&str| Some(errors::unused_key(place(chosen, key)?, key, method.value.word()));
    unused.iter().filter_map(told).collect()
}

/// Where a key has its value, if it is written.
fn place(chosen: &Inference, key: &str) -> Option<Span> {
    match key {
        "family" => chosen.family.as_ref().map(|x| x.span),
        "gradient" => chosen.gradient.as_ref().map(|x| x.span),
        "noise" => chosen.noise.as_ref().map(|x| x.span),
        "optimizer" => chosen.optimizer.as_ref().map(|x| x.span),
        "covariance" => chosen.covariance.as_ref().map(|x| x.span),
        "draws" => chosen.draws.as_ref().map(|x| x.span),
        "steps" => chosen.steps.as_ref().map(|x| x.span),
        "centring" => chosen.centring.as_ref().map(|x| x.span),
        "minibatch" => chosen.minibatch.as_ref().map(|(rows, _)| rows.span),
        _ => unreachable!("a key that some method does not use"),
    }
}
