"""Makes y.csv: twelve measurements of one number, which specs/conjugate.yaml infers.

    python make_y.py [FILE]

The number is drawn from normal(0, 1), the measurements from normal(number, 0.5). The seed is fixed, so
the file is always the same. Needs numpy."""

import os
import sys

import numpy as np

SEED = 303


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "y.csv")
    random = np.random.default_rng(SEED)
    number = random.normal(0, 1)
    np.savetxt(path, random.normal(number, 0.5, 12), header="y", comments="", fmt="%.3f")
    print("number", round(number, 3))


main()
