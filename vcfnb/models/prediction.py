"""A saved model applied to one new case."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vcfnb import runs
from vcfnb.clinical import ClinicalEncoder
from vcfnb.errors import VcfnbError
from vcfnb.models.saved import NOTICE, load_model
from vcfnb.params import DtlParams, PreprocessingParams, RadiomicsParams


@dataclass(frozen=True)
class Prediction:
    """What a saved model says about one case.

    Attributes
    ----------
    probability : dict of str to float
        Probability of an acute fracture by model: ``radiomics``, ``dtl``, ``fusion``.
    call : dict of str to str
        ``"acute"`` or ``"chronic"`` at each model's operating point; empty when none was saved.
    contributions : pandas.DataFrame
        What drove the fusion model: feature, value, z (training SDs from the training mean), contribution (to the log
        odds, coefficient times z), low and high (range of the training cases), beyond (whether the value lies outside
        that range). From large to small. With the model's intercept the contributions add up to the log odds.
    outside : bool
        Whether the case lies farther from the training cases than 99 % of them lie from the others; the probability
        should then not be believed.
    distance, reference : float
        Mahalanobis distance of the case, and the limit.
    notes : list of str
        Such as other versions than those that made the model, or a crop that leaves the image.
    notice : str
    """

    probability: dict
    call: dict
    contributions: pd.DataFrame
    outside: bool
    distance: float
    reference: float
    notes: list
    notice: str = NOTICE

    def to_dict(self):
        """Plain values, for JSON."""
        return vars(self) | {"contributions": self.contributions.to_dict("records")}

    def __str__(self):
        lines = [
            f"{name}: probability of an acute fracture {value:.3f}"
            + (f", called {self.call[name]}" if name in self.call else "")
            for name, value in self.probability.items()
        ]
        where = "OUTSIDE" if self.outside else "within"
        lines.append(f"{where} the training data (distance {self.distance:.2f}, limit {self.reference:.2f})")
        beyond = self.contributions.loc[self.contributions["beyond"], "feature"].tolist()
        if beyond:
            lines.append(f"beyond the range of the training cases: {', '.join(beyond)}")
        first = self.contributions.head(5)
        drivers = ", ".join(
            f"{name} {value:+.2f}" for name, value in zip(first.feature, first.contribution, strict=True)
        )
        return "\n".join([*lines, f"drivers (log odds): {drivers}", *self.notes, self.notice])


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
    mask_label : int, optional
        Value of the vertebra in a mask with several labels.
    clinical : dict, optional
        ``age`` (years), ``sex`` (F or M), ``bmd`` (T-score), for a model that uses them.
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
    with tempfile.TemporaryDirectory(prefix="vcfnb-") as folder:
        features, notes = _features(model, image, mask, mask_label, Path(folder))
    return judge(model, features, _other_versions(model) + notes, clinical, site)


def check_patient(model, clinical=None, site=None):
    """What the model must know of a new patient beside the image, before anything is computed.

    Raises
    ------
    VcfnbError, BadInput
        As :func:`predict`.
    """
    if model.sites and str(site) not in model.sites:
        given = "no site is given" if site is None else f"site {site!r} has no training case"
        raise VcfnbError(
            f"site: the model's features are harmonised by site, and {given} -> give site as one of "
            f"{', '.join(model.sites)}; for other sites fit a model without harmonisation, or with cases of theirs"
        )
    ClinicalEncoder([name for name in model.variables if name not in model.clinical.variables]).of_one(clinical)
    model.clinical.of_one(clinical)


def judge(model, features, notes=(), clinical=None, site=None):
    """Apply a loaded model to the features of one case.

    Parameters
    ----------
    model : SavedModel
    features : pandas.DataFrame
        One row; the columns that the models need, in any order.
    notes : iterable of str
        Passed on.
    clinical, site
        As for :func:`predict`.

    Returns
    -------
    Prediction
    """
    check_patient(model, clinical, site)
    features = _with_patient(model, features, clinical, site)
    probability = {name: float(fitted.score(features).iloc[0]) for name, fitted in model.models.items()}
    fusion, training = model.models["fusion"], model.training
    by_feature = pd.DataFrame(
        {
            "value": features[fusion.features].iloc[0],
            "z": fusion.z_scores(features).iloc[0],
            "contribution": fusion.contributions(features).iloc[0],
            "low": pd.Series(training.low, training.features),
            "high": pd.Series(training.high, training.features),
            "beyond": training.beyond(features).iloc[0],
        }
    )
    distance = float(training.distance(features)[0])
    return Prediction(
        probability=probability,
        call={
            name: "acute" if probability[name] >= threshold else "chronic"
            for name, threshold in model.thresholds.items()
        },
        contributions=by_feature.sort_values("contribution", key=abs, ascending=False, kind="stable")
        .rename_axis("feature")
        .reset_index(),
        outside=distance > training.reference,
        distance=distance,
        reference=training.reference,
        notes=list(notes),
    )


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


def _features(model, image, mask, mask_label, folder):
    """Features of one case as the study computes them, by way of the same files; and notes on quality."""
    from vcfnb import crops, preprocessing, radiomics, transfer

    settings = PreprocessingParams(**model.settings["preprocessing"])
    case = {"case_id": "case", "image": _path(image, folder / "image.nrrd"), "mask": _path(mask, folder / "mask.nrrd")}
    table = pd.DataFrame([case | {"mask_label": mask_label}])
    quality = preprocessing.preprocess_cohort(table, folder, settings, [model.expansion], cores=1).iloc[0]
    cases = preprocessing.cases(folder, ["case"])
    extraction = radiomics.Settings.from_params(RadiomicsParams(**model.settings["radiomics"]))
    values = radiomics.extract_features(cases["image"][0], cases["mask"][0], extraction)
    size = DtlParams(**_without_seed(model.settings["dtl"])).input_size
    crop = crops.load_crops(cases, model.expansion, size, settings.window_level, settings.window_width, cores=1)
    deep, _ = transfer.load_model(model.network).features_and_scores(crop)
    names = [f"dtl_{dimension:03d}" for dimension in range(deep.shape[1])]
    both = pd.concat([values.to_frame().T.reset_index(drop=True), pd.DataFrame(deep, columns=names)], axis=1)
    return both.astype(float), [f"Quality: {quality['warnings']}"] if quality.get("warnings") else []


def _without_seed(values):
    return {name: value for name, value in values.items() if name != "seed"}


def _path(given, path):
    """Path of an image; one in memory is written first."""
    import SimpleITK as sitk

    if isinstance(given, sitk.Image):
        sitk.WriteImage(given, str(path))
        return str(path)
    return str(given)
