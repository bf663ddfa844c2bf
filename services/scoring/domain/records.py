"""What may be recorded, and for how long it counts.

Every record against a person runs out by itself: after five years, as China's rules on credit reporting have it
(征信业管理条例, article 16: five years from the end of the conduct). A register's entry runs out five years after it
was settled, and seven years after its date while it is not (as the United States' Fair Credit Reporting Act, section
605, has it for judgments), because nothing here is a penalty for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from services.scoring.domain.facts import DEBTS, MADE_HERE, NEGATIVE, Fact, FactKind
from services.scoring.domain.outside import COUNTS
from services.values.errors import Refusal, invalid

YEARS_OF_A_RECORD = 5
YEARS_UNSETTLED = 7
SHORTEST_RENTAL_SECONDS = 300
"""A rental of less earns nothing: scanning a bike on and off is not keeping an agreement."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far in the future a fact may lie, because clocks differ."""

PROFILE_FIELDS = frozenset({"email", "address", "occupation", "emergency_contact"})
"""The fields of a profile that count."""


def years_after(moment: datetime, years: int) -> datetime:
    """The same day so many years later; of 29 February, the day after the 28th."""
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


def years_before(moment: datetime, years: int) -> datetime:
    """The same day so many years earlier; of 29 February, the day after the 28th."""
    return years_after(moment, -years)


def expiry_of(fact: Fact) -> datetime | None:
    """When a fact stops to count, None for never."""
    if fact.record is not None:
        settled = fact.record.settled_at
        latest = years_after(settled, YEARS_OF_A_RECORD) if settled else years_after(fact.occurred_at, YEARS_UNSETTLED)
        return min(latest, fact.record.expires_at or latest)
    if fact.kind is FactKind.OUTSIDE_SCORE:
        return fact.occurred_at + COUNTS
    return years_after(fact.occurred_at, YEARS_OF_A_RECORD) if fact.kind in NEGATIVE else None


def earns(fact: Fact) -> bool:
    """Whether a fact can earn points: a rental that was over at once can not."""
    return fact.rental_seconds is None or fact.rental_seconds >= SHORTEST_RENTAL_SECONDS


def fault_of(fact: Fact, now: datetime) -> Refusal | None:
    """Why a fact cannot be recorded by an operator: INVALID_FIELD, naming the field."""
    if fact.kind in MADE_HERE:
        return invalid("kind", "this kind is made by scoring itself")
    if (fact.kind is FactKind.NEGATIVE_RECORD) != (fact.record is not None):
        return invalid("negative_record", "belongs to NEGATIVE_RECORD, and only there")
    if fact.outside_score is not None:
        return invalid("outside_score", "belongs to OUTSIDE_SCORE, and only there")
    if fact.kind in DEBTS and not fact.subject:
        return invalid("subject", "names what was owed")
    if fact.kind is FactKind.BILL_VERIFIED and not fact.subject:
        return invalid("subject", "names the bill")
    if fact.kind is FactKind.PROFILE_FIELD_COMPLETED and fact.subject not in PROFILE_FIELDS:
        return invalid("subject", f"is one of {', '.join(sorted(PROFILE_FIELDS))}")
    return _fault_of_times(fact, now)


def _fault_of_times(fact: Fact, now: datetime) -> Refusal | None:
    if fact.occurred_at > now + CLOCKS_DIFFER:
        return invalid("occurred_at", "lies in the future")
    record = fact.record
    if record is None:
        return None
    if record.settled_at is not None and not fact.occurred_at <= record.settled_at <= now + CLOCKS_DIFFER:
        return invalid("negative_record.settled_at", "lies between occurred_at and now")
    if record.expires_at is not None and record.expires_at <= fact.occurred_at:
        return invalid("negative_record.expires_at", "lies after occurred_at")
    return None
