"""Train the weights that vcfnb ships, on synthetic volumes.

    .venv/bin/python experiments/pretraining/train.py shufflenet_v2_x1_0_3d

Makes the volumes once (shards in --work, shared by all networks), trains one network to name their generating
parameters, measures it on volumes that it did not see, and writes vcfnb/dtl/networks/shipped/<network>.safetensors
(float16, without the classifier) with its measurements beside it. Interrupted? The same command goes on. The same
machine gives the same numbers; a GPU is used where there is one.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from volumes import HEADS, N_CLASSES, NO_ANSWER, SIZE, make_volume  # noqa: E402

from vcfnb import runs  # noqa: E402
from vcfnb.dtl import saved  # noqa: E402
from vcfnb.dtl.features import device, one_thread  # noqa: E402
from vcfnb.dtl.networks import NETWORKS, build_network  # noqa: E402
from vcfnb.dtl.networks.weights import SHIPPED, state_digest  # noqa: E402
from vcfnb.dtl.training import mixed_precision, one_cycle  # noqa: E402
from vcfnb.preprocessing.crops import GREY_MEAN, GREY_SD  # noqa: E402

SHARD = 1024  # volumes a file
ROUNDS = 8  # checkpoints an epoch
HELD_OUT = 2  # last shards, for measuring
PEAK_RATE, WEIGHT_DECAY, SMOOTHING = 0.008, 0.02, 0.05
# Edge of the volumes until this proportion of the training: small ones cost an eighth, and what is learned there holds.
SIZES = ((0.65, 24), (0.85, 36), (1.0, SIZE))
VARIATION = ((0.9, 1.1), (-0.1, 0.1))  # factor and offset of standardised grey values


def make_shard(number, folder, seed):
    """Volumes number * SHARD and on, as one file; nothing is done when it is there."""
    path = folder / f"shard_{number:04d}.npz"
    if not path.exists():
        made = [make_volume(seed, number * SHARD + index) for index in range(SHARD)]
        volumes, labels = (np.stack(part) for part in zip(*made, strict=True))
        with runs.atomic(path) as temporary:
            np.savez(temporary, volumes=volumes, labels=labels)
    return path


def load_shards(n_volumes, folder, seed, cores):
    """All volumes (n, 48, 48, 48) uint8 and labels (n, heads); made where they are missing."""
    shards = -(-n_volumes // SHARD)
    work = partial(make_shard, folder=folder, seed=seed)
    paths = list(runs.parallel_map(work, list(range(shards)), cores, desc="shards"))
    volumes = np.empty((shards * SHARD, SIZE, SIZE, SIZE), dtype=np.uint8)
    labels = np.empty((shards * SHARD, len(HEADS)), dtype=np.uint8)
    for number, path in enumerate(paths):
        part = slice(number * SHARD, (number + 1) * SHARD)
        with np.load(path) as file:
            volumes[part], labels[part] = file["volumes"], file["labels"]
    return volumes, labels


def to_input(volumes, where):
    """Volumes as the network takes them: on the scale of vcfnb.preprocessing.crops.scale, (n, 1, z, y, x)."""
    x = torch.from_numpy(np.ascontiguousarray(volumes)).to(where, torch.float32)
    return x.div_(255).sub_(GREY_MEAN).div_(GREY_SD)[:, None]


def varied(x, rng):
    """Turned and mirrored, brighter or darker: the answers stay the same."""
    x = x.permute(0, 1, *(2 + rng.permutation(3)))
    half = len(x) // 2
    x = torch.cat([part.flip(tuple(2 + np.flatnonzero(rng.random(3) < 0.5))) for part in (x[:half], x[half:])])
    factors, offsets = (torch.as_tensor(rng.uniform(*r, len(x)), dtype=x.dtype, device=x.device) for r in VARIATION)
    return x * factors.view(-1, 1, 1, 1, 1) + offsets.view(-1, 1, 1, 1, 1)


def loss_of(logits, labels):
    """Mean over the heads of their cross-entropy over the volumes that have an answer."""
    losses = []
    for k, part in enumerate(logits.split(N_CLASSES, dim=1)):
        options = {"ignore_index": NO_ANSWER, "label_smoothing": SMOOTHING, "reduction": "sum"}
        asked = (labels[:, k] != NO_ANSWER).sum().clamp_min(1)
        losses.append(functional.cross_entropy(part, labels[:, k], **options) / asked)
    return sum(losses) / len(losses)


def train(network, volumes, labels, arguments, checkpoint):
    """Train in place; returns the history (round, loss, learning_rate)."""
    where = device()
    network.to(where, memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    chosen = {name: value for name, value in vars(arguments).items() if name not in ("work", "cores", "out")}
    key = runs.digest(state_digest(network.state_dict()), str(network), chosen, HERE / "train.py", HERE / "volumes.py")
    history, _, _ = saved.resume(checkpoint, key, network, optimizer, where)
    total = arguments.epochs * ROUNDS
    for number in tqdm(range(len(history), total), initial=len(history), total=total, desc="rounds"):
        order = np.random.default_rng([arguments.seed, 0, number // ROUNDS]).permutation(len(volumes))
        part = np.array_split(order, ROUNDS)[number % ROUNDS]
        rng = np.random.default_rng([arguments.seed, 1, number])
        loss, rate = _round(network, optimizer, volumes, labels, part, number / total, 1 / total, rng, arguments, where)
        history.append({"round": number + 1, "loss": loss, "learning_rate": rate})
        saved.save_checkpoint(checkpoint, key, network, optimizer, history, finished=False)
    return pd.DataFrame(history)


def _round(network, optimizer, volumes, labels, part, start, share, rng, arguments, where):
    network.train()
    chunks = np.array_split(part, max(1, len(part) // arguments.batch_size))
    size = next(size for share_done, size in SIZES if start < share_done)
    losses = []
    for step, chosen in enumerate(chunks):
        rate = one_cycle(start + share * (step + 0.5) / len(chunks), PEAK_RATE)
        optimizer.param_groups[0]["lr"] = float(rate)
        x = varied(to_input(volumes[chosen], where), rng)
        if size < SIZE:
            x = functional.interpolate(x, size=(size,) * 3, mode="trilinear")
        x = x.contiguous(memory_format=torch.channels_last_3d)
        with mixed_precision(where):
            logits = network(x).float()
        loss = loss_of(logits, torch.as_tensor(labels[chosen], dtype=torch.long, device=where))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses)), float(rate)


def measure(network, volumes, labels):
    """Accuracy of each head on volumes that were not trained on, and what always naming the commonest class gives."""
    where = device()
    network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(volumes), 32):
            x = to_input(volumes[start : start + 32], where).contiguous(memory_format=torch.channels_last_3d)
            found.append(torch.stack([part.argmax(1) for part in network(x).split(N_CLASSES, 1)], 1).cpu().numpy())
    found, rows = np.concatenate(found), []
    for k, name in enumerate(HEADS):
        asked = labels[:, k] != NO_ANSWER
        truth = labels[asked, k]
        rows.append((name, N_CLASSES[k], np.mean(found[asked, k] == truth), np.bincount(truth).max() / len(truth)))
    return pd.DataFrame(rows, columns=["head", "classes", "accuracy", "commonest"])


def ship(network, path):
    """Write the backbone as float16, without the classifier and the counters of BatchNorm."""
    from safetensors.torch import save_file

    state = {
        name: value.detach().cpu().half().contiguous()
        for name, value in network.state_dict().items()
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked")
    }
    with runs.atomic(path) as temporary:
        save_file(state, temporary, {"activation": "ReLU"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--volumes", type=int, default=18432, help="synthetic, the last 2048 for measuring")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, default=None, help="for making volumes; training takes one")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="volumes and checkpoints (not committed)")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder of the finished weights")
    arguments = parser.parse_args()
    folder = arguments.work / f"seed_{arguments.seed}"
    volumes, labels = load_shards(arguments.volumes, folder, arguments.seed, arguments.cores)
    split = len(volumes) - HELD_OUT * SHARD
    network, _ = build_network(arguments.network, "random", n_classes=sum(N_CLASSES), seed=arguments.seed)
    with one_thread():
        checkpoint = arguments.work / f"{arguments.network}.safetensors"
        history = train(network, volumes[:split], labels[:split], arguments, checkpoint)
        table = measure(network, volumes[split:], labels[split:])
    path = arguments.out / f"{arguments.network}.safetensors"
    ship(network, path)
    runs.write_csv(table, path.with_suffix(".accuracy.csv"))
    runs.write_csv(history, path.with_suffix(".history.csv"))
    print(table.round(3).to_string(index=False))
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
