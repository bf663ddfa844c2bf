"""Facts, the scorecard that turns them into points, and the decision that a score allows."""

from services.scoring.domain.admittance import Admittance, Outcome, Standing, admit
from services.scoring.domain.consent import Consent, ConsentChange, Event, sift
from services.scoring.domain.facts import Behaviour, Fact, FactKind, Observed, summarise
from services.scoring.domain.improving import Improvement, improvements, next_band
from services.scoring.domain.loading import ModelError, load_model, load_scorecard
from services.scoring.domain.scorecard import (
    Assessment,
    Band,
    Line,
    Model,
    Reason,
    UnscoredReason,
    assess,
    band_of,
    score_of,
)
from services.scoring.domain.search import facts_for_score

__all__ = [
    "Admittance",
    "Assessment",
    "Band",
    "Behaviour",
    "Consent",
    "ConsentChange",
    "Event",
    "Fact",
    "FactKind",
    "Improvement",
    "Line",
    "Model",
    "ModelError",
    "Observed",
    "Outcome",
    "Reason",
    "Standing",
    "UnscoredReason",
    "admit",
    "assess",
    "band_of",
    "facts_for_score",
    "improvements",
    "load_model",
    "load_scorecard",
    "next_band",
    "score_of",
    "sift",
    "summarise",
]
