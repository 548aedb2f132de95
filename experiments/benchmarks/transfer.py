"""How fast does the deep transfer learning train? Samples a second against plain PyTorch and MONAI; six models.

    .venv/bin/python experiments/benchmarks/transfer.py [--only throughput|demo|paper] [--repeats 3]
        [--monai-python PATH] [--quick]

Throughput: forward, backward and AdamW's step on batches of 16 random crops of 48 voxels a side, for the networks of
vcfnb as vcfnb.dtl trains them (a one-thread process a core), for the same network without our tricks, and for
MONAI's nearest networks in a plain PyTorch loop. Every measurement is a process of its own (or one a core), all on the
same cores; contenders take turns within each repeat, so that a busy machine slows all of them. Starting and warming up
are not counted. On a GPU everybody trains there, with mixed precision.

Six models: all that notebook 04 trains for the six expansions of params/demo.yaml and params/paper.yaml, on random
crops, two one-thread processes side by side. Early stopping is off, so that the time is an upper bound.

Writes docs/benchmarks/transfer.{csv,png,svg} and six_models.csv. Trust the ratios, not the seconds.

MONAI is no dependency of vcfnb and lives in an environment of its own; without it, its rows are left out:

    python3 -m venv monai
    monai/bin/pip install torch==2.13.0 monai==1.6.1
    .venv/bin/python experiments/benchmarks/transfer.py --monai-python monai/bin/python
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("throughput", "demo", "paper")
# Seconds in which the six models of a study are to be there, on 2 cores.
PROMISES = {"demo": 300, "paper": 1200}
OURS, PLAIN, MONAI = "vcfnb", "vcfnb, tricks off", "MONAI, plain loop"
MIN_STEPS = 3
A_CORE, ALL_CORES, ONE_CORE = "a process a core", "all cores", "one thread"


@dataclass(frozen=True)
class Contender:
    """A network, whose code trains it, and how it is spread over the cores.

    ``A_CORE``: one one-thread process a core, each with a training of its own, as the study runs its expansions;
    ``ALL_CORES``: one process with torch's own number of threads; ``ONE_CORE``: one one-thread process.
    """

    code: str
    network: str
    layout: str


CONTENDERS = (
    Contender(OURS, "shufflenet_v2_x1_0_3d", A_CORE),
    Contender(OURS, "shufflenet_v2_x1_0_3d", ONE_CORE),
    Contender(OURS, "shufflenet_v2_x0_5_3d", A_CORE),
    Contender(OURS, "shufflenet_v1_3d", A_CORE),
    Contender(OURS, "shufflenet_v2_x1_0_25d", A_CORE),
    Contender(PLAIN, "shufflenet_v2_x1_0_3d", ALL_CORES),
    Contender(PLAIN, "shufflenet_v2_x1_0_3d", ONE_CORE),
    Contender(MONAI, "EfficientNet, half width", ALL_CORES),
    Contender(MONAI, "EfficientNet, half width", ONE_CORE),
    Contender(MONAI, "DenseNet, small", ALL_CORES),
    Contender(MONAI, "DenseNet, small", ONE_CORE),
    Contender(MONAI, "EfficientNet-B0", ALL_CORES),
    Contender(MONAI, "EfficientNet-B0", ONE_CORE),
)
# The contender that the others are compared with, and the one of the same layout.
FIRST, FIRST_ONE_CORE = CONTENDERS[:2]


def monai_network(name):
    """MONAI's mobile network (depthwise convolutions): as it comes, and at half width, the nearest to ours in size.

    MONAI's small networks without depthwise convolutions are stood for by a DenseNet as large as ours.
    """
    from monai.networks import nets

    if name == "EfficientNet-B0":
        return nets.EfficientNetBN("efficientnet-b0", spatial_dims=3, in_channels=1, num_classes=1, pretrained=False)
    if name == "DenseNet, small":
        return nets.DenseNet(3, 1, 1, init_features=32, growth_rate=16, block_config=(4, 8, 12, 8))
    # The blocks of B0.
    blocks = (
        *("r1_k3_s11_e1_i32_o16_se0.25", "r2_k3_s22_e6_i16_o24_se0.25", "r2_k5_s22_e6_i24_o40_se0.25"),
        *("r3_k3_s22_e6_i40_o80_se0.25", "r3_k5_s11_e6_i80_o112_se0.25", "r4_k5_s22_e6_i112_o192_se0.25"),
        "r1_k3_s11_e6_i192_o320_se0.25",
    )
    return nets.EfficientNet(list(blocks), spatial_dims=3, in_channels=1, num_classes=1, width_coefficient=0.5)


def without_tricks(network):
    """Give a network of vcfnb torch's own convolutions (the same weights), shuffle and memory format.

    The shuffle changes for all networks in this process.
    """
    import torch

    from vcfnb.dtl.networks import convolutions, shufflenet

    shufflenet.channel_shuffle = torch.nn.functional.channel_shuffle
    for module in network.modules():
        if isinstance(module, (convolutions.DepthwiseConv3d, convolutions.PointwiseConv3d)):
            module.__class__ = torch.nn.Conv3d
    return network


def train_steps(code, network, layout, batch, edge, seconds, cores):
    """Train in this process for some seconds, once the other processes are ready; print what was measured."""
    import torch
    from torch.nn import functional

    if layout != ALL_CORES:
        torch.set_num_threads(1)
    torch.manual_seed(0)
    if code == MONAI:
        network = monai_network(network)
    else:
        from vcfnb.dtl.networks import build_network

        network, _ = build_network(network, "random")
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    memory_format, crops_format = torch.contiguous_format, torch.contiguous_format
    if code == OURS:
        memory_format, crops_format = network.memory_format, torch.channels_last_3d
    elif code == PLAIN:
        without_tricks(network)
    network.to(where, memory_format=memory_format).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True if code == OURS else None)
    crops, labels = torch.randn(batch, 1, edge, edge, edge), torch.arange(batch) % 2.0

    def step():
        # As vcfnb.dtl does it; MONAI's environment lacks vcfnb.
        with torch.autocast(where.type, dtype=torch.bfloat16, enabled=where.type == "cuda"):
            logit = network(crops.to(where).contiguous(memory_format=crops_format)).squeeze(1).float()
        loss = functional.binary_cross_entropy_with_logits(logit, labels.to(where))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # Waits for a GPU.
        return loss.item()

    for _ in range(2):
        step()
    print("ready", flush=True)
    sys.stdin.readline()
    n_steps, cpu, wall = 0, time.process_time(), time.perf_counter()
    while n_steps < MIN_STEPS or time.perf_counter() - wall < seconds:
        step()
        n_steps += 1
    measured = {"n_steps": n_steps, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    measured |= {"threads": torch.get_num_threads(), "n_parameters": sum(p.numel() for p in network.parameters())}
    measured["device"] = torch.cuda.get_device_name() if where.type == "cuda" else "cpu"
    print(json.dumps(measured))


def train_expansion(study, number, quick, cores):
    """Train all networks of one expansion in this process, as notebook 04 does; print seconds of CPU."""
    import numpy as np

    from vcfnb import dtl

    settings, n_cases, n_train, n_acute, edge = work_of(study, quick)
    rng = np.random.default_rng(number)
    crops = rng.standard_normal((n_cases, 1, edge, edge, edge), dtype=np.float32)
    # Every part of the cases, and so the training cases, has its part of the acute ones.
    labels = np.diff(np.arange(n_cases + 1) * n_acute // n_cases)
    split = np.where(np.arange(n_cases) < n_train, "train", "test")
    with tempfile.TemporaryDirectory() as folder:
        result = dtl.run_expansion(crops, labels, split, settings, checkpoint_folder=folder, cores=1)
    assert len(result.features) == n_cases and len(result.history) == settings.epochs * networks_of(settings)
    print(json.dumps({"cpu_s": time.process_time()}))


def work_of(study, quick):
    """Settings without early stopping, cases, training cases, acute cases and the crops' edge of a study.

    The weights make no difference to the time: they are the shipped ones where these are there, else random.
    """
    from vcfnb.dtl import TrainSettings
    from vcfnb.dtl.networks.weights import SHIPPED
    from vcfnb.params import load_params

    study = load_params(ROOT / "params" / f"{study}.yaml")
    settings = TrainSettings.from_params(study.dtl, seed=study.seed)
    shipped = (SHIPPED / f"{settings.network}.safetensors").is_file()
    changed = {"weights": "shipped" if shipped else "random", "patience": settings.epochs}
    n_cases, edge = study.cohort.n_patients, study.dtl.input_size
    if quick:
        n_cases, edge = 24, 16
        changed |= {"epochs": 1, "n_folds": 2, "n_repeats": 1, "n_dimensions": 4}
    n_train = n_cases - round(study.cohort.test_fraction * n_cases)
    return settings.model_copy(update=changed), n_cases, n_train, round(study.cohort.acute_fraction * n_cases), edge


def networks_of(settings):
    return 1 + settings.n_repeats * settings.n_folds


TASKS = {"train_steps": train_steps, "train_expansion": train_expansion}


def call(python, task, **options):
    """A task in a process of its own, without anybody's wish for a number of threads."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment["TQDM_DISABLE"] = "1"
    command = [python, __file__, "--task", json.dumps({"task": task, **options})]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def side_by_side(contender, python, n_cores, options):
    """What one contender's processes measured while all of them ran; None when one failed."""
    count = n_cores if contender.layout == A_CORE else 1
    processes = [call(python, "train_steps", **asdict(contender), **options) for _ in range(count)]
    try:
        if any(process.stdout.readline() != "ready\n" for process in processes):
            return None
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = [process.communicate()[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return [json.loads(answer) for answer in answers] if all(answers) else None


def throughput(contenders, pythons, cores, repeats, options):
    """One row per measurement: contender, repeat, samples a second of all its processes, CPU a sample.

    Parameters
    ----------
    contenders : list of Contender
    pythons : dict of str to path
        Interpreter of each code.
    cores : list of int
        Those that everybody runs on.
    repeats : int
    options : dict
        batch, edge, seconds.
    """
    import pandas as pd
    from tqdm import tqdm

    turns = [(repeat, contender) for repeat in range(repeats) for contender in contenders]
    rows = []
    for repeat, contender in tqdm(turns, desc="trainings"):
        found = side_by_side(contender, pythons[contender.code], len(cores), options | {"cores": cores})
        if found is None:
            print(f"{contender.code} failed on {contender.network}; it is left out there")
            continue
        samples = sum(one["n_steps"] for one in found) * options["batch"]
        row = asdict(contender) | {"repeat": repeat, "cores": len(cores), "processes": len(found)}
        row |= {key: found[0][key] for key in ("threads", "device", "n_parameters")}
        row |= {"samples": samples, "wall_s": max(one["wall_s"] for one in found)}
        row["samples_per_s"] = sum(one["n_steps"] * options["batch"] / one["wall_s"] for one in found)
        row["cpu_ms_per_sample"] = 1000 * sum(one["cpu_s"] for one in found) / samples
        rows.append(row)
    return pd.DataFrame(rows)


def six_models(study, cores, quick, n_expansions=None):
    """One row: a study's size, and the seconds until all its networks are trained, one one-thread process a core.

    With `n_expansions` only so many are trained: all cost the same, as every crop is resized to one cube.
    """
    from tqdm import tqdm

    from vcfnb.params import load_params

    settings, n_cases, n_train, _, _ = work_of(study, quick)
    expansions = load_params(ROOT / "params" / f"{study}.yaml").expansions
    n_all, expansions = len(expansions), expansions[: 2 if quick else n_expansions]

    def train(number):
        process = call(sys.executable, "train_expansion", study=study, number=number, quick=quick, cores=cores)
        answer, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{study}: the training of an expansion failed, see above")
        return json.loads(answer.splitlines()[-1])["cpu_s"]

    wall = time.perf_counter()
    with ThreadPoolExecutor(len(cores)) as pool:
        cpu = list(tqdm(pool.map(train, expansions), total=len(expansions), desc=f"expansions of {study}"))
    row = {"study": study, "cores": len(cores), "n_expansions": len(expansions), "n_cases": n_cases}
    row["of_expansions"] = n_all
    row |= {"n_train": n_train, "networks_an_expansion": networks_of(settings), "epochs": settings.epochs}
    row |= {"network": settings.network, "weights": settings.weights, "recipe": settings.recipe}
    return row | {"wall_s": time.perf_counter() - wall, "cpu_s": sum(cpu), "promised_s": PROMISES[study]}


def best_of(table):
    """Most samples a second and least CPU a sample of all repeats, by contender."""
    columns = {"n_parameters": "first", "processes": "first", "threads": "first"}
    columns |= {"samples_per_s": "max", "cpu_ms_per_sample": "min"}
    return table.groupby(["code", "network", "layout"], sort=False).agg(columns)


def sentences(best):
    """How many times more samples a second the first contender trains, and how much less CPU one thread needs."""
    for key, row in best.iterrows():
        if key[0] == OURS:
            continue
        name = f"{key[0]}: {key[1]}, {key[2]}"
        if key[2] == ONE_CORE:
            ratio = row.cpu_ms_per_sample / best.loc[tuple(asdict(FIRST_ONE_CORE).values())].cpu_ms_per_sample
            yield f"{name}: vcfnb needs {ratio:.1f} times less CPU"
        else:
            ratio = best.loc[tuple(asdict(FIRST).values())].samples_per_s / row.samples_per_s
            yield f"{name}: vcfnb trains {ratio:.1f} times as many samples a second"


def chart(best):
    """Samples a second and CPU a sample, one bar per contender."""
    from vcfnb import figures
    from vcfnb.figures.parts import canvas
    from vcfnb.figures.theme import BLUE, ORANGE, SKY, TWO_COLUMNS

    figures.style()
    colors = {OURS: BLUE, PLAIN: SKY, MONAI: ORANGE}
    best = best.iloc[::-1].reset_index()
    labels = [f"{row.network} ({row.n_parameters / 1e6:.1f} M), {row.layout}" for row in best.itertuples()]
    figure, axes = canvas(TWO_COLUMNS, 16 + 6 * len(best), columns=2, sharey=True)
    titles = {"samples_per_s": "Samples a second (more is better)", "cpu_ms_per_sample": "CPU ms a sample (less)"}
    for axis, (column, title) in zip(axes, titles.items(), strict=True):
        axis.barh(best.index, best[column], color=[colors[code] for code in best.code])
        axis.set(xlabel=title, xlim=(0, 1.15 * best[column].max()))
        axis.set_yticks(best.index, labels)
        for position, value in enumerate(best[column]):
            axis.annotate(
                f"{value:.3g}", (value, position), (2, 0), textcoords="offset points", va="center", fontsize=7
            )
    patches = {code: axes[0].patches[list(best.code).index(code)] for code in colors if code in set(best.code)}
    figure.legend(patches.values(), patches.keys(), loc="outside upper center", ncols=len(patches))
    return figure


def write_six_models(rows, path):
    """Write the rows; those of studies that were not run this time stay."""
    import pandas as pd

    from vcfnb import runs

    table = pd.DataFrame(rows)
    if path.exists():
        before = pd.read_csv(path)
        table = pd.concat([before[~before.study.isin(table.study)], table])
    runs.write_csv(table.sort_values("study"), path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=PARTS, help="run this part (may be repeated); default all")
    parser.add_argument("--repeats", type=int, default=3, help="of each measurement of the throughput")
    parser.add_argument("--seconds", type=float, default=10, help="that each of them trains")
    parser.add_argument("--cores", type=int, default=2, help="that everybody runs on")
    parser.add_argument(
        "--expansions", type=int, help="train only so many, and reckon with that proportion of the promise"
    )
    parser.add_argument("--monai-python", metavar="PATH", help="interpreter in whose environment MONAI is")
    parser.add_argument("--out", type=Path, help="folder of the results; default docs/benchmarks, for --quick nowhere")
    parser.add_argument("--quick", action="store_true", help="only see that the program works: tiny crops, few steps")
    parser.add_argument("--task", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        task = TASKS[arguments.task.pop("task")]
        if hasattr(os, "sched_setaffinity"):
            # Before torch is imported, which counts them.
            os.sched_setaffinity(0, arguments.task["cores"])
        task(**arguments.task)
        return
    from vcfnb import runs

    parts = arguments.only or PARTS
    out = arguments.out or (None if arguments.quick else ROOT / "docs" / "benchmarks")
    known = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count()))
    cores = known[: arguments.cores]
    if "throughput" in parts:
        pythons = {OURS: sys.executable, PLAIN: sys.executable}
        if arguments.monai_python:
            pythons[MONAI] = arguments.monai_python
        contenders = [contender for contender in CONTENDERS if contender.code in pythons]
        repeats, options = arguments.repeats, {"batch": 16, "edge": 48, "seconds": arguments.seconds}
        if arguments.quick:
            contenders = [
                next(one for one in contenders if one.code == code and one.layout != ONE_CORE) for code in pythons
            ]
            repeats, options = 1, {"batch": 2, "edge": 32, "seconds": 0}
        table = throughput(contenders, pythons, cores, repeats, options)
        best = best_of(table)
        print(best.round(1).to_string(), *sentences(best), sep="\n")
        if not arguments.monai_python:
            print("MONAI is left out -> give the interpreter that has it with --monai-python")
        if out:
            runs.save_figure(chart(best), out / "transfer", table)
    rows = [six_models(study, cores, arguments.quick, arguments.expansions) for study in PROMISES if study in parts]
    for row in rows:
        share = row["n_expansions"] / row["of_expansions"]
        kept = "kept" if row["wall_s"] < share * row["promised_s"] else "MISSED"
        promise = "" if arguments.quick else f" (promised: less than {share * row['promised_s']:.0f} s, {kept})"
        print(
            f"{row['study']}: {row['n_expansions']} expansions x {row['networks_an_expansion']} networks in "
            f"{row['wall_s']:.0f} s on {row['cores']} cores, {row['cpu_s']:.0f} s of CPU{promise}"
        )
    if rows and out:
        write_six_models(rows, out / "six_models.csv")
    print(f"{os.cpu_count()} cores in this machine, {len(cores)} used; best of all repeats")


if __name__ == "__main__":
    main()
