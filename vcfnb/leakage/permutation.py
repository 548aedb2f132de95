"""Permuted training labels: a study that does not leak then ranks test cases by chance."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from vcfnb import runs, statistics
from vcfnb.fusion.chain import MODELS
from vcfnb.fusion.study_data import fit_on
from vcfnb.runs.cache import cached
from vcfnb.statistics.bootstrap import percentile_interval


def permute_labels(cases, rng):
    """Deal the labels of cases (patient_id, label) anew among patients.

    Whole patients swap their labels with patients of as many cases: the cases of one patient stay as much alike as they
    were.
    """
    position = pd.Series(np.arange(len(cases)))
    members = [group.to_numpy() for _, group in position.groupby(cases["patient_id"].to_numpy())]
    old, new = cases["label"].to_numpy(), cases["label"].to_numpy().copy()
    for size in {len(group) for group in members}:
        alike = [group for group in members if len(group) == size]
        for target, source in zip(alike, rng.permutation(len(alike)), strict=True):
            new[target] = old[alike[source]]
    return cases.assign(label=new)


def permuted_aucs(data, deep, stable, n, folder, cores=None):
    """Rerun the tabular part of the study with permuted training labels, and evaluate it on the true test labels.

    Selection, LASSO, fusion, grid searches: everything of notebooks 05 and 06 but the networks, whose features were
    learned from the true labels of the training cases and are taken as they are (`deep`: of all cases, of the chosen
    expansion). `stable` are the features that passed the ICC step, or None; each of the n runs is kept in `folder`.

    Returns
    -------
    pandas.DataFrame
        run (0: the true labels), model, auc (test cases).
    """
    work = partial(_run, data, deep, stable, Path(folder))
    done = runs.parallel_map(work, range(n + 1), cores, desc="permuted labels")
    rows = [(run, model, areas[model]) for run, areas in enumerate(done) for model in MODELS if model in areas]
    return pd.DataFrame(rows, columns=["run", "model", "auc"])


def _run(data, deep, stable, folder, run):
    inputs, work = [data.key, deep, sorted(stable or ()), run], partial(_areas, data, deep, stable, run)
    return cached(folder / f"permutation_{run:03d}.json", __name__, inputs, work)


def _areas(data, deep, stable, run):
    train, test = (data.cases[data.cases["split"] == split] for split in ("train", "test"))
    if run:
        train = permute_labels(train, np.random.default_rng([data.seed, 11, run]))
    scores = fit_on(data, train, stable, data.seed, deep).score(data.radiomics, deep, test)
    return {name: statistics.auc(test["label"], scores[name]) for name in scores}


def permutation_rows(table, alpha=0.05):
    """One line of the audit per model: mean AUC over permutations, with percentiles of the AUCs.

    *Pass* when 0.5 lies in the 99% interval of the mean (Student's t): chance alone misses that once in a hundred
    times.
    """
    rows = []
    for model, part in table.groupby("model", sort=False):
        real, permuted = part.loc[part["run"] == 0, "auc"].iloc[0], part.loc[part["run"] > 0, "auc"]
        if len(permuted) < 2:
            continue
        mean, error = permuted.mean(), permuted.std(ddof=1) / np.sqrt(len(permuted))
        low, high = percentile_interval(permuted, alpha)
        p = (1 + (permuted >= real).sum()) / (1 + len(permuted))
        fine = abs(mean - 0.5) <= stats.t.ppf(0.995, len(permuted) - 1) * error + 1e-12
        said = (
            f"mean test AUC {mean:.3f} over {len(permuted)} permutations (standard error "
            f"{error:.3f}); with the true labels {real:.3f}, as high by chance with p = {p:.3f}"
        )
        check, result = f"permuted training labels, {model}", "pass" if fine else "FAIL"
        rows.append(audit_row("permuted-labels", check, (mean, low, high), result, said))
    return rows


def audit_row(code, check, interval, result, said):
    """One line of the audit's table, of a value with its interval; `code` stays when words change.

    `result` is pass, FAIL or measured.
    """
    value, low, high = interval
    limits = {"value": value, "low": low, "high": high}
    return {"check": check} | limits | {"finding": f"{result}: {said}", "code": code, "result": result}
