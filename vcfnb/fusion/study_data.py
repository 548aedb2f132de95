"""What the rigorous evaluation and the audit need of a finished study, read once, and its models on any cases."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from vcfnb import runs
from vcfnb.fusion.chain import fit_alone, fit_models, stable_features
from vcfnb.params import FusionParams, IccParams, SelectionParams

_COLUMNS = ("patient_id", "label", "split", "age", "sex", "bmd", "site")


@dataclass(frozen=True)
class StudyData:
    """All cases of a study, training and test, with what the tabular part is asked to do.

    `cases` (with simple measurements) and `radiomics` (all features) are indexed by case_id. `segmentations` are
    features of the repeat segmentations by reading (``a``, ``a2``, ``b``), each with case_id; empty without repeat
    segmentations.
    """

    cases: pd.DataFrame
    radiomics: pd.DataFrame
    segmentations: dict
    icc: IccParams
    lasso: SelectionParams
    fusion: FusionParams
    seed: int

    @cached_property
    def key(self):
        """Digest of all of it: a stored result with another key is stale."""
        settings = [part.model_dump(mode="json") for part in (self.icc, self.lasso, self.fusion)]
        tables = [self.cases, self.radiomics, *(self.segmentations[name] for name in sorted(self.segmentations))]
        return runs.digest(*tables, settings, self.seed)


def read_study(run, seed):
    """Read a study's tables and settings, with the results of notebooks 00 to 06.

    Raises
    ------
    VcfnbError
        When an earlier notebook has not run; the message names it.
    """
    table = run.cohort()
    features = run.features("radiomics")
    fusion = {name: value for name, value in run.settings("fusion").items() if name in FusionParams.model_fields}
    # Repeat segmentations as notebook 02 wrote them, to the last bit.
    drawn = pd.read_csv(run.needs("icc", "features.csv"), dtype={"reading": str, "case_id": str})
    segmentations = {}
    for name, part in drawn.groupby("reading"):
        features_of = _one_block(part.drop(columns=["reading", "case_id"]))
        segmentations[name] = pd.concat([part[["case_id"]], features_of], axis=1).reset_index(drop=True)
    return StudyData(
        cases=table.set_index("case_id")[[name for name in _COLUMNS if name in table]].join(run.features("baseline")),
        radiomics=_one_block(features),
        segmentations=segmentations,
        icc=IccParams(**run.settings("icc")),
        lasso=SelectionParams(**run.settings("selection")),
        fusion=FusionParams(**fusion),
        seed=seed,
    )


def _one_block(features):
    """The same in one block of memory: pandas is slow where integer and float columns alternate."""
    return pd.DataFrame(features.to_numpy(dtype=float), features.index, features.columns)


def stable_in(data, cases):
    """Features that pass the study's ICC step, evaluated by repeat segmentations among the cases, and a note."""
    asked = data.icc.icc_form, data.icc.icc_threshold, data.icc.icc_criterion
    return stable_features(data.segmentations, cases.index, *asked)


def fit_radiomics(data, cases, stable, seed):
    """The study's radiomics model alone, selected and fitted on the cases."""
    x = data.radiomics.loc[cases.index]
    return fit_alone("radiomics", x, cases, data.lasso, data.fusion, seed, stable)


def fit_on(data, cases, stable, seed, deep=None):
    """The study's models, selected and fitted on the cases; without deep features radiomics and the baseline."""
    deep = None if deep is None else deep.loc[cases.index]
    return fit_models(data.radiomics.loc[cases.index], deep, cases, stable, data.lasso, data.fusion, seed)
