"""Credentials that an attacker might show, against a running house: each is refused with the right code."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jws
from joserfc.jwk import OKPKey
from town import Town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.identity.keys import load_keys
from services.sandbox.people import person
from services.values.errors import Category

INVALID, EXPIRED = "CREDENTIALS_INVALID", "CREDENTIALS_EXPIRED"


def part(value: Any) -> str:
    """JSON as a part of a token."""
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Forger:
    """Has the house's own signing key, a key of their own, and a good token to start from."""

    def __init__(self, town: Town) -> None:
        self.good = town.renter("above").token
        self.header, self.body, self.signature = self.good.split(".")
        self.claims: dict[str, Any] = json.loads(urlsafe_b64decode(self.body + "=="))
        self.key = load_keys(town.ready.home.keys).signing
        self.own = OKPKey.generate_key("Ed25519")

    def signed(self, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token with these claims instead, signed by the house's key unless by another."""
        merged = {name: value for name, value in (self.claims | claims).items() if value is not None}
        protected = {"alg": "Ed25519", "kid": self.key.kid, "typ": "JWT"} | (header or {})
        registry = jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
        return jws.serialize_compact(protected, json.dumps(merged).encode(), key or self.key, registry=registry)

    def confused(self, form: str) -> str:
        """Signed by HMAC with the public key as the secret, in one of the forms that libraries read."""
        public = self.key.public_key
        secret = {
            "pem": public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            "raw": public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw),
            "jwk": json.dumps(self.key.as_dict(private=False)).encode(),
        }[form]
        message = f"{part({'alg': 'HS256', 'kid': self.key.kid, 'typ': 'JWT'})}.{self.body}"
        signature = hmac.digest(secret, message.encode(), "sha256")
        return f"{message}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def by_hand(self, header: dict[str, Any]) -> str:
        """Signed by the house's key with a header that libraries do not write."""
        message = f"{part({'alg': 'Ed25519', 'kid': self.key.kid} | header)}.{self.body}"
        signature = self.key.private_key.sign(message.encode())
        return f"{message}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


NOW = int(time.time())
ATTACKS: dict[str, tuple[Callable[[Forger], str], str]] = {
    "no algorithm": (lambda f: f"{part({'alg': 'none'})}.{f.body}.", INVALID),
    "no algorithm, in capitals": (lambda f: f"{part({'alg': 'NONE'})}.{f.body}.{f.signature}", INVALID),
    "algorithm confusion with the PEM": (lambda f: f.confused("pem"), INVALID),
    "algorithm confusion with the raw key": (lambda f: f.confused("raw"), INVALID),
    "algorithm confusion with the JWK": (lambda f: f.confused("jwk"), INVALID),
    "another key": (lambda f: f.signed(f.own), INVALID),
    "another key under the right id": (lambda f: f.signed(f.own, {"kid": f.key.kid}), INVALID),
    "a key that the token brings along": (
        lambda f: f.signed(f.own, {"jwk": f.own.as_dict(private=False), "kid": "x"}),
        INVALID,
    ),
    "a key at an address": (lambda f: f.signed(f.own, {"jku": "http://127.0.0.1:1/keys", "kid": "x"}), INVALID),
    "a key id that is a path": (lambda f: f.signed(f.own, {"kid": "../../keys/token_signing.pem"}), INVALID),
    "a key id that is SQL": (lambda f: f.signed(f.own, {"kid": "' OR 1=1 --"}), INVALID),
    "an extension that must be understood": (lambda f: f.by_hand({"crit": ["b64"], "b64": False}), INVALID),
    "another audience": (lambda f: f.signed(aud="elsewhere"), INVALID),
    "no audience": (lambda f: f.signed(aud=None), INVALID),
    "another issuer": (lambda f: f.signed(iss="somebody"), INVALID),
    "expired": (lambda f: f.signed(exp=NOW - 60), EXPIRED),
    "no expiry": (lambda f: f.signed(exp=None), INVALID),
    "an expiry that is a text": (lambda f: f.signed(exp="never"), INVALID),
    "not yet valid": (lambda f: f.signed(nbf=NOW + 3600), INVALID),
    "no subject": (lambda f: f.signed(sub=None), INVALID),
    "a role that tokens do not have": (lambda f: f.signed(role="service"), INVALID),
    "a partner by token": (lambda f: f.signed(role="partner"), INVALID),
    "an edited subject": (lambda f: f"{f.header}.{part(f.claims | {'sub': 'rnt_x'})}.{f.signature}", INVALID),
    "an edited role": (lambda f: f"{f.header}.{part(f.claims | {'role': 'operator'})}.{f.signature}", INVALID),
    "half a signature": (lambda f: f"{f.header}.{f.body}.{f.signature[:40]}", INVALID),
    "no signature": (lambda f: f"{f.header}.{f.body}.", INVALID),
    "two parts": (lambda f: f"{f.header}.{f.body}", INVALID),
    "five parts": (lambda f: f"{f.good}.{f.body}.{f.signature}", INVALID),
    "claims that are no object": (lambda f: f"{f.header}.{part([1])}.{f.signature}", INVALID),
    "nothing": (lambda f: "", INVALID),
    "an unknown API key": (lambda f: f"fhk_{'A' * 43}", INVALID),
    "a very long credential": (lambda f: "fhk_" + "A" * 6000, INVALID),
}


