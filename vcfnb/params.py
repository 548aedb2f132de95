"""Parameters: one pydantic model per notebook, read from ``params/*.yaml`` and checked whole before anything runs.

A params file has the study-wide keys ``study``, ``seed``, ``expansions``, one section per notebook, and ``reporting``.
Each notebook holds the same names as plain literals in its cell tagged ``parameters``.
"""

import difflib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vcfnb.errors import VcfnbError

Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
# Columns of cohort.csv that a model may use (vcfnb.cohort.CLINICAL).
ClinicalVariable = Literal["age", "sex", "bmd"]
# Items of the checklists (vcfnb.report.checklists), and those of METRICS that its own conditions can switch off.
N_METRICS, N_CLEAR = 30, 58
METRICS_CONDITIONAL = (8, 9, 10, 12, 14, 15, 16, 17)
# The simulation's signs (vcfnb.phantom.SIGNS), named here so that a params file is checked without loading it.
AcuteSign = Literal["fracture_line", "impaction", "cortical_step", "marrow_oedema", "swelling", "stranding"]
Sign = Literal[AcuteSign, Literal["sclerosis", "osteophytes", "cortication", "fatty_marrow", "cleft"]]


def _each_once(values):
    if len(set(values)) != len(values):
        raise ValueError("give every name once")
    return values


ClinicalVariables = Annotated[tuple[ClinicalVariable, ...], AfterValidator(_each_once)]


class ParameterError(VcfnbError):
    """A parameter is unknown, missing or out of range; the message names it, its value and what is allowed."""


