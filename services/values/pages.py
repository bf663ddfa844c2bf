"""Page tokens: where the next page starts, bound to the list and the filters that made it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

from services.values.errors import Refusal, invalid

DEFAULT_SIZE = 50


def page_size(asked: int) -> int:
    """The number of rows of a page: what was asked, or 50."""
    return asked or DEFAULT_SIZE


def encode(last: str, *filters: Any) -> str:
    """A token for the page after the row with the key `last`."""
    return urlsafe_b64encode(json.dumps([last, _digest(filters)]).encode()).decode().rstrip("=")


def decode(token: str, *filters: Any) -> str:
    """The key after which the page starts, "" for the first page.

    Raises:
        Refusal: PAGE_TOKEN_INVALID when the token is malformed or of another list or other filters.
    """
    if not token:
        return ""
    try:
        last, digest = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError):
        raise _invalid() from None
    if digest != _digest(filters) or not isinstance(last, str):
        raise _invalid()
    return last


def _digest(filters: tuple[Any, ...]) -> str:
    return blake2b(json.dumps(filters, default=str).encode(), digest_size=8).hexdigest()


def _invalid() -> Refusal:
    return invalid("page_token", "is not a token of this list with these filters", "PAGE_TOKEN_INVALID")
