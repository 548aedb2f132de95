"""What transfers? Test AUC of fine-tuned networks by where their weights came from, on simulated fractures.

    .venv/bin/python experiments/pretraining/evaluate.py random shipped natural=FILE.safetensors

One pool of simulated patients; each seed draws training cases (42, or 175 as in the paper)
and tests on all others. Every network is fine-tuned alike: recipe fast, the demonstration's settings. Writes
docs/transfer/weights.{csv,png,svg} and prints the table; interrupted, it goes on. Numbers are of SIMULATED patients.
"""

import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import stats
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from vcfnb import dtl, figures, images, runs
from vcfnb.dtl.networks import NETWORKS, build_network
from vcfnb.figures.parts import finish, intervals, panels, require
from vcfnb.figures.theme import GREY, MODELS
from vcfnb.params import PreprocessingParams, load_params
from vcfnb.phantom.folder import simulate_case
from vcfnb.phantom.patients import draw_patients
from vcfnb.preprocessing import crops

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SIZES = (42, 175)  # training cases: few, and as many as in the paper
POOL, POOL_SEED = 320, 2026
DIFFICULTY = 1.0  # of the simulation: the signs' true strengths tell the classes apart with an AUC of 0.99


def simulated_crop(numbered, study, expansion):
    """One simulated patient's crop (size, size, size), as notebooks 00, 01 and 04 make it."""
    number, patient = numbered
    in_plane_y, in_plane_z, slices = study.cohort.voxel_mm
    array, masks = simulate_case(patient, (in_plane_z, in_plane_y, slices), [POOL_SEED, 1, number])
    image, mask = sitk.GetImageFromArray(array), sitk.GetImageFromArray(masks["a"])
    for made in (image, mask):
        made.SetSpacing((slices, in_plane_y, in_plane_z))
    window = PreprocessingParams()
    image, made = images.preprocess(image, {"a": mask}, margin_mm=expansion + 4)
    cut, _ = crops.crop(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(made["a"]), expansion)
    return crops.resize(crops.scale(cut, window.window_level, window.window_width), study.dtl.input_size)


def pool_key(study, expansion):
    """Of all that the pool is made by: another simulation is another pool."""
    package = ROOT / "vcfnb"
    code = [*sorted((package / "phantom").glob("*.py")), *sorted((package / "images").glob("*.py"))]
    cohort = (study.cohort.acute_fraction, study.cohort.voxel_mm, DIFFICULTY)
    return runs.digest(
        *code, package / "preprocessing" / "crops.py", POOL, POOL_SEED, cohort, expansion, study.dtl.input_size
    )


def pool(study, expansion, folder, cores):
    """Crops (n, 1, size, size, size) and labels of the simulated patients; kept on disk."""
    path = folder / f"pool_{pool_key(study, expansion)}.npz"
    if not path.exists():
        rng = np.random.default_rng([POOL_SEED, 0])
        table = draw_patients(POOL, study.cohort.acute_fraction, DIFFICULTY, rng)
        work = partial(simulated_crop, study=study, expansion=expansion)
        cut = runs.parallel_map(work, list(enumerate(table.to_dict("records"))), cores, desc="simulating")
        with runs.atomic(path) as temporary:
            np.savez_compressed(temporary, crops=np.stack(list(cut))[:, None], labels=table["label"].to_numpy())
    with np.load(path) as file:
        return file["crops"], file["labels"]


def one(job, study, expansion, folder):
    """Fine-tune and test once; the result is a row, kept on disk."""
    name, weights, n, seed = job
    x, y = pool(study, expansion, folder, 1)
    train, test = train_test_split(np.arange(len(y)), train_size=n, stratify=y, random_state=seed)
    network, provenance = build_network(study.dtl.network, weights, seed=seed)
    settings = dtl.TrainSettings.from_params(study.dtl, seed=seed)
    # What follows the training changes nothing here.
    trained = settings.model_dump(
        mode="json", exclude={"feature_mode", "n_folds", "n_repeats", "n_dimensions", "reduction"}
    )
    key = runs.digest(pool_key(study, expansion), n, seed, provenance, trained)
    note = folder / "results" / f"{key}.json"
    if not note.exists():
        history = dtl.fine_tune(network, x[train], y[train], settings)
        auc = roc_auc_score(y[test], dtl.features_and_scores(network, x[test])[1])
        row = {"network": study.dtl.network, "weights": name, "n_train": n, "seed": seed, "n_test": len(test)}
        runs.write_json(row | {"auc": auc, "epochs": len(history)}, note)
    return json.loads(note.read_text()) | {"weights": name}