class Section(BaseModel):
    """Parameters of one notebook."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)

    @classmethod
    def from_cell(cls, namespace, *names):
        """Make the settings from ``globals()`` of a notebook, after its ``parameters`` cell ran.

        By default all fields are taken; `names` are those of a notebook that is handed some of them alone.
        """
        names = names or tuple(cls.model_fields)
        missing = [name for name in names if name not in namespace]
        if missing:
            problem = f"{cls.__name__}: the parameters cell does not set {', '.join(missing)}"
            raise ParameterError(problem, code="parameter-missing")
        return _checked(cls, {name: namespace[name] for name in names})


class CohortParams(Section):
    """Notebook 00: who is in the study."""

    csv: str | None = Field(None, description="Table of your own cohort (cohort.csv); null simulates a cohort.")
    label_column: str = Field("label", min_length=1, description="Column with the label: 1 acute, 0 chronic.")
    on_bad_case: Literal["stop", "exclude"] = Field(
        "stop", description="A case that cannot be used: stop before any work, or exclude it with its reason."
    )
    min_voxels: int = Field(100, ge=1, description="Smallest ROI, in voxels of the original image.")
    test_fraction: Fraction = Field(
        0.3, description="Proportion of cases in the test set when the table has no split. Paper: 43/218 = 0.197."
    )
    n_patients: int = Field(60, ge=12, description="Simulated patients. Paper: 218 (real).")
    acute_fraction: Fraction = Field(
        0.65, description="Proportion of acute fractures, simulated. Paper: 171/218 = 0.784."
    )
    voxel_mm: tuple[Positive, Positive, Positive] = Field(
        (0.7, 0.7, 1.0), description="Simulated voxel size, mm: in plane, in plane, sagittal slice. Paper: 1 mm slices."
    )
    difficulty: Positive = Field(1.0, description="Overlap of the simulated classes; larger is harder.")
    signs: dict[Sign, Annotated[float, Field(ge=0)]] = Field(
        {}, description="Factors on the strength of simulated signs, such as {swelling: 0}; those left out have 1."
    )
    several_vertebrae: Share = Field(
        0.0, description="Proportion of simulated patients with a second fractured vertebra."
    )
    n_sites: Literal[1, 2] = Field(1, description="Simulated sites; the second has a sharper kernel and a lower dose.")
    metal: Share = Field(0.0, description="Proportion of simulated patients with a metal implant nearby.")
    image_format: Literal["nifti", "dicom"] = Field(
        "nifti", description="Simulated images: NIfTI files, or folders with DICOM series. Paper: DICOM."
    )
    target_auc: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.90, description="AUC expected, for the sample size.")
    target_ci_width: Fraction = Field(0.10, description="Width of the 95% CI wanted for the test AUC.")


class PreprocessingParams(Section):
    """Notebook 01: the image that every later step starts from."""

    spacing_mm: Positive = Field(1.0, description="Isotropic voxel size after resampling, mm. Paper: 1.")
    mask_interpolator: Literal["nearest", "label"] = Field("nearest", description="How masks are resampled.")
    window_level: float = Field(500, description="Centre of the bone window, HU. Paper: 500.")
    window_width: Positive = Field(1200, description="Width of the bone window, HU. Paper: 1200.")
    clip: bool = Field(True, description="Clip HU to the window (-100 to 1100); false keeps HU.")
    margin_mm: Positive | None = Field(
        None, description="Keep this much around the ROI, mm; null keeps the image whole."
    )


class IccParams(Section):
    """Notebook 02: which features two segmentations agree on."""

    icc_cases: int = Field(30, ge=0, description="Training cases with repeat segmentations to use. Paper: 30.")
    icc_form: Literal["ICC(2,1)", "ICC(3,1)"] = Field("ICC(2,1)", description="Shrout and Fleiss form, single rating.")
    icc_threshold: Fraction = Field(0.8, description="A feature is stable above this ICC, both ways. Paper: 0.8.")
    icc_criterion: Literal["estimate", "lower_limit"] = Field(
        "estimate", description="What must lie above: the ICC, or the lower limit of its 95% interval. Paper: the ICC."
    )


class ExtractionParams(Section):
    """What decides the values of radiomic features (vcfnb.radiomics.Settings has more)."""

    bin_width: Positive = Field(5, description="Grey-level bin width, HU. Paper: 5.")
    log_sigma_mm: tuple[Positive, ...] = Field((1.0, 2.0, 3.0), description="Sigma of LoG, mm. Paper: 1, 2, 3.")
    standard: Literal["pyradiomics", "ibsi"] = Field(
        "pyradiomics",
        description="Whose definitions: PyRadiomics' (the paper's), or those of the Image Biomarker Standardisation "
        "Initiative (docs/ibsi.md).",
    )


class RadiomicsParams(ExtractionParams):
    """Notebooks 02 and 03: what PyRadiomics is asked to compute."""

    executor: Literal["local", "dask"] = Field("local", description="Where cases are computed.")
    scheduler: str | None = Field(None, description="Address of a Dask scheduler, for executor dask.")

    @model_validator(mode="after")
    def _dask_needs_an_address(self):
        if self.executor == "dask" and not self.scheduler:
            raise ValueError("executor dask needs scheduler, such as tcp://127.0.0.1:8786")
        return self


class DtlParams(Section):
    """Notebook 04: fine-tuning of one network per expansion, and its features."""

    network: Literal[
        "shufflenet_v2_x1_0_3d",
        "shufflenet_v2_x0_5_3d",
        "shufflenet_v1_3d",
        "shufflenet_v2_x1_0_25d",
        "shufflenet_v2_x0_5_25d",
    ] = Field("shufflenet_v2_x1_0_3d", description="Network. Paper (inferred): shufflenet_v1_3d.")
    weights: str = Field(
        "shipped",
        min_length=1,
        description="shipped (synthetic volumes), imagenet (downloads), random, or a weights file. Paper: ImageNet.",
    )
    layer: str | None = Field(None, description="Feature layer; null takes the network's last. Paper: layer3.3.conv3.")
    input_size: int = Field(48, ge=16, description="Edge of the network's input, voxels.")
    recipe: Literal["fast", "paper"] = Field("fast", description="paper: Adam, constant rate; fast: AdamW, one cycle.")
    epochs: int = Field(12, ge=1, description="Passes over the training cases.")
    batch_size: int = Field(16, ge=2, description="Cases a step.")
    learning_rate: Positive = Field(0.001, description="Learning rate (peak, for fast). Paper: 0.001.")
    validation_fraction: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Proportion of training patients that decides when to stop, for fast; 0: all epochs.",
    )
    patience: int = Field(4, ge=1, description="Epochs without a smaller validation loss before training stops.")
    feature_mode: Literal["out_of_fold", "in_sample"] = Field(
        "out_of_fold",
        description="Deep features of training cases from networks that did not see them, or as the paper.",
    )
    n_folds: int = Field(3, ge=2, description="Folds of the cross-validation of the networks.")
    n_repeats: int = Field(
        3, ge=1, description="Cross-validations, each of another seed: all choose the expansion, one gives features."
    )
    n_dimensions: int = Field(18, ge=1, description="Dimensions of the reduced deep features. Paper: 18.")
    reduction: Literal["pca", "lasso"] = Field(
        "pca", description="pca: principal components; lasso: the channels that enter its path first."
    )


class SelectionParams(Section):
    """Notebook 05 (and the LASSO of 06): from all features to a few."""

    correlation_threshold: Fraction = Field(
        0.9, description="Of a pair above this |Pearson r| one is kept. Paper: 0.9."
    )
    correlation_keep: Literal["label", "mean", "first"] = Field(
        "label",
        description="Which of a correlated pair stays: the one more associated with the label, the one that "
        "correlates less with all others, or the first.",
    )
    wrapper: Literal["rfe", "forward", "none"] = Field("rfe", description="Wrapper around multivariable LR.")
    wrapper_features: int = Field(64, ge=1, description="Features that the wrapper keeps.")
    lambda_min_log10: float = Field(-3, description="Smallest LASSO lambda, log10. Paper (inferred): -3.")
    lambda_max_log10: float = Field(0, description="Largest LASSO lambda, log10. Paper (inferred): 0.")
    n_lambdas: int = Field(50, ge=2, description="Grid points. Paper (inferred): 50.")
    lasso_rule: Literal["min", "1se"] = Field("min", description="Lambda of the smallest error, or one SE sparser.")
    lasso_folds: int = Field(10, ge=2, description="Cross-validation folds, stratified, patients kept together.")
    redundancy_threshold: Fraction = Field(0.9, description="|Pearson r| of the second correlation filter.")
    last_step: Literal["vif", "backward", "none"] = Field(
        "vif",
        description="Step 7: collinear features leave, or backward elimination by p in a multivariable LR, or none.",
    )
    vif_limit: Positive = Field(10, description="Variance inflation above which a feature leaves, for last_step vif.")
    p_stay: Fraction = Field(0.05, description="Largest p with which a feature stays, for last_step backward.")
    harmonise: Literal["none", "combat"] = Field(
        "none", description="combat: remove differences between sites (cohort.csv, site) from the features, by ComBat."
    )
    harmonise_covariates: ClinicalVariables = Field(
        (), description="Clinical variables whose effect ComBat leaves in the features: age, sex, bmd."
    )


class FusionParams(Section):
    """Notebook 06: the fusions and the other models."""

    c_min_log10: float = Field(-3, description="Smallest inverse regularisation C of the LR grid, log10.")
    c_max_log10: float = Field(2, description="Largest C, log10.")
    n_c: int = Field(11, ge=1, description="Grid points.")
    grid_folds: int = Field(5, ge=2, description="Folds of the grid search, stratified, patients kept together.")
    out_of_fold_folds: int = Field(
        10, ge=2, description="Folds of the out-of-fold probabilities of training cases: the whole chain is refitted."
    )
    class_weight: Literal["balanced"] | None = Field(None, description="Weights of the classes in the LR.")
    primary: Literal["fusion", "ridge_fusion"] = Field(
        "ridge_fusion",
        description="The primary model, named before the test set is opened: the paper's early fusion (fusion), or the "
        "ridge fusion, which gives radiomic and deep features equal weight without selecting them by the label.",
    )
    clinical: ClinicalVariables = Field(
        (), description="Clinical variables that both fusions see beside the features: age, sex, bmd. Paper: none."
    )
    clinical_missing: Literal["error", "median"] = Field(
        "error", description="A missing clinical value: stop, or the training median and a flag that it was missing."
    )
    coefficient_bootstrap: int = Field(
        1000, ge=100, description="Bootstrap samples for the intervals of the coefficients."
    )


class StatisticsParams(Section):
    """Notebook 07: how good, how sure, how useful."""

    alpha: Fraction = Field(0.05, description="Significance level; intervals are 1 - alpha. Paper: 0.05.")
    n_bootstrap: int = Field(2000, ge=100, description="Bootstrap samples for bands and intervals.")
    operating_point: Literal["youden", "sensitivity"] = Field("youden", description="How the threshold is chosen.")
    target_sensitivity: Fraction = Field(0.9, description="For operating_point sensitivity.")
    certain_rate: Fraction = Field(
        0.9,
        description="The uncertain class: probabilities between the thresholds that reach this sensitivity and this "
        "specificity on training cases (out-of-fold).",
    )
    threshold_max: Fraction = Field(0.99, description="Largest threshold probability of the decision curve.")
    threshold_low: Fraction = Field(
        0.1,
        description="Smallest threshold at which net benefits are compared. A choice: hardly anybody would order an "
        "MRI, or treat as acute, at a lower probability (more than nine needless ones per acute fracture).",
    )
    threshold_high: Fraction = Field(
        0.6,
        description="Largest threshold at which net benefits are compared. A choice: hardly anybody would ask for a "
        "higher probability before an MRI, or before treating as acute (a missed fracture may collapse).",
    )
    subgroup_min_cases: int = Field(
        5, ge=2, description="Fewest acute and fewest chronic test cases of a subgroup for which an AUC is given."
    )

    @model_validator(mode="after")
    def _a_range(self):
        if self.threshold_low >= self.threshold_high:
            raise ValueError(f"threshold_low is {self.threshold_low}: below threshold_high, {self.threshold_high}")
        return self


class RobustnessParams(Section):
    """Notebook 08: does the result hold on other splits, and with fewer patients?"""

    evaluation: Literal["paper", "rigorous"] = Field(
        "paper", description="paper: one split; rigorous: nested, repeated cross-validation of all cases beside it."
    )
    outer_folds: int = Field(5, ge=2, description="Outer folds, for evaluation rigorous.")
    outer_repeats: int = Field(5, ge=1, description="How often all cases are assigned to outer folds again.")
    network_repeats: int = Field(
        1, ge=0, description="Of these, in how many networks are trained in every outer fold; 0: radiomics alone."
    )
    network_expansion: int = Field(
        6, ge=0, le=99, description="ROI expansion of these networks, voxels, fixed beforehand. Paper: 6."
    )
    learning_shares: tuple[Fraction, ...] = Field(
        (0.4, 0.6, 0.8), description="Proportions of an outer fold's training patients for the learning curve."
    )

    @model_validator(mode="after")
    def _networks_within_the_repeats(self):
        if self.network_repeats > self.outer_repeats:
            raise ValueError(f"network_repeats is {self.network_repeats}: at most outer_repeats, {self.outer_repeats}")
        return self


class LeakageParams(Section):
    """Notebook 09: what a leak would have been worth."""

    audit_runs: int = Field(
        30, ge=0, description="Leakage audit: label permutations, and random splits; 0 leaves both out."
    )


class ChecklistAnswer(Section):
    """One answer that only the authors can give."""

    answer: Literal["yes", "no", "na"] = Field(description="yes, no, or na: not applicable.")
    where: str = Field("", description="Where it can be read, such as: manuscript, page 4, Patients.")

    @field_validator("answer", mode="before")
    @classmethod
    def _yaml_reads_yes_as_true(cls, answer):
        return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else answer


class ReportingParams(Section):
    """The report: answers to the items of METRICS and CLEAR that no software can know."""

    metrics: dict[int, ChecklistAnswer] = Field(
        {}, description="Answers by item of METRICS, such as {3: {answer: yes, where: page 4}}; left out: needs you."
    )
    clear: dict[int, ChecklistAnswer] = Field(
        {}, description="Answers by item of CLEAR, such as {8: {answer: yes, where: page 3}}; left out: needs you."
    )

    @field_validator("metrics", "clear", mode="before")
    @classmethod
    def _items_exist(cls, answers, info):
        answers = {} if answers is None else answers  # every answer commented out
        last = {"metrics": N_METRICS, "clear": N_CLEAR}[info.field_name]
        names = [str(item) for item in answers] if isinstance(answers, dict) else []
        unknown = [name for name in names if not (name.isdecimal() and 1 <= int(name) <= last)]
        if unknown:
            raise ValueError(f"{info.field_name} has no item {', '.join(unknown)}; its items are 1 to {last}")
        return answers

    @field_validator("metrics")
    @classmethod
    def _na_only_by_condition(cls, answers):
        unconditional = [item for item in answers if answers[item].answer == "na" and item not in METRICS_CONDITIONAL]
        if unconditional:
            asked, able = (", ".join(map(str, items)) for items in (unconditional, METRICS_CONDITIONAL))
            only = f"in METRICS only the items {able} can be not applicable"
            raise ValueError(f"na for {asked}: {only} -> answer yes or no")
        return answers


# Which study-wide keys, and which sections or single values of one, each notebook is handed, as flat names.
NOTEBOOKS = {
    "00_cohort": (("study", "seed"), ("cohort",)),
    "01_preprocessing": (("study", "expansions"), ("preprocessing",)),
    "02_icc": (("study", "seed"), ("icc", "radiomics")),
    "03_radiomics": (("study",), ("radiomics",)),
    "04_dtl": (("study", "seed"), ("dtl",)),
    "05_selection": (("study", "seed", "expansions"), ("selection",)),
    "06_fusion": (
        ("study", "seed", "expansions"),
        (
            *("selection", "fusion", "statistics.operating_point", "statistics.target_sensitivity"),
            "statistics.certain_rate",
        ),
    ),
    "07_statistics": (("study", "seed"), ("statistics",)),
    "08_robustness": (("study", "seed"), ("statistics.alpha", "statistics.n_bootstrap", "robustness")),
    "09_leakage": (("study", "seed"), ("statistics.alpha", "statistics.n_bootstrap", "leakage")),
    "10_predict": (("study",), ()),
}


class StudyParams(BaseModel):
    """A whole params file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Name of the study and of its results folder."
    )
    seed: int = Field(1, ge=0, lt=2**32, description="The one seed: same seed, same machine, same tables.")
    expansions: tuple[Annotated[int, Field(ge=0, le=99)], ...] = Field(
        (0, 2, 4, 6, 8, 10), min_length=1, description="ROI expansions, voxels of 1 mm. Paper: 0 2 4 6 8 10."
    )
    cohort: CohortParams = CohortParams()
    preprocessing: PreprocessingParams = PreprocessingParams()
    icc: IccParams = IccParams()
    radiomics: RadiomicsParams = RadiomicsParams()
    dtl: DtlParams = DtlParams()
    selection: SelectionParams = SelectionParams()
    fusion: FusionParams = FusionParams()
    statistics: StatisticsParams = StatisticsParams()
    robustness: RobustnessParams = RobustnessParams()
    leakage: LeakageParams = LeakageParams()
    reporting: ReportingParams = ReportingParams()

    @field_validator("expansions")
    @classmethod
    def _sorted_once(cls, expansions):
        if list(expansions) != sorted(set(expansions)):
            raise ValueError("expansions must increase, each once")
        return expansions

    def for_notebook(self, name):
        """Flat parameters of one notebook, such as ``"03_radiomics"``, as plain YAML types."""
        study_wide, sections = NOTEBOOKS[name]
        whole = self.model_dump(mode="json")
        flat = {key: whole[key] for key in study_wide}
        for section, _, key in (part.partition(".") for part in sections):
            flat |= {key: whole[section][key]} if key else whole[section]
        return flat


