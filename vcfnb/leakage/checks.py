"""Plain checks of a finished study: who is in which set, and do fitted numbers come from training cases alone?"""

from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import fusion, preprocessing, runs, selection, statistics
from vcfnb.selection.harmonisation import harmonised_features

_TOLERANCE = 1e-9


def _row(code, check, wrong, fine, bad):
    """One line: `wrong` counts what should not be (or is how far a number is off); `code` stays when words change."""
    limit = _TOLERANCE if isinstance(wrong, float) else 0
    finding = f"pass: {fine}" if wrong <= limit else f"FAIL: {bad}"
    return {"check": check, "value": wrong, "low": np.nan, "high": np.nan, "finding": finding, "code": code}


def set_rows(cases, drawn_again=()):
    """Patients and cases across the sets.

    Parameters
    ----------
    cases : pandas.DataFrame
        case_id, patient_id, split.
    drawn_again : iterable of str
        Cases whose repeat segmentations chose the stable features.

    Returns
    -------
    list of dict
        check, value (how many are wrong), low, high (empty), finding, code (which check it is).
    """
    sets = cases.groupby("patient_id")["split"].nunique()
    both = sets.index[sets > 1].tolist()
    twice = cases.loc[cases["case_id"].duplicated(), "case_id"].tolist()
    outside = sorted(set(drawn_again) - set(cases.loc[cases["split"] == "train", "case_id"]))
    return [
        _row(
            "patients-in-both-sets", "patients in both sets", len(both), "none", _named("patient(s) in both sets", both)
        ),
        _row("case-ids-repeated", "case ids that occur twice", len(twice), "none", _named("case id(s) twice", twice)),
        _row(
            "readings-outside-training",
            "repeat segmentations outside the training set",
            len(outside),
            f"all {len(set(drawn_again))} are training cases",
            _named("re-drawn case(s) that are no training cases", outside),
        ),
    ]


def duplicate_rows(cases, image_digests, features):
    """Images that occur twice, under other names.

    Parameters
    ----------
    cases : pandas.DataFrame
        case_id, patient_id.
    image_digests : sequence of str
        Of each case's image. Cases of one patient may share an image.
    features : pandas.DataFrame
        Radiomic features in the order of the cases. Two cases whose features all agree are one vertebra.

    Returns
    -------
    list of dict
    """
    table = cases.assign(image=list(image_digests))
    groups = table.groupby("image")["patient_id"].nunique()
    shared = table[table["image"].isin(groups.index[groups > 1])]
    rounded = features.to_numpy(dtype=float)
    digits = pd.Series([runs.digest(np.array([f"{value:.9e}" for value in row])) for row in rounded])
    same = cases["case_id"][digits.duplicated(keep=False).to_numpy()].tolist()
    images = shared["case_id"].tolist()
    return [
        _row(
            "images-shared",
            "images shared by several patients",
            len(images),
            "none",
            _named("case(s) with another's image", images),
        ),
        _row(
            "features-identical",
            "cases with the same features",
            len(same),
            "no two agree",
            _named("case(s) alike in all features", same),
        ),
    ]


def network_rows(folds, cases):
    """Networks and the patients whose features they gave.

    Parameters
    ----------
    folds : pandas.DataFrame
        expansion, repeat, fold, case_id, patient_id: every training case in the fold whose network did not see it.
    cases : pandas.DataFrame
        case_id, patient_id, split.

    Returns
    -------
    list of dict
    """
    test = set(cases.loc[cases["split"] == "test", "patient_id"])
    in_test = sorted(set(folds["patient_id"]) & test)
    spread = folds.groupby(["expansion", "repeat", "patient_id"])["fold"].nunique()
    torn = sorted(set(spread.index[spread > 1].get_level_values("patient_id")))
    return [
        _row(
            "test-patients-in-folds",
            "test patients in the networks' cross-validation",
            len(in_test),
            "none",
            _named("test patient(s)", in_test),
        ),
        _row(
            "patients-in-several-folds",
            "patients in several folds of the networks",
            len(torn),
            "none: no network gave features to a patient it saw",
            _named("patient(s) seen by the network that gave their features", torn),
        ),
    ]


