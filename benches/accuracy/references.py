"""References: 10,000 effective draws of each case, made once and kept as Parquet.

A case that can be drawn exactly is (`exact.py`, `collapsed.py`). Every other is sampled by `method: nuts`, one in
an equivalent form that suits the sampler (`rewritten.py`), with several seeds, each of them four chains, until the
smallest bulk effective sample size adds up to 10,000; or by another sampler (`slices.py`). It is a reference if the
chains of all seeds agree (R-hat below 1.01 for every parameter), fewer than 0.1 % of the draws diverged, and
published moments, where there are some, are met. Otherwise the reason is kept instead, and the case has no
reference."""

import csv
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import cases as cases_
import collapsed
import exact
import rewritten
import slices
from distance import NOT_PARAMETERS, is_constant, split_r_hat

EFFECTIVE = 10_000
SEEDS = (101, 102, 103, 104, 105)
CHAINS = 4
FIRST_DRAWS, MOST_DRAWS = 10_000, 160_000
R_HAT = 1.01
DIVERGENT = 1e-3
# Published quantiles are of 10,000 draws; 0.02 is five standard errors at the median and four of ours.
QUANTILE_GAP = 0.02
# Published means are known to about a hundredth of an sd, sds to a hundredth.
MEAN_GAP, SD_GAP = 0.06, 0.06


class Reference:
    """`draws` is a frame, or None with the reason in `facts["none"]`. `facts["kind"]`: exact or nuts."""

    def __init__(self, facts, draws):
        self.facts, self.draws = facts, draws


def paths(case, folder):
    return folder / f"{case.file_name}.parquet", folder / f"{case.file_name}.json"


def load(case, folder):
    """The kept reference, if spec and tables are still what it was made of."""
    parquet, facts = paths(case, folder)
    if not facts.exists():
        return None
    kept = json.loads(facts.read_text())
    if not cases_.is_current(case, kept["inputs"]):
        return None
    draws = pl.read_parquet(parquet) if "none" not in kept else None
    return Reference(kept, draws)


def make(case, fit, folder, limit, say):
    """Makes and keeps the reference of `case`."""
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    if make_exactly := (exact.TARGETS | collapsed.CASES).get(case.name):
        columns, how = make_exactly(case.spec)
        draws, facts = pl.DataFrame(columns), {"kind": "exact", "how": how, "ess": len(next(iter(columns.values())))}
        made_of = cases_.inputs(case, {"data": exact.tables(case.spec)})
    elif case.name in slices.SLICED:
        draws, facts = slices.reference(slices.SLICED[case.name](case.spec))
        facts |= wanting(facts)
        made_of = cases_.inputs(case, {"data": exact.tables(case.spec)})
    else:
        draws, facts, made_of = by_nuts(case, fit, limit, say)
    facts |= {"case": case.name, "inputs": made_of, "seconds": round(time.perf_counter() - start, 1)}
    if "none" not in facts and case.moments:
        facts |= against_moments(draws, case)
    parquet, json_ = paths(case, folder)
    if draws is not None:
        draws.write_parquet(parquet, compression="zstd")
    json_.write_text(json.dumps(facts, indent=1))
    return Reference(facts, draws if "none" not in facts else None)


