"""Run a study: check its parameters, take the study's lock, start Snakemake, say how it ended."""

import argparse
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from vcfnb.errors import VcfnbError
from vcfnb.params import ParameterError, load_params
from vcfnb.runs import Run, atomic

HERE = Path(__file__).resolve().parent


@contextlib.contextmanager
def only_run(folder):
    """Hold the lock of one study; the system lets go of it when this process ends, however it ends."""
    with open(folder / ".lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"vcfnb: another run of study {folder.name!r} is at work in {folder} -> wait for it, or stop it")
        yield


def command(run, params, cores, options):
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(HERE / "Snakefile"), "--directory", str(run.folder)),
        *("--config", f"params={params}", "--cores", str(cores) if cores else "all"),
        # Our own lock guards the study, so one left behind by a killed run means nothing.
        *("--nolock", "--rerun-incomplete", *options),
    ]


def start(call, folder):
    """Run Snakemake with its own messages in a log; notebooks print their line to our standard output."""
    log = folder / "logs" / "snakemake.log"
    log.parent.mkdir(exist_ok=True)
    environment = os.environ | {"VCFNB_STARTED": str(time.time())}
    with open(log, "w") as stream:
        process = subprocess.Popen(call, stderr=stream, env=environment)
        try:
            return process.wait(), log
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            sys.exit(
                f"\nvcfnb: interrupted. What was finished is kept in {folder}; the same command goes on from there."
            )


def results_of(folder):
    """Modification times of what a run writes: did anything happen?"""
    return {path: path.stat().st_mtime_ns for path in (folder / "notebooks").glob("*.ipynb")} | {
        path: path.stat().st_mtime_ns for path in (folder / "report").glob("index.html")
    }


def check_weights(study):
    """Weights that cannot be had are found before the first notebook, not half an hour later."""
    from vcfnb.networks import build_network

    try:
        build_network(study.dtl.network, study.dtl.weights, seed=study.seed)
    except VcfnbError as error:
        sys.exit(f"vcfnb: {error}")


def summary(run):
    """The three models' test AUCs, and whether they come from simulated patients."""
    import pandas as pd

    table = pd.read_csv(run.needs("statistics", "auc.csv")).query("split == 'test'")
    lines = [f"  {row.model:<10} AUC {row.auc:.3f} ({row.ci_low:.3f}-{row.ci_high:.3f})" for row in table.itertuples()]
    kind = "SIMULATED patients, nothing about real ones" if run.simulated else "your cohort"
    return "\n".join([f"Test set of {int(table.n.iloc[0])} cases ({kind}); research use only:", *lines])


def main():
    parser = argparse.ArgumentParser(prog="run_all.sh", add_help=False)
    parser.add_argument("params", nargs="?", default=None)
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    parser.add_argument("--cores", type=int)
    parser.add_argument("-n", "--dry-run", action="store_true")
    arguments, options = parser.parse_known_args()
    if arguments.params and not arguments.params.endswith((".yaml", ".yml")):
        # A target or the value of a workflow option, not a params file.
        options.insert(0, arguments.params)
        arguments.params = None
    try:
        study = load_params(arguments.params or HERE.parent / "params" / "demo.yaml", arguments.assignments)
    except ParameterError as error:
        sys.exit(f"vcfnb: {error}")

    run = Run(study.study)
    run.folder.mkdir(parents=True, exist_ok=True)
    with only_run(run.folder):
        # A dry run must not change what the folder says of its last run.
        params = run.folder / (".dry-run.yaml" if arguments.dry_run else "params.yaml")
        with atomic(params) as temporary:
            temporary.write_text(yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False))
        call = command(run, params, arguments.cores, options)
        if arguments.dry_run:
            sys.exit(subprocess.run([*call, "--dry-run", "--quiet", "host", "rules"]).returncode)
        check_weights(study)
        print(f"vcfnb: study {study.study!r}, results in {run.folder}", flush=True)
        before = results_of(run.folder)
        code, log = start(call, run.folder)
        if code:
            if not list((run.folder / "notebooks").glob("*.failed.ipynb")):
                # Not a notebook: the report, or the workflow itself.
                for path in (run.folder / "logs" / "report.log", log):
                    print("\n".join(path.read_text().splitlines()[-15:]) if path.exists() else "", file=sys.stderr)
            sys.exit(f"vcfnb: the study stopped; what was finished is kept. Workflow log: {log}")
        if results_of(run.folder) == before:
            print("Nothing to do: every result is up to date.")
        if (run.folder / "07_statistics" / "auc.csv").exists():
            print(summary(run))
        page = run.folder / "report" / "index.html"
        print(f"Report: {page}" if page.exists() else "No report yet: not all notebooks were asked for.")


if __name__ == "__main__":
    main()
