"""News for people: each is told once, again when the carrier did not take it, and nobody who is no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from services.identity.domain.notices import TEXTS, News
from services.identity.operations.notices import Notices
from services.identity.store import NoticeStore
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from services.values.errors import Refusal
from services.values.ids import new_renter_id


@dataclass
class Phone:
    """A carrier, a vault and a register of people in one: everybody has the same phone."""

    works: bool = True
    known: bool = True
    sent: list[str] = field(default_factory=list)
    seen: list[Any] = field(default_factory=list)
    phone: str = "+8613800138000"

    async def send(self, phone: str, text: str) -> bool:
        assert phone == self.phone
        if self.works:
            self.sent.append(text)
        return self.works

    async def record(self, accesses: list[Any]) -> None:
        self.seen += accesses

    async def find_renter(self, renter_id: str, partner_id: str) -> Any:
        return self if self.known else None

    def open(self, renter_id: str, sealed: Any) -> Phone:
        return self

    account: Any = None
    state = "VERIFIED"
    sealed = b""

    def __post_init__(self) -> None:
        self.account = self


@pytest.fixture(scope="module")
def dsn(fresh_database: Callable[..., str]) -> str:
    """One database for all; each test has people of its own."""
    return fresh_database("identity_notices", "identity")


async def test_news_are_told_once_and_again_when_the_carrier_did_not_take_them(dsn: str) -> None:
    db, phone, renter = await Database.connect(dsn, pool_size=2), Phone(works=False), new_renter_id("rnt")
    notices = Notices(phone, NoticeStore(db), phone, phone, phone, SystemClock())  # type: ignore[arg-type]
    began = datetime.now(UTC)
    with pytest.raises(Refusal, match="UPSTREAM_UNAVAILABLE"):
        await notices.tell("scoring", "evt_1", renter, News.DISPUTE_ENDED)
    phone.works = True
    for _ in range(3):
        await notices.tell("scoring", "evt_1", renter, News.DISPUTE_ENDED)
    await notices.tell("scoring", "evt_2", renter, News.RECORD_ADDED)
    assert phone.sent == [TEXTS[News.DISPUTE_ENDED], TEXTS[News.RECORD_ADDED]]
    assert [(one.fields, one.actor) for one in phone.seen] == [(("phone",), "carrier")] * 3
    assert all(one.accessed_at >= began for one in phone.seen)
    await db.close()


async def test_nobody_is_told_who_is_no_more(dsn: str) -> None:
    db, phone = await Database.connect(dsn, pool_size=2), Phone(known=False)
    notices = Notices(phone, NoticeStore(db), phone, phone, phone, SystemClock())  # type: ignore[arg-type]
    await notices.tell("scoring", "evt_3", new_renter_id("rnt"), News.RECORD_ADDED)
    assert (phone.sent, phone.seen) == ([], [])
    await db.close()
