"""A saved model applied to one new case."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from vcfnb import runs
from vcfnb.cohort.clinical import ClinicalEncoder
from vcfnb.errors import VcfnbError
from vcfnb.fusion.saved import NOTICE, load_model
from vcfnb.fusion.training_cohort import TrainingCohort
from vcfnb.prediction import achieved
from vcfnb.prediction.extraction import extract_case
from vcfnb.radiomics.baseline import PREFIX
from vcfnb.statistics import sentences

_KNOWN = (
    "This image was a training case: the network was trained on it, and its probability says nothing about the model. "
    "In the study its deep features came from a network that was not trained on it, so its score there differs."
)


@dataclass(frozen=True)
class Prediction:
    """The prediction of a saved model for one case.

    Attributes
    ----------
    probability : dict of str to float
        Probability of an acute fracture by model: ``radiomics``, ``dtl``, ``fusion``, ``ridge_fusion``.
    primary : str
        The model that the study named beforehand; the following is about it.
    predicted_class : dict of str to str
        ``"acute"`` or ``"chronic"`` at each model's operating point; empty when none was saved.
    thresholds : dict of str to float
        The operating points: from here on the predicted class is acute.
    operating_point : str
        How they were chosen, on out-of-fold probabilities of training cases: ``Youden``, or ``sensitivity 0.9``.
    uncertain : dict of str to list
        By model, from and to below which probability a case is uncertain; empty when not known.
    certain_rate : float
        So many acute training cases reach the lower limit, so many chronic ones stay below the upper one.
    contributions : pandas.DataFrame
        What drove the primary model: feature, value, z (training SDs from the training mean), contribution (to the log
        odds, coefficient times z), low and high (range of the training cases), beyond (whether the value lies outside
        that range). From large to small. With the model's intercept the contributions add up to the log odds.
    outside : bool
        Whether the case lies farther from the training cases than 99 % of them lie from the others; the probability
        should then not be believed.
    distance, reference : float
        Mahalanobis distance of the case, and the limit.
    most_beyond : int
        So many features of a training case lie beyond the range of the others, in 99 % of them.
    image : pandas.DataFrame
        The ROI beside the training images (:meth:`vcfnb.fusion.TrainingCohort.compare`); no rows where not known.
    calibration : dict of str to dict
        By model, what became of training cases with such a probability
        (:meth:`vcfnb.fusion.TrainingCohort.calibrated`).
    achieved : list of dict
        AUCs of the primary model in its study (:func:`vcfnb.prediction.achieved.achieved`).
    simulated : bool
        Whether that study's patients are.
    baseline : dict
        probability of the baseline on simple measurements, and unknown: its clinical variables that were not given, for
        which it takes the training median; empty where the model has none.
    notes : list of str
        Such as other versions than those that made the model, or a crop that leaves the image.
    cohort : str
        The training cases in one line, and whether they are simulated.
    notice : str
    """

    probability: dict
    primary: str
    predicted_class: dict
    thresholds: dict
    operating_point: str
    uncertain: dict
    certain_rate: float
    contributions: pd.DataFrame
    outside: bool
    distance: float
    reference: float
    most_beyond: int
    image: pd.DataFrame
    calibration: dict
    achieved: list
    simulated: bool
    baseline: dict
    notes: list
    cohort: str
    notice: str = NOTICE

    @property
    def different(self):
        """In words, in what the image differs from the training images; empty where it does not."""
        return [
            f"{row.in_words} {row.value:.4g} {row.unit}, training cases {row.low:.4g} to {row.high:.4g}"
            for row in self.image[self.image["different"].astype(bool)].itertuples()
        ]

    @property
    def beyond(self):
        """Features beyond the range of the training cases: all where they are more than usual, else those far beyond.

        Of hundreds of features some lie a little beyond in any case. Far is more than half the range.
        """
        found = self.contributions[self.contributions["beyond"].astype(bool)]
        half = (found["high"] - found["low"]) / 2
        far = (found["value"] < found["low"] - half) | (found["value"] > found["high"] + half)
        return found.loc[far | (len(found) > self.most_beyond), "feature"].tolist()

    @property
    def warnings(self):
        """Why the probability may not be believed, a sentence each; empty where nothing speaks against it."""
        found = []
        if self.outside:
            found.append(
                f"OUTSIDE the training data: distance {self.distance:.2f}, limit {self.reference:.2f}. "
                "The model was never tried on such a case; do not believe the probability."
            )
        if self.different:
            found.append(f"The image is DIFFERENT from the training images: {'; '.join(self.different)}.")
        if self.is_uncertain(self.primary):
            low, high = self.uncertain[self.primary]
            found.append(
                f"UNCERTAIN: {self.certain_rate:.0%} of the acute training cases have a probability of at least "
                f"{in_words(low)}, {self.certain_rate:.0%} of the chronic ones one below {in_words(high)}; this one is "
                "between (out-of-fold probabilities)."
            )
        classes = {name: self.predicted_class[name] for name in self.probability if name in self.predicted_class}
        if len(set(classes.values())) > 1:
            by_class = {one: [name for name, given in classes.items() if given == one] for one in ("acute", "chronic")}
            told = "; ".join(f"{one} by {', '.join(names)}" for one, names in by_class.items())
            found.append(sentences.in_words(f"The models DISAGREE: {told}."))
        beyond = self.beyond
        if beyond:
            told = ", ".join(beyond[:5]) + (f" and {len(beyond) - 5} more" if len(beyond) > 5 else "")
            many = f"{len(beyond)} features (a training case has at most {self.most_beyond})"
            what = many if len(beyond) > self.most_beyond else "Far"
            found.append(f"{what} beyond the range of the training cases: {told}.")
        return found + self.notes

    def is_uncertain(self, model):
        """Whether a model's probability lies where it decides for neither class."""
        low, high = self.uncertain.get(model, (0, 0))
        return low <= self.probability[model] < high

    @sentences.models_in_words
    def calibration_note(self):
        """What the calibration on training cases says of the primary model's probability, in words."""
        known = self.calibration.get(self.primary)
        if self.outside:
            return "Calibration: that of the training cases says nothing of this case, which lies outside of them."
        if not known:
            return "Calibration: not known, the model was saved without out-of-fold probabilities."
        return (
            f"Calibration ({self.primary}): of the {known['n']} training cases with probabilities nearest to this one "
            f"(mean {known['predicted']:.2f}, each from a chain refitted without the patient), {known['observed']:.0%} "
            f"were acute (95% interval {known['low']:.0%} to {known['high']:.0%}). Recalibrated on training cases the "
            f"probability is {in_words(known['recalibrated'])}. {known['prevalence']:.0%} of the training cases "
            "were acute: where acute fractures are rarer, the probability is too high, and the other way round."
        )

    def achieved_note(self):
        """How good the primary model was in its study, in words."""
        return achieved.in_words(self.achieved, self.primary, self.simulated)

    def baseline_note(self):
        """What the baseline says of this case, in words; empty where there is none."""
        if not self.baseline:
            return ""
        unknown = ["T-score" if name == "bmd" else name for name in self.baseline["unknown"]]
        left = f" ({', '.join(unknown)} not given: the training median)" if unknown else ""
        probability = in_words(self.baseline["probability"])
        return f"Baseline, simple measurements alone: probability of an acute fracture {probability}{left}."

    def kinds_note(self):
        """What each kind of feature contributes together: many small contributions outweigh a few large ones."""
        from vcfnb.figures.names import source

        rows = self.contributions.groupby(self.contributions["feature"].map(source))["contribution"]
        told = [f"{part.sum():+.2f} of {len(part)} {kind}" for kind, part in rows]
        return f"All features of a kind together (log odds): {', '.join(told)}."

    def class_of(self, model):
        """Predicted class of a model in words, with *uncertain* where it is."""
        return self.predicted_class[model] + (", but uncertain" if self.is_uncertain(model) else "")

    def _class_in_words(self, model):
        if model not in self.predicted_class:
            return ""
        chosen = f"acute from {self.thresholds[model]:.3f} on, {self.operating_point}"
        return f"; predicted class: {self.class_of(model)} ({chosen})"

    def to_dict(self):
        """Plain values, for JSON."""
        tables = {name: getattr(self, name).to_dict("records") for name in ("contributions", "image")}
        return (
            vars(self)
            | tables
            | {"warnings": self.warnings, "calibration_note": self.calibration_note()}
            | {"kinds_note": self.kinds_note(), "achieved_note": self.achieved_note()}
            | {"baseline_note": self.baseline_note()}
        )

    def __str__(self):
        lines = [
            *self.warnings,
            *(
                f"{name}: probability of an acute fracture {in_words(value)}{self._class_in_words(name)}"
                for name, value in self.probability.items()
            ),
            *filter(None, [self.baseline_note()]),
            self.achieved_note(),
            self.calibration_note(),
        ]
        if not self.outside:
            lines.append(f"within the training data (distance {self.distance:.2f}, limit {self.reference:.2f})")
        if len(self.image) and not self.different:
            lines.append("voxel size, HU and volume of the ROI are like those of the training images")
        first = self.contributions.head(5)
        drivers = ", ".join(
            f"{name} {value:+.2f}" for name, value in zip(first.feature, first.contribution, strict=True)
        )
        lines += [f"drivers (log odds): {drivers}", self.kinds_note()]
        return "\n".join([*lines, self.cohort, self.notice])


