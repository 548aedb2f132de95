"""Every command and link of the README and the docs works."""

import re
import shlex
import subprocess

import pytest
from study import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S)


def commands():
    """Command lines of the README without their comments."""
    lines = "\n".join(blocks(ROOT / "README.md", "bash")).splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if not target.startswith(("http", "#")):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("./run_all.sh")])
def test_run_all_commands_are_accepted(command, tmp_path, monkeypatch):
    """The bare command and smoke.yaml run whole in other tests; here each is planned, with its parameters checked."""
    monkeypatch.setenv("VCFNB_RUNS", str(tmp_path))
    dry = [] if "--help" in command else ["--dry-run"]
    finished = subprocess.run([*shlex.split(command), *dry], cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert "usage" in finished.stdout if not dry else "cohort" in finished.stdout + finished.stderr


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("./run_tests.sh")])
def test_run_tests_commands_find_tests(command):
    finished = subprocess.run([*shlex.split(command), "--collect-only", "-q"], cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout
    assert "tests collected" in finished.stdout


def test_every_kind_of_command_is_tested_or_known():
    known = ("./run_all.sh", "./run_tests.sh", ".venv/bin/jupyter lab")
    assert [c for c in commands() if not c.startswith(known)] == []


def test_jupyter_lab_starts():
    finished = subprocess.run([".venv/bin/jupyter", "lab", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert re.match(r"\d+\.\d+", finished.stdout)


def test_python_examples_run(shared, tmp_path, monkeypatch):
    """The README's Python, on a real vertebra."""
    folder = shared / "real" / "vertebrae"
    (tmp_path / "ct.nii.gz").symlink_to(folder / "lumbar_ct.nii.gz")
    (tmp_path / "mask.nii.gz").symlink_to(folder / "lumbar_L3_body_mask.nii.gz")
    monkeypatch.chdir(tmp_path)
    values = {}
    for block in blocks(ROOT / "README.md", "python"):
        exec(block, values)
    assert len(values["features"]) == 1834
    assert values["auc"] == 0.75


def test_research_use_is_said_on_the_first_screen():
    first = "\n".join((ROOT / "README.md").read_text().splitlines()[:25])
    assert "SIMULATED" in first
    assert "research only" in first
