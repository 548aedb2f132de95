"""Features of many cases: in parallel, stored case by case, one bad case never stops the others."""

import contextlib
import os
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vcfnb import images, runs
from vcfnb.errors import COLUMNS, BadInput, CannotWrite, VcfnbError
from vcfnb.radiomics.engine import extract_features
from vcfnb.radiomics.settings import Settings, feature_names
from vcfnb.runs.cache import cached


def extract_cohort(cases, cache_folder, settings=None, cores=None, executor="local", scheduler=None, desc="radiomics"):
    """Features of all cases.

    Parameters
    ----------
    cases : pandas.DataFrame
        case_id, image, mask (paths), perhaps mask_value (value or name of the ROI in a mask with several, or empty).
    cache_folder : path
        Where each case's values are stored as soon as they are known; a case whose files, settings and code are as
        before is not computed again.
    settings : Settings, optional
    cores : int, optional
    executor : {"local", "dask"}
        Processes of this machine, or an existing Dask cluster that sees the same files.
    scheduler : str, optional
        Address of the cluster's scheduler.

    Returns
    -------
    features : pandas.DataFrame
        case_id and one column per feature, for the cases that could be computed, in the given order.
    failures : pandas.DataFrame
        case_id, file, problem, remedy, code.
    """
    settings = settings or Settings()
    work = partial(_features, folder=Path(cache_folder).resolve(), settings=settings)
    rows = cases[[name for name in ("case_id", "image", "mask", "mask_value") if name in cases]].to_dict("records")
    names = feature_names(settings) if settings.by_engine else []
    values, ids, failures = [], [], []
    with _cluster(executor, scheduler) as parallel:
        for row, found in zip(rows, parallel(work, rows, cores, desc=desc), strict=True):
            if isinstance(found, list):
                failures += found
                continue
            names = names or list(found.index)
            values.append(found[names].to_numpy())
            ids.append(row["case_id"])
    features = pd.DataFrame(np.array(values).reshape(len(ids), len(names)), columns=names)
    features.insert(0, "case_id", ids)
    return features, pd.DataFrame(failures, columns=COLUMNS)


def stop_on(failures):
    """Raise the failures of :func:`extract_cohort`, all at once, as BadInput, if there are any."""
    if len(failures):
        raise BadInput(failures)


@contextlib.contextmanager
def _cluster(executor, scheduler):
    """A function like :func:`vcfnb.runs.parallel_map`, on this machine or on a Dask cluster."""
    if executor == "local":
        yield runs.parallel_map
        return
    try:
        from dask.distributed import Client
    except ImportError:
        raise VcfnbError(
            "executor dask needs dask and distributed", "pip install 'vcfnb[dask]'", code="package-missing"
        ) from None
    try:
        client = Client(scheduler, timeout=20)
    except (OSError, TimeoutError, ValueError) as error:
        raise VcfnbError(
            f"scheduler: no Dask scheduler answers at {scheduler!r} ({error})",
            "start one",
            code="scheduler-unavailable",
        ) from None

    def over_cluster(function, items, _cores=None, desc=""):
        from joblib import Parallel, delayed, parallel_config
        from tqdm.auto import tqdm

        with parallel_config(backend="dask"):
            results = Parallel(return_as="generator")(delayed(function)(item) for item in items)
            yield from tqdm(results, total=len(items), desc=desc)

    with client:
        yield over_cluster


def _features(case, folder, settings):
    """Values of one case as a Series, from its file when that is up to date; or a list of its problems."""
    missing = [str(case[name]) for name in ("image", "mask") if not os.path.exists(case[name])]
    if missing:
        remedy = "check the path; in a study, run notebook 01_preprocessing"
        return VcfnbError("the file is missing", remedy, code="file-missing").rows(case["case_id"], missing[0])
    inputs = [Path(case["image"]), Path(case["mask"]), settings.model_dump(mode="json")]
    inputs += [case["mask_value"]] if case.get("mask_value") else []
    # One file per mask: repeat segmentations of a case do not overwrite each other.
    path = folder / f"{case['case_id']}-{Path(case['mask']).name}.json"
    try:
        # As pairs: they keep their order.
        stored = cached(path, __name__, inputs, lambda: list(_finite(case, settings).items()))
    except CannotWrite:
        raise
    except VcfnbError as error:
        return error.rows(case["case_id"], case["mask"])
    return pd.Series(dict(stored), dtype=float)


def _finite(case, settings):
    """Values of one case, all of them numbers."""
    values = extract_features(case["image"], case["mask"], settings, images.as_label(case.get("mask_value") or None))
    bad = values.index[~np.isfinite(values)]
    if len(bad):
        problem = f"{len(bad)} features are not finite, such as {bad[0]}"
        remedy = "look at the ROI: it may be too small or too uniform for texture"
        raise VcfnbError(problem, remedy, code="not-finite")
    return values
