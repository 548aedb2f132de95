"""What the rigorous evaluation and the audit need of a finished study, read once."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from vcfnb import cohort, preprocessing, radiomics, runs
from vcfnb.params import FusionParams, IccParams, RadiomicsParams, SelectionParams

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
        Features of the re-drawn cases by reading (``a``, ``a2``, ``b``), each with case_id; empty without second
        readings.
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
    icc = IccParams(**run.settings("icc"))
    return StudyData(
        cases=table.set_index("case_id")[[name for name in _COLUMNS if name in table]],
        # One block of memory: pandas is slow where integer and float columns alternate.
        radiomics=pd.DataFrame(features.to_numpy(dtype=float), features.index, features.columns),
        readings=_readings(run, cohort.second_readings(table, icc.icc_cases, seed)),
        icc=icc,
        lasso=SelectionParams(**run.settings("selection")),
        fusion=FusionParams(**fusion),
        seed=seed,
    )


def _readings(run, drawn_again):
    """Features of the three readings, as notebook 02 computed them: they come from its files."""
    if not drawn_again:
        return {}
    settings = radiomics.Settings.from_params(RadiomicsParams(**run.settings("radiomics")))
    found = {}
    for name, cases in preprocessing.readings(run.step("preprocessing"), drawn_again).groupby("reading"):
        found[name], failures = radiomics.extract_cohort(
            cases[["case_id", "image", "mask"]], run.path("icc", "cases"), settings, desc=f"reading {name}"
        )
        radiomics.stop_on(failures)
    return found
