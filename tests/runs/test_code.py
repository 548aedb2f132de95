"""The code that results depend on, followed through the imports of a copy of the package."""

import ast
import shutil
import sys
from pathlib import Path

import pytest
from cases import ball, image, texture

import vcfnb
from vcfnb import images, runs
from vcfnb.runs import cache, code, steps

NOTEBOOKS = [path.stem for path in sorted((runs.REPOSITORY / "notebooks").glob("*.ipynb"))]
_CACHES = (code._file, code._layout, code._kept, code._resolve, code._handed_on, code._whole)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that a test may change."""
    copy = tmp_path / "vcfnb"
    monkeypatch.setenv("VCFNB_RUNS", str(tmp_path / "runs"))
    shutil.copytree(code.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PACKAGE", copy)
    forget()
    yield copy
    monkeypatch.undo()
    forget()


def forget():
    for found in (*_CACHES, steps._code):
        found.cache_clear()


def keys():
    """Of each notebook, without and with what only its figures need."""
    forget()
    return {name: [steps._code(name), steps._code(name, figures=True)] for name in NOTEBOOKS}


@pytest.fixture(scope="module")
def before():
    return keys()


def changed(before, *paths):
    """The notebooks whose results, and whose figures, depend on files of the package: they get one more statement."""
    for path in paths:
        path.write_text(path.read_text() + "\nADDED = 1\n")
    after = keys()
    return [{name for name in NOTEBOOKS if before[name][part] != after[name][part]} for part in (0, 1)]


def test_a_changed_figure_concerns_the_notebooks_that_draw_it(package, before):
    assert changed(before, package / "figures" / "training.py") == [set(), {"04_dtl", "05_selection"}]
    results, shown = changed(before, package / "statistics" / "sentences.py")
    assert not results and {"04_dtl", "07_statistics"} <= shown


def test_a_changed_engine_concerns_features_and_what_computes_some_itself(package, before):
    results, figures = changed(before, package / "radiomics" / "glcm.py")
    assert results == {"02_icc", "03_radiomics", "10_predict"} and results <= figures


def test_comments_docstrings_and_layout_are_no_code(package, before):
    path = package / "radiomics" / "glcm.py"
    path.write_text('"""Another docstring."""\n# A comment.\n\n\n' + path.read_text().split('"""', 2)[2])
    assert keys() == before


def test_shipped_weights_are_part_of_the_code(package):
    before = code.code_of("vcfnb.dtl.networks")
    weights = sorted((package / "dtl" / "networks" / "shipped").glob("*.safetensors"))[0]
    weights.write_bytes(weights.read_bytes() + b"x")
    assert code.code_of("vcfnb.dtl.networks") != before


def used(source):
    return code._used(list(ast.walk(ast.parse(source))), "cell")


def test_names_are_followed_to_where_they_are_defined():
    """Also those that a package loads on first use, and names of the package itself."""
    assert "vcfnb.radiomics.glcm" in code.modules_of("vcfnb.preprocessing", "vcfnb.radiomics.extraction")
    assert "vcfnb.radiomics.glcm" not in code.modules_of("vcfnb.preprocessing")
    found = code._closure(used("import vcfnb\nvcfnb.extract_features(1, 2)"), ())
    assert {"vcfnb.radiomics.engine", "vcfnb.radiomics.glcm"} <= found
    assert used("from vcfnb import selection as s\ns.best_expansion(1)") == {"vcfnb.selection.expansion"}
    assert used("from vcfnb import icc\nf(icc)") == {"vcfnb.agreement.intraclass"}
    assert "vcfnb.figures.theme" in used("from vcfnb import figures\nf(figures)")


def test_no_function_runs_whose_module_was_not_found():
    """What Python really calls during one case, against what was read from the imports."""
    called = set()

    def note(frame, event, _):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(code.PACKAGE):
            called.add(".".join(("vcfnb", *path.relative_to(code.PACKAGE).with_suffix("").parts)))

    made = image(texture(), (1, 1, 2))
    # The first time compiles kernels, in ten times the time while it is watched.
    for profile in (None, note):
        sys.setprofile(profile)
        try:
            images.preprocess(made, {"mask": image(ball(), (1, 1, 2))})
            vcfnb.extract_features(made, image(ball(), (1, 1, 2)))
        finally:
            sys.setprofile(None)
    known = code.modules_of("vcfnb.radiomics.extraction", "vcfnb.preprocessing") | code.FOUNDATIONS
    assert {"vcfnb.images.resampling", "vcfnb.radiomics.engine", "vcfnb.radiomics.glcm"} <= called
    assert {name for name in called if not name.endswith("__init__")} <= known


def test_a_result_is_computed_once_per_inputs_settings_and_code(tmp_path, package):
    calls = []

    def work():
        calls.append(1)
        (tmp_path / "image").write_text("made")
        return {"value": 0.1 + 0.2}

    def result(*inputs):
        return cache.cached(tmp_path / "note.json", "vcfnb.selection", inputs, work, [tmp_path / "image"])

    (tmp_path / "input").write_text("a")
    for _ in range(2):
        assert result(tmp_path / "input", 1) == {"value": 0.1 + 0.2}
    assert len(calls) == 1
    (tmp_path / "input").write_text("b")
    result(tmp_path / "input", 1)
    result(tmp_path / "input", 2)
    (tmp_path / "image").unlink()
    result(tmp_path / "input", 2)
    path = package / "selection" / "lasso.py"
    path.write_text(path.read_text() + "\nADDED = 1\n")
    forget()
    result(tmp_path / "input", 2)
    assert len(calls) == 5


def test_an_interrupted_computation_leaves_no_result(tmp_path):
    path = tmp_path / "note.json"
    cache.cached(path, "vcfnb.selection", ["a"], lambda: 1)

    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.cached(path, "vcfnb.selection", ["b"], killed)
    assert not path.exists()
