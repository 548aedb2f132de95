"""Interactive parts of the notebooks: their figures, and what headless runs and JupyterLab get."""

import io
from functools import partial
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from cases import ball, image, texture, write
from matplotlib.figure import Figure
from matplotlib.text import Text

from vcfnb import figures, interactive, radiomics, runs
from vcfnb.errors import VcfnbError

CASES = pd.DataFrame({"case_id": ["A", "B"], "label": [1, 0]})


@pytest.fixture(autouse=True)
def styled():
    with mpl.rc_context():
        figures.style()
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A study that has preprocessed two cases; the second one's rows run from back to front."""
    made = runs.Run("tiny", tmp_path_factory.mktemp("runs"))
    runs.write_json({"simulated": True}, made.path("cohort", "about.json"))
    made.settings("preprocessing", {"window_level": 500, "window_width": 1200})
    for case_id, turned in (("A", False), ("B", True)):
        for name, array in (("ct", texture()), ("mask", ball((24, 26, 28), centre=(12, 8, 14), radius=6))):
            picture = image(array)
            picture = sitk.DICOMOrient(picture, "LAS") if turned else picture
            write(picture, made.path("preprocessing", f"{case_id}_{name}.nii.gz"))
    return made


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def shown(axis):
    return np.asarray(axis.images[0].get_array())


def test_slices_go_through_the_case_and_say_where(run):
    first = interactive.slices(run, CASES, [0, 4], "A", "axial", 50, 4)
    assert {"A, acute: axial, slice 12", "expansion 4 mm", "simulated data"} <= set(texts(first))
    np.testing.assert_array_equal(shown(first.axes[0]), texture()[12])
    low, high = first.axes[1].get_xlim()
    assert (low, high) == (14 - 6 - 4, 14 + 6 + 1 + 4)  # mm: the box of the mask and 4 voxels around it
    assert len(first.axes[0].patches) == 2  # one box an expansion
    start = interactive.slices(run, CASES, [0, 4], "A", "axial", 0, 0)
    assert {"A, acute: axial, slice 2", "expansion 0 mm: this slice lies outside its box"} <= set(texts(start))


def test_a_case_in_another_orientation_looks_the_same(run):
    pictures = [shown(interactive.slices(run, CASES, [0], case, "sagittal", 50, 0).axes[0]) for case in "AB"]
    np.testing.assert_array_equal(*pictures)


def test_a_feature_is_shown_by_class_and_on_its_image(run):
    table = pd.DataFrame({"case_id": ["A", "B"], "label": [1, 0]})
    names = ["original_firstorder_Mean", "squareroot_firstorder_Mean", "original_shape_Sphericity"]
    features = pd.DataFrame([[1.0, 2, 3], [4.0, 5, 6]], index=["A", "B"], columns=names)
    settings = radiomics.Settings()
    box = np.s_[6:19, 2:15, 8:21]
    figure = interactive.feature(run, features, table, settings, names[0], "A")
    np.testing.assert_array_equal(shown(figure.axes[1]), texture()[box][:, :, 6])
    assert figure.axes[0].get_lines()[0].get_ydata()[0] == 1.0  # the chosen case's value
    assert "A, acute: square root image, sagittal" in texts(
        interactive.feature(run, features, table, settings, names[1], "A")
    )
    assert "B, chronic: original image, sagittal" in texts(
        interactive.feature(run, features, table, settings, names[2], "B")
    )
    with pytest.raises(VcfnbError, match="case C is not in the table"):
        interactive.feature(run, features, table, settings, names[0], "C")


def test_the_network_input_is_shown_with_its_heat(run, monkeypatch):
    x = np.ones((2, 1, 8, 8, 8), dtype=np.float32)
    x[1, 0, 6] = 5
    monkeypatch.setattr("vcfnb.dtl.grad_cam", lambda network, crop: crop[:, 0] - 1)
    hot = interactive.network_input(None, x, ["A", "B"], run, "B", "axial", 100 * 6 / 7)
    assert shown(hot.axes[0]).max() == 5 and "Grad-CAM" in texts(hot)
    cold = interactive.network_input(None, x, ["A", "B"], run, "A", "axial", 0)
    assert "Grad-CAM: no cell speaks for the answer" in texts(cold)


def test_the_size_of_a_test_set_follows_its_aims():
    easy, hard = (interactive.test_size(43, 0.8, auc, 0.1) for auc in (0.95, 0.8))
    cases = [int(next(text for text in texts(f) if "aim" in text).split()[-2]) for f in (easy, hard)]
    assert cases[0] < cases[1]


def test_readings_are_drawn_against_the_first():
    ids = ["A", "B", "C"]
    features = {name: pd.DataFrame({"case_id": ids, "f": [1.0, 2, 3 + n]}) for n, name in enumerate(("a", "a2", "b"))}
    columns = {f"icc_{way}{end}": [0.5] for way in ("intra", "inter") for end in ("", "_low", "_high")}
    icc = pd.DataFrame({"feature": ["f"], "stable": [False], **columns})
    figure = interactive.segmentations(features, icc, pd.Series([1, 0, 1], ids), "f")
    acute, chronic = (collection.get_offsets().data for collection in figure.axes[1].collections)
    np.testing.assert_array_equal(acute, [[1, 1], [3, 5]])
    np.testing.assert_array_equal(chronic, [[2, 2]])
    assert {"f: not stable", "ICC 0.50 (0.50–0.50)"} <= set(texts(figure))


