"""The study's steps: what each one depends on, and whether its results are older than that.

A step's results depend on its parameters and code, on those of the steps before it, and on the content of the cohort:
columns of the table, and every image and mask. All of it is compared by content, so a file that was only touched,
copied or moved changes nothing. A finished step keeps what it was made from in ``made.json`` in its folder.
"""

import json
import time
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vcfnb import runs
from vcfnb.errors import VcfnbError
from vcfnb.params import NOTEBOOKS, SECTIONS
from vcfnb.runs.code import FIGURES, FOUNDATIONS, code_of_cells
from vcfnb.runs.contents import digests_of

_CLINICAL = ("age", "sex", "bmd")
_READ = ("image", "mask", "mask_body")
_REPEATS = ("mask_reader_a2", "mask_reader_b")
# Folders of cached results: a step can do without them.
_CACHES = {"cases", "checkpoints", "cached", "made"}


class _Uses(NamedTuple):
    """What one step takes from the cohort, besides what the steps before it took."""

    # The steps whose results it reads.
    after: tuple = ()
    # Columns of 00_cohort/cohort.csv that its results depend on.
    columns: tuple = ()
    # Columns that only its pictures show: another value runs this notebook again, and none that comes after it.
    shown: tuple = ()
    # Columns whose files it reads. Notebook 02 reads those of training cases with both repeat segmentations.
    files: tuple = ()


USES = {
    "00_cohort": _Uses(),
    "01_preprocessing": _Uses(("00_cohort",), ("mask_label", "mask_scheme"), ("label", "split"), (*_READ, *_REPEATS)),
    "02_icc": _Uses(("01_preprocessing",), ("mask_label", "split"), ("label",), (*_READ, *_REPEATS)),
    "03_radiomics": _Uses(("01_preprocessing",), ("mask_label",), ("label", "split"), _READ),
    "04_dtl": _Uses(("01_preprocessing",), ("mask_label", "label", "split", "patient_id"), (), _READ),
    "05_selection": _Uses(("02_icc", "03_radiomics", "04_dtl"), ("label", "split", "patient_id")),
    "06_fusion": _Uses(("05_selection",), _CLINICAL),
    "07_statistics": _Uses(("06_fusion",), ("level",)),
    "08_robustness": _Uses(("06_fusion",), ("site",)),
    "09_leakage": _Uses(("06_fusion",), ("site",)),
    "10_predict": _Uses(("06_fusion",), ("site",)),
    "report": _Uses(("07_statistics", "08_robustness", "09_leakage", "10_predict")),
}


def begin(name, namespace):
    """Open the run folder at the start of a notebook: a Run whose cohort has the columns that it may use.

    Parameters
    ----------
    name : str
        Of the notebook, such as ``"03_radiomics"``.
    namespace : dict
        ``globals()`` of the notebook, after its ``parameters`` cell.

    Raises
    ------
    VcfnbError
        A step that this one reads from has not run to its end, or is older than its inputs; the message says what
        changed and what to run.
    """
    study_wide, sections = NOTEBOOKS[name]
    values = {key: namespace[key] for key in study_wide}
    for section, _, key in (part.partition(".") for part in sections):
        names = [key] if key else []
        found = SECTIONS[section].from_cell(namespace, *names)
        values |= found.model_dump(mode="json", include=set(names) or None)
    title = name
    if name == "04_dtl":
        values["expansion"] = namespace["expansion"]
        title = f"{name}_{values['expansion']:02d}"
    run = runs.Run(namespace["study"])
    state = State(run, {title: values})
    for before in state.ancestors(title):
        changed = state.changes(before, shown=False)
        if changed:
            told = (
                "has not run to its end" if "unfinished" in changed else f"is older than its inputs: {told_of(changed)}"
            )
            remedy = "run it, and those between (./run_all.sh does)"
            raise VcfnbError(f"notebook {before} of study {run.study!r} {told}", remedy, code="step-stale")
    run.columns = state.columns(title, shown=True)
    run.made = {"values": values, "parts": state.parts(title)}
    run.title = title
    # What stands in the folder from here on is not what an older record says.
    record_of(run, title).unlink(missing_ok=True)
    return run


def finish(run):
    """Write down, at the end of a notebook, what the results in the Run that :func:`begin` gave were made from."""
    write_record(run, run.title, run.made)


