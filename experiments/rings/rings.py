"""Does the AUC rise with the ROI expansion because of the signs around the bone? On simulated patients.

    .venv/bin/python experiments/rings/rings.py [--seeds 5] [--expansions 0 2 4 6 8 10] [--off swelling stranding]
        [--quick]

The paper's argument: swelling and stranded fat lie around the bone, so the AUC rises up to an expansion of about 6 mm;
without them it would not. Two arms test it. In one the signs are as simulated, in the other those of --off have
strength 0; patients, random numbers, networks' starts and the order of training are the same in both.

- Settings are those of params/paper.yaml: 175 training cases (137 acute), one network per expansion, trained on all of
  them. Only the weights are the shipped ones, as ImageNet's need a download (--weights imagenet), and every patient has
  one fractured vertebra.
- Each seed draws other training patients. The paper's 43 test cases would give an AUC a standard error of about 0.06,
  so all networks are evaluated on the same 200 further simulated patients, half of them acute.
- The score is the network's own, without the logistic regression that the paper puts on its features.
- Intervals (95 %, percentiles) come from 2000 draws of seeds and of test patients, each class keeping its size. All
  arms and expansions share a draw, so that contrasts are paired. With few seeds their part is a little too small.
- The crop at 0 mm is the box around the bone, and its corners already show some of what lies around: AUC(0) is
  compared between the arms, too. All crops are resized to the same input, so a larger one shows the bone coarser.

Works seed by seed, writes docs/phantom/rings.{png,svg,csv}, rings_seeds.csv and rings_contrasts.csv after each, and
goes on where it was interrupted. A seed's crops take about 0.5 GB of the work folder. Numbers are of SIMULATED
patients.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch

import vcfnb
from vcfnb import dtl, figures, images, runs
from vcfnb.dtl.networks import build_network
from vcfnb.errors import VcfnbError
from vcfnb.figures import parts, theme
from vcfnb.params import StudyParams, load_params
from vcfnb.phantom import SIGNS
from vcfnb.phantom.folder import simulate_case
from vcfnb.phantom.patients import draw_patients
from vcfnb.preprocessing import crops

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = Path(vcfnb.__file__).resolve().parent
ARMS = ("as_simulated", "switched_off")
CLAIMED = 6  # mm; the expansion that the paper found best
TEST_SEED = 2026  # of the test patients
DRAWS, DRAW_SEED = 2000, 0
QUICK = ("cohort.voxel_mm=[3, 3, 3]", "dtl.epochs=1", "dtl.input_size=24", "dtl.batch_size=4")


@dataclass(frozen=True)
class Experiment:
    """What is simulated, trained and kept.

    Attributes
    ----------
    study : vcfnb.params.StudyParams
    expansions : tuple of int
        Voxels of the preprocessed image.
    off : tuple of str
        Signs without strength in the second arm.
    n_train, n_test : int
        Patients.
    work : pathlib.Path
        Crops and scores.
    code : str
        Digest of the code that makes crops.
    """

    study: StudyParams
    expansions: tuple
    off: tuple
    n_train: int
    n_test: int
    work: Path
    code: str

    def folder(self, kind, arm, seed):
        name = arm if arm == "as_simulated" else "_".join(["without", *sorted(self.off)])
        return self.work / kind / name / ("test" if seed == TEST_SEED else f"seed_{seed}")


def code_digest():
    """Of all code between a patient's row and the crops."""
    return runs.digest(*sorted((PACKAGE / "phantom").glob("*.py")), *sorted((PACKAGE / "images").glob("*.py")))


def patients(experiment, arm, seed):
    """Patients of one arm: those of a training seed, or the test patients; the arms differ in the dials alone."""
    cohort, rng = experiment.study.cohort, np.random.default_rng([seed, 0])
    n, acute = (experiment.n_test, 0.5) if seed == TEST_SEED else (experiment.n_train, cohort.acute_fraction)
    table = draw_patients(n, acute, cohort.difficulty, rng, n_sites=cohort.n_sites, metal=cohort.metal)
    factors = cohort.signs | (dict.fromkeys(experiment.off, 0.0) if arm == "switched_off" else {})
    return table.assign(**{sign: table[sign] * factor for sign, factor in factors.items()})


