"""Net benefits of dcurves 1.1.7 (Python) for scores.csv; run with it in an environment of its own, in this folder."""

import numpy as np
import pandas as pd
from dcurves import dca

scores = pd.read_csv("scores.csv")
names = ["score_a", "score_b"]
found = [
    dca(part, outcome="y", modelnames=names, thresholds=np.arange(5, 100, 5) / 100).assign(set=name)
    for name, part in scores.groupby("set", sort=False)
]
table = pd.concat(found)[["set", "model", "threshold", "net_benefit"]]
table.to_csv("dcurves_dca_scores.csv", index=False)
