"""Makes logistic_regression.csv, the posterior of specs/logistic_regression.yaml, by importance sampling.

    python make_logistic_regression.py [FILE]

    b[feature] ~ normal(0, 1)    b0 ~ normal(0, 2.5)    outcome ~ bernoulli(logit = b0 + x b)

The posterior is log-concave with nine coordinates and a thousand rows, so a Student t of 10 degrees of
freedom with the curvature of its mode is a proposal with bounded weights. The script prints the effective
sample size and gives the Monte-Carlo error of each mean. Needs numpy and pyarrow."""

import os
import sys

import numpy as np
import pyarrow.parquet as pq

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "..", "datasets", "logreg.parquet")
DF, DRAWS, SEED = 10, 400_000, 1


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "logistic_regression.csv")
    table = pq.read_table(DATA).to_pydict()
    features = [name for name in table if name != "outcome"]
    y = np.array(table["outcome"])
    x = np.column_stack([table[f] for f in features] + [np.ones_like(y, float)])
    scale = np.array([1.0] * len(features) + [2.5])

    def log_joint(b):
        """At the rows of `b`."""
        logit = b @ x.T
        return (y * logit - np.logaddexp(0, logit)).sum(-1) - 0.5 * ((b / scale) ** 2).sum(-1)

    mode = np.zeros(scale.size)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ mode))
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(1 / scale**2)
        mode += np.linalg.solve(curvature, x.T @ (y - p) - mode / scale**2)
    root = np.linalg.cholesky(np.linalg.inv(curvature))

    random = np.random.default_rng(SEED)
    z = random.standard_normal((DRAWS, scale.size)) * np.sqrt(DF / random.chisquare(DF, DRAWS))[:, None]
    b = mode + z @ root.T
    log_w = 0.5 * (DF + scale.size) * np.log1p((z * z).sum(-1) / DF)
    log_w += np.concatenate([log_joint(part) for part in np.array_split(b, 400)])
    w = np.exp(log_w - log_w.max())
    w /= w.sum()
    print("effective draws", 1 / (w @ w))
    mean = w @ b
    sd = np.sqrt(w @ (b - mean) ** 2)
    mcse = np.sqrt(w**2 @ (b - mean) ** 2)
    with open(path, "w", newline="") as file:
        file.write("parameter,mean,sd,mcse\n")
        for name, m, s, e in zip([f"b[{f}]" for f in features] + ["b0"], mean, sd, mcse):
            file.write(f"{name},{m:.5g},{s:.5g},{e:.1g}\n")


main()
