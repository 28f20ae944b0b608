"""Times Pathwise and its peers in one run on one core, and prints the ratios.

    .peers/bin/python benches/peers/run.py [--only radon mm_ode ...] [--rounds 3] [--out FILE.json]

Draw-gradients: the Rust bench `draw_gradients` against NumPyro at 1 and 8 particles, CPU
microseconds a Monte-Carlo draw. Whole process: `fit specs/michaelis_menten.yaml` against NumPyro's
full-rank fit of the same model, seconds of wall clock from start to exit. Rounds are the outer loop and
both sides alternate within a round, so a busy neighbour hurts both; the table has medians and, in
brackets, the range. FILE.json gets every single measurement.

Run with the peers' Python (benches/README.md). Needs nothing outside the standard library itself."""

import argparse
import json
import os
import platform
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
PARTICLES = (1, 8)
OUR_DRAWS = 8
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

    def lines(self, command):
        """(JSON lines on stdout, wall seconds, error or None) of `command`."""
        start = time.perf_counter()
        try:
            done = subprocess.run(self.prefix + command, cwd=ROOT, env=self.env, capture_output=True, text=True,
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


def gradient_round(pinned, bench, name, peer):
    """One measurement of each side of one workload."""
    found, _, error = pinned.lines([bench, "--bench", name])
    mine = [o for o in found if o["workload"] == name]
    if not mine:
        yield dict(workload=name, side="ours", draws=OUR_DRAWS, variant=None, error=error or "the bench printed no line for it")
    for o in mine:
        yield dict(workload=name, side="ours", draws=o["draws"], variant=o.get("variant"), us_per_draw=o["us_per_draw"], printed=o)
    for particles in PARTICLES:
        found, _, error = pinned.lines([sys.executable, *peer, "--particles", str(particles)])
        record = dict(workload=name, side="numpyro", draws=particles)
        if found and not error:
            record |= dict(us_per_draw=1e3 * found[-1]["cpu_ms_per_step"] / found[-1]["mc_samples"], printed=found[-1])
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


def summary(records, quantity, **where):
    """(median, "median [min..max]") of the good measurements that match; (None, reason) without one."""
    match = [r for r in records if all(r[k] == v for k, v in where.items())]
    good = [r[quantity] for r in match if "error" not in r]
    if not good:
        return None, "failed" if match else "not run"
    text = lambda v: f"{v:.3g}" if v < 1000 else f"{v:.0f}"
    middle = statistics.median(good)
    return middle, f"{text(middle)} [{text(min(good))}..{text(max(good))}]"


def table(records, names):
    """The results in Markdown."""
    lines = []
    ratio = lambda peer, ours: f"{peer / ours:.3g}x" if peer and ours else ""
    gradients = [n for n in names if n != WHOLE]
    if gradients:
        lines += ["One draw-gradient on one core, CPU microseconds a draw: median [min..max].", "",
                  "| workload | draws | Pathwise (f64) | NumPyro (f32), 1 particle | 8 particles | quicker than 1 | than 8 |",
                  "|---|---|---|---|---|---|---|"]
    for name in gradients:
        peers = [summary(records, "us_per_draw", workload=name, side="numpyro", draws=p) for p in PARTICLES]
        rows = {(r["variant"], r["draws"]): None for r in records if r["workload"] == name and r["side"] == "ours"}
        for variant, draws in rows:
            ours, text = summary(records, "us_per_draw", workload=name, side="ours", variant=variant, draws=draws)
            cells = [f"{name}, {variant}" if variant else name, str(draws), text, *(t for _, t in peers), *(ratio(m, ours) for m, _ in peers)]
            lines.append("| " + " | ".join(cells) + " |")
    if WHOLE in names:
        ours, peer = (summary(records, "wall_s", workload=WHOLE, side=s) for s in ("ours", "numpyro"))
        lines += ["", "Whole process, wall seconds: median [min..max].", "", "| run | Pathwise | NumPyro, full rank | quicker |",
                  "|---|---|---|---|", f"| {WHOLE} | {ours[1]} | {peer[1]} | {ratio(peer[0], ours[0])} |"]
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
    for number in range(a.rounds):
        for name in a.only:
            steps = whole_round(pinned, fit, a.data) if name == WHOLE else gradient_round(pinned, bench, name, peers[name])
            for r in steps:
                records.append(r | dict(round=number))
                shown = r.get("error") or (f"{r['wall_s']:.3g} s" if "wall_s" in r else f"{r['us_per_draw']:.3g} us")
                what = " ".join(str(r[k]) for k in ("side", "draws", "variant") if r.get(k) is not None)
                print(f"round {number + 1}: {name}, {what}: {shown}",
                      file=sys.stderr, flush=True)
    if a.out:
        machine = dict(processor=platform.processor() or platform.machine(), cores=os.cpu_count(), pinned=bool(pinned.prefix),
                       load1=os.getloadavg()[0] if hasattr(os, "getloadavg") else None)
        with open(a.out, "w") as f:
            json.dump(dict(machine=machine, records=records), f, indent=1)
    print(table(records, a.only))
    sys.exit(1 if any("error" in r for r in records) else 0)


if __name__ == "__main__":
    main()
