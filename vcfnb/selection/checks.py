"""Inputs of selection and models: features, labels, patients, and folds that respect them."""

import numpy as np
import pandas as pd

from vcfnb.cohort.columns import problem
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.statistics.folds import stratified_folds


def check_features(x):
    """Refuse what is no table of finite numbers: one row per case (the index names it), one column per feature."""
    if not isinstance(x, pd.DataFrame):
        raise VcfnbError(
            f"features: {type(x).__name__} has no feature names", "give a pandas DataFrame", code="not-a-table"
        )
    if x.empty:
        raise VcfnbError(
            f"features: the table has {x.shape[0]} cases and {x.shape[1]} features",
            "give at least one each",
            code="empty-table",
        )
    for what, names in (("feature", x.columns), ("case", x.index)):
        if names.has_duplicates:
            name = names[names.duplicated()][0]
            raise VcfnbError(
                f"features: {what} {name!r} occurs more than once", "keep one of them", code="name-repeated"
            )
    text = [name for name, kind in x.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if text:
        raise VcfnbError(
            f"features: column {text[0]!r} holds no numbers", "leave it out of the features", code="not-numeric"
        )
    finite = np.isfinite(x.to_numpy(dtype=float))
    if not finite.all():
        raise BadInput([_not_finite(x.index[i], x.columns[~finite[i]]) for i in np.flatnonzero(~finite.all(axis=1))])


def _not_finite(case_id, names):
    told = f"no finite value of {', '.join(map(str, names[:3]))}"
    told += f" and {len(names) - 3} more" if len(names) > 3 else ""
    remedy = "look at the case's image and mask, then exclude the case or leave the feature out"
    return problem(told, remedy, case_id, code="not-finite")


def check_labels(x, y, groups=None):
    """Labels (1 acute, 0 chronic) and patients as arrays in the order of the cases, or an error with what is wrong.

    A Series must carry the index of `x`. Without `groups` every case is a patient.
    """
    groups = np.arange(len(x)) if groups is None else groups
    for what, values in (("label", y), ("patient", groups)):
        if len(values) != len(x):
            raise VcfnbError(f"{what}s: {len(values)} for {len(x)} cases", "give one a case", code="length-mismatch")
        if isinstance(values, pd.Series) and not values.index.equals(x.index):
            raise VcfnbError(
                f"{what}s: their index is not that of the features", "use y.loc[X.index]", code="not-aligned"
            )
        if pd.isna(values).any():
            raise VcfnbError(
                f"{what}s: the {what} of case {x.index[np.argmax(pd.isna(values))]} is missing",
                "give it",
                code="value-missing",
            )
    y, groups = np.asarray(y), np.asarray(groups)
    if not np.isin(y, (0, 1)).all():
        raise VcfnbError(
            f"labels: {y[~np.isin(y, (0, 1))].tolist()[0]!r} is not allowed",
            "use 1 (acute) and 0 (chronic)",
            code="invalid-label",
        )
    counts = np.bincount(y.astype(int), minlength=2)
    if counts.min() < 2:
        raise VcfnbError(
            f"labels: {counts[1]} acute and {counts[0]} chronic training cases",
            "at least two of each are needed",
            code="too-few-cases",
        )
    return y.astype(int), groups


def folds(y, groups, n_folds, seed):
    """Cross-validation folds, stratified by label, with the cases of a patient kept together.

    Every fold must hold both classes, inside and outside. When there are too few patients for `n_folds`, the largest
    possible number is used instead; when not even two folds are possible, that is an error.

    Returns
    -------
    splits : list of (train, test) index arrays
    note : str
        Says so where there are fewer folds than asked for; otherwise empty.
    """
    patients = [len(np.unique(groups[y == label])) for label in (0, 1)]
    for n in range(min(n_folds, *patients), 1, -1):
        splits = stratified_folds(y, groups, n, seed)
        if all(len(np.unique(y[part])) == 2 for split in splits for part in split):
            note = (
                f"{n} folds instead of {n_folds}: the smaller class has {min(patients)} patients" if n < n_folds else ""
            )
            return splits, note
    raise VcfnbError(
        f"cross-validation: {patients[1]} patients with acute and {patients[0]} with chronic fractures cannot be put "
        "into two folds that both hold both classes",
        "add patients",
        code="too-few-patients",
    )
