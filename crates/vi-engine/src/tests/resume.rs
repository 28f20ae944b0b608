//! The same bits: twice, and through any interruption.

use super::*;
use crate::error::{FitError, StateError};
use crate::observe::{Observer, Progress, Stage};
use crate::testing::{Gaussian, Plated};
use crate::{DrawNoise, FamilyChoice, Gradient, Method, Optimizer, State, Verdict, resume};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

type LogProb = fn(&[f64], &mut [f64]) -> f64;

/// A posterior that takes a while: correlated and skewed. The first and the last are independent given the
/// one between.
fn density() -> Plated<Function<LogProb>> {
    let density = Function::<LogProb>::new(3, |z, g| {
        let mut value = 0.0;
        for i in 0..3 {
            let before = if i == 0 { 0.0 } else { z[i - 1] };
            let r = z[i] - 0.8 * before;
            value += 2.0 * r - r.exp();
            let slope = 2.0 - r.exp();
            g[i] += slope;
            if i > 0 {
                g[i - 1] -= 0.8 * slope;
            }
        }
        value
    });
    Plated { density, plates: vec![vec![Some(0), None, Some(1)]] }
}

/// Stops a fit after so many steps.
struct StopAfter {
    steps: u64,
    seen: u64,
}

impl Observer for StopAfter {
    fn progress(&mut self, progress: &Progress) {
        assert!((0.0..=1.0).contains(&progress.fraction));
        if progress.stage == Stage::Refine {
            self.seen += 1;
        }
    }

    fn cancelled(&self) -> bool {
        self.seen >= self.steps
    }
}

fn bits(fit: &Fit) -> Vec<u64> {
    let lanes = (0..fit.draws.lanes()).flat_map(|l| fit.draws.lane(l));
    let numbers = fit.log_joint.iter().chain(&fit.log_q).copied();
    let single = [fit.elbo, fit.k_hat, fit.ess];
    let parameters = fit.parameters.iter().flat_map(|p| [p.mean, p.shift, p.mcse, p.k_hat]);
    lanes.chain(numbers).chain(single).chain(parameters).map(f64::to_bits).collect()
}

#[test]
fn two_fits_have_the_same_bits_and_two_seeds_have_not() {
    let (a, b) = (fit_with_seed(&mut density(), 3), fit_with_seed(&mut density(), 3));
    assert_eq!(bits(&a), bits(&b));
    assert_eq!(a.state.to_bytes(), b.state.to_bytes());
    assert_ne!(bits(&a), bits(&fit_with_seed(&mut density(), 4)));
}

#[test]
fn an_interrupted_fit_resumes_to_the_same_bits() {
    let independent = (Gradient::StickingTheLanding, DrawNoise::Independent);
    for (family, (gradient, noise)) in [
        (FamilyChoice::FullRank, independent),
        (FamilyChoice::LowRank(1), independent),
        (FamilyChoice::Structured, (Gradient::StickingTheLanding, DrawNoise::Sobol)),
        (FamilyChoice::Mixture(2), independent),
        (FamilyChoice::Flow(2), independent),
        (FamilyChoice::FullRank, (Gradient::DoublyReparameterized, DrawNoise::Independent)),
        (FamilyChoice::Mixture(2), (Gradient::ScoreFunction, DrawNoise::Antithetic)),
    ] {
        let options = Options { family: Some(family), gradient, noise, ..Options::default() };
        let whole = fit(&mut density(), &options, &mut Silent).unwrap();
        assert!(whole.state.step > 150, "{family:?}: too short a climb to interrupt, {}", whole.state.step);
        // inside the first phase, at its end, later, and twice
        for stops in [vec![1], vec![64], vec![150], vec![30, 100]] {
            let mut observer = StopAfter { steps: stops[0], seen: 0 };
            let mut part = fit(&mut density(), &options, &mut observer).unwrap();
            for &steps in &stops[1..] {
                let mut observer = StopAfter { steps, seen: 0 };
                part = resume(&mut density(), &options, part.state, &mut observer).unwrap();
            }
            assert!(part.interrupted);
            assert_eq!(part.state.step, stops.iter().sum::<u64>());
            assert_eq!(part.verdict, Verdict::Unreliable);
            assert!(part.reasons[0].starts_with("interrupted"));
            assert_eq!(part.draws.lanes(), options.posterior_draws);
            let state = State::from_bytes(&part.state.to_bytes()).unwrap();
            let end = resume(&mut density(), &options, state, &mut Silent).unwrap();
            assert!(bits(&end) == bits(&whole), "{family:?} stopped at {stops:?}");
            assert_eq!(end.state.to_bytes(), whole.state.to_bytes());
            assert_eq!((end.verdict, end.reasons), (whole.verdict, whole.reasons.clone()));
        }
    }
}

