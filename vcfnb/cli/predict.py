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
    extracted = prediction.extract_case(
        model, arguments.image, arguments.mask, arguments.mask_label, heat=arguments.out is not None
    )
    found = prediction.predict_extracted(model, extracted, clinical, arguments.site)
    print(found)
    if arguments.out is not None:
        for path in patient_page.write(arguments.out, model, extracted, found, arguments.name).values():
            print(f"wrote {path}")
    return 0


def _clinical(model, arguments):
    """Clinical variables as the model takes them; what it lacks is asked for in the words of this command."""
    given = {name: getattr(arguments, name) for name in ("age", "sex", "bmd") if getattr(arguments, name) is not None}
    lacking = [name for name in model.variables if name not in given]
    if lacking:
        options = ", ".join(f"--{name}" for name in lacking)
        raise VcfnbError(
            f"the model needs {', '.join(lacking)} of the patient", f"give {options}", code="clinical-missing"
        )
    unused = [f"--{name}" for name in given if name not in model.variables]
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
