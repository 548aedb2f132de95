"""Logistic regression with a grid search, the saved model, and what it says about a new case."""

from vcfnb.models.examination import Examined, examine
from vcfnb.models.interpretation import Nomogram, coefficient_intervals, shap_table, shap_values
from vcfnb.models.logistic import FittedLogistic, fit_logistic
from vcfnb.models.out_of_fold import out_of_fold_scores
from vcfnb.models.prediction import Prediction, check_patient, judge_examined, predict
from vcfnb.models.saved import SavedModel, load_model, save_model, save_study_model
from vcfnb.models.training_cohort import MEASURES, TrainingCohort, fingerprint
from vcfnb.models.training_range import TrainingRange

__all__ = [
    "MEASURES",
    "Examined",
    "FittedLogistic",
    "Nomogram",
    "Prediction",
    "SavedModel",
    "TrainingCohort",
    "TrainingRange",
    "check_patient",
    "coefficient_intervals",
    "examine",
    "fingerprint",
    "fit_logistic",
    "judge_examined",
    "load_model",
    "out_of_fold_scores",
    "predict",
    "save_model",
    "save_study_model",
    "shap_table",
    "shap_values",
]
