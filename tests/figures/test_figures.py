"""Every figure function on small tidy data: what it shows, says and refuses, and the files it becomes."""

import functools
import inspect

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from cases import ball, image, texture
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from vcfnb import figures, runs
from vcfnb.errors import VcfnbError
from vcfnb.figures.names import image_type_order, short_name
from vcfnb.figures.parts import canvas
from vcfnb.figures.performance import draw_confusion
from vcfnb.figures.theme import MODEL_NAMES, model_styles
from vcfnb.fusion import Nomogram, fit_logistic
from vcfnb.radiomics import image_type_of

RADIOMIC = ["original_shape_Sphericity", "wavelet-LLH_glcm_Correlation", "log-sigma-2-0-mm-3D_glszm_LargeAreaEmphasis"]
MODELS = ["fusion", "radiomics", "dtl", "baseline", "ridge_fusion"]
SPLIT = {"n": 40, "acute": 25, "chronic": 15}
FLOW = {"read": 90, "exclusions": {"mask is empty": 7, "other": 3}, "included": 80, "patients": 70}
FLOW |= {"train": SPLIT, "test": SPLIT}


def grid(**columns):
    """All combinations of the columns' values."""
    return pd.MultiIndex.from_product(columns.values(), names=columns).to_frame(index=False)


