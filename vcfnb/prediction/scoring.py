"""Score every case of a cohort with a saved model; an interrupted scoring goes on where it was."""

from functools import cache, partial
from pathlib import Path

import pandas as pd

from vcfnb import fusion, images, prediction, runs
from vcfnb.cohort import problem_table
from vcfnb.cohort.columns import problem
from vcfnb.errors import CannotWrite, VcfnbError
from vcfnb.runs.cache import cached

_COLUMNS = [
    "case_id",
    "patient_id",
    "label",
    *fusion.SAVED_MODELS,
    "outside",
    "distance",
    "different",
    "beyond",
    "notes",
]


def case_problems(model, table):
    """What the model must know of each case and the table lacks, before any image is read: a table of problems."""
    rows = []
    for case in table.to_dict("records"):
        try:
            prediction.check_patient(model, *_patient(model, case))
        except VcfnbError as error:
            rows += error.rows(case["case_id"])
    return problem_table(rows)


def trained_on(model, table, cores=None):
    """Cases that the model was trained on, recognised by their images, whatever the names of files and ids.

    A table of problems: an error per such case, and per other case of its patient.
    """
    if not model.cohort.fingerprints:
        told = "the model does not know its training images: patients it was trained on cannot be told"
        remedy = "make sure yourself that none is in the cohort"
        return problem_table([problem(told, remedy, severity="warning", code="training-unknown")])
    prints = runs.parallel_map(_fingerprint, table["image"].tolist(), cores, desc="training cases?")
    known = pd.Series([found in model.cohort.fingerprints for found in prints], table.index, dtype=bool)
    patients = set(table.loc[known, "patient_id"])
    remedy = "leave it out: a validation needs patients that the model has not seen"
    rows = []
    for case, seen in zip(table.to_dict("records"), known, strict=True):
        if seen or case["patient_id"] in patients:
            told = "the image was a training case of the model" if seen else "another image of a training patient"
            rows.append(problem(told, remedy, case["case_id"], case["image"], code="training-case"))
    return problem_table(rows)


def score_cohort(model, table, folder, cores=None):
    """Apply a model to every case of a checked cohort.

    Each case's result is kept under ``cases/`` in `folder`: what is there from the same files and the same model is not
    computed again.

    Returns
    -------
    scores : pandas.DataFrame
        case_id, patient_id, label, radiomics, dtl, fusion, ridge_fusion (probabilities), outside (farther from the
        training cases than the model's limit), distance, different (in what the image differs from the training images;
        empty: in nothing), beyond (features beyond the range of the training cases, as the prediction warns of them),
        notes. In the table's order.
    problems : pandas.DataFrame
        Cases that could not be scored, after all were tried.
    """
    work = partial(_scored, model=model.folder, version=runs.digest(model.folder / "model.json"), folder=Path(folder))
    rows, problems = [], []
    for found in runs.parallel_map(work, table.to_dict("records"), cores, desc="scoring"):
        if isinstance(found, list):
            problems += found
        else:
            rows.append(found)
    return pd.DataFrame(rows, columns=_COLUMNS), problem_table(problems)


def _fingerprint(path):
    return fusion.fingerprint(images.read_image(path))


@cache
def _model(folder):
    """Read once a worker process."""
    return fusion.load_model(folder)


def _patient(model, case):
    """Clinical values and site as :func:`vcfnb.prediction.predict` takes them; None where the table has none."""
    clinical = {name: None if pd.isna(case.get(name)) else case[name] for name in model.variables}
    site = case.get("site")
    return clinical, None if pd.isna(site) else str(site)


def _scored(case, model, version, folder):
    """One case's row of scores, or a list of its problems."""
    places = [images.location(case[kind]) for kind in ("image", "mask", "mask_body") if isinstance(case.get(kind), str)]
    roi = {name: case.get(name) for name in ("mask_label", "mask_scheme", "mask_body") if not pd.isna(case.get(name))}
    clinical, site = _patient(_model(model), case)
    inputs = [*(file for file, _ in places), [number for _, number in places], roi, clinical, site, version]
    path = folder / "cases" / f"{case['case_id']}.json"
    try:
        found = cached(path, __name__, inputs, lambda: _row(_model(model), case, roi, clinical, site))
    except CannotWrite:
        # No fault of the case.
        raise
    except VcfnbError as error:
        return error.rows(case["case_id"], case["mask"])
    # A label says nothing about a score: a corrected one needs no new scoring.
    return {"case_id": case["case_id"], "patient_id": case["patient_id"], "label": int(case["label"])} | found


def _row(model, case, roi, clinical, site):
    extracted = prediction.extract_case(model, case["image"], case["mask"], check=False, **roi)
    found = prediction.predict_extracted(model, extracted, clinical, site)
    return found.probability | {
        "outside": bool(found.outside),
        "distance": found.distance,
        "different": "; ".join(found.different),
        "beyond": "; ".join(found.beyond),
        "notes": "; ".join(extracted.notes),
    }