def selection_row(name, stored, train, cases, stable, settings, seed):
    """Does the selection, run anew on training cases alone, give the features that the study uses?

    Parameters
    ----------
    name : str
    stored : iterable of str
        Features that notebook 05 wrote down.
    train : pandas.DataFrame
        Features of training cases.
    cases : pandas.DataFrame
        label and patient_id of the same cases.
    stable : set of str or None
    settings : vcfnb.params.SelectionParams
    seed : int

    Returns
    -------
    dict
    """
    again = selection.select_features(train, cases["label"], settings, cases["patient_id"], stable, seed)
    differ = sorted(set(again.selected["feature"]) ^ set(stored))
    fine = f"{len(again.selected)} features, the same when only training cases are there"
    return _row(
        "selection-recomputed", f"selection recomputed, {name}", len(differ), fine, _named("feature(s) differ", differ)
    )


def scaling_row(fitted, x_train):
    """Are means and SDs of the saved models those of the training cases?

    Parameters
    ----------
    fitted : dict of str to vcfnb.fusion.FittedLogistic
    x_train : pandas.DataFrame
        Training cases, all features of the models.

    Returns
    -------
    dict
        value: largest difference, in SDs of the training cases.
    """
    worst = 0.0
    for model in fitted.values():
        mean, sd = x_train[model.features].mean(), x_train[model.features].std(ddof=0).replace(0, 1)
        worst = max(worst, float(((model.mean - mean).abs() / sd).max()), float((model.sd / sd - 1).abs().max()))
    fine = "mean and SD of every model are those of the training cases"
    return _row(
        "scaling-recomputed",
        "scaling recomputed from training cases",
        worst,
        fine,
        f"a mean or SD is off by {worst:.2g} SD",
    )


def threshold_row(thresholds, scores):
    """Are the saved thresholds those of the training cases?

    Parameters
    ----------
    thresholds : dict of str to float
        Youden's, by model.
    scores : pandas.DataFrame
        label, split, one column per model.

    Returns
    -------
    dict
        value: largest difference of a threshold.
    """
    train = scores[scores["split"] == "train"]
    again = {name: statistics.operating_point(train["label"], train[name], method="youden") for name in thresholds}
    worst = max(float(abs(again[name] - threshold)) for name, threshold in thresholds.items())
    fine = "every threshold is the one that training cases alone give"
    return _row(
        "thresholds-recomputed",
        "thresholds recomputed from training cases",
        worst,
        fine,
        f"a threshold is off by {worst:.2g}",
    )


def plain_rows(run, data, expansion, stable):
    """All plain checks of a finished study.

    Parameters
    ----------
    run : vcfnb.runs.Run
        With the results of notebooks 00 to 06.
    data : vcfnb.robustness.StudyData
    expansion : int
        The chosen one.
    stable : set of str or None
        Features that passed the ICC step.

    Returns
    -------
    list of dict
        check, value, low, high, finding, code.
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
    rows = set_rows(cases, data.readings["a"]["case_id"] if data.readings else ())
    rows += duplicate_rows(cases, [runs.digest(Path(path)) for path in images], data.radiomics)
    rows += network_rows(folds, cases)
    saved = fusion.load_model(run.step("fusion") / "model")
    features = {name: harmonised_features(run, name, table) for name in ("radiomics", f"dtl_{expansion:02d}")}
    for name, x in features.items():
        stored = pd.read_csv(run.needs("selection", f"{name}_selected.csv"))["feature"]
        judged = stable if name == "radiomics" else None
        rows.append(selection_row(name, stored, x.loc[train.index], train, judged, data.lasso, data.seed))
    everything = pd.concat([*features.values(), saved.clinical.transform(table)], axis=1)
    rows.append(scaling_row(saved.models, everything.loc[train.index]))
    scores = pd.read_csv(run.needs("fusion", "scores.csv"), dtype={"case_id": str})
    rows.append(threshold_row(saved.thresholds, scores))
    return rows


def _named(what, names):
    shown = ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")
    return f"{len(names)} {what}: {shown}"
