"""Notebook 06: logistic regression with a grid search, its interpretation, and the saved model."""

from vcfnb.fusion.interpretation import Nomogram, coefficient_intervals, shap_table, shap_values
from vcfnb.fusion.logistic import FittedLogistic, fit_logistic
from vcfnb.fusion.out_of_fold import out_of_fold_scores
from vcfnb.fusion.saved import SavedModel, load_model, save_model, save_study_model
from vcfnb.fusion.training_cohort import MEASURES, TrainingCohort, fingerprint
from vcfnb.fusion.training_range import TrainingRange
