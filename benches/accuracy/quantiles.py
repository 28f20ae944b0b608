"""Writes the quantiles of references that the test `accuracy` holds fits against.

    python quantiles.py --refs DIR [--out tests/accuracy] CASE...

CASE: the name of a case of accuracy.py, such as `specs/radon`. A file has a row a parameter that varies: its name
and its 1 %, 3 %, ... 99 % quantiles."""

import argparse
from pathlib import Path

import polars as pl

import cases

LEVELS = [level / 100 for level in range(1, 100, 2)]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--refs", required=True, type=Path, help="folder of the references that accuracy.py made")
    p.add_argument("--out", type=Path, default=cases.ROOT / "tests" / "accuracy")
    p.add_argument("cases", nargs="+", metavar="CASE")
    a = p.parse_args()
    for case in a.cases:
        draws = pl.read_parquet(a.refs / f"{case.replace('/', '__')}.parquet")
        with open(a.out / f"{case.split('/')[1]}.csv", "w") as out:
            out.write("name," + ",".join(f"q{round(100 * level):02}" for level in LEVELS) + "\n")
            for name in draws.columns:
                values = draws[name]
                if name in ("log_joint", "log_q") or values.std() <= 1e-9 * abs(values.mean()):
                    continue
                row = ",".join(f"{values.quantile(level, 'linear'):.6g}" for level in LEVELS)
                out.write(f'"{name}",{row}\n' if "," in name else f"{name},{row}\n")


main()