CURVES = grid(model=MODELS, split=["train", "test"], fpr=np.linspace(0, 1, 6))
CURVES["tpr"] = CURVES["fpr"] ** CURVES["model"].map(dict(zip(MODELS, (0.3, 0.5, 0.4, 0.6, 0.25), strict=True)))
CURVES = CURVES.assign(low=CURVES["tpr"] - 0.05, high=CURVES["tpr"] + 0.05)
AUC = grid(model=MODELS, split=["train", "test"]).assign(n=40, auc=0.876, newcombe_low=0.8)
AUC["newcombe_high"] = 0.9
AUC.loc[(AUC["model"] == "dtl") & (AUC["split"] == "test"), "newcombe_high"] = np.nan
DECISIONS = grid(model=MODELS, threshold=np.linspace(0.01, 0.99, 9)).assign(treat_all=0.5, treat_none=0.0)
DECISIONS["net_benefit"] = DECISIONS["model"].map(MODELS.index) * 0.1 + 0.3 - 0.2 * DECISIONS["threshold"]
KINDS = ["smooth", "grouped", "case"]
CALIBRATION = grid(model=MODELS, kind=KINDS, predicted=[0.1, 0.5, 0.9]).assign(observed=0.6, low=0.05, high=0.99, n=12)
CALIBRATION.loc[CALIBRATION["kind"] == "case", "observed"] = CALIBRATION["predicted"].ge(0.5).astype(float)
GAINS = grid(model_b=["treat_all", "treat_none", *MODELS[1:]], threshold=np.linspace(0.1, 0.6, 6))
GAINS = GAINS.assign(model_a="fusion", difference=0.1, low=-0.05, high=0.2)
METHODS = ["none", "intercept", "intercept and slope"]
RECALIBRATED = grid(model=MODELS, method=METHODS, kind=KINDS, predicted=[0.1, 0.9])
RECALIBRATED = RECALIBRATED.assign(observed=0.6, low=0.05, high=0.99, n=12)
SUBGROUPS = grid(subgroup=["all cases", "female", "male", "not recorded"], model=MODELS)
SUBGROUPS["variable"] = SUBGROUPS["subgroup"].map({"all cases": "all", "not recorded": "age"}).fillna("sex")
SUBGROUPS["note"] = (
    SUBGROUPS["subgroup"].map({"male": "too few: 9 acute", "not recorded": "age is not recorded"}).fillna("")
)
SUBGROUPS = SUBGROUPS.assign(n_acute=12, n_chronic=7, auc=0.8, newcombe_low=0.61, newcombe_high=0.93)
SUBGROUPS.loc[SUBGROUPS["note"] != "", ["auc", "newcombe_low", "newcombe_high"]] = np.nan
SCORES = pd.DataFrame({"label": np.arange(30) % 2}).assign(**{name: (np.arange(30) + 0.5) / 31 for name in MODELS})
LONG = SCORES.melt("label", var_name="model", value_name="score")
ERRORS = pd.DataFrame({"lambda": np.logspace(-3, 0, 7), "mse_mean": [0.3, 0.2, 0.1, 0.2, 0.3, 0.4, 0.5]})
ERRORS = ERRORS.assign(mse_sd=0.02, chosen=ERRORS["mse_mean"] == 0.1)
PATHS = grid(**{"lambda": np.logspace(-3, 0, 7), "feature": [*RADIOMIC, "dtl_003", "dtl_004"]})
PATHS["coefficient"] = np.tile([0.6, -0.4, 0.3, 0.5, 0], 7) * np.maximum(0, -np.log10(PATHS["lambda"])) / 3
SELECTED = pd.DataFrame({"feature": [*RADIOMIC, "dtl_003"], "coefficient": [0.4, -0.6, 0.1, 0.2]})
EXPANSIONS = grid(expansion=[0, 2, 10], split=["train", "test"])
EXPANSIONS = EXPANSIONS.assign(auc=0.9, newcombe_low=0.8, newcombe_high=0.95)
EXPANSIONS["chosen"] = EXPANSIONS["expansion"] == 2
CV = grid(expansion=[0, 2], repeat=[0, 1, 2]).assign(auc=0.8)
CHOICE = pd.DataFrame({"expansion": [0, 2], "ci_low": 0.7, "ci_high": 0.9, "share_best": [0.3, 0.7]})
CHOICE["chosen"] = [False, True]
ALIGNMENT = grid(network=["fold_1_1", "fold_1_2"], dimension=[0, 1, 2]).assign(before=0.2, after=-0.9)
MODES = grid(mode=["in_sample", "out_of_fold"], expansion=[0, 2], split=["train", "test"])
MODES = MODES.assign(auc=0.8, ci_low=0.7, ci_high=0.9)
ICC = pd.DataFrame(
    {"feature": RADIOMIC, "icc_intra": [0.95, 0.9, np.nan], "icc_inter": 0.85, "stable": [True, True, False]}
)
HISTORY = grid(network=["final", "fold_1", "fold_2"], epoch=[1, 2, 3])
HISTORY = HISTORY.assign(loss=1 / HISTORY["epoch"], train_auc=0.5 + HISTORY["epoch"] / 10, learning_rate=0.001)
HISTORY = HISTORY.assign(val_loss=1.2 / HISTORY["epoch"], kept=HISTORY["epoch"] == 2)
CROPS = (np.ones((2, 8, 8, 8)), pd.DataFrame({"case_id": ["A", "B"], "label": [1, 0]}), 6)
DICE = grid(case_id=["a", "b"], comparison=["intra", "inter"]).assign(dice=0.9)
VALUES = grid(feature=RADIOMIC, label=[0, 1, 0, 1]).assign(value=range(12))
COUNTS = pd.DataFrame({"image_type": ["wavelet-LLH", "original"], "n_features": [93, 107]})
QUALITY = pd.DataFrame({"label": [0, 1, 1], "hu_p50": [90.0, 250, 300], "hu_sd": [50.0, 60, 70]})
STEPS = pd.DataFrame({"step": ["all", "icc", "lasso"], "n_features": [1834, 900, 7]})
WIDTHS = pd.DataFrame({"n": [50, 100, 200], "width": [0.2, 0.12, 0.09]})
ODDS = grid(model=MODELS, feature=[*RADIOMIC, "dtl_003", "clinical_age"])
ODDS = ODDS.assign(odds_ratio=[0.4, 1.2, 3.0, 1.0, 0.9] * 5, odds_ratio_low=0.3, odds_ratio_high=4.0)
SHAP = grid(case_id=range(12), feature=[*RADIOMIC, "dtl_003"]).assign(z=np.linspace(-3, 3, 48))
SHAP["shap"] = SHAP["z"] * np.tile([0.5, -0.2, 0.1, 0.0], 12)
_TRAINED = pd.DataFrame({"dtl_003": np.arange(20.0), "clinical_sex_female": np.arange(20) // 3 % 2})
NOMOGRAM = Nomogram.of(fit_logistic(_TRAINED, np.arange(20) // 2 % 2), _TRAINED)
# One case from images, one from arrays with repeat segmentations.
REPEATS = {"reader A again": ball(radius=6), "reader B": ball(radius=8)}
CASES = [
    {"case_id": "A1", "label": 1, "image": image(texture(), (1, 1, 2)), "mask": image(ball(), (1, 1, 2))},
    {"case_id": "A2", "label": 0, "image": texture(), "mask": ball(), "segmentations": REPEATS},
]

HEATED = [
    {"case_id": "A1", "label": 1, "score": 0.81, "heatmap": ball(radius=3) * 2.0, "image": texture(), "mask": ball()},
    {"case_id": "A2", "label": 0, "score": 0.63, "heatmap": ball() * 0.0, "image": texture(), "mask": ball()},
]
SHARES = grid(expansion=[0, 6], case_id=["A", "B", "C"], method=["grad_cam"], region=["bone", "ring", "beyond"])
SHARES["share"] = [0.5, 0.3, 0.2, 0.6, 0.3, 0.1, 0.7, 0.3, 0.0] * 2
SHARES["volume_share"] = [0.5, 0.25, 0.25] * 6

NESTED = grid(model=["radiomics", "fusion"], repeat=["1", "2", "mean"]).assign(auc=0.75, ci_low=0.6, ci_high=0.85)
NESTED = NESTED.assign(newcombe_low=0.6, newcombe_high=0.85)
DIFFERENCES = pd.DataFrame({"model_a": ["radiomics", "dtl"], "model_b": "fusion", "difference": [-0.1, 0.02]})
DIFFERENCES = DIFFERENCES.assign(ci_low=[-0.2, -0.1], ci_high=[-0.01, 0.1])
FREQUENCY = pd.DataFrame({"feature": RADIOMIC, "share": [0.9, 0.4, 0.1], "n_runs": 25})
STABLE = pd.Series({"index": 0.314, "ci_low": 0.25, "ci_high": 0.36})
LEARNING = pd.DataFrame({"n_train": [40, 20], "auc": [0.8, 0.7], "ci_low": 0.6, "ci_high": 0.9})
PERMUTED = grid(run=range(8), model=MODELS).assign(auc=lambda table: 0.9 - 0.1 * table["run"])
# Lines are found by their code, whatever the words.
AUDIT = pd.DataFrame({"check": "any words", "code": ["gap-in-sample", "gap-out-of-fold"]})
AUDIT = AUDIT.assign(value=[0.2, 0.0], low=[0.1, -0.1], high=[0.3, 0.1])
ORDER = pd.DataFrame(
    {"labels": ["true", "true", "random"], "order": ["after", "before", "before"], "auc": [0.7, 0.9, 0.8]}
)

VIEWED = (image(texture()), image(ball()), image(ball(radius=3).astype(np.float32)))
PULLS = pd.DataFrame({"feature": [*RADIOMIC, "dtl_003"], "value": [1.0, 9, -0.5, 0], "contribution": [2, -1, 0.5, 0.1]})
PULLS = PULLS.assign(low=-1.0, high=2.0, beyond=[False, True, False, False])
REPEATS = pd.DataFrame(
    [("radiomics", "a", 0.1), ("radiomics", "a", 0.7), ("radiomics", "b", 0.9), ("radiomics", "b", 0.9)],
    columns=["model", "case_id", "score"],
).assign(mean=[0.4, 0.4, 0.9, 0.9])

# Arguments of each figure, and the columns of the first without which it cannot be drawn.
FIGURES = {
    "attribution_shares": ((SHARES,), "expansion method region share volume_share"),
    "auc_differences": ((DIFFERENCES,), "model_a model_b difference ci_low ci_high"),
    "auc_by_expansion": ((EXPANSIONS,), "expansion split auc newcombe_low newcombe_high chosen"),
    "calibration": ((CALIBRATION,), "model predicted observed low high n kind"),
    "case_views": (VIEWED, ""),
    "contributions": ((PULLS,), "feature value contribution low high beyond"),
    "crops_examples": (CROPS, ""),
    "alignment": ((ALIGNMENT,), "network dimension before after"),
    "cv_by_expansion": ((CV, CHOICE), "expansion repeat auc"),
    "decision_curves": ((DECISIONS,), "model threshold net_benefit treat_all treat_none"),
    "dice": ((DICE,), "comparison dice"),
    "feature_by_class": ((VALUES,), "feature label value"),
    "feature_counts": ((COUNTS,), "image_type n_features"),
    "feature_modes": ((MODES,), "mode expansion split auc ci_low ci_high"),
    "forest": ((ODDS,), "model feature odds_ratio odds_ratio_low odds_ratio_high"),
    "grad_cam_examples": ((HEATED,), ""),
    "icc_overview": ((ICC,), "feature icc_intra icc_inter stable"),
    "leakage_audit": ((PERMUTED, AUDIT, ORDER), "run model auc"),
    "instability": ((REPEATS,), "model case_id score mean"),
    "learning_curve": ((LEARNING,), "n_train auc ci_low ci_high"),
    "lasso_figure": ((ERRORS, PATHS, SELECTED, "Radiomics"), "lambda mse_mean mse_sd chosen"),
    "montage": ((CASES,), ""),
    "net_benefit_differences": ((GAINS,), "threshold model_a model_b difference low high"),
    "nomogram": ((NOMOGRAM,), ""),
    "patient_flow": ((FLOW,), ""),
    "quality": ((QUALITY,), "label"),
    "recalibration": ((RECALIBRATED,), "model method predicted observed low high n kind"),
    "rigorous_auc": ((NESTED, NESTED), "model repeat auc ci_low ci_high"),
    "roc": ((CURVES, AUC), "model split fpr tpr low high"),
    "score_distribution": ((LONG, {"fusion": 0.5}), "label score"),
    "selection_frequency": ((FREQUENCY, STABLE), "feature share n_runs"),
    "selection_steps": ((STEPS,), "step n_features"),
    "shap_summary": ((SHAP,), "feature z shap"),
    "shufflenet_unit": ((), ""),
    "split_power": ((WIDTHS, 80, 0.1), "n width"),
    "subgroup_forest": (
        (SUBGROUPS,),
        "variable subgroup model n_acute n_chronic auc newcombe_low newcombe_high note",
    ),
    "training_curves": ((HISTORY,), "epoch loss"),
    "workflow": ((), ""),
}
PICTURES = {
    "case_views",
    "crops_examples",
    "grad_cam_examples",
    "montage",
    "nomogram",
    "patient_flow",
    "shufflenet_unit",
    "workflow",
}
each = pytest.mark.parametrize("name", FIGURES)


@pytest.fixture(autouse=True)
def styled():
    with mpl.rc_context():
        figures.style()
        yield


def draw(name, **options):
    return getattr(figures, name)(*FIGURES[name][0], **options)


# For tests that only look at a figure.
drawn = functools.cache(draw)


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_every_public_figure_is_here():
    public = {name for name, value in vars(figures).items() if inspect.isfunction(value)}
    assert set(FIGURES) == public - {"style"}


@each
def test_it_is_a_figure_and_says_simulated_only_when_it_is(name):
    figure = drawn(name)
    assert isinstance(figure, Figure)
    assert "simulated" not in " ".join(texts(figure)).lower()
    assert texts(drawn(name, simulated=True)).count("simulated data") == 1
    # Closed to pyplot: a notebook shows it once.
    assert mpl.pyplot.get_fignums() == []


@each
def test_it_survives_a_page_of_two_columns(name):
    """At the printed size no text is below 6 pt, nothing is wider than the page, and there is one font."""
    figure = drawn(name, simulated=True)
    figure.draw_without_rendering()
    shown = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in shown) >= 6
    assert {tuple(text.get_fontfamily()) for text in shown} == {("sans-serif",)}
    assert figure.get_figwidth() * 25.4 <= 183.5


@each
def test_data_axes_have_labels(name):
    found = [axis for axis in drawn(name).axes if axis.get_visible() and axis.axison and len(axis.get_xticks())]
    assert bool(found) == (name not in PICTURES)
    for axis in found:
        assert any(other.get_xlabel() for other in axis.get_shared_x_axes().get_siblings(axis))
        assert any(other.get_ylabel() for other in axis.get_shared_y_axes().get_siblings(axis))


def saved(name, folder):
    """Content of the files of one figure by suffix, and the table that it shows."""
    data = next((given for given in FIGURES[name][0] if isinstance(given, pd.DataFrame)), None)
    runs.save_figure(draw(name, simulated=True), folder / name, data, dpi=50)
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}, data


# With ids in their SVG, and points that are strewn.
@pytest.mark.parametrize("name", ["lasso_figure", "feature_by_class", "score_distribution", "shap_summary"])
def test_it_has_the_same_bytes_each_time(name, tmp_path):
    assert saved(name, tmp_path / "first")[0] == saved(name, tmp_path / "second")[0]


@each
def test_it_becomes_png_svg_and_csv(name, tmp_path):
    first, data = saved(name, tmp_path / "first")
    assert set(first) == ({".png", ".svg"} if data is None else {".png", ".svg", ".csv"})
    assert first[".png"].startswith(b"\x89PNG")
    assert b">simulated data</text>" in first[".svg"]  # text stays text
    assert data is None or first[".csv"].decode() == data.to_csv(index=False)


@pytest.mark.parametrize(("name", "column"), [(name, c) for name in FIGURES for c in FIGURES[name][1].split()])
def test_a_missing_column_is_named(name, column):
    table, *others = FIGURES[name][0]
    with pytest.raises(VcfnbError, match=rf"column.*\b{column}\b"):
        getattr(figures, name)(table.drop(columns=column), *others)


@pytest.mark.parametrize("name", [name for name in FIGURES if FIGURES[name][1]])
def test_a_table_without_rows_is_refused(name):
    table, *others = FIGURES[name][0]
    with pytest.raises(VcfnbError, match="has no rows"):
        getattr(figures, name)(table.iloc[:0], *others)


def test_further_tables_are_checked_too():
    for call, message in (
        (lambda: figures.roc(CURVES, AUC.drop(columns="newcombe_low")), "no column newcombe_low"),
        (lambda: figures.lasso_figure(ERRORS, PATHS, SELECTED[["feature"]]), "no column coefficient"),
        (
            lambda: figures.crops_examples(np.ones((2, 4, 4, 4)), pd.DataFrame({"case_id": [1, 2]}), 6),
            "no column label",
        ),
        (
            lambda: figures.crops_examples(np.ones((2, 4, 4, 4)), pd.DataFrame({"case_id": [1]}), 6),
            "2 crops and 1 cases",
        ),
        (lambda: figures.leakage_audit(PERMUTED, AUDIT.drop(columns="low"), ORDER), "the audit has no column low"),
        (
            lambda: figures.leakage_audit(PERMUTED, AUDIT, ORDER.drop(columns="auc")),
            "orders of selection has no column auc",
        ),
        (lambda: figures.montage([]), "no cases"),
        (
            lambda: figures.montage([{**CASES[1], "mask": ball((3, 4, 5), radius=1)}]),
            "A2: reader A .3, 4, 5. and image",
        ),
        (lambda: figures.quality(pd.DataFrame({"label": [0]})), "none of the columns roi_volume"),
    ):
        with pytest.raises(VcfnbError, match=message):
            call()


def test_a_subgroup_without_numbers_says_why_in_the_figure():
    found = texts(draw("subgroup_forest"))
    assert {"too few: 9 acute", "age is not recorded", "Sex: female", "12 / 7"} <= set(found)
    (axis,) = draw("subgroup_forest").axes
    points = [line.get_ydata() for line in axis.lines if line.get_marker() in "osD"]
    # Two subgroups with numbers, three models each; markers of the legend have no data.
    assert sorted(round(y[0]) for y in points if len(y)) == [0, 0, 0, 1, 1, 1]


def test_decision_curves_show_their_band_if_there_is_one():
    banded = DECISIONS.assign(low=DECISIONS["net_benefit"] - 0.1, high=DECISIONS["net_benefit"] + 0.1)
    assert len(figures.decision_curves(banded).axes[0].collections) == 5
    assert len(draw("decision_curves").axes[0].collections) == 0


def test_calibration_shows_band_points_and_each_case_by_class():
    (axis, *_) = draw("calibration").axes
    _, _, acute, chronic = axis.collections  # after the band and the intervals of the points
    colors = [to_hex(lines.get_color()[0]) for lines in (acute, chronic)]
    assert colors == [to_hex(color) for color in figures.CLASSES.values()]
    assert [len(lines.get_segments()) for lines in (acute, chronic)] == [2, 1]
    without = CALIBRATION[CALIBRATION["kind"] != "grouped"].assign(low=np.nan)
    assert len(figures.calibration(without).axes[0].collections) < 4
    # A local line may leave the range of a proportion: it is drawn within.
    above = figures.calibration(CALIBRATION.assign(observed=1.3)).axes[0].get_lines()[1]
    assert max(above.get_ydata()) == 1


def test_differences_of_net_benefit_have_a_zero_line_and_a_band():
    axes = draw("net_benefit_differences").axes
    assert [axis.get_title() for axis in axes] == [
        "Early fusion minus treat all",
        "Early fusion minus treat none",
        "Early fusion minus Radiomics",
        "Early fusion minus DTL",
        "Early fusion minus Ridge fusion",
        "Early fusion minus Baseline",
    ]
    # Two rows of three, the axis named at the left.
    assert [bool(axis.get_ylabel()) for axis in axes] == [True, False, False] * 2
    assert all(len(axis.collections) == 1 and set(axis.get_lines()[0].get_ydata()) == {0} for axis in axes)


def test_the_models_have_five_colours_the_same_in_every_figure():
    colors = {name: to_hex(color) for name, color in figures.MODELS.items()}
    assert set(colors) == set(MODELS)
    assert len(set(colors.values()) | {to_hex(color) for color in figures.CLASSES.values()}) == 7
    for figure in (draw("roc"), figures.roc(CURVES[::-1], AUC), draw("decision_curves")):
        for axis in figure.axes:
            found = {line.get_label(): to_hex(line.get_color()) for line in axis.get_lines()}
            for name, color in colors.items():
                assert [found[label] for label in found if label.startswith(MODEL_NAMES[name])] == [color]
    alone = figures.decision_curves(DECISIONS.query("model == 'fusion'")).axes[0].get_lines()[-1]
    assert (alone.get_label(), to_hex(alone.get_color())) == ("Early fusion", colors["fusion"])
    titles = {MODEL_NAMES[name]: color for name, color in colors.items()}
    found = {axis.get_title(): to_hex(axis.get_lines()[1].get_color()) for axis in draw("calibration").axes[:5]}
    assert found == titles
    bars = [to_hex(bar.get_facecolor()) for bar in draw("lasso_figure").axes[2].patches]
    assert bars == [colors[name] for name in ("radiomics", "radiomics", "dtl", "radiomics")]
    legend = draw("lasso_figure").axes[1].get_legend()
    kinds = {
        text.get_text(): to_hex(line.get_color()) for text, line in zip(legend.texts, legend.get_lines(), strict=True)
    }
    assert (kinds["radiomic"], kinds["DTL"]) == (colors["radiomics"], colors["dtl"])
    assert to_hex(draw("training_curves").axes[0].get_lines()[0].get_color()) == colors["dtl"]
    assert model_styles(["other"])["other"]["color"] not in figures.MODELS.values()


def test_curves_are_drawn_as_given():
    part = CURVES.query("model == 'dtl' and split == 'test'")
    line = next(line for line in draw("roc").axes[1].get_lines() if line.get_label().startswith("DTL"))
    np.testing.assert_array_equal(line.get_xydata(), part[["fpr", "tpr"]])
    assert line.get_label() == "DTL 0.876"  # without an interval
    shown = texts(draw("roc"))
    assert {"DTL 0.876 (0.800–0.900)", "Training (n = 40)", "Test (n = 40)"} <= set(shown)
    error = draw("lasso_figure").axes[0].get_lines()
    np.testing.assert_array_equal(error[0].get_xydata(), ERRORS[["lambda", "mse_mean"]])
    assert error[1].get_xdata()[0] == 0.01


def test_numbers_are_written_as_given():
    assert {"1834", "900", "7", "lasso"} <= set(texts(draw("selection_steps")))
    figure, axis = canvas(60, 60)
    draw_confusion(axis, np.array([[9, 3], [2, 7]]))
    assert {"9\n75 %", "3\n25 %", "2\n22 %", "7\n78 %", "acute", "chronic"} <= set(texts(figure))
    assert {"93", "107", "200 features, 2 image types"} <= set(texts(draw("feature_counts")))
    assert {"2 of 3 features stable, 1 not estimable", "1/1", "0/1"} <= set(texts(draw("icc_overview")))
    flow = "\n".join(texts(draw("patient_flow")))
    for part in (
        "n = 90",
        "Excluded: 10\n- mask is empty: 7\n- other: 3",
        "of 70 patients\nn = 80",
        "25 acute, 15 chronic",
    ):
        assert part in flow
    assert "A1, acute" in texts(draw("montage")) and "A2, chronic" in texts(draw("montage"))
    assert "aim 0.1: 200 cases" in texts(draw("split_power"))


def test_the_audit_and_the_nested_evaluation_show_what_they_are_given():
    bars, gap, order = draw("leakage_audit").axes
    assert [sum(np.diff(patch.get_xy()[:, 1]).clip(0)) > 0 for patch in bars.patches] == [True] * 5
    true = [line.get_xdata()[0] for line in bars.get_lines() if line.get_linestyle() == "--" and len(line.get_xdata())]
    assert true[:5] == [0.9] * 5
    assert [text.get_text().split("\n(n")[0] for text in order.get_xticklabels()] == [
        *("selected\nafter", "selected\nbefore", "before,\nrandom labels")
    ]
    for axis, expected in ((gap, [0.2, 0.0]), (draw("rigorous_auc").axes[0], [0.75, 0.75])):
        marks = [line for line in axis.get_lines() if line.get_marker() == "o" and len(line.get_ydata())]
        assert [line.get_ydata()[0] for line in marks] == expected
    assert "Radiomics - Early fusion" in texts(draw("auc_differences"))
    assert "Nogueira's index 0.31 (0.25 to 0.36)" in " ".join(texts(draw("selection_frequency")))
    line = draw("learning_curve").axes[0].get_lines()[0]
    np.testing.assert_array_equal(line.get_xydata(), [[20, 0.7], [40, 0.8]])
    lines, dots = draw("instability").axes[0].collections
    np.testing.assert_allclose(lines.get_segments(), [[[0.4, 0.1], [0.4, 0.7]], [[0.9, 0.9], [0.9, 0.9]]])
    np.testing.assert_array_equal(dots.get_offsets(), REPEATS[["mean", "score"]])
    short = figures.selection_frequency(FREQUENCY, most=2).axes[0]
    assert short.get_title() == "3 features chosen at least once, the 2 most frequent" and len(short.patches) == 2


def test_shares_are_means_over_the_cases_that_have_any():
    missing = SHARES.assign(share=SHARES["share"].where(SHARES["case_id"] != "C"))
    for table, ring, bone, title in (
        (SHARES, [0.3, 0.3], [0.6, 0.6], "Grad-CAM"),
        (missing, [0.3, 0.3], [0.55, 0.55], "Grad-CAM (2 without attribution)"),
    ):
        axis = figures.attribution_shares(table).axes[0]
        lines = [line.get_xydata()[:, 1] for line in axis.get_lines() if line.get_linestyle() == "-"]
        dashed = [line.get_xydata()[:, 1] for line in axis.get_lines() if line.get_linestyle() == "--"]
        np.testing.assert_allclose(lines[:2], [bone, ring])
        np.testing.assert_allclose(dashed, [[0.5, 0.5], [0.25, 0.25], [0.25, 0.25]])
        assert axis.get_title() == title
    # Half of a t interval of three values, 0.1 apart.
    bars = figures.attribution_shares(SHARES).axes[0].collections[0].get_segments()
    assert np.ptp(bars[0][:, 1]) / 2 == pytest.approx(4.302653 * 0.1 / np.sqrt(3), rel=1e-6)


def test_heat_maps_say_what_the_network_answered():
    figure = draw("grad_cam_examples")
    said = {"A1: acute\nscore 0.81, correct", "A2: chronic\nscore 0.63, wrong\n(no heat)", "axial (R–L)"}
    assert said <= set(texts(figure))
    assert "A2: chronic\nscore 0.63, correct\n(no heat)" in texts(figures.grad_cam_examples(HEATED, threshold=0.7))
    heat = [picture for picture in figure.axes[0].images if picture.get_cmap().name == "inferno"][0]
    assert heat.get_array().max() == 1 and not figure.axes[3].images[-1].get_array().any()
    with pytest.raises(VcfnbError, match="A1: heatmap .3, 3, 3. and image"):
        figures.grad_cam_examples([{**HEATED[0], "heatmap": np.ones((3, 3, 3))}])
    with pytest.raises(VcfnbError, match="no cases"):
        figures.grad_cam_examples([])


def test_bars_show_the_largest_coefficients_first():
    numbers = np.arange(70)
    table = pd.DataFrame({"feature": [f"dtl_{n:03d}" for n in numbers], "coefficient": (-1.0) ** numbers * numbers})
    axis = figures.lasso_figure(ERRORS, PATHS, table).axes[2]
    assert [label.get_text() for label in axis.get_yticklabels()] == [f"DTL {n}" for n in range(69, 9, -1)]
    assert (axis.patches[0].get_width(), axis.get_title()) == (-69, "70 features, the 60 largest")


def test_short_names():
    short = ["original shape Sphericity", "wavelet LLH GLCM Corr.", "LoG 2 mm GLSZM LargeAreaEmph.", "DTL 07", "odd"]
    assert [short_name(name) for name in (*RADIOMIC, "dtl_007", "odd")] == short
    assert image_type_order(map(image_type_of, RADIOMIC)) == ["shape", "log-sigma-2-0-mm-3D", "wavelet-LLH"]


def test_contributions_show_values_beyond_the_training_cases_and_where_a_case_goes():
    figure = draw("contributions")
    left, right = figure.axes
    assert [bar.get_width() for bar in left.patches] == [2, -1, 0.5, 0.1]
    colors = [to_hex(bar.get_facecolor()).upper() for bar in left.patches]
    assert colors == [figures.CLASSES[name] for name in ("acute", "chronic", "acute", "acute")]
    assert "9 (-1 to 2)" in texts(figure) and "beyond training cases" in texts(figure)
    inside = PULLS.assign(beyond=False)
    assert "beyond training cases" not in texts(figures.contributions(inside))
    many = pd.concat([PULLS] * 5)
    assert any("the 15 largest of 20" in text for text in texts(figures.contributions(many)))


def test_a_case_without_heat_says_so():
    assert "Grad-CAM" in texts(draw("case_views"))
    cold = figures.case_views(*VIEWED[:2], image(np.zeros_like(texture(), dtype=np.float32)))
    assert "Grad-CAM (no heat)" in texts(cold)


def test_the_models_colours_are_kept_for_models():
    """Readers, orders of selection and single curves are drawn in others; a radiomic feature has its model's."""
    taken = {to_hex(color) for color in figures.MODELS.values()}
    for name in ("auc_differences", "dice", "quality", "split_power"):
        figure = draw(name)
        lines = {to_hex(line.get_color()) for axis in figure.axes for line in axis.get_lines()}
        points = {to_hex(c) for axis in figure.axes for drawn in axis.collections for c in drawn.get_facecolor()}
        assert not taken & (lines | points), name
    order = draw("leakage_audit").axes[2]
    assert not taken & {to_hex(c) for drawn in order.collections for c in drawn.get_facecolor()}
