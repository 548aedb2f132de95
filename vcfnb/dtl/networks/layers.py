"""Layers by name: which there are, and their output."""

import contextlib
import difflib

import torch

from vcfnb.errors import VcfnbError


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
    """The name of a feature layer, the network's default one for None; VcfnbError with the nearest names if there is
    none.
    """
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
    """Yield a list that gets the output (n, channels) of a layer at each forward pass, averaged over space (and
    slices).
    """
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
