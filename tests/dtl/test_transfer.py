"""Fine-tuning, deep features in and out of fold, alignment, reduction, the saved network."""

import copy
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

from vcfnb.dtl import TrainSettings, fine_tune, load_model, run_expansion, save_model, training
from vcfnb.dtl.features import features_and_scores
from vcfnb.dtl.networks import build_network
from vcfnb.dtl.reduction import agreement, align, reduce_features
from vcfnb.dtl.training import augment
from vcfnb.errors import VcfnbError

SMALL = {"network": "shufflenet_v2_x0_5_3d", "weights": "random", "epochs": 2, "batch_size": 8, "learning_rate": 0.002}
SETTINGS = TrainSettings(**SMALL, n_dimensions=4, n_folds=2, seed=3)


def changed(**values):
    return SETTINGS.model_copy(update=values)


def cubes(size=16, noise=0.5):
    """24 crops of noise with a bright cube (label 1) or a dark one; every third case is a test case."""
    labels = np.tile([1, 0], 12)
    crops = np.random.default_rng(1).normal(0, noise, size=(24, 1, size, size, size)).astype(np.float32)
    inside = slice(size // 4, -size // 4)
    crops[:, :, inside, inside, inside] += (2 * labels - 1)[:, None, None, None, None]
    split = np.where(np.arange(24) % 6 < 4, "train", "test")
    return SimpleNamespace(crops=crops, labels=labels, split=split, train=split == "train", test=split == "test")


DATA = cubes()


def run(data=DATA, settings=SETTINGS, cores=1, **given):
    values = {"crops": data.crops, "labels": data.labels, "split": data.split} | given
    return run_expansion(**values, settings=settings, cores=cores)


@pytest.fixture(scope="module")
def result():
    return run()


@pytest.fixture
def folded(tmp_path):
    """A random network's BatchNorm has mean 0 and variance 1, as one that was folded into its convolutions."""
    save_file(start().state_dict(), tmp_path / "folded.safetensors")
    return str(tmp_path / "folded.safetensors")


def start(settings=SETTINGS):
    return build_network(settings.network, settings.weights, seed=settings.seed)[0]


def same_state(a, b):
    return all(torch.equal(value, b.state_dict()[key]) for key, value in a.state_dict().items())


def test_same_seed_same_result_on_any_number_of_cores(result):
    again = run(cores=2)
    assert np.array_equal(again.features, result.features) and np.array_equal(again.scores, result.scores)
    assert again.history.equals(result.history)
    assert not np.allclose(run(settings=changed(seed=4)).scores, result.scores)


@pytest.mark.parametrize("weights, epochs", [("random", 12), ("natural", 4)])
def test_bright_and_dark_cubes_are_told_apart(weights, epochs, request):
    data, settings = cubes(24, noise=0.1), changed(network="shufflenet_v1_3d", epochs=epochs, batch_size=16, augment=())
    if weights == "natural":
        file = request.getfixturevalue("shared") / "weights" / "shufflenet_v2_x1_0_natural.fp16.safetensors"
        settings = changed(network="shufflenet_v2_x1_0_3d", weights=str(file), epochs=epochs)
    result = run(data, settings)
    assert roc_auc_score(data.labels[data.test], result.scores[data.test]) > 0.9
    assert roc_auc_score(data.labels[data.train], result.scores[data.train]) > 0.9
    final = result.history.query("network == 'final'")
    assert final.train_auc.iloc[-1] > 0.95 and final.loss.iloc[-1] < final.loss.iloc[0]


@pytest.mark.parametrize("recipe, is_folded", [("fast", False), ("paper", False), ("fast", True)])
def test_interrupted_training_ends_with_the_same_weights(recipe, is_folded, folded, tmp_path, monkeypatch):
    settings = changed(epochs=3, recipe=recipe, weights=folded if is_folded else "random", validation_fraction=0.3)
    whole, stopped, resumed, finished = (start(settings) for _ in range(4))
    assert bool(whole.folded) == is_folded
    crops, labels, checkpoint = DATA.crops[:8], DATA.labels[:8], tmp_path / "network.safetensors"
    history = fine_tune(whole, crops, labels, settings)
    assert history.val_loss.notna().all() == (recipe == "fast") and history.kept.sum() == 1
    epoch, ran = training._epoch, []

    def fails_once(*arguments):
        ran.append(arguments[5])
        if ran == [0, 1]:
            raise KeyboardInterrupt
        return epoch(*arguments)

    monkeypatch.setattr(training, "_epoch", fails_once)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(stopped, crops, labels, settings, checkpoint)
    # After one epoch of three; they agree only if the first one's weights are those that stay.
    assert same_state(stopped, whole) == history.kept.iloc[0]
    for network in (resumed, finished):
        assert fine_tune(network, crops, labels, settings, checkpoint).equals(history)
        assert same_state(network, whole) and ran == [0, 1, 1, 2]


def test_training_stops_early_and_keeps_the_best_epoch(monkeypatch):
    losses, states = iter([0.9, 0.7, 0.7, 0.8, 0.75, 0.6]), []

    def noted(network, *arguments):
        states.append(copy.deepcopy(network))
        return next(losses)

    monkeypatch.setattr(training, "_validation_loss", noted)
    network = start()
    history = fine_tune(network, DATA.crops, DATA.labels, changed(epochs=9, patience=3, validation_fraction=0.25))
    assert history.val_loss.tolist() == [0.9, 0.7, 0.7, 0.8, 0.75]
    assert history.loc[history.kept, "epoch"].tolist() == [2]
    assert [same_state(network, state) for state in states] == [False, True, False, False, False]


def test_a_crop_that_excites_a_channel_alone_keeps_features_of_the_others_length():
    """Over small batches its statistics would be taken with this crop scaled down, and it would explode afterwards."""
    crops = np.random.default_rng(2).normal(size=(64, 1, 32, 32, 32)).astype(np.float32)
    crops[40, :, 8:24] += 6
    network, lengths = start(), []
    for voxels in (training.REFRESH_VOXELS, 16 * 32**3):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "REFRESH_VOXELS", voxels)
            training.refresh_batch_norm(network, crops)
        length = np.linalg.norm(features_and_scores(network, crops)[0], axis=1)
        lengths.append(length.max() / np.median(length))
    assert lengths[0] < 4 < 2 * lengths[0] < lengths[1]


