"""Is the study neither at chance nor perfect on simulated patients, whatever the seed?

    .venv/bin/python experiments/rings/seeds.py [--seeds 3] [--set section.key=value ...]

Runs params/demo.yaml whole, once a seed: seed 1 is the demonstration itself, the others are the studies demo_seed_2,
demo_seed_3, ... (in runs/, or $VCFNB_RUNS). Seeds are taken in order and all are reported. Prints each model's AUC out
of fold, on test cases and nested, and writes docs/phantom/seeds.csv. A test set of 43 cases gives an AUC a standard
error of about 0.06. A run that was interrupted goes on; studies that are up to date are only read. Numbers are of
SIMULATED patients.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from vcfnb import runs

ROOT = Path(__file__).resolve().parents[2]


def run_study(seed, assignments, cores):
    """Run a whole study; its AUCs: study, seed, model, train (out-of-fold), test, low, high, nested (where there)."""
    study = "demo" if seed == 1 else f"demo_seed_{seed}"
    command = [str(ROOT / "run_all.sh"), str(ROOT / "params" / "demo.yaml")]
    # Later ones win: what the user sets never replaces the study's name or seed.
    for assignment in [*assignments, f"study={study}", f"seed={seed}"]:
        command += ["--set", assignment]
    if cores:
        command += ["--cores", str(cores)]
    finished = subprocess.run(command)
    if finished.returncode:
        sys.exit(f"seeds: study {study} stopped -> fix what it says above; the same command goes on from there")
    run = runs.Run(study)
    auc = pd.read_csv(run.needs("statistics", "auc.csv")).set_index(["split", "model"])
    test = auc.loc["test"]
    table = pd.DataFrame({"train": auc.loc["train", "auc"], "test": test["auc"]})
    table = table.assign(low=test["newcombe_low"], high=test["newcombe_high"]).loc[test.index]
    nested = run.path("robustness", "rigorous_auc.csv")
    if nested.exists():
        table["nested"] = pd.read_csv(nested).query("repeat == 'mean'").set_index("model")["auc"]
    return table.rename_axis("model").reset_index().assign(study=study, seed=seed)


def sentences(table):
    """The findings in words."""
    yield "SIMULATED patients, AUC out-of-fold, on test cases (Newcombe's 95 % CI), nested:"
    for row in table.itertuples():
        told = f"{row.train:.3f}, {row.test:.3f} ({row.low:.3f}-{row.high:.3f})"
        nested = getattr(row, "nested", float("nan"))
        yield f"  seed {row.seed}, {row.model}: {told}{'' if pd.isna(nested) else f', {nested:.3f}'}"
    for model, part in table.groupby("model", sort=False):
        low, high = part["test"].min(), part["test"].max()
        yield f"{model}: test AUC {part['test'].mean():.3f}, {low:.3f} to {high:.3f} over {len(part)} seeds"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 1 on")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="section.key=value")
    parser.add_argument("--cores", type=int, default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "phantom")
    arguments = parser.parse_args(arguments)
    tables = []
    for seed in range(1, arguments.seeds + 1):
        tables.append(run_study(seed, arguments.assignments, arguments.cores))
        runs.write_csv(pd.concat(tables, ignore_index=True), arguments.out / "seeds.csv")
    print(*sentences(pd.concat(tables)), sep="\n")


if __name__ == "__main__":
    main()
