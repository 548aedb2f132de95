"""Where voxels lie: compare the grids of images in physical space, and bring a mask onto its image's grid."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from vcfnb.errors import BadInput, VcfnbError

# How far, in voxels, two grids may be apart anywhere in the image and still count as one.
GRID_TOLERANCE = 0.02


@dataclass(frozen=True)
class Grid:
    """Where the voxels of an image lie; can be known from a header alone.

    Size (voxels), spacing and origin (mm; the middle of the first voxel) are x y z; direction is row by row, as
    SimpleITK keeps it: column j is the direction of axis j.
    """

    size: tuple
    spacing: tuple
    origin: tuple
    direction: tuple

    @classmethod
    def of(cls, source):
        """Grid of a SimpleITK image, or of a SimpleITK reader that has read a header."""
        if isinstance(source, cls):
            return source
        parts = source.GetSize(), source.GetSpacing(), source.GetOrigin(), source.GetDirection()
        return cls(*(tuple(part) for part in parts))

    @property
    def matrix(self):
        """3 x 3: voxel index (x y z) to mm, without the origin."""
        return np.reshape(self.direction, (3, 3)) * self.spacing

    def index(self, places):
        """Continuous voxel index (n, 3) of places (n, 3) in mm."""
        return np.linalg.solve(self.matrix, (np.asarray(places, dtype=float) - self.origin).T).T

    def places(self, index):
        """Places (n, 3) in mm of voxel indices (n, 3)."""
        return np.asarray(index, dtype=float) @ self.matrix.T + self.origin

    def placed(self, image):
        """A SimpleITK image, or an array (z, y, x), put on this grid."""
        image = image if isinstance(image, sitk.Image) else sitk.GetImageFromArray(image)
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def __str__(self):
        axes = ", ".join(f"{value + 0.0:.3g}" for value in self.direction)
        origin = ", ".join(f"{value:.4g}" for value in self.origin)
        return f"{self.extent} from ({origin}), axes ({axes})"

    @property
    def extent(self):
        """Size and spacing in words."""
        size, spacing = " x ".join(map(str, self.size)), " x ".join(f"{value:.4g}" for value in self.spacing)
        return f"{size} voxels of {spacing} mm"


def same_grid(a, b):
    """Whether two images have the same voxels: size, and every corner within 0.02 voxel of the other's."""
    a, b = Grid.of(a), Grid.of(b)
    return a.size == b.size and _deviation(a, b, np.eye(3), np.zeros(3)) <= GRID_TOLERANCE


def _voxels_coincide(a, b):
    """Whether the voxels of a are voxels of b's (extended) grid, up to order and direction of axes."""
    a, b = Grid.of(a), Grid.of(b)
    turn = np.linalg.solve(b.matrix, a.matrix).round()
    if not np.array_equal(np.abs(turn).sum(axis=0), np.ones(3)) or abs(round(np.linalg.det(turn))) != 1:
        return False
    shift = np.linalg.solve(b.matrix, np.subtract(a.origin, b.origin)).round()
    return _deviation(a, b, turn, shift) <= GRID_TOLERANCE


def check_fit(mask, image, name):
    """Refuse a mask (or its Grid) that cannot be brought onto its image's voxels; errors call it `name`."""
    if not same_grid(mask, image) and not _voxels_coincide(mask, image):
        problem = f"image and mask do not share a grid: image {Grid.of(image)}; mask {Grid.of(mask)}"
        to_do = "draw or export the mask on this very image, or resample it to the image's grid with nearest neighbours"
        raise BadInput.of(name, problem, to_do, code="grid-mismatch")


def on_grid(mask, image, label=None, name="mask"):
    """Bring a mask onto its image's voxels, as :func:`vcfnb.images.read_mask` does: uint8, 1 inside."""
    inside = _select(sitk.GetArrayViewFromImage(mask), label, name)
    selected = Grid.of(mask).placed(inside.view(np.uint8))
    if same_grid(selected, image):
        selected.CopyInformation(image)
        return selected
    check_fit(selected, image, name)
    moved = sitk.Resample(selected, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    n_voxels = np.count_nonzero(inside)
    lost = n_voxels - np.count_nonzero(sitk.GetArrayViewFromImage(moved))
    if lost:
        problem = f"{lost} of the mask's {n_voxels} voxels lie outside the image"
        raise BadInput.of(name, problem, "check that image and mask belong together", code="mask-outside-image")
    return moved


_LABEL = "the argument label, or the column mask_label of cohort.csv"
# More values than this are grey levels, not labels: TotalSegmentator, the longest list in use, has 117.
_MOST_LABELS = 256


def _select(values, label, name):
    # Only what is not 0 is sorted: an ROI is a small part of its image.
    inside = values != 0
    found = np.unique(values[inside])
    if not len(found):
        raise BadInput.of(name, "the mask is empty", "draw the ROI, or leave the case out", code="mask-empty")
    if len(found) > _MOST_LABELS or (found % 1 != 0).any():
        problem = f"holds {len(found)} values from {found[0]:.4g} to {found[-1]:.4g}, which are no labels"
        remedy = "give a mask of whole numbers; are image and mask exchanged?"
        raise BadInput.of(name, problem, remedy, code="mask-without-labels")
    listed = ", ".join(f"{value:g}" for value in found[:12]) + (", ..." if len(found) > 12 else "")
    if isinstance(label, str):
        problem = f"label {label!r} is a name, and this format has numbers only; the mask holds {listed}"
        raise BadInput.of(name, problem, f"give the vertebra's number: {_LABEL}", code="mask-label-unknown")
    if label is not None:
        if label not in found:
            problem = f"label {label} is not in the mask; it holds {listed}"
            raise BadInput.of(name, problem, f"give {_LABEL}", code="mask-label-unknown")
        return values == label
    if len(found) > 1:
        problem = f"the mask holds {len(found)} labels: {listed}"
        raise BadInput.of(name, problem, f"give the vertebra's: {_LABEL}", code="mask-label-needed")
    return inside


def bounding_box(mask):
    """Smallest box that holds all voxels of a mask (z, y, x): first index inside and first behind it, per axis."""
    mask = np.asarray(mask) != 0
    if not mask.any():
        raise VcfnbError("the mask is empty", "draw the ROI, or check its label value", code="mask-empty")
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return np.array([span[0] for span in spans]), np.array([span[-1] + 1 for span in spans])


def _deviation(a, b, turn, shift):
    """Largest distance, in voxels of b, between b's index and `turn` x a's index + `shift`, over a's corners."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in a.size])).reshape(3, -1)
    index = b.index(a.places(corners.T)).T
    return float(np.abs(index - (turn @ corners + shift[:, None])).max())
