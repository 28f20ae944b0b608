//! Differences that would cancel, each without its cancellation.

use crate::special::digamma_rest;

/// ln(2 pi) / 2.
pub(super) const HALF_LN_2PI: f64 = 0.918_938_533_204_672_7;

/// ln(1 - e^l) for l <= 0; -inf at 0. Source: M. Maechler, Accurately computing log(1 - exp(-|a|))
/// (2012), equation (7).
pub fn ln_1m_exp(l: f64) -> f64 {
    if l > -std::f64::consts::LN_2 { (-l.exp_m1()).ln() } else { (-l.exp()).ln_1p() }
}

/// ln(1 + e^w).
pub(super) fn softplus(w: f64) -> f64 {
    w.max(0.0) + (-w.abs()).exp().ln_1p()
}

/// ln(1 + z) - z for z > -1, about -z^2/2.
pub(super) fn log1pmx(z: f64) -> f64 {
    if z.is_nan() || !(-0.5..=0.6).contains(&z) {
        return z.ln_1p() - z;
    }
    // ln(1 + z) = 2 atanh(r), and 2 r - z = -z r.
    let r = z / (2.0 + z);
    let r2 = r * r;
    // r^2 is 1/9 at most.
    let sum = if r2 < 0.01 { horner(r2, &ODD[..8]) } else { horner(r2, &ODD) };
    r * (2.0 * r2 * sum - z)
}

/// e^v - 1 - v, about v^2/2.
pub(super) fn expm1mx(v: f64) -> f64 {
    if v.is_nan() || v.abs() > 0.5 {
        return v.exp_m1() - v;
    }
    v * v * if v.abs() < 0.02 { horner(v, &FACTORIALS[..8]) } else { horner(v, &FACTORIALS) }
}

/// 1/3, 1/5, ..
const ODD: [f64; 16] = {
    let (mut c, mut k) = ([0.0; 16], 0);
    while k < 16 {
        c[k] = 1.0 / (2 * k + 3) as f64;
        k += 1;
    }
    c
};

/// 1/2!, 1/3!, ..
const FACTORIALS: [f64; 15] = {
    let (mut c, mut k) = ([0.5; 15], 1);
    while k < 15 {
        c[k] = c[k - 1] / (k + 2) as f64;
        k += 1;
    }
    c
};

/// From here on differences of the rests have their digits.
const SERIES_FROM: f64 = 12.0;

/// ln z - digamma(z) for z > 0: between 1/(2z) and 1/z.
pub(super) fn ln_minus_digamma(z: f64) -> f64 {
    0.5 / z - digamma_rest(z)
}

/// `ln_minus_digamma(z) - ln_minus_digamma(z + d)` for d > 0, also where d is small.
pub(super) fn ln_minus_digamma_fall(z: f64, d: f64) -> f64 {
    // digamma(z + d) - digamma(z), shifted up by its recurrence to where the series are.
    let (mut low, mut steps) = (z, 0.0);
    while low < SERIES_FROM {
        steps += d / low / (low + d);
        low += 1.0;
    }
    let high = low + d;
    let fall = 0.5 * d / low / high + (digamma_rest(high) - digamma_rest(low));
    if low == z { fall } else { steps + fall + (d / low).ln_1p() - (d / z).ln_1p() }
}

/// c[0] + c[1] r^2 + c[2] r^4 + ..
pub(super) fn even(r: f64, c: &[f64]) -> f64 {
    horner(r * r, c)
}

fn horner(x: f64, c: &[f64]) -> f64 {
    c.iter().rev().fold(0.0, |s, c| s * x + c)
}
