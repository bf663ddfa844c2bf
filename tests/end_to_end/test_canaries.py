"""No name, document number, phone, key, token or card number in a log line, a span, a metric, an error or a URL.

A house of its own, with every call traced to a collector of ours, does the main job for people whose data are known, is
given wrong input of every kind, and loses its database in the middle. Then everything it said is searched.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import grpc
import pyotp
import pytest
import pytest_asyncio
from aiohttp import web
from deaths import kill
from google.protobuf import text_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as otlp_rpc
from town import Town, a_town, new_id, refused

from freehold.deposits.v1 import deposits_service_pb2 as deposits
from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.identity.v1 import staff_service_pb2 as staff
from services.cli.home import SERVICES
from services.cli.seeding import CAST
from services.deposits.domain import Operation, OperationKind
from services.deposits.processors.sandbox import HttpProcessor
from services.identity.clients import HttpCarrier, HttpRegistry
from services.identity.domain import DocumentType, Person
from services.runtime.postgres.places import places_of
from services.sandbox.people import person
from services.values.errors import Refusal
from services.values.money import Money

CARD_NUMBER = "4242424242424242"
WRONG_KEY = "fhk_canary-in-a-coal-mine-0123456789"
STRANGER = 41_000
STAFF_LOGIN, STAFF_NAME, STAFF_PASSWORD = "canary.eve@bikes.example", "Canary Eve Fang", "a canary sings in a mine"


class Collector(otlp_rpc.TraceServiceServicer):
    """Keeps every span, as OTLP collectors get them."""

    def __init__(self) -> None:
        self.text = ""
        self.names: set[str] = set()

    async def Export(self, request: Any, context: Any) -> Any:  # the name is OTLP's
        self.text += text_format.MessageToString(request, as_utf8=True)
        for resource in request.resource_spans:
            self.names |= {span.name for scope in resource.scope_spans for span in scope.spans}
        return otlp.ExportTraceServiceResponse()


@pytest_asyncio.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """A collector that every service of a house started meanwhile sends all its spans to."""
    keeping, server = Collector(), grpc.aio.server()
    otlp_rpc.add_TraceServiceServicer_to_server(keeping, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    for service in SERVICES:
        monkeypatch.setenv(f"FREEHOLD_{service.upper()}_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv(f"FREEHOLD_{service.upper()}_TRACE_SAMPLE_RATIO", "1")
        monkeypatch.setenv(f"FREEHOLD_{service.upper()}_LOG_LEVEL", "DEBUG")
    yield keeping
    await server.stop(1)


@dataclass
class Said:
    """Everything that a house says, by where, and what must be nowhere in it."""

    texts: dict[str, str] = field(default_factory=dict)
    canaries: set[str] = field(default_factory=set)

    def found(self) -> list[tuple[str, str]]:
        """(where, which kind) of every canary that got out; the value itself is not shown."""
        return [
            (where, canary[:4] + "…")
            for where, text in self.texts.items()
            for canary in self.canaries
            if canary in text
        ]


async def test_nothing_personal_and_no_secret_gets_out(tmp_path: Path, collector: Collector) -> None:
    said, errors = Said(), []
    async with a_town(tmp_path / "house", patience_seconds=30.0) as town:
        said.canaries = _canaries(town)
        for case in ("above", "below", "card_declined", "no_consent"):
            errors += await _ride(town, case)
        errors += await _wrong_input(town)
        errors += await _staff(town, said.canaries)
        await kill(town.ready, "postgres")
        errors += await _ride(town, "at")
        said.texts["metrics"] = await _metrics(town)
        logs, server_log = town.ready.home.path, places_of(town.ready.home.path).root / "server.log"
    said.texts |= {str(file.name): file.read_text(errors="replace") for file in logs.rglob("*.log")}
    said.texts["server.log"] = server_log.read_text(errors="replace")
    said.texts["spans"], said.texts["errors"] = collector.text, "\n".join(errors)

    assert "freehold.rental.v1.RentalService/StartRental" in collector.names
    frames = {"IdentityInternalService/CheckRenters", "DepositsInternalService/SecureDeposits"}
    frames |= {"ScoringInternalService/Admit"}
    assert frames <= {name.partition(".v1.")[2] for name in collector.names}, "the trace goes on through the frames"
    assert "serving" in said.texts["rental.log"]
    assert "DOCUMENT_ALREADY_REGISTERED" in said.texts["errors"]
    assert all(reason in said.texts["errors"] for reason in ("STAFF_EXISTS", "INVITATION_INVALID", "LOGIN_INVALID"))
    assert "rpc_server" in said.texts["metrics"]
    assert said.found() == []


def _canaries(town: Town) -> set[str]:
    everybody = [part.who() for part in CAST] + [person(STRANGER)]
    personal = {value for who in everybody for value in (who.name, who.resident_id_number, who.phone, who.phone[3:])}
    tokens = {renter.token for renter in town.city.renters}
    secret = town.ready.home.sandbox_secret.read_text().strip()
    escaped = {json.dumps(value)[1:-1] for value in personal} | {quote(value) for value in personal}
    known = {town.key, town.operator, secret, CARD_NUMBER, WRONG_KEY, STAFF_LOGIN, STAFF_NAME, STAFF_PASSWORD}
    return personal | escaped | tokens | known


async def _ride(town: Town, case: str) -> list[str]:
    try:
        started = await town.start(town.renter(case).renter_id, await town.new_bike())
        await town.end(started.rental_id)
    except Refusal as refusal:
        return [_text(refusal)]
    return []


async def _wrong_input(town: Town) -> list[str]:
    """What the house answers to a person, a card, a code and a credential that are not right."""
    api, who, known = town.api, person(STRANGER), person(1)
    renter = town.renter("above")

    def register(**changed: str) -> Any:
        values = {"document_number": who.resident_id_number, "full_name": who.name, "phone": who.phone} | changed
        request = identity.RegisterRenterRequest(
            request_id=new_id(), document_type=identity.DOCUMENT_TYPE_RESIDENT_ID_CARD, **values
        )
        return api.call(api.identity.RegisterRenter, request, town.key)

    card = deposits.AddPaymentMethodRequest(
        request_id=new_id(), renter_id=renter.renter_id, processor_token=CARD_NUMBER
    )
    code = identity.IssueRenterTokenRequest(request_id=new_id(), renter_id=renter.renter_id, code="000000")
    wrong = [
        register(document_number=who.resident_id_number[:-1] + "?"),
        register(document_number=known.resident_id_number),
        register(phone=who.phone + "0000"),
        register(full_name=who.name + "\x07"),
        api.call(api.deposits.AddPaymentMethod, card, renter.token),
        api.call(api.identity.IssueRenterToken, code, town.key),
        api.call(api.deposits.GetTrialBalance, deposits.GetTrialBalanceRequest(), WRONG_KEY),
        api.call(api.deposits.GetTrialBalance, deposits.GetTrialBalanceRequest(), renter.token[:-4] + "AAAA"),
    ]
    answers = await asyncio.gather(*wrong, return_exceptions=True)
    assert all(isinstance(answer, Refusal) for answer in answers), [type(answer).__name__ for answer in answers]
    return [_text(answer) for answer in answers if isinstance(answer, Refusal)]


async def _staff(town: Town, canaries: set[str]) -> list[str]:
    """What the house answers to somebody of a partner's staff, rightly and wrongly; what they get is a canary, too."""
    api, partner_id = town.api, town.city.partner_id

    def invite() -> Any:
        request = staff.InviteStaffRequest(
            request_id=new_id(), partner_id=partner_id, login=STAFF_LOGIN, role="STAFF_ROLE_OWNER"
        )
        return api.call(api.staff.InviteStaff, request, town.operator)

    def accept(invitation: str, password: str) -> Any:
        request = staff.AcceptInvitationRequest(
            request_id=new_id(), invitation=invitation, display_name=STAFF_NAME, password=password
        )
        return api.call(api.staff.AcceptInvitation, request, "")

    def log_in(password: str, code: str) -> Any:
        who = {"partner_id": partner_id, "login": STAFF_LOGIN}
        request = staff.LogInRequest(request_id=new_id(), password=password, code=code, **who)
        return api.call(api.staff.LogIn, request, "")

    invitation = (await invite()).invitation
    canaries.add(invitation)
    uri = (await accept(invitation, STAFF_PASSWORD)).otpauth_uri
    totp, now = pyotp.parse_uri(uri), time.time()
    canaries.add(totp.secret)
    confirm = staff.ConfirmSecondFactorRequest(request_id=new_id(), invitation=invitation, code=totp.at(int(now)))
    await api.call(api.staff.ConfirmSecondFactor, confirm, "")
    canaries.add((await log_in(STAFF_PASSWORD, totp.at(int(now) + 30))).token)
    wrong = [invite(), accept(invitation, STAFF_LOGIN), log_in(STAFF_PASSWORD, "000000"), log_in(STAFF_NAME, "000000")]
    return [_text(await refused(call)) for call in wrong]


