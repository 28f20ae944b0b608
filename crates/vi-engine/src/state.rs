//! Everything a fit remembers between two gradient steps, as plain numbers: what `--resume` needs
//! to go on to the same bits.

use std::sync::Arc;

use crate::bytes::{Reader, Writer};
use crate::coordinates::{Coordinates, Scale};
use crate::error::StateError;
use crate::families::Family;
use crate::observe::{Observer, Progress, Stage, TraceRow};
use crate::options::Options;
use crate::pattern::{Arrow, Pattern};
use crate::refine;
use crate::start::{Rival, StartReport};
use crate::target::{Tally, Target};

/// A fit between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The family's name; a state resumes only the family, seed and draws it was made with.
    pub family: String,
    pub seed: u64,
    pub draws: u64,
    pub coordinates: Coordinates,
    pub start: StartReport,
    /// The family's parameters, in whitened coordinates.
    pub lambda: Vec<f64>,
    /// Adam's running averages of the gradient and of its square.
    pub first_moment: Vec<f64>,
    pub second_moment: Vec<f64>,
    /// Sums of `lambda` over the third and the last quarter of the phase so far planned.
    pub third_quarter: Vec<f64>,
    pub last_quarter: Vec<f64>,
    /// The averaged `lambda` of the previous phase; empty in the first.
    pub previous: Vec<f64>,
    /// Steps done in all, and in this phase.
    pub step: u64,
    pub phase_step: u64,
    /// Phases ended: each halves the step size.
    pub phase: u64,
    /// Step of the phase at which its two quarters are compared.
    pub check_at: u64,
    /// Step at which the coordinates were last made white.
    pub whitened_at: u64,
    /// Steps in a row of which no draw could be evaluated.
    pub barren: u64,
    /// The climb is over; `lambda` is its result.
    pub finished: bool,
    /// It ended by the stop rule, not by a limit.
    pub converged: bool,
    pub tally: Tally,
    pub trace: Vec<TraceRow>,
}

const MAGIC: &[u8; 8] = b"vistate3";

impl State {
    /// Before the first step, at the family's standard member.
    pub(crate) fn begin(
        family: &dyn Family,
        options: &Options,
        coordinates: Coordinates,
        start: StartReport,
        tally: Tally,
    ) -> State {
        let zeros = || vec![0.0; family.n_params()];
        State {
            family: family.name(),
            seed: options.seed,
            draws: options.draws(family.dim()) as u64,
            coordinates,
            start,
            lambda: family.standard(),
            first_moment: zeros(),
            second_moment: zeros(),
            third_quarter: zeros(),
            last_quarter: zeros(),
            previous: Vec::new(),
            step: 0,
            phase_step: 0,
            phase: 0,
            check_at: refine::FIRST_CHECK,
            whitened_at: 0,
            barren: 0,
            finished: false,
            converged: false,
            tally,
            trace: Vec::new(),
        }
    }

    /// Tells of the latest step, and offers what there is now.
    pub(crate) fn tell(
        &mut self,
        target: &Target,
        row: TraceRow,
        fraction: f64,
        observer: &mut dyn Observer,
    ) {
        observer.progress(&Progress { stage: Stage::Refine, row: Some(row), fraction });
        observer.keep(false, &mut || {
            self.tally.clone_from(&target.tally);
            self.to_bytes()
        });
    }

