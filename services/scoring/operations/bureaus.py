"""Bureaus: a person links one, its word is asked for while it is wanted, and forgotten when it is not."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from services.scoring.domain import Fact, Panel, Served
from services.scoring.domain.bureau_links import (
    ASK_AGAIN,
    MOST_TRIES_TO_REVOKE,
    BureauLink,
    Report,
    already_linked,
    bureau_not_found,
    unavailable,
)
from services.scoring.domain.records import CLOCKS_DIFFER
from services.scoring.operations.ports import Consents, require_consent
from services.scoring.operations.scorecards import Scorecards
from services.values.clock import Clock
from services.values.errors import Refusal
from services.values.ids import bucket_of, new_id_of
from services.values.requests import Request, fingerprint

LEASE = timedelta(minutes=10)
"""How long whoever took a link has to ask; then another may."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code was redeemed for: a secret handle, and the name that the bureau has for the person towards us."""

    handle: str = field(repr=False)
    account: str = field(repr=False)


class NoReport(Enum):
    """Clear answers without a report: the bureau knows nothing of the person, or the person ended the link there."""

    NO_RECORD = "NO_RECORD"
    LINK_ENDED = "LINK_ENDED"


class BureauPort(Protocol):
    """The bureaus themselves. None is an outcome that is unclear: no answer, or one that cannot be."""

    async def redeem(self, bureau: str, code: str, key: str) -> Granted | Refusal | None: ...
    async def report(self, bureau: str, handle: str) -> Report | NoReport | None: ...
    async def revoke(self, bureau: str, handle: str) -> bool: ...


class LinkStore(Protocol):
    """Links, with their handles sealed."""

    async def find_link(self, request: Request) -> BureauLink | None: ...
    async def list_links(self, renter_id: str) -> list[BureauLink]: ...
    async def save_link(self, request: Request, link: BureauLink, handle: str, account: bytes) -> BureauLink: ...
    async def end_link(
        self, request: Request | None, renter_id: str, bureau: str, served: Served, now: datetime
    ) -> None: ...
    async def take_due_links(self, now: datetime, until: datetime, limit: int) -> list[tuple[BureauLink, str]]: ...
    async def save_answer(self, link: BureauLink, fact: Fact | None, served: Served, now: datetime) -> None: ...
    async def drop_link(self, link: BureauLink) -> None: ...


