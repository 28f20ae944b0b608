"""The table of docs/accuracy.md for NumPyro and PyMC, beside ours, in one run.

    python peers.py --fit-exe FIT --refs DIR --results DIR [--seeds 3] [--cases PATTERN ...]
                    [--truth TRUTH_DIR] [--out docs/accuracy.md]

NumPyro: AutoNormal and AutoMultivariateNormal as they come, `Trace_ELBO()` (one particle), Adam; it has
no default step or length, so they are those of its own examples of SVI, 0.01 and as many steps as PyMC
takes. PyMC: `pm.fit(method="advi")` as it comes: 10,000 steps. Both in double precision. Each fit is a
process of its own, its time is that of the whole process, as ours is; `seconds` inside is without imports.
4,000 draws are compared with the references of `accuracy.py`, which must be there.

Run with the peers' Python and requirements.txt of this folder. `--one` is how it calls itself."""

import argparse
import json
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import cases as cases_
import references
import report
from accuracy import TRUTH, one_fit, run
from distance import distances
from peer_models import MODELS

STEPS, STEP_SIZE, DRAWS = 10_000, 0.01, 4_000
PEERS = {"NumPyro AutoNormal": "numpyro", "NumPyro AutoMultivariateNormal": "numpyro", "PyMC ADVI": "pymc"}


def columns(case):
    """What a model reads: the columns of all tables, `x` for those that the spec stacks, an index for a column of levels."""
    text, d, stacked = case.spec.read_text(), {}, []
    for file in re.findall(r"file: *([^,}\s]+)", text):
        path = case.spec.parent / file
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
        for name in frame.columns:
            column = frame[name]
            if column.dtype == pl.String:
                levels = sorted(column.unique())
                column = column.replace_strict(levels, range(len(levels)))
                # A parent's own key is in the order of its rows, which is that of the levels.
                d.setdefault(f"{name}_index", column.to_numpy())
                d[f"{name}_levels"] = levels
            else:
                d[name] = column.to_numpy().astype(float)
    if found := re.search(r"x: \{columns: \[?([^\]}]*?)\]?, dim", text):
        wanted = [c.strip().strip('"') for c in found[1].split(",")]
        stacked = [n for n in d if any(re.fullmatch(w.replace("*", ".*"), n) for w in wanted)]
        d["x"] = np.column_stack([d[n] for n in stacked])
    return d


def labelled(draws, reference):
    """Draws by site, [draw] or [draw, element], as columns with the names of the reference: elements are in its order."""
    out = {}
    for site, x in draws.items():
        names = [n for n in reference if n == site or n.startswith(site + "[")]
        x = np.asarray(x).reshape(len(x), -1)
        if names and len(names) != x.shape[1]:
            raise ValueError(f"{site}: {x.shape[1]} elements, the reference has {len(names)}")
        out |= {n: x[:, k] for k, n in enumerate(names)}
    return out


class Numpyro:
    """NumPyro's words."""

    def __init__(self):
        import jax

        jax.config.update("jax_enable_x64", True)
        import jax.numpy as jnp
        import numpyro
        import numpyro.distributions as dist

        self.np, self.numpyro, self.dist = jnp, numpyro, dist
        self.exp, self.product = jnp.exp, lambda x, b: jnp.asarray(x) @ b

    def shaped(self, law, size):
        # Elements of one site, not of its event: AutoNormal and Trace_ELBO are the same either way.
        return law if size is None else law.expand([size]).to_event(1)

    def normal(self, mean, sd, size=None):
        return self.shaped(self.dist.Normal(mean, sd), size)

    def lognormal(self, m, s, size=None):
        return self.shaped(self.dist.LogNormal(m, s), size)

    def half_normal(self, scale, size=None):
        return self.shaped(self.dist.HalfNormal(scale), size)

    def half_cauchy(self, scale):
        return self.dist.HalfCauchy(scale)

    def cauchy(self, loc, scale):
        return self.dist.Cauchy(loc, scale)

    def gamma(self, shape, rate):
        return self.dist.Gamma(shape, rate)

    def student_t(self, df, loc, scale):
        return self.dist.StudentT(df, loc, scale)

    def bernoulli_logit(self, logit):
        return self.dist.Bernoulli(logits=logit)

    def binomial_logit(self, n, logit):
        return self.dist.Binomial(n.astype(int), logits=logit)

    def flat(self, size):
        return self.dist.ImproperUniform(self.dist.constraints.real, (), (size,))

    def sample(self, name, law):
        # A law over elements, without plates.
        return self.numpyro.sample(name, law if not law.batch_shape else law.to_event(len(law.batch_shape)))

    def observe(self, name, law, value):
        self.numpyro.sample(name, law, obs=value)

    def named(self, name, value):
        return self.numpyro.deterministic(name, value)

    def fit(self, peer, model, data, seed):
        import jax
        from numpyro.infer import SVI, Trace_ELBO, autoguide

        program = lambda: model(self, data)
        guide = getattr(autoguide, peer.split()[1])(program)
        svi = SVI(program, guide, self.numpyro.optim.Adam(STEP_SIZE), Trace_ELBO())
        key, draw_key = jax.random.split(jax.random.PRNGKey(seed))
        found = svi.run(key, STEPS, progress_bar=False)
        draws = guide.sample_posterior(draw_key, found.params, sample_shape=(DRAWS,))
        named = self.numpyro.infer.Predictive(program, posterior_samples=draws, batch_ndims=1)(draw_key)
        return {k: np.asarray(v) for k, v in (named | draws).items()}