def test_cases_that_decide_when_to_stop_are_not_trained_on():
    patients = np.repeat(np.arange(12), 2)
    fitted, held = training.validation_split(DATA.labels, patients, changed(validation_fraction=0.25))
    assert sorted([*fitted, *held]) == list(range(24)) and len(held) == 6
    assert not set(patients[fitted]) & set(patients[held]) and set(DATA.labels[held]) == {0, 1}
    settings, states = changed(validation_fraction=0.25, epochs=1), []
    for value in (0.0, 5.0):
        crops = DATA.crops.copy()
        crops[held] += value
        network = start()
        fine_tune(network, crops, DATA.labels, settings, groups=patients)
        states.append(network)
    assert same_state(*states)
    # Nobody is spared where there are fewer patients of a class than parts, without early stopping, or by the paper.
    few = (np.zeros(24, dtype=int), np.r_[np.arange(21), 20, 20, 20])
    few[0][20:] = 1
    for labels, groups, settings in (
        (*few, SETTINGS),
        (DATA.labels, None, changed(validation_fraction=0.0)),
        (DATA.labels, None, changed(recipe="paper")),
    ):
        fitted, held = training.validation_split(labels, groups, settings)
        assert len(fitted) == 24 and not len(held)


def test_finished_networks_are_not_trained_again_and_leave_no_weights(tmp_path, monkeypatch):
    once, kept = changed(epochs=1, validation_fraction=0.3), {"checkpoint_folder": tmp_path}
    first = run(settings=once, **kept)
    files = {f"fold_1_{fold}.{suffix}" for fold in (1, 2) for suffix in ("json", "npz")}
    assert {path.name for path in tmp_path.iterdir()} == {"final.safetensors", *files}
    expected = run(settings=once)
    monkeypatch.setattr(training, "_epoch", None)
    again, other = run(settings=once, **kept), run(settings=once.model_copy(update={"n_dimensions": 3}), **kept)
    for found in (first, again):
        pd.testing.assert_frame_equal(found.history, expected.history)
        assert np.array_equal(found.features, expected.features) and np.array_equal(found.scores, expected.scores)
    assert other.features.shape == (24, 3)
    for given in ({"crops": DATA.crops + 1}, {"labels": 1 - DATA.labels}, {"groups": np.arange(24) // 2}):
        with pytest.raises(TypeError):
            run(settings=once, **kept, **given)


@pytest.mark.parametrize("change", ["labels", "crops", "rate", "start", "truncated"])
def test_a_checkpoint_of_another_training_is_not_used(change, tmp_path):
    crops, labels, checkpoint = DATA.crops[:6], DATA.labels[:6], tmp_path / "network.safetensors"
    fine_tune(start(), crops, labels, changed(epochs=1), checkpoint)
    if change == "truncated":
        checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    crops, labels = crops + 0.1 * (change == "crops"), labels ^ (change == "labels")
    settings = changed(epochs=1, learning_rate=0.001 if change == "rate" else SETTINGS.learning_rate)
    fresh, begun = (start(changed(seed=9) if change == "start" else SETTINGS) for _ in range(2))
    fine_tune(fresh, crops, labels, settings)
    fine_tune(begun, crops, labels, settings, checkpoint)
    assert same_state(begun, fresh)


def test_recalibration_changes_statistics_and_no_output(folded):
    network = start(changed(weights=folded))
    before, _ = features_and_scores(network, DATA.crops)
    training.recalibrate(network, DATA.crops)
    np.testing.assert_allclose(features_and_scores(network, DATA.crops)[0], before, rtol=1e-3, atol=1e-5)
    var, mean = torch.var_mean(network.conv1[0](torch.tensor(DATA.crops)), (0, 2, 3, 4))
    torch.testing.assert_close(network.conv1[1].running_mean, mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.conv1[1].running_var, var, rtol=1e-3, atol=1e-5)


def test_crops_that_measure_are_spread_over_the_cases(folded):
    """A table may be sorted by label: its first 64 rows would then be of one class."""
    crops = np.random.default_rng(4).normal(size=(160, 1, 16, 16, 16)).astype(np.float32)
    crops[:80] += 2
    network = start(changed(weights=folded))
    training.recalibrate(network, crops)
    mean = network.conv1[0](torch.tensor(crops)).mean((0, 2, 3, 4))
    torch.testing.assert_close(network.conv1[1].running_mean, mean, rtol=0, atol=0.02)


def test_features_out_of_fold_do_not_know_their_own_label():
    # Two cases a patient, one of each label: when they are swapped, classes and folds stay as they were.
    patients, swapped = np.repeat(np.arange(12), 2), DATA.labels.copy()
    swapped[:2] = swapped[1::-1]
    # Without early stopping: its cases decide too, but are not trained on.
    settings = changed(validation_fraction=0.0)
    before, after = (run(groups=patients, settings=settings, labels=labels) for labels in (DATA.labels, swapped))
    assert not np.allclose(after.scores[DATA.test], before.scores[DATA.test])
    # The swap reached the final network, but not the one that the patient was kept from.
    assert np.array_equal(after.scores[:2], before.scores[:2])
    np.testing.assert_allclose(pdist(after.features[:2]), pdist(before.features[:2]), rtol=1e-9)
    in_sample = changed(feature_mode="in_sample", validation_fraction=0.0)
    assert not np.allclose(run(settings=in_sample).scores[:2], run(settings=in_sample, labels=swapped).scores[:2])


@pytest.mark.parametrize("reduction", ["pca", "lasso"])
def test_test_cases_change_nothing_for_training_cases(reduction):
    settings = changed(reduction=reduction, n_dimensions=2)
    before = run(settings=settings)
    other = run(settings=settings, labels=np.where(DATA.train, DATA.labels, -1))
    assert np.array_equal(other.features, before.features) and np.array_equal(other.scores, before.scores)
    moved = run(settings=settings, crops=np.where(DATA.train[:, None, None, None, None], DATA.crops, 0.3))
    assert np.array_equal(moved.features[DATA.train], before.features[DATA.train])
    assert np.array_equal(moved.reduction.components, before.reduction.components)
    assert not np.allclose(moved.features[DATA.test], before.features[DATA.test])


def test_test_features_are_the_final_networks(result):
    features, scores = features_and_scores(result.network, DATA.crops)
    expected = reduce_features(features[DATA.train], 4).transform(features)
    np.testing.assert_allclose(result.features[DATA.test], expected[DATA.test])
    assert np.array_equal(result.scores[DATA.test], scores[DATA.test])
    # Training cases come from networks of their own.
    assert not np.isclose(result.scores[DATA.train], scores[DATA.train]).any()


def test_alignment_recovers_a_rotation_from_seen_cases():
    rng, seen = np.random.default_rng(6), np.arange(20)
    hidden = rng.normal(size=(30, 5)) * [5, 4, 3, 2, 1]
    target = hidden @ ortho_group.rvs(5, random_state=1) + rng.normal(size=5)
    features = hidden @ ortho_group.rvs(40, random_state=2)[:5] + rng.normal(size=40)
    pca = reduce_features(features[seen], 5)
    np.testing.assert_allclose(align(features, seen, target, pca), target, atol=1e-9)
    only_seen = np.where(np.arange(30)[:, None] < 20, target, 99)
    np.testing.assert_allclose(align(features, seen, only_seen, pca), target, atol=1e-9)
    found = agreement(features, seen, target, pca, np.arange(20, 30))
    assert found.after.min() > 0.999 and found.before.abs().mean() < 0.9
    noise = rng.normal(size=(30, 40))  # no rotation fits: distances between principal components are kept
    own = reduce_features(noise[seen], 5).transform(noise)
    np.testing.assert_allclose(pdist(align(noise, seen, target, pca)), pdist(own))


def test_alignment_of_single_channels_gives_the_targets_scale():
    rng, seen = np.random.default_rng(6), np.arange(20)
    features = rng.normal(size=(30, 40))
    lasso = reduce_features(features[seen], 3, "lasso", features[seen, 7] > 0)
    target = lasso.transform(features)
    # The same channels on another scale, as of another network from the same start.
    other = 3 * features + np.arange(40)
    np.testing.assert_allclose(align(other, seen, target, lasso), target, atol=1e-9)
    assert agreement(other, seen, target, lasso, np.arange(20, 30)).after.min() > 0.999


def test_cross_validation_is_repeated_with_other_seeds():
    patients = np.repeat(np.arange(12), 2)
    result = run(settings=changed(n_repeats=2, epochs=1), groups=patients)
    assert result.history.network.unique().tolist() == ["final", "fold_1_1", "fold_1_2", "fold_2_1", "fold_2_2"]
    cases = pd.DataFrame({"case_id": np.arange(24), "patient_id": patients, "label": DATA.labels})
    table = result.cross_validation_table(cases)
    assert table.columns.tolist() == ["case_id", "patient_id", "label", "repeat", "fold", "score"]
    for _, repeat in table.groupby("repeat"):
        assert sorted(repeat.case_id) == np.flatnonzero(DATA.train).tolist()
        assert (repeat.groupby("patient_id").fold.nunique() == 1).all()
    first, second = (part.set_index("case_id") for _, part in table.groupby("repeat"))
    assert not np.isclose(first.score, second.score.loc[first.index], atol=0).any()
    assert np.array_equal(first.score.sort_index(), result.scores[DATA.train])
    # Both modes come out of one run; the settings name the one that is used.
    in_sample = run(settings=changed(feature_mode="in_sample", epochs=1), groups=patients)
    np.testing.assert_array_equal(in_sample.features, result.by_mode["in_sample"])
    np.testing.assert_array_equal(in_sample.by_mode["out_of_fold"], result.features)
    assert set(result.alignment.network) == {"fold_1_1", "fold_1_2"} and len(result.alignment) == 8


def test_reductions_keep_what_they_promise():
    features = np.random.default_rng(8).normal(size=(40, 30)) * np.linspace(3, 0.5, 30) + 10
    reduced = reduce_features(features, 6).transform(features)
    variances = np.linalg.eigvalsh(np.cov(features.T))[::-1]
    np.testing.assert_allclose(np.cov(reduced.T), np.diag(variances[:6]), atol=1e-9)
    label, chosen = features[:, 20] > 10, (features[:, 20] - features[:, 20].mean()) / features[:, 20].std()
    np.testing.assert_allclose(reduce_features(features, 3, "lasso", label).transform(features)[:, 0], chosen)


def test_saved_network_gives_the_same_and_runs_no_code(folded, tmp_path, monkeypatch):
    result = run(settings=changed(weights=folded, layer="stage4", epochs=1))
    assert str(tmp_path).encode() not in save_model(tmp_path / "04_dtl", result).read_bytes()

    def refuse(*arguments, **options):
        raise AssertionError("unpickled")

    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refuse)
    loaded = load_model(tmp_path / "04_dtl")
    for found, expected in zip(loaded.features_and_scores(DATA.crops), (result.features, result.scores), strict=True):
        assert np.array_equal(found[DATA.test], expected[DATA.test])
    assert (loaded.layer, loaded.provenance) == ("stage4", result.provenance)
    assert loaded.settings == changed(weights="folded.safetensors", layer="stage4", epochs=1)


def test_files_that_are_no_model_are_named(folded, tmp_path):
    (tmp_path / "pickled.safetensors").write_bytes(pickle.dumps({"network": 1}))
    for name, message in (("folded", "no model of vcfnb"), ("pickled", "no file of weights"), ("absent", "no file")):
        with pytest.raises(VcfnbError, match=f"{name}.safetensors") as error:
            load_model(tmp_path / f"{name}.safetensors")
        assert message in str(error.value)


def test_augmentation_flips_shifts_and_scales():
    batch = torch.tensor(DATA.crops)
    flip, shift, scale = (augment(batch, [kind], np.random.default_rng(1)) for kind in ("flip", "shift", "intensity"))
    kept = (flip == batch).flatten(1).all(1)
    assert kept.any() and not kept.all() and torch.equal(flip[~kept], batch[~kept].flip(-1))
    padded = torch.nn.functional.pad(batch, (2,) * 6, mode="replicate")
    windows = padded.unfold(2, 16, 1).unfold(3, 16, 1).unfold(4, 16, 1)
    assert ((windows == shift[:, :, None, None, None]).flatten(5).all(-1).flatten(1).sum(1) == 1).all()
    factors, offsets = np.transpose([np.polyfit(a.ravel(), b.ravel(), 1) for a, b in zip(batch, scale, strict=True)])
    assert 0.02 < np.abs(factors - 1).max() <= 0.1 and 0.02 < np.abs(offsets).max() <= 0.1


@pytest.mark.parametrize(
    "given, message",
    [
        ({"settings": changed(n_folds=9)}, "9 folds .* there are 8 with label 1 and 8 with label 0 to train on"),
        ({"settings": changed(n_dimensions=16)}, "16 training cases and 1024 channels give 15 dimensions at most"),
        ({"settings": changed(layer="layer3.3.conv3")}, "layer3.3.conv3.* is not in"),
        ({"labels": np.ones(24)}, "labels of the training cases are 1.0 only"),
        ({"crops": DATA.crops[..., :15]}, r"\(16, 16, 15\) voxels are too small"),
        ({"crops": DATA.crops[:, 0]}, "do not fit"),
        ({"crops": np.where(DATA.crops > 2, np.nan, DATA.crops)}, "not finite"),
        ({"groups": np.zeros(24)}, "2 folds need .* 1 with label 1 and 1 with label 0"),
    ],
)
def test_what_cannot_be_trained_fails_before_training(given, message, monkeypatch):
    monkeypatch.setattr(training, "_epoch", None)
    with pytest.raises(VcfnbError, match=f"{message}.* -> "):
        run(**given)


def test_a_loss_that_is_not_finite_stops_training():
    with pytest.raises(VcfnbError, match="the loss is .* -> lower learning_rate"):
        fine_tune(start(), DATA.crops, DATA.labels, changed(learning_rate=1e30))
