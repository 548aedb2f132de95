"""Run a study: check its parameters, take the study's lock, start Snakemake, say how it ended."""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import progress
import yaml

from vcfnb.errors import VcfnbError
from vcfnb.params import load_params
from vcfnb.runs import Run, atomic, clear_aside, disk_is_full, make_folder, writing
from vcfnb.runs.cache import cached
from vcfnb.runs.steps import State, told_of

HERE = Path(__file__).resolve().parent
# Seconds: what is left of a killed run ends by itself within this, and so does Snakemake when it is asked to.
_PATIENCE = 5
# Options of Snakemake whose value may be a YAML file: it is not the params file.
_TAKE_YAML = ("--profile", "--workflow-profile", "--configfile", "--configfiles", "--config", "-C")


@contextlib.contextmanager
def only_run(folder):
    """Hold the lock of one study (an open file, to be passed on to Snakemake).

    The system lets go of it when this process and Snakemake end, however they end.
    """
    path = folder / ".lock"
    with contextlib.ExitStack() as stack:
        with writing(path):
            lock = stack.enter_context(open(path, "a+"))
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    told = f"another run of study {folder.name!r} is at work in {folder}"
                    raise VcfnbError(f"{told}", "wait for it, or stop it", code="study-locked") from None
            time.sleep(0.2)
        yield lock


def found_profile(options):
    """Options for Snakemake, with a profile of this repository found from any folder."""
    options = list(options)
    for number, option in enumerate(options[:-1]):
        own = HERE.parent / options[number + 1]
        if option == "--profile" and not Path(options[number + 1]).exists() and own.is_dir():
            options[number + 1] = str(own)
    return options


def command(run, params, cores, options):
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(HERE / "Snakefile"), "--directory", str(run.folder)),
        *("--config", f"params={params}", "--cores", str(cores) if cores else "all"),
        # Our own lock guards the study, so one left behind by a killed run means nothing.
        *("--nolock", "--rerun-incomplete", *found_profile(options)),
        # What is stale is decided by content (vcfnb.runs.steps), and put into the inputs.
        *("--rerun-triggers", "mtime"),
    ]


def start(call, folder, lock, started):
    """Run Snakemake with its own messages in a log; what notebooks came to is told on our standard output."""
    log = folder / "logs" / "snakemake.log"
    make_folder(log.parent)
    environment = os.environ | {"VCFNB_STARTED": str(started), "VCFNB_PLANNED": "1"}
    with contextlib.ExitStack() as stack:
        with writing(log):
            stream = stack.enter_context(open(log, "w"))
        with writing(folder / ".lock"):
            stack.enter_context(mark(lock, str(started)))
        endings = stack.enter_context(progress.live(folder / "notebooks", sys.stdout, started))
        # A group of its own: Ctrl-C in a terminal must reach it once, by stop(), or it cancels nothing on a cluster.
        process = subprocess.Popen(call, stderr=stream, env=environment, pass_fds=[lock.fileno()], process_group=0)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            stop(process)
            print(
                f"\nvcfnb: interrupted. What was finished is kept in {folder}; the same command goes on from there.",
                file=sys.stderr,
            )
            sys.exit(130)
    for text in endings.cut_off() if code else []:
        progress.say(text, sys.stdout, started)
    return code, log


@contextlib.contextmanager
def mark(lock, run):
    """Write into the lock which run it is: jobs of another run, left behind on a cluster, read that and end."""
    os.ftruncate(lock.fileno(), 0)
    os.write(lock.fileno(), run.encode())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.ftruncate(lock.fileno(), 0)


def stop(process):
    """End Snakemake; notebooks and their workers end with it, and it cancels its jobs on a cluster."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Impatience must not leave anything running.
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def stop_like_interrupt():
    """Treat a polite end (kill, a closed terminal) as Ctrl-C."""

    def interrupt(*_):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP, and that stays so.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started in the background by a script. Snakemake would inherit that, and not hear stop().
        signal.signal(signal.SIGINT, lambda *_: None)


def results_of(folder):
    """Modification times of what a run writes: did anything happen?"""
    return {path: path.stat().st_mtime_ns for path in (folder / "notebooks").glob("*.ipynb")} | {
        path: path.stat().st_mtime_ns for path in (folder / "report").glob("index.html")
    }


def one_gpu():
    """Options for Snakemake: where there is a GPU, the networks of one expansion at a time."""
    # Importing torch takes seconds: only where there may be one.
    if not (shutil.which("nvidia-smi") or Path("/dev/kfd").exists()):
        return []
    import torch

    return ["--resources", "networks=1"] if torch.cuda.is_available() else []


def check_once(run, study):
    """Check the study against its network and its cases; what passed is not checked again, as that takes seconds."""

    def check():
        # Not at the top: it loads the networks.
        from foresee import check_study

        check_study(study)

    files = [Path(str(name)) for name in (study.cohort.csv, study.dtl.weights)]
    inputs = [study.model_dump(mode="json"), *(path for path in files if path.is_file()), HERE / "foresee.py"]
    cached(run.folder / ".foreseen.json", ("vcfnb.cohort", "vcfnb.phantom", "vcfnb.robustness"), inputs, check)


def say_changes(stale):
    """What changed since the last run, of steps that had been up to date."""
    together = {}
    for changed in stale.values():
        for kind, names in changed.items():
            together[kind] = list(dict.fromkeys([*together.get(kind, []), *names]))
    if told_of(together):
        print(f"Changed since the last run: {told_of(together)}", flush=True)


def summary(run):
    """The three models' test AUCs, and whether they come from simulated patients."""
    import pandas as pd

    table = pd.read_csv(run.needs("statistics", "auc.csv")).query("split == 'test'")
    lines = [
        f"  {r.model:<10} AUC {r.auc:.3f} ({r.newcombe_low:.3f}-{r.newcombe_high:.3f})" for r in table.itertuples()
    ]
    kind = "SIMULATED patients, nothing about real ones" if run.simulated else "your cohort"
    return "\n".join([f"Test set of {int(table.n.iloc[0])} cases ({kind}); research use only:", *lines])


