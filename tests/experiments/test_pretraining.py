"""Synthetic volumes, the training of the weights that are shipped, and these weights."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from study import ROOT

from vcfnb.dtl.networks import NETWORKS, build_network
from vcfnb.dtl.networks.weights import SHIPPED, shipped_weights
from vcfnb.errors import VcfnbError


@pytest.fixture(scope="module")
def pretraining():
    sys.path.insert(0, str(ROOT / "experiments" / "pretraining"))
    try:
        yield {name: importlib.import_module(name) for name in ("volumes", "train", "evaluate")}
    finally:
        sys.path.remove(str(ROOT / "experiments" / "pretraining"))


def test_volumes_depend_on_their_two_numbers_alone(pretraining):
    make, heads = pretraining["volumes"].make_volume, pretraining["volumes"].HEADS
    volume, labels = make(3, 14)
    again, labels_again = make(3, 14)
    assert np.array_equal(volume, again) and np.array_equal(labels, labels_again)
    assert volume.shape == (48, 48, 48) and volume.dtype == np.uint8 and labels.shape == (len(heads),)
    assert not np.array_equal(make(3, 15)[0], volume) and not np.array_equal(make(4, 14)[0], volume)


def test_labels_are_classes_or_have_no_answer(pretraining):
    volumes = pretraining["volumes"]
    table = pd.DataFrame([volumes.make_volume(0, index)[1] for index in range(60)], columns=list(volumes.HEADS))
    for name, n in zip(volumes.HEADS, volumes.N_CLASSES, strict=True):
        absent = table[name] == volumes.NO_ANSWER
        assert table.loc[~absent, name].between(0, n - 1).all()
        needed = volumes.NEEDS.get(name)
        assert (absent == (table[needed] == 0)).all() if needed else not absent.any()


def test_what_a_label_says_can_be_seen(pretraining):
    """Brighter than its surroundings, larger, noisier: three heads against a direct measurement."""
    volumes = pretraining["volumes"]
    names = list(volumes.HEADS)
    made = [volumes.make_volume(1, index) for index in range(80)]
    density, noise = (np.array([labels[names.index(name)] for _, labels in made]) for name in ("density", "noise"))
    inner = np.array([np.median(v[20:28, 20:28, 20:28]) for v, _ in made], dtype=float)
    outer = np.array([np.median(v[[0, -1]]) for v, _ in made], dtype=float)
    assert np.corrcoef(density, inner - outer)[0, 1] > 0.6
    rough = np.array([np.median(np.abs(np.diff(v[:4].astype(float), axis=2))) for v, _ in made])
    assert np.corrcoef(noise, rough)[0, 1] > 0.4


def tiny(train, folder, monkeypatch):
    for name, value in {"SHARD": 16, "ROUNDS": 2, "HELD_OUT": 1}.items():
        monkeypatch.setattr(train, name, value)
    options = ["--volumes", "48", "--epochs", "1", "--batch-size", "8", "--cores", "1"]
    places = ["--work", str(folder / "work"), "--out", str(folder / "out")]
    monkeypatch.setattr(sys, "argv", ["train.py", "shufflenet_v2_x0_5_3d", *options, *places])
    return folder / "out" / "shufflenet_v2_x0_5_3d.safetensors"


def test_pretraining_goes_on_where_it_was(pretraining, tmp_path, monkeypatch, capsys):
    train = pretraining["train"]
    whole = tiny(train, tmp_path / "whole", monkeypatch)
    train.main()
    assert "accuracy" in capsys.readouterr().out
    resumed, one_round, ran = tiny(train, tmp_path / "resumed", monkeypatch), train._round, []

    def fails_once(*arguments):
        ran.append(arguments[5])
        if len(ran) == 2:
            raise KeyboardInterrupt
        return one_round(*arguments)

    monkeypatch.setattr(train, "_round", fails_once)
    with pytest.raises(KeyboardInterrupt):
        train.main()
    train.main()
    assert ran == [0.0, 0.5, 0.5]
    assert resumed.read_bytes() == whole.read_bytes()
    state = load_file(whole)
    assert {value.dtype for value in state.values()} == {torch.float16}
    assert not any(name.startswith("fc.") for name in state)
    network, provenance = build_network("shufflenet_v2_x0_5_3d", whole)
    assert provenance["left_random"] == ["fc"]
    table = pd.read_csv(whole.with_suffix(".accuracy.csv"))
    assert table["accuracy"].between(0, 1).all() and len(table) == len(pretraining["volumes"].HEADS)


def test_summary_pairs_the_seeds(pretraining):
    auc = {"random": [0.7, 0.8, 0.6], "shipped": [0.8, 0.9, 0.75]}
    rows = [
        {"weights": w, "n_train": 42, "seed": s, "auc": a} for w, values in auc.items() for s, a in enumerate(values)
    ]
    table = pretraining["evaluate"].summary(pd.DataFrame(rows)).set_index("weights")
    gain = np.array([0.1, 0.1, 0.15])
    half = 4.302653 * gain.std(ddof=1) / np.sqrt(3)  # t quantile 0.975 of 2 degrees of freedom
    found = table.loc["shipped", ["auc", "gain", "gain_low", "gain_high"]].tolist()
    assert found == pytest.approx([2.45 / 3, gain.mean(), gain.mean() - half, gain.mean() + half])
    figure = pretraining["evaluate"].comparison(pd.DataFrame(rows), table.reset_index())
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.700", "0.817"]
    assert "simulated data" in {text.get_text() for text in figure.texts}


SHIPS = sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


@pytest.mark.parametrize("name", SHIPS)
def test_shipped_weights_fit_their_network(name):
    network, provenance = build_network(name, "shipped")
    assert provenance["left_random"] == ["fc"] and not provenance["folded_batch_norm"]
    assert provenance["source"].startswith("shipped with vcfnb") and len(provenance["sha256"]) == 64
    accuracy = pd.read_csv(SHIPPED / f"{name}.accuracy.csv")
    assert (accuracy.accuracy - accuracy.commonest).mean() > 0.05
    with torch.no_grad():
        assert torch.isfinite(network.eval()(torch.zeros(2, 1, 24, 24, 24))).all()


def test_what_is_shipped_is_small_and_told():
    assert {"shufflenet_v2_x1_0_3d", "shufflenet_v1_3d"} <= set(SHIPS) <= set(NETWORKS)
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 5e6
    card = (SHIPPED / "MODEL_CARD.md").read_text()
    assert all(name in card for name in SHIPS) and "Research use only" in card
    with pytest.raises(VcfnbError, match="none of shufflenet_v2_x0_5_25d are shipped.* -> .*shufflenet_v2_x1_0_3d"):
        shipped_weights("shufflenet_v2_x0_5_25d")
