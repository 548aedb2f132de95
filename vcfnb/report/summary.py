"""The study on one page: who, how good and how sure, and what speaks against it; every sentence from the results."""

import matplotlib.pyplot as plt
import pandas as pd

from vcfnb import runs
from vcfnb.figures.parts import canvas, finish
from vcfnb.figures.performance import draw_overview
from vcfnb.figures.theme import VERMILLION, model_name
from vcfnb.fusion.saved import NOTICE
from vcfnb.report.evidence import whole_vertebrae
from vcfnb.report.sheet import A4, write_text
from vcfnb.runs import register
from vcfnb.statistics import sentences

# Of the table of models: its headings, and where their AUCs are.
_AUCS = {"training, out-of-fold": "train", "test": "test", "nested cross-validation": "nested"}


def summarise(run, primary):
    """What the first page says, as plain values: study, simulated, notice, warnings, intervals, models, questions.

    Parameters
    ----------
    run : vcfnb.runs.Run
        Of a study whose notebooks 00 to 09 have run.
    primary : str
        The model that was named beforehand.

    Returns
    -------
    dict
        ``warnings`` are sentences; ``intervals`` says which they are; ``models`` have model, primary, and for ``train``
        (out-of-fold), ``test`` and ``nested`` auc, low and high (None where it was not evaluated); ``questions`` have
        question and answer.
    """
    cases, auc = run.cohort(), pd.read_csv(run.needs("statistics", "auc.csv"))
    differences = pd.read_csv(run.needs("statistics", "auc_differences.csv"))
    calibration = pd.read_csv(run.needs("statistics", "calibration.csv"))
    benefit = pd.read_csv(run.needs("statistics", "dca_differences.csv"))
    audit = pd.read_csv(run.needs("leakage", "audit.csv"))
    excluded = len(pd.read_csv(run.needs("cohort", "exclusions.csv")))
    nested = run.path("robustness", "rigorous_auc.csv")
    nested = pd.read_csv(nested) if nested.exists() else pd.DataFrame(columns=["model", "repeat"])
    kind = "SIMULATED patients: nothing here says anything about real ones. " if run.simulated else ""
    questions = {
        "Which patients?": sentences.patients(cases, excluded),
        "How good is the primary model, and how sure is that?": sentences.verdict(auc, primary),
        "Is it better than simple measurements?": sentences.against_baseline(differences, primary),
        "Which models can be distinguished?": sentences.differences(differences),
        "Do training cases promise too much?": sentences.optimism(auc),
        "Is it calibrated?": sentences.slopes(calibration[calibration["model"] == primary]),
        "Would acting on it help?": sentences.benefit(benefit),
        "Did anything leak?": sentences.audit(audit),
        "May I use it?": f"No. {kind}{NOTICE}",
    }
    return {
        "study": run.study,
        "simulated": run.simulated,
        "notice": NOTICE,
        "primary": primary,
        "warnings": _warnings(run, cases, audit),
        "intervals": "Newcombe's intervals, by patient; of nested cross-validation a bootstrap of patients.",
        "models": [_areas(model, primary, auc, nested) for model in auc["model"].unique()],
        "questions": [{"question": question, "answer": answer} for question, answer in questions.items()],
    }


def _warnings(run, cases, audit):
    """What a reader should know before any number."""
    found = ["The patients are SIMULATED: the numbers say nothing about patients."] if run.simulated else []
    found += filter(None, [whole_vertebrae(cases)])
    if (audit["result"] == "FAIL").any():
        found.append(f"The leakage audit found something: {sentences.audit(audit)}")
    opened = register.opened(run)
    if opened is None or len(opened[["parameters", "cases"]].drop_duplicates()) > 1:
        found.append(sentences.openings(opened))
    sizes = pd.read_csv(run.needs("cohort", "sample_size.csv"))
    small = sizes[(sizes["purpose"] == "validation") & (sizes["here"] < sizes["needed"])]
    return found + ([f"The test set is small. {sentences.sample_sizes(small)}"] if len(small) else [])


def _areas(model, primary, auc, nested):
    found = {"model": model, "primary": model == primary}
    for name in ("train", "test"):
        row = auc[(auc["model"] == model) & (auc["split"] == name)].iloc[0]
        found[name] = dict(zip(("auc", "low", "high"), row[["auc", "newcombe_low", "newcombe_high"]], strict=True))
    row = nested[(nested["model"] == model) & (nested["repeat"] == "mean")]
    keys = ("auc", "low", "high")
    found["nested"] = dict(zip(keys, row[["auc", "ci_low", "ci_high"]].iloc[0], strict=True)) if len(row) else None
    return found


def models_table(summary):
    """The models' AUCs as text: model, and a column for each way they were evaluated."""
    shown = summary["models"]
    rows = [
        {"AUC (95% CI)": model_name(row["model"]) + (" (primary)" if row["primary"] else "")}
        | {heading: _interval(row[name]) for heading, name in _AUCS.items() if any(m[name] for m in shown)}
        for row in shown
    ]
    return pd.DataFrame(rows)


def _interval(area):
    return f"{area['auc']:.2f} ({area['low']:.2f} to {area['high']:.2f})" if area else "–"


def overview(run, summary):
    """ROC, decision curve and calibration of the primary model on test cases, side by side."""
    figure, axes = canvas(183, 58, 1, 3)
    draw_overview(axes, *_curves(run), summary["primary"])
    return finish(figure, summary["simulated"])


def _curves(run):
    names = ("figure9_roc.csv", "figure10_decision_curves.csv", "calibration_figure.csv")
    return [pd.read_csv(run.needs("statistics", name)) for name in names]


def write_pdf(path, run, summary):
    """The summary on one A4 page."""
    figure = plt.figure(figsize=A4)
    plt.close(figure)
    place = write_text(
        figure, 0.972, [f"Acute or chronic vertebral fracture on CT: study {summary['study']}"], 13, weight="bold"
    )
    place = write_text(figure, place, [*summary["warnings"], summary["notice"]], 8.5, color=VERMILLION)
    place -= 0.012
    table = models_table(summary)
    for number, (name, values) in enumerate(table.items()):
        for row, text in enumerate([name, *values]):
            weight = "bold" if row == 0 or "(primary)" in table.iloc[row - 1, 0] else None
            figure.text(0.06 + 0.235 * number, place - 0.017 * row, text, va="top", fontsize=8.5, weight=weight)
    place = write_text(figure, place - 0.017 * (len(table) + 1), [summary["intervals"]], 7) - 0.01
    axes = [figure.add_axes((0.1 + 0.31 * column, place - 0.19, 0.23, 0.165)) for column in range(3)]
    draw_overview(axes, *_curves(run), summary["primary"])
    place -= 0.245
    for row in summary["questions"]:
        place = write_text(figure, place, [row["question"]], 8.5, weight="bold")
        place = write_text(figure, place, [row["answer"]], 8.5) - 0.004
    with runs.atomic(path) as temporary:
        figure.savefig(temporary, format="pdf", metadata={"Creator": "vcfnb", "Title": summary["study"]})
