"""The filled checklists as HTML: one page to read, print and enclose with a manuscript."""

from html import escape
from urllib.parse import quote

from vcfnb.report.checklists.answers import NEEDS_YOU
from vcfnb.report.checklists.catalogue import CHECKED, CITATIONS, TITLES
from vcfnb.report.checklists.score import metrics_score

# A sign beside the word and the colour: a printed page may be black and white.
_SIGNS = {"yes": "✓", "no": "✗", "na": "–", NEEDS_YOU: "?"}
_WORDS = {"yes": "yes", "no": "no", "na": "not applicable", NEEDS_YOU: "needs you"}
_SIMULATED = (
    "The patients are simulated. What stands here shows how the checklists are filled; it is no claim about the "
    "quality of a study. Items on patients, readers, scanners and institutions count as no in METRICS and do not apply "
    "in CLEAR."
)


def summary(tables):
    """Both results in one sentence each, as HTML.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        "metrics" and "clear", from :func:`vcfnb.report.checklists.fill`.
    """
    score = metrics_score(tables["metrics"])
    counts = tables["clear"]["answer"].value_counts()
    between = f"{score.lowest:.1f} %"
    if score.n_open:
        open_items = f"{score.n_open} of 30 items {'needs' if score.n_open == 1 else 'need'} you"
        between = f"between {score.lowest:.1f} and {score.highest:.1f} %: {open_items}"
    words = _WORDS | ({} if counts.get(NEEDS_YOU) == 1 else {NEEDS_YOU: "need you"})
    clear = ", ".join(f"{counts[answer]} {words[answer]}" for answer in _SIGNS if answer in counts)
    return f"<p><strong>METRICS</strong> {between}.</p><p><strong>CLEAR</strong> {clear}, of 58.</p>"


def page_body(study, tables, simulated):
    """The page without its frame.

    Parameters
    ----------
    study : str
        Name of the study.
    tables : dict of str to pandas.DataFrame
        "metrics" and "clear", from :func:`vcfnb.report.checklists.fill`.
    simulated : bool

    Returns
    -------
    str
        HTML; links to proofs are seen from ``runs/<study>/report/``.
    """
    notice = (
        f"<strong>{_SIMULATED}</strong>"
        if simulated
        else "Filled by the software; to be read and completed by the authors."
    )
    return "\n".join(
        [
            f"<h1>Checklists of study “{escape(study)}”</h1>",
            f'<p class="notice">{notice}</p>',
            summary(tables),
            "<p><em>Yes</em> and <em>no</em> are what the run's own parameters and results show, with the files that "
            "prove it; <em>yes</em> does not say that your manuscript reports it. <em>Needs you</em> is what no "
            "software can know: answer it in the section <code>reporting</code> of your params file and run the study "
            "again, which makes only this report anew. Where your answer and the run differ, both are shown and the "
            "less favourable one counts.</p>",
            *(_checklist(name, table) for name, table in tables.items()),
        ]
    )


def _checklist(name, table):
    text, link = CITATIONS[name]
    groups = "".join(_group(group, part) for group, part in table.groupby("group", sort=False))
    return (
        f'<section id="{name}"><h2>{escape(TITLES[name])}</h2>'
        f'<p>{escape(text)} <a href="{link}">{escape(link)}</a><br>The questions are worded for this study; the '
        f"checklist's own wording counts. {escape(CHECKED[name])}</p>"
        f'<p>As a table: <a href="checklist_{name}.csv">checklist_{name}.csv</a></p>'
        '<table class="checklist"><thead><tr><th>item</th><th>question</th><th>answer</th><th>why</th><th>proof</th>'
        f"</tr></thead>{groups}</table></section>"
    )


def _group(group, part):
    rows = "".join(_row(row) for row in part.to_dict("records"))
    return f'<tbody><tr class="group"><th colspan="5">{escape(group)}</th></tr>{rows}</tbody>'


def _row(row):
    answer = row["answer"]
    weight = f"<br><small>weight {row['weight']:.4f}</small>" if "weight" in row else ""
    if row.get("essential") == "no":
        weight = "<br><small>not essential</small>"
    why = escape(row["why"])
    if row["you_say"]:
        yours = _WORDS[row["you_say"]] + (f" ({escape(row['where'])})" if row["where"] else "")
        why = f"{why}<br>You answered: {yours}." if row["run_says"] else f"You answered: {yours}."
    if row["differs"]:
        why += f" <strong>The run shows: {_WORDS[row['run_says']]}.</strong>"
    proof = "<br>".join(f'<a href="../{quote(path)}">{escape(path)}</a>' for path in row["proof"].split("; ") if path)
    cells = (
        f"<td>{row['item']}{weight}</td>",
        f"<td><strong>{escape(row['name'])}</strong><br>{escape(row['question'])}</td>",
        f'<td class="{answer.replace(" ", "-")}">{_SIGNS[answer]} {_WORDS[answer]}</td>',
        f"<td>{why}</td><td>{proof}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"
