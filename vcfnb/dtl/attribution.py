"""What the network looks at: heat maps of the evidence for its answer, coarse (Grad-CAM) and fine (gradients).

The evidence is the logit where the network says acute, and minus the logit where it says chronic.

Sources: Selvaraju et al. 2017 (Grad-CAM, arXiv 1610.02391), Sundararajan et al. 2017 (integrated gradients, arXiv
1703.01365); both computed by captum.
"""

import contextlib
from itertools import product

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from vcfnb.dtl.features import device, in_batches, one_thread
from vcfnb.dtl.networks import check_layer
from vcfnb.dtl.networks.slices import on_slices
from vcfnb.errors import VcfnbError


@contextlib.contextmanager
def _frozen(network):
    """Yield the evidence, a function of crops and signs, and the device.

    Meanwhile the network is in evaluation, without gradients of its weights.
    """
    where, training = device(), network.training
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.to(where, memory_format=network.memory_format).eval()
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        with one_thread():
            yield lambda x, sign: network(x).squeeze(1) * sign, where
    finally:
        network.train(training)
        for parameter in learning:
            parameter.requires_grad_(True)


def _batches(network, crops, batch_size, where):
    """Crops on the device and the sign of each one's answer: 1 acute, -1 chronic."""
    if not len(crops):
        raise VcfnbError("no crops", "there is nothing to look at", code="no-cases")
    for x in in_batches(crops, batch_size, where):
        with torch.no_grad():
            sign = torch.where(network(x).squeeze(1) >= 0, 1.0, -1.0)
        yield x, sign


def grad_cam(network, crops, layer=None, batch_size=16, shifted=True):
    """Grad-CAM: the channels of a layer, weighted by the mean gradient of the evidence, summed, without negative parts.

    The default layer is the network's ``cam_layer``: the first stage (stage2 of ShuffleNetV2, layer1 of version 1). A
    crop of 48 voxels leaves 6 cells an edge there, one for about 8 mm of the patient; at the last stage there are 2,
    which tell nothing about where. Even so a cell is as wide as the ring of 6 mm around the bone: its shares are
    blurred, and :func:`integrated_gradients` is the finer method to hold them against.

    Parameters
    ----------
    network : torch.nn.Module
        One output.
    crops : array (n, 1, z, y, x)
        Cubes, see :func:`vcfnb.preprocessing.crops.load_crops`.
    layer : str, optional
        See :func:`vcfnb.dtl.networks.feature_layers`. An activation that works in place on its output belongs to it.
    batch_size : int
    shifted : bool
        Average over copies of the crop that are moved by a twelfth of its edge (half a cell of the default layer)
        along every axis, either way. A single map has its maximum at the crop's faces in most cases, whatever lies
        there, as the convolutions pad with zeros: such heat stays with the faces and not with the patient, and
        vanishes in the average.

    Returns
    -------
    numpy.ndarray of float32, shape (n, z, y, x)
        Non-negative, in the logit's unit, interpolated linearly between the layer's cells. Zero everywhere where no
        cell speaks for the answer. A network on slices has its maps on these slices, and zeros elsewhere.

    Raises
    ------
    VcfnbError
        When there is no such layer, or no crop.
    """
    from captum.attr import LayerGradCam

    layer = check_layer(network, layer or network.cam_layer)
    shape, heatmaps = np.shape(crops)[2:], []
    with _frozen(network) as (evidence, where):
        method = LayerGradCam(evidence, network.get_submodule(layer))
        for x, sign in _batches(network, crops, batch_size, where):
            moves = list(_moves(network, shape[0])) if shifted else [(0, 0, 0)]
            heat = 0.0
            for move in moves:
                moved = _moved(x, move, "replicate")
                # The input asks for the gradients, as no weight does.
                cells = method.attribute(moved.requires_grad_(), additional_forward_args=sign, relu_attributions=True)
                back = [-step for step in move][5 - cells.dim() :]
                cells = _between_cells(cells.detach().squeeze(1), shape[: cells.dim() - 2])
                heat = heat + _moved(cells.unsqueeze(1), back, "constant").squeeze(1) / len(moves)
            heatmaps.append((on_slices(heat) if network.n_slices > 1 else heat).cpu().numpy())
    return np.concatenate(heatmaps)


