"""Measures how right `fit` is: every case and seed against 10,000 effective draws, as docs/accuracy.md.

    python accuracy.py --fit-exe FIT --refs DIR --results DIR [--seeds 20] [--cases PATTERN ...] [--jobs 1]
                       [--truth TRUTH_DIR] [--out docs/accuracy.md]

Cases: the specs of the repository up to 500 coordinates, the whole examples of the reference pages, what
`tests/truth/prepare` writes, and the hard targets (`cases.py`). References are made once, by `FIT`, and
kept in `--refs` (`references.py`). Every fit is `FIT SPEC --seed S`, nothing else; one line of
`--results`/<digest of FIT>/fits.jsonl says what came out. What is there already is not run again, so an
interrupted command goes on, and another binary has its own file. `--report` writes the table from what
there is. PATTERN: `radon` is every case with that in its name, `targets/*` those of a group.

Needs requirements.txt."""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

import cases as cases_
import references
import report
from distance import distances

TRUTH = os.environ.get("PATHWISE_TRUTH") or cases_.ROOT / ".." / "shared" / "truth"


def run(command, limit):
    """(exit code or None where it took too long, its messages, wall seconds, CPU seconds) of a command."""
    with tempfile.TemporaryFile("w+") as messages:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        late = False
        while True:
            # Of this child alone; other threads wait for theirs.
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - start > limit and not late:
                late = True
                child.send_signal(signal.SIGKILL)
            time.sleep(0.002)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        messages.seek(0)
        return None if late else child.returncode, messages.read().strip(), wall, used.ru_utime + used.ru_stime


def ended(fit):
    """What gave the draws, in the words of fit.json; of binaries that do not say, from what else they do."""
    return fit.get("ended_by") or ("nuts" if fit.get("chains") else fit["method"])


