"""Alipay's adapter against its stand-in, over real sockets, with real signatures: each operation, each refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import aiohttp
import pytest
from alipay_house import DEPOSIT_MINOR, House, Now, start_alipay
from structlog.testing import capture_logs

from services.deposits.domain import Hold, Operation, OperationKind, OperationState
from services.deposits.operations.ports import NOT_DONE
from services.deposits.processors.alipay.requests import APP, Terms
from services.values.errors import Refusal

AUTHORIZE, CAPTURE, VOID, REFUND = (
    OperationKind.AUTHORIZE,
    OperationKind.CAPTURE,
    OperationKind.VOID,
    OperationKind.REFUND,
)
DONE, DECLINED, WANTED = OperationState.DONE, OperationState.DECLINED, OperationState.WANTED


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    alipay = await start_alipay(tmp_path_factory.mktemp("alipay") / "home", "--late-seconds", "0.2")
    async with aiohttp.ClientSession() as session:
        yield House(alipay, session)
    assert await alipay.stop() == (0, "")


def hold_of(house: House, authorize: Operation, reference: str, released: int = 0) -> Hold:
    return Hold(authorize.operation_id, house.deposit_id, "alipay", reference, released_minor=released)


async def test_what_is_frozen_is_taken_in_parts_and_the_last_part_gives_back_the_rest(house: House) -> None:
    authorize, auth_no = await house.hold()
    on_hold = {"hold_id": authorize.operation_id}
    first = await house.settled(house.asked(CAPTURE, auth_no, 3000, final=False, **on_hold))
    seen = await house.processor.inspect(hold_of(house, authorize, auth_no))
    assert seen is not None
    assert (seen.authorized_minor, seen.captured_minor, seen.open_minor) == (9900, 3000, 6900)
    assert seen.expires_at is not None
    assert timedelta(days=29.9) < seen.expires_at - datetime.now(UTC) < timedelta(days=30.1)
    last = await house.settled(house.asked(CAPTURE, auth_no, 1, final=True, **on_hold))
    assert (first.state, last.state) == (DONE, DONE)
    over = await house.processor.inspect(hold_of(house, authorize, auth_no, released=6000))
    assert over is not None
    assert (over.captured_minor, over.released_minor, over.expired_minor, over.open_minor) == (3001, 6000, 899, 0)
    assert (await house.order(authorize))["released_minor"] == 6899
    too_late = await house.processor.perform(house.asked(CAPTURE, auth_no, 1, **on_hold))
    assert too_late is not None
    assert (too_late.state, too_late.decline_code) == (DECLINED, "ORDER_ALREADY_FINISH")
    for amount in (2000, 1000):
        assert (await house.settled(house.asked(REFUND, first.result_ref, amount))).state is DONE
    too_much = await house.settled(house.asked(REFUND, first.result_ref, 1))
    assert (too_much.state, too_much.decline_code) == (DECLINED, "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")


async def test_a_capture_that_was_paid_back_whole_was_a_capture_all_the_same(house: House) -> None:
    authorize, auth_no = await house.hold()
    capture = house.asked(CAPTURE, auth_no, 100, hold_id=authorize.operation_id)
    captured = await house.settled(capture)
    await house.settled(house.asked(REFUND, captured.result_ref, 100))
    assert await house.processor.query(capture) == captured


async def test_a_release_gives_back_a_part_or_all_and_what_is_over_stays_over(house: House) -> None:
    authorize, auth_no = await house.hold()
    on_hold = {"hold_id": authorize.operation_id}
    part = house.asked(VOID, auth_no, 900, **on_hold)
    assert (await house.settled(part)).state is DONE
    assert await house.processor.perform(part) == await house.processor.query(part), "the same number acts once"
    too_much = await house.processor.perform(house.asked(VOID, auth_no, 9001, **on_hold))
    assert too_much is not None
    assert too_much.state is WANTED, "while money is frozen, no refusal may say that it lapsed"
    assert (await house.settled(house.asked(VOID, auth_no, 9000, **on_hold))).state is DONE
    again = await house.processor.perform(house.asked(VOID, auth_no, 9000, **on_hold))
    assert again is not None
    assert (again.state, again.decline_code) == (DECLINED, "ORDER_ALREADY_CLOSED")
    order = await house.order(authorize)
    assert (order["released_minor"], order["paid_minor"]) == (9900, 0)


@pytest.mark.parametrize(("payer", "credit"), [("own_funds", 0), ("split", 5000), ("credit", 9900)])
async def test_credit_and_own_money_are_told_apart(house: House, payer: str, credit: int) -> None:
    authorize = house.authorize(payer)
    result = await house.settled(authorize)
    assert (result.state, result.credit_minor) == (DONE, credit)
    assert await house.processor.query(authorize) == result
    plain = House(house.alipay, house.session, terms=Terms())
    assert (await plain.settled(plain.authorize(payer))).credit_minor == 0, "no credit where the app offers none"


async def test_the_renter_confirms_in_the_app_by_an_order_string_that_no_log_shows(house: House) -> None:
    authorize = house.asked(AUTHORIZE, APP)
    with capture_logs() as logged:
        first = await house.processor.perform(authorize)
        assert first is not None
        assert first.state is WANTED
        nothing_given_out = await house.processor.query(authorize)
        assert nothing_given_out is not None
        assert nothing_given_out.result_ref == NOT_DONE
        waiting = replace(authorize, renter_action=first.renter_action)
        assert await house.processor.query(waiting) == first, "the same string until it is confirmed"
        assert await house.confirm(first.renter_action, "later") == "8000"
        assert await house.processor.query(waiting) == first
        await asyncio.sleep(0.4)
        held = await house.processor.query(waiting)
    assert held is not None
    assert (held.state, held.renter_action) == (DONE, "")
    secret = parse_qs(first.renter_action)["sign"][0]
    assert secret not in str(logged)
    assert first.renter_action not in str(logged)


async def test_a_changed_order_string_is_not_taken(house: House) -> None:
    first = await house.processor.perform(house.asked(AUTHORIZE, APP))
    assert first is not None
    assert await house.confirm(first.renter_action.replace("99.00", "0.01")) == "4000"
    assert await house.confirm(first.renter_action) == "9000"


async def test_a_renter_who_refuses_is_declined_at_the_kiosk_and_in_the_app(house: House) -> None:
    kiosk = house.authorize("refuses")
    asked = await house.processor.perform(kiosk)
    assert asked is not None
    assert asked.state is WANTED
    assert (await house.settled(kiosk)).decline_code == "NOT_CONFIRMED"
    app = house.asked(AUTHORIZE, APP)
    given = await house.processor.perform(app)
    assert given is not None
    assert await house.confirm(given.renter_action, "refuses") == "6001"
    refused = await house.processor.query(replace(app, renter_action=given.renter_action))
    assert refused is not None
    assert (refused.state, refused.decline_code) == (DECLINED, "NOT_CONFIRMED")


async def test_an_order_string_that_nobody_confirms_ends_and_cannot_be_confirmed_then(house: House) -> None:
    then = House(house.alipay, house.session, real=Now(datetime.now(UTC) - timedelta(minutes=2, seconds=30)))
    authorize = then.asked(AUTHORIZE, APP)
    given = await then.processor.perform(authorize)
    assert given is not None
    waiting = replace(authorize, renter_action=given.renter_action)
    assert await house.confirm(given.renter_action) == "4000"
    last_moment = await house.processor.query(waiting)
    assert last_moment is not None
    assert last_moment.state is WANTED, "one confirmed at the last moment may still appear"
    then.real.fixed = datetime.now(UTC) + timedelta(minutes=1)
    late = await then.processor.query(waiting)
    assert late is not None
    assert (late.state, late.decline_code) == (DECLINED, "NOT_CONFIRMED_IN_TIME")


async def test_a_freeze_that_was_given_up_is_closed_before_the_renter_confirms(house: House) -> None:
    authorize = house.authorize("later")
    asked = await house.processor.perform(authorize)
    assert asked is not None
    assert asked.state is WANTED
    closed = await house.processor.query(replace(authorize, given_up=True))
    assert closed is not None
    assert (closed.state, closed.decline_code) == (DECLINED, "GIVEN_UP")
    await asyncio.sleep(0.4)
    assert (await house.order(authorize))["status"] == "CLOSED"


@pytest.mark.parametrize(
    ("reference", "currency", "code"),
    [
        ("scan:280000000000000007", "CNY", "PAYER_BALANCE_NOT_ENOUGH"),
        ("scan:289999999999999999", "CNY", "PAYMENT_AUTH_CODE_INVALID"),
        ("scan:280000000000000001", "USD", "CURRENCY_NOT_SUPPORTED"),
    ],
)
async def test_a_freeze_is_declined_with_the_reason(house: House, reference: str, currency: str, code: str) -> None:
    result = await house.processor.perform(house.asked(AUTHORIZE, reference, currency=currency))
    assert result is not None
    assert (result.state, result.decline_code) == (DECLINED, code)


async def test_what_is_not_declared_is_not_done(house: House) -> None:
    can = house.processor.capabilities
    assert (can.name, can.partial_captures, can.increments, can.over_capture_percent) == ("alipay", True, False, 0)
    assert (can.charges, can.asynchronous, can.authorization_valid) == (False, True, timedelta(days=30))
    for kind in (OperationKind.CHARGE, OperationKind.INCREMENT):
        result = await house.processor.perform(house.asked(kind, APP))
        assert result is not None
        assert (result.state, result.decline_code) == (DECLINED, "NOT_SUPPORTED")


@pytest.mark.parametrize(
    ("payer", "happened"),
    [
        ("lost_after", True),
        ("unknown_done", True),
        ("lost_before", False),
        ("unknown_undone", False),
        ("system_error", False),
    ],
)
async def test_an_unclear_answer_is_asked_about_and_nothing_happens_twice(
    house: House, payer: str, happened: bool
) -> None:
    authorize = house.authorize(payer)
    auth_no = (await unclear(house, authorize, happened)).result_ref
    on_hold = {"hold_id": authorize.operation_id}
    capture = house.asked(CAPTURE, auth_no, 1000, final=False, **on_hold)
    captured = await unclear(house, capture, happened)
    await unclear(house, house.asked(VOID, auth_no, 8900, **on_hold), happened)
    await unclear(house, house.asked(REFUND, captured.result_ref, 400), happened)
    books = await house.books()
    order = await house.order(authorize)
    assert (order["paid_minor"], order["released_minor"]) == (1000, 8900)
    assert [t["refunded_minor"] for t in books["trades"] if t["auth_no"] == auth_no] == [400]


async def unclear(house: House, operation: Operation, happened: bool):  # type: ignore[no-untyped-def]
    assert await house.processor.perform(operation) is None
    found = await house.processor.query(operation)
    assert found is not None
    assert found.result_ref != NOT_DONE if happened else found.result_ref == NOT_DONE
    result = found if happened else await house.processor.perform(operation)
    assert result is not None
    assert result.state is DONE
    assert await house.processor.perform(operation) == result, "a repeat has no further effect"
    assert await house.processor.query(operation) == result
    return result


async def test_a_late_answer_is_waited_for(house: House) -> None:
    result = await house.processor.perform(house.authorize("late"))
    assert result is not None
    assert result.state is DONE


@pytest.mark.parametrize("payer", ["pays_later", "empty_pocket"])
async def test_a_payer_without_money_just_now_is_asked_again_and_the_hold_stands(house: House, payer: str) -> None:
    authorize, auth_no = await house.hold(payer)
    capture = house.asked(CAPTURE, auth_no, 1000, hold_id=authorize.operation_id)
    first = await house.processor.perform(capture)
    assert first is not None
    assert first.state is WANTED
    assert (await house.order(authorize))["paid_minor"] == 0
    assert (await house.settled(capture)).state is DONE
    order = await house.order(authorize)
    assert (order["paid_minor"], order["released_minor"]) == (1000, 8900)


async def test_a_refund_waits_for_money_on_our_own_account(house: House) -> None:
    authorize, auth_no = await house.hold("poor_seller")
    captured = await house.settled(house.asked(CAPTURE, auth_no, 1000, hold_id=authorize.operation_id))
    refund = house.asked(REFUND, captured.result_ref, 1000)
    first = await house.processor.perform(refund)
    assert first is not None
    assert first.state is WANTED
    assert (await house.settled(refund)).state is DONE


async def test_a_token_says_how_the_renter_confirms(house: House) -> None:
    app = await house.processor.attach("alipay_app", "pmt_1")
    kiosk = await house.processor.attach("scan_280000000000000001", "pmt_2")
    assert (app.processor_ref, kiosk.processor_ref, kiosk.last4) == (APP, "scan:280000000000000001", "")
    for token in ("tok_visa", "scan_4242424242424242", "scan_28"):
        with pytest.raises(Refusal) as refused:
            await house.processor.attach(token, "pmt_3")
        assert refused.value.reason == "PAYMENT_METHOD_REJECTED"


async def test_several_at_once_are_several_effects(house: House) -> None:
    operations = [house.authorize("own_funds", DEPOSIT_MINOR + n) for n in range(20)]
    results = await asyncio.gather(*(house.processor.perform(o) for o in operations for _ in range(2)))
    assert {r.state for r in results if r is not None} == {DONE}
    assert len({r.result_ref for r in results if r is not None}) == 20
