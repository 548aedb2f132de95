"""Fine-tuning of one network, resumable and the same in every run."""

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional
from torch.optim.swa_utils import update_bn
from tqdm.auto import tqdm

from vcfnb.dtl import saved
from vcfnb.dtl.features import deterministic, device, in_batches, one_thread, tensor
from vcfnb.dtl.networks.weights import batch_norms, state_digest
from vcfnb.errors import VcfnbError
from vcfnb.runs.cache import key_of
from vcfnb.statistics.folds import stratified_folds

# Crops that measure what a BatchNorm layer sees, where it came folded and between epochs; a multiple of a batch of 8.
RECALIBRATION_CROPS = 64
# Crops are taken together up to so many voxels where BatchNorm's statistics are taken: 256 crops of 32 voxels a side.
REFRESH_VOXELS = 2**23
# Of augmentation.
SHIFT_VOXELS = 2
INTENSITY_FACTOR = 0.1
INTENSITY_OFFSET = 0.1


def mixed_precision(where):
    return torch.autocast(where.type, dtype=torch.bfloat16, enabled=where.type == "cuda")


def check_inputs(crops, labels):
    """Crops and labels as arrays that can be trained on; VcfnbError where sizes, values or classes do not allow it."""
    crops, labels = np.asarray(crops, dtype=np.float32), np.asarray(labels)
    if crops.ndim != 5 or crops.shape[1] != 1 or len(crops) != len(labels):
        raise VcfnbError(
            f"crops {crops.shape} and labels {labels.shape} do not fit",
            "give (n, 1, z, y, x) and n labels",
            code="wrong-shape",
        )
    if min(crops.shape[2:]) < 16:
        raise VcfnbError(
            f"crops of {crops.shape[2:]} voxels are too small",
            "the networks need 16 or more a side",
            code="wrong-shape",
        )
    if not np.isfinite(crops).all():
        raise VcfnbError(
            "crops hold values that are not finite",
            "fix the images, see vcfnb.preprocessing.crops.load_crops",
            code="not-finite",
        )
    if set(np.unique(labels)) != {0, 1}:
        found = ", ".join(map(str, np.unique(labels)))
        raise VcfnbError(
            f"labels of the training cases are {found} only",
            "both classes, 0 and 1, are needed to train a network",
            code="one-class",
        )
    return crops, labels.astype(np.float32)


def fine_tune(network, crops, labels, settings, checkpoint=None, desc="fine-tuning", groups=None):
    """Train all layers of a network on one logit: label 1 against label 0.

    The loss is the binary cross-entropy; with ``class_weight="balanced"`` both classes weigh the same in it, and
    probabilities refer to a population where they are equally frequent. Layers of BatchNorm that came folded are
    recalibrated first. The running statistics of BatchNorm are taken anew from all crops that were trained on: after a
    few dozen steps the running averages still lag behind the weights.

    Early stopping: with ``validation_fraction`` above 0, that proportion of the patients (stratified) is not trained
    on. Training ends when their loss has not fallen for ``patience`` epochs, and the weights of the epoch with the
    smallest loss are kept. With too few patients of a class to spare one, all epochs are trained on all cases.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place. One output.
    crops : array (n, 1, z, y, x)
    labels : array of 0 and 1
    settings : TrainSettings
    checkpoint : path, optional
        A safetensors file, written after every epoch. A call with the same network, data and settings goes on from
        it and ends with the same weights, bit for bit.
    desc : str
        Label of the progress bar.
    groups : array (n,), optional
        Patients, kept together; by default every case is a patient of its own.

    Returns
    -------
    pandas.DataFrame
        epoch, loss, train_auc (of the logits during the epoch: augmented crops, weights still moving), learning_rate,
        val_loss and kept (the epoch whose weights stay; without validation NaN and the last one).

    Raises
    ------
    VcfnbError
        When the labels are of one class, or the loss is not finite.
    """
    crops, labels = check_inputs(crops, labels)
    fitted, held = validation_split(labels, groups, settings)
    where = device()
    with one_thread(), deterministic(where):
        key = training_key(network, crops, labels, held, settings) if checkpoint else None
        network.to(where, memory_format=network.memory_format)
        optimizer = _optimizer(network, settings)
        history, finished, best = saved.resume(checkpoint, key, network, optimizer, where)
        if not history and getattr(network, "folded", None):
            recalibrate(network, crops[fitted])
        progress = tqdm(total=settings.epochs, initial=len(history), desc=desc, leave=False)
        while not finished and not _is_over(history, settings):
            row = _epoch(network, optimizer, crops[fitted], labels[fitted], settings, len(history), where)
            row |= {"epoch": len(history) + 1, "val_loss": None}
            if len(held):
                # Enough of them to compare epochs.
                refresh_batch_norm(network, _some(crops[fitted]))
                row["val_loss"] = _validation_loss(network, crops[held], labels[held], labels, settings, where)
                if _best_epoch([*history, row]) == row["epoch"]:
                    best = saved.plain(network.state_dict())
            history.append(row)
            progress.update()
            if checkpoint:
                saved.save_checkpoint(checkpoint, key, network, optimizer, history, finished=False, extra=best)
        progress.close()
        if not finished:
            if len(held):
                network.load_state_dict(best)
            refresh_batch_norm(network, crops[fitted])
            if checkpoint:
                saved.save_checkpoint(checkpoint, key, network, None, history, finished=True)
    network.eval()
    table = pd.DataFrame(history)[["epoch", "loss", "train_auc", "learning_rate", "val_loss"]]
    table["val_loss"] = table["val_loss"].astype(float)
    return table.assign(kept=table["epoch"] == _best_epoch(history))


