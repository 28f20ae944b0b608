"""Writes the references of tests/incomplete.rs: <function>.csv beside this file.

    python3 -m pip install mpmath gmpy2 scipy
    python3 tests/references/make_incomplete.py [points] [folder]

A line holds the arguments and each value to 106 bits, as make.py does. Distribution functions are
series and continued fractions in 130 digits; derivatives are central differences of them, which owe
nothing to the integrals of src/incomplete. scipy only says whereabouts quantiles are.
"""

import math
import random
import struct
import sys
from multiprocessing import Pool
from pathlib import Path

from mpmath import mp, mpf
from scipy import special

mp.dps = 130
STEP = mpf(10) ** -35
N = int(sys.argv[1]) if len(sys.argv) > 1 else 240
FOLDER = Path(sys.argv[2] if len(sys.argv) > 2 else __file__).resolve()
FOLDER = FOLDER if FOLDER.is_dir() else FOLDER.parent
DONE = mpf(10) ** -128


def bits(x):
    return f"{struct.unpack('>Q', struct.pack('>d', x))[0]:016x}"


def pair(v):
    hi = float(v)
    return [hi, float(v - mpf(hi))]


def gamma_p(a, x):
    """P(a, x): DLMF 8.11.4."""
    term = total = mpf(1)
    n = 0
    while term > DONE * total or n < x - a:
        n += 1
        term *= x / (a + n)
        total += term
    return mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1)) * total


def gamma_sides(a, x):
    """P and Q: far out DLMF 8.9.2 by Lentz's method."""
    if x < a + 12 * mp.sqrt(a) + 40:
        p = gamma_p(a, x)
        return p, 1 - p
    b = x + 1 - a
    c, d = mpf(10) ** 300, 1 / b
    h = d
    for n in range(1, 10**7):
        an = -n * (n - a)
        b += 2
        d = 1 / (an * d + b)
        c = b + an / c
        h *= d * c
        if abs(d * c - 1) < DONE:
            q = mp.exp(a * mp.log(x) - x - mp.loggamma(a)) * h
            return 1 - q, q
    raise ArithmeticError("gamma_sides")


def ln_beta_tail(a, b, x, y):
    """ln I_x(a, b) where x is below the mean or so: DLMF 8.17.22 by Lentz's method."""
    c, d = mpf(1), 1 / (1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, 10**7):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + even * d)
        c = 1 + even / c
        h *= d * c
        d = 1 / (1 + odd * d)
        c = 1 + odd / c
        h *= d * c
        if abs(d * c - 1) < DONE:
            norm = mp.loggamma(a + 1) + mp.loggamma(b) - mp.loggamma(a + b)
            return a * mp.log(x) + b * mp.log(y) - norm + mp.log(h)
    raise ArithmeticError("beta_tail")


def beta_tails(a, b, x, y):
    """I and 1 - I."""
    if x < (a + 1) / (a + b + 2):
        p = mp.exp(ln_beta_tail(a, b, x, y))
        return p, 1 - p
    q = mp.exp(ln_beta_tail(b, a, y, x))
    return 1 - q, q


def odds(w):
    e = mp.exp(w)
    return e / (1 + e), 1 / (1 + e)


def slope(f, at):
    h = at * STEP
    return (f(at + h) - f(at - h)) / (2 * h)


def ln_difference(tails, at):
    """d tails/d at of whichever of the two is the smaller: minus that of the other."""
    low, high = tails(at)
    if low < high:
        return slope(lambda s: tails(s)[0], at)
    return -slope(lambda s: tails(s)[1], at)


def gamma_implicit(a, ln_x):
    a, x = mpf(a), mp.exp(mpf(ln_x))
    density = mp.exp(a * mp.log(x) - x - mp.loggamma(a))
    return [-slope(lambda s: gamma_p(s, x), a) / density]


def gamma_tails(a, x):
    p, q = gamma_sides(mpf(a), mpf(x))
    return [mp.log(p) if p < q else mp.log1p(-q), mp.log(q) if q < p else mp.log1p(-p)]


def beta_implicit(a, b, w):
    a, b = mpf(a), mpf(b)
    x, y = odds(mpf(w))
    norm = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)
    density = mp.exp(a * mp.log(x) + b * mp.log(y) - norm)
    return [-ln_difference(lambda s: beta_tails(s, b, x, y), a) / density,
            -ln_difference(lambda s: beta_tails(a, s, x, y), b) / density]


def beta_ln_tails(a, b, w):
    p, q = beta_tails(mpf(a), mpf(b), *odds(mpf(w)))
    return [mp.log(p) if p < q else mp.log1p(-q), mp.log(q) if q < p else mp.log1p(-p)]


def student_t_sides(nu, z):
    """P(|T| <= z) and its complement."""
    return beta_tails(mpf(1) / 2, nu / 2, z * z / (nu + z * z), nu / (nu + z * z))


def student_t_ln_density(nu, z):
    ratio = mp.loggamma((nu + 1) / 2) - mp.loggamma(nu / 2)
    return ratio - mp.log(nu * mp.pi) / 2 - (nu + 1) / 2 * mp.log1p(z * z / nu)


def student_t_implicit(nu, ln_z):
    nu, z = mpf(nu), mp.exp(mpf(ln_z))
    return [-ln_difference(lambda s: student_t_sides(s, z), nu) / (2 * z * mp.exp(student_t_ln_density(nu, z)))]


def student_t_ln_cdf(nu, z):
    nu, z = mpf(nu), mpf(z)
    outside = student_t_sides(nu, abs(z))[1]
    return [mp.log(outside / 2) if z < 0 else mp.log1p(-outside / 2)]


