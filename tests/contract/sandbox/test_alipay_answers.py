"""Answers that Alipay documents and its stand-in has no reason to give: what deposits is told of each."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from alipay_house import APP_ID, CREDIT, Now, key_pair
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.deposits.domain import Operation, OperationKind, OperationState, Result
from services.deposits.operations.ports import NOT_DONE
from services.deposits.processors.alipay.adapter import AlipayProcessor
from services.deposits.processors.alipay.client import Client
from services.deposits.processors.alipay.signatures import Keys
from services.values.money import Money

DETAIL, PAY, TRADE = "alipay.fund.auth.operation.detail.query", "alipay.trade.pay", "alipay.trade.query"
REFUND, REFUNDED = "alipay.trade.refund", "alipay.trade.fastpay.refund.query"
FREEZE, CANCEL = "alipay.fund.auth.order.freeze", "alipay.fund.auth.operation.cancel"
UNFREEZE = "alipay.fund.auth.order.unfreeze"
DONE, DECLINED, WANTED = OperationState.DONE, OperationState.DECLINED, OperationState.WANTED
OK = {"code": "10000", "msg": "Success"}
Answers = dict[str, dict[str, Any]]


def refused(sub_code: str) -> dict[str, Any]:
    return {"code": "40004", "msg": "Business Failed", "sub_code": sub_code}


class Scripted:
    """A gateway that answers each method as it was told to, signed as Alipay signs; it counts what it was asked."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str, answers: Answers, asked: list[str]) -> None:
        private = load_pem_private_key(key_pair("alipay")[0], None)
        app = load_pem_private_key(key_pair("app")[0], None)
        assert isinstance(private, RSAPrivateKey)
        assert isinstance(app, RSAPrivateKey)
        client = Client(session, gateway, APP_ID, Keys(app, private.public_key()), "")
        self.processor = AlipayProcessor(client, CREDIT, Now(), Now())
        self.answers, self.asked = answers, asked