def by_nuts(case, fit, limit, say):
    """Draws of several seeds by the No-U-Turn sampler: the frame, what is known of it, what it was made of."""
    n_draws, started, made_of = FIRST_DRAWS, time.perf_counter(), {"spec": cases_.digest(case.spec), "tables": {}}
    while True:
        runs = []
        for seed in SEEDS:
            left = limit - (time.perf_counter() - started)
            run = one_run(case, fit, seed, n_draws, left)
            if isinstance(run, str):
                return None, {"kind": "nuts", "none": run}, made_of
            runs.append(run)
            if case.name not in rewritten.REWRITTEN:
                made_of = cases_.inputs(case, run[0])
        draws, facts = pooled(runs)
        if case.name in rewritten.REWRITTEN:
            facts["how"] = "of an equivalent form"
        say(f"{case.name}: {n_draws} draws x {len(SEEDS)}: {facts}")
        # More draws cure neither divergences nor chains that stay apart.
        if facts["ess"] >= EFFECTIVE or n_draws >= MOST_DRAWS or facts["divergent"] >= DIVERGENT or facts["r_hat"] > 1.05:
            break
        wanted = n_draws * 1.2 * EFFECTIVE / max(facts["ess"], 1.0)
        n_draws = int(min(MOST_DRAWS, max(2 * n_draws, -(-wanted // 4000) * 4000)))
    return draws, facts | wanting(facts), made_of


def wanting(facts):
    """`none`, with the reason, if chains do not make a reference."""
    if not facts["r_hat"] < R_HAT:
        return {"none": f"R-hat {facts['r_hat']:.3f} over all chains ({facts['r_hat_of']})"}
    if facts.get("divergent", 0.0) >= DIVERGENT:
        return {"none": f"{100 * facts['divergent']:.2g} % of the draws diverged"}
    if facts["ess"] < EFFECTIVE:
        return {"none": f"{facts['ess']:.0f} effective draws ({facts['ess_of']})"}
    return {}


def one_run(case, fit, seed, n_draws, limit):
    """(fit.json, posterior, summary) of one run, or why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        write, restore = rewritten.REWRITTEN.get(case.name, (None, None))
        spec = write(case.spec, Path(folder)) if write else case.spec
        command = [fit, spec, "--quiet", "--out", out, "--seed", str(seed), "--set", "inference.method=nuts",
                   "--set", f"inference.posterior_draws={n_draws}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=max(limit, 1))
        except subprocess.TimeoutExpired:
            return "the sampler took too long"
        if not (out / "fit.json").exists():
            return f"the sampler failed: {(done.stderr or done.stdout).strip().splitlines()[-1][:120]}"
        draws = pl.read_parquet(out / "posterior.parquet")
        draws = restore(case.spec, draws, seed) if restore else draws
        return json.loads((out / "fit.json").read_text()), draws, pl.read_parquet(out / "summary.parquet")


def pooled(runs):
    """All draws of all runs, and how good they are: worst R-hat over all chains, smallest sum of bulk ESS."""
    frames = [frame.drop(n for n in NOT_PARAMETERS if n in frame.columns) for _, frame, _ in runs]
    draws = pl.concat(frames)
    ess = {}
    for _, _, summary in runs:
        for name, value in summary.select("name", "ess_bulk").iter_rows():
            if value is not None and np.isfinite(value):
                ess[name] = ess.get(name, 0.0) + value
    r_hat = {}
    for name in draws.columns:
        x = draws[name].to_numpy()
        if not is_constant(x):
            x = np.where(np.isnan(x), np.inf, x)
            r_hat[name] = split_r_hat(x.reshape(len(runs) * CHAINS, -1))
    ess_of = min(ess, key=ess.get, default="")
    r_hat_of = max(r_hat, key=lambda n: np.nan_to_num(r_hat[n], nan=np.inf), default="")
    divergent = sum(json_["chains"]["divergences"] for json_, _, _ in runs) / len(draws)
    return draws, {
        "kind": "nuts", "draws": len(draws), "ess": round(ess.get(ess_of, float(len(draws)))), "ess_of": ess_of,
        "r_hat": round(r_hat.get(r_hat_of, 1.0), 4), "r_hat_of": r_hat_of, "divergent": divergent,
        "gradients": sum(json_["evaluations"] for json_, _, _ in runs),
    }


def against_moments(draws, case):
    """What published moments say of the draws: `moments` says that they are met, `none` that they are not."""
    worst, where = 0.0, ""
    with open(case.moments) as f:
        rows = list(csv.DictReader(f))
    for row in rows:
        name = case.rename.get(row["parameter"], row["parameter"])
        if name not in draws.columns:
            continue
        x, sd = draws[name].to_numpy(), float(row["sd"])
        gaps = {"mean": abs(x.mean() - float(row["mean"])) / sd / MEAN_GAP}
        if "q05" in row:
            gaps |= {q: abs((x <= float(row[q])).mean() - p) / QUANTILE_GAP for q, p in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95))}
        else:
            gaps["sd"] = abs(x.std(ddof=1) / sd - 1) / SD_GAP
        which = max(gaps, key=gaps.get)
        if gaps[which] > worst:
            worst, where = gaps[which], f"{which} of {name}"
    compared = sum(case.rename.get(r["parameter"], r["parameter"]) in draws.columns for r in rows)
    found = {"moments": {"source": case.moments.parent.name, "compared": compared, "of": len(rows), "worst": round(worst, 3), "where": where}}
    if compared == 0:
        return found | {"none": "no published moment has a parameter's name"}
    return found | ({"none": f"it misses the published {where}"} if worst > 1 else {})
