"""A training on disk: written aside first, and taken up only by the very training that wrote it."""

import json
from pathlib import Path

import torch

from vcfnb import runs


def plain(tensors):
    """Copies on the CPU in the memory format that safetensors writes."""
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}


def save(path, key, network, optimizer, history, finished, extra=None):
    """Write network, optimizer and history.

    Parameters
    ----------
    path : path
        A safetensors file.
    key : str
        What this training depends on; :func:`resume` takes up a file of the same key only.
    network : torch.nn.Module
    optimizer : torch.optim.Optimizer or None
    history : list of dict
    finished : bool
    extra : dict of str to torch.Tensor, optional
        More tensors to keep, such as the best weights so far.
    """
    from safetensors.torch import save_file

    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"extra.{name}": value for name, value in (extra or {}).items()}
    if optimizer:
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    note = json.dumps({"key": key, "finished": finished, "history": history})
    with runs.atomic(path) as temporary:
        save_file(plain(tensors), temporary, {"vcfnb": note})


def resume(path, key, network, optimizer, where):
    """Put a checkpoint of the same training into network and optimizer.

    Returns
    -------
    history : list of dict
        Empty where there is no file, or one of another training, or a damaged one.
    finished : bool
    extra : dict of str to torch.Tensor
    """
    from safetensors import SafetensorError, safe_open

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


def _part(tensors, prefix):
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
