//! Reductions in a fixed order: the same bits however the work was cut up, on every machine.
//!
//! The tree is the same throughout. Element `i` goes to partial `i mod 8`, each partial takes its
//! elements in order of `i`, and the eight are joined as ((0+4)+(2+6)) + ((1+5)+(3+7)). So a sum over
//! rows may be taken in blocks of any multiple of [`BLOCK`] elements, one after the other, and is the sum of
//! the whole to the last bit; and a SIMD loop needs no other order. Products are rounded before they are
//! added ([`Pack::Unfused`]), so every instruction set gives the same bits too.
//!
//! ```
//! use numerics::reduce::{self, Partials};
//!
//! let x: Vec<f64> = (0..1000).map(|i| (i as f64).sin()).collect();
//! let mut blocks = Partials::default();
//! for block in x.chunks(128) {
//!     blocks.add(block);
//! }
//! assert_eq!(blocks.total().to_bits(), reduce::sum(&x).to_bits());
//! ```
//!
//! Errors: a sum of n terms is within (n/8 + 3) 2^-53 sum |x_i| of the truth, [`sum_compensated`]
//! within 2^-53 |sum| + n 2^-106 sum |x_i|, nearly. Infinities and NaN pass through as in scalar addition.

use crate::dispatch;
use crate::math;
use crate::simd::{Baseline, Isa, LaneMask, Pack};
use crate::special;

/// Blocks of a reduction are multiples of this many elements (but for the last).
pub const BLOCK: usize = 8;

/// The eight partial sums of a reduction under way.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[repr(C, align(64))]
pub struct Partials([f64; 8]);

impl Partials {
    /// Adds a block. All blocks but the last are multiples of [`BLOCK`] long.
    pub fn add(&mut self, x: &[f64]) {
        // SAFETY: detected.
        unsafe { pick_add(Isa::detect())(&mut self.0, x) }
    }

    /// Adds a block of products; the slices have one length.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add_dot(&mut self, x: &[f64], y: &[f64]) {
        assert_eq!(x.len(), y.len(), "factors have one length");
        // SAFETY: detected.
        unsafe { pick_add_dot(Isa::detect())(&mut self.0, x, y) }
    }

    /// The sum so far.
    pub fn total(&self) -> f64 {
        Baseline::from_array(self.0).sum_lanes()
    }
}

/// Sum; 0 when empty.
pub fn sum(x: &[f64]) -> f64 {
    let mut partials = Partials::default();
    partials.add(x);
    partials.total()
}

/// Sum of x_i y_i.
///
/// # Panics
/// If the lengths differ.
pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    let mut partials = Partials::default();
    partials.add_dot(x, y);
    partials.total()
}

/// Sum of x_i^2.
pub fn sum_squares(x: &[f64]) -> f64 {
    dot(x, x)
}

/// Sum with its rounding errors carried along (two-sum in each partial: T. Ogita, S. M. Rump, S. Oishi,
/// Accurate sum and dot product, 2005, algorithm 4.4), as if in twice the precision: for
/// sums that nearly cancel. About four times the work of [`sum`].
pub fn sum_compensated(x: &[f64]) -> f64 {
    let mut partials = [[0.0; 8]; 2];
    // SAFETY: detected.
    unsafe { pick_add_compensated(Isa::detect())(&mut partials, x) };
    let [sums, errors] = partials;
    let (mut s, mut e) = (0.0, Baseline::from_array(errors).sum_lanes());
    for x in sums {
        let t: f64 = s + x;
        let z = t - s;
        e += (s - (t - z)) + (x - z);
        s = t;
    }
    // Past an infinity the errors are NaN and mean nothing.
    if s.is_finite() { s + e } else { s }
}

/// Largest element; -inf when empty, NaN if any is.
pub fn max(x: &[f64]) -> f64 {
    // SAFETY: detected.
    unsafe { pick_max(Isa::detect())(x) }
}

/// ln of the sum of e^(x_i), without overflow.
///
/// -inf when empty or all are -inf, inf if any is inf, NaN if any is NaN. Error near that of [`sum`] in
/// the sum of the shifted exponentials, and an ulp of the largest element.
pub fn logsumexp(x: &[f64]) -> f64 {
    let top = max(x);
    if !top.is_finite() {
        return top;
    }
    let mut partials = [0.0; 8];
    // SAFETY: detected.
    unsafe { pick_add_exp(Isa::detect())(&mut partials, x, top) };
    top + special::ln(Baseline::from_array(partials).sum_lanes())
}

/// The eight elements from `i` on, `fill` where there are none.
#[inline(always)]
fn eight<P: Pack>(x: &[f64], i: usize, fill: f64) -> P {
    if i + 8 <= x.len() {
        // SAFETY: checked.
        return unsafe { P::load_unaligned(x.as_ptr().add(i)) };
    }
    let mut tail = [fill; 8];
    tail[..x.len() - i].copy_from_slice(&x[i..]);
    P::from_array(tail)
}

#[inline(always)]
fn add<P: Pack>(partials: &mut [f64; 8], x: &[f64]) {
    let mut sum = P::from_array(*partials);
    for i in (0..x.len()).step_by(8) {
        sum = sum + eight(x, i, 0.0);
    }
    *partials = sum.to_array();
}

#[inline(always)]
fn add_dot<P: Pack>(partials: &mut [f64; 8], x: &[f64], y: &[f64]) {
    let mut sum = P::from_array(*partials);
    for i in (0..x.len()).step_by(8) {
        sum = sum + eight::<P>(x, i, 0.0) * eight(y, i, 0.0);
    }
    *partials = sum.to_array();
}

