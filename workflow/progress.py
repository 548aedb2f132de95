"""What is running, and what ended: read from the notebooks in the run's folder, wherever they are executed."""

import contextlib
import json
import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from vcfnb.runs import GO_ON, disk_is_full

# Seconds between two looks for ended notebooks, and between two of the line that is written over and over.
LOOK_S = 0.1
EVERY_S = 2
# Carriage return, and clear what stands on the line.
CLEAR = "\r\033[K"


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def running(folder, now=None):
    """Notebooks at work (name, cells done, cells, seconds since its start), oldest first.

    They are read from ``*.running.ipynb``, which papermill saves after each cell.
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


def describe_failure(path):
    """The failing cell and its message, read from a notebook that papermill stopped in."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        # Not saved, or not whole.
        cells = []
    for number, cell in enumerate(cells):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                code = "".join(cell["source"]).strip().splitlines()
                shown = "\n".join(f"    | {line}" for line in code[:12] + ["..."] * (len(code) > 12))
                message = f"{output['ename']}: {output['evalue']}".replace("\n", "\n    ")
                return f"  in cell {number}:\n{shown}\n    {message}"
    folder = path.parent.resolve()
    if disk_is_full(folder):
        return f"  {folder}: the disk is full -> free space there{GO_ON}"
    told = "the kernel ended by itself, most often because memory ran out"
    return f"  {told} -> close other programs or use fewer cores (--cores 1){GO_ON}"


def success(title, seconds):
    """The line of a notebook that ran to its end."""
    return f"{title:<18} done in {seconds:.0f} s"


def failure(path, seconds, why=None):
    """The lines of a notebook that did not; `path` is where it is kept, when it could be."""
    title = path.name.split(".")[0]
    when = "" if seconds is None else f" after {seconds:.0f} s"
    lines = [f"{title:<18} FAILED{when}", why or describe_failure(path)]
    if path.exists():
        lines.append(f"  the notebook as far as it went: {path.resolve()}")
    return "\n".join([*lines, f"  its log: {path.resolve().parents[1] / 'logs' / f'{title}.log'}"])


def say(text, stream, started):
    # On a terminal the line of what is running stands there.
    print(f"{CLEAR if stream.isatty() else ''}[{clock(time.time() - started):>5}] {text}", file=stream, flush=True)


class Endings:
    """Notebooks of a folder that end after this was made, each told of once."""

    def __init__(self, folder):
        self._folder, self._saved, self._told = Path(folder), {}, set()
        self._new(("", "failed", "running"))

    def told(self):
        """Lines of what ended since the last call, whether it succeeded or failed."""
        found = self._new(("", "failed"))
        return [success(title, s) if kind == "" else failure(path, s) for title, kind, path, s in found]

    def cut_off(self):
        """Lines of what began and did not end, once the workflow is over."""
        why = f"  ended from outside: cancelled, killed, or out of time or memory{GO_ON}"
        # After how long nobody saw.
        return [failure(path, None, why) for *_, path, _ in self._new(("running",))]

    def _new(self, kinds):
        """Title, kind, path and seconds of executions not seen before, in the order of their files."""
        found = []
        for path in self._folder.glob("*.ipynb"):
            title, _, kind = path.name.removesuffix(".ipynb").partition(".")
            # Renamed in between: seen at the next look.
            with contextlib.suppress(OSError):
                saved = path.stat().st_mtime
                if kind not in kinds or self._saved.get(path) == saved:
                    continue
                started, seconds = _execution(path, saved)
                self._saved[path] = saved
                if kind == "" and started is None:
                    continue
                # Saved again in JupyterLab it is still the same execution.
                execution = title, kind, started or saved
                if execution not in self._told:
                    self._told.add(execution)
                    found.append((saved, title, kind, path, seconds))
        return [row[1:] for row in sorted(found)]


def _execution(path, saved):
    """When a notebook was started, None when it does not say; and how many seconds it took until it was saved."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))["metadata"]["papermill"]
        started = datetime.fromisoformat(about["start_time"]).timestamp()
        return started, about.get("duration") or max(saved - started, 0)
    except (ValueError, KeyError, TypeError):
        return None, 0


@contextlib.contextmanager
def live(folder, stream, started):
    """Tell on `stream` of each notebook that ends; on a terminal, keep a line of what is running below.

    All that ended was told of when the context is left; `started` is in seconds since the epoch.
    """
    over, endings = threading.Event(), Endings(folder)

    def tell():
        for text in endings.told():
            say(text, stream, started)

    def show():
        shown = 0
        while not over.wait(min(LOOK_S, EVERY_S)):
            tell()
            if stream.isatty() and time.monotonic() - shown >= EVERY_S:
                shown, now = time.monotonic(), datetime.now(UTC)
                width = shutil.get_terminal_size().columns - 1
                stream.write(CLEAR + line(running(folder, now), now.timestamp() - started, width))
                stream.flush()

    thread = threading.Thread(target=show, name="progress", daemon=True)
    thread.start()
    try:
        yield endings
    finally:
        over.set()
        thread.join()
        tell()
        if stream.isatty():
            stream.write(CLEAR)
            stream.flush()
