"""JupyterLab on a copy of a study, in which nothing that is tried can change the study."""

import os
import shutil
import subprocess
import sys

from vcfnb.errors import VcfnbError

SUMMARY = "Explore a finished study in JupyterLab, on a copy: neither its results nor the notebooks here can change."


def add_arguments(parser):
    parser.add_argument("study", nargs="?", default="demo", help="name of the study under runs/; by default demo")
    parser.add_argument("--fresh", action="store_true", help="throw the last copy away, and what was tried in it")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")


def run(arguments):
    """Copy the study where there is no copy yet, and open JupyterLab on it."""
    from vcfnb import runs

    place = copy_of(runs.Run(arguments.study).folder, arguments.fresh)
    print(f"exploring {place}: results of {arguments.study} as they were when it was copied (--fresh copies again)")
    call = [sys.executable, "-m", "jupyterlab", *["--no-browser"] * arguments.no_browser]
    environment = os.environ | {"VCFNB_RUNS": str(place.parent)}
    return subprocess.run(call, cwd=place / "notebooks", env=environment).returncode


def copy_of(study, fresh=False):
    """The copy of a study's folder, ``runs-explore/<study>``, with its results and its executed notebooks.

    Notebooks that run there with ``VCFNB_RUNS`` find the copy's results and write beside them. It lies as deep as the
    study: tables have paths that are seen from them. A copy that is there is kept with what was tried in it, unless
    `fresh`. Raises VcfnbError where the study has no executed notebook.
    """
    if not any((study / "notebooks").glob("*.ipynb")):
        problem = f"study {study.name!r} has no executed notebook in {study}"
        raise VcfnbError(problem, "run it first (./run_all.sh)", code="result-missing")
    place = study.parent.with_name(f"{study.parent.name}-explore") / study.name
    if fresh:
        shutil.rmtree(place, ignore_errors=True)
    if not place.exists():
        part = place.with_name(f"{place.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(study, part)
        part.rename(place)
    return place
