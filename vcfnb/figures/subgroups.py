"""Forest plot: how good each model is in subgroups of patients."""

import numpy as np

from vcfnb.figures.theme import BLACK, GREY, MODELS, TWO_COLUMNS, canvas, finish, model_name, model_styles, require

_VARIABLES = {"all": "", "sex": "Sex", "age": "Age", "bmd": "BMD", "level": "Level"}
_MARKERS = "osD^v"
_ROW_MM = 9.5


def subgroup_forest(table, *, simulated=False):
    """AUC of each model in each subgroup with its interval; a subgroup without numbers says why.

    Parameters
    ----------
    table : pandas.DataFrame
        variable, subgroup, model, n_acute, n_chronic, auc, ci_low, ci_high (NaN where there is a note), note.
    simulated : bool
        Add the note that patients are simulated.

    Returns
    -------
    matplotlib.figure.Figure
    """
    require(
        table,
        *("variable", "subgroup", "model", "n_acute", "n_chronic", "auc", "ci_low", "ci_high", "note"),
        what="the table of subgroups",
    )
    groups = table.drop_duplicates(["variable", "subgroup"])
    models = [model for model in MODELS if model in set(table["model"])]
    models += [model for model in table["model"].unique() if model not in models]
    figure, axis = canvas(TWO_COLUMNS, 22 + _ROW_MM * len(groups))
    lowest = np.nanmin([0.5, table["ci_low"].min()])
    left = max(0, np.floor(10 * lowest) / 10 - 0.05)
    for row, group in enumerate(groups.itertuples()):
        part = table[(table["variable"] == group.variable) & (table["subgroup"] == group.subgroup)].set_index("model")
        if group.note:
            axis.text(max(left, 0.5) + 0.01, row, group.note, va="center", fontsize=7, color=GREY, style="italic")
        else:
            _row(axis, row, part, models)
        counts = f"{group.n_acute} / {group.n_chronic}"
        axis.text(1.07, row, counts, va="center", ha="center", fontsize=7, transform=axis.get_yaxis_transform())
    names = [_name(group.variable, group.subgroup) for group in groups.itertuples()]
    axis.set_yticks(range(len(groups)), names)
    axis.tick_params(axis="y", length=0)
    axis.text(
        1.03, -0.75, "acute / chronic", va="bottom", ha="center", fontsize=7, transform=axis.get_yaxis_transform()
    )
    axis.axvline(0.5, color=BLACK, linewidth=0.6, linestyle=":")
    # A line between variables.
    for row in np.flatnonzero(groups["variable"].to_numpy()[1:] != groups["variable"].to_numpy()[:-1]):
        axis.axhline(row + 0.5, color=GREY, linewidth=0.3, alpha=0.6)
    axis.set(xlim=(left, 1.005), ylim=(len(groups) - 0.4, -0.6), xlabel="AUC (95% CI)", ylabel="Test cases")
    handles = [axis.errorbar([], [], [], [], label=model_name(model), **look) for model, look in _looks(models).items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(models))
    return finish(figure, simulated)


def _looks(models):
    """Colour and marker of each model; lines of intervals are whole, so that short ones are seen."""
    styles = model_styles(models)
    return {
        model: {"color": styles[model]["color"], "marker": marker, "linestyle": "", "elinewidth": 1}
        for model, marker in zip(models, _MARKERS * len(models), strict=False)
    }


def _row(axis, row, part, models):
    for number, (model, look) in enumerate(_looks(models).items()):
        found = part.loc[model]
        y = row + 0.24 * (number - (len(models) - 1) / 2)
        interval = np.abs([[found["ci_low"] - found["auc"]], [found["ci_high"] - found["auc"]]])
        axis.errorbar([found["auc"]], [y], xerr=interval, **look)


def _name(variable, subgroup):
    title = _VARIABLES.get(variable, str(variable))
    return f"{title}: {subgroup}" if title else subgroup.capitalize()
