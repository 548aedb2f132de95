"""Fixtures shared by all tests; which tests a run leaves out, on which worker they go, and which files are slow."""

import ast
import os
import shutil
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import matplotlib.figure
import pytest
import undrawn
from processes import interrupted_study
from study import ROOT, SVG_ONLY, TINY_PATIENTS, UNDRAWN, run_all, tiny

os.environ.setdefault("MPLBACKEND", "Agg")

# Fixtures that run a whole study or save a model, and the worker's chain of tests that share it: with pytest-xdist it
# is made once, as all its tests go to one worker. The longest chains come first, so that no worker waits at the end.
CHAINS = {"demo": "demo", "interrupted": "smoke", "replayed": "smoke", "uninterrupted": "tiny", "saved": "saved"}
# Seconds; a file of tests that takes longer says why in its first line, after the word "Slow".
PATIENCE = 60


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="run the long tests, too (vcfnb; see ./run_tests.sh --help)")


def pytest_report_header(config):
    return None if config.option.all else "long tests are left out: ./run_tests.sh --all runs them, too"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Long tests leave; each test joins a chain, or all others of its file (for their fixtures)."""
    if not config.option.all:
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    slow = {path: says_why(path) for path in {item.path for item in items}}
    order = [*dict.fromkeys(CHAINS.values())]

    def place(item):
        chain = item.get_closest_marker("xdist_group").args[0]
        return order.index(chain) if chain in order else len(order) + (not slow[item.path])

    for item in items:
        if not item.get_closest_marker("xdist_group"):
            shared = [chain for fixture, chain in CHAINS.items() if fixture in item.fixturenames]
            item.add_marker(pytest.mark.xdist_group((shared or [item.path.stem])[0]))
    items.sort(key=place)


def says_why(path):
    """Whether the first line of a file of tests says why it takes long."""
    return (ast.get_docstring(ast.parse(Path(path).read_text(encoding="utf-8"))) or "").split("\n")[0].find("Slow") >= 0


def slow_files(seconds):
    """Of files of tests with their seconds those that take long, and do not say why."""
    return [path for path, taken in seconds.items() if taken > PATIENCE and not says_why(path)]


_SECONDS = defaultdict(float)


def pytest_runtest_logreport(report):
    _SECONDS[ROOT / report.nodeid.split("::")[0]] += report.duration


def pytest_terminal_summary(terminalreporter):
    for path in slow_files({path: taken for path, taken in _SECONDS.items() if path.is_file()}):
        told = f"{path.relative_to(ROOT)} took {_SECONDS[path]:.0f} s -> make it faster, or say why in its first line"
        terminalreporter.write_line(f"{told} (Slow: ...)", yellow=True)


@pytest.fixture(autouse=True)
def one_width(monkeypatch):
    """Tables on the console are as wide as in a log, whatever the terminal."""
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture(scope="session")
def shared():
    """Folder with real CT and weights; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("VCFNB_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (folder / "real").is_dir():
        pytest.skip(f"no real CT: {folder / 'real'} does not exist (set VCFNB_SHARED to the folder that holds real/)")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The README's first command on an empty results folder: the folder of all runs, and what the console showed."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, run_all(folder).stdout


@pytest.fixture(scope="session")
def interrupted(tmp_path_factory):
    """The smallest study with every step, killed and stopped on its way; its figures are not drawn."""
    return interrupted_study(tmp_path_factory.mktemp("smoke"), "smoke", "params/smoke.yaml", **UNDRAWN)


@pytest.fixture(scope="session")
def smoke(interrupted):
    """The folder of all runs with that study. Only to be read: who changes something takes ``smoke_copy``."""
    return interrupted.folder


@pytest.fixture
def smoke_copy(smoke, tmp_path):
    """A folder of all runs with a copy of the finished study."""
    shutil.copytree(smoke / "smoke", tmp_path / "smoke", copy_function=shutil.copy2)
    return tmp_path


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """The least of everything, on series full of canaries, run once from end to end: how, where, and how long.

    Its table of cases lies as deep as other tests' results do, so that paths in tables are the same.
    """
    import canary

    folder = tmp_path_factory.mktemp("uninterrupted")
    csv = canary.cohort(folder / "cohort", TINY_PATIENTS)
    (folder / "scratch").mkdir()
    begin = time.monotonic()
    finished = run_all(folder / "runs", *tiny(csv), "--cores", 1, TMPDIR=str(folder / "scratch"), **SVG_ONLY)
    return SimpleNamespace(
        folder=folder, csv=csv, study=folder / "runs" / "tiny", finished=finished, seconds=time.monotonic() - begin
    )


@pytest.fixture
def tiny_copy(uninterrupted):
    """A folder of all runs with a copy of the tiny study; as deep as the first, for the paths in its tables."""
    folder = uninterrupted.folder / "copy"
    shutil.copytree(uninterrupted.study, folder / "tiny", copy_function=shutil.copy2)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A small saved model with the run folder it came from; only to be read."""
    from small_model import saved_study

    return saved_study(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def no_drawing(monkeypatch):
    """Figures are made and not drawn, where a test is about something else."""
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", undrawn.savefig)
