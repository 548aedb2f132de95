"""One expansion of the study: train, take features of every case, reduce them."""

import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from vcfnb import runs
from vcfnb.errors import VcfnbError
from vcfnb.networks import build_network, check_layer
from vcfnb.transfer.alignment import align
from vcfnb.transfer.features import features_and_scores
from vcfnb.transfer.reduction import Reduction, reduce_features
from vcfnb.transfer.settings import TrainSettings
from vcfnb.transfer.training import check_inputs, fine_tune


@dataclass(frozen=True)
class ExpansionResult:
    """What :func:`run_expansion` found.

    Attributes
    ----------
    features : numpy.ndarray (n, n_dimensions)
        Reduced deep features.
    scores : numpy.ndarray (n,)
        Probability of label 1 by the network's own classifier.
    history : pandas.DataFrame
        network (``final``, ``fold_1``, ...), epoch, loss, train_auc, learning_rate.
    network : torch.nn.Module
        Trained on all training cases.
    layer : str
    reduction : Reduction
        Of that network's features.
    settings : TrainSettings
    provenance : dict
        Where the weights came from, and how features were taken.
    """

    features: np.ndarray
    scores: np.ndarray
    history: pd.DataFrame
    network: nn.Module
    layer: str
    reduction: Reduction
    settings: TrainSettings
    provenance: dict

    def feature_table(self, case_ids):
        """Table case_id, dtl_000, dtl_001, ..."""
        names = [f"dtl_{index:03d}" for index in range(self.features.shape[1])]
        table = pd.DataFrame(self.features, columns=names)
        table.insert(0, "case_id", np.asarray(case_ids))
        return table

    def score_table(self, cases):
        """The given columns of the cases (case_id, label, split), and score."""
        return cases.reset_index(drop=True).assign(score=self.scores)


def run_expansion(crops, labels, split, settings=None, groups=None, checkpoint_folder=None, cores=None):
    """Fine-tune on the training cases of one expansion, and give every case deep features and a score.

    With ``feature_mode="in_sample"``, the paper's way, all cases get theirs from one network, trained on all training
    cases. It knows their labels, so the features of training cases separate the classes far better than those of test
    cases: with labels drawn at random, a model of the training features still reaches an AUC near 1.

    With ``feature_mode="out_of_fold"``, a training case gets features and score from a network that never saw it nor
    any other case of its patient: the training cases are dealt into folds, and for each fold a network starts from the
    same weights and is trained on the other folds. Test cases get theirs from the final network, trained on all
    training cases, which is also the one that is saved. The final network's features are reduced to `n_dimensions`
    (fitted on training cases), and every fold's network is brought into that space by :func:`align`. Training and test
    features are then of the same kind: both from a network that did not see the case.

    Parameters
    ----------
    crops : array (n, 1, size, size, size)
        All cases, see :func:`vcfnb.crops.load_crops`.
    labels : array (n,)
        1 acute, 0 chronic. Those of test cases are not looked at.
    split : array (n,) of {"train", "test"}
    settings : TrainSettings, optional
    groups : array (n,), optional
        Patients; by default every case is a patient of its own.
    checkpoint_folder : path, optional
        Each network's training is saved there after every epoch, and resumed from there.
    cores : int, optional
        Networks trained side by side, one thread each; all usable cores by default.

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
    _check_dimensions(settings, train, network, layer)
    jobs = {"final": train} | _folds(labels, train, groups, settings)
    work = partial(_train, network, crops, labels, settings, layer, checkpoint_folder)
    done = dict(zip(jobs, runs.parallel_map(work, list(jobs.items()), cores, desc="networks"), strict=True))
    network, _, features, scores = done["final"]
    reduction = reduce_features(features[train], settings.n_dimensions, settings.reduction, labels[train])
    reduced = reduction.transform(features)
    target = reduced.copy()
    for name in list(jobs)[1:]:
        seen = jobs[name]
        held_out = np.setdiff1d(train, seen)
        reduced[held_out] = align(done[name][2], seen, target)[held_out]
        scores[held_out] = done[name][3][held_out]
    histories = [result[1].assign(network=name) for name, result in done.items()]
    history = pd.concat(histories, ignore_index=True)
    history.insert(0, "network", history.pop("network"))
    how = {"layer": layer, "n_channels": features.shape[1], "feature_mode": settings.feature_mode}
    return ExpansionResult(reduced, scores, history, network, layer, reduction, settings, provenance | how)


def _check_dimensions(settings, train, network, layer):
    """Fail before training when the reduction cannot work afterwards."""
    blank = np.zeros((2, 1, 32, 32, 32), dtype=np.float32)
    channels = features_and_scores(copy.deepcopy(network), blank, layer)[0].shape[1]
    limit = min(len(train) - 1, channels)
    if settings.n_dimensions > limit:
        raise VcfnbError(
            f"n_dimensions: {len(train)} training cases and {channels} channels give {limit} dimensions at most, not "
            f"{settings.n_dimensions} -> lower n_dimensions"
        )


def _folds(labels, train, groups, settings):
    """Training cases of each fold's network: stratified by label, patients kept together."""
    if settings.feature_mode == "in_sample":
        return {}
    from sklearn.model_selection import StratifiedGroupKFold

    patients = {label: len(np.unique(groups[train][labels[train] == label])) for label in (0, 1)}
    if min(patients.values()) < settings.n_folds:
        raise VcfnbError(
            f"n_folds: {settings.n_folds} folds need as many patients of each class; there are "
            f"{patients[1]} with label 1 and {patients[0]} with label 0 to train on -> lower n_folds, or take "
            "feature_mode in_sample"
        )
    folds = StratifiedGroupKFold(settings.n_folds, shuffle=True, random_state=settings.seed)
    chosen = [train[seen] for seen, _ in folds.split(train, labels[train], groups[train])]
    for seen in chosen:
        check_inputs(np.zeros((len(seen), 1, 16, 16, 16)), labels[seen])
    return {f"fold_{number}": seen for number, seen in enumerate(chosen, start=1)}


def _train(network, crops, labels, settings, layer, checkpoint_folder, job):
    """Network, history, features and scores of all cases, of one job: (name, cases to train on)."""
    name, seen = job
    network = copy.deepcopy(network)
    checkpoint = Path(checkpoint_folder) / f"{name}.safetensors" if checkpoint_folder else None
    history = fine_tune(network, crops[seen], labels[seen], settings, checkpoint, desc=name)
    features, scores = features_and_scores(network, crops, layer)
    return network.cpu(), history, features, scores
