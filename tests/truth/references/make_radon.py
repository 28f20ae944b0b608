"""Makes radon.csv, the exact posterior of specs/radon.yaml, by quadrature.

    python make_radon.py [FILE]

    mu ~ normal(0, 5)    gamma ~ normal(0, 2)    slope ~ normal(0, 5)
    tau ~ half_cauchy(5)    sigma ~ half_normal(5)
    alpha[county] ~ normal(mu + gamma log(uranium), tau)
    log_radon ~ normal(alpha[county] + slope floor, sigma)

Given tau and sigma everything is normal. A county's homes have covariance sigma^2 I + tau^2 1 1', whose
inverse is (I - k 1 1') / sigma^2 with k = tau^2 / (sigma^2 + n tau^2), so sums by county are all that is
needed. What is left is an integral over (log tau, log sigma), smooth and falling to nothing inside
the box, by the trapezoidal rule. The script checks that a coarser grid gives the same moments.
Needs numpy and pyarrow."""

import csv
import os
import sys

import numpy as np
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "..", "datasets")
PRIOR_PRECISION = np.diag([1 / 25, 1 / 4, 1 / 25])  # of mu, gamma, slope
LOG_TAU, LOG_SIGMA, POINTS = (-14.0, 1.0), (-0.6, 0.1), (601, 141)


def sums():
    """County by county: name, log uranium, n, and the sums of y, floor, y y, y floor, floor floor."""
    homes = pq.read_table(os.path.join(DATA, "radon.parquet")).to_pydict()
    county, y, floor = (np.array(homes[c]) for c in ("county", "log_radon", "floor"))
    with open(os.path.join(DATA, "counties.csv"), newline="") as file:
        counties = [(row["county"], np.log(float(row["uranium"]))) for row in csv.DictReader(file)]
    names = [name for name, _ in counties]
    of = [county == name for name in names]
    total = lambda x: np.array([x[rows].sum() for rows in of])
    parts = [np.ones_like(y), y, floor, y * y, y * floor, floor * floor]
    return names, np.array([u for _, u in counties]), *map(total, parts)


def at(tau, sigma, u, n, sy, sf, syy, syf, sff):
    """Log density of (log tau, log sigma); means and variances of (mu, gamma, slope) and of alpha."""
    k = tau**2 / (sigma**2 + n * tau**2)
    # Sums of a county's columns 1, u and floor, and of those with themselves and with y.
    column = np.stack([n, n * u, sf])
    with_y = np.stack([sy, u * sy, syf])
    gram = np.array([[n, n * u, sf], [n * u, n * u * u, u * sf], [sf, u * sf, sff]])
    precision = PRIOR_PRECISION + ((gram - k * column[:, None] * column[None]).sum(-1)) / sigma**2
    b = (with_y - k * column * sy).sum(-1) / sigma**2
    mean, cov = np.linalg.solve(precision, b), np.linalg.inv(precision)
    log_det = ((n - 1) * 2 * np.log(sigma) + np.log(sigma**2 + n * tau**2)).sum()
    quadratic = (syy - k * sy * sy).sum() / sigma**2 - b @ mean
    log_p = -0.5 * (log_det + quadratic + np.linalg.slogdet(precision)[1])
    # Priors, with the Jacobians tau and sigma of the logarithms.
    log_p += -np.log1p((tau / 5) ** 2) - 0.5 * (sigma / 5) ** 2 + np.log(tau) + np.log(sigma)
    v = 1 / (1 / tau**2 + n / sigma**2)
    slopes = np.stack([v / tau**2, v * u / tau**2, -v * sf / sigma**2])
    alpha = v * sy / sigma**2 + slopes.T @ mean
    alpha_var = v + np.einsum("ic,ij,jc->c", slopes, cov, slopes)
    first = np.concatenate([mean, [tau, sigma], alpha])
    return log_p, first, np.concatenate([np.diag(cov), [0, 0], alpha_var])


def moments(data, points):
    log_p, first, second = [], [], []
    for log_tau in np.linspace(*LOG_TAU, points[0]):
        for log_sigma in np.linspace(*LOG_SIGMA, points[1]):
            lp, m, v = at(np.exp(log_tau), np.exp(log_sigma), *data)
            log_p.append(lp), first.append(m), second.append(v + m * m)
    w = np.exp(np.array(log_p) - max(log_p))
    edge = w.reshape(points)
    assert max(edge[0].max(), edge[-1].max(), edge[:, 0].max(), edge[:, -1].max()) < 1e-6
    w /= w.sum()
    mean = w @ np.array(first)
    return mean, np.sqrt(w @ np.array(second) - mean**2)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "radon.csv")
    names, *data = sums()
    mean, sd = moments(data, POINTS)
    coarse = moments(data, tuple((p + 1) // 2 for p in POINTS))
    assert np.abs(mean - coarse[0]).max() < 1e-6 and np.abs(sd - coarse[1]).max() < 1e-6
    parameters = ["mu", "gamma", "slope", "tau", "sigma"] + [f"alpha[{name}]" for name in names]
    with open(path, "w", newline="") as file:
        file.write("parameter,mean,sd\n")
        file.writelines(f"{p},{m:.5g},{s:.5g}\n" for p, m, s in zip(parameters, mean, sd))


main()
