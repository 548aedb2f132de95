"""Leakage audit of a finished study: what leaks, and how large it would be. Each check gives one line of a table."""

from vcfnb.leakage.checks import (
    duplicate_rows,
    network_rows,
    plain_rows,
    scaling_row,
    selection_row,
    set_rows,
    threshold_row,
)
from vcfnb.leakage.deep import feature_mode_rows
from vcfnb.leakage.order import order_rows, selection_order
from vcfnb.leakage.permutation import permutation_rows, permute_labels, permuted_aucs
