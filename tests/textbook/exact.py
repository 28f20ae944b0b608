"""Exact posteriors of textbook specs, by sums and quadrature; Python with numpy and scipy.

    python3 tests/textbook/exact.py

writes the references whose errors are zero: `capture_recapture`, `change_point` and `hierarchical_binomial`.
"""

import csv
import pathlib

import numpy as np
from scipy.special import betaln, gammaln

HERE = pathlib.Path(__file__).parent
DATA = HERE / "../../datasets/textbook"


def columns(name):
    rows = list(csv.DictReader((DATA / name).open()))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}


def write(name, moments):
    rows = [f"{parameter},{mean:.8e},{sd:.8e},0" for parameter, (mean, sd) in moments.items()]
    (HERE / f"{name}.csv").write_text("\n".join(["name,mean,sd,mcse", *rows]) + "\n")


def moments(weights, values):
    """Of values under weights that need not sum to one."""
    weights = weights / weights.sum()
    mean = (weights * values).sum()
    return mean, np.sqrt((weights * (values - mean) ** 2).sum())


def mixed(weights, means, seconds):
    """Of a mixture of laws with these means and second moments."""
    mean = (weights * means).sum()
    return mean, np.sqrt((weights * seconds).sum() - mean**2)


def capture_recapture():
    """Given the number of animals, p is beta: 145 captures of 68 hares at six occasions."""
    captures = columns("hares.csv")["captures"]
    seen, caught, unseen = len(captures), captures.sum(), np.arange(233.0)
    a, b = 1 + caught, 1 + 6 * (seen + unseen) - caught
    log_weights = gammaln(seen + unseen + 1) - gammaln(unseen + 1) + betaln(a, b)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    mean = a / (a + b)
    second = mean * (a + 1) / (a + b + 1)
    write("capture_recapture", {"p": mixed(weights, mean, second), "unseen": moments(weights, unseen)})


def change_point():
    """Given the year, both rates are gamma: exponential priors of rate 0.3, Poisson counts."""
    disasters = columns("coal.csv")["disasters"]
    changed = np.arange(len(disasters))
    before = np.concatenate([[0], np.cumsum(disasters)[:-1]])
    parts = {"early": (1 + before, 0.3 + changed), "late": (1 + disasters.sum() - before, 0.3 + len(disasters) - changed)}
    log_weights = sum(gammaln(shape) - shape * np.log(rate) for shape, rate in parts.values())
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    found = {
        name: mixed(weights, shape / rate, shape * (shape + 1) / rate**2) for name, (shape, rate) in parts.items()
    }
    write("change_point", found | {"changed": moments(weights, changed)})


def hierarchical_binomial():
    """A grid over the logit of the mean and the log of the size, evenly spaced, with the Jacobian a b."""
    data = columns("rats.csv")
    n, y = data["rats"], data["tumours"]
    logit, log_size = np.meshgrid(np.linspace(-2.6, -1.0, 601), np.linspace(0.2, 7.5, 1201), indexing="ij")
    rate = 1 / (1 + np.exp(-logit))
    size = np.exp(log_size)
    a, b = rate * size, (1 - rate) * size
    log_density = -2.5 * log_size + np.log(a) + np.log(b)
    for trials, successes in zip(n, y):
        log_density += betaln(a + successes, b + trials - successes) - betaln(a, b)
    weights = np.exp(log_density - log_density.max())
    values = {"a": a, "b": b, "rate": rate, "log_size": log_size}
    write("hierarchical_binomial", {name: moments(weights, x) for name, x in values.items()})


capture_recapture()
change_point()
hierarchical_binomial()
