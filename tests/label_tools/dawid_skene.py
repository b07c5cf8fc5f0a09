"""Fit crowd-kit's one-coin Dawid–Skene to answers given as JSON, and print the skills and what is right as JSON.

    python dawid_skene.py < ANSWERS

A program by itself, since crowd-kit is in a folder of its own (requirements-label-tools.txt).
"""

from __future__ import annotations

import json
import sys

import pandas
from crowdkit.aggregation.classification.dawid_skene import OneCoinDawidSkene

if __name__ == "__main__":
    model = OneCoinDawidSkene(n_iter=2_000, tol=1e-14)
    model.fit(pandas.DataFrame(json.load(sys.stdin), columns=["task", "worker", "label"]))
    right = model.probas_.reindex(columns=[0, 1, 2]).sort_index()
    print(json.dumps({"skills": model.skills_.to_dict(), "right": right.to_numpy().tolist()}))
