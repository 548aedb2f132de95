"""Out-of-fold AUC of every model where the training labels are permuted: it should be one half.

    .venv/bin/python experiments/permuted/permuted.py

takes a finished study (by default the demonstration, runs/demo), permutes the labels of its training patients, and
refits the whole chain out of fold (vcfnb.fusion.out_of_fold_scores), again and again. Beside it, what a regression
alone gives that is cross-validated on features which were selected with all labels. What is finished is cached in
--work. The networks' features are taken as they are: they were learned from the true labels.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import fusion, runs, selection, statistics
from vcfnb.leakage.permutation import permute_labels

ROOT = Path(__file__).resolve().parents[2]
MODELS = [*fusion.MODELS, "radiomics, selected with all labels"]


def permuted(data, deep, networks, folds, folder, number):
    """AUC of each model (MODELS) with the labels of permutation `number`; 0 keeps the true ones."""
    train = data.cases[data.cases["split"] == "train"]
    if number:
        train = permute_labels(train, np.random.default_rng([data.seed, 12, number]))
    data = replace(data, cases=train)
    networks = networks.assign(label=networks["case_id"].map(train["label"]))
    found = fusion.out_of_fold_scores(data, deep, networks, folds, Path(folder) / f"permutation_{number:02d}").scores
    areas = {name: statistics.auc(found["label"], found[name]) for name in fusion.MODELS}
    x, y, patients = data.radiomics.loc[train.index], train["label"], train["patient_id"]
    chosen = selection.select_features(x, y, data.lasso, groups=patients, seed=data.seed).selected["feature"]
    leaky = fusion.cross_validated_scores(x[chosen], y, data.fusion, groups=patients, seed=data.seed)
    return areas | {MODELS[-1]: statistics.auc(y, leaky)}


def summary(table):
    """model, n (permutations), mean, sd and standard error of their AUC, and the AUC with the true labels."""
    rows = []
    for model in MODELS:
        values = table.loc[table["permutation"] > 0, model]
        rows.append((model, len(values), values.mean(), values.std(ddof=1), values.sem(), table[model].iloc[0]))
    return pd.DataFrame(rows, columns=["model", "n", "mean", "sd", "standard_error", "true_labels"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="demo", help="name of a finished study")
    parser.add_argument("--n", type=int, default=20, help="permutations")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "permuted", help="where an interrupted run goes on"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    arguments = parser.parse_args()
    run = runs.Run(arguments.study)
    settings = run.settings("fusion")
    data = fusion.read_study(run, settings["seed"])
    expansions = [int(path.name[-2:]) for path in sorted(run.step("dtl").glob("expansion_*"))]
    deep = {n: run.features(f"dtl_{n:02d}", mode="out_of_fold") for n in expansions}
    networks = run.cross_validation(expansions)
    rows = []
    for number in range(arguments.n + 1):
        areas = permuted(data, deep, networks, settings["out_of_fold_folds"], arguments.work, number)
        rows.append({"permutation": number} | areas)
        print(number, {name: round(value, 3) for name, value in areas.items()}, flush=True)
    found = summary(pd.DataFrame(rows))
    runs.write_csv(found, arguments.out / "permuted.csv")
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
