"""Copies and erasures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.identity.domain import Account
from services.identity.domain.privacy import Erasure, Export
from services.values.requests import Request


@dataclass(frozen=True, slots=True)
class NewPart:
    """A piece of a copy, as a holder brings it."""

    export_id: str
    number: int
    is_last: bool
    data: bytes


class Farewell(Protocol):
    """What is still to be done with the key when a person goes: find their document, and sign the receipt."""

    def document_index(self, account: Account) -> bytes: ...
    def receipt(self, erasure: Erasure, now: datetime) -> str: ...


class PrivacyStore(Protocol):
    """Copies and erasures; each change is written with what holders are asked next."""

    async def begin_export(
        self,
        request: Request,
        fresh: Export,
        own_part: Callable[[Account, Mapping[str, Any]], bytes],
        real_now: datetime,
    ) -> Export: ...
    async def save_part(
        self, renter_id: str, holder: str, part: NewPart, seal: Callable[[Account], bytes], now: datetime
    ) -> None: ...
    async def read_export(self, renter_id: str, export_id: str, now: datetime) -> Export | None: ...
    async def read_parts(self, renter_id: str, export_id: str) -> tuple[Account, list[tuple[str, bytes]]]: ...
    async def delete_expired(self, now: datetime) -> None: ...
    async def begin_erasure(self, request: Request, fresh: Erasure, now: datetime, real_now: datetime) -> Erasure: ...
    async def change_erasure(
        self,
        renter_id: str,
        change: Callable[[Erasure], Erasure],
        farewell: Farewell,
        now: datetime,
        real_now: datetime,
    ) -> None: ...
    async def cancel_erasure(self, request: Request, renter_id: str, erasure_id: str, now: datetime) -> Erasure: ...
    async def read_erasure(self, erasure_id: str) -> Erasure | None: ...
    async def find_blocked(self, real_now: datetime, limit: int) -> list[str]: ...
