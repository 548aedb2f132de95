"""What parameters and the table of cases tell before the first notebook: all that later ones would stop at, at once.

The conditions are those of the later steps: their own checks are called here, with no image.
"""

import numpy as np
import pandas as pd

from vcfnb import cohort, dtl, fusion, phantom, robustness, selection
from vcfnb.cohort.clinical import ClinicalEncoder
from vcfnb.dtl.networks import build_network, check_layer
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.selection.harmonisation import fit_combat


def check_study(study):
    """Raise every problem of a study's parameters with its network and its cases, with numbers and remedies."""
    # Weights are found now, and not half an hour later.
    network, _ = build_network(study.dtl.network, study.dtl.weights, seed=study.seed)
    rows = _rows("dtl.", check_layer, network, study.dtl.layer)
    layer = None if rows else study.dtl.layer
    try:
        table, complete = _cases(study)
    except BadInput:
        raise
    except VcfnbError as error:
        raise BadInput(rows + _told("cohort: ", error)) from None
    needs = cohort.check_needs(
        table,
        study.fusion.clinical,
        study.fusion.clinical_missing,
        study.selection.harmonise,
        study.selection.harmonise_covariates,
    )
    rows += needs.to_dict("records")
    # Notebook 00 says what else is wrong with the table, and which cases it leaves out.
    if complete:
        sizes = cohort.check_size(table, study.cohort.test_fraction)
        sizes = sizes[sizes["severity"] == "error"].to_dict("records")
        rows += sizes or _split(study, table, network, layer, not len(needs))
    if rows:
        raise BadInput(rows)


def _rows(parameter, check, *arguments):
    """Problems that a later step's own check finds; its message begins with the parameter's name or `parameter`."""
    try:
        check(*arguments)
    except VcfnbError as error:
        return _told(parameter, error)
    return []


def _told(parameter, error):
    return [row | {"problem": parameter + row["problem"]} for row in error.rows()]


def _cases(study):
    """The table of cases that can be used, and whether nothing is wrong with it that stops notebook 00."""
    asked = study.cohort
    if asked.csv is None:
        names = ("n_patients", "acute_fraction", "difficulty", "several_vertebrae", "n_sites", "metal")
        table = phantom.draw_cohort(seed=study.seed, **{name: getattr(asked, name) for name in names})
        # Every simulated mask is segmented again.
        return table.assign(**dict.fromkeys(cohort.REPEATS, "simulated")), True
    table, problems = cohort.check_table(asked.csv, asked.label_column)
    bad = problems.loc[problems["severity"] == "error", "case_id"]
    complete = not len(bad) or (asked.on_bad_case == "exclude" and (bad != "").all())
    return table[~table["case_id"].isin(bad)].reset_index(drop=True), complete


def _split(study, table, network, layer, has_needs):
    """Problems of the split and of what is done with its training cases, and of the outer folds."""
    try:
        table = cohort.split_cohort(table.astype({"label": int}), study.cohort.test_fraction, study.seed)
    except VcfnbError as error:
        return _told("cohort: ", error)
    labels, groups = table["label"].to_numpy(), table["patient_id"].to_numpy()
    train, test = (np.flatnonzero(table["split"] == name) for name in ("train", "test"))
    settings = dtl.TrainSettings.from_params(study.dtl, seed=study.seed)
    rows = _rows("dtl.", dtl.check_dimensions, settings, train, network, layer)
    rows += _rows("dtl.", dtl.fold_jobs, labels, train, groups, settings)
    fewest = min(study.selection.lasso_folds, study.fusion.grid_folds)
    within = "selection.lasso_folds, fusion.grid_folds: "
    rows += _rows(within, selection.folds, labels[train], groups[train], fewest, study.seed)
    again = cohort.repeat_segmentations(table, study.icc.icc_cases, study.seed)
    if len(again) == 1:
        told = f"icc.icc_cases: {study.icc.icc_cases} asked for, 1 training case has repeat segmentations to use"
        remedy = "an ICC needs 2 cases or more; without it, set icc.icc_cases: 0"
        rows.append({"problem": told, "remedy": remedy, "code": "too-few-repeats"})
    if has_needs:
        # What all training cases lack, their folds lack, too.
        rows += _rows("", _fit_tables, study, table, train, test) or _out_of_fold(study, table, labels, groups, train)
    return rows + _outer(study, table, labels, groups, has_needs)


def _out_of_fold(study, table, labels, groups, train):
    """Problems of the folds of the out-of-fold probabilities, of the first that has any."""
    try:
        folds, _ = fusion.outer_folds(labels[train], groups[train], study.fusion.out_of_fold_folds, 1, study.seed)
    except VcfnbError:
        return []  # too few patients for any folds: said of those of the LASSO
    for fold in folds:
        where = f"fusion.out_of_fold_folds: in fold {fold.fold}: "
        rows = _rows(where, _fit_tables, study, table, train[fold.train], train[fold.test])
        if rows:
            return rows
    return []


def _outer(study, table, labels, groups, has_needs):
    """Problems of the nested cross-validation, of the first outer fold that has any."""
    asked = study.robustness
    try:
        folds, _ = fusion.outer_folds(labels, groups, asked.outer_folds, asked.outer_repeats, study.seed)
    except VcfnbError as error:
        return _told("robustness.outer_folds: ", error)
    for fold in folds if asked.evaluation == "rigorous" else []:
        here = f"in repeat {fold.repeat}, fold {fold.fold}: "
        where = f"robustness.outer_folds: {here}"
        rows = []
        if fold.repeat <= asked.network_repeats:
            settings = robustness.nested_settings(study.dtl, table.iloc[fold.train], fold.seed)
            rows += _rows(where, dtl.fold_jobs, labels, fold.train, groups, settings)
        if has_needs:
            rows += _rows(where, _fit_tables, study, table, fold.train, fold.test)
            for share in asked.learning_shares:
                few = fold.train[robustness.learning_cases(table.iloc[fold.train], share, fold.seed)]
                rows += _rows(
                    f"robustness.learning_shares: {share} {here}", _fit_tables, study, table, few, fold.test, ()
                )
        if rows:
            return rows
    return []


def _fit_tables(study, table, train, test, clinical=None):
    """Fit what sites and clinical variables decide: harmonisation of a stand-in for a feature, and the encoder."""
    table = table.set_index("case_id")
    if study.selection.harmonise == "combat":
        feature = pd.DataFrame({"feature": np.arange(len(table), dtype=float)}, table.index)
        fitted = fit_combat(feature.iloc[train], table, study.selection.harmonise_covariates)
        fitted.transform(feature.iloc[test], table)
    clinical = study.fusion.clinical if clinical is None else clinical
    if clinical:
        ClinicalEncoder.fit(table.iloc[train], clinical, study.fusion.clinical_missing)
