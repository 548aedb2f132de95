"""Running whole studies in tests, through the same script as a user; and scripts as modules."""

import importlib.util
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from vcfnb.runs import register

ROOT = Path(__file__).resolve().parents[1]
# The folders of tests/ are those of the package; files of tests use each other's helpers, whatever folder they are in.
sys.path += [str(folder) for folder in sorted((ROOT / "tests").iterdir()) if folder.is_dir()]
# Environment of runs whose pictures nobody looks at.
UNDRAWN = {"PYTHONSTARTUP": str(ROOT / "tests" / "undrawn.py")}
# And of one whose pictures are searched for texts.
SVG_ONLY = UNDRAWN | {"DRAWN": "svg"}


def script(folder, name):
    """A script of the repository as a module."""
    spec = importlib.util.spec_from_file_location(f"{folder.replace('/', '_')}_{name}", ROOT / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def start_all(runs, *arguments, cwd=ROOT, group=False, **environment):
    """Start run_all.sh with all results under `runs`; return the running process, on demand with a group of its own."""
    return subprocess.Popen(
        [str(ROOT / "run_all.sh"), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"VCFNB_RUNS": str(runs)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=group,
        # A shell's background jobs ignore Ctrl-C, and their children inherit that; a foreground job does not.
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) if group else None,
    )


def run_all(runs, *arguments, check=True, cwd=ROOT, **environment):
    """Call run_all.sh with all results under `runs`; return the finished process."""
    process = start_all(runs, *arguments, cwd=cwd, **environment)
    said, failed = process.communicate()
    finished = subprocess.CompletedProcess(process.args, process.returncode, said, failed)
    if check and finished.returncode:
        raise AssertionError(f"run_all.sh {arguments} failed:\n{finished.stdout}\n{finished.stderr}")
    return finished


def run_side_by_side(*calls):
    """Call run_all.sh for several (runs, arguments) at once; a study is idle for much of its time on two cores."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run_all, runs, *arguments) for runs, arguments in calls]]


def executed(finished):
    """Names of the notebooks that a call of run_all.sh executed, from the finished process or from what it said."""
    said = getattr(finished, "stdout", finished)
    return [line.split("]")[1].split()[0] for line in said.splitlines() if " done in " in line]


def tables(folder):
    """Bytes of every table of a study, by path; the register of openings of the test set says when, and is left out."""
    found = [path for path in sorted(folder.rglob("*.csv")) if path != folder / register.NAME]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def contract_files(expansions):
    """The files that a finished study holds."""
    yield from (f"00_cohort/{name}" for name in ("cohort.csv", "exclusions.csv", "table1.csv", "flow.png", "flow.svg"))
    yield from (
        "01_preprocessing/qc.csv",
        "01_preprocessing/montage.png",
        "01_preprocessing/contact_sheet.html",
        "02_icc/icc.csv",
        "03_radiomics/features.csv",
    )
    for expansion in expansions:
        folder = f"04_dtl/expansion_{expansion:02d}"
        yield from (f"{folder}/{name}" for name in ("features.csv", "scores.csv", "history.csv", "model.safetensors"))
        names = ("features_in_sample", "features_out_of_fold", "cross_validation", "alignment", "attribution")
        yield from (f"{folder}/{name}.csv" for name in names)
        yield from (f"{folder}/{name}.png" for name in ("crops", "figure4_shufflenet_unit"))
    for source in ("radiomics", *(f"dtl_{expansion:02d}" for expansion in expansions)):
        yield from (f"05_selection/{source}_{name}.csv" for name in ("selected", "steps", "lasso_path"))
    names = ("scores.csv", "out_of_fold_scores.csv", "feature_mode_scores.csv", "model/model.json")
    yield from (f"06_fusion/{name}" for name in names)
    yield from ("03_radiomics/baseline.csv", "06_fusion/fusion_blocks.csv")
    names = ("auc", "delong", "auc_differences", "dca", "calibration", "recalibration", "operating_points")
    names += ("mcnemar", "reclassification", "subgroups", "dca_differences", "calibration_curve", "deletion")
    names += ("uncertain", "misses", "subgroup_differences")
    yield from (f"07_statistics/{name}.csv" for name in names)
    names = ("rigorous_auc", "rigorous_differences", "stability", "stability_index", "learning_curve", "imbalance")
    names += ("instability", "instability_summary")
    yield from (f"08_robustness/{name}.csv" for name in names)
    yield from (f"09_leakage/{name}.csv" for name in ("audit", "permuted_auc", "selection_order"))
    yield from ("report/index.html", "provenance.json", register.NAME)
    for name in ("00_cohort/flow", "05_selection/figure5_radiomics_lasso", "05_selection/figure6_dtl_lasso"):
        yield from (f"{name}.png", f"{name}.svg")
    for name in ("figure8_expansions", "figure9_roc", "figure10_decision_curves"):
        yield from (f"07_statistics/{name}.{suffix}" for suffix in ("png", "svg", "csv"))
    for name in ("rigorous_auc", "rigorous_differences", "instability", "stability", "learning_curve"):
        yield from (f"08_robustness/{name}_figure.{suffix}" for suffix in ("png", "svg", "csv"))
    for name in ("feature_modes", "audit"):
        yield from (f"09_leakage/{name}_figure.{suffix}" for suffix in ("png", "svg", "csv"))
    for name in (
        "attribution_figure",
        "grad_cam",
        "calibration_figure",
        "dca_differences_figure",
        "recalibration_figure",
        "subgroups_figure",
    ):
        yield from (f"07_statistics/{name}.{suffix}" for suffix in ("png", "svg", "csv"))
    yield from ("06_fusion/figure7_fusion_lasso.png", "06_fusion/figure7_fusion_lasso.svg")
    for name in ("selected_features", "nomogram", "shap"):
        yield from (f"06_fusion/{name}.{suffix}" for suffix in ("png", "svg", "csv"))
    yield from (f"10_predict/prediction.{kind}" for kind in ("html", "pdf", "json"))
    yield from (f"10_predict/{name}.{suffix}" for name in ("case", "contributions") for suffix in ("png", "svg"))
    # What docs/fidelity.md names besides.
    yield from ("00_cohort/figure2_workflow.png", "00_cohort/test_set_size.csv", "00_cohort/sample_size.csv")
    yield from ("02_icc/dice.csv", "03_radiomics/feature_counts.csv", "05_selection/radiomics_lasso_error.csv")
    yield from ("05_selection/expansion_choice.csv", "06_fusion/fusion_selected.csv", "07_statistics/expansions.csv")
    yield from ("09_leakage/feature_modes.csv", "09_leakage/paper_consistency.csv", "report/checklists.html")
    yield from (f"report/checklist_{name}.csv" for name in ("metrics", "clear"))


def columns(folder, name):
    return pd.read_csv(folder / name, nrows=1).columns.tolist()


# The least of everything: one expansion, one epoch, 14 patients in voxels of 3 mm. For tests that run a study often.
_TINY = (
    *("study=tiny", "expansions=[6]", "cohort.on_bad_case=exclude", "preprocessing.margin_mm=15", "icc.icc_cases=3"),
    *("radiomics.log_sigma_mm=[3.0]", "dtl.epochs=1", "selection.lasso_folds=2", "fusion.grid_folds=2"),
    *("fusion.coefficient_bootstrap=100", "statistics.n_bootstrap=100", "robustness.evaluation=paper"),
    "leakage.audit_runs=0",
)
TINY_PATIENTS = 14


def tiny(csv):
    """Arguments of run_all.sh for the smallest study on a cohort."""
    return "params/smoke.yaml", *(part for value in (*_TINY, f"cohort.csv={csv}") for part in ("--set", value))
