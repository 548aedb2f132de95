"""Notebook 10: what the saved model says about the next patient, and how it does on another cohort.

The folder is not called predict because :func:`vcfnb.predict` is a function.
"""

from vcfnb.prediction.evaluation import evaluate
from vcfnb.prediction.extraction import ExtractedCase, extract_case
from vcfnb.prediction.patient import Prediction, check_patient, predict, predict_extracted
from vcfnb.prediction.scoring import case_problems, score_cohort, trained_on
from vcfnb.prediction.validation_report import write_report
