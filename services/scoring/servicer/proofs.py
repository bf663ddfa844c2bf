"""ProofService: people show where they stand, and anybody verifies it."""

from __future__ import annotations

import io
import json

import segno

from freehold.scoring.v1 import proof_service_pb2 as pb
from freehold.scoring.v1.proof_service_pb2_grpc import ProofServiceServicer
from services.runtime.interceptors import Context, current_call
from services.scoring.domain.proofs import Proof
from services.scoring.operations import Proofs
from services.scoring.servicer.encoding import timestamp_pb
from services.scoring.signing import Signer
from services.values.access import Reach, Rule

PROOF_ACCESS = {
    "IssueProof": Rule(renter=Reach.OWN),
    "ListMyProofs": Rule(renter=Reach.OWN),
    "GetProofKeys": Rule(anonymous=True),
}
"""Who may call what."""


class ProofServicer(ProofServiceServicer):
    """ProofService."""

    def __init__(self, proofs: Proofs, signer: Signer) -> None:
        self._proofs = proofs
        self._signer = signer

    async def IssueProof(self, request: pb.IssueProofRequest, context: Context) -> pb.IssueProofResponse:
        proof = await self._proofs.issue(
            current_call().caller.id,
            request.request_id,
            request.above,
            request.shown_to,
            request.nonce,
            request.valid_hours,
        )
        token = self._signer.sign(proof)
        return pb.IssueProofResponse(
            proof_id=proof.proof_id, token=token, expires_at=timestamp_pb(proof.expires_at), qr_svg=_qr(token)
        )

    async def ListMyProofs(self, request: pb.ListMyProofsRequest, context: Context) -> pb.ListMyProofsResponse:
        found, more = await self._proofs.list_mine(current_call().caller.id, request.page_size, request.page_token)
        return pb.ListMyProofsResponse(proofs=[_proof(proof) for proof in found], next_page_token=more)

    async def GetProofKeys(self, request: pb.GetProofKeysRequest, context: Context) -> pb.GetProofKeysResponse:
        return pb.GetProofKeysResponse(jwks_json=json.dumps(self._signer.public_keys()))


def _proof(proof: Proof) -> pb.Proof:
    return pb.Proof(
        proof_id=proof.proof_id,
        above=proof.above,
        shown_to=proof.shown_to,
        issued_at=timestamp_pb(proof.issued_at),
        expires_at=timestamp_pb(proof.expires_at),
    )


def _qr(token: str) -> str:
    drawn = io.BytesIO()
    segno.make_qr(token, error="m").save(drawn, kind="svg", xmldecl=False)
    return drawn.getvalue().decode()
