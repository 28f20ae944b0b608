"""The cases: every spec of the repository, every whole example of the reference pages, every case that
`tests/truth/prepare` writes, and the hard targets beside this file.

A case is a name and a spec that runs as it is. Examples of the pages and the cases of posteriordb are
written into a working folder first, for they need one."""

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGETS = HERE / "targets"
# A target whose posterior is improper: the right answer is to say so.
IMPROPER = {"targets/separable_flat"}


@dataclass
class Case:
    """`name` has its group before the slash; `moments` is a CSV of published moments, by `parameter`."""

    name: str
    spec: Path
    moments: Path | None = None
    rename: dict = field(default_factory=dict)
    coordinates: int = 0

    @property
    def group(self):
        return self.name.partition("/")[0]

    @property
    def file_name(self):
        """The name as a file's, without folders."""
        return self.name.replace("/", "__").replace(":", "_")

    @property
    def is_improper(self):
        return self.name in IMPROPER


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def examples(page):
    """The whole specs of a page: (model, text)."""
    for text in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.M | re.S):
        if found := re.match(r"model: *(\w+)", text):
            yield found[1], text


def of_pages(work):
    """Writes the examples of the pages into `work`, in a folder from which their paths lead to the tables."""
    docs = work / "docs"
    docs.mkdir(parents=True, exist_ok=True)
    for link, to in ((docs / "tables", ROOT / "docs" / "tables"), (work / "datasets", ROOT / "datasets")):
        if not link.is_symlink():
            link.symlink_to(to)
    for page in [ROOT / "docs" / "spec-language.md", *sorted((ROOT / "docs" / "language").glob("*.md"))]:
        for model, text in examples(page):
            spec = docs / f"{page.stem}-{model}.yaml"
            spec.write_text(text)
            yield Case(f"docs/{page.stem}:{model}", spec)


def of_truth(truth, work):
    """Has `tests/truth/prepare` write its cases into `work`, each with its published moments."""
    prepare = ROOT / "tests" / "truth" / "prepare"
    subprocess.run([sys.executable, prepare, truth, work / "truth"], check=True)
    for spec in sorted((work / "truth").glob("*.yaml")):
        moments = truth / "posteriordb" / spec.stem / "reference.csv"
        yield Case(f"truth/{spec.stem}", spec, moments)


def of_specs(truth):
    """The specs of the repository; some have moments, of ours or of posteriordb."""
    ours = ROOT / "tests" / "truth" / "references"
    letters = json.loads((ROOT / "tests" / "truth" / "rename" / "eight_schools.json").read_text())
    published = {
        "lynx_hare": ("hudson_lynx_hare-lotka_volterra", {}),
        "eight_schools": ("eight_schools-eight_schools_noncentered", letters),
    }
    for spec in sorted((ROOT / "specs").glob("*.yaml")):
        case = Case(f"specs/{spec.stem}", spec)
        if (ours / f"{spec.stem}.csv").exists():
            case.moments = ours / f"{spec.stem}.csv"
        elif truth and spec.stem in published:
            folder, case.rename = published[spec.stem]
            case.moments = truth / "posteriordb" / folder / "reference.csv"
        yield case
    for spec in sorted((ROOT / "specs" / "textbook").glob("*.yaml")):
        yield Case(f"textbook/{spec.stem}", spec)


def coordinates(fit, spec):
    """How many coordinates a spec has, as `fit check` says; None where it cannot be fitted here."""
    done = subprocess.run([fit, "check", spec], capture_output=True, text=True)
    found = re.search(r"\((\d+) coordinate", done.stdout)
    return int(found[1]) if found else None


def density(fit, spec):
    """What tells two specs of one density: the graph, and the names of the tables."""
    graph = subprocess.run([fit, "explain", "--phase", "graph", spec], capture_output=True, text=True).stdout
    return graph, *sorted(Path(f).name for f in re.findall(r"file: *([^,}\s]+)", spec.read_text()))


def collect(fit, work, truth, pattern, largest, only=None):
    """The cases whose names match `pattern` (and are in `only`) and that have up to `largest` coordinates; and
    what was left out, with the reason."""
    work.mkdir(parents=True, exist_ok=True)
    found = [*of_specs(truth), *(of_truth(truth, work) if truth else ()), *of_pages(work)]
    found += [Case(f"targets/{spec.stem}", spec) for spec in sorted(TARGETS.glob("*.yaml"))]
    cases, left_out, known = [], [], {}
    for case in found:
        if not any(glob_matches(case.name, p) for p in pattern) or (only is not None and case.name not in only):
            continue
        case.coordinates = coordinates(fit, case.spec) or 0
        if not case.coordinates:
            left_out.append((case.name, "it has no data here"))
        elif case.coordinates > largest:
            left_out.append((case.name, f"{case.coordinates} coordinates"))
        elif (same := known.setdefault(density(fit, case.spec), case.name)) != case.name and case.group == "docs":
            left_out.append((case.name, f"the density is that of {same}"))
        else:
            cases.append(case)
    return cases, left_out


def glob_matches(name, pattern):
    """As a shell does, with brackets of no meaning; `radon` alone means every case that holds the word."""
    if not set(pattern) & set("*?/"):
        return pattern in name
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), name) is not None


def inputs(case, fit_json):
    """Digests of the spec and of the tables that a fit of it read: what its reference depends on."""
    return {"spec": digest(case.spec), "tables": {str(d["file"]): d["digest"][:16] for d in fit_json["data"]}}


def is_current(case, made_of):
    """Whether spec and tables are still those of `inputs`; a pattern of files is taken as it is."""
    tables = {case.spec.parent / file: then for file, then in made_of["tables"].items()}
    return digest(case.spec) == made_of["spec"] and all(digest(f) == d for f, d in tables.items() if f.is_file())
