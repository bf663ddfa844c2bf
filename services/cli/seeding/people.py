"""The way of one person from sign-up to a score: register, prove the phone, consent, add a card, bring a history."""

from __future__ import annotations

import asyncio
import functools
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.api import Api
from services.cli.clocks import HouseClock
from services.cli.seeding.cast import Part
from services.cli.seeding.inbox import Inbox
from services.scoring.domain import FactKind, facts_for_score, spread
from services.scoring.models import DEFAULT_SCORECARD, read_model
from services.scoring.servicer import fact_pb

CONSENT_TEXT = "2026-11"
PATIENCE_SECONDS = 20.0
UNDECIDED = identity.RENTER_STATE_PENDING


class SeedError(Exception):
    """A test person did not become what they should be; the message says who and how."""


class People:
    """Brings people in for one partner, with the partner's key and each person's own token."""

    def __init__(
        self, api: Api, inbox: Inbox, clock: HouseClock | None, operator_token: str, partner_id: str, key: str
    ) -> None:
        self._api, self._inbox, self._clock = api, inbox, clock
        self._operator_token, self._partner_id, self._key = operator_token, partner_id, key

    async def settle_in(self, part: Part) -> tuple[str, str, float]:
        """Everything that a part asks for: the renter's id, a token, and when the token ends (seconds of the epoch).

        Raises:
            SeedError: the person has another score than the part asks for.
        """
        renter_id = await self._register(part)
        token, expires_at = await self.token(renter_id, part.who().phone)
        if part.consents:
            await self._consent(part, token)
        if part.card:
            await self.add_card(renter_id, token, part.card, f"demo-{part.case}-card")
        if part.score is not None:
            await self._bring_history(part, renter_id)
            await self._wait_for_score(part, token)
        return renter_id, token, expires_at

    async def token(self, renter_id: str, phone: str) -> tuple[str, float]:
        """A renter's token, for the code that their phone receives."""
        before = await self._inbox.message_ids(phone)
        send = identity.SendRenterCodeRequest(request_id=uuid.uuid4().hex, renter_id=renter_id)
        await self._api.call(self._api.identity.SendRenterCode, send, self._key)
        code = await self._inbox.code(phone, before)
        issue = identity.IssueRenterTokenRequest(request_id=uuid.uuid4().hex, renter_id=renter_id, code=code)
        answer = await self._api.call(self._api.identity.IssueRenterToken, issue, self._key)
        return answer.token, float(answer.expires_at.ToSeconds())

    async def add_card(self, renter_id: str, token: str, processor_token: str, request_id: str) -> None:
        """A payment method, by the processor's token."""
        request = deposits.AddPaymentMethodRequest(
            request_id=request_id, renter_id=renter_id, processor_token=processor_token
        )
        await self._api.call(self._api.deposits.AddPaymentMethod, request, token)

    async def _register(self, part: Part) -> str:
        who = part.who()
        request = identity.RegisterRenterRequest(
            request_id=f"demo-{part.case}",
            document_type=identity.DOCUMENT_TYPE_RESIDENT_ID_CARD,
            document_number=who.resident_id_number,
            full_name=who.name,
            phone=who.phone,
        )
        renter = (await self._api.call(self._api.identity.RegisterRenter, request, self._key)).renter
        ends = time.monotonic() + PATIENCE_SECONDS
        while renter.state == UNDECIDED and time.monotonic() < ends:
            await asyncio.sleep(0.1)
            ask = identity.GetRenterRequest(renter_id=renter.renter_id)
            renter = (await self._api.call(self._api.identity.GetRenter, ask, self._key)).renter
        return renter.renter_id

    async def _consent(self, part: Part, token: str) -> None:
        request = identity.GrantConsentRequest(
            request_id=f"demo-{part.case}-consent",
            partner_id=self._partner_id,
            purpose=identity.CONSENT_PURPOSE_DEPOSIT_SCORING,
            text_version=CONSENT_TEXT,
        )
        await self._api.call(self._api.identity.GrantConsent, request, token)

    async def _bring_history(self, part: Part, renter_id: str) -> None:
        assert self._clock is not None  # noqa: S101 (histories are brought only when a city is made)
        facts = list(_history(part, renter_id, self._clock.now()))
        request = scoring.RecordFactsRequest(request_id=f"demo-{part.case}-facts", facts=facts)
        answer = await self._api.call(self._api.scoring.RecordFacts, request, self._operator_token)
        refused = {status.reason for status in answer.statuses} - {"", "FACT_ID_REUSED"}
        if refused:
            raise SeedError(f"{part.case}: facts were refused: {', '.join(sorted(refused))}")

    async def _wait_for_score(self, part: Part, token: str) -> None:
        """Facts that other services tell (verified, card added) arrive by themselves, a moment later."""
        ends, score = time.monotonic() + PATIENCE_SECONDS, None
        while time.monotonic() < ends:
            answer = await self._api.call(self._api.scoring.GetMyScore, scoring.GetMyScoreRequest(), token)
            score = answer.score if answer.HasField("score") else None
            if score == part.score:
                return
            await asyncio.sleep(0.1)
        raise SeedError(f"{part.case}: the score is {score}, not {part.score}")


def _history(part: Part, renter_id: str, now: datetime) -> Iterator[fact_pb2.Fact]:
    assert part.score is not None  # noqa: S101 (only people with a score have a history)
    to_add = _facts_for(part.score, bool(part.card))
    return map(fact_pb, spread(to_add, renter_id, now, prefix=f"demo:{part.case}:"))


@functools.cache
def _facts_for(score: int, has_card: bool) -> list[tuple[FactKind, int, int]]:
    known: Mapping[FactKind, int] = {
        FactKind.DOCUMENT_VERIFIED: 1,
        FactKind.PHONE_VERIFIED: 1,
        FactKind.PAYMENT_METHOD_ADDED: int(has_card),
    }
    return facts_for_score(read_model(DEFAULT_SCORECARD), score, known)
