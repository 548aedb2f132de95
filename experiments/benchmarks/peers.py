"""Other feature engines on the same ROIs: original image, bins of 5 HU, every program as its documentation calls it.

    .venv/bin/python experiments/benchmarks/peers.py --shared ../shared --peers FOLDER [--repeats 3]

Each program lives in an environment of its own, a folder of FOLDER named as below, made with Python 3.12 for
pictologics and any other for the rest:

    python3 -m venv FOLDER/mirp && FOLDER/mirp/bin/pip install mirp==2.7.0 SimpleITK
    python3 -m venv FOLDER/fastrad && FOLDER/fastrad/bin/pip install fastrad==1.0.0 SimpleITK
    python3 -m venv FOLDER/nyxus && FOLDER/nyxus/bin/pip install nyxus==0.11.0 SimpleITK
    python3.12 -m venv FOLDER/pictologics && FOLDER/pictologics/bin/pip install pictologics==0.9.0 SimpleITK

Programs that are not there are left out, and said to be. Each extraction is a process of its own on one core; imports
and compilation are paid before, by a tiny case; programs take turns. Features have other names in each program: a
value of PyRadiomics (105 of the original image), or of IBSI's digital phantom (within its tolerance), counts as found
where *any* value of the program equals it. So the counts are upper bounds. Writes docs/benchmarks/peers.csv.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# The neighbour has the name of PyRadiomics' package.
sys.path = [entry for entry in sys.path if Path(entry).resolve() != HERE]
_spec = importlib.util.spec_from_file_location("features_benchmark", HERE / "radiomics.py")
common = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(common)

BIN_HU = 5
CLASSES = ["firstorder", "shape", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]


def vcfnb(image, mask, bins):
    from vcfnb.radiomics import Settings, extract_features

    return extract_features(image, mask, Settings(image_types=("Original",), bin_width=bins)).to_dict()


def vcfnb_ibsi(image, mask, bins):
    """The engine with IBSI's definitions."""
    from vcfnb.radiomics import Settings, extract_features

    settings = Settings(standard="ibsi", image_types=("Original",), bin_width=bins)
    return extract_features(image, mask, settings).to_dict()


def pyradiomics(image, mask, bins):
    from vcfnb.radiomics import Settings
    from vcfnb.radiomics.reference import extract_with_pyradiomics

    return extract_with_pyradiomics(*read(image, mask), Settings(image_types=("Original",), bin_width=bins))


def pictologics(image, mask, bins):
    from pictologics import RadiomicsPipeline, format_results

    families = {"families": ["intensity", "morphology", "texture", "histogram", "ivh"]}
    pipeline = RadiomicsPipeline()
    steps = [
        {"step": "discretise", "params": {"method": "FBS", "bin_width": bins, "min_val": lowest(bins)}},
        {"step": "extract_features", "params": families},
    ]
    pipeline.add_config(name="original", steps=steps)
    found = pipeline.run(image=image, mask=mask, config_names=["original"])
    return format_results(found, fmt="wide")


def mirp(image, mask, bins):
    from mirp import extract_features

    found = extract_features(
        image=image,
        mask=mask,
        base_discretisation_method="fixed_bin_size",
        base_discretisation_bin_width=float(bins),
        resegmentation_intensity_range=[lowest(bins), float("nan")],
        ibsi_compliant=True,
    )
    return found[0].iloc[0].to_dict()


def fastrad(image, mask, bins):
    import torch
    from fastrad import FeatureExtractor, FeatureSettings, Mask, MedicalImage

    torch.set_num_threads(1)
    image, mask = read(image, mask)
    import SimpleITK as sitk

    spacing = image.GetSpacing()[::-1]
    arrays = [torch.as_tensor(sitk.GetArrayFromImage(one).astype("float32")) for one in (image, mask)]
    settings = FeatureSettings(feature_classes=CLASSES, bin_width=float(bins), device="cpu", spacing=spacing)
    return FeatureExtractor(settings).extract(MedicalImage(arrays[0], spacing), Mask(arrays[1], spacing))


def nyxus(image, mask, bins):
    import numpy as np
    import nyxus as package
    import SimpleITK as sitk

    # Its grey levels are a number, not a width: the number that the width gives.

    values = sitk.GetArrayFromImage(sitk.ReadImage(image))[sitk.GetArrayFromImage(sitk.ReadImage(mask)) != 0]
    levels = int(np.floor(values.max() / bins) - np.floor(values.min() / bins)) + 1
    found = package.Nyxus3D(["*3D_ALL*"], n_feature_calc_threads=1, coarse_gray_depth=levels)
    return found.featurize_files([image], [mask], False).iloc[0].to_dict()


PROGRAMS = {
    "vcfnb": (vcfnb, "vcfnb"),
    "vcfnb, standard ibsi": (vcfnb_ibsi, "vcfnb"),
    "PyRadiomics": (pyradiomics, "pyradiomics-bhklab"),
    "pictologics": (pictologics, "pictologics"),
    "MIRP": (mirp, "mirp"),
    "fastrad": (fastrad, "fastrad"),
    "nyxus": (nyxus, "nyxus"),
}


def read(*paths):
    import SimpleITK as sitk

    return [sitk.ReadImage(path) for path in paths]


