"""Fits the polynomials of src/math and prints src/math/coefficients.rs.

    python3 -m pip install mpmath
    python3 tests/references/fit.py > src/math/coefficients.rs && cargo fmt

Near-minimax (Chebyshev interpolation at 60 digits), lowest power first. The largest error of each
fit, in units of 2^-53 and before the coefficients are rounded to f64, goes to standard error.
"""

import sys
from mpmath import mp, mpf, chebyfit, log, exp, sin, cos, sqrt, pi, erf, erfc, loggamma, psi, atanh, findroot, atan, besseli

mp.dps = 60

print("//! Printed by tests/references/fit.py, which says what each table approximates; not edited by hand.")
print("#![allow(clippy::excessive_precision, clippy::approx_constant, clippy::unreadable_literal)]")


def table(name, doc, f, interval, terms, weight):
    """Fits f by `terms` coefficients; weight(x) turns f's error into the result's error in ulp-like units."""
    c, _ = chebyfit(f, interval, terms, error=True)
    c = c[::-1]
    a, b = interval
    worst = 0
    for i in range(401):
        x = a + (b - a) * mpf(i) / 400
        worst = max(worst, abs((mp.polyval(c[::-1], x) - f(x)) * weight(x)))
    print(f"{name}: {mp.nstr(worst * 2**53, 3)}", file=sys.stderr)
    print(f"\n/// {doc}\npub(super) const {name}: [f64; {terms}] = [")
    for v in c:
        print(f"    {float(v)!r},")
    print("];")


def constant(name, doc, *parts):
    print(f"\n/// {doc}\npub(super) const {name}: [f64; {len(parts)}] = [{', '.join(repr(float(p)) for p in parts)}];")


def split(value, bits):
    """The value's leading bits, one part for each entry, the last part taking what is left."""
    parts = []
    for b in bits:
        e = int(mp.floor(log(abs(value), 2)))
        p = mp.floor(value * mpf(2) ** (b - 1 - e)) * mpf(2) ** (e - b + 1)
        parts.append(p)
        value -= p
    parts.append(value)
    return parts


half_ln2 = log(2) / 2 * (1 + mpf(2) ** -20)
mp.dps = 90  # differences below lose digits near 0


def expr(r):
    return mpf(1) / 2 if abs(r) < mpf(10) ** -25 else (exp(r) - 1 - r) / r**2


table("EXP", "(e^r - 1 - r) / r^2 on |r| <= ln(2)/2, for a small relative error of e^r - 1.", expr, [-half_ln2, half_ln2], 11,
      lambda r: r * r / (exp(r) - 1) if r else 0)
constant("LN2", "ln 2 in 32 bits and the rest: an integer of 21 bits times the first is exact.", *split(log(2), [32]))


def lnz(z):
    if z < mpf(10) ** -25:
        return mpf(2) / 3
    s = sqrt(z)
    return (2 * atanh(s) - 2 * s) / (s * z)


zmax = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2 * (1 + mpf(2) ** -20)
table("LN", "(2 atanh(s) - 2s) / s^3 in z = s^2, s = f / (2 + f), sqrt(1/2) <= 1 + f <= sqrt(2).", lnz, [0, zmax], 7, lambda z: z / 2)


def lnz2(z):
    if z < mpf(10) ** -20:
        return mpf(2) / 5
    s = sqrt(z)
    return (2 * atanh(s) - 2 * s - 2 * s * z / 3) / (s * z * z)


table("LN_TAIL", "(2 atanh(s) - 2s - 2s^3/3) / s^5 in z = s^2: for pow.", lnz2, [0, zmax], 8, lambda z: z * z / 2 * 2**11)
constant("TWO_THIRDS", "2/3 as a double-double.", *split(mpf(2) / 3, [53]))
constant("LN2_TAIL", "ln 2 in 42 bits and the rest: for pow.", *split(log(2), [42]))

zmax = (pi / 4) ** 2 * (1 + mpf(2) ** -20)
table("SIN", "(sin r - r) / r^3 in z = r^2, |r| <= pi/4.",
      lambda z: mpf(-1) / 6 if z < mpf(10) ** -25 else (sin(sqrt(z)) - sqrt(z)) / sqrt(z) ** 3, [0, zmax], 6,
      lambda z: z)
