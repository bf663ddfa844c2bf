"""WeChat Pay Score through its adapter, over real sockets: every operation, both modes, what is paid late."""

from __future__ import annotations

from typing import Any

import pytest
from wechat_house import WeChat, asked, held, outcome, seen

from services.deposits.domain import OperationKind, OperationState, Result, Seen
from services.deposits.operations.ports import NOT_DONE
from services.deposits.processors.wechat import adapter
from services.values.errors import Refusal

AUTHORIZE, CAPTURE, VOID = OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID
CHARGE, INCREMENT, REFUND = OperationKind.CHARGE, OperationKind.INCREMENT, OperationKind.REFUND
DONE, DECLINED, WANTED = OperationState.DONE, OperationState.DECLINED, OperationState.WANTED


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


async def test_what_is_no_order_of_ours_is_not_paid_back_from_here(wechat: WeChat) -> None:
    """The merchant's other trades stand in the same bill: a repair of one ends with this answer."""
    refund = asked(REFUND, "4200002411202611280000000001", 1)
    assert (await wechat.processor.perform(refund)).decline_code == "not_an_order_of_ours"


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


@pytest.mark.parametrize("because", [{"attempts": adapter.LOOKS}, {"given_up": True}], ids=["late", "given up"])
async def test_an_order_that_nobody_confirms_is_called_off(wechat: WeChat, because: dict[str, Any]) -> None:
    await wechat.script(confirms="never", permits="never")
    authorize = asked(AUTHORIZE, "confirm", **because)
    await wechat.processor.perform(authorize)
    assert (await wechat.processor.query(authorize)).decline_code == "not_confirmed"
    assert await seen(wechat, authorize) == Seen(9900, 0, 9900, 0, 0)
    unasked = asked(AUTHORIZE, "permission:pmt_never", attempts=adapter.LOOKS, renter_action="permission:t")
    assert (await wechat.processor.perform(unasked)).decline_code == "no_permission"
