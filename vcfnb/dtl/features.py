"""Networks at work on this machine's device, the same in every run; features of a layer, and scores."""

import contextlib
import os

import torch

from vcfnb.dtl.networks import pooled_output


@contextlib.contextmanager
def one_thread():
    """Run torch on one thread while the block runs.

    With another process busy, a second thread waits in a spin: a step of 10 ms becomes one of 175 to 530 ms. Two
    processes of one thread each are faster than one of two threads, and sums keep their order.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def device():
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def deterministic(where):
    """On a GPU, run the deterministic variant of every operation while the block runs.

    torch has none of the backward passes of max_pool3d and avg_pool3d and warns about them: their sums may differ in
    the last bits. On a CPU nothing needs to be changed.
    """
    if where.type != "cuda":
        yield
        return
    # cuBLAS reads it when it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn_before = cudnn.deterministic, cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark = cudnn_before


def tensor(array, where):
    """A float32 copy: workers are handed arrays that must not be written to."""
    return torch.tensor(array, dtype=torch.float32, device=where)


def in_batches(crops, batch_size, where):
    """Copies of consecutive crops on the device, in the memory format in which the networks are quick."""
    for start in range(0, len(crops), batch_size):
        yield tensor(crops[start : start + batch_size], where).contiguous(memory_format=torch.channels_last_3d)


def features_and_scores(network, crops, layer=None, batch_size=16):
    """Features of a layer, averaged over space (n, channels), and scores (n,) of crops (n, 1, z, y, x), in one pass.

    The layer is by default the last before the classifier, see :func:`vcfnb.dtl.networks.feature_layers`; the paper
    names ``layer3.3.conv3``, of ``shufflenet_v1_3d``. Raises VcfnbError when there is no such layer. Scores are the
    probability of label 1 (acute) by the network's own classifier, which refers to a population with as many acute as
    chronic cases when the network was trained with balanced classes.
    """
    where = device()
    network.to(where, memory_format=network.memory_format).eval()
    logits = []
    with one_thread(), deterministic(where), torch.inference_mode(), pooled_output(network, layer) as pooled:
        for batch in in_batches(crops, batch_size, where):
            logits.append(network(batch))
    scores = torch.cat(logits).squeeze(1).double().sigmoid()
    return torch.cat(pooled).float().cpu().numpy(), scores.cpu().numpy()
