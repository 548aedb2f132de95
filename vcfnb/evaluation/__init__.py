"""How good, how sure, how useful: the statistics of notebooks 00 and 07.

Labels are 1 (acute, the positive class) and 0 (chronic) everywhere; a case is called positive at or above a threshold.
"""

from vcfnb.evaluation.baseline import compare_counts, compare_groups
from vcfnb.evaluation.bootstrap import auc, auc_difference, draw_counts, resampled_auc
from vcfnb.evaluation.multiplicity import holm
from vcfnb.evaluation.net_benefit import decision_curve, decision_curve_band
from vcfnb.evaluation.recalibration import Calibration, calibration, calibration_curve_points
from vcfnb.evaluation.reclassification import mcnemar_test, reclassification
from vcfnb.evaluation.roc import auc_ci, delong_test, roc_band, roc_points
from vcfnb.evaluation.sample_size import auc_power, auc_sample_size, auc_standard_error, auc_width_by_size
from vcfnb.evaluation.thresholds import operating_metrics, operating_point
from vcfnb.evaluation.updating import METHODS as RECALIBRATIONS
from vcfnb.evaluation.updating import Recalibration, recalibrate

__all__ = [
    "RECALIBRATIONS",
    "Calibration",
    "Recalibration",
    "auc_ci",
    "auc",
    "auc_difference",
    "auc_power",
    "auc_sample_size",
    "auc_standard_error",
    "auc_width_by_size",
    "calibration",
    "calibration_curve_points",
    "compare_counts",
    "compare_groups",
    "decision_curve",
    "decision_curve_band",
    "delong_test",
    "draw_counts",
    "holm",
    "mcnemar_test",
    "operating_metrics",
    "operating_point",
    "recalibrate",
    "reclassification",
    "resampled_auc",
    "roc_band",
    "roc_points",
]