def cases(experiment, arm, seed):
    """One row per patient: seed, number, patient (dict), image (its key), key (of its crops), file (of its crops)."""
    study, rows = experiment.study, []
    folder = experiment.folder("crops", arm, seed)
    made_from = [experiment.code, study.cohort.voxel_mm, study.preprocessing.model_dump(mode="json")]
    cut_by = [runs.digest(PACKAGE / "preprocessing" / "crops.py"), experiment.expansions, study.dtl.input_size]
    for number, patient in enumerate(patients(experiment, arm, seed).to_dict("records")):
        image = runs.digest(*made_from, seed, number, patient)
        row = {"seed": seed, "number": number, "patient": patient, "image": image}
        rows.append(row | {"key": runs.digest(image, *cut_by), "file": folder / f"{number:04d}.npz"})
    return pd.DataFrame(rows)


def simulated_crops(case, study, expansions):
    """One simulated patient's crops (expansions, size, size, size), as notebooks 00, 01 and 04 make them."""
    in_plane_y, in_plane_z, slices = study.cohort.voxel_mm
    spacing = (in_plane_z, in_plane_y, slices)
    array, masks = simulate_case(case["patient"], spacing, [case["seed"], 1, case["number"]])
    image, mask = sitk.GetImageFromArray(array), sitk.GetImageFromArray(masks["a"])
    for made in (image, mask):
        made.SetSpacing(spacing[::-1])
    window = study.preprocessing
    # A margin beyond the largest crop leaves the crops as they are, and resampling less to do.
    margin = window.margin_mm or (max(expansions) + 4) * window.spacing_mm
    image, made = images.preprocess(image, {"a": mask}, **window.model_dump() | {"margin_mm": margin})
    image, mask = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(made["a"])
    cubes = []
    for expansion in expansions:
        cut, _ = crops.crop(image, mask, expansion)
        crops.check_box(mask, expansion)
        cubes.append(crops.resize(crops.scale(cut, window.window_level, window.window_width), study.dtl.input_size))
    return np.stack(cubes)


def _write_crops(case, experiment):
    # Half precision is finer than the HU that crops are made of.
    cubes = simulated_crops(case, experiment.study, experiment.expansions).astype(np.float16)
    if code_digest() != experiment.code:
        raise VcfnbError(
            "the simulation's code changed during the run",
            "start it again; nothing old is mixed in",
            code="code-changed",
        )
    with runs.atomic(case["file"]) as temporary:
        np.savez(temporary, cubes=cubes, key=case["key"])


def _is_made(case):
    if not case["file"].exists():
        return False
    with np.load(case["file"]) as stored:
        return str(stored["key"]) == case["key"]


def simulate(experiment, seed, cores):
    """Make the crops of both arms' patients that are not there yet."""
    missing = [case for arm in ARMS for case in cases(experiment, arm, seed).to_dict("records") if not _is_made(case)]
    work = partial(_write_crops, experiment=experiment)
    for _ in runs.parallel_map(work, missing, cores, desc="simulating"):
        pass


def load(experiment, arm, seed, expansion):
    """Crops (n, 1, size, size, size) of one expansion, as float32, and the patients' labels."""
    place, cubes = experiment.expansions.index(expansion), []
    table = cases(experiment, arm, seed)
    for file in table["file"]:
        with np.load(file) as stored:
            cubes.append(stored["cubes"][place])
    return np.stack(cubes)[:, None].astype(np.float32), np.array([patient["label"] for patient in table["patient"]])


def networks(experiment, seed):
    """One row per network of a training seed: arm, expansion, and the file of its test scores, named by its key."""
    asked, rows = experiment.study.dtl, []
    _, provenance = build_network(asked.network, asked.weights, seed=seed)
    settings = dtl.TrainSettings.from_params(asked, seed=seed)
    # What follows the training changes nothing here; the weights are told by their digest.
    later = {"feature_mode", "n_folds", "n_repeats", "n_dimensions", "reduction", "layer", "weights"}
    parts = ("preprocessing/crops.py", "dtl/training.py", "dtl/features.py")
    trainer = [*(PACKAGE / name for name in parts), *sorted((PACKAGE / "dtl" / "networks").glob("*.py"))]
    made_from = [*trainer, torch.__version__, provenance, settings.model_dump(mode="json", exclude=later)]
    for arm in ARMS:
        seen = [cases(experiment, arm, which)["image"].tolist() for which in (seed, TEST_SEED)]
        for expansion in experiment.expansions:
            key = runs.digest(*made_from, *seen, expansion, asked.input_size)
            file = experiment.folder("scores", arm, seed) / f"expansion_{expansion:02d}_{key[:16]}.csv"
            rows.append({"arm": arm, "seed": seed, "expansion": expansion, "file": file})
    return pd.DataFrame(rows)


