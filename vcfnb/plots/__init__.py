"""Figures: one function a figure. Each takes tidy data and returns a matplotlib Figure.

Call :func:`style` once; :func:`vcfnb.runs.save_figure` writes PNG, SVG and the data. With ``simulated=True`` a figure
says so.
"""

from vcfnb.plots.attribution import attribution_shares, grad_cam_examples
from vcfnb.plots.description import quality, split_power
from vcfnb.plots.diagrams import patient_flow, shufflenet_unit, workflow
from vcfnb.plots.features import dice, feature_by_class, feature_counts, icc_overview
from vcfnb.plots.interpretation import forest, nomogram, shap_summary
from vcfnb.plots.patient import case_views, contributions
from vcfnb.plots.performance import (
    auc_by_expansion,
    calibration,
    decision_curves,
    feature_modes,
    recalibration,
    roc,
    score_distribution,
)
from vcfnb.plots.pictures import crops_examples, montage
from vcfnb.plots.rigorous import auc_differences, leakage_audit, learning_curve, rigorous_auc, selection_frequency
from vcfnb.plots.selection import lasso_figure, selection_steps
from vcfnb.plots.subgroups import subgroup_forest
from vcfnb.plots.theme import CLASSES, MODELS, style
from vcfnb.plots.training import alignment, cv_by_expansion, training_curves, weights_comparison

__all__ = [
    "CLASSES",
    "MODELS",
    "alignment",
    "attribution_shares",
    "auc_by_expansion",
    "auc_differences",
    "calibration",
    "case_views",
    "contributions",
    "crops_examples",
    "cv_by_expansion",
    "decision_curves",
    "dice",
    "feature_by_class",
    "feature_counts",
    "feature_modes",
    "forest",
    "grad_cam_examples",
    "icc_overview",
    "lasso_figure",
    "leakage_audit",
    "learning_curve",
    "montage",
    "nomogram",
    "patient_flow",
    "quality",
    "recalibration",
    "rigorous_auc",
    "roc",
    "score_distribution",
    "selection_frequency",
    "selection_steps",
    "shap_summary",
    "shufflenet_unit",
    "split_power",
    "style",
    "subgroup_forest",
    "training_curves",
    "weights_comparison",
    "workflow",
]
