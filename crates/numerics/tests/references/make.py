"""Writes the references of tests/accuracy.rs: <function>.csv beside this file.

    python3 -m pip install mpmath
    python3 tests/references/make.py [points per range] [folder]

A line holds the argument (two for pow) and the value to 106 bits, as two f64 whose sum it is, each
as the 16 hexadecimal digits of its bits. Values are computed with 60 digits or more.
"""

import math
import random
import struct
import sys
from pathlib import Path
from mpmath import mp, mpf

mp.dps = 60
N = int(sys.argv[1]) if len(sys.argv) > 1 else 150
FOLDER = Path(sys.argv[2] if len(sys.argv) > 2 else __file__).resolve()
FOLDER = FOLDER if FOLDER.is_dir() else FOLDER.parent
SUBNORMAL = mpf(2) ** -1074


def bits(x):
    return f"{struct.unpack('>Q', struct.pack('>d', x))[0]:016x}"


def nearest(v):
    """The f64 nearest to v, subnormals included."""
    if abs(v) < mpf(2) ** -1021:
        return math.ldexp(int(mp.nint(v / SUBNORMAL)), -1074)
    return float(v)


def pair(v):
    hi = nearest(v)
    return hi, nearest(v - mpf(hi))


def write(name, points, f):
    rng = random.Random(name)
    lines = []
    for x in points(rng):
        args = x if isinstance(x, tuple) else (x,)
        v = f(*map(mpf, args))
        if not abs(v) < mpf(2) ** 1024 - mpf(2) ** 970:
            continue  # overflow: an edge, tested as one
        lines.append(",".join(bits(float(a)) for a in args + pair(v)))
    (FOLDER / f"{name}.csv").write_text("\n".join(lines) + "\n")
    print(name, len(lines))


def uniform(a, b):
    return lambda rng: [rng.uniform(a, b) for _ in range(N)]


def logs(a, b, sign=1):
    """Log-uniform between a and b, both positive."""
    return lambda rng: [sign * math.exp(rng.uniform(math.log(a), math.log(b))) for _ in range(N)]


def both(a, b):
    return lambda rng: [rng.choice([-1, 1]) * math.exp(rng.uniform(math.log(a), math.log(b))) for _ in range(N)]


