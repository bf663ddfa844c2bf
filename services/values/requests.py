"""Idempotency: a client-made id per command, and a fingerprint that tells a repetition from a reuse.

The scope of a `request_id` is (caller, renter or none, method). The fingerprint is of the decoded command, not of
bytes, so that a client may encode the same command differently.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from services.values.errors import Category, Refusal


@dataclass(frozen=True, slots=True)
class Request:
    """Who commands what under which id. `bucket` is the renter's, or 0 when the command concerns none."""

    bucket: int
    caller: str
    method: str
    request_id: str
    fingerprint: bytes


def fingerprint(*content: Any) -> bytes:
    """SHA-256 of a command's content; it must hold no personal data, which a hash would not hide."""
    return sha256(json.dumps(content, sort_keys=True, default=str, ensure_ascii=False).encode()).digest()


def reused() -> Refusal:
    """The refusal of a known request_id with other content."""
    return Refusal(
        Category.ALREADY_EXISTS, "REQUEST_ID_REUSED", "this request_id was used with other content; make a new one"
    )


def already_shown() -> Refusal:
    """The refusal to repeat an answer that held a secret."""
    return Refusal(Category.FAILED_PRECONDITION, "SECRET_ALREADY_SHOWN", "the secret was shown once and is not kept")
