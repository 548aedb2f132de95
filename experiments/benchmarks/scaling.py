"""How does a study grow with its cases? CPU time, memory and disk of every step at some sizes; a plan for many more.

    .venv/bin/python experiments/benchmarks/scaling.py               # measure 50 to 400 simulated patients
    .venv/bin/python experiments/benchmarks/scaling.py --plan 10000  # jobs, CPU, memory, disk of such a study

Every step is its notebook, executed as the workflow does it, one after the other on two cores. CPU time is that of all
its processes, user and system, and so does not depend on what else the machine does; memory is their largest sum
(shared pages counted once); disk is what the step's folder holds. What starting a notebook takes is measured with a
notebook that only imports, and taken off; code is compiled before. The exponent k is the slope of log CPU over log n,
CPU ~ n^k. It is below 1 where much of a step does not depend on n, so a plan takes CPU, as memory and disk, as
a + b n.

Sizes are measured in turn, and what was measured is kept in the work folder: an interrupted run goes on. The patients
are simulated in voxels of 2.5 mm, with a small network, one epoch, one expansion; the paper's evaluation of one split.
Exponents and the ratios of steps carry over to larger images, seconds do not.

Writes docs/benchmarks/scaling.{csv,png,svg}, scaling_fits.csv, and with --plan scaling_plan.csv; their tables go into
docs/scaling.md.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from vcfnb import runs
from vcfnb.params import load_params

ROOT = Path(__file__).resolve().parents[2]
STEPS = (
    "00_cohort",
    "01_preprocessing",
    "02_icc",
    "03_radiomics",
    "04_dtl",
    "05_selection",
    "06_fusion",
    "07_statistics",
)
WORDS = ("cohort", "preprocessing", "ICC", "radiomics", "one network", "selection", "fusion", "statistics")
EXPANSION = 6
SETTINGS = (
    *("cohort.voxel_mm=[2.5,2.5,2.5]", f"expansions=[{EXPANSION}]", "icc.icc_cases=12", "selection.lasso_folds=5"),
    *("dtl.network=shufflenet_v2_x0_5_3d", "dtl.weights=random", "dtl.input_size=24", "dtl.epochs=1"),
    *("robustness.evaluation=paper", "leakage.audit_runs=0", "preprocessing.margin_mm=12"),
)
# What every notebook does first.
_START = """
import nbformat
from nbclient import NotebookClient
code = "from vcfnb import agreement, cohort, dtl, figures, fusion, phantom, prediction, preprocessing, radiomics, runs"
code += "; from vcfnb import selection, statistics; figures.style()"
NotebookClient(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])).execute()
"""
# Compiled code is kept on the disk: whatever is measured first would pay for all.
_COMPILE = """
import numpy as np, SimpleITK as sitk
from vcfnb import radiomics
z, y, x = np.mgrid[:24, :24, :24] - 12
image = sitk.GetImageFromArray((10 * x + 7 * y + z).astype(np.int16))
radiomics.extract_features(image, sitk.GetImageFromArray((x * x + y * y + z * z < 64).astype(np.uint8)))
"""
_EVERY_S = 0.25


def usage(command, **options):
    """CPU seconds, wall seconds and peak memory (MB) of a process and all that it starts."""
    begin, spent, peak = time.monotonic(), {}, 0.0
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, **options)
    while process.poll() is None:
        memory = 0.0
        for each in [process, *_children(process)]:
            try:
                times, held = each.cpu_times(), each.memory_full_info()
            except psutil.Error:
                continue
            # Own time only: that of ended children is in the last look at them.
            spent[each.pid, each.create_time()] = times.user + times.system
            memory += getattr(held, "pss", held.uss)
        peak = max(peak, memory)
        time.sleep(_EVERY_S)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))[:200]} failed -> its log is in the work folder")
    return {"cpu_s": sum(spent.values()), "wall_s": time.monotonic() - begin, "peak_mb": peak / 2**20}


def _children(process):
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def disk_mb(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def measure(sizes, work, cores, settings=SETTINGS):
    """All steps at all sizes; what the work folder holds already is not measured again.

    Returns
    -------
    pandas.DataFrame
        n, step, cpu_s, wall_s, peak_mb, disk_mb; a row with n 0 is the start of a notebook.
    """
    kept = work / "measured.csv"
    rows = pd.read_csv(kept).to_dict("records") if kept.exists() else []
    done = {(row["n"], row["step"]) for row in rows}
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

    def keep(n, step, **values):
        rows.append({"n": n, "step": step, **values})
        runs.write_csv(pd.DataFrame(rows), kept)
        print(f"{n:5d}  {step:<18} {values['cpu_s']:8.1f} CPU s {values['peak_mb']:7.0f} MB", flush=True)

    subprocess.run([sys.executable, "-c", _COMPILE], env=environment, check=True)
    if (0, "start") not in done:
        keep(0, "start", **usage([sys.executable, "-c", _START], env=environment), disk_mb=0.0)
    for n in sizes:
        study = load_params(ROOT / "params" / "smoke.yaml", [f"study=n{n}", f"cohort.n_patients={n}", *settings])
        folder = work / study.study
        for step in STEPS:
            if (n, step) in done:
                continue
            # Half a step would be found in its caches, and look cheap.
            shutil.rmtree(folder / step, ignore_errors=True)
            (folder / "logs").mkdir(parents=True, exist_ok=True)
            values = study.for_notebook(step) | ({"expansion": EXPANSION} if step == "04_dtl" else {})
            command = [
                *(
                    sys.executable,
                    ROOT / "workflow" / "execute.py",
                    step,
                    f"notebooks/{step}.ipynb",
                    json.dumps(values),
                ),
                *("--cores", str(cores), "--log", f"logs/{step}.log"),
            ]
            found = usage(command, cwd=folder, env=environment)
            keep(n, step, **found, disk_mb=disk_mb(folder / step))
        # A size that was finished before has no folder left.
        shutil.rmtree(folder, ignore_errors=True)
    return pd.DataFrame(rows)


def fits(table):
    """How each step grows.

    Returns
    -------
    pandas.DataFrame
        step; exponent and factor of CPU s = factor * n^exponent beyond a notebook's start; worst_ratio, the largest
        factor between a measured value and this fit; cpu_s (beyond the start), peak_mb and disk_mb as base + per case.
    """
    start = float(table.loc[table["step"] == "start", "cpu_s"].iloc[0])
    found = []
    for step in STEPS:
        own = table[table["step"] == step].sort_values("n")
        n, cpu = own["n"].to_numpy(float), np.maximum(own["cpu_s"].to_numpy() - start, 0.1)
        slope, level = np.polyfit(np.log(n), np.log(cpu), 1)
        ratio = cpu / np.exp(level) / n**slope
        row = {
            "step": step,
            "exponent": slope,
            "factor": np.exp(level),
            "worst_ratio": max(ratio.max(), 1 / ratio.min()),
        }
        for name, values in {"cpu_s": cpu, "peak_mb": own["peak_mb"], "disk_mb": own["disk_mb"]}.items():
            more, base = np.polyfit(n, values, 1)
            row |= {f"{name}_base": base, f"{name}_per_case": more}
        found.append(row)
    return pd.DataFrame(found)


def jobs_of(n, params):
    """Jobs of a study of n simulated patients, from the workflow's dry run."""
    with tempfile.TemporaryDirectory() as folder:
        call = [ROOT / "run_all.sh", params, "--set", f"cohort.n_patients={n}", "--set", "study=plan", "--dry-run"]
        said = subprocess.run(call, capture_output=True, text=True, env=os.environ | {"VCFNB_RUNS": folder}).stdout
    lines = re.findall(r"^(\w+) +(\d+)$", said.split("Job stats:")[-1], re.M)
    return {name: int(count) for name, count in lines}


