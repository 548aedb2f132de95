"""What run_all.sh does with its arguments: the params file, its own options, and what goes to Snakemake."""

import sys

import pytest
from study import ROOT

from vcfnb.errors import VcfnbError


@pytest.fixture(scope="module")
def run():
    sys.path.insert(0, str(ROOT / "workflow"))
    try:
        import run
    finally:
        sys.path.pop(0)
    return run


SMOKE, SLURM = "params/smoke.yaml", "workflow/profiles/slurm"


@pytest.mark.parametrize(
    ("line", "params", "options"),
    [
        ("", None, []),
        (SMOKE, SMOKE, []),
        ("--forcerun radiomics", None, ["--forcerun", "radiomics"]),
        (f"--profile {SLURM} -n", None, ["--profile", SLURM]),
        (f"{SMOKE} --forcerun radiomics icc", SMOKE, ["--forcerun", "radiomics", "icc"]),
        (f"--forcerun radiomics {SMOKE}", SMOKE, ["--forcerun", "radiomics"]),
        (f"--cores 2 --forcerun icc {SMOKE} --keep-going", SMOKE, ["--forcerun", "icc", "--keep-going"]),
        (f"--profile other/config.yaml {SMOKE}", SMOKE, ["--profile", "other/config.yaml"]),
        ("--configfile more.yml", None, ["--configfile", "more.yml"]),
        ("07_statistics/auc.csv --until fusion", None, ["07_statistics/auc.csv", "--until", "fusion"]),
        ("--set-threads radiomics=1", None, ["--set-threads", "radiomics=1"]),
        (f"--set dtl.weights=a.yaml --set seed=2 {SMOKE}", SMOKE, []),
    ],
)
def test_only_a_yaml_file_of_its_own_is_the_params_file(run, line, params, options):
    found, rest = run.parse(line.split())
    assert (found.params, rest) == (params, options)
    assert found.dry_run == ("-n" in line.split())


def test_own_options_are_taken(run):
    found, _ = run.parse(["--set", "seed=2", "--cores", "3", "--set", "dtl.epochs=1", "--dryrun"])
    assert (found.assignments, found.cores, found.dry_run) == (["seed=2", "dtl.epochs=1"], 3, True)


def test_two_params_files_are_refused(run):
    with pytest.raises(VcfnbError, match=r"2 params files: a.yaml b.yml -> give one"):
        run.parse(["a.yaml", "b.yml"])
