"""Pages for readers: links, anchors, the generated reference, citation, licence, habits."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from pages import PAGES, anchors, links, name, prose, spans
from study import ROOT, script

from vcfnb.params import SECTIONS, ParameterError, StudyParams, load_params

INDEX = ROOT / "docs" / "README.md"
HOSTS = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def leads_somewhere(target, page):
    """Is there such a file and such a heading? Other sites are evaluated by the form of their address only."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return parts.scheme in ("http", "https") and bool(HOSTS.fullmatch(parts.netloc.lower()))
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not file.exists() or not file.is_relative_to(ROOT):
        return False
    return not parts.fragment or (file.suffix == ".md" and parts.fragment in anchors(file))


def broken(page):
    return [target for target in links(page) if not leads_somewhere(target, page)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    assert broken(page) == []


def test_broken_links_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b`: c, d\n## Twice\n## Twice\n[1](page.md) [2](#a-b-c-d) [3](#twice-1) [4](https://example.org/x_(y))\n"
        "[5](none.md) [6](#none) [7](page.md#twice-2) [8](htps://example.org) [9](https://nowhere)\n"
        "[10](../outside.md) ![11](none.png)\n```\n[12](in-code.md)\n```\n`[13](in-code.md)`\n"
    )
    assert broken(page) == [
        *("none.md", "#none", "page.md#twice-2", "htps://example.org"),
        *("https://nowhere", "../outside.md", "none.png"),
    ]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tests_that_a_page_names_exist(page):
    """Such as `test_audit.py::test_images_that_occur_twice_under_other_names`."""
    for span in spans(page):
        found = re.fullmatch(r"(test_\w+\.py)::(test_\w+)", span)
        if found:
            (file,) = (ROOT / "tests").rglob(found[1])
            assert re.search(rf"^def {found[2]}\(", file.read_text(), re.M), span


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pictures_are_described(page):
    assert re.findall(r"!\[\s*\]\([^)]*\)", prose(page)) == []


def test_the_index_names_every_page():
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {INDEX.name}
    assert pages - {target.split("#")[0] for target in links(INDEX)} == set()


def test_parameters_page_is_up_to_date():
    """The message names the command that makes the page anew."""
    call = [sys.executable, "workflow/parameters.py", "--check"]
    finished = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


@pytest.fixture(scope="module")
def generator():
    return script("workflow", "parameters")


def test_parameters_page_holds_every_parameter():
    text = (ROOT / "docs" / "parameters.md").read_text()
    parts = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.S | re.M))
    for section, model in SECTIONS.items():
        assert re.findall(r"^\| `(\w+)` \|", parts[section], re.M) == list(model.model_fields)
    wide = [field for field in StudyParams.model_fields if field not in SECTIONS]
    assert re.findall(r"^\| `(\w+)` \|", parts["Study-wide"], re.M) == wide


def test_a_page_that_is_not_up_to_date_names_the_command(generator, tmp_path, monkeypatch):
    old = tmp_path / "parameters.md"
    old.write_text(generator.page().replace("whole number", "number", 1))
    monkeypatch.setattr(generator, "PAGE", old)
    monkeypatch.setattr(sys, "argv", ["parameters.py", "--check"])
    with pytest.raises(SystemExit, match=r"not up to date -> run \.venv/bin/python workflow/parameters\.py"):
        generator.main()
    old.write_text(generator.page())
    generator.main()


def test_rules_beyond_one_value_are_kept(generator):
    for assignment, _ in generator.RULES:
        with pytest.raises(ParameterError):
            load_params(ROOT / "params" / "demo.yaml", [assignment])


@pytest.mark.parametrize(
    ("schema", "kind", "allowed"),
    [
        ({"type": "integer", "minimum": 1, "exclusiveMaximum": 9}, "whole number", ">= 1, < 9"),
        ({"type": "number", "exclusiveMinimum": 0.5, "maximum": 2.0}, "number", "> 0.5, <= 2"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text or null", ""),
        ({"type": "string", "enum": ["a", "b"]}, "word", "`a`, `b`"),
        ({"type": "array", "items": {"type": "number", "minimum": 0}}, "list of numbers", "each >= 0"),
        ({"type": "boolean"}, "true or false", ""),
    ],
)
def test_types_and_ranges_in_words(generator, schema, kind, allowed):
    assert (generator.kind(schema), generator.allowed(schema, {})) == (kind, allowed)


def test_environment_variables_of_the_reference_are_read_somewhere():
    text = (ROOT / "docs" / "parameters.md").read_text()
    files = ["vcfnb/runs/folder.py", "vcfnb/runs/workers.py", "workflow/setup.sh", "tests/conftest.py"]
    code = "".join((ROOT / file).read_text() for file in files)
    found = re.findall(r"^\| `(VCFNB_\w+)`", text, re.M)
    assert found and [variable for variable in found if variable not in code] == []


def test_citation_file_is_complete_and_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(citation)
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in project
    assert f'license = "{citation["license"]}"' in project
    assert citation["license"] == "Apache-2.0"
    assert citation["references"][0]["doi"] == "10.1186/s12880-025-01573-9"


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "Apache-2.0" in (ROOT / "README.md").read_text()


def test_conda_gets_the_same_packages():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == "vcfnb"
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock", "-e ."]


def hooks():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    return {hook["id"]: hook for repository in config["repos"] for hook in repository["hooks"]}


def test_pre_commit_calls_what_is_there():
    """Hooks use the pinned tools of .venv, so that they check as the tests do."""
    for hook in hooks().values():
        if hook["language"] == "system":
            program, *arguments = shlex.split(hook["entry"])
            folder, name_ = program.rsplit("/", 1)
            # Of the environment that runs the tests, which run_tests.sh makes as .venv.
            assert folder == ".venv/bin" and (Path(sys.executable).parent / name_).is_file(), hook["entry"]
            assert all((ROOT / part).is_file() for part in arguments if part.endswith(".py"))
    assert {"ruff-check", "ruff-format", "codespell", "parameters", "no-patient-data"} == set(hooks())


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        *(("patients/P001.nii.gz", True), ("export/IM0001.dcm", True), ("x/ct.nrrd", True), ("x/ct.mha", True)),
        *(("cohort.csv", True), ("params/cohort.csv", True), ("runs/demo/00_cohort/table1.csv", True)),
        *(("tests/reference/scores.csv", False), ("docs/phantom/signs.png", False), ("vcfnb/cohort/table.py", False)),
    ],
)
def test_patient_data_is_kept_out_of_commits(path, refused):
    hook = hooks()["no-patient-data"]
    found = re.search(hook["files"], path) and not re.search(hook["exclude"], path)
    assert bool(found) is refused
