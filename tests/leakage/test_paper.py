"""The paper's own numbers, recomputed; and docs/fidelity.md, whose parameters and files must exist."""

import re
from fnmatch import fnmatch

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from study import ROOT, contract_files

from vcfnb import params
from vcfnb.leakage import paper

TABLE = paper.consistency()
FIDELITY = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")


def adds_up(part, table=TABLE):
    """The verdicts of all statements that hold `part`, each once."""
    found = table.loc[table["statement"].str.contains(part, regex=False), "adds_up"]
    assert len(found), part
    return set(found)


def test_what_does_not_add_up():
    assert list(TABLE.columns) == ["statement", "printed", "recomputed", "adds_up", "comment"]
    no = TABLE.loc[TABLE["adds_up"] == "no", "statement"].tolist()
    assert no == [
        "men and women in the text are all patients",
        "p of acute and chronic, training against test",
        "p of age, training against test, by a t test on the printed means and SDs",
        "interval of the test AUC of radiomics is symmetric, as DeLong's, cut at 1",
    ]


def test_the_recomputed_numbers():
    shown = TABLE.set_index("statement")["recomputed"]
    assert shown["men and women in the text are all patients"] == "228"
    assert "Yates' correction 0.992" in shown["p of women and men, training against test"]
    label = shown["p of acute and chronic, training against test"]
    assert ("correction 1.000" in label, "without correction 0.911" in label, "Fisher 1.000" in label) == (True,) * 3
    assert "14 shape + 20 image types x 91 = 1834" in shown["features a case"]
    for model, won in (("radiomics", 266), ("dtl", 288), ("fusion", 295)):
        assert shown[f"test AUC of {model} is a number of pairs out of 34 x 9"].startswith(f"{won}/306")
    for model, point in (("radiomics", 23), ("dtl", 0), ("fusion", 21)):
        assert shown[f"lambda of {model} is a point of numpy.logspace(-3, 0, 50)"].startswith(f"point {point}:")
    assert shown["interval of the test AUC of radiomics is symmetric, as DeLong's, cut at 1"] == "0.7670-0.9710"


@pytest.mark.parametrize(
    ("changed", "part", "verdict"),
    [
        ({"text_men_women": (99, 119)}, "in the text are all patients", {"yes"}),
        ({"sex": ((95, 80), (23, 19))}, "rows of Table 1", {"no"}),
        ({"acute_chronic": (170, 48)}, "are those of the text", {"no"}),
        ({"age_all": (63.14, 15.80)}, "age of all patients", {"no"}),
        ({"p_sex": 0.95}, "p of women and men", {"no"}),
        ({"p_label": 0.91}, "p of acute and chronic", {"yes"}),
        ({"p_age": 0.21}, "p of age", {"yes"}),
        ({"p_bmd": 0.75}, "p of bone density", {"no"}),
        ({"features": 1874}, "features a case", {"no"}),
        ({"fusion_radiomic_deep": (14, 19)}, "features of the fusion", {"no"}),
    ],
)
def test_a_changed_number_changes_the_verdict(changed, part, verdict):
    assert adds_up(part, paper.consistency(changed)) == verdict
    assert adds_up(part) != verdict


@pytest.mark.parametrize(
    ("column", "value", "part"),
    [
        ("lambda", 0.0250, "lambda of radiomics"),
        ("auc_test", 0.867, "test AUC of radiomics is a number"),
        ("auc_train_high", 0.9980, "interval of the train AUC of radiomics"),
    ],
)
def test_a_changed_result_changes_the_verdict(column, value, part):
    models = paper.reported()
    models.loc[models["model"] == "radiomics", column] = value
    assert adds_up(part) == {"yes"}
    assert adds_up(part, paper.consistency(models=models)) == {"no"}