table("COS", "(cos r - 1 + r^2/2) / r^4 in z = r^2, |r| <= pi/4.",
      lambda z: mpf(1) / 24 if z < mpf(10) ** -20 else (cos(sqrt(z)) - 1 + z / 2) / z**2, [0, zmax], 6,
      lambda z: z * z)
constant("PI_2", "pi/2 in three parts of 33 bits and the rest: an integer of 20 bits times a part is exact.", *split(pi / 2, [33, 33, 33]))
constant("PI_2_DD", "pi/2 as a double-double.", *split(pi / 2, [53]))
mp.dps = 420
bits = int(mp.floor(2 / pi * mpf(2) ** 1280))
mp.dps = 90
print("\n/// 2/pi after the binary point, 64 bits a word.\npub(super) const TWO_OVER_PI: [u64; 20] = [")
for i in range(20):
    print(f"    0x{(bits >> (64 * (19 - i))) & (2**64 - 1):016x},")
print("];")

mp.dps = 60
table("ERF", "erf(x)/x in x^2, |x| <= 1.", lambda z: 2 / sqrt(pi) if z < mpf(10) ** -55 else erf(sqrt(z)) / sqrt(z), [0, 1], 12,
      lambda z: 1)


def erfcx(x):
    return exp(x * x) * erfc(x) if x < 1000 else (1 - 1 / (2 * x * x) + 3 / (4 * x**4) - 15 / (8 * x**6)) / (x * sqrt(pi))


K = mpf(7) / 2
# 1 + 9x/8 makes the fitted function nearly flat at 0, so that t's rounding does no harm.
table("ERFCX", "(1 + 9x/8) erfcx(x) in t = (2x - 7) / (2x + 7), x >= 0.",
      lambda t: 9 / (8 * sqrt(pi)) if 1 - t < mpf(10) ** -12 else (1 + mpf(9) / 8 * K * (1 + t) / (1 - t)) * erfcx(K * (1 + t) / (1 - t)), [-1, 1], 24,
      lambda t: 1)

table("LGAMMA", "ln Gamma(1 + f) / (f (f - 1)) in f - 1/2, 0 <= f <= 1.",
      lambda u: loggamma(mpf("1.5") + u) / ((u + mpf("0.5")) * (u - mpf("0.5"))), [mpf(-1) / 2 + mpf(10) ** -30, mpf(1) / 2 - mpf(10) ** -30],
      21, lambda u: 2)


def stirling(z):
    if z < mpf(10) ** -12:
        return mpf(1) / 12 - z / 360
    x = 1 / sqrt(z)
    return (loggamma(x) - (x - mpf("0.5")) * log(x) + x - log(2 * pi) / 2) * x


table("STIRLING", "(ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2) x in 1/x^2, x >= 8.", stirling, [0, mpf(1) / 64], 6,
      lambda z: sqrt(z) / 8)

root = findroot(lambda x: psi(0, x), 1.46)
constant("DIGAMMA_ROOT", "The positive zero of digamma, less 1, as a double-double.", *split(root - 1, [53]))
table("DIGAMMA", "digamma(1 + f) / (f - f0) in f - 1/2, 0 <= f <= 1.",
      lambda u: psi(0, mpf("1.5") + u) / (mpf("1.5") + u - root), [-mpf(1) / 2, mpf(1) / 2], 22, lambda u: 1)
table("DIGAMMA_TAIL", "(ln x - 1/(2x) - digamma(x)) x^2 in 1/x^2, x >= 8.",
      lambda z: mpf(1) / 12 - z / 120 if z < mpf(10) ** -12 else (log(1 / sqrt(z)) - sqrt(z) / 2 - psi(0, 1 / sqrt(z))) / z, [0, mpf(1) / 64], 6,
      lambda z: z / 2)
