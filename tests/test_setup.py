"""The two scripts: help without an environment, one clear line when something is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def bare(tmp_path):
    """A checkout without .venv, and a PATH on which only the basic tools are found."""
    for name in ("run_all.sh", "run_tests.sh", "workflow/setup.sh", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "cat", "sha256sum", "cut", "rm", "tail", "env"):
        (tools / name).symlink_to(shutil.which(name))
    return tmp_path, tools


def call(bare, script, *arguments):
    folder, tools = bare
    environment = {"PATH": str(tools), "HOME": os.environ.get("HOME", "/")}
    return subprocess.run([folder / script, *arguments], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize("script", ["run_all.sh", "run_tests.sh"])
def test_help_needs_nothing(bare, script):
    finished = call(bare, script, "--help")
    assert finished.returncode == 0
    assert finished.stdout.startswith("usage: ./" + script)
    assert not (bare[0] / ".venv").exists()


@pytest.mark.parametrize("script", ["run_all.sh", "run_tests.sh"])
def test_missing_python_gives_one_clear_line(bare, script):
    finished = call(bare, script)
    assert finished.returncode == 1
    assert finished.stderr.splitlines() == [
        "vcfnb: needs Python 3.11 or newer on the PATH (or its path in VCFNB_PYTHON)."
    ]


def test_an_old_python_is_not_taken(bare):
    old = bare[1] / "python3"
    old.write_text("#!/usr/bin/env bash\nexit 1\n")  # what the version check of an old Python answers
    old.chmod(0o755)
    assert "needs Python 3.11 or newer" in call(bare, "run_all.sh").stderr


def test_missing_compiler_gives_one_clear_line(bare):
    new = bare[1] / "python3"
    new.write_text("#!/usr/bin/env bash\nexit 0\n")
    new.chmod(0o755)
    finished = call(bare, "run_all.sh")
    assert finished.returncode == 1
    assert len(finished.stderr.splitlines()) == 1
    assert "needs a C compiler" in finished.stderr
