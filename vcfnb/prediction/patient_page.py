"""One case on one page: HTML for the screen, PDF for paper, JSON for programs."""

import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from vcfnb import figures, runs
from vcfnb.figures.patient import MOST_BARS, draw_case_views, draw_contributions
from vcfnb.figures.theme import BLACK, GREY, SIMULATED, VERMILLION, model_name
from vcfnb.fusion.words import describe
from vcfnb.prediction.patient import in_words, origin
from vcfnb.report.page import versions_text, write_page
from vcfnb.report.sheet import A4, write_text

# Of the tables, in order.
_HEADINGS = {"feature": "feature", "meaning": "what it measures", "measure": "measure", "value": "value"}
_HEADINGS |= {"low": "smallest in training", "high": "largest in training", "z": "z", "contribution": "contribution"}
_HEADINGS |= {"beyond": "beyond", "different": "different"}
_HEAT = (
    "Yellow: the ROI. Heat: where the network found what speaks for the answer of the DTL model (of the network's own "
    "classifier where features are harmonised by site or come from an inner layer; Grad-CAM, mean along the line of "
    "sight); it says where, not why, and concerns the deep features only."
)


def write(folder, model, extracted, prediction, name="case"):
    """Write ``prediction.json``, ``prediction.html`` and ``prediction.pdf`` of a case extracted with its heat map.

    Neither paths nor anything of a file's header is written, only `name` (what the case is called on the page), and
    digests by which image and model are known again.

    Returns
    -------
    dict of str to pathlib.Path
        json, html, pdf.
    """
    figures.style()
    paths = {kind: Path(folder) / f"prediction.{kind}" for kind in ("json", "html", "pdf")}
    note = _note(model, extracted, prediction, name)
    window = model.settings["preprocessing"]
    views = (extracted.image, extracted.mask, extracted.heatmap, window["window_level"], window["window_width"])
    runs.write_json(note, paths["json"])
    write_page(
        paths["html"],
        "patient.html.j2",
        note=note,
        trained=f"Trained on: {model.trained_on}.",
        warnings=_nothing(prediction),
        probabilities=probabilities(prediction),
        views=figures.case_views(*views),
        heat=_HEAT,
        contributions=figures.contributions(prediction.contributions, simulated=note["model"]["simulated"]),
        features=_features(prediction),
        primary=model_name(model.primary),
        intercept=model.models[model.primary].intercept,
        similarity=similarity(prediction),
        origin=_origin(note),
    )
    _write_pdf(paths["pdf"], note, model, prediction, views)
    return paths


def _note(model, extracted, prediction, name):
    """The prediction as plain values, with what is needed to know where it came from."""
    note = origin(model, "prediction") | prediction.to_dict()
    note["model"] |= {"expansion": model.expansion, "training_cohort": model.cohort.patients}
    return note | {"name": name, "image_sha256": extracted.fingerprint, "quality": extracted.quality}


def probabilities(prediction):
    """Table model, probability of acute, predicted class, threshold; as text."""
    return pd.DataFrame(
        [
            {
                "model": model_name(name) + (" (primary)" if name == prediction.primary else ""),
                "probability of acute": in_words(value),
                "predicted class": prediction.class_of(name)
                if name in prediction.predicted_class
                else "no operating point",
                f"acute from ({prediction.operating_point})": in_words(prediction.thresholds[name])
                if name in prediction.thresholds
                else "–",
            }
            for name, value in prediction.probability.items()
        ]
    )


def similarity(prediction):
    """Table of the image against the training images, in words."""
    table = prediction.image
    return _readable(table.assign(measure=table["in_words"] + ", " + table["unit"]))


def _features(prediction):
    """Table of the primary model's features against the training cases, in words: those that contribute most."""
    table = prediction.contributions.head(MOST_BARS)
    return _readable(table.assign(meaning=[describe(name) for name in table["feature"]]))


