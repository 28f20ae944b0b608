"""Draws docs/figures/michaelis_menten.svg from a run: python docs/figures/michaelis_menten.py runs/michaelis_menten
Needs polars, scipy, matplotlib. The curve is the closed form of Michaelis-Menten kinetics (Lambert W)."""
import sys
import matplotlib
matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from scipy.special import lambertw

matplotlib.rcParams["svg.hashsalt"] = "pathwise"
draws = pl.read_parquet(f"{sys.argv[1]}/posterior.parquet")
data = pl.read_csv("datasets/michaelis_menten.csv", comment_prefix="#")
t = np.linspace(0, 20.5, 120)
v, k = draws["vmax"].to_numpy()[:, None], draws["km"].to_numpy()[:, None]
made = 10 - k * lambertw(10 / k * np.exp((10 - v * t) / k)).real
seen = made + draws["sigma"].to_numpy()[:, None] * np.random.default_rng(1).standard_normal(made.shape)
fig, ax = plt.subplots(figsize=(6.4, 3.4))
for y, colour, label in ((seen, "#d7e3f1", "90 % of new measurements"), (made, "#7fa8d1", "90 % of the curve")):
    ax.fill_between(t, *np.quantile(y, [0.05, 0.95], axis=0), color=colour, lw=0, label=label)
ax.plot(t, np.median(made, axis=0), color="#1f4e80", lw=1.5, label="median")
ax.plot(data["time"], data["product"], "o", ms=3.5, color="#b5472f", label="measured")
ax.set(xlabel="time (min)", ylabel="product (mM)", xlim=(0, 20.5), ylim=(0, None))
ax.legend(frameon=False, loc="lower right")
for side in ("top", "right"):
    ax.spines[side].set_visible(False)
fig.tight_layout()
fig.savefig("docs/figures/michaelis_menten.svg", metadata={"Date": None})
