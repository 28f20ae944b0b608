//! Exponents of units: exact fractions of one fixed denominator.

use std::fmt;
use std::ops::{Add, Neg};

/// lcm(1..=16) * 25: every fraction with a denominator up to 16, and every decimal of three places
/// (allometry writes `mass^0.738`), is a whole number of these.
const PARTS: i64 = 18_018_000;
/// No exponent beyond this has a use; the bound keeps every operation exact.
const LARGEST: i64 = 100;

/// A rational power, such as 2, -1 or 1/2.
///
/// Held as a whole number of parts of one denominator, so that sums are exact and equality is
/// equality of integers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Exponent(i64);

impl Exponent {
    pub const ZERO: Exponent = Exponent(0);
    pub const ONE: Exponent = Exponent(PARTS);
    pub const HALF: Exponent = Exponent(PARTS / 2);

    /// A whole power; nothing beyond 100 in absolute value.
    pub fn whole(n: i64) -> Option<Exponent> {
        (n.checked_abs()? <= LARGEST).then(|| Exponent(n * PARTS))
    }

    /// `p / q`; nothing if `q` is 0, or the fraction is none of the exact ones.
    pub fn ratio(p: i64, q: i64) -> Option<Exponent> {
        let parts = i128::from(p) * i128::from(PARTS);
        let q = i128::from(q);
        (q != 0 && parts % q == 0).then(|| parts / q).and_then(Exponent::bounded)
    }

    /// The exact fraction that `x` is to its last digits (1/3 in f64 is one third).
    ///
    /// Nothing where there is none: not finite, beyond 100 in absolute value, or finer than fractions
    /// with a denominator up to 16 and decimals of three places.
    pub fn from_f64(x: f64) -> Option<Exponent> {
        if x.abs() > LARGEST as f64 || x.is_nan() {
            return None;
        }
        let parts = x * PARTS as f64;
        // |x| <= 100 has 1.8e9 parts at most, and so a rounding error of 2e-7 of a part at most.
        ((parts - parts.round()).abs() < 1e-6).then(|| Exponent(parts.round() as i64))
    }

    pub fn to_f64(self) -> f64 {
        self.0 as f64 / PARTS as f64
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Nothing where the product is no exponent.
    pub fn times(self, other: Exponent) -> Option<Exponent> {
        let product = i128::from(self.0) * i128::from(other.0);
        let parts = i128::from(PARTS);
        (product % parts == 0).then_some(product / parts).and_then(Exponent::bounded)
    }

    /// The whole number that it is.
    pub fn as_whole(self) -> Option<i64> {
        (self.0 % PARTS == 0).then_some(self.0 / PARTS)
    }

    fn bounded(parts: i128) -> Option<Exponent> {
        (parts.abs() <= i128::from(LARGEST * PARTS)).then_some(Exponent(parts as i64))
    }
}

/// Saturating, far beyond any power that a unit can be raised to.
impl Add for Exponent {
    type Output = Exponent;

    fn add(self, other: Exponent) -> Exponent {
        Exponent(self.0.saturating_add(other.0))
    }
}

impl Neg for Exponent {
    type Output = Exponent;

    fn neg(self) -> Exponent {
        Exponent(self.0.saturating_neg())
    }
}

/// `2`, `-1`, `0.5`, `1/3`: as it may be written after `^`, where a fraction takes parentheses.
impl fmt::Display for Exponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(n) = self.as_whole() {
            return write!(f, "{n}");
        }
        if (i128::from(self.0) * 1000) % i128::from(PARTS) == 0 {
            return write!(f, "{}", self.to_f64());
        }
        let common = gcd(self.0.unsigned_abs(), PARTS.unsigned_abs()) as i64;
        write!(f, "({}/{})", self.0 / common, PARTS / common)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact() {
        let third = Exponent::from_f64(1.0 / 3.0).unwrap();
        assert_eq!(third, Exponent::ratio(1, 3).unwrap());
        assert_eq!(third + third + third, Exponent::ONE);
        assert_eq!(Exponent::from_f64(0.738), Exponent::ratio(738, 1000));
        assert_eq!(Exponent::HALF.times(Exponent::HALF), Exponent::ratio(1, 4));
        assert_eq!(Exponent::from_f64(99.0 + 1.0 / 7.0), Exponent::ratio(694, 7));
    }

    #[test]
    fn what_is_no_exponent_is_refused() {
        for x in [f64::NAN, f64::INFINITY, 100.5, -101.0, std::f64::consts::PI, 1.0 / 17.0] {
            assert_eq!(Exponent::from_f64(x), None, "{x}");
        }
        assert_eq!(Exponent::ratio(1, 0), None);
        assert_eq!(Exponent::whole(i64::MIN), None);
        assert_eq!(Exponent::whole(100).unwrap().times(Exponent::whole(2).unwrap()), None);
        assert_eq!(Exponent::ratio(1, 16).unwrap().times(Exponent::HALF), None);
    }

    #[test]
    fn they_print_as_they_are_written() {
        let show = |p, q| Exponent::ratio(p, q).unwrap().to_string();
        assert_eq!([show(2, 1), show(-1, 2), show(1, 3), show(738, 1000)], ["2", "-0.5", "(1/3)", "0.738"]);
    }
}
