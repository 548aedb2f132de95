"""What is running, on one line of a terminal that is written over and over."""

import contextlib
import json
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

# Seconds between two looks.
EVERY_S = 2
# Carriage return, and clear what stands on the line.
CLEAR = "\r\033[K"


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def running(folder, now=None):
    """Notebooks at work, from the files that papermill saves after each cell.

    Parameters
    ----------
    folder : path
        Of the executed notebooks; those at work are called ``*.running.ipynb``.
    now : datetime.datetime, optional
        With a time zone.

    Returns
    -------
    list of tuple
        (name, cells done, cells, seconds since its start), oldest first.
    """
    now, found = now or datetime.now(UTC), []
    for path in Path(folder).glob("*.running.ipynb"):
        try:
            notebook = json.loads(path.read_text(encoding="utf-8"))
            since = datetime.fromisoformat(notebook["metadata"]["papermill"]["start_time"])
        except (OSError, ValueError, KeyError, TypeError):
            # Being written, renamed, or not begun: seen at the next look.
            continue
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        done = sum(cell["metadata"].get("papermill", {}).get("status") == "completed" for cell in cells)
        found.append((path.name.removesuffix(".running.ipynb"), done, len(cells), (now - since).total_seconds()))
    return sorted(found, key=lambda row: -row[3])


def line(found, seconds, width):
    """One line of at most `width` characters: elapsed time, and each notebook with its cell and its own time."""
    told = ", ".join(
        f"{name} (cell {min(done + 1, cells)} of {cells}, {clock(own)})" for name, done, cells, own in found
    )
    return f"[{clock(seconds):>5}] running {told or '...'}"[:width]


@contextlib.contextmanager
def live(folder, stream, started):
    """Keep the line on `stream` while the study runs; nothing where `stream` is not a terminal.

    Parameters
    ----------
    folder : path
        Of the executed notebooks.
    stream : file
    started : float
        Seconds since the epoch.
    """
    if not stream.isatty():
        yield
        return
    over = threading.Event()

    def show():
        while not over.wait(EVERY_S):
            now = datetime.now(UTC)
            width = shutil.get_terminal_size().columns - 1
            stream.write(CLEAR + line(running(folder, now), now.timestamp() - started, width))
            stream.flush()

    thread = threading.Thread(target=show, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        stream.write(CLEAR)
        stream.flush()
