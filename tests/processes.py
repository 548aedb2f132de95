"""Runs of a study that are interrupted, and the processes that belong to them."""

import contextlib
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

from study import executed, run_all, start_all


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


def kill(number, folder):
    """Kill a process of a folder, and wait until it is gone."""
    os.kill(number, signal.SIGKILL)
    assert wait_until(lambda: number not in processes_of(folder))


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
    """A study that is interrupted on its way, and then left to end.

    A worker process is killed in notebook 00, everything when 01 begins, and the kernel when 07 does; in between Ctrl-C
    stops the run when 04 begins, after another one of the same study was started beside it. (Kills at random moments:
    test_interruption.py, with --all.)

    Returns
    -------
    types.SimpleNamespace
        ``killed``: what the runs said that lost a worker and a kernel; ``steps``: notebooks that interrupted runs had
        executed; ``kept``: those of them that must not be made again; ``left``: whether all processes had ended, by
        interruption; ``ctrl_c``, ``beside``, ``finished``: the run that was stopped, one that was started beside
        another, and the last.
    """
    found = SimpleNamespace(folder=folder, study=folder / study, killed=[], steps=[], kept=[], left=[])

    def start(notebook, cores=1):
        return start_until(notebook, folder, study, *arguments, "--cores", cores, **environment)

    def ended(said):
        found.steps += executed(said)
        # The last was finished, but Snakemake may not have noted it when it was killed.
        found.kept += executed(said)[:-1]
        found.left.append(wait_until(lambda: not processes_of(folder)))
        return said

    def lose(victim, notebook, cores, times=1):
        process = start(notebook, cores)
        for attempt in range(times):
            number = wait_for(folder, victim, process)
            assert number is not None or attempt, process.communicate()
            if number is not None:
                kill(number, folder)
        said, failed = process.communicate()
        found.killed.append(SimpleNamespace(returncode=process.returncode, stdout=ended(said), stderr=failed))

    lose("popen_loky_posix", "00_cohort", cores=2)
    process = start("01_preprocessing")
    os.killpg(process.pid, signal.SIGKILL)
    ended(process.communicate()[0])
    process = start("04_dtl_06")
    found.beside = run_all(folder, *arguments, check=False)
    # As a terminal does it: everybody in the foreground gets the signal.
    os.killpg(process.pid, signal.SIGINT)
    said, failed = process.communicate()
    found.ctrl_c = SimpleNamespace(returncode=process.returncode, stdout=ended(said), stderr=failed)
    # A kernel that dies before it answers is started once more.
    lose("ipykernel_launcher", "07_statistics", cores=1, times=2)
    found.finished = run_all(folder, *arguments, "--cores", 2, **environment)
    return found
