"""Write a cohort.csv for a folder of images and masks; labels stay empty."""

import sys
from pathlib import Path

from vcfnb.cli.output import called
from vcfnb.errors import VcfnbError

SUMMARY = "Write a cohort.csv for a folder of images and masks, to be filled in."


def add_arguments(parser):
    parser.add_argument("folder", type=Path, help="folder that holds the images and masks, in sub-folders or not")
    parser.add_argument("--levels", default="", help="only these vertebrae, such as T12,L1")
    parser.add_argument("--out", type=Path, help="where to write; by default cohort.csv in the folder")


def run(arguments):
    """Write the table; 1 where no image has a mask, or the table is there already."""
    from vcfnb import runs
    from vcfnb.cohort.columns import LEVELS
    from vcfnb.cohort.template import template

    out = arguments.out or arguments.folder / "cohort.csv"
    if out.exists():
        raise VcfnbError(f"{out} is there already", "name another file with --out, or take it away", code="file-exists")
    levels = [level.strip().upper() for level in arguments.levels.split(",") if level.strip()]
    unknown = [level for level in levels if level not in LEVELS]
    if unknown:
        remedy = f"write {LEVELS[0]} to {LEVELS[-1]}, with commas between"
        raise VcfnbError(f"--levels names {', '.join(unknown)}", remedy, code="unknown-choice")
    table, notes = template(arguments.folder, out.parent, levels)
    for note in notes:
        print(note, file=sys.stderr)
    if not len(table) and levels:
        problem = f"no vertebra {', '.join(levels)} was found"
        raise VcfnbError(problem, "leave --levels out to see what is there", code="no-cases", file=arguments.folder)
    if not len(table):
        remedy = "name them alike, as P001.nii.gz and P001_mask.nii.gz"
        raise VcfnbError("no image with a mask was found", remedy, code="no-cases", file=arguments.folder)
    runs.write_csv(table, out)
    print(f"{out}: {len(table)} cases of {table['patient_id'].nunique()} patients.")
    print("Fill in label (1 acute, 0 chronic, from MRI); age, sex, bmd and level where you have them.")
    print("Ids come from names of files and folders: replace names of people. One patient, one patient_id.")
    print(f"Then: {called()} check {out}")
    return 0