def in_words(probability):
    """A probability with three decimals, which are never 0.000 or 1.000."""
    if 0.0005 <= probability < 0.9995:
        return f"{probability:.3f}"
    return "below 0.001" if probability < 0.5 else "above 0.999"


def predict(model_dir, image, mask, mask_label=None, clinical=None, site=None):
    """Apply a saved model to one case. Research use only, not for diagnosis.

    The case takes the same way as a test case of the study: preprocessing, radiomics, and the network that was trained
    on all training cases, with the settings that are saved in the model.

    Parameters
    ----------
    model_dir : path
        ``06_fusion/model`` of a study.
    image, mask : path or SimpleITK.Image
        CT (HU) and ROI in any format that :mod:`vcfnb.images` reads.
    mask_label : int or str, optional
        Value of the vertebra in a mask with several labels; number or name of a segment or structure.
    clinical : dict, optional
        ``age`` (years), ``sex`` (F or M), ``bmd`` (T-score), for a model that uses them, and for the baseline.
    site : str, optional
        Where the CT was made, for a model whose study harmonised its features by site.

    Returns
    -------
    Prediction

    Raises
    ------
    VcfnbError
        When the model folder is damaged; when the model needs a clinical variable or the site, and it is not given, or
        the site has no training case (the features of its scanner cannot be made comparable).
    BadInput
        When image or mask or a clinical value cannot be used.
    """
    model = load_model(model_dir)
    check_patient(model, clinical, site)
    return predict_extracted(model, extract_case(model, image, mask, mask_label), clinical, site)


