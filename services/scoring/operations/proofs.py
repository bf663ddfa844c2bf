"""Proofs: issued to people who consent and whose score lies above the line they want to show."""

from __future__ import annotations

from typing import Protocol

from services.scoring.domain import Admittance, Outcome
from services.scoring.domain.proofs import Proof, draft, not_above
from services.scoring.operations.ports import Consents, Question, require_consent
from services.scoring.operations.scoring import DEPOSIT_WAIVER, Scoring
from services.values import pages
from services.values.clock import Clock
from services.values.ids import bucket_of, new_id_of
from services.values.requests import Request, fingerprint


class ProofStore(Protocol):
    """Proofs that were issued."""

    async def find_proof(self, request: Request, renter_id: str) -> Proof | None: ...
    async def add_proof(self, request: Request, proof: Proof) -> Proof: ...
    async def list_proofs(self, renter_id: str, before: str, limit: int) -> list[Proof]: ...


class Proofs:
    """Statements that a score lies above a line. They live in real time."""

    def __init__(self, store: ProofStore, scoring: Scoring, consents: Consents, real: Clock) -> None:
        self._store = store
        self._scoring = scoring
        self._consents = consents
        self._real = real

    async def issue(self, renter_id: str, request_id: str, above: int, shown_to: str, nonce: str, hours: int) -> Proof:
        """A proof; a repeat gives the same one, whatever the score is by then.

        Raises:
            Refusal: CONSENT_REQUIRED, SCORE_NOT_ABOVE, REQUEST_ID_REUSED.
        """
        content = fingerprint(above, shown_to, nonce, hours)
        request = Request(bucket_of(renter_id), renter_id, "IssueProof", request_id, content)
        known = await self._store.find_proof(request, renter_id)
        if known is not None:
            return known
        await require_consent(self._consents, renter_id)
        (answer,) = await self._scoring.admit([Question(renter_id, above, DEPOSIT_WAIVER)])
        if not isinstance(answer, Admittance) or answer.outcome is not Outcome.ADMITTED:
            raise not_above()
        proof = draft(new_id_of("prf", renter_id), renter_id, above, shown_to, nonce, hours, self._real.now())
        return await self._store.add_proof(request, proof)

    async def list_mine(self, renter_id: str, page_size: int, page_token: str) -> tuple[list[Proof], str]:
        """A page of a person's proofs, newest first, and the next page's token. Raises PAGE_TOKEN_INVALID."""
        size = pages.page_size(page_size)
        before = pages.decode(page_token, "proofs", renter_id)
        found = await self._store.list_proofs(renter_id, before, size + 1)
        more = pages.encode(found[size - 1].proof_id, "proofs", renter_id) if len(found) > size else ""
        return found[:size], more
