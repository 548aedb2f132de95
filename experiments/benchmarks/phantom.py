"""How long does it take to simulate the paper's 218 patients, and what is the time spent on?

    .venv/bin/python experiments/benchmarks/phantom.py [--patients 218] [--cores 2] [--quick]

Simulates the cohort of params/paper.yaml into a temporary folder, image and three masks a patient, as notebook 00 does.
The proportion of each part is measured on a few patients, on one core. Writes docs/benchmarks/phantom.csv.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Seconds in which the cohort is to be there, on 2 cores.
PROMISE_S = 180


def cohort(n_patients, voxel_mm, settings, cores):
    """Wall seconds of a whole simulated cohort."""
    from vcfnb import phantom

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        phantom.simulate_cohort(
            folder,
            n_patients=n_patients,
            seed=1,
            acute_fraction=settings.acute_fraction,
            voxel_mm=voxel_mm,
            difficulty=settings.difficulty,
            cores=cores,
        )
        return time.perf_counter() - start


def parts(n_patients, voxel_mm, settings):
    """CPU seconds per patient of scene, scanner and readers, after one that is not counted."""
    import numpy as np

    from vcfnb.phantom import patients, readers, scanner, scene

    in_plane_y, in_plane_z, slices = voxel_mm
    spacing = (in_plane_z, in_plane_y, slices)
    table = patients.draw_patients(
        max(12, n_patients + 1), settings.acute_fraction, settings.difficulty, np.random.default_rng([1, 0])
    )
    seconds = dict.fromkeys(("scene", "scanner", "readers"), 0.0)
    for number, patient in enumerate(table.to_dict("records")[: n_patients + 1]):
        stamps = [time.process_time()]
        made = scene.build(patient, spacing, np.random.default_rng([1, number, 0]))
        stamps.append(time.process_time())
        scanner.scan(made.hu, spacing, patient, np.random.default_rng([1, number, 1]))
        stamps.append(time.process_time())
        readers.draw_masks(made.body, spacing, np.random.default_rng([1, number, 2]))
        stamps.append(time.process_time())
        if number:
            for name, start, stop in zip(seconds, stamps, stamps[1:], strict=False):
                seconds[name] += (stop - start) / n_patients
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=218)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="only see that it works: 12 patients, voxels of 3 mm")
    parser.add_argument("--out", type=Path, help="folder of the result; default docs/benchmarks, for --quick nowhere")
    arguments = parser.parse_args()
    import pandas as pd

    from vcfnb import runs
    from vcfnb.params import load_params

    settings = load_params(ROOT / "params" / "paper.yaml").cohort
    n_patients, voxel_mm, few = arguments.patients, settings.voxel_mm, 8
    if arguments.quick:
        n_patients, voxel_mm, few = 12, (3.0, 3.0, 3.0), 1
    seconds = parts(few, voxel_mm, settings)
    wall = cohort(n_patients, voxel_mm, settings, arguments.cores)
    row = {"patients": n_patients, "cores": arguments.cores, "wall_s": wall}
    row |= {f"{name}_cpu_s_per_patient": value for name, value in seconds.items()}
    print(f"{n_patients} patients in {wall:.0f} s on {arguments.cores} of {os.cpu_count()} cores")
    print("CPU seconds per patient: " + ", ".join(f"{name} {value:.2f}" for name, value in seconds.items()))
    if not arguments.quick and n_patients == 218:
        print(f"promised: less than {PROMISE_S} s on 2 cores: {'kept' if wall < PROMISE_S else 'MISSED'}")
    out = arguments.out or (None if arguments.quick else ROOT / "docs" / "benchmarks")
    if out:
        runs.write_csv(pd.DataFrame([row | {"promised_s": PROMISE_S}]), out / "phantom.csv")


if __name__ == "__main__":
    sys.exit(main())
