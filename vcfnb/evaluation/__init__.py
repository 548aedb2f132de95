"""How good, how sure, how useful: the statistics of notebooks 00 and 07.

Labels are 1 (acute, the positive class) and 0 (chronic) everywhere; a case is called positive at or above a threshold.
"""

from vcfnb.evaluation.baseline import compare_counts, compare_groups
from vcfnb.evaluation.net_benefit import decision_curve
from vcfnb.evaluation.recalibration import Calibration, calibration, calibration_curve_points
from vcfnb.evaluation.roc import auc_ci, delong_test, roc_band, roc_points
from vcfnb.evaluation.sample_size import auc_power, auc_sample_size, auc_standard_error, auc_width_by_size
from vcfnb.evaluation.thresholds import operating_metrics, operating_point

__all__ = [
    "Calibration",
    "auc_ci",
    "auc_power",
    "auc_sample_size",
    "auc_standard_error",
    "auc_width_by_size",
    "calibration",
    "calibration_curve_points",
    "compare_counts",
    "compare_groups",
    "decision_curve",
    "delong_test",
    "operating_metrics",
    "operating_point",
    "roc_band",
    "roc_points",
]
