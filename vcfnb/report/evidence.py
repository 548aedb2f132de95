"""What a finished run shows of the items of the checklists, by the rules of ``items/evidence.csv``."""

import json
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from vcfnb.cohort import CLINICAL, REPEATS
from vcfnb.errors import VcfnbError
from vcfnb.images import is_whole_vertebra

# Slices this thick or thicker (mm) are not made isotropic without harm: METRICS, item 11.
THICK_MM = 5
# Cases of the rarer class a feature: the rule of thumb, below which a regression is surely too large.
CASES_A_FEATURE = 10


class Found(NamedTuple):
    """An answer (yes, no, na; None: the authors' turn), why in one sentence, and the files that prove it."""

    answer: str | None
    why: str = ""
    proof: tuple = ()


class RunFolder:
    """Read-only view of the results in ``runs/<study>``: a file is there or not, never an error for a missing one.

    Raises
    ------
    VcfnbError
        When the folder does not say whether its patients are simulated.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        about = self.json("00_cohort/about.json")
        if about is None:
            raise VcfnbError(
                f"{self.folder / '00_cohort/about.json'} is missing",
                "run notebook 00_cohort first",
                code="result-missing",
            )
        self.simulated = bool(about["simulated"])

    def present(self, *patterns):
        """Relative paths of those that exist, in order; of a pattern (``*``) the first that it stands for."""
        found = [min((path for path in self.folder.glob(name) if path.is_file()), default=None) for name in patterns]
        return tuple(path.relative_to(self.folder).as_posix() for path in found if path)

    def table(self, name):
        """A CSV table; an empty one where it is missing or unreadable."""
        try:
            return pd.read_csv(self.folder / name, dtype={"case_id": str, "patient_id": str})
        except (OSError, ValueError):
            return pd.DataFrame()

    def json(self, name):
        """A JSON object, or None where it is missing or unreadable."""
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def settings(self, step):
        """Settings that a notebook wrote down; an empty dict where there are none."""
        return self.json(f"{step}/settings.json") or {}

    @cached_property
    def facts(self):
        """What ``items/evidence.csv`` asks for and names in its sentences; what the run lacks is empty or absent."""
        cohort = self.table("00_cohort/cohort.csv")
        found = {"simulated": self.simulated, "cases_needed": CASES_A_FEATURE}
        for part in (_cohort, _fusion, _confounders):
            found |= part(self, cohort)
        for part in (_preprocessing, _features, _agreement, _selection, _performance, _comparisons, _table1):
            found |= part(self)
        return found

    def evidence(self, rules):
        """The first of an item's rules that applies: one with all the files that it needs, or whose fact is so.

        "no" is said only of what the run itself does or lacks. Whatever can have been done outside of it stays open.
        """
        for rule in rules.to_dict("records"):
            needs, proof = _names(rule["needs"]), _names(rule["proof"].format_map(self.facts))
            missing = [name for name in needs if not self.present(name)]
            if missing:
                return Found("no", f"The run has no {' and no '.join(missing)}.", self.present(*needs))
            if not rule["when"] or self.facts.get(rule["when"]):
                return Found(rule["answer"] or None, rule["why"].format_map(self.facts), self.present(*needs, *proof))
        return Found(None)


def _names(cell):
    return cell.split("; ") if cell else []


def _n(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _be(count):
    return "is" if count == 1 else "are"


def _cohort(run, cohort):
    """Cases of the classes and sets, and what is not known of them."""
    if cohort.empty:
        return {"no_cohort": True}
    sites = cohort["site"].nunique() if "site" in cohort and not run.simulated else 0
    sets = {name: cohort[cohort["split"] == name] for name in ("train", "test")}
    both = set(sets["train"]["patient_id"]) & set(sets["test"]["patient_id"])
    sizes = [f"{len(part)} {name} ({(part['label'] == 1).sum()} acute)" for name, part in sets.items()]
    missing = [f"{name} {cohort[name].isna().sum()}" for name in CLINICAL if name in cohort]
    return {
        "n_cases": len(cohort),
        "sites": _n(sites, "site") if sites else "",
        "several_sites": sites > 1,
        "whole_vertebrae": whole_vertebrae(cohort),
        "masks_drawn_again": set(REPEATS) <= set(cohort) and cohort[[*REPEATS]].notna().any().all(),
        "in_both_sets": f"{_n(len(both), 'patient')} {_be(len(both))}" if both else "",
        "set_of_one_class": min(part["label"].nunique() for part in sets.values()) < 2,
        "set_sizes": " and ".join(sizes),
        "missing": ", ".join(missing) or "no clinical columns",
    }


def whole_vertebrae(cohort):
    """A sentence on cases whose ROI is more than the vertebral body, from ``cohort.csv``; empty without any."""
    n = sum(map(is_whole_vertebra, cohort.to_dict("records")))
    return f"In {_n(n, 'case')} the ROI is the whole vertebra, where the paper's is the vertebral body." if n else ""


def _fusion(run, cohort):
    """What the models see, and from how many cases."""
    settings, selected = run.settings("06_fusion"), run.table("06_fusion/fusion_selected.csv")
    clinical = settings.get("clinical") or []
    found = {
        "clinical_variables": ", ".join(clinical),
        "missing_in_fusion": (
            f"in the fusions: {settings.get('clinical_missing')}" if clinical else "the fusions use none"
        ),
        "baseline_compared": "baseline" in set(run.table("07_statistics/auc_differences.csv").get("model_b", ())),
    }
    if cohort.empty:
        return found
    known = [name for name in CLINICAL if name in cohort and cohort[name].notna().any()]
    found["baseline_variables"] = "".join(f", {name}" for name in known)
    if "class_weight" in settings:
        acute, weights = (cohort["label"] == 1).sum(), settings["class_weight"] or "none"
        counts = f"{acute} acute, {(cohort['label'] == 0).sum()} chronic"
        found["class_balance"] = f"{counts}; class weights in the regression: {weights}"
    blocks, primary = run.table("06_fusion/fusion_blocks.csv"), settings.get("primary", "fusion")
    n_features = int(blocks.loc[blocks["model"] == primary, "n_features"].sum()) if len(blocks) else len(selected)
    if n_features:
        rarer = int(cohort.loc[cohort["split"] == "train", "label"].value_counts().min())
        ratio = rarer / n_features
        found["enough_cases"] = ratio >= CASES_A_FEATURE
        found["cases_per_feature"] = (
            f"{_n(rarer, 'training case')} of the rarer class for {_n(n_features, 'feature')} of the primary model, "
            f"{ratio:.1f} each"
        )
    return found


def _confounders(run, cohort):
    """Results in subgroups, or harmonised features."""
    ways, files = [], []
    subgroups = run.table("07_statistics/subgroups.csv")
    if len(subgroups):
        # The table has a row for subgroups that are too small or not recorded, too: without a number.
        evaluated = subgroups.loc[subgroups["auc"].notna() & (subgroups["variable"] != "all"), "variable"].unique()
        if len(evaluated):
            ways.append(f"models are evaluated by {', '.join(evaluated)}")
            files.append("07_statistics/subgroups.csv")
    combat = [step for step in ("05_selection", "06_fusion") if run.settings(step).get("harmonise", "none") != "none"]
    if combat:
        ways.append("features are harmonised by site")
        files += [f"{step}/settings.json" for step in combat]
    return {"confounders": " and ".join(ways), "confounder_files": "; ".join(files)}


def _preprocessing(run):
    """Voxel size, window and bin width, and whether thick slices were made isotropic."""
    settings, bin_width = run.settings("01_preprocessing"), run.settings("03_radiomics").get("bin_width")
    found = {
        "spacing_mm": settings.get("spacing_mm", "?"),
        "mask_interpolator": settings.get("mask_interpolator", "?"),
        "bin_width": "?" if bin_width is None else bin_width,
    }
    qc = run.table("01_preprocessing/qc.csv")
    if "spacing_mm" not in settings or qc.empty or bin_width is None:
        return found
    thickest = qc["spacing_in"].str.split(" x ").map(lambda sizes: max(map(float, sizes)))
    if settings["spacing_mm"] < THICK_MM <= thickest.max():
        n = int((thickest >= THICK_MM).sum())
        found["thick_cases"] = f"{_n(n, 'case')} with slices of {THICK_MM} mm or more {_be(n)}"
    low = settings["window_level"] - settings["window_width"] / 2
    return found | {
        "voxel_mm": thickest.max(),
        "low": low,
        "high": low + settings["window_width"],
        "clipped": "clipped" if settings["clip"] else "not clipped",
    }


def _features(run):
    """Classes as PyRadiomics' feature names have them, and the version whose values the features have."""
    versions = (run.json("provenance.json") or {}).get("versions", {})
    sigmas, deep = run.settings("03_radiomics").get("log_sigma_mm", ()), run.settings("04_dtl").get("n_dimensions")
    try:
        with open(run.folder / "03_radiomics" / "features.csv", encoding="utf-8") as stream:
            names = stream.readline().strip().split(",")[1:]
    except OSError:
        names = []
    classes = pd.Series([name.split("_")[-2] for name in names], dtype=object).value_counts(sort=False)
    return {
        "vcfnb": versions.get("vcfnb", "?"),
        "pyradiomics": versions.get("pyradiomics-bhklab"),
        "log_sigmas": ", ".join(f"{sigma:g}" for sigma in sigmas),
        "n_features": len(names),
        "deep_features": f", {deep} deep ones an expansion" if deep else "",
        "feature_classes": ", ".join(f"{kind} {n}" for kind, n in classes.items()),
    }