def validation_split(labels, groups, settings):
    """Indices to train on and indices that decide when to stop (none of them without early stopping).

    Stratified by label, patients kept together; the same for the same labels, patients and seed.
    """
    everything = np.arange(len(labels))
    groups = everything if groups is None else np.asarray(groups)
    patients = min(len(np.unique(groups[labels == label])) for label in (0, 1))
    parts = round(1 / settings.validation_fraction) if settings.validation_fraction else 0
    if settings.recipe == "paper" or not parts or patients < max(parts, 2):
        return everything, everything[:0]
    fitted, held = stratified_folds(labels, groups, max(parts, 2), settings.seed)[0]
    both = all(len(np.unique(labels[part])) == 2 for part in (fitted, held))
    return (fitted, held) if both else (everything, everything[:0])


def _best_epoch(history):
    """Number of the epoch with the smallest validation loss, the first of equal ones; without validation the last."""
    losses = [row["val_loss"] for row in history]
    return len(history) if losses[-1] is None else 1 + int(np.argmin(losses))


def _is_over(history, settings):
    return bool(history) and (
        len(history) >= settings.epochs or len(history) - _best_epoch(history) >= settings.patience
    )


def _validation_loss(network, crops, labels, all_labels, settings, where):
    """The training loss on cases that are not trained on."""
    weights = _class_weights(all_labels, settings)[labels.astype(int)]
    network.eval()
    total, done = 0.0, 0
    with torch.inference_mode():
        for batch in in_batches(crops, settings.batch_size, where):
            part = slice(done, done + len(batch))
            target, case_weights = tensor(labels[part], where), tensor(weights[part], where)
            logit = network(batch).squeeze(1).float()
            loss = functional.binary_cross_entropy_with_logits(logit, target, case_weights, reduction="sum")
            total += loss.item()
            done += len(batch)
    return total / float(weights.sum())


def _class_weights(labels, settings):
    return len(labels) / (2 * np.bincount(labels.astype(int))) if settings.class_weight else np.ones(2)


def _optimizer(network, settings):
    if settings.recipe == "paper":
        return torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    options = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay, "fused": True}
    return torch.optim.AdamW(network.parameters(), **options)


def one_cycle(fraction, peak):
    """Learning rate after a fraction of training: a rise over the first 30 %, then a cosine to nearly zero.

    Smith and Topin 2018, with the shape and factors of torch's OneCycleLR; a function of the step alone, so that a
    resumed training needs no state.
    """

    def cosine(start, end, part):
        return end + (start - end) * (1 + np.cos(np.pi * part)) / 2

    if fraction < 0.3:
        return cosine(peak / 25, peak, fraction / 0.3)
    return cosine(peak, peak / 25e4, (fraction - 0.3) / 0.7)


