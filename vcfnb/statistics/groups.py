"""Tests of tables that describe patients: are two groups alike?"""

import numpy as np
from scipy import stats

from vcfnb.errors import VcfnbError
from vcfnb.statistics import checks


def compare_groups(values_a, values_b, alpha=0.05, equal_variance=False):
    """Compare a measurement between two groups, as the paper does: normality decides between two tests.

    test ("Welch t", "Student t" or "Mann-Whitney U"), statistic (t, or U of group a), p (two-sided), n_a, n_b,
    shapiro_p_a, shapiro_p_b (NaN where not tested). If Shapiro-Wilk (at level alpha) rejects normality in neither
    group, the t test (Welch's, R's default, or Student's), else the Mann-Whitney U test. Groups of fewer than three,
    and constant ones, count as not normal. Mann-Whitney U is exact if both groups have fewer than 50 values and none is
    tied, else the normal approximation with tie and continuity correction, as R ``wilcox.test``.

    Source: Shapiro and Wilk 1965, Biometrika 52:591; Welch 1947, Biometrika 34:28; Mann and Whitney 1947, Ann Math Stat
    18:50.
    """
    checks.between(alpha, "alpha")
    a, b = checks.numbers(values_a, "values of group a"), checks.numbers(values_b, "values of group b")
    if not (len(a) and len(b)):
        raise VcfnbError(f"groups of {len(a)} and {len(b)} values: both need at least one", code="too-few-cases")
    shapiro = [_shapiro_p(a), _shapiro_p(b)]
    if min(shapiro) > alpha:
        result = stats.ttest_ind(a, b, equal_var=equal_variance)
        test = "Student t" if equal_variance else "Welch t"
    else:
        both = np.concatenate([a, b])
        exact = max(len(a), len(b)) < 50 and len(np.unique(both)) == len(both)
        result = stats.mannwhitneyu(a, b, method="exact" if exact else "asymptotic")
        test = "Mann-Whitney U"
    return {
        "test": test,
        "statistic": float(result.statistic),
        "p": float(result.pvalue),
        "n_a": len(a),
        "n_b": len(b),
        "shapiro_p_a": shapiro[0],
        "shapiro_p_b": shapiro[1],
    }


def _shapiro_p(values):
    """p of Shapiro-Wilk; NaN, which no level exceeds, where it is undefined."""
    return float(stats.shapiro(values).pvalue) if len(values) > 2 and np.ptp(values) > 0 else float("nan")


def compare_counts(table, correction=True):
    """Compare counts (rows, columns) between groups: chi-square test, and Fisher's exact test of a 2 x 2 table.

    statistic (chi-square), dof, p, fisher_p (two-sided; NaN for larger tables), smallest_expected (below 5 the
    chi-square approximation is doubtful). Yates' continuity correction, as in R ``chisq.test``, applies to 2 x 2 tables
    only.

    Source: Pearson 1900, Philos Mag 50:157; Yates 1934, J R Stat Soc Suppl 1:217; Fisher 1922, J R Stat Soc 85:87.

    Women and men in the paper's training and test set:

    >>> round(compare_counts([[95, 80], [24, 19]])["p"], 3)
    0.992
    """
    table = np.asarray(table)
    if table.ndim != 2 or min(table.shape) < 2:
        raise VcfnbError(
            f"table of shape {table.shape}: give counts of at least two rows and two columns", code="wrong-shape"
        )
    if (
        not np.issubdtype(table.dtype, np.number)
        or not (np.isfinite(table) & (table >= 0) & (table == np.round(table))).all()
    ):
        raise VcfnbError("the table must hold counts: whole numbers, none negative", code="invalid-value")
    if not (table.any(axis=0).all() and table.any(axis=1).all()):
        raise VcfnbError("a row or column of the table has no cases: leave it out", code="no-cases")
    chi2 = stats.chi2_contingency(table, correction=correction)
    square = table.shape == (2, 2)
    return {
        "statistic": float(chi2.statistic),
        "dof": int(chi2.dof),
        "p": float(chi2.pvalue),
        "fisher_p": float(stats.fisher_exact(table.astype(int)).pvalue) if square else float("nan"),
        "smallest_expected": float(chi2.expected_freq.min()),
    }
