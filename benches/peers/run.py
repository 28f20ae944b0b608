"""Times Pathwise and its peers in one run on one core, and prints the ratios.

    .peers/bin/python benches/peers/run.py [--only radon mm_ode ...] [--rounds 3] [--out FILE.json]

Draw-gradients: the Rust bench `draw_gradients` against NumPyro at 1 and 8 particles, CPU
microseconds a Monte-Carlo draw. Ours are criterion's medians, which it leaves in a folder that is
made for each round and removed after. Whole process: `fit specs/michaelis_menten.yaml` against NumPyro's
full-rank fit of the same model, seconds of wall clock from start to exit. Rounds are the outer loop and
both sides alternate within a round, so a busy neighbour hurts both. The table has medians over the
rounds and, in brackets, the range: of ours from the lowest to the highest end of criterion's 95 %
confidence intervals. FILE.json gets every single measurement.

Run with the peers' Python (benches/README.md). Needs nothing outside the standard library itself."""

import argparse
import glob
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PEERS = os.path.abspath(os.environ.get("PATHWISE_PEERS") or os.path.join(ROOT, "..", "shared", "peers"))
DATASETS = os.path.join(ROOT, "datasets")
PARTICLES = (8, 1)
OUR_DRAWS = (8, 1, 16, 64)
WHOLE = "fit michaelis_menten"


def workloads(data):
    """Name -> the peer's command line, without the number of particles."""
    svi = ["--method", "svi-normal"]
    hier, mm = os.path.join(PEERS, "hier", "run_numpyro.py"), os.path.join(PEERS, "mm_ode", "run_numpyro.py")
    return {
        "logreg": [os.path.join(PEERS, "logreg", "run_numpyro.py"), data, *svi, "--steps", "1000", "--lr", ".02"],
        "radon": [hier, data, "--model", "radon", *svi, "--steps", "5000", "--lr", ".02"],
        "mm_ode": [mm, data, "--ode", "diffrax", *svi, "--steps", "2000", "--lr", ".02"],
        "lotka_volterra": [os.path.join(HERE, "lotka_volterra.py"), DATASETS, *svi, "--steps", "2000", "--lr", ".01"],
        "eight_schools": [hier, data, "--model", "eight_schools", *svi, "--steps", "10000", "--lr", ".01"],
    }


def whole_peer(data):
    """NumPyro's full rank on mm_ode, with as many steps as it takes to be right."""
    script = os.path.join(PEERS, "mm_ode", "run_numpyro.py")
    return [script, data, "--ode", "diffrax", "--method", "svi-mvn", "--steps", "20000", "--lr", ".01"]


class Pinned:
    """Runs commands on one core (where taskset exists), without another project's BLAS settings."""

    def __init__(self, cpu, data, limit):
        self.prefix = ["taskset", "-c", str(cpu)] if shutil.which("taskset") else []
        dropped = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
        self.env = {k: v for k, v in os.environ.items() if k not in dropped} | {"PATHWISE_PEER_DATA": data}
        self.limit = limit

    def lines(self, command, **env):
        """(JSON lines on stdout, wall seconds, error or None) of `command`, with `env` besides."""
        start = time.perf_counter()
        try:
            done = subprocess.run(self.prefix + command, cwd=ROOT, env=self.env | env, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=self.limit)
        except subprocess.TimeoutExpired:
            return [], self.limit, f"took over {self.limit:.0f} s"
        except OSError as error:
            return [], 0.0, str(error)
        wall = time.perf_counter() - start
        error = None if done.returncode == 0 else f"exit {done.returncode}: {(done.stderr or done.stdout)[-300:].strip()}"
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], wall, error


def ours_executables(a):
    """(the bench executable, the `fit` binary), built where they were not given."""
    cargo = lambda *argv: subprocess.check_output(["cargo", *argv], cwd=ROOT, text=True)
    bench, fit = a.bench_exe, a.fit_exe
    if not bench and set(a.only) != {WHOLE}:
        messages = cargo("bench", "-p", "benches", "--bench", "draw_gradients", "--no-run",
                         "--message-format=json-render-diagnostics")
        bench = next(m["executable"] for m in map(json.loads, messages.splitlines())
                     if m.get("executable") and m["target"]["name"] == "draw_gradients")
    if not fit and WHOLE in a.only:
        cargo("build", "--release")
        folder = json.loads(cargo("metadata", "--format-version", "1", "--no-deps"))["target_directory"]
        fit = os.path.join(folder, "release", "fit" + (".exe" if os.name == "nt" else ""))
    return bench, fit


