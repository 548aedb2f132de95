"""What a trained network says about crops: features of a layer, and scores."""

import torch

from vcfnb.dtl.networks import pooled_output
from vcfnb.dtl.training import deterministic, device, one_thread, tensor


def features_and_scores(network, crops, layer=None, batch_size=16):
    """Deep features and scores in one pass over crops.

    Parameters
    ----------
    network : torch.nn.Module
    crops : array (n, 1, z, y, x)
    layer : str, optional
        See :func:`vcfnb.dtl.networks.feature_layers`; by default the last before the classifier. The paper names
        ``layer3.3.conv3``, of ``shufflenet_v1_3d``.
    batch_size : int

    Returns
    -------
    features : numpy.ndarray of float32, shape (n, channels)
        Output of the layer, averaged over space.
    scores : numpy.ndarray, shape (n,)
        As :func:`scores`.

    Raises
    ------
    VcfnbError
        When there is no such layer.
    """
    where = device()
    network.to(where, memory_format=network.memory_format).eval()
    logits = []
    with one_thread(), deterministic(where), torch.inference_mode(), pooled_output(network, layer) as pooled:
        for start in range(0, len(crops), batch_size):
            batch = tensor(crops[start : start + batch_size], where)
            logits.append(network(batch.contiguous(memory_format=torch.channels_last_3d)))
    scores_ = torch.cat(logits).squeeze(1).double().sigmoid()
    return torch.cat(pooled).float().cpu().numpy(), scores_.cpu().numpy()


def scores(network, crops, batch_size=16):
    """Probability of label 1 (acute) by the network's own classifier, shape (n,).

    It refers to a population with as many acute as chronic cases when the network was trained with balanced classes.
    """
    return features_and_scores(network, crops, None, batch_size)[1]
