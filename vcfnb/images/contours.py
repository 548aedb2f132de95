"""Contours of a DICOM RTSTRUCT, filled on the voxels of a CT, in physical space.

rt-utils, the usual reader, has had no release since January 2023, needs the DICOM series beside the file, answers in
the order of its arrays, and exchanges the two spacings of pixels that are not square.
"""

import numpy as np
import pydicom
from matplotlib.path import Path as Polygon

from vcfnb.errors import BadInput
from vcfnb.images import dicom
from vcfnb.images.grids import GRID_TOLERANCE, Grid
from vcfnb.images.multiframe import choose_part

# How far, in voxels, a contour may lie from the plane of its slice: programs round coordinates.
_OFF_PLANE = 0.1
_DRAW = "draw the ROI, or leave the case out"
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


def read_contours(path, image, label=None):
    """Fill one structure's contours on the voxels of an image: a mask of uint8, 1 inside; errors are BadInput.

    A voxel is inside when its centre lies within an odd number of the contours of its slice, so that a contour in
    another cuts a hole (CLOSEDPLANAR_XOR of PS3.3, C.8.8.6.3), or on one of them: programs that trace voxels draw
    through the centres of those at the edge.
    """
    grid = Grid.of(image)
    contours = [grid.index(contour) for contour in _read(path, label)]
    axis, contours = _planes(contours, grid, path)
    inside = np.zeros(grid.size[::-1], np.uint8)
    # Views with the stacking axis first and the two others in the order y, x of a picture.
    slices = np.moveaxis(inside, 2 - axis, 0)
    for number, polygons in contours.items():
        _fill(slices[number], polygons)
    if not inside.any():
        raise BadInput.of(path, "its contours hold no voxel of the image", _DRAW, code="mask-empty")
    return grid.placed(inside)


def _read(path, label):
    with dicom.parsing(path, "the DICOM structure set cannot be read"):
        data = pydicom.dcmread(path)
        names = {int(item.ROINumber): str(item.get("ROIName", "")) for item in data.StructureSetROISequence}
        stored = {int(item.ReferencedROINumber): item for item in data.ROIContourSequence}
        chosen = stored.get(choose_part(names, label, path, "structure"))
        items = [] if chosen is None else chosen.get("ContourSequence") or []
        closed = [item for item in items if item.get("ContourGeometricType") in _CLOSED]
        points = [np.array(item.ContourData, dtype=float).reshape(-1, 3) for item in closed]
    points = [contour for contour in points if len(contour) > 2]
    if not points:
        raise BadInput.of(path, "the structure has no closed contours", _DRAW, code="mask-empty")
    return points


def _planes(contours, grid, path):
    """The axis along which contours are stacked, and their points in the two other axes by slice."""
    spread = np.max([np.ptp(contour, axis=0) for contour in contours], axis=0)
    axis = int(spread.argmin())
    levels = np.array([contour[:, axis].mean() for contour in contours])
    slices = np.rint(levels).astype(int)
    if spread[axis] > _OFF_PLANE or np.abs(levels - slices).max() > _OFF_PLANE:
        problem = "its contours do not lie in the planes of the image's slices"
        remedy = "give the CT series on which they were drawn, or export the mask as NIfTI"
        raise BadInput.of(path, problem, remedy, code="contours-off-slices")
    points = np.concatenate(contours)
    # Up to the outer faces of the outermost voxels.
    out = ((points < -0.5 - GRID_TOLERANCE) | (points > np.array(grid.size) - 0.5 + GRID_TOLERANCE)).any(axis=1)
    if out.any() or not 0 <= slices.min() <= slices.max() < grid.size[axis]:
        problem = f"{np.count_nonzero(out) or 'some'} of its {len(points)} points lie outside the image"
        raise BadInput.of(path, problem, "check that image and contours belong together", code="mask-outside-image")
    empty = sorted(set(range(slices.min(), slices.max() + 1)) - set(slices))
    if empty:
        problem = f"no contour on {len(empty)} slice(s) between its first and its last"
        remedy = "interpolate between slices in the drawing program, and export again"
        raise BadInput.of(path, problem, remedy, code="contours-missing")
    others = [n for n in range(3) if n != axis]
    by_slice = {}
    for number, contour in zip(slices, contours, strict=True):
        by_slice.setdefault(int(number), []).append(contour[:, others])
    return axis, by_slice


def _fill(picture, polygons):
    """Set the pixels of a picture (view, rows y, columns x) that lie in an odd number of polygons, or on one."""
    rows, columns = picture.shape
    corners = np.concatenate(polygons)
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, None)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (columns, rows))
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    centres = np.column_stack([x.ravel(), y.ravel()])
    odd = np.zeros(len(centres), bool)
    for polygon in polygons:
        odd ^= Polygon(np.vstack([polygon, polygon[:1]]), closed=True).contains_points(centres)
    picture[low[1] : high[1], low[0] : high[0]] = odd.reshape(x.shape)
    for polygon in polygons:
        for start, end in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            _draw(picture, start, end)


def _draw(picture, start, end):
    """Set the pixels whose centre lies on an edge, within the grid's tolerance."""
    low = np.ceil(np.minimum(start, end) - GRID_TOLERANCE).astype(int).clip(0)
    high = np.floor(np.maximum(start, end) + GRID_TOLERANCE).astype(int)
    x, y = np.meshgrid(
        *[np.arange(a, min(b, n - 1) + 1) for a, b, n in zip(low, high, picture.shape[::-1], strict=True)]
    )
    away, edge = np.stack([x.ravel() - start[0], y.ravel() - start[1]], axis=1), end - start
    share = np.clip(away @ edge / max(float(edge @ edge), 1e-12), 0, 1)
    near = np.hypot(*(away - share[:, None] * edge).T) <= GRID_TOLERANCE
    picture[y.ravel()[near], x.ravel()[near]] = 1
