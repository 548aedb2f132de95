"""CT images and masks: reading, checks of geometry, resampling, window, quality.

Images are SimpleITK images; where arrays appear they are (z, y, x).
"""

from vcfnb.images.files import write_image
from vcfnb.images.grids import Grid, on_grid, same_grid
from vcfnb.images.plausibility import implausible_grid, implausible_roi, implausible_values
from vcfnb.images.quality import dice, pieces, quality, touches_border
from vcfnb.images.reading import as_label, location, look, look_at_mask, read_image, read_mask
from vcfnb.images.resampling import preprocess, window
from vcfnb.images.schemes import SCHEMES, is_whole_vertebra, label_of, read_roi