def _agreement(run):
    """The ICC of features, whatever was done with it."""
    settings, icc, dice = run.settings("02_icc"), run.table("02_icc/icc.csv"), run.table("02_icc/dice.csv")
    if icc.empty:
        return {}
    form = settings.get("icc_form", "ICC")
    return {
        "icc_form": form,
        "icc_criterion": f"lower limit of {form}" if settings.get("icc_criterion") == "lower_limit" else form,
        "icc_threshold": settings.get("icc_threshold", "?"),
        "rated_features": len(icc),
        "rated_cases": f" on {_n(dice['case_id'].nunique(), 'training case')}" if len(dice) else "",
        "stable": int(icc["stable"].sum()),
    }


def _selection(run):
    """Steps of the selection by their names."""
    table = run.table("05_selection/radiomics_steps.csv")
    steps = dict(zip(table["step"], table["n_features"], strict=True)) if len(table) else {}
    return {
        "steps": ", ".join(f"{step} {n}" for step, n in steps.items()),
        "steps_lacking": " or ".join(sorted({"correlation", "lasso"} - set(steps))),
        "scaled": "z-score" in steps,
        "unstable_removed": "icc" in steps and len(run.table("02_icc/icc.csv")),
    }


def _performance(run):
    """AUCs with intervals, counts, losses and calibration on test cases."""
    auc, points = run.table("07_statistics/auc.csv"), run.table("07_statistics/operating_points.csv")
    table, losses = run.table("07_statistics/calibration.csv"), run.present("04_dtl/expansion_*/history.csv")
    calibrated = {"split", "slope", "brier"} <= set(table) and "test" in set(table["split"])
    if auc.empty:
        return {"calibrated_on_test": calibrated}
    test, limits = auc[auc["split"] == "test"], ["ci_low", "ci_high"]
    sure = set(limits) <= set(auc) and np.isfinite(test[limits].to_numpy()).all()
    alpha = run.settings("07_statistics").get("alpha", 0.05)
    return {
        "calibrated_on_test": calibrated,
        "counts_and_losses": len(points) and {"tp", "fp", "tn", "fn"} <= set(points) and losses,
        "auc_intervals": f"{100 * (1 - alpha):g}%" if sure else "",
        "test_cases": _n(int(test["n"].max()), "case") if len(test) else "",
    }


def _comparisons(run):
    """A test of the radiomic regression against the others, and what explains the models."""
    delong = run.table("07_statistics/delong.csv")
    pictures = ("06_fusion/*nomogram*.png", "06_fusion/*shap*.png", "07_statistics/*shap*.png")
    tables = ("07_statistics/grad_cam.png", "07_statistics/attribution.csv", "06_fusion/selected_features.csv")
    compared = delong.loc[delong["split"] == "test", "model_a"].tolist() if len(delong) else []
    return {"radiomics_compared": "radiomics" in compared, "explained": run.present(*tables, *pictures)}


def _table1(run):
    """Whether Table 1 compares at least one characteristic besides the label."""
    table = run.table("00_cohort/table1.csv")
    if table.empty:
        return {"no_table1": True}
    compared = table["p"].notna() & ~table["characteristic"].str.startswith("Acute")
    return {"characteristics_compared": compared.any()}
