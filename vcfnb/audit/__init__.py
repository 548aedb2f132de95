"""Leakage audit of a finished study: what leaks, and how large it would be. Each check gives one line of a table."""

from vcfnb.audit.checks import (
    duplicate_rows,
    network_rows,
    plain_rows,
    scaling_row,
    selection_row,
    set_rows,
    threshold_row,
)
from vcfnb.audit.deep import feature_mode_rows
from vcfnb.audit.order import order_rows, selection_order
from vcfnb.audit.permutation import permutation_rows, permute_labels, permuted_aucs

__all__ = [
    "duplicate_rows",
    "feature_mode_rows",
    "network_rows",
    "order_rows",
    "permutation_rows",
    "permute_labels",
    "permuted_aucs",
    "plain_rows",
    "scaling_row",
    "selection_order",
    "selection_row",
    "set_rows",
    "threshold_row",
]
