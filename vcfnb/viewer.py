"""Look at a case: CT with its mask, and a heatmap where there is one."""

import SimpleITK as sitk

from vcfnb import images
from vcfnb.plots.pictures import Volume, three_planes


def view(image, mask=None, heatmap=None, level=500, width=1200):
    """Picture of a case: sagittal, coronal and axial slice through the middle of the mask, with its contour.

    Parameters
    ----------
    image : path, SimpleITK.Image or array (z, y, x) in LPS orientation
        CT, HU.
    mask : path, SimpleITK.Image or array, optional
        ROI, non-zero inside.
    heatmap : SimpleITK.Image or array, optional
        On the image's grid, non-negative, such as an attribution.
    level, width : float
        Window, HU (paper: 500, 1200).

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    BadInput
        A file cannot be read, or mask and image do not fit.
    VcfnbError
        Arrays differ in size.
    """
    if isinstance(image, str) or hasattr(image, "__fspath__"):
        image = images.read_image(image)
    if isinstance(image, sitk.Image) and (isinstance(mask, str) or hasattr(mask, "__fspath__")):
        mask = images.read_mask(mask, image)
    masks = {} if mask is None else {"mask": mask}
    return three_planes(Volume.of(image, masks, heatmap=heatmap), level, width)
