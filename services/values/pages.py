"""Page tokens: where the next page starts, bound to the list and the filters that made it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeVar

from services.values.errors import Refusal, invalid

T = TypeVar("T")

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
    if digest != _digest(filters) or not isinstance(last, str) or not last.isprintable():
        raise _invalid()
    return last


def decode_as(form: Callable[[str], T], token: str, *filters: Any) -> T | None:
    """The same for a key that is more than an id: what `form` makes of it, None for the first page.

    Tokens are not signed: whoever makes one up finds what they may see anyway, or is refused.
    """
    last = decode(token, *filters)
    try:
        return form(last) if last else None
    except (ValueError, OverflowError):
        raise _invalid() from None


def moment(text: str) -> datetime:
    """A moment in a key, as `isoformat` has written it."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _digest(filters: tuple[Any, ...]) -> str:
    return blake2b(json.dumps(filters, default=str).encode(), digest_size=8).hexdigest()


def _invalid() -> Refusal:
    return invalid("page_token", "is not a token of this list with these filters", "PAGE_TOKEN_INVALID")
