"""The benchmarks run, and compare what they say they compare."""

import json
import subprocess
import sys

import pandas as pd
import pytest
import SimpleITK as sitk
import torch
from study import ROOT, script

from vcfnb.dtl.networks import build_network, shufflenet


@pytest.fixture
def transfer():
    return script("experiments/benchmarks", "transfer")


@pytest.mark.long
def test_throughput_of_transfer_without_monai(tmp_path):
    command = [sys.executable, ROOT / "experiments" / "benchmarks" / "transfer.py", "--quick", "--only", "throughput"]
    finished = subprocess.run([*command, "--out", tmp_path], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert "MONAI is left out" in finished.stdout
    table = pd.read_csv(tmp_path / "transfer.csv")
    assert list(table.code) == ["vcfnb", "vcfnb, tricks off"]
    assert (table[["samples_per_s", "cpu_ms_per_sample"]] > 0).all(axis=None)
    assert {path.name for path in tmp_path.iterdir()} == {"transfer.csv", "transfer.png", "transfer.svg"}


@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5_3d", "shufflenet_v1_3d"])
def test_tricks_off_is_the_same_network(transfer, monkeypatch, name):
    """Without the tricks a step takes longer and gives the same logits and gradients."""
    monkeypatch.setattr(shufflenet, "channel_shuffle", shufflenet.channel_shuffle)
    crops = torch.randn(4, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = []
    for change in (lambda network: network, transfer.without_tricks):
        network = change(build_network(name, "random")[0].double())
        logits = network(crops)
        logits.square().sum().backward()
        found.append((logits, [parameter.grad for parameter in network.parameters()]))
    (logits, gradients), (plain_logits, plain_gradients) = found
    assert shufflenet.channel_shuffle is torch.nn.functional.channel_shuffle
    torch.testing.assert_close(logits, plain_logits, rtol=1e-9, atol=1e-12)
    for gradient, plain in zip(gradients, plain_gradients, strict=True):
        torch.testing.assert_close(gradient, plain, rtol=1e-6, atol=1e-8)


def test_six_models_without_early_stopping(transfer):
    """The size of the two studies' work, and that it is all of their epochs."""
    for study, size in (("demo", 40), ("paper", 48)):
        settings, cases, train, acute, edge = transfer.work_of(study, quick=False)
        assert (cases, train, edge) == (218, 175, size)
        assert settings.patience == settings.epochs
        assert 0 < acute < cases


def test_six_models_of_another_run_stay(transfer, tmp_path):
    path = tmp_path / "six_models.csv"
    for study, seconds in (("paper", 3), ("demo", 1), ("demo", 2)):
        transfer.write_six_models([{"study": study, "wall_s": seconds}], path)
    assert pd.read_csv(path).values.tolist() == [["demo", 2], ["paper", 3]]


@pytest.mark.long
def test_phantom(tmp_path):
    command = [sys.executable, ROOT / "experiments" / "benchmarks" / "phantom.py", "--quick", "--out", tmp_path]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert "12 patients in" in finished.stdout
    row = pd.read_csv(tmp_path / "phantom.csv").iloc[0]
    assert row.wall_s > 0 and row.scene_cpu_s_per_patient > 0


def test_peers_measures_one_program_and_finds_values_whatever_their_name(tmp_path):
    peers = script("experiments/benchmarks", "peers")
    files = [str(tmp_path / name) for name in ("ct.nii", "mask.nii")]
    for made, path in zip(peers.common.tiny(), files, strict=True):
        sitk.WriteImage(made, path)
    found = {}
    for program in ("vcfnb", "PyRadiomics"):
        out = tmp_path / "out.json"
        command = [sys.executable, ROOT / "experiments" / "benchmarks" / "peers.py", "--one", program, *files, "5", out]
        finished = subprocess.run(command, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        found[program] = json.loads(out.read_text())
        assert found[program]["cpu_s"] > 0 and found[program]["peak_mb"] > 50
    ours, theirs = (found[name]["values"] for name in ("vcfnb", "PyRadiomics"))
    wanted = [(value, 1e-6 * abs(value)) for value in theirs.values()]
    assert len(wanted) == peers.found_in(ours.values(), wanted) == 105
    assert peers.found_in([1.0, float("nan")], [(1.05, 0.1), (2.0, 0.5)]) == 1


def test_the_digital_phantom_of_peers_has_its_reference_values(tmp_path):
    files, wanted = script("experiments/benchmarks", "peers").phantom_case(tmp_path)
    image = sitk.ReadImage(files[0])
    assert len(wanted) == 101 and image.GetSize() == sitk.ReadImage(files[1]).GetSize() == (5, 4, 4)
