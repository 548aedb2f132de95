"""The field's words: what was written before in their place does not come back."""

import json
import re
import subprocess

import pytest
from study import ROOT

UNITS = "case|row|model|notebook|expansion|feature|figure|patient|vertebra|step|source|line|check|column|split|fold"
# What is written instead; in code, messages and documents.
EVERYWHERE = {
    rf"\b(?:row|line|network|column|file|page|image|number|model|folder)s? an? (?:{UNITS})\b": "one row per case",
    r"\b[Oo]ne (?:point|series|value|score|panel|entry|bar) an? [a-z]+": "one value per case",
    r"\bsecond readings?\b": "repeat segmentations",
    r"\btold (?:from|apart)\b": "distinguished, classified",
    r"\b(?i:training less test|in-sample less out-of-fold|less AUC)\b": "minus",
    r"\bmade by formula\b": "synthetic",
    r"\bfor want of\b": "out of",
    r"\b(?:cannot|could not) be had\b": "not available",
    r"\bparted by\b": "separated by",
    r"\bmend(?:ed|s)?\b": "fix",
    r"\bkeeps silent\b": "is not used",
    r"\b[Ss]hares? of\b": "proportion of",
    r"\b[Jj]udg(?:es?|ed|ing)\b": "evaluate",
    r"\b(?:[Nn]o such call|(?:called|Called) (?:acute|chronic|positive))\b": "predicted class",
    r"\b(?:\w+_of|second)_readings\b|\b(?:first|second) reading\b": "segmentation",
}
# In documents and in the text of notebooks: these are also names in code.
PROSE = {
    r"\btwins\b": "highly correlated features",
    r"\bdealt\b|\bdealings\b": "repeats of the cross-validation; permuted",
    r"\bdrawn again\b": "repeat segmentations, segmented again",
    r"\blips\b": "osteophytes",
    r"\bremembered\b": "cached",
}


def files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if not listed:
        pytest.skip("no checkout of git: the files of the project are not known")
    kinds = (".py", ".md", ".yaml", ".ipynb", ".sh", ".cff", "Snakefile")
    left_out = {"CHANGELOG.md", "tests/project/test_wording.py"}
    return [ROOT / name for name in listed if name.endswith(kinds) and name not in left_out and (ROOT / name).is_file()]


def text_of(path, prose):
    """What people read in a file; of a notebook its text, with code where that is asked for."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text if not prose or path.suffix in (".md", ".yaml") else ""
    cells = json.loads(text)["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown" or not prose)


@pytest.mark.parametrize(("old", "instead"), [*EVERYWHERE.items(), *PROSE.items()])
def test_the_word_of_the_field_is_used(old, instead):
    prose = old in PROSE
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r} -> {instead}"
        for path in files()
        for match in re.finditer(old, " ".join(text_of(path, prose).split()))
    ]
    assert not found
