//! The climb of the ELBO: Adam with an automatic step size and stop rule.
//!
//! After RABVI (Welandawe, Andersen, Vehtari and Huggins 2022), adapted to whitened coordinates. A
//! *phase* keeps its step size. In it the iterates settle around a point which their average
//! estimates: the phase ends when the averages of its third and fourth quarters agree, in symmetric
//! KL, to within the accuracy wanted. Until then its length is doubled, up to a limit: noise that
//! does not average out needs a smaller step. Then the step size is halved. The squared bias of an
//! average shrinks in proportion to the square of the step size, so the divergence between the
//! averages of two phases is also what further halvings can still gain in all: the climb stops when
//! that, too, is within the accuracy. Phases start from the average, and none is shorter than it
//! takes to walk as far as the first could: standing still is not mistaken for having arrived.
//!
//! Adam's epsilon is tied to the step size: in whitened coordinates the curvature is about one, so a
//! gradient shorter than five step sizes takes a fifth of a Newton step, a longer one at most a step
//! size. At the optimum of a well specified family, where sticking-the-landing gradients vanish, the
//! iterates then stand still instead of rattling at the step size.
//!
//! Where the average of a phase has gone far from where the coordinates are white, they are made white there, and
//! the climb begins again: means move by a step of the coordinates' own standard deviations, and a start in a spike
//! of the density would take for ever.
//!
//! The constants were chosen on eight schools, log-gamma, Student-t and funnel targets, by steps to
//! convergence (some 200 where q fits, 1,500 on eight schools) at equal accuracy.

use numerics::lanes::Lanes;

use crate::draws::{Layout, StepNoise};
use crate::estimator::Estimator;
use crate::families::Family;
use crate::observe::{Observer, TraceRow};
use crate::options::{Method, Options};
use crate::state::State;
use crate::stream::{Noise, Purpose};
use crate::target::Target;

/// Step size of the first phase, in standard deviations of the start.
const FIRST_STEP_SIZE: f64 = 0.03;
/// Adam's epsilon in step sizes.
const EPSILON: f64 = 5.0;
/// Steps after which a phase is first examined; a multiple of four.
pub(crate) const FIRST_CHECK: u64 = 64;
/// Doublings of a phase after which it ends, settled or not.
const DOUBLINGS: u32 = 4;
const DECAY_1: f64 = 0.9;
const DECAY_2: f64 = 0.99;
/// Symmetric KL, in nats, that a parameter of the family, or a dimension, may contribute: a shift
/// of a mean by a thirtieth of a standard deviation.
const ACCURACY_EACH: f64 = 1e-3;
/// Symmetric KL, in nats, at which importance weights are as good as equal.
const ACCURACY: f64 = 0.1;
/// Steps at most where the user names none: under `auto` a climb that has not settled by then is left to the
/// polish.
const MOST_STEPS: u64 = 20_000;
const MOST_STEPS_OF_AUTO: u64 = 6_000;
/// Far: so many standard deviations of the coordinates, or a standard deviation so many times theirs.
const FAR: f64 = 3.0;
/// Steps without a single good draw after which the climb is hopeless.
const MOST_BARREN: u64 = 50;

/// How a climb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Climb {
    /// `state.lambda` is the result.
    Finished,
    /// `state` can be resumed.
    Interrupted,
}

/// The divergence within which a family is called converged: each parameter to its accuracy, but
/// all together no worse than weights would notice, or than each dimension's own accuracy.
pub(crate) fn accuracy(family: &dyn Family) -> f64 {
    let all = ACCURACY.max(ACCURACY_EACH * family.dim() as f64);
    (ACCURACY_EACH * family.n_params() as f64).min(all)
}

