"""What a scorecard is measured beside, on the same columns and folds: models that nobody can read line by line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from services.scoring.fitting.arrays import Floats
from services.scoring.fitting.table import Numbers, Table
from services.scoring.fitting.validation import Learn

ABSENT = "(absent)"


def one_hot_regression(training: Table, testing: Table) -> Floats:
    """scikit-learn's logistic regression on one-hot categories and standardised numbers."""
    return _learn(LogisticRegression(max_iter=2000), training, testing)


def gradient_boosting(training: Table, testing: Table) -> Floats:
    """scikit-learn's gradient boosting with its defaults, on the same features."""
    return _learn(GradientBoostingClassifier(random_state=0), training, testing)


PEERS: dict[str, Learn] = {
    "one-hot logistic regression": one_hot_regression,
    "gradient boosting": gradient_boosting,
}


def _learn(estimator: Any, training: Table, testing: Table) -> Floats:
    numbers = [c.name for c in training.columns if isinstance(c, Numbers)]
    features = ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers)],
        remainder=OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    fitted = make_pipeline(features, estimator).fit(_frame(training), ~training.bad)
    probabilities: Floats = fitted.predict_proba(_frame(testing))[:, 1]
    return probabilities


def _frame(table: Table) -> pd.DataFrame:
    return pd.DataFrame(
        {
            column.name: np.where(column.absent, np.nan, column.units / 10.0**column.decimals)
            if isinstance(column, Numbers)
            else [ABSENT if value is None else value for value in column.values]
            for column in table.columns
        }
    )
