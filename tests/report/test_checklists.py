"""METRICS and CLEAR: what a run shows, what its authors answer, and the score."""

import json
import random
from html.parser import HTMLParser
from string import Formatter

import pandas as pd
import pytest
from study import ROOT

from vcfnb.errors import VcfnbError
from vcfnb.params import METRICS_CONDITIONAL, N_CLEAR, N_METRICS, ReportingParams
from vcfnb.report import checklists, page

# What a run writes, as small as the checklists read it. Two sites, repeat segmentations, no simulated patient.
COHORT = """patient_id,case_id,image,mask,label,split,age,sex,bmd,site,mask_reader_a2,mask_reader_b
P1,P1,a,b,1,train,60,F,-1.0,North,c,d
P2,P2,a,b,0,train,61,M,,North,c,d
P3,P3,a,b,1,train,62,F,-2.0,South,,
P4,P4,a,b,0,test,63,M,-2.5,South,,
P5,P5,a,b,1,test,64,F,-3.0,South,,
"""
FILES = {
    "00_cohort/about.json": {"simulated": False},
    "00_cohort/settings.json": {"seed": 1},
    "00_cohort/cohort.csv": COHORT,
    "00_cohort/table1.csv": 'characteristic,train,test,comparison,p\n"Age, years",61 ± 1,63 ± 1,Welch t,0.2\n',
    "00_cohort/test_set_size.csv": "n,width\n10,0.5\n",
    "00_cohort/exclusions.csv": "case_id,reason\n",
    "00_cohort/flow.png": "",
    "00_cohort/figure2_workflow.png": "",
    "01_preprocessing/settings.json": dict(
        spacing_mm=1.0, window_level=500, window_width=1200, clip=True, mask_interpolator="nearest"
    ),
    "01_preprocessing/qc.csv": "case_id,spacing_in\nP1,1 x 0.7 x 0.7\nP2,3 x 0.7 x 0.7\n",
    "02_icc/icc.csv": "feature,icc_intra,icc_inter,stable\nx,0.9,0.9,True\ny,0.9,0.5,False\n",
    "02_icc/dice.csv": "case_id,comparison,dice\nP1,intra,0.9\nP1,inter,0.9\n",
    "02_icc/settings.json": {"icc_form": "ICC(2,1)", "icc_threshold": 0.8},
    "03_radiomics/features.csv": "case_id,original_shape_Volume,wavelet-LLH_glcm_Contrast\nP1,1,2\n",
    "03_radiomics/feature_counts.csv": "image_type,n_features\nshape,1\n",
    "03_radiomics/settings.json": {"bin_width": 5.0, "log_sigma_mm": [1.0, 2.0, 3.0]},
    "04_dtl/settings.json": {"n_dimensions": 18},
    "04_dtl/expansion_00/history.csv": "network,epoch,loss\nfinal,1,0.7\n",
    "04_dtl/expansion_00/cross_validation.csv": "case_id,score\nP1,0.5\n",
    "05_selection/settings.json": {},
    "05_selection/expansion_choice.csv": "expansion,chosen\n0,True\n",
    "05_selection/radiomics_steps.csv": "step,n_features\nall,2\nz-score,2\nicc,1\ncorrelation,1\nlasso,1\n",
    "05_selection/radiomics_selected.csv": "feature,coefficient\nx,0.1\n",
    "05_selection/radiomics_scaler.csv": "feature,mean,sd\nx,0,1\n",
    "05_selection/radiomics_lasso_error.csv": "lambda,chosen\n0.1,True\n",
    "06_fusion/settings.json": {"class_weight": None},
    "06_fusion/fusion_selected.csv": "feature,coefficient\nx,0.1\n",
    "06_fusion/model/model.json": {},
    "07_statistics/settings.json": {"alpha": 0.05},
    "07_statistics/auc.csv": "model,split,n,auc,ci_low,ci_high\nradiomics,train,3,1,1,1\nradiomics,test,2,0.9,0.8,1\n",
    "07_statistics/operating_points.csv": "model,split,tp,fp,tn,fn\nradiomics,test,1,0,1,0\n",
    "07_statistics/delong.csv": "model_a,model_b,split,p\nradiomics,fusion,test,0.5\n",
    "07_statistics/calibration.csv": "model,split,n,brier,slope,intercept\nradiomics,test,2,0.1,1,0\n",
    "07_statistics/subgroups.csv": "variable,subgroup,model,auc\nall,all cases,fusion,0.9\nsex,female,fusion,0.9\n",
    "07_statistics/grad_cam.png": "",
    "provenance.json": {"versions": {"vcfnb": "0.1.0", "pyradiomics-bhklab": "3.1.4"}},
}
# The fixture has one training case of the rarer class for its one feature; the rest of what a run can show is yes.
NO = {("metrics", 16)}


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path):
    return write(tmp_path / "made", FILES)


