"""A simulated cohort: CT of one fractured vertebra a patient, made by formula, with masks of three readings.

For trying the study and teaching it. Nothing measured on it says anything about patients.
"""

from vcfnb.phantom.folder import simulate_cohort
from vcfnb.phantom.patients import SIGNS

__all__ = ["SIGNS", "simulate_cohort"]
