"""Acute or chronic? Radiomics and deep transfer learning for vertebral compression fractures on CT.

Research use only. The public functions below load on first use, so that ``import vcfnb`` stays quick.
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "extract_features": "radiomics",
    "extract_cohort": "radiomics",
    "icc": "agreement",
    "dice": "agreement",
    "auc_ci": "evaluation",
    "delong_test": "evaluation",
    "decision_curve": "evaluation",
    "calibration": "evaluation",
    "predict": "models",
    "view": "viewer",
    "load_params": "params",
    "read_cohort": "cohort",
    "simulate_cohort": "phantom",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(import_module(f"vcfnb.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'vcfnb' has no attribute {name!r}")
