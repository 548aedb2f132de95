"""Parameters: every mistake is found before anything runs, and named."""

import ast
from pathlib import Path
from typing import get_args

import nbformat
import pytest
import yaml

from vcfnb import params, phantom

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "params").glob("*.yaml"))


def literals(notebook):
    """Names and values that a notebook's parameters cell sets."""
    cells = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
    (cell,) = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    return {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(cell.source).body}


@pytest.mark.parametrize("notebook", params.NOTEBOOKS)
def test_demo_yaml_equals_the_literals_of_each_notebook(notebook):
    expected = params.load_params(ROOT / "params" / "demo.yaml").for_notebook(notebook)
    found = literals(notebook)
    if notebook == "04_dtl":
        assert found.pop("expansion") == 6
    assert found == expected


def test_flat_names_do_not_collide():
    for study_wide, sections in params.NOTEBOOKS.values():
        names = list(study_wide)
        for section, _, key in (part.partition(".") for part in sections):
            names += [key] if key else params.SECTIONS[section].model_fields
        assert len(names) == len(set(names))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_key_of_a_params_file_is_commented(path):
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            assert "#" in line, f"{path.name}: no comment on {line!r}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_params_files_name_every_key(path):
    values = yaml.safe_load(path.read_text())
    simulation = {"n_patients", "acute_fraction", "voxel_mm", "difficulty", "signs", "several_vertebrae"}
    simulation |= {"n_sites", "metal", "image_format"}
    for section, model in params.SECTIONS.items():
        missing = set(model.model_fields) - set(values[section])
        assert missing <= (simulation if path.stem in ("own_cohort", "verse") else set())


def test_paper_yaml_has_the_papers_counts():
    study = params.load_params(ROOT / "params" / "paper.yaml")
    acute = round(study.cohort.n_patients * study.cohort.acute_fraction)
    assert (study.cohort.n_patients, acute) == (218, 171)
    assert round(study.cohort.n_patients * study.cohort.test_fraction) == 43
    assert study.expansions == (0, 2, 4, 6, 8, 10)
    assert (study.dtl.learning_rate, study.dtl.weights, study.dtl.n_dimensions) == (0.001, "imagenet", 18)
    assert (study.icc.icc_cases, study.icc.icc_threshold, study.radiomics.bin_width) == (30, 0.8, 5)


