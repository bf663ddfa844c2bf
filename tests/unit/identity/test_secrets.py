"""The vault, the keys and the tokens: what is sealed stays so, what is forged is refused."""

from __future__ import annotations

import asyncio
import json
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey

from services.identity.domain import Person
from services.identity.domain.documents import DocumentType
from services.identity.keys import (
    create_keys,
    load_keys,
    mint_operator_token,
    sign_token,
    verification_keys,
)
from services.identity.vault import Vault
from services.runtime.authenticators import Credentials, KnownKey
from services.runtime.key_ring import FileKeyRing, KeysError, create_next_key
from services.sandbox.people import person
from services.values.callers import Role
from services.values.errors import Refusal

HOUR = timedelta(hours=1)


def somebody(index: int = 3) -> Person:
    """One of the invented people."""
    who = person(index)
    number = who.resident_id_number
    return Person(DocumentType.RESIDENT_ID_CARD, number, who.name, who.phone, who.birth_date, number, date(2049, 1, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Fresh keys."""
    create_keys(tmp_path / "keys")
    return tmp_path / "keys"


def test_what_is_sealed_opens_for_its_own_renter_only(folder: Path) -> None:
    vault, who = Vault(load_keys(folder), FileKeyRing(folder)), somebody()
    sealed = vault.seal("rnt_a", who)
    assert vault.open("rnt_a", sealed) == who
    with pytest.raises(InvalidTag):
        vault.open("rnt_b", sealed)


def test_each_byte_that_is_changed_is_noticed(folder: Path) -> None:
    vault = Vault(load_keys(folder), FileKeyRing(folder))
    sealed = vault.seal("rnt_a", somebody())
    for name in ("wrapped_key", "data"):
        content = getattr(sealed, name)
        for place in (0, 12, len(content) - 1):
            broken = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
            with pytest.raises(InvalidTag):
                vault.open("rnt_a", replace(sealed, **{name: broken}))


def test_nothing_shows_in_what_is_sealed_and_nothing_repeats(folder: Path) -> None:
    vault, who = Vault(load_keys(folder), FileKeyRing(folder)), somebody()
    first, second = vault.seal("rnt_a", who), vault.seal("rnt_a", who)
    assert first.data != second.data
    assert first.wrapped_key != second.wrapped_key
    for value in (who.full_name, who.document_number, who.phone):
        assert value.encode() not in first.data + first.wrapped_key


def test_the_blind_index_finds_a_document_and_needs_the_key(folder: Path, tmp_path: Path) -> None:
    create_keys(tmp_path / "others")
    vault, other = (
        Vault(load_keys(folder), FileKeyRing(folder)),
        Vault(load_keys(tmp_path / "others"), FileKeyRing(tmp_path / "others")),
    )
    kind, number = DocumentType.RESIDENT_ID_CARD, somebody().document_number
    assert vault.document_index(kind, number) == vault.document_index(kind, number)
    assert vault.document_index(kind, number) != vault.document_index(kind, somebody(4).document_number)
    assert vault.document_index(kind, number) != other.document_index(kind, number)
    assert vault.fingerprint(somebody()) != other.fingerprint(somebody())


def test_a_code_is_hashed_for_its_renter(folder: Path) -> None:
    vault = Vault(load_keys(folder), FileKeyRing(folder))
    assert vault.code_hash("rnt_a", "123456") != vault.code_hash("rnt_b", "123456")
    assert vault.key_hash(b"1" * 32) != vault.key_hash(b"2" * 32)


def test_keys_are_made_once_and_readable_by_their_owner_only(folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    create_keys(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())
    assert "b'" not in repr(load_keys(folder))


@pytest.mark.parametrize("name", ["kek.key", "blind_index.key", "api_key_pepper.key", "token_signing.pem"])
def test_a_key_that_is_missing_or_short_is_named_not_shown(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"short")
    with pytest.raises(KeysError, match="missing or malformed"):
        Vault(load_keys(folder), FileKeyRing(folder))
    (folder / name).unlink()
    with pytest.raises(KeysError):
        Vault(load_keys(folder), FileKeyRing(folder))


def test_a_new_key_is_noticed_and_the_old_one_still_opens(folder: Path) -> None:
    vault, who = Vault(load_keys(folder), FileKeyRing(folder)), somebody()
    old = vault.seal("rnt_a", who)
    assert (old.key_version, create_next_key(folder), vault.active_key()) == (1, 2, 2)
    new, moved = vault.seal("rnt_a", who), vault.rewrap("rnt_a", old)
    assert (new.key_version, moved.key_version) == (2, 2)
    assert moved.data == old.data, "only the key is wrapped again"
    for sealed in (old, new, moved):
        assert vault.open("rnt_a", sealed) == who
    (folder / "kek.key").unlink()
    later = Vault(load_keys(folder), FileKeyRing(folder))
    assert later.open("rnt_a", moved) == who
    with pytest.raises(KeysError, match="no key-encryption key 1"):
        later.open("rnt_a", old)


def test_another_copy_that_has_not_looked_yet_finds_the_new_key_when_it_needs_it(folder: Path) -> None:
    ahead, behind = (Vault(load_keys(folder), FileKeyRing(folder)) for _ in range(2))
    create_next_key(folder)
    assert ahead.active_key() == 2
    assert behind.open("rnt_a", ahead.seal("rnt_a", somebody())) == somebody()


class Gate:
    """Authenticates as every service does."""

    def __init__(self, folder: Path) -> None:
        self.keys = load_keys(folder)
        self._credentials = Credentials(self._resolve, self._fetch)

    async def _resolve(self, digests: list[bytes]) -> list[KnownKey | Refusal]:
        raise AssertionError("no API key is shown here")

    async def _fetch(self) -> KeySet:
        return verification_keys(self.keys)

    async def reason(self, token: str) -> str:
        """Why a token is refused."""
        with pytest.raises(Refusal) as caught:
            await self._credentials.authenticate(token)
        return caught.value.reason

    async def admit(self, token: str) -> Any:
        """Whose token it is."""
        return await self._credentials.authenticate(token)


def signed(folder: Path, now: datetime | None = None, role: str = "renter", **claims: Any) -> str:
    """A renter's token, or somebody's who would like to be more."""
    token, _ = sign_token(load_keys(folder), role, "rnt_a", now or datetime.now(UTC), HOUR, **claims)
    return token


async def test_a_token_says_who_for_an_hour(folder: Path) -> None:
    caller = await Gate(folder).admit(signed(folder, partner_id="ptn_1"))
    assert (caller.role, caller.id, caller.partner_id) == (Role.RENTER, "rnt_a", "ptn_1")
    ended = signed(folder, datetime.now(UTC) - HOUR - timedelta(seconds=10))
    assert await Gate(folder).reason(ended) == "CREDENTIALS_EXPIRED"


async def test_a_token_that_was_right_ends_also_where_it_is_remembered(folder: Path) -> None:
    gate = Gate(folder)
    short, _ = sign_token(gate.keys, "renter", "rnt_a", datetime.now(UTC), timedelta(seconds=1))
    await gate.admit(short)
    await asyncio.sleep(1.1)
    assert await gate.reason(short) == "CREDENTIALS_EXPIRED"


async def test_another_key_another_audience_and_another_role_are_refused(folder: Path, tmp_path: Path) -> None:
    create_keys(tmp_path / "others")
    gate = Gate(folder)
    forged = signed(tmp_path / "others")
    assert await gate.reason(forged) == "CREDENTIALS_INVALID"
    for claims in ({"aud": "elsewhere"}, {"iss": "nobody"}):
        assert await gate.reason(signed(folder, **claims)) == "CREDENTIALS_INVALID"
    for role in ("partner", "service", ""):
        assert await gate.reason(signed(folder, role=role)) == "CREDENTIALS_INVALID"


async def test_algorithms_are_not_chosen_by_the_token(folder: Path) -> None:
    gate = Gate(folder)
    _, body, _ = signed(folder).split(".")
    none = urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    assert await gate.reason(f"{none}.{body}.") == "CREDENTIALS_INVALID"

    claims = json.loads(urlsafe_b64decode(body + "=="))
    public = json.dumps(verification_keys(gate.keys).as_dict(private=False)).encode()
    confused = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(public))
    assert await gate.reason(confused) == "CREDENTIALS_INVALID"


async def test_an_edited_token_is_refused(folder: Path) -> None:
    gate = Gate(folder)
    header, body, signature = signed(folder).split(".")
    claims = json.loads(urlsafe_b64decode(body + "==")) | {"sub": "rnt_b", "role": "operator"}
    edited = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    for token in (f"{header}.{edited}.{signature}", f"{header}.{body}.", f"{header}.{body}", "a.b.c", "."):
        assert await gate.reason(token) == "CREDENTIALS_INVALID"


async def test_operators_get_a_token_for_a_bounded_time(folder: Path) -> None:
    caller = await Gate(folder).admit(mint_operator_token(folder, "ann", 1, datetime.now(UTC)))
    assert (caller.role, caller.id) == (Role.OPERATOR, "ann")
    for hours in (0, 24 * 30 + 1):
        with pytest.raises(KeysError):
            mint_operator_token(folder, "ann", hours, datetime.now(UTC))
