"""METRICS and CLEAR, the checklists of radiomics studies, filled from a run's own parameters and results.

What the run cannot know is left to the authors (section ``reporting`` of the params file) and never assumed.
Numbers, groups and weights of the items are the checklists', the wording of the questions is ours.
"""

from functools import cache
from importlib import resources
from typing import NamedTuple

import pandas as pd

from vcfnb.report.evidence import Found, RunFolder

CHECKLISTS = ("metrics", "clear")
NEEDS_YOU = "needs you"
# From the least favourable answer to the most favourable one.
_ORDER = ("no", "na", "yes")
# A sign beside the word and the colour: a printed page may be black and white.
SIGNS = {"yes": "✓", "no": "✗", "na": "–", NEEDS_YOU: "?"}
WORDS = {"yes": "yes", "no": "no", "na": "not applicable", NEEDS_YOU: "needs you"}
_SIMULATED = {
    "no": "Simulated: no patient, reader, scanner or institution stands behind this run.",
    "na": "Not applicable: the patients are simulated.",
}


@cache
def items(name):
    """One of the tables in ``items/``; the items of a checklist are "metrics" and "clear".

    Returns
    -------
    pandas.DataFrame
        item (1, 2, ...), group, name (short), question, simulated (the answer where patients are simulated, or empty),
        evidence (its rules in ``evidence.csv``; empty: the authors' turn), needs_you (what is asked of the authors
        where the run cannot tell, or empty), source; and for METRICS weight, weight_read_in (article, or calculator:
        see ``about.csv``) and condition (when the item applies; empty: always), for CLEAR essential (yes, no).

    References
    ----------
    Kocak et al. 2024, Insights Imaging 15:8 (METRICS); Kocak et al. 2023, Insights Imaging 14:75 (CLEAR).
    """
    with resources.files("vcfnb.report").joinpath("items", f"{name}.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False)


def fill(folder, name, answers=None):
    """Fill one checklist.

    Parameters
    ----------
    folder : path
        ``runs/<study>``.
    name : {"metrics", "clear"}
    answers : dict of int to vcfnb.params.ChecklistAnswer, optional
        The authors' answers, by item.

    Returns
    -------
    pandas.DataFrame
        item, group, name, question, weight (METRICS) or essential (CLEAR), answer (yes, no, na, needs you), why, proof
        (files relative to the run folder, separated by "; "), run_says and you_say (empty: nothing), where (the
        authors' words), differs (yes where both say something else: then the less favourable counts), source.

    Raises
    ------
    VcfnbError
        When the run has no cohort.

    Notes
    -----
    For simulated patients, items on patients, readers, scanners and institutions have the answer of the item table: no
    in METRICS, whose score may not rise by leaving them out, and not applicable in CLEAR.
    """
    run, answers = RunFolder(folder), answers or {}
    rules = dict(tuple(items("evidence").groupby("evidence", sort=False)))
    rows = []
    for item in items(name).to_dict("records"):
        if run.simulated and item["simulated"]:
            found = Found(item["simulated"], _SIMULATED[item["simulated"]], run.present("00_cohort/about.json"))
        else:
            found = run.evidence(rules[item["evidence"]]) if item["evidence"] else Found(None)
        rows.append(_row(item, found, answers.get(item["item"])))
    kept = ["item", "group", "name", "question", "weight" if name == "metrics" else "essential"]
    filled = ["answer", "why", "proof", "run_says", "you_say", "where", "differs"]
    return pd.DataFrame(rows)[[*kept, *filled, "source"]]


def _row(item, found, given):
    run_says, you_say = found.answer or "", given.answer if given else ""
    said = [answer for answer in (run_says, you_say) if answer]
    why = found.why
    if not run_says:
        why = " ".join(filter(None, (found.why, "Your answer." if said else item["needs_you"])))
    return item | {
        "answer": min(said, key=_ORDER.index) if said else NEEDS_YOU,
        "why": why,
        "proof": "; ".join(found.proof),
        "run_says": run_says,
        "you_say": you_say,
        "where": given.where if given else "",
        "differs": "yes" if len(set(said)) > 1 else "",
    }


class Score(NamedTuple):
    """METRICS in percent with every open item answered no, and yes, and how many items need the authors.

    An open item that turns out not to apply lies between.
    """

    lowest: float
    highest: float
    n_open: int


def metrics_score(table):
    """Score a filled METRICS: 100 x (weights of yes) / (weights of the items that apply; at least one).

    Kocak et al. 2024, Insights Imaging 15:8.
    """
    weights = table.groupby("answer")["weight"].sum()
    yes, no, still_open = (float(weights.get(answer, 0.0)) for answer in ("yes", "no", NEEDS_YOU))
    applicable = yes + no + still_open
    n_open = int((table["answer"] == NEEDS_YOU).sum())
    return Score(100 * yes / applicable, 100 * (yes + still_open) / applicable, n_open)


def summary(tables):
    """Both results in words, by checklist, from the filled tables by checklist."""
    score = metrics_score(tables["metrics"])
    metrics = f"{score.lowest:.1f} %"
    if score.n_open:
        open_items = f"{score.n_open} of 30 items {'needs' if score.n_open == 1 else 'need'} you"
        metrics = f"between {score.lowest:.1f} and {score.highest:.1f} %: {open_items}"
    counts = tables["clear"]["answer"].value_counts()
    words = WORDS | ({} if counts.get(NEEDS_YOU) == 1 else {NEEDS_YOU: "need you"})
    clear = ", ".join(f"{counts[answer]} {words[answer]}" for answer in SIGNS if answer in counts)
    return {"metrics": metrics, "clear": f"{clear}, of 58"}


def shown(tables):
    """What ``checklists.html.j2`` shows of the filled tables by checklist."""
    about = items("about").to_dict("records")
    return {"tables": tables, "summary": summary(tables), "checklists": about, "signs": SIGNS, "words": WORDS}
