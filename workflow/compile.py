"""Compile the feature engine once, at set-up: numba keeps what it compiled beside the code."""

import tempfile
from pathlib import Path

from vcfnb import extract_features, phantom


def main():
    with tempfile.TemporaryDirectory() as folder:
        cohort = phantom.simulate_cohort(folder, n_patients=4, acute_fraction=0.5, voxel_mm=(2, 2, 2), cores=1)
        case = cohort.iloc[0]
        extract_features(Path(folder) / case["image"], Path(folder) / case["mask"])


if __name__ == "__main__":
    main()
