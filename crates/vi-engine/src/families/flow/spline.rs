//! Monotone rational-quadratic splines (Durkan, Bekasov, Murray and Papamakarios, Neural spline
//! flows, NeurIPS 2019), stretched and shifted: an increasing map of [-B, B] onto itself, the identity
//! outside; then an affine map, which the tails are left with.
//!
//! `BINS` bins; raw parameters, any numbers: the logits of the bins' widths and heights, the slopes at
//! the knots between them, the logarithm of the stretch and the shift. Before the stretch the slope is
//! 1 at both ends, so that the map is smooth everywhere. Raw parameters of zero are the identity.

use numerics::special::{exp, sigmoid, softplus};

pub const BINS: usize = 8;
/// Raw parameters of one spline.
pub const RAW: usize = 3 * BINS + 1;
/// Where among them the logarithm of the stretch is; the shift follows.
const STRETCH: usize = 3 * BINS - 1;
/// Where the tails begin, in standard deviations of the noise.
pub const BOUND: f64 = 5.0;
/// The least width and height of a bin, as a part of all, and the least slope at a knot.
const LEAST: f64 = 1e-3;

/// One spline, with what its derivatives need.
pub struct Spline {
    /// The softmaxes of the raw widths and heights.
    shares: [[f64; BINS]; 2],
    /// Knots of x and of y.
    knots: [[f64; BINS + 1]; 2],
    slopes: [f64; BINS + 1],
    /// Of the inner slopes in their raw parameters.
    slopes_by_raw: [f64; BINS - 1],
    log_stretch: f64,
    stretch: f64,
    shift: f64,
}

/// The spline at one point inside a bin: the derivatives of `y` and of `log dy/dx` in the place in the
/// bin, the bin's mean slope and the slopes at its two knots, and what else their chain rule needs.
struct Local {
    bin: usize,
    width: f64,
    slope: f64,
    /// Place in the bin, 0 to 1.
    place: f64,
    /// The height reached in the bin as a part of all of it.
    reached: f64,
    y_by: [f64; 4],
    log_by: [f64; 4],
}

/// A value and its derivatives.
pub struct At {
    pub y: f64,
    /// `log dy/dx`.
    pub log_slope: f64,
    /// `dy/dx` and the derivative of `log_slope`.
    pub by_x: [f64; 2],
    local: Option<Local>,
}

fn softmax(raw: &[f64]) -> [f64; BINS] {
    let largest = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut out: [f64; BINS] = std::array::from_fn(|k| exp(raw[k] - largest));
    let total: f64 = out.iter().sum();
    out.iter_mut().for_each(|x| *x /= total);
    out
}

impl Spline {
    /// `raw` is `[RAW]`: widths, heights, inner slopes, log stretch, shift.
    pub fn new(raw: &[f64; RAW]) -> Spline {
        let shares = [softmax(&raw[..BINS]), softmax(&raw[BINS..2 * BINS])];
        let knots = shares.map(|shares| {
            let mut knots = [-BOUND; BINS + 1];
            for k in 0..BINS {
                knots[k + 1] = knots[k] + 2.0 * BOUND * (LEAST + (1.0 - BINS as f64 * LEAST) * shares[k]);
            }
            knots[BINS] = BOUND;
            knots
        });
        // softplus of this and the least slope are 1
        let zero = (1.0 - LEAST).exp_m1().ln();
        let mut slopes = [1.0; BINS + 1];
        let mut slopes_by_raw = [0.0; BINS - 1];
        for k in 0..BINS - 1 {
            slopes[k + 1] = LEAST + softplus(raw[2 * BINS + k] + zero);
            slopes_by_raw[k] = sigmoid(raw[2 * BINS + k] + zero);
        }
        let (log_stretch, shift) = (raw[STRETCH], raw[STRETCH + 1]);
        Spline { shares, knots, slopes, slopes_by_raw, log_stretch, stretch: exp(log_stretch), shift }
    }

