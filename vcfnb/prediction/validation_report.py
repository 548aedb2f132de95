"""An external validation on one page, with its tables as CSV and its figures as files."""

from datetime import UTC, datetime
from pathlib import Path

from vcfnb import figures, runs
from vcfnb.figures.theme import model_name
from vcfnb.fusion.saved import NOTICE
from vcfnb.prediction.evaluation import ALL, SPLIT
from vcfnb.report import html_page
from vcfnb.statistics import tables

_SEEN = {
    "auc": "Discrimination. Intervals: DeLong's, which takes cases as independent, and a bootstrap of whole patients.",
    "calibration": "Calibration. Ideal are slope 1, intercept 0, and a mean prediction equal to the observed share.",
    "decision_curves": "Usefulness. A model helps where its whole band lies above both simple rules.",
    "operating_points": "Calls. At the thresholds that were chosen on training cases, with Wilson's intervals. PPV "
    "and NPV hold for a share of acute fractures as in this cohort.",
    "recalibration": "Recalibration. Model's own: fitted on its training cases; the others are fitted on this cohort "
    "and judged on patients that they were not fitted to. The ranking of cases stays.",
    "outside": "How many cases are unlike the training cases: what the model says of them was never tried.",
}


def write_report(folder, model, scores, judged, exclusions, simulated):
    """Write tables, figures, ``validation.json`` and the page ``validation.html``.

    Parameters
    ----------
    folder : path
    model : vcfnb.fusion.SavedModel
    scores : pandas.DataFrame
        :func:`vcfnb.prediction.score_cohort`.
    judged : dict of str to pandas.DataFrame
        :func:`vcfnb.prediction.judge`.
    exclusions : pandas.DataFrame
        As :func:`vcfnb.cohort.apply_exclusions` gives it.
    simulated : bool
        Whether the new cohort is simulated.

    Returns
    -------
    pathlib.Path
        The page.
    """
    folder = Path(folder)
    figures.style()
    runs.write_csv(scores, folder / "scores.csv")
    runs.write_csv(exclusions, folder / "exclusions.csv")
    for name, table in judged.items():
        runs.write_csv(table, folder / f"{name}.csv")
    drawn = _figures(scores, judged, model, simulated)
    for name, figure in drawn.items():
        runs.save_figure(figure, folder / f"{name}_figure")
    note = _note(model, scores, exclusions, simulated)
    runs.write_json(note, folder / "validation.json")
    page = folder / "validation.html"
    html_page.write_page(page, "vcfnb: external validation", _html(note, model, scores, judged, exclusions, drawn))
    return page


def _figures(scores, judged, model, simulated):
    long = scores.melt(["case_id", "label"], list(model.models), var_name="model", value_name="score")
    auc = judged["auc"][judged["auc"]["cases"] == ALL].assign(split=SPLIT)
    return {
        "roc": figures.roc(judged["roc"], auc, simulated=simulated),
        "calibration": figures.calibration(judged["calibration_curve"], simulated=simulated),
        "decision_curves": figures.decision_curves(judged["decision_curves"], simulated=simulated),
        "scores": figures.score_distribution(long, thresholds=model.thresholds, simulated=simulated),
        "recalibration": figures.recalibration(judged["recalibration_curve"], simulated=simulated),
    }


def _note(model, scores, exclusions, simulated):
    return {
        "format": "vcfnb-validation",
        "format_version": 1,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "n_cases": len(scores),
        "n_patients": int(scores["patient_id"].nunique()),
        "n_acute": int(scores["label"].sum()),
        "n_excluded": len(exclusions),
        "simulated": bool(simulated),
        "model": {
            "study": model.about.get("study"),
            "simulated": bool(model.about.get("simulated")),
            "sha256": runs.digest(model.folder / "model.json"),
            "versions": model.about["versions"],
        },
        "versions": runs.versions(),
        "notice": NOTICE,
    }


def cohort_line(note):
    """The new cohort in one line."""
    kind = "SIMULATED, the numbers say nothing about patients: " if note["simulated"] else ""
    return (
        f"{kind}{note['n_cases']} cases of {note['n_patients']} patients, {note['n_acute']} acute; "
        f"{note['n_excluded']} cases excluded"
    )


def _html(note, model, scores, judged, exclusions, drawn):
    shown = {name: table for name, table in judged.items() if name in _SEEN}
    points = judged["operating_points"]
    if len(points):
        shown["operating_points"] = tables.readable_rates(points).drop(columns=["split", "method"])
    pictures = {
        "auc": ("roc", "ROC curves with bands"),
        "calibration": ("calibration", "Observed against predicted share of acute fractures"),
        "decision_curves": ("decision_curves", "Decision curves with bands"),
        "operating_points": ("scores", "Probabilities of every case by class, with thresholds"),
        "recalibration": ("recalibration", "Calibration before and after recalibration"),
    }
    parts = [
        f"<h1>External validation of the model of study {html_page.text(note['model']['study'])}</h1>",
        html_page.notice([NOTICE, f"Validated on: {cohort_line(note)}.", f"Trained on: {model.trained_on}."]),
    ]
    for name, said in _SEEN.items():
        title, _, rest = said.partition(". ")
        title, rest = (title, rest) if rest else ("How many are outside?", said)
        parts.append(f"<h2>{title}</h2><p>{rest}</p>")
        table = shown.get(name)
        if name != "decision_curves":
            named = table.assign(model=table["model"].map(model_name)) if "model" in table else table
            parts.append(html_page.table(named) if len(table) else "<p>The model brings no operating point.</p>")
        if name in pictures:
            parts.append(html_page.picture(drawn[pictures[name][0]], pictures[name][1]))
    parts.append("<h2>Excluded</h2>")
    parts.append(html_page.table(exclusions[["case_id", "reason"]]) if len(exclusions) else "<p>No case.</p>")
    here = ", ".join(f"{name} {version}" for name, version in note["versions"].items())
    parts.append(
        f'<h2>Where this comes from</h2><p class="small">Made {note["made"]} with {html_page.text(here)}. Every case: '
        f"scores.csv; every table and figure is a file beside this page. model.json SHA-256 "
        f"{note['model']['sha256'][:16]}.</p>"
    )
    return "\n".join(parts)
