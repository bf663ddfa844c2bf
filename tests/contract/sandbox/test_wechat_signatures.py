"""Nobody but WeChat is believed, and nobody but the merchant is obeyed: signatures both ways, sealed notices."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from wechat_house import API_V3_KEY, KEY_ID, OTHER_KEY_ID, Keyring, WeChat, asked, private_pem, public_pem, running

from services.deposits.domain import NoticeRejected, Operation, OperationKind, OperationState
from services.deposits.processors.wechat import Gateway, Merchant, WeChatProcessor
from services.runtime.clock import SystemClock


@pytest.fixture(scope="module")
async def wechat(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeChat]:
    async with running(Keyring.cut().lay_out(tmp_path_factory.mktemp("wechat"))) as house:
        await house.script(confirms="never")
        yield house


async def performed(merchant: Merchant, operation: Operation) -> Any:
    async with Gateway(merchant, SystemClock()) as gateway:
        return await WeChatProcessor(gateway, merchant).perform(operation)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: replace(m, keys=replace(m.keys, private_key=private_pem(Keyring.cut().other).decode())),
        lambda m: replace(m, certificate_serial="0000"),
        lambda m: replace(m, merchant_id="1900000110"),
    ],
    ids=["another key", "another certificate", "another merchant"],
)
async def test_wechat_obeys_the_merchant_alone(wechat: WeChat, change: Callable[[Merchant], Merchant]) -> None:
    operation = asked(OperationKind.AUTHORIZE, "confirm")
    assert await performed(change(wechat.merchant), operation) is None
    assert (await wechat.processor.query(operation)).state is OperationState.CANCELLED
    async with aiohttp.ClientSession(wechat.address) as session:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": 'WECHATPAY2-SHA256-RSA2048 mchid="1"'}):
            async with session.post("/v3/payscore/serviceorder", json={}, headers=headers) as response:
                assert (response.status, (await response.json())["code"]) == (401, "SIGN_ERROR")
            async with session.post("/_sandbox/script", json={}, headers=headers) as response:
                assert response.status == 401


def _another_package(answer: dict[str, Any], _: dict[str, str]) -> None:
    answer["package"] = "mine"


def _another_serial(_: dict[str, Any], headers: dict[str, str]) -> None:
    headers["Wechatpay-Serial"] = OTHER_KEY_ID


def _no_signature(_: dict[str, Any], headers: dict[str, str]) -> None:
    del headers["Wechatpay-Signature"]


def _another_time(_: dict[str, Any], headers: dict[str, str]) -> None:
    headers["Wechatpay-Timestamp"] = str(int(headers["Wechatpay-Timestamp"]) + 1)


@pytest.mark.parametrize("tamper", [_another_package, _another_serial, _no_signature, _another_time])
async def test_an_answer_that_is_not_wechats_is_unclear(wechat: WeChat, tamper: Callable[..., None]) -> None:
    async def between(request: web.Request) -> web.Response:
        kept = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        url, body = wechat.address + request.raw_path, await request.read()
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=body, headers=kept) as response,
        ):
            headers = {name: value for name, value in response.headers.items() if name.startswith("Wechatpay")}
            answer = await response.json()
            tamper(answer, headers)
            return web.json_response(answer, status=response.status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", between)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    merchant = replace(wechat.merchant, url=f"http://127.0.0.1:{runner.addresses[0][1]}")
    operation = asked(OperationKind.AUTHORIZE, "confirm")
    assert await performed(merchant, operation) is None
    assert (await wechat.processor.perform(operation)).renter_action.startswith("confirm:"), "it had happened"
    await runner.cleanup()


def notice(
    about: dict[str, Any],
    *,
    key: RSAPrivateKey | None = None,
    key_id: str = KEY_ID,
    api_v3_key: str = API_V3_KEY,
    age: int = 0,
) -> tuple[dict[str, str], bytes]:
    """A notice as whoever has these keys would send it."""
    sealed = AESGCM(api_v3_key.encode()).encrypt(b"0123456789ab", json.dumps(about).encode(), b"payscore")
    resource = {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "nonce": "0123456789ab",
        "associated_data": "payscore",
    }
    said = {"id": "n1", "event_type": "PAYSCORE.USER_PAID", "resource_type": "encrypt-resource", "resource": resource}
    body, sent = json.dumps(said).encode(), str(int(time.time()) - age)
    signature = (key or Keyring.cut().platform).sign(f"{sent}\nxyz\n".encode() + body + b"\n", PKCS1v15(), SHA256())
    return {
        "wechatpay-serial": key_id,
        "wechatpay-timestamp": sent,
        "wechatpay-nonce": "xyz",
        "wechatpay-signature": base64.b64encode(signature).decode(),
        "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
    }, body


ORDER = {"out_order_no": "opn_1"}


FORGED: dict[str, Callable[[], tuple[dict[str, str], bytes]]] = {
    "nothing": lambda: ({}, b"{}"),
    "another's key": lambda: notice(ORDER, key=Keyring.cut().other),
    "an unknown key": lambda: notice(ORDER, key_id="PUB_KEY_ID_0999"),
    "too old": lambda: notice(ORDER, age=301),
    "from the future": lambda: notice(ORDER, age=-330),
    "sealed by another": lambda: notice(ORDER, api_v3_key="x" * 32),
    "no text": lambda: notice({"out_order_no": ["opn_1"]}),
    "another body": lambda: (notice(ORDER)[0], notice(ORDER)[1].replace(b"USER_PAID", b"USER_DONE")),
    "a probe": lambda: changed("wechatpay-signature", "WECHATPAY/SIGNTEST/abc"),
    "no time": lambda: changed("wechatpay-timestamp", "now"),
    "another scheme": lambda: changed("wechatpay-signature-type", "SHA1"),
}


def changed(name: str, value: str) -> tuple[dict[str, str], bytes]:
    headers, body = notice(ORDER)
    return {**headers, name: value}, body


@pytest.mark.parametrize("how", FORGED)
async def test_a_forged_notice_is_turned_away(wechat: WeChat, how: str) -> None:
    headers, body = FORGED[how]()
    with pytest.raises(NoticeRejected):
        wechat.processor.read_notice(headers, body)
    async with (
        aiohttp.ClientSession() as session,
        session.post(wechat.merchant.notice_url, data=body, headers=headers) as response,
    ):
        assert response.status == 400
    assert wechat.notices.empty()


async def test_a_notice_by_either_key_is_read_while_keys_change(wechat: WeChat) -> None:
    for keys in ({}, {"key": Keyring.cut().other, "key_id": OTHER_KEY_ID}):
        said = wechat.processor.read_notice(*notice(ORDER, **keys))
        assert (said.notice_id, said.operation_id, said.reference) == ("n1", "opn_1", "opn_1")
    refund = wechat.processor.read_notice(*notice({"out_refund_no": "opn_2", "transaction_id": "42"}))
    assert (refund.operation_id, refund.reference) == ("opn_2", "")
    withdrawn = wechat.processor.read_notice(*notice({"authorization_code": "pmt_1"}))
    assert (withdrawn.operation_id, withdrawn.reference) == ("", "")


async def test_doubled_and_reordered_notices_change_nothing(wechat: WeChat) -> None:
    await wechat.script(notices=2)
    authorize = asked(OperationKind.AUTHORIZE, "confirm")
    await wechat.processor.perform(authorize)
    await wechat.renter(authorize.operation_id, "confirm")
    await wechat.renter(authorize.operation_id, "confirm")
    capture = asked(OperationKind.CAPTURE, authorize.operation_id, 3000)
    await wechat.script(pays="never")
    await wechat.processor.perform(capture)
    await wechat.renter(authorize.operation_id, "pay")
    await wechat.tell_again()
    assert [(await wechat.heard(authorize.operation_id)).reference for _ in range(6)] == [authorize.operation_id] * 6
    assert wechat.notices.empty(), "confirmed once, paid once, each told twice, and once more"
    assert (await wechat.processor.query(capture)).state is OperationState.DONE
    async with aiohttp.ClientSession() as session:
        headers, body = notice(ORDER)
        async with session.post(wechat.merchant.notice_url, data=body, headers=headers) as response:
            assert (response.status, response.content_type, await response.json()) == (
                200,
                "application/json",
                {"code": "SUCCESS"},
            )
    assert public_pem(Keyring.cut().platform).decode() == wechat.merchant.keys.platform[KEY_ID]
