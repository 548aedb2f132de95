"""Who is in and where: exclusions, the split by patient, repeat segmentations, counts for the flow figure."""

import os

import numpy as np
import pandas as pd

from vcfnb.cohort.columns import FILES, REPEATS
from vcfnb.errors import BadInput, VcfnbError

# Of a stratum of its own.
_FEWEST_PATIENTS = 4


def apply_exclusions(table, problems, on_bad_case="stop"):
    """Leave out cases that cannot be used, or stop; `problems` as the checks of :mod:`vcfnb.cohort` give them.

    With ``stop`` all errors are raised, with ``exclude`` those that belong to no single case. Gives the cases that
    stay, and the exclusions: case_id, reason (all its problems), code (of the first).
    """
    errors = problems[problems["severity"] == "error"]
    stopping = errors if on_bad_case == "stop" else errors[errors["case_id"] == ""]
    if len(stopping):
        raise BadInput(stopping)
    by_case = errors.groupby("case_id", sort=False)
    reasons = by_case.agg(reason=("problem", "; ".join), code=("code", "first")).reset_index()
    kept = table[~table["case_id"].isin(reasons["case_id"])].reset_index(drop=True)
    if len(kept) and kept["label"].notna().all():
        kept["label"] = kept["label"].astype(int)
    return kept, reasons


def split_cohort(table, test_fraction, seed):
    """The table with ``split`` (train or test): as it brings it, or drawn, stratified by label, patients whole.

    `test_fraction` is the proportion of cases aimed at for the test set, within each label. A set without one of the
    labels is an error.
    """
    table = table.copy()
    if "split" not in table:
        table["split"] = _drawn_split(table, test_fraction, np.random.default_rng([seed, 0]))
    counts = pd.crosstab(table["split"], table["label"]).reindex(["train", "test"], columns=[0, 1], fill_value=0)
    lacking = counts.stack().loc[lambda n: n == 0].index
    if len(lacking):
        split, label = lacking[0]
        raise VcfnbError(
            f"split: the {split} set has no case with label {label} ({counts.to_dict('index')})",
            "give more cases, another test_fraction, or a column split",
            code="one-class",
        )
    order = [name for name in ("patient_id", "case_id", "image", "mask", "label", "split") if name in table]
    return table[order + [name for name in table.columns if name not in order]]


def relative_paths(table, folder):
    """The table with its files as seen from `folder`."""
    table = table.copy()
    for name in FILES:
        if name in table:
            table[name] = [os.path.relpath(path, folder) if isinstance(path, str) else path for path in table[name]]
    return table


def repeat_segmentations(table, n, seed):
    """At most n training cases whose repeat segmentations are used: case_id, drawn at random, in the table's order."""
    if not all(name in table for name in REPEATS):
        return []
    able = table[(table["split"] == "train") & table[list(REPEATS)].notna().all(axis=1)]
    chosen = np.random.default_rng([seed, 1]).permutation(len(able))[:n]
    return able["case_id"].iloc[np.sort(chosen)].tolist()


def flow(table, exclusions, n_read):
    """Counts for the flow figure (:func:`vcfnb.figures.patient_flow`); `n_read` are the cases in cohort.csv."""
    counts = {
        "read": n_read,
        "exclusions": exclusions["code"].str.replace("-", " ").value_counts().to_dict(),
        "included": len(table),
        "patients": int(table["patient_id"].nunique()),
    }
    for split in ("train", "test"):
        label = table.loc[table["split"] == split, "label"]
        counts[split] = {"n": len(label), "acute": int((label == 1).sum()), "chronic": int((label == 0).sum())}
    return counts


def _drawn_split(table, test_fraction, rng):
    """Patients are drawn within strata (only acute, only chronic, both) until the proportion of cases is reached.

    Few patients with both are drawn with the acute ones: of a stratum of one, the one would always be a test patient.
    """
    patients = table.groupby("patient_id", sort=True)["label"].agg(["min", "max", "size"])
    both = patients["min"] != patients["max"]
    if both.sum() < _FEWEST_PATIENTS:
        patients.loc[both, "min"] = 1
    test = []
    for _, stratum in patients.groupby(["min", "max"]):
        wanted = max(1, round(test_fraction * stratum["size"].sum()))
        drawn = stratum.iloc[rng.permutation(len(stratum))]
        # Up to the patient with whom the count comes nearest to the aim.
        reached = drawn["size"].cumsum()
        test += drawn.index[: int(np.abs(reached - wanted).to_numpy().argmin()) + 1].tolist()
    return np.where(table["patient_id"].isin(test), "test", "train")
