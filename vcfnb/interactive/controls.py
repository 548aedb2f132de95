"""Controls above a figure, where somebody can use them."""

from vcfnb.errors import VcfnbError
from vcfnb.interactive.viewer import in_jupyterlab


def show(draw, interactive=None, **choices):
    """Display a figure, in JupyterLab with controls that draw it anew.

    Parameters
    ----------
    draw : callable
        Called with one value of each choice by name; returns a matplotlib Figure.
    interactive : bool, optional
        With controls; by default :func:`vcfnb.interactive.in_jupyterlab`. Otherwise the default choice is displayed.
    **choices : sequence, or tuple (sequence, default)
        Values of each choice, by default the first. Numbers get a slider, other values a menu.
    """
    from IPython.display import display

    given = {name: _values_and_default(name, choice) for name, choice in choices.items()}
    if not (in_jupyterlab() if interactive is None else interactive):
        display(draw(**{name: default for name, (_, default) in given.items()}))
        return
    import ipywidgets

    controls = {name: _control(name, *choice) for name, choice in given.items()}
    # ipywidgets shows what a function prints or displays, not what it returns.
    picture = ipywidgets.interactive_output(lambda **chosen: display(draw(**chosen)), controls)
    row = ipywidgets.Layout(flex_flow="row wrap")
    display(ipywidgets.VBox([ipywidgets.Box(list(controls.values()), layout=row), picture]))


def _values_and_default(name, choice):
    values, *default = choice if isinstance(choice, tuple) and len(choice) == 2 else (choice,)
    values = list(values)
    if not values:
        raise VcfnbError(f"{name}: there is nothing to choose from", "give at least one value", code="no-choice")
    default = default[0] if default else values[0]
    if default not in values:
        raise VcfnbError(
            f"{name}: the default {default!r} is none of its values", f"give one of {values[:5]}", code="unknown-choice"
        )
    return values, default


def _control(name, values, default):
    import ipywidgets

    look = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if len(values) > 1 and all(isinstance(value, int | float) for value in values):
        options = [(f"{value:.4g}", value) for value in values]
        # Drawn anew when the slider is let go: a figure takes longer than a step of it.
        return ipywidgets.SelectionSlider(options=options, value=default, continuous_update=False, **look)
    return ipywidgets.Dropdown(options=values, value=default, **look)
