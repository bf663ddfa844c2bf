"""Certificates are renewed while calls run: nothing fails, and new connections show the new one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from runtime_desk import Desk, a_desk
from structlog.testing import capture_logs

from freehold.scoring.v1 import scoring_internal_service_pb2 as internal
from freehold.scoring.v1 import scoring_internal_service_pb2_grpc as internal_rpc
from freehold.scoring.v1 import scoring_service_pb2 as public
from freehold.scoring.v1.scoring_service_pb2_grpc import ScoringServiceStub
from services.runtime import certificates, renewing_channel, tls
from services.runtime.frames import FrameClient
from services.values.errors import Refusal
from services.values.ids import new_renter_id

RENEWALS = 3


@pytest_asyncio.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """A server of its own whose clients look often."""
    monkeypatch.setattr(renewing_channel, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(renewing_channel, "GRACE_SECONDS", 0.3)
    async with a_desk(tmp_path / "tls") as running:
        yield running


async def shown_by(address: str, folder: Path, authority: Path) -> int:
    """The serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    if (folder / "deposits.pem").exists():
        context.load_cert_chain(folder / "deposits.pem", folder / "deposits.key")
    host, _, port = address.partition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname="localhost")
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


def renew(folder: Path) -> None:
    """Another authority and other certificates, in the place of those that are there."""
    tls.create_certificates(folder, ["identity", "scoring", "deposits", "rental"])


def _item(number: int) -> internal.AdmitItem:
    return internal.AdmitItem(item_id=str(number), renter_id=new_renter_id("rnt"), threshold=600, purpose=1)


async def test_calls_and_frames_go_on_while_certificates_are_renewed(desk: Desk) -> None:
    channel = desk.peer("deposits")
    stub: Any = internal_rpc.ScoringInternalServiceStub(channel)
    frames: FrameClient[Any, Any] = FrameClient(
        stub.Admit, lambda items: internal.AdmitRequest(items=items), lambda response: response.results
    )
    ended, failed, answered = asyncio.Event(), [], 0

    async def ask() -> None:
        nonlocal answered
        while not ended.is_set():
            (result,) = await frames.ask([_item(answered)], 5)
            try:
                await stub.Deliver(_delivery(), timeout=5)
            except grpc.aio.AioRpcError as error:
                failed.append(error.details())
            if isinstance(result, Refusal):
                failed.append(result.reason)
            answered += 1

    asking = asyncio.create_task(ask())
    shown = {await shown_by(desk.internal_address, desk.tls_dir, desk.tls_dir / certificates.AUTHORITY)}
    for _ in range(RENEWALS):
        renew(desk.tls_dir)
        before = answered
        async with asyncio.timeout(10):
            while answered < before + 50:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # so that what was opened before has had its grace
        shown.add(await shown_by(desk.internal_address, desk.tls_dir, desk.tls_dir / certificates.AUTHORITY))
    ended.set()
    await asking
    await frames.close()
    await channel.close()
    assert failed == []
    assert len(shown) == RENEWALS + 1


def _delivery() -> internal.DeliverRequest:
    event = internal.ScoringEvent(event_id="evt_1")
    event.consent_granted.renter_id = new_renter_id("rnt")
    event.consent_granted.occurred_at.GetCurrentTime()
    return internal.DeliverRequest(events=[event])


