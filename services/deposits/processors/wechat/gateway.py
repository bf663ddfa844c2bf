"""wechatpayv3 as we need it: every call ends within seconds, in an answer or in "unclear".

The library signs requests, and verifies the signature of every answer with a status of 2xx. Two things it leaves to its
user. It reports a wrong signature as a bare `Exception`: whatever is raised here is therefore unclear, never an answer.
It has no setting for another host: a stand-in is reached by setting its `_gate_way`. (Refusals are not signed reliably
by WeChat itself; we act on none that would cost money without asking what became of the order, see `adapter`.)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import structlog
from wechatpayv3.async_ import AsyncWeChatPay, WeChatPayType

from services.deposits.domain import NoticeRejected
from services.deposits.processors.wechat.merchant import Merchant
from services.values.clock import Clock

log = structlog.get_logger(__name__)
ANSWER_SECONDS = 4.0
_CONNECT_SECONDS = 2.0
_NOTICE_AGE = timedelta(minutes=5)
_UNCLEAR = frozenset({401, 429})
"""Statuses that say nothing of the order: our signature is not accepted, or we ask too often. So does every 5xx."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A verified answer; or with a `code`, a refusal."""

    body: Mapping[str, Any]
    code: str = ""


class Gateway:
    """The connection to WeChat Pay; an asynchronous context.

    Args:
        real: real time, by which the age of a notice counts.
    """

    def __init__(self, merchant: Merchant, real: Clock) -> None:
        self._real = real
        self._clients = {key_id: _client(merchant, key_id) for key_id in merchant.keys.platform}
        self.calls = self._clients[merchant.platform_key_id]

    async def __aenter__(self) -> Self:
        await self.calls.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.calls.__aexit__(kind, error, trace)

    async def answer(self, call: Awaitable[tuple[int, str | bytes]]) -> Answered | None:
        """What one of `calls` answered; None when that is unclear."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, text = await call
            body = json.loads(text) if text else {}
            code = "" if status < 300 else str(body["code"])
        except Exception as error:  # the library raises bare ones
            log.info("processor_unclear", peer="wechat", error_type=type(error).__name__)
            return None
        if code and (status in _UNCLEAR or status >= 500):
            log.info("processor_unclear", peer="wechat", reason=code)
            return None
        return Answered(body, code)

    async def download(self, url: str) -> bytes | None:
        """A file that an answer pointed to; nobody signs it, so that its hash must be checked. None when unclear."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, content = await self.calls.download_bill(url)
        except Exception as error:
            log.info("processor_unclear", peer="wechat", error_type=type(error).__name__)
            return None
        return content if status == 200 and isinstance(content, bytes) else None

    def open_notice(self, headers: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
        """A notice, its signature verified and its `resource` decrypted; header names in lower case.

        Raises:
            NoticeRejected: not signed with a key of WeChat's that we have, older than five minutes, or not readable.
        """
        client = self._clients.get(headers.get("wechatpay-serial", ""))
        sent = headers.get("wechatpay-timestamp", "")
        if client is None or not sent.isdecimal() or not sent.isascii():
            raise NoticeRejected
        if abs(self._real.now().timestamp() - int(sent)) > _NOTICE_AGE.total_seconds():
            raise NoticeRejected
        try:
            said = client.callback(headers, body)
        except Exception:  # the library raises bare ones
            raise NoticeRejected from None
        if not isinstance(said, dict) or not isinstance(said.get("resource"), dict):
            raise NoticeRejected
        return said


def _client(merchant: Merchant, key_id: str) -> Any:
    client = AsyncWeChatPay(
        wechatpay_type=WeChatPayType.MINIPROG,
        mchid=merchant.merchant_id,
        private_key=merchant.keys.private_key,
        cert_serial_no=merchant.certificate_serial,
        appid=merchant.app_id,
        apiv3_key=merchant.keys.api_v3_key,
        notify_url=merchant.notice_url,
        timeout=(_CONNECT_SECONDS, ANSWER_SECONDS),
        public_key=merchant.keys.platform[key_id],
        public_key_id=key_id,
    )
    client._core._gate_way = merchant.url.rstrip("/")
    return client
