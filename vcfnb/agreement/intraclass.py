"""Agreement between repeat segmentations: intraclass correlation of features."""

import numpy as np
import pandas as pd
from scipy import stats

from vcfnb.errors import VcfnbError

FORMS = ("ICC(2,1)", "ICC(3,1)")
COMPARISONS = {"intra": ("a", "a2"), "inter": ("a", "b")}


def icc(ratings, form="ICC(2,1)", alpha=0.05):
    """Intraclass correlation coefficient of single ratings, for many features at once.

    Parameters
    ----------
    ratings : array_like, shape (subjects, raters, features) or (subjects, raters)
        Every rater rates every subject once. A 2-D array is one feature.
    form : {"ICC(2,1)", "ICC(3,1)"}
        ``ICC(2,1)``: two-way random effects, absolute agreement: a constant difference between raters counts as
        disagreement. ``ICC(3,1)``: two-way mixed effects, consistency: such a difference is ignored.
    alpha : float
        The interval is ``1 - alpha``, two-sided.

    Returns
    -------
    pandas.DataFrame
        One row per feature: icc, low, high. A feature that does not vary (range within the rounding error of its
        values) has no ICC: NaN. Without any disagreement icc, low and high are 1. The ICC may be negative.

    Raises
    ------
    VcfnbError
        Unknown form, fewer than two subjects or raters, or a rating that is not finite (its feature index is named).

    References
    ----------
    Shrout and Fleiss 1979, Psychol Bull 86:420 (coefficients, cases 2 and 3); McGraw and Wong 1996, Psychol Methods
    1:30, table 7 (intervals of ICC(A,1) and ICC(C,1)). Values as R ``psych::ICC(lmer = FALSE)``.

    Examples
    --------
    >>> icc([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]).round(2)
        icc   low  high
    0  0.29  0.02  0.76
    """
    ratings = _checked_ratings(ratings, form, alpha)
    subjects, raters, _ = ratings.shape
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = _mean_squares(ratings)
        interval = _absolute_agreement if form == "ICC(2,1)" else _consistency
        estimate, low, high = interval(*squares, subjects, raters, alpha)
    between, raters, error = squares
    perfect = (between > 0) & (error == 0) & ((raters == 0) | (form == "ICC(3,1)"))
    result = pd.DataFrame({"icc": estimate, "low": low, "high": high})
    result.loc[perfect] = 1.0
    return result


def _checked_ratings(ratings, form, alpha):
    if form not in FORMS:
        raise VcfnbError(f"unknown ICC form {form!r}: use one of {', '.join(FORMS)}", code="unknown-choice")
    if not 0 < alpha < 1:
        raise VcfnbError(f"alpha is {alpha}: it must lie between 0 and 1, 0.05 for a 95% interval", code="out-of-range")
    ratings = np.asarray(ratings, dtype=float)
    if ratings.ndim == 2:
        ratings = ratings[:, :, np.newaxis]
    if ratings.ndim != 3:
        raise VcfnbError(
            f"ratings have {ratings.ndim} dimensions: give an array (subjects, raters, features)", code="wrong-shape"
        )
    subjects, raters, _ = ratings.shape
    if subjects < 2 or raters < 2:
        raise VcfnbError(
            f"{subjects} subject(s) and {raters} rater(s): an ICC needs at least two of each", code="too-few-cases"
        )
    bad = np.flatnonzero(~np.isfinite(ratings).all(axis=(0, 1)))
    if len(bad):
        shown = ", ".join(map(str, bad[:10])) + (", ..." if len(bad) > 10 else "")
        raise VcfnbError(
            f"ratings that are not finite in {len(bad)} feature(s), index {shown}: leave the features out",
            code="not-finite",
        )
    return ratings


def _mean_squares(ratings):
    """Mean squares of the two-way analysis of variance: between subjects, between raters, residual.

    The ICC does not depend on scale, so each feature is divided by its largest deviation: squares cannot overflow.
    What remains below the rounding error of the values is no variation and set to exactly zero.
    """
    subjects, raters, _ = ratings.shape
    deviation = ratings - ratings.mean(axis=(0, 1))
    scale = np.abs(deviation).max(axis=(0, 1))
    noise = 16 * np.finfo(float).eps * np.abs(ratings).max(axis=(0, 1)) / scale
    deviation = deviation / scale
    by_subject, by_rater = deviation.mean(axis=1), deviation.mean(axis=0)
    residual = deviation - by_subject[:, np.newaxis] - by_rater
    squares = np.stack(
        [
            raters * (by_subject**2).sum(axis=0) / (subjects - 1),
            subjects * (by_rater**2).sum(axis=0) / (raters - 1),
            (residual**2).sum(axis=(0, 1)) / ((subjects - 1) * (raters - 1)),
        ]
    )
    squares[squares <= noise**2] = 0
    squares[:, ~(noise < 1)] = np.nan  # constant feature: the noise is all there is
    return squares


