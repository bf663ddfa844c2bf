"""What identity tells scoring, and only about people who consent: that they do, and what is verified of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ScoringNews:
    """One event for scoring: a fact (`kind`), or a change of consent (`CONSENT_GRANTED`, `CONSENT_WITHDRAWN`)."""

    kind: str
    renter_id: str
    occurred_at: datetime

    @property
    def fact_id(self) -> str:
        """Facts of identity happen once per person."""
        return f"{self.renter_id}:{self.kind.lower()}"


def consent_news(
    renter_id: str,
    now: datetime,
    joined_at: datetime,
    document_verified_at: datetime | None,
    phone_verified_at: datetime | None,
) -> list[ScoringNews]:
    """What scoring learns when a person consents: that, and what is verified of them so far."""
    news = [ScoringNews("CONSENT_GRANTED", renter_id, now), ScoringNews("JOINED", renter_id, joined_at)]
    if document_verified_at is not None:
        news.append(ScoringNews("DOCUMENT_VERIFIED", renter_id, document_verified_at))
    if phone_verified_at is not None:
        news.append(ScoringNews("PHONE_VERIFIED", renter_id, phone_verified_at))
    return news


def verified_news(kind: str, renter_id: str, now: datetime, *, consenting: bool) -> list[ScoringNews]:
    """What scoring learns when something is verified later: nothing, without consent."""
    return [ScoringNews(kind, renter_id, now)] if consenting else []
