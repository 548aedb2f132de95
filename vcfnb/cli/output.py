"""Problems of a cohort: found one check after the other, shown on the console."""

import os
import shutil
import sys
import textwrap
from pathlib import Path

import pandas as pd

from vcfnb.errors import folded, message

# Stands for a space that must not end a line.
_FIXED = "\0"


def called():
    """How this command line was called, for messages that name a command."""
    return "vcfnb" if Path(sys.argv[0]).stem == "vcfnb" else "./vcfnb.sh"


def checked(table, problems, *checks):
    """Problems of a table of cases, with those that checks find, each among the cases that no error concerns so far."""
    for check in checks:
        problems = pd.concat([problems, check(usable(table, problems))], ignore_index=True)
    return problems


def usable(table, problems):
    """The cases of a table that no error concerns."""
    return table[~table["case_id"].isin(errors_of(problems)["case_id"])]


def errors_of(problems):
    """Without the warnings."""
    return problems[problems["severity"] == "error"]


def problems_text(problems, folder=None, width=None):
    """Problems as lines ``severity  case file: problem -> remedy``; the same problem of many cases is one line.

    Files are shown as seen from `folder`. Lines of `width` characters (by default the terminal's) are wrapped between
    words, and never within a path: one that is wider than the terminal is left to it.
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
