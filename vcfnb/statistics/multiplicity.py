"""Several tests at once: Holm's adjusted p."""

import numpy as np
from statsmodels.stats.multitest import multipletests

from vcfnb.errors import VcfnbError


def holm(p):
    """p adjusted for all tests of one family (n,), by Holm's step-down method.

    Rejecting where the adjusted p is below alpha keeps the chance of any false rejection in the family below alpha,
    however the tests depend on each other. NaN is a test that could not be done: it stays NaN and does not count.
    Source: Holm 1979, Scand J Stat 6:65. Values as R ``p.adjust(method = "holm")``.

    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    done = ~np.isnan(p)
    if ((p[done] < 0) | (p[done] > 1)).any():
        raise VcfnbError("a p lies outside [0, 1]: give the p of each test", code="out-of-range")
    adjusted = p.copy()
    if done.any():
        adjusted[done] = multipletests(p[done], method="holm")[1]
    return adjusted
