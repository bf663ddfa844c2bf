"""The use cases of scoring."""

from services.scoring.operations.bureaus import Bureaus
from services.scoring.operations.disputes import Disputes
from services.scoring.operations.endorsements import Endorsements
from services.scoring.operations.facts import Facts
from services.scoring.operations.ports import Case, Explained, PastScore, Question, Ruling, Told
from services.scoring.operations.proofs import Proofs
from services.scoring.operations.recomputing import Recomputing
from services.scoring.operations.scorecards import Scorecards
from services.scoring.operations.scoring import DEPOSIT_WAIVER, PURPOSE_NOT_ALLOWED, Scoring
from services.scoring.operations.uses import Uses

__all__ = [
    "DEPOSIT_WAIVER",
    "PURPOSE_NOT_ALLOWED",
    "Bureaus",
    "Case",
    "Disputes",
    "Endorsements",
    "Explained",
    "Facts",
    "PastScore",
    "Proofs",
    "Question",
    "Recomputing",
    "Ruling",
    "Scorecards",
    "Scoring",
    "Told",
    "Uses",
]