def von_mises_implicit(kappa, x):
    """From the Fourier series of the cdf, whose ratios I_j/I_0 come from the recurrence downwards."""
    kappa, x = mpf(kappa), mpf(x)

    def cdf(k):
        n = int(20 + 30 * mp.sqrt(k) + 200)
        ratio, ratios = mpf(0), [mpf(0)] * (n + 2)
        for j in range(n + 1, 0, -1):  # r_j = I_j / I_(j-1)
            ratio = 1 / (2 * j / k + ratio)
            ratios[j] = ratio
        total, product = mpf(0), mpf(1)
        before, now, twice = mpf(0), mp.sin(x), 2 * mp.cos(x)
        for j in range(1, n + 1):
            product *= ratios[j]
            total += product * now / j
            before, now = now, twice * now - before
        return x / (2 * mp.pi) + total / mp.pi

    density = mp.exp(kappa * mp.cos(x)) / (2 * mp.pi * mp.besseli(0, kappa))
    return [-slope(cdf, kappa) / density]


# Points.


def probability(rng):
    """(lower tail, upper tail): half of them in the bulk."""
    if rng.random() < 0.5:
        p = rng.uniform(0.01, 0.99)
        return p, 1 - p
    p = 10 ** rng.uniform(-12, -0.3)
    return (p, 1 - p) if rng.random() < 0.5 else (1 - p, p)


def shape(rng):
    edges = [1e-4, 1e-3, 0.1, 0.5, 0.99, 1.0, 1.5, 2.0, 11.9, 12.1, 1e3, 1e6]
    return rng.choice(edges) if rng.random() < 0.25 else 10 ** rng.uniform(-4, 6)


def gamma_quantile(a, p, q):
    """ln x."""
    x = special.gammaincinv(a, p) if p < q else special.gammainccinv(a, q)
    return math.log(x) if x > 1e-290 else (math.log(p) + math.lgamma(a + 1)) / a


def beta_quantile(a, b, p, q):
    """The log odds, by bisection; where x or 1 - x is very small by the leading term."""
    edge = math.lgamma(a + 1) + math.lgamma(b) - math.lgamma(a + b)
    far = (math.log(p) + edge) / a
    if far < -600:
        return far
    edge = math.lgamma(b + 1) + math.lgamma(a) - math.lgamma(a + b)
    far = (math.log(q) + edge) / b
    if far < -600:
        return -far
    low, high = -690.0, 690.0
    for _ in range(80):
        w = (low + high) / 2
        x, y = 1 / (1 + math.exp(-w)), 1 / (1 + math.exp(w))
        below = special.betainc(a, b, x) < p if p < q else special.betainc(b, a, y) > q
        low, high = (w, high) if below else (low, w)
    return low


def gamma_points(rng):
    a = shape(rng)
    return a, gamma_quantile(a, *probability(rng))


def gamma_tail_points(rng):
    a = shape(rng) if rng.random() < 0.8 else 10 ** rng.uniform(-8, 6)
    near = math.exp(gamma_quantile(a, *probability(rng)))
    far = a * 10 ** rng.uniform(-3, 1.5)
    x = max(rng.choice([near, far]), 1e-300)
    return a, min(x, a + 1e4 * math.sqrt(a) + 1e4)


def beta_points(rng):
    a = shape(rng)
    b = shape(rng) if rng.random() < 0.7 else a
    return a, b, beta_quantile(a, b, *probability(rng))


def beta_tail_points(rng):
    a, b, w = beta_points(rng)
    if rng.random() < 0.3:
        w = math.log(a / b) + rng.uniform(-3, 3)
    return a, b, w


def student_t_points(rng):
    nu = 1e6 if rng.random() < 0.05 else shape(rng)
    return nu, (beta_quantile(0.5, nu / 2, *probability(rng)) + math.log(nu)) / 2


def student_t_tail_points(rng):
    nu, ln_z = student_t_points(rng)
    z = math.exp(min(ln_z, 600)) if rng.random() < 0.7 else 10 ** rng.uniform(-8, 2.5)
    return nu, rng.choice([-1, 1]) * z


def von_mises_points(rng):
    kappa = rng.choice([1e6, 1e-4]) if rng.random() < 0.1 else 10 ** rng.uniform(-4, 6)
    p, q = probability(rng)
    if kappa > 30:
        x = special.ndtri(p) / math.sqrt(kappa) if p < q else -special.ndtri(q) / math.sqrt(kappa)
    elif min(p, q) > 0.01:
        x = rng.uniform(-math.pi, math.pi)
    else:  # near the ends
        x = math.pi - rng.choice([2 * math.pi * min(p, q), 1e-3 * rng.random(), 1e-15])
    return kappa, max(-math.pi, min(math.pi, x)) * rng.choice([-1, 1])


TABLES = [
    (gamma_implicit, gamma_points, 1),
    (gamma_tails, gamma_tail_points, 1),
    (beta_implicit, beta_points, 1),
    (beta_ln_tails, beta_tail_points, 1),
    (student_t_implicit, student_t_points, 1),
    (student_t_ln_cdf, student_t_tail_points, 1),
    (von_mises_implicit, von_mises_points, 0.4),
]


def line(job):
    f, args = job
    values = [pair(v) for v in f(*args)]
    return ",".join(bits(float(x)) for x in [*args, *sum(values, [])])


if __name__ == "__main__":
    with Pool() as pool:
        for f, points, share in TABLES:
            rng = random.Random(f.__name__)
            jobs = [(f, points(rng)) for _ in range(int(N * share))]
            lines = pool.map(line, jobs, chunksize=4)
            (FOLDER / f"{f.__name__}.csv").write_text("\n".join(lines) + "\n")
            print(f.__name__, len(lines), flush=True)
