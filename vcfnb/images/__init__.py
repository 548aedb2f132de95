"""CT images and masks: reading, checks of geometry, resampling, window, quality.

Images are SimpleITK images; where arrays appear they are (z, y, x).
"""

from vcfnb.images.quality import pieces, quality, touches_border
from vcfnb.images.reading import on_grid, read_image, read_mask, same_grid
from vcfnb.images.resampling import preprocess

__all__ = ["on_grid", "pieces", "preprocess", "quality", "read_image", "read_mask", "same_grid", "touches_border"]
