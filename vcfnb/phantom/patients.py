"""Who is simulated: age, sex, bone density, level, traits of patient and scanner, and how strongly each sign shows."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize, stats

from vcfnb.cohort import SIMULATED

# The paper's cohort (Table 1 and text): 119 women of 218; age 21 to 97; T-scores of both of its sets together.
_WOMEN = 119 / 218
_AGE = {"mean": 63.14, "sd": 15.72, "low": 21, "high": 97}
_BMD = {"mean": -2.28, "sd": 1.26}
# From this many patients on the youngest and the oldest are the paper's; fewer would not reach so far.
_REACHES_ENDS = 100
# Proportion of levels: fractures gather at the thoracolumbar junction.
LEVELS = {"T10": 0.05, "T11": 0.09, "T12": 0.2, "L1": 0.26, "L2": 0.16, "L3": 0.11, "L4": 0.08, "L5": 0.05}

# Signs: in the bone or around it, and how often CT shows them in acute and in chronic fractures, with the source.
_SEEN = pd.read_csv(Path(__file__).with_name("signs.csv"), index_col="sign")
SIGNS = dict(zip(_SEEN.index, np.where(_SEEN["acute"] > _SEEN["chronic"], "acute", "chronic"), strict=True))
# Signs around the bone: swelling and haematoma beside the spine, and stranding of the fat.
AROUND = tuple(_SEEN.index[_SEEN["group"] == "around"])
# A sign that is seen has at least this strength, of 1; by so much it grows with each SD beyond being seen.
_WEAKEST, _STRONGER = 0.5, 0.3
# Proportions of a sign's variation (of variance) that all signs of a fracture have in common (its age), and those of a
# group besides (bone and soft tissue do not heal at one pace).
_SHARED = 0.25
_SHARED_GROUP = 0.35

# Deformities (Genant et al. 1993, J Bone Miner Res 8:1137) and their shares; they do not depend on the label.
KINDS = {"wedge": 0.55, "biconcave": 0.3, "crush": 0.15}
# What belongs to the patient and to the scanner; none of it depends on the label.
TRAITS = ("size", "fat", "sharpness", "dose", "metal")
DEFORMITY = ("kind", "loss", "genant")
# Kernel sharpness and dose, from 0 to 1: of the only site, and of each of two.
_SCANNERS = {
    SIMULATED: {"sharpness": (0.2, 0.8), "dose": (0.3, 1.0)},
    f"{SIMULATED}-1": {"sharpness": (0.0, 0.5), "dose": (0.5, 1.0)},
    f"{SIMULATED}-2": {"sharpness": (0.6, 1.0), "dose": (0.2, 0.6)},
}
_FIRST_SITE = 0.6
# A second fracture is as often as this of the same age as the first.
_SAME_LABEL = 0.8
# What a patient of whom only label, age, sex, bmd, level and signs are given is like.
DEFAULTS = {"size": 1.0, "fat": 0.5, "sharpness": 0.5, "dose": 0.65, "metal": False, "kind": "wedge", "loss": 0.28}


def draw_patients(n, acute_fraction, difficulty, rng, several_vertebrae=0.0, n_sites=1, metal=0.0):
    """Table of the fractured vertebrae of n simulated patients, four or more.

    Returns
    -------
    pandas.DataFrame
        patient_id, case_id, vertebra (1, or 2: a second one, in the row after the patient's first), label (1 acute, 0
        chronic), age (years), sex (F, M), bmd (T-score), level, site; size (of the spine, as factor), fat (0 to 1,
        around the muscles), sharpness (of the kernel, 0 to 1), dose (0 to 1), metal; kind (wedge, biconcave, crush),
        loss (proportion of the height), genant (grade, 0 to 3); and one strength per sign.
        Ages and T-scores are quantiles, so that the paper's means and SDs hold at any n. The options leave all other
        values as they are without them.
    """
    label = np.zeros(n, dtype=int)
    label[: round(acute_fraction * n)] = 1
    rng.shuffle(label)
    # Older patients are more often women; old age and, a little, being a woman come with less bone.
    age = np.empty(n)
    age[np.argsort(rng.normal(size=n))] = _ages(n)
    years = (age - _AGE["mean"]) / _AGE["sd"]
    female = np.zeros(n, dtype=bool)
    female[np.argsort(-(0.3 * years + rng.normal(size=n)))[: round(_WOMEN * n)]] = True
    bmd = np.empty(n)
    bmd[np.argsort(-0.45 * years - 0.25 * female + 0.85 * rng.normal(size=n))] = _t_scores(n)
    table = pd.DataFrame(
        {
            "patient_id": [f"P{number:03d}" for number in range(1, n + 1)],
            "vertebra": 1,
            "label": label,
            "age": age.astype(int),
            "sex": np.where(female, "F", "M"),
            "bmd": np.round(bmd, 1),
            "level": rng.choice(list(LEVELS), size=n, p=list(LEVELS.values())),
        }
    )
    table = table.assign(**_strengths(table, difficulty, rng), **_deformity(n, rng), **_traits(female, rng))
    table = table.assign(**_scanner(n, n_sites, rng), metal=_chosen(n, metal, rng))
    return _with_second_vertebrae(table, several_vertebrae, difficulty, rng)


def _ages(n):
    """n ages in increasing order, whole years, whose mean and SD are the paper's."""
    shares = (np.arange(n) + 0.5) / n

    def years(mean, sd):
        ends = [(_AGE[end] - mean) / sd for end in ("low", "high")]
        ages = stats.truncnorm.ppf(shares, *ends, loc=mean, scale=sd)
        if n >= _REACHES_ENDS:
            ages[[0, -1]] = _AGE["low"], _AGE["high"]
        return ages

    def missed(parameters):
        ages = years(*parameters)
        return ages.mean() - _AGE["mean"], ages.std(ddof=1) - _AGE["sd"]

    return np.rint(years(*optimize.root(missed, (_AGE["mean"], _AGE["sd"])).x))


