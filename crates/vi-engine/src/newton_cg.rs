//! Newton's method without Hessians: conjugate gradients on Hessian-vector products, within a trust
//! region.
//!
//! A product `H v` is the central difference of gradients at `x +- h v`, so it is as good as they are smooth:
//! it is good to some 1e-6 of its size, not to rounding, for gradients are not differentiated once more.
//! Steps solve `H p = -g` only as well as the gradient is small (Nocedal and Wright, Numerical Optimization,
//! 2nd edition, algorithms 7.1 and 7.2, Steihaug's conjugate gradients, and 4.1), and the last ones converge
//! superlinearly.

use nalgebra::DMatrix;
use numerics::reduce::dot;

use crate::lbfgs::{Answer, Ending, Minimum, Tolerance, norm};

/// Length of the difference, in parameters of order one: the error of a solver of equations, 1e-8 or so,
/// vanishes in it.
const STEP: f64 = 1e-3;
/// Trust region: first radius, largest radius, and the smallest before the search has stalled.
const RADIUS: f64 = 1.0;
const WIDEST: f64 = 100.0;
const NARROWEST: f64 = 1e-9;
/// A step is taken where it gains this part of what the quadratic model promised.
const ACCEPTED: f64 = 1e-3;

/// Function, counted.
struct Counted<'f> {
    f: &'f mut dyn FnMut(&[f64], &mut [f64]) -> Answer,
    evaluations: usize,
    stopped: bool,
}

impl Counted<'_> {
    /// Value and gradient; `None` where either is not finite, or the function wants to stop.
    fn at(&mut self, x: &[f64]) -> Option<(f64, Vec<f64>)> {
        let mut gradient = vec![0.0; x.len()];
        match (self.f)(x, &mut gradient) {
            Answer::Value(value) => {
                self.evaluations += 1;
                let sound = value.is_finite() && gradient.iter().all(|g| g.is_finite());
                sound.then_some((value, gradient))
            }
            Answer::Stop => {
                self.stopped = true;
                None
            }
        }
    }

    /// `H v` at `x`, where the gradient is `g`; by a one-sided difference where one side has none.
    fn product(&mut self, x: &[f64], g: &[f64], v: &[f64]) -> Option<Vec<f64>> {
        let length = norm(v);
        let h = STEP / length;
        let up = self.at(&moved(x, h, v));
        let down = self.at(&moved(x, -h, v));
        let (above, below, width) = match (&up, &down) {
            (Some((_, a)), Some((_, b))) => (&a[..], &b[..], 2.0 * h),
            (Some((_, a)), None) => (&a[..], g, h),
            (None, Some((_, b))) => (g, &b[..], h),
            (None, None) => return None,
        };
        Some(above.iter().zip(below).map(|(a, b)| (a - b) / width).collect())
    }
}

/// The Hessian of `f` at `x`, made symmetric. `None` where `f` fails beside `x`, or wants to stop.
pub(crate) fn hessian(x: &[f64], f: &mut dyn FnMut(&[f64], &mut [f64]) -> Answer) -> Option<DMatrix<f64>> {
    let n = x.len();
    let mut f = Counted { f, evaluations: 0, stopped: false };
    let (_, gradient) = f.at(x)?;
    let mut rows = DMatrix::zeros(n, n);
    for i in 0..n {
        let mut direction = vec![0.0; n];
        direction[i] = 1.0;
        let product = f.product(x, &gradient, &direction)?;
        if f.stopped {
            return None;
        }
        product.iter().enumerate().for_each(|(j, x)| rows[(i, j)] = *x);
    }
    Some((&rows + rows.transpose()) * 0.5)
}

/// Minimises `f` (value and gradient) from `start`, in coordinates in which parameters are of order one.
///
/// Returns `None` where `f` fails at `start`. `f` may fail elsewhere: such points are stepped back from.
pub fn minimise(
    start: &[f64],
    tolerance: Tolerance,
    f: &mut dyn FnMut(&[f64], &mut [f64]) -> Answer,
) -> Option<Minimum> {
    let mut f = Counted { f, evaluations: 0, stopped: false };
    let (mut value, mut gradient) = f.at(start)?;
    let mut x = start.to_vec();
    let mut trail = vec![(x.clone(), value)];
    let mut radius = RADIUS;
    let ending = loop {
        if norm(&gradient) <= tolerance.gradient {
            break Ending::Converged;
        }
        if f.evaluations >= tolerance.evaluations {
            break Ending::Exhausted;
        }
        if radius < NARROWEST {
            break Ending::Stalled;
        }
        let step = step(&mut f, &x, &gradient, radius);
        if f.stopped {
            break Ending::Interrupted;
        }
        let Some(Step { p, promised }) = step else { break Ending::Stalled };
        let next = moved(&x, 1.0, &p);
        let found = f.at(&next);
        if f.stopped {
            break Ending::Interrupted;
        }
        let gain = found.as_ref().map_or(f64::NEG_INFINITY, |(at, _)| value - at);
        let kept = gain / promised;
        if kept < 0.25 {
            radius = 0.25 * radius.min(norm(&p));
        } else if kept > 0.75 && norm(&p) > 0.9 * radius {
            radius = (2.0 * radius).min(WIDEST);
        }
        if let (Some((at, slope)), true) = (found, kept > ACCEPTED) {
            (x, value, gradient) = (next, at, slope);
            trail.push((x.clone(), value));
        }
        if promised < tolerance.gain && gain.abs() < tolerance.gain {
            break Ending::Converged;
        }
    };
    Some(Minimum { x, value, evaluations: f.evaluations, ending, trail })
}

