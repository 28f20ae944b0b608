"""Makes logreg.parquet: a simulated trial with a binary outcome and eight features.

    python make_logreg.py [FILE]

Features of a patient are normal with mean 0, sd 1 and correlations 0.5^|i - j|; the truth is drawn from
the priors of specs/logistic_regression.yaml, b from normal(0, 1) and b0 from normal(0, 2.5), and the
outcome is 1 with probability 1 / (1 + exp(-(b0 + x b))). The seed is fixed, so the file is always the
same. The truth is printed. Needs numpy and pyarrow."""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N_PATIENTS, N_FEATURES, SEED = 1000, 8, 202


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "logreg.parquet")
    random = np.random.default_rng(SEED)
    b, b0 = random.normal(0, 1, N_FEATURES), random.normal(0, 2.5)
    place = np.arange(N_FEATURES)
    correlation = 0.5 ** np.abs(place[:, None] - place)
    x = random.standard_normal((N_PATIENTS, N_FEATURES)) @ np.linalg.cholesky(correlation).T
    x = x.round(4)
    outcome = random.random(N_PATIENTS) < 1 / (1 + np.exp(-(b0 + x @ b)))
    columns = {f"x{j + 1}": pa.array(x[:, j]) for j in place}
    columns["outcome"] = pa.array(outcome.astype(np.int64))
    pq.write_table(pa.table(columns), path, compression="none")
    print("b", b.round(3), "b0", round(b0, 3), "share of ones", outcome.mean())


main()
