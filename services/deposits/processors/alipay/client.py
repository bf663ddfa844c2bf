"""One call of the open platform gateway: parameters in, signed; the answer's node out, its signature checked.

An answer counts only when its signature is Alipay's. Everything else (silence, another status, no signature, a changed
node, the gateway's own errors) is None: it is unclear what happened, and the caller asks again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
import structlog

from services.deposits.processors.alipay.amounts import fen
from services.deposits.processors.alipay.signatures import Keys, signed_content
from services.deposits.processors.days import CHINA

log = structlog.get_logger(__name__)
"""Alipay's times; China has one time zone and no summer time."""
ANSWER_SECONDS = 6.0
_BILL_SECONDS = 60.0
_LARGEST_BILL = 256 * 2**20
_TIME = "%Y-%m-%d %H:%M:%S"
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_DONE, _WAITING, _REFUSED = "10000", "10003", "40004"
_UNCLEAR = frozenset({"SYSTEM_ERROR", "ACQ.SYSTEM_ERROR", "UNKNOW_ERROR", "aop.unknow-error", "aop.ACQ.SYSTEM_ERROR"})
"""Refusals by which nothing is known to be refused: Alipay says to ask, or to call again with the same numbers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Alipay answered for sure: done, waiting for the payer, or refused with a `sub_code`."""

    code: str
    sub_code: str
    fields: Mapping[str, Any]

    @property
    def done(self) -> bool:
        """The call was carried out."""
        return self.code == _DONE

    @property
    def waiting(self) -> bool:
        """The payer has to do something first."""
        return self.code == _WAITING

    def text(self, name: str) -> str:
        """A field; empty when it is not there."""
        value = self.fields.get(name)
        return "" if value is None else str(value)

    def fen(self, name: str) -> int:
        """An amount in fen; zero when it is not there."""
        return fen(self.text(name) or "0")

    def time(self, name: str) -> datetime | None:
        """A time of Alipay's."""
        return time_of(self.text(name)) if self.text(name) else None


class Client:
    """Calls the gateway as one app."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str, app_id: str, keys: Keys, notify_url: str) -> None:
        self._session, self._gateway, self._notify_url = session, gateway, notify_url
        self.app_id, self.keys = app_id, keys

    async def call(self, method: str, content: Mapping[str, str], at: datetime) -> Answer | None:
        """Calls a method; None when it is unclear what came of it."""
        body = await self._post(self._parameters(method, content, at))
        answer = _read(method, body, self.keys) if body is not None else None
        if answer is None:
            log.info("processor_unclear", peer="alipay", rpc_method=method)
            return None
        if answer.code not in (_DONE, _WAITING, _REFUSED) or answer.sub_code in _UNCLEAR:
            told = {"rpc_method": method, "status": answer.code, "reason": answer.sub_code}
            log.warning("processor_unclear", peer="alipay", **told)
            return None
        return answer

    def order_string(self, method: str, content: Mapping[str, str], at: datetime) -> str:
        """A signed call for the renter's app to hand to Alipay's. Whoever has it can confirm it: it is never logged."""
        return urlencode(self._parameters(method, content, at))

    async def download(self, url: str) -> bytes | None:
        """A bill from where Alipay says that it lies; None when it does not come."""
        limit = aiohttp.ClientTimeout(total=_BILL_SECONDS)
        try:
            async with self._session.get(url, timeout=limit, allow_redirects=False) as response:
                if response.status != 200:
                    return None
                return await _within(response.content, _LARGEST_BILL)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.info("processor_unclear", peer="alipay", error_type=type(error).__name__)
            return None

    def _parameters(self, method: str, content: Mapping[str, str], at: datetime) -> dict[str, str]:
        parameters = {
            "app_id": self.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": time_text(at),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
        } | ({"notify_url": self._notify_url} if self._notify_url else {})
        return parameters | {"sign": self.keys.sign(signed_content(parameters, ()))}

    async def _post(self, parameters: Mapping[str, str]) -> str | None:
        limit = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session.post(
                self._gateway, params={"charset": "utf-8"}, data=parameters, timeout=limit, allow_redirects=False
            ) as response:
                return await response.text("utf-8") if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.info("processor_unclear", peer="alipay", error_type=type(error).__name__)
            return None


async def _within(stream: aiohttp.StreamReader, most: int) -> bytes | None:
    content = bytearray()
    async for part in stream.iter_chunked(2**16):
        content += part
        if len(content) > most:
            return None
    return bytes(content)


def _read(method: str, body: str, keys: Keys) -> Answer | None:
    """The answer's node when Alipay signed exactly what stands there; what is believed is what was checked."""
    found = re.search(rf'"{re.escape(method.replace(".", "_"))}_response"\s*:\s*', body)
    if found is None:
        return None
    try:
        node, end = json.JSONDecoder(parse_float=str).raw_decode(body, found.end())
        signature = json.loads(body)["sign"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    signed = isinstance(signature, str) and keys.verifies(body[found.end() : end].encode(), signature)
    if not signed or not isinstance(node, dict):
        return None
    return Answer(_safe(node.get("code")), _safe(node.get("sub_code")), node)


def _safe(code: object) -> str:
    """A code that may be logged and kept: short and without anything that was sent."""
    text = str(code or "")
    return text if _CODE.fullmatch(text) else ""


def time_text(at: datetime) -> str:
    """A time as Alipay writes it."""
    return at.astimezone(CHINA).strftime(_TIME)


def time_of(text: str) -> datetime:
    """A time that Alipay wrote, to the second; raises ValueError."""
    return datetime.strptime(text[:19], _TIME).replace(tzinfo=CHINA).astimezone(UTC)