_FIELDS = StudyParams.model_fields.items()
SECTIONS = {name: field.annotation for name, field in _FIELDS if isinstance(field.default, Section)}


def _checked(model, values, where="", assigned=()):
    """The model of the values; keys in `assigned`, such as dtl.epochs, came from --set, and their problems say so."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            # pydantic calls a wrong name in a dict "[key]".
            key = ".".join(str(part) for part in problem["loc"] if part != "[key]") or model.__name__
            if problem["type"] == "extra_forbidden":
                text = "unknown parameter; " + _elsewhere(model, problem["loc"])
            elif problem["type"] == "missing":
                text = "is missing"
            elif isinstance(problem["input"], dict):
                # Of several parameters of a section together.
                text = problem["msg"].removeprefix("Value error, ")
            else:
                text = f"{problem['input']!r} is not allowed: {problem['msg']}"
            lines.append(f"  {'--set ' * key.startswith(assigned)}{key}: {text}")
        problem = "\n".join([f"{where or model.__name__}: {len(lines)} problem(s)", *lines])
        raise ParameterError(problem, code="parameter-invalid") from None


def _elsewhere(model, location):
    """Where a parameter that is unknown here belongs, or what is known here."""
    other = [name for name, section in SECTIONS.items() if location[-1] in section.model_fields]
    if other and len(location) <= 2:
        return f"it belongs to the section {other[0]}"
    known = list(_known(model, location))
    near = difflib.get_close_matches(str(location[-1]), known, 1)
    return f"do you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _known(model, location):
    if location[0] == "reporting" and len(location) > 2:
        return ChecklistAnswer.model_fields
    for part in location[:-1]:
        model = SECTIONS.get(part, model)
    return model.model_fields


def _set(values, assignment):
    """Put one ``section.key=value`` into the nested dict; the value is read as YAML."""
    key, equals, text = assignment.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) > 2 or not all(parts):
        problem = "write section.key=value, such as dtl.epochs=3, or seed=7"
        raise ParameterError(f"--set {assignment}: {problem}", code="parameter-invalid")
    target = values
    if len(parts) == 2:
        section = values.setdefault(parts[0], {})
        if not isinstance(section, dict):
            problem = f"{parts[0]} is not a section; sections are {', '.join(SECTIONS)}"
            raise ParameterError(f"--set {assignment}: {problem}", code="parameter-invalid")
        target = section
    try:
        target[parts[-1]] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParameterError(f"--set {assignment}: the value is not YAML: {error}", code="parameter-invalid") from None


def load_params(path, assignments=()):
    """Read and check a whole params file.

    Parameters
    ----------
    path : path
        YAML file with ``study`` and one section per notebook; sections and keys left out keep their defaults.
    assignments : sequence of str
        ``section.key=value`` pairs that replace values of the file.

    Raises
    ------
    ParameterError
        All problems at once: unknown key, wrong type, value out of range, a file that is named and does not exist.
    """
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        remedy = "see params/demo.yaml for one that works"
        raise ParameterError("no such params file", remedy, code="file-missing", file=path) from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ParameterError(f"not readable as YAML: {error}", code="file-unreadable", file=path) from None
    if not isinstance(values, dict):
        problem = "a params file is a list of 'key: value' lines"
        raise ParameterError(problem, "see params/demo.yaml", code="parameter-invalid", file=path)
    # A section whose keys are all commented out reads as None: it keeps its defaults.
    values = {key: {} if value is None and key in SECTIONS else value for key, value in values.items()}
    for assignment in assignments:
        _set(values, assignment)
    _resolve_paths(values, path.parent)
    assigned = tuple(assignment.partition("=")[0].strip() for assignment in assignments)
    return _checked(StudyParams, values, str(path), assigned)


def _resolve_paths(values, folder):
    """Make the files that parameters name absolute: seen from the working folder, else from the params file."""
    for section, key, free in (("cohort", "csv", ()), ("dtl", "weights", ("shipped", "imagenet", "random"))):
        given = values.get(section) or {}
        if not isinstance(given, dict) or not isinstance(given.get(key), str) or given[key] in free:
            continue
        candidates = [Path(given[key]).expanduser(), folder / given[key]]
        found = next((candidate for candidate in candidates if candidate.is_file()), None)
        if found is None:
            allowed = f" (or one of: {', '.join(free)})" if free else ""
            problem = f"{section}.{key}: no file {given[key]!r}, seen from {Path.cwd()} or {folder.resolve()}"
            raise ParameterError(problem, f"give the path of a file that exists{allowed}", code="file-missing")
        given[key] = str(found.resolve())
