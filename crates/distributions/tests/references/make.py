"""Writes vectors.csv beside this file: log densities of laws of vectors and matrices.

    python3 -m pip install numpy scipy mpmath
    python3 tests/references/make.py

A line is `law;parameter=elements;...;x=elements;value`, matrices row by row. By scipy.stats, but for what
it has not: lkj_cholesky by Lewandowski et al. (2009), equation (16), times the Jacobian of the factor;
ordered_logistic by its definition. Those with 50 digits.
"""

from pathlib import Path

import numpy as np
from mpmath import mp, mpf
from scipy import stats

mp.dps = 50
rng = np.random.default_rng(20260)
lines = []


def line(law, parameters, x, value):
    text = lambda v: " ".join(repr(float(e)) for e in np.ravel(v))
    parts = [f"{name}={text(v)}" for name, v in parameters.items()]
    lines.append(";".join([law, *parts, f"x={text(x)}", repr(float(value))]))


def definite(n):
    a = rng.normal(size=(n, n + 2))
    m = a @ a.T / n
    return (m + m.T) / 2


for n in (2, 3, 6):
    for scale in (0.3, 1.0, 20.0):
        alpha = rng.gamma(2.0, scale, size=n) + 0.05
        x = rng.dirichlet(np.ones(n))
        # Off one by a rounding, as data are.
        line("dirichlet", {"alpha": alpha}, x, stats.dirichlet(alpha).logpdf(x / x.sum()))
        p = rng.dirichlet(np.ones(n))
        trials = int(3 + 5 * scale)
        counts = rng.multinomial(trials, p)
        value = stats.multinomial(trials, p).logpmf(counts)
        line("multinomial", {"n": trials, "p": p}, counts, value)
        line("multinomial", {"n": trials, "logit": np.log(p) + 3}, counts, value)

for n in (1, 2, 3, 7):
    for spread in (0.5, 1.0, 30.0):
        mean, s = rng.normal(size=n), definite(n)
        x = mean + spread * rng.normal(size=n)
        value = stats.multivariate_normal(mean, s).logpdf(x)
        line("multivariate_normal", {"mean": mean, "covariance": s}, x, value)
        line("multivariate_normal", {"mean": mean, "cholesky": np.linalg.cholesky(s)}, x, value)
        line("multivariate_normal", {"mean": mean, "precision": np.linalg.inv(s)}, x, value)
        df, x = n - 1 + 4 * spread, definite(n)
        for law, reference in (("wishart", stats.wishart), ("inverse_wishart", stats.invwishart)):
            value = reference(df, s).logpdf(x)
            line(law, {"df": df, "scale": s}, x, value)
            line(law, {"df": df, "cholesky": np.linalg.cholesky(s)}, x, value)


def lkj(l, eta):
    """ln of the density of R = L L', by products of beta functions, and of L given it."""
    n, eta = len(l), mpf(float(eta))
    ln_c = mpf(0)
    for k in range(1, n):
        a = eta + mpf(n - k - 1) / 2
        ln_c += (2 * eta - 2 + n - k) * (n - k) * mp.log(2) + (n - k) * mp.log(mp.beta(a, a))
    ln = [mp.log(mpf(float(l[i][i]))) for i in range(n)]
    return (eta - 1) * 2 * sum(ln) - ln_c + sum((n - 1 - i) * ln[i] for i in range(n))


for n in (2, 3, 5, 9):
    for eta in (0.4, 1.0, 2.5, 60.0):
        s = definite(n)
        d = np.sqrt(np.diag(s))
        l = np.linalg.cholesky(s / np.outer(d, d))
        line("lkj_cholesky", {"eta": eta}, l, lkj(l, eta))

for cutpoints in ([0.3], [-1.0, 0.5, 2.0], [-1e-6, 0.0, 1e-6, 30.0]):
    for eta in (-50.0, 0.2, 3.0, 45.0):
        for x in range(1, len(cutpoints) + 2):
            below = lambda c: 1 / (1 + mp.exp(mpf(eta) - mpf(c)))
            above = lambda c: 1 / (1 + mp.exp(mpf(c) - mpf(eta)))
            if x == 1:
                p = below(cutpoints[0])
            elif x == len(cutpoints) + 1:
                p = above(cutpoints[-1])
            else:
                p = below(cutpoints[x - 1]) - below(cutpoints[x - 2])
            line("ordered_logistic", {"eta": eta, "cutpoints": cutpoints}, x, mp.log(p))

Path(__file__).with_name("vectors.csv").write_text("\n".join(lines) + "\n")