def near(*centres):
    """Within a few ulp to 1e-3 of the centres, on both sides."""

    def points(rng):
        out = []
        for c in centres:
            out += [c, math.nextafter(c, math.inf), math.nextafter(c, -math.inf)]
            out += [c + rng.choice([-1, 1]) * abs(c) * 10 ** rng.uniform(-16, -3) for _ in range(max(N // 10, 8))]
        return out

    return points


def join(*parts):
    return lambda rng: [x for p in parts for x in p(rng)]


def erfcx(x):
    if x < 1e6:
        return mp.exp(x * x) * mp.erfc(x)
    z = 1 / (2 * x * x)
    return (1 - z + 3 * z**2 - 15 * z**3 + 105 * z**4) / (x * mp.sqrt(mp.pi))


def ln_q(x):
    if x < 0:
        return mp.log1p(-mp.erfc(-x / mp.sqrt(2)) / 2)
    return -x * x / 2 + mp.log(erfcx(x / mp.sqrt(2)) / 2)


def hazard(x):
    if x < -20:
        return mp.npdf(x)
    return mp.sqrt(2 / mp.pi) / erfcx(x / mp.sqrt(2))


def ndtr(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def ndtri(p):
    if p > 0.5:
        return -ndtri(1 - p)
    if p == 0.5:
        return mpf(0)
    z = -mp.sqrt(-2 * mp.log(p)) if p < 0.1 else mp.sqrt(2 * mp.pi) * (p - mpf("0.5"))
    for _ in range(60):  # Newton on ln Phi, which is concave
        step = (mp.log(ndtr(z)) - mp.log(p)) * ndtr(z) / mp.npdf(z)
        z -= step
        if abs(step) < abs(z) * mpf(10) ** -45:
            return z
    raise ArithmeticError(f"ndtri({p})")


def multiples(step, top):
    """The f64 nearest to random multiples of a step: where reduction cancels."""
    return lambda rng: [float(mp.mpf(rng.choice([-1, 1]) * int(math.exp(rng.uniform(0, math.log(top))))) * step) for _ in range(N)]


MAX = 1.79e308
TINY = 2.3e-308
ANGLES = join(uniform(-4, 4), both(1e-300, 1), uniform(-1e5, 1e5), both(1, 1.6e6), both(1.5e6, MAX), multiples(mp.pi / 2, 1e6),
              multiples(mp.pi / 4, 1e6), lambda rng: [math.ldexp(6381956970095103, 797), 1.6e6, -1.6e6, 6381956970095103.0])
POSITIVE = join(uniform(0, 10), logs(1e-300, 1), logs(1, MAX / 1000), near(1.0, 2.0, 1.4616321449683622, 8.0, 3.0, 7.0), logs(5e-324, 1e-300))
NEGATIVE = join(uniform(-30, 0), logs(1e-300, 1, -1), logs(1, 1e5, -1), near(-1.0, -2.0, -3.5, -10.0, -2.4570247382208006))

mp.dps = 400  # sines of huge angles
write("sin", ANGLES, mp.sin)
write("cos", ANGLES, mp.cos)
mp.dps = 60
write("exp", join(uniform(-2, 2), uniform(-745.1, 709.78), both(1e-20, 1), uniform(-745.1, -708), near(0.34657359027997264, -0.34657359027997264, 709.78)), mp.exp)
write("expm1", join(uniform(-2, 2), uniform(-40, 709.78), both(5e-324, 1), both(0.1, 3), near(0.34657359027997264, -0.34657359027997264, -1.0397207708399179, 1.0397207708399179)), mp.expm1)
write("ln", join(uniform(0, 3), logs(TINY, MAX), logs(5e-324, TINY), near(1.0, 0.7071067811865476, 1.4142135623730951, 2.0)), mp.log)
write("log1p", join(uniform(-1, 3), both(5e-324, 1), logs(1, MAX), lambda rng: [-1 + 10 ** rng.uniform(-16, 0) for _ in range(N)],
                    near(-0.2928932188134524, 0.41421356237309515, 1.0)), mp.log1p)
write("tanh", join(uniform(-3, 3), both(5e-324, 1), both(0.05, 25), near(0.17328679513998632, 0.5198603854199589)), mp.tanh)
write("sigmoid", join(uniform(-40, 40), both(1e-20, 10), uniform(-745, -36), uniform(-745.1, -708)), lambda x: 1 / (1 + mp.exp(-x)))
write("softplus", join(uniform(-40, 40), both(1e-20, 10), uniform(-745, -36), uniform(-745.1, -708), logs(1, MAX), near(0.881373587019543, -0.881373587019543)),
      lambda x: mp.log1p(mp.exp(-abs(x))) + max(x, 0))
write("erf", join(uniform(-6, 6), both(1e-300, 1), near(1.0)), mp.erf)
write("erfc", join(uniform(-6, 6), uniform(0, 26.5), both(1e-20, 1), uniform(26.5, 27.2), near(1.0)), mp.erfc)
write("erfcx", join(uniform(-26.6, 10), logs(1e-20, 1e8), logs(1e5, MAX / 10), uniform(0, 40), both(1e-10, 1)), erfcx)
write("ndtr", join(uniform(-8, 8), uniform(-38.4, 0), both(1e-20, 1)), ndtr)
write("log_ndtr", join(uniform(-8, 8), uniform(-40, 40), both(1e-20, 1), logs(1, 1e150, -1), near(0.5450, -0.5450)), lambda x: ln_q(-x))
write("hazard", join(uniform(-8, 8), uniform(-38.4, 40), both(1e-20, 1), logs(1, 1e150)), hazard)
write("ndtri", join(uniform(0, 1), logs(1e-300, 0.5), lambda rng: [0.5 + rng.choice([-1, 1]) * 10 ** rng.uniform(-15, -1) for _ in range(N)],
                    lambda rng: [1 - 2.0**-53 * (1 + rng.getrandbits(int(rng.uniform(1, 50)))) for _ in range(N)],
                    near(0.075, 0.925, 1.3887943864964021e-11)), ndtri)
write("lgamma", POSITIVE, mp.loggamma)
write("digamma", POSITIVE, lambda x: mp.psi(0, x))
write("trigamma", POSITIVE, lambda x: mp.psi(1, x))
write("lgamma_negative", NEGATIVE, lambda x: mp.log(abs(mp.gamma(x))) if x != mp.nint(x) else mp.inf)
write("digamma_negative", NEGATIVE, lambda x: mp.psi(0, x) if x != mp.nint(x) else mp.inf)
write("trigamma_negative", NEGATIVE, lambda x: mp.psi(1, x) if x != mp.nint(x) else mp.inf)
write("atan", join(uniform(-4, 4), both(5e-324, 1), logs(1, MAX), near(0.4142135623730951, 2.414213562373095, 1.0)), mp.atan)


def bessel_i0e(x):
    """e^-x I0(x); DLMF 10.40.1 where its terms fall below 60 digits."""
    if x < 400:
        return mp.exp(-x) * mp.besseli(0, x)
    term, total = mpf(1), mpf(0)
    for k in range(1, 60):
        total += term
        term *= mpf(2 * k - 1) ** 2 / (8 * k * x)
    return total / mp.sqrt(2 * mp.pi * x)


def bessel_gap(x):
    if x < 400:
        return 1 - mp.besseli(1, x) / mp.besseli(0, x)
    term, i0, i1 = mpf(1), mpf(0), mpf(0)
    one = mpf(1)
    for k in range(1, 60):
        i0 += term
        i1 += one
        term *= mpf(2 * k - 1) ** 2 / (8 * k * x)
        one *= -(4 - mpf(2 * k - 1) ** 2) / (8 * k * x)
    # Terms of size 1 leave 1/(2x).
    return (i0 - i1) / i0 if x < 1e20 else 1 / (2 * x)


def gamma_rests(power, series, exact):
    """What is left of the gamma family without its leading terms; DLMF 5.11.1 and its derivatives far out."""

    def f(x):
        if x < 1e8:
            with mp.workdps(120):
                return exact(x)
        return sum(c / x ** (power + 2 * k) for k, c in enumerate(series))

    return f


RESTS = join(uniform(0, 10), logs(1e-300, 1), logs(1, 1e90), near(1.0, 2.0, 0.5, 8.0), logs(5e-324, 1e-300))
write("lgamma_rest", join(RESTS, logs(1e90, 1e300)), gamma_rests(1, [mpf(1) / 12, -mpf(1) / 360, mpf(1) / 1260, -mpf(1) / 1680],
      lambda x: mp.loggamma(x) - (x - mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2))
write("digamma_rest", RESTS, gamma_rests(2, [-mpf(1) / 12, mpf(1) / 120, -mpf(1) / 252, mpf(1) / 240],
      lambda x: mp.psi(0, x) - mp.log(x) + 1 / (2 * x)))
write("trigamma_rest", RESTS, gamma_rests(3, [mpf(1) / 6, -mpf(1) / 30, mpf(1) / 42, -mpf(1) / 30],
      lambda x: mp.psi(1, x) - 1 / x - 1 / (2 * x * x)))


def ratios(rng):
    """Pairs of positive numbers, alike and of every ratio."""
    for _ in range(3 * N):
        x = rng.choice([rng.uniform(0, 3), math.exp(rng.uniform(-700, 700))])
        y = x * math.exp(rng.choice([rng.uniform(-3, 3), rng.uniform(-300, 30), rng.uniform(0, 700)]))
        if 0 < y < 1e308:
            yield x / 2, y
            yield y, x


def log1p_gap(n, a):
    """ln(1 + n/a) - n/(a + n)"""
    with mp.workdps(700):
        return mp.log1p(n / a) - n / (a + n)


write("log1p_gap", ratios, log1p_gap)

CONCENTRATIONS = join(uniform(0, 10), logs(5e-324, 1), logs(1, 1e8), logs(1e8, MAX / 10), near(8.0))
write("log_bessel_i0e", CONCENTRATIONS, lambda x: -x + x * x / 4 - x**4 / 64 if x < 1e-15 else mp.log(bessel_i0e(x)))
write("bessel_gap", CONCENTRATIONS, bessel_gap)


def powers(rng):
    for _ in range(3 * N):
        x = rng.choice([rng.uniform(0, 3), math.exp(rng.uniform(-700, 700)), 1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-15, -1), math.exp(rng.uniform(-744, -700))])
        reach = rng.choice([1, 1, 0.1]) * 709 / max(abs(math.log(x)), 1e-16)
        yield x, rng.choice([rng.uniform(-reach, reach), reach * rng.choice([-1, 1]) * rng.uniform(0.9, 1.05), rng.uniform(-3, 3)])
        yield rng.uniform(0, 10), float(rng.choice([-3, -2, -1, -0.5, 0.5, 1, 2, 3, 4, 10]))


write("pow", powers, mp.power)
