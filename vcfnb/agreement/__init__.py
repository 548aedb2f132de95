"""Notebook 02: which features repeat segmentations agree on (intraclass correlation).

The folder is not called icc because :func:`vcfnb.icc` is a function.
"""

from vcfnb.agreement.intraclass import icc, icc_of_segmentations
