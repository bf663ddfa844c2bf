"""Recourse: a person says that a fact or a decision is wrong, an operator decides in time, decisions are made again."""

from __future__ import annotations

from datetime import UTC, datetime

from services.scoring.domain import Dispute, DisputeState, Fact
from services.scoring.domain.disputes import DAYS_TO_DECIDE, dispute_not_found
from services.scoring.operations.paging import place_of
from services.scoring.operations.ports import Case, DisputeStore, Ruling
from services.scoring.operations.scorecards import Scorecards
from services.values import pages
from services.values.clock import Clock
from services.values.errors import invalid
from services.values.ids import bucket_of, new_id_of
from services.values.requests import Request, fingerprint

LAPSED = "nobody decided in time"
FIRST = (datetime.min.replace(tzinfo=UTC), "")


class Disputes:
    """Disputes from opening to end."""

    def __init__(self, store: DisputeStore, cards: Scorecards, clock: Clock) -> None:
        self._store = store
        self._cards = cards
        self._clock = clock

    async def open(self, renter_id: str, request_id: str, fact_id: str, use_id: str, statement: str) -> Case:
        """A dispute of a fact or of a use; the fact stops to count.

        Raises:
            Refusal: FACT_NOT_FOUND, USE_NOT_FOUND, DISPUTE_NOT_ALLOWED, TOO_MANY_DISPUTES, REQUEST_ID_REUSED.
        """
        now = self._clock.now()
        draft = Dispute(
            new_id_of("dsp", renter_id),
            renter_id,
            fact_id,
            use_id,
            statement,
            DisputeState.OPEN,
            now,
            now + DAYS_TO_DECIDE,
        )
        content = fingerprint(fact_id, use_id)
        request = Request(bucket_of(renter_id), renter_id, "OpenDispute", request_id, content)
        return await self._store.open_dispute(request, draft, self._cards.served)

    async def withdraw(self, renter_id: str, request_id: str, dispute_id: str) -> Case:
        """The dispute, taken back. Raises DISPUTE_NOT_FOUND, STATE_NOT_ALLOWED, REQUEST_ID_REUSED."""
        if bucket_of(dispute_id) != bucket_of(renter_id):
            raise dispute_not_found()
        request = Request(bucket_of(renter_id), renter_id, "WithdrawDispute", request_id, fingerprint(dispute_id))
        ruling = Ruling(DisputeState.WITHDRAWN, renter_id, "")
        return await self._store.end_dispute(
            request, dispute_id, renter_id, ruling, self._cards.served, self._clock.now()
        )

    async def decide(self, request_id: str, dispute_id: str, ruling: Ruling) -> Case:
        """The dispute, decided by an operator.

        Raises:
            Refusal: DISPUTE_NOT_FOUND, STATE_NOT_ALLOWED, INVALID_FIELD, REQUEST_ID_REUSED.
        """
        if (ruling.corrected is not None) != (ruling.state is DisputeState.CORRECTED):
            raise invalid("corrected", "belongs to CORRECTED, and only there")
        content = fingerprint(dispute_id, ruling.state, ruling.reason, _content(ruling.corrected))
        request = Request(bucket_of(dispute_id), ruling.by, "DecideDispute", request_id, content)
        return await self._store.end_dispute(request, dispute_id, "", ruling, self._cards.served, self._clock.now())

    async def list_mine(self, renter_id: str, page_size: int, page_token: str) -> tuple[list[Case], str]:
        """A page of a person's disputes, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        before = pages.decode(page_token, "disputes", renter_id)
        found = await self._store.list_disputes(renter_id, before, size + 1)
        more = pages.encode(found[size - 1].dispute.dispute_id, "disputes", renter_id) if len(found) > size else ""
        return found[:size], more

    async def list_open(self, page_size: int, page_token: str) -> tuple[list[Case], str]:
        """A page of everybody's open disputes, the next due first. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        after = pages.decode_as(place_of, page_token, "open disputes") or FIRST
        found = await self._store.list_open_disputes(after, size + 1)
        if len(found) <= size:
            return found, ""
        end = found[size - 1].dispute
        return found[:size], pages.encode(f"{end.due_at.isoformat()}|{end.dispute_id}", "open disputes")

    async def let_lapse(self, limit: int) -> int:
        """Ends disputes that nobody decided in time, for the person; gives how many there were."""
        now = self._clock.now()
        late = await self._store.find_lapsed(now, limit)
        for dispute in late:
            ruling = Ruling(DisputeState.LAPSED, "freehold", LAPSED)
            await self._store.end_dispute(None, dispute.dispute_id, dispute.renter_id, ruling, self._cards.served, now)
        return len(late)


def _content(fact: Fact | None) -> list[str]:
    return [] if fact is None else [fact.fact_id, fact.kind, fact.occurred_at.isoformat(), fact.about]
