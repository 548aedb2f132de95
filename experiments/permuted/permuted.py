"""Out-of-fold AUC of every model where the training labels are permuted: it should be one half.

    .venv/bin/python experiments/permuted/permuted.py

takes a finished study (by default the demonstration, runs/demo), permutes the labels of its training patients, and
refits the whole chain out of fold (vcfnb.fusion.out_of_fold_scores), again and again. Each AUC is computed twice: of
all cases together (pooled), and of the pairs of an acute and a chronic case of one fold alone, which one model scored
(within; Parker, Gunter and Bedo 2007, BMC Bioinformatics 8:326). Beside it, what a regression alone gives that is
cross-validated on features which were selected with all labels. What is finished is cached in --work. The networks'
features are taken as they are: they were learned from the true labels.
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


def auc_within(label, score, fold):
    """AUC of the pairs of an acute and a chronic case of one fold, all pairs weighing the same; NaN without a pair."""
    parts = [(label[fold == one], score[fold == one]) for one in np.unique(fold)]
    pairs = [(part == 1).sum() * (part == 0).sum() for part, _ in parts]
    areas = [statistics.auc(*part) if n else 0.0 for part, n in zip(parts, pairs, strict=True)]
    return float(np.average(areas, weights=pairs)) if any(pairs) else np.nan


def permuted(data, deep, networks, folds, folder, number):
    """Permutation, model, pooled AUC and AUC within folds, of each model (MODELS); number 0 keeps the true labels."""
    train = data.cases[data.cases["split"] == "train"]
    if number:
        train = permute_labels(train, np.random.default_rng([data.seed, 12, number]))
    data = replace(data, cases=train)
    networks = networks.assign(label=networks["case_id"].map(train["label"]))
    found = fusion.out_of_fold_scores(data, deep, networks, folds, Path(folder) / f"permutation_{number:02d}").scores
    held_out, _ = fusion.outer_folds(train["label"], train["patient_id"], folds, 1, data.seed)
    fold = pd.Series({case: number for number, part in enumerate(held_out) for case in train.index[part.test]})
    label, fold = found["label"].to_numpy(), found["case_id"].map(fold).to_numpy()
    scores = {name: found[name].to_numpy() for name in fusion.MODELS}
    areas = {name: (statistics.auc(label, score), auc_within(label, score, fold)) for name, score in scores.items()}
    x, y, patients = data.radiomics.loc[train.index], train["label"], train["patient_id"]
    chosen = selection.select_features(x, y, data.lasso, groups=patients, seed=data.seed).selected["feature"]
    leaky = fusion.cross_validated_scores(x[chosen], y, data.fusion, groups=patients, seed=data.seed)
    areas[MODELS[-1]] = statistics.auc(y, leaky), np.nan
    return [(number, model, *values) for model, values in areas.items()]


def summary(table):
    """model, n (permutations), mean and standard error of both AUCs, and both with the true labels."""
    rows = []
    for model in MODELS:
        part = table[table["model"] == model].set_index("permutation")
        row = {"model": model, "n": len(part) - 1}
        for way in ("pooled", "within"):
            row |= {f"{way}_mean": part[way].drop(0).mean(), f"{way}_se": part[way].drop(0).sem()}
            row |= {f"{way}_true_labels": part.loc[0, way]}
        rows.append(row)
    return pd.DataFrame(rows)


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
        rows += permuted(data, deep, networks, settings["out_of_fold_folds"], arguments.work, number)
        print(number, {model: (round(pooled, 3), round(own, 3)) for _, model, pooled, own in rows[-len(MODELS) :]})
    found = summary(pd.DataFrame(rows, columns=["permutation", "model", "pooled", "within"]))
    runs.write_csv(found, arguments.out / "permuted.csv")
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
