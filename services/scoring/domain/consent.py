"""Consent to scoring, as identity tells it by events: it opens a person's facts or seals them.

Sealed facts stay, give no score, and get no company: opting out and in again cleans no record, and nothing that
happened in between is known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from services.scoring.domain.facts import Fact


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """A person began to consent to scoring, or consents with no partner any more. The latest change counts."""

    renter_id: str
    granted: bool
    occurred_at: datetime


Event = Fact | ConsentChange


@dataclass(frozen=True, slots=True)
class Consent:
    """Whether a person's facts are open.

    A person of whom no change was heard is open: whoever sends a fact has read consent in that very batch.
    """

    open: bool = True
    changed_at: datetime | None = None

    def after(self, change: ConsentChange) -> Consent:
        """The consent once a change is heard, whatever the order of arrival; of two at one moment, the seal counts."""
        if self.changed_at is not None and (change.occurred_at, not change.granted) <= (self.changed_at, not self.open):
            return self
        return Consent(change.granted, change.occurred_at)


def sift(consent: Consent, events: Iterable[Event]) -> tuple[Consent, list[Fact]]:
    """One person's events in order: consent after them, and the facts that came while it was open."""
    admitted = []
    for event in events:
        if isinstance(event, ConsentChange):
            consent = consent.after(event)
        elif consent.open:
            admitted.append(event)
    return consent, admitted