class Bureaus:
    """Links of people to the bureaus of a panel."""

    def __init__(
        self, store: LinkStore, port: BureauPort, consents: Consents, panel: Panel, cards: Scorecards, clock: Clock
    ) -> None:
        self._store = store
        self._port = port
        self._consents = consents
        self._panel = panel
        self._cards = cards
        self._clock = clock

    async def link(self, renter_id: str, request_id: str, bureau: str, code: str) -> BureauLink:
        """The link, with its first report when the bureau answers. A repeat gives the first one as it stands.

        Raises:
            Refusal: CONSENT_REQUIRED, BUREAU_NOT_FOUND, BUREAU_CODE_INVALID, BUREAU_ALREADY_LINKED,
                BUREAU_ACCOUNT_TAKEN, BUREAU_UNAVAILABLE, REQUEST_ID_REUSED.
        """
        if bureau not in self._panel.weights:
            raise bureau_not_found()
        await require_consent(self._consents, renter_id)
        content = fingerprint(bureau, hashlib.sha256(code.encode()).hexdigest())
        request = Request(bucket_of(renter_id), renter_id, "LinkBureau", request_id, content)
        linked = any(one.bureau == bureau for one in await self._store.list_links(renter_id))
        known = await self._store.find_link(request)  # after the look at links, so that a repeat finds what it made
        if known is not None:
            return known
        if linked:
            raise already_linked()
        granted = await self._redeem(bureau, code, f"{renter_id} {request_id}")
        return await self._keep(request, renter_id, bureau, granted)

    async def _redeem(self, bureau: str, code: str, whose: str) -> Granted:
        """Redeems a code. The key is the same for a repeat, and tells the bureau nothing of the person."""
        granted = await self._port.redeem(bureau, code, hashlib.sha256(whose.encode()).hexdigest())
        if granted is None:
            raise unavailable()
        if isinstance(granted, Refusal):
            raise granted
        return granted

    async def _keep(self, request: Request, renter_id: str, bureau: str, granted: Granted) -> BureauLink:
        now = self._clock.now()
        draft = BureauLink(new_id_of("bln", renter_id), renter_id, bureau, now, ask_at=now + LEASE)
        account = hashlib.sha256(f"{bureau} {granted.account}".encode()).digest()
        try:
            kept = await self._store.save_link(request, draft, granted.handle, account)
        except Refusal:
            await self._port.revoke(bureau, granted.handle)
            raise
        if kept == draft:
            await self._ask(draft, granted.handle)
        return await self._store.find_link(request) or kept

    async def unlink(self, renter_id: str, request_id: str, bureau: str) -> None:
        """Ends a link; what the bureau said counts no more. Raises BUREAU_NOT_LINKED, REQUEST_ID_REUSED."""
        request = Request(bucket_of(renter_id), renter_id, "UnlinkBureau", request_id, fingerprint(bureau))
        await self._store.end_link(request, renter_id, bureau, self._cards.served, self._clock.now())

    async def list_mine(self, renter_id: str) -> tuple[list[BureauLink], list[str]]:
        """A person's links, and the bureaus that there are besides; both in the order of names."""
        links = await self._store.list_links(renter_id)
        return links, sorted(set(self._panel.weights) - {link.bureau for link in links})

    def weight(self, link: BureauLink, now: datetime) -> int:
        """Of 100 parts of a score, how many are the bureau's at that moment."""
        return self._panel.weights.get(link.bureau, 0) * link.percent(now) // 100

    async def refresh(self, limit: int) -> int:
        """Asks for what is a week old and revokes what has ended; gives how many links there were.

        Nobody is asked about who does not consent at this moment.
        """
        now = self._clock.now()
        due = await self._store.take_due_links(now, now + LEASE, limit)
        standing = [link for link, _ in due if link.unlinked_at is None]
        wanted = await self._wanted(standing)
        steps = [
            self._revoke(link, handle) if link.unlinked_at else self._ask(link, handle)
            for link, handle in due
            if link.unlinked_at or link.link_id in wanted
        ]
        await asyncio.gather(*steps)
        return len(due)

    async def _wanted(self, links: Sequence[BureauLink]) -> set[str]:
        """The links of people who consent. Those who do not are looked at again tomorrow."""
        if not links:
            return set()
        answers = await self._consents.consenting([link.renter_id for link in links])
        now, wanted = self._clock.now(), set()
        for link, consenting in zip(links, answers, strict=True):
            if consenting is True:
                wanted.add(link.link_id)
            elif consenting is False:
                await self._store.save_answer(replace(link, ask_at=now + ASK_AGAIN), None, self._cards.served, now)
        return wanted

    async def _ask(self, link: BureauLink, handle: str) -> None:
        found = await self._port.report(link.bureau, handle)
        now, served = self._clock.now(), self._cards.served
        if isinstance(found, Report) and self._can_be(link, found, now):
            await self._store.save_answer(link.reported(found, now), link.fact(found), served, now)
        elif found is NoReport.NO_RECORD:
            await self._store.save_answer(link.without_record(now), None, served, now)
        elif found is NoReport.LINK_ENDED:
            await self._store.end_link(None, link.renter_id, link.bureau, served, now)
        else:
            await self._store.save_answer(link.failed(now), None, served, now)

    def _can_be(self, link: BureauLink, report: Report, now: datetime) -> bool:
        """Whether a report is on the bureau's scale and does not come from the future."""
        calibration = self._panel.calibrations[link.bureau]
        return calibration.knows(report.raw) and report.reported_at <= now + CLOCKS_DIFFER

    async def _revoke(self, link: BureauLink, handle: str) -> None:
        now = self._clock.now()
        if await self._port.revoke(link.bureau, handle) or link.failures >= MOST_TRIES_TO_REVOKE:
            await self._store.drop_link(link)
        else:
            await self._store.save_answer(link.failed(now), None, self._cards.served, now)
