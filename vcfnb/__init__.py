"""Acute or chronic? Radiomics and deep transfer learning for vertebral compression fractures on CT.

Research use only. The public functions below load on first use, so that ``import vcfnb`` stays quick.
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "extract_features": "radiomics",
    "extract_cohort": "radiomics",
    "icc": "agreement",
    "dice": "images",
    "auc_ci": "statistics",
    "delong_test": "statistics",
    "decision_curve": "statistics",
    "calibration": "statistics",
    "predict": "prediction",
    "view": "interactive",
    "load_params": "params",
    "read_cohort": "cohort",
    "simulate_cohort": "phantom",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name):
    if name in _PUBLIC:
        try:
            return getattr(import_module(f"vcfnb.{_PUBLIC[name]}"), name)
        except ModuleNotFoundError as error:
            error.add_note("It comes with the study's packages: pip install 'vcfnb[study]'")
            raise
    raise AttributeError(f"module 'vcfnb' has no attribute {name!r}")
