"""How good the primary model was in its study: what a reader should see beside any probability of its."""

import json

import pandas as pd

from vcfnb.statistics.sentences import models_in_words

TRAIN, TEST, NESTED = "training cases, out of fold", "test cases", "cases in nested cross-validation"


def achieved(model):
    """AUCs of the primary model in its study.

    Out-of-fold on training cases, from the model itself; on test cases and in nested cross-validation where the study
    lies around the model (``06_fusion/model``) and its results belong to this very model.

    Returns
    -------
    list of dict
        evaluated, n (cases), auc, low, high (Newcombe's interval; nested: bootstrap of patients).
    """
    area = model.cohort.calibration.get(model.primary, {}).get("area")
    found = [{"evaluated": TRAIN} | area] if area else []
    study = model.folder.resolve().parents[1]
    ways = (
        (TEST, "07_statistics/auc.csv", "split == 'test'", ("auc", "newcombe_low", "newcombe_high")),
        (NESTED, "08_robustness/rigorous_auc.csv", "repeat == 'mean'", ("auc", "ci_low", "ci_high")),
    )
    for evaluated, name, chosen, columns in ways:
        if (study / name).exists() and _of_same_inputs(study, name.partition("/")[0]):
            rows = pd.read_csv(study / name).query(f"model == '{model.primary}' and {chosen}")
            found += [
                {"evaluated": evaluated, "n": int(row["n"])}
                | dict(zip(("auc", "low", "high"), map(float, row[list(columns)]), strict=True))
                for _, row in rows.iterrows()
            ]
    return found


def _of_same_inputs(study, step):
    """Whether a finished step was made from the parameters, code, table and files that made the model."""
    made = [study / name / "made.json" for name in ("06_fusion", step)]
    if not all(path.exists() for path in made):
        return False
    model, other = (json.loads(path.read_text())["parts"] for path in made)
    return all(
        model[part][name] == other[part][name]
        for part in ("parameters", "code", "table", "files")
        for name in model[part].keys() & other[part].keys()
    )


@models_in_words
def in_words(found, primary, simulated):
    """The AUCs as one sentence; says so where nothing is known."""
    if not found:
        return f"How good {primary} is, is not known: the model was saved without out-of-fold probabilities."
    told = [f"{row['auc']:.2f} ({row['low']:.2f} to {row['high']:.2f}; {row['n']} {row['evaluated']})" for row in found]
    where = "in its study of SIMULATED patients" if simulated else "in its study"
    return f"AUC of {primary} {where}: {', '.join(told)}."