def estimates(folder):
    """(group, function, draws or None, median, lowest, highest) of every benchmark criterion left in `folder`, nanoseconds an iteration."""
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "**", "new", "estimates.json"), recursive=True)):
        with open(path) as f, open(os.path.join(os.path.dirname(path), "benchmark.json")) as g:
            median, bench = json.load(f)["median"], json.load(g)
        interval = median["confidence_interval"]
        draws = (bench["throughput"] or {}).get("Elements")
        yield bench["group_id"], bench["function_id"], draws, median["point_estimate"], interval["lower_bound"], interval["upper_bound"]


def our_gradients(pinned, bench, name):
    """One run of the bench for one workload: a record for each variant and number of draws, and for compiling."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = f"^[a-z_]+/{re.escape(name)}(,|/|$)"
        _, _, error = pinned.lines([bench, "--bench", "--quiet", chosen], CRITERION_HOME=folder)
        found = list(estimates(folder))
    records = []
    for group, function, draws, *ns in found:
        record = dict(workload=name, side="ours", draws=draws, variant=function.partition(", ")[2] or None)
        if group == "compile":
            records.append(record | dict(compile_ms=ns[0] / 1e6))
        else:
            median, low, high = (t / 1e3 / draws for t in ns)
            records.append(record | dict(us_per_draw=median, low=low, high=high))
    if error or not any(r["draws"] in OUR_DRAWS and r["variant"] is None for r in records):
        records.append(dict(workload=name, side="ours", draws=OUR_DRAWS[0], variant=None, error=error or "the bench did not measure it"))
    return records


def gradient_round(pinned, bench, name, peer):
    """One measurement of each side of one workload."""
    yield from our_gradients(pinned, bench, name)
    for particles in PARTICLES:
        found, _, error = pinned.lines([sys.executable, *peer, "--particles", str(particles)])
        record = dict(workload=name, side="numpyro", draws=particles)
        if found and not error:
            us = 1e3 * found[-1]["cpu_ms_per_step"] / found[-1]["mc_samples"]
            record |= dict(us_per_draw=us, low=us, high=us, printed=found[-1])
        yield record if "us_per_draw" in record else record | dict(error=error or "no JSON line")


def whole_round(pinned, fit, data):
    """One whole process of each side."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "run")
        _, wall, error = pinned.lines([fit, os.path.join("specs", "michaelis_menten.yaml"), "--quiet", "--out", out])
        record = dict(workload=WHOLE, side="ours", draws=None, wall_s=wall)
        if error:
            yield record | dict(error=error)
        else:
            with open(os.path.join(out, "fit.json")) as f:
                yield record | dict(verdict=json.load(f).get("verdict"))
    found, wall, error = pinned.lines([sys.executable, *whole_peer(data)])
    record = dict(workload=WHOLE, side="numpyro", draws=None, wall_s=wall)
    yield record | (dict(error=error or "no JSON line") if error or not found else dict(printed=found[-1]))


def number(v):
    return f"{v:.3g}" if v < 1000 else f"{v:.0f}"


def summary(records, quantity, spread=None, **where):
    """(median, its text) of the good measurements that match, with "[min..max]" of the `spread` quantities; (None, reason) without one."""
    match = [r for r in records if all(r.get(k) == v for k, v in where.items())]
    good = [r for r in match if "error" not in r and quantity in r]
    if not good:
        return None, "failed" if any("error" in r for r in match) else ""
    low, high = spread or (quantity, quantity)
    middle = statistics.median(r[quantity] for r in good)
    lowest, highest = min(r[low] for r in good), max(r[high] for r in good)
    return middle, f"{number(middle)} [{number(lowest)}..{number(highest)}]" if lowest < highest else number(middle)


