"""Rigorous evaluation: the whole study inside nested, repeated, patient-grouped cross-validation of all cases.

Beside the paper's one split. Nothing that is selected, fitted or chosen in an outer fold sees its held-out cases.
"""

from vcfnb.rigorous.areas import BootstrappedAreas
from vcfnb.rigorous.data import StudyData, read_study
from vcfnb.rigorous.imbalance import imbalance_options
from vcfnb.rigorous.learning import learning_cases, learning_curve, learning_scores, share_of_patients
from vcfnb.rigorous.nested import NestedResult, OuterFold, nested_cross_validation, outer_folds
from vcfnb.rigorous.networks import nested_networks, nested_settings
from vcfnb.rigorous.stability import Stability, nogueira, selection_stability
from vcfnb.rigorous.tabular import MODELS, TabularModel, TabularStudy, fit_models, stable_features

__all__ = [
    "MODELS",
    "BootstrappedAreas",
    "NestedResult",
    "OuterFold",
    "Stability",
    "StudyData",
    "TabularModel",
    "TabularStudy",
    "fit_models",
    "imbalance_options",
    "learning_cases",
    "learning_curve",
    "learning_scores",
    "nested_cross_validation",
    "nested_networks",
    "nested_settings",
    "nogueira",
    "outer_folds",
    "read_study",
    "selection_stability",
    "share_of_patients",
    "stable_features",
]
