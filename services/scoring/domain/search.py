"""Finding facts that give a wanted score, by searching the loaded scorecard: for demos and for tests of boundaries."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from services.scoring.domain.facts import EXPERIENCE, FactKind
from services.scoring.domain.scorecard import Bin, Characteristic, Direction, Model, limited

_COUNTED = {
    "document_verified": FactKind.DOCUMENT_VERIFIED,
    "phone_verified": FactKind.PHONE_VERIFIED,
    "payment_method_added": FactKind.PAYMENT_METHOD_ADDED,
    "on_time_returns": FactKind.RENTAL_RETURNED_ON_TIME,
    "late_returns": FactKind.RENTAL_RETURNED_LATE,
    "payments_on_time": FactKind.PAYMENT_ON_TIME,
    "payments_unpaid": FactKind.PAYMENT_FAILED,
}
"""The characteristics that count the facts of one kind. Tenure is the other one: how long ago a person joined."""

FactsToAdd = list[tuple[FactKind, int, int]]
"""(kind, how many, how many days ago) each."""

NONE_KNOWN: Mapping[FactKind, int] = {}


def facts_for_score(model: Model, target: int, known: Mapping[FactKind, int] = NONE_KNOWN) -> FactsToAdd:
    """Facts to add so that the score is exactly `target`, without negative records where that can be.

    Args:
        known: how many facts of a kind the person has already, or will have (0: none will come). Of these kinds no
            fact is added; a person who is known to have joined has just joined.

    Raises:
        ValueError: no behaviour that this scorecard knows gives `target`.
    """
    for chosen in _choices(model, known):
        if limited(model.base_points + sum(b.points for b in chosen.values())) != target:
            continue
        facts = _facts(chosen, known)
        if _experience(facts, known) >= model.minimum_experience:
            return facts
    raise ValueError(f"no facts give a score of {target} under {model.version}")


def _choices(model: Model, known: Mapping[FactKind, int]) -> Iterator[dict[str, Bin]]:
    """Every combination of bins that fits what is known; negative records vary slowest, so most come without any."""
    ordered = sorted(model.characteristics, key=lambda c: c.direction is not Direction.DOWN)
    for bins in itertools.product(*(_options(c, known) for c in ordered)):
        yield {c.name: b for c, b in zip(ordered, bins, strict=True)}


def _options(characteristic: Characteristic, known: Mapping[FactKind, int]) -> tuple[Bin, ...]:
    kind = _COUNTED.get(characteristic.name)
    if kind is None:
        return characteristic.bins[:1] if FactKind.JOINED in known else characteristic.bins
    return (characteristic.bin_of(known[kind]),) if kind in known else characteristic.bins


def _facts(chosen: Mapping[str, Bin], known: Mapping[FactKind, int]) -> FactsToAdd:
    days = chosen["tenure_days"].at_least
    joined = [(FactKind.JOINED, 1, days)] if days else []
    counts = [(kind, chosen[name].at_least) for name, kind in _COUNTED.items() if kind not in known]
    return joined + [(kind, count, 0) for kind, count in counts if count]


def _experience(facts: FactsToAdd, known: Mapping[FactKind, int]) -> int:
    return sum(n for kind, n, _ in facts if kind in EXPERIENCE) + sum(known.get(kind, 0) for kind in EXPERIENCE)
