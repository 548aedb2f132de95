"""All figures are made and none is drawn: for tests about something else, as drawing takes a third of a small study.

Kernels run this file when they start, where ``PYTHONSTARTUP`` names it (UNDRAWN in study.py).
"""

import base64
import os
from pathlib import Path

import matplotlib.figure
from IPython import get_ipython
from IPython.core import pylabtools

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


def savefig(figure, target, *_, **named):
    """In the place of matplotlib's own: a file of the kind asked for, or nearly."""
    content = b"%PDF-" if named.get("format") == "pdf" else PIXEL
    Path(target).write_bytes(content) if isinstance(target, str | os.PathLike) else target.write(content)


def print_figure(*_, **named):
    """In the place of IPython's own, which shows figures in a notebook."""
    return base64.b64encode(PIXEL).decode() if named.get("base64") else PIXEL


if get_ipython():
    matplotlib.figure.Figure.savefig = savefig
    pylabtools.print_figure = print_figure
