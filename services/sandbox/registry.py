"""The ID registry's stand-in: is there such a document, and is it this person's? Wire format: README.md.

    python -m services.sandbox.registry --port 8401 --home DIR --secret-file PATH [--slow-seconds 5]

Personal data comes in bodies only and goes nowhere: a request is remembered as a digest under its idempotency key.
"""

from __future__ import annotations

import re
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from aiohttp import web

from services.sandbox.hosting import answer, arguments, host, wait_until_closing
from services.sandbox.people import Case, find, named
from services.sandbox.requests import body_of, idempotency_key, key_reused

_DOCUMENT_TYPE = re.compile("RESIDENT_ID_CARD")
_DOCUMENT_NUMBER = re.compile(r"[0-9A-Za-z]{1,32}")
_NAME = re.compile(r".{1,100}", re.DOTALL)
_REMEMBERED = 10_000


class Result(StrEnum):
    """What the registry says of a document and a name."""

    MATCH = "MATCH"
    MISMATCH = "MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True, slots=True)
class _Asked:
    fingerprint: bytes
    result: Result
    ready_at: float


def verdict(number: str, name: str) -> Result:
    """What the registry says of a resident ID number (a small x is an X) and a name (compared as written)."""
    number = number.upper()
    known = find(number)
    if known is None:
        return Result.NOT_FOUND
    if known == named(Case.UNCLEAR):
        return Result.UNCLEAR
    return Result.MATCH if known.name == name else Result.MISMATCH


class Registry:
    """The one call, and the memory of the last 10,000 idempotency keys. `slow_seconds`: how slow the slow case is."""

    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    async def verify(self, request: web.Request) -> web.Response:
        """POST /v1/verifications."""
        key = idempotency_key(request)
        body = await body_of(request, "document_type", "document_number", "name")
        body.text("document_type", _DOCUMENT_TYPE, "RESIDENT_ID_CARD")
        number = body.text("document_number", _DOCUMENT_NUMBER, "1 to 32 letters and digits")
        asked = self._ask(key, number, body.text("name", _NAME, "1 to 100 characters"))
        await wait_until_closing(request, asked.ready_at - time.monotonic())
        return answer({"result": asked.result})

    def _ask(self, key: str, number: str, name: str) -> _Asked:
        fingerprint = sha256(f"{number}\n{name}".encode(errors="surrogatepass")).digest()
        before = self._asked.get(key)
        if before is not None:
            if before.fingerprint != fingerprint:
                raise key_reused()
            return before
        slow = number.upper() == named(Case.SLOW).resident_id_number
        ready_at = time.monotonic() + (self._slow_seconds if slow else 0)
        self._asked[key] = asked = _Asked(fingerprint, verdict(number, name), ready_at)
        if len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)
        return asked


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    parser = arguments("registry", "Stand-in for the registry of identity cards. It keeps nothing in its home.")
    parser.add_argument("--slow-seconds", type=float, default=5.0, help="how long the slow case takes (5)")
    options = parser.parse_args()
    return host("registry", options, [web.post("/v1/verifications", Registry(options.slow_seconds).verify)])


if __name__ == "__main__":
    sys.exit(main())
