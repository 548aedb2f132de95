"""Notebook 10: what the saved model says about the next patient, and how it does on another cohort.

The folder is not called predict because :func:`vcfnb.predict` is a function.
"""

from vcfnb.prediction.evaluation import judge
from vcfnb.prediction.examination import Examined, examine
from vcfnb.prediction.patient import Prediction, check_patient, judge_examined, predict
from vcfnb.prediction.scoring import case_problems, score_cohort, trained_on
from vcfnb.prediction.validation_report import write_report
