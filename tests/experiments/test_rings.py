"""The experiments that evaluate the simulated cohort: statistics with known answers, a tiny run that is resumed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, stats
from sklearn.metrics import roc_auc_score
from study import ROOT, script

from vcfnb import phantom, preprocessing
from vcfnb.errors import VcfnbError
from vcfnb.preprocessing import crops


@pytest.fixture(scope="module")
def rings():
    return script("experiments/rings", "rings")


@pytest.fixture
def experiment(rings, tmp_path):
    return rings.make_experiment(rings.parse(["--quick", "--work", str(tmp_path), "--off", "swelling"]))


def test_drawn_aucs_are_those_of_scikit_learn(rings):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1], [17, 24]))
    # Rounded, so that some are tied.
    scores = np.round(rng.normal(size=(2, 3, 41)) + labels, 1)
    counts = np.ones((6, 41), dtype=int)
    counts[1:, labels == 1] = rng.multinomial(24, np.full(24, 1 / 24), size=5)
    counts[1:, labels == 0] = rng.multinomial(17, np.full(17, 1 / 17), size=5)
    found = rings.drawn_aucs(scores, labels, counts)
    assert found.shape == (6, 2, 3)
    for draw, place in np.ndindex(6, 6):
        a, b = divmod(place, 3)
        drawn = np.repeat(np.arange(41), counts[draw])
        assert found[draw, a, b] == pytest.approx(roc_auc_score(labels[drawn], scores[a, b, drawn]), abs=1e-12)


EXPANSIONS = (0, 6, 10)
# Distance of the classes in SDs, by arm and expansion: around the bone lies something to find, or nothing.
DISTANCES = np.array([[1.2, 2.4, 1.6], [1.2, 1.2, 1.2]])
AUCS = stats.norm.cdf(DISTANCES / np.sqrt(2))


def made_scores(seed, n_seeds=5, n_test=200):
    """Scores (arms, seeds, expansions, n_test) whose AUCs are AUCS; half of a patient's luck is the same everywhere."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], n_test // 2)
    luck = np.sqrt(0.5) * (rng.normal(size=n_test) + rng.normal(size=(2, n_seeds, 3, n_test)))
    return DISTANCES[:, None, :, None] * labels + luck, labels


def test_contrasts_find_what_was_made(rings):
    curve, by_seed, contrasts = rings.analyse(*made_scores(1), EXPANSIONS, range(1, 6))
    assert list(curve) == ["arm", "expansion", "auc", "low", "high", "n_seeds", "n_test", "best_share"]
    assert (curve["auc"].to_numpy().reshape(2, 3) == pytest.approx(AUCS, abs=0.05)) and (curve["n_test"] == 200).all()
    mean = by_seed.groupby(["arm", "expansion"], sort=False)["auc"].mean()
    assert mean.tolist() == pytest.approx(curve["auc"].tolist(), abs=1e-12)
    shares = curve.set_index(["arm", "expansion"])["best_share"]
    assert shares["as_simulated", 6] > 0.99 and shares.groupby("arm").sum().tolist() == pytest.approx([1, 1])
    found = contrasts.set_index(["contrast", "arm"])
    signs = np.sign(found["low"]).where(np.sign(found["low"]) == np.sign(found["high"]), 0)
    for contrast, wanted in {"AUC(0)": 0, "AUC(6) - AUC(0)": 1, "AUC(10) - AUC(6)": -1}.items():
        assert signs[contrast, "difference"] == wanted
        if "-" in contrast:
            assert signs[contrast, "as_simulated"] == wanted and signs[contrast, "switched_off"] == 0
    rise = found.loc["AUC(6) - AUC(0)", "value"]
    assert rise["difference"] == pytest.approx(rise["as_simulated"] - rise["switched_off"])
    said = "\n".join(rings.sentences(curve, contrasts, ["swelling"]))
    assert "SIMULATED" in said and "Swelling switched off: AUC 0.8" in said and "highest at 6 mm" in said
    for verdict in ("a rise", "a fall", "more with the signs", "less with the signs"):
        assert said.count(f": {verdict}.") == 1
    assert "One seed only" not in said


def test_intervals_cover_the_truth(rings):
    truth = {
        ("AUC(6) - AUC(0)", "as_simulated"): AUCS[0, 1] - AUCS[0, 0],
        ("AUC(6) - AUC(0)", "switched_off"): 0,
        ("AUC(6) - AUC(0)", "difference"): AUCS[0, 1] - AUCS[0, 0],
        ("AUC(10) - AUC(6)", "as_simulated"): AUCS[0, 2] - AUCS[0, 1],
    }
    covered = []
    for seed in range(60):
        _, _, contrasts = rings.analyse(*made_scores(seed, n_test=60), EXPANSIONS, range(5), draws=200)
        found = contrasts.set_index(["contrast", "arm"]).loc[list(truth)]
        covered.append((found["low"] <= list(truth.values())) & (found["high"] >= list(truth.values())))
    assert np.mean(covered) > 0.9


