"""What a run shows of each item: yes or no with its proof, not applicable, or nothing (the authors' turn).

"no" is said only of what the run itself does or lacks. Whatever can have been done outside of it stays open.
"""

from dataclasses import dataclass

import numpy as np

# Slices this thick or thicker (mm) are not made isotropic without harm: METRICS, item 11.
THICK_MM = 5
# Cases of the rarer class a feature: the rule of thumb, below which a regression is surely too large.
CASES_A_FEATURE = 10


@dataclass(frozen=True)
class Found:
    """What a run shows.

    Attributes
    ----------
    answer : {"yes", "no", "na"} or None
        None: the run cannot tell.
    why : str
        One short sentence.
    proof : tuple of str
        Files, relative to the run folder; all exist.
    """

    answer: str | None
    why: str = ""
    proof: tuple = ()


UNKNOWN = Found(None)


def files(why, *needed, also=()):
    """Evidence that consists of files: yes when all are there, else no.

    Parameters
    ----------
    why : str, or function of RunFolder
        Said with a yes.
    needed, also : str
        Relative paths, ``*`` allowed: those that must be there, and those that are named when they are.

    Returns
    -------
    function
        From :class:`vcfnb.report.checklists.folder.RunFolder` to :class:`Found`.
    """

    def look(run):
        missing = [name for name in needed if not run.find(name)]
        if missing:
            return Found("no", f"The run has no {' and no '.join(missing)}.", run.present(*needed))
        return Found("yes", why(run) if callable(why) else why, run.present(*needed, *also))

    return look


def centres(run):
    """Sites that the cohort names."""
    if run.simulated or run.cohort is None or "site" not in run.cohort:
        return UNKNOWN
    sites = run.cohort["site"].dropna().nunique()
    if not sites:
        return UNKNOWN
    return Found("yes" if sites > 1 else "no", f"cohort.csv names {_n(sites, 'site')}.", ("00_cohort/cohort.csv",))


def automatic_segmentation(run):
    """Masks that readers drew again were drawn by readers."""
    second = run.cohort is not None and {"mask_reader_a2", "mask_reader_b"} <= set(run.cohort)
    if second and run.cohort[["mask_reader_a2", "mask_reader_b"]].notna().any().all():
        return Found("na", "Readers drew the masks, and some of them again.", ("00_cohort/cohort.csv",))
    return UNKNOWN


def preprocessing(run):
    """Voxel size, window and bin width are written down, and thick slices were not made isotropic."""
    settings, qc = run.settings("01_preprocessing"), run.table("01_preprocessing/qc.csv")
    proof = run.present("01_preprocessing/settings.json", "01_preprocessing/qc.csv", "03_radiomics/settings.json")
    if "spacing_mm" not in settings or qc is None or "bin_width" not in run.settings("03_radiomics"):
        return Found("no", "The run does not say how images were preprocessed.", proof)
    thickest = qc["spacing_in"].str.split(" x ").map(lambda sizes: max(map(float, sizes)))
    target = settings["spacing_mm"]
    if target < THICK_MM <= thickest.max():
        n = int((thickest >= THICK_MM).sum())
        return Found(
            "no", f"{_n(n, 'case')} with slices of {THICK_MM} mm or more {_be(n)} upsampled to {target:g} mm.", proof
        )
    low, width = settings["window_level"] - settings["window_width"] / 2, settings["window_width"]
    return Found(
        "yes",
        f"Voxels of at most {thickest.max():g} mm became {target:g} mm; HU {low:g} to {low + width:g} "
        f"({'clipped' if settings['clip'] else 'not clipped'}); bins of {run.settings('03_radiomics')['bin_width']:g}.",
        proof,
    )


def software(run):
    """The version of the reference whose values the features have."""
    if "pyradiomics-bhklab" not in run.versions:
        return Found("no", "The run does not say with which version the features were computed.")
    return Found(
        "yes",
        f"3D features of vcfnb {run.versions.get('vcfnb', '?')}, tested to equal those of PyRadiomics "
        f"{run.versions['pyradiomics-bhklab']}; where PyRadiomics departs from IBSI, so do they.",
        run.present("provenance.json", "03_radiomics/features.csv"),
    )


