"""Makes radon.parquet and counties.csv from the copy of the Minnesota radon data in PyMC3.

    pip download pymc3==3.5 --no-deps --no-binary :all:
    tar xzf pymc3-3.5.tar.gz
    python make_radon.py pymc3-3.5/pymc3/examples/data/radon.csv [FOLDER]

That file (Apache-2.0) has the homes of Minnesota in the U.S. Environmental Protection Agency's state
residential radon survey, each with the uranium of its county. Names of counties are written as names
here (`Lac Qui Parle`). Needs pyarrow."""

import csv
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def main():
    folder = sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(os.path.abspath(__file__))
    with open(sys.argv[1], newline="") as file:
        homes = list(csv.DictReader(file))
    county = [home["county"].strip().title() for home in homes]
    county = [name.replace(" Of The ", " of the ").replace("Mcleod", "McLeod") for name in county]
    uranium = {}
    for name, home in zip(county, homes):
        assert uranium.setdefault(name, home["Uppm"]) == home["Uppm"], name
    table = pa.table(
        {
            "log_radon": pa.array([round(float(home["log_radon"]), 6) for home in homes], pa.float64()),
            "floor": pa.array([int(float(home["floor"])) for home in homes], pa.int64()),
            "county": pa.array(county, pa.string()),
        }
    )
    pq.write_table(table, os.path.join(folder, "radon.parquet"), compression="none")
    with open(os.path.join(folder, "counties.csv"), "w") as file:
        file.write("county,uranium\n")
        file.writelines(f"{name},{float(uranium[name]):.6g}\n" for name in sorted(uranium))


main()