def one_fit(case, reference, a, seed, threads):
    """The record of one fit."""
    record = {"case": case.name, "seed": seed, "coordinates": case.coordinates, "made_of": made_of(case, reference)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [a.fit_exe, case.spec, "--quiet", "--out", out, "--seed", str(seed), *threads]
        code, messages, wall, cpu = run(command, a.limit)
        record |= {"exit": code, "wall_s": round(wall, 4), "cpu_s": round(cpu, 4)}
        if not (out / "fit.json").exists():
            why = f"took over {a.limit:.0f} s" if code is None else (messages.splitlines() or [f"exit {code}"])[-1]
            return record | {"verdict": "failed", "reasons": [why[:200]], "method": None}
        fit = json.loads((out / "fit.json").read_text())
        record |= {
            "verdict": fit["verdict"], "method": ended(fit), "gradients": fit.get("gradients", fit["evaluations"]), "k_hat": fit.get("k_hat"),
            "fit_s": round(fit["timings"]["fit_s"], 4), "reasons": fit["reasons"][:6],
        }
        if reference.draws is not None:
            gaps = distances(pl.read_parquet(out / "posterior.parquet"), reference.draws)
            worst = sorted(gaps, key=gaps.get, reverse=True)
            if worst:
                record |= {"ks": round(gaps[worst[0]], 5), "worst": worst[0], "next": {n: round(gaps[n], 5) for n in worst[1:4]}}
        elif case.moments:
            record |= off_moments(pl.read_parquet(out / "posterior.parquet"), case)
    return record


def off_moments(draws, case):
    """Where there are only published moments: how far off the fit is, as a share of what is allowed to a reference."""
    found = references.against_moments(draws, case)["moments"]
    return {"moments": found["worst"], "worst": found["where"]}


def made_of(case, reference):
    """What a record rests on besides the binary: another reference or another spec makes it stale."""
    facts = json.dumps([reference.facts.get(k) for k in ("inputs", "kind", "draws", "ess", "none")], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def read(path):
    """The records that are there; the last of a fit counts. A line cut off by an interruption is left out."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[record["case"], record["seed"]] = record
    return found


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--fit-exe", required=True, type=Path, help="the binary to measure")
    p.add_argument("--refs", required=True, type=Path, help="folder of the references, made where they are missing")
    p.add_argument("--results", required=True, type=Path, help="folder of the results of single fits")
    p.add_argument("--refs-exe", type=Path, help="the binary that makes references, if another")
    p.add_argument("--truth", type=Path, default=TRUTH, help="folder with posteriordb/ (default: PATHWISE_TRUTH, else ../shared/truth)")
    p.add_argument("--seeds", type=int, default=20)
    p.add_argument("--cases", nargs="+", default=["*"], metavar="PATTERN")
    p.add_argument("--jobs", type=int, default=1, help="fits at once; the cores are shared out among them")
    p.add_argument("--largest", type=int, default=500, help="coordinates above which a case is left out")
    p.add_argument("--limit", type=float, default=900, help="seconds that a fit may take")
    p.add_argument("--refs-limit", type=float, default=3600, help="seconds that a reference may take")
    p.add_argument("--refs-only", action="store_true", help="make the references and stop")
    p.add_argument("--report", action="store_true", help="run nothing")
    p.add_argument("--out", type=Path, help="Markdown file of the table (default: standard output)")
    p.add_argument("--csv", type=Path, help="CSV file with a row a fit")
    return p.parse_args()


def main():
    a = arguments()
    a.fit_exe = a.fit_exe.resolve()
    say = lambda text: print(text, file=sys.stderr, flush=True)
    truth = a.truth.resolve() if (a.truth / "posteriordb").is_dir() else None
    if not truth:
        say(f"{a.truth} has no folder posteriordb: its cases are left out")
    identity = hashlib.sha256(a.fit_exe.read_bytes()).hexdigest()[:12]
    found, left_out = cases_.collect(a.fit_exe, a.results / "work", truth, a.cases, a.largest)
    refs = {}
    for case in found:
        reference = None if case.is_improper else references.load(case, a.refs)
        if case.is_improper:
            reference = references.Reference({"kind": "none", "none": "improper"}, None)
        elif reference is None and not a.report:
            reference = references.make(case, (a.refs_exe or a.fit_exe).resolve(), a.refs, a.refs_limit, say)
            say(f"{case.name}: reference {reference.facts.get('none', 'made')} ({reference.facts['seconds']} s)")
        if reference:
            refs[case.name] = reference
    if a.refs_only:
        return
    path = a.results / identity / "fits.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {k: r for k, r in read(path).items() if k[0] in refs and r["made_of"] == made_of_name(k[0], found, refs)}
    wanted = [(c, s) for s in range(1, a.seeds + 1) for c in found if c.name in refs and (c.name, s) not in done]
    if not a.report:
        cores = max(1, len(os.sched_getaffinity(0)) // a.jobs)
        threads = ["--threads", str(cores)] if a.jobs > 1 else []
        with ThreadPoolExecutor(a.jobs) as pool, open(path, "a") as log:
            runs = pool.map(lambda job: one_fit(job[0], refs[job[0].name], a, job[1], threads), wanted)
            for number, record in enumerate(runs, 1):
                log.write(json.dumps(record) + "\n")
                log.flush()
                done[record["case"], record["seed"]] = record
                say(f"[{number}/{len(wanted)}] {record['case']}, seed {record['seed']}: {record['verdict']}, KS {record.get('ks')}, {record['wall_s']} s")
    records = [r for (name, seed), r in sorted(done.items()) if seed <= a.seeds]
    text = report.page(found, refs, records, left_out, a.seeds)
    if a.out:
        _, heading, peers = (a.out.read_text() if a.out.exists() else "").partition(report.PEERS_HEADING)
        a.out.write_text(text + ("\n" + heading + peers if heading else ""))
    else:
        print(text)
    if a.csv:
        report.rows(records).write_csv(a.csv)


def made_of_name(name, found, refs):
    return made_of(next(c for c in found if c.name == name), refs[name])


if __name__ == "__main__":
    main()
