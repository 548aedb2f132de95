"""Heat maps and anatomy: how much of the attribution lies in the bone, and the heat map back on the CT."""

import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch

from vcfnb import preprocessing
from vcfnb.dtl.attribution import deletion_test, grad_cam, integrated_gradients
from vcfnb.dtl.networks.slices import on_slices
from vcfnb.dtl.saved import load_model
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.preprocessing.crops import bounding_box, expanded_box, load_crops, naming, oriented, read, resize

REGIONS = ("bone", "ring", "beyond")
# The paper argues that the 6 mm around the vertebra carry the signal.
RING_MM = 6.0
METHODS = {"grad_cam": grad_cam, "integrated_gradients": integrated_gradients}


def attribution_shares(network, crops, cases, expansion, methods=tuple(METHODS), batch_size=16):
    """Proportion of the attribution in the bone, in the ring of 6 mm around it, and beyond.

    A region that the network looks at no more than at any other part of the crop has a proportion of the attribution
    equal to its proportion of the volume; ``share / volume_share`` above 1 means that it is looked at more than its
    size.

    Parameters
    ----------
    network : torch.nn.Module
    crops : array (n, 1, size, size, size)
        As :func:`vcfnb.preprocessing.crops.load_crops` made them of `cases` with `expansion`.
    cases : pandas.DataFrame
        case_id, mask (path), one row per crop in the same order.
    expansion : int
        Voxels.
    methods : sequence of {"grad_cam", "integrated_gradients"}
    batch_size : int
        Heat maps of so many cases are in memory at a time.

    Returns
    -------
    pandas.DataFrame
        case_id, method, region (bone, ring, beyond), share, volume_share: a row for each case, method and region. Both
        kinds of shares sum to 1 over the regions. Where the heat map is zero everywhere, share is NaN. For a network on
        slices, volume_share is that of the slices it sees.

    Raises
    ------
    VcfnbError
        When crops and cases differ in number, or a method is not known.
    BadInput
        After all cases were tried: every case whose mask cannot be read or is empty.
    """
    if len(crops) != len(cases):
        raise VcfnbError(
            f"{len(crops)} crops and {len(cases)} cases",
            "give one row per crop, in the same order",
            code="length-mismatch",
        )
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise VcfnbError(
            f"method {unknown[0]!r} is not known", f"choose from {', '.join(METHODS)}", code="unknown-choice"
        )
    rows, problems = [], []
    records = cases[["case_id", "mask"]].to_dict("records")
    for start in range(0, len(records), batch_size):
        batch = slice(start, start + batch_size)
        heatmaps = {name: METHODS[name](network, crops[batch], batch_size=batch_size) for name in methods}
        for index, case in enumerate(records[batch]):
            try:
                with naming(case, "mask"):
                    parts = region_parts(oriented(read(case["mask"])), expansion, np.shape(crops)[-1])
            except BadInput as error:
                problems += error.rows()
                continue
            for name in methods:
                rows += _rows(case["case_id"], name, heatmaps[name][index], parts, network)
    if problems:
        raise BadInput(problems)
    return pd.DataFrame(rows, columns=["case_id", "method", "region", "share", "volume_share"])


def _rows(case_id, method, heatmap, parts, network):
    seen = _seen(network, heatmap.shape)
    heat = np.einsum("rzyx,zyx->r", parts, heatmap, dtype=np.float64)
    volume = np.einsum("rzyx,zyx->r", parts, seen, dtype=np.float64)
    share = heat / heat.sum() if heat.sum() > 0 else np.full(len(REGIONS), np.nan)
    named = zip(REGIONS, share, volume / volume.sum(), strict=True)
    return [(case_id, method, region, float(part), float(size)) for region, part, size in named]


def _seen(network, shape):
    """How often the network sees each voxel: once, or once for each slice that it lies on."""
    if network.n_slices == 1:
        return np.ones(shape)
    return on_slices(torch.ones(network.n_slices, *shape[1:]))[0].numpy()


