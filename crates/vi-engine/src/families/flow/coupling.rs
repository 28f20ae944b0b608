//! One coupling layer: some coordinates are bent by splines whose parameters a small network makes of
//! the others, which pass unchanged (Dinh, Sohl-Dickstein and Bengio, Density estimation using Real
//! NVP, ICLR 2017).
//!
//! The network has one layer of tanh. Its last layer is zero at the start, which makes the layer the
//! identity; the first has an irregular pattern, without which its units would move as one. Where
//! no coordinate passes (one dimension), the splines' parameters are parameters of the layer.
//!
//! Points are tiles, `[dim][8]`.

use numerics::lanes::LANES;
use numerics::special::tanh;

use super::spline::{At, RAW, Spline};
use crate::pattern::add;

/// Hidden units at least and at most; between, as many as coordinates pass.
const HIDDEN: (usize, usize) = (16, 64);

pub struct Coupling {
    active: Vec<usize>,
    passive: Vec<usize>,
    hidden: usize,
}

/// What the network made of a tile.
struct Made {
    /// `[hidden][8]`.
    hidden: Vec<f64>,
    /// `[active][RAW][8]`.
    raw: Vec<f64>,
}

impl Made {
    /// The spline of an active coordinate in one lane.
    fn spline(&self, active: usize, lane: usize) -> Spline {
        Spline::new(&std::array::from_fn(|p| self.raw[(active * RAW + p) * LANES + lane]))
    }
}

/// Cotangents of one tile and where they go.
pub struct Pull<'a> {
    /// Weights of the lanes in `out`; zero for one that is not to count.
    pub weights: &'a [f64; LANES],
    /// Sum over lanes of the weighted derivatives in the layer's parameters, added to.
    pub out: &'a mut [f64],
    /// Squared norms of the lanes' own, added to.
    pub squared: &'a mut [f64; LANES],
}

impl Coupling {
    /// Layer number `layer` of a flow over `dim` coordinates: even and odd ones take turns, then halves.
    pub fn new(dim: usize, layer: usize) -> Coupling {
        let is_active = |i: usize| match layer % 4 {
            0 => i.is_multiple_of(2),
            1 => !i.is_multiple_of(2),
            2 => i < dim.div_ceil(2),
            _ => i >= dim.div_ceil(2),
        };
        let (active, passive) = match dim {
            1 => (vec![0], Vec::new()),
            _ => (0..dim).partition(|&i| is_active(i)),
        };
        let hidden = if passive.is_empty() { 0 } else { passive.len().clamp(HIDDEN.0, HIDDEN.1) };
        Coupling { active, passive, hidden }
    }

