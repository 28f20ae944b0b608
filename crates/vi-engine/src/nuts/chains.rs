//! Chains that are lanes: each asks for the density at one point, and all are evaluated together, which costs
//! little more than one of them. A chain's numbers are functions of its own place and random streams, so the
//! others never change its bits.

use numerics::lanes::{LANES, Lanes};
use numerics::random::{Counter, Key};

use super::adapt::Adaptation;
use super::trajectory::{End, Point, Trajectory, Transition};
use crate::answer::reported;
use crate::bytes::{Reader, Writer};
use crate::coordinates::Coordinates;
use crate::diagnostics::mixing::{Mixing, mixing};
use crate::error::StateError;
use crate::observe::Observer;
use crate::pieces;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// A chain under way, in whitened coordinates.
pub struct Chain {
    place: usize,
    trajectory: Trajectory,
    pub adaptation: Adaptation,
    /// Transitions begun before this one.
    transitions: u64,
    /// Transitions to be done in all.
    until: u64,
    /// After warm-up, with their log densities.
    pub draws: Vec<(Vec<f64>, f64)>,
    /// The end of the latest transition.
    pub latest: Point,
    /// Sum over the transitions, warm-up included, of their mean acceptances.
    pub acceptance: f64,
    /// After warm-up.
    pub divergences: u64,
    pub saturated: u64,
    /// Warm-up included; and those before the trajectory under way.
    pub evaluations: u64,
    settled: u64,
}

impl Chain {
    /// The chain at `place`, from `start`.
    pub fn begin(start: Point, place: usize, adaptation: Adaptation, until: u64, chances: &Chances) -> Chain {
        Chain {
            place,
            trajectory: chances.trajectory(start.clone(), &adaptation, place, 0),
            adaptation,
            transitions: 0,
            until,
            draws: Vec::new(),
            latest: start,
            acceptance: 0.0,
            divergences: 0,
            saturated: 0,
            evaluations: 0,
            settled: 0,
        }
    }

    /// Evaluations of a trajectory that has not ended.
    pub fn under_way(&self) -> u64 {
        self.evaluations - self.settled
    }

    /// Appends what the chain is at the end of its latest transition.
    pub fn write(&self, out: &mut Writer) {
        for word in [self.transitions, self.until, self.divergences, self.saturated, self.settled] {
            out.word(word);
        }
        out.numbers(&[self.acceptance, self.latest.value]);
        out.numbers(&self.latest.position);
        out.numbers(&self.latest.grad);
        self.adaptation.write(out);
        out.word(self.draws.len() as u64);
        for (draw, value) in &self.draws {
            out.numbers(draw);
            out.numbers(&[*value]);
        }
    }

    /// Reads what [`Chain::write`] wrote of this chain, later on its way.
    pub fn read(&self, input: &mut Reader, chances: &Chances) -> Result<Chain, StateError> {
        let [transitions, until, divergences, saturated, settled] = input.words()?;
        let [acceptance, value] = input.array()?;
        let latest = Point { position: input.numbers()?, value, grad: input.numbers()? };
        let adaptation = self.adaptation.read(input)?;
        let n_draws = input.word()?;
        let draw = |input: &mut Reader| Ok((input.numbers()?, input.array::<1>()?[0]));
        let draws = (0..n_draws).map(|_| draw(input)).collect::<Result<Vec<(Vec<f64>, f64)>, _>>()?;
        let is_point = |x: &Vec<f64>| x.len() == chances.dim;
        let are_points = draws.iter().all(|(draw, _)| is_point(draw))
            && is_point(&latest.position)
            && is_point(&latest.grad);
        if until != self.until || transitions > until || !are_points {
            return Err(input.corrupt());
        }
        Ok(Chain {
            place: self.place,
            trajectory: chances.trajectory(latest.clone(), &adaptation, self.place, transitions),
            adaptation,
            transitions,
            until,
            draws,
            latest,
            acceptance,
            divergences,
            saturated,
            evaluations: settled,
            settled,
        })
    }

    /// So many transitions more, by another step and other scales; what was drawn before is forgotten.
    pub fn go_on(&mut self, adaptation: Adaptation, transitions: u64, chances: &Chances) {
        self.adaptation = adaptation;
        self.until = self.transitions + transitions;
        self.draws.clear();
        (self.acceptance, self.divergences, self.saturated) = (0.0, 0, 0);
        let from = self.latest.clone();
        self.trajectory = chances.trajectory(from, &self.adaptation, self.place, self.transitions);
    }

    fn is_over(&self) -> bool {
        self.transitions >= self.until
    }

    /// Transitions to come.
    pub fn missing(&self) -> u64 {
        self.until - self.transitions
    }

    /// The density where the trajectory asked for it: NaN where it cannot be evaluated.
    fn tell(&mut self, value: f64, grad: &[f64], chances: &Chances) {
        self.evaluations += 1;
        let choices = chances.choices(self.place, self.evaluations);
        let Some(Transition { point, acceptance, end }) = self.trajectory.tell(value, grad, choices) else {
            return;
        };
        self.acceptance += acceptance;
        if self.adaptation.is_over() {
            self.draws.push((point.position.clone(), point.value));
            self.divergences += u64::from(end == End::Diverged);
            self.saturated += u64::from(end == End::Saturated);
        } else {
            self.adaptation.learn(&point.position, acceptance);
        }
        self.transitions += 1;
        self.settled = self.evaluations;
        self.latest = point;
        if !self.is_over() {
            let from = self.latest.clone();
            self.trajectory = chances.trajectory(from, &self.adaptation, self.place, self.transitions);
        }
    }
}

