"""Apply a saved model to one new case."""

import argparse
import re
import sys
from pathlib import Path

from vcfnb.errors import VcfnbError

SUMMARY = "Apply the model of a study to one new case: probability, predicted class, what drove it, warnings."
UNKNOWN = "unknown"


def add_arguments(parser):
    parser.add_argument("model", type=Path, help="folder 06_fusion/model of a finished study")
    parser.add_argument("image", help="CT: file or DICOM folder, as in cohort.csv")
    parser.add_argument("mask", help="mask of the fractured vertebral body, on that CT")
    parser.add_argument("--mask-label", help="value, number or name of the vertebra in a mask with several")
    parser.add_argument("--level", help="vertebra (T1 to L6) in a mask with the numbering of --mask-scheme")
    parser.add_argument("--mask-scheme", help="whose numbering the mask has, as in cohort.csv")
    parser.add_argument("--mask-body", help="the tool's file that says what is body, as in cohort.csv")
    parser.add_argument("--age", type=_number, metavar="YEARS", help="or unknown")
    parser.add_argument("--sex", choices=("F", "M", UNKNOWN))
    parser.add_argument("--bmd", type=_number, metavar="T-SCORE", help="or unknown")
    parser.add_argument("--site", help="hospital or scanner, for a model that harmonises by site")
    parser.add_argument("--name", type=_name, default="case", help="what the case is called on the page; no names")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write prediction.html, .pdf and .json there")


def run(arguments):
    """Print the prediction, and write its page; 1 where model, image or mask cannot be used."""
    from vcfnb import fusion, prediction
    from vcfnb.prediction import patient_page

    model = fusion.load_model(arguments.model)
    clinical = _clinical(model, arguments)
    prediction.check_patient(model, clinical, arguments.site)
    heat, roi = arguments.out is not None, _roi(arguments)
    extracted = prediction.extract_case(model, arguments.image, arguments.mask, heat=heat, **roi)
    found = prediction.predict_extracted(model, extracted, clinical, arguments.site)
    print(found)
    if arguments.out is not None:
        for path in patient_page.write(arguments.out, model, extracted, found, arguments.name).values():
            print(f"wrote {path}")
    return 0


def _roi(arguments):
    """Which part of the mask is the ROI, as columns of cohort.csv say it."""
    from vcfnb import images

    roi = {name: getattr(arguments, name) for name in ("mask_label", "mask_scheme", "mask_body")}
    if arguments.mask_scheme and not arguments.mask_label:
        roi["mask_label"] = images.label_of(arguments.mask_scheme, (arguments.level or "").upper())
        if roi["mask_label"] is None:
            problem = f"--mask-scheme {arguments.mask_scheme} numbers no vertebra {arguments.level or '(no --level)'}"
            remedy = f"give --level, T1 to L6, and one of {', '.join(images.SCHEMES)}; or --mask-label"
            raise VcfnbError(problem, remedy, code="invalid-value")
    return roi


def _clinical(model, arguments):
    """Clinical variables as the model takes them; what it lacks is asked for in the words of this command."""
    given = {name: getattr(arguments, name) for name in ("age", "sex", "bmd") if getattr(arguments, name) is not None}
    lacking = [name for name in model.variables if name not in given]
    if lacking:
        options = ", ".join(f"--{name}" for name in lacking)
        raise VcfnbError(
            f"the model needs {', '.join(lacking)} of the patient", f"give {options}", code="clinical-missing"
        )
    baseline = model.baseline_encoder.variables if model.baseline else []
    unused = [f"--{name}" for name in given if name not in [*model.variables, *baseline]]
    unused += ["--site"] * (arguments.site is not None and not model.sites)
    if unused:
        print(f"not used by this model: {', '.join(unused)}", file=sys.stderr)
    return {name: None if value == UNKNOWN else value for name, value in given.items()}


def _number(value):
    return value if value == UNKNOWN else float(value)


def _name(value):
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", value):
        raise argparse.ArgumentTypeError("use letters, digits, '.', '_' and '-'")
    return value