def lowest(bins):
    """Where bins begin, for programs that ask for it: the first level of the digital phantom, or below all tissue."""
    return -1000.0 if bins == BIN_HU else 1.0


def one(program, image, mask, bins, out):
    """One extraction in this process: CPU seconds, wall seconds, peak memory, version, values (the numbers)."""
    import time
    import warnings

    import SimpleITK as sitk

    warnings.simplefilter("ignore")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    function, package = PROGRAMS[program]
    with tempfile.TemporaryDirectory() as folder:
        tiny = [f"{folder}/ct.nii", f"{folder}/mask.nii"]
        for made, path in zip(common.tiny(), tiny, strict=True):
            sitk.WriteImage(made, path)
        function(*tiny, BIN_HU)
    cpu, wall = time.process_time(), time.perf_counter()
    values = function(image, mask, int(bins))
    measured = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    try:
        measured["version"] = version(package)
    except PackageNotFoundError:
        measured["version"] = "not known"
    numbers = {}
    for name, value in dict(values).items():
        try:
            numbers[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    measured["peak_mb"] = common.peak_memory()
    Path(out).write_text(json.dumps(measured | {"values": numbers}))


def found_in(values, wanted):
    """How many of the wanted values (value, tolerance) are among these, whatever their name."""
    import numpy as np

    have = np.array([value for value in values if np.isfinite(value)])
    return sum(bool((abs(have - value) <= tolerance).any()) for value, tolerance in wanted)


def phantom_case(folder):
    """IBSI's digital phantom as files, and its reference values: (value, tolerance).

    Most tolerances are 0: the values are then meant as printed, with three digits.
    """
    import numpy as np
    import pandas as pd
    import SimpleITK as sitk

    reference = ROOT / "tests" / "reference" / "ibsi"
    files = [str(folder / name) for name in ("phantom.nii", "phantom_mask.nii")]
    for source, target in zip(("digital_phantom_image.nii.gz", "digital_phantom_mask.nii.gz"), files, strict=True):
        sitk.WriteImage(sitk.ReadImage(str(reference / source)), target)
    table = pd.read_csv(ROOT / "docs" / "benchmarks" / "ibsi.csv")
    table = table[table["data"] == "digital phantom"]
    printed = 0.5001 * 10.0 ** (np.floor(np.log10(table["reference"].abs())) - 2)
    return files, list(zip(table["reference"], np.maximum(table["tolerance"], printed), strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with real/")
    parser.add_argument("--peers", type=Path, help="folder with an environment for each program")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=5, metavar=("PROGRAM", "IMAGE", "MASK", "BINS", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one)
        return
    if not (arguments.shared / "real").is_dir():
        sys.exit(f"no real CT in {arguments.shared} -> give the folder that holds real/ with --shared")
    import pandas as pd
    from tqdm import tqdm

    from vcfnb import runs

    pythons = dict.fromkeys(("vcfnb", "vcfnb, standard ibsi", "PyRadiomics"), sys.executable)
    for name in ("pictologics", "MIRP", "fastrad", "nyxus"):
        python = arguments.peers and arguments.peers / name.lower() / "bin" / "python"
        if python and python.exists():
            pythons[name] = str(python.absolute())
        else:
            print(f"{name} is left out: no environment {python}")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        files = common.cases(arguments.shared, folder)
        files["digital phantom"], ibsi = phantom_case(folder)
        turns = [
            (case, repeat, program)
            for case in files
            for repeat in range(1 if case in (common.LARGE, "digital phantom") else arguments.repeats)
            for program in pythons
        ]
        rows, values = [], {}
        for case, repeat, program in tqdm(turns, desc="extractions"):
            out = folder / "out.json"
            bins = 1 if case == "digital phantom" else BIN_HU
            call = [pythons[program], __file__, "--one", program, *files[case], str(bins), str(out)]
            row = {"case": case, "program": program, "repeat": repeat}
            try:
                done = subprocess.run(
                    call, env=os.environ | common.ONE_THREAD, timeout=1200, capture_output=True, text=True
                )
                failed = done.stderr.strip().splitlines()[-1:] if done.returncode else []
            except subprocess.TimeoutExpired:
                failed = ["more than 20 minutes"]
            if failed:
                print(f"{program} failed on {case}: {failed[0]}")
                rows.append(row | {"failed": failed[0]})
                continue
            found = json.loads(out.read_text())
            values[case, program] = found.pop("values")
            rows.append(row | found | {"n_values": len(values[case, program])})
    table = pd.DataFrame(rows)
    for index, row in table.iterrows():
        mine = values.get((row["case"], row["program"]), {}).values()
        if row["case"] == "digital phantom":
            table.loc[index, "n_ibsi"] = found_in(mine, ibsi)
        elif (row["case"], "PyRadiomics") in values:
            theirs = [(value, 1e-6 * abs(value)) for value in values[row["case"], "PyRadiomics"].values()]
            table.loc[index, "n_pyradiomics"] = found_in(mine, theirs)
    runs.write_csv(table, ROOT / "docs" / "benchmarks" / "peers.csv")
    columns = [name for name in ("cpu_s", "wall_s", "peak_mb", "n_values", "n_pyradiomics", "n_ibsi") if name in table]
    print(table.groupby(["case", "program"], sort=False)[columns].min().round(3).to_string())


if __name__ == "__main__":
    main()
