"""Ways to fuse radiomic and deep features, and readings of the paper's selection, compared on held-out training cases.

    .venv/bin/python experiments/fusions/fusions.py STUDY [STUDY ...]

takes finished studies (folders in runs/). Every way is fitted in the same five outer folds of a study's training cases
and scores the cases held out; the test set is not used. Deep features of training cases are those of networks that
were not trained on them, but on others that are held out here: alike in all ways. What is finished is cached in --work.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit

from vcfnb import fusion, runs, selection, statistics
from vcfnb.fusion.chain import fit_models
from vcfnb.fusion.study_data import stable_in
from vcfnb.runs.cache import cached

ROOT = Path(__file__).resolve().parents[2]
# One sentence of the paper read in another way, the others as in paper.yaml.
READINGS = {
    "paper.yaml": {},
    "correlation_keep: mean": {"correlation_keep": "mean"},
    "wrapper: forward": {"wrapper": "forward"},
    "wrapper: none": {"wrapper": "none"},
    "lasso_rule: 1se": {"lasso_rule": "1se"},
    "last_step: backward": {"last_step": "backward"},
    "last_step: none": {"last_step": "none"},
    "recommended": {"correlation_keep": "mean", "wrapper": "none", "lasso_rule": "1se"},
}
_INNER_FOLDS = 3
_MEASURES = ["auc", "brier", "slope", "n_features"]


def fitted(data, deep, train, stable, seed, changes):
    """The study's models on training cases, with some parameters of the selection changed."""
    lasso, deep = data.lasso.model_copy(update=changes), None if deep is None else deep.loc[train.index]
    return fit_models(data.radiomics.loc[train.index], deep, train, stable, lasso, data.fusion, seed)


def stacked(data, deep, train, test, stable, seed, changes):
    """Probabilities of a regression on the cross-fitted radiomics score (log odds) beside the deep features."""
    y, patients = train["label"], train["patient_id"]
    splits, _ = selection.folds(y.to_numpy(), patients.to_numpy(), _INNER_FOLDS, seed)
    radiomics = partial(fitted, data, None, stable=stable, seed=seed, changes=changes)
    own = [radiomics(train.iloc[a]).score(data.radiomics, None, train.iloc[b])["radiomics"] for a, b in splits]
    whole = radiomics(train).score(data.radiomics, None, test)["radiomics"]
    tables = [
        pd.concat([logit(score.clip(1e-6, 1 - 1e-6)), deep.loc[score.index]], axis=1)
        for score in (pd.concat(own)[train.index], whole)
    ]
    return fusion.fit_logistic(tables[0], y, data.fusion, patients, seed).score(tables[1])


def compared(data, deep, fold, train_cases):
    """Probability of held-out cases, and number of features, by way."""
    train, test = train_cases.iloc[fold.train], train_cases.iloc[fold.test]
    stable, _ = stable_in(data, train)
    scores, sizes = {}, {}
    for reading, changes in READINGS.items():
        models = fitted(data, deep, train, stable, fold.seed, changes)
        found = models.score(data.radiomics, deep, test)
        for name in found if reading == "paper.yaml" else ("radiomics", "fusion"):
            scores[f"{name} | {reading}"] = found[name].tolist()
            sizes[f"{name} | {reading}"] = len(models.models[name].features)
        if reading in ("paper.yaml", "recommended"):
            scores[f"mean of radiomics and dtl | {reading}"] = found[["radiomics", "dtl"]].mean(axis=1).tolist()
            score = stacked(data, deep, train, test, stable, fold.seed, changes)
            scores[f"radiomics score + deep features | {reading}"] = score.tolist()
    x, y = data.radiomics[sorted(stable or data.radiomics)], train["label"]
    blocks = [x.loc[train.index], deep.loc[train.index]]
    ridge = fusion.fit_ridge_fusion(blocks, y, data.fusion, train["patient_id"], fold.seed)
    scores["ridge_fusion, all stable | paper.yaml"] = ridge.score(pd.concat([x, deep], axis=1).loc[test.index]).tolist()
    sizes["ridge_fusion, all stable | paper.yaml"] = len(ridge.features)
    return {"scores": scores, "sizes": sizes}


def of_study(study, work, repeats):
    """AUC, Brier score, calibration slope and mean number of features of each way, of each repeat."""
    run = runs.Run(study)
    seed = run.settings("fusion")["seed"]
    data, expansion = fusion.read_study(run, seed), run.chosen_expansion()
    deep = run.features(f"dtl_{expansion:02d}", mode="out_of_fold")
    train = data.cases[data.cases["split"] == "train"]
    folds, _ = fusion.outer_folds(train["label"], train["patient_id"], 5, repeats, seed)
    compute = partial(_cached, data, deep, train, Path(work) / study)
    done = list(runs.parallel_map(compute, folds, desc=study))
    rows = []
    for repeat in range(1, repeats + 1):
        mine = [(fold, found) for fold, found in zip(folds, done, strict=True) if fold.repeat == repeat]
        for way in done[0]["scores"]:
            score = np.concatenate([found["scores"][way] for _, found in mine])
            y = np.concatenate([train["label"].iloc[fold.test] for fold, _ in mine])
            sizes = [found["sizes"].get(way, np.nan) for _, found in mine]
            found = statistics.calibration(y, score)
            values = statistics.auc(y, score), found.brier, found.slope, np.mean(sizes)
            rows.append(
                {"study": study, "n_train": len(train), "repeat": repeat, "way": way}
                | dict(zip(_MEASURES, values, strict=True))
            )
    return pd.DataFrame(rows)


def _cached(data, deep, train, folder, fold):
    return cached(
        folder / f"{fold.name}.json", __name__, [data.key, deep, fold.name], partial(compared, data, deep, fold, train)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="+", help="names of finished studies")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "fusions", help="where an interrupted run goes on")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    arguments = parser.parse_args()
    table = pd.concat([of_study(study, arguments.work, arguments.repeats) for study in arguments.studies])
    runs.write_csv(table, arguments.out / "fusions.csv")
    print(table.groupby(["n_train", "way"], sort=False)[_MEASURES].mean().round(3).to_string())


if __name__ == "__main__":
    main()
