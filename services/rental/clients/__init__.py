"""How rental talks to its neighbours: frames to identity and deposits, events to scoring."""

from services.rental.clients.deposits import DepositsClient, Late
from services.rental.clients.identity import IdentityClient
from services.rental.clients.scoring import ScoringClient

__all__ = ["DepositsClient", "IdentityClient", "Late", "ScoringClient"]
