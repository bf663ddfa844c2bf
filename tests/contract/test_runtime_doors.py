"""Who gets in: the public door by credential and role, the internal one by certificate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from runtime_desk import ACCESS, Desk, Handlers, a_desk, server_of, settings, told

from freehold.scoring.v1 import fact_pb2
from freehold.scoring.v1 import scoring_internal_service_pb2 as internal
from freehold.scoring.v1 import scoring_internal_service_pb2_grpc as internal_rpc
from freehold.scoring.v1 import scoring_service_pb2 as public
from services.runtime import certificates, tls
from services.runtime.certificates import CertificateError
from services.runtime.channels import open_channel
from services.runtime.rates import Limit
from services.values.access import Rule
from services.values.ids import new_renter_id


@pytest_asyncio.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One server for the file."""
    async with a_desk(tmp_path_factory.mktemp("tls")) as running:
        yield running


async def refused(call: Any) -> tuple[str, str, dict[str, str], list[str]]:
    """How a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return told(caught.value)


def facts(**changed: Any) -> public.RecordFactsRequest:
    """Two facts, the second one changed."""
    good = {"fact_id": "f1", "renter_id": new_renter_id("rnt"), "kind": 3, "occurred_at": Timestamp(seconds=1)}
    both = [fact_pb2.Fact(**good), fact_pb2.Fact(**(good | {"fact_id": "f2"} | changed))]
    return public.RecordFactsRequest(request_id="r1", facts=both)


async def test_a_credential_is_needed_known_and_of_the_right_role(desk: Desk) -> None:
    assert (await desk.score("renter")).model_version == "test"
    assert (await refused(desk.score(None)))[:2] == ("UNAUTHENTICATED", "CREDENTIALS_MISSING")
    assert (await refused(desk.score("nobody")))[:2] == ("UNAUTHENTICATED", "CREDENTIALS_INVALID")
    assert (await refused(desk.score("partner")))[:2] == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
    basic = desk.score(None, metadata=(("authorization", "Basic cmVudGVy"),))
    assert (await refused(basic))[:2] == ("UNAUTHENTICATED", "CREDENTIALS_MISSING")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"renter_id": "rnt_short"}, "facts[1].renter_id"),
        ({"fact_id": "with space"}, "facts[1].fact_id"),
        ({"kind": 0}, "facts[1].kind"),
        ({"kind": 99}, "facts[1].kind"),
        ({"occurred_at": None}, "facts[1].occurred_at"),
    ],
)
async def test_the_field_that_breaks_a_rule_is_named_by_its_path(
    desk: Desk, changed: dict[str, Any], field: str
) -> None:
    code, reason, _, fields = await refused(desk.call("RecordFacts", facts(**changed), "operator"))
    assert (code, reason, fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", [field])


async def test_every_broken_field_is_named_and_no_value(desk: Desk) -> None:
    request = facts(renter_id="canary-value")
    request.request_id = "another canary"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await desk.call("RecordFacts", request, "operator")
    assert told(caught.value)[3] == ["request_id", "facts[1].renter_id"]
    assert "canary" not in f"{caught.value.details()} {caught.value.trailing_metadata()}"


async def test_validation_comes_after_the_credential(desk: Desk) -> None:
    assert (await refused(desk.call("RecordFacts", facts(kind=0), "renter")))[1] == "CALLER_NOT_ALLOWED"


async def test_bytes_that_are_no_message_are_told_as_such(desk: Desk) -> None:
    call = desk.channel.unary_unary("/freehold.scoring.v1.ScoringService/RecordFacts")
    metadata = (("authorization", "Bearer operator"),)
    assert (await refused(call(b"\xff\xff\xff", metadata=metadata, timeout=5)))[:2] == (
        "INVALID_ARGUMENT",
        "MESSAGE_MALFORMED",
    )


async def test_what_does_not_exist_and_what_is_not_for_you_look_alike(desk: Desk) -> None:
    event = internal.ScoringEvent(event_id="e1")
    event.consent_granted.renter_id = new_renter_id("rnt")
    event.consent_granted.occurred_at.GetCurrentTime()
    request = internal.DeliverRequest(events=[event])
    async with desk.peer("rental") as unlisted, desk.peer("deposits") as listed:
        await internal_rpc.ScoringInternalServiceStub(listed).Deliver(request, timeout=5)
        answers = []
        for channel, path in (
            (unlisted, "/freehold.scoring.v1.ScoringInternalService/Deliver"),
            (unlisted, "/freehold.scoring.v1.ScoringInternalService/Delivre"),
            (listed, "/freehold.scoring.v1.ScoringInternalService/Delivre"),
            (listed, "/freehold.nowhere.v1.Nothing/At"),
            (desk.channel, "/freehold.scoring.v1.ScoringInternalService/Deliver"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(path)(request.SerializeToString(), timeout=5)
            answers.append((told(caught.value), caught.value.details()))
    assert answers[0][0][:2] == ("UNIMPLEMENTED", "METHOD_UNKNOWN")
    assert all(answer == answers[0] for answer in answers)


async def test_the_internal_door_needs_a_certificate_of_our_authority(desk: Desk, tmp_path: Path) -> None:
    tls.create_certificates(tmp_path / "foreign", ["scoring", "deposits"])
    authority = (desk.tls_dir / "ca.pem").read_bytes()
    target = (("grpc.ssl_target_name_override", tls.name_of("scoring")),)
    foreign = tls.channel_credentials(certificates.internal_pair(tmp_path / "foreign", "deposits"))
    nameless = grpc.ssl_channel_credentials(authority)
    for channel in (
        grpc.aio.insecure_channel(desk.internal_address),
        grpc.aio.secure_channel(desk.internal_address, foreign, target),
        grpc.aio.secure_channel(desk.internal_address, nameless, target),
    ):
        async with channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/freehold.scoring.v1.ScoringInternalService/Deliver")(b"", timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_channel_checks_that_it_reached_the_service_it_means(desk: Desk) -> None:
    async with open_channel(desk.internal_address, "identity", desk.tls_dir, "deposits") as wrong:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await wrong.unary_unary("/freehold.scoring.v1.ScoringInternalService/Deliver")(b"", timeout=2)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_reflection_shows_the_public_services_and_only_those(desk: Desk) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(desk.channel)
    asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    answers = [answer async for answer in stub.ServerReflectionInfo(asked, timeout=5)]
    names = {service.name for service in answers[0].list_services_response.service}
    assert names == {"freehold.scoring.v1.ScoringService", "grpc.reflection.v1alpha.ServerReflection"}


async def test_an_rpc_that_nobody_was_listed_for_fails_the_start(desk: Desk) -> None:
    server = server_of(Handlers(), desk.tls_dir, {"GetMyScore": ACCESS["GetMyScore"]})
    with pytest.raises(ValueError, match="do not match: CorrectFact, ListMyFacts, "):
        await server.start()


async def test_health_answers_while_calls_drain_and_says_so(tmp_path: Path) -> None:
    async with (
        a_desk(tmp_path, pre_stop_seconds=0.3) as desk,
        grpc.aio.insecure_channel(f"127.0.0.1:{desk.server.ports.health}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)

        async def status(name: str) -> int:
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=2)
            return int(answer.status)

        names = ["", "readiness", "liveness", "freehold.scoring.v1.ScoringService"]
        assert [await status(name) for name in names] == [1, 1, 1, 1]
        await desk.server.ready(False)
        assert [await status(name) for name in names] == [2, 2, 1, 2], "alive, but not ready"
        await desk.server.ready(True)

        going, arrived = asyncio.Event(), asyncio.Event()

        async def slow(_request: Any) -> Any:
            arrived.set()
            await going.wait()
            return public.GetMyScoreResponse(model_version="finished")

        desk.handlers.get_my_score = slow
        call = asyncio.create_task(desk.score())
        await arrived.wait()
        draining = asyncio.create_task(desk.server.drain())
        await asyncio.sleep(0.1)
        assert await status("readiness") == 2
        assert await status("liveness") == 1
        going.set()
        assert (await call).model_version == "finished", "what was under way is answered"
        await draining


async def test_whoever_calls_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with a_desk(tmp_path, renter_rate="3/minute") as desk:
        for _ in range(3):
            await desk.score("renter")
        code, reason, metadata, _ = await refused(desk.score("renter"))
        assert (code, reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
        assert 0 < int(metadata["retry_after_seconds"]) <= 60


async def test_a_burst_of_wrong_credentials_locks_out_whoever_was_not_known_before(tmp_path: Path) -> None:
    async with a_desk(tmp_path, authentication_failures=5) as desk:
        await desk.score("renter")
        reasons = [(await refused(desk.score(f"guess-{number}")))[1] for number in range(7)]
        assert reasons == ["CREDENTIALS_INVALID"] * 6 + ["AUTHENTICATION_LOCKED"]
        await desk.score("renter")
        assert (await refused(desk.score("partner")))[1] == "AUTHENTICATION_LOCKED", "not seen before"
        await asyncio.sleep(1.1)
        assert (await refused(desk.score("partner")))[1] == "CALLER_NOT_ALLOWED", "the lock ends"


async def test_whoever_needs_no_credential_is_limited_by_address(tmp_path: Path) -> None:
    open_to_all = ACCESS | {"GetMyScore": Rule(anonymous=True)}
    async with a_desk(tmp_path, open_to_all, anonymous_rate="3/minute") as desk:
        for _ in range(3):
            await desk.score(None)
        assert (await refused(desk.score(None)))[1] == "RATE_LIMITED"
        assert (await refused(desk.score("renter")))[1] == "RATE_LIMITED", "a credential does not matter there"


async def test_guests_of_a_trusted_proxy_are_told_apart(tmp_path: Path) -> None:
    async with a_desk(tmp_path, authentication_failures=2, trusted_proxies="127.0.0.1") as desk:

        async def by(guest: str, bearer: str) -> Any:
            return await desk.score(
                metadata=(("authorization", f"Bearer {bearer}"), ("x-forwarded-for", f"203.0.113.1, {guest}"))
            )

        for number in range(3):
            assert (await refused(by("192.0.2.1", f"guess-{number}")))[1] == "CREDENTIALS_INVALID"
        assert (await refused(by("192.0.2.1", "renter")))[1] == "AUTHENTICATION_LOCKED"
        assert (await by("192.0.2.2", "renter")).model_version == "test", "another guest, never seen before"


async def test_who_is_not_trusted_chooses_no_address(tmp_path: Path) -> None:
    async with a_desk(tmp_path, authentication_failures=2) as desk:
        reasons = [
            (await refused(desk.score(metadata=(("authorization", "Bearer guess"), ("x-forwarded-for", guest)))))[1]
            for guest in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
        ]
        assert reasons == ["CREDENTIALS_INVALID"] * 3 + ["AUTHENTICATION_LOCKED"]


async def test_a_call_that_is_not_allowed_counts_as_one(tmp_path: Path) -> None:
    async with a_desk(tmp_path, partner_rate="3/minute") as desk:
        reasons = [(await refused(desk.score("partner")))[1] for _ in range(4)]
        assert reasons == ["CALLER_NOT_ALLOWED"] * 3 + ["RATE_LIMITED"]


async def test_one_rpc_about_one_thing_has_a_limit_of_its_own(tmp_path: Path) -> None:
    limits = {"RecordFacts": Limit("2/minute", "request_id")}
    async with a_desk(tmp_path, limits=limits) as desk:
        for _ in range(2):
            await desk.call("RecordFacts", facts(), "operator")
        code, reason, metadata, _ = await refused(desk.call("RecordFacts", facts(), "operator"))
        assert (code, reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
        assert int(metadata["retry_after_seconds"]) > 0
        other = facts()
        other.request_id = "r2"
        await desk.call("RecordFacts", other, "operator")
        await desk.score("renter")
        assert (await refused(desk.call("RecordFacts", facts(kind=0), "operator")))[1] == "INVALID_FIELD", "not counted"


@pytest.mark.parametrize("limits", [{"RecordFact": Limit("1/minute", "request_id")}, {"GetMyScore": Limit("1/s", "x")}])
async def test_a_limit_for_what_is_not_there_fails_the_start(desk: Desk, limits: dict[str, Limit]) -> None:
    with pytest.raises(ValueError, match="no RPC"):
        await server_of(Handlers(), desk.tls_dir, limits=limits).start()


async def test_a_missing_certificate_fails_the_start_and_is_named(desk: Desk, tmp_path: Path) -> None:
    server = server_of(Handlers(), desk.tls_dir, public_tls_dir=tmp_path)
    with pytest.raises(CertificateError, match=r"tls\.key: No such file"):
        await server.start()


@pytest.mark.parametrize("rate", ["often", "-1/second", ""])
def test_a_rate_that_is_none_is_named(tmp_path: Path, rate: str) -> None:
    with pytest.raises(ValueError, match="partner_rate"):
        settings(tmp_path, partner_rate=rate)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "rental.example"])  # noqa: S104 (nothing listens)
def test_a_door_that_others_reach_is_not_in_the_clear(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="public_tls_dir"):
        settings(tmp_path, host=host)
    settings(tmp_path, host=host, public_plaintext=True)
    settings(tmp_path, host=host, public_tls_dir=tmp_path)
    settings(tmp_path, host="127.0.0.1")
