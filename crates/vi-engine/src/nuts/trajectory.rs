//! One transition of the No-U-Turn sampler, a leapfrog step at a time: whoever drives it evaluates the density
//! at [`Trajectory::ask`] and tells [`Trajectory::tell`], so that several chains can be evaluated together.
//!
//! The trajectory doubles, forwards or backwards by chance, until it turns back on itself; a draw is one of its
//! points in proportion to their densities (Hoffman and Gelman 2014; Betancourt, A conceptual introduction to
//! Hamiltonian Monte Carlo, 2017, appendix A: multinomial sampling, biased towards the newer half, and the
//! criterion by the sum of momenta). A doubling that turns within, or diverges, is dropped whole. Subtrees are
//! checked without recursion, from the momenta at their first leaves (Phan, Pradhan and Jankowiak, Composable
//! effects for flexible and accelerated probabilistic programming in NumPyro, 2019, algorithm 2).
//!
//! A trajectory whose halves each are half a period long ends where it began, and its ends do not tell. So, as
//! in Stan since 2.21, each half is checked with the nearest leaf of the other half besides, in every subtree.

/// Doublings at most: trajectories of `2^MAX_DEPTH - 1` steps.
pub const MAX_DEPTH: usize = 10;
/// A step that loses more energy than this has diverged.
const MAX_ERROR: f64 = 1000.0;

/// A point of zero or more density, with the gradient of its logarithm.
#[derive(Clone, Debug)]
pub struct Point {
    pub position: Vec<f64>,
    pub value: f64,
    pub grad: Vec<f64>,
}

/// A point in motion.
#[derive(Clone, Debug)]
struct Edge {
    position: Vec<f64>,
    momentum: Vec<f64>,
    grad: Vec<f64>,
}

/// The half that is being added.
#[derive(Clone, Debug)]
struct Half {
    forwards: bool,
    edge: Edge,
    leaves: usize,
    momenta: Vec<f64>,
    /// Momentum at the last leaf, at first that of the trajectory's end where the half begins.
    last: Vec<f64>,
    log_weight: f64,
    proposal: Option<Point>,
    /// Of the subtrees that are open, the largest first; that of the whole half at least.
    firsts: Vec<First>,
}

/// The first leaf of a subtree.
#[derive(Clone, Debug)]
struct First {
    /// Momentum at the leaf before it.
    before: Vec<f64>,
    momentum: Vec<f64>,
    /// Sum of the momenta of the half up to it.
    sum: Vec<f64>,
}

/// A trajectory under way.
#[derive(Clone, Debug)]
pub struct Trajectory {
    step: f64,
    variance: Vec<f64>,
    energy: f64,
    left: Edge,
    right: Edge,
    momenta: Vec<f64>,
    log_weight: f64,
    proposal: Point,
    depth: usize,
    half: Half,
    acceptance: f64,
    leaves: u64,
}

/// How a transition ended.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The draw.
    pub point: Point,
    /// Mean of the acceptances of all steps: what the step size is tuned by.
    pub acceptance: f64,
    pub end: End,
}

/// Why a trajectory does not grow further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It, or a part of it, turned back on itself.
    Turned,
    /// Energy was not conserved, or the density cannot be evaluated.
    Diverged,
    /// It has stepped over the edge of the support, where it cannot go on.
    LeftSupport,
    /// It is as long as it may be, and had not turned.
    Saturated,
}

impl Trajectory {
    /// From `start` with standard normal `noise`; `variance` is the inverse of a diagonal mass matrix.
    /// `chance` is a number in (0, 1), as those of [`tell`](Trajectory::tell).
    pub fn new(start: Point, noise: &[f64], variance: &[f64], step: f64, chance: f64) -> Self {
        let momentum: Vec<f64> = noise.iter().zip(variance).map(|(e, v)| e / v.sqrt()).collect();
        let edge = Edge { position: start.position.clone(), momentum, grad: start.grad.clone() };
        let mut trajectory = Trajectory {
            step,
            variance: variance.to_vec(),
            energy: kinetic(&edge.momentum, variance) - start.value,
            momenta: edge.momentum.clone(),
            half: Half::new(chance < 0.5, &edge),
            left: edge.clone(),
            right: edge,
            log_weight: 0.0,
            proposal: start,
            depth: 0,
            acceptance: 0.0,
            leaves: 0,
        };
        trajectory.advance();
        trajectory
    }

    /// Where the density is wanted.
    pub fn ask(&self) -> &[f64] {
        &self.half.edge.position
    }

