"""Proto ⇄ domain for scoring: decode, call once, encode."""

from services.scoring.servicer.bureaus import BUREAU_ACCESS, BureauServicer
from services.scoring.servicer.disputes import DISPUTE_ACCESS, DisputeServicer
from services.scoring.servicer.encoding import fact_pb
from services.scoring.servicer.endorsements import ENDORSEMENT_ACCESS, EndorsementServicer
from services.scoring.servicer.internal import InternalServicer
from services.scoring.servicer.proofs import PROOF_ACCESS, ProofServicer
from services.scoring.servicer.public import ACCESS, PublicServicer
from services.scoring.servicer.scorecards import SCORECARD_ACCESS, ScorecardServicer

__all__ = [
    "ACCESS",
    "BUREAU_ACCESS",
    "DISPUTE_ACCESS",
    "ENDORSEMENT_ACCESS",
    "PROOF_ACCESS",
    "SCORECARD_ACCESS",
    "BureauServicer",
    "DisputeServicer",
    "EndorsementServicer",
    "InternalServicer",
    "ProofServicer",
    "PublicServicer",
    "ScorecardServicer",
    "fact_pb",
]
