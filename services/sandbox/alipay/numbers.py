"""What the methods share: the books, the clocks, Alipay's own numbers, and the notices that are to go out."""

from __future__ import annotations

import secrets
from collections import deque

from services.sandbox.alipay.books import Books
from services.sandbox.alipay.protocol import Node, written
from services.sandbox.clock import ClockMs, wall_ms

Told = tuple[str, Node]
"""Where a notice goes, and what it says."""


class Numbers:
    """`now` is the clock by which authorizations lapse and bills are made; payers take their time by the wall's."""

    def __init__(self, books: Books, clock: ClockMs) -> None:
        self.books, self.now, self.wall = books, clock, wall_ms
        self.notices: deque[Told] = deque()

    def number(self) -> str:
        """A number of 28 digits that begins with the day, as Alipay's do."""
        return f"{written(self.now())[:10].replace('-', '')}{secrets.randbelow(10**20):020d}"

    def tell(self, notify_url: str, said: Node) -> None:
        """Has a notice sent."""
        if notify_url:
            self.notices.append((notify_url, said))