    /// The bin of a point of x (0) or y (1); `None` in the tails, and for NaN.
    fn bin(&self, axis: usize, at: f64) -> Option<usize> {
        (at > -BOUND && at < BOUND).then(|| {
            let knots = &self.knots[axis];
            (1..BINS).find(|&k| at < knots[k]).unwrap_or(BINS) - 1
        })
    }

    /// Width, height and the slopes at the knots of a bin.
    fn parts(&self, bin: usize) -> (f64, f64, f64, f64) {
        let [x, y] = &self.knots;
        (x[bin + 1] - x[bin], y[bin + 1] - y[bin], self.slopes[bin], self.slopes[bin + 1])
    }

    /// The value at `x`, with what its derivatives need.
    pub fn at(&self, x: f64) -> At {
        let Some(bin) = self.bin(0, x) else {
            let (y, by_x) = (self.shift + self.stretch * x, [self.stretch, 0.0]);
            return At { y, log_slope: self.log_stretch, by_x, local: None };
        };
        // Durkan et al., equations 4 and 5: y = y_k + h num / den, dy/dx = s^2 q / den^2
        let (width, height, left, right) = self.parts(bin);
        let slope = height / width;
        let place = (x - self.knots[0][bin]) / width;
        let rest = 1.0 - place;
        let (t, turn, excess) = (place * rest, 1.0 - 2.0 * place, right + left - 2.0 * slope);
        let num = slope * place * place + left * t;
        let den = slope + excess * t;
        let q = right * place * place + 2.0 * slope * t + left * rest * rest;
        // derivatives in place, mean slope, left and right slope
        let num_by = [2.0 * slope * place + left * turn, place * place, t, 0.0];
        let den_by = [excess * turn, 1.0 - 2.0 * t, t, t];
        let q_by = [2.0 * (right * place + slope * turn - left * rest), 2.0 * t, rest * rest, place * place];
        let y_by = std::array::from_fn(|v| height * (num_by[v] * den - num * den_by[v]) / (den * den));
        let mut log_by: [f64; 4] = std::array::from_fn(|v| q_by[v] / q - 2.0 * den_by[v] / den);
        log_by[1] += 2.0 / slope;
        let log_slope = (slope * slope * q / (den * den)).ln();
        let local = Local { bin, width, slope, place, reached: num / den, y_by, log_by };
        At {
            y: self.shift + self.stretch * (self.knots[1][bin] + height * local.reached),
            log_slope: self.log_stretch + log_slope,
            by_x: [self.stretch * local.y_by[0] / width, local.log_by[0] / width],
            local: Some(local),
        }
    }

    /// The `x` at which the value is `y`: Durkan et al., equations 6 to 8.
    pub fn inverse(&self, y: f64) -> f64 {
        let y = (y - self.shift) / self.stretch;
        let Some(bin) = self.bin(1, y) else { return y };
        let (width, height, left, right) = self.parts(bin);
        let slope = height / width;
        let (above, excess) = (y - self.knots[1][bin], right + left - 2.0 * slope);
        let a = height * (slope - left) + above * excess;
        let b = height * left - above * excess;
        let c = -slope * above;
        let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
        self.knots[0][bin] + width * (2.0 * c / (-b - root)).clamp(0.0, 1.0)
    }

