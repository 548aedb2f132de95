"""Every bad input that the tests try, and what is said of it: makes docs/bad-inputs.md.

    .venv/bin/python tests/bad_inputs.py

The inputs are those of the tests; tests/cohort/test_bad_inputs.py compares the page with what is said now.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import study  # noqa: F401  finds the tests' folders
import test_cohort
import test_images
import test_inputs
from cases import ball, image, texture, write
from test_cohort import simple, written

from vcfnb import cohort, images
from vcfnb.errors import BadInput

PAGE = Path(__file__).resolve().parents[1] / "docs" / "bad-inputs.md"
_HEAD = """# Bad inputs, and what is said of them

Made by `tests/bad_inputs.py` from the inputs that the tests try: {count} of them. Each is found before any long work
starts, with all others at once, by the command `check` ([own-cohort.md](own-cohort.md)) and by notebook 00; what the
parameters need of the table, by `./run_all.sh`. An *error* stops the study, or takes the case out where it belongs to a
single case (`on_bad_case: exclude`); a *warning* stops nothing. Folders are left out of the messages.

"""


def _kinds(test, position=0):
    """First of each of a parametrised test's values."""
    values = test.pytestmark[position].args[1]
    return [value[0] if isinstance(value, tuple) else value for value in values]


# ---- tables


def of_table(folder, kind):
    _, problems = cohort.check_table(test_cohort.bad_table(folder, kind))
    return problems


def of_rows(folder, kind):
    change, _ = test_cohort.BAD_ROWS[kind]
    _, problems = cohort.check_table(written(folder, simple(**change)))
    return problems


def of_look(folder, kind):
    _, problems = cohort.check_table(written(folder, simple(**LOOKS[kind])))
    return problems[problems["code"] == ("segmentations-missing" if "segmentation" in kind else "unused-columns")]


LOOKS = {
    "column without a meaning": dict(scanner="A"),
    "repeat segmentations missing": {},
    "one repeat segmentation of two": dict(mask_reader_b=["x.nii", *[""] * 7]),
}


def of_size(folder, kind):
    return cohort.check_size(simple(SIZES[kind]), test_fraction=0.2, folds=10)


SIZES = {"too few patients to split": 4, "too few patients for ten folds": 20}


def of_needs(folder, kind):
    columns, options = test_cohort.NEEDS[kind][:2]
    table, _ = cohort.check_table(written(folder, simple(**columns)))
    return cohort.check_needs(table, **options)


# ---- files


def said_by(function, *arguments):
    """The problems of the error that a function raises."""
    try:
        function(*arguments)
    except BadInput as error:
        return error.problems.assign(severity="error")
    return cohort.problem_table([])


def of_image(folder, kind):
    return said_by(images.read_image, test_images.broken(folder, kind))


def of_series(folder, kind):
    return said_by(images.read_image, test_inputs.bad_series(folder, kind))


def of_contours(folder, kind):
    label = "L7" if kind == "fine" else None
    return said_by(
        images.read_mask,
        test_inputs.structure_set(folder, kind),
        image(texture(test_inputs.SHAPE), test_inputs.SPACING),
        label,
    )


def of_file(folder, kind):
    test_cohort.write_pair(folder, *test_cohort.BAD_FILES[kind][:2])
    table = simple(1, image=str(folder / "ct.nii.gz"), mask=str(folder / "mask.nii.gz")).assign(case_id="P0")
    found = cohort.check_files(table, cores=1)
    return found[found["problem"].str.contains(test_cohort.BAD_FILES[kind][3], regex=False)]


def of_mask(folder, kind):
    ct = image(texture())
    mask, label = MASKS[kind]
    path = mask(folder) if callable(mask) else write(mask, folder / "mask.nii.gz")
    return said_by(images.read_mask, path, ct, label)


def _labels():
    return ball(centre=(8, 8, 8), radius=4) * 20 + ball(centre=(8, 8, 20), radius=3) * 21


def _folder(folder):
    (folder / "mask").mkdir()
    return folder / "mask"


def _link(folder):
    (folder / "mask.nii.gz").symlink_to(folder / "gone.nii.gz")
    return folder / "mask.nii.gz"


