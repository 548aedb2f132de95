"""What every statistic asks of labels, scores and probabilities."""

import numpy as np

from vcfnb.errors import VcfnbError


def numbers(values, name):
    """One-dimensional array of finite floats, or a VcfnbError that says which entries are not."""
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise VcfnbError(
            f"{name} are not all numbers ({error}): give one number per case", code="not-numeric"
        ) from error
    if values.ndim != 1:
        raise VcfnbError(f"{name} have shape {values.shape}: give one number per case", code="wrong-shape")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise VcfnbError(
            f"{len(bad)} of {len(values)} {name} are not finite (first at index {bad[0]}): leave the cases out",
            code="not-finite",
        )
    return values


def labels(y):
    """Labels as an array of bool, both classes present."""
    y = numbers(y, "labels")
    other = y[(y != 0) & (y != 1)]
    if len(other):
        raise VcfnbError(f"label {other[0]:g}: labels must be 1 (acute) or 0 (chronic)", code="invalid-label")
    positive = y == 1
    if positive.all() or not positive.any():
        counts = f"{positive.sum()} positive and {(~positive).sum()} negative cases"
        raise VcfnbError(f"{counts}: at least one case of each class is needed", code="one-class")
    return positive


def labels_and_scores(y, *scores):
    """Labels as bool and each score as float, all of one length."""
    positive = labels(y)
    scores = [numbers(score, "scores") for score in scores]
    for score in scores:
        if len(score) != len(positive):
            raise VcfnbError(
                f"{len(positive)} labels and {len(score)} scores: give one score per case", code="length-mismatch"
            )
    return positive, *scores


def labels_and_probabilities(y, probability):
    """Labels as bool and probabilities, checked to lie in [0, 1]."""
    positive, probability = labels_and_scores(y, probability)
    return positive, probabilities(probability)


def probabilities(probability):
    """Probabilities as floats, checked to lie in [0, 1]."""
    probability = numbers(probability, "probabilities")
    outside = np.flatnonzero((probability < 0) | (probability > 1))
    if len(outside):
        raise VcfnbError(
            f"{len(outside)} probabilities outside [0, 1] (first {probability[outside[0]]:g} at index {outside[0]}): "
            "give predicted probabilities of class 1, not scores",
            code="out-of-range",
        )
    return probability


def between(value, name):
    """A number strictly between 0 and 1."""
    if not 0 < value < 1:
        raise VcfnbError(f"{name} is {value}: it must lie between 0 and 1", code="out-of-range")
