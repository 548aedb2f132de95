"""A checklist, filled from what a run shows and what its authors answer."""

import pandas as pd

from vcfnb.report.checklists.catalogue import items
from vcfnb.report.checklists.evidence import UNKNOWN, Found
from vcfnb.report.checklists.folder import RunFolder
from vcfnb.report.checklists.lookup import EVIDENCE

NEEDS_YOU = "needs you"
# From the least favourable answer to the most favourable one.
ORDER = ("no", "na", "yes")
_SIMULATED = {
    "no": "Simulated: no patient, reader, scanner or institution stands behind this run.",
    "na": "Not applicable: the patients are simulated.",
}


def fill(folder, name, answers=None):
    """Fill one checklist.

    Parameters
    ----------
    folder : path or RunFolder
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
    run = folder if isinstance(folder, RunFolder) else RunFolder(folder)
    answers = answers or {}
    rows = [_row(item, _found(item, run, EVIDENCE[name]), answers.get(item["item"])) for item in _records(name)]
    kept = ["item", "group", "name", "question", "weight" if name == "metrics" else "essential"]
    filled = ["answer", "why", "proof", "run_says", "you_say", "where", "differs"]
    return pd.DataFrame(rows)[[*kept, *filled, "source"]]


def _records(name):
    return items(name).to_dict("records")


def _found(item, run, evidence):
    if run.simulated and item["simulated"]:
        answer = item["simulated"]
        return Found(answer, _SIMULATED[answer], run.present("00_cohort/about.json"))
    return evidence.get(item["item"], lambda run: UNKNOWN)(run)


def _row(item, found, given):
    run_says, you_say = found.answer or "", given.answer if given else ""
    said = [answer for answer in (run_says, you_say) if answer]
    why = found.why
    if not said:
        why = item["needs_you"]
    elif not run_says:
        why = "Your answer."
    return item | {
        "answer": min(said, key=ORDER.index) if said else NEEDS_YOU,
        "why": why,
        "proof": "; ".join(found.proof),
        "run_says": run_says,
        "you_say": you_say,
        "where": given.where if given else "",
        "differs": "yes" if len(set(said)) > 1 else "",
    }