def test_lasso_shows_what_another_penalty_keeps():
    grid = [0.1, 0.01, 0.001]
    error = pd.DataFrame({"lambda": grid, "mse_mean": 0.2, "mse_sd": 0.1, "chosen": [False, True, False]})
    path = pd.DataFrame(
        [
            {"lambda": penalty, "feature": f"dtl_{n:03d}", "coefficient": float(n <= k)}
            for k, penalty in enumerate(grid, -1)
            for n in range(3)
        ]
    )
    results = {"dtl_06": SimpleNamespace(lasso_error=error, lasso_path=path, chosen_lambda=0.01)}
    for penalty, n in ((0.01, "1 feature"), (0.0012, "2 features")):
        found = texts(interactive.lasso(results, "dtl_06", penalty))
        assert n in found
    assert "dtl_06, λ = 0.0010 (the study's: 0.0100)" in found
    assert "dtl_06, λ = 0.0100 (the study's: 0.0100): the largest that leaves a feature" in texts(
        interactive.lasso(results, "dtl_06", 1)
    )
    results["dtl_06"].lasso_path["coefficient"] = 0.0
    with pytest.raises(VcfnbError, match="LASSO keeps no feature of dtl_06"):
        interactive.lasso(results, "dtl_06", 1)


def test_contributions_of_a_case_are_in_order_and_among_those_of_all():
    values = {
        "A": {"dtl_000": (1.0, 0.1), "dtl_001": (5.0, -2.0)},
        "B": {"dtl_000": (3.0, 1.0), "dtl_001": (5.0, -2.0)},
    }
    rows = [(case, name, *value, 0.0) for case, given in values.items() for name, value in given.items()]
    shap = pd.DataFrame(rows, columns=["case_id", "feature", "value", "shap", "z"])
    scores = pd.DataFrame({"label": [0], "score": [0.25]}, index=["A"])
    figure = interactive.contributions(shap, scores, "A")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [-2.0, 0.1]
    assert {"A, chronic: probability of acute 0.25", "1 (1 to 3)", "DTL 00"} <= set(texts(figure))
    with pytest.raises(VcfnbError, match="no SHAP values"):
        interactive.contributions(shap, scores, "C")


def test_a_threshold_counts_cases_at_or_above_it():
    scores = pd.DataFrame({"label": [1, 1, 0, 0], "radiomics": [0.9, 0.5, 0.5, 0.1], "fusion": [0.9, 0.8, 0.2, 0.1]})
    curves = pd.DataFrame({"model": ["radiomics", "fusion"], "threshold": 0.5, "net_benefit": 0.1})
    curves = curves.assign(treat_all=0.2, treat_none=0.0)
    figure = interactive.threshold(scores, curves, 0.5)
    counts = [[text.get_text().split("\n")[0] for text in axis.texts] for axis in figure.axes[:2]]
    assert counts == [["2", "0", "1", "1"], ["2", "0", "0", "2"]]
    assert [axis.get_title() for axis in figure.axes[:2]] == [
        "Radiomics, threshold 0.50",
        "Early fusion, threshold 0.50",
    ]
    assert figure.axes[2].get_lines()[-1].get_xdata()[0] == 0.5


@pytest.fixture
def displayed(monkeypatch):
    found = []
    monkeypatch.setattr("IPython.display.display", found.append)
    return found


def test_headless_runs_show_the_default_alone(displayed):
    drawn = []
    interactive.show(lambda **choice: drawn.append(choice) or "figure", case=["A", "B"], size=([1, 2, 3], 2))
    assert displayed == ["figure"]
    assert drawn == [{"case": "A", "size": 2}]


def test_jupyterlab_gets_controls(displayed):
    import ipywidgets

    drawn = []
    interactive.show(lambda **choice: drawn.append(choice), interactive=True, case_id=["A", "B"], size=([1, 2, 3], 2))
    (box,) = displayed[-1:]
    menu, slider = box.children[0].children
    assert isinstance(menu, ipywidgets.Dropdown) and menu.description == "case id"
    assert isinstance(slider, ipywidgets.SelectionSlider)
    slider.value = 3
    assert drawn == [{"case_id": "A", "size": 2}, {"case_id": "A", "size": 3}]


def test_a_choice_that_cannot_be_made_is_named():
    with pytest.raises(VcfnbError, match="size: there is nothing to choose from"):
        interactive.show(lambda size: None, size=[])
    with pytest.raises(VcfnbError, match="size: the default 4"):
        interactive.show(lambda size: None, size=([1, 2], 4))


def test_figures_are_the_same_each_time(run):
    draw = partial(interactive.slices, run, CASES, [0, 4], "A", "axial", 50, 4)
    pictures = []
    for figure in (draw(), draw()):
        assert isinstance(figure, Figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="rgba")
        pictures.append(buffer.getvalue())
    assert pictures[0] == pictures[1]