def unstable_features(run):
    """An ICC table, and a selection that used it."""
    icc = run.table("02_icc/icc.csv")
    proof = run.present("02_icc/icc.csv", "05_selection/radiomics_steps.csv")
    if icc is None or "icc" not in run.steps:
        return Found("no", "Without repeat segmentations no feature was judged, and none removed as unstable.", proof)
    settings = run.settings("02_icc")
    return Found(
        "yes",
        f"{int(icc['stable'].sum())} of {len(icc)} radiomic features are stable ({settings.get('icc_form', 'ICC')} "
        f"above {settings.get('icc_threshold', '?')} within and between readers); deep features come from a box and "
        "are not judged.",
        proof,
    )


def reliability(run):
    """An ICC table, whatever was done with it."""
    icc, dice = run.table("02_icc/icc.csv"), run.table("02_icc/dice.csv")
    if icc is None:
        return Found("no", "The cohort has no repeat segmentations.", run.present("02_icc/icc.csv"))
    cases = "" if dice is None else f" on {_n(dice['case_id'].nunique(), 'training case')}"
    return Found(
        "yes",
        f"{run.settings('02_icc').get('icc_form', 'ICC')} of {len(icc)} features within and between readers{cases}.",
        run.present("02_icc/icc.csv", "02_icc/dice.csv", "02_icc/settings.json"),
    )


def redundant_features(run):
    """Steps of the selection by their names."""
    missing = {"correlation", "lasso"} - set(run.steps.index)
    proof = run.present("05_selection/radiomics_steps.csv", "05_selection/radiomics_selected.csv")
    if missing:
        return Found("no", f"No step of the selection is called {' or '.join(sorted(missing))}.", proof)
    chain = ", ".join(f"{step} {n}" for step, n in run.steps.items())
    return Found("yes", f"Radiomic features left after each step: {chain}.", proof)


def dimensionality(run):
    """Training cases of the rarer class against features of the fusion."""
    selected = run.table("06_fusion/fusion_selected.csv")
    if selected is None or run.cohort is None:
        return Found("no", "The run has no table of the fusion's features.")
    rarer = int(run.cohort.loc[run.cohort["split"] == "train", "label"].value_counts().min())
    ratio = rarer / len(selected)
    found = (
        f"{_n(rarer, 'training case')} of the rarer class for {_n(len(selected), 'feature')} of the fusion, "
        f"{ratio:.1f} each"
    )
    proof = run.present(
        "06_fusion/fusion_selected.csv",
        "00_cohort/cohort.csv",
        "08_robustness/rigorous_auc.csv",
        "08_robustness/learning_curve.csv",
    )
    if ratio < CASES_A_FEATURE:
        return Found("no", f"{found}: fewer than {CASES_A_FEATURE}.", proof)
    return Found("yes", f"{found}; a rule of thumb that does not count the features tried before selection.", proof)


def end_to_end(run):
    """No model of this study goes from image to answer: networks give features to regressions."""
    return Found(
        "na", "The final models are regressions on tables of features.", run.present("06_fusion/model/model.json")
    )


def partition(run):
    """No patient in both sets, both classes in each."""
    proof = run.present("00_cohort/cohort.csv", "00_cohort/settings.json", "00_cohort/flow.png", "09_leakage/audit.csv")
    if run.cohort is None:
        return Found("no", "The run has no cohort.csv.", proof)
    sets = {name: run.cohort[run.cohort["split"] == name] for name in ("train", "test")}
    both = set(sets["train"]["patient_id"]) & set(sets["test"]["patient_id"])
    if both:
        return Found("no", f"{_n(len(both), 'patient')} {_be(len(both))} in both sets.", proof)
    if min(part["label"].nunique() for part in sets.values()) < 2:
        return Found("no", "A set lacks one of the classes.", proof)
    sizes = " and ".join(f"{len(part)} {name} ({(part['label'] == 1).sum()} acute)" for name, part in sets.items())
    return Found("yes", f"Split first, no patient in both sets: {sizes}; fits see training cases only.", proof)


def confounders(run):
    """Results in subgroups, or harmonised features."""
    combat = [step for step in ("05_selection", "06_fusion") if run.settings(step).get("harmonise", "none") != "none"]
    subgroups = run.table("07_statistics/subgroups.csv")
    judged = []
    if subgroups is not None:
        # The table has a row for subgroups that are too small or not recorded, too: without a number.
        judged = (
            subgroups.loc[subgroups["auc"].notna() & (subgroups["variable"] != "all"), "variable"].unique().tolist()
        )
    ways = [f"models are judged by {', '.join(judged)}"] * bool(judged) + ["features are harmonised by site"] * bool(
        combat
    )
    if ways:
        named = ["07_statistics/subgroups.csv"] * bool(judged) + [f"{step}/settings.json" for step in combat]
        return Found(
            "yes", f"The {' and '.join(ways)}; whether these are all confounders, you decide.", run.present(*named)
        )
    return Found("no", "Simulated, and without subgroups or harmonisation.") if run.simulated else UNKNOWN