def predict_extracted(model, extracted, clinical=None, site=None):
    """Apply a loaded model to a case that :func:`vcfnb.prediction.extract_case` gave; as :func:`predict`."""
    known = [_KNOWN] if extracted.fingerprint in model.cohort.fingerprints else []
    notes = known + _other_versions(model) + extracted.notes
    return predict_features(model, extracted.features, notes, clinical, site, extracted.quality)


def check_patient(model, clinical=None, site=None):
    """Raise what :func:`predict` does of clinical values and site, before anything is computed."""
    if model.sites and str(site) not in model.sites:
        given = "no site is given" if site is None else f"site {site!r} has no training case"
        raise VcfnbError(
            f"site: the model's features are harmonised by site, and {given}",
            f"give site as one of {', '.join(model.sites)}; for other sites fit a model without harmonisation, or with "
            "cases of theirs",
            code="site-unknown",
        )
    ClinicalEncoder([name for name in model.variables if name not in model.clinical.variables]).of_one(clinical)
    model.clinical.of_one(clinical)


def predict_features(model, features, notes=(), clinical=None, site=None, quality=None):
    """Apply a loaded model to the features of one case (one row), and compare its `quality` where that is known."""
    check_patient(model, clinical, site)
    features = _with_patient(model, features, clinical, site)
    probability = {name: float(fitted.score(features).iloc[0]) for name, fitted in model.models.items()}
    primary, training = model.models[model.primary], model.training
    by_feature = pd.DataFrame(
        {
            "value": features[primary.features].iloc[0],
            "z": primary.z_scores(features).iloc[0],
            "contribution": primary.contributions(features).iloc[0],
            "low": pd.Series(training.low, training.features),
            "high": pd.Series(training.high, training.features),
            "beyond": training.beyond(features).iloc[0],
        }
    )
    by_feature = by_feature.sort_values("contribution", key=abs, ascending=False, kind="stable")
    distance = float(training.distance(features)[0])
    compared = model.cohort.compare(quality) if quality is not None else TrainingCohort().compare({})
    limits = model.thresholds.items()
    return Prediction(
        probability=probability,
        primary=model.primary,
        predicted_class={name: "acute" if probability[name] >= threshold else "chronic" for name, threshold in limits},
        thresholds=dict(limits),
        operating_point=model.operating_point,
        uncertain=model.uncertain,
        certain_rate=model.certain_rate,
        contributions=by_feature.rename_axis("feature").reset_index(),
        outside=distance > training.reference,
        distance=distance,
        reference=training.reference,
        most_beyond=training.most_beyond,
        image=compared,
        calibration={name: model.cohort.calibrated(name, value) for name, value in probability.items()},
        achieved=achieved.achieved(model),
        simulated=bool(model.about.get("simulated")),
        baseline=_baseline(model, features, clinical or {}),
        notes=list(notes),
        cohort=f"Model of study {model.about.get('study', 'without a name')}: {model.trained_on}.",
    )