def train_and_score(row, experiment):
    """Train one network on all training cases, and keep its scores of the test patients."""
    asked, seed = experiment.study.dtl, row["seed"]
    x, y = load(experiment, row["arm"], seed, row["expansion"])
    network, _ = build_network(asked.network, asked.weights, seed=seed)
    dtl.fine_tune(network, x, y, dtl.TrainSettings.from_params(asked, seed=seed))
    x, y = load(experiment, row["arm"], TEST_SEED, row["expansion"])
    runs.write_csv(pd.DataFrame({"label": y, "score": dtl.features_and_scores(network, x)[1]}), row["file"])


def run_seed(experiment, seed, cores):
    """Simulate and train what is missing of one seed, both arms; return the test scores (arms, expansions, n_test)."""
    table = networks(experiment, seed)
    missing = [row for row in table.to_dict("records") if not row["file"].exists()]
    print(f"seed {seed}: {len(missing)} of {len(table)} networks to train", flush=True)
    if missing:
        for which in (TEST_SEED, seed):
            simulate(experiment, which, cores)
        # Side by side in processes of one thread, as the study trains its expansions.
        for _ in runs.parallel_map(partial(train_and_score, experiment=experiment), missing, cores, desc="networks"):
            pass
    scores = np.stack([pd.read_csv(file)["score"] for file in table["file"]])
    return scores.reshape(len(ARMS), len(experiment.expansions), -1)


def drawn_aucs(scores, labels, counts):
    """AUC of each score in each draw of patients, exact, ties counting half.

    Parameters
    ----------
    scores : array (..., n)
    labels : array (n,) of 0 and 1
    counts : array (draws, n)
        How often each patient was drawn; each class at least once.

    Returns
    -------
    numpy.ndarray (draws, ...)
    """
    scores, counts = np.asarray(scores, dtype=float), np.asarray(counts, dtype=float)
    positive = np.asarray(labels) == 1
    up, down = counts[:, positive], counts[:, ~positive]
    pairs = up.sum(1) * down.sum(1)
    found = np.empty((len(counts), *scores.shape[:-1]))
    for place in np.ndindex(scores.shape[:-1]):
        gap = scores[place][positive][:, None] - scores[place][~positive]
        # Patients that were drawn twice count twice: who wins each pair is looked up once for all draws.
        wins = (np.sign(gap) + 1) / 2
        found[(slice(None), *place)] = ((up @ wins) * down).sum(1) / pairs
    return found


