"""Fixtures shared by all tests."""

import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from study import TINY_PATIENTS, run_all, start_all, tiny

os.environ.setdefault("MPLBACKEND", "Agg")

_DEMO = pytest.StashKey[tuple]()


@pytest.fixture(scope="session")
def shared():
    """Folder with real CT and weights; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("VCFNB_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (folder / "real").is_dir():
        pytest.skip(f"no real CT: {folder / 'real'} does not exist (set VCFNB_SHARED to the folder that holds real/)")
    return folder


def pytest_collection_modifyitems(items):
    """Whole studies come last."""
    items.sort(key=lambda item: item.get_closest_marker("study") is not None)


def pytest_collection_finish(session):
    """The demonstration takes minutes: where a test needs it, it starts at once, beside the quick tests."""
    if not session.config.option.collectonly and any("demo" in item.fixturenames for item in session.items):
        folder = tempfile.TemporaryDirectory(prefix="vcfnb-demo-")
        session.config.stash[_DEMO] = folder, start_all(folder.name)


def pytest_unconfigure(config):
    if _DEMO in config.stash:
        folder, process = config.stash[_DEMO]
        process.terminate()
        process.wait()
        folder.cleanup()


@pytest.fixture(scope="session")
def demo(pytestconfig):
    """The README's first command on an empty results folder: the folder of all runs, and what the console showed."""
    folder, process = pytestconfig.stash[_DEMO]
    said, failed = process.communicate()
    assert process.returncode == 0, f"run_all.sh failed:\n{said}\n{failed}"
    return Path(folder.name), said


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """The smallest study, on DICOM series full of canaries, run once from end to end: how, where, and how long.

    Its table of cases lies as deep as other tests' results do, so that paths in tables are the same.
    """
    import canary

    folder = tmp_path_factory.mktemp("uninterrupted")
    csv = canary.cohort(folder / "cohort", TINY_PATIENTS)
    (folder / "scratch").mkdir()
    begin = time.monotonic()
    finished = run_all(folder / "runs", *tiny(csv), TMPDIR=str(folder / "scratch"))
    return SimpleNamespace(
        folder=folder, csv=csv, study=folder / "runs" / "tiny", finished=finished, seconds=time.monotonic() - begin
    )
