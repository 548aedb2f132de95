"""The trained network on disk: one safetensors file, with everything else as JSON in its header."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from vcfnb import __version__, runs
from vcfnb.dtl.checkpoints import plain
from vcfnb.dtl.features import features_and_scores
from vcfnb.dtl.networks import build_network
from vcfnb.dtl.networks.weights import put_weights, read_weights
from vcfnb.dtl.reduction import Reduction
from vcfnb.dtl.settings import TrainSettings
from vcfnb.errors import VcfnbError


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


def _file(path):
    path = Path(path)
    return path if path.suffix == ".safetensors" else path / "model.safetensors"


def save_model(path, result):
    """Write network, layer, reduction, settings and provenance of an expansion.

    Parameters
    ----------
    path : path
        A ``.safetensors`` file, or a folder, which gets ``model.safetensors``.
    result : ExpansionResult or SavedNetwork

    Returns
    -------
    pathlib.Path
    """
    from safetensors.torch import save_file

    tensors = {f"network.{name}": value for name, value in result.network.state_dict().items()}
    for name in ("mean", "components"):
        tensors[f"reduction.{name}"] = torch.tensor(getattr(result.reduction, name))
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
    # One key: the order of several is not fixed in the file.
    with runs.atomic(_file(path)) as temporary:
        save_file(plain(tensors), temporary, {"vcfnb": json.dumps(note, sort_keys=True)})
    return _file(path)


def weights_provenance(path):
    """Where the weights of a saved network came from, and how its features are taken; nothing else is read.

    Parameters
    ----------
    path : path
        As of :func:`load_model`.

    Returns
    -------
    dict
        See ExpansionResult.
    """
    from safetensors import safe_open

    with safe_open(_file(path), "pt") as file:
        return json.loads(file.metadata()["vcfnb"])["provenance"]


def load_model(path):
    """Read what :func:`save_model` wrote; features and scores come out the same.

    Raises
    ------
    VcfnbError
        When the file is missing, damaged, or not of vcfnb.

    Returns
    -------
    SavedNetwork
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
    state = {name[8:]: value for name, value in tensors.items() if name.startswith("network.")}
    put_weights(network, state, path.name)
    reduction = Reduction(tensors["reduction.mean"].numpy(), tensors["reduction.components"].numpy(), note["method"])
    return SavedNetwork(network.eval(), note["layer"], reduction, settings, note["provenance"])
