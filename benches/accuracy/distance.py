"""How far two sets of draws are apart, and how well chains agree."""

import re

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

NOT_PARAMETERS = ("log_joint", "log_q")


def kolmogorov_smirnov(x, y):
    """The largest distance of the two empirical distribution functions; a NaN is a value above all others."""
    x, y = (np.sort(np.where(np.isnan(v), np.inf, v)) for v in (x, y))
    at = np.concatenate([x, y])
    below = lambda v: np.searchsorted(v, at, side="right") / len(v)
    return float(np.abs(below(x) - below(y)).max())


def is_constant(x):
    finite = x[np.isfinite(x)]
    return len(finite) == 0 or np.ptp(finite) <= 1e-12 * np.abs(finite).max()


def probabilities(names):
    """The columns that are probabilities of one discrete parameter, `P(k=2)`: the parameter -> columns by level."""
    found = {}
    for name in names:
        if match := re.fullmatch(r"P\((.*)=([^=]*)\)", name):
            found.setdefault(match[1], []).append((match[2], name))
    level = lambda pair: (0, float(pair[0]), "") if re.fullmatch(r"-?\d+", pair[0]) else (1, 0.0, pair[0])
    return {parameter: [name for _, name in sorted(pairs, key=level)] for parameter, pairs in found.items()}


def distances(fit, reference):
    """Parameter -> distance, of two frames of draws. Constants are left out. Of a discrete parameter the
    averaged probabilities are compared, summed up over its levels."""
    names = [n for n in reference.columns if n not in NOT_PARAMETERS]
    missing = [n for n in names if n not in fit.columns]
    if missing:
        raise ValueError(f"the fit lacks {missing[:3]}, which its reference has")
    discrete = probabilities(names)
    of_levels = {n for columns in discrete.values() for n in columns}
    out = {}
    for name in names:
        y = reference[name].to_numpy()
        if name not in of_levels and not is_constant(y):
            out[name] = kolmogorov_smirnov(fit[name].to_numpy(), y)
    for parameter, columns in discrete.items():
        gap = [float(fit[n].mean()) - float(reference[n].mean()) for n in columns]
        out[f"P({parameter})"] = float(np.abs(np.cumsum(gap)).max())
    return out


def split_r_hat(chains):
    """R-hat of `chains` [chain, draw], each split in two, on normalised ranks, the larger of that of the
    values and of their distances from the median (Vehtari et al., Bayesian Analysis 16, 2021)."""
    half = chains.shape[1] // 2
    split = np.concatenate([chains[:, :half], chains[:, -half:]])
    folded = np.abs(split - np.median(split))
    return max(r_hat_of_ranks(split), r_hat_of_ranks(folded))


def r_hat_of_ranks(split):
    ranks = rankdata(split, axis=None).reshape(split.shape)
    z = ndtri((ranks - 0.375) / (split.size + 0.25))
    n = z.shape[1]
    within = z.var(axis=1, ddof=1).mean()
    between = n * z.mean(axis=1).var(ddof=1)
    return float(np.sqrt(((n - 1) / n * within + between / n) / within))
