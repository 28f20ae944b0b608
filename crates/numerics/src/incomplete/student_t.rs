//! Student's t with nu degrees of freedom: its cdf, and the implicit derivative.
//!
//! `T^2 / (nu + T^2)` is a beta(1/2, nu/2), whose log odds are 2 ln|T| - ln nu. Near the normal law,
//! where derivatives by nu fall as 1/nu^2, those of the beta would cancel, so the score of t itself is
//! integrated.

use std::f64::consts::{LN_2, PI};

use super::Tails;
use super::beta::{self, Law, Proportion, Weights};
use super::parts::{even, log1pmx};
use crate::special::{digamma, lgamma_rest};

/// ln P(T <= z), and z's density over that probability. The upper tail is that of -z.
///
/// Relative errors below 1e-12. NaN where nu is not positive and finite.
pub fn ln_cdf(nu: f64, z: f64) -> (f64, f64) {
    if !(nu > 0.0 && nu < f64::INFINITY) || z.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    if z == f64::INFINITY {
        return (0.0, 0.0);
    }
    let outside = two_sided(nu, z.abs());
    let ln = if z < 0.0 { outside.ln_q - LN_2 } else { (-0.5 * outside.ln_q.exp()).ln_1p() };
    // Far out the density underflows before the ratio does: z times it is half the density of ln|T|.
    let rate = if z < -1.0 { outside.rate_q / -z } else { (ln_density(nu, z) - ln).exp() };
    (ln, rate)
}

/// d ln P(T <= z) / d nu.
pub fn d_ln_cdf(nu: f64, z: f64) -> f64 {
    if z == 0.0 || z == f64::INFINITY {
        return if nu > 0.0 { 0.0 } else { f64::NAN };
    }
    -ln_cdf(nu, z).1 * implicit(nu, z)
}

/// [`Tails`] of |T| at z, with w = 2 ln z.
fn two_sided(nu: f64, z: f64) -> Tails {
    let tails = beta::tails(0.5, 0.5 * nu, proportion(nu, z, z.ln()));
    Tails { rate_p: 2.0 * tails.rate_p, rate_q: 2.0 * tails.rate_q, ..tails }
}

/// z^2 / (nu + z^2)
fn proportion(nu: f64, z: f64, ln_z: f64) -> Proportion {
    let square = z * z;
    if square > f64::MIN_POSITIVE && square < 1e300 && nu > f64::MIN_POSITIVE {
        return Proportion::new(square / (nu + square), nu / (nu + square));
    }
    Proportion::from_ln_odds(2.0 * ln_z - nu.ln())
}

/// ln p(z) = -ln B(1/2, nu/2) - ln(nu)/2 - (nu + 1)/2 ln(1 + z^2/nu), without the cancellation of the
/// gamma functions.
fn ln_density(nu: f64, z: f64) -> f64 {
    let b = 0.5 * nu;
    let ratio = ln_half_rising(b);
    let q = (z / nu.sqrt()).powi(2);
    ratio - 0.5 * PI.ln() - 0.5 * nu.ln() - (b + 0.5) * q.ln_1p()
}

/// ln Gamma(b + 1/2) - ln Gamma(b) for b > 0, also where both are large.
pub fn ln_half_rising(b: f64) -> f64 {
    b * (0.5 / b).ln_1p() - 0.5 + 0.5 * b.ln() + lgamma_rest(b + 0.5) - lgamma_rest(b)
}

/// dz/dnu of a draw z, its probability held fixed; it has the sign of -z.
///
/// Relative error below 1e-12 at nu from 1e-4 to 1e6. NaN outside.
pub fn implicit(nu: f64, z: f64) -> f64 {
    if z == 0.0 && nu > 0.0 {
        return 0.0;
    }
    z * ln_implicit_at(nu, proportion(nu, z.abs(), z.abs().ln()))
}

/// d(ln |z|)/dnu, by ln |z|: for draws that f64 cannot hold, as those of small nu are.
pub fn ln_implicit(nu: f64, ln_z: f64) -> f64 {
    ln_implicit_at(nu, proportion(nu, ln_z.exp(), ln_z))
}

fn ln_implicit_at(nu: f64, at: Proportion) -> f64 {
    if !(nu > 0.0 && nu < f64::INFINITY && at.ln_odds.is_finite()) {
        return f64::NAN;
    }
    let law = Law { a: 0.5, b: 0.5 * nu, at };
    let side = Side { nu, at, constant: constant(nu), outside: true, sum: 0.0 };
    // Half, since a step in ln z is two in the log odds. Each side where the score keeps its sign.
    if side.score(0.0, 0.0) <= 0.0 {
        0.5 * law.above(side).sum
    } else {
        -0.5 * law.swapped().above(Side { outside: false, ..side }).sum
    }
}

/// digamma((nu + 1)/2) - digamma(nu/2) - 1/nu, positive. Source of the series: NIST DLMF 24.11 and
/// 5.11.2 with Bernoulli polynomials at 1/2.
fn constant(nu: f64) -> f64 {
    if nu < 24.0 {
        return digamma(0.5 * (nu + 1.0)) - digamma(1.0 + 0.5 * nu) + 1.0 / nu;
    }
    let c = [1.0 / 2.0, -1.0 / 4.0, 1.0 / 2.0, -17.0 / 8.0, 31.0 / 2.0, -691.0 / 4.0, 5461.0 / 2.0];
    let r = 1.0 / nu;
    r * r * even(r, &c)
}

/// Half of `constant + p/nu + ln(1 - p) + p`, p = t^2/(nu + t^2), along a side.
struct Side {
    nu: f64,
    at: Proportion,
    constant: f64,
    outside: bool,
    sum: f64,
}

impl Side {
    /// The steps are those of [`Weights::add`].
    fn score(&self, up: f64, down: f64) -> f64 {
        let (to, ln_rest) = if self.outside { (up, self.at.ln_y - down) } else { (-down, self.at.ln_y + up) };
        let p = self.at.x * to.exp();
        let bent = if p < 0.5 { log1pmx(-p) } else { ln_rest + p };
        0.5 * (self.constant + p / self.nu + bent)
    }
}

impl Weights for Side {
    fn add(&mut self, e: f64, up: f64, down: f64) {
        self.sum += e * self.score(up, down);
    }
}
