"""One new case, taken the way of the study: check, preprocessing, radiomics, network."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

from vcfnb.errors import BadInput
from vcfnb.fusion.training_cohort import fingerprint
from vcfnb.params import DtlParams, PreprocessingParams, RadiomicsParams


@dataclass(frozen=True)
class Examined:
    """What is known of a case before a model judges it.

    Attributes
    ----------
    features : pandas.DataFrame
        One row: radiomic and deep features.
    quality : dict
        As a row of 01_preprocessing/qc.csv.
    notes : list of str
        Warnings of the checks.
    fingerprint : str
        Of the image as it was given (:func:`vcfnb.fusion.fingerprint`).
    image, mask : SimpleITK.Image
        Preprocessed: HU and ROI on one grid.
    heatmap : SimpleITK.Image or None
        Grad-CAM of the network's own answer on that grid.
    """

    features: pd.DataFrame
    quality: dict
    notes: list
    fingerprint: str
    image: sitk.Image
    mask: sitk.Image
    heatmap: sitk.Image | None = None


def examine(model, image, mask, mask_label=None, heat=False, check=True):
    """Features of one case as the study computes them, by way of the same files.

    Parameters
    ----------
    model : SavedModel
    image, mask : path or SimpleITK.Image
    mask_label : int or str, optional
    heat : bool
        Compute the heat map, too.
    check : bool
        Check image and mask as ``python -m vcfnb check`` does; False where a whole cohort was checked before.

    Returns
    -------
    Examined

    Raises
    ------
    BadInput
        When image or mask cannot be used: everything that is wrong with them.
    """
    with tempfile.TemporaryDirectory(prefix="vcfnb-") as folder:
        folder = Path(folder)
        case = {
            "case_id": "case",
            "patient_id": "case",
            "image": _path(image, folder / "image.nrrd"),
            "mask": _path(mask, folder / "mask.nrrd"),
            "mask_label": mask_label,
        }
        notes = _checked(case) if check else []
        found = _examined(model, pd.DataFrame([case]), folder, heat)
        warnings = found.quality.get("warnings")
        return replace(found, notes=notes + ([f"Quality: {warnings}"] if warnings else []))


def _checked(case):
    from vcfnb import cohort

    problems = cohort.check_files(pd.DataFrame([case]), cores=1)
    errors = problems[problems["severity"] == "error"]
    if len(errors):
        raise BadInput(errors.assign(case_id=""))
    return [f"Check: {row.problem} -> {row.remedy}" for row in problems.itertuples()]


def _examined(model, table, folder, heat):
    from vcfnb import dtl, images, preprocessing, radiomics
    from vcfnb.preprocessing import crops

    settings = PreprocessingParams(**model.settings["preprocessing"])
    quality = preprocessing.preprocess_cohort(table, folder, settings, [model.expansion], cores=1).iloc[0].to_dict()
    cases = preprocessing.cases(folder, ["case"])
    extraction = radiomics.Settings.from_params(RadiomicsParams(**model.settings["radiomics"]))
    values = radiomics.extract_features(cases["image"][0], cases["mask"][0], extraction)
    size = DtlParams(**_without_seed(model.settings["dtl"])).input_size
    crop = crops.load_crops(cases, model.expansion, size, settings.window_level, settings.window_width, cores=1)
    saved = dtl.load_model(model.network)
    deep, _ = saved.features_and_scores(crop)
    names = [f"dtl_{dimension:03d}" for dimension in range(deep.shape[1])]
    both = pd.concat([values.to_frame().T.reset_index(drop=True), pd.DataFrame(deep, columns=names)], axis=1)
    image, mask = (sitk.ReadImage(cases[kind][0]) for kind in ("image", "mask"))
    heatmap = None
    if heat:
        heatmap = dtl.heatmap_image(dtl.grad_cam(saved.network, crop)[0], image, mask, model.expansion)
    given = images.read_image(table["image"][0])
    return Examined(both.astype(float), quality, [], fingerprint(given), image, mask, heatmap)


def _without_seed(values):
    return {name: value for name, value in values.items() if name != "seed"}


def _path(given, path):
    """Path of an image; one in memory is written first."""
    if isinstance(given, sitk.Image):
        sitk.WriteImage(given, str(path))
        return str(path)
    return str(given)
