"""Draws of the hard targets that need no sampler: direct simulation, closed forms, and quadrature.

Quadrature is on a grid over coordinates in which the density is smooth: a cell is drawn by its mass (the
density at its middle times its size) and a point within it uniformly. Each grid is fine and wide enough
that more cells, or a wider box, move no distribution function by 0.001 (`check_quadrature.py`)."""

import csv
import hashlib

import numpy as np
from scipy.special import log_expit, logsumexp

N_DRAWS = 100_000
SEED = 20


def table(spec):
    """The columns of the CSV beside a spec that its `data:` names."""
    with open(spec.parent / tables(spec)[0]["file"]) as f:
        rows = list(csv.DictReader(f))
    return {name: np.array([float(r[name]) for r in rows]) for name in rows[0]}


def tables(spec):
    """The table of a spec as `fit.json` tells of it."""
    names = [line.partition("file:")[2].replace("}", ",").split(",")[0].strip() for line in spec.read_text().splitlines() if "file:" in line]
    return [{"file": name, "digest": hashlib.sha256((spec.parent / name).read_bytes()).hexdigest()} for name in names]


def random():
    return np.random.default_rng(SEED)


def by_name(name, matrix):
    return {f"{name}[{k + 1}]": matrix[:, k] for k in range(matrix.shape[1])}


def funnel(_):
    r = random()
    v = r.normal(0, 3, N_DRAWS)
    x = r.normal(size=(N_DRAWS, 9)) * np.exp(v / 2)[:, None]
    return {"v": v, **by_name("x", x)}, "direct simulation"


def banana(_):
    r = random()
    x = r.normal(0, 10, N_DRAWS)
    return {"x": x, "y": r.normal(10 - 0.1 * x**2, 1)}, "direct simulation"


def two_modes(_):
    r = random()
    second = r.random(N_DRAWS) < 0.7
    at, s = np.where(second, 8, -8), np.where(second, 0.5, 1)
    return by_name("x", at[:, None] + s[:, None] * r.normal(size=(N_DRAWS, 5))), "direct simulation"


def far_prior(spec):
    y = table(spec)["y"]
    precision = 1 + len(y) / 0.25
    return {"x": random().normal(y.sum() / 0.25 / precision, precision**-0.5, N_DRAWS)}, "closed form"


class Grid:
    """Draws of a density of a few coordinates on boxes of cells."""

    def __init__(self, log_density, box, cells):
        edges = [np.linspace(low, high, n + 1) for (low, high), n in zip(box, cells)]
        self.middles = [(e[1:] + e[:-1]) / 2 for e in edges]
        self.widths = [e[1] - e[0] for e in edges]
        self.log_mass = log_density(*np.meshgrid(*self.middles, indexing="ij", sparse=True))
        self.mass = np.exp(self.log_mass - logsumexp(self.log_mass))

    def draws(self, n):
        """[coordinate, draw]"""
        r = random()
        cells = np.unravel_index(r.choice(self.mass.size, n, p=self.mass.ravel()), self.mass.shape)
        return [m[c] + w * r.uniform(-0.5, 0.5, n) for m, c, w in zip(self.middles, cells, self.widths)]

    def cumulative(self):
        """Of each coordinate: the upper edges of its cells, and the mass below them."""
        for k, (m, w) in enumerate(zip(self.middles, self.widths)):
            others = tuple(j for j in range(self.mass.ndim) if j != k)
            yield m + w / 2, np.cumsum(self.mass.sum(axis=others))


def ridge_grid(spec, wide=1.0, fine=1.0):
    """Over log km, log(vmax / (km + c)) with c the middle concentration, and log sigma."""
    d = table(spec)
    middle = d["conc"].mean()

    def log_density(log_km, log_slope, log_sigma):
        km, sigma = np.exp(log_km), np.exp(log_sigma)
        vmax = np.exp(log_slope) * (km + middle)
        out = -np.log1p((vmax / 5) ** 2) - np.log1p((km / 5) ** 2) - sigma**2 / (2 * 0.1**2)
        for conc, rate in zip(d["conc"], d["rate"]):
            out = out - log_sigma - ((rate - vmax * conc / (km + conc)) / sigma) ** 2 / 2
        return out + np.log(vmax) + log_km + log_sigma

    box = [(-8 * wide, 6 + 9 * wide), (-0.05 - 0.75 * wide, -0.05 + 0.75 * wide), (-5.5 - 1.5 * wide, -1.6 + wide)]
    return Grid(log_density, box, [round(n * fine * wide) for n in (240, 240, 120)])


