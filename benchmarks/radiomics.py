"""How fast is the feature engine? All 1834 features, against PyRadiomics and, where installed, flash-radiomics.

    .venv/bin/python benchmarks/radiomics.py --shared ../shared [--repeats 3]

Every extraction is a process of its own on one core; contenders take turns within each repeat, so that a busy machine
slows all of them. Imports and just-in-time compilation are paid before the clock starts, by a tiny case. Writes
docs/benchmarks/radiomics.{csv,png,svg}. Trust the ratios, not the seconds.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# This file's name is that of PyRadiomics' package, which would not be found from this folder.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Unstable by itself: it changes by 1e-4 between versions of SciPy.
UNSTABLE = "lbp-3D-m2_firstorder_RobustMeanAbsoluteDeviation"


def ours(image, mask):
    from vcfnb.radiomics import extract_features

    return extract_features(image, mask).to_dict()


def pyradiomics(image, mask):
    """PyRadiomics' extractor, with the one SciPy name that its LBP3D lacks on a current SciPy."""
    from vcfnb.radiomics import Settings
    from vcfnb.radiomics.reference import extract_with_pyradiomics

    return extract_with_pyradiomics(image, mask, Settings())


def flash_radiomics(image, mask):
    from flash_radiomics import featureextractor

    extractor = featureextractor.RadiomicsFeatureExtractor(binWidth=5)
    extractor.enableAllImageTypes()
    return {name: float(value) for name, value in extractor.execute(image, mask).items() if "diagnostics" not in name}


CONTENDERS = {"vcfnb": ours, "PyRadiomics": pyradiomics}
if importlib.util.find_spec("flash_radiomics"):
    CONTENDERS["flash-radiomics"] = flash_radiomics


def tiny():
    import numpy as np
    import SimpleITK as sitk

    noise = np.random.default_rng(0).integers(0, 500, (24, 24, 24)).astype(np.int16)
    mask = np.zeros_like(noise, dtype=np.uint8)
    mask[8:16, 8:16, 8:16] = 1
    return sitk.GetImageFromArray(noise), sitk.GetImageFromArray(mask)


def peak_memory():
    """Peak resident memory of this process, MB (getrusage would count the parent's before this program started)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def one(contender, image, mask, out):
    """Run one extraction in this process; write CPU seconds, wall seconds, peak memory and the values."""
    import SimpleITK as sitk

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    function = CONTENDERS[contender]
    function(*tiny())
    # Reading the files counts for everybody.
    cpu, wall = time.process_time(), time.perf_counter()
    values = function(sitk.ReadImage(image), sitk.ReadImage(mask))
    measured = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    measured["peak_mb"] = peak_memory()
    Path(out).write_text(json.dumps(measured | {"values": values}))


def cases(shared, folder):
    """Three cases as files: a vertebral body, a sarcoma, and a CT of 512 x 512 x 400 voxels, all at 1 mm."""
    import numpy as np
    import SimpleITK as sitk

    from vcfnb import images

    made = {}
    sources = {
        "L3 body": ("vertebrae/lumbar_ct.nii.gz", "vertebrae/lumbar_L3_body_mask.nii.gz", None),
        "sarcoma": ("sarcoma/STS_012_ct.nii.gz", "sarcoma/STS_012_mask.nii.gz", 60),
    }
    for name, (ct, mask, margin) in sources.items():
        ct = images.read_image(shared / "real" / ct)
        mask = images.read_mask(shared / "real" / mask, ct)
        made[name] = images.preprocess(ct, {"a": mask}, margin_mm=margin)
    ct, masks = made["L3 body"]
    array, inside = sitk.GetArrayFromImage(ct), sitk.GetArrayFromImage(masks["a"])
    repeats = [-(-n // size) for n, size in zip((400, 512, 512), array.shape, strict=True)]
    large = np.tile(array, repeats)[:400, :512, :512]
    roi = np.zeros(large.shape, dtype=np.uint8)
    place = tuple(slice(2 * n, 3 * n) for n in array.shape)
    roi[place] = inside
    made["512 x 512 x 400"] = sitk.GetImageFromArray(large), {"a": sitk.GetImageFromArray(roi)}
    files = {}
    for number, (name, (ct, masks)) in enumerate(made.items()):
        files[name] = [str(folder / f"{kind}{number}.nii") for kind in ("ct", "mask")]
        sitk.WriteImage(ct, files[name][0])
        sitk.WriteImage(masks["a"], files[name][1])
    return files


def equal(values, reference):
    """How many of the reference's values (but the unstable one) are there and within 1e-6."""
    names = [name for name in reference if name != UNSTABLE]
    close = (abs(values.get(name, float("nan")) - reference[name]) <= 1e-6 * abs(reference[name]) for name in names)
    return sum(close)


def measure(files, repeats, folder):
    import pandas as pd
    from tqdm import tqdm

    rows, reference = [], {}
    turns = [(name, repeat, contender) for name in files for repeat in range(repeats) for contender in CONTENDERS]
    for name, repeat, contender in tqdm(turns, desc="extractions"):
        out = folder / "out.json"
        call = [sys.executable, __file__, "--one", contender, *files[name], str(out)]
        subprocess.run(call, check=True, env=os.environ | ONE_THREAD)
        found = json.loads(out.read_text())
        values = found.pop("values")
        if contender == "PyRadiomics":
            reference[name] = values
        rows.append({"case": name, "contender": contender, "repeat": repeat, "values": values, **found})
    for row in rows:
        values = row.pop("values")
        row["n_values"], row["n_equal"] = len(values), equal(values, reference[row["case"]])
    return pd.DataFrame(rows)


def chart(table):
    import matplotlib.pyplot as plt

    from vcfnb import plots
    from vcfnb.plots.theme import BLUE, GREY, ORANGE

    plots.style()
    best = table.groupby(["case", "contender"], sort=False)["cpu_s"].min().unstack()
    colors = {"vcfnb": BLUE, "PyRadiomics": GREY, "flash-radiomics": ORANGE}
    figure, axes = plt.subplots(1, len(best), figsize=(7.2, 2.4), layout="constrained")
    for axis, (name, row) in zip(axes, best.iterrows(), strict=True):
        axis.barh(list(row.index), row, color=[colors[label] for label in row.index])
        axis.set(title=name, xlabel="CPU (s)", xlim=(0, 1.25 * row.max()))
        for position, (label, seconds) in enumerate(row.items()):
            times = "" if label == "PyRadiomics" else f" ({row['PyRadiomics'] / seconds:.0f}x)"
            axis.annotate(f"{seconds:.2f}{times}", (seconds, position), (2, 0), textcoords="offset points", va="center")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with real/")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=4, metavar=("CONTENDER", "IMAGE", "MASK", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one)
        return
    if not (arguments.shared / "real").is_dir():
        sys.exit(f"no real CT in {arguments.shared} -> give the folder that holds real/ with --shared")
    from vcfnb import runs

    with tempfile.TemporaryDirectory() as folder:
        files = cases(arguments.shared, Path(folder))
        table = measure(files, arguments.repeats, Path(folder))
    out = ROOT / "docs" / "benchmarks"
    runs.save_figure(chart(table), out / "radiomics", table)
    columns = ["cpu_s", "wall_s", "peak_mb", "n_values", "n_equal"]
    print(table.groupby(["case", "contender"], sort=False)[columns].min().round(2).to_string())
    print(f"{os.cpu_count()} cores in this machine, one used; best of {arguments.repeats}")


if __name__ == "__main__":
    main()