def performance(run):
    """AUCs, the four counts behind sensitivity and specificity, and the losses of the networks."""
    auc, points = run.table("07_statistics/auc.csv"), run.table("07_statistics/operating_points.csv")
    proof = run.present("07_statistics/auc.csv", "07_statistics/operating_points.csv", "04_dtl/expansion_*/history.csv")
    if auc is None or points is None or not {"tp", "fp", "tn", "fn"} <= set(points) or len(proof) < 3:
        return Found("no", "AUC, counts of right and wrong calls, or loss curves are missing.", proof)
    return Found(
        "yes", "AUC, sensitivity, specificity and the four counts of each model, and the networks' losses.", proof
    )


def uncertainty(run):
    """A finite interval of every test AUC."""
    auc = run.table("07_statistics/auc.csv")
    names = ("auc_differences.csv", "figure9_roc.png", "operating_points.csv")
    also = (
        *(f"07_statistics/{name}" for name in names),
        "08_robustness/rigorous_auc.csv",
        "08_robustness/stability.csv",
    )
    proof = run.present("07_statistics/auc.csv", *also)
    limits = ["ci_low", "ci_high"]
    ours = None if auc is None or not set(limits) <= set(auc) else auc.loc[auc["split"] == "test", limits]
    if ours is None or not np.isfinite(ours.to_numpy()).all():
        return Found("no", "auc.csv has no interval of every test AUC.", proof)
    alpha = run.settings("07_statistics").get("alpha", 0.05)
    return Found(
        "yes",
        f"{100 * (1 - alpha):g}% intervals: DeLong's for AUCs, bootstrap for curves, Wilson's for proportions.",
        proof,
    )


def calibration(run):
    """Calibration of the models on test cases."""
    table = run.table("07_statistics/calibration.csv")
    proof = run.present(
        "07_statistics/calibration.csv", "07_statistics/calibration_figure.png", "07_statistics/recalibration.csv"
    )
    if table is None or not {"split", "slope", "brier"} <= set(table) or "test" not in set(table["split"]):
        return Found("no", "The run has no calibration of the models on test cases.", proof)
    return Found("yes", "Brier score, slope and intercept of each model, and the calibration curve.", proof)


def one_kind_of_image(run):
    """The table of cases has one image per case."""
    if run.cohort is None:
        return Found("no", "The run has no cohort.csv.")
    return Found("yes", "One CT series per case.", ("00_cohort/cohort.csv",))


def against_clinical(run):
    """A model of clinical variables alone, compared by a test; the fusion that sees them is no such model."""
    if run.settings("06_fusion").get("clinical") and run.table("07_statistics/clinical_comparison.csv") is not None:
        proof = run.present("07_statistics/clinical_comparison.csv", "06_fusion/clinical_scores.csv")
        return Found("yes", "Clinical variables alone against the models, by DeLong's test, adjusted by Holm.", proof)
    return Found("no", "Simulated, and without a model of clinical variables alone.") if run.simulated else UNKNOWN


def against_simple(run):
    """A test of the radiomic regression against the others, on test cases."""
    delong = run.table("07_statistics/delong.csv")
    proof = run.present("07_statistics/delong.csv", "07_statistics/auc_differences.csv", "07_statistics/mcnemar.csv")
    if delong is None or "radiomics" not in set(delong.loc[delong["split"] == "test", "model_a"]):
        return Found("no", "The models are not compared on test cases.", proof)
    return Found(
        "yes", "Logistic regression on radiomic features against deep features and fusion, DeLong's test.", proof
    )


def internal_test(run):
    """Results on test cases."""
    auc = run.table("07_statistics/auc.csv")
    if auc is None or "test" not in set(auc["split"]):
        return Found("no", "The run has no results on test cases.", run.present("07_statistics/auc.csv"))
    n = int(auc.loc[auc["split"] == "test", "n"].max())
    return Found(
        "yes",
        f"{_n(n, 'case')} kept apart from every fit.",
        run.present("07_statistics/auc.csv", "00_cohort/cohort.csv"),
    )