/// Runs all chains to their ends, telling `seen` how many transitions are missing; `false` where they were
/// interrupted.
pub fn run(
    target: &mut Target,
    coordinates: &Coordinates,
    chains: &mut [Chain],
    chances: &Chances,
    observer: &mut dyn Observer,
    mut seen: impl FnMut(u64, &mut dyn Observer),
) -> bool {
    pieces::recall_chains(target, chains, chances, observer);
    loop {
        // Those that are over have done as much as they were to do.
        let running: Vec<usize> = (0..chains.len()).filter(|&k| !chains[k].is_over()).collect();
        if running.is_empty() {
            observer.keep(true, &mut || pieces::written_chains(chains, &target.tally));
            return true;
        }
        let lanes = running.len();
        let (mut u, mut z) = (Lanes::zeros(target.dim(), lanes), Lanes::zeros(target.dim(), lanes));
        let (mut value, mut grad) = (vec![0.0; lanes], z.clone());
        // As long as none of them ends.
        while running.iter().all(|&k| !chains[k].is_over()) {
            observer.keep(false, &mut || pieces::written_chains(chains, &target.tally));
            if observer.cancelled() {
                return false;
            }
            for (lane, &k) in running.iter().enumerate() {
                u.set_lane(lane, chains[k].trajectory.ask());
            }
            u.pad();
            target.eval_whitened(coordinates, &u, &mut z, &mut value, Some(&mut grad));
            for (lane, &k) in running.iter().enumerate() {
                let value = if target.has_failed(lane) { f64::NAN } else { value[lane] };
                chains[k].tell(value, &grad.lane(lane), chances);
            }
            seen(running.iter().map(|&k| chains[k].missing()).sum(), observer);
        }
    }
}

/// What chains have drawn, and what they say of each other.
pub struct Sample {
    /// Unconstrained, chain by chain: `[dim]` x draws.
    pub z: Lanes,
    /// At those, of the model over the unconstrained vector.
    pub log_joint: Vec<f64>,
    /// Draws of each chain.
    pub lengths: Vec<usize>,
    /// What the user reads, a column each.
    pub columns: Vec<Vec<f64>>,
    /// Of each of those; `None` for a constant.
    pub mixing: Vec<Option<Mixing>>,
    pub divergences: u64,
    pub saturated: u64,
}

impl Sample {
    /// Of chains in these coordinates; for R-hat, `group` neighbours count as one chain.
    pub fn of(target: &mut Target, coordinates: &Coordinates, chains: &[Chain], group: usize) -> Sample {
        let lengths: Vec<usize> = chains.iter().map(|chain| chain.draws.len()).collect();
        let draws = || chains.iter().flat_map(|chain| &chain.draws);
        let mut u = Lanes::zeros(target.dim(), lengths.iter().sum());
        draws().enumerate().for_each(|(lane, (draw, _))| u.set_lane(lane, draw));
        let mut z = Lanes::zeros(target.dim(), u.lanes());
        coordinates.forward(&u, &mut z);
        z.pad();
        let log_det = coordinates.log_det();
        let columns = reported(target, &z);
        Sample {
            z,
            log_joint: draws().map(|(_, value)| value - log_det).collect(),
            mixing: columns.iter().map(|x| mixing(&split(x, &lengths), group)).collect(),
            columns,
            lengths,
            divergences: chains.iter().map(|chain| chain.divergences).sum(),
            saturated: chains.iter().map(|chain| chain.saturated).sum(),
        }
    }
}

/// The values of one quantity, chain by chain.
fn split<'a>(x: &'a [f64], lengths: &[usize]) -> Vec<&'a [f64]> {
    let mut rest = x;
    let cut = |length: &usize| {
        let (chain, after) = rest.split_at(*length);
        rest = after;
        chain
    };
    lengths.iter().map(cut).collect()
}

/// The random numbers of all chains: momenta by the names of coordinates, and choices between leaves, between
/// halves and between directions.
pub struct Chances {
    momenta: Noise,
    choices: [Key; 3],
    dim: usize,
}

impl Chances {
    pub fn new(target: &mut Target, seed: u64, purpose: Purpose) -> Chances {
        let names = target.density().names().to_vec();
        Chances {
            momenta: Noise::new(seed, purpose, names.iter().map(String::as_str)),
            choices: ["(leaf)", "(half)", "(direction)"].map(|name| purpose.key(seed, name)),
            dim: names.len(),
        }
    }

    /// Of the `n`th evaluation of a chain.
    fn choices(&self, chain: usize, n: u64) -> [f64; 3] {
        let at = Counter { step: n, draw: chain as u32, ..Counter::default() };
        self.choices.map(|key| key.uniform(at))
    }

    /// A new transition of a chain.
    fn trajectory(&self, from: Point, adaptation: &Adaptation, chain: usize, transition: u64) -> Trajectory {
        // Noise comes in tiles.
        let (tile, lane) = (chain / LANES * LANES, chain % LANES);
        let mut noise = Lanes::zeros(self.dim, lane + 1);
        self.momenta.fill(transition, tile, &mut noise);
        let at = Counter { step: transition, draw: chain as u32, attempt: 1, ..Counter::default() };
        let chance = self.choices[2].uniform(at);
        Trajectory::new(from, &noise.lane(lane), adaptation.variance(), adaptation.step(), chance)
    }
}
