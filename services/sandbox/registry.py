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
from services.sandbox.requests import Body, body_of, idempotency_key, key_reused
from services.sandbox.travellers import Kind, find_traveller

_RESIDENT_ID_CARD = "RESIDENT_ID_CARD"
_DOCUMENT_TYPE = re.compile("|".join((_RESIDENT_ID_CARD, *Kind)))
_DOCUMENT_NUMBER = re.compile(r"[0-9A-Za-z<]{1,44}")
_FACE_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,200}")
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


def verdict(kind: str, number: str, name: str) -> Result:
    """What the registry says of a document's number (a small x is an X) and a name (compared as written)."""
    number = number.upper()
    known = find(number) if kind == _RESIDENT_ID_CARD else find_traveller(kind, number)
    if known is None:
        return Result.NOT_FOUND
    if known == named(Case.UNCLEAR):
        return Result.UNCLEAR
    return Result.MATCH if known.name == name else Result.MISMATCH


def face_verdict(document: Result, token: str) -> Result:
    """What the face check says: the token tells it (`face_match`, `face_unclear`; anything else does not match)."""
    if document is not Result.MATCH:
        return document
    return {"face_match": Result.MATCH, "face_unclear": Result.UNCLEAR}.get(token, Result.MISMATCH)


class Registry:
    """The two calls, and the memory of the last 10,000 idempotency keys. `slow_seconds`: how slow the slow case is."""

    def __init__(self, slow_seconds: float) -> None:
        self._slow_seconds = slow_seconds
        self._asked: OrderedDict[str, _Asked] = OrderedDict()

    async def verify(self, request: web.Request) -> web.Response:
        """POST /v1/verifications."""
        body = await body_of(request, "document_type", "document_number", "name")
        return await self._answer(request, *_document(body), "")

    async def compare(self, request: web.Request) -> web.Response:
        """POST /v1/faces."""
        body = await body_of(request, "document_type", "document_number", "name", "face_token")
        token = body.text("face_token", _FACE_TOKEN, "1 to 200 letters, digits, _, . or -")
        return await self._answer(request, *_document(body), token)

    async def _answer(self, request: web.Request, kind: str, number: str, name: str, token: str) -> web.Response:
        asked = self._ask(idempotency_key(request), kind, number, name, token)
        await wait_until_closing(request, asked.ready_at - time.monotonic())
        return answer({"result": asked.result})

    def _ask(self, key: str, kind: str, number: str, name: str, token: str) -> _Asked:
        fingerprint = sha256("\n".join((kind, number, name, token)).encode(errors="surrogatepass")).digest()
        before = self._asked.get(key)
        if before is not None:
            if before.fingerprint != fingerprint:
                raise key_reused()
            return before
        slow = number.upper() == named(Case.SLOW).resident_id_number
        ready_at = time.monotonic() + (self._slow_seconds if slow else 0)
        result = verdict(kind, number, name)
        self._asked[key] = asked = _Asked(fingerprint, face_verdict(result, token) if token else result, ready_at)
        if len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)
        return asked


def _document(body: Body) -> tuple[str, str, str]:
    kind = body.text("document_type", _DOCUMENT_TYPE, "a kind of document")
    number = body.text("document_number", _DOCUMENT_NUMBER, "1 to 44 letters, digits or <")
    return kind, number, body.text("name", _NAME, "1 to 100 characters")


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    parser = arguments("registry", "Stand-in for the registry of identity cards. It keeps nothing in its home.")
    parser.add_argument("--slow-seconds", type=float, default=5.0, help="how long the slow case takes (5)")
    options = parser.parse_args()
    registry = Registry(options.slow_seconds)
    calls = [web.post("/v1/verifications", registry.verify), web.post("/v1/faces", registry.compare)]
    return host("registry", options, calls)


if __name__ == "__main__":
    sys.exit(main())
