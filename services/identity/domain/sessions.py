"""Sessions: refresh tokens that follow one another, each exchanged once for the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

REFRESH_LIFE = timedelta(days=30)
REFRESH_PREFIX = "fhr_"


@dataclass(frozen=True, slots=True)
class ShownRefresh:
    """What is known of a refresh token that somebody shows."""

    session_id: str
    expires_at: datetime
    used_at: datetime | None
    ended_at: datetime | None


class Exchange(StrEnum):
    """What comes of showing it."""

    FRESH = "FRESH"
    REFUSED = "REFUSED"
    COPIED = "COPIED"


def exchange(shown: ShownRefresh | None, now: datetime) -> Exchange:
    """One that was exchanged before has been copied: its whole session ends (RFC 9700, section 4.14.2)."""
    if shown is None or shown.ended_at is not None:
        return Exchange.REFUSED
    if shown.used_at is not None:
        return Exchange.COPIED
    return Exchange.FRESH if shown.expires_at > now else Exchange.REFUSED


def renter_of(token: str) -> str:
    """The renter whom a refresh token names, so that it can be looked up; its form is checked before."""
    return f"rnt_{token.removeprefix(REFRESH_PREFIX).partition('_')[0]}"
