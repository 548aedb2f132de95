"""One expansion of the study: train, take features of every case, reduce them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from vcfnb import runs
from vcfnb.dtl.features import device, features_and_scores
from vcfnb.dtl.networks import build_network, check_layer
from vcfnb.dtl.reduction import Reduction, agreement, align, check_limit, reduce_features
from vcfnb.dtl.settings import TrainSettings
from vcfnb.dtl.training import check_inputs, fine_tune, training_key
from vcfnb.errors import VcfnbError
from vcfnb.runs.cache import cached
from vcfnb.statistics.folds import stratified_folds


@dataclass(frozen=True)
class ExpansionResult:
    """What :func:`run_expansion` found; all arrays are of all cases, in the given order.

    Attributes
    ----------
    features, scores : numpy.ndarray (n, n_dimensions), (n,)
        Reduced deep features, and the probability of label 1 by the network's own classifier, of the settings' mode.
    by_mode : dict of str to numpy.ndarray (n, n_dimensions)
        The features of both modes; only ``in_sample`` without cross-validation.
    cross_validation : pandas.DataFrame
        repeat, fold, case (position), score: of every training case by networks that did not see it.
    history : pandas.DataFrame
        network (``final``, ``fold_1_1``, ...), epoch, loss, train_auc, learning_rate, val_loss, kept.
    alignment : pandas.DataFrame
        network, dimension, before, after: :func:`vcfnb.dtl.reduction.agreement` on the test cases.
    network, layer, reduction
        The network trained on all training cases, and how its features are taken.
    provenance : dict
        Where the weights came from, and how features were taken.
    """

    features: np.ndarray
    scores: np.ndarray
    by_mode: dict
    cross_validation: pd.DataFrame
    history: pd.DataFrame
    alignment: pd.DataFrame
    network: nn.Module
    layer: str
    reduction: Reduction
    settings: TrainSettings
    provenance: dict

    def feature_table(self, case_ids, mode=None):
        """Table case_id, dtl_000, dtl_001, ..., of the settings' mode or the one named."""
        features = self.features if mode is None else self.by_mode[mode]
        names = [f"dtl_{index:03d}" for index in range(features.shape[1])]
        table = pd.DataFrame(features, columns=names)
        table.insert(0, "case_id", np.asarray(case_ids))
        return table

    def score_table(self, cases):
        """The given columns of the cases (case_id, label, split), and score."""
        return cases.reset_index(drop=True).assign(score=self.scores)

    def cross_validation_table(self, cases):
        """The given columns of the training cases (case_id, patient_id, label), with repeat, fold and score."""
        chosen = cases.reset_index(drop=True).iloc[self.cross_validation["case"]].reset_index(drop=True)
        return pd.concat([chosen, self.cross_validation.drop(columns="case")], axis=1)


def run_expansion(crops, labels, split, settings=None, groups=None, checkpoint_folder=None, cores=None):
    """Fine-tune on the training cases of one expansion, and give every case deep features and a score.

    With ``feature_mode="in_sample"``, the paper's way, all cases get theirs from one network, trained on all training
    cases. It knows their labels, so the features of training cases separate the classes far better than those of test
    cases: with labels drawn at random, a model of the training features still reaches an AUC near 1.

    With ``feature_mode="out_of_fold"``, a training case gets features and score from a network that never saw it nor
    any other case of its patient: for each fold of a cross-validation a network starts from the same weights and is
    trained on the other folds. Test cases get theirs from the final network, trained on all training cases, which is
    also the one that is saved. Its features are reduced to `n_dimensions` (fitted on training cases), and every fold's
    network is brought into that space by :func:`align`. Training and test features are then of the same kind.

    The cross-validation is repeated ``n_repeats`` times, each with folds, start and order of another seed. All repeats
    say how well an expansion does, and how sure that is, without the test set; the features are the first one's. With
    ``in_sample`` the folds serve that purpose alone.

    Parameters
    ----------
    crops : array (n, 1, size, size, size)
        All cases, see :func:`vcfnb.preprocessing.crops.load_crops`.
    labels : array (n,)
        1 acute, 0 chronic. Those of test cases are not looked at.
    split : array (n,) of {"train", "test"}
    settings : TrainSettings, optional
    groups : array (n,), optional
        Patients; by default every case is a patient of its own.
    checkpoint_folder : path, optional
        Each network's training is saved there after every epoch, and resumed from there; of finished networks of the
        cross-validation, features, scores and history.
    cores : int, optional
        Networks trained side by side, one thread each; all usable cores by default. On a GPU one after the other.

    Returns
    -------
    ExpansionResult

    Raises
    ------
    VcfnbError
        When classes, patients, crops, layer or weights do not suffice, before anything is trained.
    """
    settings = settings or TrainSettings()
    crops, labels, split = np.asarray(crops, dtype=np.float32), np.asarray(labels), np.asarray(split)
    train = np.flatnonzero(split == "train")
    check_inputs(crops[train], labels[train])
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    network, provenance = build_network(settings.network, settings.weights, seed=settings.seed)
    layer = check_layer(network, settings.layer)
    check_dimensions(settings, train, network, layer)
    jobs = [Job("final", 0, 0, train, settings.seed), *fold_jobs(labels, train, groups, settings)]
    work = partial(_train, crops, labels, groups, settings, layer, checkpoint_folder)
    # A process for each core would share the GPU's memory and its time.
    cores = 1 if device().type == "cuda" else cores
    done = list(runs.parallel_map(work, jobs, cores, desc="networks"))
    network, _, features, scores = done[0]
    reduction = reduce_features(features[train], settings.n_dimensions, settings.reduction, labels[train])
    in_sample = reduction.transform(features)
    by_mode, scores_by_mode = {"in_sample": in_sample}, {"in_sample": scores}
    test, folds, alignment = np.flatnonzero(split == "test"), [], []
    out_of_fold, held_out_scores = in_sample.copy(), scores.copy()
    for job, (_, _, fold_features, fold_scores) in zip(jobs[1:], done[1:], strict=True):
        held_out = np.setdiff1d(train, job.seen)
        fold = {"repeat": job.repeat, "fold": job.fold, "case": held_out, "score": fold_scores[held_out]}
        folds.append(pd.DataFrame(fold))
        if job.repeat == 1:
            out_of_fold[held_out] = align(fold_features, job.seen, in_sample, reduction)[held_out]
            held_out_scores[held_out] = fold_scores[held_out]
            if len(test) > 2:
                found = agreement(fold_features, job.seen, in_sample, reduction, test)
                alignment.append(found.assign(network=job.name))
    if folds:
        by_mode["out_of_fold"], scores_by_mode["out_of_fold"] = out_of_fold, held_out_scores
    histories = [found[1].assign(network=job.name) for job, found in zip(jobs, done, strict=True)]
    how = {"layer": layer, "n_channels": features.shape[1], "feature_mode": settings.feature_mode}
    return ExpansionResult(
        features=by_mode[settings.feature_mode],
        scores=scores_by_mode[settings.feature_mode],
        by_mode=by_mode,
        cross_validation=_stacked(folds, ["repeat", "fold", "case", "score"]),
        history=_stacked(histories, ["network"]),
        alignment=_stacked(alignment, ["network", "dimension", "before", "after"]),
        network=network,
        layer=layer,
        reduction=reduction,
        settings=settings,
        provenance=provenance | how,
    )


