//! Gamma(a, 1): the regularised incomplete gamma functions, and the implicit derivative.
//!
//! The coordinate is w = ln t: with t = x e^w, `p(t) t / (p(x) x) = e^(a w - x (e^w - 1))`.

use super::Tails;
use super::parts::{HALF_LN_2PI, expm1mx, ln_minus_digamma, log1pmx};
use super::quadrature::{Integrand, Shape, integrate};
use crate::special::lgamma_rest;

/// Where a gamma law is asked about.
#[derive(Clone, Copy)]
struct Point {
    a: f64,
    x: f64,
    ln_x: f64,
}

/// [`Tails`] at x, with w = ln x: `rate_p = x p(x) / P(a, x)`.
///
/// Relative errors below 1e-12. At x = 0 and inf the limits; NaN for x < 0 and where a is not positive and
/// finite.
pub fn tails(a: f64, x: f64) -> Tails {
    if !(is_shape(a) && x >= 0.0) {
        return Tails::NAN;
    }
    if x == 0.0 {
        return Tails { ln_p: f64::NEG_INFINITY, ln_q: 0.0, rate_p: a, rate_q: 0.0 };
    }
    if x == f64::INFINITY {
        return Tails { ln_p: 0.0, ln_q: f64::NEG_INFINITY, rate_p: 0.0, rate_q: x };
    }
    Sides::at(Point { a, x, ln_x: x.ln() }).tails()
}

/// dx/da of a draw x of gamma(a, 1), its probability held fixed: positive.
///
/// Relative error below 1e-12 at shapes from 1e-4 to 1e6. 0 at x = 0; NaN outside.
pub fn implicit(a: f64, x: f64) -> f64 {
    if x == 0.0 && is_shape(a) {
        return 0.0;
    }
    x * Sides::at(Point { a, x, ln_x: x.ln() }).implicit()
}

/// d(ln x)/da, by ln x: for draws that are too small for f64, as those of small shapes are.
pub fn ln_implicit(a: f64, ln_x: f64) -> f64 {
    Sides::at(Point { a, x: ln_x.exp(), ln_x }).implicit()
}

/// d ln P(a, x) / da, negative; -inf at x = 0, 0 at inf; NaN outside.
pub fn d_ln_p(a: f64, x: f64) -> f64 {
    if !(is_shape(a) && x >= 0.0) {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x == f64::INFINITY {
        return 0.0;
    }
    let mut sides = Sides::at(Point { a, x, ln_x: x.ln() });
    -sides.implicit() * sides.tails().rate_p
}

/// d ln Q(a, x) / da, positive; 0 at x = 0, inf at inf; NaN outside.
pub fn d_ln_q(a: f64, x: f64) -> f64 {
    if !(is_shape(a) && x >= 0.0) {
        return f64::NAN;
    }
    if x == 0.0 {
        return 0.0;
    }
    if x == f64::INFINITY {
        return x;
    }
    let mut sides = Sides::at(Point { a, x, ln_x: x.ln() });
    sides.implicit() * sides.tails().rate_q
}

fn is_shape(a: f64) -> bool {
    a > 0.0 && a < f64::INFINITY
}

impl Point {
    /// ln(x p(x)) = ln(x^a e^-x / Gamma(a)).
    fn ln_density(self) -> f64 {
        let Point { a, x, ln_x } = self;
        let relative = (x - a) / a;
        let kernel = if relative.abs() < 0.5 { a * log1pmx(relative) } else { a * (ln_x - a.ln()) - (x - a) };
        kernel + 0.5 * a.ln() - HALF_LN_2PI - lgamma_rest(a)
    }

    /// ln x - digamma(a), the score at x.
    fn score(self) -> f64 {
        let Point { a, x, ln_x } = self;
        let relative = (x - a) / a;
        let ratio = if relative.abs() < 0.5 { relative.ln_1p() } else { ln_x - a.ln() };
        ratio + ln_minus_digamma(a)
    }

    /// The integrals over t above x (`direction` 1) or below (-1).
    fn side(self, direction: f64) -> Side {
        let mut side = Side { at: self, direction, total: 0.0, moment: 0.0 };
        // Structure is where t is about one, and above.
        let ends = [-self.ln_x, f64::INFINITY];
        let structure = if direction > 0.0 { (ends[0], ends[1]) } else { (-ends[1], -ends[0]) };
        integrate(&mut side, structure, f64::INFINITY);
        side
    }
}

/// The integrals on either side of a point, each done when first asked for.
struct Sides {
    at: Point,
    below: Option<[f64; 2]>,
    above: Option<[f64; 2]>,
}

impl Sides {
    fn at(at: Point) -> Sides {
        Sides { at, below: None, above: None }
    }

    /// The total and the moment.
    fn side(&mut self, above: bool) -> [f64; 2] {
        let (slot, direction) = if above { (&mut self.above, 1.0) } else { (&mut self.below, -1.0) };
        *slot.get_or_insert_with(|| {
            let side = self.at.side(direction);
            [side.total, side.moment]
        })
    }

    fn tails(&mut self) -> Tails {
        let above = self.at.x >= self.at.a;
        let near = self.side(above)[0];
        Tails::from_sides(self.at.ln_density(), above, near, || self.side(!above)[0])
    }

    /// d ln x/da
    fn implicit(&mut self) -> f64 {
        let Point { a, x, ln_x } = self.at;
        if !(is_shape(a) && x < f64::INFINITY && ln_x < f64::INFINITY) {
            return f64::NAN;
        }
        let score = self.at.score();
        let [total, moment] = self.side(score >= 0.0);
        score.abs() * total + moment
    }
}

struct Side {
    at: Point,
    direction: f64,
    /// int e^phi dv and int v e^phi dv
    total: f64,
    moment: f64,
}

impl Side {
    fn phi(&self, v: f64) -> f64 {
        let (Point { a, x, ln_x }, w) = (self.at, self.direction * v);
        if v < 1.0 { (a - x) * w - x * expm1mx(w) } else { a * w - ((ln_x + w).exp() - x) }
    }
}

impl Integrand for Side {
    fn shape(&self, v: f64) -> Shape {
        let t = (self.at.ln_x + self.direction * v).exp();
        Shape { phi: self.phi(v), slope: self.direction * (self.at.a - t), curvature: t }
    }

    fn add(&mut self, v: f64, width: f64) -> f64 {
        let e = width * self.phi(v).exp();
        self.total += e;
        self.moment += e * v;
        e
    }
}
