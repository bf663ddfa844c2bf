"""Proofs that were issued, so that a repeat gives the same and the person sees what they showed to whom."""

from __future__ import annotations

from typing import Any

from services.runtime.requests import claim, find
from services.scoring.domain.proofs import Proof
from services.scoring.store.rows import Part, sealed_of
from services.values.ids import bucket_of
from services.values.requests import Request


class Proofs(Part):
    """Proofs of people."""

    async def find_proof(self, request: Request, renter_id: str) -> Proof | None:
        """The proof that this request made, if it did; raises REQUEST_ID_REUSED."""

        async def work(connection: Any) -> Proof | None:
            proof_id = await find(connection, request)
            return None if proof_id is None else await self._read(connection, renter_id, proof_id)

        return await self._db.transaction(work)

    async def add_proof(self, request: Request, proof: Proof) -> Proof:
        """The proof, or the one that a concurrent repeat has made."""
        whose = proof.renter_id

        async def work(connection: Any) -> Proof:
            first = await claim(connection, request, proof.proof_id, proof.issued_at)
            if first is not None:
                return await self._read(connection, whose, first)
            sealed = self._vault.seal_texts(whose, [proof.shown_to, proof.nonce])
            key = (bucket_of(whose), proof.proof_id, whose, proof.above)
            values = (sealed.wrapped_key, sealed.data, sealed.key_version, proof.issued_at, proof.expires_at)
            await connection.execute(self._sql.insert_proof, *key, *values)
            return proof

        return await self._db.transaction(work)

    async def list_proofs(self, renter_id: str, before: str, limit: int) -> list[Proof]:
        """A person's proofs before an id, newest first."""
        rows = await self._db.fetch(self._sql.list_proofs, bucket_of(renter_id), renter_id, before, limit)
        return [self._proof(row) for row in rows]

    async def _read(self, connection: Any, renter_id: str, proof_id: str) -> Proof:
        return self._proof(await connection.fetchrow(self._sql.read_proof, bucket_of(renter_id), renter_id, proof_id))

    def _proof(self, row: Any) -> Proof:
        shown_to, nonce = self._vault.open_texts(row["renter_id"], sealed_of(row))
        return Proof(
            row["proof_id"], row["renter_id"], row["above"], shown_to, nonce, row["issued_at"], row["expires_at"]
        )
