"""Consent: given and withdrawn by the person's own token, per purpose and partner."""

from __future__ import annotations

from services.identity.domain import PURPOSES, SCORING, Consent, purpose_not_allowed, tidy_text
from services.identity.operations.ports import ConsentStore
from services.values import pages
from services.values.clock import Clock
from services.values.ids import bucket_of, new_id_of
from services.values.requests import Request, fingerprint


class Consents:
    """A person's agreements; in effect with the very next decision, because they are read fresh."""

    def __init__(self, store: ConsentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def grant(self, renter_id: str, request_id: str, partner_id: str, purpose: str, text_version: str) -> Consent:
        """An agreement in force. Granting again the same text changes nothing; another text replaces the old one.

        Raises:
            Refusal: PURPOSE_NOT_ALLOWED, INVALID_FIELD, PARTNER_NOT_FOUND, RENTER_NOT_LINKED, REQUEST_ID_REUSED.
        """
        if purpose not in PURPOSES:
            raise purpose_not_allowed()
        text_version = tidy_text("text_version", text_version)
        content = fingerprint(partner_id, purpose, text_version)
        request = Request(bucket_of(renter_id), renter_id, "GrantConsent", request_id, content)
        consent_id = new_id_of("cns", renter_id)
        consent = Consent(consent_id, renter_id, partner_id, purpose, text_version, self._clock.now())
        return await self._store.grant(request, consent)

    async def withdraw(self, renter_id: str, request_id: str, partner_id: str, purpose: str) -> Consent:
        """The agreement, ended. Raises CONSENT_NOT_FOUND, REQUEST_ID_REUSED."""
        content = fingerprint(partner_id, purpose)
        request = Request(bucket_of(renter_id), renter_id, "WithdrawConsent", request_id, content)
        return await self._store.withdraw(request, renter_id, partner_id, purpose, self._clock.now())

    async def withdraw_all(self, renter_id: str, request_id: str) -> int:
        """How many agreements ended: scoring is over for this person everywhere. Raises REQUEST_ID_REUSED."""
        request = Request(bucket_of(renter_id), renter_id, "WithdrawAllConsents", request_id, fingerprint())
        return await self._store.withdraw_all(request, renter_id, SCORING, self._clock.now())

    async def list(self, renter_id: str, page_size: int, page_token: str) -> tuple[list[Consent], str]:
        """A page of all agreements, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        before = pages.decode(page_token, "consents", renter_id)
        found = await self._store.list_consents(renter_id, before, size + 1)
        more = pages.encode(found[size - 1].consent_id, "consents", renter_id) if len(found) > size else ""
        return found[:size], more