def test_one_seed_draws_test_patients_alone(rings):
    scores, labels = made_scores(1, n_seeds=1)
    curve, by_seed, contrasts = rings.analyse(scores, labels, (0, 2, 10), [7])
    assert by_seed["seed"].unique().tolist() == [7] and (curve["low"] < curve["auc"]).all()
    # Without the claimed best the first is compared with the last.
    assert contrasts["contrast"].unique().tolist() == ["AUC(0)", "AUC(10) - AUC(0)"]
    assert "One seed only" in "\n".join(rings.sentences(curve, contrasts, ["swelling"]))


def test_paper_s_training_set(rings, tmp_path):
    experiment = rings.make_experiment(rings.parse(["--work", str(tmp_path)]))
    assert experiment.expansions == (0, 2, 4, 6, 8, 10) and experiment.study.dtl.weights == "shipped"
    labels = rings.patients(experiment, "as_simulated", 1)["label"]
    assert (len(labels), labels.sum()) == (175, 137)
    labels = rings.patients(experiment, "as_simulated", rings.TEST_SEED)["label"]
    assert (len(labels), labels.sum()) == (200, 100)


def test_arms_differ_in_the_dial_alone(rings, experiment):
    on, off = (rings.patients(experiment, arm, 1) for arm in rings.ARMS)
    assert (off["swelling"] == 0).all() and (on["swelling"] > 0).any()
    pd.testing.assert_frame_equal(on.drop(columns="swelling"), off.drop(columns="swelling"))
    number = int(on["swelling"].argmax())
    spacing = (1.5, 1.5, 1.5)
    (image, masks), (image_off, masks_off) = (
        rings.simulate_case(table.to_dict("records")[number], spacing, [1, 1, number]) for table in (on, off)
    )
    assert all(np.array_equal(masks[reader], masks_off[reader]) for reader in masks)
    inside = masks["a"] > 0
    change = np.abs(image.astype(int) - image_off)
    ring = ndimage.binary_dilation(inside, iterations=3) & ~ndimage.binary_dilation(inside)
    assert change[ring].mean() > 5 and change[ndimage.binary_erosion(inside, iterations=3)].mean() < 1


def test_crops_are_those_of_the_notebooks(rings, experiment, tmp_path):
    """A training seed's patients are the cohort that notebook 00 simulates with this seed, cut as notebook 04 does."""
    study, n = experiment.study, experiment.n_train
    cohort = study.cohort
    folder = tmp_path / "cohort"
    table = phantom.simulate_cohort(
        folder, n, 1, cohort.acute_fraction, 0, cohort.voxel_mm, cohort.difficulty, signs={"swelling": 0}, cores=1
    )
    table = table.iloc[:2].assign(**{name: [str(folder / f) for f in table[name][:2]] for name in ("image", "mask")})
    window = study.preprocessing
    preprocessing.preprocess_cohort(table, tmp_path / "preprocessed", window, experiment.expansions, cores=1)
    files = preprocessing.cases(tmp_path / "preprocessed", table["case_id"])
    cases = rings.cases(experiment, "switched_off", 1).to_dict("records")
    made = np.stack([rings.simulated_crops(case, study, experiment.expansions) for case in cases[:2]])
    size = study.dtl.input_size
    assert made.shape == (2, 2, size, size, size)
    for place, expansion in enumerate(experiment.expansions):
        wanted = crops.load_crops(files, expansion, size, window.window_level, window.window_width, cores=1)
        np.testing.assert_allclose(made[:, place], wanted[:, 0], atol=1e-5)


def test_changed_code_makes_everything_anew(rings, experiment):
    changed = replace(experiment, code="changed")
    for make in (lambda e: rings.cases(e, "as_simulated", 1)["key"], lambda e: rings.networks(e, 1)["file"].map(str)):
        assert not set(make(experiment)) & set(make(changed))
    # A network depends on its own expansion alone.
    wider = replace(experiment, expansions=(*experiment.expansions, 8))
    assert set(rings.networks(experiment, 1)["file"]) < set(rings.networks(wider, 1)["file"])
    case = rings.cases(changed, "as_simulated", 1).to_dict("records")[0]
    with pytest.raises(VcfnbError, match="changed during the run -> start it again"):
        rings._write_crops(case, changed)
    assert not case["file"].exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--off", "halo"], "unknown sign halo -> known: .*swelling"),
        (["--expansions", "-2", "0"], "-2 is negative -> give 0 or more"),
        (["--test-patients", "2"], "2 are too few -> give 4 or more"),
        (["--first-seed", "2025"], "seed 2026 draws the test patients -> take other seeds"),
    ],
)
def test_arguments_that_cannot_work(rings, tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=message):
        rings.main([*arguments, "--quick", "--work", str(tmp_path)])