def record_of(run, title):
    """Path of a step's record."""
    folder = f"04_dtl/expansion_{title[-2:]}" if title.startswith("04_dtl") else title
    return run.folder / folder / "made.json"


def write_record(run, title, made):
    """Write a step's record, with the files that its folder holds."""
    path = record_of(run, title)
    files = [file.relative_to(path.parent) for file in path.parent.rglob("*") if file.is_file()]
    # A killed process may have left a temporary file, which a later run deletes.
    results = [file for file in files if not _CACHES & set(file.parts) and not runs.is_temporary(file)]
    kept = sorted(str(file) for file in results if file.name != path.name)
    runs.write_json(made | {"files": kept}, path)


class State:
    """What the steps of a study depend on now, and what their records say.

    `values` are the parameters of steps, by title (``"03_radiomics"``, ``"04_dtl_06"``); those of other steps are taken
    as their records have them.
    """

    def __init__(self, run, values):
        self.run = run
        self._values = dict(values)
        self._records, self._parts = {}, {}

    @classmethod
    def planned(cls, run, study):
        """Of a whole study with these parameters (:class:`vcfnb.params.StudyParams`)."""
        values = {name: study.for_notebook(name) for name in NOTEBOOKS}
        dtl = values.pop("04_dtl")
        values |= {f"04_dtl_{n:02d}": dtl | {"expansion": n} for n in study.expansions}
        return cls(run, values | {"report": study.model_dump(mode="json")})

    def stale(self):
        """The steps that have to run again: what changed (:meth:`changes`), by title."""
        return {title: changed for title in sorted(self._values) if (changed := self.changes(title))}

    def plan(self):
        """The steps that have to run again (:meth:`stale`), also written down for the workflow."""
        found = self.stale()
        # Another content each time: Snakemake takes a newer file with the same content for unchanged.
        runs.write_json({"stale": found, "planned": time.time_ns()}, self.run.folder / ".stale")
        return found

    def changes(self, title, shown=True):
        """What changed since a step ran: names by kind, empty when its results are up to date.

        The kinds are ``unfinished`` (it has not run to its end), ``parameters``, ``code``, ``figures`` (left out
        without `shown`: only its pictures show it), ``table`` (columns), ``files`` (cases), ``missing`` (results).
        """
        record = self.record(title)
        if record is None:
            return {"unfinished": [title]}
        now, then, found = self.parts(title), record["parts"], {}
        for kind in now if shown else [kind for kind in now if kind != "figures"]:
            names = {**then[kind], **now[kind]}
            found[kind] = [name for name in names if then[kind].get(name) != now[kind].get(name)]
        folder = record_of(self.run, title).parent
        found["missing"] = [f"{folder.name}/{name}" for name in record["files"] if not (folder / name).exists()]
        return {kind: names for kind, names in found.items() if names}

    def record(self, title):
        """What a step wrote when it ended, or None."""
        if title not in self._records:
            self._records[title] = runs.read_json(record_of(self.run, title))
        return self._records[title]

    def parts(self, title):
        """Digests of all that a step depends on, by kind and name."""
        if title not in self._parts:
            columns = self.columns(title)
            shown = self._columns([name for name in self.columns(title, shown=True) if name not in columns])
            self._parts[title] = {
                "parameters": {name: runs.digest(value) for name, value in self._parameters(title).items()},
                "code": {name: _code(_notebook(name)) for name in self._recipe(title)},
                "figures": {title: _code(_notebook(title), figures=True), **shown},
                "table": self._columns(["case_id", *columns]) if title != "00_cohort" else self._csv,
                "files": self._files(title),
            }
        return self._parts[title]

    def ancestors(self, title):
        """Titles of all steps before this one, in order."""
        found = []
        for name in USES[_notebook(title)].after:
            titles = [f"{name}_{n:02d}" for n in self._of(title)["expansions"]] if name == "04_dtl" else [name]
            for before in titles:
                found += [*self.ancestors(before), before]
        return list(dict.fromkeys(found))

    def columns(self, title, shown=False):
        """Columns of cohort.csv that a step and those before it use."""
        found = list(USES[_notebook(title)].shown) if shown else []
        for name in self._recipe(title):
            found += USES[_notebook(name)].columns
            if self._of(name).get("harmonise", "none") != "none":
                found += ["site", *self._of(name)["harmonise_covariates"]]
        return list(dict.fromkeys(found))

    def _recipe(self, title):
        """The step and those before it. What notebook 00 does shows in the table of cases that it writes."""
        return [name for name in (*self.ancestors(title), title) if name != "00_cohort" or name == title]

    def _of(self, title):
        """Parameters of a step: those given, or those of its record."""
        return self._values.get(title) or (self.record(title) or {"values": {}})["values"]

    def _parameters(self, title):
        """Digests of the parameters of a step and of those before it; weights in a file are compared by content."""
        found = {}
        for name in self._recipe(title):
            found |= {f"{name}.{key}": runs.digest(value) for key, value in self._of(name).items()}
            weights = Path(str(self._of(name).get("weights")))
            if weights.is_file():
                found[f"{name}.weights"] = runs.digest(weights)
        return found

    @cached_property
    def _cases(self):
        """The table of cases: as notebook 00 wrote it."""
        if not (self.run.folder / "00_cohort" / "cohort.csv").exists():
            return pd.DataFrame({"case_id": []})
        return runs.Run(self.run.study, self.run.folder.parent).cohort()

    @cached_property
    def _given(self):
        """The user's own table, as far as it can be read: notebook 00 says what is wrong with it."""
        from vcfnb.cohort import check_table

        values = self._of("00_cohort")
        try:
            return check_table(values["csv"], values["label_column"])[0]
        except VcfnbError:
            return pd.DataFrame(columns=["case_id"])

    @cached_property
    def _csv(self):
        csv = self._of("00_cohort").get("csv")
        return {"cohort.csv": runs.digest(Path(csv)) if csv and Path(csv).is_file() else ""}

    def _columns(self, names):
        """Digest of each of these columns of the table of cases."""
        cases = self._cases
        return {name: runs.digest(cases[name].to_list()) for name in names if name in cases}

    def _files(self, title):
        """Digest of the files that a step and those before it read, by case."""
        if title == "00_cohort":
            return self._digests(self._given, (*_READ, *_REPEATS)) if self._of(title).get("csv") else {}
        readers = [title] if USES[_notebook(title)].files else self._recipe(title)[1:]
        names = {name for reader in readers for name in USES[_notebook(reader)].files}
        cases = self._cases.copy()
        if title != "01_preprocessing" and set(_REPEATS) <= set(cases):
            # After it, repeat segmentations count for training cases that have both.
            unused = (cases["split"] != "train") | cases[list(_REPEATS)].isna().any(axis=1)
            cases.loc[unused, list(_REPEATS)] = None
            cases = cases[~unused] if title == "02_icc" else cases
        return self._digests(cases, sorted(names))

    def _digests(self, cases, names):
        """Digest of the content of these columns' files, by case."""
        found = {}
        for case in cases.to_dict("records"):
            paths = [case[name] for name in names if isinstance(case.get(name), str)]
            if paths:
                found[case["case_id"]] = runs.digest([self._contents[path] for path in paths])
        return found

    @cached_property
    def _contents(self):
        tables = [self._given, self._cases] if self._of("00_cohort").get("csv") else [self._cases]
        paths = {
            path for table in tables for name in (*_READ, *_REPEATS) if name in table for path in table[name].dropna()
        }
        return digests_of(self.run.folder / ".contents.json", sorted(paths))


def told_of(changed):
    """What changed, in words: :meth:`State.changes`, of one step or of several together."""
    words = {"parameters": "parameters", "code": "code of", "figures": "figures of"}
    words |= {"table": "in the table of cases:", "files": "images or masks of", "missing": "missing results:"}
    found = []
    for kind, text in words.items():
        names = changed.get(kind, [])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        found += [f"{text} {', '.join(names[:5])}{more}"] if names else []
    return "; ".join(found)


def _notebook(title):
    return "04_dtl" if title.startswith("04_dtl") else title


@cache
def _code(name, figures=False):
    """Digest of a notebook's code; with its figures, also of its prose and of all that draws."""
    folder = runs.REPOSITORY
    if name == "report":
        scripts = [folder / "workflow" / f"{part}.py" for part in ("report", "article")]
        return code_of_cells([path.read_text(encoding="utf-8") for path in scripts])
    cells = json.loads((folder / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    if not figures:
        return code_of_cells(sources, FOUNDATIONS | FIGURES)
    prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] != "code"]
    return runs.digest(code_of_cells(sources), prose)
