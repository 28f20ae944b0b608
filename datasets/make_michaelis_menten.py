"""Makes michaelis_menten.csv: a simulated progress curve of an enzyme reaction.

    python make_michaelis_menten.py [FILE]

Substrate S turns into product P at the rate vmax S / (km + S), from S = 10 mM and P = 0, with
vmax = 1.2 mM/min and km = 3 mM. The product is measured every 0.5 min for 20 min, each time with
an independent normal error of standard deviation 0.2 mM. The seed is fixed, so the file is always
the same. Needs numpy and scipy."""

import os
import sys

import numpy as np
from scipy.integrate import solve_ivp

VMAX, KM, SIGMA, S0 = 1.2, 3.0, 0.2, 10.0
SEED = 101


def rate(_time, state):
    flux = VMAX * state[0] / (KM + state[0])
    return [-flux, flux]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "michaelis_menten.csv")
    time = np.linspace(0.5, 20.0, 40)
    exact = solve_ivp(rate, (0, 20), [S0, 0.0], t_eval=time, rtol=1e-10, atol=1e-12).y[1]
    product = exact + SIGMA * np.random.default_rng(SEED).standard_normal(time.size)
    np.savetxt(path, np.c_[time, product], delimiter=",", header="time,product", comments="", fmt="%.6f")


main()
