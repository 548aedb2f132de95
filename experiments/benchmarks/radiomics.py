"""How fast is the feature engine? All 1834 features, against PyRadiomics and flash-radiomics; and a whole cohort.

    .venv/bin/python experiments/benchmarks/radiomics.py --shared ../shared [--repeats 3] [--flash-python PATH]

Every extraction is a process of its own on one core; contenders take turns within each repeat, so that a busy machine
slows all of them. Imports and just-in-time compilation are paid before the clock starts, by a tiny case. Writes
docs/benchmarks/radiomics.{csv,png,svg}. Trust the ratios, not the seconds.

flash-radiomics 1.0.0 needs a SciPy older than 1.17, so it lives in an environment of its own:

    python3 -m venv flash
    flash/bin/pip install flash-radiomics==1.0.0 "scipy<1.17" SimpleITK PyWavelets trimesh h5py pykwalify \\
        scikit-image scikit-learn
    .venv/bin/python experiments/benchmarks/radiomics.py --flash-python flash/bin/python
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# This file's name is that of PyRadiomics' package, which would not be found from this folder.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Unstable by itself: it changes by 1e-4 between versions of SciPy.
UNSTABLE = "lbp-3D-m2_firstorder_RobustMeanAbsoluteDeviation"


def ours(image, mask, features):
    from vcfnb.radiomics import extract_features

    return extract_features(image, mask).to_dict()


def pyradiomics(image, mask, features):
    """PyRadiomics' extractor, with the one SciPy name that its LBP3D lacks on a current SciPy."""
    from vcfnb.radiomics import Settings
    from vcfnb.radiomics.reference import extract_with_pyradiomics

    return extract_with_pyradiomics(image, mask, Settings())


def flash_radiomics(image, mask, features):
    """flash-radiomics with the same settings; it stores every result in a file, which goes to a temporary folder."""
    import logging

    from flash_radiomics import RadiomicsFeatureExtractor

    logging.disable(logging.WARNING)
    extractor = RadiomicsFeatureExtractor(
        backend="cpu", num_threads=1, segmentClassWorkers=1, binWidth=5, additionalInfo=False
    )
    extractor.disableAllImageTypes()
    extractor.enableImageTypes(**IMAGE_TYPES)
    extractor.disableAllFeatures()
    extractor.enableFeaturesByName(**features)
    with tempfile.TemporaryDirectory() as folder:
        found = extractor.execute(image, mask, output_hdf5_path=f"{folder}/features.h5")
    return {name: float(value) for name, value in found.items() if not name.startswith("diagnostics")}


CONTENDERS = {"vcfnb": ours, "PyRadiomics": pyradiomics, "flash-radiomics": flash_radiomics}
# As in vcfnb.radiomics.Settings, which flash-radiomics' environment lacks.
IMAGE_TYPES = {
    **{"Original": {}, "LoG": {"sigma": [1.0, 2.0, 3.0]}, "Wavelet": {}, "LBP3D": {}, "Exponential": {}, "Square": {}},
    **{"SquareRoot": {}, "Logarithm": {}, "Gradient": {}},
}
LARGE = "512 x 512 x 400"
# Case, other contender, and how many times less of what the engine is to need.
PROMISES = [
    ("L3 body", "PyRadiomics", "cpu_s", 15),
    ("L3 body", "flash-radiomics", "cpu_s", 4),
    (LARGE, "PyRadiomics", "wall_s", 20),
    (LARGE, "PyRadiomics", "peak_mb", 10),
]


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
    features = json.loads(Path(out).with_name("features.json").read_text())
    function(*tiny(), features)
    # Reading the files counts for everybody.
    cpu, wall = time.process_time(), time.perf_counter()
    values = function(sitk.ReadImage(image), sitk.ReadImage(mask), features)
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
    made[LARGE] = sitk.GetImageFromArray(large), {"a": sitk.GetImageFromArray(roi)}
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


def measure(files, repeats, large_repeats, pythons, folder):
    """One row per extraction: case, contender, repeat, seconds, memory, number of values and of equal ones.

    Parameters
    ----------
    files : dict of str to (image, mask)
    repeats, large_repeats : int
        Of each extraction; of those of the whole CT.
    pythons : dict of str to path
        Interpreter of each contender.
    folder : path
    """
    import pandas as pd
    from tqdm import tqdm

    from vcfnb.radiomics import Settings

    (folder / "features.json").write_text(json.dumps(Settings().features))
    turns = [
        (name, repeat, contender)
        for name in files
        for repeat in range(large_repeats if name == LARGE else repeats)
        for contender in pythons
    ]
    rows, reference = [], {}
    for name, repeat, contender in tqdm(turns, desc="extractions"):
        out = folder / "out.json"
        call = [pythons[contender], __file__, "--one", contender, *files[name], str(out)]
        row = {"case": name, "contender": contender, "repeat": repeat, "cores": 1}
        if subprocess.run(call, env=os.environ | ONE_THREAD).returncode:
            print(f"{contender} failed on {name}; it is left out there")
            continue
        row |= json.loads(out.read_text())
        out.unlink()
        if contender == "PyRadiomics":
            reference[name] = row["values"]
        rows.append(row)
    for row in rows:
        values = row.pop("values")
        row["n_values"], row["n_equal"] = len(values), equal(values, reference[row["case"]])
    return pd.DataFrame(rows)


