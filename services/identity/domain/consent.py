"""Consent: opt-in per purpose and partner, with the version of the text that was shown; withdrawn in one call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

SCORING = "DEPOSIT_SCORING"
PURPOSES = frozenset({SCORING})
"""The score serves deposits and nothing else; any other purpose is refused."""

_INSTANT = timedelta(microseconds=1)


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


def after(last_change: datetime | None, now: datetime) -> datetime:
    """The moment of a change: now, or just after the person's last one when this machine's clock is behind.

    Whoever is told of changes keeps the latest, so a withdrawal must never seem older than the grant that it ends.
    """
    return now if last_change is None else max(now, last_change + _INSTANT)
