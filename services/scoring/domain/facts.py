"""Facts: what happened to a person, append-only, and what they amount to, whatever their order of arrival.

Everything here is a pure function of the facts. There is no wall clock: the same facts give the same score for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FactKind(StrEnum):
    """What happened; the names are those of `freehold.scoring.v1.FactKind`."""

    DOCUMENT_VERIFIED = "DOCUMENT_VERIFIED"
    PHONE_VERIFIED = "PHONE_VERIFIED"
    JOINED = "JOINED"
    PAYMENT_METHOD_ADDED = "PAYMENT_METHOD_ADDED"
    RENTAL_STARTED = "RENTAL_STARTED"
    RENTAL_RETURNED_ON_TIME = "RENTAL_RETURNED_ON_TIME"
    RENTAL_RETURNED_LATE = "RENTAL_RETURNED_LATE"
    PAYMENT_ON_TIME = "PAYMENT_ON_TIME"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    PAYMENT_CURED = "PAYMENT_CURED"


EXPERIENCE = frozenset(
    {
        FactKind.RENTAL_RETURNED_ON_TIME,
        FactKind.RENTAL_RETURNED_LATE,
        FactKind.PAYMENT_ON_TIME,
        FactKind.PAYMENT_FAILED,
    }
)
"""Facts that show how a person keeps agreements; without some of them there is nothing to assess."""

NEGATIVE = frozenset({FactKind.RENTAL_RETURNED_LATE, FactKind.PAYMENT_FAILED})
"""Records that count against a person. They never lengthen a history, so none of them can raise a score."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened to one person; `fact_id` is made by its source and makes it idempotent."""

    fact_id: str
    renter_id: str
    kind: FactKind
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Observed:
    """The facts of one kind of one person: how many, and between which moments."""

    kind: FactKind
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a person's facts amount to: the value of every characteristic, and how much experience there is."""

    values: Mapping[str, int]
    experience: int
    facts: int


def summarise(observed: Iterable[Observed]) -> Behaviour:
    """Behaviour from facts alone; tenure is in whole days from joining to the latest fact that is not negative."""
    by_kind = {o.kind: o for o in observed}

    def count(kind: FactKind) -> int:
        return by_kind[kind].count if kind in by_kind else 0

    values = {
        "document_verified": min(1, count(FactKind.DOCUMENT_VERIFIED)),
        "phone_verified": min(1, count(FactKind.PHONE_VERIFIED)),
        "payment_method_added": min(1, count(FactKind.PAYMENT_METHOD_ADDED)),
        "tenure_days": _tenure_days(by_kind),
        "on_time_returns": count(FactKind.RENTAL_RETURNED_ON_TIME),
        "late_returns": count(FactKind.RENTAL_RETURNED_LATE),
        "payments_on_time": count(FactKind.PAYMENT_ON_TIME),
        "payments_unpaid": max(0, count(FactKind.PAYMENT_FAILED) - count(FactKind.PAYMENT_CURED)),
    }
    experience = sum(count(kind) for kind in EXPERIENCE)
    return Behaviour(values, experience, sum(o.count for o in by_kind.values()))


def _tenure_days(by_kind: Mapping[FactKind, Observed]) -> int:
    joined = by_kind.get(FactKind.JOINED)
    if joined is None:
        return 0
    latest = max(o.last_at for o in by_kind.values() if o.kind not in NEGATIVE)
    return (latest - joined.first_at).days


CHARACTERISTICS = frozenset(summarise(()).values)
"""The names that a scorecard may give points for."""
