"""The page: the targets and what came of them, a table with a row a case, and every fit that misses."""

import statistics

import polars as pl

BELIEVED = ("ok", "corrected")
HARD = "targets"
# Where the section of `peers.py` begins: it is at the end of the page, and stays when the page is made anew.
PEERS_HEADING = "## Beside other tools"
KS_GOOD, KS_BAD = 0.05, 0.1


def number(v):
    """Three digits at most, no exponents."""
    if v is None:
        return ""
    return f"{v:.0f}" if abs(v) >= 100 else f"{v:.3g}"


def thousands(v):
    return "" if v is None else f"{v:,.0f}" if v < 10_000 else f"{v / 1000:,.0f}k"


def share(part, whole):
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "none"


def middle(records, key):
    values = [r[key] for r in records if r.get(key) is not None]
    return statistics.median(values) if values else None


def most(records, key):
    return max((r[key] for r in records if r.get(key) is not None), default=None)


def counts(records, key):
    """`ok 3, corrected 17`: how often each value is there, the commonest first."""
    found = {}
    for r in records:
        found[r.get(key) or "-"] = found.get(r.get(key) or "-", 0) + 1
    return ", ".join(f"{k} {n}" if len(found) > 1 else str(k) for k, n in sorted(found.items(), key=lambda kn: -kn[1]))


def targets(records):
    """Lines: what is aimed at, what came out, whether that is it."""
    judged = [r for r in records if "ks" in r or (r["verdict"] == "failed" and not r.get("improper"))]
    good = sum(r.get("ks", 1.0) <= KS_GOOD for r in judged)
    believed = sum(r["verdict"] in BELIEVED for r in records)
    wrong = [r for r in records if r["verdict"] in BELIEVED and r.get("ks", 0.0) > KS_BAD]
    in_nuts = sum(r.get("method") == "nuts" for r in records)
    gradients = middle(records, "gradients")
    line = lambda what, value, holds: f"| {what} | {value} | {'yes' if holds else 'no'} |"
    return [
        "| aim | measured | held |", "|---|---|---|",
        line(f"worst KS at most {KS_GOOD} in 98 % of fits", share(good, len(judged)), judged and good >= 0.98 * len(judged)),
        line("95 % end `ok` or `corrected`", share(believed, len(records)), believed >= 0.95 * len(records)),
        line(f"no fit `ok` or `corrected` with KS above {KS_BAD}", f"{len(wrong)} such fits", not wrong),
        line("at most 10 % end in NUTS", share(in_nuts, len(records)), in_nuts <= 0.1 * len(records)),
        line("median gradients at most 20,000", thousands(gradients), gradients is not None and gradients <= 20_000),
    ]


def row(case, reference, records):
    ks = middle(records, "ks")
    at_worst = max(records, key=lambda r: r.get("ks", -1.0), default={})
    facts = reference.facts
    if "none" in facts:
        judged = "no posterior" if facts["none"] == "improper" else f"no reference: {facts['none']}"
        if any("moments" in r for r in records):
            judged += f"; off published moments by up to {number(most(records, 'moments'))} of what is allowed"
    elif facts["kind"] == "exact":
        judged = facts["how"]
    elif facts["kind"] == "slices":
        judged = f"{facts['how']}, {thousands(facts['ess'])} effective"
    else:
        judged = f"NUTS{' ' + facts['how'] if 'how' in facts else ''}, {thousands(facts['ess'])} effective"
        if "moments" in facts:
            judged += f", {facts['moments']['compared']} published moments met"
    cells = [
        f"`{case.name}`", case.coordinates, counts(records, "verdict"), number(ks), number(at_worst.get("ks")),
        f"`{at_worst['worst']}`" if "ks" in at_worst else "", counts(records, "method"), thousands(middle(records, "gradients")),
        thousands(most(records, "gradients")), number(middle(records, "wall_s")), number(middle(records, "cpu_s")), judged,
    ]
    return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"


HEAD = ["case", "dim", "verdicts", "KS, median", "KS, worst", "of", "method", "gradients, median", "most", "wall s", "CPU s", "reference"]


def table(cases, refs, by_case):
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    return lines + [row(c, refs[c.name], by_case[c.name]) for c in cases if by_case.get(c.name)]


