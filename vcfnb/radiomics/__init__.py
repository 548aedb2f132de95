"""Radiomics: PyRadiomics' 1834 values of the paper, computed faster.

The definitions are PyRadiomics' (van Griethuysen et al. 2017, Cancer Res 77:e104; https://pyradiomics.readthedocs.io),
and so are the names. The tests compare every value with PyRadiomics itself.

The names below load on first use, so that what only reads names does not wait for numba.
"""

from importlib import import_module

_PUBLIC = {
    "extract_features": "engine",
    "extract_cohort": "extraction",
    "simple_measurements": "baseline",
    "body_heights": "heights",
    "stop_on": "extraction",
    "Settings": "settings",
    "feature_names": "settings",
    "image_type_of": "settings",
    "counts_by_image_type": "summary",
    "most_different": "summary",
}
__all__ = list(_PUBLIC)


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(import_module(f"vcfnb.radiomics.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'vcfnb.radiomics' has no attribute {name!r}")
