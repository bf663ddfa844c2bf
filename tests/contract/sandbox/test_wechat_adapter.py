"""WeChat Pay Score through its adapter, over real sockets: every operation, both modes, late payments, lost answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wechat_house import Keyring, WeChat, asked, ready, running

from services.deposits.domain import Hold, LineKind, Operation, OperationKind, OperationState, Result, Seen
from services.deposits.operations.ports import NOT_DONE
from services.deposits.processors.wechat import adapter, gateway
from services.values.errors import Refusal

AUTHORIZE, CAPTURE, VOID = OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID
CHARGE, INCREMENT, REFUND = OperationKind.CHARGE, OperationKind.INCREMENT, OperationKind.REFUND
DONE, DECLINED, WANTED = OperationState.DONE, OperationState.DECLINED, OperationState.WANTED
PROMPT = {
    "confirms": "at_once",
    "permits": "at_once",
    "pays": "at_once",
    "refunds": "SUCCESS",
    "answers": "prompt",
    "refuses": "",
    "notices": 1,
}


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeChat]:
    async with running(Keyring.cut().lay_out(tmp_path_factory.mktemp("wechat"))) as wechat:
        yield wechat


@pytest.fixture
async def wechat(house: WeChat, monkeypatch: pytest.MonkeyPatch) -> WeChat:
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 0.5)
    await house.script(**PROMPT)
    return house


async def outcome(wechat: WeChat, operation: Operation) -> Result:
    """What became of it, asked until it is told: at WeChat all but cancelling comes about by itself, later."""
    first = await wechat.processor.perform(operation)
    assert first is not None
    if first.state is WANTED:
        await wechat.heard(subject(operation))
        first = await wechat.processor.query(operation)
        assert first is not None
    assert await wechat.processor.query(operation) == first, "it says the same when it is asked later"
    return first


def subject(operation: Operation) -> str:
    """What WeChat's notices of an operation name: the order's number, or the refund's."""
    return operation.reference if operation.kind is CAPTURE else operation.operation_id


async def held(wechat: WeChat, amount: int = 9900) -> Operation:
    """A hold that its renter has confirmed."""
    operation = asked(AUTHORIZE, "confirm", amount)
    assert (await outcome(wechat, operation)).state is DONE
    return operation


async def seen(wechat: WeChat, authorize: Operation) -> Seen:
    hold = Hold(authorize.operation_id, authorize.deposit_id, "wechat", authorize.operation_id)
    found = await wechat.processor.inspect(hold)
    assert found is not None
    return found


async def test_a_hold_is_confirmed_captured_and_paid_back(wechat: WeChat) -> None:
    authorize = asked(AUTHORIZE, "confirm")
    first = await wechat.processor.perform(authorize)
    assert first is not None
    assert (first.state, first.renter_action[:8]) == (WANTED, "confirm:")
    await wechat.heard(authorize.operation_id)
    result = await wechat.processor.query(authorize)
    assert result == Result(authorize.operation_id, DONE, authorize.operation_id, credit_minor=9900)
    assert await seen(wechat, authorize) == Seen(9900, 0, 0, 0, 9900)
    captured = await outcome(wechat, asked(CAPTURE, authorize.operation_id, 3000))
    assert (captured.state, captured.result_ref) == (DONE, authorize.operation_id)
    assert await seen(wechat, authorize) == Seen(9900, 3000, 6900, 0, 0)
    refund = asked(REFUND, captured.result_ref, 2000)
    assert (await outcome(wechat, refund)).state is DONE
    assert (await outcome(wechat, refund)).state is DONE, "the same number pays back once"
    beyond = await wechat.processor.perform(asked(REFUND, captured.result_ref, 1001))
    assert (beyond.state, beyond.decline_code) == (DECLINED, "invalid_request")
    assert (await outcome(wechat, asked(REFUND, captured.result_ref, 1000))).state is DONE


async def test_an_operation_repeated_acts_once(wechat: WeChat) -> None:
    await wechat.script(confirms="never", pays="never")
    authorize = asked(AUTHORIZE, "confirm")
    first, again = [await wechat.processor.perform(authorize) for _ in range(2)]
    assert first == again, "even the package is the same"
    await wechat.renter(authorize.operation_id, "confirm")
    capture = asked(CAPTURE, authorize.operation_id, 3000)
    results = [await wechat.processor.perform(capture) for _ in range(2)]
    assert [(r.state, r.renter_action) for r in results] == [(WANTED, f"pay:{authorize.operation_id}")] * 2
    assert await seen(wechat, authorize) == Seen(9900, 0, 6900, 0, 3000)
    other = asked(AUTHORIZE, "confirm")
    await wechat.processor.perform(other)
    void = asked(VOID, other.operation_id)
    assert [(await wechat.processor.perform(void)).state for _ in range(2)] == [DONE, DONE]
    assert await seen(wechat, other) == Seen(9900, 0, 9900, 0, 0)


