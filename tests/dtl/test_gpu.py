"""On a GPU: one process, and deterministic operations. No GPU is needed: torch is told that there is one."""

import os
import sys

import numpy as np
import pytest
import torch
from study import ROOT

from vcfnb import dtl, runs
from vcfnb.dtl import expansion, training


class Stop(Exception):
    pass


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")


def state():
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, cudnn.benchmark


def test_training_is_deterministic_and_leaves_torch_as_it_was(gpu, monkeypatch):
    def look(*_, **__):
        assert training.device().type == "cuda"
        raise Stop(state(), os.environ["CUBLAS_WORKSPACE_CONFIG"])

    monkeypatch.setattr(torch.nn.Linear, "to", look)
    network = torch.nn.Linear(1, 1)
    network.memory_format = torch.contiguous_format
    crops, labels = np.zeros((4, 1, 16, 16, 16)), np.array([0, 1, 0, 1])
    torch.backends.cudnn.benchmark = True
    try:
        with pytest.raises(Stop) as seen:
            dtl.fine_tune(network, crops, labels, dtl.TrainSettings())
        assert seen.value.args == ((True, True, False), ":4096:8")
        assert state() == (False, False, True)
    finally:
        torch.backends.cudnn.benchmark = False


@pytest.mark.parametrize(("there", "cores"), [(True, 1), (False, 4)])
def test_networks_train_one_after_the_other(there, cores, monkeypatch):
    def look(_work, _jobs, cores, desc):
        raise Stop(cores)

    monkeypatch.setattr(runs, "parallel_map", look)
    monkeypatch.setattr(expansion, "device", lambda: torch.device("cuda" if there else "cpu"))
    crops, labels = np.zeros((8, 1, 16, 16, 16)), np.arange(8) % 2
    settings = dtl.TrainSettings(n_folds=2, n_dimensions=2, weights="random", network="shufflenet_v2_x0_5_3d")
    with pytest.raises(Stop) as seen:
        dtl.run_expansion(crops, labels, np.full(8, "train"), settings, cores=4)
    assert seen.value.args == (cores,)


@pytest.mark.parametrize(("there", "options"), [(True, ["--resources", "networks=1"]), (False, [])])
def test_notebooks_with_networks_run_one_after_the_other(there, options, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.syspath_prepend(str(ROOT / "workflow"))
    import run

    monkeypatch.setattr(run.shutil, "which", lambda name: "a driver")
    assert run.one_gpu() == options
    sys.modules.pop("run")
