"""Facts one by one: a person reads them and comments on them, an operator puts them right."""

from __future__ import annotations

from services.scoring.domain import Author, Fact, corrected, fault_of, retracted
from services.scoring.operations.paging import start_of, token_after
from services.scoring.operations.ports import Consents, FactStore, Told, require_consent
from services.scoring.operations.scorecards import Scorecards
from services.values import pages
from services.values.clock import Clock
from services.values.errors import Refusal, invalid
from services.values.ids import bucket_of
from services.values.requests import Request, fingerprint

WITHDRAWN = "WITHDRAWN_BY_SOURCE"
"""Why a fact was taken back that its source had told."""


class Facts:
    """What is known of people, and how it is put right."""

    def __init__(self, store: FactStore, consents: Consents, cards: Scorecards, clock: Clock) -> None:
        self._store = store
        self._consents = consents
        self._cards = cards
        self._clock = clock

    async def list_mine(self, renter_id: str, page_size: int, page_token: str) -> tuple[list[Told], str]:
        """A page of a person's facts, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        found = await self._store.list_facts(renter_id, start_of(page_token, "facts", renter_id), size + 1)
        if len(found) <= size:
            return found, ""
        last = found[size - 1].recorded.fact
        return found[:size], token_after(last.occurred_at, last.fact_id, "facts", renter_id)

    async def set_statement(self, renter_id: str, request_id: str, fact_id: str, statement: str) -> Told:
        """The fact with the person's own words, or without. Raises FACT_NOT_FOUND, REQUEST_ID_REUSED."""
        content = fingerprint(fact_id, bool(statement))
        request = Request(bucket_of(renter_id), renter_id, "SetStatement", request_id, content)
        return await self._store.set_statement(request, renter_id, fact_id, statement.strip(), self._clock.now())

    async def correct(self, operator: str, request_id: str, fact: Fact, reason: str) -> Told:
        """The fact as it should be.

        Raises:
            Refusal: CONSENT_REQUIRED, FACT_NOT_FOUND, STATE_NOT_ALLOWED, INVALID_FIELD, REQUEST_ID_REUSED.
        """
        now = self._clock.now()
        refused = fault_of(fact, now)
        if refused is not None:
            raise invalid(f"corrected.{refused.violations[0].field}", refused.violations[0].description)
        await require_consent(self._consents, fact.renter_id)
        author = Author(operator, reason, now)
        content = fingerprint(fact.fact_id, fact.kind, fact.occurred_at, fact.about, fact.rental_seconds, reason)
        request = Request(bucket_of(fact.renter_id), operator, "CorrectFact", request_id, content)
        return await self._store.revise_fact(
            request, fact.renter_id, fact.fact_id, lambda was: corrected(was, fact, author), self._cards.served, now
        )

    async def withdraw(self, event_id: str, renter_id: str, fact_id: str) -> None:
        """Takes back what its source has told, once; what is not known, taken back or in dispute stays as it is."""
        now = self._clock.now()
        author = Author("freehold", WITHDRAWN, now)
        request = Request(bucket_of(renter_id), author.name, "WithdrawFact", event_id, fingerprint(renter_id, fact_id))
        try:
            await self._store.revise_fact(
                request, renter_id, fact_id, lambda was: retracted(was, author), self._cards.served, now
            )
        except Refusal as refusal:
            if refusal.reason not in ("FACT_NOT_FOUND", "STATE_NOT_ALLOWED"):
                raise

    async def retract(self, operator: str, request_id: str, renter_id: str, fact_id: str, reason: str) -> Told:
        """The fact, taken back. Raises FACT_NOT_FOUND, STATE_NOT_ALLOWED, REQUEST_ID_REUSED."""
        now = self._clock.now()
        author = Author(operator, reason, now)
        content = fingerprint(renter_id, fact_id, reason)
        request = Request(bucket_of(renter_id), operator, "RetractFact", request_id, content)
        return await self._store.revise_fact(
            request, renter_id, fact_id, lambda was: retracted(was, author), self._cards.served, now
        )
