"""What the paper reports, for the table "the paper / this run" (doi 10.1186/s12880-025-01573-9)."""

import pandas as pd


def reported():
    """The paper's three models.

    Returns
    -------
    pandas.DataFrame
        model, n_features, lambda, auc_train, auc_train_low, auc_train_high, auc_test, auc_test_low, auc_test_high.
        The radiomics test interval, 0.767 to 1.000 around 0.869, is copied as printed although a DeLong interval
        would be symmetric there (upper end about 0.97).
    """
    return pd.DataFrame(
        [
            ("radiomics", 28, 0.0256, 0.973, 0.9525, 0.9933, 0.869, 0.7670, 1.0),
            ("dtl", 18, 0.0010, 0.992, 0.9828, 1.0, 0.941, 0.8727, 1.0),
            ("fusion", 33, 0.0193, 1.0, 1.0, 1.0, 0.964, 0.9149, 1.0),
        ],
        columns=[
            *("model", "n_features", "lambda", "auc_train", "auc_train_low", "auc_train_high"),
            *("auc_test", "auc_test_low", "auc_test_high"),
        ],
    )
