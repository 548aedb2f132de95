"""The folders of the package are the study's steps, and imports run from later steps to earlier ones."""

import ast
import re

import pytest
from study import ROOT

PACKAGE = ROOT / "vcfnb"
# Each may import from those above it. Statistics are functions of arrays and tables, so any step may use them.
ORDER = (
    *("errors", "params", "runs", "images", "statistics", "cohort", "phantom"),
    *("preprocessing", "agreement", "radiomics", "dtl", "selection", "fusion", "robustness", "leakage"),
    *("figures", "report", "prediction", "interactive", "cli"),
)
# They look at a study from outside, to say what is older than its inputs; no result depends on them.
OUTSIDE = {"vcfnb/runs/steps.py", "vcfnb/runs/contents.py"}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path):
    """Folders or modules of the package, right below its top, that a file imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "vcfnb":
            names = [f"{node.module}.{name.name}" for name in node.names] if node.module == "vcfnb" else [node.module]
            found |= {name.split(".")[1] for name in names}
        elif isinstance(node, ast.Import):
            found |= {name.name.split(".")[1] for name in node.names if name.name.startswith("vcfnb.")}
    return found - {"__version__"}


def test_nothing_else_lies_at_the_top():
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there == {*ORDER, "__init__", "__main__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_from_later_steps_to_earlier_ones(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own in ORDER and str(path.relative_to(ROOT)) not in OUTSIDE:
        later = {name for name in imported(path) if ORDER.index(name) > ORDER.index(own)}
        assert not later


def test_the_package_does_not_import_what_uses_it():
    users = re.compile(r"^\s*(?:from|import) (?:notebooks|workflow|tests|experiments)\b", re.M)
    assert [path for path in FILES if users.search(path.read_text(encoding="utf-8"))] == []