/// The largest squared distance of one coordinate of two members' centres, in whitened coordinates: what
/// a thousand coordinates may contribute together none may alone, for it would still be on its way. Zero for
/// mixtures, which have no centre.
fn farthest(family: &dyn Family, a: &[f64], b: &[f64]) -> f64 {
    if family.strata().is_some() {
        return 0.0;
    }
    let centre = |lambda: &[f64]| {
        let mut z = Lanes::zeros(family.dim(), 1);
        family.rsample(lambda, &Lanes::zeros(family.n_base(), 1), &mut z);
        z.lane(0)
    };
    centre(a).iter().zip(centre(b)).map(|(a, b)| (a - b) * (a - b)).fold(0.0, f64::max)
}

/// Climbs until the stop rule, the step limit, or the observer says so.
pub fn climb(
    target: &mut Target,
    family: &dyn Family,
    options: &Options,
    state: &mut State,
    observer: &mut dyn Observer,
) -> Climb {
    let names = crate::base_names(target.density().names(), family.n_base());
    let noise = Noise::new(options.seed, Purpose::Step, names.iter().map(String::as_str));
    let layout = Layout::of(options, family);
    let noise = StepNoise::new(noise, options.noise, layout);
    let mut eps = Lanes::zeros(family.n_base(), layout.lanes);
    let mut estimator = Estimator::with(options.gradient, family.dim(), layout);
    let mut gradient = vec![0.0; family.n_params()];
    let most = if options.method == Method::Auto { MOST_STEPS_OF_AUTO } else { MOST_STEPS };
    while !state.finished {
        if observer.cancelled() {
            return Climb::Interrupted;
        }
        noise.fill(state.step, &mut eps);
        target.batch = target.density().batch_of(state.step);
        let estimate =
            estimator.gradient(target, &state.coordinates, family, &state.lambda, &eps, &mut gradient);
        target.batch = None;
        let sound = estimate.good > 0 && gradient.iter().all(|g| g.is_finite());
        state.step(sound.then_some(&gradient));
        let row = TraceRow {
            step: state.step,
            elbo: estimate.elbo,
            elbo_mcse: estimate.elbo_mcse,
            grad_var: estimate.grad_var,
        };
        state.trace.push(row);
        state.examine(family, options.steps, most);
        let fraction = state.fraction(options.steps);
        state.tell(target, row, fraction, observer);
    }
    Climb::Finished
}

impl State {
    fn step_size(&self) -> f64 {
        FIRST_STEP_SIZE * 0.5f64.powi(self.phase.min(40) as i32)
    }

    /// Half the step size needs twice the steps to go as far.
    fn shortest_phase(&self) -> u64 {
        FIRST_CHECK << self.phase.min(20)
    }

    /// One Adam step, or, without a gradient, one step in which nothing moves.
    fn step(&mut self, gradient: Option<&Vec<f64>>) {
        self.step += 1;
        self.phase_step += 1;
        match gradient {
            None => self.barren += 1,
            Some(gradient) => {
                self.barren = 0;
                let size = self.step_size();
                // The first moment starts afresh with every phase, the second never does.
                let unbias_1 = 1.0 - DECAY_1.powf(self.phase_step as f64);
                let unbias_2 = 1.0 - DECAY_2.powf((self.step - self.whitened_at) as f64);
                for (i, g) in gradient.iter().enumerate() {
                    let (m, v) = (&mut self.first_moment[i], &mut self.second_moment[i]);
                    *m = DECAY_1 * *m + (1.0 - DECAY_1) * g;
                    *v = DECAY_2 * *v + (1.0 - DECAY_2) * g * g;
                    let scale = (*v / unbias_2).sqrt() + EPSILON * size;
                    self.lambda[i] += size * (*m / unbias_1) / scale;
                }
            }
        }
        let quarter = self.check_at / 4;
        let sum = if self.phase_step > 3 * quarter {
            &mut self.last_quarter
        } else if self.phase_step > 2 * quarter {
            &mut self.third_quarter
        } else {
            return;
        };
        sum.iter_mut().zip(&self.lambda).for_each(|(s, x)| *s += x);
    }