def _t_scores(n):
    """n T-scores in increasing order, whose mean and SD are the paper's."""
    z = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return _BMD["mean"] + _BMD["sd"] * z / z.std(ddof=1)


def _strengths(table, difficulty, rng):
    """How strongly each sign shows (0: not seen), at difficulty 1 as often in each class as signs.csv says."""
    n = len(table)
    side = np.where(table["label"] == 1, 0.5, -0.5)
    common = rng.normal(size=n)
    groups = {group: rng.normal(size=n) for group in ("bone", "around")}
    strengths = {}
    for sign, group, *seen in _SEEN[["group", "acute", "chronic"]].itertuples():
        acute, chronic = stats.norm.ppf(seen)
        own = np.sqrt(1 - _SHARED - _SHARED_GROUP) * rng.normal(size=n)
        varied = np.sqrt(_SHARED) * common + np.sqrt(_SHARED_GROUP) * groups[group] + own
        if sign == "osteophytes":
            # Osteophytes come with age in any spine.
            varied = (varied - 0.8 * (table["age"].to_numpy() - _AGE["mean"]) / _AGE["sd"]) / np.hypot(1, 0.8)
        # What the signs of a fracture have in common is its age: younger, it has more acute and fewer chronic signs.
        beyond = (acute + chronic) / 2 + side * (acute - chronic) / difficulty + np.sign(acute - chronic) * varied
        strength = np.where(beyond > 0, np.clip(_WEAKEST + _STRONGER * beyond, 0, 1), 0)
        strengths[sign] = np.round(strength, 4)
    return strengths


def _deformity(n, rng):
    kind = rng.choice(list(KINDS), size=n, p=list(KINDS.values()))
    loss = np.round(np.clip(rng.normal(0.28, 0.09, n), 0.12, 0.5), 4)
    # Genant's grades: 1 from 20 %, 2 from 25 %, 3 above 40 % of the height; less than 20 % is grade 0.
    return {"kind": kind, "loss": loss, "genant": (loss >= 0.2).astype(int) + (loss >= 0.25) + (loss > 0.4)}


def _traits(female, rng):
    size = np.clip(rng.normal(1, 0.04, len(female)), 0.9, 1.1) * np.where(female, 0.95, 1.05)
    return {"size": np.round(size, 4), "fat": np.round(rng.random(len(female)), 4)}


def _scanner(n, n_sites, rng):
    first = _chosen(n, _FIRST_SITE, rng)
    site = np.where(first, f"{SIMULATED}-1", f"{SIMULATED}-2") if n_sites == 2 else np.full(n, SIMULATED)
    drawn = {"site": site}
    for trait in ("sharpness", "dose"):
        low, high = np.array([_SCANNERS[name][trait] for name in site]).T
        drawn[trait] = np.round(low + (high - low) * rng.random(n), 4)
    return drawn


def _chosen(n, share, rng):
    """Mark a share (rounded to a count) of n patients."""
    marked = np.zeros(n, dtype=bool)
    marked[rng.permutation(n)[: round(share * n)]] = True
    return marked


def _with_second_vertebrae(table, share, difficulty, rng):
    """Add rows of second vertebrae, and name the cases as :func:`vcfnb.cohort.read_cohort` would."""
    both = _chosen(len(table), share, rng)
    second = table[both].assign(vertebra=2)
    n = len(second)
    second["label"] = np.where(rng.random(n) < _SAME_LABEL, second["label"], 1 - second["label"])
    second["level"] = [_near(level, rng) for level in second["level"]]
    second = second.assign(**_strengths(second, difficulty, rng), **_deformity(n, rng))
    # The types of columns are given: pandas cannot see them where no patient has a second vertebra.
    table = pd.concat([table, second.astype(table.dtypes)]).sort_index(kind="stable").reset_index(drop=True)
    several = table["patient_id"].duplicated(keep=False)
    table.insert(1, "case_id", table["patient_id"].where(~several, table["patient_id"] + "_" + table["level"]))
    return table


def _near(level, rng):
    """A level two or three away: the direct neighbours are seen whole in the first vertebra's image."""
    levels = list(LEVELS)
    place = levels.index(level)
    places = [place + step for step in (-3, -2, 2, 3) if 0 <= place + step < len(levels)]
    return levels[rng.choice(places)]
