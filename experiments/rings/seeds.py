"""Are radiomics, DTL and fusion neither at chance nor perfect on simulated patients, whatever the seed?

    .venv/bin/python experiments/rings/seeds.py [--seeds 3] [--first-seed 1] [--set section.key=value ...]

Runs params/paper.yaml whole, once a seed, as the studies paper_seed_1, paper_seed_2, ... (in runs/, or $VCFNB_RUNS);
the weights are the shipped ones, as ImageNet's need a download. Seeds are taken in order and all are reported. Prints
each test AUC, and whether it lies in 0.75-0.98, and writes docs/phantom/seeds.csv. A test set of 43 cases gives an AUC
a standard error of about 0.06: single ones may leave the range by chance. A run that was interrupted goes on; studies
that are up to date are only read. Numbers are of SIMULATED patients.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import pandas as pd

from vcfnb import runs

ROOT = Path(__file__).resolve().parents[2]
LOW, HIGH = 0.75, 0.98


def run_study(study, seed, assignments, cores):
    """Run a whole study and return its test AUCs: study, seed, model, n, auc, ci_low, ci_high, in_range."""
    # Later ones win: what the user sets replaces the weights, never the study's name or seed.
    assignments = ["dtl.weights=shipped", *assignments, f"study={study}", f"seed={seed}"]
    command = [str(ROOT / "run_all.sh"), str(ROOT / "params" / "paper.yaml")]
    for assignment in assignments:
        command += ["--set", assignment]
    if cores:
        command += ["--cores", str(cores)]
    finished = subprocess.run(command)
    if finished.returncode:
        sys.exit(f"seeds: study {study} stopped -> fix what it says above; the same command goes on from there")
    table = pd.read_csv(runs.Run(study).needs("statistics", "auc.csv")).query("split == 'test'")
    table = table[["model", "n", "auc", "ci_low", "ci_high"]].assign(in_range=table["auc"].between(LOW, HIGH))
    table.insert(0, "study", study)
    table.insert(1, "seed", seed)
    return table


def sentences(table):
    """The findings in words."""
    yield "SIMULATED patients, test AUC (DeLong's 95 % CI):"
    for row in table.itertuples():
        verdict = "" if row.in_range else f"; outside {LOW}-{HIGH}"
        yield f"  seed {row.seed}, {row.model}: {row.auc:.3f} ({row.ci_low:.3f}-{row.ci_high:.3f}){verdict}"
    for model, part in table.groupby("model", sort=False):
        yield (
            f"{model}: mean {part['auc'].mean():.3f}, {part['auc'].min():.3f} to {part['auc'].max():.3f} over "
            f"{len(part)} seeds; {part['in_range'].sum()} of {len(part)} within {LOW}-{HIGH}"
        )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="section.key=value")
    parser.add_argument("--name", default="paper_seed", help="studies are called NAME_SEED")
    parser.add_argument("--cores", type=int, default=None)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "phantom")
    arguments = parser.parse_args(arguments)
    tables = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        tables.append(run_study(f"{arguments.name}_{seed}", seed, arguments.assignments, arguments.cores))
        table = pd.concat(tables, ignore_index=True)
        runs.write_csv(table, arguments.out / "seeds.csv")
    print(*sentences(table), sep="\n")


if __name__ == "__main__":
    main()
