"""What a caller sent, read strictly: every field present, of its type, within its limits, and no other.

A refusal names the field and its rule, never the value: values are card numbers, names and document numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from services.sandbox.hosting import ApiError

_LARGEST_AMOUNT_MINOR = 10**12
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Body:
    """A JSON object whose fields are exactly the expected ones."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str, pattern: re.Pattern[str], rule: str) -> str:
        """A string that matches `pattern` as a whole; `rule` says so in words."""
        value = self._fields[name]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise invalid(f"{name}: {rule}")
        return value

    def amount(self, name: str) -> int:
        """An amount in minor units: a JSON integer from 1 to 10^12."""
        value = self._fields[name]
        if type(value) is not int or not 1 <= value <= _LARGEST_AMOUNT_MINOR:
            raise invalid(f"{name}: an integer of minor units, 1 to {_LARGEST_AMOUNT_MINOR}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._fields[name]
        if type(value) is not bool:
            raise invalid(f"{name}: true or false")
        return value


async def body_of(request: web.Request, *names: str) -> Body:
    """The request's JSON object with exactly the fields `names`. Error: 400 invalid_request."""
    try:
        fields = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(fields, dict) or fields.keys() != set(names):
        raise invalid(f"the body is a JSON object with exactly these fields: {', '.join(names) or 'none'}")
    return Body(fields)


def idempotency_key(request: web.Request) -> str:
    """The Idempotency-Key header. Errors: 400 idempotency_key_required, invalid_request."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise ApiError(400, "idempotency_key_required", "send an Idempotency-Key header")
    return checked_key(key)


def checked_key(key: str) -> str:
    """The same, given another way."""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise invalid("an idempotency key has 1 to 255 printable ASCII characters without spaces")
    return key


def key_reused() -> ApiError:
    """The refusal of a key that came before with other content."""
    return ApiError(409, "idempotency_key_reused", "this Idempotency-Key came before with other content")


def invalid(message: str) -> ApiError:
    """A request that breaks a rule of form."""
    return ApiError(400, "invalid_request", message)
