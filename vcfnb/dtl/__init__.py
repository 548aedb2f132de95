"""Deep transfer learning: fine-tuning, deep features and their reduction, what the network looks at, saving it."""

from vcfnb.dtl.attribution import deletion_test, grad_cam, integrated_gradients
from vcfnb.dtl.expansion import ExpansionResult, check_dimensions, fold_jobs, run_expansion
from vcfnb.dtl.features import features_and_scores
from vcfnb.dtl.reduction import Reduction, align, reduce_features
from vcfnb.dtl.regions import attribution_shares, heatmap_image, heatmaps, heatmaps_tested
from vcfnb.dtl.saved import SavedNetwork, load_model, save_model, weights_provenance
from vcfnb.dtl.settings import TrainSettings
from vcfnb.dtl.training import fine_tune
