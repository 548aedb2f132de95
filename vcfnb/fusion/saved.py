"""The saved model: a folder with ``model.json`` and the network's safetensors, nothing executable."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from vcfnb import images, runs, statistics
from vcfnb.cohort.clinical import FEATURES, ClinicalEncoder
from vcfnb.errors import VcfnbError
from vcfnb.fusion.chain import MODELS
from vcfnb.fusion.logistic import FittedLogistic
from vcfnb.fusion.training_cohort import TrainingCohort, TrainingRange, fingerprint
from vcfnb.selection.harmonisation import ComBat

FORMAT = "vcfnb-model"
FORMAT_VERSION = 8
NETWORK = "network.safetensors"
# The baseline is saved beside them: what it says without clinical values is no answer of the study's.
SAVED_MODELS = tuple(name for name in MODELS if name != "baseline")
NOTICE = "Research use only. Not for diagnosis."


@dataclass(frozen=True)
class SavedModel:
    """What :func:`load_model` gives."""

    folder: Path
    models: dict  # radiomics, dtl, fusion, ridge_fusion: FittedLogistic
    primary: str  # the model that the study named before the test set was opened
    expansion: int  # ROI expansion of the network, voxels of 1 mm
    settings: dict  # preprocessing, radiomics, dtl: the parameters of those notebooks
    thresholds: dict  # operating point of each model, chosen out-of-fold on training cases; may be empty
    operating_point: str  # how they were chosen, in words
    uncertain: dict  # by model: from and to below which probability a case is uncertain; may be empty
    certain_rate: float  # how these were chosen (vcfnb.statistics.uncertain_range)
    training: TrainingRange  # of the primary model's features
    cohort: TrainingCohort
    clinical: ClinicalEncoder  # clinical variables that the fusions use; mostly none
    harmonisation: list  # ComBat, to make a new case comparable between the training cases' sites; mostly none
    about: dict  # study, simulated, versions, notice
    baseline: FittedLogistic | None = None  # on simple measurements
    baseline_encoder: ClinicalEncoder | None = None  # of the clinical variables that it sees

    @property
    def sites(self):
        """Sites that a new case may come from; empty when it does not matter."""
        return list(self.harmonisation[0].sites) if self.harmonisation else []

    @property
    def variables(self):
        """Clinical variables that must be known of a new case."""
        encoders = [self.clinical, *(combat.encoder for combat in self.harmonisation)]
        return [name for name in FEATURES if any(name in encoder.variables for encoder in encoders)]

    @property
    def trained_on(self):
        """The training cases in one line."""
        kind = "SIMULATED, the numbers say nothing about patients: " if self.about.get("simulated") else ""
        return kind + str(self.cohort)

    @property
    def network(self):
        """Path of the network's weights."""
        return self.folder / NETWORK


def save_study_model(
    run,
    models,
    primary,
    expansion,
    train,
    thresholds=None,
    clinical=None,
    harmonisation=(),
    table=None,
    out_of_fold=None,
    method="youden",
    target=0.9,
    certain_rate=0.9,
    baseline=None,
):
    """Write ``06_fusion/model/`` of a study, with the settings that its notebooks wrote down.

    Parameters
    ----------
    run : vcfnb.runs.Run
    models : dict of str to FittedLogistic
        ``radiomics``, ``dtl``, ``fusion`` and ``ridge_fusion``; ``baseline`` with its encoder.
    primary : str
        One of them.
    expansion : int
        Voxels of 1 mm; its network is copied into the folder.
    train : pandas.DataFrame
        Training cases, with at least the primary model's features. Only their mean, SD, range and covariance are kept.
    thresholds : dict of str to float, optional
        By default, where `table` gives the labels, chosen on `out_of_fold` as notebook 07 does.
    clinical : ClinicalEncoder, optional
        That made the clinical features; what no model uses is left out.
    harmonisation : iterable of ComBat or None
        That `train` went through, one a source of features; what no model uses is left out.
    table : pandas.DataFrame, optional
        Training cases in the order of `train`, indexed by case_id: label, patient_id, image, and age, sex, bmd where
        they are known; summarised with their images (:class:`TrainingCohort`). Without it nothing is said of a new
        image's similarity, nor of the calibration.
    out_of_fold : dict of str to pandas.Series, optional
        By model: out-of-fold probabilities of the training cases (:func:`vcfnb.fusion.out_of_fold_scores`).
    method, target
        Of the thresholds: ``youden``, or ``sensitivity`` with the one to reach.
    certain_rate : float
        Of the uncertain class (:func:`vcfnb.statistics.uncertain_range`).
    baseline : ClinicalEncoder, optional
        Of the baseline (:func:`vcfnb.fusion.fit_baseline_encoder`); without it the baseline is left out.
    """
    network = run.needs("dtl", f"expansion_{expansion:02d}", "model.safetensors")
    missing = [name for name in SAVED_MODELS if name not in models]
    if missing:
        raise VcfnbError(
            f"model: {missing[0]!r} is missing", f"give the models {', '.join(SAVED_MODELS)}", code="model-incomplete"
        )
    cohort, uncertain = TrainingCohort(), {}
    if table is not None:
        cohort = _described(run, table, out_of_fold)
        uncertain = {
            name: statistics.uncertain_range(table["label"], score, certain_rate)
            for name, score in (out_of_fold or {}).items()
        }
        if thresholds is None:
            thresholds = {
                name: statistics.operating_point(table["label"], score, method, target)
                for name, score in (out_of_fold or {}).items()
            }
    folder = run.step("fusion") / "model"
    with runs.atomic(folder / NETWORK) as temporary:
        shutil.copyfile(network, temporary)
    used = {feature for name in SAVED_MODELS for feature in models[name].features}
    sites = [combat.only(used) for combat in harmonisation if combat is not None and len(combat.sites) > 1]
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "notice": NOTICE,
        "about": {"study": run.study, "simulated": run.simulated, "versions": runs.versions()},
        "models": {name: models[name].to_dict() for name in SAVED_MODELS},
        "primary": primary,
        "expansion": int(expansion),
        "settings": {name: run.settings(name) for name in ("preprocessing", "radiomics", "dtl")},
        "thresholds": {name: float(value) for name, value in (thresholds or {}).items()},
        "operating_point": "Youden" if method == "youden" else f"sensitivity {target:g}",
        "uncertain": {name: list(ends) for name, ends in uncertain.items()},
        "certain_rate": certain_rate,
        "training": asdict(TrainingRange.of(train[models[primary].features])),
        "cohort": asdict(cohort),
        "clinical": asdict((clinical or ClinicalEncoder([])).only(used)),
        "harmonisation": [combat.to_dict() for combat in sites if len(combat.gamma.columns)],
        "baseline": None if baseline is None else [models["baseline"].to_dict(), asdict(baseline)],
        "network_sha256": runs.digest(folder / NETWORK),
    }
    return runs.write_json(content | {"sha256": runs.digest(content)}, folder / "model.json")


