"""Makes the exact references by quadrature: of models that are normal given a few parameters, or have only two.

    python make_exact.py [FOLDER]

Each function says what is integrated in closed form and over what the trapezoidal rule goes; integrands are
smooth on the log scale and fall to nothing inside the grid, which is checked. Needs numpy and scipy."""

import csv
import os
import sys

import numpy as np
from scipy.special import logsumexp

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "datasets", "textbook")


def read(name, *columns):
    """Columns of a table, an empty cell as NaN."""
    with open(os.path.join(DATA, name + ".csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    return [np.array([float(row[c] or "nan") for row in rows]) for c in columns]


def weights(log_p):
    """Of the points of a grid; the density must be negligible on its faces."""
    w = np.exp(log_p - logsumexp(log_p))
    for axis in range(w.ndim):
        faces = np.take(w, [0, -1], axis=axis)
        assert faces.max() < 1e-5 * w.max(), (axis, faces.max() / w.max())
    return w


def moments(w, values):
    """Mean and sd of each of `values`, arrays over the grid of `w`."""
    means = [(w * v).sum() for v in values]
    return [(m, np.sqrt((w * (v - m) ** 2).sum())) for m, v in zip(means, values)]


def ar2():
    """alpha, phi ~ normal(0, 1), normal given sigma ~ half_normal(1); over log sigma."""
    (y,) = read("sunspots", "sunspots")
    y = (y - y.mean()) / y.std(ddof=1)
    x, y = np.column_stack([np.ones(y.size - 2), y[1:-1], y[:-2]]), y[2:]
    log_sigma = np.linspace(-2, 0.5, 2001)
    log_p, mean, var = [], [], []
    for sigma in np.exp(log_sigma):
        precision = np.eye(3) + x.T @ x / sigma**2
        m = np.linalg.solve(precision, x.T @ y / sigma**2)
        log_det = np.linalg.slogdet(precision)[1]
        quadratic = y @ y / sigma**2 - m @ precision @ m
        log_p.append(-0.5 * (log_det + quadratic + sigma**2) - (y.size - 1) * np.log(sigma))
        mean.append(m), var.append(np.diag(np.linalg.inv(precision)))
    w, mean, var = weights(np.array(log_p)), np.array(mean), np.array(var)
    first = w @ mean
    out = list(zip(first, np.sqrt(w @ (var + (mean - first) ** 2))))
    return dict(zip(["alpha", "phi[1]", "phi[2]", "sigma"], out + moments(w, [np.exp(log_sigma)])))


def bioassay():
    """alpha ~ cauchy(0, 10), beta ~ cauchy(0, 2.5); over both. -alpha / beta has no sd: beta can be 0."""
    dose, animals, deaths = read("bioassay", "dose", "animals", "deaths")
    alpha = np.linspace(-15, 25, 801)[:, None]
    beta = np.linspace(-10, 120, 2601)[None, :]
    logit = alpha[..., None] + beta[..., None] * dose
    log_p = (deaths * logit - animals * np.logaddexp(0, logit)).sum(-1)
    log_p -= np.log1p((alpha / 10) ** 2) + np.log1p((beta / 2.5) ** 2)
    w = weights(log_p)
    ones = np.ones_like(w)
    return dict(zip(["alpha", "beta"], moments(w, [alpha * ones, beta * ones])))


def local_level():
    """A Kalman filter, the first level diffuse; sigma_eps ~ half_normal(200), sigma_eta ~ half_normal(100);
    over sigma_eps and sigma_eta."""
    (flow,) = read("nile_gaps", "flow")
    eps = np.linspace(0.25, 260, 1040)[:, None]
    eta = np.linspace(0, 400, 1601)[None, :]
    # The first flow leaves the level with its mean, and the variance of the measurement.
    mean, var, log_p = flow[0] + 0 * eps * eta, eps**2 + 0 * eta, 0.0
    for y in flow[1:]:
        var = var + eta**2
        if np.isnan(y):
            continue
        total = var + eps**2
        log_p = log_p - 0.5 * (np.log(total) + (y - mean) ** 2 / total)
        gain = var / total
        mean, var = mean + gain * (y - mean), var * (1 - gain)
    log_p -= 0.5 * ((eps / 200) ** 2 + (eta / 100) ** 2)
    # The step may be zero: the face there is an end of the support, and counts half.
    w = np.exp(log_p - log_p.max())
    assert max(w[0].max(), w[-1].max(), w[:, -1].max()) < 1e-5
    w[:, 0] *= 0.5
    w /= w.sum()
    return dict(zip(["sigma_eps", "sigma_eta"], moments(w, [eps + 0 * eta, eta + 0 * eps])))


def gp_regression():
    """The function is integrated out; over log length, log amplitude and log sigma, by the eigenvectors of
    each length's correlations."""
    x, y = read("gp_regression", "x", "y")
    log_l, log_a, log_s = np.linspace(-1.6, 0.9, 126), np.linspace(-2.5, 1.8, 173), np.linspace(-2.6, -0.4, 89)
    a2, s2 = np.exp(2 * log_a)[:, None], np.exp(2 * log_s)[None, :]
    log_p = np.empty((log_l.size, log_a.size, log_s.size))
    for k, length in enumerate(np.exp(log_l)):
        values, vectors = np.linalg.eigh(np.exp(-0.5 * ((x[:, None] - x) / length) ** 2))
        var = a2[..., None] * np.maximum(values, 0) + s2[..., None]
        log_p[k] = -0.5 * (np.log(var) + (vectors.T @ y) ** 2 / var).sum(-1)
    l, a, s = np.exp(log_l)[:, None, None], np.exp(log_a)[:, None], np.exp(log_s)
    # inverse_gamma(5, 5), half_normal(1) twice; then the Jacobians.
    log_p += -6 * np.log(l) - 5 / l - 0.5 * a**2 - 0.5 * s**2 + np.log(l * a * s)
    w = weights(log_p)
    ones = np.ones_like(w)
    return dict(zip(["length", "amplitude", "sigma"], moments(w, [l * ones, a * ones, s * ones])))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else HERE
    for model in [ar2, bioassay, local_level, gp_regression]:
        with open(os.path.join(folder, model.__name__ + ".csv"), "w") as file:
            file.write("name,mean,sd,mcse\n")
            file.writelines(f"{name},{m:.6e},{s:.6e},0\n" for name, (m, s) in model().items())


main()
