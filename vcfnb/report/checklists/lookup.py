"""Which evidence belongs to which item of METRICS and CLEAR."""

from vcfnb.report.checklists import evidence


def _resampled(run):
    settings = run.settings("01_preprocessing")
    return (
        f"Cubic B-spline to {settings.get('spacing_mm', '?')} mm, rounded to whole HU; "
        f"masks by {settings.get('mask_interpolator', '?')}."
    )


def _image_types(run):
    sigmas = ", ".join(f"{sigma:g}" for sigma in run.settings("03_radiomics").get("log_sigma_mm", ()))
    return f"Original, LoG (sigma {sigmas} mm), wavelet, LBP3D, and five more; counted in the table."


# An item without an entry is the authors'.
METRICS = {
    4: evidence.centres,
    9: evidence.automatic_segmentation,
    11: evidence.preprocessing,
    12: evidence.software,
    13: evidence.files(
        "Every setting of both kinds of features is written down; the rest has its default.",
        "03_radiomics/settings.json",
        "04_dtl/settings.json",
        also=("params.yaml", "03_radiomics/feature_counts.csv"),
    ),
    14: evidence.unstable_features,
    15: evidence.redundant_features,
    16: evidence.dimensionality,
    17: evidence.end_to_end,
    18: evidence.partition,
    19: evidence.confounders,
    20: evidence.performance,
    21: evidence.uncertainty,
    22: evidence.calibration,
    23: evidence.one_kind_of_image,
    24: evidence.against_clinical,
    25: evidence.against_simple,
    26: evidence.internal_test,
}
CLEAR = {
    9: evidence.files(
        "Expected width of the AUC's interval by size of the test set; the training set is what there was.",
        "00_cohort/test_set_size.csv",
        also=("00_cohort/test_set_size.png", "08_robustness/learning_curve.csv"),
    ),
    12: evidence.files("The steps from image to model.", "00_cohort/figure2_workflow.png"),
    15: evidence.partition,
    17: evidence.clinical_predictors,
    21: evidence.preprocessing,
    22: evidence.files(_resampled, "01_preprocessing/settings.json", "01_preprocessing/qc.csv"),
    23: evidence.files(
        lambda run: f"Fixed width of {run.settings('03_radiomics').get('bin_width', '?')} HU.",
        "03_radiomics/settings.json",
    ),
    24: evidence.files(_image_types, "03_radiomics/settings.json", "03_radiomics/feature_counts.csv"),
    25: evidence.software,
    26: evidence.feature_classes,
    27: evidence.feature_count,
    28: evidence.files(
        "Other settings have PyRadiomics' defaults; two GLCM features, MCC and SumAverage, are left out.",
        "03_radiomics/settings.json",
        also=("params.yaml",),
    ),
    29: evidence.missing_data,
    30: evidence.class_balance,
    31: evidence.reliability,
    32: evidence.scaling,
    33: evidence.redundant_features,
    34: evidence.files(
        "Logistic regressions and a ShuffleNet; coefficients and versions are in the files.",
        "06_fusion/model/model.json",
        "provenance.json",
    ),
    35: evidence.files(
        "Recipe, stopping, grids and folds are settings; the losses are kept.",
        "04_dtl/settings.json",
        "06_fusion/settings.json",
        "04_dtl/expansion_*/history.csv",
        also=("05_selection/settings.json",),
    ),
    36: evidence.confounders,
    37: evidence.files(
        "Expansion, lambda and C by cross-validation within training cases.",
        "05_selection/expansion_choice.csv",
        "05_selection/radiomics_lasso_error.csv",
        also=("06_fusion/settings.json",),
    ),
    38: evidence.internal_test,
    39: evidence.performance,
    40: evidence.uncertainty,
    41: evidence.against_simple,
    42: evidence.against_clinical,
    43: evidence.interpretation,
    44: evidence.baseline,
    45: evidence.files(
        "Cases read, excluded with their reason, and included; what was left out before cohort.csv is not in it.",
        "00_cohort/flow.png",
        "00_cohort/exclusions.csv",
    ),
    46: evidence.files(
        "Selected features with coefficients, and the ICC of each feature.",
        "05_selection/radiomics_selected.csv",
        "02_icc/icc.csv",
        also=("06_fusion/selected_features.csv", "08_robustness/stability.csv"),
    ),
    47: evidence.files(
        "Training and test, with cross-validation of the networks.",
        "07_statistics/auc.csv",
        "04_dtl/expansion_*/cross_validation.csv",
        also=("07_statistics/operating_points.csv", "08_robustness/rigorous_auc.csv", "07_statistics/figure9_roc.png"),
    ),
    48: evidence.against_clinical,
}
EVIDENCE = {"metrics": METRICS, "clear": CLEAR}
