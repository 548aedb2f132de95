"""Every command and every example of README, CONTRIBUTING and docs.

Cheap commands are really run. Of others the program, the options and the params file are checked here, by the programs'
own parsers and without the work; ``LONG`` says why, and which test does the work. A command of a kind that is not known
here is a failure.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial

import pytest
import snakemake.cli
import yaml
from pages import GUIDES, blocks, commands, name, spans
from study import ROOT, script

from vcfnb import phantom
from vcfnb.params import SECTIONS, StudyParams

ALL = sorted({command for page in GUIDES for command in commands(page)})

# Beginning of a command -> why it is not run whole here, and the test that does its work ("" where none does).
LONG = {
    "./run_all.sh params/demo.yaml": (
        "minutes",
        "test_study.py::test_a_changed_section_reruns_only_what_depends_on_it",
    ),
    "./run_all.sh params/verse.yaml": ("public data, not in the repository", "test_layouts.py::test_the_verse_page"),
    "./run_all.sh params/mine.yaml": ("real patients, not in the repository", "test_study.py::test_real_ct"),
    "./run_all.sh params/paper.yaml": ("half an hour, downloads weights", ""),
    "./run_all.sh params/quick.yaml": ("minutes", "test_study.py::test_every_file_of_the_contract_is_there"),
    "./run_all.sh params/smoke.yaml": ("minutes", "test_study.py::test_every_file_of_the_contract_is_there"),
    "./run_all.sh": ("minutes", "test_notebooks.py::test_run_all_without_arguments_is_the_demonstration"),
    "./run_tests.sh": ("these tests themselves", ""),
    ".venv/bin/python experiments/benchmarks/radiomics.py": ("minutes, other people's programs", ""),
    ".venv/bin/python experiments/benchmarks/peers.py": (
        "minutes, other people's programs",
        "test_benchmarks.py::test_peers_measures_one_program_and_finds_values_whatever_their_name",
    ),
    ".venv/bin/python experiments/benchmarks/transfer.py": (
        "minutes",
        "test_benchmarks.py::test_throughput_of_transfer_without_monai",
    ),
    ".venv/bin/python experiments/benchmarks/phantom.py": ("minutes", "test_benchmarks.py::test_phantom"),
    ".venv/bin/python experiments/benchmarks/scaling.py": (
        "twenty minutes",
        "test_scaling.py::test_a_plan_has_the_jobs_of_the_dry_run",
    ),
    ".venv/bin/python -m pip install": ("downloads", ""),
    ".venv/bin/dask": ("serves until it is stopped", "test_radiomics.py::test_a_dask_cluster_gives_the_same"),
    ".venv/bin/python experiments/pretraining/train.py": (
        "half an hour",
        "test_pretraining.py::test_pretraining_goes_on_where_it_was",
    ),
    ".venv/bin/python experiments/pretraining/evaluate.py": (
        "an hour",
        "test_pretraining.py::test_summary_pairs_the_seeds",
    ),
    ".venv/bin/python experiments/phantom/balance.py": (
        "minutes",
        "test_validation.py::test_plain_numbers_hardly_differ",
    ),
    ".venv/bin/python experiments/phantom/plausibility.py": ("minutes", "test_validation.py::test_the_program"),
    ".venv/bin/python experiments/coverage/coverage.py": (
        "minutes",
        "test_coverage.py::test_tiny_run_goes_on_where_it_was",
    ),
    ".venv/bin/python experiments/permuted/permuted.py": (
        "minutes, needs a finished study",
        "test_permuted.py::test_the_true_labels_give_the_studys_own_aucs",
    ),
    ".venv/bin/python experiments/ibsi/conformance.py": (
        "writes into docs/, needs IBSI's chest CT",
        "test_ibsi.py::test_ibsi_1_digital_phantom",
    ),
    ".venv/bin/python experiments/fusions/fusions.py": (
        "minutes, needs finished studies",
        "test_fusions.py::test_every_way_scores_the_held_out_cases_and_the_studys_own_are_among_them",
    ),
    ".venv/bin/python experiments/rings/rings.py": ("hours", "test_rings.py::test_tiny_run_goes_on_where_it_was"),
    ".venv/bin/python experiments/rings/seeds.py": ("hours", "test_rings.py::test_seeds_reports_every_study"),
    ".venv/bin/python tests/make_notebook_reference.py": (
        "minutes, writes into tests/reference/",
        "test_notebooks.py::test_each_notebook_is_compared_with_a_number_of_the_study",
    ),
    ".venv/bin/python workflow/parameters.py": (
        "writes into docs/",
        "test_docs.py::test_parameters_page_is_up_to_date",
    ),
    ".venv/bin/python workflow/site/build.py": (
        "writes into build/",
        "test_site.py::test_every_page_and_notebook_is_in_the_navigation_and_built",
    ),
    ".venv/bin/python workflow/article.py": (
        "writes into notebooks/, from a finished demonstration",
        "test_notebooks.py::test_it_is_committed_executed_and_clean",
    ),
    "./vcfnb.sh validate": (
        "needs the model of a finished study",
        "test_predict.py::test_the_commands_of_the_guide_work",
    ),
    "./vcfnb.sh predict": (
        "needs the model of a finished study",
        "test_predict.py::test_the_commands_of_the_guide_work",
    ),
    "./vcfnb.sh lab": ("serves until it is stopped", "test_lab.py::test_a_notebook_of_the_copy_runs_on_its_results"),
    "./vcfnb.sh": (
        "needs the reader's own files",
        "test_cli.py::test_the_guide_has_ten_steps_and_its_commands_work",
    ),
    ".venv/bin/ruff": ("checks the whole checkout, also what is being worked on", ""),
    ".venv/bin/codespell": ("checks the whole checkout, also what is being worked on", ""),
    ".venv/bin/pip install pre-commit": ("downloads", ""),
    ".venv/bin/pre-commit": ("pre-commit is no dependency", "test_docs.py::test_pre_commit_calls_what_is_there"),
    "conda env create": ("needs conda, downloads", "test_docs.py::test_conda_gets_the_same_packages"),
    "Rscript": ("needs R; the values that it wrote are what the tests compare with", ""),
}

WRONG = "workflow/parameters.py --chek"

# Parses command lines as the programs themselves do, and stops before their work: exit status 77. All in one process,
# as their imports take seconds.
PARSE = """
import argparse, contextlib, io, json, pathlib, runpy, sys
parse, statuses = argparse.ArgumentParser.parse_args, []
def stop(self, *given, **named):
    parse(self, *given, **named)
    sys.exit(77)
