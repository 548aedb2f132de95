"""The files of a cohort: headers first, which takes seconds, then the voxels of what is left."""

import hashlib
import itertools
from functools import partial

import numpy as np
import pandas as pd
import SimpleITK as sitk

from vcfnb import images, runs
from vcfnb.cohort.columns import LEVELS, PAIRS, REPEATS, problem, problem_table
from vcfnb.errors import BadInput


def check_files(table, min_voxels=100, cores=None):
    """Open every image and mask of a table (:func:`read_cohort`) once; a ROI has at least `min_voxels` of its image.

    A table of case_id, file, problem, remedy, severity (``error``: the case cannot be used; ``warning``: have a look),
    code.
    """
    headers = check_headers(table, cores)
    bad = headers.loc[headers["severity"] == "error", "case_id"]
    voxels = check_voxels(table[~table["case_id"].isin(bad)], min_voxels, cores)
    problems = pd.concat([headers, voxels], ignore_index=True)
    order = {case: number for number, case in enumerate(table["case_id"])}
    return problems.sort_values("case_id", key=lambda ids: ids.map(order), kind="stable", ignore_index=True)


def check_headers(table, cores=None):
    """What the headers of all files tell: missing, unreadable, truncated, other grids, gaps between slices."""
    rows = table.to_dict("records")
    # A file's header takes less than starting a worker; a series has hundreds of them.
    if not any(isinstance(row["image"], str) and images.location(row["image"])[0].is_dir() for row in rows):
        cores = 1
    found = runs.parallel_map(_check_headers, rows, cores, desc="checking headers")
    return problem_table([row for part in found for row in part])


def check_voxels(table, min_voxels=100, cores=None):
    """What only voxels tell: damaged data, values that are no HU, ROIs empty, small, cut or in pieces, repeats."""
    cases, found, seen = table.to_dict("records"), [], {}
    work = partial(_check_voxels, min_voxels=min_voxels)
    results = runs.parallel_map(work, cases, cores, desc="checking voxels")
    for case, (rows, digests) in zip(cases, results, strict=True):
        found += rows
        if "image" in digests:
            seen.setdefault(digests["image"], []).append((case, digests))
    return problem_table(found + [row for cases in seen.values() for row in (*_repeats(cases), *_out_of_order(cases))])


def _masks(case, *more):
    """Paths of the masks that are given, by column; of `more` columns, too."""
    return {name: case[name] for name in ("mask", *REPEATS, *more) if isinstance(case.get(name), str)}


def _check_headers(case):
    """Problems of one case that headers show."""
    found, grid = [], None
    if not isinstance(case.get("image"), str):
        return found
    try:
        grid, warnings = images.look(case["image"])
        found += _rows(case, case["image"], warnings)
        if grid is not None:
            found += _rows(case, case["image"], images.implausible_grid(grid))
    except BadInput as error:
        found += error.rows(case["case_id"])
    for path in _masks(case, "mask_body").values():
        try:
            images.look_at_mask(path, grid)
        except BadInput as error:
            found += error.rows(case["case_id"])
    if images.is_whole_vertebra(case):
        told = "the mask is of the whole vertebra, and the paper's ROI is its body"
        remedy = "name the tool's file of bodies in mask_body (docs/own-cohort.md), or say so in the paper"
        found.append(problem(told, remedy, case["case_id"], case["mask"], "warning", code="mask-whole-vertebra"))
    return found


def _check_voxels(case, min_voxels):
    """Problems of one case that voxels show, and digests of what was read."""
    if not isinstance(case.get("image"), str):
        return [], {}
    try:
        image = images.read_image(case["image"])
    except BadInput as error:
        return error.rows(case["case_id"]), {}
    found = _rows(case, case["image"], images.implausible_values(image))
    digests = {"image": voxel_digest(image)}
    for name, path in _masks(case).items():
        try:
            mask = images.read_roi(case, image, name)
        except BadInput as error:
            found += error.rows(case["case_id"])
            continue
        digests[name] = voxel_digest(mask)
        if name == "mask":
            digests["height"] = _height(mask)
        found += _check_roi(case["case_id"], path, mask, min_voxels)
        found += _rows(case, path, images.implausible_roi(image, mask))
    found += _same_segmentations(case, digests)
    return found, digests