/// Stops a fit after so many blocks of the check, or evaluations of the polish that follows it.
struct StopInCheck {
    blocks: u64,
    seen: u64,
}

impl Observer for StopInCheck {
    fn progress(&mut self, progress: &Progress) {
        self.seen += u64::from(matches!(progress.stage, Stage::Check | Stage::Polish));
    }

    fn cancelled(&self) -> bool {
        self.seen >= self.blocks
    }
}

#[test]
fn an_interrupt_in_the_check_stops_it_and_resumes_to_the_same_bits() {
    let options = Options::default();
    let whole = fit(&mut density(), &options, &mut Silent).unwrap();
    // in the draws from q, and in the first and the last of the polish
    for blocks in [3, 126, 300] {
        let part = fit(&mut density(), &options, &mut StopInCheck { blocks, seen: 0 }).unwrap();
        assert!(part.interrupted, "after {blocks} blocks");
        assert_eq!(part.verdict, Verdict::Unreliable);
        assert_eq!(part.draws.lanes(), options.posterior_draws);
        let end = resume(&mut density(), &options, part.state, &mut Silent).unwrap();
        assert!(bits(&end) == bits(&whole));
    }
}

#[test]
fn every_optimizer_resumes_to_the_same_bits() {
    let all = [
        (Optimizer::BatchAndMatch, FamilyChoice::FullRank),
        (Optimizer::NaturalGradient, FamilyChoice::FullRank),
        (Optimizer::NaturalGradient, FamilyChoice::MeanField),
        (Optimizer::FixedDraws, FamilyChoice::FullRank),
        (Optimizer::NewtonCg, FamilyChoice::MeanField),
    ];
    for (optimizer, family) in all {
        let options = Options { optimizer: Some(optimizer), family: Some(family), ..Options::default() };
        let whole = fit(&mut density(), &options, &mut Silent).unwrap();
        assert!(whole.state.step > 1, "{optimizer:?}: too short a climb to interrupt");
        for steps in [1, whole.state.step - 1] {
            let part = fit(&mut density(), &options, &mut StopAfter { steps, seen: 0 }).unwrap();
            assert!(part.interrupted);
            let state = State::from_bytes(&part.state.to_bytes()).unwrap();
            let end = resume(&mut density(), &options, state, &mut Silent).unwrap();
            assert!(bits(&end) == bits(&whole), "{optimizer:?} stopped after {steps}");
            assert_eq!(end.state.to_bytes(), whole.state.to_bytes());
        }
    }
}

#[test]
fn a_state_resumes_only_what_it_was_saved_from() {
    let part = fit(&mut density(), &Options::default(), &mut StopAfter { steps: 9, seen: 0 }).unwrap();
    let refused = |density: &mut dyn LogDensity, options: Options| {
        resume(density, &options, part.state.clone(), &mut Silent).unwrap_err()
    };
    let error = refused(&mut density(), Options { seed: 2, ..Options::default() });
    assert_eq!(error.to_string(), "the saved state cannot be resumed: seed was 1, is 2");
    let family = Some(FamilyChoice::MeanField);
    let error = refused(&mut density(), Options { family, ..Options::default() });
    assert!(matches!(error, FitError::State(StateError::Mismatch { field: "family", .. })));
    let mut other = Gaussian::from_factor(&[0.0], &[1.0]);
    let error = refused(&mut other, Options::default());
    assert!(matches!(error, FitError::State(StateError::Mismatch { field: "dimension", .. })));
}

