"""Are there enough cases for what the study does with them?"""

from vcfnb.cohort.columns import problem, problem_table


def check_size(table, test_fraction=0.2, folds=10):
    """Too few patients of a label for a split, or for the folds of cross-validation.

    Parameters
    ----------
    table : pandas.DataFrame
        Cases that can be used: patient_id, label, and split where it is given.
    test_fraction : float
        Share of the test set that will be drawn, where there is no split.
    folds : int
        Most folds that any step asks for; the paper's LASSO has 10.

    Returns
    -------
    pandas.DataFrame
        Problems without a case_id: errors where no study is possible, warnings where fewer folds will be used.
    """
    found = []
    for label, name in ((1, "acute"), (0, "chronic")):
        cases = table[table["label"] == label]
        patients = cases["patient_id"].nunique()
        # Two for two folds of the training set, one for the test set.
        if 0 < patients < 3:
            told = (
                f"{patients} patient{'s' * (patients > 1)} with label {label} ({name}): too few for training and test"
            )
            found.append(problem(told, "give at least 3 patients of either label, better 50", code="too-few-patients"))
            continue
        if "split" in cases:
            training = cases.loc[cases["split"] == "train", "patient_id"].nunique()
        else:
            training = round(patients * (1 - test_fraction))
        if 0 < training < folds:
            told = f"about {training} training patients with label {label} ({name}): too few for {folds} folds"
            remedy = "fewer folds will be used, and results will be unsure; give more patients"
            found.append(problem(told, remedy, severity="warning", code="too-few-for-folds"))
    return problem_table(found)
