"""Finding facts that give a wanted score, by searching the loaded scorecard: for demos and for tests of boundaries."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from services.scoring.domain.facts import FactKind
from services.scoring.domain.scorecard import Bin, Model

_COUNTED = {
    "document_verified": FactKind.DOCUMENT_VERIFIED,
    "phone_verified": FactKind.PHONE_VERIFIED,
    "payment_method_added": FactKind.PAYMENT_METHOD_ADDED,
    "on_time_returns": FactKind.RENTAL_RETURNED_ON_TIME,
    "late_returns": FactKind.RENTAL_RETURNED_LATE,
    "payments_on_time": FactKind.PAYMENT_ON_TIME,
    "payments_unpaid": FactKind.PAYMENT_FAILED,
}


def facts_for_score(model: Model, target: int, known: Mapping[FactKind, int]) -> list[tuple[FactKind, int, int]]:
    """Facts to add so that the score is exactly `target`: (kind, how many, how many days ago).

    Args:
        known: facts that the person has already, or will have; the number of these kinds is not changed.

    Raises:
        ValueError: no behaviour that this scorecard knows gives `target`.
    """
    for chosen in _choices(model, known):
        if model.base_points + sum(b.points for b in chosen.values()) == target and _experience(chosen) >= (
            model.minimum_experience
        ):
            return _facts(chosen, known)
    raise ValueError(f"no facts give a score of {target} under {model.version}")


def _choices(model: Model, known: Mapping[FactKind, int]) -> Iterator[dict[str, Bin]]:
    """Every combination of bins that fits what is known, small numbers of facts first."""
    names = [c.name for c in model.characteristics]
    options = [_options(c.bins, known.get(_COUNTED.get(c.name, FactKind.JOINED))) for c in model.characteristics]
    for bins in itertools.product(*options):
        yield dict(zip(names, bins, strict=True))


def _options(bins: tuple[Bin, ...], count: int | None) -> tuple[Bin, ...]:
    if count is None:
        return bins
    return (next(b for b in reversed(bins) if count >= b.at_least),)


def _experience(chosen: Mapping[str, Bin]) -> int:
    return sum(
        chosen[name].at_least for name in ("on_time_returns", "late_returns", "payments_on_time", "payments_unpaid")
    )


def _facts(chosen: Mapping[str, Bin], known: Mapping[FactKind, int]) -> list[tuple[FactKind, int, int]]:
    days = chosen["tenure_days"].at_least
    facts = [(FactKind.JOINED, 1, days)] if days else []
    for name, kind in _COUNTED.items():
        if kind not in known and chosen[name].at_least:
            facts.append((kind, chosen[name].at_least, 0))
    return facts