#[test]
fn a_flag_raised_before_the_start_leaves_nothing_to_keep() {
    let flag = AtomicBool::new(false);
    assert!(fit(&mut density(), &Options::default(), &mut &flag).is_ok());
    flag.store(true, Ordering::Relaxed);
    let error = fit(&mut density(), &Options::default(), &mut &flag).unwrap_err();
    assert_eq!(error, FitError::InterruptedAtStart);
}

/// Keeps the pieces of a fit, which is killed when it has offered something so often.
#[derive(Default)]
struct Keeper {
    pieces: HashMap<usize, Vec<u8>>,
    /// Pieces begun in this run.
    begun: usize,
    offers: u64,
    killed_at: u64,
}

impl Observer for Keeper {
    fn cancelled(&self) -> bool {
        self.offers >= self.killed_at
    }

    fn recall(&mut self) -> Option<Vec<u8>> {
        self.begun += 1;
        self.pieces.get(&self.begun).filter(|_| !self.cancelled()).cloned()
    }

    fn keep(&mut self, _at_end: bool, bytes: &mut dyn FnMut() -> Vec<u8>) {
        self.offers += 1;
        if !self.cancelled() {
            self.pieces.insert(self.begun, bytes());
        }
    }
}

#[test]
fn a_fit_killed_at_any_moment_goes_on_from_what_was_kept() {
    let auto = Options::default();
    let nuts = Options { method: Method::Nuts, posterior_draws: 400, ..Options::default() };
    let map = Options { method: Method::Map, ..Options::default() };
    for options in [auto, nuts, map] {
        let mut keeper = Keeper { killed_at: u64::MAX, ..Keeper::default() };
        let mut counted = density();
        let whole = fit(&mut counted, &options, &mut keeper).unwrap();
        let (offers, all) = (keeper.offers, counted.density.evaluations);
        for part in [0.02, 0.3, 0.6, 0.9, 0.999] {
            // killed there, and once more soon after it has gone on
            let first = (part * offers as f64) as u64;
            let mut keeper = Keeper { killed_at: first, ..Keeper::default() };
            let _ = fit(&mut density(), &options, &mut keeper);
            keeper = Keeper { pieces: keeper.pieces, killed_at: first / 2 + 20, ..Keeper::default() };
            let _ = fit(&mut density(), &options, &mut keeper);
            keeper = Keeper { pieces: keeper.pieces, killed_at: u64::MAX, ..Keeper::default() };
            let mut counted = density();
            let end = fit(&mut counted, &options, &mut keeper).unwrap();
            assert!(bits(&end) == bits(&whole), "{:?} killed after {part}", options.method);
            assert_eq!((end.tally, end.chains), (whole.tally.clone(), whole.chains.clone()));
            if options.method == Method::Nuts {
                let left = counted.density.evaluations as f64 / all as f64;
                assert!(left < 1.05 - part + 0.02, "{left} done again of what was killed after {part}");
            }
        }
        // What is damaged is not used.
        let pieces = keeper.pieces.into_iter().map(|(k, bytes)| match k % 2 {
            0 => (k, bytes[..bytes.len() / 2].to_vec()),
            _ => (k, [bytes, vec![0]].concat()),
        });
        let mut keeper = Keeper { pieces: pieces.collect(), killed_at: u64::MAX, ..Keeper::default() };
        assert!(bits(&fit(&mut density(), &options, &mut keeper).unwrap()) == bits(&whole));
    }
}