def integrated_gradients(network, crops, baseline=None, n_steps=16, signed=False, batch_size=16):
    """Integrated gradients: what each voxel adds to the evidence on the way from a crop without structure.

    The gradient is averaged along the straight line from the baseline to the crop (Gauss-Legendre) and multiplied by
    their difference; signed values sum to the evidence of the crop less that of the baseline.

    Parameters
    ----------
    network, crops
        As of :func:`grad_cam`.
    baseline : float, optional
        Grey value of a uniform crop, on the scale of the crops. By default each crop's own mean, which lies between
        soft tissue and spongy bone: a baseline at either one's grey value gives that tissue no attribution at all,
        whatever the network makes of it.
    n_steps : int
        Places along the line, a forward and a backward pass each.
    signed : bool
        Keep the sign: positive voxels speak for the network's answer, negative ones against it.
    batch_size : int
        Passes at once.

    Returns
    -------
    numpy.ndarray of float32, shape (n, z, y, x)
        Absolute values unless `signed`.

    Raises
    ------
    VcfnbError
        When there is no crop.
    """
    from captum.attr import IntegratedGradients

    heatmaps = []
    with _frozen(network) as (evidence, where):
        method = IntegratedGradients(evidence)
        for x, sign in _batches(network, crops, max(1, batch_size // n_steps), where):
            start = x.mean((1, 2, 3, 4), keepdim=True) if baseline is None else x.new_tensor(baseline)
            heat = method.attribute(x, start.expand_as(x), additional_forward_args=sign, n_steps=n_steps)
            heatmaps.append(heat.detach().squeeze(1).float().cpu().numpy())
    heatmaps = np.concatenate(heatmaps)
    return heatmaps if signed else np.abs(heatmaps)


def deletion_test(network, crops, heatmaps, share=0.1, n_random=16, seed=0, batch_size=16):
    """What hiding the hottest places takes from the evidence, against hiding other places of the same shape.

    A map that shows what the answer rests on loses more where it is hot. Hidden voxels get the crop's mean; the other
    places are the same ones, moved around cyclically by random steps.

    Parameters
    ----------
    network, crops
        As of :func:`grad_cam`.
    heatmaps : array (n, z, y, x)
        One per crop.
    share : float
        Proportion of the voxels that is hidden.
    n_random, seed
        Of the other places.
    batch_size : int

    Returns
    -------
    pandas.DataFrame
        hot, random: evidence (logit) without less with what is hidden, of each crop; NaN where a map is zero.

    Notes
    -----
    Samek et al. 2017, IEEE Trans Neural Netw Learn Syst 28:2660 (perturbation of the most relevant places).
    """
    rng, rows = np.random.default_rng(seed), []
    with _frozen(network) as (evidence, where), torch.no_grad():
        for start, (x, sign) in zip(
            range(0, len(crops), batch_size), _batches(network, crops, batch_size, where), strict=True
        ):
            heat = torch.as_tensor(heatmaps[start : start + batch_size], device=where).flatten(1)
            hottest = heat.topk(max(1, round(share * heat.shape[1]))).indices
            hidden = torch.zeros_like(heat, dtype=torch.bool).scatter_(1, hottest, True).reshape(x.shape)
            whole, mean = evidence(x, sign), x.mean((1, 2, 3, 4), keepdim=True)
            places = [tuple(rng.integers(size) for size in x.shape[2:]) for _ in range(n_random)]
            lost = [
                whole - evidence(torch.where(hidden.roll(place, (2, 3, 4)), mean, x), sign)
                for place in [(0, 0, 0), *places]
            ]
            lost = torch.where(heat.any(1), torch.stack(lost), torch.nan)
            rows += [(float(hot), float(rest)) for hot, rest in zip(lost[0], lost[1:].mean(0), strict=True)]
    return pd.DataFrame(rows, columns=["hot", "random"])


def _moves(network, edge):
    """Steps along z, y, x: to all corners; a network on slices keeps its slices."""
    step = max(1, edge // 12)
    return product((0,) if network.n_slices > 1 else (-step, step), (-step, step), (-step, step))


def _moved(x, steps, mode):
    """Move the last axes by voxels; what comes in repeats the edge (replicate) or is zero (constant)."""
    room = max(map(abs, steps))
    padded = functional.pad(x, (room,) * (2 * len(steps)), mode=mode)
    sizes = x.shape[-len(steps) :]
    return padded[(..., *(slice(room - n, room - n + size) for n, size in zip(steps, sizes, strict=True)))]


def _between_cells(cells, shape):
    """Interpolate maps (n, *cells) linearly to a shape."""
    for axis, size in enumerate(shape, start=1):
        weights = torch.as_tensor(_hats(cells.shape[axis], size), dtype=cells.dtype, device=cells.device)
        cells = torch.tensordot(cells, weights, ([axis], [0])).movedim(-1, axis)
    return cells


def _hats(n_cells, size):
    """Weight of each cell at each voxel (n_cells, size).

    The networks halve with kernels of 3 and a padding of 1, centred at every second voxel from the first one on: cell
    i of a layer that halved k times is centred at voxel i * 2^k. torch's interpolate would put it in the middle of its
    2^k voxels, and shift the map by nearly half a cell to the head, the back and the left.
    """
    steps = [2**k for k in range(size.bit_length() + 1) if -(-size // 2**k) == n_cells]
    centres = np.arange(n_cells) * steps[0] if steps else (np.arange(n_cells) + 0.5) * size / n_cells - 0.5
    return np.stack([np.interp(np.arange(size), centres, row) for row in np.eye(n_cells)])
