"""The preprocessed cohort on disk: one image and its masks a case, on one grid, with a quality row."""

from functools import partial
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

from vcfnb import images, runs
from vcfnb.errors import BadInput, CannotWrite, VcfnbError
from vcfnb.runs.cache import cached

# Suffix of each reading's file: reader A, reader A a week later, reader B.
REPEATS = {"a": "mask", "a2": "mask_a2", "b": "mask_b"}
_MASK_COLUMNS = {"a": "mask", "a2": "mask_reader_a2", "b": "mask_reader_b"}


def preprocess_cohort(table, folder, settings, expansions, cores=None):
    """Write ``<case_id>_{ct,mask}.nii.gz`` (and ``_mask_a2``, ``_mask_b``) for every case.

    Parameters
    ----------
    table : pandas.DataFrame
        The study's cohort with absolute paths (:meth:`vcfnb.runs.Run.cohort`).
    settings : vcfnb.params.PreprocessingParams
    expansions : sequence of int
        ROI expansions, voxels, for the columns ``outside_<n>`` of the quality table.

    Returns
    -------
    pandas.DataFrame
        One quality row per case (:func:`vcfnb.images.quality`), in the table's order. A case whose files, settings
        and code are as before is not computed again.

    Raises
    ------
    BadInput
        After all cases were tried: every case that could not be preprocessed, with its reason.
    """
    work = partial(
        _preprocessed, folder=Path(folder), settings=settings.model_dump(mode="json"), expansions=list(expansions)
    )
    rows = list(runs.parallel_map(work, table.to_dict("records"), cores, desc="preprocessing"))
    problems = [problem for row in rows if isinstance(row, list) for problem in row]
    if problems:
        raise BadInput(problems)
    return pd.DataFrame(rows)


def _preprocessed(case, folder, settings, expansions):
    """Quality row of one case, or a list of its problems; its files are made unless the same input gave them before."""
    given = {name: case.get(column) for name, column in _MASK_COLUMNS.items()}
    # Those that are missing are not a number.
    sources = {name: Path(path) for name, path in given.items() if isinstance(path, str) and path}
    places = [images.location(path) for path in (case["image"], *sources.values())]
    body = case.get("mask_body")
    part = [case.get("mask_scheme"), Path(body)] if isinstance(body, str) else []
    asked = [[number for _, number in places], list(sources), images.as_label(case.get("mask_label")), *part]
    inputs = [*(file for file, _ in places), *asked, settings, expansions]
    suffixes = ["ct", *(REPEATS[name] for name in sources)]
    outputs = [folder / f"{case['case_id']}_{suffix}.nii.gz" for suffix in suffixes]

    def work():
        # As pairs: a stored row keeps the order of its columns.
        return list(_preprocess_case(case, sources, folder, settings, expansions).items())

    try:
        return dict(cached(folder / "cases" / f"{case['case_id']}.json", __name__, inputs, work, outputs))
    except CannotWrite:
        raise
    except VcfnbError as error:
        return error.rows(case["case_id"], case["mask"])


def _preprocess_case(case, sources, folder, settings, expansions):
    image = images.read_image(case["image"])
    masks = {name: images.read_roi(case, image, _MASK_COLUMNS[name]) for name in sources}
    processed, processed_masks = images.preprocess(image, masks, **settings)
    for name, written in {"ct": processed, **{REPEATS[k]: mask for k, mask in processed_masks.items()}}.items():
        images.write_image(written, folder / f"{case['case_id']}_{name}.nii.gz")
    window = images.window(settings["window_level"], settings["window_width"]) if settings["clip"] else None
    row = images.quality(image, masks["a"], processed, processed_masks["a"], expansions, window)
    return {"case_id": case["case_id"], **row}


def cases(folder, case_ids, reading="a"):
    """Table case_id, image, mask of preprocessed cases (absolute paths), for one reading ("a", "a2" or "b")."""
    table = pd.DataFrame({"case_id": list(case_ids)})
    for column, suffix in (("image", "ct"), ("mask", REPEATS[reading])):
        table[column] = [str(Path(folder) / f"{case_id}_{suffix}.nii.gz") for case_id in table["case_id"]]
    return table


def segmentations(folder, case_ids):
    """The three segmentations of the given cases, one below the other: reading, case_id, image, mask."""
    return pd.concat([cases(folder, case_ids, name).assign(reading=name) for name in REPEATS], ignore_index=True)


def dice_of_segmentations(table):
    """Dice of reader A's mask with those of A again (``intra``) and B (``inter``), from a table of `segmentations`."""
    rows = []
    for case_id, group in table.groupby("case_id", sort=False):
        masks = {row.reading: sitk.ReadImage(row.mask) for row in group.itertuples()}
        rows += [
            {"case_id": case_id, "comparison": comparison, "dice": images.dice(masks["a"], masks[other])}
            for comparison, other in (("intra", "a2"), ("inter", "b"))
        ]
    return pd.DataFrame(rows, columns=["case_id", "comparison", "dice"]).astype({"dice": float})


def read_case(folder, case):
    """One preprocessed case for a picture: case_id, label, image (int16 HU, z y x), mask, spacing (mm, z y x)."""
    image = sitk.ReadImage(str(Path(folder) / f"{case.case_id}_ct.nii.gz"))
    mask = sitk.ReadImage(str(Path(folder) / f"{case.case_id}_mask.nii.gz"))
    return {
        "case_id": case.case_id,
        "label": case.label,
        "image": sitk.GetArrayFromImage(image),
        "mask": sitk.GetArrayFromImage(mask),
        "spacing": image.GetSpacing()[::-1],
    }