def plan(n, table, params):
    """Jobs, and what each takes at n cases by the fits, on images as measured.

    Returns
    -------
    pandas.DataFrame
        step, jobs, cpu_hours, peak_gb and disk_gb of one job.
    """
    grown, jobs = fits(table).set_index("step"), jobs_of(n, params)
    start = float(table.loc[table["step"] == "start", "cpu_s"].iloc[0])

    def at_n(row, name):
        # A step that shrinks with n in the measurement does so by chance.
        return max(row[f"{name}_base"], 0) + max(row[f"{name}_per_case"], 0) * n

    rows = [
        {
            "step": step,
            "jobs": jobs[step[3:]],
            "cpu_hours": (start + at_n(row, "cpu_s")) / 3600,
            "peak_gb": at_n(row, "peak_mb") / 1024,
            "disk_gb": at_n(row, "disk_mb") / 1024,
        }
        for step, row in grown.iterrows()
    ]
    return pd.DataFrame(rows)


def put(page, name, text):
    """Put a text between a page's marks of this name."""
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    before, rest = page.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    with runs.atomic(page) as temporary:
        temporary.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def measured_text(table, grown):
    """The measured part of docs/scaling.md."""
    sizes = sorted(set(table["n"]) - {0})
    rows = []
    for step, row in grown.set_index("step").iterrows():
        own = table[table["step"] == step].set_index("n")
        per_case = [f"{row[f'{name}_per_case']:.2f}" for name in ("cpu_s", "peak_mb", "disk_mb")]
        cpu = [f"{own.loc[n, 'cpu_s']:.0f}" for n in sizes]
        rows.append([step, *cpu, f"{row['exponent']:.2f}", f"{row['worst_ratio']:.2f}", *per_case])
    head = ["step", *(f"CPU s, {n} patients" for n in sizes), "exponent", "worst ratio"]
    start = float(table.loc[table["step"] == "start", "cpu_s"].iloc[0])
    told = (
        f"A notebook's start takes {start:.1f} CPU s of each number, and is taken off before the exponent is fitted. "
        "Exponents are below 1 where much of a step (figures, bootstrap samples, LASSO's path) does not depend on the "
        "number of patients; for larger studies take what a case adds."
    )
    made = markdown([*head, "CPU, s a case", "memory, MB a case", "disk, MB a case"], rows)
    return f"{made}\n\n{told}\n\n![CPU and memory of each step by number of patients](benchmarks/scaling.png)"


