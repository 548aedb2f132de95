"""The register says how often the test set was opened with other parameters, and loses no line."""

import multiprocessing

import pandas as pd
import pytest

from vcfnb import runs
from vcfnb.runs import register
from vcfnb.statistics import sentences


def opening(root, seed=1, cases="a", code="a", scores="0.5"):
    run = runs.Run("s", root)
    run.made = {"parts": {"parameters": {"06_fusion.seed": seed}, "table": {"split": cases}, "code": {"06": code}}}
    path = run.path("fusion", "scores.csv")
    if not path.exists() or path.read_text() != scores:
        with runs.atomic(path) as temporary:
            temporary.write_text(scores)
    return register.open_test_set(run)


def test_the_same_parameters_and_scores_add_no_line(tmp_path):
    first = opening(tmp_path)
    before = (tmp_path / "s" / register.NAME).read_bytes()
    pd.testing.assert_frame_equal(opening(tmp_path, code="other"), first)
    assert (tmp_path / "s" / register.NAME).read_bytes() == before
    assert list(first) == ["when", "parameters", "cases", "code", "scores"]
    assert sentences.openings(first).endswith("opened with one set of parameters.")


@pytest.mark.parametrize(
    ("changed", "n"), [({"seed": 2}, 2), ({"cases": "b"}, 2), ({"seed": 2, "scores": "1"}, 2), ({"scores": "1"}, 1)]
)
def test_what_changed_adds_a_line_that_stays(tmp_path, changed, n):
    opening(tmp_path)
    assert len(opening(tmp_path, **changed)) == 2
    found = opening(tmp_path)
    assert len(found) == 2 and not found.duplicated(["parameters", "cases", "scores"]).any()
    pd.testing.assert_frame_equal(register.opened(runs.Run("s", tmp_path)), found)
    said = sentences.openings(found)
    assert ("2 different sets of parameters" if n == 2 else "one set of parameters") in said


def _open_many(root, number):
    for seed in range(10):
        opening(root, seed=100 * number + seed)


def test_processes_at_once_lose_no_line(tmp_path):
    opening(tmp_path)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_open_many, args=(tmp_path, number)) for number in (1, 2, 3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    found = register.opened(runs.Run("s", tmp_path))
    assert len(found) == 31 and found["parameters"].nunique() == 31
    assert {path.name for path in (tmp_path / "s").glob("[!.]*")} == {"06_fusion", register.NAME}
    assert not list((tmp_path / "s").rglob(".writing-*"))


def test_no_register_is_told(tmp_path):
    assert register.opened(runs.Run("s", tmp_path)) is None
    assert "not recorded" in sentences.openings(None)
