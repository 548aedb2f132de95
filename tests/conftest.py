"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def shared():
    """Folder with real CT and weights; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("VCFNB_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not (folder / "real").is_dir():
        pytest.skip(f"no real CT: {folder / 'real'} does not exist (set VCFNB_SHARED to the folder that holds real/)")
    return folder
