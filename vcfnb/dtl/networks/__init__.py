"""Three-dimensional ShuffleNets and one on slices, their weights, and their layers by name."""

import contextlib
import difflib
import hashlib
from pathlib import Path

import torch
from torch import nn

from vcfnb.dtl.networks.shufflenet import ShuffleNetV1, ShuffleNetV2
from vcfnb.dtl.networks.slices import SliceShuffleNetV2
from vcfnb.dtl.networks.weights import (
    download_imagenet,
    folded_batch_norms,
    import_torchvision,
    put_weights,
    read_weights,
    shipped_weights,
    slope_of,
    state_digest,
)
from vcfnb.errors import VcfnbError

NETWORKS = {
    "shufflenet_v2_x1_0_3d": lambda **options: ShuffleNetV2((24, 116, 232, 464, 1024), **options),
    "shufflenet_v2_x0_5_3d": lambda **options: ShuffleNetV2((24, 48, 96, 192, 1024), **options),
    "shufflenet_v1_3d": ShuffleNetV1,
    "shufflenet_v2_x1_0_25d": lambda **options: SliceShuffleNetV2("shufflenet_v2_x1_0", **options),
    "shufflenet_v2_x0_5_25d": lambda **options: SliceShuffleNetV2("shufflenet_v2_x0_5", **options),
}


def build_network(name="shufflenet_v2_x1_0_3d", weights="imagenet", n_classes=1, seed=0, activation=None):
    """Make a ShuffleNet for crops.

    Parameters
    ----------
    name : str
        One of ``NETWORKS``. Version 2 is torchvision's, inflated (``_3d``), or as it is on three orthogonal slices
        (``_25d``); version 1 is the paper's (inferred): 3 groups, 240/480/960 channels.
    weights : str or path
        ``"imagenet"`` (torchvision's, downloaded), ``"shipped"`` (ours, from synthetic volumes), ``"random"`` (from
        `seed`), or a file: ``.safetensors`` or a torch state dict, two-dimensional with torchvision's names or
        three-dimensional.
    n_classes : int
        Outputs (logits).
    seed : int
        Of the random initialisation: of everything, or of the head that the file lacks.
    activation : str, optional
        ``"ReLU"`` or ``"LeakyReLU(0.1)"``; by default what the file's metadata say, else ReLU.

    Returns
    -------
    network : torch.nn.Module
        Takes float32 (n, 1, z, y, x), gives logits (n, n_classes). ``network.folded`` names its BatchNorm layers
        that have to be recalibrated before training.
    provenance : dict
        network, source, sha256, activation, n_loaded, left_random (modules that kept random values), folded_batch_norm.

    Raises
    ------
    VcfnbError
        For an unknown name, weights that are not available or do not fit.
    """
    if name not in NETWORKS:
        raise VcfnbError(
            f"network {name!r} is not known", f"choose one of {', '.join(NETWORKS)}", code="unknown-choice"
        )
    state, metadata, sha256 = None, {}, None
    if weights == "imagenet":
        state, source = download_imagenet(name)
        sha256 = state_digest(state)
    elif weights == "random":
        source = f"random initialisation, seed {seed}"
    else:
        path = shipped_weights(name) if weights == "shipped" else Path(weights)
        state, metadata = read_weights(path)
        source, sha256 = path.name, hashlib.sha256(path.read_bytes()).hexdigest()
        if weights == "shipped":
            source = "shipped with vcfnb, trained on synthetic volumes"
    activation = activation or metadata.get("activation") or "ReLU"
    network = _initialised(name, n_classes, slope_of(activation), seed)
    loaded, left = put_weights(network, state, source) if state is not None else ([], list(network.state_dict()))
    network.folded = folded_batch_norms(network, loaded)
    return network, {
        "network": name,
        "source": source,
        "sha256": sha256,
        "activation": activation,
        "n_loaded": len(loaded),
        "left_random": sorted({key.split(".")[0] for key in left if not key.endswith("num_batches_tracked")}),
        "folded_batch_norm": bool(network.folded),
    }


def _initialised(name, n_classes, slope, seed):
    """A network with random weights (He et al. 2015), drawn without touching the global generator's state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = NETWORKS[name](n_classes=n_classes, slope=slope)
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d)):
                nn.init.kaiming_normal_(module.weight, a=slope)
    return network


def feature_layers(network):
    """Names of the layers whose output has spatial axes, in the network's order."""
    seen = set()

    def note(name):
        return lambda module, inputs, output: seen.add(name) if output.dim() >= 4 else None

    hooks = [module.register_forward_hook(note(name)) for name, module in network.named_modules() if name]
    training = network.training
    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, 1, 32, 32, 32, device=next(network.parameters()).device))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return [name for name, _ in network.named_modules() if name in seen]


def check_layer(network, layer=None):
    """The name of a feature layer, by default the network's own; or VcfnbError with the nearest names."""
    if layer is None:
        return network.default_layer
    names = feature_layers(network)
    if layer not in names:
        near = difflib.get_close_matches(layer, names, n=5, cutoff=0.3) or names[-5:]
        raise VcfnbError(
            f"layer {layer!r} is not in {type(network).__name__}",
            f"take one of its {len(names)} feature layers, "
            f"such as {', '.join(near)} (default {network.default_layer}; vcfnb.dtl.networks.feature_layers lists all)",
            code="unknown-choice",
        )
    return layer


@contextlib.contextmanager
def pooled_output(network, layer):
    """Yield a list that gets a layer's output (n, channels) of each pass, averaged over space (and slices)."""
    collected = []

    # Averaged inside the hook: an activation behind the layer may work in place on this very output.
    def pool(module, inputs, output):
        pooled = output.mean(tuple(range(2, output.dim())))
        collected.append(pooled.unflatten(0, (network.n_slices, -1)).mean(0))

    hook = network.get_submodule(check_layer(network, layer)).register_forward_hook(pool)
    try:
        yield collected
    finally:
        hook.remove()
