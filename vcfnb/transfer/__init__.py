"""Deep transfer learning: fine-tuning, deep features and their reduction, what the network looks at, saving it."""

from vcfnb.transfer.alignment import align
from vcfnb.transfer.attribution import grad_cam, integrated_gradients
from vcfnb.transfer.examples import heatmaps
from vcfnb.transfer.expansion import ExpansionResult, check_dimensions, fold_jobs, run_expansion
from vcfnb.transfer.features import features_and_scores, scores
from vcfnb.transfer.reduction import Reduction, reduce_features
from vcfnb.transfer.regions import attribution_shares, heatmap_image
from vcfnb.transfer.saved import SavedNetwork, load_model, save_model, weights_provenance
from vcfnb.transfer.settings import TrainSettings
from vcfnb.transfer.training import fine_tune, recalibrate, refresh_batch_norm

__all__ = [
    "ExpansionResult",
    "Reduction",
    "SavedNetwork",
    "TrainSettings",
    "align",
    "attribution_shares",
    "check_dimensions",
    "features_and_scores",
    "fine_tune",
    "fold_jobs",
    "grad_cam",
    "heatmap_image",
    "heatmaps",
    "integrated_gradients",
    "load_model",
    "recalibrate",
    "reduce_features",
    "refresh_batch_norm",
    "run_expansion",
    "save_model",
    "scores",
    "weights_provenance",
]
