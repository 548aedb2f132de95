"""One new case, taken the way of the study: check, preprocessing, radiomics, network."""

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

from vcfnb.errors import BadInput
from vcfnb.fusion.training_cohort import fingerprint
from vcfnb.params import DtlParams, PreprocessingParams, RadiomicsParams


@dataclass(frozen=True)
class ExtractedCase:
    """What is known of a case before a model is applied to it.

    Attributes
    ----------
    features : pandas.DataFrame
        One row: radiomic and deep features, and the simple measurements of the baseline.
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
    heatmap: sitk.Image | None


def extract_case(model, image, mask, mask_label=None, heat=False, check=True, mask_scheme=None, mask_body=None):
    """Features of one case as the study computes them, by way of the same files.

    Parameters
    ----------
    model : SavedModel
    image, mask : path or SimpleITK.Image
    mask_label, mask_scheme, mask_body : optional
        As in cohort.csv.
    heat : bool
        Compute the heat map, too.
    check : bool
        Check image and mask as ``./vcfnb.sh check`` does; False where a whole cohort was checked before.

    Returns
    -------
    ExtractedCase

    Raises
    ------
    BadInput
        When image or mask cannot be used: everything that is wrong with them.
    """
    from vcfnb import dtl, images, preprocessing

    with tempfile.TemporaryDirectory(prefix="vcfnb-") as folder:
        folder = Path(folder)
        files = {"image": _path(image, folder / "image.nrrd"), "mask": _path(mask, folder / "mask.nrrd")}
        roi = {"mask_label": mask_label, "mask_scheme": mask_scheme, "mask_body": mask_body}
        table = pd.DataFrame([{"case_id": "case", "patient_id": "case"} | files | roi])
        notes = _checked(table) if check else []
        settings = PreprocessingParams(**model.settings["preprocessing"])
        quality = preprocessing.preprocess_cohort(table, folder, settings, [model.expansion], cores=1).iloc[0].to_dict()
        if quality.get("warnings"):
            notes.append(f"Quality: {quality['warnings']}")
        cases = preprocessing.cases(folder, ["case"])
        features, network, crop = _features(model, cases, settings)
        image, mask = (sitk.ReadImage(cases[kind][0]) for kind in ("image", "mask"))
        given = fingerprint(images.read_image(files["image"]))
    heatmap = dtl.heatmap_image(dtl.grad_cam(network, crop)[0], image, mask, model.expansion) if heat else None
    return ExtractedCase(features, quality, notes, given, image, mask, heatmap)


def _checked(table):
    """Warnings of the checks, in words."""
    from vcfnb import cohort

    problems = cohort.check_files(table, cores=1)
    errors = problems[problems["severity"] == "error"]
    if len(errors):
        raise BadInput(errors.assign(case_id=""))
    return [f"Check: {row.problem} -> {row.remedy}" for row in problems.itertuples()]


def _features(model, cases, settings):
    """One row of radiomic and deep features, the network that is explained, and what it saw."""
    from vcfnb import dtl, radiomics
    from vcfnb.preprocessing import crops

    extraction = radiomics.Settings.from_params(RadiomicsParams(**model.settings["radiomics"]))
    values = radiomics.extract_features(cases["image"][0], cases["mask"][0], extraction)
    known = {name: value for name, value in model.settings["dtl"].items() if name != "seed"}
    window = settings.window_level, settings.window_width
    crop = crops.load_crops(cases, model.expansion, DtlParams(**known).input_size, *window, cores=1)
    saved = dtl.load_model(model.network)
    deep, _ = saved.features_and_scores(crop)
    names = [f"dtl_{dimension:03d}" for dimension in range(deep.shape[1])]
    tables = [values.to_frame().T.reset_index(drop=True), pd.DataFrame(deep, columns=names)]
    # A mask in which no height can be measured has no baseline.
    with contextlib.suppress(BadInput):
        measured = radiomics.simple_measurements(tables[0].assign(case_id=cases["case_id"]), cases, cores=1)
        tables.append(measured.drop(columns="case_id"))
    both = pd.concat(tables, axis=1)
    # ComBat would stand between the network's features and the regression.
    explained = None if model.harmonisation else model.models["dtl"]
    return both.astype(float), saved.answering_as(explained), crop


def _path(given, path):
    """Path of an image; one in memory is written first."""
    if isinstance(given, sitk.Image):
        sitk.WriteImage(given, str(path))
        return str(path)
    return str(given)