def _n_batches(n, batch_size):
    """Number of batches of nearly equal size: a last batch of one case has no variance to normalise by."""
    return max(1, min(-(-n // batch_size), n // 2))


def augment(batch, kinds, rng):
    """Change each crop of a batch at random, in ways that leave an acute fracture acute.

    ``flip``: left-right, which anatomy survives (the last axis, see :func:`vcfnb.preprocessing.crops.load_crops`);
    ``shift``: up to 2 voxels along each axis, edge values repeated, as another reader's mask would move the box;
    ``intensity``: factor 0.9 to 1.1 and offset -0.1 to 0.1 (of standardised grey values; 27 HU), as another scanner's
    calibration would.
    """
    n, _, *shape = batch.shape
    # All are drawn whatever is used: switching one off leaves the others' draws as they were.
    flips = rng.random(n) < 0.5
    shifts = rng.integers(0, 2 * SHIFT_VOXELS + 1, size=(n, 3))
    factors = rng.uniform(1 - INTENSITY_FACTOR, 1 + INTENSITY_FACTOR, size=n)
    offsets = rng.uniform(-INTENSITY_OFFSET, INTENSITY_OFFSET, size=n)
    if "flip" in kinds:
        batch = torch.where(_column(flips, batch), batch.flip(-1), batch)
    if "shift" in kinds:
        padded = functional.pad(batch, (SHIFT_VOXELS,) * 6, mode="replicate")
        windows = [[slice(start, start + size) for start, size in zip(row, shape, strict=True)] for row in shifts]
        batch = torch.stack([padded[i, :, *window] for i, window in enumerate(windows)])
    if "intensity" in kinds:
        batch = batch * _column(factors, batch) + _column(offsets, batch)
    return batch


def _column(values, batch):
    """One value per crop, broadcast over its voxels."""
    kind = torch.bool if values.dtype == np.bool_ else batch.dtype
    return torch.as_tensor(values, dtype=kind, device=batch.device).view(-1, 1, 1, 1, 1)


def _epoch(network, optimizer, crops, labels, settings, epoch, where):
    # A generator an epoch: what is drawn depends on the seed and the epoch, not on where training was resumed.
    rng = np.random.default_rng([settings.seed, epoch])
    weights = _class_weights(labels, settings)
    chunks = np.array_split(rng.permutation(len(labels)), _n_batches(len(labels), settings.batch_size))
    network.train()
    losses, logits = [], np.zeros(len(labels))
    for step, chosen in enumerate(chunks):
        if settings.recipe == "fast":
            fraction = (epoch + (step + 0.5) / len(chunks)) / settings.epochs
            optimizer.param_groups[0]["lr"] = float(one_cycle(fraction, settings.learning_rate))
        batch = augment(tensor(crops[chosen], where), settings.augment, rng)
        target = tensor(labels[chosen], where)
        case_weights = tensor(weights[labels[chosen].astype(int)], where)
        with mixed_precision(where):
            logit = network(batch.contiguous(memory_format=torch.channels_last_3d)).squeeze(1).float()
        loss = functional.binary_cross_entropy_with_logits(logit, target, case_weights)
        if not torch.isfinite(loss):
            raise VcfnbError(
                f"the loss is {loss.item()} in epoch {epoch + 1}",
                f"lower learning_rate ({settings.learning_rate})",
                code="training-diverged",
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * len(chosen))
        logits[chosen] = logit.detach().cpu().numpy()
    return {
        "loss": sum(losses) / len(labels),
        "train_auc": float(roc_auc_score(labels, logits)),
        "learning_rate": optimizer.param_groups[0]["lr"],
    }


def _some(crops):
    """As many crops as :data:`RECALIBRATION_CROPS`, evenly spread: a table of cases may be sorted by label or site."""
    return crops[np.linspace(0, len(crops) - 1, min(len(crops), RECALIBRATION_CROPS)).astype(int)]


def recalibrate(network, crops):
    """Give BatchNorm layers that came folded (mean 0, variance 1) their statistics back; outputs stay the same.

    A folded layer normalises nothing. Training would start to normalise by the batch and lose the scale that the
    weights were trained with. So each layer's input mean m and variance v over some training crops become its running
    statistics, sqrt(v) its weight and m is added to its bias: in evaluation nothing changes.
    """
    where = next(network.parameters()).device
    sums = {}

    def measure(name):
        def hook(module, inputs):
            x = inputs[0].detach().double()
            axes = (0, *range(2, x.dim()))
            sum_ = x.sum(axes)
            total = torch.stack([torch.full_like(sum_, x[:, 0].numel()), sum_, (x * x).sum(axes)])
            sums[name] = sums.get(name, 0) + total

        return hook

    norms = batch_norms(network)
    hooks = [norms[name].register_forward_pre_hook(measure(name)) for name in network.folded]
    network.eval()
    try:
        with torch.inference_mode():
            for batch in in_batches(_some(crops), 8, where):
                network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    with torch.no_grad():
        for name in network.folded:
            norm, (count, total, squares) = norms[name], sums[name].clone()
            mean = total / count
            variance = (squares / count - mean**2).clamp_min(0)
            # For mean 0 and variance 1 these are m, v, weight * sqrt(v + eps), bias + weight * m.
            old_sd, new_sd = (norm.running_var.double() + norm.eps).sqrt(), (variance + norm.eps).sqrt()
            norm.bias += (norm.weight * (mean - norm.running_mean) / old_sd).float()
            norm.weight *= (new_sd / old_sd).float()
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)


def refresh_batch_norm(network, crops):
    """Take the running statistics of BatchNorm anew, from all (unchanged) training crops at once where they are few.

    Over a batch of 16, a channel that one crop alone excites is scaled down by that crop; evaluated with the mean of
    all batches it is not, each layer adds to that, and the features of such a case get a hundred times too long.
    """
    where = next(network.parameters()).device
    n_batches = max(1, min(-(-crops.size // REFRESH_VOXELS), len(crops) // 2))
    # The same batches whatever the seed: the order of the cases, dealt out.
    parts = (tensor(crops[start::n_batches], where) for start in range(n_batches))
    update_bn((part.contiguous(memory_format=torch.channels_last_3d) for part in parts), network)
    network.eval()


def training_key(network, crops, labels, held, settings):
    """Digest of what a training depends on: start, data, cases held out, settings, and the code that trains."""
    chosen = settings.model_dump(
        mode="json", exclude={"feature_mode", "n_folds", "n_repeats", "n_dimensions", "reduction", "layer", "weights"}
    )
    start = [state_digest(network.state_dict()), str(network)]
    return key_of((__name__, "vcfnb.dtl.networks"), *start, crops, labels, held, chosen)