def spoil(folder: Path, service: str, how: str) -> None:
    """Makes a service's certificate one that can't be used."""
    pair = certificates.internal_pair(folder, service)
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    old = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    now = datetime.now(UTC)
    if how == "missing":
        pair.certificate.unlink()
    elif how == "half-written":
        pair.certificate.write_bytes(pair.certificate.read_bytes()[:200])
    elif how == "another's key":
        pair.key.write_bytes(certificates.internal_pair(folder, "rental").key.read_bytes())
    else:
        begins, ends = {
            "expired": (now - timedelta(days=2), now - timedelta(days=1)),
            "not valid yet": (now + timedelta(days=1), now + timedelta(days=2)),
        }[how]
        fresh = (
            x509.CertificateBuilder(old.issuer, old.subject, key.public_key(), x509.random_serial_number())  # type: ignore[arg-type]
            .not_valid_before(begins)
            .not_valid_after(ends)
            .sign(key, hashes.SHA256())  # type: ignore[arg-type]
        )
        pair.certificate.write_bytes(fresh.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize("how", ["missing", "half-written", "another's key", "expired", "not valid yet"])
async def test_a_certificate_that_cannot_be_used_leaves_the_old_one_and_is_told_once(desk: Desk, how: str) -> None:
    authority = desk.tls_dir / certificates.AUTHORITY
    before = await shown_by(desk.internal_address, desk.tls_dir, authority)
    spoil(desk.tls_dir, "scoring", how)
    with capture_logs() as logged:
        for _ in range(3):
            assert await shown_by(desk.internal_address, desk.tls_dir, authority) == before
    (told,) = (one for one in logged if one["event"] == "certificate_unusable")
    assert "scoring." in told["reason"], "the file is named"
    with pytest.raises(certificates.CertificateError, match="scoring"):
        tls.server_credentials(certificates.internal_pair(desk.tls_dir, "scoring"))
    renew(desk.tls_dir)
    assert await shown_by(desk.internal_address, desk.tls_dir, authority) != before


@pytest.mark.parametrize("how", ["missing", "half-written", "another's key", "expired", "not valid yet"])
async def test_a_client_goes_on_with_its_old_certificate(desk: Desk, how: str) -> None:
    channel = desk.peer("deposits")
    stub: Any = internal_rpc.ScoringInternalServiceStub(channel)
    await stub.Deliver(_delivery(), timeout=5)
    spoil(desk.tls_dir, "deposits", how)
    with capture_logs() as logged:
        for _ in range(3):
            await asyncio.sleep(0.1)
            await stub.Deliver(_delivery(), timeout=5)
    assert [one["event"] for one in logged if one["event"].startswith("certificate")] == ["certificate_unusable"]
    await channel.close()


async def test_files_that_do_not_fit_leave_the_old_ones_in_use(desk: Desk) -> None:
    authority = desk.tls_dir / certificates.AUTHORITY
    before = await shown_by(desk.internal_address, desk.tls_dir, authority)
    channel = desk.peer("deposits")
    stub: Any = internal_rpc.ScoringInternalServiceStub(channel)
    await stub.Deliver(_delivery(), timeout=5)
    for name in ("scoring.key", "deposits.key"):
        (desk.tls_dir / name).write_bytes(b"half a ke")
    (desk.tls_dir / "deposits.pem").unlink()
    for _ in range(3):
        await asyncio.sleep(0.1)
        await stub.Deliver(_delivery(), timeout=5)
    await channel.close()
    tls.create_certificates(desk.tls_dir, ["scoring", "deposits"])
    assert await shown_by(desk.internal_address, desk.tls_dir, authority) != before


async def test_the_public_door_speaks_tls_when_it_is_told_to(tmp_path: Path) -> None:
    folder = tmp_path / "public"
    tls.create_public_certificate(folder)
    async with a_desk(tmp_path / "tls", public_tls_dir=folder) as desk:
        address = f"127.0.0.1:{desk.server.ports.public}"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await desk.score()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        authority = folder / certificates.PUBLIC_AUTHORITY
        before = await shown_by(address, folder, authority)
        trusted = grpc.ssl_channel_credentials(authority.read_bytes())
        async with grpc.aio.secure_channel(address, trusted) as channel:
            metadata = (("authorization", "Bearer renter"),)
            stub: Any = ScoringServiceStub(channel)
            answer = await stub.GetMyScore(public.GetMyScoreRequest(), timeout=5, metadata=metadata)
            assert answer.model_version == "test"
        tls.create_public_certificate(folder)
        assert await shown_by(address, folder, authority) != before
