"""All figures are made and none is drawn: for tests about something else, as drawing takes a third of a small study.

Kernels run this file when they start, where ``PYTHONSTARTUP`` names it (UNDRAWN in study.py). Files of the kind that
``DRAWN`` names (svg) are drawn nevertheless.
"""

import base64
import os
from pathlib import Path

import matplotlib.figure
from IPython import get_ipython
from IPython.core import pylabtools

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


_draw = matplotlib.figure.Figure.savefig


def savefig(figure, target, **named):
    """In the place of matplotlib's own: a file of the kind asked for, or nearly."""
    to_path = isinstance(target, str | os.PathLike)
    kind = named.get("format") or Path(target).suffix[1:]
    if kind == os.environ.get("DRAWN"):
        _draw(figure, target, **named)
        return
    content = b"%PDF-" if kind == "pdf" else PIXEL
    Path(target).write_bytes(content) if to_path else target.write(content)


def print_figure(*_, **named):
    """In the place of IPython's own, which shows figures in a notebook."""
    return base64.b64encode(PIXEL).decode() if named.get("base64") else PIXEL


if get_ipython():
    matplotlib.figure.Figure.savefig = savefig
    pylabtools.print_figure = print_figure
