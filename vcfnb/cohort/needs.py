"""Does the table have what the parameters ask for? Otherwise a study would stop after an hour, at its fusion."""

from vcfnb.cohort.columns import problem, problem_table

# A site with fewer training cases has no spread to be estimated.
_FEWEST_OF_A_SITE = 2


def check_needs(table, clinical=(), clinical_missing="error", harmonise="none", covariates=()):
    """Clinical variables and sites that later steps need.

    Parameters
    ----------
    table : pandas.DataFrame
        Cases that can be used, as :func:`check_table` gives them.
    clinical : sequence of str
        Variables of the fusion (``fusion.clinical``).
    clinical_missing : {"error", "median"}
        What the fusion does with a missing value.
    harmonise : {"none", "combat"}
    covariates : sequence of str
        Variables whose effect the harmonisation keeps.

    Returns
    -------
    pandas.DataFrame
        case_id, file, problem, remedy, severity, code.
    """
    found = []
    for names, parameter, every in (
        (clinical, "fusion.clinical", clinical_missing == "error"),
        (covariates if harmonise == "combat" else (), "selection.harmonise_covariates", True),
    ):
        for name in names:
            found += _of_variable(table, name, parameter, every)
    if harmonise == "combat":
        found += _of_site(table)
    return problem_table(found)


def _of_variable(table, name, parameter, every):
    missing = table.loc[table[name].isna(), "case_id"]
    without = f"leave {name} out of {parameter}"
    if len(missing) == len(table):
        return [
            problem(
                f"{parameter} names {name}, and no case has it",
                f"fill in the column, or {without}",
                code="clinical-missing",
            )
        ]
    remedy = f"fill it in, or {without}"
    remedy += ", or set fusion.clinical_missing: median" if parameter == "fusion.clinical" else ""
    return (
        [
            problem(f"{parameter} needs {name}, which is missing", remedy, case, code="clinical-missing")
            for case in missing
        ]
        if every
        else []
    )


def _of_site(table):
    without = "or set selection.harmonise: none"
    if "site" not in table or table["site"].isna().all():
        remedy = f"fill in the column site, {without}"
        return [problem("selection.harmonise is combat, and no case has a site", remedy, code="site-missing")]
    missing = table.loc[table["site"].isna(), "case_id"]
    found = [
        problem(
            "selection.harmonise needs the site, which is missing", f"fill it in, {without}", case, code="site-missing"
        )
        for case in missing
    ]
    counts = table["site"].value_counts(sort=False)
    for site in counts.index[counts < _FEWEST_OF_A_SITE]:
        told = f"site {site} has a single case, which cannot be harmonised"
        found.append(problem(told, f"join sites, leave the case out, {without}", code="site-too-small"))
    return found