@pytest.fixture
async def alipay() -> AsyncIterator[Scripted]:
    private = load_pem_private_key(key_pair("alipay")[0], None)
    assert isinstance(private, RSAPrivateKey)
    keys, answers, asked = Keys(private, private.public_key()), Answers(), list[str]()

    async def answer(request: web.Request) -> web.Response:
        method = str((await request.post())["method"])
        asked.append(method)
        node = json.dumps(answers[method])
        name = method.replace(".", "_")
        return web.Response(text=f'{{ "sign" : "{keys.sign(node.encode())}", "{name}_response" : {node} }}')

    app = web.Application()
    app.add_routes([web.post("/gateway.do", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield Scripted(session, f"http://127.0.0.1:{runner.addresses[0][1]}/gateway.do", answers, asked)
    await runner.cleanup()


def operation(kind: OperationKind, **more: Any) -> Operation:
    return Operation("opn_1", "dep_1", kind, Money("CNY", 9900), "2026", hold_id="opn_0", **more)


FROZEN = OK | {"status": "SUCCESS", "auth_no": "2026", "rest_amount": "99.00", "gmt_trans": "2026-11-28 12:00:00"}
OVER = FROZEN | {"rest_amount": "0.00"}
SILENT = {name: value for name, value in FROZEN.items() if name != "rest_amount"}
CLOSED_UNPAID = OK | {"trade_status": "TRADE_CLOSED", "trade_no": "1"}
CAPTURE, VOID, BACK = OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND


@pytest.mark.parametrize(
    ("kind", "answers", "state", "code"),
    [
        (CAPTURE, {PAY: refused("ACQ.PAYMENT_FAIL"), DETAIL: FROZEN}, WANTED, ""),
        (CAPTURE, {PAY: refused("ACQ.PAYMENT_FAIL"), DETAIL: OVER}, DECLINED, "ACQ.PAYMENT_FAIL"),
        (CAPTURE, {PAY: refused("ACQ.PAYMENT_FAIL"), DETAIL: SILENT}, None, ""),
        (CAPTURE, {PAY: refused("ACQ.X"), DETAIL: SILENT | {"order_status": "CLOSED"}}, DECLINED, "ACQ.X"),
        (CAPTURE, {PAY: refused("ACQ.X"), DETAIL: FROZEN | {"rest_amount": 0}}, DECLINED, "ACQ.X"),
        (CAPTURE, {PAY: refused("ACQ.AUTH_NO_ERROR"), DETAIL: refused("AUTH_ORDER_NOT_EXIST")}, DECLINED, None),
        (CAPTURE, {PAY: refused("ACQ.PAYMENT_FAIL"), DETAIL: refused("HAS_NO_PRIVILEGE")}, None, ""),
        (CAPTURE, {PAY: refused("ACQ.TRADE_HAS_SUCCESS"), TRADE: refused("ACQ.TRADE_NOT_EXIST")}, None, ""),
        (CAPTURE, {PAY: {"code": "20000", "msg": "unknown", "sub_code": "isp.unknow-error"}}, None, ""),
        (CAPTURE, {PAY: {"code": "40006", "sub_code": "isv.insufficient-isv-permissions"}}, None, ""),
        (VOID, {UNFREEZE: OK | {"status": "INIT"}}, None, ""),
        (VOID, {UNFREEZE: refused("ORDER_ALREADY_CLOSED"), DETAIL: OVER}, DECLINED, "ORDER_ALREADY_CLOSED"),
        (BACK, {REFUND: OK | {"fund_change": "N"}, REFUNDED: OK}, None, ""),
        (BACK, {REFUND: OK | {"fund_change": "N"}, REFUNDED: OK | {"refund_status": "REFUND_SUCCESS"}}, DONE, ""),
        (BACK, {REFUND: refused("ACQ.TRADE_NOT_EXIST")}, DECLINED, "ACQ.TRADE_NOT_EXIST"),
    ],
)
async def test_what_an_answer_means_when_something_is_asked_for(
    alipay: Scripted, kind: OperationKind, answers: Answers, state: OperationState | None, code: str | None
) -> None:
    alipay.answers.update(answers)
    result = await alipay.processor.perform(operation(kind))
    assert _state(result) == state
    assert result is None or code is None or result.decline_code == code
    assert result is None or result.result_ref != NOT_DONE, "only a query may say that nothing was done"


@pytest.mark.parametrize(
    ("kind", "answers", "state"),
    [
        (CAPTURE, {TRADE: CLOSED_UNPAID, DETAIL: FROZEN}, WANTED),
        (CAPTURE, {TRADE: CLOSED_UNPAID, DETAIL: OVER}, DECLINED),
        (CAPTURE, {TRADE: OK | {"trade_status": "TRADE_FINISHED", "trade_no": "1"}}, DONE),
        (CAPTURE, {TRADE: refused("ACQ.INVALID_PARAMETER")}, None),
        (VOID, {DETAIL: refused("HAS_NO_PRIVILEGE")}, None),
        (BACK, {REFUNDED: refused("ACQ.TRADE_NOT_EXIST")}, OperationState.CANCELLED),
        (OperationKind.AUTHORIZE, {DETAIL: refused("HAS_NO_PRIVILEGE")}, None),
        (OperationKind.AUTHORIZE, {DETAIL: OK | {"status": "CLOSED"}}, DECLINED),
    ],
)
async def test_what_an_answer_means_when_something_is_asked_about(
    alipay: Scripted, kind: OperationKind, answers: Answers, state: OperationState | None
) -> None:
    alipay.answers.update(answers)
    assert _state(await alipay.processor.query(operation(kind))) == state


def _state(result: Result | None) -> OperationState | None:
    return result.state if result is not None else None


@pytest.mark.parametrize(
    ("told", "credit"),
    [
        ({"pre_auth_type": "CREDIT_AUTH"}, 9900),
        ({"pre_auth_type": "CREDIT_AUTH", "credit_amount": "40.00", "fund_amount": "59.00"}, 4000),
        ({"total_freeze_credit_amount": 40.5, "total_freeze_fund_amount": 58.5}, 4050),
        ({}, 0),
    ],
)
async def test_credit_is_read_however_it_is_told_and_never_as_a_float(
    alipay: Scripted, told: dict[str, Any], credit: int
) -> None:
    alipay.answers[FREEZE] = FROZEN | told
    result = await alipay.processor.perform(operation(OperationKind.AUTHORIZE))
    assert result is not None
    assert (result.credit_minor, result.expires_at) == (credit, datetime(2026, 11, 28, 4, tzinfo=UTC) + timedelta(30))


async def test_a_freeze_that_succeeds_while_it_is_closed_is_not_called_closed(alipay: Scripted) -> None:
    alipay.answers |= {DETAIL: OK | {"status": "INIT"}, CANCEL: OK | {"action": "unfreeze"}}
    given_up = operation(OperationKind.AUTHORIZE, given_up=True)
    assert await alipay.processor.query(given_up) is None, "what it became is asked once more"
    assert alipay.asked == [DETAIL, CANCEL]
