"""A person takes a copy of everything held about them, and has themselves erased: for good, from every service."""

from __future__ import annotations

import asyncio
import io
import json
import time
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from cryptography.exceptions import InvalidTag
from deaths import kill
from joserfc import jwt
from joserfc.jwk import KeySet
from town import Town, a_town, new_id, refused

from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.identity.v1 import privacy_service_pb2 as privacy
from freehold.rental.v1 import rental_service_pb2 as rental
from freehold.scoring.v1 import scoring_service_pb2 as scoring
from services.cli.home import SERVICES
from services.cli.seeding import Renter
from services.identity.keys import load_keys
from services.identity.vault import Vault
from services.runtime.key_ring import FileKeyRing, KeysError
from services.runtime.postgres import EmbeddedPostgres
from services.runtime.postgres.places import places_of
from services.sandbox.people import Person, person
from services.values.sealed import Sealed

T = TypeVar("T")
JOB_SECONDS = 60.0
GONE = ("refresh_tokens", "consents", "partner_links", "accesses", "codes", "facts", "scores", "score_history")
ERASED = privacy.ERASURE_STATE_ERASED


async def _until(ask: Callable[[], Awaitable[T]], done: Callable[[T], bool]) -> T:
    ends = time.monotonic() + JOB_SECONDS
    while not done(answer := await ask()):
        assert time.monotonic() < ends, f"still {answer}"
        await asyncio.sleep(0.1)
    return answer


async def _export(town: Town, token: str) -> privacy.Export:
    request = privacy.ExportMyDataRequest(request_id=new_id())
    return (await town.api.call(town.api.privacy.ExportMyData, request, token)).export


async def _erase(town: Town, token: str) -> privacy.Erasure:
    request = privacy.EraseMeRequest(request_id=new_id())
    return (await town.api.call(town.api.privacy.EraseMe, request, token)).erasure


async def _erasure(town: Town, erasure_id: str, credential: str) -> privacy.Erasure:
    request = privacy.GetErasureRequest(erasure_id=erasure_id)
    return (await town.api.call(town.api.privacy.GetErasure, request, credential)).erasure


async def _download(town: Town, export_id: str, token: str) -> dict[str, Any]:
    stream = town.api.privacy.DownloadExport(
        privacy.DownloadExportRequest(export_id=export_id), metadata=(("authorization", f"Bearer {token}"),)
    )
    archive = zipfile.ZipFile(io.BytesIO(b"".join([piece.data async for piece in stream])))
    return {name: json.loads(archive.read(name)) for name in archive.namelist()}


async def _ready_copy(town: Town, token: str) -> dict[str, Any]:
    export = await _export(town, token)
    ask = privacy.GetExportRequest(export_id=export.export_id)
    await _until(
        lambda: town.api.call(town.api.privacy.GetExport, ask, token),
        lambda answer: answer.export.state == privacy.EXPORT_STATE_READY,
    )
    return await _download(town, export.export_id, token)


def _who(renter: Renter) -> Person:
    return person(int(renter.case.rpartition("-")[2]))


async def _settled_ride(town: Town, renter: Renter) -> rental.Rental:
    started = await town.start(renter.renter_id, await town.new_bike())
    await town.end(started.rental_id)
    return await town.until(started.rental_id, rental.RENTAL_STATE_SETTLED)


async def test_a_copy_holds_everything_from_every_service(town: Town) -> None:
    renter = await town.new_person(score=650)
    ride = await _settled_ride(town, renter)
    copy = await _ready_copy(town, renter.token)

    assert set(copy) == {"manifest.json", *(f"{service}.json" for service in SERVICES)}
    who, mine = _who(renter), copy["identity.json"]
    assert mine["person"]["document_number"] == who.resident_id_number
    assert (mine["person"]["full_name"], mine["person"]["phone"]) == (who.name, who.phone)
    assert [consent["purpose"] for consent in mine["consents"]] == ["DEPOSIT_SCORING"]
    assert mine["partner_links"][0]["partner_id"] == town.city.partner_id
    assert [one["rental_id"] for one in copy["rental.json"]["rentals"]] == [ride.rental_id]
    (deposit,) = copy["deposits.json"]["deposits"]
    assert (deposit["rental_id"], deposit["score"]) == (ride.rental_id, 650)
    assert copy["deposits.json"]["payment_methods"][0]["last4"]
    assert copy["scoring.json"]["score"][0]["assessment"]["lines"]
    assert {fact["kind"] for fact in copy["scoring.json"]["facts"]} >= {"JOINED", "DOCUMENT_VERIFIED"}

    accesses = await town.api.call(town.api.identity.ListAccesses, identity.ListAccessesRequest(), renter.token)
    assert (accesses.accesses[0].actor, accesses.accesses[0].reason) == ("renter", "export")