def misses(records):
    """The fits that are far off, or believed where they should not be, the worst first."""
    far = [r for r in records if r.get("ks", 0.0) > KS_GOOD or r["verdict"] not in BELIEVED]
    order = lambda r: (not (r["verdict"] in BELIEVED and r.get("ks", 0.0) > KS_BAD), -r.get("ks", 0.0))
    lines = ["| case | seed | verdict | KS | of | method | k-hat | gradients | first reason |", "|" + "---|" * 9]
    for r in sorted(far, key=order):
        reason = (r.get("reasons") or [""])[0].replace("|", "\\|").replace("\n", " ")
        k_hat = r.get("k_hat")
        k_hat = f"{k_hat:.2f}" if isinstance(k_hat, float) else k_hat or ""
        lines.append(f"| `{r['case']}` | {r['seed']} | {r['verdict']} | {number(r.get('ks'))} | `{r.get('worst', '')}` | "
                     f"{r.get('method') or ''} | {k_hat} | {thousands(r.get('gradients'))} | {reason} |")
    return lines


def page(cases, refs, records, left_out, seeds):
    by_case = {}
    for r in records:
        by_case.setdefault(r["case"], []).append(r)
    for c in cases:
        for r in by_case.get(c.name, []) if c.is_improper else []:
            r["improper"] = True
    ordinary = [c for c in cases if c.group != HARD]
    hard = [c for c in cases if c.group == HARD]
    of = lambda some: [r for c in some for r in by_case.get(c.name, [])]
    fitted = lambda some: sum(bool(by_case.get(c.name)) for c in some)
    lines = [
        "# Accuracy", "",
        "Made by `benches/accuracy/accuracy.py`; what it does and how to run it again stands in `benches/README.md`.", "",
        f"Each case is fitted with {seeds} seeds and no option beyond the spec's own. KS is the largest Kolmogorov-Smirnov",
        "distance, over all parameters, between a fit's 4,000 draws and 10,000 effective draws or more of a reference. Two sets of",
        "draws of one law, of these sizes, are some 0.015 apart, and 0.03 the worst of many parameters. A gradient is an evaluation",
        "of the log density, with its gradient or without, of one draw. What varies by unlabelled rows is not compared. Wall and CPU",
        "seconds are medians, of the whole process.", "",
        f"## All cases: {fitted(ordinary)}, {len(of(ordinary))} fits", "", *targets(of(ordinary)), "",
        *table(ordinary, refs, by_case), "",
    ]
    if of(hard):
        improper = [r for c in hard if c.is_improper for r in by_case.get(c.name, [])]
        proper = [r for c in hard if not c.is_improper for r in by_case.get(c.name, [])]
        solved = sum(r["verdict"] in BELIEVED and r.get("ks", 1.0) <= KS_BAD for r in proper)
        silent = [r for r in proper if r["verdict"] in BELIEVED and r.get("ks", 1.0) > KS_BAD]
        silent += [r for r in improper if r["verdict"] in BELIEVED]
        caught = len(of(hard)) - solved - len(silent)
        lines += [
            f"## Hard targets: {fitted(hard)}, {len(of(hard))} fits", "",
            f"To be solved or caught. Solved (believed, KS at most {KS_BAD}): {solved}; caught (not believed): {caught}; "
            f"believed and wrong: {len(silent)}.", "", *table(hard, refs, by_case), "",
        ]
    missed = misses(records)
    lines += ["## Fits that miss", "", f"KS above {KS_GOOD}, or neither `ok` nor `corrected`; those that are believed and wrong first.", ""]
    lines += missed if len(missed) > 2 else ["None."]
    if left_out:
        lines += ["", "## Left out", "", *(f"- `{name}`: {why}" for name, why in left_out)]
    return "\n".join(lines) + "\n"


def rows(records):
    """A frame with a row a fit."""
    columns = ["case", "seed", "coordinates", "verdict", "ks", "worst", "moments", "method", "gradients", "k_hat", "wall_s", "cpu_s", "fit_s", "exit"]
    return pl.DataFrame([{c: r.get(c) if c != "k_hat" else str(r.get(c)) for c in columns} for r in records], infer_schema_length=None)
