//! Probabilities among what is reported: a small one may be off by its whole size.

use super::*;
use crate::log_density::LaneFailure;
use crate::{Method, Verdict};
use numerics::lanes::Lanes;

/// A normal with slightly lighter tails, and two functions of it: one that is small but in its tail, and one about
/// a half.
struct Outcomes {
    density: Box<dyn LogDensity>,
    names: Vec<String>,
    /// How small the first is, on the log scale.
    tiny: f64,
    are_probabilities: bool,
}

impl Outcomes {
    fn new(tiny: f64, are_probabilities: bool) -> Outcomes {
        let density = Function::new(1, |z: &[f64], g: &mut [f64]| {
            g[0] = -z[0] - 0.032 * z[0].powi(3);
            -0.5 * z[0].powi(2) - 0.008 * z[0].powi(4)
        });
        let names = ["P(k=0)", "P(k=1)"].map(String::from).to_vec();
        Outcomes { density: Box::new(density), names, tiny, are_probabilities }
    }
}

impl LogDensity for Outcomes {
    fn dim(&self) -> usize {
        1
    }

    fn names(&self) -> &[String] {
        self.density.names()
    }

    fn eval(
        &mut self,
        z: &Lanes,
        value: &mut [f64],
        grad: Option<&mut Lanes>,
        failures: &mut Vec<LaneFailure>,
    ) {
        self.density.eval(z, value, grad, failures);
    }

    fn reported_names(&self) -> &[String] {
        &self.names
    }

    fn is_probability(&self, _: usize) -> bool {
        self.are_probabilities
    }

    fn report(&mut self, z: &Lanes, out: &mut Lanes) {
        for lane in 0..z.lanes() {
            let x = z.lane(lane)[0];
            out.set_lane(lane, &[0.5 * (5.0 * x - self.tiny).exp().min(1.0), 1.0 / (1.0 + (-x).exp())]);
        }
    }
}

fn judged(tiny: f64, are_probabilities: bool) -> Fit {
    // Not polished, so that both are judged by the same draws.
    let options = Options { method: Method::Vi, ..Options::default() };
    fit(&mut Outcomes::new(tiny, are_probabilities), &options, &mut Silent).expect("a fit")
}

#[test]
fn a_shift_of_a_tiny_probability_is_none() {
    let as_numbers = judged(40.0, false);
    assert_eq!(as_numbers.verdict, Verdict::Corrected);
    assert!(as_numbers.reasons.iter().all(|r| r.starts_with("P(k=0)")), "{:?}", as_numbers.reasons);
    let as_probabilities = judged(40.0, true);
    assert_eq!(as_probabilities.verdict, Verdict::Ok, "{:?}", as_probabilities.reasons);
    let [a, b] = [&as_numbers, &as_probabilities].map(|fit| &fit.parameters);
    assert!(a[0].shift.max(a[0].sd_shift.abs()) > 0.05 && b[0].shift < 1e-9, "{a:?} {b:?}");
    // One that varies by more than that is judged as any other.
    assert!((a[1].sd - b[1].sd).abs() < 1e-12 && a[1].sd > 0.02 && a[1].shift == b[1].shift, "{a:?} {b:?}");
}

/// One that is large enough to matter is still corrected.
#[test]
fn a_shift_of_a_probability_that_matters_is_one() {
    let fit = judged(14.0, true);
    assert_eq!(fit.verdict, Verdict::Corrected, "{:?}", fit.parameters);
    assert!(fit.reasons.iter().all(|r| r.starts_with("P(k=0)")), "{:?}", fit.reasons);
    let p = &fit.parameters[0];
    assert!(p.sd > 0.02 && p.shift.max(p.sd_shift.abs()) >= 0.05, "{p:?}");
}
