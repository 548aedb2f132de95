"""Networks on disk, trained or in training: one safetensors file, with everything else as JSON in its header."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from vcfnb import __version__, runs
from vcfnb.dtl.features import features_and_scores
from vcfnb.dtl.networks import build_network
from vcfnb.dtl.networks.weights import put_weights, read_weights
from vcfnb.dtl.reduction import Reduction
from vcfnb.dtl.settings import TrainSettings
from vcfnb.errors import VcfnbError


def plain(tensors):
    """Copies on the CPU in the memory format that safetensors writes."""
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}


def _write(path, parts, note):
    """Write tensors under the name of their part, and a note."""
    tensors = {f"{part}.{name}": value for part, named in parts.items() for name, value in named.items()}
    # One key: the order of several is not fixed in the file.
    with runs.atomic(path) as temporary:
        save_file(plain(tensors), temporary, {"vcfnb": json.dumps(note, sort_keys=True)})


def _part(tensors, prefix):
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def save_checkpoint(path, key, network, optimizer, history, finished, extra=None):
    """Write a training: network, optimizer (or None), history, and more tensors, such as the best weights so far.

    `key` says what the training depends on; :func:`resume` takes up a file of the same key only.
    """
    states = optimizer.state_dict()["state"] if optimizer else {}
    parts = {"network": network.state_dict(), "extra": extra or {}}
    parts |= {f"optimizer.{index}": state for index, state in states.items()}
    _write(path, parts, {"key": key, "finished": finished, "history": history})


def resume(path, key, network, optimizer, where):
    """Put a checkpoint of the same training into network and optimizer.

    Returns history, whether it is finished, and the extra tensors: nothing where there is no file, or one of another
    training, or a damaged one.
    """
    if not path or not Path(path).exists():
        return [], False, {}
    try:
        with safe_open(path, "pt") as file:
            note = json.loads((file.metadata() or {}).get("vcfnb", "{}"))
            if note.get("key") != key:
                return [], False, {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        # Cut short by a full disk or a crash of the machine: start over.
        return [], False, {}
    network.load_state_dict(_part(tensors, "network."))
    states = {}
    for name, value in _part(tensors, "optimizer.").items():
        index, part = name.split(".")
        states.setdefault(int(index), {})[part] = value.to(where) if part != "step" else value
    if states:
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    return note["history"], note["finished"], _part(tensors, "extra.")


@dataclass(frozen=True)
class SavedNetwork:
    """A network read by :func:`load_model`; attributes as of ExpansionResult."""

    network: nn.Module
    layer: str
    reduction: Reduction
    settings: TrainSettings
    provenance: dict

    def features_and_scores(self, crops):
        """Reduced deep features (n, n_dimensions) and probabilities of label 1 (n,) of crops (n, 1, z, y, x)."""
        features, scores = features_and_scores(self.network, crops, self.layer)
        return self.reduction.transform(features), scores

    def answering_as(self, regression):
        """The network with a regression on its reduced features in place of its classifier: what heat maps explain.

        Its output is the log odds of `regression`, a :class:`vcfnb.fusion.FittedLogistic` on ``dtl_000``, ... With
        None, and where features come from another layer than the last before the classifier, it is the network itself.
        """
        if regression is None or (self.layer or self.network.default_layer) not in self.network.head:
            return self.network
        weight, bias = np.zeros(len(self.reduction.components)), regression.intercept
        for name in regression.features:
            weight[int(name.removeprefix("dtl_"))] = regression.coefficients[name] / regression.sd[name]
            bias -= regression.coefficients[name] * regression.mean[name] / regression.sd[name]
        channels = weight @ self.reduction.components
        network = copy.deepcopy(self.network)
        with torch.no_grad():
            network.fc.weight.copy_(torch.as_tensor(channels).unsqueeze(0))
            network.fc.bias.fill_(float(bias - channels @ self.reduction.mean))
        return network


def _file(path):
    path = Path(path)
    return path if path.suffix == ".safetensors" else path / "model.safetensors"


def save_model(path, result):
    """Write an ExpansionResult or SavedNetwork but for its values of cases; returns the file.

    `path` is a ``.safetensors`` file, or a folder, which gets ``model.safetensors``.
    """
    reduction = {name: torch.tensor(getattr(result.reduction, name)) for name in ("mean", "components")}
    settings = result.settings.model_dump(mode="json")
    # Where the weights were found on this machine is nobody's business; provenance has their name and checksum.
    settings["weights"] = Path(settings["weights"]).name
    note = {
        "vcfnb": __version__,
        "layer": result.layer,
        "method": result.reduction.method,
        "settings": settings,
        "provenance": result.provenance,
    }
    _write(_file(path), {"network": result.network.state_dict(), "reduction": reduction}, note)
    return _file(path)


def weights_provenance(path):
    """Where the weights of a saved network came from, and how its features are taken; nothing else is read."""
    with safe_open(_file(path), "pt") as file:
        return json.loads(file.metadata()["vcfnb"])["provenance"]


def load_model(path):
    """Read what :func:`save_model` wrote as a SavedNetwork; features and scores come out the same.

    Raises VcfnbError when the file is missing, damaged, or not of vcfnb.
    """
    path = _file(path)
    tensors, metadata = read_weights(path)
    if "vcfnb" not in metadata:
        raise VcfnbError(
            f"{path.name} is no model of vcfnb", "give model.safetensors of a study's 04_dtl", code="model-unreadable"
        )
    note = json.loads(metadata["vcfnb"])
    settings = TrainSettings(**note["settings"])
    network, _ = build_network(settings.network, "random", activation=note["provenance"]["activation"])
    put_weights(network, _part(tensors, "network."), path.name)
    reduced = {name: value.numpy() for name, value in _part(tensors, "reduction.").items()}
    reduction = Reduction(**reduced, method=note["method"])
    return SavedNetwork(network.eval(), note["layer"], reduction, settings, note["provenance"])
