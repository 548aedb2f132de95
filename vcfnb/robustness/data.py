"""What the rigorous evaluation and the audit need of a finished study, read once."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from vcfnb import runs
from vcfnb.params import FusionParams, IccParams, SelectionParams

_COLUMNS = ("patient_id", "label", "split", "age", "sex", "bmd", "site")


@dataclass(frozen=True)
class StudyData:
    """All cases of a study, training and test, with what the tabular part is asked to do.

    Attributes
    ----------
    cases : pandas.DataFrame
        Indexed by case_id: patient_id, label, split; age, sex, bmd and site where the cohort has them.
    radiomics : pandas.DataFrame
        All radiomic features, same index.
    readings : dict of pandas.DataFrame
        Features of the repeat segmentations by reading (``a``, ``a2``, ``b``), each with case_id; empty without
        repeat segmentations.
    icc : vcfnb.params.IccParams
    lasso : vcfnb.params.SelectionParams
    fusion : vcfnb.params.FusionParams
    seed : int
        Of the study.
    """

    cases: pd.DataFrame
    radiomics: pd.DataFrame
    readings: dict
    icc: IccParams
    lasso: SelectionParams
    fusion: FusionParams
    seed: int

    @cached_property
    def key(self):
        """Digest of all of it: a stored result with another key is stale."""
        settings = [part.model_dump(mode="json") for part in (self.icc, self.lasso, self.fusion)]
        tables = [self.cases, self.radiomics, *(self.readings[name] for name in sorted(self.readings))]
        return runs.digest(*tables, settings, self.seed)


def read_study(run, seed):
    """Read a study's tables and settings.

    Parameters
    ----------
    run : vcfnb.runs.Run
        With the results of notebooks 00 to 06.
    seed : int

    Returns
    -------
    StudyData

    Raises
    ------
    VcfnbError
        When an earlier notebook has not run; the message names it.
    """
    table = run.cohort()
    features = run.features("radiomics")
    fusion = {name: value for name, value in run.settings("fusion").items() if name in FusionParams.model_fields}
    return StudyData(
        cases=table.set_index("case_id")[[name for name in _COLUMNS if name in table]],
        # One block of memory: pandas is slow where integer and float columns alternate.
        radiomics=pd.DataFrame(features.to_numpy(dtype=float), features.index, features.columns),
        readings=_readings(run),
        icc=IccParams(**run.settings("icc")),
        lasso=SelectionParams(**run.settings("selection")),
        fusion=FusionParams(**fusion),
        seed=seed,
    )


def _readings(run):
    """Features of the repeat segmentations, as notebook 02 wrote them, to the last bit."""
    path = run.needs("icc", "features.csv")
    table = pd.read_csv(path, dtype={"reading": str, "case_id": str})
    return {name: part.drop(columns="reading").reset_index(drop=True) for name, part in table.groupby("reading")}