def _described(run, table, out_of_fold):
    quality = pd.read_csv(run.needs("preprocessing", "qc.csv"), dtype={"case_id": str}).set_index("case_id")
    known = runs.parallel_map(_fingerprint, table["image"].tolist(), desc="fingerprints")
    return TrainingCohort.of(table, quality.loc[table.index], out_of_fold, known)


def _fingerprint(path):
    return fingerprint(images.read_image(path))


def load_model(folder):
    """Read a model folder, ``06_fusion/model`` of a study, as a :class:`SavedModel`.

    A file that is missing, truncated, edited or of a later format is an error that says which.
    """
    folder = Path(folder)
    path = folder / "model.json"

    def refused(told, code):
        return VcfnbError(f"model: {told}", "copy the model folder again, or run notebook 06_fusion", code=code)

    for needed in (path, folder / NETWORK):
        if not needed.is_file():
            raise refused(f"{needed} is missing", "model-incomplete")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stored = content.pop("sha256")
        version = content["format_version"]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise refused(f"{path} is truncated or no vcfnb model ({error})", "model-unreadable") from None
    if content.get("format") != FORMAT or version != FORMAT_VERSION:
        raise VcfnbError(
            f"model: {path} has format {content.get('format')!r} version {version!r}, this vcfnb reads {FORMAT!r} "
            f"version {FORMAT_VERSION}",
            f"run notebook 06_fusion again, or use the vcfnb that wrote it ({_writer(content)})",
            code="model-version",
        )
    if stored != runs.digest(content):
        raise refused(f"{path} was changed after it was written", "model-changed")
    if content["network_sha256"] != runs.digest(folder / NETWORK):
        raise refused(f"{folder / NETWORK} is truncated or not the network of {path.name}", "model-unreadable")
    fitted, encoder = content["baseline"] or (None, None)
    return SavedModel(
        folder=folder,
        models={name: FittedLogistic.from_dict(content["models"][name]) for name in SAVED_MODELS},
        primary=content["primary"],
        expansion=content["expansion"],
        settings=content["settings"],
        thresholds={name: content["thresholds"][name] for name in SAVED_MODELS if name in content["thresholds"]},
        operating_point=content["operating_point"],
        uncertain=content["uncertain"],
        certain_rate=content["certain_rate"],
        training=TrainingRange(**content["training"]),
        cohort=TrainingCohort(**content["cohort"]),
        clinical=ClinicalEncoder(**content["clinical"]),
        harmonisation=[ComBat.from_dict(values) for values in content["harmonisation"]],
        about=content["about"] | {"notice": content["notice"]},
        baseline=fitted and FittedLogistic.from_dict(fitted),
        baseline_encoder=encoder and ClinicalEncoder(**encoder),
    )


def _writer(content):
    about = content.get("about")
    versions = about.get("versions") if isinstance(about, dict) else None
    return f"version {versions.get('vcfnb')}" if isinstance(versions, dict) else "version unknown"
