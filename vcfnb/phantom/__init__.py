"""A simulated cohort: CT of a fractured vertebra a case, synthetic, with masks of three readings.

For trying the study and teaching it. Nothing measured on it says anything about patients.
"""

from vcfnb.phantom.folder import draw_cohort, simulate_cohort
from vcfnb.phantom.patients import AROUND, SIGNS
