"""Interactive parts of the notebooks: a figure for every choice, and controls for it in JupyterLab.

Each drawing function takes what the notebook has and one choice, and returns a matplotlib Figure;
:func:`show` puts controls above it where somebody can use them.
"""

from vcfnb.interactive.cases import feature, network_input, slices
from vcfnb.interactive.controls import show
from vcfnb.interactive.tables import contributions, lasso, segmentations, test_size, threshold
from vcfnb.interactive.viewer import in_jupyterlab, view
