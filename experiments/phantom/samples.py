"""The vertebrae that are compared: real ones from files, and simulated ones."""

from dataclasses import dataclass, replace

import measures
import numpy as np
import SimpleITK as sitk

from vcfnb import images, phantom
from vcfnb.phantom.folder import simulate_case

SPACING = (0.7, 0.7, 1.0)  # mm (z, y, x), as the demonstration simulates
SEED = 1
COARSE_MM = 1.5
COARSE = f"{COARSE_MM:g} mm"
FRACTURE, CONTROL = "simulated fracture", "simulated control"
# All images are cut to the phantom's field of view, mm around the middle of the body (z, y, x).
FIELD_MM = ((-39, 39), (-40, 50), (-41, 41))
# Noise is looked for further away where there is more image: in the liver, for one.
WIDE_MM = ((-90, 90), (-90, 90), (-90, 90))


@dataclass(frozen=True)
class Source:
    """A real vertebra's files, and what its mask is."""

    image: str
    mask: str
    is_vertebra: bool = False  # of the whole vertebra, from which the body has to be cut
    is_cut: bool = False  # by the image's border
    is_rough: bool = False  # the outline does not follow the cortex


REAL = {
    "L3": Source("lumbar_ct.nii.gz", "lumbar_L3_body_mask.nii.gz"),
    "L2": Source("lumbar_ct.nii.gz", "lumbar_L2_body_mask.nii.gz", is_cut=True),
    "L4": Source("lumbar_ct.nii.gz", "lumbar_L4_body_mask.nii.gz", is_cut=True),
    "T12": Source("thoracolumbar_ct.nii.gz", "thoracolumbar_T12_mask.nii.gz", is_vertebra=True),
    "T12 DICOM": Source("dicom", "dicom_T12_mask.nii.gz", is_vertebra=True, is_rough=True),
}
# L2 and L4 lie in L3's image: of them, features only.
MEASURED = ("L3", "T12", "T12 DICOM")

NO_SIGNS = dict.fromkeys(phantom.SIGNS, 0.0) | {"loss": 0.0, "kind": "wedge"}
# What is pictured: class (None: a vertebra without fracture), changes to a drawn patient.
SHOWN = {
    "L3, acute,\nsharp kernel": (1, {"level": "L3", "sharpness": 0.95, "dose": 0.3}),
    "L3, chronic,\nsmooth kernel": (0, {"level": "L3", "sharpness": 0.05, "dose": 0.8}),
    "T12, acute,\nsmooth kernel": (1, {"level": "T12", "sharpness": 0.05, "dose": 0.8}),
    "T12, no fracture,\nsharp kernel": (None, {"level": "T12", "sharpness": 0.95, "dose": 0.3}),
}
SIGNS_SHOWN = {"level": "L1", "sharpness": 0.3, "dose": 1.0, "kind": "wedge", "loss": 0.25, "age": 70}


@dataclass(frozen=True)
class Sample:
    """One vertebra, cut to the field of view.

    Attributes
    ----------
    name, group : str
        Group: "real", "simulated fracture" or "simulated control".
    image, body, vertebra : SimpleITK.Image
        LPS orientation, on one grid. The vertebra's mask is the body's where only that is drawn.
    wide : SimpleITK.Image
        More of the image where there is more.
    voxels : str
        "native" or "1.5 mm".
    """

    name: str
    group: str
    image: sitk.Image
    body: sitk.Image
    vertebra: sitk.Image
    wide: sitk.Image
    voxels: str = "native"

    @property
    def spacing(self):
        return self.image.GetSpacing()[::-1]

    def arrays(self):
        """Image (float32, HU), body and vertebra (bool)."""
        masks = (sitk.GetArrayFromImage(mask) != 0 for mask in (self.body, self.vertebra))
        return sitk.GetArrayFromImage(self.image).astype(np.float32), *masks

    def at(self, spacing_mm):
        """The same at another voxel size."""
        image, masks = images.preprocess(
            self.image, {"body": self.body, "vertebra": self.vertebra}, spacing_mm=spacing_mm, clip=False
        )
        return replace(self, image=image, **masks, wide=image, voxels=f"{spacing_mm:g} mm")