argparse.ArgumentParser.parse_args = stop
path = list(sys.path)
for call in json.loads(sys.argv[1]):
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            if call[0] == "-m":
                sys.argv = call[1:]
                runpy.run_module(call[1], run_name="__main__", alter_sys=True)
            else:
                sys.argv, sys.path = call, [str(pathlib.Path(call[0]).resolve().parent), *path]
                runpy.run_path(call[0], run_name="__main__")
        statuses.append([0, "it ended by itself"])
    except SystemExit as end:
        statuses.append([end.code, said.getvalue()])
print(json.dumps(statuses))
"""


def run(*call, cwd=ROOT):
    return subprocess.run([*map(str, call)], cwd=cwd, capture_output=True, text=True)


def starting(*beginnings):
    return [command for command in ALL if command.startswith(beginnings)]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A reader's folder: params/ with the tables of patients that they name, and results of its own."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    for table in ("params/cohort.csv", "verse19/genant.csv"):
        (tmp_path / table).parent.mkdir(exist_ok=True)
        (tmp_path / table).write_text("patient_id,image,mask,label\n")
    monkeypatch.setenv("VCFNB_RUNS", str(tmp_path / "runs"))
    return tmp_path


def test_there_are_commands_to_try():
    assert {"./run_all.sh", "./run_tests.sh", "./run_all.sh params/smoke.yaml"} <= set(ALL)


def test_every_command_is_run_or_its_work_is_known():
    cheap = ("./run_all.sh --help", "./run_tests.sh --help", "cp ")
    assert [c for c in ALL if not c.startswith((*cheap, *LONG))] == []


@pytest.mark.parametrize("beginning", LONG)
def test_the_test_that_does_the_work_exists(beginning):
    _, test = LONG[beginning]
    if test:
        name_, function = test.split("::")
        (file,) = (ROOT / "tests").rglob(name_)
        assert f"def {function}(" in file.read_text()


@pytest.fixture(scope="module")
def workflow():
    """workflow/run.py as a module."""
    sys.path.insert(0, str(ROOT / "workflow"))
    return script("workflow", "run")


def planned(workflow, monkeypatch, arguments):
    """What run_all.sh would hand to Snakemake for a plan; parameters were checked, and Snakemake took its options."""
    calls = []

    def stub(call, **_):
        calls.append(list(map(str, call)))
        return subprocess.CompletedProcess(call, 0)

    monkeypatch.setattr(sys, "argv", ["run_all.sh", *arguments, "--dry-run"])
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(subprocess, "run", stub)
        workflow.run_study()
    assert end.value.code == 0, end.value.code
    (call,) = calls
    options = call[call.index("snakemake") + 1 :]
    # Its own parser: an unknown option or a profile that is not there ends here.
    snakemake.cli.parse_args(options)
    return options


@pytest.mark.parametrize("command", [c for c in starting("./run_all.sh") if "--help" not in c])
def test_run_all_commands_are_accepted(command, desk, workflow, monkeypatch):
    """As far as the workflow's start, in this process. A reader's own params file is the template."""
    monkeypatch.chdir(desk)
    _, *arguments = shlex.split(command)
    for file in arguments:
        if file.endswith(".yaml") and not (desk / file).exists():
            shutil.copy(desk / "params" / "own_cohort.yaml", desk / file)
    planned(workflow, monkeypatch, arguments)


def test_a_wrong_option_of_run_all_is_noticed(desk, workflow, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        planned(workflow, monkeypatch, ["--forcerunn", "radiomics"])
    assert "forcerunn" in capsys.readouterr().err


def test_a_dry_run_shows_what_would_run(desk):
    finished = run(ROOT / "run_all.sh", "params/smoke.yaml", "--dry-run", cwd=desk)
    assert finished.returncode == 0, finished.stderr
    assert "cohort" in finished.stdout + finished.stderr
    assert run(ROOT / "run_all.sh", "--help").stdout.startswith("usage")


@pytest.mark.parametrize("command", starting("./run_tests.sh"))
def test_run_tests_commands_find_tests(command, pytestconfig):
    """Options are pytest's, files are there, words occur in names of tests, and marks are known."""
    _, *arguments = shlex.split(command)
    if "--help" in arguments:
        assert run(ROOT / "run_tests.sh", *arguments).stdout.startswith("usage")
        return
    given = pytestconfig._parser.parse(arguments)
    assert all((ROOT / file).exists() for file in given.file_or_dir)
    names = re.findall(r"^def (test_\w+)", "\n".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py")), re.M)
    assert any(given.keyword in name_ for name_ in names)
    marks = {line.split(":")[0] for line in pytestconfig.getini("markers")}
    assert set(re.findall(r"\w+", given.markexpr)) <= marks | {"not", "and", "or"}


def test_long_tests_are_left_out():
    """With --all they are there: test_suite.py."""
    call = (
        "tests/experiments/test_validation.py",
        "-n",
        "0",
        "--collect-only",
        "-q",
        "-k",
        "percentiles or the_program",
    )
    finished = run(ROOT / "run_tests.sh", *call)
    assert finished.returncode == 0, finished.stdout
    quick = ["test_percentiles", "test_without_real_ct_the_program_says_so"]
    assert re.findall(r"::(test_\w+)", finished.stdout) == quick


@pytest.mark.parametrize("command", starting("cp "))
def test_what_is_copied_is_there(command, desk):
    finished = run(*shlex.split(command), cwd=desk)
    assert finished.returncode == 0, finished.stderr


# pip has no parser that could be stopped: it would install.
NOT_PARSED = (".venv/bin/python workflow/article.py", ".venv/bin/python -m pip ")
PYTHON = [c for c in starting(".venv/bin/python ", "python ", "./vcfnb.sh ") if not c.startswith(NOT_PARSED)]


@pytest.fixture(scope="module")
def parsed():
    """Exit status and message of each Python command, and of one with a wrong option."""
    wrapped = [command.replace("./vcfnb.sh", "python -m vcfnb") for command in PYTHON]
    calls = [shlex.split(command)[1:] for command in [*wrapped, f"python {WRONG}"]]
    finished = run(sys.executable, "-c", PARSE, json.dumps(calls))
    assert finished.returncode == 0, finished.stderr
    return dict(zip([*PYTHON, WRONG], json.loads(finished.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("command", PYTHON)
def test_programs_take_their_arguments(command, parsed):
    status, said = parsed[command]
    assert status == 77, said


def test_a_wrong_option_of_a_program_is_noticed(parsed):
    status, said = parsed[WRONG]
    assert status == 2 and "--chek" in said


def test_article_takes_no_arguments():
    """It has no parser: it is left alone, and only its file is looked for."""
    assert [c for c in starting(".venv/bin/python workflow/article.py") if len(shlex.split(c)) > 2] == []
    assert (ROOT / "workflow" / "article.py").is_file()


@pytest.mark.parametrize("command", starting(".venv/bin/ruff", ".venv/bin/codespell"))
def test_tools_take_their_options(command):
    finished = run(*shlex.split(command), "--help")
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("page", [page for page in GUIDES if blocks(page, "python")], ids=name)
def test_python_examples_run(page, shared, tmp_path, monkeypatch):
    """On a real vertebra, a page's blocks in order; simulated cohorts with coarse voxels, to be quick."""
    folder = shared / "real" / "vertebrae"
    (tmp_path / "ct.nii.gz").symlink_to(folder / "lumbar_ct.nii.gz")
    (tmp_path / "mask.nii.gz").symlink_to(folder / "lumbar_L3_body_mask.nii.gz")
    monkeypatch.setattr(phantom, "simulate_cohort", partial(phantom.simulate_cohort, voxel_mm=(3, 3, 3)))
    monkeypatch.chdir(tmp_path)
    values = {}
    for block in blocks(page, "python"):
        exec(block, values)
    if page == ROOT / "README.md":
        assert len(values["features"]) == 1834


@pytest.mark.parametrize("page", [page for page in GUIDES if blocks(page, "yaml")], ids=name)
def test_yaml_examples_are_parameters(page):
    for block in blocks(page, "yaml"):
        StudyParams.model_validate({"study": "example"} | yaml.safe_load(block))


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_parameters_that_a_page_names_exist(page):
    """Such as `dtl.epochs`, `dtl.epochs=3`, `dtl.epochs: 3`, `selection.lasso_*`."""
    known = {f"{section}.{field}" for section, model in SECTIONS.items() for field in model.model_fields}
    for span in spans(page):
        found = re.match(rf"((?:{'|'.join(SECTIONS)})\.\w*)(\*?)(?:$|[=: ])", span)
        if found:
            parameter, star = found.groups()
            assert any(k.startswith(parameter) if star else k == parameter for k in known), f"{name(page)}: {span}"


def test_what_it_is_and_what_it_is_not_stands_on_the_first_screen():
    first = "\n".join((ROOT / "README.md").read_text().splitlines()[:30])
    for said in ("SIMULATED", "research only", "./run_all.sh", "./run_tests.sh", "docs/figures/roc_demo.png"):
        assert said in first
