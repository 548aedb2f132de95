"""Outer folds: dealt once, and each with its held-out cases and its stored results."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import selection
from vcfnb.runs.cache import cached


@dataclass(frozen=True)
class OuterFold:
    """One outer fold: positions of the cases that are fitted on and held out, and the seed of all that is random."""

    repeat: int  # from 1, as fold
    fold: int
    train: np.ndarray
    test: np.ndarray
    seed: int

    @property
    def name(self):
        return f"repeat_{self.repeat:02d}_fold_{self.fold:02d}"

    @property
    def number(self):
        return {"repeat": self.repeat, "fold": self.fold}

    def held_out(self, cases):
        """case_id, patient_id and label of the held-out cases, repeat, fold."""
        return cases.iloc[self.test].reset_index()[["case_id", "patient_id", "label"]].assign(**self.number)

    def kept(self, folder, suffix, code, inputs, compute):
        """What `compute` gives for this fold, stored as :func:`vcfnb.runs.cache.cached` does."""
        inputs = [*inputs, self.train, self.test, self.seed]
        return cached(Path(folder) / f"{self.name}{suffix}.json", code, inputs, compute)


def outer_folds(y, groups, n_folds, n_repeats, seed):
    """Deal the cases into outer folds, again and again; all cases of a patient (`groups`) are in the same fold.

    A list of :class:`OuterFold`, and a note where there were too few patients for that many folds. Not even two that
    hold both classes inside and outside are an error (:func:`vcfnb.selection.folds`).
    """
    dealt, note = [], ""
    for repeat in range(1, n_repeats + 1):
        splits, note = selection.folds(np.asarray(y), np.asarray(groups), n_folds, seed_of(seed, repeat))
        dealt += [OuterFold(repeat, k, *split, seed_of(seed, repeat, k)) for k, split in enumerate(splits, start=1)]
    return dealt, note


def seed_of(*parts):
    """A seed of its own for each repeat and fold."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0] % 2**31)


def stacked(tables, columns):
    """Tables one below the other; without any an empty one."""
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return table[columns]
