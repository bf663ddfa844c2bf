"""Endorsements: a person asks for one with a code, another redeems it, either ends it; the fallen lose their word."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from services.scoring.domain import Endorsement, EndReason
from services.scoring.domain.endorsements import ABOVE, CODE_STANDS
from services.scoring.operations.ports import Consents, EndorsementStore, require_consent
from services.scoring.operations.scorecards import Scorecards
from services.values.clock import Clock
from services.values.ids import bucket_of
from services.values.requests import Request, fingerprint

CODE_BYTES = 24


class Endorsements:
    """One person's word for another."""

    def __init__(self, store: EndorsementStore, consents: Consents, cards: Scorecards, clock: Clock) -> None:
        self._store = store
        self._consents = consents
        self._cards = cards
        self._clock = clock

    async def ask(self, renter_id: str, request_id: str) -> tuple[str, datetime]:
        """A code to hand to somebody, and until when it can be redeemed.

        Raises:
            Refusal: CONSENT_REQUIRED, SECRET_ALREADY_SHOWN, REQUEST_ID_REUSED.
        """
        await require_consent(self._consents, renter_id)
        now, code = self._clock.now(), secrets.token_urlsafe(CODE_BYTES)
        request = Request(bucket_of(renter_id), renter_id, "AskEndorsement", request_id, fingerprint())
        until = now + CODE_STANDS
        await self._store.save_code(request, renter_id, _digest(code), until, now)
        return code, until

    async def endorse(self, renter_id: str, request_id: str, code: str) -> Endorsement:
        """The caller's word for whoever made the code.

        Raises:
            Refusal: CONSENT_REQUIRED, ENDORSEMENT_CODE_INVALID, ENDORSER_NOT_ELIGIBLE, ENDORSEMENT_CIRCULAR,
                TOO_MANY_ENDORSEMENTS, REQUEST_ID_REUSED.
        """
        await require_consent(self._consents, renter_id)
        digest = _digest(code)
        request = Request(bucket_of(renter_id), renter_id, "Endorse", request_id, fingerprint(digest.hex()))
        return await self._store.endorse(request, renter_id, digest, self._cards.served, self._clock.now())

    async def end(self, renter_id: str, request_id: str, endorsement_id: str) -> Endorsement:
        """One that the caller gave or received, ended. Raises ENDORSEMENT_NOT_FOUND, REQUEST_ID_REUSED."""
        content = fingerprint(endorsement_id)
        request = Request(bucket_of(renter_id), renter_id, "EndEndorsement", request_id, content)
        return await self._store.end_endorsement(
            request, endorsement_id, renter_id, EndReason.WITHDRAWN, self._cards.served, self._clock.now()
        )

    async def list_mine(self, renter_id: str) -> list[Endorsement]:
        """Those that the caller gave or received, newest first."""
        return await self._store.list_endorsements(renter_id)

    async def let_fall(self, limit: int) -> int:
        """Ends the word of people who do not stand well enough any more; gives how many there were."""
        fallen = await self._store.find_fallen(ABOVE, limit)
        for one in fallen:
            await self._store.end_endorsement(
                None, one.endorsement_id, one.renter_id, EndReason.ENDORSER_FELL, self._cards.served, self._clock.now()
            )
        return len(fallen)


def _digest(code: str) -> bytes:
    """What is stored of a code: it is random enough to need no salt."""
    return hashlib.sha256(code.encode()).digest()
