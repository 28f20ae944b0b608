"""Makes puromycin.csv, the exact posterior of specs/puromycin.yaml, by quadrature.

    python make_puromycin.py [FILE]

Independently for each state of the cells (treated, untreated):

    vmax ~ lognormal(5, 1)    km ~ lognormal(-3, 1)    sigma ~ half_normal(30)
    rate ~ normal(vmax conc / (km + conc), sigma)

The posterior is smooth in (log vmax, log km, log sigma) and falls to nothing inside the box below,
so the trapezoidal rule on an even grid converges faster than any power of the spacing. The box is
centred on the mode and reaches `WIDTH` Laplace standard deviations to each side, far because the
tails are those of a t distribution. The script checks that a coarser grid and a wider box give
the same moments. Needs numpy and scipy."""

import csv
import os
import sys

import numpy as np
from scipy.optimize import minimize

WIDTH, POINTS = 20.0, 161
HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "..", "datasets", "puromycin.csv")


def log_joint(u, conc, rate):
    """Unnormalised log density of u = (log vmax, log km, log sigma), arrays of one shape."""
    vmax, km, sigma = np.exp(u[0]), np.exp(u[1]), np.exp(u[2])
    squares = sum((y - vmax * c / (km + c)) ** 2 for c, y in zip(conc, rate))
    likelihood = -len(conc) * u[2] - 0.5 * squares / sigma**2
    # A lognormal prior is a normal one on the log; the half-normal keeps the Jacobian sigma.
    prior = -0.5 * (u[0] - 5) ** 2 - 0.5 * (u[1] + 3) ** 2 - 0.5 * (sigma / 30) ** 2 + u[2]
    return likelihood + prior


def moments(conc, rate, width=WIDTH, points=POINTS):
    """Means and standard deviations of (vmax, km, sigma)."""
    at_start = np.array([np.log(rate.max()), -3.0, 2.5])
    fit = minimize(lambda u: -log_joint(u, conc, rate), at_start, method="BFGS")
    half = width * np.sqrt(np.diag(fit.hess_inv))
    axes = [np.linspace(m - h, m + h, points) for m, h in zip(fit.x, half)]
    grid = np.meshgrid(*axes, indexing="ij")
    weight = np.exp(log_joint(grid, conc, rate) + fit.fun)
    weight /= weight.sum()
    values = [np.exp(g) for g in grid]
    mean = np.array([(weight * v).sum() for v in values])
    sd = np.sqrt([(weight * (v - m) ** 2).sum() for v, m in zip(values, mean)])
    return mean, sd


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "puromycin.csv")
    with open(DATA, newline="") as f:
        table = list(csv.DictReader(f))
    lines = ["parameter,mean,sd"]
    for state in ("treated", "untreated"):
        rows = [r for r in table if r["state"] == state]
        conc = np.array([float(r["conc"]) for r in rows])
        rate = np.array([float(r["rate"]) for r in rows])
        mean, sd = moments(conc, rate)
        for other in (moments(conc, rate, points=2 * POINTS // 3), moments(conc, rate, width=1.2 * WIDTH)):
            np.testing.assert_allclose(other, (mean, sd), rtol=2e-5)
        lines += [f"{name}[{state}],{m:.5g},{s:.5g}" for name, m, s in zip(("vmax", "km", "sigma"), mean, sd)]
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


main()
