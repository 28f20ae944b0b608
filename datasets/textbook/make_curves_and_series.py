"""Makes the simulated tables of time series, curves, classes and rows with gaps or errors.

    python make_curves_and_series.py [FOLDER]

Each function makes one table, with the truth in its doc comment; the spec of the same name fits it. Each
has a seed of its own, so the files are always the same. Needs numpy."""

import os
import sys

import numpy as np


def garch11(random):
    """Returns in per cent of 1,000 days: mu = 0.05, alpha0 = 0.1, alpha1 = 0.15, beta1 = 0.75."""
    mu, alpha0, alpha1, beta1 = 0.05, 0.1, 0.15, 0.75
    n, burn_in = 1000, 200
    variance, error, out = alpha0 / (1 - alpha1 - beta1), 0.0, []
    for t in range(n + burn_in):
        if t:
            variance = alpha0 + alpha1 * error**2 + beta1 * variance
        error = np.sqrt(variance) * random.standard_normal()
        out.append(mu + error)
    return "day,ret", np.c_[np.arange(1, n + 1), out[burn_in:]], ["%d", "%.5f"]


def gp_regression(random):
    """40 points of a Gaussian process with length 0.7, amplitude 1.2 and noise 0.25."""
    x = np.sort(random.uniform(0, 5, 40))
    cov = 1.2**2 * np.exp(-0.5 * ((x[:, None] - x) / 0.7) ** 2) + 0.25**2 * np.eye(x.size)
    return "x,y", np.c_[x, np.linalg.cholesky(cov) @ random.standard_normal(x.size)], "%.5f"


def gp_classification(random):
    """60 points of two classes, as in Rasmussen and Williams, section 3.7.2: class 0 is 20 points from
    normal(-6, 0.8) and 20 from normal(2, 0.8), class 1 is 20 from normal(0, 0.8)."""
    x = np.concatenate([random.normal(mean, 0.8, 20) for mean in (-6, 0, 2)])
    label = np.repeat([0, 1, 0], 20)
    order = np.argsort(x)
    return "x,label", np.c_[x, label][order], ["%.5f", "%d"]


def splines(random):
    """150 points around 2 sin(x) + 6 exp(-4 (x - 4)^2), with normal errors of sd 0.5."""
    x = np.sort(random.uniform(0, 6, 150))
    y = 2 * np.sin(x) + 6 * np.exp(-4 * (x - 4) ** 2) + random.normal(0, 0.5, x.size)
    return "x,y", np.c_[x, y], "%.5f"


def measurement_error(random):
    """80 rows: exposure ~ normal(2, 1), outcome ~ normal(1 + 0.8 exposure, 0.5); the exposure is measured
    with an error whose sd, known, is between 0.3 and 1.2."""
    x = random.normal(2, 1, 80)
    error = random.uniform(0.3, 1.2, x.size)
    measured, outcome = random.normal(x, error), random.normal(1 + 0.8 * x, 0.5)
    return "measured,error,outcome", np.c_[measured, error, outcome], "%.4f"


def missing_data(random):
    """80 rows: mass ~ normal(0, 1), brain ~ normal(0.6 mass, 0.8), energy ~ normal(0.5 brain - 0.7 mass, 0.6).
    `brain` is missing where a coin of probability 1 / (1 + exp(1 - 1.5 mass)) says so: at random, given
    the mass."""
    mass = random.normal(0, 1, 80)
    brain = random.normal(0.6 * mass, 0.8)
    energy = random.normal(0.5 * brain - 0.7 * mass, 0.6)
    gone = random.random(80) < 1 / (1 + np.exp(1 - 1.5 * mass))
    cells = [[f"{m:.4f}", "" if g else f"{b:.4f}", f"{e:.4f}"] for m, b, e, g in zip(mass, brain, energy, gone)]
    return "mass,brain,energy", cells, "%s"


def varying_slopes(random):
    """20 cafes, 10 visits each, as in McElreath's Statistical Rethinking, section 14.1: a wait of normal(a + b
    afternoon, 0.5) minutes, where (a, b) of a cafe is bivariate normal with means (3.5, -1), sds (1, 0.5)
    and correlation -0.7."""
    cov = np.array([[1, -0.7 * 0.5], [-0.7 * 0.5, 0.25]])
    a, b = random.multivariate_normal([3.5, -1], cov, 20).T
    cafe, afternoon = np.repeat(np.arange(20), 10), np.tile([0, 1], 100)
    wait = random.normal(a[cafe] + b[cafe] * afternoon, 0.5)
    return "cafe,afternoon,wait", np.c_[cafe + 1, afternoon, wait], ["%d", "%d", "%.3f"]


def bradley_terry(random):
    """Eight teams, each at home to each other twice; skills ~ normal(0, 1), home advantage 0.4."""
    names = ["Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Oak"]
    skill = random.normal(0, 1, len(names))
    cells = []
    for home in range(len(names)):
        for away in range(len(names)):
            for _ in range(2 * (home != away)):
                won = random.random() < 1 / (1 + np.exp(skill[away] - skill[home] - 0.4))
                cells.append([names[home], names[away], int(won)])
    return "home_team,away_team,home_won", cells, "%s"


TABLES = [
    garch11,
    gp_regression,
    gp_classification,
    splines,
    measurement_error,
    missing_data,
    varying_slopes,
    bradley_terry,
]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for seed, make in enumerate(TABLES, 401):
        header, rows, fmt = make(np.random.default_rng(seed))
        path = os.path.join(folder, make.__name__ + ".csv")
        np.savetxt(path, rows, delimiter=",", header=header, comments="", fmt=fmt)


main()