@dataclass(frozen=True)
class Job:
    """One network to train: on which cases, from which seed."""

    name: str
    repeat: int
    fold: int
    seen: np.ndarray
    seed: int


def _stacked(tables, first):
    """The tables below each other, with these columns first."""
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=first)
    return table[[*first, *(column for column in table if column not in first)]]


def check_dimensions(settings, train, network, layer):
    """Raise VcfnbError before training when the reduction cannot work afterwards; `train` are indices."""
    blank = np.zeros((2, 1, 32, 32, 32), dtype=np.float32)
    channels = features_and_scores(network, blank, layer)[0].shape[1]
    check_limit(settings.n_dimensions, len(train), channels)


def fold_jobs(labels, train, groups, settings):
    """Jobs of the cross-validations: stratified by label, patients kept together; VcfnbError with too few patients."""
    if not settings.n_repeats:
        return []
    patients = {label: len(np.unique(groups[train][labels[train] == label])) for label in (0, 1)}
    if min(patients.values()) < settings.n_folds:
        raise VcfnbError(
            f"n_folds: {settings.n_folds} folds need as many patients of each class; there are "
            f"{patients[1]} with label 1 and {patients[0]} with label 0 to train on",
            "lower n_folds",
            code="too-few-patients",
        )
    jobs = []
    for repeat in range(1, settings.n_repeats + 1):
        # The first repeat shares its start with the final network; the others differ in all that a seed decides.
        seed = settings.seed
        if repeat > 1:
            seed = int(np.random.SeedSequence([settings.seed, repeat]).generate_state(1)[0])
        folds = stratified_folds(labels[train], groups[train], settings.n_folds, seed)
        for fold, (seen, _) in enumerate(folds, start=1):
            check_inputs(np.zeros((len(seen), 1, 16, 16, 16)), labels[train][seen])
            jobs.append(Job(f"fold_{repeat}_{fold}", repeat, fold, train[seen], seed))
    return jobs


def _train(crops, labels, groups, settings, layer, checkpoint_folder, job):
    """Network (the final one alone), history, features and scores of all cases, of one job."""
    settings = settings.model_copy(update={"seed": job.seed})
    network, _ = build_network(settings.network, settings.weights, seed=job.seed)
    seen = crops[job.seen], labels[job.seen]
    path = Path(checkpoint_folder) / f"{job.name}.safetensors" if checkpoint_folder else None

    def work():
        history = fine_tune(network, *seen, settings, path, desc=job.name, groups=groups[job.seen])
        return history, *features_and_scores(network, crops, layer)

    if job.name == "final" or not path:
        found = work()
        return network.cpu() if job.name == "final" else None, *found
    key = training_key(network, *seen, groups[job.seen].tolist(), settings)
    return None, *_kept(path, [key, crops, layer], work)


def _kept(path, inputs, work):
    """What a network of the cross-validation says, stored in place of its checkpoint, which is five times as large."""
    values = path.with_suffix(".npz")

    def compute():
        history, features, scores = work()
        with runs.atomic(values) as temporary, open(temporary, "wb") as file:
            np.savez(file, features=features, scores=scores, **history)
        return list(history)

    columns = cached(path.with_suffix(".json"), __name__, inputs, compute, [values])
    path.unlink(missing_ok=True)
    with np.load(values) as stored:
        history = pd.DataFrame({column: stored[column] for column in columns})
        return history, stored["features"], stored["scores"]