def clinical_predictors(run):
    """Clinical variables that the fusion sees."""
    used = run.settings("06_fusion").get("clinical") or []
    proof = run.present("06_fusion/settings.json")
    if not used:
        return Found("na", "The models see no clinical variable.", proof)
    return Found("yes", f"The fusion sees {', '.join(used)}.", run.present("00_cohort/cohort.csv") + proof)


def feature_classes(run):
    """Classes as PyRadiomics' feature names have them."""
    counts = {}
    for name in _features(run):
        kind = name.split("_")[-2]
        counts[kind] = counts.get(kind, 0) + 1
    proof = run.present("03_radiomics/features.csv")
    if not counts:
        return Found("no", "The run has no radiomic features.", proof)
    return Found("yes", ", ".join(f"{kind} {n}" for kind, n in counts.items()) + ".", proof)


def feature_count(run):
    """Columns of the feature table."""
    n, deep = len(_features(run)), run.settings("04_dtl").get("n_dimensions")
    if not n:
        return Found("no", "The run has no radiomic features.")
    proof = run.present("03_radiomics/features.csv", "03_radiomics/feature_counts.csv", "04_dtl/settings.json")
    return Found("yes", f"{n} radiomic features a case" + (f", {deep} deep ones an expansion." if deep else "."), proof)


def _features(run):
    try:
        with open(run.folder / "03_radiomics" / "features.csv", encoding="utf-8") as stream:
            return stream.readline().strip().split(",")[1:]
    except OSError:
        return []


def missing_data(run):
    """Missing clinical values, counted."""
    if run.cohort is None:
        return Found("no", "The run has no cohort.csv.")
    names = [name for name in ("age", "sex", "bmd") if name in run.cohort]
    counts = ", ".join(f"{name} {int(run.cohort[name].isna().sum())}" for name in names) or "no clinical columns"
    used = run.settings("06_fusion").get("clinical")
    rule = f"; in the fusion: {run.settings('06_fusion').get('clinical_missing')}" if used else "; the fusion uses none"
    return Found(
        "yes",
        f"Missing of {len(run.cohort)}: {counts}{rule}. Images and features are complete, or the case is excluded.",
        run.present("00_cohort/cohort.csv", "00_cohort/table1.csv", "00_cohort/exclusions.csv"),
    )


def class_balance(run):
    """Counts of the classes, and the weights that they got."""
    settings = run.settings("06_fusion")
    if run.cohort is None or "class_weight" not in settings:
        return Found("no", "The run does not say how classes are weighted.")
    label = run.cohort["label"]
    return Found(
        "yes",
        f"{int((label == 1).sum())} acute, {int((label == 0).sum())} chronic; class weights in the regression: "
        f"{settings['class_weight'] or 'none'}.",
        run.present("00_cohort/cohort.csv", "06_fusion/settings.json", "04_dtl/settings.json"),
    )


def scaling(run):
    """A selection that starts with a z-score."""
    proof = run.present("05_selection/radiomics_scaler.csv", "05_selection/radiomics_steps.csv")
    if "z-score" not in run.steps:
        return Found("no", "No step of the selection is called z-score.", proof)
    return Found("yes", "Mean and SD of the training cases, applied to all.", proof)


def interpretation(run):
    """Heat maps, a nomogram or SHAP values."""
    names = ("07_statistics/grad_cam.png", "07_statistics/attribution.csv", "06_fusion/selected_features.csv")
    proof = run.present(*names, "06_fusion/*nomogram*.png", "06_fusion/*shap*.png", "07_statistics/*shap*.png")
    if not proof:
        return Found("no", "The run has no heat map, nomogram or SHAP values.")
    return Found("yes", "What the networks look at, and what the regressions weigh.", proof)


def baseline(run):
    """A Table 1 that compares at least one characteristic besides the label."""
    table = run.table("00_cohort/table1.csv")
    if table is None:
        return Found("no", "The run has no table1.csv.")
    recorded = table["p"].notna() & ~table["characteristic"].str.startswith("Acute")
    if not recorded.any():
        return UNKNOWN
    return Found("yes", "Both sets side by side, with tests.", ("00_cohort/table1.csv",))


def _n(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _be(count):
    return "is" if count == 1 else "are"
