"""Write docs/ibsi.md: every feature beside IBSI's reference value, on the digital phantom and on the chest CT.

    .venv/bin/python experiments/ibsi/conformance.py --data ../shared/ibsi

takes IBSI's images, masks and reference values (theibsi/data_sets, and the tables of the reference manual as CSV with
tag, reference value and tolerance). With the standard pyradiomics, IBSI's interpolation and re-segmentation are done
before, as PyRadiomics' own are others.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from jinja2 import Template

from vcfnb import images, runs
from vcfnb.radiomics import Settings, extract_features, ibsi, settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "ibsi.md"
CHEST = {"image": "chest_ct_image.nii.gz", "mask": "chest_ct_mask.nii.gz", "spacing_mm": 2.0}
RANGE = {"resegment_range": (-1000, 400)}
CONFIGURATIONS = {
    "digital phantom": {
        **{"image": "digital_phantom_image.nii.gz", "mask": "digital_phantom_mask.nii.gz"},
        **{"reference": "digital_phantom.csv", "bin_width": 1},
    },
    "chest CT, C": CHEST | RANGE | {"reference": "chest_config_c.csv", "bin_width": 25},
    "chest CT, D": CHEST | {"reference": "chest_config_d.csv", "bin_count": 32, "outlier_sigma": 3},
    "chest CT, E": CHEST
    | RANGE
    | {"reference": "chest_config_e.csv", "bin_count": 32, "outlier_sigma": 3, "interpolator": "cubic"},
}


def within(value, reference, tolerance):
    """Whether a value conforms: within the tolerance, or equal in the three digits that references have."""
    return abs(value - reference) <= tolerance or float(f"{value:.3g}") == reference


def compare(data, name):
    """Every feature with a reference, for both standards.

    data set, feature, tag, unit, section, reference, tolerance, ibsi, pyradiomics (values), ibsi_within,
    pyradiomics_within.
    """
    given = dict(CONFIGURATIONS[name])
    files = [str(Path(data) / given.pop(kind)) for kind in ("image", "mask")]
    known = pd.read_csv(Path(data) / given.pop("reference"), sep=";").set_index("tag")
    own = extract_features(*files, Settings(standard="ibsi", image_types=("Original",), **given))
    theirs = by_pyradiomics(*files, **given)
    rows = []
    for row in settings.described():
        if row["tag"] not in known.index or pd.isna(known.loc[row["tag"], "reference value"]):
            continue
        reference, tolerance = map(float, known.loc[row["tag"], ["reference value", "tolerance"]])
        feature = f"{row['class']}_{row['feature']}"
        found = {way: float(values[f"original_{feature}"]) for way, values in (("ibsi", own), ("pyradiomics", theirs))}
        verdicts = {f"{way}_within": within(value, reference, tolerance) for way, value in found.items()}
        about = {"feature": feature} | {key: row[key] for key in ("tag", "unit", "section")}
        rows.append({"data": name} | about | {"reference": reference, "tolerance": tolerance} | found | verdicts)
    return pd.DataFrame(rows)


def by_pyradiomics(
    image, mask, spacing_mm=None, interpolator="linear", resegment_range=None, outlier_sigma=None, **bins
):
    """Features with PyRadiomics' definitions, after IBSI's preprocessing; the shape is that of the whole mask."""
    image = images.read_image(image)
    mask = images.read_mask(mask, image)
    if spacing_mm:
        image, mask = ibsi.interpolated(image, mask, spacing_mm, interpolator)
    arrays = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) != 0
    counted = sitk.GetImageFromArray(
        ibsi.resegmented(*arrays, resegment_range, outlier_sigma, "image").astype(np.uint8)
    )
    counted.CopyInformation(mask)
    shape = {"shape": settings.FEATURES["shape"]}
    parts = [
        extract_features(image, part, Settings(image_types=("Original",), features=features, **bins))
        for part, features in ((mask, shape), (counted, settings.CLASSES))
    ]
    return pd.concat(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of images, masks and reference values")
    arguments = parser.parse_args()
    table = pd.concat([compare(arguments.data, name) for name in CONFIGURATIONS], ignore_index=True)
    runs.write_csv(table, ROOT / "docs" / "benchmarks" / "ibsi.csv")
    template = Template(Path(__file__).with_name("ibsi.md.j2").read_text(encoding="utf-8"), trim_blocks=True)
    counts = table.groupby("data", sort=False).agg(
        n=("feature", "size"), ibsi=("ibsi_within", "sum"), pyradiomics=("pyradiomics_within", "sum")
    )
    departs = table[~table["pyradiomics_within"]].groupby("feature", sort=False)["data"].agg("; ".join)
    parts = {name: part.to_dict("records") for name, part in table.groupby("data", sort=False)}
    page = template.render(counts=counts.reset_index().to_dict("records"), departs=departs, parts=parts)
    with runs.atomic(PAGE) as temporary:
        Path(temporary).write_text(page + "\n", encoding="utf-8")
    print(counts.to_string())


if __name__ == "__main__":
    main()
