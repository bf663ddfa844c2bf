"""Bureaus over HTTP (the wire format of `services/sandbox/README.md`); another one is another class here.

A bureau gets a handle and nothing else: no name, no id of ours. Handles and codes are secrets; they go in bodies only
and stand in no log. An outcome that is unclear (a timeout, a broken connection, a 5xx, a strange answer) is None.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import aiohttp
import structlog

from services.scoring.domain.bureau_links import Report, code_invalid
from services.scoring.operations.bureaus import Granted, NoReport
from services.values.errors import Refusal

log = structlog.get_logger(__name__)
ANSWER_SECONDS = 4.0
_CODE_REFUSED = frozenset({"code_not_found", "code_used"})

_Answer = tuple[int, dict[str, Any]]
_Found = TypeVar("_Found")


class HttpBureaus:
    """Implements `BureauPort`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)

    async def redeem(self, bureau: str, code: str, key: str) -> Granted | Refusal | None:
        """A handle for a code, or BUREAU_CODE_INVALID; the same key gives the same handle."""
        answered = await self._call("POST", bureau, "links", {"authorization_code": code}, key)
        if answered is None:
            return None
        status, body = answered
        if status == 200:
            return _read(bureau, lambda: Granted(_text(body["handle"]), _text(body["subject"])))
        if _code(body) in _CODE_REFUSED:
            return code_invalid()
        log.warning("bureau_refused", bureau=bureau, status=status)
        return None

    async def report(self, bureau: str, handle: str) -> Report | NoReport | None:
        """The bureau's latest word."""
        answered = await self._call("POST", bureau, "reports", {"handle": handle})
        if answered is None:
            return None
        status, body = answered
        if status == 200:
            return _read(bureau, lambda: Report(_whole(body["score"]), _moment(body["reported_at"])))
        if _code(body) == "no_record":
            return NoReport.NO_RECORD
        if _code(body) == "handle_not_found":
            return NoReport.LINK_ENDED
        log.warning("bureau_refused", bureau=bureau, status=status)
        return None

    async def revoke(self, bureau: str, handle: str) -> bool:
        """Whether the bureau has forgotten the handle; one that it does not know is forgotten."""
        answered = await self._call("DELETE", bureau, "links", {"handle": handle})
        return answered is not None and (answered[0] == 200 or _code(answered[1]) == "handle_not_found")

    async def _call(
        self, method: str, bureau: str, what: str, body: dict[str, str], key: str | None = None
    ) -> _Answer | None:
        headers = self._headers if key is None else {**self._headers, "Idempotency-Key": key}
        url = f"{self._url}/v1/bureaus/{bureau}/{what}"
        try:
            async with self._session.request(
                method, url, json=body, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                answer = await response.json()
                return response.status, answer if isinstance(answer, dict) else {}
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.info("bureau_unclear", bureau=bureau, error_type=type(error).__name__)
            return None


def _read(bureau: str, read: Callable[[], _Found]) -> _Found | None:
    """An answer as it should be; None, and a warning without its content, when it is not."""
    try:
        return read()
    except (KeyError, ValueError, TypeError) as error:
        log.warning("bureau_unclear", bureau=bureau, error_type=type(error).__name__)
        return None


def _code(body: dict[str, Any]) -> str:
    error = body.get("error")
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("without an offset from UTC")
    return moment