@pytest.mark.parametrize("name", list(ATTACKS))
async def test_a_forged_credential_is_refused(town: Town, name: str) -> None:
    forge, reason = ATTACKS[name]
    credential = forge(Forger(town))
    calls = [
        town.api.call(town.api.identity.ListConsents, identity.ListConsentsRequest(), credential),
        town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), credential),
        town.api.call(town.api.rental.ListRentals, rental.ListRentalsRequest(), credential),
    ]
    for call in calls:
        refusal = await refused(call)
        assert (refusal.category, refusal.reason) == (Category.UNAUTHENTICATED, reason)
        assert credential[:20] not in str(refusal) or not credential


async def test_the_good_token_is_good(town: Town) -> None:
    forger = Forger(town)
    for token in (forger.good, forger.signed(), forger.by_hand({"typ": "JWT"})):
        await town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), token)


async def test_a_revoked_key_ends_everywhere_within_a_second(town: Town) -> None:
    create = identity.CreateApiKeyRequest(
        request_id=new_id(), partner_id=town.city.partner_id, display_name="soon gone"
    )
    made = await town.api.call(town.api.identity.CreateApiKey, create, town.operator)
    doors = [
        lambda: town.api.call(town.api.rental.ListRentals, rental.ListRentalsRequest(), made.secret),
        lambda: town.api.call(town.api.deposits.ListDeposits, deposits.ListDepositsRequest(), made.secret),
    ]
    for door in doors:
        await door()
    revoke = identity.RevokeApiKeyRequest(request_id=new_id(), api_key_id=made.api_key.api_key_id)
    await town.api.call(town.api.identity.RevokeApiKey, revoke, town.operator)
    await asyncio.sleep(1.0)
    for door in doors:
        assert (await refused(door())).reason == INVALID


async def test_a_replayed_refresh_token_ends_the_session(town: Town) -> None:
    renter = await town.new_person(score=None)
    phone = person(int(renter.case.rpartition("-")[2])).phone
    before = await town.inbox.message_ids(phone)
    send = identity.SendRenterCodeRequest(request_id=new_id(), renter_id=renter.renter_id)
    await town.api.call(town.api.identity.SendRenterCode, send, town.key)
    code = await town.inbox.code(phone, before)
    issue = identity.IssueRenterTokenRequest(request_id=new_id(), renter_id=renter.renter_id, code=code)
    issued = await town.api.call(town.api.identity.IssueRenterToken, issue, town.key)

    def refresh(token: str, key: str = "") -> Any:
        request = identity.RefreshRenterTokenRequest(request_id=uuid.uuid4().hex, refresh_token=token)
        return town.api.call(town.api.identity.RefreshRenterToken, request, key or town.key)

    assert (await refused(refresh(issued.refresh_token, await town.other_partner()))).reason == "REFRESH_TOKEN_INVALID"
    following = await refresh(issued.refresh_token)
    assert (await refused(refresh(issued.refresh_token))).reason == "REFRESH_TOKEN_INVALID"
    assert (await refused(refresh(following.refresh_token))).reason == "REFRESH_TOKEN_INVALID"
    as_bearer = town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), following.refresh_token)
    assert (await refused(as_bearer)).reason == INVALID
    keys = await town.api.call(town.api.identity.GetTokenKeys, identity.GetTokenKeysRequest(), following.token)
    (published,) = json.loads(keys.jwks_json)["keys"]
    assert published["crv"] == "Ed25519"
    assert "d" not in published, "the private half stays at home"