#[inline(always)]
fn add_compensated<P: Pack>(partials: &mut [[f64; 8]; 2], x: &[f64]) {
    let [mut sum, mut error] = partials.map(P::from_array);
    for i in (0..x.len()).step_by(8) {
        let x: P = eight(x, i, 0.0);
        let t = sum + x;
        let z = t - sum;
        error = error + ((sum - (t - z)) + (x - z));
        sum = t;
    }
    *partials = [sum.to_array(), error.to_array()];
}

#[inline(always)]
fn add_exp<P: Pack>(partials: &mut [f64; 8], x: &[f64], shift: f64) {
    let shift = P::Unfused::splat(shift);
    let mut sum = P::Unfused::from_array(*partials);
    for i in (0..x.len()).step_by(8) {
        sum = sum + math::exp(eight::<P::Unfused>(x, i, f64::NEG_INFINITY) - shift);
    }
    *partials = sum.to_array();
}

#[inline(always)]
fn maximum<P: Pack>(x: &[f64]) -> f64 {
    let mut top = P::splat(f64::NEG_INFINITY);
    let mut nan = P::splat(0.0);
    for i in (0..x.len()).step_by(8) {
        let x: P = eight(x, i, f64::NEG_INFINITY);
        nan = P::select(x.is_nan(), x, nan);
        top = x.max(top); // a NaN leaves top as it was
    }
    if nan.is_nan().any() {
        return f64::NAN;
    }
    top.to_array().into_iter().fold(f64::NEG_INFINITY, f64::max)
}

dispatch! {
    fn pick_add = add(partials: &mut [f64; 8], x: &[f64]);
    fn pick_add_dot = add_dot(partials: &mut [f64; 8], x: &[f64], y: &[f64]);
    fn pick_add_compensated = add_compensated(partials: &mut [[f64; 8]; 2], x: &[f64]);
    fn pick_add_exp = add_exp(partials: &mut [f64; 8], x: &[f64], shift: f64);
    fn pick_max = maximum(x: &[f64]) -> f64;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::tests::available;

    /// Numbers of very different sizes, signs and a length that is no multiple of eight.
    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7919 % 1009) as f64 - 504.0) * 1.37f64.powi((i % 90) as i32 - 45)).collect()
    }

    fn by_the_tree(terms: impl Iterator<Item = f64>) -> f64 {
        let mut p = [0.0; 8];
        for (i, x) in terms.enumerate() {
            p[i % 8] += x;
        }
        ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))
    }

    #[test]
    fn the_tree_is_the_documented_one() {
        for n in [0, 1, 7, 8, 9, 16, 1003] {
            let (x, y) = (numbers(n), numbers(n + 1)[1..].to_vec());
            assert_eq!(sum(&x), by_the_tree(x.iter().copied()));
            assert_eq!(dot(&x, &y), by_the_tree(x.iter().zip(&y).map(|(a, b)| a * b)));
            assert_eq!(sum_squares(&x), by_the_tree(x.iter().map(|a| a * a)));
        }
    }

    #[test]
    fn blocks_and_instruction_sets_do_not_matter() {
        let (x, y) = (numbers(1003), numbers(1203)[200..].to_vec());
        for block in [8, 64, 128, 1000, 1008] {
            let (mut s, mut d) = (Partials::default(), Partials::default());
            for (x, y) in x.chunks(block).zip(y.chunks(block)) {
                s.add(x);
                d.add_dot(x, y);
            }
            assert_eq!((s.total(), d.total()), (sum(&x), dot(&x, &y)));
        }
        let results: Vec<_> = available()
            .map(|isa| {
                let (mut s, mut d, mut e, mut c) = ([0.0; 8], [0.0; 8], [0.0; 8], [[0.0; 8]; 2]);
                // SAFETY: available.
                unsafe {
                    pick_add(isa)(&mut s, &x);
                    pick_add_dot(isa)(&mut d, &x, &y);
                    pick_add_exp(isa)(&mut e, &x, 1e9);
                    pick_add_compensated(isa)(&mut c, &x);
                    (s, d, e, c, pick_max(isa)(&x))
                }
            })
            .collect();
        assert!(results.iter().all(|r| *r == results[0]));
    }

    #[test]
    fn compensation_survives_cancellation() {
        // Pairs +-1e16 k leave the sum of the small ones, i/64: exact.
        let small: Vec<f64> = (0..1000).map(|i| f64::from(i) / 64.0).collect();
        let mut x = Vec::new();
        for (i, &s) in small.iter().enumerate() {
            x.extend([1e16 * (i as f64 + 1.0), s, -1e16 * (1000.0 - i as f64)]);
        }
        let want = 999.0 * 1000.0 / 128.0;
        assert_eq!(sum_compensated(&x), want);
        assert_ne!(sum(&x), want);
        assert_eq!(sum_compensated(&[1.0, f64::INFINITY]), f64::INFINITY);
        assert!(sum_compensated(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn logsumexp_has_no_overflow_and_its_edges() {
        let ln = f64::ln;
        for shift in [0.0, 1000.0, -1000.0] {
            let x = [shift + ln(1.0), shift + ln(2.0), shift + ln(3.0), f64::NEG_INFINITY];
            let error = logsumexp(&x) - (shift + ln(6.0));
            assert!(error.abs() < 4e-16 * shift.abs().max(1.0), "{error:e}");
        }
        assert_eq!(logsumexp(&[]), f64::NEG_INFINITY);
        assert_eq!(logsumexp(&[f64::NEG_INFINITY; 9]), f64::NEG_INFINITY);
        assert_eq!(logsumexp(&[0.0, f64::INFINITY]), f64::INFINITY);
        assert!(logsumexp(&[0.0, f64::NAN, 1.0]).is_nan());
        assert!(logsumexp(&[f64::INFINITY, f64::NAN]).is_nan());
        assert_eq!(max(&[1.0, 3.0, 2.0]), 3.0);
    }
}
