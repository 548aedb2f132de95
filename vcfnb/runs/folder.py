"""The folder of one study: where each notebook's results lie, and what the next ones read from it."""

import json
import os
from pathlib import Path

import pandas as pd

from vcfnb.errors import VcfnbError
from vcfnb.params import NOTEBOOKS
from vcfnb.runs.files import make_folder, write_json

# Folders by section: "cohort" is 00_cohort.
STEPS = {name.partition("_")[2]: name for name in NOTEBOOKS}
REPOSITORY = Path(__file__).resolve().parents[2]


def default_root():
    """Folder that holds all runs: ``$VCFNB_RUNS``, or ``runs/`` beside the package."""
    return Path(os.environ.get("VCFNB_RUNS") or REPOSITORY / "runs")


class Run:
    """Where one study keeps its results: the folder of its name under `root` (by default :func:`default_root`)."""

    def __init__(self, study, root=None):
        if not study or Path(study).name != study or study in (".", ".."):
            problem = f"study: {study!r} is not a folder name"
            raise VcfnbError(problem, "use letters, digits, '.', '_' and '-'", code="unsafe-name")
        self.study = study
        self.folder = Path(root or default_root()).resolve() / study
        # Columns of the cohort that a notebook says it uses (vcfnb.runs.steps); None: all.
        self.columns = None

    def step(self, name):
        """Folder of one step, by its notebook section (``"cohort"``) or its folder name; made when missing."""
        folder = self.folder / STEPS.get(name, name)
        make_folder(folder)
        return folder

    def path(self, step, *parts):
        """Path of a result of one step; its parent folder is made when missing."""
        path = self.step(step).joinpath(*parts)
        make_folder(path.parent)
        return path

    def needs(self, step, *parts):
        """Path of a result of an earlier notebook; where it is missing, the error names the notebook to run first."""
        folder = STEPS.get(step, step)
        path = self.folder.joinpath(folder, *parts)
        if not path.exists():
            remedy = f"run notebook {folder} of study {self.study!r} first"
            raise VcfnbError(f"{path} is missing", remedy, code="result-missing")
        return path

    def cohort(self):
        """The study's cohort as notebook 00 wrote it, with absolute paths; ids and sites stay text."""
        path = self.needs("cohort", "cohort.csv")
        table = pd.read_csv(path, dtype={"patient_id": str, "case_id": str, "site": str})
        for column in ("image", "mask", "mask_reader_a2", "mask_reader_b"):
            if column in table:
                given = table[column].notna()
                table[column] = table[column].astype(object)
                table.loc[given, column] = [str(path.parent / name) for name in table.loc[given, column]]
        if self.columns is None:
            return table
        kept = ("case_id", "image", "mask", "mask_reader_a2", "mask_reader_b", *self.columns)
        return table[[name for name in table if name in kept]]

    def features(self, source, selected=False, mode=None):
        """Features of all cases, indexed by case_id in the cohort's order.

        Parameters
        ----------
        source : str
            ``"radiomics"``, ``"baseline"`` (simple measurements), or ``"dtl_NN"``: deep features of expansion NN.
        selected : bool
            Only the columns that notebook 05 selected.
        mode : {"in_sample", "out_of_fold"}, optional
            How deep features of training cases were taken; by default as the study's parameters say.
        """
        name = f"features_{mode}.csv" if mode else "features.csv"
        step, _, expansion = source.partition("_")
        if source == "baseline":
            step, name = "radiomics", "baseline.csv"
        path = self.needs(step, f"expansion_{expansion}", name) if expansion else self.needs(step, name)
        table = pd.read_csv(path, dtype={"case_id": str}).set_index("case_id").loc[self.cohort().case_id]
        if selected:
            table = table[pd.read_csv(self.needs("selection", f"{source}_selected.csv"))["feature"]]
        return table

    def selection(self, source):
        """What was selected from ``"radiomics"``, ``"dtl_NN"`` or ``"fusion"``.

        The table ``selected`` (feature, coefficient) and ``lambda``, the chosen LASSO penalty.
        """
        step = "fusion" if source == "fusion" else "selection"
        error = pd.read_csv(self.needs(step, f"{source}_lasso_error.csv"))
        return {
            "selected": pd.read_csv(self.needs(step, f"{source}_selected.csv")),
            "lambda": float(error.loc[error["chosen"].astype(bool), "lambda"].iloc[0]),
        }

    def cross_validation(self, expansions):
        """Cross-validated scores of the networks: expansion, and the columns of ``cross_validation.csv``."""
        text = {"case_id": str, "patient_id": str}
        tables = [
            pd.read_csv(self.needs("dtl", f"expansion_{n:02d}", "cross_validation.csv"), dtype=text).assign(expansion=n)
            for n in expansions
        ]
        return pd.concat(tables, ignore_index=True)

    def stable_features(self):
        """Names of the radiomic features that segmentations agree on; None where nobody drew a second time."""
        icc = pd.read_csv(self.needs("icc", "icc.csv"))
        return set(icc.loc[icc["stable"].astype(bool), "feature"]) if len(icc) else None

    def chosen_expansion(self):
        """The expansion (voxels) that notebook 05 chose on training cases."""
        choice = pd.read_csv(self.needs("selection", "expansion_choice.csv"))
        return int(choice.loc[choice["chosen"].astype(bool), "expansion"].iloc[0])

    @property
    def simulated(self):
        """Whether the cohort is simulated, as notebook 00 wrote down."""
        return json.loads(self.needs("cohort", "about.json").read_text())["simulated"]

    def settings(self, step, values=None):
        """Write down the settings of a step (with `values`), or read those of an earlier one."""
        if values is not None:
            write_json(values, self.path(step, "settings.json"))
            return values
        return json.loads(self.needs(step, "settings.json").read_text())