@pytest.fixture
def simulated(run):
    return write(run, {"00_cohort/about.json": {"simulated": True}})


def row(folder, name, item, **answers):
    given = getattr(ReportingParams(**{name: {item: answers}}), name) if answers else None
    table = checklists.fill(folder, name, given)
    return table.set_index("item").loc[item]


def test_item_tables_are_whole():
    for name, n in (("metrics", N_METRICS), ("clear", N_CLEAR)):
        table = checklists.items(name)
        assert table["item"].tolist() == list(range(1, n + 1))
        for column in ("group", "name", "question", "source"):
            assert table[column].str.strip().ne("").all(), column
        assert table["question"].is_unique and table["question"].str.endswith("?").all()
        assert [int(source.rsplit(" ", 1)[1]) for source in table["source"]] == table["item"].tolist()
        # Each item can be answered: by the run, or by the authors, who are told what is asked of them.
        assert set(table["evidence"]) - {""} <= set(checklists.items("evidence")["evidence"])
        mute = table[(table["needs_you"] == "") & (table["evidence"] == "")]
        assert mute.empty
        assert set(table["simulated"]) <= {"", "no", "na"}
    clear = checklists.items("clear")
    assert clear.loc[clear["essential"] == "no", "item"].tolist() == [53, 58]


def test_rules_name_facts_that_are_read():
    """A misspelt fact would never be so, and nobody would notice."""
    rules, source = checklists.items("evidence"), (ROOT / "vcfnb" / "report" / "evidence.py").read_text()
    named = set(rules["when"]) - {""}
    for column in ("why", "proof"):
        for cell in rules[column]:
            named |= {field.split(":")[0] for _, field, _, _ in Formatter().parse(cell) if field}
    assert len(named) > 40 and [name for name in named if f'"{name}"' not in source] == []
    # An empty answer is a remark beside what the authors are asked.
    assert set(rules["answer"]) == {"yes", "no", "na", ""}
    # A rule without a condition ends its evidence: what stood below it would never be asked.
    for _, part in rules.groupby("evidence"):
        assert "" not in part["when"].tolist()[:-1]


def test_weights_of_metrics():
    table = checklists.items("metrics").set_index("item")
    assert round(table["weight"].sum(), 4) == 1.0
    assert table["weight"].max() == table.loc[3, "weight"] == 0.0919
    # The authors' calculator has three decimals; half-way values it rounds down or up.
    calculator = [37, 74, 92, 44, 29, 44, 29, 34, 22, 11, 62, 31, 41, 20, 20, 30, 20, 60, 30, 35, 23, 18, 12, 29, 18]
    calculator += [37, 75, 7, 7, 7]
    assert (table["weight"] - pd.Series(calculator, table.index) / 1000).abs().max() <= 0.0005 + 1e-9
    assert set(table.loc[:23, "weight_read_in"]) == {"article"} and set(table.loc[24:, "weight_read_in"]) == {
        "calculator"
    }
    assert tuple(table.index[table["condition"] != ""]) == METRICS_CONDITIONAL


def test_nothing_the_run_can_show_is_left_open(run):
    for name in checklists.CHECKLISTS:
        table = checklists.fill(run, name).set_index("item")
        items = checklists.items(name)
        shown = items.loc[items["evidence"] != "", "item"].tolist()
        answers = {item: table.loc[item, "answer"] for item in shown}
        expected = {item: "no" if (name, item) in NO else "yes" for item in shown}
        expected |= {
            "metrics": {8: "needs you", 9: "na", 17: "na", 24: "needs you"},
            "clear": {19: "needs you", 42: "needs you", 48: "needs you"},
        }[name]
        assert answers == expected
        assert set(table.drop(index=shown)["answer"]) == {"needs you"}
        assert (table["why"] != "").all()


