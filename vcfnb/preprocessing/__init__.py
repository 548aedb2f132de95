"""Notebook 01: every case resampled and windowed, and the boxes around the ROI that networks see."""

from vcfnb.preprocessing.case_files import (
    REPEATS,
    cases,
    dice_of_segmentations,
    preprocess_cohort,
    read_case,
    segmentations,
)
