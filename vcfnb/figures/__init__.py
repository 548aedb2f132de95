"""Figures: one function per figure. Each takes tidy data and returns a matplotlib Figure.

Call :func:`style` once; :func:`vcfnb.runs.save_figure` writes PNG, SVG and the data. With ``simulated=True`` a figure
says so.
"""

from vcfnb.figures.attribution import attribution_shares, grad_cam_examples
from vcfnb.figures.description import quality, split_power
from vcfnb.figures.diagrams import patient_flow, shufflenet_unit, workflow
from vcfnb.figures.features import dice, feature_by_class, feature_counts, icc_overview
from vcfnb.figures.interpretation import forest, nomogram, shap_summary
from vcfnb.figures.patient import case_views, contributions
from vcfnb.figures.performance import (
    auc_by_expansion,
    calibration,
    decision_curves,
    feature_modes,
    net_benefit_differences,
    recalibration,
    roc,
    score_distribution,
    subgroup_forest,
)
from vcfnb.figures.pictures import crops_examples, montage
from vcfnb.figures.rigorous import (
    auc_differences,
    instability,
    leakage_audit,
    learning_curve,
    rigorous_auc,
    selection_frequency,
)
from vcfnb.figures.selection import lasso_figure, selection_steps
from vcfnb.figures.theme import CLASSES, MODELS, style
from vcfnb.figures.training import alignment, cv_by_expansion, training_curves
