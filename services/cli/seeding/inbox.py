"""The phones of test people: what the carrier's stand-in has for them."""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256

import aiohttp

ARRIVAL_SECONDS = 10.0
_CODE = re.compile(r"\b[0-9]{6}\b")


class Inbox:
    """Reads messages from the carrier's stand-in at `url`; a real carrier has no such call."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = f"{url}/v1/messages"
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"})

    async def close(self) -> None:
        """Ends its connections."""
        await self._session.close()

    async def message_ids(self, phone: str) -> frozenset[str]:
        """The messages that are there already."""
        return frozenset(message["id"] for message in await self._messages(phone))

    async def texts(self, phone: str) -> list[str]:
        """What came lately, the newest first."""
        return [message["text"] for message in await self._messages(phone)]

    async def code(self, phone: str, before: frozenset[str]) -> str:
        """The one-time code of the first message that is not one of `before`. Raises TimeoutError."""
        async with asyncio.timeout(ARRIVAL_SECONDS):
            while True:
                for message in await self._messages(phone):
                    found = _CODE.search(message["text"])
                    if message["id"] not in before and found:
                        return found.group()
                await asyncio.sleep(0.03)

    async def last_code(self, phone: str) -> str:
        """The code that came last, waiting for one if there is none. Raises TimeoutError."""
        async with asyncio.timeout(ARRIVAL_SECONDS):
            while True:
                found = [_CODE.search(message["text"]) for message in await self._messages(phone)]
                codes = [match.group() for match in found if match]
                if codes:
                    return codes[0]
                await asyncio.sleep(0.03)

    async def _messages(self, phone: str) -> list[dict[str, str]]:
        digest = sha256(phone.encode()).hexdigest()
        async with self._session.get(self._url, params={"to_digest": digest}) as response:
            response.raise_for_status()
            messages: list[dict[str, str]] = (await response.json())["messages"]
            return messages