async def test_one_copy_at_a_time_and_nobody_elses(town: Town) -> None:
    renter, other = await asyncio.gather(town.new_person(), town.new_person())
    request = privacy.ExportMyDataRequest(request_id=new_id())
    first = (await town.api.call(town.api.privacy.ExportMyData, request, renter.token)).export
    again = (await town.api.call(town.api.privacy.ExportMyData, request, renter.token)).export
    assert again.export_id == first.export_id

    ask = privacy.GetExportRequest(export_id=first.export_id)
    refusal = await refused(town.api.call(town.api.privacy.GetExport, ask, other.token))
    assert refusal.reason == "EXPORT_NOT_FOUND"
    await _until(
        lambda: town.api.call(town.api.privacy.GetExport, ask, renter.token),
        lambda answer: answer.export.state == privacy.EXPORT_STATE_READY,
    )
    assert (await _export(town, renter.token)).export_id != first.export_id


async def test_an_open_rental_blocks_erasure_until_it_is_settled(town: Town) -> None:
    renter = await town.new_person(score=650)
    started = await town.start(renter.renter_id, await town.new_bike())
    erasure = await _erase(town, renter.token)
    assert erasure.state == privacy.ERASURE_STATE_PREPARING

    blocked = await _until(
        lambda: _erasure(town, erasure.erasure_id, renter.token),
        lambda found: all(step.state != privacy.ERASURE_STEP_STATE_ASKED for step in found.steps),
    )
    assert blocked.state == privacy.ERASURE_STATE_BLOCKED
    reasons = {step.service: list(step.reasons) for step in blocked.steps}
    assert reasons == {"rental": ["OPEN_RENTAL"], "deposits": ["OPEN_DEPOSIT"], "scoring": []}

    refusal = await refused(town.start(renter.renter_id, await town.new_bike()))
    assert refusal.reason == "RENTER_NOT_VERIFIED"
    await town.end(started.rental_id)
    await town.until(started.rental_id, rental.RENTAL_STATE_SETTLED)
    assert (await _erase(town, renter.token)).erasure_id == erasure.erasure_id
    await _until(lambda: _erasure(town, erasure.erasure_id, town.key), lambda found: found.state == ERASED)


async def test_a_person_who_changes_their_mind_goes_on(town: Town) -> None:
    renter = await town.new_person(score=650)
    started = await town.start(renter.renter_id, await town.new_bike())
    erasure = await _erase(town, renter.token)
    cancel = privacy.CancelErasureRequest(request_id=new_id(), erasure_id=erasure.erasure_id)
    for _ in range(2):
        answer = await town.api.call(town.api.privacy.CancelErasure, cancel, renter.token)
        assert answer.erasure.state == privacy.ERASURE_STATE_CANCELLED
    await town.end(started.rental_id)

    score = await town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), renter.token)
    assert score.unscored_reason == scoring.UNSCORED_REASON_NO_CONSENT
    again = await town.start(renter.renter_id, await town.new_bike())
    assert again.state == rental.RENTAL_STATE_ACTIVE
    await town.end(again.rental_id)


async def test_a_frozen_account_is_not_erased_because_it_may_be_in_wrong_hands(town: Town) -> None:
    renter = await town.new_person()
    freeze = identity.FreezeRenterRequest(request_id=new_id(), renter_id=renter.renter_id, reason="phone stolen")
    await town.api.call(town.api.identity.FreezeRenter, freeze, renter.token)
    assert (await refused(_erase(town, renter.token))).reason == "STATE_NOT_ALLOWED"


async def test_nothing_of_an_erased_person_is_found_anywhere(town: Town) -> None:
    renter = await town.new_person(score=650)
    who = _who(renter)
    await _settled_ride(town, renter)
    await _ready_copy(town, renter.token)
    refresh = await _tables(town, "refresh_tokens", renter.renter_id)
    assert refresh, "there is something to erase"
    before = await _opened(town)
    assert any(who.resident_id_number in text for text in before), "the search finds a person who is there"

    erasure = await _erase(town, renter.token)
    done = await _until(lambda: _erasure(town, erasure.erasure_id, town.operator), lambda found: found.state == ERASED)
    await _receipt_is_true(town, done)

    canaries = {who.name, who.resident_id_number, who.phone, who.phone.removeprefix("+86")}
    everything = await _rows(town) | _logs(town)
    assert [where for where, text in everything.items() if any(canary in text for canary in canaries)] == []
    assert not any(canary in text for text in await _opened(town) for canary in canaries)
    for table in (
        "refresh_tokens",
        "consents",
        "partner_links",
        "accesses",
        "codes",
        "facts",
        "scores",
        "score_history",
    ):
        assert await _tables(town, table, renter.renter_id) == [], table
    (deposit,) = await _tables(town, "deposits", renter.renter_id, "score, payment_ref, charged_minor")
    assert (deposit["score"], deposit["payment_ref"]) == (None, "")
    assert deposit["charged_minor"] > 0, "the books stay"

    for call in (
        town.api.call(town.api.scoring.GetMyScore, scoring.GetMyScoreRequest(), renter.token),
        town.start(renter.renter_id, await town.new_bike()),
        _erase(town, renter.token),
        _export(town, renter.token),
    ):
        assert (await refused(call)).reason == "RENTER_NOT_FOUND"
    fresh = await town.api.call(town.api.identity.RegisterRenter, _registration(who), town.key)
    assert fresh.renter.renter_id != renter.renter_id, "the document can be registered again"


