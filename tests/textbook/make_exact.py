"""Makes the exact references by sums and quadrature: of models that are of a known form given a few parameters or a
discrete latent, or have only two.

    python make_exact.py [FOLDER]

Each function says what is integrated in closed form and over what the trapezoidal rule goes; integrands are
smooth on the log scale and fall to nothing inside the grid, which is checked. Needs numpy and scipy."""

import csv
import os
import sys

import numpy as np
from scipy.special import betaln, gammaln, logsumexp

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


def measurement_error():
    """Exposures are integrated out: measured ~ normal(mu, sqrt(v)) with v = tau^2 + error^2, and the outcome given
    it is normal around alpha + beta (mu + tau^2 / v (measured - mu)). Given beta, sigma and tau, alpha and mu are
    normal; over beta, log sigma and log tau."""
    x, e, y = read("measurement_error", "measured", "error", "outcome")
    betas, log_s, log_t = np.linspace(0.35, 1.75, 113), np.linspace(-6, 0.4, 161), np.linspace(-0.7, 0.8, 61)
    sigma = np.exp(log_s)[:, None]
    log_p, alpha, mu, alpha_var, mu_var = (np.empty((log_t.size, betas.size, log_s.size)) for _ in range(5))
    for i, tau in enumerate(np.exp(log_t)):
        v = tau**2 + e**2
        of_measured = tau**2 / v
        for j, beta in enumerate(betas):
            w = sigma**2 + beta**2 * tau**2 * e**2 / v
            rest, slope = y - beta * of_measured * x, beta * (1 - of_measured)
            # The precision of (alpha, mu), [[a, b], [b, c]], and what it is multiplied by.
            a, b = 1 / 4 + (1 / w).sum(-1), (slope / w).sum(-1)
            c = 1 / 25 + (1 / v).sum() + (slope**2 / w).sum(-1)
            p, q = (rest / w).sum(-1), (x / v).sum() + (slope * rest / w).sum(-1)
            det = a * c - b * b
            alpha[i, j], mu[i, j] = (c * p - b * q) / det, (a * q - b * p) / det
            alpha_var[i, j], mu_var[i, j] = c / det, a / det
            squares = (x * x / v).sum() + (rest**2 / w).sum(-1) - p * alpha[i, j] - q * mu[i, j]
            log_p[i, j] = -0.5 * (np.log(v).sum() + np.log(w).sum(-1) + np.log(det) + squares)
    tau, beta, sigma = np.exp(log_t)[:, None, None], betas[:, None], np.exp(log_s)
    # normal(0, 1), half_normal(1) and half_normal(2); then the Jacobians.
    log_p += -0.5 * (beta**2 + sigma**2 + (tau / 2) ** 2) + np.log(sigma * tau)
    ones = np.ones_like(log_p)
    mix = lambda mean, var: mixed(log_p.ravel(), mean.ravel(), var.ravel())[:2]
    found = {"alpha": mix(alpha, alpha_var), "mu": mix(mu, mu_var)}
    values = moments(weights(log_p), [beta * ones, sigma * ones, tau * ones])
    return found | dict(zip(["beta", "sigma", "tau"], values))


def mixed(log_p, means, variances):
    """Mean and sd of a mixture, and its weights."""
    w = np.exp(log_p - logsumexp(log_p))
    mean = w @ means
    return mean, np.sqrt(w @ (variances + (means - mean) ** 2)), w


def capture_recapture():
    """p is beta given how many hares were never seen; over their number."""
    (captures,) = read("hares", "captures")
    seen, caught, unseen = captures.size, captures.sum(), np.arange(233.0)
    a, b = 1 + caught, 1 + 6 * (seen + unseen) - caught
    log_p = gammaln(seen + unseen + 1) - gammaln(unseen + 1) + betaln(a, b)
    mean, sd, w = mixed(log_p, a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1)))
    return {"p": (mean, sd), "unseen": moments(w, [unseen])[0]}


def change_point():
    """Both rates are gamma given the year of the change; over the years."""
    (disasters,) = read("coal", "disasters")
    changed = np.arange(disasters.size)
    before = np.concatenate([[0], np.cumsum(disasters)[:-1]])
    early, late = (1 + before, 0.3 + changed), (1 + disasters.sum() - before, 0.3 + disasters.size - changed)
    log_p = sum(gammaln(shape) - shape * np.log(rate) for shape, rate in [early, late])
    found = [mixed(log_p, shape / rate, shape / rate**2) for shape, rate in [early, late]]
    changed = moments(found[0][2], [changed])[0]
    return dict(zip(["early", "late", "changed"], [f[:2] for f in found] + [changed]))


def hierarchical_binomial():
    """The rates are integrated out; over the logit of their mean and log(a + b), with the Jacobian a b."""
    n, y = read("rats", "rats", "tumours")
    rate = 1 / (1 + np.exp(-np.linspace(-2.8, -0.8, 801)))[:, None]
    log_size = np.linspace(0.2, 9, 1401)[None, :]
    a, b = rate * np.exp(log_size), (1 - rate) * np.exp(log_size)
    log_p = -2.5 * log_size + np.log(a) + np.log(b)
    for trials, successes in zip(n, y):
        log_p += betaln(a + successes, b + trials - successes) - betaln(a, b)
    ones = np.ones_like(a)
    return dict(zip(["rate", "log_size"], moments(weights(log_p), [rate * ones, log_size * ones])))


MODELS = [
    ar2,
    bioassay,
    local_level,
    gp_regression,
    measurement_error,
    capture_recapture,
    change_point,
    hierarchical_binomial,
]


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else HERE
    for model in MODELS:
        with open(os.path.join(folder, model.__name__ + ".csv"), "w") as file:
            file.write("name,mean,sd,mcse\n")
            file.writelines(f"{name},{m:.6e},{s:.6e},0\n" for name, (m, s) in model().items())


main()
