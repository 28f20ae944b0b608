"""Specs whose posterior the sampler cannot walk as they are written, in an equivalent form that it can.

The reference is then sampled from the other form, and what that integrates out is drawn back here."""

import numpy as np
import polars as pl


def sparse(spec):
    frame = pl.read_csv(spec.parent / "../../datasets/textbook/sparse.csv")
    names = [n for n in frame.columns if n.startswith("x")]
    return names, frame.select(names).to_numpy(), frame["y"].to_numpy()


def horseshoe_spec(spec, folder):
    """The regularised horseshoe with its coefficients integrated out.

    Least squares have all that the data say of beta given the intercept a and sigma: they are
    b = u - a w ~ normal(beta, sigma^2 V) with V = (X'X)^-1, and a sum of squares r0 - 2 a r1 + a^2 r2 with n - k degrees
    of freedom. With beta ~ normal(0, D) the b are normal with covariance sigma^2 V + D."""
    names, x, y = sparse(spec)
    (n, k), ones = x.shape, np.ones(len(y))
    v = np.linalg.inv(x.T @ x)
    u, w = v @ x.T @ y, v @ x.T @ ones
    rest = lambda p, q: p @ q - p @ x @ v @ x.T @ q
    r0, r1, r2 = rest(y, y), rest(y, ones), rest(ones, ones)
    pl.DataFrame({"predictor": names, "u": u, "w": w}).write_csv(folder / "least_squares.csv", float_precision=17)
    rows = ", ".join("[" + ", ".join(f"{c:.17g}" for c in row) + "]" for row in v)
    out = folder / "regularised_horseshoe.yaml"
    out.write_text(f"""model: regularised_horseshoe
data:
  least_squares: {{file: least_squares.csv, key: predictor}}
let:
  V[predictor, predictor']: [{rows}]
  D: tau^2 * lambda^2 * slab / (slab + tau^2 * lambda^2)
latent:
  intercept: normal(0, 5)
  sigma: half_normal(2)
  tau: half_cauchy(3 / 17 * sigma / sqrt(80))
  lambda[predictor]: half_cauchy(1)
  slab: inverse_gamma(2, 8)
observe:
  u: multivariate_normal(intercept * w, covariance = sigma^2 * V + D * identity(predictor))
factor:
  rest: {k - n} * log(sigma) - ({r0:.17g} - {2 * r1:.17g} * intercept + {r2:.17g} * intercept^2) / (2 * sigma^2)
output:
  report: [intercept, sigma, D]
""")
    return out


def horseshoe_draws(spec, draws, seed):
    """Draws the coefficients back: normal with precision X'X / sigma^2 + 1 / D."""
    names, x, y = sparse(spec)
    intercept, sigma = draws["intercept"].to_numpy(), draws["sigma"].to_numpy()
    d = draws.select(f"D[{n}]" for n in names).to_numpy()
    noise = np.random.default_rng(seed).normal(size=d.shape)
    precision = (x.T @ x) / sigma[:, None, None] ** 2
    at = np.arange(len(names))
    precision[:, at, at] += 1 / d
    factor = np.linalg.cholesky(precision)
    right = ((y - intercept[:, None]) @ x) / sigma[:, None] ** 2
    half = np.linalg.solve(factor, right[:, :, None])
    beta = np.linalg.solve(factor.transpose(0, 2, 1), half + noise[:, :, None])[:, :, 0]
    return pl.DataFrame({"intercept": intercept, "sigma": sigma} | {f"beta[{n}]": beta[:, k] for k, n in enumerate(names)})


# Case -> (writes the other spec into a folder, makes draws of the case's parameters of the other's).
REWRITTEN = {"textbook/regularised_horseshoe": (horseshoe_spec, horseshoe_draws)}