def _registration(who: Person) -> identity.RegisterRenterRequest:
    return identity.RegisterRenterRequest(
        request_id=new_id(),
        document_type=identity.DOCUMENT_TYPE_RESIDENT_ID_CARD,
        document_number=who.resident_id_number,
        full_name=who.name,
        phone=who.phone,
    )


async def _receipt_is_true(town: Town, done: privacy.Erasure) -> None:
    keys = await town.api.call(town.api.identity.GetTokenKeys, identity.GetTokenKeysRequest(), town.key)
    receipt = jwt.decode(done.receipt, KeySet.import_key_set(json.loads(keys.jwks_json)), algorithms=["Ed25519"])
    assert receipt.claims["aud"] == "erasure-receipt"
    assert receipt.claims["erasure_id"] == done.erasure_id
    parts = receipt.claims["services"]
    assert set(parts) == set(SERVICES)
    assert parts["scoring"]["erased"]["facts"] > 0
    assert parts["rental"]["kept"] == {"rentals": 1}
    ask = scoring.GetMyScoreRequest()
    refusal = await refused(town.api.call(town.api.scoring.GetMyScore, ask, done.receipt))
    assert refusal.reason == "CREDENTIALS_INVALID", "a receipt is no credential"


def _dsn(town: Town, service: str) -> str:
    return EmbeddedPostgres(town.ready.home.path).dsn(service)


async def _rows(town: Town) -> dict[str, str]:
    """Every row of every table of every service, as text; bytes as they are, too."""
    found: dict[str, str] = {}
    for service in SERVICES:
        connection = await asyncpg.connect(_dsn(town, service))
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            rows = await connection.fetch(f"SELECT t.* FROM {table} t")
            found[f"{service}.{table}"] = "\n".join(_text(value) for row in rows for value in row.values())
        await connection.close()
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _logs(town: Town) -> dict[str, str]:
    files = [*town.ready.home.logs.rglob("*.log"), places_of(town.ready.home.path).root / "server.log"]
    return {file.name: file.read_text(errors="replace") for file in files}


async def _opened(town: Town) -> list[str]:
    """Everything in identity's tables that the keys of this house open, whoever it belongs to."""
    keys = town.ready.home.keys
    vault = Vault(load_keys(keys), FileKeyRing(keys))
    connection = await asyncpg.connect(_dsn(town, "identity"))
    people = await connection.fetch("SELECT renter_id, wrapped_key, sealed, key_version FROM renters")
    parts = await connection.fetch("SELECT renter_id, sealed FROM export_parts")
    await connection.close()
    sealed = {row["renter_id"]: Sealed(row["wrapped_key"], row["sealed"], row["key_version"]) for row in people}
    texts = []
    for renter_id, data in sealed.items():
        try:
            opened = vault.open(renter_id, data)
        except (InvalidTag, KeysError, ValueError):
            continue
        texts.append(f"{opened.full_name} {opened.document_number} {opened.phone} {opened.birth_date}")
    texts += [str(vault.open_part(row["renter_id"], sealed[row["renter_id"]], row["sealed"])) for row in parts]
    return texts


async def _tables(town: Town, table: str, renter_id: str, columns: str = "renter_id") -> list[Any]:
    for service in SERVICES:
        connection = await asyncpg.connect(_dsn(town, service))
        try:
            return await connection.fetch(f"SELECT {columns} FROM {table} WHERE renter_id = $1", renter_id)
        except asyncpg.UndefinedTableError:
            continue
        finally:
            await connection.close()
    pytest.fail(f"no service has a table {table}")


async def test_an_erasure_comes_to_its_end_whatever_dies_meanwhile(tmp_path: Path) -> None:
    async with a_town(tmp_path / "house", patience_seconds=30.0) as town:
        renter = await town.new_person(score=650)
        await _settled_ride(town, renter)
        erasure = await _erase(town, renter.token)
        for name in ("deposits", "identity", "scoring", "rental", "postgres"):
            await kill(town.ready, name)
            await asyncio.sleep(1.0)
        done = await _until(
            lambda: _erasure(town, erasure.erasure_id, town.operator), lambda found: found.state == ERASED
        )
        assert {step.service for step in done.steps} == set(SERVICES)
        assert await _tables(town, "facts", renter.renter_id) == []
        assert (await _tables(town, "deposits", renter.renter_id, "score"))[0]["score"] is None