    /// First weights `[hidden][passive]`, first biases, last weights `[active * RAW][hidden]`, last
    /// biases.
    fn parts<'l>(&self, lambda: &'l [f64]) -> [&'l [f64]; 4] {
        let (first, rest) = lambda.split_at(self.hidden * self.passive.len());
        let (first_bias, rest) = rest.split_at(self.hidden);
        let (last, last_bias) = rest.split_at(self.active.len() * RAW * self.hidden);
        [first, first_bias, last, last_bias]
    }

    pub fn n_params(&self) -> usize {
        self.hidden * (self.passive.len() + 1) + self.active.len() * RAW * (self.hidden + 1)
    }

    /// Parameters that make it the identity.
    pub fn identity(&self) -> Vec<f64> {
        let mut lambda = vec![0.0; self.n_params()];
        let amplitude = (3.0 / self.passive.len().max(1) as f64).sqrt();
        let pattern = |n: usize| 2.0 * (n as f64 * 0.618_033_988_749_894_9).fract() - 1.0;
        let first = self.hidden * self.passive.len();
        for (n, weight) in lambda[..first + self.hidden].iter_mut().enumerate() {
            *weight = pattern(n + 1) * if n < first { amplitude } else { 1.0 };
        }
        lambda
    }

    /// What the last layer's sums are multiplied by: a step of every parameter moves a spline's as far as a
    /// step of one does.
    fn gain(&self) -> f64 {
        1.0 / ((self.hidden + 1) as f64).sqrt()
    }

    fn make(&self, lambda: &[f64], x: &[f64]) -> Made {
        let [first, first_bias, last, last_bias] = self.parts(lambda);
        let mut hidden = vec![0.0; self.hidden * LANES];
        for (h, out) in hidden.chunks_exact_mut(LANES).enumerate() {
            let mut sum = [first_bias[h]; LANES];
            for (w, &i) in first[h * self.passive.len()..].iter().zip(&self.passive) {
                add(&mut sum, *w, &x[i * LANES..]);
            }
            out.iter_mut().zip(sum).for_each(|(out, s)| *out = tanh(s));
        }
        let mut raw = vec![0.0; self.active.len() * RAW * LANES];
        for (r, out) in raw.chunks_exact_mut(LANES).enumerate() {
            let mut sum = [last_bias[r]; LANES];
            for (w, h) in last[r * self.hidden..][..self.hidden].iter().zip(hidden.chunks_exact(LANES)) {
                add(&mut sum, *w, h);
            }
            out.iter_mut().zip(sum).for_each(|(out, s)| *out = self.gain() * s);
        }
        Made { hidden, raw }
    }

    /// Bends `x` in place; adds the log determinant.
    pub fn forward(&self, lambda: &[f64], x: &mut [f64], log_det: &mut [f64; LANES]) {
        let made = self.make(lambda, x);
        for (a, &i) in self.active.iter().enumerate() {
            for lane in 0..LANES {
                let at = made.spline(a, lane).at(x[i * LANES + lane]);
                x[i * LANES + lane] = at.y;
                log_det[lane] += at.log_slope;
            }
        }
    }

    /// Straightens `y` in place; adds the log determinant of [`Coupling::forward`].
    pub fn inverse(&self, lambda: &[f64], y: &mut [f64], log_det: &mut [f64; LANES]) {
        let made = self.make(lambda, y);
        for (a, &i) in self.active.iter().enumerate() {
            for lane in 0..LANES {
                let spline = made.spline(a, lane);
                let x = spline.inverse(y[i * LANES + lane]);
                y[i * LANES + lane] = x;
                log_det[lane] += spline.at(x).log_slope;
            }
        }
    }

    /// The chain rule of [`Coupling::forward`] at `x`: `by` is the cotangent of its result and becomes that
    /// of `x`, `by_log` is the cotangent of the log determinant.
    pub fn pullback(&self, lambda: &[f64], x: &[f64], by: &mut [f64], by_log: f64, pull: Pull) {
        self.back(lambda, x, by, Some(pull), |at, by| (at.by_x[0] * by + at.by_x[1] * by_log, by, by_log));
    }

    /// From the gradient of a log density in `x` to that in the result, of the density that the layer
    /// makes of it: with the Jacobian `J`, `J'^-1 (g - d log det J / dx)`, in place.
    pub fn push_score(&self, lambda: &[f64], x: &[f64], score: &mut [f64]) {
        // J is the slopes on the active coordinates, the identity on the passive ones, and the
        // network's derivative from these to those
        self.back(lambda, x, score, None, |at, score| {
            let bent = (score - at.by_x[1]) / at.by_x[0];
            (bent, -bent, -1.0)
        });
    }

    /// Walks back through splines and network. `of` makes of an active coordinate's spline and cotangent the
    /// new cotangent, and those of the spline's value and log slope in its parameters.
    fn back(
        &self,
        lambda: &[f64],
        x: &[f64],
        by: &mut [f64],
        mut pull: Option<Pull>,
        of: impl Fn(&At, f64) -> (f64, f64, f64),
    ) {
        let made = self.make(lambda, x);
        let mut by_raw = vec![0.0; made.raw.len()];
        for (a, &i) in self.active.iter().enumerate() {
            for lane in 0..LANES {
                let spline = made.spline(a, lane);
                let at = spline.at(x[i * LANES + lane]);
                let (new, by_y, by_log) = of(&at, by[i * LANES + lane]);
                by[i * LANES + lane] = new;
                let mut raw = [0.0; RAW];
                spline.pullback(&at, by_y, by_log, &mut raw);
                for (p, raw) in raw.iter().enumerate() {
                    by_raw[(a * RAW + p) * LANES + lane] = self.gain() * raw;
                }
            }
        }
        let [first, _, last, _] = self.parts(lambda);
        let mut by_hidden = vec![0.0; made.hidden.len()];
        for (r, by_raw) in by_raw.chunks_exact(LANES).enumerate() {
            let weights = &last[r * self.hidden..][..self.hidden];
            for (w, by_hidden) in weights.iter().zip(by_hidden.chunks_exact_mut(LANES)) {
                by_hidden.iter_mut().zip(by_raw).for_each(|(h, r)| *h += w * r);
            }
        }
        // through tanh
        by_hidden.iter_mut().zip(&made.hidden).for_each(|(by, h)| *by *= 1.0 - h * h);
        for (h, by_hidden) in by_hidden.chunks_exact(LANES).enumerate() {
            for (w, &i) in first[h * self.passive.len()..].iter().zip(&self.passive) {
                by[i * LANES..(i + 1) * LANES].iter_mut().zip(by_hidden).for_each(|(by, h)| *by += w * h);
            }
        }
        if let Some(pull) = &mut pull {
            let passive: Vec<f64> =
                self.passive.iter().flat_map(|&i| x[i * LANES..(i + 1) * LANES].iter().copied()).collect();
            let (of_first, of_last) = pull.out.split_at_mut(self.hidden * (self.passive.len() + 1));
            layer(&by_hidden, &passive, of_first, pull.weights, pull.squared);
            layer(&by_raw, &made.hidden, of_last, pull.weights, pull.squared);
        }
    }
}

/// The derivatives of `W x + b` in `W` (`[outputs][inputs]`) and `b`, for the cotangent `by`, `[outputs][8]`,
/// at `x`, `[inputs][8]`: weighted and added to `out`, their squared norms added to `squared`.
fn layer(by: &[f64], x: &[f64], out: &mut [f64], weights: &[f64; LANES], squared: &mut [f64; LANES]) {
    let inputs = x.len() / LANES;
    let (of_weights, of_bias) = out.split_at_mut(by.len() / LANES * inputs);
    let mut norm = [1.0; LANES];
    for x in x.chunks_exact(LANES) {
        norm.iter_mut().zip(x).for_each(|(n, x)| *n += x * x);
    }
    for (o, by) in by.chunks_exact(LANES).enumerate() {
        let mut weighted = [0.0; LANES];
        for lane in 0..LANES {
            squared[lane] += by[lane] * by[lane] * norm[lane];
            // A padding lane may hold anything; its weight is no defence against NaN.
            weighted[lane] = if weights[lane] == 0.0 { 0.0 } else { weights[lane] * by[lane] };
        }
        of_bias[o] += weighted.iter().sum::<f64>();
        for (out, x) in of_weights[o * inputs..][..inputs].iter_mut().zip(x.chunks_exact(LANES)) {
            *out += weighted.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        }
    }
}