def table(records, names):
    """The results in Markdown, as docs/benchmarks.md has them."""
    lines = []
    row = lambda *cells: lines.append("| " + " | ".join(cells) + " |")
    ratio = lambda peer, ours: f"{peer / ours:.2g}x" if peer and ours else ""
    gradients = [n for n in names if n != WHOLE]
    if gradients:
        lines += ["CPU microseconds a draw: median [range]. `8`: eight draws (ours) or particles (NumPyro) at once.", ""]
        row("workload", *(f"Pathwise, {d}" for d in OUR_DRAWS), *(f"NumPyro, {p}" for p in PARTICLES), *(f"ratio at {p}" for p in PARTICLES), "compiled, ms")
        row(*["---"] * (2 + len(OUR_DRAWS) + 2 * len(PARTICLES)))
    for name in gradients:
        peers = {p: summary(records, "us_per_draw", ("low", "high"), workload=name, side="numpyro", draws=p) for p in PARTICLES}
        variants = {r.get("variant"): None for r in records if r["workload"] == name and r["side"] == "ours"}
        # The workload that is like the peer's, then its variants: ours alone.
        for variant in sorted(variants, key=lambda v: v or ""):
            which = dict(workload=name, side="ours", variant=variant)
            ours = {d: summary(records, "us_per_draw", ("low", "high"), draws=d, **which) for d in OUR_DRAWS}
            texts = [text if d in PARTICLES or m is None else number(m) for d, (m, text) in ours.items()]
            compiled = [r["compile_ms"] for r in records if "compile_ms" in r and all(r.get(k) == v for k, v in which.items())]
            row(f"`{name}`, {variant}" if variant else f"`{name}`", *texts, *("" if variant else text for _, text in peers.values()),
                *(ratio(m, ours[p][0]) for p, (m, _) in peers.items()), number(statistics.median(compiled)) if compiled else "")
    if WHOLE in names:
        ours, peer = (summary(records, "wall_s", workload=WHOLE, side=s) for s in ("ours", "numpyro"))
        lines += ["", "Whole process, wall seconds: median [range].", ""]
        row("run", "Pathwise", "NumPyro, full rank", "ratio")
        row(*["---"] * 4)
        row(f"`{WHOLE}`", ours[1], peer[1], ratio(peer[0], ours[0]))
    return "\n".join(lines).strip()


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*workloads(""), WHOLE]
    p.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    p.add_argument("--data", default=os.path.join(ROOT, ".peers", "data"), help="where gen_data.py wrote (default .peers/data)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--cpu", default=str(max(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else "0",
                   help="the core to pin both sides to")
    p.add_argument("--limit", type=float, default=600, help="seconds allowed to one process")
    p.add_argument("--out", help="JSON file for every measurement")
    p.add_argument("--bench-exe", help="a built draw_gradients, instead of building it")
    p.add_argument("--fit-exe", help="a built fit, instead of building it")
    a = p.parse_args()
    a.data = os.path.abspath(a.data)
    if not os.path.isdir(PEERS):
        p.error(f"no peers at {PEERS}: set PATHWISE_PEERS to their folder")
    if set(a.only) - {"lotka_volterra"} and not os.path.isdir(a.data):
        p.error(f"no data at {a.data}: make them with gen_data.py (benches/README.md)")
    return a


def main():
    a = arguments()
    bench, fit = ours_executables(a)
    pinned, peers, records = Pinned(a.cpu, a.data, a.limit), workloads(a.data), []
    for turn in range(a.rounds):
        for name in a.only:
            steps = whole_round(pinned, fit, a.data) if name == WHOLE else gradient_round(pinned, bench, name, peers[name])
            for r in steps:
                records.append(r | dict(round=turn))
                units = dict(wall_s="s", us_per_draw="us a draw", compile_ms="ms to compile")
                shown = r.get("error") or ", ".join(f"{r[k]:.3g} {unit}" for k, unit in units.items() if k in r)
                what = " ".join(str(r[k]) for k in ("side", "draws", "variant") if r.get(k) is not None)
                print(f"round {turn + 1}: {name}, {what}: {shown}", file=sys.stderr, flush=True)
    if a.out:
        machine = dict(processor=platform.processor() or platform.machine(), cores=os.cpu_count(), pinned=bool(pinned.prefix),
                       load1=os.getloadavg()[0] if hasattr(os, "getloadavg") else None)
        with open(a.out, "w") as f:
            json.dump(dict(machine=machine, records=records), f, indent=1)
    print(table(records, a.only))
    sys.exit(1 if any("error" in r for r in records) else 0)


if __name__ == "__main__":
    main()
