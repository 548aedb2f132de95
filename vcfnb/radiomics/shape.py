"""Shape features of an ROI (definitions and values: PyRadiomics 3).

Surface and volume are those of PyRadiomics' marching cubes mesh. Both are sums over cubes of 2 x 2 x 2 voxels, of which
there are 256 kinds, and the ROI's cubes of each kind are counted. ``marching_cubes.csv`` has their triangles (Lorensen
and Cline 1987), cut as PyRadiomics cuts them. Diameters are taken between the mesh's outermost points only.
"""

import csv
from functools import cache
from pathlib import Path

import numpy as np
from numba import njit

from vcfnb.radiomics.settings import SHAPE


@cache
def _triangles():
    """Kind and corners (n, 3, 3; z, y, x, voxels) of the triangles of all kinds of cubes, oriented outwards.

    Voxel i of a cube (bit i of its kind) lies at z = i // 4, y = i // 2 % 2, x = i % 2. The file has a corner as three
    digits, in half voxels.
    """
    with Path(__file__).with_name("marching_cubes.csv").open(encoding="utf-8", newline="") as file:
        found = [(int(row["kind"]), one) for row in csv.DictReader(file) for one in row["triangles"].split()]
    corners = np.array([[int(digit) for digit in one] for _, one in found]).reshape(-1, 3, 3) / 2
    return np.array([kind for kind, _ in found]), corners


def _cubes(spacing):
    """Of each kind of cube the surface (mm2), and its part of the volume (voxels): at the origin, and more per step."""
    kinds, corners = _triangles()

    def crossed(places):
        return np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])

    def summed(values):
        return np.bincount(kinds, values, minlength=256)

    area = summed(np.linalg.norm(crossed(corners * spacing), axis=1) / 2)
    volume = summed(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)
    return area, volume, np.stack([summed(part) for part in crossed(corners).T / 6], axis=1)


@njit(cache=True)
def _mesh(mask, area, volume, per_step):
    """Surface and volume of the mesh around a mask with a border of zeros."""
    surface, total = 0.0, 0.0
    for z in range(mask.shape[0] - 1):
        for y in range(mask.shape[1] - 1):
            for x in range(mask.shape[2] - 1):
                kind = 0
                for i in range(8):
                    if mask[z + i // 4, y + i // 2 % 2, x + i % 2]:
                        kind |= 1 << i
                if kind:
                    surface += area[kind]
                    total += volume[kind] + per_step[kind, 0] * z + per_step[kind, 1] * y + per_step[kind, 2] * x
    return surface, total


def _line_ends(mask):
    """Outermost mesh points of every line along x, in half voxels: (n, 3) as z, y, x.

    Mesh points are the middles of voxel edges that cross the outline. The farthest of any points, in space or in a
    plane that holds the line, are ends of such lines.
    """
    size, points = 2 * np.array(mask.shape), []
    for axis in range(3):
        index = np.argwhere(np.diff(mask, axis=axis)) * 2
        index[:, axis] += 1
        points.append(np.ravel_multi_index(tuple(index.T), size))
    points = np.sort(np.concatenate(points))
    new_line = np.diff(points // size[2]) != 0
    ends = np.r_[True, new_line] | np.r_[new_line, True]
    return np.stack(np.unravel_index(points[ends], size), axis=1)


@njit(cache=True)
def _farthest(points, planes, reach):
    """Largest distance between two points of one plane.

    The points of a plane follow each other, those far from the centre (`reach`) first: two points are no farther
    from each other than both are from the centre, so that most pairs need no look.
    """
    square, largest = 0.0, 0.0
    for i in range(len(points)):
        z, y, x = points[i]
        for j in range(i + 1, len(points)):
            if planes[j] != planes[i] or reach[i] + reach[j] < largest:
                break
            distance = (points[j, 0] - z) ** 2 + (points[j, 1] - y) ** 2 + (points[j, 2] - x) ** 2
            if distance > square:
                square = distance
                largest = np.sqrt(square)
    return largest


def _diameter(points, spacing, axis=None):
    """Largest distance (mm) of points in half voxels, of all or of those in planes perpendicular to an axis."""
    places = points * (spacing / 2)
    reach = np.linalg.norm(places - places.mean(axis=0), axis=1)
    planes = np.zeros(len(points), dtype=np.int64) if axis is None else points[:, axis]
    order = np.lexsort((-reach, planes))
    return _farthest(places[order], planes[order], reach[order])


def shape_features(mask, spacing, ddof=0):
    """14 features in the order of settings.SHAPE, of an ROI in its bounding box; spacing in mm (z, y, x).

    The axes are those of the voxels' covariance, a sum divided by their number less `ddof`.
    """
    mask = np.pad(mask, 1)
    spacing = tuple(map(float, spacing))
    surface, volume = _mesh(mask, *_cubes(spacing))
    volume *= float(np.prod(spacing))
    along_x, step = _line_ends(mask), np.array(spacing)
    # Planes of constant x hold no line along x, but lines along y.
    along_y = _line_ends(mask.transpose(2, 0, 1))[:, [1, 2, 0]]
    places = np.argwhere(mask) * step
    places = (places - places.mean(axis=0)) / np.sqrt(len(places) - ddof)
    axes = np.linalg.eigvals(places.T.copy() @ places)
    axes[(axes < 0) & (axes > -1e-10)] = 0
    least, minor, major = np.sort(axes)
    values = {
        "Elongation": np.sqrt(minor / major),
        "Flatness": np.sqrt(least / major),
        "LeastAxisLength": 4 * np.sqrt(least),
        "MajorAxisLength": 4 * np.sqrt(major),
        "Maximum2DDiameterColumn": _diameter(along_x, step, 1),
        "Maximum2DDiameterRow": _diameter(along_y, step, 2),
        "Maximum2DDiameterSlice": _diameter(along_x, step, 0),
        "Maximum3DDiameter": _diameter(along_x, step),
        "MeshVolume": volume,
        "MinorAxisLength": 4 * np.sqrt(minor),
        "Sphericity": (36 * np.pi * volume**2) ** (1 / 3) / surface,
        "SurfaceArea": surface,
        "SurfaceVolumeRatio": surface / volume,
        "VoxelVolume": np.count_nonzero(mask) * float(np.prod(spacing)),
    }
    return np.array([values[name] for name in SHAPE])
