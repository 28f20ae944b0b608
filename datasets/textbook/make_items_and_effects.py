"""Makes item_response.csv and sparse.csv: seeded, Python with numpy alone."""

import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent


def write(name, header, rows):
    text = "\n".join([",".join(header)] + [",".join(map(str, row)) for row in rows])
    (FOLDER / name).write_text(text + "\n")


def item_response():
    """50 persons with abilities of sd 1.2 answer eight items of difficulties -2 to 2."""
    rng = np.random.default_rng(1)
    ability = 1.2 * rng.standard_normal(50)
    difficulty = np.linspace(-2, 2, 8)
    chance = 1 / (1 + np.exp(-(ability[:, None] - difficulty)))
    correct = (rng.random(chance.shape) < chance).astype(int)
    rows = [(p + 1, i + 1, correct[p, i]) for p in range(50) for i in range(8)]
    write("item_response.csv", ["person", "item", "correct"], rows)


def sparse():
    """80 outcomes with noise 1 of twenty predictors, of which four have an effect."""
    rng = np.random.default_rng(2)
    x = np.round(rng.standard_normal((80, 20)), 3)
    beta = np.zeros(20)
    beta[:4] = [2, -1.5, 1, 0.5]
    y = np.round(0.7 + x @ beta + rng.standard_normal(80), 3)
    header = [f"x{j + 1}" for j in range(20)] + ["y"]
    write("sparse.csv", header, np.column_stack([x, y]))


item_response()
sparse()
