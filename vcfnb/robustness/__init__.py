"""Rigorous evaluation: the whole study inside nested, repeated, patient-grouped cross-validation of all cases.

Beside the paper's one split. Nothing that is selected, fitted or chosen in an outer fold sees its held-out cases.
"""

from vcfnb.robustness.areas import BootstrappedAreas
from vcfnb.robustness.imbalance import imbalance_options
from vcfnb.robustness.instability import instability, instability_summary, with_mean
from vcfnb.robustness.learning import learning_cases, learning_curve, learning_scores, share_of_patients
from vcfnb.robustness.nested import NestedResult, nested_cross_validation
from vcfnb.robustness.networks import nested_networks, nested_settings
from vcfnb.robustness.stability import Stability, nogueira, selection_stability
