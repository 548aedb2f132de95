"""Who is simulated: age, sex, bone density, level, and how strongly each sign of the fracture shows."""

import numpy as np
import pandas as pd
from scipy import stats

# The paper's cohort (Table 1 and text): 119 women of 218; age 21 to 97.
_WOMEN = 119 / 218
_AGE = {"mean": 63.14, "sd": 15.72, "low": 21, "high": 97}
_BMD = {"mean": -2.28, "sd": 1.26}
# Share of levels: fractures gather at the thoracolumbar junction.
LEVELS = {"T10": 0.05, "T11": 0.09, "T12": 0.2, "L1": 0.26, "L2": 0.16, "L3": 0.11, "L4": 0.08, "L5": 0.05}

# Signs and the class in which they are strong. A sign's strength runs from 0 (absent) to about 1.
SIGNS = {
    "fracture_line": "acute",
    "impaction": "acute",
    "cortical_step": "acute",
    "marrow_oedema": "acute",
    "swelling": "acute",
    "sclerosis": "chronic",
    "osteophytes": "chronic",
    "cortication": "chronic",
    "fatty_marrow": "chronic",
    "cleft": "chronic",
}
# How far apart the classes lie, in SDs of a patient's own variation, at difficulty 1.
_SEPARATION = 2.1
# Share of a sign's variation that all signs of a patient have in common: the age of the fracture.
_SHARED = 0.6


def draw_patients(n, acute_fraction, difficulty, rng):
    """Table of n simulated patients with one fractured vertebra each.

    Parameters
    ----------
    n : int
    acute_fraction : float
        The count of acute fractures is this share, rounded.
    difficulty : float
        Multiplies the variation of signs within a class.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        patient_id, label (1 acute, 0 chronic), age (years), sex (F, M), bmd (T-score), level, and one strength a sign.
        Ages and T-scores are quantiles of the paper's distributions, so that means and SDs hold at any n.
    """
    label = np.zeros(n, dtype=int)
    label[: round(acute_fraction * n)] = 1
    rng.shuffle(label)
    female = np.zeros(n, dtype=bool)
    # Older patients are more often women, and have less bone.
    age = _quantiles(rng.normal(size=n), stats.truncnorm(*_age_limits(), _AGE["mean"], _AGE["sd"]))
    years = (age - _AGE["mean"]) / _AGE["sd"]
    female[np.argsort(-(0.3 * years + rng.normal(size=n)))[: round(_WOMEN * n)]] = True
    bone = -0.45 * years - 0.25 * female + 0.85 * rng.normal(size=n)
    bmd = _quantiles(bone, stats.norm(_BMD["mean"], _BMD["sd"]))
    table = pd.DataFrame(
        {
            "patient_id": [f"P{number:03d}" for number in range(1, n + 1)],
            "label": label,
            "age": np.round(age).astype(int),
            "sex": np.where(female, "F", "M"),
            "bmd": np.round(bmd, 1),
            "level": rng.choice(list(LEVELS), size=n, p=list(LEVELS.values())),
        }
    )
    return table.assign(**_strengths(table, difficulty, rng))


def _age_limits():
    return ((_AGE["low"] - _AGE["mean"]) / _AGE["sd"], (_AGE["high"] - _AGE["mean"]) / _AGE["sd"])


def _quantiles(latent, distribution):
    """Values of a distribution at evenly spaced quantiles, in the order of the latent values."""
    n = len(latent)
    values = np.empty(n)
    values[np.argsort(latent)] = distribution.ppf((np.arange(n) + 0.5) / n)
    return values


def _strengths(table, difficulty, rng):
    n = len(table)
    side = np.where(table["label"] == 1, 1.0, -1.0) * _SEPARATION / 2
    common = rng.normal(size=n)
    strengths = {}
    for sign, of_class in SIGNS.items():
        own = np.sqrt(_SHARED) * common + np.sqrt(1 - _SHARED) * rng.normal(size=n)
        towards = side + difficulty * own
        latent = towards if of_class == "acute" else -towards
        if sign == "osteophytes":
            # Osteophytes come with age in any spine.
            latent = latent + 0.8 * (table["age"].to_numpy() - _AGE["mean"]) / _AGE["sd"]
        if sign == "cleft":
            # Rare, and nearly always in chronic fractures.
            latent = np.where(rng.random(n) < 0.1, latent, -9.0)
        strengths[sign] = np.round(stats.norm.cdf(1.2 * latent), 4)
    return strengths
