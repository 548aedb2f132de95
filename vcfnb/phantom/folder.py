"""A folder of images and masks plus cohort.csv, exactly as a user's own cohort looks."""

from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from vcfnb import images, runs
from vcfnb.errors import VcfnbError
from vcfnb.phantom import dicom, patients, readers, scanner, scene
from vcfnb.phantom.canvas import FIELD_MM
from vcfnb.runs.cache import cached, key_of

_COLUMNS = ["patient_id", "case_id", "image", "mask", "label", "age", "sex", "bmd", "level", "site"]
_SUFFIXES = {"nifti": ".nii.gz", "dicom": ""}


def simulate_cohort(
    folder,
    n_patients=60,
    seed=1,
    acute_fraction=0.65,
    n_repeat_segmentations=None,
    voxel_mm=(0.7, 0.7, 1.0),
    difficulty=1.0,
    signs=None,
    several_vertebrae=0.0,
    n_sites=1,
    metal=0.0,
    image_format="nifti",
    cores=None,
):
    """Write a simulated cohort. Its numbers say nothing about patients.

    Parameters
    ----------
    folder : path
        Gets ``images/``, ``masks/`` and ``cohort.csv`` with a ``site`` that starts with "simulated"; besides,
        ``truth.csv`` (what no cohort of patients tells: how strongly each sign shows, traits of patient and scanner,
        and the deformity) and ``made/`` (notes by which an interrupted simulation goes on).
    seed : int
        The same seed gives the same files, whatever the number of workers.
    n_repeat_segmentations : int, optional
        Patients whose masks are drawn again by reader A and by reader B; None: all.
    image_format : {"nifti", "dicom"}
        A file, or a folder with a DICOM series of sagittal slices, an image; masks are NIfTI.
    n_patients, acute_fraction, voxel_mm, difficulty, signs, several_vertebrae, n_sites, metal
        As in :class:`vcfnb.params.CohortParams`.
    cores : int, optional

    Returns
    -------
    pandas.DataFrame
        cohort.csv as it was written.

    Raises
    ------
    VcfnbError
        An unknown sign, a value out of range, or fewer than two patients of a class.
    """
    signs = dict(signs or {})
    _check(signs, several_vertebrae, n_sites, metal, image_format)
    # Worker processes may have been started in another folder.
    folder = Path(folder).resolve()
    table = draw_cohort(n_patients, seed, acute_fraction, difficulty, several_vertebrae, n_sites, metal)
    for sign, factor in signs.items():
        table[sign] = table[sign] * factor
    number = table["patient_id"].factorize()[0]
    spacing = tuple(map(float, voxel_mm))
    again = number < (n_patients if n_repeat_segmentations is None else n_repeat_segmentations)
    work = partial(_write_case, folder=folder, seed=seed, spacing=spacing, image_format=image_format)
    jobs = list(zip(number.tolist(), again.tolist(), table.to_dict("records"), strict=True))
    for _ in runs.parallel_map(work, jobs, cores, desc="simulating"):
        pass
    table["image"] = [f"images/{case}{_SUFFIXES[image_format]}" for case in table["case_id"]]
    table["mask"] = [f"masks/{case}_a.nii.gz" for case in table["case_id"]]
    again = table["case_id"].where(again)
    table["mask_reader_a2"] = again.map(lambda case: f"masks/{case}_a2.nii.gz", na_action="ignore")
    table["mask_reader_b"] = again.map(lambda case: f"masks/{case}_b.nii.gz", na_action="ignore")
    runs.write_csv(table[[*_COLUMNS, "mask_reader_a2", "mask_reader_b"]], folder / "cohort.csv")
    runs.write_csv(table[["case_id", *patients.SIGNS, *patients.TRAITS, *patients.DEFORMITY]], folder / "truth.csv")
    return table[[*_COLUMNS, "mask_reader_a2", "mask_reader_b"]]


