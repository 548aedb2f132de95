"""What the paper reports, for "the paper / this run", and whether it adds up (doi 10.1186/s12880-025-01573-9)."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from vcfnb import statistics

_FOLDER = Path(__file__).parent
# Each number with what it counts, the positive class first.
_NUMBERS = pd.read_csv(_FOLDER / "paper_numbers.csv", dtype=str).set_index("quantity")
PRINTED = {name: json.loads(value) for name, value in _NUMBERS["value"].items()}


def reported():
    """The paper's three models: model, n_features, lambda, AUCs of training and test set with their intervals.

    The radiomics test interval, 0.767 to 1.000 around 0.869, is copied as printed although a DeLong interval would be
    symmetric there (upper end about 0.97).
    """
    return pd.read_csv(_FOLDER / "paper_models.csv")


def consistency(printed=None, models=None):
    """Recompute what can be recomputed from the paper's own numbers: statement, printed, recomputed, adds_up, comment.

    Nothing here depends on a run: the patients are not public, so only sums, tests on printed counts, means and SDs,
    the steps an AUC can take, the shape of intervals and the grid of lambdas can be checked. Printed numbers are taken
    as rounded, so adds_up "yes" means: some unrounded number gives what is printed. `printed` replaces numbers of
    :data:`PRINTED`, `models` those of :func:`reported`.

    Source: Wang et al. 2025, doi 10.1186/s12880-025-01573-9: text, Table 1, results.
    """
    printed = PRINTED | (printed or {})
    models = reported() if models is None else models
    rows = [*_counts(printed), *_tests(printed), *_features(printed, models), *_aucs(printed, models)]
    table = pd.DataFrame(rows, columns=["statement", "printed", "recomputed", "adds_up", "comment"])
    return table.assign(adds_up=np.where(table["adds_up"], "yes", "no"))


def pairs_won(auc, n_positive, n_negative, decimals=3):
    """How many pairs of a positive and a negative case a rounded AUC stands for; None when no number rounds to it.

    An AUC counts the pairs that are ranked rightly, ties as half: it is a multiple of
    1 / (2 x n_positive x n_negative), and without ties of 1 / (n_positive x n_negative).

    >>> pairs_won(0.869, 34, 9)
    266.0
    """
    pairs = n_positive * n_negative
    for step in (1, 0.5):
        won = round(auc * pairs / step) * step
        if _same(won / pairs, auc, decimals):
            return float(won)
    return None


def p_range_from_means(first, second, n_first, n_second, decimals=2):
    """The p values that two-sided t tests can have, given means and SDs of two groups, rounded to `decimals`.

    By test, "Welch" and "Student": (smallest, as printed, largest) p. p falls with the distance of the means and grows
    with the SDs, so the ends lie at corners of the box of unrounded numbers; where the means can be equal, the largest
    is 1.
    """
    half = 0.5 * 10**-decimals
    ends = [(value - half, value + half) for value in (*first, *second)]
    ranges = {}
    for name, equal in (("Welch", False), ("Student", True)):
        corners = [_t_test(*corner, n_first, n_second, equal) for corner in itertools.product(*ends)]
        largest = 1.0 if abs(first[0] - second[0]) <= 2 * half + 1e-9 else max(corners)
        ranges[name] = (min(corners), _t_test(*first, *second, n_first, n_second, equal), largest)
    return ranges


def _t_test(mean_a, sd_a, mean_b, sd_b, n_a, n_b, equal_variance):
    return float(stats.ttest_ind_from_stats(mean_a, sd_a, n_a, mean_b, sd_b, n_b, equal_var=equal_variance).pvalue)


def _same(value, printed, decimals):
    """Whether `value` rounds to what is printed; a value half-way may have been rounded either way."""
    return abs(value - printed) <= 0.5 * 10**-decimals + 1e-9


def _counts(printed):
    patients = printed["patients"]
    men_women = printed["text_men_women"]
    women, men = (sum(counts) for counts in zip(*printed["sex"], strict=True))
    acute, chronic = (sum(counts) for counts in zip(*printed["label"], strict=True))
    yield (
        "men and women in the text are all patients",
        f"{men_women[0]} + {men_women[1]} = {patients}",
        f"{sum(men_women)}",
        sum(men_women) == patients,
        f"Table 1 has {men} men and {women} women, {men + women}",
    )
    yield (
        "men and women in Table 1 are all patients",
        f"{patients}",
        f"{men} + {women} = {men + women}",
        men + women == patients,
        "",
    )
    yield (
        "acute and chronic in Table 1 are those of the text",
        "{} and {}".format(*printed["acute_chronic"]),
        f"{acute} and {chronic}",
        (acute, chronic) == tuple(printed["acute_chronic"]),
        "",
    )
    sizes = [[sum(counts) for counts in printed[name]] for name in ("sex", "label")]
    yield (
        "rows of Table 1 sum to training and test set",
        "{} and {}".format(*printed["split"]),
        "; ".join(f"{name} {train} and {test}" for name, (train, test) in zip(("sex", "label"), sizes, strict=True)),
        all(tuple(found) == tuple(printed["split"]) for found in sizes) and sum(printed["split"]) == patients,
        "",
    )
    mean, sd = _pooled(printed["age"], printed["split"])
    # Inputs are rounded as well, so the second decimal can differ by one.
    close = max(abs(mean - printed["age_all"][0]), abs(sd - printed["age_all"][1])) <= 0.01 + 1e-9
    yield (
        "age of all patients from both sets",
        "{:.2f} ± {:.2f}".format(*printed["age_all"]),
        f"{mean:.2f} ± {sd:.2f}",
        close,
        "",
    )


def _pooled(groups, sizes):
    """Mean and SD of two groups taken together."""
    means, sds, n = np.array(groups)[:, 0], np.array(groups)[:, 1], np.array(sizes)
    mean = float(np.average(means, weights=n))
    squares = ((n - 1) * sds**2 + n * (means - mean) ** 2).sum()
    return mean, float(np.sqrt(squares / (n.sum() - 1)))


def _tests(printed):
    for name, text in (("sex", "women and men"), ("label", "acute and chronic")):
        found = {
            "chi-square with Yates' correction": statistics.compare_counts(printed[name])["p"],
            "chi-square without correction": statistics.compare_counts(printed[name], correction=False)["p"],
            "Fisher": statistics.compare_counts(printed[name])["fisher_p"],
        }
        p = printed[f"p_{name}"]
        by = [test for test, value in found.items() if _same(value, p, 2)]
        yield (
            f"p of {text}, training against test",
            f"{p:.2f}",
            "; ".join(f"{test} {value:.3f}" for test, value in found.items()),
            bool(by),
            f"it is {by[0]}" if by else "none of the three tests gives it",
        )
    for name, text in (("age", "age"), ("bmd", "bone density")):
        ranges = p_range_from_means(*printed[name], *printed["split"])
        p = printed[f"p_{name}"]
        fits = [test for test, (low, _, high) in ranges.items() if low - 0.005 <= p <= high + 0.005]
        yield (
            f"p of {text}, training against test, by a t test on the printed means and SDs",
            f"{p:.2f}",
            "; ".join(f"{test} {value:.2f} ({low:.2f}-{high:.2f})" for test, (low, value, high) in ranges.items()),
            bool(fits),
            "within the rounding of the means and SDs"
            if fits
            else "no t test; Mann-Whitney U, the paper's other test, cannot be recomputed from means",
        )


def _features(printed, models):
    shape, per_image, images = (printed[name] for name in ("shape", "classes", "images"))
    total = shape + sum(images.values()) * sum(per_image.values())
    yield (
        "features a case",
        f"{printed['features']}",
        f"{shape} shape + {sum(images.values())} image types x {sum(per_image.values())} = {total}",
        total == printed["features"],
        "inferred: " + ", ".join(f"{name} {n}" for name, n in (images | per_image).items()),
    )
    by_model = models.set_index("model")
    radiomic, deep = printed["fusion_radiomic_deep"]
    fusion = int(by_model.loc["fusion", "n_features"])
    limits = [int(by_model.loc[model, "n_features"]) for model in ("radiomics", "dtl")]
    yield (
        "features of the fusion",
        f"{fusion} = {radiomic} radiomic + {deep} deep",
        f"{radiomic + deep}, of {limits[0]} and {limits[1]}",
        radiomic + deep == fusion and radiomic <= limits[0] and deep <= limits[1],
        "no more of either kind than were selected before",
    )
    grid = np.logspace(-3, 0, 50)
    for model, value in by_model["lambda"].items():
        point = int(np.abs(grid - value).argmin())
        yield (
            f"lambda of {model} is a point of numpy.logspace(-3, 0, 50)",
            f"{value:.4f}",
            f"point {point}: {grid[point]:.5f}",
            _same(grid[point], value, 4),
            "inferred; the grid's lower edge, so a smaller one might have been chosen" if point == 0 else "inferred",
        )


def _aucs(printed, models):
    counts = dict(zip(("train", "test"), printed["label"], strict=True))
    for row in models.to_dict("records"):
        auc, (acute, chronic) = row["auc_test"], counts["test"]
        won = pairs_won(auc, acute, chronic)
        yield (
            f"test AUC of {row['model']} is a number of pairs out of {acute} x {chronic}",
            f"{auc:.3f}",
            "no number of pairs" if won is None else f"{won:g}/{acute * chronic} = {won / (acute * chronic):.4f}",
            won is not None,
            f"one pair of patients is {1 / (acute * chronic):.4f}",
        )
    for split, row in itertools.product(("train", "test"), models.to_dict("records")):
        auc, low, high = (row[f"auc_{split}{end}"] for end in ("", "_low", "_high"))
        mirrored = min(1.0, 2 * auc - low)
        if auc < 1:
            reach = stats.norm.ppf(0.975) * statistics.auc_standard_error(auc, *counts[split])
            comment = f"from AUC and counts alone (Hanley and McNeil): {auc - reach:.3f}-{min(1, auc + reach):.3f}"
        else:
            comment = "DeLong's interval of a perfect ranking has no width; that is no certainty"
        yield (
            f"interval of the {split} AUC of {row['model']} is symmetric, as DeLong's, cut at 1",
            f"{auc:.3f} ({low:.4f}-{high:.4f})",
            f"{low:.4f}-{mirrored:.4f}",
            # The AUC has three decimals, doubled; both ends have four.
            abs(mirrored - high) <= 0.0011 + 1e-9,
            comment,
        )
