"""Does the table have what the study asks of it? Otherwise it would stop after an hour, at its fusion."""

from vcfnb.cohort.columns import problem, problem_table

# A site with fewer training cases has no spread to be estimated.
_FEWEST_OF_A_SITE = 2
# An interval wider than this says little about an AUC that studies of this kind report.
_LIKELY_AUC, _WIDEST = 0.85, 0.35


def check_needs(table, clinical=(), clinical_missing="error", harmonise="none", covariates=()):
    """Clinical variables and sites that later steps need and usable cases (:func:`check_table`) lack.

    The arguments are ``fusion.clinical``, ``fusion.clinical_missing``, ``selection.harmonise`` and
    ``selection.harmonise_covariates``; problems as of :func:`check_table`.
    """
    found = []
    for name in clinical:
        found += _of_variable(table, name, "fusion.clinical", every=clinical_missing == "error")
    if harmonise == "combat":
        for name in covariates:
            found += _of_variable(table, name, "selection.harmonise_covariates")
        found += _of_site(table)
    return problem_table(found)


def _of_variable(table, name, parameter, every=True):
    missing = table.loc[table[name].isna(), "case_id"]
    without = f"leave {name} out of {parameter}"
    if len(missing) == len(table):
        told = f"{parameter} names {name}, and no case has it"
        return [problem(told, f"fill in the column, or {without}", code="clinical-missing")]
    if not every:
        return []
    told, remedy = f"{parameter} needs {name}, which is missing", f"fill it in, or {without}"
    remedy += ", or set fusion.clinical_missing: median" if parameter == "fusion.clinical" else ""
    return [problem(told, remedy, case, code="clinical-missing") for case in missing]


def _of_site(table):
    without = "or set selection.harmonise: none"
    if "site" not in table or table["site"].isna().all():
        told = "selection.harmonise is combat, and no case has a site"
        return [problem(told, f"fill in the column site, {without}", code="site-missing")]
    told, remedy = "selection.harmonise needs the site, which is missing", f"fill it in, {without}"
    missing = table.loc[table["site"].isna(), "case_id"]
    found = [problem(told, remedy, case, code="site-missing") for case in missing]
    counts = table["site"].value_counts(sort=False)
    for site in counts.index[counts < _FEWEST_OF_A_SITE]:
        told = f"site {site} has a single case, which cannot be harmonised"
        found.append(problem(told, f"join sites, leave the case out, {without}", code="site-too-small"))
    return found


def check_size(table, test_fraction=0.2, folds=10):
    """Too few patients of a label for a split, or for the folds of cross-validation.

    `test_fraction` is the proportion of the test set that will be drawn where usable cases have no split, `folds` the
    most that any step asks for (the paper's LASSO has 10). Problems without a case_id: errors where no study is
    possible, warnings where fewer folds will be used.
    """
    found = []
    for label, name in ((1, "acute"), (0, "chronic")):
        cases = table[table["label"] == label]
        patients = cases["patient_id"].nunique()
        if "split" in cases:
            training = cases.loc[cases["split"] == "train", "patient_id"].nunique()
        else:
            training = round(patients * (1 - test_fraction))
        which = f"with label {label} ({name}): too few for"
        # Two for two folds of the training set, one for the test set.
        if 0 < patients < 3:
            told = f"{patients} patient{'s' * (patients > 1)} {which} training and test"
            found.append(problem(told, "give at least 3 patients of either label, better 50", code="too-few-patients"))
        elif 0 < training < folds:
            told = f"about {training} training patients {which} {folds} folds"
            remedy = "fewer folds will be used, and results will be unsure; give more patients"
            found.append(problem(told, remedy, severity="warning", code="too-few-for-folds"))
    if all(row["severity"] == "warning" for row in found):
        found += _too_unsure(table, test_fraction)
    return problem_table(found)


def _too_unsure(table, test_fraction):
    """A warning where the test set will hardly say anything, with the width of its AUC's interval."""
    from vcfnb.statistics.sample_size import auc_standard_error

    testing = table[table["split"] == "test"] if "split" in table else table
    counts = [testing.loc[testing["label"] == label, "patient_id"].nunique() for label in (1, 0)]
    counts = [n if "split" in table else max(1, round(n * test_fraction)) for n in counts]
    if not min(counts):
        return []
    width = 2 * 1.96 * float(auc_standard_error(_LIKELY_AUC, *counts))
    if width <= _WIDEST:
        return []
    told = f"about {counts[0]} acute and {counts[1]} chronic patients for testing: the 95% interval of an AUC of "
    told += f"{_LIKELY_AUC} would be about {min(width, 1):.2f} wide"
    remedy = "take the results as a trial of the software; give more patients"
    return [problem(told, remedy, severity="warning", code="test-set-too-small")]