    /// Compares quarters and phases where it is time; decides whether to go on.
    fn examine(&mut self, family: &dyn Family, steps: Option<u64>, most: u64) {
        let accuracy = accuracy(family);
        if self.phase_step == self.check_at {
            let quarter = (self.check_at / 4) as f64;
            let third: Vec<f64> = self.third_quarter.iter().map(|s| s / quarter).collect();
            let last: Vec<f64> = self.last_quarter.iter().map(|s| s / quarter).collect();
            self.third_quarter.fill(0.0);
            self.last_quarter.fill(0.0);
            let near = |a: &[f64], b: &[f64]| {
                family.symmetric_kl(a, b) <= accuracy && farthest(family, a, b) <= ACCURACY
            };
            let settled = near(&third, &last);
            let average: Vec<f64> = third.iter().zip(&last).map(|(a, b)| 0.5 * (a + b)).collect();
            let again = steps.is_none() && self.whiten_again(family, &average);
            if !again && (settled || self.check_at >= self.shortest_phase() << DOUBLINGS) {
                let gained = !self.previous.is_empty() && !near(&average, &self.previous);
                if settled && !self.previous.is_empty() && !gained && steps.is_none() {
                    self.finished = true;
                    self.converged = true;
                }
                self.lambda.clone_from(&average);
                self.previous = average;
                self.first_moment.fill(0.0);
                self.phase += 1;
                self.phase_step = 0;
                // What this phase needed to average out its noise, the next will nearly need too.
                self.check_at = (self.check_at / 4).max(self.shortest_phase());
            } else if !again {
                self.check_at *= 2;
            }
        }
        let limit = steps.unwrap_or(most);
        if !self.finished && (self.step >= limit || self.barren >= MOST_BARREN) {
            self.finished = true;
            self.converged = steps.is_some() && self.barren == 0;
            self.settle();
        }
    }

    /// Whether `lambda` is so far from the standard member that the coordinates were made those in which it is the
    /// standard one.
    fn whiten_again(&mut self, family: &dyn Family, lambda: &[f64]) -> bool {
        let Some(normal) = family.normal(lambda) else { return false };
        let (pattern, l) = normal.scale.parts();
        let size = |i: usize| l[pattern.row(i).diagonal(i)].ln().abs();
        let sizes = (0..normal.dim()).map(size).fold(0.0, f64::max);
        let shifts = normal.centre.iter().map(|x| x.abs()).fold(0.0, f64::max);
        if sizes < FAR.ln() && shifts < FAR {
            return false;
        }
        let Some(coordinates) = self.coordinates.after(&normal) else { return false };
        let is_sound = coordinates.centre.iter().all(|x| x.is_finite()) && coordinates.log_det().is_finite();
        if !is_sound {
            return false;
        }
        self.coordinates = coordinates;
        self.lambda = family.standard();
        for moment in [&mut self.first_moment, &mut self.second_moment] {
            moment.fill(0.0);
        }
        self.previous.clear();
        (self.phase, self.phase_step, self.check_at) = (0, 0, FIRST_CHECK);
        self.whitened_at = self.step;
        true
    }

    /// The best average there is, when a phase is cut short.
    fn settle(&mut self) {
        let quarter = self.check_at / 4;
        let summed = self.phase_step.saturating_sub(2 * quarter);
        if summed >= quarter {
            for i in 0..self.lambda.len() {
                self.lambda[i] = (self.third_quarter[i] + self.last_quarter[i]) / summed as f64;
            }
        } else if !self.previous.is_empty() && self.phase_step < FIRST_CHECK {
            self.lambda.clone_from(&self.previous);
        }
    }

    /// Part of the climb done: exact where the user gave the steps, else as if every phase were as
    /// long as the present one is planned, and three were needed.
    fn fraction(&self, steps: Option<u64>) -> f64 {
        if self.finished {
            return 1.0;
        }
        match steps {
            Some(steps) => self.step as f64 / steps as f64,
            None => {
                let left =
                    (self.check_at - self.phase_step) + 3u64.saturating_sub(self.phase + 1) * self.check_at;
                self.step as f64 / (self.step + left) as f64
            }
        }
    }
}