async def test_with_a_permission_a_hold_needs_no_confirmation(wechat: WeChat) -> None:
    await wechat.script(permits="never", confirms="never")
    attached = await wechat.processor.attach("permission", "pmt_0001")
    assert attached.processor_ref == "permission:pmt_0001"
    authorize = asked(AUTHORIZE, attached.processor_ref)
    first = await wechat.processor.perform(authorize)
    assert (first.state, first.renter_action[:11]) == (WANTED, "permission:")
    nothing = await wechat.processor.query(authorize)
    assert nothing.result_ref == NOT_DONE, "so it is performed again, and the renter is not asked twice"
    waiting = asked(AUTHORIZE, attached.processor_ref, renter_action=first.renter_action)
    assert (await wechat.processor.perform(waiting)).renter_action == first.renter_action
    with pytest.raises(Refusal, match="token"):
        await wechat.processor.attach("permission:pmt_0001", "pmt_0002")
    await wechat.renter("pmt_0001", "permit")
    await wechat.heard("")  # no operation is named: what waits is looked at anyway
    assert (await wechat.processor.perform(authorize)).state is DONE
    assert (await wechat.processor.attach("permission:pmt_0001", "pmt_0002")).processor_ref == "permission:pmt_0001"
    assert (await wechat.processor.perform(asked(AUTHORIZE, "permission:pmt_0001"))).state is DONE
    await wechat.renter("pmt_0001", "withdraw")
    withdrawn = asked(AUTHORIZE, "permission:pmt_0001")
    assert (await wechat.processor.perform(withdrawn)).state is WANTED, "the renter is asked anew"


@pytest.mark.parametrize("token", ["", "visa", "permission:", "permission:nobodys", "permission:../../x", "confirm:1"])
async def test_other_tokens_are_rejected(wechat: WeChat, token: str) -> None:
    with pytest.raises(Refusal) as refused:
        await wechat.processor.attach(token, "pmt_1")
    assert refused.value.reason == "PAYMENT_METHOD_REJECTED"


async def test_what_is_not_paid_is_not_captured_until_it_is(wechat: WeChat) -> None:
    authorize = await held(wechat)
    await wechat.script(pays="never")
    capture = asked(CAPTURE, authorize.operation_id, 3000)
    for result in [await wechat.processor.perform(capture), await wechat.processor.query(capture)]:
        assert (result.state, result.renter_action) == (WANTED, f"pay:{authorize.operation_id}")
    assert (await wechat.processor.perform(asked(REFUND, authorize.operation_id, 1))).decline_code == (
        "not_paid_through_wechat"
    )
    await wechat.renter(authorize.operation_id, "pay")
    assert (await wechat.heard(authorize.operation_id)).reference == authorize.operation_id
    assert (await wechat.processor.query(capture)).state is DONE


async def test_what_can_not_be_asked_of_wechat_is_declined_without_a_call(wechat: WeChat) -> None:
    can = wechat.processor.capabilities
    assert (can.charges, can.increments, can.partial_captures, can.over_capture_percent) == (False, False, False, 0)
    operations = [asked(CHARGE, "confirm"), asked(INCREMENT, "opn_1"), asked(AUTHORIZE, "confirm", currency="EUR")]
    codes = [(await wechat.processor.perform(operation)).decline_code for operation in operations]
    assert codes == ["not_supported", "not_supported", "currency_not_supported"]


async def test_an_order_that_ended_otherwise_declines(wechat: WeChat) -> None:
    await wechat.script(confirms="never")
    expired, revoked = asked(AUTHORIZE, "confirm"), asked(AUTHORIZE, "confirm")
    for authorize in (expired, revoked):
        await wechat.processor.perform(authorize)
    await wechat.renter(expired.operation_id, "expire")
    await wechat.processor.perform(asked(VOID, revoked.operation_id))
    ends = [(expired, "order_expired"), (revoked, "order_revoked")]
    for authorize, code in ends:
        assert (await wechat.processor.query(authorize)).decline_code == code
        assert (await wechat.processor.perform(asked(CAPTURE, authorize.operation_id, 100))).decline_code == code
    assert (await wechat.processor.perform(asked(VOID, expired.operation_id))).decline_code == "order_expired"
    assert await seen(wechat, expired) == Seen(9900, 0, 0, 9900, 0)
    await wechat.script(confirms="at_once")
    done = await held(wechat)
    await outcome(wechat, asked(CAPTURE, done.operation_id, 3000))
    assert (await wechat.processor.perform(asked(VOID, done.operation_id))).decline_code == "order_done"


