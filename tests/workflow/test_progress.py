"""The line that says what is running."""

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from study import ROOT

sys.path.insert(0, str(ROOT / "workflow"))
import progress  # noqa: E402

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def write(folder, name, seconds, statuses):
    """A notebook as papermill leaves it between two cells."""
    started = (NOW - timedelta(seconds=seconds)).isoformat()
    cells = [{"cell_type": "markdown", "metadata": {}}]
    cells += [{"cell_type": "code", "metadata": {"papermill": {"status": status}}} for status in statuses]
    text = json.dumps({"metadata": {"papermill": {"start_time": started}}, "cells": cells})
    (folder / f"{name}.running.ipynb").write_text(text)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "04_dtl_06", 75, ["completed", "completed", "running", "pending"])
    write(tmp_path, "03_radiomics", 100, ["completed", "running"])
    # Finished, half written, and not begun: none of them is told of.
    (tmp_path / "00_cohort.ipynb").write_text("{}")
    (tmp_path / "05_selection.running.ipynb").write_text('{"cells": [')
    (tmp_path / "06_fusion.running.ipynb").write_text('{"metadata": {}, "cells": []}')
    return tmp_path


def test_notebooks_at_work_with_their_cell_and_time(folder):
    found = progress.running(folder, NOW)
    assert found == [("03_radiomics", 1, 2, 100.0), ("04_dtl_06", 2, 4, 75.0)]
    told = progress.line(found, 605, 200)
    assert told == "[10:05] running 03_radiomics (cell 2 of 2, 1:40), 04_dtl_06 (cell 3 of 4, 1:15)"
    assert progress.line(found, 605, 30) == told[:30]


def test_between_two_notebooks_the_line_still_counts(tmp_path):
    assert progress.line(progress.running(tmp_path, NOW), 61, 80) == "[ 1:01] running ..."


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_it_and_is_left_clean(folder, monkeypatch):
    monkeypatch.setattr(progress, "EVERY_S", 0.01)
    seen = Terminal()
    with progress.live(folder, seen, NOW.timestamp()):
        for _ in range(1000):
            if "03_radiomics" in seen.getvalue():
                break
            progress.threading.Event().wait(0.01)
    assert "running 03_radiomics (cell 2 of 2" in seen.getvalue()
    assert seen.getvalue().endswith(progress.CLEAR)


def test_a_log_file_gets_no_such_line(folder):
    seen = io.StringIO()
    with progress.live(folder, seen, NOW.timestamp()):
        pass
    assert seen.getvalue() == ""
