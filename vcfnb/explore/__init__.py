"""Interactive parts of the notebooks: a figure for every choice, and controls for it in JupyterLab.

Each drawing function takes what the notebook has and one choice, and returns a matplotlib Figure;
:func:`show` puts controls above it where somebody can use them.
"""

from vcfnb.explore.cases import feature, network_input, slices
from vcfnb.explore.controls import show
from vcfnb.explore.tables import contributions, lasso, readings, test_size, threshold

__all__ = [
    "contributions",
    "feature",
    "lasso",
    "network_input",
    "readings",
    "show",
    "slices",
    "test_size",
    "threshold",
]