def cohort(folder, n_cases, n_simulated):
    """Features of as many vertebrae as in the paper, of the demonstration's size, on all cores; the same columns.

    Parameters
    ----------
    folder : path
    n_cases, n_simulated : int
        Vertebrae, and how many different ones among them: simulating takes longer than extracting.
    """
    import pandas as pd

    from vcfnb import params, phantom, preprocessing, runs
    from vcfnb.radiomics import extract_cohort

    demo = params.load_params(ROOT / "params" / "demo.yaml")
    table = phantom.simulate_cohort(
        folder / "simulated", n_simulated, n_repeat_segmentations=0, voxel_mm=demo.cohort.voxel_mm
    )
    table[["image", "mask"]] = table[["image", "mask"]].map(lambda name: str(folder / "simulated" / name))
    preprocessing.preprocess_cohort(table, folder / "preprocessed", demo.preprocessing, [])
    cases = preprocessing.cases(folder / "preprocessed", table.case_id)
    cases = pd.concat([cases] * -(-n_cases // n_simulated), ignore_index=True).iloc[:n_cases]
    cases["case_id"] = [f"{case}_{number}" for number, case in enumerate(cases.case_id)]
    extract_cohort(cases.iloc[:2], folder / "warm", desc="warming up")
    wall = time.perf_counter()
    features, failures = extract_cohort(cases, folder / "features", desc=f"{n_cases} vertebrae")
    assert len(features) == n_cases and not len(failures), failures
    wall = time.perf_counter() - wall
    row = {"case": f"{n_cases} simulated vertebrae", "contender": "vcfnb", "repeat": 0, "cores": runs.usable_cores()}
    row["wall_s"] = wall
    return pd.DataFrame([row | {"peak_mb": peak_memory(), "n_values": features.iloc[:, 1:].size}])


def sentences(table):
    """The ratios that were promised, and whether they are kept; best of all repeats."""
    best = table.groupby(["case", "contender"])[["cpu_s", "wall_s", "peak_mb"]].min()
    words = {"cpu_s": "less CPU", "wall_s": "less wall time", "peak_mb": "less memory"}
    for case, other, column, promised in PROMISES:
        if (case, other) in best.index:
            ratio = best.loc[(case, other), column] / best.loc[(case, "vcfnb"), column]
            kept = "kept" if ratio >= promised else "MISSED"
            yield f"{case}: {ratio:.1f} times {words[column]} than {other} (promised: {promised}, {kept})"
    for row in table[table.case.str.contains("simulated")].itertuples():
        kept = "kept" if row.wall_s < 120 else "MISSED"
        yield f"{row.case}: {row.wall_s:.0f} s on {row.cores} cores (promised: less than 120 s, {kept})"


def chart(table):
    import matplotlib.pyplot as plt
    import numpy as np

    from vcfnb import figures
    from vcfnb.figures.theme import BLUE, GREY, ORANGE

    figures.style()
    alone = table[~table.case.str.contains("simulated")]
    best = alone.groupby(["case", "contender"], sort=False)["cpu_s"].min().unstack(sort=False)
    colors = {"vcfnb": BLUE, "PyRadiomics": GREY, "flash-radiomics": ORANGE}
    figure, axes = plt.subplots(1, len(best), figsize=(7.2, 2.2), layout="constrained", sharey=True)
    axes[0].set_yticks(range(len(best.columns)), best.columns)
    axes[0].invert_yaxis()
    for axis, (name, row) in zip(axes, best.iterrows(), strict=True):
        axis.barh(range(len(row)), row, color=[colors[label] for label in row.index])
        axis.set(title=name, xlabel="CPU (s)", xlim=(0, 1.55 * row.max()))
        for position, (label, seconds) in enumerate(row.items()):
            if np.isnan(seconds):
                continue
            ratio = row["PyRadiomics"] / seconds
            times = "" if label == "PyRadiomics" else f" ({ratio:.{0 if ratio >= 10 else 1}f}x)"
            axis.annotate(f"{seconds:.2f}{times}", (seconds, position), (2, 0), textcoords="offset points", va="center")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with real/")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--large-repeats", type=int, default=1, help="of the whole CT (16 GB of memory, minutes)")
    parser.add_argument("--flash-python", metavar="PATH", help="interpreter in whose environment flash-radiomics is")
    parser.add_argument("--simulated", type=int, default=24, help="different vertebrae among the cohort's 218")
    parser.add_argument("--one", nargs=4, metavar=("CONTENDER", "IMAGE", "MASK", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one)
        return
    if not (arguments.shared / "real").is_dir():
        sys.exit(f"no real CT in {arguments.shared} -> give the folder that holds real/ with --shared")
    import pandas as pd

    from vcfnb import runs

    pythons = {"vcfnb": sys.executable, "PyRadiomics": sys.executable}
    if arguments.flash_python:
        pythons["flash-radiomics"] = arguments.flash_python
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        whole = cohort(folder, 218, arguments.simulated)
        files = cases(arguments.shared, folder)
        alone = measure(files, arguments.repeats, arguments.large_repeats, pythons, folder)
    table = pd.concat([alone, whole], ignore_index=True).astype({"n_equal": "Int64"})
    out = ROOT / "docs" / "benchmarks"
    runs.save_figure(chart(table), out / "radiomics", table)
    columns = ["cpu_s", "wall_s", "peak_mb", "n_values", "n_equal"]
    print(table.groupby(["case", "contender"], sort=False)[columns].min().round(2).to_string())
    print(*sentences(table), sep="\n")
    print(f"{os.cpu_count()} cores in this machine, one used except for the cohort; best of all repeats")


if __name__ == "__main__":
    main()
