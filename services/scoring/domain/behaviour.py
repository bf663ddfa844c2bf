"""What a person's facts amount to: the value of every characteristic, whatever the order in which they arrived.

Pure functions of the facts in force at one moment. Time matters only where a record runs out: between two such moments
the same facts give the same score.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from services.scoring.domain.facts import EXPERIENCE, MADE_HERE, NEGATIVE, Fact, FactKind
from services.scoring.domain.merging import name_of
from services.scoring.domain.outside import Outside, next_change, percent_at
from services.scoring.domain.records import earns, expiry_of

MOST_FROM_ONE_PARTNER = 60
"""Days at one partner that count: a partner cannot make a person's record all by itself."""
MOST_ENDORSEMENTS = 2
"""Endorsements that count."""


class Observed(NamedTuple):
    """The facts in force of one kind about one thing: how many, on how many days (UTC) they earned, and when.

    A tuple, because a score is made of a dozen of them and a pass over everybody of millions.

    Attributes:
        settled: how many are settled records.
        expires_at: when the first of them runs out.
        outside_score: the latest of them.
    """

    kind: FactKind
    about: str
    facts: int
    days: int
    first_at: datetime
    last_at: datetime
    settled: int = 0
    expires_at: datetime | None = None
    outside_score: int | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a person's facts amount to. `changes_at` is when a record runs out or ages, if nothing happens before;
    `bad_record_at` is when the latest bad record happened."""

    values: Mapping[str, int]
    experience: int
    facts: int
    changes_at: datetime | None = None
    outside: tuple[Outside, ...] = ()
    bad_record_at: datetime | None = None


def observe(facts: Iterable[Fact], now: datetime) -> list[Observed]:
    """What the store's `observe_facts` finds: facts that have not run out, by kind and what they are about."""
    groups: dict[tuple[FactKind, str], list[Fact]] = defaultdict(list)
    for fact in facts:
        ends = expiry_of(fact)
        if ends is None or ends > now:
            groups[fact.kind, fact.about].append(fact)
    return [_observed(kind, about, group) for (kind, about), group in sorted(groups.items())]


def _observed(kind: FactKind, about: str, group: list[Fact]) -> Observed:
    times = [fact.occurred_at for fact in group]
    days = {fact.occurred_at.astimezone(UTC).date() for fact in group if earns(fact)}
    settled = sum(fact.record is not None and fact.record.settled_at is not None for fact in group)
    ends = [end for end in map(expiry_of, group) if end is not None]
    latest = max(group, key=lambda fact: (fact.occurred_at, fact.fact_id))
    return Observed(
        kind,
        about,
        len(group),
        len(days),
        min(times),
        max(times),
        settled,
        min(ends, default=None),
        latest.outside_score,
    )


def summarise(observed: Iterable[Observed], now: datetime) -> Behaviour:
    """Behaviour from facts alone, those that were observed at that moment."""
    by_kind: dict[FactKind, list[Observed]] = defaultdict(list)
    for one in observed:
        by_kind[one.kind].append(one)
    values = {name: characteristic.value(by_kind) for name, characteristic in _CHARACTERISTICS.items()}
    every = [one for group in by_kind.values() for one in group]
    experience = sum(one.facts for one in every if one.kind in EXPERIENCE)
    told = by_kind.get(FactKind.OUTSIDE_SCORE, [])
    ages = next_change((one.last_at for one in told), now)
    ends = [end for end in (ages, *(one.expires_at for one in every)) if end is not None]
    facts = sum(one.facts for one in every)
    bad = max((one.last_at for one in _bad_records(by_kind)), default=None)
    return Behaviour(values, experience, facts, min(ends, default=None), _outside(told, now), bad)


def _bad_records(by_kind: _ByKind) -> list[Observed]:
    """What "no bad record" means: registers' entries, lost rentals, and debts that were written off and not paid. Being
    late, or a payment that failed, is what the score is for."""
    paid = {one.about for one in by_kind.get(FactKind.PAYMENT_CURED, ())}
    unpaid = [one for one in by_kind.get(FactKind.PAYMENT_WRITTEN_OFF, ()) if one.about not in paid]
    return [*by_kind.get(FactKind.NEGATIVE_RECORD, ()), *by_kind.get(FactKind.RENTAL_LOST, ()), *unpaid]


def _outside(told: Iterable[Observed], now: datetime) -> tuple[Outside, ...]:
    """The latest report of each bureau."""
    return tuple(
        Outside(one.about, one.outside_score, one.last_at, percent_at(one.last_at, now))
        for one in told
        if one.outside_score is not None
    )


