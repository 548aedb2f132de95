"""A CT as a DICOM series: choose it, check that its slices make a box, read it."""

import numpy as np
import SimpleITK as sitk

from vcfnb.errors import BadInput
from vcfnb.images import dicom
from vcfnb.images.grids import Grid

# Fewest slices of a volume.
_FEWEST = 3
# How far slices may be from where equal steps would put them, as a proportion of a step; and sideways, in pixels.
_UNEVEN, _SIDEWAYS = 0.1, 0.1


def choose(folder, headers, number=None):
    """Headers of the series to read: one multi-frame file, or slices in any order.

    `number` is which of several, from 1, as the error that lists them numbers them.
    """
    series = dicom.series_in(headers)
    if not series:
        raise _no_series(folder, headers)
    listed = "; ".join(f"#{n}: {dicom.describe(group)}" for n, group in enumerate(series, 1))
    if number is not None and not 1 <= number <= len(series):
        problem = f"there is no series #{number}; the folder holds {listed}"
        raise BadInput.of(folder, problem, "give one of these", code="series-unknown")
    if number is None and len(series) > 1:
        problem = f"the folder holds {len(series)} DICOM series: {listed}"
        remedy = f"put the number behind the folder's name, such as {folder.name}#1, or give each a folder of its own"
        raise BadInput.of(folder, problem, remedy, code="several-series")
    return series[(number or 1) - 1]


def warnings(group):
    """Findings on what headers say that deserves a look: (severity, problem, remedy, code)."""
    found = []
    if not all(header.rescaled for header in group):
        problem = "the DICOM header does not say how stored values become HU (no rescale slope and intercept)"
        found.append(
            ("warning", problem, "look at the HU in the montage; export the original series", "rescale-missing")
        )
    if any(header.lossy for header in group):
        problem = "the series was compressed with loss, which changes texture"
        found.append(("warning", problem, "export the original series, without loss", "lossy-compression"))
    return found


def stack(group, name):
    """Order slices along their normal, check that they make a rectangular box, and give its Grid."""
    first = group[0]
    if first.spacing is None or any(header.position is None or header.orientation is None for header in group):
        problem = "its slices say nothing of where they lie (screenshots or secondary captures?)"
        raise BadInput.of(name, problem, "export the original CT series", code="position-missing")
    if len(group) < _FEWEST:
        problem = f"holds {len(group)} slice{'s' * (len(group) > 1)}, which make no volume"
        raise BadInput.of(name, problem, "give the folder that holds all slices of the series", code="not-a-volume")
    axes = np.stack([first.orientation[:3], first.orientation[3:]])
    normal = np.cross(*axes)
    along = np.array([header.position @ normal for header in group])
    order = np.argsort(along, kind="stable")
    group, along = [group[n] for n in order], along[order]
    _check_steps(along, name)
    positions = np.array([header.position for header in group])
    _check_tilt(positions, along, axes, first.spacing, name)
    step = (along[-1] - along[0]) / (len(group) - 1)
    size, spacing = (*first.size, len(group)), (*first.spacing, float(step))
    direction = np.stack([*axes, normal], axis=1).ravel()
    return group, Grid(size, spacing, tuple(positions[0]), tuple(direction))


def _no_series(folder, headers):
    if headers:
        problem = "its DICOM files hold no series of slices"
        return BadInput.of(folder, problem, "give the folder of the CT series", code="no-series")
    below = sum(1 for path in folder.iterdir() if path.is_dir())
    remedy = "give the folder that holds the slices themselves"
    if below:
        remedy += f": one of its {below} sub-folders, or below?"
    return BadInput.of(folder, "the folder holds no DICOM series", remedy, code="no-series")


def _check_steps(along, name):
    steps = np.diff(along)
    usual = float(np.median(steps))
    # Two copies of all slices make half of the steps zero.
    usual = usual if usual > 0.01 else float(steps.max())
    repeated = int((steps < 0.01).sum())
    if repeated:
        problem = f"{repeated} of {len(along)} slices lie at the place of another"
        raise BadInput.of(name, problem, "leave one series in the folder, each slice once", code="slices-repeated")
    uneven = np.flatnonzero(np.abs(steps - usual) > _UNEVEN * usual)
    if len(uneven):
        where = ", ".join(f"{steps[n]:.2f} mm between slices {n + 1} and {n + 2}" for n in uneven[:3])
        more = f", and {len(uneven) - 3} more" if len(uneven) > 3 else ""
        missing = int(np.rint(steps[uneven] / usual - 1).clip(0).sum())
        problem = f"slices are not equally spaced: {usual:.2f} mm apart, but {where}{more}"
        problem += f"; {missing} missing?" if missing else ""
        raise BadInput.of(name, problem, "export the series again with all its slices", code="slices-uneven")


def _check_tilt(positions, along, axes, spacing, name):
    """Slices that move sideways make a sheared grid, which neither ITK nor a mask drawn in ITK-SNAP can hold."""
    offset = (positions - positions[0]) @ axes.T
    if (np.abs(offset) <= _SIDEWAYS * np.array(spacing)).all():
        return
    rise = np.hypot(*offset[-1]) / (along[-1] - along[0])
    problem = f"its slices are tilted against their stack by {np.degrees(np.arctan(rise)):.1f} degrees (gantry tilt)"
    remedy = "resample it to a straight grid first (dcm2niix writes one: *_Tilt), and draw the mask on the result"
    raise BadInput.of(name, problem, remedy, code="axes-tilted")


def read_stack(group, name):
    """Read the slices of one series, in HU."""
    group, grid = stack(group, name)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(header.path) for header in group])
    remedy = "the file is damaged, or compressed in a rare way: export it again, without compression"
    with dicom.parsing(name, "pixel data of a slice cannot be decoded", remedy):
        image = reader.Execute()
    if image.GetDimension() != 3 or image.GetSize() != grid.size:
        problem = "its slices do not make one grey volume"
        raise BadInput.of(name, problem, "export the original CT series", code="not-a-volume")
    # From the headers by the standard's equation (PS3.3, C.7.6.2.1.1): ITK's guess of the step depends on its version.
    return grid.placed(image)