def test_every_yes_has_its_proof_in_the_run(run):
    for name in checklists.CHECKLISTS:
        table = checklists.fill(run, name)
        assert (table.loc[table["answer"] == "yes", "proof"] != "").all()
        for proof in table["proof"]:
            for path in filter(None, proof.split("; ")):
                assert (run / path).is_file(), path


STEPS = FILES["05_selection/radiomics_steps.csv"]


@pytest.mark.parametrize(
    ("name", "item", "changed"),
    [
        ("metrics", 4, {"00_cohort/cohort.csv": COHORT.replace("South", "North")}),
        ("metrics", 11, {"01_preprocessing/qc.csv": None}),
        ("metrics", 11, {"01_preprocessing/qc.csv": "case_id,spacing_in\nP1,6 x 0.7 x 0.7\n"}),
        ("metrics", 12, {"provenance.json": None}),
        ("metrics", 13, {"04_dtl/settings.json": None}),
        ("metrics", 14, {"02_icc/icc.csv": "feature,icc_intra,icc_inter,stable\n"}),
        ("metrics", 14, {"05_selection/radiomics_steps.csv": STEPS.replace("icc,1\n", "")}),
        ("metrics", 15, {"05_selection/radiomics_steps.csv": STEPS.replace("correlation,1\n", "")}),
        ("metrics", 18, {"00_cohort/cohort.csv": COHORT.replace("P5,P5", "P1,P5")}),
        ("metrics", 18, {"00_cohort/cohort.csv": COHORT.replace("P5,P5,a,b,1", "P5,P5,a,b,0")}),
        ("metrics", 20, {"04_dtl/expansion_00/history.csv": None}),
        ("metrics", 20, {"07_statistics/operating_points.csv": "model,split,tp\nradiomics,test,1\n"}),
        ("metrics", 21, {"07_statistics/auc.csv": "model,split,n,auc\nradiomics,test,2,0.9\n"}),
        ("metrics", 21, {"07_statistics/auc.csv": "model,split,n,auc,ci_low,ci_high\nradiomics,test,2,0.9,,\n"}),
        ("metrics", 22, {"07_statistics/calibration.csv": None}),
        ("metrics", 22, {"07_statistics/calibration.csv": "model,split,brier,slope\nradiomics,train,0.1,1\n"}),
        ("metrics", 25, {"07_statistics/delong.csv": None}),
        ("metrics", 26, {"07_statistics/auc.csv": "model,split,n,auc,ci_low,ci_high\nradiomics,train,3,1,0.9,1\n"}),
        ("clear", 9, {"00_cohort/test_set_size.csv": None}),
        ("clear", 12, {"00_cohort/figure2_workflow.png": None}),
        ("clear", 22, {"01_preprocessing/settings.json": None}),
        ("clear", 23, {"03_radiomics/settings.json": None}),
        ("clear", 26, {"03_radiomics/features.csv": None}),
        ("clear", 27, {"03_radiomics/features.csv": None}),
        ("clear", 30, {"06_fusion/settings.json": None}),
        ("clear", 31, {"02_icc/icc.csv": None}),
        ("clear", 32, {"05_selection/radiomics_steps.csv": None}),
        ("clear", 34, {"06_fusion/model/model.json": None}),
        ("clear", 37, {"05_selection/expansion_choice.csv": None}),
        ("clear", 43, {"07_statistics/grad_cam.png": None}),
        ("clear", 45, {"00_cohort/flow.png": None}),
        ("clear", 46, {"05_selection/radiomics_selected.csv": None}),
        ("clear", 47, {"04_dtl/expansion_00/cross_validation.csv": None}),
    ],
)
def test_without_its_evidence_a_yes_becomes_a_no(run, name, item, changed):
    assert row(run, name, item)["answer"] == "yes"
    for path in [path for path, content in changed.items() if content is None]:
        (run / path).unlink()
    write(run, {path: content for path, content in changed.items() if content is not None})
    found = row(run, name, item)
    assert found["answer"] == "no"
    assert found["why"]


