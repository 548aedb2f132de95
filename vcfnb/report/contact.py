"""A contact sheet: every case of a cohort in two small pictures, suspicious ones first, to find wrong masks."""

import io
from functools import partial

import numpy as np
import pandas as pd
import SimpleITK as sitk
from PIL import Image
from scipy import ndimage

from vcfnb import images, runs
from vcfnb.errors import VcfnbError
from vcfnb.images.grids import bounding_box
from vcfnb.report import page

PER_PAGE = 100
_PIXELS, _MARGIN_MM = 170, 22.0
_RING_MM = 4.0  # around the ROI, of which the brightness is compared
_COLOUR = (255, 176, 0)  # of the contour; seen by the colour-blind, too
_SUSPICIOUS = 3.5  # robust SDs from the cohort's median
# What is compared with the cohort's median, in words.
_NUMBERS = {
    "volume_ml": "volume",
    "mean_hu": "mean HU",
    "step_hu": "contour against its surroundings, HU",
    "height_mm": "height",
}


def contact_sheet(table, path, level=300, width=1000, problems=None, cores=None, *, simulated=False):
    """Write pages of pictures of all cases: a sagittal and an axial slice through the ROI's middle, with its contour.

    First those that the checks found something wrong with, then those whose volume, mean HU, height or brightness at
    the contour lies furthest from the other cases' (in robust SDs): the masks of two patients that were exchanged miss
    the cortex.

    Parameters
    ----------
    table : pandas.DataFrame
        Cases as of :func:`vcfnb.cohort.read_cohort`, or preprocessed ones; case_id, image and mask are enough.
    path : path
        Of the first page; further ones (100 cases a page) get a number behind its name.
    level, width : float
        Of the grey values, HU.
    problems : pandas.DataFrame, optional
        What :func:`vcfnb.cohort.check_files` found.
    cores : int, optional
    simulated : bool
        Said on each page.

    Returns
    -------
    pandas.DataFrame
        case_id, the numbers, distance (the largest, in robust SDs) and flags, in the order of the sheet.
    """
    work = partial(_case, level=level, width=width)
    rows = pd.DataFrame(list(runs.parallel_map(work, table.to_dict("records"), cores, desc="pictures")))
    rows = _ordered(rows, problems)
    pages = [rows[start : start + PER_PAGE] for start in range(0, len(rows), PER_PAGE)]
    paths = [path.with_name(f"{path.stem}{f'-{n}' if n > 1 else ''}{path.suffix}") for n in range(1, len(pages) + 1)]
    content = {"n_cases": len(rows), "pages": [where.name for where in paths], "simulated": simulated}
    for number, (part, where) in enumerate(zip(pages, paths, strict=True), 1):
        page.write_page(where, "contact.html.j2", cases=part.to_dict("records"), number=number, **content)
    return rows.drop(columns="pictures")


def _ordered(rows, problems):
    """Flags and distance of each case; those with the most to look at first."""
    numbers = rows[list(_NUMBERS)].astype(float)
    spread = 1.4826 * (numbers - numbers.median()).abs().median()
    away = (numbers - numbers.median()) / spread.where(spread > 0)
    told = {} if problems is None else problems.groupby("case_id")["problem"].agg(list).to_dict()
    # What cannot be read was most likely found by the checks.
    found = [told.get(row.case_id) or list(filter(None, [row.error])) for row in rows.itertuples()]
    flags = [
        [f"{_NUMBERS[name]}: {'high' if z > 0 else 'low'}" for name, z in row.items() if abs(z) > _SUSPICIOUS]
        for row in away.to_dict("records")
    ]
    texts = ["; ".join(checked + other) for checked, other in zip(found, flags, strict=True)]
    rows = rows.drop(columns="error").assign(distance=away.abs().max(axis=1).fillna(0), flags=texts)
    order = np.lexsort([-rows["distance"], [not checked for checked in found]])
    return rows.iloc[order].reset_index(drop=True)


def _case(case, level, width):
    """Pictures and numbers of one case; where it cannot be read, why."""
    shown = {name: case.get(name) for name in ("case_id", "label", "level")} | {"error": "", "pictures": []}
    try:
        image = images.read_image(str(case["image"]))
        mask = images.read_roi(case | {"mask": str(case["mask"])}, image)
    except VcfnbError as error:
        return (
            shown | dict.fromkeys(_NUMBERS, np.nan) | {"error": error.rows(case["case_id"], case["mask"])[0]["problem"]}
        )
    start, stop = (ends[::-1] for ends in bounding_box(sitk.GetArrayViewFromImage(mask)))
    margin = np.ceil(_MARGIN_MM / np.array(image.GetSpacing())).astype(int)
    start, stop = np.maximum(start - margin, 0), np.minimum(stop + margin, image.GetSize())
    size, start = (stop - start).tolist(), start.tolist()
    image, mask = (sitk.DICOMOrient(sitk.RegionOfInterest(part, size, start), "LPS") for part in (image, mask))
    spacing = np.array(image.GetSpacing()[::-1])
    hu, inside = sitk.GetArrayFromImage(image).astype(np.float32), sitk.GetArrayFromImage(mask) > 0
    middle = [round(index.mean()) for index in np.nonzero(inside)]
    pictures = [
        _picture(hu[:, :, middle[2]][::-1], inside[:, :, middle[2]][::-1], spacing[[0, 1]], level, width),
        _picture(hu[middle[0]], inside[middle[0]], spacing[[1, 2]], level, width),
    ]
    return shown | _numbers(hu, inside, spacing) | {"pictures": pictures}


def _numbers(hu, inside, spacing):
    """Volume, mean HU, height, and how much brighter the outermost 1.5 mm are than 1.5 to 4 mm outside."""
    rows = np.flatnonzero(inside.any(axis=(1, 2)))
    start, stop = bounding_box(inside)
    pad = np.ceil(_RING_MM / spacing).astype(int) + 1
    near = tuple(map(slice, np.maximum(start - pad, 0), stop + pad))
    volume_ml, mean_hu = inside.sum() * np.prod(spacing) / 1000, hu[inside].mean()
    hu, inside = hu[near], inside[near]
    within, outside = (ndimage.distance_transform_edt(part, sampling=spacing) for part in (inside, ~inside))
    rim, ring = hu[inside & (within <= 1.5)], hu[(outside > 1.5) & (outside <= _RING_MM)]
    return {
        "volume_ml": float(volume_ml),
        "mean_hu": float(mean_hu),
        "step_hu": float(rim.mean() - ring.mean()) if len(ring) else np.nan,
        "height_mm": float((rows[-1] - rows[0] + 1) * spacing[0]),
    }


def _picture(hu, inside, spacing, level, width):
    """A slice with its contour as the source of an image within the page; rows and columns have `spacing`, mm."""
    grey = np.clip((hu - level + width / 2) / width * 255, 0, 255).astype(np.uint8)
    extent = np.array(hu.shape) * spacing
    size = tuple(np.maximum(1, np.rint(_PIXELS * extent / extent.max())).astype(int)[::-1].tolist())
    # 255 grey values and the contour's colour: half the size of three channels.
    picture = np.minimum(Image.fromarray(grey).resize(size, Image.BILINEAR), 254)
    drawn = np.asarray(Image.fromarray(inside.astype(np.uint8)).resize(size, Image.NEAREST)) > 0
    picture[drawn & ~ndimage.binary_erosion(drawn)] = 255
    picture, stream = Image.fromarray(picture), io.BytesIO()
    picture.putpalette([*np.repeat(np.arange(255), 3).tolist(), *_COLOUR])
    picture.save(stream, "PNG")
    return page.inside(stream.getvalue())