    /// Adds to `out` (`[RAW]`) the derivative of `by_y * y + by_log * log_slope` in the raw parameters.
    pub fn pullback(&self, at: &At, by_y: f64, by_log: f64, out: &mut [f64; RAW]) {
        out[STRETCH] += by_y * (at.y - self.shift) + by_log;
        out[STRETCH + 1] += by_y;
        let by_y = by_y * self.stretch;
        let Some(local) = &at.local else { return };
        let Local { bin, width, slope, place, reached, .. } = *local;
        let by = |v: usize| by_y * local.y_by[v] + by_log * local.log_by[v];
        // of the bin's own width and height, and of its first knots, which are sums of those before it
        let own = [-(by(0) * place + by(1) * slope) / width, by_y * reached + by(1) / width];
        let first = [-by(0) / width, by_y];
        for axis in 0..2 {
            let shares = &self.shares[axis];
            let scale = 2.0 * BOUND * (1.0 - BINS as f64 * LEAST);
            let of = |k: usize| match k.cmp(&bin) {
                std::cmp::Ordering::Less => first[axis],
                std::cmp::Ordering::Equal => own[axis],
                std::cmp::Ordering::Greater => 0.0,
            };
            let mean: f64 = (0..=bin).map(|k| shares[k] * of(k)).sum();
            for k in 0..BINS {
                out[axis * BINS + k] += scale * shares[k] * (of(k) - mean);
            }
        }
        for (knot, v) in [(bin, 2), (bin + 1, 3)] {
            if (1..BINS).contains(&knot) {
                out[2 * BINS + knot - 1] += by(v) * self.slopes_by_raw[knot - 1];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(variant: usize) -> [f64; RAW] {
        std::array::from_fn(|k| 1.3 * ((k * 7 + variant * 3) as f64).sin())
    }

    const POINTS: [f64; 9] = [-7.0, -4.99, -3.3, -1.0, -0.2, 0.0, 0.7, 2.6, 4.97];

    #[test]
    fn raw_zeros_are_the_identity() {
        let spline = Spline::new(&[0.0; RAW]);
        for x in POINTS {
            let at = spline.at(x);
            assert!((at.y - x).abs() < 1e-13 && at.log_slope.abs() < 1e-13, "{x}");
        }
    }

    #[test]
    fn inverse_inverts_and_slopes_are_those_of_differences() {
        for variant in 0..5 {
            let spline = Spline::new(&raw(variant));
            for x in POINTS {
                let at = spline.at(x);
                assert!((spline.inverse(at.y) - x).abs() < 1e-11, "{x}");
                let h = 1e-6;
                let (up, down) = (spline.at(x + h), spline.at(x - h));
                let slope = (up.y - down.y) / (2.0 * h);
                assert!((at.by_x[0] - slope).abs() < 1e-6 * (1.0 + slope), "{x}");
                assert!((at.log_slope.exp() - at.by_x[0]).abs() < 1e-11 * (1.0 + at.by_x[0]));
                let bend = (up.log_slope - down.log_slope) / (2.0 * h);
                assert!((at.by_x[1] - bend).abs() < 1e-4 * (1.0 + bend.abs()), "{x}: {} {bend}", at.by_x[1]);
            }
        }
    }

    #[test]
    fn it_is_smooth_where_the_tails_begin() {
        let spline = Spline::new(&raw(2));
        for x in [-BOUND, BOUND] {
            let (inside, outside) = (spline.at(x * (1.0 - 1e-9)), spline.at(x * (1.0 + 1e-9)));
            assert!(
                (inside.y - outside.y).abs() < 1e-6 && (inside.log_slope - outside.log_slope).abs() < 1e-5
            );
        }
    }

    #[test]
    fn pullback_is_the_chain_rule() {
        for variant in 0..3 {
            let raw = raw(variant);
            let spline = Spline::new(&raw);
            for x in POINTS {
                let mut out = [0.0; RAW];
                spline.pullback(&spline.at(x), 0.7, -1.3, &mut out);
                for p in 0..RAW {
                    let value = |h: f64| {
                        let mut moved = raw;
                        moved[p] += h;
                        let at = Spline::new(&moved).at(x);
                        0.7 * at.y - 1.3 * at.log_slope
                    };
                    let slope = (value(1e-6) - value(-1e-6)) / 2e-6;
                    assert!(
                        (out[p] - slope).abs() < 1e-6 * (1.0 + slope.abs()),
                        "{x} {p}: {} {slope}",
                        out[p]
                    );
                }
            }
        }
    }
}
