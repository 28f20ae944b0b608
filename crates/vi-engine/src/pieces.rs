//! Pieces of a fit that an [`Observer`] may keep, so that a fit that is killed need not do them again.
//!
//! A fit is a function of the density and the options, so whatever is not kept is done again to the same bits.
//! Kept are its long parts, each when it is over and those that may take minutes also on their way: descents,
//! climbs, chains. What was kept of another piece than the one asked for is not used.

use crate::bytes::{Reader, Writer};
use crate::error::StateError;
use crate::families::Family;
use crate::fit::matches;
use crate::lbfgs::{Ending, Minimum};
use crate::nuts::chains::{Chain, Chances};
use crate::observe::Observer;
use crate::options::Options;
use crate::refine::Climb;
use crate::state::State;
use crate::target::{Tally, Target};

const DESCENT: u64 = 1;
const CHAINS: u64 = 2;

/// A climb that goes on from where an earlier run had come to.
pub(crate) fn climb(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: &mut State,
    observer: &mut dyn Observer,
    climb: impl FnOnce(&mut Target, &mut State, &mut dyn Observer) -> Climb,
) -> Climb {
    let kept = observer.recall().and_then(|bytes| State::from_bytes(&bytes).ok());
    if let Some(kept) = kept.filter(|kept| matches(kept, family, options).is_ok()) {
        target.tally.clone_from(&kept.tally);
        *state = kept;
    }
    let ending = climb(target, state, observer);
    state.tally.clone_from(&target.tally);
    observer.keep(ending == Climb::Finished, &mut || state.to_bytes());
    ending
}

/// A descent, unless it has been made.
pub(crate) fn descent(
    target: &mut Target,
    start: &[f64],
    observer: &mut dyn Observer,
    descend: impl FnOnce(&mut Target, &mut dyn Observer) -> Option<Minimum>,
) -> Option<Minimum> {
    let kept = observer.recall().and_then(|bytes| read_descent(&bytes, start).ok());
    if let Some((minimum, tally)) = kept {
        target.tally = tally;
        return Some(minimum);
    }
    let minimum = descend(target, observer)?;
    if minimum.ending != Ending::Interrupted {
        observer.keep(true, &mut || written_descent(&minimum, &target.tally));
    }
    Some(minimum)
}

fn written_descent(minimum: &Minimum, tally: &Tally) -> Vec<u8> {
    let ending = match minimum.ending {
        Ending::Converged => 0,
        Ending::Stalled => 1,
        Ending::Exhausted => 2,
        Ending::Interrupted => 3,
    };
    let mut out = Writer(Vec::new());
    for word in [DESCENT, ending, minimum.evaluations as u64, minimum.trail.len() as u64] {
        out.word(word);
    }
    out.numbers(&minimum.x);
    out.numbers(&[minimum.value]);
    for (x, value) in &minimum.trail {
        out.numbers(x);
        out.numbers(&[*value]);
    }
    out.tally(tally);
    out.0
}

fn read_descent(bytes: &[u8], start: &[f64]) -> Result<(Minimum, Tally), StateError> {
    let mut input = Reader::new(bytes);
    let [kind, ending, evaluations, trail] = input.words()?;
    let ending = match (kind, ending) {
        (DESCENT, 0) => Ending::Converged,
        (DESCENT, 1) => Ending::Stalled,
        (DESCENT, 2) => Ending::Exhausted,
        _ => return Err(input.corrupt()),
    };
    let point = |input: &mut Reader| -> Result<(Vec<f64>, f64), StateError> {
        let x = input.numbers()?;
        let [value] = input.array()?;
        if x.len() == start.len() { Ok((x, value)) } else { Err(input.corrupt()) }
    };
    let (x, value) = point(&mut input)?;
    let trail = (0..trail).map(|_| point(&mut input)).collect::<Result<_, _>>()?;
    let tally = input.tally()?;
    input.end()?;
    Ok((Minimum { x, value, evaluations: evaluations as usize, ending, trail }, tally))
}

/// Chains as they were at the ends of their latest transitions.
pub(crate) fn written_chains(chains: &[Chain], tally: &Tally) -> Vec<u8> {
    let mut out = Writer(Vec::new());
    out.word(CHAINS);
    out.word(chains.len() as u64);
    let mut tally = tally.clone();
    for chain in chains {
        chain.write(&mut out);
        // No evaluation of a trajectory under way has failed: it would have ended there.
        tally.lanes -= chain.under_way();
        tally.gradients -= chain.under_way();
    }
    out.tally(&tally);
    out.0
}

/// Lets chains, which are about to begin, go on from where an earlier run had come to.
pub(crate) fn recall_chains(
    target: &mut Target,
    chains: &mut [Chain],
    chances: &Chances,
    observer: &mut dyn Observer,
) {
    let Some(bytes) = observer.recall() else { return };
    if let Ok((kept, tally)) = read_chains(&bytes, chains, chances) {
        target.tally = tally;
        kept.into_iter().zip(chains).for_each(|(kept, chain)| *chain = kept);
    }
}

fn read_chains(bytes: &[u8], chains: &[Chain], chances: &Chances) -> Result<(Vec<Chain>, Tally), StateError> {
    let mut input = Reader::new(bytes);
    if input.words()? != [CHAINS, chains.len() as u64] {
        return Err(input.corrupt());
    }
    let kept = chains.iter().map(|chain| chain.read(&mut input, chances)).collect::<Result<_, _>>()?;
    let tally = input.tally()?;
    input.end()?;
    Ok((kept, tally))
}
