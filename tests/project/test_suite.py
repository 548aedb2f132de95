"""The tests themselves: which are slow and say why, and what their order and their marks hold together."""

from types import SimpleNamespace

import conftest
import pytest


def test_a_slow_file_that_does_not_say_why_is_named(tmp_path):
    silent, told = tmp_path / "test_silent.py", tmp_path / "test_told.py"
    silent.write_text('"""Some tests.\n\nSlow: not in the first line."""\n')
    told.write_text('"""Some tests. Slow: for a reason."""\n')
    assert conftest.slow_files({silent: 61, told: 600}) == [silent]
    assert conftest.slow_files({silent: 59, told: 59}) == []


class Item(SimpleNamespace):
    """What the hook needs of a test."""

    def get_closest_marker(self, name):
        return self.marks.get(name)

    def add_marker(self, mark):
        self.marks[mark.name] = SimpleNamespace(args=mark.mark.args)


@pytest.mark.parametrize("everything", [False, True])
def test_tests_of_a_study_stay_together_and_come_first(everything, tmp_path):
    (tmp_path / "test_a.py").write_text('"""Some tests."""')
    (tmp_path / "test_b.py").write_text('"""Slow: for a reason."""')
    deselected = []
    config = SimpleNamespace(
        option=SimpleNamespace(all=everything),
        hook=SimpleNamespace(pytest_deselected=lambda items: deselected.extend(items)),
    )
    items = [
        Item(name=name, path=tmp_path / f"test_{file}.py", fixturenames=fixtures, marks=dict.fromkeys(marks, True))
        for name, file, fixtures, marks in (
            *(("plain", "a", [], []), ("tiny", "a", ["uninterrupted"], []), ("slow", "b", [], [])),
            *(("demo", "b", ["demo"], ["long"]), ("smoke", "b", ["interrupted"], []), ("nbval", "a", ["replayed"], [])),
        )
    ]
    conftest.pytest_collection_modifyitems(config, items)
    groups = {item.name: item.marks["xdist_group"].args[0] for item in items}
    expected = {"smoke": "smoke", "nbval": "smoke", "tiny": "tiny", "slow": "test_b", "plain": "test_a"}
    assert groups == ({"demo": "demo"} if everything else {}) | expected
    assert list(groups) == list(({"demo": "demo"} if everything else {}) | expected)
    assert [item.name for item in deselected] == ([] if everything else ["demo"])
