"""A proof is good for one reader, for some hours, unchanged; it says nothing else, and it is no credential."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.keys import create_keys, load_keys, verification_keys
from services.runtime.authenticators import Credentials
from services.runtime.key_ring import KeysError
from services.scoring.domain.proofs import draft
from services.scoring.signing import FIRST_SIGNING_KEY, ProofError, Signer, create_signing_key, verify
from services.values.errors import Refusal

NOON = datetime(2026, 11, 23, 12, 30, 15, 999, tzinfo=UTC)
READER, NONCE = "李房东, 24 Nov", "n-7"
RENTER = "rnt_somebody"
PROOF = draft("prf_1", RENTER, 650, READER, NONCE, 48, NOON)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A signer with one key."""
    folder = tmp_path_factory.mktemp("keys")
    create_signing_key(folder / FIRST_SIGNING_KEY)
    return Signer(folder)


def good(signer: Signer, token: str, **changed: Any) -> dict[str, Any]:
    """Verifies as the reader would."""
    asked = {"keys": signer.public_keys(), "now": NOON, "shown_to": READER, "nonce": NONCE} | changed
    return verify(token, **asked)


def test_it_states_the_line_the_day_and_the_reader_and_nothing_else(signer: Signer) -> None:
    claims = good(signer, signer.sign(PROOF))
    assert claims == {
        "iss": "freehold-scoring",
        "aud": "freehold-proof",
        "jti": "prf_1",
        "iat": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 48 * 3600,
        "above": 650,
        "on": "2026-11-23",
        "shown_to": READER,
        "nonce": NONCE,
        "purpose": "deposit_waiver",
    }
    assert RENTER not in json.dumps(claims)
    assert signer.sign(PROOF) == signer.sign(PROOF)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"now": NOON + timedelta(hours=48)}, "run out"),
        ({"now": NOON - timedelta(hours=1)}, "not come yet"),
        ({"shown_to": "somebody else"}, "somebody else"),
        ({"nonce": "n-8"}, "another occasion"),
        ({"keys": {"keys": []}}, "no proof of ours"),
    ],
)
def test_it_is_good_for_nobody_else_and_at_no_other_time(signer: Signer, changed: Any, says: str) -> None:
    with pytest.raises(ProofError, match=says):
        good(signer, signer.sign(PROOF), **changed)
    assert good(signer, signer.sign(PROOF), now=NOON + timedelta(hours=47, minutes=59))["above"] == 650


@given(place=st.integers(0, 10_000), letter=st.sampled_from("ABCDabcd0123-_."))
def test_a_changed_letter_makes_it_worthless(signer: Signer, place: int, letter: str) -> None:
    token = signer.sign(PROOF)
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    if _meaning(changed) == _meaning(token):
        return
    with pytest.raises(ProofError):
        good(signer, changed)


def _meaning(token: str) -> list[bytes] | None:
    """The bytes of its three parts: the last bits of a base64 letter may mean nothing."""
    try:
        return [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]
    except ValueError:
        return None


@given(st.text(max_size=200))
def test_any_text_is_a_proof_or_is_told_to_be_none(signer: Signer, text: str) -> None:
    with pytest.raises(ProofError):
        good(signer, text)


def test_the_next_key_signs_and_the_older_ones_verify(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="missing"):
        Signer(tmp_path)
    create_signing_key(tmp_path / FIRST_SIGNING_KEY)
    before = Signer(tmp_path).sign(PROOF)
    create_signing_key(tmp_path / "proof_signing.2.pem")
    both = Signer(tmp_path)
    assert both.sign(PROOF) != before
    assert len(both.public_keys()["keys"]) == 2
    assert "d" not in both.public_keys()["keys"][0], "the public half only"
    for token in (before, both.sign(PROOF)):
        assert good(both, token)["jti"] == "prf_1"


async def test_it_is_no_credential_even_under_identity_s_own_key(tmp_path: Path) -> None:
    create_keys(tmp_path)
    keys = load_keys(tmp_path)
    (tmp_path / FIRST_SIGNING_KEY).write_bytes((tmp_path / "token_signing.pem").read_bytes())
    token = Signer(tmp_path).sign(PROOF)

    async def fetch() -> Any:
        return verification_keys(keys)

    async def resolve(digests: list[bytes]) -> list[Any]:
        return [Refusal for _ in digests]

    with pytest.raises(Refusal, match="CREDENTIALS"):
        await Credentials(resolve, fetch).authenticate(token)
