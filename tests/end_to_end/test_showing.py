"""A proof from the person's hand to a reader who asks nobody: issued, drawn as a QR code, verified offline."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import segno
from town import Town, new_id, refused

from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.scoring.v1 import proof_service_pb2 as proofs
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.seeding import Renter

READER = "Landlord Li"


async def issue(town: Town, renter: Renter, above: int = 650, request_id: str = "", **more: Any) -> Any:
    """IssueProof, as the renter."""
    request = proofs.IssueProofRequest(request_id=request_id or new_id(), above=above, **({"shown_to": READER} | more))
    return await town.api.call(town.api.proofs.IssueProof, request, renter.token)


async def verify(keys: Path, token: str, *more: str) -> tuple[int, str]:
    """`freehold proof verify`, which calls nobody."""
    arguments = ("proof", "verify", token, "--keys", str(keys), *more)
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(command.communicate(), 60)
    return command.returncode or 0, said.decode()


async def test_a_person_shows_that_they_lie_above_a_line_and_a_reader_verifies_it_alone(
    town: Town, tmp_path: Path
) -> None:
    renter = await town.new_person(score=651)
    known = await issue(town, renter, request_id="p1", nonce="asked-7", valid_hours=2)
    assert await issue(town, renter, request_id="p1", nonce="asked-7", valid_hours=2) == known
    keys = tmp_path / "keys.json"
    keys.write_text((await town.api.proofs.GetProofKeys(proofs.GetProofKeysRequest(), timeout=5)).jwks_json)
    code, said = await verify(keys, known.token, "--shown-to", READER, "--nonce", "asked-7")
    assert (code, "above 650" in said) == (0, True), said
    for more, why in (
        (("--shown-to", "Somebody Else"), "somebody else"),
        (("--shown-to", READER, "--nonce", "asked-8"), "another occasion"),
    ):
        code, said = await verify(keys, known.token, *more)
        assert (code, why in said) == (1, True), said
    code, said = await verify(keys, known.token[:-4] + "AAAA", "--shown-to", READER)
    assert (code, "no proof of ours" in said) == (1, True), said
    assert known.qr_svg.startswith("<svg")
    drawn = segno.make_qr(known.token, error="m")
    assert f'width="{drawn.symbol_size()[0]}"' in known.qr_svg
    for secret in ("651", renter.renter_id):
        assert secret not in known.token

    mine = await town.api.call(town.api.proofs.ListMyProofs, proofs.ListMyProofsRequest(), renter.token)
    assert [(one.proof_id, one.above, one.shown_to) for one in mine.proofs] == [(known.proof_id, 650, READER)]
    as_bearer = town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), known.token)
    assert (await refused(as_bearer)).reason == "CREDENTIALS_INVALID"


async def test_what_is_not_so_or_not_consented_to_is_not_stated(town: Town) -> None:
    at_the_line, unknown = await town.new_person(score=650), await town.new_person()
    for renter in (at_the_line, unknown):
        assert (await refused(issue(town, renter))).reason == "SCORE_NOT_ABOVE"
    refusal = await refused(issue(town, at_the_line, above=651))
    assert (refusal.reason, refusal.violations[0].field) == ("INVALID_FIELD", "above")
    first = await issue(town, at_the_line, above=600, request_id="p1")
    refusal = await refused(issue(town, at_the_line, above=550, request_id="p1"))
    assert refusal.reason == "REQUEST_ID_REUSED"
    withdraw = identity.WithdrawAllConsentsRequest(request_id=new_id())
    await town.api.call(town.api.identity.WithdrawAllConsents, withdraw, at_the_line.token)
    assert (await refused(issue(town, at_the_line, above=600))).reason == "CONSENT_REQUIRED"
    assert (await issue(town, at_the_line, above=600, request_id="p1")).token == first.token, "what was issued stays"