class Pymc:
    """PyMC's words."""

    def __init__(self):
        import logging

        import pymc
        import pytensor.tensor as pt

        logging.getLogger("pymc").setLevel(logging.ERROR)
        self.pm, self.exp = pymc, pt.exp
        self.product = lambda x, b: pt.as_tensor(x) @ b

    def law(self, kind, size=None, **parameters):
        return lambda name, observed=None: getattr(self.pm, kind)(
            name, **parameters, **({"shape": size} if size else {}), **({"observed": observed} if observed is not None else {}))

    def normal(self, mean, sd, size=None):
        return self.law("Normal", size, mu=mean, sigma=sd)

    def lognormal(self, m, s, size=None):
        return self.law("LogNormal", size, mu=m, sigma=s)

    def half_normal(self, scale, size=None):
        return self.law("HalfNormal", size, sigma=scale)

    def half_cauchy(self, scale):
        return self.law("HalfCauchy", beta=scale)

    def cauchy(self, loc, scale):
        return self.law("Cauchy", alpha=loc, beta=scale)

    def gamma(self, shape, rate):
        return self.law("Gamma", alpha=shape, beta=rate)

    def student_t(self, df, loc, scale):
        return self.law("StudentT", nu=df, mu=loc, sigma=scale)

    def bernoulli_logit(self, logit):
        return self.law("Bernoulli", logit_p=logit)

    def binomial_logit(self, n, logit):
        return self.law("Binomial", n=n.astype(int), logit_p=logit)

    def flat(self, size):
        return self.law("Flat", size)

    def sample(self, name, law):
        return law(name)

    def observe(self, name, law, value):
        law(name, observed=value)

    def named(self, name, value):
        return self.pm.Deterministic(name, value)

    def fit(self, _, model, data, seed):
        with self.pm.Model():
            model(self, data)
            found = self.pm.fit(method="advi", random_seed=seed, progressbar=False)
            posterior = found.sample(DRAWS, random_seed=seed).posterior
        return {name: np.asarray(posterior[name])[0] for name in posterior.data_vars}


def one(a, case):
    """A single fit of a peer: draws to a Parquet file, seconds to standard output."""
    peer, seed, out = a.one[0], int(a.one[1]), a.one[2]
    lib = {"numpyro": Numpyro, "pymc": Pymc}[PEERS[peer]]()
    reference = references.load(case, a.refs)
    data = columns(case)
    start = time.perf_counter()
    draws = lib.fit(peer, MODELS[case.name], data, seed)
    print(json.dumps({"seconds": time.perf_counter() - start}))
    pl.DataFrame(labelled(draws, reference.draws.columns)).write_parquet(out)


def peer_fit(a, case, reference, peer, seed):
    """The record of one fit of a peer, in a process of its own."""
    record = {"case": case.name, "seed": seed, "coordinates": case.coordinates, "tool": peer, "verdict": "none"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "draws.parquet"
        command = [sys.executable, __file__, "--fit-exe", a.fit_exe, "--refs", a.refs, "--results", a.results, "--truth", a.truth,
                   "--cases", case.name, "--one", peer, str(seed), out]
        code, messages, wall, cpu = run(command, a.limit)
        record |= {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3), "gradients": STEPS}
        if not out.exists():
            why = "took too long" if code is None else (messages.splitlines() or [f"exit {code}"])[-1]
            return record | {"verdict": "failed", "reasons": [why[:200]]}
        draws = pl.read_parquet(out)
        record["fit_s"] = round(json.loads(messages.splitlines()[-1])["seconds"], 3)
    # What the reference derives from parameters and the peer does not report is not asked of it.
    gaps = distances(draws, reference.draws.select(n for n in reference.draws.columns if n in draws.columns))
    worst = max(gaps, key=gaps.get)
    return record | {"ks": round(gaps[worst], 5), "worst": worst, "compared": len(gaps)}