@pytest.mark.long
def test_tiny_run_goes_on_where_it_was(rings, tmp_path, monkeypatch, capsys):
    arguments = ["--quick", "--off", "swelling", "--seeds", "1", "--test-patients", "4"]
    arguments += ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    command = [sys.executable, ROOT / "experiments" / "rings" / "rings.py", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert "seed 1: 4 of 4 networks to train" in finished.stdout and "SIMULATED patients" in finished.stdout
    tables = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.csv")}
    assert set(tables) == {"rings.csv", "rings_seeds.csv", "rings_contrasts.csv"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*tables, "rings.png", "rings.svg"}
    assert len(pd.read_csv(tmp_path / "out" / "rings_seeds.csv")) == 4
    assert "simulated data" in (tmp_path / "out" / "rings.svg").read_text()

    trained, fine_tune = [], rings.dtl.fine_tune

    def counted(*parts):
        trained.append(parts)
        return fine_tune(*parts)

    monkeypatch.setattr(rings.dtl, "fine_tune", counted)
    monkeypatch.setattr(rings, "simulate_case", lambda *_: pytest.fail("simulated again"))
    rings.main([*arguments, "--cores", "1"])
    assert not trained and "seed 1: 0 of 4 networks to train" in capsys.readouterr().out
    next((tmp_path / "work").rglob("seed_1/expansion_06_*.csv")).unlink()
    rings.main([*arguments, "--cores", "1"])
    assert len(trained) == 1 and "seed 1: 1 of 4 networks to train" in capsys.readouterr().out
    assert {name: (tmp_path / "out" / name).read_bytes() for name in tables} == tables


def test_seeds_reports_every_study(tmp_path, monkeypatch, capsys):
    seeds, calls = script("experiments/rings", "seeds"), []
    monkeypatch.setenv("VCFNB_RUNS", str(tmp_path / "runs"))

    def runs_the_study(command):
        calls.append(command)
        study, seed = (text.partition("=")[2] for text in command if text.startswith(("study=", "seed=")))
        folder = tmp_path / "runs" / study / "07_statistics"
        folder.mkdir(parents=True)
        aucs = {"radiomics": 0.9, "dtl": 0.6 + 0.1 * int(seed)}
        rows = [(m, s, auc, auc - 0.1, auc) for m, auc in aucs.items() for s in ("train", "test")]
        table = pd.DataFrame(rows, columns=["model", "split", "auc", "newcombe_low", "newcombe_high"])
        table.to_csv(folder / "auc.csv", index=False)
        if seed == "1":
            (folder.parent / "08_robustness").mkdir()
            nested = pd.DataFrame({"model": ["dtl"], "repeat": ["mean"], "auc": [0.65]})
            nested.to_csv(folder.parent / "08_robustness" / "rigorous_auc.csv", index=False)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(seeds.subprocess, "run", runs_the_study)
    options = ["--seeds", "3", "--set", "dtl.epochs=2", "--cores", "1", "--out", str(tmp_path)]
    seeds.main(options)
    wanted = ["dtl.epochs=2", "study=demo_seed_3", "seed=3"]
    assert [calls[2][i + 1] for i, word in enumerate(calls[2]) if word == "--set"] == wanted
    assert "study=demo" in calls[0] and Path(calls[2][1]).name == "demo.yaml" and calls[2][-2:] == ["--cores", "1"]
    table = pd.read_csv(tmp_path / "seeds.csv")
    assert table["seed"].tolist() == [1, 1, 2, 2, 3, 3] and table["nested"].count() == 1
    said = capsys.readouterr().out
    assert (
        "seed 1, dtl: 0.700, 0.700 (0.600-0.700), 0.650" in said and "seed 3, dtl: 0.900, 0.900 (0.800-0.900)" in said
    )
    assert "dtl: test AUC 0.800, 0.700 to 0.900 over 3 seeds" in said
    monkeypatch.setattr(seeds.subprocess, "run", lambda command: SimpleNamespace(returncode=1))
    with pytest.raises(SystemExit, match="study demo stopped -> fix"):
        seeds.main(options)
