"""Fine-tuning, deep features in and out of fold, alignment, reduction, the saved network."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from scipy.spatial.distance import pdist
from scipy.stats import ortho_group
from sklearn.metrics import roc_auc_score

from vcfnb.errors import VcfnbError
from vcfnb.networks import build_network
from vcfnb.transfer import TrainSettings, deep_features, fine_tune, load_model, run_expansion, save_model, training
from vcfnb.transfer.alignment import align
from vcfnb.transfer.augmentation import augment
from vcfnb.transfer.features import features_and_scores
from vcfnb.transfer.reduction import reduce_features

SMALL = "shufflenet_v2_x0_5_3d"
SETTINGS = TrainSettings(network=SMALL, weights="random", epochs=2, batch_size=8, n_dimensions=4, n_folds=2, seed=3)


def cubes(size=16, noise=0.5):
    """24 crops of noise with a bright cube (label 1) or a dark one; every third case is a test case."""
    labels = np.tile([1, 0], 12)
    crops = np.random.default_rng(1).normal(0, noise, size=(24, 1, size, size, size)).astype(np.float32)
    inside = slice(size // 4, -size // 4)
    crops[:, :, inside, inside, inside] += (2 * labels - 1)[:, None, None, None, None]
    split = np.where(np.arange(24) % 6 < 4, "train", "test")
    return SimpleNamespace(crops=crops, labels=labels, split=split, train=split == "train")


DATA = cubes()


def run(data=DATA, labels=None, settings=SETTINGS, **options):
    labels = data.labels if labels is None else labels
    return run_expansion(data.crops, labels, data.split, settings, cores=1, **options)


@pytest.fixture(scope="module")
def result():
    return run()


def start(settings=SETTINGS):
    return build_network(settings.network, settings.weights, seed=settings.seed)[0]


def same_state(a, b):
    b = b.state_dict()
    return all(torch.equal(value, b[key]) for key, value in a.state_dict().items())


def test_same_seed_same_result_on_any_number_of_cores(result):
    again = run_expansion(DATA.crops, DATA.labels, DATA.split, SETTINGS, cores=2)
    assert np.array_equal(again.features, result.features)
    assert np.array_equal(again.scores, result.scores)
    pd.testing.assert_frame_equal(again.history, result.history)
    other = run(settings=SETTINGS.model_copy(update={"seed": 4}))
    assert not np.allclose(other.scores, result.scores)


def test_the_callers_random_state_and_threads_are_left_alone():
    torch.manual_seed(0)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    network = start()
    fine_tune(network, DATA.crops[:6], DATA.labels[:6], SETTINGS)
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads
    assert not network.training


@pytest.mark.parametrize(
    "network, weights, epochs, noise",
    [("shufflenet_v1_3d", "random", 12, 0.1), ("shufflenet_v2_x1_0_3d", "natural", 4, 0.3)],
)
def test_bright_and_dark_cubes_are_told_apart(network, weights, epochs, noise, request):
    if weights == "natural":
        folder = request.getfixturevalue("shared") / "weights"
        weights = str(folder / "shufflenet_v2_x1_0_natural.fp16.safetensors")
    settings = {"network": network, "weights": weights, "epochs": epochs, "batch_size": 16 if epochs > 4 else 8}
    data = cubes(24, noise)
    result = run(data, settings=SETTINGS.model_copy(update=settings))
    assert roc_auc_score(data.labels[~data.train], result.scores[~data.train]) > 0.95
    assert roc_auc_score(data.labels[data.train], result.scores[data.train]) > 0.9
    final = result.history.query("network == 'final'")
    assert final.train_auc.iloc[-1] > 0.95 and final.loss.iloc[-1] < final.loss.iloc[0]


def test_result_has_a_row_a_case(result):
    table = result.feature_table([f"P{i}" for i in range(24)])
    assert list(table.columns) == ["case_id", "dtl_000", "dtl_001", "dtl_002", "dtl_003"]
    assert table.shape == (24, 5) and ((result.scores > 0) & (result.scores < 1)).all()
    rows = result.history.groupby("network", sort=False).epoch.apply(list).to_dict()
    assert rows == {"final": [1, 2], "fold_1": [1, 2], "fold_2": [1, 2]}
    assert (result.layer, result.provenance["n_channels"]) == ("conv5", 1024)


class Interrupted(Exception):
    """The power fails."""


@pytest.mark.parametrize("folded", [False, True], ids=["batch_norm", "folded"])
@pytest.mark.parametrize("recipe", ["fast", "paper"])
def test_interrupted_training_ends_with_the_same_weights(folded, recipe, tmp_path, monkeypatch):
    settings = SETTINGS.model_copy(update={"epochs": 3, "recipe": recipe})
    if folded:
        # A random network's BatchNorm has mean 0 and variance 1, as one that was folded.
        save_file(start().state_dict(), tmp_path / "folded.safetensors")
        settings = settings.model_copy(update={"weights": str(tmp_path / "folded.safetensors")})
    whole, stopped, resumed, finished = (start(settings) for _ in range(4))
    assert bool(whole.folded) == folded
    crops, labels, checkpoint = DATA.crops[:8], DATA.labels[:8], tmp_path / "network.safetensors"
    history = fine_tune(whole, crops, labels, settings)
    epoch, ran = training._epoch, []

    def fails_once(*arguments):
        ran.append(arguments[5])
        if ran == [0, 1]:
            raise Interrupted
        return epoch(*arguments)

    monkeypatch.setattr(training, "_epoch", fails_once)
    with pytest.raises(Interrupted):
        fine_tune(stopped, crops, labels, settings, checkpoint)
    pd.testing.assert_frame_equal(fine_tune(resumed, crops, labels, settings, checkpoint), history, check_exact=True)
    assert ran == [0, 1, 1, 2]
    assert same_state(resumed, whole) and not same_state(stopped, whole)
    pd.testing.assert_frame_equal(fine_tune(finished, crops, labels, settings, checkpoint), history, check_exact=True)
    assert ran == [0, 1, 1, 2] and same_state(finished, whole)


@pytest.mark.parametrize("change", ["labels", "crops", "settings", "start", "truncated"])
def test_a_checkpoint_of_another_training_is_not_used(change, tmp_path):
    crops, labels, settings = DATA.crops[:6], DATA.labels[:6], SETTINGS.model_copy(update={"epochs": 1})
    checkpoint = tmp_path / "network.safetensors"
    fine_tune(start(), crops, labels, settings, checkpoint)
    if change == "truncated":
        checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    labels = 1 - labels if change == "labels" else labels
    crops = crops + 0.1 if change == "crops" else crops
    settings = settings.model_copy(update={"learning_rate": 0.001} if change == "settings" else {})
    other = settings.model_copy(update={"seed": 9} if change == "start" else {})
    fresh, begun = start(other), start(other)
    fine_tune(fresh, crops, labels, settings)
    fine_tune(begun, crops, labels, settings, checkpoint)
    assert same_state(begun, fresh)


def test_recalibration_changes_statistics_and_no_output(tmp_path):
    path = tmp_path / "folded.safetensors"
    save_file(start().state_dict(), path)
    network = build_network(SMALL, path)[0]
    before = deep_features(network, DATA.crops)
    training.recalibrate(network, DATA.crops)
    np.testing.assert_allclose(deep_features(network, DATA.crops), before, rtol=1e-3, atol=1e-5)
    convolved = network.conv1[0](torch.tensor(DATA.crops))
    torch.testing.assert_close(network.conv1[1].running_mean, convolved.mean((0, 2, 3, 4)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.conv1[1].running_var, convolved.var((0, 2, 3, 4)), rtol=1e-3, atol=1e-5)


def test_features_out_of_fold_do_not_know_their_own_label():
    # Two cases a patient, one of each label: swapped, both classes and all folds stay as they were.
    patients = np.repeat(np.arange(12), 2)
    swapped = DATA.labels.copy()
    swapped[:2] = swapped[:2][::-1]
    before, after = run(groups=patients), run(labels=swapped, groups=patients)
    # The final network was trained on both, so the swap did reach it ...
    assert not np.allclose(after.scores[~DATA.train], before.scores[~DATA.train])
    # ... but not the network that was kept from this patient: not its scores, nor the distance of its features.
    assert np.array_equal(after.scores[:2], before.scores[:2])
    np.testing.assert_allclose(pdist(after.features[:2]), pdist(before.features[:2]), rtol=1e-9)
    in_sample = SETTINGS.model_copy(update={"feature_mode": "in_sample"})
    known = [run(labels=labels, groups=patients, settings=in_sample) for labels in (DATA.labels, swapped)]
    assert not np.allclose(known[0].scores[:2], known[1].scores[:2])


@pytest.mark.parametrize("reduction", ["pca", "lasso"])
def test_test_cases_change_nothing_for_training_cases(reduction):
    settings = SETTINGS.model_copy(update={"reduction": reduction, "n_dimensions": 2})
    before = run(settings=settings)
    relabelled = run(labels=np.where(DATA.train, DATA.labels, -1), settings=settings)
    assert np.array_equal(relabelled.features, before.features)
    assert np.array_equal(relabelled.scores, before.scores)
    other = SimpleNamespace(crops=np.where(DATA.train[:, None, None, None, None], DATA.crops, 0.3), split=DATA.split)
    moved = run(other, labels=DATA.labels, settings=settings)
    assert np.array_equal(moved.features[DATA.train], before.features[DATA.train])
    assert np.array_equal(moved.reduction.components, before.reduction.components)
    assert not np.allclose(moved.features[~DATA.train], before.features[~DATA.train])


def test_test_features_are_the_final_networks(result):
    features, found = features_and_scores(result.network, DATA.crops)
    expected = reduce_features(features[DATA.train], 4).transform(features)
    np.testing.assert_allclose(result.features[~DATA.train], expected[~DATA.train])
    assert np.array_equal(found[~DATA.train], result.scores[~DATA.train])
    # Training cases come from networks of their own.
    assert not np.allclose(result.features[DATA.train], expected[DATA.train])


def test_alignment_recovers_a_rotation_from_other_cases():
    rng = np.random.default_rng(6)
    hidden = rng.normal(size=(30, 5)) * [5, 4, 3, 2, 1]
    target = hidden @ ortho_group.rvs(5, random_state=1) + rng.normal(size=5)
    features = hidden @ ortho_group.rvs(40, random_state=2)[:5] + rng.normal(size=40)
    np.testing.assert_allclose(align(features, np.arange(20), target), target, atol=1e-9)


def test_alignment_looks_at_seen_cases_only_and_keeps_distances():
    rng = np.random.default_rng(7)
    features, target, seen = rng.normal(size=(30, 40)), rng.normal(size=(30, 5)), np.arange(20)
    before = align(features, seen, target)
    changed, other = target.copy(), features.copy()
    changed[20:], other[20:] = 99, rng.normal(size=(10, 40))
    assert np.array_equal(align(features, seen, changed), before)
    np.testing.assert_allclose(align(other, seen, target)[seen], before[seen])
    np.testing.assert_allclose(pdist(before), pdist(reduce_features(features[seen], 5).transform(features)))
    np.testing.assert_allclose(before[seen].mean(0), target[seen].mean(0), atol=1e-9)


def test_reductions_keep_what_they_promise():
    rng = np.random.default_rng(8)
    features = rng.normal(size=(40, 30)) * np.linspace(3, 0.5, 30) + 10
    reduced = reduce_features(features, 6).transform(features)
    eigenvalues = np.linalg.eigvalsh(np.cov(features.T))[::-1][:6]
    np.testing.assert_allclose(np.cov(reduced.T), np.diag(eigenvalues), atol=1e-9)
    labels = (features[:, 20] + 0.1 * rng.normal(size=40) > 10).astype(int)
    first = reduce_features(features, 3, "lasso", labels)
    np.testing.assert_allclose(
        first.transform(features)[:, 0], (features[:, 20] - features[:, 20].mean()) / features[:, 20].std()
    )
    with pytest.raises(VcfnbError, match="40 training cases and 30 channels give 30 dimensions at most, not 31"):
        reduce_features(features, 31)


def test_saved_network_gives_the_same_and_runs_no_code(result, tmp_path, monkeypatch):
    path = save_model(tmp_path / "04_dtl", result)
    assert path.read_bytes() == save_model(tmp_path / "again.safetensors", result).read_bytes()

    def refuse(*arguments, **options):
        raise AssertionError("unpickled")

    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refuse)
    loaded = load_model(tmp_path / "04_dtl")
    features, found = loaded.features_and_scores(DATA.crops)
    assert np.array_equal(features[~DATA.train], result.features[~DATA.train])
    assert np.array_equal(found[~DATA.train], result.scores[~DATA.train])
    assert (loaded.layer, loaded.settings, loaded.provenance) == (result.layer, SETTINGS, result.provenance)


def test_a_saved_network_does_not_tell_where_its_weights_lay(tmp_path):
    save_file(start().state_dict(), tmp_path / "mine.safetensors")
    settings = SETTINGS.model_copy(
        update={"weights": str(tmp_path / "mine.safetensors"), "epochs": 1, "layer": "stage4"}
    )
    result = run(settings=settings.model_copy(update={"feature_mode": "in_sample"}))
    path = save_model(tmp_path / "model.safetensors", result)
    assert str(tmp_path).encode() not in path.read_bytes()
    loaded = load_model(path)
    assert (loaded.settings.weights, loaded.layer) == ("mine.safetensors", "stage4")
    assert np.array_equal(loaded.features_and_scores(DATA.crops)[0], result.features)


def test_files_that_are_no_model_are_named(tmp_path):
    save_file(start().state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "pickled.safetensors").write_bytes(pickle.dumps({"network": 1}))
    for name, message in (("weights", "no model of vcfnb"), ("pickled", "no file of weights"), ("absent", "no file")):
        with pytest.raises(VcfnbError, match=f"{name}.safetensors") as error:
            load_model(tmp_path / f"{name}.safetensors")
        assert message in str(error.value)


def test_augmentation_does_what_its_names_say():
    batch = torch.tensor(DATA.crops)
    draw = lambda *kinds: augment(batch, kinds, np.random.default_rng(1))  # noqa: E731
    assert torch.equal(draw(), batch)
    flipped = [bool(torch.equal(a, b.flip(-1))) for a, b in zip(draw("flip"), batch, strict=True)]
    assert {True, False} == set(flipped)
    assert all(torch.equal(a, b) for a, b, flip in zip(draw("flip"), batch, flipped, strict=True) if not flip)
    inner = [torch.nn.functional.pad(crop, (2,) * 6, mode="replicate") for crop in batch]
    for shifted, padded in zip(draw("shift"), inner, strict=True):
        windows = padded.unfold(1, 16, 1).unfold(2, 16, 1).unfold(3, 16, 1)
        assert (windows == shifted[:, None, None, None]).all((-1, -2, -3)).sum() == 1
    for changed, crop in zip(draw("intensity"), batch, strict=True):
        factor, offset = np.polyfit(crop.ravel(), changed.ravel(), 1)
        assert 0.9 <= factor <= 1.1 and abs(offset) <= 0.1


@pytest.mark.parametrize(
    "change, message",
    [
        ({"n_folds": 9}, "9 folds need as many patients of each class; there are 8 with label 1 and 8 with label 0"),
        ({"n_dimensions": 16}, "16 training cases and 1024 channels give 15 dimensions at most"),
        ({"layer": "layer3.3.conv3"}, "layer3.3.conv3.*feature layers"),
        ({"network": "resnet"}, "resnet.*choose one of"),
    ],
)
def test_settings_that_do_not_fit_fail_before_training(change, message, monkeypatch):
    monkeypatch.setattr(training, "_epoch", None)
    with pytest.raises(VcfnbError, match=message):
        run(settings=SETTINGS.model_copy(update=change))


@pytest.mark.parametrize(
    "crops, labels, message",
    [
        (DATA.crops, np.ones(24), "labels of the training cases are 1.0 only"),
        (DATA.crops[..., :15], DATA.labels, r"\(16, 16, 15\) voxels are too small"),
        (DATA.crops[:, 0], DATA.labels, "do not fit"),
        (np.where(DATA.crops > 2, np.nan, DATA.crops), DATA.labels, "not finite"),
    ],
)
def test_data_that_cannot_be_trained_on(crops, labels, message):
    with pytest.raises(VcfnbError, match=f"{message}.* -> "):
        run_expansion(crops, labels, DATA.split, SETTINGS, cores=1)


def test_patients_are_counted_not_cases():
    with pytest.raises(VcfnbError, match="2 folds need .* 1 with label 1 and 1 with label 0"):
        run(groups=np.zeros(24))


def test_a_loss_that_is_not_finite_stops_training():
    with pytest.raises(VcfnbError, match="the loss is .* -> lower learning_rate"):
        fine_tune(start(), DATA.crops, DATA.labels, SETTINGS.model_copy(update={"learning_rate": 1e30}))