def analyse(scores, labels, expansions, seeds, draws=DRAWS):
    """AUCs by expansion and their contrasts, with intervals over seeds and test patients.

    Parameters
    ----------
    scores : array (arms, seeds, expansions, n_test)
        Of :data:`ARMS`, in their order.
    labels : array (n_test,) of 0 and 1
    expansions, seeds : sequence of int
    draws : int

    Returns
    -------
    curve : pandas.DataFrame
        arm, expansion, auc (mean over seeds), low, high, n_seeds, n_test, best_share (of the draws in which this
        expansion has the arm's highest AUC).
    by_seed : pandas.DataFrame
        arm, seed, expansion, auc.
    contrasts : pandas.DataFrame
        contrast, arm (or ``difference``: as simulated less switched off), value, low, high, n_seeds, n_test.
    """
    labels, rng = np.asarray(labels), np.random.default_rng(DRAW_SEED)
    n_seeds, expansions = len(seeds), list(expansions)
    counts = np.zeros((draws, len(labels)))
    for label in (0, 1):
        inside = np.flatnonzero(labels == label)
        counts[:, inside] = rng.multinomial(len(inside), np.full(len(inside), 1 / len(inside)), size=draws)
    share = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=draws) / n_seeds
    auc = drawn_aucs(scores, labels, np.ones((1, len(labels))))[0]
    mean = auc.mean(1)
    drawn = np.einsum("dase,ds->dae", drawn_aucs(scores, labels, counts), share)

    size = {"n_seeds": n_seeds, "n_test": len(labels)}
    best = drawn.argmax(2)
    curve, by_seed, contrasts = [], [], []
    for a, arm in enumerate(ARMS):
        for e, expansion in enumerate(expansions):
            row = {"arm": arm, "expansion": expansion, **_with_interval("auc", mean[a, e], drawn[:, a, e]), **size}
            curve.append(row | {"best_share": (best[:, a] == e).mean()})
            by_seed += [
                {"arm": arm, "seed": seed, "expansion": expansion, "auc": auc[a, s, e]} for s, seed in enumerate(seeds)
            ]
    for name, weights in _contrasts(expansions).items():
        # (arms,) and (draws, arms)
        value, values = mean @ weights, drawn @ weights
        rows = {arm: (value[a], values[:, a]) for a, arm in enumerate(ARMS)}
        rows["difference"] = (value[0] - value[1], values[:, 0] - values[:, 1])
        contrasts += [
            {"contrast": name, "arm": arm, **_with_interval("value", *row), **size} for arm, row in rows.items()
        ]
    return tuple(map(pd.DataFrame, (curve, by_seed, contrasts)))


def _with_interval(name, value, drawn):
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {name: value, "low": low, "high": high}


def _contrasts(expansions):
    """Weights of the expansions' AUCs in each contrast: the bone's box, the rise to the claimed best, what follows."""
    first, last = expansions[0], expansions[-1]
    middle = CLAIMED if CLAIMED in expansions else last
    found = {f"AUC({first})": [float(e == first) for e in expansions]}
    for low, high in ((first, middle), (middle, last)):
        if low < high:
            found[f"AUC({high}) - AUC({low})"] = [float(e == high) - float(e == low) for e in expansions]
    return {name: np.array(weights) for name, weights in found.items()}


def _names(off):
    """What each arm is called, by the signs that differ."""
    return {arm: f"{' and '.join(off)} {arm.replace('_', ' ')}" for arm in ARMS}


