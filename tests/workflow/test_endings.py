"""What run.py says of notebooks that ended, read from their files; and jobs that end with their run."""

import io
import json
import subprocess
import sys
import time

import pytest
from study import ROOT, script

sys.path.insert(0, str(ROOT / "workflow"))
import progress  # noqa: E402

START = "2026-01-01T11:58:00+00:00"


def save(folder, name, seconds=30.4, start=START, cells=()):
    about = {"papermill": {"start_time": start, "duration": seconds}}
    path = folder / "notebooks" / f"{name}.ipynb"
    path.write_text(json.dumps({"metadata": about, "cells": list(cells)}))
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "notebooks").mkdir()
    save(tmp_path, "00_cohort")
    save(tmp_path, "01_preprocessing.failed")
    save(tmp_path, "02_icc.running")
    return tmp_path


def test_each_ending_is_told_of_once(folder):
    endings = progress.Endings(folder / "notebooks")
    assert endings.told() == []
    running = save(folder, "03_radiomics.running")
    assert endings.told() == []
    running.rename(folder / "notebooks" / "03_radiomics.ipynb")
    assert endings.told() == ["03_radiomics       done in 30 s"]
    # Opened and saved in JupyterLab; executed again; and what is no notebook of ours.
    save(folder, "03_radiomics", cells=[{"cell_type": "markdown"}])
    (folder / "notebooks" / "mine.ipynb").write_text('{"cells": []}')
    (folder / "notebooks" / "half.ipynb").write_text('{"cells": [')
    assert endings.told() == []
    time.sleep(0.01)
    save(folder, "03_radiomics", 4, "2026-01-01T12:00:00+00:00")
    assert endings.told() == ["03_radiomics       done in 4 s"]
    assert endings.cut_off() == []


def test_a_failed_notebook_with_its_cell_and_one_that_was_not_saved_whole(folder):
    endings = progress.Endings(folder / "notebooks")
    error = {"output_type": "error", "ename": "VcfnbError", "evalue": "no -> yes"}
    save(folder, "04_dtl_06.failed", cells=[{}, {"source": ["a = 1\n", "b"], "outputs": [error]}])
    kept, log = folder / "notebooks" / "04_dtl_06.failed.ipynb", folder / "logs" / "04_dtl_06.log"
    assert endings.told() == [
        "04_dtl_06          FAILED after 30 s\n  in cell 1:\n    | a = 1\n    | b\n    VcfnbError: no -> yes\n"
        f"  the notebook as far as it went: {kept}\n  its log: {log}"
    ]
    (folder / "notebooks" / "05_selection.failed.ipynb").write_text('{"cells": [')
    [text] = endings.told()
    assert text.startswith("05_selection       FAILED after 0 s\n  the kernel ended by itself")


def test_what_is_still_running_when_the_workflow_is_over_was_ended_from_outside(folder):
    endings = progress.Endings(folder / "notebooks")
    save(folder, "05_selection.running", None)
    [text] = endings.cut_off()
    assert text.startswith("05_selection       FAILED\n  ended from outside: ")
    assert "  ended from outside: cancelled, killed, or out of time or memory; what was finished is kept" in text
    assert endings.cut_off() == []


def test_lines_carry_the_time_of_the_run(folder):
    stream = io.StringIO()
    with progress.live(folder / "notebooks", stream, time.time() - 37):
        save(folder, "06_fusion", 12)
    assert stream.getvalue() in (
        "[ 0:37] 06_fusion          done in 12 s\n",
        "[ 0:38] 06_fusion          done in 12 s\n",
    )


_JOB = """
import sys, time
from vcfnb.runs.orphans import end_with_run
end_with_run(*sys.argv[1:])
print("begun", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("content", ["other", ""])
def test_a_job_of_another_run_does_not_begin(tmp_path, content):
    (tmp_path / "lock").write_text(content)
    done = subprocess.run([sys.executable, "-c", _JOB, tmp_path / "lock", "mine"], capture_output=True, timeout=50)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_job_ends_with_its_run(tmp_path):
    (tmp_path / "lock").write_text("mine")
    job = subprocess.Popen([sys.executable, "-c", _JOB, tmp_path / "lock", "mine"], stdout=subprocess.PIPE)
    assert job.stdout.readline() == b"begun\n"
    (tmp_path / "lock").write_text("next")
    assert job.wait(30) == 1


@pytest.mark.parametrize(
    ("told", "starts"), [("Kernel died before replying to kernel_info", 2), ("Kernel died", 1), ("no kernel", 1)]
)
def test_a_kernel_that_never_started_is_started_once_more(told, starts):
    calls = []

    def execute(*given, **named):
        calls.append((given, named))
        raise RuntimeError(told)

    with pytest.raises(RuntimeError, match=told):
        script("workflow", "execute").with_second_start(execute, "a", b=1)
    assert calls == [(("a",), {"b": 1})] * starts
