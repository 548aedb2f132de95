"""Weights from a file or from torchvision, put into a network."""

import hashlib
import json
import pickle
import re
from pathlib import Path

import torch
from safetensors import safe_open
from torch.nn.modules.batchnorm import _BatchNorm

from vcfnb.errors import VcfnbError

# Weights of our own, trained on synthetic volumes (see MODEL_CARD.md there, and experiments/pretraining/).
SHIPPED = Path(__file__).resolve().parent / "shipped"
_IMAGENET = ("shufflenet_v2_x1_0_3d", "shufflenet_v2_x0_5_3d", "shufflenet_v2_x1_0_25d", "shufflenet_v2_x0_5_25d")
# The fragment must stay alive: its operators vanish with it.
_FRAGMENT = None


def import_torchvision():
    """Return the module torchvision.

    A torchvision built against another torch (a CUDA build beside a CPU torch) fails to import with "operator
    torchvision::nms does not exist", although the models need no such operator. Only in that case, the two missing
    schemas are defined and the import is tried again; a matching pair never comes here.
    """
    global _FRAGMENT
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        _FRAGMENT = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            _FRAGMENT.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    return torchvision


def read_weights(path):
    """State dict and metadata (of safetensors; else empty) of a file of weights, read without unpickling code.

    `path` is a ``.safetensors`` file or a state dict of ``torch.save``. Raises VcfnbError when it is missing,
    truncated, or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise VcfnbError(
            f"weights: no file {path}", "give a weights file, 'shipped', 'imagenet' or 'random'", code="file-missing"
        )
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises nearly anything when it meets bytes that are no pickle
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise VcfnbError(
            f"weights: {path.name} is truncated or no file of weights ({reason})",
            "copy or download it again",
            code="weights-unreadable",
        ) from None
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    items = state.items() if isinstance(state, dict) else [(None, None)]
    if not all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in items):
        raise VcfnbError(
            f"weights: {path.name} holds no state dict", "save network.state_dict() alone", code="weights-unreadable"
        )
    return {key.removeprefix("module."): value for key, value in state.items()}, {}


def shipped_weights(name):
    """Path of our own weights of a network, trained on synthetic volumes; or VcfnbError."""
    path = SHIPPED / f"{name}.safetensors"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.safetensors")))
        raise VcfnbError(
            f"weights: none of {name} are shipped with vcfnb",
            f"give a weights file, 'random', or a network that has them: {known}",
            code="weights-unavailable",
        )
    return path


def download_imagenet(name):
    """torchvision's ImageNet weights of a network, and what they are called; or VcfnbError.

    Downloaded once, and checked against the checksum in their name.
    """
    if name not in _IMAGENET:
        raise VcfnbError(
            f"weights: there are no public ImageNet weights of {name}",
            f"give a weights file, 'shipped', 'random', or a network that has them: {', '.join(_IMAGENET)}",
            code="weights-unavailable",
        )
    entry = import_torchvision().models.get_model_weights(name.rpartition("_")[0]).IMAGENET1K_V1
    try:
        return entry.get_state_dict(progress=False, check_hash=True, weights_only=True), f"torchvision {entry}"
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise VcfnbError(
            f"weights: ImageNet weights could not be downloaded from {entry.url} ({error})",
            "download that file elsewhere and set weights to its path, or set weights to 'shipped' (no download) or "
            "'random'",
            code="weights-unavailable",
        ) from None


def inflate(state, target):
    """Turn two-dimensional weights of an RGB network into those of a network with one channel, flat or not.

    A k x k kernel is repeated k times along depth and divided by k, so that a volume that is constant along depth gives
    what its slice gave (Carreira and Zisserman 2017); the first convolution is summed over red, green and blue, as
    three equal channels would be. The shapes in `target`, the network's state dict, decide; tensors that fit nowhere
    are passed on.
    """
    inflated = {}
    for key, value in state.items():
        value = value.float() if value.is_floating_point() else value
        wanted = target[key].shape if key in target else value.shape
        if value.dim() in (4, 5) and len(wanted) in (4, 5) and value.shape[1] == 3 and wanted[1] == 1:
            value = value.sum(1, keepdim=True)
        if value.dim() == 4 and len(wanted) == 5:
            value = value[:, :, None].expand(-1, -1, wanted[2], -1, -1) / wanted[2]
        inflated[key] = value
    return inflated


def put_weights(network, state, source):
    """Load a state dict, two- or three-dimensional, into a network; only its head may be left as it was.

    Returns the keys that were loaded, and those that kept their values. Raises VcfnbError with the names of keys that
    are missing or unknown, of another shape, or not finite.
    """
    target = network.state_dict()
    if max(map(torch.Tensor.dim, target.values())) < max(map(torch.Tensor.dim, state.values()), default=0):
        raise VcfnbError(
            f"weights: {source} is of a three-dimensional network, and {type(network).__name__} looks at slices",
            "give two-dimensional weights (torchvision's names), or choose a network whose name ends in _3d",
            code="weights-mismatch",
        )
    state = inflate(state, target)
    # A classifier of another number of classes is no use here.
    for key in ("fc.weight", "fc.bias"):
        if key in state and state[key].shape[1:] == target[key].shape[1:] and len(state[key]) != len(target[key]):
            del state[key]
    absent_heads = [name for name in network.head if not any(key.startswith(f"{name}.") for key in state)]
    wanted = [key for key in target if key.split(".")[0] not in absent_heads]
    # Older files do not count batches.
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    problems = {
        "missing": missing,
        "unknown": [key for key in state if key not in target],
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(target[key].shape)}"
            for key in wanted
            if key in state and state[key].shape != target[key].shape
        ],
        "not finite": [key for key, value in state.items() if not value.isfinite().all()],
    }
    if any(problems.values()):
        text = "; ".join(f"{len(keys)} {kind} ({_some(keys)})" for kind, keys in problems.items() if keys)
        raise VcfnbError(
            f"weights: {source} does not fit the network: keys {text}",
            "give weights of this architecture",
            code="weights-mismatch",
        )
    loaded = [key for key in target if key in state]
    network.load_state_dict({key: state[key] for key in loaded}, strict=False)
    return loaded, [key for key in target if key not in state]


def _some(keys, n=3):
    return ", ".join(keys[:n]) + (", ..." if len(keys) > n else "")


def slope_of(activation):
    """Negative slope of an activation's name: ``"ReLU"`` is 0, ``"LeakyReLU(0.1)"`` is 0.1; or VcfnbError."""
    if activation in (None, "ReLU"):
        return 0.0
    match = re.fullmatch(r"LeakyReLU\(([\d.]+)\)", activation)
    if not match:
        raise VcfnbError(
            f"activation {activation!r} is not known", "write ReLU or LeakyReLU(slope)", code="unknown-choice"
        )
    return float(match[1])


def batch_norms(network):
    """All BatchNorm layers of a network by name."""
    return {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}


def folded_batch_norms(network, loaded):
    """Names of the BatchNorm layers that were loaded with mean 0 and variance 1 throughout.

    Their normalisation was folded into the convolutions; see :func:`vcfnb.dtl.training.recalibrate` for what that asks
    of training.
    """
    loaded_norms = {name: norm for name, norm in batch_norms(network).items() if f"{name}.running_mean" in loaded}
    # Some files store 1 - eps, so that the layer's own eps is made up for.
    is_one = {name: bool(((norm.running_var - 1).abs() < 1e-4).all()) for name, norm in loaded_norms.items()}
    return [name for name, norm in loaded_norms.items() if is_one[name] and not norm.running_mean.any()]


def state_digest(state):
    """SHA-256 over the names and values of a state dict."""
    sha = hashlib.sha256()
    for key in sorted(state):
        value = state[key].detach().cpu().contiguous()
        sha.update(json.dumps([key, str(value.dtype), list(value.shape)]).encode())
        sha.update(value.numpy().tobytes())
    return sha.hexdigest()
