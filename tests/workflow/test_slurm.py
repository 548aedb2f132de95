"""A whole study through a real SLURM, stopped twice, to the tables of a local run. Slow: several whole studies."""

import os
import signal
import subprocess
from types import SimpleNamespace

import pytest
import slurm
from processes import wait_until
from study import executed, run_all, start_all, tables

pytestmark = [pytest.mark.study, pytest.mark.long, pytest.mark.skipif(bool(slurm.missing()), reason=slurm.missing())]
STUDY = ("params/smoke.yaml", "--cores", 2)
PROFILE = ("--profile", "workflow/profiles/slurm")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    with slurm.cluster(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture(scope="module")
def found(environment, smoke, tmp_path_factory):
    """Ctrl-C while networks train, scancel of a running job, and on to the end; and the shared local run."""
    folder = tmp_path_factory.mktemp("cluster")

    def jobs(*options):
        call = ["squeue", "--noheader", "--format=%i", *options]
        return subprocess.run(call, env=os.environ | environment, capture_output=True, text=True).stdout.split()

    def interrupted(name, stop):
        """Start, stop when a notebook of this name is at work: how the call ended, and whether jobs were left."""
        process = start_all(folder, *STUDY, *PROFILE, group=True, **environment)
        try:
            running = f"smoke/notebooks/{name}*.running.ipynb"
            assert wait_until(lambda: process.poll() is not None or list(folder.glob(running)), 600)
            stop(process)
            said, failed = process.communicate(timeout=300)
        finally:
            process.kill()
        assert wait_until(lambda: not jobs(), 60)
        return SimpleNamespace(returncode=process.returncode, stdout=said, stderr=failed)

    ctrl_c = interrupted("04_dtl", lambda process: process.send_signal(signal.SIGINT))
    cancelled = interrupted(
        "05_selection",
        lambda _: subprocess.run(["scancel", *jobs("--states=running")], env=os.environ | environment, check=True),
    )
    finished = run_all(folder, *STUDY, *PROFILE, **environment)
    return SimpleNamespace(
        study=folder / "smoke", local=smoke / "smoke", ctrl_c=ctrl_c, cancelled=cancelled, finished=finished
    )


def test_the_console_shows_what_it_shows_of_a_local_run(found):
    every = [name for part in (found.ctrl_c, found.cancelled, found.finished) for name in executed(part)]
    # One that ended just before Ctrl-C is made again: SLURM had not been asked how its job was.
    assert set(every) == {path.stem for path in (found.local / "notebooks").glob("*.ipynb")}
    assert len(executed(found.finished)) == len(set(executed(found.finished)))
    assert "SIMULATED patients" in found.finished.stdout
    assert "report/index.html" in found.finished.stdout


def test_ctrl_c_cancels_the_jobs_and_says_what_is_kept(found):
    assert found.ctrl_c.returncode == 130
    told = f"vcfnb: interrupted. What was finished is kept in {found.study}; the same command goes on from there."
    assert told in found.ctrl_c.stderr
    assert "FAILED" not in found.ctrl_c.stdout


def test_a_cancelled_job_is_told_of(found):
    assert found.cancelled.returncode == 1
    assert "05_selection       FAILED\n" in found.cancelled.stdout
    assert "  ended from outside: cancelled, killed, or out of time or memory; " in found.cancelled.stdout
    assert "the same command goes on" in found.cancelled.stderr


def test_the_tables_are_those_of_a_local_run(found):
    cluster, local = tables(found.study), tables(found.local)
    assert len(local) > 40
    assert set(cluster) == set(local)
    assert [name for name in local if local[name] != cluster[name]] == []
