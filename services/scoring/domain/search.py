"""Finding facts that give a wanted score, by searching the loaded scorecard: for demos and for tests of boundaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from services.scoring.domain.facts import DEBTS, EXPERIENCE, Fact, FactKind, NegativeRecord
from services.scoring.domain.records import PROFILE_FIELDS
from services.scoring.domain.scorecard import Bin, Characteristic, Direction, Model, limited

_COUNTED = {
    "document_verified": FactKind.DOCUMENT_VERIFIED,
    "phone_verified": FactKind.PHONE_VERIFIED,
    "payment_method_added": FactKind.PAYMENT_METHOD_ADDED,
    "profile_fields": FactKind.PROFILE_FIELD_COMPLETED,
    "bills_verified": FactKind.BILL_VERIFIED,
    "on_time_returns": FactKind.RENTAL_RETURNED_ON_TIME,
    "late_returns": FactKind.RENTAL_RETURNED_LATE,
    "rentals_lost": FactKind.RENTAL_LOST,
    "rentals_damaged": FactKind.RENTAL_DAMAGED,
    "payments_on_time": FactKind.PAYMENT_ON_TIME,
    "payments_late": FactKind.PAYMENT_LATE,
    "payments_unpaid": FactKind.PAYMENT_FAILED,
    "payments_written_off": FactKind.PAYMENT_WRITTEN_OFF,
    "records_unsettled": FactKind.NEGATIVE_RECORD,
}
"""The characteristics that count facts of one kind. Tenure is how long ago a person joined; others are left alone."""

FactsToAdd = list[tuple[FactKind, int, int]]
"""(kind, how many, how many days ago the latest) each."""

NONE_KNOWN: Mapping[FactKind, int] = {}

_Chosen = tuple[tuple[str, Bin], ...]


def facts_for_score(model: Model, target: int, known: Mapping[FactKind, int] = NONE_KNOWN) -> FactsToAdd:
    """Facts to add so that the score is exactly `target`, without negative records where that can be.

    Args:
        known: how many facts of a kind the person has already, or will have (0: none will come). Of these kinds no
            fact is added; a person who is known to have joined has just joined.

    Raises:
        ValueError: no behaviour that this scorecard knows gives `target`.
    """
    for flawless in (True, False):
        for chosen in _choices(model, target, known, flawless=flawless):
            facts = _facts(dict(chosen), known)
            if _experience(facts, known) >= model.minimum_experience:
                return facts
    raise ValueError(f"no facts give a score of {target} under {model.version}")


def spread(facts: FactsToAdd, renter_id: str, now: datetime, prefix: str = "") -> Iterator[Fact]:
    """Facts to add as facts, one a day backwards, because of one partner one a day counts."""
    for kind, count, days in facts:
        for number in range(count):
            occurred_at = now - timedelta(days=days + number)
            fact_id = f"{prefix}{kind}:{number}"
            record = NegativeRecord("demo-register", f"case {number}") if kind is FactKind.NEGATIVE_RECORD else None
            yield Fact(fact_id, renter_id, kind, occurred_at, _subject(kind, number, fact_id), record=record)


def _subject(kind: FactKind, number: int, fact_id: str) -> str:
    if kind is FactKind.PROFILE_FIELD_COMPLETED:
        return sorted(PROFILE_FIELDS)[number]
    return fact_id if kind in DEBTS or kind is FactKind.BILL_VERIFIED else ""


def _choices(model: Model, target: int, known: Mapping[FactKind, int], *, flawless: bool) -> Iterator[_Chosen]:
    """Combinations of bins that give the target: for each sum and each experience, up to what is needed, one."""
    reached: dict[tuple[int, int], _Chosen] = {(model.base_points, 0): ()}
    for characteristic in model.characteristics:
        following: dict[tuple[int, int], _Chosen] = {}
        for (points, experience), chosen in reached.items():
            for one in _options(characteristic, known, flawless=flawless):
                more = one.at_least if _COUNTED.get(characteristic.name) in EXPERIENCE else 0
                key = (points + one.points, min(model.minimum_experience, experience + more))
                following.setdefault(key, (*chosen, (characteristic.name, one)))
        reached = following
    return (chosen for (points, _), chosen in reached.items() if limited(points) == target)


def _options(characteristic: Characteristic, known: Mapping[FactKind, int], *, flawless: bool) -> tuple[Bin, ...]:
    kind = _COUNTED.get(characteristic.name)
    if kind is None:
        fixed = FactKind.JOINED in known or characteristic.name != "tenure_days"
        return characteristic.bins[:1] if fixed else characteristic.bins
    if kind in known:
        return (characteristic.bin_of(known[kind]),)
    return characteristic.bins[:1] if flawless and characteristic.direction is Direction.DOWN else characteristic.bins


def _facts(chosen: Mapping[str, Bin], known: Mapping[FactKind, int]) -> FactsToAdd:
    days = chosen["tenure_days"].at_least if "tenure_days" in chosen else 0
    joined = [(FactKind.JOINED, 1, days)] if days else []
    counts = [(kind, chosen[name].at_least) for name, kind in _COUNTED.items() if name in chosen and kind not in known]
    return joined + [(kind, count, 0) for kind, count in counts if count]


def _experience(facts: FactsToAdd, known: Mapping[FactKind, int]) -> int:
    return sum(n for kind, n, _ in facts if kind in EXPERIENCE) + sum(known.get(kind, 0) for kind in EXPERIENCE)