_ByKind = Mapping[FactKind, list[Observed]]


@dataclass(frozen=True, slots=True)
class _Characteristic:
    """How a value comes about, and of which facts."""

    kinds: frozenset[FactKind]
    value: Callable[[_ByKind], int]


def _once(kind: FactKind) -> _Characteristic:
    return _Characteristic(frozenset({kind}), lambda by_kind: min(1, len(by_kind.get(kind, ()))))


def _number(kind: FactKind) -> _Characteristic:
    return _Characteristic(frozenset({kind}), lambda by_kind: sum(one.facts for one in by_kind.get(kind, ())))


def _subjects(kind: FactKind, most: int) -> _Characteristic:
    return _Characteristic(frozenset({kind}), lambda by_kind: min(most, len(by_kind.get(kind, ()))))


def _days(kind: FactKind) -> _Characteristic:
    """Of one partner, one fact a day counts, and no more days than MOST_FROM_ONE_PARTNER."""

    def value(by_kind: _ByKind) -> int:
        return sum(min(MOST_FROM_ONE_PARTNER, one.days) for one in by_kind.get(kind, ()))

    return _Characteristic(frozenset({kind}), value)


def _owed(kind: FactKind) -> _Characteristic:
    """Debts that were not made good, each by a payment under its own subject."""

    def value(by_kind: _ByKind) -> int:
        paid = {one.about: one.facts for one in by_kind.get(FactKind.PAYMENT_CURED, ())}
        return sum(max(0, one.facts - paid.get(one.about, 0)) for one in by_kind.get(kind, ()))

    return _Characteristic(frozenset({kind, FactKind.PAYMENT_CURED}), value)


def _records(*, settled: bool) -> _Characteristic:
    def value(by_kind: _ByKind) -> int:
        found = by_kind.get(FactKind.NEGATIVE_RECORD, ())
        return sum(one.settled if settled else one.facts - one.settled for one in found)

    return _Characteristic(frozenset({FactKind.NEGATIVE_RECORD}), value)


_LENGTHENS = frozenset(FactKind) - NEGATIVE - MADE_HERE


def _tenure_days(by_kind: _ByKind) -> int:
    """Whole days from joining to the latest thing the person did that is not held against them."""
    joined = by_kind.get(FactKind.JOINED)
    if not joined:
        return 0
    latest = max(one.last_at for kind in _LENGTHENS for one in by_kind.get(kind, ()))
    return (latest - min(one.first_at for one in joined)).days


_CHARACTERISTICS: Mapping[str, _Characteristic] = {
    "document_verified": _once(FactKind.DOCUMENT_VERIFIED),
    "phone_verified": _once(FactKind.PHONE_VERIFIED),
    "payment_method_added": _once(FactKind.PAYMENT_METHOD_ADDED),
    "profile_fields": _subjects(FactKind.PROFILE_FIELD_COMPLETED, 4),
    "tenure_days": _Characteristic(_LENGTHENS, _tenure_days),
    "bills_verified": _subjects(FactKind.BILL_VERIFIED, 24),
    "on_time_returns": _days(FactKind.RENTAL_RETURNED_ON_TIME),
    "late_returns": _number(FactKind.RENTAL_RETURNED_LATE),
    "rentals_lost": _number(FactKind.RENTAL_LOST),
    "rentals_damaged": _number(FactKind.RENTAL_DAMAGED),
    "payments_on_time": _days(FactKind.PAYMENT_ON_TIME),
    "payments_late": _number(FactKind.PAYMENT_LATE),
    "payments_unpaid": _owed(FactKind.PAYMENT_FAILED),
    "payments_written_off": _owed(FactKind.PAYMENT_WRITTEN_OFF),
    "records_unsettled": _records(settled=False),
    "records_settled": _records(settled=True),
    "endorsements": _subjects(FactKind.ENDORSED, MOST_ENDORSEMENTS),
}

CHARACTERISTICS = frozenset(_CHARACTERISTICS)
"""The names that a scorecard may give points for."""


def characteristics_of(fact: Fact) -> tuple[str, ...]:
    """The lines that a fact counts for."""
    if fact.kind is FactKind.OUTSIDE_SCORE:
        return (name_of(fact.subject),)
    return tuple(name for name, characteristic in _CHARACTERISTICS.items() if fact.kind in characteristic.kinds)
