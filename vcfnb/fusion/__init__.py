"""Notebook 06: logistic regression with a grid search, its interpretation, and the saved model."""

from vcfnb.fusion.interpretation import Nomogram, coefficient_intervals, shap_table
from vcfnb.fusion.logistic import FittedLogistic, fit_logistic, out_of_fold_scores
from vcfnb.fusion.saved import SavedModel, load_model, save_study_model
from vcfnb.fusion.training_cohort import MEASURES, TrainingCohort, TrainingRange, fingerprint