    /// The density there (`-inf` for none, NaN where it cannot be evaluated) with its gradient, and three numbers in
    /// (0, 1) by which to choose. The end of the transition, or `None` where there is another point to ask for.
    pub fn tell(&mut self, value: f64, grad: &[f64], chances: [f64; 3]) -> Option<Transition> {
        self.half.edge.grad.copy_from_slice(grad);
        self.kick();
        self.leaves += 1;
        let error = kinetic(&self.half.edge.momentum, &self.variance) - value - self.energy;
        let end = self.grow(error, value, chances);
        if end.is_none() {
            self.advance();
        }
        let acceptance = self.acceptance / self.leaves as f64;
        end.map(|end| Transition { point: self.proposal.clone(), acceptance, end })
    }

    /// Adds the leaf at the edge of the half, which loses `error` of energy, and the half if it is whole; the next
    /// half begins where the trajectory may grow further.
    fn grow(&mut self, error: f64, value: f64, chances: [f64; 3]) -> Option<End> {
        if value == f64::NEG_INFINITY {
            return Some(End::LeftSupport);
        }
        if error.is_nan() || error >= MAX_ERROR {
            return Some(End::Diverged);
        }
        self.acceptance += (-error).exp().min(1.0);
        if self.half.grow(value, -error, &self.variance, chances[0]) {
            return Some(End::Turned);
        }
        if self.half.leaves < 1 << self.depth {
            return None;
        }
        if self.join(chances[1]) {
            return Some(End::Turned);
        }
        if self.depth == MAX_DEPTH {
            return Some(End::Saturated);
        }
        let forwards = chances[2] < 0.5;
        self.half = Half::new(forwards, if forwards { &self.right } else { &self.left });
        None
    }

    fn signed_step(&self) -> f64 {
        if self.half.forwards { self.step } else { -self.step }
    }

    /// Half a step of the momentum.
    fn kick(&mut self) {
        let half_step = 0.5 * self.signed_step();
        let edge = &mut self.half.edge;
        edge.momentum.iter_mut().zip(&edge.grad).for_each(|(p, g)| *p += half_step * g);
    }

    /// On to the next point.
    fn advance(&mut self) {
        self.kick();
        let step = self.signed_step();
        let edge = &mut self.half.edge;
        let velocity = edge.momentum.iter().zip(&self.variance);
        edge.position.iter_mut().zip(velocity).for_each(|(x, (p, v))| *x += step * p * v);
    }

    /// Adds the finished half; whether the trajectory turns with it.
    fn join(&mut self, chance: f64) -> bool {
        let half = &mut self.half;
        if chance.ln() < half.log_weight - self.log_weight
            && let Some(proposal) = half.proposal.take()
        {
            self.proposal = proposal;
        }
        self.log_weight = log_add(self.log_weight, half.log_weight);
        let (end, far) =
            if half.forwards { (&mut self.right, &self.left) } else { (&mut self.left, &self.right) };
        // The half grew away from `before`, so the older half ends there.
        let First { before, momentum: first, .. } = &half.firsts[0];
        let turned = Halves {
            sums: [&self.momenta, &half.momenta],
            ends: [&far.momentum, before, first, &half.edge.momentum],
        }
        .turn(&self.variance);
        self.momenta.iter_mut().zip(&half.momenta).for_each(|(sum, p)| *sum += p);
        end.clone_from(&half.edge);
        self.depth += 1;
        turned
    }
}

impl Half {
    fn new(forwards: bool, edge: &Edge) -> Self {
        Half {
            forwards,
            leaves: 0,
            momenta: vec![0.0; edge.position.len()],
            log_weight: f64::NEG_INFINITY,
            proposal: None,
            firsts: Vec::new(),
            last: edge.momentum.clone(),
            edge: edge.clone(),
        }
    }

    /// Adds the leaf at the edge; whether a subtree that it completes turns.
    fn grow(&mut self, value: f64, log_weight: f64, variance: &[f64], chance: f64) -> bool {
        self.log_weight = log_add(self.log_weight, log_weight);
        if self.proposal.is_none() || chance.ln() < log_weight - self.log_weight {
            self.proposal =
                Some(Point { position: self.edge.position.clone(), value, grad: self.edge.grad.clone() });
        }
        let before = std::mem::replace(&mut self.last, self.edge.momentum.clone());
        self.momenta.iter_mut().zip(&self.last).for_each(|(sum, p)| *sum += p);
        let leaf = self.leaves;
        self.leaves += 1;
        // Leaf n is the first of subtrees if it is even, the last of as many as it ends in ones; those that are
        // open begin at the leaves that n has without its last ones.
        let level = (leaf >> 1).count_ones() as usize;
        if leaf.is_multiple_of(2) {
            self.firsts.truncate(level);
            self.firsts.push(First { before, momentum: self.last.clone(), sum: self.momenta.clone() });
            return false;
        }
        let closed = leaf.trailing_ones() as usize;
        // The newer half of a subtree is the one that closes before it; of a pair, this leaf.
        let mut newer = First { before, momentum: self.last.clone(), sum: self.momenta.clone() };
        for older in self.firsts[level + 1 - closed..=level].iter().rev() {
            let sum = |from: &First, to: &dyn Fn(usize) -> f64| -> Vec<f64> {
                let at = |i| to(i) - from.sum[i] + from.momentum[i];
                (0..from.sum.len()).map(at).collect()
            };
            let before_newer = |i: usize| newer.sum[i] - newer.momentum[i];
            let turned = Halves {
                sums: [&sum(older, &before_newer), &sum(&newer, &|i| self.momenta[i])],
                ends: [&older.momentum, &newer.before, &newer.momentum, &self.last],
            }
            .turn(variance);
            if turned {
                return true;
            }
            newer = older.clone();
        }
        false
    }
}

