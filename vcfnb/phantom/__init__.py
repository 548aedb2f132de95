"""A simulated cohort: one synthetic CT of a fractured vertebra per case, with masks of three segmentations.

For trying the study and teaching it. Nothing measured on it says anything about patients.
"""

from vcfnb.phantom.folder import draw_cohort, simulate_cohort
from vcfnb.phantom.patients import AROUND, SIGNS
