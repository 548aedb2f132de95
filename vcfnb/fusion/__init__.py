"""Notebook 06: logistic regression with a grid search, the whole chain refitted out of fold, and the saved model."""

from vcfnb.fusion.baseline import baseline_features, fit_baseline_encoder
from vcfnb.fusion.chain import MODELS, TabularModel, TabularStudy, fit_models, stable_features
from vcfnb.fusion.folds import OuterFold, outer_folds
from vcfnb.fusion.interpretation import Nomogram, coefficient_intervals, shap_table
from vcfnb.fusion.logistic import FittedLogistic, cross_validated_scores, fit_logistic
from vcfnb.fusion.out_of_fold import OutOfFold, out_of_fold_scores
from vcfnb.fusion.ridge import block_parts, fit_ridge_fusion
from vcfnb.fusion.saved import SAVED_MODELS, SavedModel, load_model, save_study_model
from vcfnb.fusion.study_data import StudyData, read_study
from vcfnb.fusion.training_cohort import MEASURES, TrainingCohort, TrainingRange, fingerprint
