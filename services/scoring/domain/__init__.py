"""Facts, the scorecard that turns them into points, and the decision that a score allows."""

from services.scoring.domain.admittance import BAD_RECORD, Admittance, Outcome, Standing, admit
from services.scoring.domain.behaviour import Behaviour, Observed, characteristics_of, observe, summarise
from services.scoring.domain.calibration import Calibration, Knot
from services.scoring.domain.consent import Consent, ConsentChange, Event, sift
from services.scoring.domain.disputes import Dispute, DisputeState
from services.scoring.domain.endorsements import Endorsement, Endorser, EndReason
from services.scoring.domain.facts import Fact, FactKind, FactState, NegativeRecord
from services.scoring.domain.improving import Improvement, improvements, next_band
from services.scoring.domain.loading import ModelError, load_model, load_scorecard
from services.scoring.domain.merging import Panel
from services.scoring.domain.outside import Outside, percent_at
from services.scoring.domain.panels import BureauError, load_calibration, load_panel
from services.scoring.domain.records import earns, expiry_of, fault_of, years_before
from services.scoring.domain.revisions import (
    Author,
    Recorded,
    corrected,
    fact_not_found,
    reinstated,
    retracted,
    suspended,
)
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
from services.scoring.domain.search import facts_for_score, spread
from services.scoring.domain.serving import Served
from services.scoring.domain.uses import Asked, Gap, Use, gaps

__all__ = [
    "BAD_RECORD",
    "Admittance",
    "Asked",
    "Assessment",
    "Author",
    "Band",
    "Behaviour",
    "BureauError",
    "Calibration",
    "Consent",
    "ConsentChange",
    "Dispute",
    "DisputeState",
    "EndReason",
    "Endorsement",
    "Endorser",
    "Event",
    "Fact",
    "FactKind",
    "FactState",
    "Gap",
    "Improvement",
    "Knot",
    "Line",
    "Model",
    "ModelError",
    "NegativeRecord",
    "Observed",
    "Outcome",
    "Outside",
    "Panel",
    "Reason",
    "Recorded",
    "Served",
    "Standing",
    "UnscoredReason",
    "Use",
    "admit",
    "assess",
    "band_of",
    "characteristics_of",
    "corrected",
    "earns",
    "expiry_of",
    "fact_not_found",
    "facts_for_score",
    "fault_of",
    "gaps",
    "improvements",
    "load_calibration",
    "load_model",
    "load_panel",
    "load_scorecard",
    "next_band",
    "observe",
    "percent_at",
    "reinstated",
    "retracted",
    "score_of",
    "sift",
    "spread",
    "summarise",
    "suspended",
    "years_before",
]