/// Two halves of a trajectory, the older first, in the order in which they were passed.
struct Halves<'a> {
    /// Of the momenta of each.
    sums: [&'a [f64]; 2],
    /// Momenta at the first and the last leaf of the older, then of the newer.
    ends: [&'a [f64]; 4],
}

impl Halves<'_> {
    /// Does the whole turn, or one of the halves with the nearest leaf of the other?
    fn turn(&self, variance: &[f64]) -> bool {
        let ([older, newer], [first, last, next, end]) = (self.sums, self.ends);
        turns(first, end, older, newer, variance)
            || turns(first, next, older, next, variance)
            || turns(last, end, last, newer, variance)
    }
}

/// Whether the ends of a trajectory move towards each other, by the sum of its momenta, which is that of two
/// parts: of the ends themselves a half, as in the integral along the trajectory.
fn turns(one: &[f64], other: &[f64], part: &[f64], rest: &[f64], variance: &[f64]) -> bool {
    let (mut at_one, mut at_other) = (0.0, 0.0);
    for ((((a, b), part), rest), v) in one.iter().zip(other).zip(part).zip(rest).zip(variance) {
        let between = v * (part + rest - 0.5 * (a + b));
        at_one += a * between;
        at_other += b * between;
    }
    at_one <= 0.0 || at_other <= 0.0
}

fn kinetic(momentum: &[f64], variance: &[f64]) -> f64 {
    0.5 * momentum.iter().zip(variance).map(|(p, v)| p * p * v).sum::<f64>()
}

fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Noise, Purpose};

    /// A transition on the standard normal, with the number of its steps.
    fn transition(from: Point, step: f64, noise: &Noise, draw: u64) -> (Transition, u64) {
        let dim = from.position.len();
        let mut momentum = numerics::lanes::Lanes::zeros(dim, 1);
        noise.fill(draw, 0, &mut momentum);
        let chance = |k: u64| noise.uniform((draw << 16) + k);
        let mut trajectory = Trajectory::new(from, &momentum.lane(0), &vec![1.0; dim], step, chance(0));
        for steps in 1.. {
            let at = trajectory.ask().to_vec();
            let value = -0.5 * at.iter().map(|x| x * x).sum::<f64>();
            let grad: Vec<f64> = at.iter().map(|x| -x).collect();
            let chances = [1, 2, 3].map(|k| chance(3 * steps + k));
            if let Some(end) = trajectory.tell(value, &grad, chances) {
                return (end, steps);
            }
        }
        unreachable!("a trajectory ends")
    }

    fn origin(dim: usize) -> Point {
        Point { position: vec![0.0; dim], value: 0.0, grad: vec![0.0; dim] }
    }

    fn noise(dim: usize) -> Noise {
        let names: Vec<String> = (0..dim).map(|i| format!("x{i}")).collect();
        Noise::new(5, Purpose::Chain, names.iter().map(String::as_str))
    }

    /// Half a period of the standard normal is pi: within so many steps of size 0.1, not of size 0.001.
    #[test]
    fn a_trajectory_that_cannot_turn_is_saturated() {
        let (short, steps) = transition(origin(2), 0.1, &noise(2), 0);
        assert!(short.end == End::Turned && (15..64).contains(&steps), "{:?} {steps}", short.end);
        let (long, steps) = transition(origin(2), 0.001, &noise(2), 0);
        assert_eq!((long.end, steps), (End::Saturated, (1 << MAX_DEPTH) - 1));
    }

    /// Whatever the step, no trajectory on many independent normals goes round and round: where its halves are
    /// about half a period each, its ends meet and do not see that it has turned.
    #[test]
    fn no_step_size_makes_trajectories_go_round() {
        let dim = 200;
        let noise = noise(dim);
        for k in 0..40 {
            let step = 0.2 * 1.05f64.powi(k);
            let mut at = origin(dim);
            for draw in 0..20 {
                let (next, steps) = transition(at, step, &noise, draw);
                let periods = steps as f64 * step / (2.0 * std::f64::consts::PI);
                assert!(draw == 0 || periods < 1.5, "step {step}: {steps} steps, {periods} periods");
                at = next.point;
            }
        }
    }
}
