//! The factor of a unit to the coherent SI unit of its dimensions.

use std::fmt;

use crate::Exponent;

/// Two factors are the same if they differ by less than this, relative to one. Products of factors
/// carry rounding errors of 1e-15; no two units in use are nearer than 1e-6 to each other.
const SAME: f64 = 1e-12;

/// `rest * 10^ten`. Powers of ten are kept apart, so that prefixes are exact and mM to uM is 1000,
/// not 1000.0000000000001.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    rest: f64,
    ten: i64,
}

impl Scale {
    pub const ONE: Scale = Scale { rest: 1.0, ten: 0 };

    pub fn ten_to(ten: i64) -> Scale {
        Scale { rest: 1.0, ten }
    }

    /// A positive decimal number, `12.5` or `1.66e-27`; nothing for anything else.
    pub fn read(text: &str) -> Option<Scale> {
        let (digits, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok().filter(|e| e.abs() <= 300)?),
            None => (text, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() || !whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit()) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let kept = significant.trim_end_matches('0');
        if kept.is_empty() || significant.len() > 300 {
            return None;
        }
        let zeros = (significant.len() - kept.len()) as i64;
        Some(Scale { rest: kept.parse().ok()?, ten: exponent - fraction.len() as i64 + zeros }.kept())
    }

    pub fn times(self, other: Scale) -> Scale {
        Scale { rest: self.rest * other.rest, ten: self.ten.saturating_add(other.ten) }.kept()
    }

    /// Any `Exponent` is at most 100 in absolute value, so that the power of `rest`, which is first
    /// brought to [1, 10), stays finite.
    pub fn pow(self, power: Exponent) -> Scale {
        let Some(n) = power.as_whole() else {
            let p = power.to_f64();
            let tens = self.ten as f64 * p;
            let normal = self.normal();
            let moved = (normal.ten - self.ten) as f64 * p;
            let whole = tens.floor() + moved.floor();
            let fraction = tens.fract().rem_euclid(1.0) + (moved - moved.floor());
            return Scale { rest: normal.rest.powf(p) * 10f64.powf(fraction), ten: whole as i64 }.kept();
        };
        let power = |s: Scale| Scale { rest: s.rest.powi(n as i32), ten: s.ten.saturating_mul(n) };
        let exact = power(self);
        // Whole numbers stay whole as long as they can.
        if (1e-200..=1e200).contains(&exact.rest) { exact.kept() } else { power(self.normal()).kept() }
    }

    pub fn recip(self) -> Scale {
        Scale { rest: self.rest.recip(), ten: self.ten.saturating_neg() }
    }

    pub fn same(self, other: Scale) -> bool {
        let ratio = self.over(other).to_f64();
        (ratio - 1.0).abs() < SAME
    }

    pub fn over(self, other: Scale) -> Scale {
        Scale { rest: self.rest / other.rest, ten: self.ten.saturating_sub(other.ten) }.kept()
    }

    /// 0 or infinite where no f64 holds it.
    pub fn to_f64(self) -> f64 {
        // What is a power of ten is read as one, correctly rounded; 10f64.powi is not.
        let power = |ten: i64| format!("1e{ten}").parse::<f64>().unwrap_or(f64::NAN);
        match self.ten {
            0 => self.rest,
            t if (1..=300).contains(&t) => self.rest * power(t),
            // Division by an exact power of ten rounds once.
            t if (-300..0).contains(&t) => self.rest / power(-t),
            t if t > 0 => self.rest * 1e300 * power((t - 300).min(10_000)),
            t => self.rest / 1e300 * power((t + 300).max(-10_000)),
        }
    }

    /// Kept within range: only then is `rest` rounded.
    fn kept(self) -> Scale {
        if (1e-100..=1e100).contains(&self.rest) { self } else { self.normal() }
    }

    fn normal(self) -> Scale {
        let shift = self.rest.log10().floor();
        if !shift.is_finite() || shift == 0.0 {
            return self;
        }
        Scale { rest: self.rest / 10f64.powi(shift as i32), ten: self.ten.saturating_add(shift as i64) }
    }
}

/// A number as a unit is written with it: `10^6`, `60`, `1.73`.
impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_f64();
        let ten = value.log10().round();
        if value.is_finite() && value > 0.0 && ten.abs() >= 3.0 && self.same(Scale::ten_to(ten as i64)) {
            return write!(f, "10^{ten}");
        }
        if value == 0.0 || !value.is_finite() {
            return write!(f, "{}e{}", self.rest, self.ten);
        }
        if (1e-4..1e7).contains(&value) { write!(f, "{value}") } else { write!(f, "{value:e}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for text in
            ["60", "0.01", "1e6", "1.66053906892e-27", "101325", "10", "0.45359237", "1.7453292519943295e-2"]
        {
            let expected: f64 = text.parse().unwrap();
            let found = Scale::read(text).unwrap().to_f64();
            assert!((found / expected - 1.0).abs() < 4e-16, "{text}: {found}");
        }
        for text in ["", "0", "-1", "1e", "e5", "1e999", ".5", "1.2.3", "inf"] {
            assert!(Scale::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn powers_agree_with_repeated_products_and_stay_in_range() {
        let s = Scale::read("1234.5").unwrap();
        let cube = s.times(s).times(s);
        assert!(s.pow(Exponent::whole(3).unwrap()).same(cube));
        assert!(cube.pow(Exponent::ratio(1, 3).unwrap()).same(s));
        assert!(cube.recip().pow(Exponent::ratio(-1, 3).unwrap()).same(s));
        let root = Scale::ten_to(-3).pow(Exponent::HALF);
        assert!(root.times(root).same(Scale::ten_to(-3)));
        let huge = Scale::read("9e300").unwrap().pow(Exponent::whole(100).unwrap());
        assert!(huge.times(huge.recip()).same(Scale::ONE));
        assert_eq!(huge.to_f64(), f64::INFINITY);
        assert_eq!(huge.recip().to_f64(), 0.0);
    }
}
