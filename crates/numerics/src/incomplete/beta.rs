//! Beta(a, b): the regularised incomplete beta function, and the implicit derivatives.
//!
//! The coordinate is the log odds, w = ln(t / (1 - t)): a step of v there takes t from x to
//! `x e^v / (1 - x + x e^v)`, and the density of the log odds changes by
//! `e^(a v - (a + b) ln(1 - x + x e^v))`. Neither end needs care of its own there.

use super::Tails;
use super::parts::{HALF_LN_2PI, expm1mx, ln_minus_digamma_fall, log1pmx, softplus};
use super::quadrature::{Integrand, Shape, integrate};
use crate::special::lgamma_rest;

/// A proportion x with its complement y = 1 - x and the logarithms of both: a caller who knows the
/// small one keeps its digits, and those of one below the smallest f64.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Proportion {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) ln_x: f64,
    pub(super) ln_y: f64,
    /// ln(x / y)
    pub(super) ln_odds: f64,
    /// x - y
    pub(super) lean: f64,
}

impl Proportion {
    /// From x and 1 - x, between 0 and 1.
    pub fn new(x: f64, y: f64) -> Proportion {
        let (ln_x, ln_y) = if x < y { (x.ln(), (-x).ln_1p()) } else { ((-y).ln_1p(), y.ln()) };
        Proportion { x, y, ln_x, ln_y, ln_odds: if x == y { 0.0 } else { ln_x - ln_y }, lean: x - y }
    }

    /// From ln(x / (1 - x)), any number.
    pub fn from_ln_odds(w: f64) -> Proportion {
        let (x, y) = (1.0 / (1.0 + (-w).exp()), 1.0 / (1.0 + w.exp()));
        Proportion { x, y, ln_x: -softplus(-w), ln_y: -softplus(w), ln_odds: w, lean: (0.5 * w).tanh() }
    }

    /// 1 - x in the place of x.
    pub fn swapped(self) -> Proportion {
        let Proportion { x, y, ln_x, ln_y, ln_odds, lean } = self;
        Proportion { x: y, y: x, ln_x: ln_y, ln_y: ln_x, ln_odds: -ln_odds, lean: -lean }
    }
}

/// [`Tails`] at x, with w the log odds of x: `rate_p = x (1 - x) p(x) / I_x(a, b)`.
///
/// Relative errors below 1e-12. At 0 and 1 the limits; NaN where a or b is not positive and finite.
pub fn tails(a: f64, b: f64, at: Proportion) -> Tails {
    if !is_shape(a) || !is_shape(b) || at.ln_odds.is_nan() {
        return Tails::NAN;
    }
    if at.ln_odds == f64::NEG_INFINITY {
        return Tails { ln_p: f64::NEG_INFINITY, ln_q: 0.0, rate_p: a, rate_q: 0.0 };
    }
    if at.ln_odds == f64::INFINITY {
        return Tails { ln_p: 0.0, ln_q: f64::NEG_INFINITY, rate_p: 0.0, rate_q: b };
    }
    Sides::of(Law { a, b, at }).tails()
}

/// d(ln odds of x)/da and /db of a draw x, its probability held fixed: the first positive, the second
/// negative. dx is `x (1 - x)` times that.
///
/// Relative errors below 1e-12 at shapes from 1e-4 to 1e6. NaN at 0 and 1 and outside.
pub fn implicit(a: f64, b: f64, at: Proportion) -> (f64, f64) {
    if !is_shape(a) || !is_shape(b) || !at.ln_odds.is_finite() {
        return (f64::NAN, f64::NAN);
    }
    Sides::of(Law { a, b, at }).implicit()
}