struct Step {
    p: Vec<f64>,
    /// Fall of the quadratic model.
    promised: f64,
}

/// Steihaug's conjugate gradients. `None` where there is not one product, or no descent.
fn step(f: &mut Counted, x: &[f64], g: &[f64], radius: f64) -> Option<Step> {
    let length = norm(g);
    let wanted = length * length.sqrt().min(0.5);
    let (mut p, mut hp) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let mut residual: Vec<f64> = g.to_vec();
    let mut direction: Vec<f64> = g.iter().map(|g| -g).collect();
    for _ in 0..x.len().max(1) {
        let Some(product) = f.product(x, g, &direction) else { break };
        let curvature = dot(&direction, &product);
        let square = dot(&residual, &residual);
        let inside = square / curvature;
        let leaves = curvature <= 0.0 || norm(&moved(&p, inside, &direction)) >= radius;
        let along = if leaves { to_the_edge(&p, &direction, radius) } else { inside };
        p = moved(&p, along, &direction);
        hp = moved(&hp, along, &product);
        residual = moved(&residual, along, &product);
        if leaves || norm(&residual) <= wanted {
            break;
        }
        let ratio = dot(&residual, &residual) / square;
        direction = direction.iter().zip(&residual).map(|(d, r)| ratio * d - r).collect();
    }
    let promised = -(dot(g, &p) + 0.5 * dot(&p, &hp));
    (promised > 0.0).then_some(Step { p, promised })
}

/// The `t > 0` at which `|p + t direction|` is `radius`.
fn to_the_edge(p: &[f64], direction: &[f64], radius: f64) -> f64 {
    let (a, b) = (dot(direction, direction), dot(p, direction));
    let c = dot(p, p) - radius * radius;
    // c <= 0, and the form without cancellation for b > 0
    let root = (b * b - a * c).max(0.0).sqrt();
    if b > 0.0 { -c / (b + root) } else { (root - b) / a }
}

/// `x + t v`.
fn moved(x: &[f64], t: f64, v: &[f64]) -> Vec<f64> {
    x.iter().zip(v).map(|(x, v)| x + t * v).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rosenbrock;

    const TOLERANCE: Tolerance = Tolerance { gain: 1e-12, gradient: 1e-8, evaluations: 5000 };

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let end = minimise(&[-1.2, 1.0], TOLERANCE, &mut |x, g| Answer::Value(rosenbrock(x, g))).unwrap();
        assert_eq!(end.ending, Ending::Converged);
        assert!((end.x[0] - 1.0).abs() < 1e-7 && (end.x[1] - 1.0).abs() < 1e-7, "{:?}", end.x);
        assert!(end.evaluations < 400, "{}", end.evaluations);
        assert!(end.trail.windows(2).all(|pair| pair[1].1 < pair[0].1));
    }

    #[test]
    fn a_quadratic_takes_few_products() {
        let weights = [1.0, 4.0, 9.0, 0.5, 2.0, 7.0];
        let end = minimise(&[0.3; 6], TOLERANCE, &mut |x, g| {
            (0..6).for_each(|i| g[i] = weights[i] * (x[i] - 0.1));
            Answer::Value((0..6).map(|i| 0.5 * weights[i] * (x[i] - 0.1).powi(2)).sum())
        })
        .unwrap();
        assert_eq!(end.ending, Ending::Converged);
        assert!(end.x.iter().all(|x| (x - 0.1).abs() < 1e-8), "{:?}", end.x);
        assert!(end.evaluations < 60, "{}", end.evaluations);
    }

    #[test]
    fn a_saddle_is_left_and_a_wall_is_stepped_back_from() {
        // minima at x = -1 and 1; no value beyond 1.3
        let mut failures = 0;
        let end = minimise(&[1e-3, 0.5], TOLERANCE, &mut |x, g| {
            if x[0] > 1.3 {
                failures += 1;
                return Answer::Value(f64::NAN);
            }
            g[0] = x[0].powi(3) - x[0];
            g[1] = x[1];
            Answer::Value(0.25 * x[0].powi(4) - 0.5 * x[0].powi(2) + 0.5 * x[1] * x[1])
        })
        .unwrap();
        assert_eq!(end.ending, Ending::Converged);
        assert!((end.x[0].abs() - 1.0).abs() < 1e-7 && end.x[1].abs() < 1e-7, "{:?}", end.x);
        assert!(minimise(&[0.0], TOLERANCE, &mut |_, _| Answer::Value(f64::NAN)).is_none());
        let mut calls = 0;
        let end = minimise(&[-1.2, 1.0], TOLERANCE, &mut |x, g| {
            calls += 1;
            if calls > 10 { Answer::Stop } else { Answer::Value(rosenbrock(x, g)) }
        })
        .unwrap();
        assert_eq!((end.ending, end.evaluations), (Ending::Interrupted, 10));
    }
}
