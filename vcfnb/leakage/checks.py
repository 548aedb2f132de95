"""Plain checks of a finished study: who is in which set, and do fitted numbers come from training cases alone?"""

from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import fusion, preprocessing, runs, selection, statistics
from vcfnb.leakage.permutation import audit_row
from vcfnb.selection.harmonisation import harmonised_features

_TOLERANCE = 1e-9


def _row(code, check, wrong, fine, bad):
    """One line: `wrong` is how far a number is off, or how many are what they should not be."""
    limit = _TOLERANCE if isinstance(wrong, float) else 0
    result, said = ("pass", fine) if wrong <= limit else ("FAIL", bad)
    return audit_row(code, check, (wrong, np.nan, np.nan), result, said)


def _named(code, check, found, what, fine="none"):
    """One line, of what should not be: the first of it by name."""
    shown = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
    return _row(code, check, len(found), fine, f"{len(found)} {what}: {shown}")


def set_rows(cases, repeated=()):
    """Patients and cases across the sets; repeat segmentations of `repeated` chose the stable features."""
    sets = cases.groupby("patient_id")["split"].nunique()
    both = sets.index[sets > 1].tolist()
    twice = cases.loc[cases["case_id"].duplicated(), "case_id"].tolist()
    outside = sorted(set(repeated) - set(cases.loc[cases["split"] == "train", "case_id"]))
    return [
        _named("patients-in-both-sets", "patients in both sets", both, "patient(s) in both sets"),
        _named("case-ids-repeated", "case ids that occur twice", twice, "case id(s) twice"),
        _named(
            "segmentations-outside-training",
            "repeat segmentations outside the training set",
            outside,
            "re-drawn case(s) that are no training cases",
            f"all {len(set(repeated))} are training cases",
        ),
    ]


def duplicate_rows(cases, image_digests, features):
    """Images that occur twice, under other names, among cases with their images' digests and radiomic features.

    Cases of one patient may share an image. Two cases whose features all agree are one vertebra.
    """
    table = cases.assign(image=list(image_digests))
    groups = table.groupby("image")["patient_id"].nunique()
    shared = table[table["image"].isin(groups.index[groups > 1])]
    values = features.to_numpy(dtype=float)
    digits = pd.Series([runs.digest(np.array([f"{value:.9e}" for value in row])) for row in values])
    same = cases["case_id"][digits.duplicated(keep=False).to_numpy()].tolist()
    images = shared["case_id"].tolist()
    return [
        _named("images-shared", "images shared by several patients", images, "case(s) with another's image"),
        _named(
            "features-identical", "cases with the same features", same, "case(s) alike in all features", "no two agree"
        ),
    ]


def network_rows(folds, cases):
    """Networks and the patients whose features they gave.

    `folds` names expansion, repeat, fold, case_id, patient_id: every training case in the fold whose network did not
    see it.
    """
    test = set(cases.loc[cases["split"] == "test", "patient_id"])
    in_test = sorted(set(folds["patient_id"]) & test)
    spread = folds.groupby(["expansion", "repeat", "patient_id"])["fold"].nunique()
    torn = sorted(set(spread.index[spread > 1].get_level_values("patient_id")))
    check = "test patients in the networks' cross-validation"
    return [
        _named("test-patients-in-folds", check, in_test, "test patient(s)"),
        _named(
            "patients-in-several-folds",
            "patients in several folds of the networks",
            torn,
            "patient(s) seen by the network that gave their features",
            "none: no network gave features to a patient it saw",
        ),
    ]


def selection_row(name, stored, train, cases, stable, settings, seed):
    """Does the selection, run anew on training cases alone, give the features that notebook 05 stored?"""
    again = selection.select_features(train, cases["label"], settings, cases["patient_id"], stable, seed)
    differ = sorted(set(again.selected["feature"]) ^ set(stored))
    fine = f"{len(again.selected)} features, the same when only training cases are there"
    return _named("selection-recomputed", f"selection recomputed, {name}", differ, "feature(s) differ", fine)


def scaling_row(fitted, x_train):
    """Are means and SDs of saved models those of the training cases? value: largest difference, in SDs."""
    worst = 0.0
    for model in fitted.values():
        mean, sd = x_train[model.features].mean(), x_train[model.features].std(ddof=0).replace(0, 1)
        worst = max(worst, float(((model.mean - mean).abs() / sd).max()), float((model.sd / sd - 1).abs().max()))
    fine, bad = "mean and SD of every model are those of the training cases", f"a mean or SD is off by {worst:.2g} SD"
    return _row("scaling-recomputed", "scaling recomputed from training cases", worst, fine, bad)


def threshold_row(thresholds, out_of_fold, method="youden", target=0.9):
    """Are the saved thresholds (by model) those of out-of-fold training scores? value: largest difference."""
    y = out_of_fold["label"]
    again = {name: statistics.operating_point(y, out_of_fold[name], method, target) for name in thresholds}
    worst = max(float(abs(again[name] - threshold)) for name, threshold in thresholds.items())
    fine, bad = "every threshold is the one that training cases alone give", f"a threshold is off by {worst:.2g}"
    return _row("thresholds-recomputed", "thresholds recomputed from training cases", worst, fine, bad)


def plain_rows(run, data, expansion, stable):
    """All plain checks of a study with the results of notebooks 00 to 06 and its chosen expansion.

    `data` is :class:`vcfnb.fusion.StudyData`, `stable` the features that passed the ICC step, or None.

    Returns
    -------
    list of dict
        check, value (how many are wrong, or how far off), low, high (empty), finding, code (which check it is).
    """
    cases = data.cases.reset_index()
    images = preprocessing.cases(run.step("preprocessing"), cases["case_id"])["image"]
    train, table = data.cases[data.cases["split"] == "train"], run.cohort().set_index("case_id")
    folds = pd.concat(
        [
            pd.read_csv(path, dtype={"case_id": str, "patient_id": str}).assign(expansion=path.parent.name)
            for path in sorted(run.step("dtl").glob("expansion_*/cross_validation.csv"))
        ]
    )
    rows = set_rows(cases, data.segmentations["a"]["case_id"] if data.segmentations else ())
    rows += duplicate_rows(cases, [runs.digest(Path(path)) for path in images], data.radiomics)
    rows += network_rows(folds, cases)
    saved = fusion.load_model(run.step("fusion") / "model")
    features = {name: harmonised_features(run, name, table) for name in ("radiomics", f"dtl_{expansion:02d}")}
    for name, x in features.items():
        stored = pd.read_csv(run.needs("selection", f"{name}_selected.csv"))["feature"]
        evaluated = stable if name == "radiomics" else None
        rows.append(selection_row(name, stored, x.loc[train.index], train, evaluated, data.lasso, data.seed))
    everything = pd.concat([*features.values(), saved.clinical.transform(table)], axis=1)
    rows.append(scaling_row(saved.models, everything.loc[train.index]))
    out_of_fold = pd.read_csv(run.needs("fusion", "out_of_fold_scores.csv"), dtype={"case_id": str})
    chosen = run.settings("fusion")
    rows.append(threshold_row(saved.thresholds, out_of_fold, chosen["operating_point"], chosen["target_sensitivity"]))
    return rows
