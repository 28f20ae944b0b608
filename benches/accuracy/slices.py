"""References by elliptical slice sampling, where No-U-Turn chains diverge: latent Gaussian noise under a few
hyperparameters, in many chains side by side.

A sweep moves the noise z ~ normal(0, I) by elliptical slices (I. Murray, R. P. Adams and D. J. C. MacKay, Elliptical
slice sampling, AISTATS 2010), then the hyperparameters given z by random walks, whose steps are tuned before the
draws that count. Neither has a step of integration that could fail."""

import numpy as np
import polars as pl

from distance import split_r_hat

CHAINS, WARMUP, SWEEPS, WALKS = 128, 1500, 6000, 6
SEED = 20


class GpLatent:
    """`gp_latent` of docs/language/gaussian-processes.md in mean, log scale and log length, `h` [chain, 3].

    Every model has these: `start`, `log_prior` with the Jacobian of the coordinates, `prepare`, which makes of the
    hyperparameters what `log_lik` needs besides the noise, each [chain, ...], and `reported`."""

    names = ("mean", "scale", "length")

    def __init__(self, spec):
        trips = pl.read_csv(spec.parent / "tables" / "trips.csv")
        self.x, self.n = trips["hours"].to_numpy(), trips["caught"].to_numpy()
        self.n_noise = len(self.x)
        self.square = (self.x[:, None] - self.x) ** 2

    def start(self, r, n):
        return np.column_stack([r.normal(0, 0.5, n), r.normal(-0.5, 0.5, n), r.normal(0.7, 0.4, n)])

    def log_prior(self, h):
        mean, scale, length = h[:, 0], np.exp(h[:, 1]), np.exp(h[:, 2])
        # Each positive one with the Jacobian of its logarithm.
        return -(mean**2) / 2 - scale**2 / 2 + h[:, 1] - 6 * h[:, 2] - 10 / length + h[:, 2]

    def prepare(self, h):
        k = np.exp(-self.square / (2 * np.exp(2 * h[:, 2])[:, None, None])) + 1e-6 * np.eye(self.n_noise)
        return h[:, 0], np.exp(h[:, 1]), np.linalg.cholesky(k)

    def log_lik(self, prepared, z):
        mean, scale, factor = prepared
        log_rate = mean[:, None] + scale[:, None] * np.einsum("cij,cj->ci", factor, z)
        return (self.n * log_rate - np.exp(log_rate)).sum(axis=1)

    def reported(self, h):
        return h[..., 0], np.exp(h[..., 1]), np.exp(h[..., 2])


def elliptical(r, log_lik, z, at):
    """One elliptical slice of every chain: the new noise and its log likelihood."""
    direction = r.normal(size=z.shape)
    level = at + np.log(r.random(len(z)))
    angle = r.uniform(0, 2 * np.pi, len(z))
    low, high = angle - 2 * np.pi, angle.copy()
    new, value, open_ = z.copy(), at.copy(), np.ones(len(z), bool)
    while open_.any():
        proposed = z * np.cos(angle)[:, None] + direction * np.sin(angle)[:, None]
        found = log_lik(proposed)
        taken = open_ & (found > level)
        new[taken], value[taken] = proposed[taken], found[taken]
        open_ &= ~taken
        low, high = np.where(open_ & (angle < 0), angle, low), np.where(open_ & (angle >= 0), angle, high)
        angle = np.where(open_, r.uniform(low, high), angle)
    return new, value


def sample(model):
    """Draws [chain, sweep, hyperparameter] after the warm-up."""
    r = np.random.default_rng(SEED)
    h, z = model.start(r, CHAINS), r.normal(size=(CHAINS, model.n_noise))
    prepared = model.prepare(h)
    at, prior = model.log_lik(prepared, z), model.log_prior(h)
    step, factor, kept = 0.5, np.eye(h.shape[1]), []
    for sweep in range(WARMUP + SWEEPS):
        z, at = elliptical(r, lambda z: model.log_lik(prepared, z), z, at)
        for _ in range(WALKS):
            proposed = h + step * r.normal(size=h.shape) @ factor.T
            next_ = model.prepare(proposed)
            next_at, next_prior = model.log_lik(next_, z), model.log_prior(proposed)
            taken = np.log(r.random(CHAINS)) < next_at + next_prior - at - prior
            h[taken], at[taken], prior[taken] = proposed[taken], next_at[taken], next_prior[taken]
            for mine, theirs in zip(prepared, next_):
                mine[taken] = theirs[taken]
            if sweep < WARMUP:
                step *= np.exp((taken.mean() - 0.3) * 0.1)
        if sweep < WARMUP and sweep % 50 == 49:
            # The chains together tell the shape of the steps.
            factor = np.linalg.cholesky(np.cov(h.T))
        if sweep >= WARMUP:
            kept.append(h.copy())
    return np.stack(kept, axis=1)


def reference(model):
    """(frame, facts). The effective draws are told by how far the means of chains are apart."""
    draws = dict(zip(model.names, model.reported(sample(model))))
    ess = {n: float(CHAINS * x.var() / x.mean(axis=1).var(ddof=1)) for n, x in draws.items()}
    r_hat = {n: split_r_hat(x) for n, x in draws.items()}
    few, apart = min(ess, key=ess.get), max(r_hat, key=r_hat.get)
    facts = {"kind": "slices", "how": f"elliptical slices, {CHAINS} chains", "ess": round(ess[few]), "ess_of": few,
             "r_hat": round(r_hat[apart], 4), "r_hat_of": apart}
    # A tenth of them is still far more than is effective.
    return pl.DataFrame({n: x[:, ::10].ravel() for n, x in draws.items()}), facts


# Case -> its model.
SLICED = {"docs/gaussian-processes:gp_latent": GpLatent}