def parse(arguments):
    """Split the command line of run_all.sh: params, assignments, cores, dry_run; and everything else, for Snakemake."""
    # No positional argument here: argparse would take the value of a workflow option for it.
    parser = argparse.ArgumentParser(prog="run_all.sh", add_help=False, allow_abbrev=False)
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    parser.add_argument("--cores", type=int)
    parser.add_argument("-n", "--dry-run", "--dryrun", action="store_true")
    found, options = parser.parse_known_args(arguments)
    numbers = [
        number
        for number, option in enumerate(options)
        if option.endswith((".yaml", ".yml"))
        and not option.startswith("-")
        and (not number or options[number - 1] not in _TAKE_YAML)
    ]
    if len(numbers) > 1:
        raise VcfnbError(
            f"{len(numbers)} params files: {' '.join(options[n] for n in numbers)}", "give one", code="several-files"
        )
    found.params = options.pop(numbers[0]) if numbers else None
    return found, options


def run_study():
    arguments, options = parse(sys.argv[1:])
    study = load_params(arguments.params or HERE.parent / "params" / "demo.yaml", arguments.assignments)
    run = Run(study.study)
    make_folder(run.folder)
    with only_run(run.folder) as lock:
        # A dry run must not change what the folder says of its last run.
        params = run.folder / (".dry-run.yaml" if arguments.dry_run else "params.yaml")
        with atomic(params) as temporary:
            temporary.write_text(yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False))
        call = command(run, params, arguments.cores, options)
        stale = State.planned(run, study).plan()
        if arguments.dry_run:
            say_changes(stale)
            dry = [*call, "--dry-run", "--quiet", "host", "rules"]
            sys.exit(subprocess.run(dry, env=os.environ | {"VCFNB_PLANNED": "1"}).returncode)
        if stale:
            check_once(run, study)
        clear_aside(run.folder)
        print(f"vcfnb: study {study.study!r}, results in {run.folder}", flush=True)
        before, started, code = results_of(run.folder), time.time(), 0
        say_changes(stale)
        if "00_cohort" in stale and any(run.folder.glob("0[1-9]_*")):
            # What comes after it depends on what it finds in the cohort.
            code, log = start([*call, "--until", "cohort"], run.folder, lock, started)
            State.planned(run, study).plan()
        if not code:
            code, log = start([*call, *(one_gpu() if stale else [])], run.folder, lock, started)
        if code:
            if not list((run.folder / "notebooks").glob("*.failed.ipynb")):
                # Not a notebook: the report, or the workflow itself.
                for path in (run.folder / "logs" / "report.log", log):
                    print("\n".join(path.read_text().splitlines()[-15:]) if path.exists() else "", file=sys.stderr)
            if disk_is_full(run.folder):
                print(f"vcfnb: the disk of {run.folder} is full -> free space there", file=sys.stderr)
            sys.exit(
                "vcfnb: the study stopped; what was finished is kept, and the same command goes on from there. "
                f"Workflow log: {log}"
            )
        if results_of(run.folder) == before:
            print("Nothing to do: every result is up to date.")
        if (run.folder / "07_statistics" / "auc.csv").exists():
            print(summary(run))
        page = run.folder / "report" / "index.html"
        print(f"Report: {page}" if page.exists() else "No report yet: not all notebooks were asked for.")


def main():
    """Run a study; every foreseen end is one message, and 130 stands for an interruption."""
    stop_like_interrupt()
    try:
        run_study()
    except VcfnbError as error:
        sys.exit(f"vcfnb: {error}")
    except KeyboardInterrupt:
        print("\nvcfnb: interrupted; the same command starts again.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
