"""Notebook 01: every case resampled and windowed, and the boxes around the ROI that networks see."""

from vcfnb.preprocessing.case_files import READINGS, cases, dice_of_readings, preprocess_cohort, read_case, readings
