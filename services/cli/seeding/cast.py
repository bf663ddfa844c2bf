"""Who is in a demo: people whose outcome is known beforehand, as their facts are found by searching the scorecard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from services.sandbox.people import Case, Person, named, person

THRESHOLD = 600
"""The demo partner waives the deposit for scores strictly above this."""


class Expected(StrEnum):
    """How the first rental must go."""

    WAIVED = "WAIVED"
    HELD = "HELD"
    DECLINED = "DECLINED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Part:
    """One person of the cast. `card` is a fixed token of the processor's stand-in, `score` None for no facts."""

    case: str
    who: Callable[[], Person]
    expected: Expected
    score: int | None = None
    consents: bool = True
    card: str | None = "tok_visa"


def _nth(index: int) -> Callable[[], Person]:
    return lambda: person(index)


CAST = (
    Part("above", _nth(1), Expected.WAIVED, score=THRESHOLD + 1),
    Part("at", _nth(2), Expected.HELD, score=THRESHOLD),
    Part("below", _nth(3), Expected.HELD, score=THRESHOLD - 1),
    Part("no_score", _nth(4), Expected.HELD),
    Part("no_consent", _nth(5), Expected.HELD, consents=False),
    Part("card_declined", _nth(6), Expected.DECLINED, card="tok_declined"),
    Part("card_without_funds", _nth(7), Expected.DECLINED, score=THRESHOLD - 20, card="tok_insufficient_funds"),
    Part("card_answers_late", _nth(8), Expected.HELD, score=THRESHOLD - 1, card="tok_late"),
    Part("card_goes_silent", _nth(9), Expected.HELD, score=THRESHOLD - 1, card="tok_timeout_after"),
    Part("card_stumbles", _nth(10), Expected.HELD, score=THRESHOLD - 1, card="tok_flaky"),
    Part("bill_declined", _nth(11), Expected.WAIVED, score=THRESHOLD + 60, card="tok_charge_declined"),
    Part("no_card", _nth(12), Expected.WAIVED, score=THRESHOLD + 20, card=None),
    Part("no_card_no_score", _nth(13), Expected.REFUSED, card=None),
    Part("not_verified", lambda: named(Case.UNCLEAR), Expected.REFUSED, consents=False, card=None),
)


def crowd(count: int) -> tuple[Part, ...]:
    """More people, for a busy day: most have earned a waiver, one in four has yet to."""
    return tuple(_regular(number) for number in range(count))


def _regular(number: int) -> Part:
    who = _nth(100 + number)
    if number % 8 == 3:
        return Part(f"newcomer_{number}", who, Expected.HELD)
    if number % 8 == 7:
        return Part(f"private_{number}", who, Expected.HELD, consents=False)
    return Part(f"regular_{number}", who, Expected.WAIVED, score=THRESHOLD + 5 * (number % 30 + 1))
