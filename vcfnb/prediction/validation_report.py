"""An external validation on one page, with its tables as CSV and its figures as files."""

from pathlib import Path

from vcfnb import figures, runs
from vcfnb.figures.theme import model_name
from vcfnb.prediction import achieved
from vcfnb.prediction.evaluation import ALL, SPLIT
from vcfnb.prediction.patient import origin
from vcfnb.report.page import write_page
from vcfnb.statistics import sentences
from vcfnb.statistics.tables import readable_rates


def write_report(folder, model, scores, evaluated, exclusions, simulated):
    """Write tables, figures, ``validation.json`` and ``validation.html``, whose path is returned.

    `scores` are those of :func:`vcfnb.prediction.score_cohort`, `evaluated` of :func:`vcfnb.prediction.evaluate`,
    `exclusions` of :func:`vcfnb.cohort.apply_exclusions`; `simulated` says whether the new cohort is.
    """
    folder = Path(folder)
    figures.style()
    runs.write_csv(scores, folder / "scores.csv")
    runs.write_csv(exclusions, folder / "exclusions.csv")
    for name, table in evaluated.items():
        runs.write_csv(table, folder / f"{name}.csv")
    drawn = _figures(scores, evaluated, model, simulated)
    for name, figure in drawn.items():
        runs.save_figure(figure, folder / f"{name}_figure")
    note = origin(model, "validation") | {
        "n_cases": len(scores),
        "n_patients": int(scores["patient_id"].nunique()),
        "n_acute": int(scores["label"].sum()),
        "n_excluded": len(exclusions),
        "simulated": bool(simulated),
    }
    runs.write_json(note, folder / "validation.json")
    page = folder / "validation.html"
    write_page(
        page,
        "validation.html.j2",
        note=note,
        trained=f"Trained on: {model.trained_on}.",
        verdict=verdict(evaluated, model),
        benefit=sentences.benefit(evaluated["dca_differences"]),
        tables=_shown(evaluated),
        figures=drawn,
        exclusions=exclusions[["case_id", "reason"]],
    )
    return page


def verdict(evaluated, model):
    """The primary model in its study and here: AUC, calibration, how many cases lie out of distribution; sentences."""
    area, calibration = (
        table[table["model"] == model.primary].iloc[:1] for table in (evaluated["auc"], evaluated["calibration"])
    )
    here, far = area.iloc[0], evaluated["outside"].iloc[0]
    interval = f"{here['newcombe_low']:.2f} to {here['newcombe_high']:.2f}"
    return [
        achieved.in_words(achieved.achieved(model), model.primary, model.about.get("simulated")),
        f"AUC here: {here['auc']:.2f} ({interval}; {here['n']} cases).",
        sentences.slopes(calibration, "the new cases"),
        f"{far['n']} of {far['of']} cases lie farther from the training cases than the limit: on such cases the model "
        "was never tried.",
    ]


def _figures(scores, evaluated, model, simulated):
    long = scores.melt(["case_id", "label"], list(model.models), var_name="model", value_name="score")
    auc = evaluated["auc"][evaluated["auc"]["cases"] == ALL].assign(split=SPLIT)
    return {
        "roc": figures.roc(evaluated["roc"], auc, simulated=simulated),
        "calibration": figures.calibration(evaluated["calibration_curve"], simulated=simulated),
        "decision_curves": figures.decision_curves(evaluated["decision_curves"], simulated=simulated),
        "dca_differences": figures.net_benefit_differences(evaluated["dca_differences"], simulated=simulated),
        "scores": figures.score_distribution(long, thresholds=model.thresholds, simulated=simulated),
        "recalibration": figures.recalibration(evaluated["recalibration_curve"], simulated=simulated),
    }


def _shown(evaluated):
    """The tables of the page, for reading."""
    points = evaluated["operating_points"]
    if len(points):
        points = readable_rates(points).drop(columns=["split", "method"])
    shown = {name: evaluated[name] for name in ("auc", "calibration", "uncertain", "recalibration", "outside")}
    shown["operating_points"] = points
    return {
        name: table.assign(model=table["model"].map(model_name)) if "model" in table else table
        for name, table in shown.items()
    }
