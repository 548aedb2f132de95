"""How often do 95 % intervals of the AUC hold the true value? By simulation, with a known AUC.

    .venv/bin/python experiments/coverage/coverage.py [--repetitions 2000] [--quick]

- Scores are normal with SD 1 in both classes; the distance of their means gives the true AUC: 0.7, 0.87, 0.95.
- Test sets of 12 acute and 6 chronic cases, 34 and 9 (the paper's), 120 and 60; one, two or three vertebrae per
  patient, whose scores have correlation 0.7 beyond the class. A patient's vertebrae are all of one class, or of
  whatever class it happens (mixed).
- Methods: DeLong; the same with Obuchowski's variance for clusters; Newcombe's method 5; Newcombe's with the design
  effect, which is what vcfnb.statistics.auc_interval gives with patients.
- Nominal coverage is 95 %; from 92 to 98 % it is said to hold. With 2000 repetitions a coverage of 95 % has a standard
  error of 0.5 %.

Writes docs/coverage/coverage.csv after each setting, goes on where it was interrupted, and draws coverage.{png,svg} at
the end. Random numbers depend on the setting alone.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from vcfnb import figures, runs
from vcfnb.figures import parts, theme
from vcfnb.statistics import auc_intervals, roc

ROOT = Path(__file__).resolve().parents[2]
SIZES, AREAS = ((12, 6), (34, 9), (120, 60)), (0.7, 0.87, 0.95)
DESIGNS = {(1, False): "one", (2, False): "two", (3, False): "three"}
DESIGNS |= {(2, True): "two, mixed", (3, True): "three, mixed"}
METHODS = {
    "delong": "DeLong",
    "obuchowski": "DeLong, Obuchowski",
    "newcombe": "Newcombe",
    "newcombe_by_patient": "Newcombe, by patient",
}
HOLDS = 0.92, 0.98
Z = stats.norm.ppf(0.975)
CORRELATION, SEED = 0.7, 2006
SETTING = ["n_acute", "n_chronic", "vertebrae", "mixed", "true_auc"]


def draw(sizes, vertebrae, mixed, area, rng):
    """One test set: labels, scores, patients."""
    y = np.repeat([1, 0], sizes)
    patients = np.concatenate([np.arange(n) // vertebrae + start for n, start in zip(sizes, (0, 1000), strict=True)])
    if mixed:
        patients = rng.permutation(np.arange(len(y)) // vertebrae)
    shared = rng.normal(size=patients.max() + 1)[patients]
    score = np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * rng.normal(size=len(y))
    return y, score + np.sqrt(2) * stats.norm.ppf(area) * y, patients


def intervals(y, score, patients):
    """Low and high by method, from the parts of vcfnb.statistics.auc_ci and auc_interval."""
    positive, number = y == 1, np.unique(patients, return_inverse=True)[1]
    components = roc.placements(positive, score)
    auc, sizes = components[0].mean(), [len(part) for part in components]
    clustered = max(0, auc_intervals.obuchowski(positive, number, *components))
    half = Z * np.sqrt([roc.variance_of_mean(*components), clustered])
    effect = auc_intervals.design_effect(positive, number, *components)
    found = [*np.clip([auc - half, auc + half], 0, 1).T]
    found += [auc_intervals.limits(auc, *sizes, Z**2 * inflated) for inflated in (1, effect)]
    return dict(zip(METHODS, found, strict=True))


def measure(sizes, vertebrae, mixed, area, repetitions):
    """Coverage and mean width of each method, in rows."""
    rng = np.random.default_rng([SEED, *sizes, vertebrae, mixed, round(1000 * area)])
    limits = [list(intervals(*draw(sizes, vertebrae, mixed, area, rng)).values()) for _ in range(repetitions)]
    low, high = np.moveaxis(np.array(limits), -1, 0)
    setting = dict(zip(SETTING, (*sizes, vertebrae, mixed, area), strict=True)) | {"repetitions": repetitions}
    covered, above, below = ((low <= area) & (area <= high)).mean(0), (low > area).mean(0), (high < area).mean(0)
    rows = zip(METHODS, covered, above, below, (high - low).mean(0), strict=True)
    names = ("method", "coverage", "too_high", "too_low", "width")
    table = pd.DataFrame([setting | dict(zip(names, row, strict=True)) for row in rows])
    return table.assign(holds=table["coverage"].between(*HOLDS))


def draw_figure(table):
    """Coverage by design, one panel per method; colours are AUCs, markers sizes."""
    figure, axes = parts.panels(len(METHODS), 82, sharey=True)
    colors, markers = (theme.BLUE, theme.SKY, theme.VERMILLION), "osD"
    for axis, (method, name) in zip(axes, METHODS.items(), strict=True):
        axis.axhspan(*(100 * limit for limit in HOLDS), color=theme.GREY, alpha=0.2, linewidth=0)
        axis.axhline(95, **theme.DOTTED)
        for place, (size, area) in enumerate(product(SIZES, AREAS)):
            part = table[(table["method"] == method) & (table["n_acute"] == size[0]) & (table["true_auc"] == area)]
            x = [list(DESIGNS).index(design) for design in zip(part["vertebrae"], part["mixed"], strict=True)]
            look = {"color": colors[AREAS.index(area)], "marker": markers[SIZES.index(size)], "markersize": 3.5}
            label = f"{size[0]} / {size[1]} cases, AUC {area}"
            axis.plot(np.array(x) + 0.07 * (place - 4), 100 * part["coverage"], linestyle="", label=label, **look)
        axis.set_title(name, fontsize=7)
        axis.set_xticks(range(len(DESIGNS)), DESIGNS.values(), rotation=45, ha="right")
    axes[0].set_ylabel("Coverage of 95% intervals (%)")
    figure.supxlabel("Vertebrae per patient", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def sentences(table):
    """What holds, and what does not."""
    for method, name in METHODS.items():
        part = table[table["method"] == method]
        lowest, highest = 100 * part["coverage"].min(), 100 * part["coverage"].max()
        yield f"{name}: {lowest:.1f} to {highest:.1f} %; within 92 to 98 % in {part['holds'].sum()} of {len(part)}."


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "coverage")
    parser.add_argument("--quick", action="store_true", help="only see that it works: one size, 20 repetitions")
    arguments = parser.parse_args(arguments)
    sizes, repetitions = (SIZES[:1], 20) if arguments.quick else (SIZES, arguments.repetitions)
    path = arguments.out / "coverage.csv"
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=[*SETTING, "repetitions"])
    table = table[table["repetitions"] == repetitions]
    figures.style()
    for size, (vertebrae, mixed), area in product(sizes, DESIGNS, AREAS):
        setting = (*size, vertebrae, mixed, area)
        if setting not in set(table[SETTING].itertuples(index=False, name=None)):
            print(*setting, flush=True)
            found = measure(size, vertebrae, mixed, area, repetitions)
            table = found if table.empty else pd.concat([table, found], ignore_index=True)
            runs.write_csv(table, path)
    runs.save_figure(draw_figure(table), arguments.out / "coverage", table)
    print(*sentences(table), sep="\n")


if __name__ == "__main__":
    main()
