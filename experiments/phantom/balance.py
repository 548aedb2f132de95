"""Do the simulated classes differ in plain numbers, such as the mean density of the body?

    .venv/bin/python experiments/phantom/balance.py [--patients 200] [--out docs/phantom]

Simulates patients, half of them acute, at 1 mm and the difficulty of params/demo.yaml, and writes balance.csv: the AUC
of each of the four numbers of the study's baseline for acute against chronic fractures (0.5: no difference), and that
of all four and of the true signs in a cross-validated logistic regression.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vcfnb import images, runs
from vcfnb.params import load_params
from vcfnb.phantom.folder import simulate_case
from vcfnb.phantom.patients import SIGNS, draw_patients
from vcfnb.radiomics import Settings, extract_features
from vcfnb.radiomics.baseline import RADIOMIC

ROOT = Path(__file__).resolve().parents[2]
SEED = 11
FOUR = list(RADIOMIC.values())


def measure(numbered):
    number, patient = numbered
    hu, masks = simulate_case(patient, (1.0, 1.0, 1.0), [SEED, number], repeat=False)
    image, prepared = images.preprocess(
        sitk.GetImageFromArray(hu), {"a": sitk.GetImageFromArray(masks["a"])}, spacing_mm=1.0
    )
    values = extract_features(image, prepared["a"], Settings(image_types=("Original",)))
    return {"label": patient["label"]} | {sign: patient[sign] for sign in SIGNS} | values[FOUR].to_dict()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "phantom")
    arguments = parser.parse_args()
    difficulty = load_params(ROOT / "params" / "demo.yaml").cohort.difficulty
    drawn = draw_patients(arguments.patients, 0.5, difficulty, np.random.default_rng(SEED)).to_dict("records")
    table = pd.DataFrame(list(runs.parallel_map(measure, list(enumerate(drawn)), desc="simulated patients")))
    found = {name: roc_auc_score(table["label"], table[name]) for name in FOUR}
    model = make_pipeline(StandardScaler(), LogisticRegression())
    for name, columns in {"all four": FOUR, "true signs": list(SIGNS)}.items():
        scores = cross_val_predict(model, table[columns], table["label"], cv=10, method="decision_function")
        found[name] = roc_auc_score(table["label"], scores)
    balance = pd.DataFrame({"number": list(found), "n": len(table), "auc": list(found.values())})
    runs.write_csv(balance, arguments.out / "balance.csv")
    print(balance.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
