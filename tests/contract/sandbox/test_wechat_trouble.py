"""When WeChat does not answer, answers late, or refuses: nothing is done twice, and no hold lapses by mistake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from wechat_house import WeChat, asked, held, outcome, seen, subject

from services.deposits.domain import Operation, OperationKind, OperationState, Seen
from services.deposits.operations.ports import NOT_DONE
from services.deposits.processors.wechat import gateway

AUTHORIZE, CAPTURE, VOID = OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID
REFUND = OperationKind.REFUND
DONE, DECLINED, WANTED = OperationState.DONE, OperationState.DECLINED, OperationState.WANTED


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 0.5)


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


@pytest.mark.usefixtures("impatient")
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


@pytest.mark.usefixtures("impatient")
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
