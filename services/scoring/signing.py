"""The keys that sign proofs: numbered files in a folder, the highest signs, all of them verify. And how one is read.

A proof is a JSON Web Token of a type and an audience of its own, so that it is no credential anywhere.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from services.runtime.authenticators import ALGORITHM
from services.runtime.key_ring import KeysError, write_secret
from services.scoring.domain.proofs import AUDIENCE, ISSUER, TYPE, Proof

_FILE = re.compile(r"proof_signing(?:\.([1-9][0-9]{0,5}))?\.pem")
FIRST_SIGNING_KEY = "proof_signing.pem"


class ProofError(Exception):
    """A token is not a proof, or not a good one for this reader now; the message says why in plain words."""


def create_signing_key(file: Path) -> None:
    """Makes a key for its owner only; one that exists is left alone."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(file, pem)


class Signer:
    """Signs proofs. Raises KeysError when the folder has no key."""

    def __init__(self, folder: Path) -> None:
        keys = [OKPKey.import_key(file.read_bytes()) for _, file in sorted(_files(folder).items())]
        if not keys:
            raise KeysError(f"{folder}: {FIRST_SIGNING_KEY} is missing")
        for key in keys:
            key.ensure_kid()
        self._signing = keys[-1]
        self._public = KeySet([OKPKey.import_key(key.as_dict(private=False)) for key in keys])

    def sign(self, proof: Proof) -> str:
        """The token; the same proof gives the same token as long as the key stays."""
        header = {"alg": ALGORITHM, "kid": self._signing.kid, "typ": TYPE}
        return jwt.encode(header, proof.claims(), self._signing, algorithms=[ALGORITHM])

    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that verifies."""
        return dict(self._public.as_dict(private=False))


def verify(token: str, keys: dict[str, Any], now: datetime, shown_to: str, nonce: str = "") -> dict[str, Any]:
    """The claims of a proof that is good now, for this reader.

    Args:
        keys: the JSON Web Key Set of `GetProofKeys`.
        shown_to: whom it has to be for.
        nonce: what it has to repeat, if anything was asked for.

    Raises:
        ProofError: it is none, was changed, has run out, or is for somebody else.
    """
    try:
        read = jwt.decode(token, KeySet.import_key_set(keys), algorithms=[ALGORITHM])  # type: ignore[arg-type]
    except (JoseError, ValueError, KeyError, TypeError):
        raise ProofError("this is no proof of ours, or it was changed") from None
    claims = read.claims
    if (read.header.get("typ"), claims.get("iss"), claims.get("aud")) != (TYPE, ISSUER, AUDIENCE):
        raise ProofError("this is signed by us and is no proof")
    if not claims["iat"] - 300 <= now.timestamp() < claims["exp"]:
        raise ProofError("it has run out, or its time has not come yet")
    if claims["shown_to"] != shown_to:
        raise ProofError("it was made for somebody else")
    if nonce and claims.get("nonce") != nonce:
        raise ProofError("it was made for another occasion")
    return dict(claims)


def _files(folder: Path) -> dict[int, Path]:
    found = ((_FILE.fullmatch(file.name), file) for file in folder.glob("proof_signing*.pem"))
    return {int(match[1] or 1): file for match, file in found if match}
