"""Problems on the console."""

import os
import shutil
import textwrap
from pathlib import Path

from vcfnb.errors import folded, message

# Stands for a space that must not end a line.
_FIXED = "\0"


def problems_text(problems, folder=None, width=None):
    """Problems as lines ``severity  case file: problem -> remedy``; the same problem of many cases is one line.

    Lines are wrapped between words, and never within a path: one that is wider than the terminal is left to it.

    Parameters
    ----------
    problems : pandas.DataFrame
        case_id, file, problem, remedy, code, and severity where it is known.
    folder : path, optional
        Files are shown as seen from here.
    width : int, optional
        Characters of a line; by default the terminal's.
    """
    width = width or shutil.get_terminal_size((140, 24)).columns
    lines = []
    for row in folded(problems).to_dict("records"):
        shown = row["file"] if folder is None else _seen_from(row["file"], folder)
        text = message(row["problem"], row["remedy"], row["case_id"], shown)
        # Messages may quote a path or a part of it.
        for part in (shown, row["file"], *Path(row["file"]).parts):
            text = text.replace(part, part.replace(" ", _FIXED))
        start = f"{row['severity']:<7}  " if "severity" in row else ""
        wrapped = textwrap.fill(
            text,
            width,
            initial_indent=start,
            subsequent_indent=" " * len(start) or "  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines.append(wrapped.replace(_FIXED, " "))
    return "\n".join(lines)


def _seen_from(path, folder):
    path = os.path.relpath(path, folder) if os.path.isabs(path) else path
    return path if not path.startswith("../..") else os.path.abspath(os.path.join(folder, path))
