"""Temporary files: those of killed processes are deleted, those of running ones and of other hosts are not."""

import os
import subprocess
import sys
import time

import pytest

from vcfnb import runs


@pytest.fixture
def prefixes(monkeypatch):
    """How temporary files begin: of this process, of one that ended, and of a running and an ended one elsewhere."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    own, gone = (runs.aside_prefix().replace(str(os.getpid()), str(number)) for number in (os.getpid(), ended.pid))
    monkeypatch.setattr(runs.files, "_HOST", "node_2")
    far = runs.aside_prefix()
    monkeypatch.undo()
    return own, gone, far, far.replace(str(os.getpid()), str(ended.pid))


def test_those_of_killed_processes_of_this_host_are_deleted(tmp_path, prefixes):
    own, gone, *_ = prefixes
    (tmp_path / "step").mkdir()
    (tmp_path / "step" / f"{gone}abc-table.csv").write_text("half")
    (tmp_path / f"{gone}series").mkdir()
    (tmp_path / f"{gone}series" / "0001.dcm").write_text("half")
    (tmp_path / f"{own}abc-table.csv").write_text("at work")
    (tmp_path / "table.csv").write_text("whole")
    runs.clear_aside(tmp_path)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {f"{own}abc-table.csv", "table.csv"}


def test_those_of_other_hosts_stay_for_a_week(tmp_path, prefixes):
    *_, at_work, ended = prefixes
    for prefix in (at_work, ended):
        (tmp_path / f"{prefix}abc-table.csv").write_text("half")
    runs.clear_aside(tmp_path)
    assert len(os.listdir(tmp_path)) == 2
    week = time.time() - 8 * 24 * 3600
    os.utime(tmp_path / f"{ended}abc-table.csv", (week, week))
    runs.clear_aside(tmp_path)
    assert os.listdir(tmp_path) == [f"{at_work}abc-table.csv"]


def test_a_host_with_a_long_name_of_any_kind_is_told_from_others(tmp_path):
    assert runs.aside_prefix().count("-") == 3
    assert len(runs.aside_prefix()) < 70


def test_the_process_keeps_its_umask(tmp_path, monkeypatch):
    """It belongs to all threads: what another one makes meanwhile would be open to everybody."""
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("the umask was changed"))
    runs.write_json(1, tmp_path / "a.json")