def draw_figure(curve, by_seed, off):
    """Test AUC by expansion of both arms, with bands of 95 %; a thin line a seed."""
    figure, axis = parts.canvas(theme.ONE_COLUMN + 30, 75)
    looks = zip(_names(off).items(), ((theme.BLUE, "-", "o"), (theme.VERMILLION, "--", "s")), strict=True)
    for (arm, name), (color, line, marker) in looks:
        part = curve[curve["arm"] == arm]
        single = by_seed[by_seed["arm"] == arm].pivot(index="expansion", columns="seed", values="auc")
        axis.plot(single.index, single, color=color, linestyle=line, linewidth=0.5, alpha=0.45)
        axis.fill_between(part["expansion"], part["low"], part["high"], color=color, alpha=0.15, linewidth=0)
        axis.plot(part["expansion"], part["auc"], color=color, linestyle=line, marker=marker, label=name)
    axis.set(xlabel="ROI expansion, mm", ylabel="AUC on simulated test patients", xticks=curve["expansion"].unique())
    n_seeds, n_test = curve[["n_seeds", "n_test"]].iloc[0]
    title = f"mean of {n_seeds} training cohorts (thin: each), 95 % band, {n_test} test patients"
    axis.legend(title=title, alignment="left", loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return parts.finish(figure, simulated=True)


def sentences(curve, contrasts, off):
    """The findings in words."""
    names = _names(off)
    yield "SIMULATED patients."
    for arm, name in names.items():
        part = curve[curve["arm"] == arm].set_index("expansion")
        first, best = part.iloc[0], part.loc[part["auc"].idxmax()]
        yield (
            f"{name.capitalize()}: AUC {_interval(first, 'auc')} at {part.index[0]} mm, the box of the bone itself; "
            f"highest at {best.name} mm, {_interval(best, 'auc')}, where it is highest in {best['best_share']:.0%} of "
            "the draws."
        )
    names["difference"] = "effect of the signs (as simulated less switched off)"
    verdicts = dict.fromkeys(ARMS, ("a rise", "a fall")) | {
        "difference": ("more with the signs", "less with the signs")
    }
    for name, rows in contrasts.groupby("contrast", sort=False):
        for row in rows.to_dict("records"):
            if row["arm"] == "difference" or "-" in name:
                up, down = verdicts[row["arm"]]
                verdict = up if row["low"] > 0 else down if row["high"] < 0 else "no difference shown"
                yield f"{name}, {names[row['arm']]}: {_interval(row, 'value', '+')}: {verdict}."
    if curve["n_seeds"].iloc[0] == 1:
        yield "One seed only: the intervals say nothing about other training cohorts."


def _interval(row, name, sign=""):
    return f"{row[name]:{sign}.3f} (95 % CI {row['low']:{sign}.3f} to {row['high']:{sign}.3f})"


def make_experiment(arguments):
    """The experiment that the arguments ask for; what they leave out comes from params/paper.yaml."""
    unknown = sorted(set(arguments.off) - set(SIGNS))
    if unknown:
        raise VcfnbError(
            f"--off: unknown sign {', '.join(unknown)}", f"known: {', '.join(SIGNS)}", code="unknown-choice"
        )
    weights = f"dtl.weights={json.dumps(arguments.weights)}"
    study = load_params(ROOT / "params" / "paper.yaml", [weights, *(QUICK if arguments.quick else ())])
    expansions = sorted(set(arguments.expansions or ((0, CLAIMED) if arguments.quick else study.expansions)))
    if expansions[0] < 0:
        raise VcfnbError(f"--expansions: {expansions[0]} is negative", "give 0 or more voxels", code="out-of-range")
    if arguments.test_patients is not None and arguments.test_patients < 4:
        raise VcfnbError(
            f"--test-patients: {arguments.test_patients} are too few", "give 4 or more", code="too-few-patients"
        )
    n_train = round(study.cohort.n_patients * (1 - study.cohort.test_fraction))
    return Experiment(
        study=study,
        expansions=tuple(expansions),
        off=tuple(arguments.off),
        n_train=8 if arguments.quick else n_train,
        n_test=arguments.test_patients or (8 if arguments.quick else 200),
        work=arguments.work / "quick" if arguments.quick else arguments.work,
        code=code_digest(),
    )


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, help="training cohorts; by default 5")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--expansions", type=int, nargs="+", help="voxels of 1 mm; by default those of paper.yaml")
    parser.add_argument("--off", nargs="+", default=["swelling", "stranding"], help="signs of strength 0 in one arm")
    parser.add_argument("--test-patients", type=int, help="by default 200")
    parser.add_argument("--weights", default="shipped", help="shipped, imagenet, random, or a file")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path, help="by default docs/phantom; with --quick a folder of the work folder")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="crops and scores (not committed)")
    parser.add_argument("--quick", action="store_true", help="only see that it works: 8 patients, 1 epoch, 2 seeds")
    return parser.parse_args(arguments)


def main(arguments=None):
    arguments = parse(arguments)
    try:
        experiment = make_experiment(arguments)
        seeds = range(arguments.first_seed, arguments.first_seed + (arguments.seeds or (2 if arguments.quick else 5)))
        if TEST_SEED in seeds:
            raise VcfnbError(
                f"seed {TEST_SEED} draws the test patients", "take other seeds to train with", code="out-of-range"
            )
        out = arguments.out or (experiment.work / "out" if arguments.quick else ROOT / "docs" / "phantom")
        labels, scores = patients(experiment, "as_simulated", TEST_SEED)["label"], []
        figures.style()
        for seed in seeds:
            scores.append(run_seed(experiment, seed, arguments.cores))
            # After each seed: an interrupted run has shown what it has.
            found = analyse(np.stack(scores, axis=1), labels, experiment.expansions, seeds[: len(scores)])
            curve, by_seed, contrasts = found
            runs.save_figure(draw_figure(curve, by_seed, experiment.off), out / "rings", curve)
            runs.write_csv(by_seed, out / "rings_seeds.csv")
            runs.write_csv(contrasts, out / "rings_contrasts.csv")
    except VcfnbError as error:
        sys.exit(f"rings: {error}")
    print(curve.round(3).to_string(index=False), *sentences(curve, contrasts, experiment.off), sep="\n")


if __name__ == "__main__":
    main()