/// Derivatives of ln I_x(a, b) by a and b: that of the complement is this of (b, a) at 1 - x, swapped.
/// At x = 0 -inf and inf, at 1 zeros.
pub fn d_ln_p(a: f64, b: f64, at: Proportion) -> (f64, f64) {
    if at.ln_odds == f64::INFINITY && is_shape(a) && is_shape(b) {
        return (0.0, 0.0);
    }
    if at.ln_odds == f64::NEG_INFINITY && is_shape(a) && is_shape(b) {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    if !is_shape(a) || !is_shape(b) || at.ln_odds.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    let mut sides = Sides::of(Law { a, b, at });
    let ((da, db), rate) = (sides.implicit(), sides.tails().rate_p);
    (-rate * da, -rate * db)
}

fn is_shape(a: f64) -> bool {
    a > 0.0 && a < f64::INFINITY
}

/// A law and where it is asked about.
#[derive(Clone, Copy)]
pub(super) struct Law {
    pub a: f64,
    pub b: f64,
    pub at: Proportion,
}

impl Law {
    pub fn swapped(self) -> Law {
        Law { a: self.b, b: self.a, at: self.at.swapped() }
    }

    /// x b - y a: minus the slope of the density of the log odds over that density.
    pub fn excess(self) -> f64 {
        let Law { a, b, at } = self;
        // x and y near a half have lost what their difference knows.
        if at.lean.abs() < 0.5 { 0.5 * ((b - a) + (a + b) * at.lean) } else { at.x * b - at.y * a }
    }

    /// ln(x s/a) and ln(y s/b), s = a + b: with x + y = 1 they are ln(1 + d/a) and ln(1 - d/b), d
    /// the excess.
    fn ln_ratios(self) -> (f64, f64) {
        let Law { a, b, at } = self;
        let (d, s) = (self.excess(), a + b);
        let near = |z: f64, far: f64| if z.abs() < 0.5 { z.ln_1p() } else { far };
        (near(d / a, at.ln_x + (s / a).ln()), near(-d / b, at.ln_y + (s / b).ln()))
    }

    /// The scores at x: ln x - E ln t and ln y - E ln(1 - t).
    fn scores(self) -> (f64, f64) {
        let (in_x, in_y) = self.ln_ratios();
        let Law { a, b, .. } = self;
        (in_x + ln_minus_digamma_fall(a, b), in_y + ln_minus_digamma_fall(b, a))
    }

    /// ln of the density of the log odds at x: ln(x^a y^b / B(a, b)).
    pub fn ln_density(self) -> f64 {
        let Law { a, b, .. } = self;
        let (d, s) = (self.excess(), a + b);
        let (in_x, in_y) = self.ln_ratios();
        // a ln(x s/a) + b ln(y s/b): what is linear in d is in both, and cancels.
        let bent =
            |a: f64, d: f64, ln: f64| if (d / a).abs() < 0.5 { a * log1pmx(d / a) } else { a * ln - d };
        let kernel = bent(a, d, in_x) + bent(b, -d, in_y);
        let norm = 0.5 * (a.ln() + b.ln() - s.ln()) - HALF_LN_2PI;
        kernel + norm + (lgamma_rest(s) - lgamma_rest(a) - lgamma_rest(b))
    }

    /// Integrals over t above x, of the density of the log odds over its value at x.
    pub fn above<W: Weights>(self, weights: W) -> W {
        let mut side = Above { law: self, weights };
        // e^phi bends where the odds are about one, out to where (a + b) t or (a + b) (1 - t) is.
        let (centre, reach) = (-self.at.ln_odds, (self.a + self.b).max(1.0).ln());
        integrate(&mut side, (centre - reach, centre + reach), f64::INFINITY);
        side.weights
    }
}

/// The integrals on either side of a point, each done when first asked for.
struct Sides {
    law: Law,
    below: Option<Moments>,
    above: Option<Moments>,
}

impl Sides {
    fn of(law: Law) -> Sides {
        Sides { law, below: None, above: None }
    }

    /// Below, the law is swapped, so that ln t is ln(1 - t).
    fn side(&mut self, above: bool) -> Moments {
        let (slot, law) =
            if above { (&mut self.above, self.law) } else { (&mut self.below, self.law.swapped()) };
        *slot.get_or_insert_with(|| law.above(Moments::default()))
    }

    fn tails(&mut self) -> Tails {
        let above = self.law.excess() >= 0.0;
        let near = self.side(above).total;
        Tails::from_sides(self.law.ln_density(), above, near, || self.side(!above).total)
    }

    /// Each score on the side where it keeps its sign.
    fn implicit(&mut self) -> (f64, f64) {
        let (for_a, for_b) = self.law.scores();
        let a_above = for_a >= 0.0;
        let m = self.side(a_above);
        let da = for_a.abs() * m.total + if a_above { m.ln_t } else { m.ln_rest };
        let b_above = for_b <= 0.0;
        let m = self.side(b_above);
        let db = for_b.abs() * m.total + if b_above { m.ln_rest } else { m.ln_t };
        (da, -db)
    }
}

/// What is summed along a side.
pub(super) trait Weights {
    /// At a node with `e` its width times `e^phi`, `up` = ln(t/x) and `down` = ln(y/(1 - t)), both
    /// positive.
    fn add(&mut self, e: f64, up: f64, down: f64);
}

#[derive(Clone, Copy, Default)]
pub(super) struct Moments {
    total: f64,
    /// of ln(t/x)
    ln_t: f64,
    /// of ln(y/(1 - t))
    ln_rest: f64,
}

impl Weights for Moments {
    fn add(&mut self, e: f64, up: f64, down: f64) {
        self.total += e;
        self.ln_t += e * up;
        self.ln_rest += e * down;
    }
}

struct Above<W> {
    law: Law,
    weights: W,
}

impl<W> Above<W> {
    /// ln(t/x) = v - d and d = ln(y/(1 - t)) = ln(y + x e^v).
    fn moved(&self, v: f64) -> (f64, f64) {
        let at = &self.law.at;
        let up = || -(at.y * (-v).exp_m1()).ln_1p();
        if at.y <= 0.5 {
            let up = up();
            return (up, v - up);
        }
        if v < 1.0 {
            return (up(), (at.x * v.exp_m1()).ln_1p());
        }
        let down = softplus(at.ln_odds + v) - softplus(at.ln_odds);
        (v - down, down)
    }

    /// a v - (a + b) ln(y + x e^v), up and down.
    fn phi(&self, v: f64) -> (f64, f64, f64) {
        let Law { a, b, at } = self.law;
        let (up, down) = self.moved(v);
        let phi = if v < 1.0 {
            // The slope at x, and the rest, whichever of x and y is the small one.
            let (p, w) = if at.y <= 0.5 { (at.y, -v) } else { (at.x, v) };
            let bent = log1pmx(p * w.exp_m1()) + p * expm1mx(w);
            -self.law.excess() * v - (a + b) * bent
        } else {
            a * up - b * down
        };
        (phi, up, down)
    }
}

impl<W: Weights> Integrand for Above<W> {
    fn shape(&self, v: f64) -> Shape {
        let Law { a, b, at } = self.law;
        let (phi, ..) = self.phi(v);
        let (t, rest) = (1.0 / (1.0 + (-at.ln_odds - v).exp()), 1.0 / (1.0 + (at.ln_odds + v).exp()));
        Shape { phi, slope: a * rest - b * t, curvature: (a + b) * t * rest }
    }

    fn add(&mut self, v: f64, width: f64) -> f64 {
        let (phi, up, down) = self.phi(v);
        let e = width * phi.exp();
        self.weights.add(e, up, down);
        e
    }
}
