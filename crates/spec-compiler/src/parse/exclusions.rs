//! Choices of `inference:` that exclude each other. What is not written is not checked here: the defaults
//! depend on the dimension, which the engine knows.

use super::read::Reader;
use crate::ast::{Choice, Covariance, DrawNoise, Family, Gradient, Inference, Method, Optimizer, Spanned};
use crate::errors::{self, choices_exclude};

pub(super) fn check(reader: &mut Reader, chosen: &Inference) {
    method(reader, chosen);
    optimizer(reader, chosen);
    covariance(reader, chosen);
    doubly_reparameterized(reader, chosen);
    minibatch(reader, chosen);
}

/// Batches are steps of one optimizer.
fn minibatch(reader: &mut Reader, chosen: &Inference) {
    let Some((rows, _)) = &chosen.minibatch else { return };
    if let Some(optimizer) = chosen.optimizer.as_ref().filter(|o| o.value != Optimizer::Adam) {
        let message = format!("`optimizer: {}` sees all rows at every step", optimizer.value.word());
        let help = "leave it out for `minibatch:`, whose optimizer is `adam`";
        reader.report(choices_exclude(rows.span, message, Some(optimizer.span), help));
    }
    let climbs = |m: Method| matches!(m, Method::Auto | Method::Vi | Method::Nuts);
    if let Some(method) = chosen.method.as_ref().filter(|m| !climbs(m.value)) {
        let message = format!("`method: {}` has no use for `minibatch:`", method.value.word());
        let help = "leave it out, or choose `method: auto` or `vi`";
        reader.report(choices_exclude(rows.span, message, Some(method.span), help));
    }
}

/// Keys that only some methods heed.
fn method(reader: &mut Reader, chosen: &Inference) {
    let Some(method) = &chosen.method else {
        if let Some(paths) = &chosen.paths {
            let message = "`paths:` is the number of descents of `method: pathfinder`".into();
            reader.report(choices_exclude(paths.span, message, None, "add `method: pathfinder`"));
        }
        return;
    };
    // What `nuts` has no use for is a warning (`crate::unused`), so that it is one word to change.
    let climbs = matches!(method.value, Method::Auto | Method::Vi | Method::Nuts);
    let word = method.value.word();
    if let Some(optimizer) = chosen.optimizer.as_ref().filter(|_| !climbs) {
        let message = format!("`method: {word}` has no use for `optimizer:`");
        let help = "leave it out, or choose `method: auto` or `vi`";
        reader.report(choices_exclude(optimizer.span, message, Some(method.span), help));
    }
    if let Some(covariance) = chosen.covariance.as_ref().filter(|_| !climbs) {
        let message = format!("`method: {word}` has no use for `covariance:`");
        let help = "leave it out, or choose `method: auto` or `vi`";
        reader.report(choices_exclude(covariance.span, message, Some(method.span), help));
    }
    if let Some(paths) = chosen.paths.as_ref().filter(|_| method.value != Method::Pathfinder) {
        let message =
            format!("`method: {word}` has no use for `paths:`, the number of descents of `pathfinder`");
        reader.report(choices_exclude(paths.span, message, Some(method.span), "leave it out"));
    }
}

/// What an optimizer can move, and by which gradient.
fn optimizer(reader: &mut Reader, chosen: &Inference) {
    let Some(optimizer) = &chosen.optimizer else { return };
    let word = optimizer.value.word();
    type OfFamilies = (&'static str, fn(&Family) -> bool);
    let of_families: Option<OfFamilies> = match optimizer.value {
        Optimizer::BatchAndMatch => Some(("`full_rank` or `low_rank(8)` alone", |family| {
            matches!(family, Family::FullRank | Family::LowRank(_))
        })),
        Optimizer::NaturalGradient => Some(("`full_rank` or `mean_field` alone", |family| {
            matches!(family, Family::FullRank | Family::MeanField)
        })),
        Optimizer::FixedDraws | Optimizer::NewtonCg => {
            Some(("any family but a mixture", |family| !matches!(family, Family::Mixture(_))))
        }
        Optimizer::Adam => None,
    };
    if let (Some((can, moves)), Some(family)) = (of_families, &chosen.family)
        && !moves(&family.value)
    {
        let message = format!("`optimizer: {word}` moves {can}");
        let help = "choose such a family, or `optimizer: adam`, which moves all";
        reader.report(choices_exclude(optimizer.span, message, Some(family.span), help));
    }
    if let Some(gradient) = chosen.gradient.as_ref().filter(|_| optimizer.value != Optimizer::Adam) {
        let message = format!("`optimizer: {word}` has a gradient of its own");
        let help = "leave `gradient:` out, or choose `optimizer: adam`";
        reader.report(choices_exclude(gradient.span, message, Some(optimizer.span), help));
    }
    if let Some(noise) = chosen.noise.as_ref().filter(|_| optimizer.value != Optimizer::Adam) {
        let message = format!("`optimizer: {word}` has draws of its own");
        let help = "leave `noise:` out, or choose `optimizer: adam`";
        reader.report(choices_exclude(noise.span, message, Some(optimizer.span), help));
    }
}

/// Linear response is that of a mean field at the optimum on fixed draws.
fn covariance(reader: &mut Reader, chosen: &Inference) {
    let Some(covariance) = chosen.covariance.as_ref().filter(|c| c.value == Covariance::LinearResponse)
    else {
        return;
    };
    let fixed = |o: &Optimizer| matches!(o, Optimizer::FixedDraws | Optimizer::NewtonCg);
    let optimizer = chosen.optimizer.as_ref().filter(|o| !fixed(&o.value));
    let family = chosen.family.as_ref().filter(|f| !matches!(f.value, Family::MeanField));
    if chosen.optimizer.is_some() && optimizer.is_none() && chosen.family.is_some() && family.is_none() {
        return;
    }
    let other = optimizer.map(|o| o.span).or(family.map(|f| f.span));
    let message = "`covariance: linear_response` is that of a mean field on fixed draws".into();
    let help = "with it write `family: mean_field` and `optimizer: fixed_draws` or `newton_cg`";
    reader.report(choices_exclude(covariance.span, message, other, help));
}

/// What the doubly reparameterised gradient excludes.
fn doubly_reparameterized(reader: &mut Reader, chosen: &Inference) {
    let Some(gradient) =
        chosen.gradient.as_ref().filter(|gradient| gradient.value == Gradient::DoublyReparameterized)
    else {
        return;
    };
    let first = (gradient.span, gradient.value.word());
    if let Some(Spanned { value: Family::Mixture(_), span }) = chosen.family {
        let why = "which component a draw is of does not change smoothly: take `sticking_the_landing`";
        reader.report(errors::exclude_each_other(first, (span, "mixture"), why));
    }
    if let Some(noise) = chosen.noise.as_ref().filter(|noise| noise.value != DrawNoise::Independent) {
        let why = "its bound is one of independent draws: leave out `noise:`";
        reader.report(errors::exclude_each_other(first, (noise.span, noise.value.word()), why));
    }
}