@pytest.mark.parametrize(("n_positive", "n_negative"), [(2, 3), (34, 9), (5, 7)])
def test_every_auc_that_cases_can_give_is_a_number_of_pairs(n_positive, n_negative):
    """Every rank order of few cases, drawn at random with ties, against AUCs counted pair by pair."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        positive, negative = rng.integers(0, 9, n_positive), rng.integers(0, 9, n_negative)
        difference = positive[:, None] - negative[None, :]
        won = (difference > 0).sum() + (difference == 0).sum() / 2
        auc = won / (n_positive * n_negative)
        found = paper.pairs_won(round(auc, 3), n_positive, n_negative)
        assert abs(found - won) <= (0.5 if n_positive * n_negative > 250 else 0)
    assert paper.pairs_won(0.5, 3, 3) == 4.5
    assert paper.pairs_won(0.3, 2, 2) is None


@pytest.mark.parametrize("equal_variance", [True, False])
def test_t_tests_from_means_equal_those_on_cases(equal_variance):
    """Cases made to have the printed means and SDs exactly."""
    rng = np.random.default_rng(2)
    groups = []
    for (mean, sd), n in zip(paper.PRINTED["age"], paper.PRINTED["split"], strict=True):
        values = rng.normal(size=n)
        groups.append(mean + sd * (values - values.mean()) / values.std(ddof=1))
    low, p, high = paper.p_range_from_means(*paper.PRINTED["age"], 175, 43)["Student" if equal_variance else "Welch"]
    assert p == pytest.approx(stats.ttest_ind(*groups, equal_var=equal_variance).pvalue, abs=1e-12)
    assert low < p < high


def test_means_that_rounding_made_different_can_be_equal():
    for low, _, high in paper.p_range_from_means((1.00, 2.0), (1.01, 2.0), 20, 20).values():
        assert low < high == 1.0
    wide, narrow = (paper.p_range_from_means((1.0, 2.0), (1.5, 2.0), 20, 20, d)["Welch"] for d in (1, 2))
    assert wide[0] < narrow[0] < narrow[1] < narrow[2] < wide[2]


def test_age_of_all_patients_is_that_of_both_sets_together():
    rng = np.random.default_rng(3)
    a, b = rng.normal(60, 15, 175), rng.normal(65, 10, 43)
    mean, sd = paper._pooled([(a.mean(), a.std(ddof=1)), (b.mean(), b.std(ddof=1))], [175, 43])
    both = pd.Series(np.concatenate([a, b]))
    assert (mean, sd) == (pytest.approx(both.mean()), pytest.approx(both.std()))


def rows_of(heading):
    """Cells of the table that follows a heading of fidelity.md, without its two head lines."""
    section = FIDELITY.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    # "\|" is a bar inside a cell.
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def named(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_each_sentence_names_notebook_parameter_and_output():
    rows = rows_of("Methods")
    assert len(rows) >= 28
    for row in rows:
        assert len(row) == 5, row
        paper_says, notebook, here, parameter, output = row
        assert paper_says and here, row
        assert re.fullmatch(r"–|0[0-9](, 0[0-9])*", notebook), row
        assert parameter == "–" or named(parameter), row
        assert named(output), row


def test_every_parameter_that_fidelity_names_exists():
    known = {f"{section}.{name}" for section, model in params.SECTIONS.items() for name in model.model_fields}
    known |= set(params.StudyParams.model_fields)
    in_tables = [name for row in rows_of("Methods") for name in named(row[3])]
    pattern = rf"(?:{'|'.join(params.SECTIONS)})\.[a-z_]+"
    in_text = [name for name in named(FIDELITY) if re.fullmatch(rf"{pattern}(?:=\S+)?", name)]
    names = {name.partition("=")[0] for name in in_tables + in_text}
    assert len(names) > 30
    unknown = {name for name in names if not any(fnmatch(parameter, name) for parameter in known)}
    assert not unknown


def test_every_output_that_fidelity_names_is_in_the_contract():
    """tests/workflow/test_study.py looks for the contract's files in a finished study."""
    contract = list(contract_files([0, 6]))
    outputs = {
        name
        for heading, column in (("Methods", 4), ("Figures", 2))
        for row in rows_of(heading)
        for name in named(row[column])
    }
    assert len(outputs) > 30
    missing = {name for name in outputs if not any(fnmatch(path, name.replace("NN", "06")) for path in contract)}
    assert not missing
