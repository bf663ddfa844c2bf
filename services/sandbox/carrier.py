"""The SMS carrier's stand-in: takes messages, delivers them nowhere, and shows them to tests. Wire format: README.md.

    python -m services.sandbox.carrier --port 8402 --home DIR --secret-file PATH

A phone is kept as its SHA-256 only, and is asked for by it, so that no phone stands in a URL. Messages are in memory:
the last five of each of the last 10,000 phones.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict, deque
from datetime import UTC, datetime
from hashlib import sha256

from aiohttp import web

from services.sandbox.hosting import answer, arguments, host
from services.sandbox.requests import body_of, invalid
from services.values.ids import new_id

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_TEXT = re.compile(r".{1,500}", re.DOTALL)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PHONES, _MESSAGES_OF_A_PHONE = 10_000, 5


class Carrier:
    """The calls, and the messages by the digest of their phone, the phone last written to at the end."""

    def __init__(self) -> None:
        self._messages: OrderedDict[str, deque[dict[str, str]]] = OrderedDict()

    async def send(self, request: web.Request) -> web.Response:
        """POST /v1/messages."""
        body = await body_of(request, "to", "text")
        digest = sha256(body.text("to", _E164, "a phone in E.164").encode()).hexdigest()
        text = body.text("text", _TEXT, "1 to 500 characters")
        message = {"id": new_id("msg"), "text": text, "sent_at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        self._messages.setdefault(digest, deque(maxlen=_MESSAGES_OF_A_PHONE)).appendleft(message)
        self._messages.move_to_end(digest)
        if len(self._messages) > _PHONES:
            self._messages.popitem(last=False)
        return answer({"id": message["id"], "sent_at": message["sent_at"]})

    async def received(self, request: web.Request) -> web.Response:
        """GET /v1/messages?to_digest=…: the newest first."""
        digest = request.query.get("to_digest", "")
        if not _DIGEST.fullmatch(digest):
            raise invalid("to_digest: SHA-256 of the phone in E.164, 64 small hexadecimal digits")
        return answer({"messages": list(self._messages.get(digest, ()))})


def main() -> int:
    """Run until SIGTERM; 1 when it cannot start."""
    options = arguments("carrier", "Stand-in for an SMS carrier. It keeps nothing in its home.").parse_args()
    carrier = Carrier()
    return host("carrier", options, [web.post("/v1/messages", carrier.send), web.get("/v1/messages", carrier.received)])


if __name__ == "__main__":
    sys.exit(main())
