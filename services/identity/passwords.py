"""Passwords: argon2id (RFC 9106, the profile for little memory); two at a time, on threads: each takes its time."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

AT_A_TIME = 2


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._turn = asyncio.Semaphore(AT_A_TIME)
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """What is stored."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, stored: str, password: str) -> bool:
        """Whether a password is the stored one; with nothing stored the same work is done, and it is not."""
        async with self._turn:
            return await asyncio.to_thread(self._check, stored, password)

    def _check(self, stored: str, password: str) -> bool:
        if not stored:
            self._nobodys = self._nobodys or self._hasher.hash(secrets.token_urlsafe())
        try:
            return self._hasher.verify(stored or self._nobodys, password) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False
