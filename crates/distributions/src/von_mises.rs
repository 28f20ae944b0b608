//! Von Mises: the bell curve of directions.

use std::f64::consts::{FRAC_PI_2, PI};

use numerics::special::log_bessel_i0e;

use crate::prelude::*;
use crate::quadrature::{ln_integral, log_add_exp, tails_from};

#[derive(Debug)]
pub struct VonMises;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("mean", Domain::Real)]),
    Slot::required(&[Parameter::new("concentration", Domain::NonNegative)]),
];

const SUPPORT: Support = Support::Interval { lower: -PI, upper: PI };

/// ln(2 pi).
const LN_2PI: f64 = 2.0 * emit::HALF_LN_2PI;

impl Distribution for VonMises {
    fn name(&self) -> &'static str {
        "von_mises"
    }
    fn doc(&self) -> &'static str {
        "A direction in radians, -pi to pi, around mean; sd about 1/sqrt(concentration) where that is large."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        SUPPORT
    }

    /// -2 concentration sin^2((x - mean) / 2) - ln(2 pi) - ln(e^-c I0(c)): the usual form less the
    /// concentration twice, which would cancel where it is large.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (mean, concentration) = (params.at(0), params.at(1));
        let angle = g.sub(x, mean);
        let half = g.scale(0.5, angle);
        let sine = g.unary(Unary::Sin, half);
        let square = g.square(sine);
        let square = g.scale(-2.0, square);
        let kernel = g.mul(concentration, square);
        let bessel = g.unary(Unary::LogBesselI0e, concentration);
        let norm = g.add_const(bessel, LN_2PI);
        let density = g.sub(kernel, norm);
        Ok(emit::within(g, x, SUPPORT, density))
    }

    fn scalar_tails(&self, params: &Params<f64>, x: f64) -> Option<Tails<f64>> {
        let (mean, concentration) = (wrap(params.at(0)), params.at(1));
        let norm = LN_2PI + log_bessel_i0e(concentration);
        // Between `from` and `to` without a mode or an antimode inside: from the higher end, as an
        // offset from the mode, so that a sharp one keeps its digits.
        let piece = |from: f64, to: f64| {
            let (a, b) = (from - mean, to - mean);
            let (start, sign) = if a.cos() >= b.cos() { (a, 1.0) } else { (b, -1.0) };
            // Not much further than where it falls below e^-800 of its start.
            let end = start.cos() - 800.0 / concentration;
            let length = if end > -1.0 { (to - from).min(end.acos() - wrap(start).abs()) } else { to - from };
            ln_integral(length, |t| -2.0 * concentration * (0.5 * (start + sign * t)).sin().powi(2))
        };
        let antimode = if mean > 0.0 { mean - PI } else { mean + PI };
        let (first, second) = (mean.min(antimode), mean.max(antimode));
        let between = |from: f64, to: f64| {
            let ends = [from, first.clamp(from, to), second.clamp(from, to), to];
            let pieces = ends.windows(2).filter(|w| w[0] < w[1]).map(|w| piece(w[0], w[1]));
            pieces.fold(f64::NEG_INFINITY, log_add_exp) - norm
        };
        let x = x.clamp(-PI, PI);
        Some(tails_from(x > mean, || between(-PI, x), || between(x, PI)))
    }

    /// Of probabilities counted from -pi, past which the density flows as the mean turns.
    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let (mean, k) = (params.at(0), params.at(1));
        let apart = |x: f64| (x - mean + PI).rem_euclid(2.0 * PI) - PI;
        let (at, start) = (apart(x), apart(-PI));
        let moved = |x| numerics::incomplete::von_mises::implicit(k, x);
        let flow = (k * (start.cos() - at.cos())).exp();
        Some(vec![1.0 - flow, moved(at) - moved(start) * flow])
    }

    /// Source: D. J. Best and N. I. Fisher, Efficient simulation of the von Mises distribution, Applied
    /// Statistics 28 (1979), with r - 1 and 1 - f in place of r and f, which near 1 have lost a narrow law.
    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (mean, k) = (params.at(0), params.at(1));
        if k == 0.0 {
            return Ok(PI * (2.0 * uniforms() - 1.0));
        }
        let root = 1f64.hypot(2.0 * k);
        let tau = 1.0 + root;
        // rho = (tau - sqrt(2 tau)) / 2k, and one less it, each without cancellation
        let rho = tau.sqrt() * 2.0 * k / ((tau.sqrt() + 2f64.sqrt()) * (root + 1.0));
        let gap = ((2.0 * tau).sqrt() - 1.0 - 1.0 / (root + 2.0 * k)) / (2.0 * k);
        let gap = if rho < 0.5 { 1.0 - rho } else { gap };
        let r_less_1 = gap * gap / (2.0 * rho);
        loop {
            let (sin, cos) = (FRAC_PI_2 * uniforms()).sin_cos();
            // 1 - f with f = (1 + r z) / (r + z), z = cos(pi u)
            let less = r_less_1 * 2.0 * sin * sin / (r_less_1 + 2.0 * cos * cos);
            let c = k * (r_less_1 + less);
            if (c / uniforms()).ln() + 1.0 >= c {
                let angle = 2.0 * (0.5 * less).sqrt().min(1.0).asin();
                let angle = if uniforms() < 0.5 { -angle } else { angle };
                return Ok(wrap(mean + angle).clamp(-PI, PI));
            }
        }
    }

    /// The mean of the number between -pi and pi, which is not the mean direction.
    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}

/// The same direction between -pi and pi.
fn wrap(x: f64) -> f64 {
    x - 2.0 * PI * (x / (2.0 * PI)).round()
}
