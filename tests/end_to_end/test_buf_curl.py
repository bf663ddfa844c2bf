"""A stranger with a generic gRPC client and no protos of ours: reflection tells them all they need."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from google.rpc import error_details_pb2
from town import Town, a_town, new_id, refused

from freehold.identity.v1 import identity_service_pb2 as identity
from services.cli.api import Api
from services.sandbox.people import person
from services.values.errors import Category

BUF = Path(sys.executable).with_name("buf")
STRANGER = 31_000


async def curl(town: Town, folder: Path, method: str, body: dict[str, Any], credential: str) -> dict[str, Any]:
    """What `buf curl` prints: the answer, or the error with its details."""
    service = method.split(".")[1]
    authority = town.ready.public_authority
    arguments = ["curl", "--protocol", "grpc", "--data", json.dumps(body)]
    arguments += ["--http2-prior-knowledge"] if authority is None else ["--cacert", str(authority)]
    arguments += ["--header", f"authorization: Bearer {credential}"]
    arguments += [f"{'http' if authority is None else 'https'}://{town.ready.public[service]}/{method}"]
    process = await asyncio.create_subprocess_exec(
        BUF,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={"HOME": str(folder), "BUF_CACHE_DIR": str(folder)},
    )
    answered, failed = await asyncio.wait_for(process.communicate(), 60)
    shown: dict[str, Any] = json.loads(answered or failed)
    return shown


async def test_registers_a_renter_starts_and_ends_a_rental(town: Town, tmp_path: Path) -> None:
    somebody, bike = person(STRANGER), await town.new_bike()
    registered = await curl(
        town,
        tmp_path,
        "freehold.identity.v1.IdentityService/RegisterRenter",
        {
            "requestId": new_id(),
            "documentType": "DOCUMENT_TYPE_RESIDENT_ID_CARD",
            "documentNumber": somebody.resident_id_number,
            "fullName": somebody.name,
            "phone": somebody.phone,
        },
        town.key,
    )
    assert registered["renter"]["state"] == "RENTER_STATE_VERIFIED"
    renter_id = registered["renter"]["renterId"]
    add = {"requestId": new_id(), "renterId": renter_id, "processorToken": "tok_visa"}
    await curl(town, tmp_path, "freehold.deposits.v1.DepositsService/AddPaymentMethod", add, town.key)

    start = {"requestId": new_id(), "renterId": renter_id, "assetCode": bike}
    started = await curl(town, tmp_path, "freehold.rental.v1.RentalService/StartRental", start, town.key)
    assert started["rental"]["state"] == "RENTAL_STATE_ACTIVE"
    assert started["rental"]["depositState"] == "DEPOSIT_STATE_HELD"
    end = {"requestId": new_id(), "rentalId": started["rental"]["rentalId"]}
    ended = await curl(town, tmp_path, "freehold.rental.v1.RentalService/EndRental", end, town.key)
    assert ended["rental"]["charge"] == {"currencyCode": "CNY", "amountMinor": "150"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("requestId", "no spaces"),
        ("renterId", "rnt_nobody"),
        ("assetCode", ""),
        ("paymentMethodId", "4242424242424242"),
    ],
)
async def test_wrong_input_is_a_typed_error_that_names_the_field(
    town: Town, tmp_path: Path, field: str, value: str
) -> None:
    body = {"requestId": new_id(), "renterId": town.renter("above").renter_id, "assetCode": "BIKE-0001", field: value}
    failed = await curl(town, tmp_path, "freehold.rental.v1.RentalService/StartRental", body, town.key)
    assert failed["code"] == "invalid_argument"
    assert [detail["type"] for detail in failed["details"]] == ["google.rpc.ErrorInfo", "google.rpc.BadRequest"]
    info, bad = (b64decode(detail["value"] + "==") for detail in failed["details"])
    assert error_details_pb2.ErrorInfo.FromString(info).reason == "INVALID_FIELD"
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in field)
    violations = error_details_pb2.BadRequest.FromString(bad).field_violations
    assert [violation.field for violation in violations] == [snake]
    assert snake in failed["message"]
    assert value not in json.dumps(failed) or not value


async def test_internal_services_are_not_there_for_a_stranger(town: Town, tmp_path: Path) -> None:
    failed = await curl(town, tmp_path, "freehold.rental.v1.RentalInternalService/Deliver", {}, town.key)
    assert "not found" in json.dumps(failed).lower() or failed["code"] in ("not_found", "unimplemented")


async def test_up_speaks_tls_when_it_is_told_to(tmp_path: Path) -> None:
    async with a_town(tmp_path / "house", public_tls=True) as town:
        renter_id = town.renter("above").renter_id
        ask = "freehold.identity.v1.IdentityService/GetRenter"
        found = await curl(town, tmp_path, ask, {"renterId": renter_id}, town.key)
        assert found["renter"]["state"] == "RENTER_STATE_VERIFIED"
        async with Api(town.ready.public, 0.0) as plain:
            request = identity.GetRenterRequest(renter_id=renter_id)
            refusal = await refused(plain.call(plain.identity.GetRenter, request, town.key))
        assert refusal.category is Category.UNAVAILABLE, "in the clear nobody answers"
