"""Stripe's adapter and the official SDK before the stand-in: the port, declines, what waits for the renter, errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import stripe as sdk
import structlog
from processor_conformance import CHECKS, Check
from stand_ins import StandIn
from stripe_bench import StripeBench, bench_of, running_stripe

from services.deposits.domain import LineKind, Operation, OperationKind, OperationState
from services.deposits.operations.ports import NOT_DONE
from services.deposits.processors.stripe import StripeProcessor, gateway
from services.deposits.processors.stripe.reading import CONFIRM_WITHIN
from services.deposits.processors.stripe.settings import Features
from services.values.errors import Refusal
from services.values.ids import new_id_of

AUTHORIZE, CAPTURE, CHARGE = OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.CHARGE
ALL = Features(multicapture=True, incremental=True, overcapture_percent=15)


@pytest.fixture
async def bench(stripe: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StripeBench]:
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 0.5)
    async with bench_of(stripe) as one:
        yield one


@pytest.fixture
async def flexible(stripe: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StripeBench]:
    """An account that may capture in parts, raise holds, and take 15 % more."""
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 0.5)
    async with bench_of(stripe, ALL) as one:
        yield one


async def until(bench: StripeBench, operation: Operation, state: OperationState) -> None:
    """Asks until the outcome is this; a test that waits ten seconds has failed."""
    async with asyncio.timeout(10):
        while True:
            result = await bench.processor.query(operation)
            if result is not None and result.state is state:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_port(bench: StripeBench, check: Check) -> None:
    await check(bench)


async def test_the_version_that_is_read_is_the_sdks_own() -> None:
    assert sdk.api_version == gateway.API_VERSION


async def test_an_authorization_says_until_when_it_holds(bench: StripeBench) -> None:
    held = await bench.done(bench.asked(AUTHORIZE, bench.good))
    assert held.expires_at is not None
    assert timedelta(days=6.9) < held.expires_at - datetime.now(UTC) < timedelta(days=7.1)


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
        ("pm_card_chargeCustomerFail", "generic_decline"),
    ],
)
async def test_why_a_card_was_declined(bench: StripeBench, method: str, code: str) -> None:
    reference = await bench.card(method)
    for kind in (AUTHORIZE, CHARGE):
        result = await bench.outcome(kind, reference)
        assert (result.state, result.decline_code) == (OperationState.DECLINED, code)


@pytest.mark.parametrize("token", ["pm_card_visa_chargeDeclined", "pm_unknown", "tok_visa", "../customers", ""])
async def test_a_token_that_is_not_accepted(bench: StripeBench, token: str) -> None:
    with pytest.raises(Refusal) as refused:
        await bench.processor.attach(token, new_id_of("pmt", bench.renter_id))
    assert refused.value.reason == "PAYMENT_METHOD_REJECTED"


async def test_a_payment_method_is_saved_once_by_its_key_and_never_for_another(bench: StripeBench) -> None:
    key = new_id_of("pmt", bench.renter_id)
    first = await bench.processor.attach("pm_card_visa", key)
    assert await bench.processor.attach("pm_card_visa", key) == first
    assert (first.brand, first.last4) == ("visa", "4242")
    with pytest.raises(Refusal) as refused:
        await bench.processor.attach(first.processor_ref.partition(":")[2], new_id_of("pmt", bench.renter_id))
    assert refused.value.reason == "PAYMENT_METHOD_REJECTED"


async def test_a_hold_waits_for_the_renter_whose_bank_wants_to_hear_them(bench: StripeBench) -> None:
    reference = await bench.card("pm_card_authenticationRequired")
    authorize = bench.asked(AUTHORIZE, reference)
    with structlog.testing.capture_logs() as logs:
        first = await bench.processor.perform(authorize)
    assert first is not None
    assert (first.state, first.renter_action.count("_secret_")) == (OperationState.WANTED, 1)
    assert await bench.processor.query(authorize) == first
    assert first.renter_action not in json.dumps(logs, default=str), "the client secret is the renter's"
    await bench.stripe.authenticate(first.renter_action)
    confirmed = await bench.processor.query(authorize)
    assert confirmed is not None
    assert confirmed.state is OperationState.DONE
    assert (await bench.seen(confirmed.result_ref)).open_minor == 9900


async def test_a_renter_whom_nobody_waits_for_any_more_cannot_come_later(bench: StripeBench) -> None:
    authorize = bench.asked(AUTHORIZE, await bench.card("pm_card_authenticationRequired"))
    assert (await bench.processor.perform(authorize)).state is OperationState.WANTED  # type: ignore[union-attr]
    off = await bench.processor.query(replace(authorize, given_up=True))
    assert off is not None
    assert off.state is OperationState.DECLINED
    assert await bench.processor.query(authorize) == off


async def test_a_renter_who_fails_or_never_comes_is_declined_and_cannot_come_later(bench: StripeBench) -> None:
    reference = await bench.card("pm_card_authenticationRequired")
    failing, absent = bench.asked(AUTHORIZE, reference), bench.asked(AUTHORIZE, reference)
    waiting = {operation: await bench.processor.perform(operation) for operation in (failing, absent)}
    await bench.stripe.authenticate(waiting[failing].renter_action, success=False)  # type: ignore[union-attr]
    failed = await bench.processor.query(failing)
    assert failed is not None
    assert (failed.state, failed.decline_code) == (OperationState.DECLINED, "payment_intent_authentication_failure")
    bench.clock.ahead = CONFIRM_WITHIN + timedelta(minutes=1)
    late = await bench.processor.query(absent)
    assert late is not None
    assert (late.state, late.decline_code) == (OperationState.DECLINED, "authentication_required")
    for operation in (failing, absent):
        with pytest.raises(AssertionError, match="payment_intent_unexpected_state"):
            await bench.stripe.authenticate(waiting[operation].renter_action)  # type: ignore[union-attr]


async def test_a_charge_without_the_renter_does_not_wait_for_them(bench: StripeBench) -> None:
    result = await bench.outcome(CHARGE, await bench.card("pm_card_authenticationRequired"))
    assert (result.state, result.decline_code, result.renter_action) == (
        OperationState.DECLINED,
        "authentication_required",
        "",
    )


async def test_a_hold_is_raised_and_captured_in_parts(flexible: StripeBench) -> None:
    _, reference = await flexible.held()
    await flexible.done(flexible.asked(OperationKind.INCREMENT, reference, 100))
    parts = [flexible.asked(CAPTURE, reference, amount, final=final) for amount, final in ((3000, False), (1000, True))]
    for part in parts:
        nothing = await flexible.processor.query(part)
        assert nothing is not None
        assert nothing.result_ref == NOT_DONE, "two captures of one hold are told apart"
        await flexible.done(part)
    seen = await flexible.seen(reference)
    assert (seen.authorized_minor, seen.captured_minor, seen.released_minor) == (10_000, 4000, 6000)


async def test_a_hold_that_was_captured_in_part_gives_back_the_rest(flexible: StripeBench) -> None:
    _, reference = await flexible.held()
    await flexible.done(flexible.asked(CAPTURE, reference, 3000, final=False))
    await flexible.done(flexible.asked(OperationKind.VOID, reference, 6900))
    seen = await flexible.seen(reference)
    assert (seen.captured_minor, seen.released_minor, seen.open_minor) == (3000, 6900, 0)


async def test_more_than_is_held_is_taken_as_far_as_is_declared(flexible: StripeBench) -> None:
    assert flexible.processor.capabilities.over_capture_percent == 15
    _, reference = await flexible.held()
    await flexible.done(flexible.asked(CAPTURE, reference, 9900 * 115 // 100))
    assert (await flexible.seen(reference)).captured_minor == 11_385


async def test_a_card_that_cannot_keep_what_is_declared_is_declined_and_not_held(flexible: StripeBench) -> None:
    authorize = flexible.asked(AUTHORIZE, await flexible.card("pm_card_jcb"))
    result = await flexible.processor.perform(authorize)
    assert result is not None
    assert (result.state, result.decline_code) == (OperationState.DECLINED, "multicapture_unavailable")
    again = await flexible.processor.query(authorize)
    assert again is not None
    assert again.state is OperationState.DECLINED
    now = datetime.now(UTC)
    lines = await flexible.processor.report(now - timedelta(minutes=1), now + timedelta(minutes=1))
    (line,) = [line for line in lines if line.operation_id == authorize.operation_id]
    assert (line.open_minor, line.captured_minor, line.released_minor) == (0, 0, 9900)


async def test_nothing_more_is_declared_than_the_account_may_do(bench: StripeBench) -> None:
    can = bench.processor.capabilities
    assert (can.partial_captures, can.increments, can.over_capture_percent) == (False, False, 0)
    assert (can.charges, can.asynchronous) == (True, True)
    _, reference = await bench.held()
    raised = await bench.processor.perform(bench.asked(OperationKind.INCREMENT, reference, 100))
    assert raised is not None
    assert raised.state is OperationState.DECLINED
    assert (await bench.seen(reference)).open_minor == 9900


async def test_a_refusal_is_not_taken_for_a_lapse_while_the_hold_is_open(bench: StripeBench) -> None:
    _, reference = await bench.held()
    too_much = bench.asked(CAPTURE, reference, 9901)
    with structlog.testing.capture_logs() as logs:
        assert await bench.processor.perform(too_much) is None
    assert [entry["reason"] for entry in logs if "reason" in entry] == ["amount_too_large"]
    assert (await bench.seen(reference)).open_minor == 9900


async def test_a_hold_that_somebody_else_captured_is_no_capture_of_ours(bench: StripeBench) -> None:
    _, reference = await bench.held()
    ours = bench.asked(CAPTURE, reference, 3000)
    await bench.done(bench.asked(CAPTURE, reference, 5000))
    assert await bench.processor.perform(ours) is None, "neither done nor lapsed: reconciliation finds it"


@pytest.mark.parametrize(("fault", "clears"), [("rate_limited", True), ("server_error", False)])
async def test_an_error_of_stripes_is_unclear_and_never_a_decline(bench: StripeBench, fault: str, clears: bool) -> None:
    authorize = bench.asked(AUTHORIZE, bench.good)
    await bench.stripe.fault(fault)
    assert await bench.processor.perform(authorize) is None
    nothing = await bench.processor.query(authorize)
    assert nothing is not None
    assert nothing.result_ref == NOT_DONE
    again = await bench.processor.perform(authorize)
    assert (again is not None) is clears, "Stripe remembers a 500 under its key for a day"


async def test_a_key_with_other_content_is_unclear(bench: StripeBench) -> None:
    first = bench.asked(AUTHORIZE, bench.good)
    await bench.done(first)
    other = bench.asked(AUTHORIZE, bench.good, 100)
    object.__setattr__(other, "operation_id", first.operation_id)
    with structlog.testing.capture_logs() as logs:
        assert await bench.processor.perform(other) is None
    assert [entry["error_type"] for entry in logs] == ["IdempotencyError"]


async def test_a_key_that_is_not_accepted_is_unclear_and_told(bench: StripeBench, stripe: StandIn) -> None:
    operation = bench.asked(AUTHORIZE, bench.good)
    async with aiohttp.ClientSession() as session:
        stranger = StripeProcessor(session, stripe.address, ("sk_stranger", "whsec_1"), Features(), bench.clock)
        with structlog.testing.capture_logs() as logs:
            assert await stranger.perform(operation) is None
            assert await stranger.query(operation) is None
        assert {(entry["log_level"], entry["error_type"]) for entry in logs} == {("error", "AuthenticationError")}
        with pytest.raises(Refusal) as refused:
            await stranger.attach("pm_card_visa", new_id_of("pmt", bench.renter_id))
        assert refused.value.reason == "PROCESSOR_UNAVAILABLE"
        with pytest.raises(Refusal) as refused:
            await stranger.report(datetime.now(UTC), datetime.now(UTC))
        assert refused.value.reason == "PROCESSOR_UNAVAILABLE"


@pytest.mark.parametrize(
    ("currency", "state", "shown"), [("ISK", "DONE", 100), ("JPY", "DONE", 1), ("KWD", "DECLINED", 0)]
)
async def test_minor_units_are_ours_wherever_stripes_differ(
    bench: StripeBench, stripe: StandIn, currency: str, state: str, shown: int
) -> None:
    bench.currency = currency
    authorize = bench.asked(AUTHORIZE, bench.good, 5001)
    result = await bench.processor.perform(authorize)
    assert result is not None
    assert result.state == state
    if not shown:
        assert result.decline_code == "currency_not_supported"
        return
    _, intent = await stripe.get(f"/v1/payment_intents/{result.result_ref}")
    assert (intent["amount"], intent["currency"]) == (5001 * shown, currency.lower())
    await bench.done(bench.asked(CAPTURE, result.result_ref, 77))
    seen = await bench.seen(result.result_ref)
    assert (seen.authorized_minor, seen.captured_minor) == (5001, 77)


async def test_a_refund_that_is_pending_is_asked_about_again_and_one_that_failed_is_reported(
    bench: StripeBench,
) -> None:
    slow = await bench.done(bench.asked(CHARGE, await bench.card("pm_card_pendingRefund"), 500))
    refund = bench.asked(OperationKind.REFUND, slow.result_ref, 500)
    first = await bench.processor.perform(refund)
    assert first is not None
    assert first.state is OperationState.WANTED
    failing = await bench.done(bench.asked(CHARGE, await bench.card("pm_card_refundFail"), 600))
    bounced = bench.asked(OperationKind.REFUND, failing.result_ref, 600)
    await bench.done(bounced)
    await until(bench, refund, OperationState.DONE)
    await until(bench, bounced, OperationState.DECLINED)
    now = datetime.now(UTC)
    lines = await bench.processor.report(now - timedelta(minutes=1), now + timedelta(minutes=1))
    moved = {line.operation_id: line.captured_minor for line in lines if line.kind is LineKind.REFUND}
    assert (moved[refund.operation_id], moved[bounced.operation_id]) == (500, 0)


async def test_a_hold_that_nobody_captured_has_lapsed(tmp_path: Path) -> None:
    async with running_stripe(tmp_path, "--hold-seconds", "1") as process, bench_of(process) as bench:
        _, reference = await bench.held()
        async with asyncio.timeout(10):
            while (await bench.seen(reference)).open_minor:
                await asyncio.sleep(0.1)
        for kind in (CAPTURE, OperationKind.VOID):
            late = await bench.processor.perform(bench.asked(kind, reference, 100))
            assert late is not None
            assert (late.state, late.decline_code) == (OperationState.DECLINED, "authorization_expired")
        seen = await bench.seen(reference)
        assert (seen.expired_minor, seen.open_minor, seen.released_minor) == (9900, 0, 0)
        now = datetime.now(UTC)
        lines = await bench.processor.report(now - timedelta(minutes=1), now + timedelta(minutes=1))
        assert [line.kind for line in lines] == [LineKind.AUTHORIZATION], "what went back uncaptured is no refund"


async def test_stripe_that_is_gone_is_unclear(tmp_path: Path) -> None:
    async with running_stripe(tmp_path) as process, bench_of(process) as bench:
        authorize, reference = await bench.held()
        await process.kill()
        assert await bench.processor.perform(authorize) is None
        assert await bench.processor.query(authorize) is None
        assert await bench.processor.query(bench.asked(CAPTURE, reference)) is None