    /// The state as bytes, little-endian, every bit kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(MAGIC.to_vec());
        out.text(&self.family);
        out.word(self.seed);
        out.word(self.draws);
        out.numbers(&self.coordinates.centre);
        match &self.coordinates.scale {
            Scale::Diagonal(d) => {
                out.word(0);
                out.numbers(d);
            }
            Scale::Lower(l) => {
                out.word(1);
                out.numbers(l);
            }
            Scale::Arrow(arrow, l) => {
                out.word(2);
                out.word(arrow.blocks().len() as u64);
                // a global is block 0, the others follow
                arrow.blocks().iter().for_each(|block| out.word(block.map_or(0, |b| b as u64 + 1)));
                out.numbers(l);
            }
        }
        let s = &self.start;
        out.numbers(&[s.log_prob, s.elbo, s.elbo_mcse, s.log_mass]);
        for word in [s.descents as u64, s.evaluations as u64, s.converged.into(), s.unsettled.into()] {
            out.word(word);
        }
        out.word(s.rivals.len() as u64);
        for rival in &s.rivals {
            out.numbers(&rival.point);
            out.numbers(&[rival.log_prob, rival.log_mass]);
        }
        for vector in [
            &self.lambda,
            &self.first_moment,
            &self.second_moment,
            &self.third_quarter,
            &self.last_quarter,
            &self.previous,
        ] {
            out.numbers(vector);
        }
        for word in [
            self.step,
            self.phase_step,
            self.phase,
            self.check_at,
            self.whitened_at,
            self.barren,
            self.finished.into(),
            self.converged.into(),
        ] {
            out.word(word);
        }
        out.tally(&self.tally);
        out.word(self.trace.len() as u64);
        for row in &self.trace {
            out.word(row.step);
            out.numbers(&[row.elbo, row.elbo_mcse, row.grad_var]);
        }
        out.0
    }

    /// Reads [`State::to_bytes`].
    ///
    /// # Errors
    /// Bytes that are cut short, prolonged, or not a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<State, StateError> {
        let mut input = Reader::new(bytes);
        if input.take(MAGIC.len())? != MAGIC {
            return Err(StateError::Corrupt { at: 0 });
        }
        let family = input.text()?;
        let (seed, draws) = (input.word()?, input.word()?);
        let centre = input.numbers()?;
        let scale = match input.word()? {
            0 => Scale::Diagonal(input.numbers()?),
            1 => Scale::Lower(input.numbers()?),
            2 => {
                let n = input.word()?;
                let block = |input: &mut Reader| Ok(input.word()?.checked_sub(1).map(|b| b as usize));
                let blocks = (0..n).map(|_| block(&mut input)).collect::<Result<Vec<_>, StateError>>()?;
                Scale::Arrow(Arc::new(Arrow::new(blocks)), input.numbers()?)
            }
            _ => return Err(input.corrupt()),
        };
        let (pattern, l) = scale.parts();
        let same_dim = !matches!(&pattern, Pattern::Arrow(arrow) if arrow.blocks().len() != centre.len());
        if !same_dim || l.len() != pattern.size(centre.len()) {
            return Err(input.corrupt());
        }
        let [log_prob, elbo, elbo_mcse, log_mass] = input.array()?;
        let mut start = StartReport {
            log_prob,
            elbo,
            elbo_mcse,
            log_mass,
            descents: input.word()? as usize,
            evaluations: input.word()? as usize,
            converged: input.word()? != 0,
            unsettled: input.word()? != 0,
            rivals: Vec::new(),
        };
        for _ in 0..input.word()? {
            let point = input.numbers()?;
            if point.len() != centre.len() {
                return Err(input.corrupt());
            }
            let [log_prob, log_mass] = input.array()?;
            start.rivals.push(Rival { point, log_prob, log_mass });
        }
        let mut state = State {
            family,
            seed,
            draws,
            coordinates: Coordinates { centre, scale },
            start,
            lambda: input.numbers()?,
            first_moment: input.numbers()?,
            second_moment: input.numbers()?,
            third_quarter: input.numbers()?,
            last_quarter: input.numbers()?,
            previous: input.numbers()?,
            step: input.word()?,
            phase_step: input.word()?,
            phase: input.word()?,
            check_at: input.word()?,
            whitened_at: input.word()?,
            barren: input.word()?,
            finished: input.word()? != 0,
            converged: input.word()? != 0,
            tally: input.tally()?,
            trace: Vec::new(),
        };
        for _ in 0..input.word()? {
            let step = input.word()?;
            let [elbo, elbo_mcse, grad_var] = input.array()?;
            state.trace.push(TraceRow { step, elbo, elbo_mcse, grad_var });
        }
        input.end()?;
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            family: "full_rank".into(),
            seed: 3,
            draws: 8,
            coordinates: Coordinates { centre: vec![1.0, -0.1], scale: Scale::Lower(vec![0.3, 1e-300, 2.0]) },
            start: StartReport {
                log_prob: -1.5,
                elbo: 0.1 + 0.2,
                elbo_mcse: f64::NAN,
                log_mass: 0.4,
                descents: 2,
                evaluations: 31,
                converged: true,
                unsettled: false,
                rivals: vec![Rival { point: vec![4.0, 5.0], log_prob: -2.0, log_mass: -3.0 }],
            },
            lambda: vec![0.1; 5],
            first_moment: vec![0.2; 5],
            second_moment: vec![0.3; 5],
            third_quarter: vec![-0.0; 5],
            last_quarter: vec![f64::MIN_POSITIVE; 5],
            previous: Vec::new(),
            step: 70,
            phase_step: 6,
            phase: 1,
            check_at: 128,
            whitened_at: 64,
            barren: 0,
            finished: false,
            converged: false,
            tally: Tally { lanes: 900, gradients: 700, failed: 2, reasons: vec![("stiff".into(), 2)] },
            trace: vec![TraceRow { step: 1, elbo: -3.0, elbo_mcse: 0.1, grad_var: 2.0 }],
        }
    }

    #[test]
    fn bytes_keep_every_bit() {
        let bytes = state().to_bytes();
        let back = State::from_bytes(&bytes).unwrap();
        // NaN is not equal to itself; its bits are
        assert_eq!(back.to_bytes(), bytes);
        assert_eq!(back.coordinates, state().coordinates);
        assert_eq!(back.tally, state().tally);
    }

    #[test]
    fn an_arrow_keeps_its_blocks() {
        let arrow = Arc::new(Arrow::new(vec![Some(4), None]));
        let coordinates =
            Coordinates { centre: vec![1.0, -0.1], scale: Scale::Arrow(arrow, vec![0.5, 0.2, 0.1]) };
        let state = State { coordinates, ..state() };
        let bytes = state.to_bytes();
        assert_eq!(State::from_bytes(&bytes).unwrap().coordinates, state.coordinates);
        for length in 0..bytes.len() {
            assert!(State::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn cut_prolonged_and_foreign_bytes_are_refused() {
        let bytes = state().to_bytes();
        for length in 0..bytes.len() {
            assert!(State::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(State::from_bytes(&longer).is_err());
        assert!(State::from_bytes(b"something else entirely").is_err());
        // a length of 2^60 must be refused, not allocated
        let mut hostile = bytes;
        hostile[8..16].copy_from_slice(&(1u64 << 60).to_le_bytes());
        assert!(State::from_bytes(&hostile).is_err());
    }
}