@pytest.mark.parametrize("item", [9, 4, 19])
def test_what_can_have_been_done_outside_of_the_run_is_not_called_no(run, item):
    """Without repeat segmentations, sites or subgroups, it is the authors' turn."""
    table = pd.read_csv(run / "00_cohort/cohort.csv").drop(columns=["site", "mask_reader_a2", "mask_reader_b"])
    table.to_csv(run / "00_cohort/cohort.csv", index=False)
    (run / "07_statistics/subgroups.csv").unlink()
    assert row(run, "metrics", item)["answer"] == "needs you"


def test_subgroups_that_are_too_small_are_no_analysis(run):
    assert "by sex" in row(run, "metrics", 19)["why"]
    small = "variable,subgroup,model,auc\nall,all cases,fusion,0.9\nsex,female,fusion,\n"
    write(run, {"07_statistics/subgroups.csv": small})
    assert row(run, "metrics", 19)["answer"] == row(run, "clear", 36)["answer"] == "needs you"


def test_a_whole_vertebra_as_roi_is_said_beside_the_segmentation(run):
    assert "whole vertebra" not in row(run, "metrics", 8)["why"]
    table = pd.read_csv(run / "00_cohort/cohort.csv").assign(mask_scheme="verse")
    table.to_csv(run / "00_cohort/cohort.csv", index=False)
    for name, item in (("metrics", 8), ("clear", 19)):
        found = row(run, name, item)
        assert found["answer"] == "needs you" and found["proof"] == "00_cohort/cohort.csv"
        assert found["why"].startswith(f"In {len(table)} cases the ROI is the whole vertebra")
        assert "Name" in found["why"]
    answered = row(run, "metrics", 8, answer="yes", where="page 3")
    assert answered["answer"] == "yes" and answered["why"].endswith("vertebral body. Your answer.")
    table.assign(mask_body="bodies.nii.gz").to_csv(run / "00_cohort/cohort.csv", index=False)
    assert "whole vertebra" not in row(run, "metrics", 8)["why"]


def test_later_results_count_when_they_are_there(run):
    (run / "07_statistics/subgroups.csv").unlink()
    write(run, {"05_selection/settings.json": {"harmonise": "combat"}})
    assert row(run, "metrics", 19)[["answer", "proof"]].tolist() == ["yes", "05_selection/settings.json"]
    assert row(run, "metrics", 24)["answer"] == "needs you"
    write(run, {"07_statistics/auc_differences.csv": "model_a,model_b,split,p\nfusion,baseline,test,0.5\n"})
    assert row(run, "metrics", 24)["answer"] == row(run, "clear", 48)["answer"] == "yes"
    assert "heights, age, sex, bmd) against" in row(run, "clear", 48)["why"]
    assert row(run, "clear", 17)["why"].startswith("The baseline model sees simple measurements, age, sex, bmd;")
    write(run, {"06_fusion/settings.json": {"class_weight": None, "clinical": ["age"], "clinical_missing": "median"}})
    assert row(run, "clear", 17)["why"] == "The fusions see age."
    assert "bmd 1; in the fusions: median" in row(run, "clear", 29)["why"]
    write(run, {"08_robustness/rigorous_auc.csv": "auc\n0.9\n"})
    assert "08_robustness/rigorous_auc.csv" in row(run, "metrics", 21)["proof"]


def test_ten_cases_of_the_rarer_class_for_each_feature(run):
    assert "1 training case of the rarer class for 1 feature" in row(run, "metrics", 16)["why"]
    lines = [f"N{n},N{n},a,b,0,train,60,F,-1.0,North,," for n in range(9)]
    lines += [f"A{n},A{n},a,b,1,train,60,F,-1.0,North,," for n in range(8)]
    write(run, {"00_cohort/cohort.csv": COHORT + "\n".join(lines) + "\n"})
    assert row(run, "metrics", 16)["answer"] == "yes"
    write(run, {"06_fusion/fusion_selected.csv": "feature,coefficient\nx,0.1\ny,0.1\n"})
    assert row(run, "metrics", 16)["answer"] == "no"
    blocks = "model,block,n_features\nfusion,radiomic,1\nridge_fusion,radiomic,7\nridge_fusion,DTL,2\n"
    primary = {"class_weight": None, "primary": "ridge_fusion"}
    write(run, {"06_fusion/fusion_blocks.csv": blocks, "06_fusion/settings.json": primary})
    assert "for 9 features of the primary model" in row(run, "metrics", 16)["why"]


