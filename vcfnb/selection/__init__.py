"""From all features to a few, on training cases only: the paper's seven steps, and the choice of an expansion."""

from vcfnb.selection.checks import check_features, check_labels, folds
from vcfnb.selection.expansion import best_expansion, highest_auc
from vcfnb.selection.filters import CollinearityFilter, CorrelationFilter, StableFeatures, ZScore, variance_inflation
from vcfnb.selection.lasso import LassoSelector
from vcfnb.selection.steps import (
    SelectionResult,
    lasso_again,
    select_features,
    selection_pipeline,
    uncorrelated_features,
)
from vcfnb.selection.wrapper import BackwardElimination, LogisticWrapper