def draw_cohort(n_patients, seed, acute_fraction, difficulty, several_vertebrae, n_sites, metal):
    """The cases of a simulated cohort, before any image is made; parameters as :func:`simulate_cohort`."""
    n_acute = round(acute_fraction * n_patients)
    if min(n_acute, n_patients - n_acute) < 2:
        problem = f"{n_acute} acute of {n_patients} patients"
        raise VcfnbError(problem, "give at least two of each class", code="too-few-patients")
    rng = np.random.default_rng([seed, 0])
    return patients.draw_patients(n_patients, acute_fraction, difficulty, rng, several_vertebrae, n_sites, metal)


def _check(signs, several_vertebrae, n_sites, metal, image_format):
    unknown = set(signs) - set(patients.SIGNS)
    if unknown:
        problem = f"unknown sign {', '.join(sorted(unknown))}"
        raise VcfnbError(problem, f"known: {', '.join(patients.SIGNS)}", code="unknown-choice")
    for sign, factor in signs.items():
        if not 0 <= factor < np.inf:
            raise VcfnbError(f"sign {sign} has the factor {factor}", "give 0 (without it) or more", code="out-of-range")
    for name, share in (("several_vertebrae", several_vertebrae), ("metal", metal)):
        if not 0 <= share <= 1:
            raise VcfnbError(f"{name} is {share}", "give a proportion of patients, from 0 to 1", code="out-of-range")
    if n_sites not in (1, 2):
        raise VcfnbError(f"n_sites is {n_sites}", "give 1 or 2", code="out-of-range")
    if image_format not in _SUFFIXES:
        problem = f"image_format is {image_format!r}"
        raise VcfnbError(problem, f"give one of {', '.join(_SUFFIXES)}", code="unknown-choice")


def simulate_case(patient, spacing, seed, repeat=True):
    """Image (int16) and masks (uint8, by reader) of one fractured vertebra, (z, y, x); `spacing` is (z, y, x), mm.

    Without `repeat`, the only mask is reader A's.

    `patient` is a row of :func:`vcfnb.phantom.patients.draw_patients`; what is left out is that of
    :data:`vcfnb.phantom.patients.DEFAULTS`.
    """
    patient = patients.DEFAULTS | patient
    made = scene.build(patient, spacing, np.random.default_rng([*seed, 0]))
    image = scanner.scan(made.hu, spacing, patient, np.random.default_rng([*seed, 1]))
    return image, readers.draw_masks(made.body, spacing, np.random.default_rng([*seed, 2]), repeat)


def _write_case(numbered, folder, seed, spacing, image_format):
    number, again, patient = numbered
    in_plane_y, in_plane_z, slices = spacing
    spacing_zyx = (in_plane_z, in_plane_y, slices)
    case = patient["case_id"]
    inputs = [number, again, patient, seed, spacing, image_format]
    path = folder / "images" / f"{case}{_SUFFIXES[image_format]}"
    drawn_by = readers.READERS if again else ["a"]
    masks = {reader: folder / "masks" / f"{case}_{reader}.nii.gz" for reader in drawn_by}

    def make():
        image, drawn = simulate_case(patient, spacing_zyx, [seed, patient["vertebra"], number], again)
        if image_format == "dicom":
            dicom.write_series(
                image, spacing_zyx, [low for low, _ in FIELD_MM], path, patient, key_of("vcfnb.phantom", *inputs)
            )
        else:
            _write(image, spacing_zyx, path)
        for reader, mask in drawn.items():
            _write(mask, spacing_zyx, masks[reader])

    # An interrupted simulation goes on: a case that was made by this code from these values stays.
    cached(folder / "made" / f"{case}.json", "vcfnb.phantom", inputs, make, [path, *masks.values()])


def _write(array, spacing, path):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing[::-1])
    image.SetOrigin([low for low, _ in FIELD_MM[::-1]])
    images.write_image(image, path)