def test_a_simulated_cohort_claims_nothing_about_patients(simulated):
    metrics, clear = (checklists.fill(simulated, name).set_index("item") for name in checklists.CHECKLISTS)
    # Two simulated sites are no two centres.
    for item in (1, 2, 3, 4, 5, 6, 7, 8, 10, 27, 28):
        assert metrics.loc[item, "answer"] == "no", item
        assert "imulated" in metrics.loc[item, "why"]
    for item in (8, 10, 11, 13, 14, 16, 18, 19, 20, 44, 45):
        assert clear.loc[item, "answer"] == "na", item
    assert metrics.loc[24, "answer"] == clear.loc[42, "answer"] == clear.loc[48, "answer"] == "no"
    # "Not applicable" takes an item out of the score, so simulation may use it only where METRICS itself does.
    by_simulation = checklists.items("metrics").set_index("item")["simulated"]
    assert set(by_simulation.index[by_simulation == "na"]) <= set(METRICS_CONDITIONAL)
    assert checklists.metrics_score(metrics).highest < 60


def test_an_answer_of_the_authors(run):
    found = row(run, "metrics", 3, answer="yes", where="page 4")
    assert found[["answer", "run_says", "you_say", "where", "differs"]].tolist() == ["yes", "", "yes", "page 4", ""]
    assert row(run, "clear", 8, answer="na")["answer"] == "na"


@pytest.mark.parametrize(
    ("name", "item", "you_say", "run_says", "counts"),
    [
        ("metrics", 16, "yes", "no", "no"),
        ("metrics", 22, "no", "yes", "no"),
        ("metrics", 9, "yes", "na", "na"),
        ("metrics", 9, "no", "na", "no"),
        ("metrics", 14, "na", "yes", "na"),
        ("metrics", 16, "na", "no", "no"),
    ],
)
def test_where_authors_and_run_differ_both_are_shown_and_the_less_favourable_counts(
    run, name, item, you_say, run_says, counts
):
    found = row(run, name, item, answer=you_say, where="page 1")
    assert found[["answer", "run_says", "you_say", "differs"]].tolist() == [counts, run_says, you_say, "yes"]


def test_an_answer_cannot_make_simulated_patients_real(simulated):
    found = row(simulated, "metrics", 3, answer="yes", where="page 4")
    assert found[["answer", "you_say", "differs"]].tolist() == ["no", "yes", "yes"]


def test_a_run_without_a_cohort(tmp_path):
    with pytest.raises(VcfnbError, match="about.json is missing -> run notebook 00_cohort first"):
        checklists.fill(tmp_path, "metrics")


def test_unreadable_files_are_no_evidence(run):
    write(run, {"07_statistics/calibration.csv": "", "provenance.json": "{", "02_icc/icc.csv": "\x00"})
    for item in (12, 14, 22):
        assert row(run, "metrics", item)["answer"] == "no"


def calculator(weights, answers):
    """The authors' calculator, as its page works: two running sums."""
    score = counter = 0.0
    for item, answer in answers.items():
        if answer == "yes":
            score += weights[item]
        if answer in ("yes", "no"):
            counter += weights[item]
    return 100 * score / counter


def test_score_of_a_hand_worked_study():
    """All yes but external testing (0.0749) and open science (3 x 0.0075); no automatic tool (9), no network (17)."""
    table = checklists.items("metrics").assign(answer="yes").set_index("item")
    table.loc[[27, 28, 29, 30], "answer"] = "no"
    table.loc[[9, 17], "answer"] = "na"
    score = checklists.metrics_score(table)
    assert score.lowest == score.highest == pytest.approx(100 * (0.9575 - 0.0974) / 0.9575)
    table.loc[27, "answer"] = "needs you"
    score = checklists.metrics_score(table)
    assert (score.lowest, score.n_open) == (pytest.approx(100 * 0.8601 / 0.9575), 1)
    assert score.highest == pytest.approx(100 * (0.8601 + 0.0749) / 0.9575)