def _height(mask):
    """How far to the head the middle of an ROI lies, mm."""
    middle = [float(index.mean()) for index in np.nonzero(sitk.GetArrayViewFromImage(mask))[::-1]]
    return mask.TransformContinuousIndexToPhysicalPoint(middle)[2]


def _out_of_order(cases):
    """Vertebrae of one image that do not lie one below the other as their levels say."""
    known = [(LEVELS.index(case["level"]), case, found) for case, found in cases if case.get("level") in LEVELS]
    known = sorted((one for one in known if "height" in one[2]), key=lambda one: one[0])
    for (number, upper, above), (other, lower, below) in itertools.pairwise(known):
        if other > number and below["height"] >= above["height"]:
            told = f"{lower['level']} does not lie below {upper['level']} of the same image ({upper['case_id']})"
            remedy = "look at both masks: are labels exchanged, shifted, or mixed?"
            yield problem(told, remedy, lower["case_id"], lower["mask"], "warning", code="levels-out-of-order")


def voxel_digest(image):
    """SHA-256 (bytes) of the voxels and grid of a SimpleITK image, whatever the file's format or name."""
    values = np.ascontiguousarray(sitk.GetArrayViewFromImage(image))
    sha = hashlib.sha256(repr((values.dtype.str, np.round(images.Grid.of(image).matrix, 3).tolist())).encode())
    sha.update(np.round(image.GetOrigin(), 2).tobytes())
    sha.update(values)
    return sha.digest()


def _check_roi(case_id, file, mask, min_voxels):
    n_voxels = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    if n_voxels < min_voxels:
        told, remedy = f"the ROI is too small: {n_voxels} voxels", "check the mask, or lower cohort.min_voxels"
        yield problem(told, remedy, case_id, file, code="mask-too-small")
    if images.touches_border(mask):
        remedy = "is the vertebra whole? If not, leave the case out"
        yield problem("the ROI touches the image's border", remedy, case_id, file, "warning", code="mask-at-border")
    if images.pieces(mask) > 1:
        remedy = "look for stray voxels of the pencil"
        yield problem("the ROI has several separate pieces", remedy, case_id, file, "warning", code="mask-in-pieces")


def _same_segmentations(case, digests):
    for first, second in PAIRS:
        if first in digests and digests[first] == digests.get(second) and case[first] != case[second]:
            told = f"{second} is voxel for voxel {first}"
            remedy = "give a mask that was really segmented again, or leave it empty"
            yield problem(told, remedy, case["case_id"], case[second], code="segmentations-identical")


def _repeats(cases):
    """Cases whose images are voxel for voxel the same, from other files: two patients, or one vertebra twice."""
    for number, (case, digests) in enumerate(cases):
        others = [other for other, _ in cases if other["patient_id"] != case["patient_id"]]
        if any(other["image"] != case["image"] for other in others):
            told = f"the image is voxel for voxel that of {others[0]['case_id']}, another patient"
            remedy = "give each patient's own, or one patient_id"
            yield problem(told, remedy, case["case_id"], case["image"], code="image-shared")
        earlier = [other for other, found in cases[:number] if found.get("mask") == digests.get("mask")]
        if earlier and "mask" in digests and earlier[0]["patient_id"] == case["patient_id"]:
            told = f"image and mask are voxel for voxel those of {earlier[0]['case_id']}"
            yield problem(told, "keep one of them", case["case_id"], case["mask"], code="case-repeated")


def _rows(case, file, findings):
    return [
        problem(told, remedy, case["case_id"], file, severity, code=code) for severity, told, remedy, code in findings
    ]
