"""Prints how far a finer and a wider grid move the distribution functions of every quadrature; fails above 0.001.

    python check_quadrature.py"""

import sys

import numpy as np

import collapsed
import exact
from cases import ROOT, TARGETS

LARGEST = 1e-3


def grids():
    """Name -> a function that makes the grid, `fine` and `wide` times as it is."""
    at = lambda name: TARGETS / f"{name}.yaml"
    yield "ridge", lambda **k: exact.ridge_grid(at("ridge"), **k)
    yield "collinear", lambda **k: exact.collinear_grid(at("collinear"), **k)
    yield "separable", lambda **k: exact.separable_grid(at("separable"), True, **k)
    yield "separable_normal", lambda **k: exact.separable_grid(at("separable_normal"), False, **k)
    for name, model in collapsed.MODELS.items():
        yield name, model(ROOT / "docs" / "page.yaml").grid


def main():
    worst = 0.0
    for name, grid in grids():
        base = list(grid().cumulative())
        for what, other in (("finer", grid(fine=1.5)), ("wider", grid(wide=1.2))):
            # A step of the distribution function within a cell is a straight line; the finer grid has it at more places.
            gaps = [np.abs(np.interp(at, *of_other) - below).max() for (at, below), of_other in zip(base, other.cumulative())]
            print(f"{name}, {what}: {max(gaps):.1e}", flush=True)
            worst = max(worst, *gaps)
    if worst > LARGEST:
        sys.exit("a grid is not good enough")


if __name__ == "__main__":
    main()
