//! One transition of the No-U-Turn sampler, a leapfrog step at a time: whoever drives it evaluates the density
//! at [`Trajectory::ask`] and tells [`Trajectory::tell`], so that several chains can be evaluated together.
//!
//! The trajectory doubles, forwards or backwards by chance, until it turns back on itself; a draw is one of its
//! points in proportion to their densities (Hoffman and Gelman 2014; Betancourt, A conceptual introduction to
//! Hamiltonian Monte Carlo, 2017, appendix A: multinomial sampling, biased towards the newer half, and the
//! criterion by the sum of momenta). A doubling that turns within, or diverges, is dropped whole. Subtrees are
//! checked without recursion, from the momenta at their first leaves (Phan, Pradhan and Jankowiak, Composable
//! effects for flexible and accelerated probabilistic programming in NumPyro, 2019, algorithm 2).

/// Doublings at most.
const MAX_DEPTH: usize = 10;
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
    log_weight: f64,
    proposal: Option<Point>,
    /// Momentum at the first leaf of a subtree, and the sum of momenta up to it; one a level.
    firsts: Vec<(Vec<f64>, Vec<f64>)>,
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
    pub diverged: bool,
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

    /// The density there (`-inf` for none) with its gradient, and three numbers in (0, 1) by which to choose.
    /// The end of the transition, or `None` where there is another point to ask for.
    pub fn tell(&mut self, value: f64, grad: &[f64], chances: [f64; 3]) -> Option<Transition> {
        self.half.edge.grad.copy_from_slice(grad);
        self.kick();
        self.leaves += 1;
        let error = kinetic(&self.half.edge.momentum, &self.variance) - value - self.energy;
        // NaN: no density
        let diverged = error.is_nan() || error >= MAX_ERROR;
        if !diverged {
            self.acceptance += (-error).exp().min(1.0);
            if !self.half.grow(value, -error, &self.variance, chances[0]) {
                if self.half.leaves < 1 << self.depth {
                    self.advance();
                    return None;
                }
                if self.join(chances[1]) && self.depth < MAX_DEPTH {
                    let forwards = chances[2] < 0.5;
                    self.half = Half::new(forwards, if forwards { &self.right } else { &self.left });
                    self.advance();
                    return None;
                }
            }
        }
        let acceptance = self.acceptance / self.leaves as f64;
        Some(Transition { point: self.proposal.clone(), acceptance, diverged })
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

    /// Adds the finished half; whether the trajectory may grow further.
    fn join(&mut self, chance: f64) -> bool {
        let half = &mut self.half;
        if chance.ln() < half.log_weight - self.log_weight
            && let Some(proposal) = half.proposal.take()
        {
            self.proposal = proposal;
        }
        self.log_weight = log_add(self.log_weight, half.log_weight);
        self.momenta.iter_mut().zip(&half.momenta).for_each(|(sum, p)| *sum += p);
        let end = if half.forwards { &mut self.right } else { &mut self.left };
        end.clone_from(&half.edge);
        self.depth += 1;
        !turns(&self.left.momentum, &self.right.momentum, &self.momenta, &self.variance)
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
        self.momenta.iter_mut().zip(&self.edge.momentum).for_each(|(sum, p)| *sum += p);
        let leaf = self.leaves;
        self.leaves += 1;
        // Leaf n is the first of subtrees if it is even, the last of as many as it ends in ones; those that are
        // open begin at the leaves that n has without its last ones.
        let level = (leaf >> 1).count_ones() as usize;
        if leaf.is_multiple_of(2) {
            self.firsts.truncate(level);
            self.firsts.push((self.edge.momentum.clone(), self.momenta.clone()));
            return false;
        }
        let closed = leaf.trailing_ones() as usize;
        self.firsts[level + 1 - closed..=level].iter().any(|(first, before)| {
            let sums = self.momenta.iter().zip(before).zip(first);
            let sum: Vec<f64> = sums.map(|((sum, before), first)| sum - before + first).collect();
            turns(first, &self.edge.momentum, &sum, variance)
        })
    }
}

/// Whether the ends of a trajectory move towards each other: by the sum of its momenta, the ends by half.
fn turns(one: &[f64], other: &[f64], sum: &[f64], variance: &[f64]) -> bool {
    let (mut at_one, mut at_other) = (0.0, 0.0);
    for (((a, b), sum), v) in one.iter().zip(other).zip(sum).zip(variance) {
        let between = v * (sum - 0.5 * (a + b));
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