def test_score_equals_the_calculator_and_open_items_end_within_the_bounds():
    rng = random.Random(1)
    table = checklists.items("metrics").set_index("item")
    for _ in range(200):
        table["answer"] = rng.choices(["yes", "no", "needs you"], k=30)
        table.loc[list(METRICS_CONDITIONAL), "answer"] = rng.choices(["yes", "no", "na", "needs you"], k=8)
        score = checklists.metrics_score(table)
        ends = {end: table["answer"].replace("needs you", end).to_dict() for end in ("yes", "no")}
        assert score.lowest == pytest.approx(calculator(table["weight"], ends["no"]))
        assert score.highest == pytest.approx(calculator(table["weight"], ends["yes"]))
        settled = {
            item: rng.choice(["yes", "no", "na"] if item in METRICS_CONDITIONAL else ["yes", "no"])
            if answer == "needs you"
            else answer
            for item, answer in table["answer"].items()
        }
        assert score.lowest - 1e-9 <= calculator(table["weight"], settled) <= score.highest + 1e-9


class Page(HTMLParser):
    """Links and text of a page; fails where an end tag does not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.ids, self.text = [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert tag not in ("script", "img", "link")
        if tag not in ("br", "meta"):
            self.open.append(tag)
        if "href" in attributes:
            self.links.append(attributes["href"])
        if "id" in attributes:
            self.ids.append(attributes["id"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def filled(folder, **reporting):
    reporting = ReportingParams(**reporting)
    return {name: checklists.fill(folder, name, getattr(reporting, name)) for name in checklists.CHECKLISTS}


def test_the_page_shows_every_item_and_its_links_lead_somewhere(run):
    answers = {3: {"answer": "yes", "where": "<page> 4 & 5"}, 16: {"answer": "yes"}}
    tables = filled(run, metrics=answers)
    html = page.render("checklists.html.j2", study="made <1>", simulated=False, **checklists.shown(tables))
    shown, text = Page(html), " ".join(Page(html).text)
    for name, table in tables.items():
        assert name in shown.ids
        for question in table["question"]:
            assert question in text
    assert "<page> 4 & 5" in text
    assert "You answered: yes." in text and "The run shows: no." in text
    assert "SIMULATED" not in text.upper()
    report = run / "report"
    write(report, {"checklist_metrics.csv": "", "checklist_clear.csv": "", "index.html": ""})
    assert {link[1:] for link in shown.links if link.startswith("#")} == {"top", *tables}
    for link in [link for link in shown.links if not link.startswith("#")]:
        assert link.startswith("https://doi.org/10.1186/s13244-02") or (report / link).is_file(), link
    assert sum(link.startswith("https") for link in shown.links) == 2
    # What was not compared with the article is said.
    assert "24 to 30 were not read in the article" in text


def test_the_page_of_simulated_patients_says_so(simulated):
    tables = filled(simulated)
    html = page.render("checklists.html.j2", study="demo", simulated=True, **checklists.shown(tables))
    text = " ".join(Page(html).text)
    assert "The patients are simulated" in text and "no claim about the quality" in text


def test_summary(run):
    tables = filled(run)
    said = checklists.summary(tables)
    score = checklists.metrics_score(tables["metrics"])
    told = f"between {score.lowest:.1f} and {score.highest:.1f} %: {score.n_open} of 30 items need you"
    assert said["metrics"] == told
    counts = tables["clear"]["answer"].value_counts()
    assert f"{counts['yes']} yes, {counts['needs you']} need you, of 58" in said["clear"]
    tables["metrics"]["answer"] = "yes"
    assert checklists.summary(tables)["metrics"] == "100.0 %"


def test_tables_and_citations_come_with_the_package():
    assert checklists.items("about")["checklist"].tolist() == list(checklists.CHECKLISTS)
    for pattern in ('"report/items/*.csv"', '"report/templates/*"', '"report/templates/section/*"'):
        assert pattern in (ROOT / "pyproject.toml").read_text()