def _consistency(between, raters, error, n, k, alpha):
    """ICC(3,1) = ICC(C,1) and its interval."""
    ratio = between / error
    quantile = stats.f.ppf(1 - alpha / 2, [[n - 1], [(n - 1) * (k - 1)]], [[(n - 1) * (k - 1)], [n - 1]])
    low, high = ratio / quantile[0], ratio * quantile[1]
    return tuple((f - 1) / (f + k - 1) for f in (ratio, low, high))


def _absolute_agreement(between, raters, error, n, k, alpha):
    """ICC(2,1) = ICC(A,1) and its interval, with Satterthwaite's degrees of freedom.

    Multiplied by the residual mean square throughout, so that raters who differ only by a constant are no
    division by zero.
    """
    estimate = (between - error) / (between + (k - 1) * error + k * (raters - error) / n)
    a = k * estimate * raters
    b = (n * (1 + (k - 1) * estimate) - k * estimate) * error
    freedom = (k - 1) * (n - 1) * (a + b) ** 2 / ((n - 1) * a**2 + b**2)
    shared = k * raters + (k * n - k - n) * error
    upper = stats.f.ppf(1 - alpha / 2, n - 1, freedom)
    lower = stats.f.ppf(1 - alpha / 2, freedom, n - 1)
    low = n * (between - upper * error) / (upper * shared + n * between)
    high = n * (lower * between - error) / (shared + n * lower * between)
    return estimate, low, high


def icc_of_segmentations(features, form="ICC(2,1)", threshold=0.8, criterion="estimate", alpha=0.05):
    """ICC of every feature within and between readers.

    Parameters
    ----------
    features : dict of pandas.DataFrame
        By reading: ``a`` (reader A), ``a2`` (reader A again), ``b`` (reader B), each with case_id and one column per
        feature, for the same cases. An empty dict (no repeat segmentations) gives an empty table.
    form, alpha
        As in :func:`icc`.
    threshold : float
        A feature is stable if both its ICCs are above; a constant one has NaN and is not.
    criterion : str
        ``estimate``, or ``lower_limit``: the lower limits of the intervals must be above. Of few cases, a feature whose
        true ICC is 0.75 passes 0.8 by its estimate in a quarter of samples.

    Returns
    -------
    pandas.DataFrame
        feature, icc_intra, icc_intra_low, icc_intra_high, icc_inter, icc_inter_low, icc_inter_high, stable.
    """
    columns = ["feature", *(f"icc_{name}{end}" for name in COMPARISONS for end in ("", "_low", "_high")), "stable"]
    if not features:
        return pd.DataFrame(columns=columns)
    tables = _aligned(features)
    result = pd.DataFrame({"feature": tables["a"].columns})
    for name, pair in COMPARISONS.items():
        found = icc(np.stack([tables[reading].to_numpy(float) for reading in pair], axis=1), form, alpha)
        result[[f"icc_{name}", f"icc_{name}_low", f"icc_{name}_high"]] = found
    end = "_low" if criterion == "lower_limit" else ""
    result["stable"] = (result[f"icc_intra{end}"] > threshold) & (result[f"icc_inter{end}"] > threshold)
    return result[columns]


def _aligned(features):
    """The three segmentations with the same rows and columns, indexed by case."""
    missing = [reading for reading in ("a", "a2", "b") if reading not in features]
    if missing:
        raise VcfnbError(
            f"no features of reading {', '.join(missing)}: a, a2 and b are needed", code="segmentations-missing"
        )
    tables = {reading: features[reading].set_index("case_id") for reading in ("a", "a2", "b")}
    first = tables["a"]
    for reading, table in tables.items():
        for axis, there, here in (("cases", first.index, table.index), ("features", first.columns, table.columns)):
            if here.has_duplicates:
                raise VcfnbError(
                    f"reading {reading} has {axis} twice: {', '.join(map(str, here[here.duplicated()][:5]))}",
                    code="name-repeated",
                )
            different = there.symmetric_difference(here, sort=False)
            if len(different):
                raise VcfnbError(
                    f"segmentations a and {reading} differ in {axis}: {', '.join(map(str, different[:5]))}; "
                    f"compute all segmentations of the same cases with the same settings",
                    code="not-aligned",
                )
        rows, at = np.nonzero(~np.isfinite(table.to_numpy(float)))
        if len(rows):
            raise VcfnbError(
                f"case {table.index[rows[0]]}, reading {reading}: {table.columns[at[0]]} is not finite "
                f"({len(rows)} such value(s) in this reading); exclude the case, or leave the feature out",
                code="not-finite",
            )
    return {reading: table.loc[first.index, first.columns] for reading, table in tables.items()}
