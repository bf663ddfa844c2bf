"""One-time codes: six digits, five minutes, one use, five tries, and at most five codes in ten minutes."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta

from services.values.errors import Category, Refusal

CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=5)
MOST_TRIES = 5
MOST_CODES, CODES_WINDOW = 5, timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class CodeInForce:
    """The code that works now: the newest one, neither used nor expired. Only its keyed hash is kept."""

    code_id: str
    code_hash: bytes
    tries: int


def refusal_of_try(code: CodeInForce | None, shown_hash: bytes) -> Refusal | None:
    """What is wrong with a try: CODE_TRIES_EXCEEDED after five wrong ones, whatever is shown; CODE_INVALID; or None."""
    if code is None:
        return code_invalid()
    if code.tries >= MOST_TRIES:
        return tries_exceeded()
    return None if hmac.compare_digest(code.code_hash, shown_hash) else code_invalid()


def code_invalid() -> Refusal:
    """The refusal of a code that is wrong, used or expired, or of somebody unknown: all look alike."""
    return Refusal(Category.INVALID_ARGUMENT, "CODE_INVALID", "the code is wrong, used or expired")


def tries_exceeded() -> Refusal:
    """The refusal of the sixth code in ten minutes, and of the sixth try of one code."""
    return Refusal(Category.RESOURCE_EXHAUSTED, "CODE_TRIES_EXCEEDED", "too many codes or tries; wait ten minutes")