def _nothing(folder):
    (folder / "mask.nii.gz").touch()
    return folder / "mask.nii.gz"


def _plain(folder):
    """A gzip file that holds no image."""
    import gzip

    (folder / "mask.nii.gz").write_bytes(gzip.compress(b"patient,label", mtime=0))
    return folder / "mask.nii.gz"


MASKS = {
    "shifted by half a voxel": (image(ball(), origin=(0.4, 0.0, 0.0)), None),
    "turned by 8 degrees": (image(ball(), direction=(0.99, -0.141, 0, 0.141, 0.99, 0, 0, 0, 1)), None),
    "partly outside": (image(ball(), origin=(15.0, 0.0, 0.0)), None),
    "two labels, none named": (image(_labels()), None),
    "label that is not in the mask": (image(_labels()), 5),
    "label by name in a format of numbers": (image(ball()), "L1"),
    "probabilities": (image(ball().astype(np.float32) * 0.4), None),
    "colours": (sitk.Compose(image(ball()), image(ball()), image(ball())), None),
    "four dimensions": (sitk.JoinSeries([image(ball()), image(ball())]), None),
    "empty folder": (_folder, None),
    "link to nowhere": (_link, None),
    "file of 0 bytes": (_nothing, None),
    "compressed, but no image": (_plain, None),
}


# Section -> (how a kind is tried, kinds, names where the test's own say too little).
SECTIONS = {
    "The table": (of_table, _kinds(test_cohort.test_files_that_are_no_table), {}),
    "Its rows": (of_rows, list(test_cohort.BAD_ROWS), {}),
    "Its cases as a whole": (of_look, list(LOOKS), {}),
    "Its size": (of_size, list(SIZES), {}),
    "What the parameters need of it": (of_needs, list(test_cohort.NEEDS), {}),
    "Image files": (of_image, _kinds(test_images.test_what_cannot_be_read_is_named_with_a_remedy), {}),
    "DICOM series": (
        of_series,
        _kinds(test_inputs.test_a_series_that_makes_no_box_is_refused),
        {
            "missing": "a slice missing",
            "two missing": "two slices missing",
            "twice": "a slice twice",
            "all twice": "every slice twice",
            "tilted": "tilted gantry",
        },
    ),
    "Masks": (of_mask, list(MASKS), {}),
    "Structure sets (RTSTRUCT)": (
        of_contours,
        _kinds(test_inputs.test_contours_that_make_no_mask_are_refused),
        {
            "several": "several structures, none named",
            "fine": "structure that is not in the set",
            "empty": "no contours",
            "between": "contours between slices",
            "every second slice": "contours on every second slice",
            "elsewhere": "contours outside the image",
        },
    ),
    "What voxels show": (of_file, list(test_cohort.BAD_FILES), {}),
}


def tried(section, kind):
    """Problems of one input, with paths from the temporary folder on; worst first."""
    function = SECTIONS[section][0]
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = function(Path(folder), kind)
        except BadInput as error:
            found = error.problems.assign(severity="error")
        found = found.astype(str).sort_values("severity", kind="stable").reset_index(drop=True)
        for name in ("file", "problem", "remedy"):
            found[name] = [
                text.replace(f"{os.path.realpath(folder)}/", "").replace(f"{folder}/", "") for text in found[name]
            ]
    return found


def page():
    """Text of docs/bad-inputs.md."""
    lines, count = [], 0
    for section, (_, kinds, names) in SECTIONS.items():
        lines += [f"## {section}", "", "| input | | what is said | remedy |", "|---|---|---|---|"]
        for kind in kinds:
            found = tried(section, kind)
            count += 1
            row = found.iloc[0]
            case = f"{row.case_id}: " if row.case_id and section == "Its rows" else ""
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            cells = (names.get(kind, kind), row.severity, f"{case}{row.problem}{more}", row.remedy)
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    return _HEAD.format(count=count) + "\n".join(lines).rstrip() + "\n"


def _cell(text):
    text = " ".join(text.split())
    # Ids of a hundred letters and tags of HTML, as texts.
    text = text.replace("x" * 40, "x…").replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")
    return text if len(text) < 300 else text[:299] + "…"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
