"""The stand-in for credit bureaus, several in one process: who said so at a bureau is scored by it. Wire: README.md.

    python -m services.sandbox.bureau --port 8403 --home DIR --secret-file PATH [--bureaus north:300:850,south:0:1000]

What happens at the bureau itself, where a person logs in and agrees, is left out: codes are told by their form, and a
code says who has it. Nothing is stored: a handle holds its code, and what was used or revoked is in memory.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256

from aiohttp import web

from services.sandbox.clock import ClockMs, clock_arguments, clock_from, written
from services.sandbox.hosting import ApiError, answer, arguments, host, never_answer, wait_until_closing
from services.sandbox.requests import Body, body_of, idempotency_key, key_reused

_CODE = re.compile(r"code_(?P<case>silent|late|flaky|unknown|[0-9]{1,4})(\.[A-Za-z0-9_-]{1,64})?")
_SENT = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_HANDLE = re.compile(r"hdl_(?P<code>[A-Za-z0-9_-]+)\.(?P<digest>[0-9a-f]{32})")
_DAY_MS = 24 * 3600 * 1000
_REMEMBERED = 10_000


@dataclass
class Bureau:
    """One bureau: its scale, and what it remembers."""

    name: str
    lowest: int
    highest: int
    is_down: bool = False
    used: OrderedDict[str, str] = field(default_factory=OrderedDict)
    revoked: OrderedDict[str, None] = field(default_factory=OrderedDict)
    asked: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def case_of(self, code: str) -> str | None:
        """What a code tells of its person; None for a code that this bureau never gave."""
        match = _CODE.fullmatch(code)
        if match is None:
            return None
        case = match["case"]
        return case if not case.isdigit() or self.lowest <= int(case) <= self.highest else None

    def handle_of(self, code: str) -> str:
        """A handle for the person of a code."""
        return f"hdl_{base64.urlsafe_b64encode(code.encode()).decode().rstrip('=')}.{self._digest('handle', code)}"

    def subject_of(self, code: str) -> str:
        """What the person is called towards us, always the same: codes that differ after `--` only are one person's."""
        return f"sub_{self._digest('subject', code.partition('--')[0])}"

    def case_behind(self, handle: str) -> str | None:
        """What a handle tells of its person; None for one that is not valid, or no more."""
        match = _HANDLE.fullmatch(handle)
        if match is None or handle in self.revoked:
            return None
        code = base64.urlsafe_b64decode(match["code"] + "=" * (-len(match["code"]) % 4)).decode(errors="replace")
        return self.case_of(code) if self.handle_of(code) == handle else None

    def _digest(self, what: str, code: str) -> str:
        return sha256(f"{self.name} {what} {code}".encode()).hexdigest()[:32]


class Desk:
    """The calls of all bureaus of this process."""

    def __init__(self, bureaus: dict[str, Bureau], clock: ClockMs, late_seconds: float) -> None:
        self._bureaus = bureaus
        self._clock = clock
        self._late_seconds = late_seconds

    async def link(self, request: web.Request) -> web.Response:
        """POST /v1/bureaus/{bureau}/links."""
        bureau, key = self._bureau(request), idempotency_key(request)
        body = await body_of(request, "authorization_code")
        code = body.text("authorization_code", _SENT, "1 to 200 letters, digits, _, . or -")
        if bureau.case_of(code) is None:
            raise ApiError(404, "code_not_found", "no such code, or it has expired")
        if key in bureau.used.values() and bureau.used.get(code) != key:
            raise key_reused()
        if bureau.used.setdefault(code, key) != key:
            raise ApiError(409, "code_used", "a code works once")
        _forget(bureau.used)
        handle = bureau.handle_of(code)
        bureau.revoked.pop(handle, None)
        return answer({"handle": handle, "subject": bureau.subject_of(code)})

    async def report(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/bureaus/{bureau}/reports."""
        bureau = self._bureau(request)
        handle = _handle(await body_of(request, "handle"))
        case = bureau.case_behind(handle)
        if case is None:
            raise ApiError(404, "handle_not_found", "no such handle, or it was revoked")
        if case == "unknown":
            raise ApiError(404, "no_record", "nothing is known of this person")
        if case == "silent":
            return await never_answer(request)
        if case == "late":
            await wait_until_closing(request, self._late_seconds)
        if case == "flaky" and _count(bureau.asked, handle) % 2:
            raise ApiError(500, "bureau_error", "ask again")
        score = int(case) if case.isdigit() else (bureau.lowest + bureau.highest) // 2
        today = self._clock() // _DAY_MS * _DAY_MS
        return answer({"score": score, "reported_at": written(today)})

    async def unlink(self, request: web.Request) -> web.Response:
        """DELETE /v1/bureaus/{bureau}/links."""
        bureau = self._bureau(request)
        handle = _handle(await body_of(request, "handle"))
        if bureau.case_behind(handle) is None:
            raise ApiError(404, "handle_not_found", "no such handle, or it was revoked")
        bureau.revoked[handle] = None
        _forget(bureau.revoked)
        return answer({})

    async def outage(self, request: web.Request) -> web.Response:
        """POST /v1/bureaus/{bureau}/outage: for tests and demos."""
        bureau = self._bureaus.get(request.match_info["bureau"])
        if bureau is None:
            raise _no_bureau()
        bureau.is_down = (await body_of(request, "down")).flag("down")
        return answer({"down": bureau.is_down})

    def _bureau(self, request: web.Request) -> Bureau:
        bureau = self._bureaus.get(request.match_info["bureau"])
        if bureau is None:
            raise _no_bureau()
        if bureau.is_down:
            raise ApiError(503, "bureau_down", "the bureau does not work; ask later")
        return bureau


def _no_bureau() -> ApiError:
    return ApiError(404, "bureau_not_found", "no such bureau")


def _handle(body: Body) -> str:
    return body.text("handle", _SENT, "a handle that this bureau gave")


def _count(asked: OrderedDict[str, int], handle: str) -> int:
    asked[handle] = asked.get(handle, 0) + 1
    _forget(asked)
    return asked[handle]


def _forget(memory: OrderedDict[str, str] | OrderedDict[str, None] | OrderedDict[str, int]) -> None:
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _bureaus(text: str) -> dict[str, Bureau]:
    found = {}
    for one in text.split(","):
        name, lowest, highest = one.split(":")
        found[name] = Bureau(name, int(lowest), int(highest))
    return found


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    parser = arguments("bureau", "Stand-in for credit bureaus. It keeps nothing in its home.")
    parser.add_argument(
        "--bureaus", type=_bureaus, default="north:300:850,south:0:1000", help="NAME:LOWEST:HIGHEST, by commas"
    )
    parser.add_argument("--late-seconds", type=float, default=3.0, help="how late a late person's report comes (3)")
    clock_arguments(parser)
    options: argparse.Namespace = parser.parse_args()
    desk = Desk(options.bureaus, clock_from(parser, options), options.late_seconds)
    routes = [
        web.post("/v1/bureaus/{bureau}/links", desk.link),
        web.delete("/v1/bureaus/{bureau}/links", desk.unlink),
        web.post("/v1/bureaus/{bureau}/reports", desk.report),
        web.post("/v1/bureaus/{bureau}/outage", desk.outage),
    ]
    return host("bureau", options, routes)


if __name__ == "__main__":
    sys.exit(main())