def ridge(spec):
    log_km, log_slope, log_sigma = ridge_grid(spec).draws(N_DRAWS)
    km = np.exp(log_km)
    vmax = np.exp(log_slope) * (km + table(spec)["conc"].mean())
    return {"vmax": vmax, "km": km, "sigma": np.exp(log_sigma)}, "quadrature in three dimensions"


def separable_grid(spec, cauchy, wide=1.0, fine=1.0):
    """Over asinh of the threshold-like `intercept / slope` and of slope, both free of sign."""
    d = table(spec)

    def log_density(a, b):
        # intercept = sinh(a), slope = sinh(b); the Jacobian is cosh(a) cosh(b).
        intercept, slope = np.sinh(a), np.sinh(b)
        if cauchy:
            out = -np.log1p((intercept / 10) ** 2) - np.log1p((slope / 2.5) ** 2)
        else:
            out = -(intercept**2) / 200 - slope**2 / 200
        for dose, died in zip(d["dose"], d["died"]):
            eta = intercept + slope * dose
            out = out + log_expit(eta if died else -eta)
        return out + np.log(np.cosh(a)) + np.log(np.cosh(b))

    reach = (13 if cauchy else 5) * wide
    cells = round((2600 if cauchy else 1000) * fine * wide)
    return Grid(log_density, [(-reach, reach), (-1.5 * wide, reach)], [cells, cells])


def separable(cauchy):
    def make(spec):
        a, b = separable_grid(spec, cauchy).draws(N_DRAWS)
        return {"intercept": np.sinh(a), "slope": np.sinh(b)}, "quadrature in two dimensions"

    return make


def collinear_grid(spec, wide=1.0, fine=1.0):
    """Over log sigma, the coefficients integrated out: y ~ normal(0, sigma^2 I + 100 X X')."""
    _, x, y = design(spec)

    def log_density(log_sigma):
        out = []
        for s in np.exp(log_sigma):
            factor = np.linalg.cholesky(s**2 * np.eye(len(y)) + 100 * x @ x.T)
            out.append(-np.log(np.diag(factor)).sum() - (np.linalg.solve(factor, y) ** 2).sum() / 2 - s**2 / 8 + np.log(s))
        return np.array(out)

    return Grid(log_density, [(-0.1 - 0.8 * wide, -0.1 + 0.9 * wide)], [round(400 * fine * wide)])


def design(spec):
    d = table(spec)
    names = [n for n in d if n.startswith("x")]
    return names, np.column_stack([np.ones_like(d["y"]), *(d[n] for n in names)]), d["y"]


def collinear(spec):
    names, x, y = design(spec)
    sigma = np.exp(collinear_grid(spec).draws(N_DRAWS)[0])
    # Given sigma the coefficients are normal, in the basis of the singular vectors one by one.
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    precision = s**2 / sigma[:, None] ** 2 + 1 / 100
    mean = (s * (u.T @ y)) / sigma[:, None] ** 2 / precision
    b = (mean + random().normal(size=mean.shape) / np.sqrt(precision)) @ vt
    return {"b0": b[:, 0], **{f"b[{n}]": b[:, k + 1] for k, n in enumerate(names)}, "sigma": sigma}, "closed form given sigma, quadrature over it"


TARGETS = {
    "targets/funnel": funnel,
    "targets/funnel_as_factor": funnel,
    "targets/banana": banana,
    "targets/two_modes": two_modes,
    "targets/far_prior": far_prior,
    "targets/ridge": ridge,
    "targets/collinear": collinear,
    "targets/separable": separable(cauchy=True),
    "targets/separable_normal": separable(cauchy=False),
}

