"""How good, how sure, how useful: functions of labels, scores and tables that any step may use.

Labels are 1 (acute, the positive class) and 0 (chronic); a case is classified as positive at or above a threshold.
"""

from vcfnb.statistics.auc_intervals import auc_interval, independent_difference
from vcfnb.statistics.bootstrap import auc, auc_difference, draw_counts, resampled_auc
from vcfnb.statistics.groups import compare_counts, compare_groups
from vcfnb.statistics.multiplicity import holm
from vcfnb.statistics.net_benefit import decision_curve, decision_curve_band, net_benefit_difference
from vcfnb.statistics.recalibration import (
    RECALIBRATIONS,
    Calibration,
    Recalibration,
    calibration,
    calibration_curve_points,
    calibration_measures,
    recalibrate,
    smooth_calibration,
)
from vcfnb.statistics.reclassification import mcnemar_test, reclassification
from vcfnb.statistics.roc import auc_ci, delong_test, roc_band, roc_points
from vcfnb.statistics.sample_size import (
    auc_power,
    auc_sample_size,
    auc_standard_error,
    auc_width_by_size,
    cox_snell_r2,
    development_sample_size,
    sample_sizes,
    validation_sample_size,
)
from vcfnb.statistics.thresholds import operating_metrics, operating_point, uncertain_metrics, uncertain_range
