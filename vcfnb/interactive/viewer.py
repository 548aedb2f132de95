"""Look at a case: CT with its mask, and a heatmap where there is one."""

import os
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from vcfnb import images
from vcfnb.figures.pictures import Volume, three_planes
from vcfnb.preprocessing.crops import bounding_box

# What the browser is sent: the mask and this much around it. A whole CT would be hundreds of megabytes.
AROUND_MM = 40
_HEIGHT = 480  # of the widget, pixels


def view(image, mask=None, heatmap=None, level=500, width=1200, title="", interactive=None):
    """Show a case: in JupyterLab to turn and scroll through, and everywhere as a picture.

    In a notebook that is open in JupyterLab, a NiiVue widget with three planes and 3D appears above the picture; it
    needs no network. Headless runs (papermill, nbconvert, nbval) and scripts have the picture alone.

    Parameters
    ----------
    image, mask : path, SimpleITK.Image or array (z, y, x) in LPS orientation
        CT in HU; ROI, non-zero inside.
    heatmap : SimpleITK.Image or array, optional
        On the image's grid, non-negative, such as an attribution.
    level, width : float
        Window, HU (paper: 500, 1200).
    interactive : bool, optional
        Show the widget; by default where :func:`in_jupyterlab` says that somebody can see it.

    Returns
    -------
    matplotlib.figure.Figure
        Sagittal, coronal and axial slice through the middle of the mask, with its contour.

    Raises
    ------
    BadInput
        A file that cannot be read, or a mask on another grid.
    VcfnbError
        Arrays of different shapes.
    """
    if isinstance(image, str | os.PathLike):
        image = images.read_image(image)
    if isinstance(image, sitk.Image) and isinstance(mask, str | os.PathLike):
        mask = images.read_mask(mask, image)
    volume = Volume.of(image, {} if mask is None else {"mask": mask}, heatmap)
    if in_jupyterlab() if interactive is None else interactive:
        from IPython.display import display

        shown = widget(volume, level, width)
        if shown is not None:
            display(shown)
    return three_planes(volume, level, width, title)


def in_jupyterlab():
    """Whether this code runs in a notebook that is open in JupyterLab (or another page of a Jupyter server).

    A Jupyter server tells the kernels of open notebooks their notebook's name; papermill, nbconvert and nbval start
    kernels themselves and do not.
    """
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel") and bool(os.environ.get("JPY_SESSION_NAME"))


def widget(volume, level=500, width=1200):
    """The widget for a volume: NiiVue; else itkwidgets where it can display; None where neither is installed."""
    part = _around_mask(volume)
    layers = _layers(part)
    try:
        import ipyniivue
    except ImportError:
        return _itkwidgets(layers)
    low, high = level - width / 2, level + width / 2
    looks = {
        "ct": {"colormap": "gray", "cal_min": low, "cal_max": high},
        "mask": {"colormap": "red", "cal_min": 0.0, "cal_max": 1.0, "opacity": 0.8},
    }
    if part.heatmap is not None:
        top = max(float(part.heatmap.max()), float(np.finfo(np.float32).tiny))
        # Below a tenth of the maximum nothing is drawn, so that the CT stays visible.
        looks["heatmap"] = {"colormap": "inferno", "cal_min": 0.1 * top, "cal_max": top, "opacity": 0.6}
    shown = ipyniivue.NiiVue(
        height=_HEIGHT,
        slice_type=ipyniivue.SliceType.MULTIPLANAR,
        multiplanar_layout=ipyniivue.MultiplanarType.GRID,  # a row would leave half of the canvas black
        multiplanar_show_render=ipyniivue.ShowRender.ALWAYS,
        is_radiological_convention=True,
        sagittal_nose_left=True,  # as in the picture below
        back_color=(0, 0, 0, 1),
        crosshair_width=0.5,
    )
    shown.load_volumes(
        [{"name": f"{name}.nii.gz", "data": _nifti(layer), **looks[name]} for name, layer in layers.items()]
    )
    return shown


def _around_mask(volume):
    """The volume cut to its mask and `AROUND_MM` around it."""
    mask = volume.masks.get("mask")
    if mask is None or not np.any(mask):
        return volume
    margin = np.ceil(AROUND_MM / np.array(volume.spacing)).astype(int)
    start, stop = bounding_box(mask)
    part = tuple(slice(max(0, a - m), b + m) for a, b, m in zip(start, stop, margin, strict=True))
    heatmap = None if volume.heatmap is None else volume.heatmap[part]
    return Volume(volume.image[part], {"mask": mask[part]}, volume.spacing, heatmap)


def _layers(volume):
    """SimpleITK images of CT, outline of the mask (a filled one would hide the bone) and heatmap; what is there."""
    arrays = {"ct": volume.image}
    for name, mask in volume.masks.items():
        inside = mask != 0
        arrays[name] = (inside & ~ndimage.binary_erosion(inside)).astype(np.uint8)
    if volume.heatmap is not None:
        arrays["heatmap"] = volume.heatmap.astype(np.float32)
    layers = {}
    for name, array in arrays.items():
        layers[name] = sitk.GetImageFromArray(np.ascontiguousarray(array))
        layers[name].SetSpacing(volume.spacing[::-1])
    return layers


def _nifti(image):
    """Bytes of an image as compressed NIfTI."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.nii.gz"
        sitk.WriteImage(image, str(path))
        return path.read_bytes()


def _itkwidgets(layers):
    """itkwidgets' viewer, or None: it displays with ipywidgets 7 (classic Notebook), not in JupyterLab 4."""
    try:
        if int(version("ipywidgets").split(".")[0]) > 7:
            return None
        from itkwidgets import view as itk_view
    except (ImportError, PackageNotFoundError):
        return None
    return itk_view(layers["ct"], label_image=layers.get("mask"))