def _text(refusal: Refusal) -> str:
    return f"{refusal.reason} {refusal} {refusal.metadata} {refusal.violations}"


async def _metrics(town: Town) -> str:
    pages = []
    async with aiohttp.ClientSession() as session:
        for doors in town.ready.services.values():
            async with session.get(f"http://{doors['metrics']}/metrics") as response:
                pages.append(await response.text())
    return "\n".join(pages)


async def test_personal_data_and_card_tokens_travel_in_bodies_not_in_urls() -> None:
    asked: list[tuple[str, str]] = []

    async def keep(request: web.Request) -> web.Response:
        asked.append((str(request.rel_url), await request.text()))
        return web.json_response(
            {"result": "MATCH", "id": "x", "brand": "visa", "last4": "4242", "status": "authorized"}
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", keep)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    who = Person(DocumentType.RESIDENT_ID_CARD, "11010519491231002X", "王小明", "+8613800138000", date(1949, 12, 31))
    operation = Operation("opn_1", "dep_1", OperationKind.AUTHORIZE, Money("CNY", 9900), "pm_secret")
    async with aiohttp.ClientSession() as session:
        await HttpRegistry(session, url, "secret").verify("rnt_1", who)
        await HttpCarrier(session, url, "secret").send(who.phone, "123456 is your code")
        processor = HttpProcessor(session, url, "secret")
        await processor.attach("tok_secret", "key")
        await processor.perform(operation)
    await runner.cleanup()

    sent = "\n".join(body for _, body in asked)
    for value in (who.document_number, who.phone, "123456", "tok_secret", "pm_secret"):
        assert value in sent
        assert all(value not in where for where, _ in asked)
    assert all(word not in where for where, _ in asked for word in (who.full_name, "%E7", "secret"))