def plan_text(n, planned, params):
    """The planned part of docs/scaling.md."""
    whole = planned[["cpu_hours", "disk_gb"]].mul(planned["jobs"], axis=0).sum()
    rows = [
        [row.step, row.jobs, f"{row.cpu_hours:.2f}", f"{row.peak_gb:.1f}", f"{row.disk_gb:.1f}"]
        for row in planned.itertuples()
    ]
    made = markdown(["step", "jobs", "CPU hours a job", "memory, GB a job", "disk, GB a job"], rows)
    told = (
        f"{n} patients by what a case adds above, jobs by the dry run of `{params}`: {whole['cpu_hours']:.1f} CPU "
        f"hours and {whole['disk_gb']:.0f} GB of disk in all, on images as small, and with networks as small and as "
        "briefly trained, as those measured."
    )
    return f"{made}\n\n{told}"


def chart(table, grown):
    """CPU and memory of each step over the number of patients."""
    import matplotlib.pyplot as plt
    from matplotlib import ticker

    from vcfnb import figures

    figures.style()
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.92, len(STEPS)))
    start = float(table.loc[table["step"] == "start", "cpu_s"].iloc[0])
    marks = "osD^v<>P"
    for step, word, color, mark in zip(STEPS, WORDS, colors, marks, strict=True):
        own = table[table["step"] == step].sort_values("n")
        k = grown.loc[grown["step"] == step, "exponent"].iloc[0]
        style = {"color": color, "marker": mark, "markersize": 3.5, "linewidth": 1}
        axes[0].plot(own["n"], np.maximum(own["cpu_s"] - start, 0.1), label=f"{word}: n^{k:.2f}", **style)
        axes[1].plot(own["n"], own["peak_mb"], **style)
    sizes = sorted(set(table["n"]) - {0})
    axes[0].set(xscale="log", yscale="log", ylabel="CPU beyond the start of a notebook (s)")
    axes[0].yaxis.set(major_locator=ticker.LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}")
    axes[1].set(xscale="log", ylabel="memory of all processes (MB)", ylim=(0, None))
    for axis in axes:
        axis.set_xlabel("simulated patients")
        axis.set_xticks(sizes, [str(n) for n in sizes])
        axis.minorticks_off()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    plt.close(figure)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 218, 400])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "scaling", help="where an interrupted run goes on")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "scaling.md", help="where tables are put")
    parser.add_argument("--plan", type=int, metavar="N", help="plan a study of N patients from what was measured")
    parser.add_argument("--params", default="params/paper.yaml", help="parameters of the planned study")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it work?")
    arguments = parser.parse_args()
    if arguments.plan:
        measured = arguments.out / "scaling.csv"
        if not measured.exists():
            sys.exit(f"{measured} is missing -> run experiments/benchmarks/scaling.py first")
        planned = plan(arguments.plan, pd.read_csv(measured), arguments.params)
        runs.write_csv(planned, arguments.out / "scaling_plan.csv")
        put(arguments.page, "plan", plan_text(arguments.plan, planned, arguments.params))
        print(planned.round(2).to_string(index=False))
        return
    settings, sizes = SETTINGS, arguments.sizes
    if arguments.quick:
        sizes, settings = [12, 16], (*SETTINGS, "cohort.voxel_mm=[3.0,3.0,3.0]", "icc.icc_cases=2")
    arguments.work.mkdir(parents=True, exist_ok=True)
    table = measure(sizes, arguments.work, arguments.cores, settings)
    grown = fits(table)
    runs.save_figure(chart(table, grown), arguments.out / "scaling", table)
    runs.write_csv(grown, arguments.out / "scaling_fits.csv")
    put(arguments.page, "measured", measured_text(table, grown))
    print(grown.round(3).to_string(index=False))
    print(f"{table['cpu_s'].sum() / 60:.0f} CPU minutes in all")


if __name__ == "__main__":
    main()
