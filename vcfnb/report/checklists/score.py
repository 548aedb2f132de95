"""The score of METRICS, with bounds for what is still open."""

from dataclasses import dataclass

from vcfnb.report.checklists.answers import NEEDS_YOU


@dataclass(frozen=True)
class Score:
    """METRICS in percent.

    Attributes
    ----------
    lowest, highest : float
        With every open item answered no, and yes. An open item that turns out not to apply lies between.
    n_open : int
        Items that need the authors.
    """

    lowest: float
    highest: float
    n_open: int


def metrics_score(table):
    """Score a filled METRICS: 100 x (weights of yes) / (weights of the items that apply).

    Parameters
    ----------
    table : pandas.DataFrame
        weight, answer (yes, no, na, needs you); at least one item that applies.

    Returns
    -------
    Score

    References
    ----------
    Kocak et al. 2024, Insights Imaging 15:8.
    """
    weights = table.groupby("answer")["weight"].sum()
    yes, no, still_open = (float(weights.get(answer, 0.0)) for answer in ("yes", "no", NEEDS_YOU))
    applicable = yes + no + still_open
    return Score(
        lowest=100 * yes / applicable,
        highest=100 * (yes + still_open) / applicable,
        n_open=int((table["answer"] == NEEDS_YOU).sum()),
    )
