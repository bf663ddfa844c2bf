"""Facts, the scorecard that turns them into points, and the decision that a score allows."""

from services.scoring.domain.facts import Behaviour, ConsentChange, Fact, FactKind, Observed, summarise
from services.scoring.domain.loading import ModelError, load_model
from services.scoring.domain.scorecard import (
    Admittance,
    Assessment,
    Band,
    Model,
    Outcome,
    UnscoredReason,
    admit,
    assess,
    band_of,
)
from services.scoring.domain.search import facts_for_score

__all__ = [
    "Admittance",
    "Assessment",
    "Band",
    "Behaviour",
    "ConsentChange",
    "Fact",
    "FactKind",
    "Model",
    "ModelError",
    "Observed",
    "Outcome",
    "UnscoredReason",
    "admit",
    "assess",
    "band_of",
    "facts_for_score",
    "load_model",
    "summarise",
]