def summary(table):
    """Mean test AUC with a 95% t interval over seeds, and the gain over random weights, paired by seed."""
    rows = []
    for (n, name), part in table.groupby(["n_train", "weights"], sort=False):
        auc = part.set_index("seed")["auc"]
        start = table[(table["n_train"] == n) & (table["weights"] == "random")].set_index("seed")["auc"]
        row = {"n_train": n, "weights": name, "seeds": len(auc)}
        for label, values in {"auc": auc, "gain": (auc - start).dropna()}.items():
            mean, half = values.mean(), np.nan
            if len(values) > 1:
                half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
            row |= {label: mean, f"{label}_low": mean - half, f"{label}_high": mean + half}
        rows.append(row)
    return pd.DataFrame(rows)


def comparison(results, summary):
    """Test AUC by where the weights came from, one panel per number of training cases; one grey line a seed.

    A seed has the same cases and the same order of training for all weights. `results`: weights, n_train, seed, auc.
    `summary`: weights, n_train, auc, auc_low, auc_high (95% interval over seeds).
    """
    require(results, "weights", "n_train", "seed", "auc", what="the results")
    require(summary, "weights", "n_train", "auc", "auc_low", "auc_high", what="the summary")
    sizes, names = sorted(results["n_train"].unique()), list(results["weights"].unique())
    figure, axes = panels(len(sizes), 62, 30 + 60 * len(sizes), sharey=True)
    mean = {"color": MODELS["dtl"], "linestyle": "", "linewidth": 1.2, "zorder": 3}
    for axis, size in zip(axes, sizes, strict=True):
        wide = results[results["n_train"] == size].pivot(index="weights", columns="seed", values="auc").loc[names]
        axis.plot(range(len(names)), wide, color=GREY, linewidth=0.6, marker="o", markersize=2, alpha=0.7)
        part = summary[summary["n_train"] == size].set_index("weights").loc[names]
        intervals(axis, range(len(names)), part, ends=("auc_low", "auc_high"), **mean)
        for position, value in enumerate(part["auc"]):
            axis.annotate(f"{value:.3f}", (position, value), (5, 2), textcoords="offset points")
        axis.set_xticks(range(len(names)), names)
        axis.set(xlabel="Weights before fine-tuning", xlim=(-0.4, len(names) - 0.4))
        axis.set_title(f"{size} training cases")
    axes[0].set_ylabel("Test AUC (95% CI over seeds)")
    return finish(figure, True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="random, shipped, or NAME=FILE")
    parser.add_argument("--network", choices=NETWORKS, default=None, help="by default the demonstration's")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="training cases")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--expansion", type=int, default=6, help="voxels of 1 mm")
    parser.add_argument("--cores", type=int, default=None)
    parser.add_argument("--work", type=Path, default=HERE / "work", help="crops and results (not committed)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "transfer" / "weights")
    arguments = parser.parse_args()
    changes = ["dtl.layer=null"] + [f"dtl.network={arguments.network}"] * bool(arguments.network)
    study = load_params(ROOT / "params" / "demo.yaml", changes)
    pool(study, arguments.expansion, arguments.work, arguments.cores)
    named = [text.partition("=")[::2] if "=" in text else (text, text) for text in arguments.weights]
    jobs = [(*w, n, seed) for seed in range(arguments.seeds) for n in arguments.sizes for w in named]
    work = partial(one, study=study, expansion=arguments.expansion, folder=arguments.work)
    table = pd.DataFrame(runs.parallel_map(work, jobs, arguments.cores, desc="fine-tunings"))
    print(summary(table).round(3).to_string(index=False))
    figures.style()
    figure = comparison(table, summary(table))
    runs.save_figure(figure, arguments.out, table)


if __name__ == "__main__":
    main()
