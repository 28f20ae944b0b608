//! Differences that would cancel, each without its cancellation.

use crate::special::{digamma, lgamma};

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

/// From here on asymptotic series have their digits.
const SERIES_FROM: f64 = 12.0;

/// ln z - digamma(z) for z > 0: between 1/(2z) and 1/z. Source: NIST DLMF 5.11.2.
pub(super) fn ln_minus_digamma(z: f64) -> f64 {
    if z < SERIES_FROM {
        return z.ln() - digamma(z);
    }
    0.5 / z + digamma_rest(z)
}

/// ln z - 1/(2z) - digamma(z) for large z, about 1/(12 z^2).
fn digamma_rest(z: f64) -> f64 {
    // B_2k / (2k)
    let c = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32760.0,
        1.0 / 12.0,
        -3617.0 / 8160.0,
    ];
    let r = 1.0 / z;
    r * r * even(r, &c)
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
    let fall = 0.5 * d / low / high + (digamma_rest(low) - digamma_rest(high));
    if low == z { fall } else { steps + fall + (d / low).ln_1p() - (d / z).ln_1p() }
}

/// ln Gamma(z) - (z - 1/2) ln z + z - ln(2 pi)/2, about 1/(12 z). Source: NIST DLMF 5.11.1.
pub(super) fn stirling_rest(z: f64) -> f64 {
    if z < SERIES_FROM {
        return lgamma(z) - (z - 0.5) * z.ln() + z - HALF_LN_2PI;
    }
    let c = [
        1.0 / 12.0,
        -1.0 / 360.0,
        1.0 / 1260.0,
        -1.0 / 1680.0,
        1.0 / 1188.0,
        -691.0 / 360_360.0,
        1.0 / 156.0,
        -3617.0 / 122_400.0,
    ];
    let r = 1.0 / z;
    r * even(r, &c)
}

/// c[0] + c[1] r^2 + c[2] r^4 + ..
pub(super) fn even(r: f64, c: &[f64]) -> f64 {
    horner(r * r, c)
}

fn horner(x: f64, c: &[f64]) -> f64 {
    c.iter().rev().fold(0.0, |s, c| s * x + c)
}