async def test_an_order_that_nobody_confirms_is_called_off(wechat: WeChat) -> None:
    await wechat.script(confirms="never", permits="never")
    authorize = asked(AUTHORIZE, "confirm", attempts=adapter.LOOKS)
    await wechat.processor.perform(authorize)
    assert (await wechat.processor.query(authorize)).decline_code == "not_confirmed"
    assert await seen(wechat, authorize) == Seen(9900, 0, 9900, 0, 0)
    unasked = asked(AUTHORIZE, "permission:pmt_never", attempts=adapter.LOOKS, renter_action="permission:t")
    assert (await wechat.processor.perform(unasked)).decline_code == "no_permission"


async def fresh(wechat: WeChat) -> Operation:
    return asked(AUTHORIZE, "confirm")


async def capture(wechat: WeChat) -> Operation:
    return asked(CAPTURE, (await held(wechat)).operation_id, 3000)


async def void(wechat: WeChat) -> Operation:
    return asked(VOID, (await held(wechat)).operation_id)


async def refund(wechat: WeChat) -> Operation:
    captured = await outcome(wechat, await capture(wechat))
    return asked(REFUND, captured.result_ref, 1000)


Prepare = Callable[[WeChat], Awaitable[Operation]]
EVERY = [fresh, capture, void, refund]


@pytest.mark.parametrize("prepare", EVERY)
@pytest.mark.parametrize("answers", ["lost_before", "lost_after"])
async def test_after_a_lost_answer_the_query_tells(wechat: WeChat, prepare: Prepare, answers: str) -> None:
    operation = await prepare(wechat)
    await wechat.script(answers=answers)
    assert await wechat.processor.perform(operation) is None
    await wechat.script(answers="prompt")
    if answers == "lost_before":
        assert (await wechat.processor.query(operation)).result_ref == NOT_DONE
        assert (await outcome(wechat, operation)).state is DONE
    else:
        if prepare is not void:
            await wechat.heard(subject(operation))
        result = await wechat.processor.query(operation)
        assert result.state is DONE
        await wechat.processor.perform(operation)
        assert await wechat.processor.query(operation) == result


async def test_a_late_answer_is_an_answer(wechat: WeChat) -> None:
    await wechat.script(answers="late", confirms="never")
    assert (await wechat.processor.perform(asked(AUTHORIZE, "confirm"))).renter_action.startswith("confirm:")


async def test_an_order_whose_package_was_lost_is_created_again_for_it(wechat: WeChat) -> None:
    await wechat.script(confirms="never", answers="lost_after")
    authorize = asked(AUTHORIZE, "confirm")
    assert await wechat.processor.perform(authorize) is None
    await wechat.script(answers="prompt")
    assert (await wechat.processor.query(authorize)).result_ref == NOT_DONE
    assert (await wechat.processor.perform(authorize)).renter_action.startswith("confirm:")


@pytest.mark.parametrize(
    ("prepare", "code", "expected"),
    [
        (fresh, "PARAM_ERROR", "param_error"),
        (fresh, "NO_AUTH", "no_auth"),
        (capture, "PARAM_ERROR", WANTED),
        (capture, "NO_AUTH", WANTED),
        (capture, "INVALID_ORDER_STATE", WANTED),
        (void, "INVALID_ORDER_STATE", WANTED),
        (refund, "INVALID_REQUEST", "invalid_request"),
        (refund, "NOT_ENOUGH", WANTED),
        *((prepare, code, None) for prepare in EVERY for code in ("SYSTEM_ERROR", "FREQUENCY_LIMITED", "SIGN_ERROR")),
    ],
)
async def test_a_refusal_declines_only_what_costs_nobody_money(
    wechat: WeChat, prepare: Prepare, code: str, expected: str | None
) -> None:
    operation = await prepare(wechat)
    await wechat.script(refuses=code)
    result = await wechat.processor.perform(operation)
    told = None if result is None else result.decline_code or result.state
    assert told == expected
    await wechat.script(refuses="")
    assert (await wechat.processor.query(operation)).result_ref == NOT_DONE