def _baseline(model, features, clinical):
    """Probability by the baseline, and the clinical variables that it lacks; empty where it cannot be computed."""
    encoder = model.baseline_encoder
    if encoder is None or not any(name.startswith(PREFIX) for name in features):
        return {}
    known = {name: clinical.get(name) for name in encoder.variables}
    patient = encoder.of_one(known).set_axis(features.index).add_prefix(PREFIX)
    probability = model.baseline.score(pd.concat([features, patient], axis=1)).iloc[0]
    return {"probability": float(probability), "unknown": [name for name in known if known[name] is None]}


def _with_patient(model, features, clinical, site):
    """Features of one case, made comparable between sites, with its clinical features."""
    known = {name: [clinical[name]] for name in model.variables}
    patient = pd.DataFrame(known | {"site": [site]}, index=features.index)
    for combat in model.harmonisation:
        features = combat.transform(features, patient)
    return pd.concat([features, model.clinical.transform(patient)], axis=1)


def _other_versions(model):
    """Packages that decide the numbers, where they differ from those that made the model."""
    made, here = model.about["versions"], runs.versions()
    other = [f"{name} {made[name]} (here {here.get(name, 'missing')})" for name in made if made[name] != here.get(name)]
    return [f"The model was made with {', '.join(other)}."] if other else []


def origin(model, kind):
    """The first fields of a JSON file: what made it, when, and with which model."""
    about = {"study": model.about.get("study"), "simulated": bool(model.about.get("simulated"))}
    return {
        "format": f"vcfnb-{kind}",
        "format_version": 1,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": about | {"sha256": runs.digest(model.folder / "model.json"), "versions": model.about["versions"]},
        "versions": runs.versions(),
        "notice": NOTICE,
    }
