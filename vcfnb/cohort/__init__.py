"""The cohort: read and check cohort.csv and its files, exclude, split by patient."""

from vcfnb.cohort.columns import CLINICAL, FILES, OPTIONAL, REPEATS, REQUIRED, problem_table
from vcfnb.cohort.files import check_files, check_headers, check_voxels, voxel_digest
from vcfnb.cohort.needs import check_needs, check_size
from vcfnb.cohort.split import apply_exclusions, flow, relative_paths, repeat_segmentations, split_cohort
from vcfnb.cohort.table import SIMULATED, check_table, is_simulated, read_cohort