def test_own_cohort_template_asks_for_the_table():
    with pytest.raises(params.ParameterError, match=r"cohort.csv: no file 'cohort.csv'.*give the path"):
        params.load_params(ROOT / "params" / "own_cohort.yaml")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("dtl.epoch=3", r"--set dtl\.epoch: unknown parameter; do you mean epochs\?"),
        ("statistics.audit_runs=0", r"statistics\.audit_runs: unknown parameter; it belongs to the section leakage"),
        ("dtl.zzz=3", r"--set dtl\.zzz: unknown parameter; known here: network, .*epochs"),
        ("epochs=3", r"epochs: unknown parameter; it belongs to the section dtl"),
        ("cohort.test_fraction=1.5", r"cohort\.test_fraction: 1\.5 is not allowed: .*less than 1"),
        ("dtl.epochs=many", r"dtl\.epochs: 'many' is not allowed: .*integer"),
        ("selection.lasso_rule=best", r"selection\.lasso_rule: 'best' is not allowed: .*'min' or '1se'"),
        ("selection.last_step=both", r"selection\.last_step: 'both' is not allowed: .*'vif', 'backward' or 'none'"),
        ("robustness.evaluation=honest", r"robustness\.evaluation: 'honest' is not allowed: .*'paper' or 'rigorous'"),
        ("statistics.threshold_low=0.7", r"statistics: .*threshold_low is 0\.7: below threshold_high, 0\.6"),
        ("robustness.network_repeats=6", r"robustness: .*network_repeats is 6: at most outer_repeats, 3"),
        ("robustness.learning_shares=[0.5,1]", r"robustness\.learning_shares\.1: 1 is not allowed: .*less than 1"),
        ("study=../elsewhere", r"study: '\.\./elsewhere' is not allowed"),
        ("expansions=[6,2]", r"expansions: .*must increase"),
        ("radiomics.executor=dask", r"executor dask needs scheduler"),
        ("preprocessing.spacing_mm=.nan", r"preprocessing\.spacing_mm: nan is not allowed"),
        ("dtl.weights=nowhere.pth", r"dtl\.weights: no file 'nowhere\.pth'.*imagenet, random"),
        ("cohort.signs={oedema: 1}", r"cohort\.signs\.oedema: 'oedema' is not allowed: .*'marrow_oedema'"),
        ("cohort.signs={swelling: -1}", r"cohort\.signs\.swelling: -1 is not allowed: .*equal to 0"),
        ("cohort.several_vertebrae=1.2", r"cohort\.several_vertebrae: 1\.2 is not allowed"),
        ("cohort.n_sites=3", r"cohort\.n_sites: 3 is not allowed: Input should be 1 or 2"),
        ("cohort.image_format=dcm", r"cohort\.image_format: 'dcm' is not allowed: .*'nifti' or 'dicom'"),
        ("cohort.csv=nowhere.csv", r"cohort\.csv: no file 'nowhere\.csv'"),
        ("reporting.metrics={31: {answer: yes}}", r"reporting.metrics: .*no item 31; its items are 1 to 30"),
        ("reporting.clear={ethics: {answer: yes}}", r"clear has no item ethics; its items are 1 to 58"),
        ("reporting.clear={8: {answer: maybe}}", r"clear\.8\.answer: 'maybe' is not allowed: .*'yes', 'no' or 'na'"),
        ("reporting.clear={8: {answer: yes, page: 3}}", r"clear\.8\.page: unknown parameter; known here: answer"),
        ("reporting.metrics={3: {answer: na}}", r"na for 3: .*only the items 8, 9, 10, 12, 14, .* -> answer yes or no"),
        ("dtl.epochs", r"write section\.key=value"),
        ("a.b.c=1", r"write section\.key=value"),
        ("seed.x=1", r"seed is not a section"),
        ("dtl.epochs=[1", r"the value is not YAML"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(assignment, message):
    with pytest.raises(params.ParameterError, match=message):
        params.load_params(ROOT / "params" / "demo.yaml", [assignment])


def test_the_signs_that_have_a_factor_are_the_simulation_s():
    assert get_args(params.Sign) == tuple(phantom.SIGNS)
    study = params.load_params(ROOT / "params" / "demo.yaml", ["cohort.signs={swelling: 0, sclerosis: 0.5}"])
    assert study.for_notebook("00_cohort")["signs"] == {"swelling": 0, "sclerosis": 0.5}


def test_all_problems_at_once(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("study: x\ndtl: {epochs: 0, network: resnet}\nicc: {icc_cases: -1}\n")
    with pytest.raises(params.ParameterError, match="3 problem") as error:
        params.load_params(path)
    assert "bad.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("- a list\n", "'key: value'"), ("study: [", "not readable as YAML"), ("seed: 1\n", "study: is missing")],
)
def test_a_file_that_is_no_params_file(tmp_path, text, message):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(params.ParameterError, match=message):
        params.load_params(path)


def test_missing_file_says_where_to_look(tmp_path):
    with pytest.raises(params.ParameterError, match=r"no such params file -> see params/demo\.yaml"):
        params.load_params(tmp_path / "none.yaml")


def test_yaml_cannot_run_code(tmp_path):
    path = tmp_path / "evil.yaml"
    path.write_text(f"study: !!python/object/apply:os.mkdir [{tmp_path / 'made'}]\n")
    with pytest.raises(params.ParameterError, match="not readable as YAML"):
        params.load_params(path)
    assert not (tmp_path / "made").exists()


def test_relative_files_are_seen_from_the_working_folder_or_the_params_file(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cohort.csv").write_text("")
    path = tmp_path / "mine.yaml"
    path.write_text("study: mine\ncohort: {csv: data/cohort.csv}\n")
    expected = str(tmp_path / "data" / "cohort.csv")
    assert params.load_params(path).cohort.csv == expected
    monkeypatch.chdir(tmp_path / "data")
    assert params.load_params(path, ["cohort.csv=cohort.csv"]).cohort.csv == expected


def test_settings_from_a_cell_need_every_field():
    cell = params.IccParams().model_dump()
    assert params.IccParams.from_cell(cell | {"other": 1}) == params.IccParams()
    del cell["icc_form"]
    with pytest.raises(params.ParameterError, match="does not set icc_form"):
        params.IccParams.from_cell(cell)


def test_answers_to_checklists_are_kept_as_text():
    """YAML reads yes and no as true and false; a section left empty has no answers."""
    answers = "reporting.metrics={3: {answer: yes, where: page 4}, 10: {answer: no}, 9: {answer: na}}"
    study = params.load_params(ROOT / "params" / "demo.yaml", [answers, "reporting.clear="])
    assert {item: given.answer for item, given in study.reporting.metrics.items()} == {3: "yes", 10: "no", 9: "na"}
    assert study.reporting.metrics[3].where == "page 4"
    assert study.reporting.clear == {}
    assert params.ReportingParams(**study.model_dump(mode="json")["reporting"]) == study.reporting
