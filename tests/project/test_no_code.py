"""No code in data: nothing unpickles, YAML is plain, ids stay in folders, texts are no HTML. Slow: a tiny study."""

import ast
import json
import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

import canary
import pandas as pd
import pytest
import torch
from study import ROOT, run_all

from vcfnb import cohort, params, radiomics, runs
from vcfnb.dtl import load_model as load_network
from vcfnb.dtl.networks.weights import read_weights
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.fusion import load_model

SOURCES = sorted(
    path for folder in ("vcfnb", "workflow") for path in (ROOT / folder).rglob("*") if path.suffix == ".py"
) + sorted((ROOT / "notebooks").glob("*.ipynb"))

# Modules that make objects from bytes, and so run what is written in them.
_UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "jsonpickle"}
# An error class is all that is used of one of them.
_ALLOWED = {("pickle", "UnpicklingError")}
_RUNNERS = {"eval", "exec", "compile", "__import__"}


def code_of(path):
    """Python of a module, or of a notebook's code cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return "\n".join("".join(cell["source"]) for cell in cells)


def dangers(code):
    """What in some Python could run code that data brings."""
    tree, found = ast.parse(code), []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _UNPICKLERS:
            found.append(f"from {node.module} import")
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            pair = (node.value.id, node.attr)
            if node.value.id in _UNPICKLERS and pair not in _ALLOWED:
                found.append(".".join(pair))
        if isinstance(node, ast.Call):
            found += _called(node)
    return found


def _called(node):
    name = ast.unparse(node.func)
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    if name in _RUNNERS or name.endswith(("read_pickle", "joblib.load")):
        yield name
    if name.endswith("torch.load") and options.get("weights_only") != "True":
        yield f"{name} without weights_only"
    if options.get("allow_pickle", "False") != "False":
        yield f"{name} with allow_pickle"
    if name in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"):
        yield name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_runs_what_data_brings(path):
    assert dangers(code_of(path)) == []


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle\npickle.loads(x)", "from pickle import loads", "import joblib\njoblib.load(x)", "eval(x)"),
        *("torch.load(x)", "torch.load(x, weights_only=False)", "np.load(x, allow_pickle=True)", "yaml.load(x)"),
        *("pd.read_pickle(x)", "import dill\ndill.load(x)"),
    ],
)
def test_the_search_for_dangers_finds_them(code):
    assert dangers(code)


# ---- files that want to run something


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


def evil(folder, kind):
    payload = {"head.weight": Payload(folder / "made")}
    path = folder / {"torch": "w.pt", "old torch": "w.pth"}.get(kind, "w.safetensors")
    if kind in ("torch", "old torch"):
        torch.save(payload, path, _use_new_zipfile_serialization=kind == "torch")
    else:
        path.write_bytes(pickle.dumps(payload))
    return path


def test_the_payload_works(tmp_path):
    """As the tests below must not see it."""
    pickle.loads(evil(tmp_path, "pickle").read_bytes())
    assert (tmp_path / "made").is_dir()


@pytest.mark.parametrize("kind", ["torch", "old torch", "pickle"])
def test_weights_that_want_to_run_something_are_refused(tmp_path, kind):
    path = evil(tmp_path, kind)
    with pytest.raises(VcfnbError, match=f"{path.name} is truncated or no file of weights"):
        read_weights(path)
    with pytest.raises(VcfnbError):
        load_network(path if path.suffix == ".safetensors" else path.rename(tmp_path / "w.safetensors"))
    assert not (tmp_path / "made").exists()


def test_a_study_with_such_weights_stops_at_its_start(tmp_path):
    path = evil(tmp_path, "torch")
    finished = run_all(tmp_path / "runs", "params/smoke.yaml", "--set", f"dtl.weights={path}", check=False)
    assert finished.returncode == 1
    assert re.fullmatch(r"vcfnb: weights: w\.pt is truncated or no file of weights .*\n", finished.stderr)
    assert not (tmp_path / "made").exists()


def test_a_saved_model_that_is_a_pickle_is_refused(tmp_path):
    (tmp_path / "model.json").write_bytes(pickle.dumps(Payload(tmp_path / "made")))
    with pytest.raises(VcfnbError, match=r" -> "):
        load_model(tmp_path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("tag", ["python/object/apply:os.mkdir", "python/name:os.mkdir", "python/object/new:os.mkdir"])
def test_yaml_makes_plain_values_only(tmp_path, tag):
    text = f"!!{tag} [{tmp_path / 'made'}]"
    (tmp_path / "evil.yaml").write_text(f"study: {text}\n")
    (tmp_path / "settings.yaml").write_text(f"setting: {text}\n")
    with pytest.raises(params.ParameterError, match=r"evil\.yaml: not readable as YAML: could not determine"):
        params.load_params(tmp_path / "evil.yaml")
    with pytest.raises(params.ParameterError, match=r"--set study=.*: the value is not YAML"):
        params.load_params(ROOT / "params" / "smoke.yaml", [f"study={text}"])
    with pytest.raises(VcfnbError, match=r"(?s)settings\.yaml: no YAML: .* -> "):
        radiomics.Settings.from_pyradiomics(tmp_path / "settings.yaml")
    finished = run_all(tmp_path / "runs", tmp_path / "evil.yaml", check=False)
    assert finished.returncode == 1 and "not readable as YAML" in finished.stderr
    assert not (tmp_path / "made").exists()


# ---- names that want to be elsewhere

NAMES = ["../x", "..", ".", "/etc/x", "a/b", "a\\b", "~x", "-x", "a\0b", "a\nb", "x" * 300, "CON:", "a b", "é", ""]


@pytest.mark.parametrize("name", NAMES)
def test_no_id_leaves_the_results_folder(tmp_path, name):
    table = pd.DataFrame({"patient_id": [name, "P2", "P3", "P4"], "image": list("abcd"), "mask": list("efgh")})
    table.assign(label=[0, 1, 0, 1]).to_csv(tmp_path / "cohort.csv", index=False)
    with pytest.raises(BadInput, match="has characters that file names must not have|patient_id is empty|is not a"):
        cohort.read_cohort(tmp_path / "cohort.csv")
    table.assign(label=[0, 1, 0, 1], case_id=table.patient_id, patient_id=list("ABCD")).to_csv(
        tmp_path / "cohort.csv", index=False
    )
    with pytest.raises(BadInput, match="has characters that file names must not have|case_id is empty|is not a"):
        cohort.read_cohort(tmp_path / "cohort.csv")


@pytest.mark.parametrize("name", ["../x", "..", ".", "/etc/x", "a/b", ".hidden", "", "<script>"])
def test_no_study_leaves_the_results_folder(tmp_path, name):
    values = {"study": name}
    (tmp_path / "x.yaml").write_text(json.dumps(values))
    with pytest.raises(params.ParameterError, match="study: "):
        params.load_params(tmp_path / "x.yaml")
    if "/" in name or not name.strip("."):
        with pytest.raises(VcfnbError, match="is not a folder name"):
            runs.Run(name, tmp_path)


# ---- texts that want to be HTML


class Page(HTMLParser):
    """What a browser would run of a page, and the texts that it would show."""

    def __init__(self, page):
        super().__init__()
        self.runs, self.texts, self.policy = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("script", "iframe", "object", "embed") or any(name.startswith("on") for name in attrs):
            self.runs.append((tag, attrs))
        if attrs.get("src") == "x" or str(attrs.get("href", "")).strip().lower().startswith("javascript:"):
            self.runs.append((tag, attrs))
        if attrs.get("http-equiv") == "Content-Security-Policy":
            self.policy = attrs["content"]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.study
def test_the_report_shows_what_users_wrote_and_runs_none_of_it(uninterrupted):
    """A site, a column and an age (the reason of an exclusion) are HTML that would run a script."""
    cases = pd.read_csv(uninterrupted.study / "00_cohort" / "cohort.csv")
    assert cases["site"].str.contains(canary.HOSTILE, regex=False).any()
    reasons = pd.read_csv(uninterrupted.study / "00_cohort" / "exclusions.csv")["reason"]
    assert reasons.str.contains("<script>", regex=False).any()
    for name in ("index.html", "checklists.html"):
        page = Page((uninterrupted.study / "report" / name).read_text(encoding="utf-8"))
        assert page.runs == []
        assert "default-src 'none'" in page.policy and "script-src" not in page.policy
    page = Page((uninterrupted.study / "report" / "index.html").read_text(encoding="utf-8"))
    shown = "".join(page.texts)
    assert canary.HOSTILE in shown
    assert "<script>alert(1)</script>" in shown
