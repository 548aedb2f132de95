"""Kernels that start with this profile make all figures and draw none (tests/study.py, UNDRAWN)."""

import base64
import os
from pathlib import Path

import matplotlib.figure
from IPython.core import pylabtools

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


def _savefig(figure, target, *_, **named):
    content = b"%PDF-" if named.get("format") == "pdf" else PIXEL
    Path(target).write_bytes(content) if isinstance(target, str | os.PathLike) else target.write(content)


def _print_figure(*_, **named):
    return base64.b64encode(PIXEL).decode() if named.get("base64") else PIXEL


matplotlib.figure.Figure.savefig = _savefig
pylabtools.print_figure = _print_figure
