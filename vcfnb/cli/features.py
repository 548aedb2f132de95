"""Radiomic features alone, of one ROI or of a table of them."""

import sys
from pathlib import Path

from vcfnb.cli.output import problems_text
from vcfnb.errors import VcfnbError

SUMMARY = "Compute radiomic features of one ROI, or of a table of them, without a study."
# Of the table, as PyRadiomics' own command has them.
_COLUMNS = ("Image", "Mask", "Label")


def add_arguments(parser):
    parser.add_argument("image", help="CT: file or DICOM folder; or a CSV with the columns Image, Mask, perhaps Label")
    parser.add_argument("mask", nargs="?", help="mask of the ROI, on that CT")
    parser.add_argument("--mask-label", help="value, number or name of the ROI in a mask with several")
    parser.add_argument("--params", type=Path, metavar="YAML", help="parameter file of PyRadiomics; else the paper's")
    parser.add_argument("--standard", choices=("pyradiomics", "ibsi"), default="pyradiomics", help="docs/ibsi.md")
    parser.add_argument("--out", type=Path, default=Path("features.csv"), metavar="CSV", help="where features go")
    parser.add_argument("--cores", type=int, help="worker processes; by default all cores")


def run(arguments):
    """Write the features, one row per ROI; 1 where one could not be computed. Goes on where it was interrupted."""
    import pandas as pd

    from vcfnb import radiomics, runs

    given = _given(arguments)
    settings = radiomics.Settings.from_pyradiomics(arguments.params) if arguments.params else radiomics.Settings()
    try:
        settings = radiomics.Settings(**settings.model_dump() | {"standard": arguments.standard})
    except ValueError as error:
        raise VcfnbError(error.errors()[0]["msg"], "leave --standard out", code="parameter-invalid") from None
    runs.make_folder(arguments.out.parent)
    rois = given.rename(columns=dict(zip(_COLUMNS, ("image", "mask", "mask_value"), strict=True)))
    rois.insert(0, "case_id", [f"row_{number}" for number in range(1, len(rois) + 1)])
    cache = arguments.out.with_suffix(".cache")
    features, failures = radiomics.extract_cohort(rois, cache, settings, arguments.cores, desc="features")
    if len(failures):
        print(problems_text(failures.assign(severity="error")), file=sys.stderr)
        if failures["code"].isin(("mask-label-needed", "mask-label-unknown")).any():
            print(f"Here a label stands in the column {_COLUMNS[2]}, or is given by --mask-label.", file=sys.stderr)
    number = [int(name.removeprefix("row_")) - 1 for name in features.pop("case_id")]
    found = pd.concat([given.loc[number].reset_index(drop=True), features], axis=1)
    runs.write_csv(found, arguments.out)
    print(f"wrote {arguments.out}: {features.shape[1]} features of {len(found)} ROIs, {len(failures)} failed")
    return int(len(failures) > 0)


def _given(arguments):
    """The table of ROIs; paths in a CSV are seen from its folder."""
    import pandas as pd

    if arguments.mask is not None:
        row = {"Image": arguments.image, "Mask": arguments.mask}
        return pd.DataFrame([row | ({} if arguments.mask_label is None else {"Label": arguments.mask_label})])
    path = Path(arguments.image)
    if path.suffix != ".csv":
        raise VcfnbError(
            "one argument that is no .csv", "give image and mask, or a table", code="wrong-usage", file=path
        )
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        told = "give a table with commas between its columns"
        raise VcfnbError(f"cannot be read ({error})", told, code="file-unreadable", file=path) from None
    missing = [name for name in _COLUMNS[:2] if name not in table]
    if missing:
        columns = ", ".join(table.columns)
        raise VcfnbError(
            f"the column {missing[0]} is missing (it has {columns})", "name it so", code="column-missing", file=path
        )
    places = {name: [str(path.parent / value) for value in table[name]] for name in _COLUMNS[:2]}
    return table.assign(**places)