def real_samples(folder):
    """The real vertebrae whose body can be distinguished, by name."""
    samples = {}
    for name, source in REAL.items():
        image = images.read_image(folder / source.image)
        mask = images.read_mask(folder / source.mask, image)
        image, mask = sitk.DICOMOrient(image, "LPS"), sitk.DICOMOrient(mask, "LPS")
        body = mask
        if source.is_vertebra:
            found = measures.body_part(sitk.GetArrayFromImage(mask) != 0, mask.GetSpacing()[::-1])
            if found is None:
                print(f"{name}: the end of the body is not seen in the mask; left out")
                continue
            body = sitk.GetImageFromArray(found.astype(np.uint8))
            body.CopyInformation(mask)
        parts = _cut(body, FIELD_MM, image, body, mask)
        samples[name] = Sample(name, "real", *parts, *_cut(body, WIDE_MM, image))
    return samples


def _cut(body, field_mm, *parts):
    """Cut images to a field around the middle of the body, as far as they reach."""
    middle = [index.mean() for index in np.nonzero(sitk.GetArrayViewFromImage(body))]
    start, size = [], []
    for centre, step, n, (low, high) in zip(
        middle, body.GetSpacing()[::-1], body.GetSize()[::-1], field_mm, strict=True
    ):
        first, last = max(0, round(centre + low / step)), min(n, round(centre + high / step) + 1)
        start.insert(0, int(first))
        size.insert(0, int(last - first))
    return [sitk.RegionOfInterest(part, size, start) for part in parts]


def simulated(patient, number, name, group, spacing=SPACING, cut=True):
    """One simulated patient as a sample, and the Dice coefficients of reader A with A again and with B.

    `cut` centres the field of view on the body as drawn, as in real images.
    """
    array, masks = simulate_case(patient, spacing, [SEED, 1, number])
    image, body = sitk.GetImageFromArray(array), sitk.GetImageFromArray(masks["a"])
    for made in (image, body):
        made.SetSpacing(spacing[::-1])
    if cut:
        image, body = _cut(body, FIELD_MM, image, body)
    dice = {f"dice_{other}": images.dice(masks["a"], masks[other]) for other in ("a2", "b")}
    return Sample(name, group, image, body, body, image), dice


def typical(table, label):
    """Patients of a class, those first whose own signs are as strong as the class's median."""
    chosen = table[table.label == label]
    signs = [sign for sign, of_class in phantom.SIGNS.items() if of_class == ("chronic", "acute")[label]]
    strength = chosen[signs].mean(axis=1)
    return chosen.loc[(strength - strength.median()).abs().sort_values(kind="stable").index]


def shown_samples(table, spacing=SPACING):
    """The simulated vertebrae of the pictures: typical drawn patients, with another level and scanner."""
    samples = []
    for number, (caption, (label, changes)) in enumerate(SHOWN.items()):
        patient = typical(table, label or 0).iloc[number // 2].to_dict() | changes
        if label is None:
            patient |= NO_SIGNS
        samples.append(simulated(patient, 1000 + number, caption, CONTROL if label is None else FRACTURE, spacing)[0])
    return samples


def sign_samples(table, spacing=SPACING):
    """One patient without any sign, and with each sign alone at full strength; the same random numbers for all."""
    patient = typical(table, 1).iloc[0].to_dict() | SIGNS_SHOWN | dict.fromkeys(phantom.SIGNS, 0.0)
    shown = {"no sign": {}} | {sign.replace("_", " "): {sign: 1.0} for sign in phantom.SIGNS}
    return [simulated(patient | signs, 2000, name, FRACTURE, spacing, cut=False)[0] for name, signs in shown.items()]
