"""Who a model was trained on, and whether a new case lies among them; nothing of a single patient."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import linalg
from sklearn.covariance import LedoitWolf

from vcfnb import cohort, statistics

# What a new image is compared in: words, unit.
MEASURES = {
    "voxel_min_mm": ("shortest voxel edge", "mm"),
    "voxel_max_mm": ("longest voxel edge", "mm"),
    "roi_volume_ml": ("volume of the ROI", "ml"),
    "hu_p5": ("5th percentile in the ROI", "HU"),
    "hu_p50": ("median in the ROI", "HU"),
    "hu_p95": ("95th percentile in the ROI", "HU"),
}
# Of a new value that is exchangeable with n training values, 2 in n + 1 lie beyond their ends: the ends are moved
# out by this proportion of their distance, or of their size, before a value counts as different.
_SLACK = 0.1
_SLACK_OF_SIZE = 0.05
# Training cases that share a point of the calibration, at least, and points at most.
_CASES_A_POINT, _POINTS = 8, 5


@dataclass(frozen=True)
class TrainingCohort:
    """What is kept of the training cases beside the model itself."""

    # n_cases, n_patients, n_acute; women and known_sex (cases); age and bmd (n, mean, sd). No extremes of age, which
    # may point to one person.
    patients: dict = field(default_factory=dict)
    # By measure (MEASURES): low and high, the smallest and largest value of the training images.
    images: dict = field(default_factory=dict)
    # By model, of out-of-fold probabilities: points (n, predicted, observed, low, high), the logistic recalibration
    # fitted on them (method, intercept, slope, note), and area: n, auc, low and high (Newcombe's interval by patient).
    calibration: dict = field(default_factory=dict)
    # Of the training images, sorted: to tell that an image was trained on.
    fingerprints: list = field(default_factory=list)

    @classmethod
    def of(cls, table, quality=None, out_of_fold=None, fingerprints=()):
        """Summarise training cases; `table` and `out_of_fold` as for :func:`vcfnb.fusion.save_study_model`.

        `quality` are their rows of 01_preprocessing/qc.csv.
        """
        images = {}
        if quality is not None:
            values = pd.DataFrame([measures(row) for row in quality.to_dict("records")])
            images = {
                name: {"low": float(column.min()), "high": float(column.max())} for name, column in values.items()
            }
        return cls(
            _patients(table),
            images,
            {name: _calibration(table, score) for name, score in (out_of_fold or {}).items()},
            sorted(set(fingerprints)),
        )

    def compare(self, quality):
        """A new image, with its row of quality (:func:`vcfnb.images.quality`), beside the training images.

        A table of measure, in_words, unit, value, low, high, different (beyond the ends by more than a tenth of their
        distance and 5 % of the end itself); without rows for a model that does not know its images.
        """
        value = measures(quality) if self.images else {}
        rows = []
        for name in [name for name in MEASURES if name in self.images]:
            low, high = self.images[name]["low"], self.images[name]["high"]
            below, above = (max(_SLACK * (high - low), _SLACK_OF_SIZE * abs(end)) for end in (low, high))
            different = not low - below <= value[name] <= high + above
            rows.append((name, *MEASURES[name], value[name], low, high, different))
        return pd.DataFrame(rows, columns=["measure", "in_words", "unit", "value", "low", "high", "different"])

    def calibrated(self, model, probability):
        """What became of training cases to which the model gave such a probability.

        A dict, empty where nothing is known, of n, predicted, observed, low, high: the point of the calibration whose
        mean prediction is nearest, its proportion of acute cases with Wilson's interval; recalibrated: the probability
        after the recalibration fitted on training cases; prevalence: proportion of acute training cases; slope.

        This is observed frequency, with an interval that says how few cases it rests on. It stands in place of an
        interval from redrawn coefficients, which would be conditional on the selected features and the trained network
        (:func:`vcfnb.fusion.coefficient_intervals`), much too narrow, and silent about calibration.
        """
        known = self.calibration.get(model)
        if not known:
            return {}
        nearest = min(known["points"], key=lambda point: abs(point["predicted"] - probability))
        rule = statistics.Recalibration(known["method"], known["intercept"], known["slope"])
        return nearest | {
            "recalibrated": float(rule.apply([probability])[0]),
            "slope": known["slope"],
            "prevalence": self.patients["n_acute"] / self.patients["n_cases"],
        }

    def __str__(self):
        who = self.patients
        if not who:
            return "training cases not described"
        text = f"{who['n_cases']} training cases of {who['n_patients']} patients, {who['n_acute']} acute"
        for name, said, unit in (("age", "age", " years"), ("bmd", "T-score", "")):
            if who[name]["n"]:
                text += f"; {said} {who[name]['mean']:.1f}{unit} (SD {who[name]['sd']:.1f})"
        return text + (f"; {who['women']} of {who['known_sex']} women" if who["known_sex"] else "")


def measures(quality):
    """The measures of :data:`MEASURES` from a row of quality: dict of str to float."""
    edges = [float(edge) for edge in quality["spacing_in"].split(" x ")]
    found = {"voxel_min_mm": min(edges), "voxel_max_mm": max(edges), "roi_volume_ml": quality["roi_volume_ml_out"]}
    return {name: float(found[name] if name in found else quality[name]) for name in MEASURES}


def fingerprint(image):
    """Digest of an image by which it is known again, in any format and any order of its voxels.

    Only who has the image can compute it: nothing of the image or the patient can be got back from it, so it needs no
    salt. An id would: ids are short and can be guessed, and `P001` of another hospital is another patient.

    `image` is a SimpleITK image as read, in HU; of another type of numbers it is the same. 64 hexadecimal digits.
    """
    turned = sitk.DICOMOrient(sitk.Cast(image, sitk.sitkFloat32), "LPS")
    return cohort.voxel_digest(turned).hex()


def _patients(table):
    known = table["sex"].dropna() if "sex" in table else pd.Series(dtype=object)
    found = {
        "n_cases": len(table),
        "n_patients": int(table["patient_id"].nunique()),
        "n_acute": int(table["label"].sum()),
        "women": int((known == "F").sum()),
        "known_sex": len(known),
    }
    for name in ("age", "bmd"):
        values = table[name].dropna() if name in table else pd.Series(dtype=float)
        enough = len(values) > 1
        spread = {"mean": float(values.mean()), "sd": float(values.std())} if enough else {"mean": None, "sd": None}
        found[name] = {"n": len(values) if enough else 0, **spread}
    return found


def _calibration(table, score):
    y, probability = table["label"].to_numpy(), score.loc[table.index].to_numpy()
    bins = int(np.clip(len(y) // _CASES_A_POINT, 1, _POINTS))
    points = statistics.calibration_curve_points(y, probability, bins, patients=table["patient_id"])
    rule = statistics.recalibrate(y, probability)
    area = map(float, statistics.auc_interval(y, probability, table["patient_id"]))
    area = {"n": len(y)} | dict(zip(("auc", "low", "high"), area, strict=True))
    found = {"points": points.drop(columns="bin").to_dict("records"), "area": area}
    return found | rule._asdict()


# A new case is called outside when it lies farther away than this proportion of the training cases did.
QUANTILE = 0.99


@dataclass(frozen=True)
class TrainingRange:
    """What the features of the training cases looked like, each in its own units."""

    features: list
    mean: list
    sd: list
    low: list
    high: list
    # Inverse covariance of the z-scores, shrunken (Ledoit and Wolf 2004): with about as many features as cases the
    # plain covariance cannot be inverted.
    precision: list
    reference: float  # the quantile of the training cases' Mahalanobis distances, each measured from the other cases
    most_beyond: int  # likewise of how many features of a training case lie beyond the range of the others
    quantile: float = QUANTILE

    @classmethod
    def of(cls, x):
        """Describe training cases: one row per case, one column per feature."""
        values = x.to_numpy(dtype=float)
        mean, sd = values.mean(axis=0), values.std(axis=0)
        sd = np.where(sd > 0, sd, 1.0)
        z = (values - mean) / sd
        distances = [_distance_from(np.delete(z, i, axis=0), z[i]) for i in range(len(z))]
        return cls(
            features=list(x.columns),
            mean=mean.tolist(),
            sd=sd.tolist(),
            low=values.min(axis=0).tolist(),
            high=values.max(axis=0).tolist(),
            precision=LedoitWolf().fit(z).precision_.tolist(),
            reference=float(np.quantile(distances, QUANTILE)),
            most_beyond=int(np.quantile(_alone_at_an_end(values), QUANTILE)),
        )

    def distance(self, x):
        """Mahalanobis distance of each case from the training cases, in shrunken z-scores; shape (n,)."""
        z = (x[self.features].to_numpy(dtype=float) - self.mean) / self.sd
        return _distances(z, np.zeros(len(self.features)), np.array(self.precision))

    def beyond(self, x):
        """Whether each value lies below the smallest or above the largest training value: DataFrame as `x`."""
        values = x[self.features]
        return (values < pd.Series(self.low, self.features)) | (values > pd.Series(self.high, self.features))


def _alone_at_an_end(values):
    """Of each case, how many of its values lie below or above those of all other cases."""
    ends = np.sort(values, axis=0)
    lowest = (values == ends[0]) & (ends[0] < ends[1])
    highest = (values == ends[-1]) & (ends[-1] > ends[-2])
    return (lowest | highest).sum(axis=1)


def _distance_from(others, z):
    """Mahalanobis distance of one case from the others."""
    fitted = LedoitWolf(store_precision=False).fit(others)
    off = z - fitted.location_
    return np.sqrt(off @ linalg.solve(fitted.covariance_, off, assume_a="pos"))


def _distances(z, centre, precision):
    off = z - centre
    return np.sqrt(np.einsum("ij,jk,ik->i", off, precision, off))
