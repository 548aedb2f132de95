"""Tables on the console."""

import os
import shutil
import textwrap
from itertools import zip_longest

_HEADS = {"severity": "", "case_id": "case", "file": "file", "problem": "problem", "remedy": "remedy"}
# Narrow columns first; what is left of a line is shared by the two sentences.
_MOST = {"severity": 7, "case_id": 18, "file": 36}


def problems_text(problems, folder=None, width=None):
    """Problems as a table of case, file, problem and remedy.

    Parameters
    ----------
    problems : pandas.DataFrame
        case_id, file, problem, remedy, and severity where it is known.
    folder : path, optional
        Files are shown as seen from here.
    width : int, optional
        Characters of a line; by default the terminal's, at least 100.
    """
    shown = problems[[name for name in _HEADS if name in problems]].astype(str)
    if folder is not None:
        shown["file"] = [_seen_from(path, folder) for path in shown["file"]]
    width = max(100, width or shutil.get_terminal_size((140, 24)).columns)
    rows = [[_HEADS[name] for name in shown], *shown.to_numpy().tolist()]
    widths = [
        min(_MOST[name], max(len(row[number]) for row in rows)) if name in _MOST else 0
        for number, name in enumerate(shown)
    ]
    rest = (width - sum(widths) - 2 * (len(widths) - 1)) // 2
    widths = [each or rest for each in widths]
    return "\n".join(line for row in rows for line in _lines(row, widths))


def _seen_from(path, folder):
    path = os.path.relpath(path, folder) if os.path.isabs(path) else path
    return path if not path.startswith("../..") else os.path.abspath(os.path.join(folder, path))


def _lines(cells, widths):
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    for parts in zip_longest(*wrapped, fillvalue=""):
        yield "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