table("TRIGAMMA_TAIL", "(trigamma(x) - 1/x - 1/(2x^2)) x^3 in 1/x^2, x >= 8.",
      lambda z: mpf(1) / 6 - z / 30 if z < mpf(10) ** -12 else (psi(1, 1 / sqrt(z)) - sqrt(z) - z / 2) / (z * sqrt(z)), [0, mpf(1) / 64], 7,
      lambda z: z)

def rest(f, leading, power):
    """f(x) (x + 3/4)^power at t = 7/2 / (x + 3/4) - 1, f(x) being `leading` / x^power far out."""

    def at(t):
        if t + 1 < mpf(10) ** -14:
            return leading
        shifted = mpf(7) / 2 / (t + 1)
        return f(shifted - mpf(3) / 4) * shifted**power

    return at


table("LGAMMA_REST", "(ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi)/2) (x + 3/4) in 7/2 / (x + 3/4) - 1, x >= 1.",
      rest(lambda x: loggamma(x) - (x - mpf("0.5")) * log(x) + x - log(2 * pi) / 2, mpf(1) / 12, 1), [-1, 1], 20, lambda t: 12)
table("DIGAMMA_REST", "(ln x - 1/(2x) - digamma(x)) (x + 3/4)^2 in 7/2 / (x + 3/4) - 1, x >= 1.",
      rest(lambda x: log(x) - 1 / (2 * x) - psi(0, x), mpf(1) / 12, 2), [-1, 1], 21, lambda t: 12)
table("TRIGAMMA_REST", "(trigamma(x) - 1/x - 1/(2x^2)) (x + 3/4)^3 in 7/2 / (x + 3/4) - 1, x >= 1.",
      rest(lambda x: psi(1, x) - 1 / x - 1 / (2 * x * x), mpf(1) / 6, 3), [-1, 1], 22, lambda t: 6)

mp.dps = 90
table("ATAN", "(atan(s) - s) / s^3 in z = s^2, |s| <= tan(pi/8).",
      lambda z: mpf(-1) / 3 if z < mpf(10) ** -25 else (atan(sqrt(z)) - sqrt(z)) / (sqrt(z) * z), [0, (sqrt(mpf(2)) - 1) ** 2 * (1 + mpf(2) ** -20)], 11,
      lambda z: z)
constant("PI_4_DD", "pi/4 as a double-double.", *split(pi / 4, [53]))

table("BESSEL_I0", "(I0(x) - 1) / x^2 in x^2, 0 <= x <= 8.",
      lambda z: mpf(1) / 4 if z < mpf(10) ** -25 else (besseli(0, sqrt(z)) - 1) / z, [0, 64], 16, lambda z: z / besseli(0, sqrt(z)))
table("BESSEL_I1", "2 I1(x) / x in x^2, 0 <= x <= 8.",
      lambda z: mpf(1) if z < mpf(10) ** -50 else 2 * besseli(1, sqrt(z)) / sqrt(z), [0, 64], 16, lambda z: sqrt(z) / besseli(1, sqrt(z)) / 2 if z else 1)


def scaled_i0(y):
    """sqrt(x) e^-x I0(x) at x = 1/y."""
    return 1 / sqrt(2 * pi) * (1 + y / 8 + 9 * y * y / 128) if y < mpf(10) ** -20 else sqrt(1 / y) * exp(-1 / y) * besseli(0, 1 / y)


def bessel_gap(y):
    """(x (1 - I1(x) / I0(x)) - 1/2) x at x = 1/y."""
    return mpf(1) / 8 + y / 8 if y < mpf(10) ** -20 else ((1 - besseli(1, 1 / y) / besseli(0, 1 / y)) / y - mpf(1) / 2) / y


table("BESSEL_I0_TAIL", "sqrt(x) e^-x I0(x) in 1/x, x >= 8.", scaled_i0, [0, mpf(1) / 8], 23, lambda y: 1 / scaled_i0(y))
# In y itself terms of size 100 would cancel.
table("BESSEL_GAP_TAIL", "(x (1 - I1(x) / I0(x)) - 1/2) x in 16/x - 1, x >= 8.", lambda t: bessel_gap((t + 1) / 16), [-1, 1], 26, lambda t: (t + 1) / 8)