def _readable(table):
    """The columns that are shown, with their headings, and yes in place of True."""
    names = [name for name in _HEADINGS if name in table]
    flags = {name: table[name].map({True: "yes", False: ""}) for name in ("beyond", "different") if name in table}
    return table.assign(**flags)[names].rename(columns=_HEADINGS)


def _origin(note):
    model = note["model"]
    return (
        f"Made {note['made']} with {versions_text(note['versions'])}. Model: study {model['study']}, model.json "
        f"SHA-256 {model['sha256'][:16]}, expansion {model['expansion']} mm. "
        f"Image: SHA-256 of its voxels {note['image_sha256'][:16]}."
    )


def _nothing(prediction):
    where = f"distance {prediction.distance:.2f}, limit {prediction.reference:.2f}"
    return prediction.warnings or [f"Nothing unusual was found: the case lies within the training data ({where})."]


def _write_pdf(path, note, model, prediction, views):
    """All of it on one A4 page."""
    figure = plt.figure(figsize=A4)
    plt.close(figure)
    trained = f"Trained on: {model.trained_on}."
    place = write_text(figure, 0.972, [f"Acute or chronic vertebral fracture: {note['name']}"], size=13, weight="bold")
    place = write_text(figure, place, [prediction.notice], size=8, color=VERMILLION)
    shown = _shortened(_nothing(prediction))
    place = write_text(figure, place - 0.004, shown, size=7.5, weight="bold", color=VERMILLION)
    rows = probabilities(prediction).to_numpy().tolist()
    lines = [
        f"{name}: probability of acute {value}, predicted class {predicted} (acute from {threshold})"
        for name, value, predicted, threshold in rows
    ]
    place = write_text(figure, place - 0.004, lines, size=10, color=GREY if prediction.outside else BLACK)
    told = [prediction.baseline_note(), prediction.achieved_note(), prediction.calibration_note(), trained]
    place = write_text(figure, place, told, size=7.5)
    _pictures(figure, place - 0.02, views)
    write_text(figure, 0.392, [_HEAT], size=6.5)
    left, right = figure.add_axes((0.3, 0.155, 0.3, 0.2)), figure.add_axes((0.62, 0.155, 0.32, 0.2))
    draw_contributions(left, right, prediction.contributions)
    write_text(figure, 0.105, [_image_line(prediction)], size=6.5)
    write_text(figure, 0.07, [_origin(note), prediction.notice], size=6)
    if note["model"]["simulated"]:
        figure.text(0.96, 0.012, f"model of {SIMULATED}", ha="right", fontsize=6, fontstyle="italic")
    with runs.atomic(path) as temporary:
        figure.savefig(temporary, format="pdf", metadata={"Creator": "vcfnb", "Title": note["name"]})


def _shortened(lines, most=12, longest=400):
    """What fits on the page, `most` lines of text; the HTML has all of it."""
    shown, used = [], 0
    for line in lines:
        line = line if len(line) <= longest else f"{line[:longest]} ... (whole in prediction.html)"
        used += len(textwrap.wrap(line, 110))
        if used > most:
            return [*shown, f"{len(lines) - len(shown)} more in prediction.html"]
        shown.append(line)
    return shown


def _pictures(figure, top, views):
    """Two rows of three planes between `top` and the middle of the page."""
    height = min((top - 0.4) / 2 - 0.006, 0.19)
    width = height * A4[1] / A4[0]
    sides = {"left": 0.49 - 1.5 * width, "right": 0.51 + 1.5 * width}
    grid = figure.add_gridspec(2, 3, **sides, top=top, bottom=top - 2 * height - 0.004, wspace=0.04, hspace=0.04)
    draw_case_views(grid.subplots(), *views)


def _image_line(prediction):
    if not len(prediction.image):
        return "The image cannot be compared with training images: the model does not know them."
    return "Image (training images): " + "; ".join(
        f"{row.in_words} {row.value:.4g} {row.unit} ({row.low:.4g} to {row.high:.4g})"
        for row in prediction.image.itertuples()
    )
