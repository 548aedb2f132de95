"""The two scripts: help without an environment, one clear line when something is missing."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bare(tmp_path):
    """A checkout without .venv, and a PATH on which only the basic tools are found."""
    for name in ("run_all.sh", "run_tests.sh", "workflow/setup.sh", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "cat", "sha256sum", "cut", "rm", "tail", "env", "grep"):
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


# Makes a virtual environment of itself; pip and uv take a second and note when they began and ended.
PYTHON = f"""#!/usr/bin/env bash
case "$1 $2" in
    "-c "*) exec "{sys.executable}" "$@" ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip" | "-m uv") echo begin >>"$HOME/pip" && sleep 1 && echo end >>"$HOME/pip" ;;
    *) echo "ran $1" ;;
esac
"""


def start(bare, python=PYTHON):
    """run_all.sh with a Python and a compiler that only pretend."""
    folder, tools = bare
    for name in ("mkdir", "cp", "sleep"):
        if not (tools / name).exists():
            (tools / name).symlink_to(shutil.which(name))
    for name, text in (("python3", python), ("cc", "#!/usr/bin/env bash\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    environment = {"PATH": str(tools), "HOME": str(folder)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([folder / "run_all.sh"], env=environment, start_new_session=True, **pipes)


WAITS = "vcfnb: another set-up of .venv is running; waiting for it"


def test_two_set_ups_at_once_make_one_environment(bare):
    said = [process.communicate() + (process.returncode,) for process in [start(bare), start(bare)]]
    assert [(failed, code) for _, failed, code in said] == [("", 0)] * 2
    first, second = sorted((lines.splitlines() for lines, _, _ in said), key=lambda lines: lines[0] == WAITS)
    assert "installing" in first[0]
    assert second[0] == WAITS
    assert first[1:] == second[1:] == [f"ran {bare[0]}/workflow/run.py"]
    assert (bare[0] / "pip").read_text().split() == ["begin", "end"] * 3
    assert (bare[0] / "requirements.lock").read_bytes() == (ROOT / "requirements.lock").read_bytes()


def test_where_uv_fails_pip_installs(bare):
    """Uv itself, the packages of the lock, and this package."""
    process = start(bare, PYTHON.replace('"-m pip" | "-m uv")', '"-m uv") exit 1 ;;\n    "-m pip")'))
    said, failed = process.communicate()
    assert "ran" in said and not failed and process.returncode == 0
    assert (bare[0] / "pip").read_text().split() == ["begin", "end"] * 3


def test_a_killed_set_up_blocks_nobody(bare):
    killed = start(bare)
    while not (bare[0] / "pip").exists():
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    said, failed = start(bare).communicate()
    assert "installing" in said and "waiting" not in said and "ran" in said and not failed
