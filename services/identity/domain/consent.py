"""Consent: opt-in per purpose and partner, with the version of the text that was shown; withdrawn in one call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SCORING = "DEPOSIT_SCORING"
PURPOSES = frozenset({SCORING})
"""The score serves deposits and nothing else; any other purpose is refused."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One agreement; in force while `withdrawn_at` is None."""

    consent_id: str
    renter_id: str
    partner_id: str
    purpose: str
    text_version: str
    granted_at: datetime
    withdrawn_at: datetime | None = None
