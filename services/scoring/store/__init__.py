"""Facts and scores in PostgreSQL; the only user of the database here."""

from __future__ import annotations

from services.scoring.store.bureaus import Bureaus
from services.scoring.store.copies import shown
from services.scoring.store.disputes import Disputes
from services.scoring.store.endorsements import Endorsements
from services.scoring.store.proofs import Proofs
from services.scoring.store.scorecards import Scorecards
from services.scoring.store.scores import Scores
from services.scoring.store.uses import Uses
from services.scoring.store.walks import Walks
from services.scoring.store.wraps import Wraps


class Store(Scores, Disputes, Uses, Endorsements, Bureaus, Proofs, Scorecards, Walks, Wraps):
    """Implements the stores that operations need, a part per file."""


__all__ = ["Store", "shown"]
