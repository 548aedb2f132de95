"""Runs of a study that are interrupted, and the processes that belong to them."""

import contextlib
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

from study import executed, run_all, start_all

# Notebooks at whose beginning a run is killed.
MOMENTS = ("01_preprocessing", "04_dtl_06", "07_statistics")


def processes_of(folder):
    """Numbers and command lines of all living processes whose results go to a folder; none where there is no /proc."""
    mark, found = f"VCFNB_RUNS={folder}".encode(), {}
    for entry in Path("/proc").glob("[0-9]*"):
        # One that has just ended.
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def wait_until(true, seconds=120):
    """Until something is so; False when it never was."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def wait_for(folder, text, process):
    """The number of a process whose command line holds a text, or None when the run ended before."""
    found = []

    def there():
        found[:] = [number for number, line in processes_of(folder).items() if text in line]
        return found or process.poll() is not None

    assert wait_until(there, 600)
    return found[0] if found else None


def kill(process, folder):
    """End a run and all it started the hard way; return what it had said, and whether everything ended."""
    os.killpg(process.pid, signal.SIGKILL)
    said, _ = process.communicate()
    return said, wait_until(lambda: not processes_of(folder))


def die_at_three(item):
    """Work of a worker that the system kills at its fourth item; here, as workers import the module of their work."""
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def start_until(notebook, folder, study, *arguments, **environment):
    """Start a study, and wait until a notebook begins; one that a killed run left does not count."""
    path, since = folder / study / "notebooks" / f"{notebook}.running.ipynb", time.time()
    process = start_all(folder, *arguments, group=True, **environment)

    def begun():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime > since:
                return True
        return process.poll() is not None

    assert wait_until(begun, 600)
    assert process.poll() is None, f"the run ended before {notebook}"
    return process


def interrupted_study(folder, study, *arguments, **environment):
    """A study that is killed when some notebooks begin, once stopped by Ctrl-C in between, and then left to end.

    Returns
    -------
    types.SimpleNamespace
        ``steps``: notebooks that killed runs had executed; ``kept``: those of them that must not be made again;
        ``left``: whether all processes had ended, by interruption; ``ctrl_c``, ``beside``, ``finished``: the run that
        was stopped, one that was started beside another, and the last.
    """
    found = SimpleNamespace(folder=folder, study=folder / study, steps=[], kept=[], left=[], beside=None)
    for notebook in MOMENTS:
        said, all_ended = kill(start_until(notebook, folder, study, *arguments, **environment), folder)
        found.steps += executed(said)
        # The last was finished, but Snakemake may not have noted it when it was killed.
        found.kept += executed(said)[:-1]
        found.left.append(all_ended)
        if notebook == "04_dtl_06":
            process = start_until(notebook, folder, study, *arguments, **environment)
            found.beside = run_all(folder, *arguments, check=False)
            # As a terminal does it: everybody in the foreground gets the signal.
            os.killpg(process.pid, signal.SIGINT)
            said, failed = process.communicate()
            found.ctrl_c = SimpleNamespace(returncode=process.returncode, stdout=said, stderr=failed)
            found.left.append(wait_until(lambda: not processes_of(folder)))
    found.finished = run_all(folder, *arguments, **environment)
    return found