HEAD = ["case", "tool", "verdict", "KS, median", "worst", "of", "gradients", "wall s", "CPU s", "without start-up, s"]


def section(records, seeds):
    lines = [
        report.PEERS_HEADING, "",
        f"Made by `benches/accuracy/peers.py` in one run, {seeds} seeds, against the same references. NumPyro's guides as they come, with Adam",
        f"({STEP_SIZE}) and {STEPS:,} steps, for it has no default; PyMC's ADVI as it comes, {STEPS:,} steps. Wall and CPU seconds are those of",
        "a whole process; the last column is without its start-up, but with compiling. Neither says whether its answer is right.", "",
        "| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD),
    ]
    groups = {}
    for r in records:
        groups.setdefault((r["case"], r["tool"]), []).append(r)
    for (case, tool), of in groups.items():
        worst = max(of, key=lambda r: r.get("ks", -1.0))
        failed = "; ".join(r["reasons"][0][:80] for r in of[:1] if r["verdict"] == "failed" and r.get("reasons"))
        cells = [f"`{case}`", tool, report.counts(of, "verdict"), report.number(report.middle(of, "ks")), report.number(worst.get("ks")),
                 f"`{worst['worst']}`" if "worst" in worst else failed, report.thousands(report.middle(of, "gradients")),
                 *(report.number(report.middle(of, k)) for k in ("wall_s", "cpu_s", "fit_s"))]
        lines.append("| " + " | ".join(cells).replace("\n", " ") + " |")
    lines += ["", *summary(records), ""]
    return "\n".join(lines)


def summary(records):
    """Over all cases, by tool: how often the answer is near, how often it is far."""
    lines = ["| tool | fits | KS at most 0.05 | KS above 0.1 | of these, said to be sound |", "|---|---|---|---|---|"]
    for tool in dict.fromkeys(r["tool"] for r in records):
        of = [r for r in records if r["tool"] == tool]
        far = [r for r in of if r.get("ks", 1.0) > report.KS_BAD]
        silent = sum(r["verdict"] in report.BELIEVED for r in far) if tool == OURS else "no verdict"
        lines.append(f"| {tool} | {len(of)} | {sum(r.get('ks', 1.0) <= report.KS_GOOD for r in of)} | {len(far)} | {silent} |")
    return lines


OURS = "Pathwise"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--fit-exe", required=True, type=Path)
    p.add_argument("--refs", required=True, type=Path)
    p.add_argument("--results", required=True, type=Path, help="folder for working files and peers.jsonl")
    p.add_argument("--truth", type=Path, default=TRUTH)
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--cases", nargs="+", default=["*"], metavar="PATTERN")
    p.add_argument("--limit", type=float, default=900, help="seconds that a fit may take")
    p.add_argument("--out", type=Path, help="the page whose section is replaced (default: standard output)")
    p.add_argument("--one", nargs=3, metavar=("PEER", "SEED", "FILE"), help=argparse.SUPPRESS)
    a = p.parse_args()
    a.fit_exe = a.fit_exe.resolve()
    truth = a.truth.resolve() if (a.truth / "posteriordb").is_dir() else None
    found, _ = cases_.collect(a.fit_exe, a.results / "work", truth, a.cases, 500, only=MODELS)
    if a.one:
        return one(a, found[0])
    refs = {c.name: references.load(c, a.refs) for c in found}
    if missing := [name for name, r in refs.items() if r is None or r.draws is None]:
        sys.exit(f"no reference of {', '.join(missing)}: accuracy.py makes them")
    records, log = [], open(a.results / "peers.jsonl", "w")
    for case in found:
        for tool in [OURS, *PEERS]:
            for seed in range(1, a.seeds + 1):
                reference = refs[case.name]
                record = peer_fit(a, case, reference, tool, seed) if tool != OURS else one_fit(case, reference, a, seed, []) | {"tool": OURS}
                records.append(record)
                log.write(json.dumps(record) + "\n")
                log.flush()
                print(f"{case.name}, {tool}, seed {seed}: {record['verdict']}, KS {record.get('ks')}, {record['wall_s']} s", file=sys.stderr)
    text = section(records, a.seeds)
    if a.out:
        page = a.out.read_text() if a.out.exists() else ""
        a.out.write_text(page.partition(report.PEERS_HEADING)[0].rstrip() + "\n\n" + text)
    else:
        print(text)


if __name__ == "__main__":
    main()