async def test_more_than_the_risk_fund_is_neither_held_nor_captured(wechat: WeChat) -> None:
    too_large = await wechat.processor.perform(asked(AUTHORIZE, "confirm", 100_001))
    assert (too_large.state, too_large.decline_code) == (DECLINED, "param_error")
    authorize = await held(wechat)
    assert (await wechat.processor.perform(asked(CAPTURE, authorize.operation_id, 9901))).state is WANTED
    assert await seen(wechat, authorize) == Seen(9900, 0, 0, 0, 9900)


@pytest.mark.parametrize(("status", "state"), [("ABNORMAL", WANTED), ("CLOSED", DECLINED)])
async def test_a_refund_that_does_not_arrive(wechat: WeChat, status: str, state: OperationState) -> None:
    operation = await refund(wechat)
    await wechat.script(refunds=status)
    assert (await wechat.processor.perform(operation)).state is WANTED
    await wechat.heard(operation.operation_id)
    assert (await wechat.processor.query(operation)).state is state


async def test_the_bill_becomes_lines(tmp_path: Path) -> None:
    """Payments at one day's noon; a process that lives a day later, with the same books, has the bill."""
    noon = datetime.now(UTC).replace(hour=4, minute=0, second=0, microsecond=0)  # 12:00 in Beijing
    window = (noon - timedelta(hours=1), noon + timedelta(hours=1))
    folder = Keyring.cut().lay_out(tmp_path)
    async with running(folder, *at(noon)) as wechat:
        await wechat.script(confirms="at_once")
        authorize, other, unpaid = [await held(wechat) for _ in range(3)]
        await outcome(wechat, asked(CAPTURE, authorize.operation_id, 3000))
        await outcome(wechat, asked(CAPTURE, other.operation_id, 9900))
        back = asked(REFUND, authorize.operation_id, 1000)
        await outcome(wechat, back)
        await wechat.script(pays="never")
        await wechat.processor.perform(asked(CAPTURE, unpaid.operation_id, 50))
        with pytest.raises(Refusal) as refused:
            await wechat.processor.report(*window)
        assert refused.value.reason == "PROCESSOR_UNAVAILABLE"
    async with running(folder, *at(noon + timedelta(days=1))) as wechat:
        lines = {line.operation_id: line for line in await wechat.processor.report(*window)}
        assert await wechat.processor.report(noon - timedelta(days=9), noon - timedelta(days=8)) == []
        assert await wechat.processor.report(window[1], window[1] + timedelta(hours=1)) == []
    assert lines.keys() == {authorize.operation_id, other.operation_id, back.operation_id}
    kinds = [lines[o.operation_id].kind for o in (authorize, other, back)]
    assert kinds == [LineKind.AUTHORIZATION, LineKind.AUTHORIZATION, LineKind.REFUND]
    line = lines[authorize.operation_id]
    assert (line.reference, line.deposit_id, line.currency) == (authorize.operation_id, authorize.deposit_id, "CNY")
    assert (line.amount_minor, line.captured_minor, line.released_minor, line.open_minor) == (9900, 3000, 6900, 0)
    assert lines[back.operation_id].captured_minor == 1000
    assert abs(line.created_at - noon) < timedelta(minutes=1)


def at(moment: datetime) -> tuple[str, ...]:
    real = datetime.now(UTC).isoformat()
    return ("--clock-epoch-real", real, "--clock-epoch-virtual", moment.isoformat())


async def test_what_was_acknowledged_outlives_the_process_and_silence_is_unclear(tmp_path: Path) -> None:
    folder = Keyring.cut().lay_out(tmp_path)
    async with running(folder) as wechat:
        await wechat.script(confirms="never")
        authorize = asked(AUTHORIZE, "confirm")
        await wechat.processor.perform(authorize)
        await wechat.kill()
        for call in (wechat.processor.perform, wechat.processor.query):
            assert await call(authorize) is None
        assert await wechat.processor.inspect(Hold("opn_1", "dep_1", "wechat", "opn_1")) is None
        with pytest.raises(Refusal) as refused:
            await wechat.processor.attach("permission:pmt_1", "pmt_1")
        assert refused.value.reason == "PROCESSOR_UNAVAILABLE"
        port = wechat.address.rpartition(":")[2]
        process, _ = await ready(folder, "--port", port)
        await wechat.heard(authorize.operation_id)  # its renter confirms after all
        assert (await wechat.processor.query(authorize)).state is DONE
        process.terminate()
        await process.wait()
