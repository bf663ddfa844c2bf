"""Passwords: argon2id (RFC 9106, the profile for little memory), off the event loop.

A hash takes some hundred milliseconds and 64 MiB, so two are made at a time; those that find a long queue are refused.
They have threads of their own: of the loop's threads a caller who gives up would free none, only let the next one in.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from services.values.errors import Category, Refusal

AT_A_TIME, MOST_WAITING = 2, 20

T = TypeVar("T")


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._threads = ThreadPoolExecutor(AT_A_TIME, "passwords")
        self._asked = 0
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """What is stored. Raises OVERLOADED."""
        return await self._run(lambda: self._hasher.hash(password))

    async def fits(self, stored: str, password: str) -> bool:
        """Whether it is the stored one; with nothing stored the same work is done, and it is not. Raises OVERLOADED."""
        return await self._run(lambda: self._check(stored or self._nobodys, password)) and bool(stored)

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._asked >= AT_A_TIME + MOST_WAITING:
            raise Refusal(Category.RESOURCE_EXHAUSTED, "OVERLOADED", "too many passwords at a time; retry later")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._asked -= 1