def region_parts(mask, expansion, size):
    """Where in the network's input the bone is, the ring around it, and the rest: float32 (3, size, size, size).

    Bone is the mask (in LPS orientation, see :func:`vcfnb.preprocessing.crops.oriented`), ring is at most 6 mm from the
    centre of its nearest voxel. A resized voxel may belong to several in parts, which sum to 1.
    """
    array = sitk.GetArrayFromImage(mask)
    tight = tuple(map(slice, *bounding_box(array)))
    # The whole mask is in its box, so distances are right within the crop, even beyond the image's border.
    inside = np.pad(array[tight] != 0, expansion)
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing(mask.GetSpacing())
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    ring = ~inside & (sitk.GetArrayViewFromImage(distance) <= RING_MM + 1e-4)
    bone, ring = resize(inside, size), resize(ring, size)
    return np.stack([bone, ring, np.maximum(1 - bone - ring, 0)])


def heatmap_image(heatmap, image, mask, expansion):
    """Put a heat map (size, size, size) of the network's input back on the CT; zero outside the crop.

    `image` and `mask` (paths or images) are the preprocessed ones that the crop was made of, on one grid, in any
    orientation. Returns an image of float32, for ``vcfnb.view(image, mask, heatmap)``; what lay beyond the CT is left
    out. Raises VcfnbError when a file cannot be read, the grids differ, or the mask is empty.
    """
    code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines
    image, mask = read(image), sitk.GetArrayFromImage(oriented(read(mask)))
    turned = oriented(image)
    volume = np.zeros(turned.GetSize()[::-1], dtype=np.float32)
    if mask.shape != volume.shape:
        raise VcfnbError(
            f"image {volume.shape} and mask {mask.shape} differ in size", "put both on one grid", code="grid-mismatch"
        )
    start, stop = expanded_box(mask, expansion)
    low, high = np.maximum(start, 0), np.minimum(stop, volume.shape)
    kept = tuple(map(slice, low - start, high - start))
    volume[tuple(map(slice, low, high))] = resize(heatmap, stop - start)[kept]
    placed = sitk.GetImageFromArray(volume)
    placed.CopyInformation(turned)
    placed = sitk.DICOMOrient(placed, code(image.GetDirection()))
    # Turning there and back may leave rounding in the geometry.
    placed.CopyInformation(image)
    return placed


def heatmaps(run, expansion, cases, regression=None):
    """Grad-CAM of some cases (case_id, label, score) of a finished study by one expansion's final network.

    It explains a regression on the network's features (:meth:`vcfnb.dtl.SavedNetwork.answering_as`), or the network's
    own classifier.

    Returns one dict per case, as :func:`vcfnb.figures.grad_cam_examples` takes them: case_id, label, score, expansion,
    and the SimpleITK images image (HU), mask and heatmap on one grid.
    """
    network, x, files = _of_study(run, expansion, cases["case_id"], regression)
    records, found = cases[["case_id", "label", "score"]].to_dict("records"), []
    for case, file, heat in zip(records, files.to_dict("records"), grad_cam(network, x), strict=True):
        image, mask = sitk.ReadImage(file["image"]), sitk.ReadImage(file["mask"])
        heatmap = heatmap_image(heat, image, mask, expansion)
        found.append(case | {"expansion": expansion, "image": image, "mask": mask, "heatmap": heatmap})
    return found


def heatmaps_tested(run, expansion, case_ids, regression=None):
    """The deletion test of the cases' :func:`heatmaps`: case_id, hot, random (:func:`vcfnb.dtl.deletion_test`)."""
    network, x, files = _of_study(run, expansion, case_ids, regression)
    table = deletion_test(network, x, grad_cam(network, x))
    table.insert(0, "case_id", files["case_id"].to_numpy())
    return table


def _of_study(run, expansion, case_ids, regression):
    """What is explained, its input of some cases, and their files."""
    window, settings = run.settings("preprocessing"), run.settings("dtl")
    files = preprocessing.cases(run.step("preprocessing"), case_ids)
    x = load_crops(files, expansion, settings["input_size"], window["window_level"], window["window_width"])
    saved = load_model(run.needs("dtl", f"expansion_{expansion:02d}", "model.safetensors"))
    return saved.answering_as(regression), x, files
