//! Von Mises with mean 0 and concentration kappa: the implicit derivative.

use std::f64::consts::PI;

use super::quadrature::{Integrand, Shape, integrate};

/// pi is this much above its f64.
const PI_REST: f64 = 1.224_646_799_147_353_2e-16;

/// dx/dkappa of a draw x in [-pi, pi], its probability held fixed; it has the sign of -x.
///
/// The score is cos t - A(kappa), A = I1/I0 the mean of cos t.
///
/// Relative error below 1e-12 at kappa from 0 to 1e6. 0 at 0 and the ends; NaN outside.
pub fn implicit(kappa: f64, x: f64) -> f64 {
    let angle = x.abs();
    if !((0.0..f64::INFINITY).contains(&kappa) && angle <= PI) {
        return f64::NAN;
    }
    let short = shortfall(kappa);
    // 1 - cos x = 2 sin(x/2)^2 keeps digits where both are small.
    let outside = 2.0 * (0.5 * angle).sin().powi(2) >= short;
    let start = if outside { (PI - angle) + PI_REST } else { angle };
    let mut arc = Arc { kappa, short, start, outside, sum: 0.0 };
    integrate(&mut arc, (0.0, f64::INFINITY), start);
    let size = arc.sum.abs();
    if x > 0.0 { -size } else { size }
}

/// 1 - A(kappa), the mean of 2 sin(t/2)^2: the trapezoidal rule, which for a periodic function
/// converges faster than any power of the step.
fn shortfall(kappa: f64) -> f64 {
    // Steps of at most half a standard deviation, out to where nothing is left.
    let n = (8.0 + 7.0 * kappa.sqrt()).ceil().max(24.0);
    let h = PI / n;
    let (mut total, mut sum) = (0.5, 0.0);
    for k in 1..=n as usize {
        let last = k as f64 == n;
        let u = 2.0 * (0.5 * h * k as f64).sin().powi(2);
        let e = (-kappa * u).exp() * if last { 0.5 } else { 1.0 };
        total += e;
        sum += e * u;
        if e < 1e-20 {
            break;
        }
    }
    sum / total
}

/// From the point to pi (`outside`) or to 0: v is how far along.
struct Arc {
    kappa: f64,
    short: f64,
    /// How far the end is.
    start: f64,
    outside: bool,
    sum: f64,
}

impl Arc {
    /// The angle left to the end, and kappa (cos t - cos x).
    fn at(&self, v: f64) -> (f64, f64) {
        let left = self.start - v;
        let product = 2.0 * (0.5 * (self.start + left)).sin() * (0.5 * v).sin();
        (left, if self.outside { -self.kappa * product } else { self.kappa * product })
    }
}

impl Integrand for Arc {
    fn shape(&self, v: f64) -> Shape {
        let (left, phi) = self.at(v);
        let slope = self.kappa * left.sin() * if self.outside { -1.0 } else { 1.0 };
        Shape { phi, slope, curvature: self.kappa * left.cos().abs() }
    }

    fn add(&mut self, v: f64, width: f64) -> f64 {
        let (left, phi) = self.at(v);
        let e = width * phi.exp();
        // cos t - A
        let score = if self.outside {
            self.short - 2.0 * (0.5 * left).cos().powi(2)
        } else {
            self.short - 2.0 * (0.5 * left).sin().powi(2)
        };
        self.sum += e * score;
        e
    }
}
