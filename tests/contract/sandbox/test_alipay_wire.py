"""What is believed of Alipay: only what it signed, exactly as it stands there. And what lapses, closes and is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import aiohttp
import psutil
import pytest
from aiohttp import web
from alipay_house import APP_ID, House, start_alipay
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.cli.home import free_port_base
from services.deposits.domain import Hold, Notice, NoticeRejected, OperationKind, OperationState
from services.deposits.processors.alipay.signatures import Keys, signed_content
from services.deposits.servicer.notices import NoticeDoor

Mangle = Callable[[str], str]
WRONG_SIGNATURE = "A" * 342 + "=="


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    alipay = await start_alipay(tmp_path_factory.mktemp("alipay") / "home", "--late-seconds", "0.2")
    async with aiohttp.ClientSession() as session:
        yield House(alipay, session)
    assert await alipay.stop() == (0, "")


class Between:
    """Somebody between us and Alipay, who changes what it answers."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.mangle: Mangle = str
        self._runner: web.AppRunner | None = None

    async def open(self) -> House:
        app = web.Application()
        app.add_routes([web.post("/gateway.do", self._pass_on)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        gateway = f"http://127.0.0.1:{self._runner.addresses[0][1]}/gateway.do"
        return House(self._house.alipay, self._house.session, gateway=gateway)

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.Response:
        form = await request.post()
        async with self._house.alipay.session.post(f"/gateway.do?{request.query_string}", data=form) as answered:
            return web.Response(text=self.mangle(await answered.text()))


@pytest.fixture
async def between(house: House) -> AsyncIterator[Between]:
    between = Between(house)
    yield between
    await between.close()


def unsigned(body: str) -> str:
    return body.split(',"sign"')[0] + "}"


@pytest.mark.parametrize(
    "mangle",
    [
        lambda body: body.replace('"amount":"99.00"', '"amount":"98.00"'),
        lambda body: body.replace('"code":"10000"', '"code": "10000"'),
        lambda body: body.replace("SUCCESS", "CLOSED"),
        lambda body: body.replace('"sign":"', f'"sign":"{WRONG_SIGNATURE}","was":"'),
        lambda body: body.replace("freeze_response", "unfreeze_response"),
        lambda body: body[:-9],
        lambda body: '["sign"]',
        lambda body: "<html>busy</html>",
        unsigned,
    ],
)
async def test_an_answer_that_was_changed_is_unclear_and_never_a_decline(
    house: House, between: Between, mangle: Mangle
) -> None:
    through = await between.open()
    between.mangle = mangle
    operation = through.authorize("own_funds")
    assert await through.processor.perform(operation) is None
    between.mangle = str
    found = await through.processor.query(operation)
    assert found is not None
    assert found.state is OperationState.DONE, "it had happened, and what was not changed is believed"


async def test_a_refusal_that_nobody_signed_declines_nothing(house: House, between: Between) -> None:
    through = await between.open()
    between.mangle = unsigned
    operation = through.authorize("insufficient")
    assert await through.processor.perform(operation) is None
    assert await through.processor.query(operation) is None
    assert await through.processor.inspect(Hold(operation.operation_id, "dep_1", "alipay", "1")) is None


async def test_an_app_with_another_key_gets_nothing_done(house: House) -> None:
    stranger = House(house.alipay, house.session, app="stranger")
    operation = stranger.authorize("own_funds")
    assert await stranger.processor.perform(operation) is None, "our own fault declines nobody's deposit"
    assert operation.operation_id not in str(await house.books())


async def test_silence_is_unclear(tmp_path: Path) -> None:
    alipay = await start_alipay(tmp_path / "home")
    async with aiohttp.ClientSession() as session:
        house = House(alipay, session)
        authorize, auth_no = await house.hold()
        await alipay.kill()
        capture = house.asked(OperationKind.CAPTURE, auth_no, 100, hold_id=authorize.operation_id)
        assert await house.processor.perform(capture) is None
        assert await house.processor.query(capture) is None
        assert await house.processor.inspect(Hold(authorize.operation_id, "dep_1", "alipay", auth_no)) is None


async def test_what_was_acknowledged_is_there_after_kill_9_and_lapses_at_its_end(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        before = House(await start_alipay(tmp_path / "home", "--authorization-seconds", "1"), session)
        authorize, auth_no = await before.hold()
        await before.alipay.kill()
        house = House(await start_alipay(tmp_path / "home"), session)
        await asyncio.sleep(1)
        hold = Hold(authorize.operation_id, "dep_1", "alipay", auth_no)
        seen = await house.processor.inspect(hold)
        assert seen is not None
        assert (seen.authorized_minor, seen.expired_minor, seen.open_minor) == (9900, 9900, 0)
        for kind in (OperationKind.CAPTURE, OperationKind.VOID):
            result = await house.processor.perform(house.asked(kind, auth_no, 1, hold_id=authorize.operation_id))
            assert result is not None
            assert (result.state, result.decline_code) == (OperationState.DECLINED, "ORDER_ALREADY_CLOSED")
        assert await house.processor.query(authorize) is not None, "it was frozen all the same"
        await house.alipay.stop()


async def test_a_renter_who_walks_away_from_the_kiosk_is_declined_in_the_end(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        house = House(await start_alipay(tmp_path / "home", "--minute-seconds", "0.1"), session)
        assert (await house.settled(house.authorize("walks_away"))).decline_code == "NOT_CONFIRMED"
        await house.alipay.stop()


async def test_notices_of_each_step_come_twice_and_say_what_to_ask_about(tmp_path: Path) -> None:
    port = free_port_base()
    heard: asyncio.Queue[Notice] = asyncio.Queue()

    async def hasten(_name: str, notice: Notice) -> None:
        heard.put_nowait(notice)

    async with aiohttp.ClientSession() as session:
        alipay = await start_alipay(tmp_path / "home", "--notice-copies", "2")
        house = House(alipay, session, f"http://127.0.0.1:{port}/processors/alipay/notices")
        door = NoticeDoor({"alipay": house.processor}, hasten)
        await door.open("127.0.0.1", port)
        authorize, auth_no = await house.hold()
        on_hold = {"hold_id": authorize.operation_id}
        capture = house.asked(OperationKind.CAPTURE, auth_no, 900, final=False, **on_hold)
        trade_no = (await house.settled(capture)).result_ref
        void = house.asked(OperationKind.VOID, auth_no, 9000, **on_hold)
        refund = house.asked(OperationKind.REFUND, trade_no, 900)
        assert [(await house.settled(o)).state for o in (void, refund)] == [OperationState.DONE] * 2
        notices = [await asyncio.wait_for(heard.get(), 10) for _ in range(8)]
        asked = sorted([(authorize, auth_no), (capture, trade_no), (void, auth_no), (refund, trade_no)] * 2, key=str)
        assert sorted((n.operation_id, n.reference) for n in notices) == sorted(
            (operation.operation_id, reference) for operation, reference in asked
        )
        assert len({n.notice_id for n in notices}) == 4
        assert {n.reply for n in notices} == {b"success"}
        await asyncio.sleep(0.5)
        assert heard.empty(), "it stops once it was told success"
        await door.close()
        await alipay.stop()


@pytest.fixture
async def notice(tmp_path: Path) -> AsyncIterator[tuple[House, bytes]]:
    """A true notice, caught on its way."""
    port, caught = free_port_base(), asyncio.Queue[bytes]()

    async def catch(request: web.Request) -> web.Response:
        caught.put_nowait(await request.read())
        return web.Response(text="success")

    app = web.Application()
    app.add_routes([web.post("/", catch)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as session:
        house = House(await start_alipay(tmp_path / "home"), session, f"http://127.0.0.1:{port}/")
        await house.hold("split")
        yield house, await asyncio.wait_for(caught.get(), 10)
        await house.alipay.stop()
    await runner.cleanup()


async def test_a_forged_changed_or_foreign_notice_is_turned_away(notice: tuple[House, bytes]) -> None:
    house, body = notice
    said = dict(parse_qsl(body.decode(), keep_blank_values=True))
    assert (said["notify_type"], said["app_id"]) == ("fund_auth_freeze", APP_ID)
    assert (said["total_freeze_credit_amount"], said["total_freeze_fund_amount"]) == ("50.00", "49.00")
    assert house.processor.read_notice({}, body).operation_id == said["out_request_no"]
    backwards = urlencode(dict(reversed(said.items()))).encode()
    assert house.processor.read_notice({}, backwards).reference == said["auth_no"]
    forged = [
        said | {"out_request_no": "opn_other"},
        said | {"app_id": "2021000000000002"},
        said | {"more": "1"},
        said | {"sign": WRONG_SIGNATURE},
        said | {"sign": "not base 64"},
        said | {"sign_type": "RSA"},
        {name: value for name, value in said.items() if name != "sign"},
    ]
    bodies = [urlencode(each).encode() for each in forged]
    for each in [*bodies, body + b"&app_id=" + APP_ID.encode(), b"", b"\xff", b"{}"]:
        with pytest.raises(NoticeRejected):
            house.processor.read_notice({}, each)


async def test_a_number_that_is_not_ours_names_no_operation(notice: tuple[House, bytes]) -> None:
    house, body = notice
    said = dict(parse_qsl(body.decode(), keep_blank_values=True))
    lapse = as_alipay(house, said | {"out_request_no": "lapse20261128", "out_order_no": "another system's"})
    heard = house.processor.read_notice({}, lapse)
    assert (heard.operation_id, heard.reference) == ("", said["auth_no"])
    with pytest.raises(NoticeRejected):
        house.processor.read_notice({}, as_alipay(house, said | {"app_id": "2021000000000002"}))


def as_alipay(house: House, said: dict[str, str]) -> bytes:
    """A notice of other content, signed with Alipay's own key."""
    own = load_pem_private_key((house.alipay.home / "alipay_private_key.pem").read_bytes(), None)
    assert isinstance(own, RSAPrivateKey)
    keys = Keys(own, own.public_key())
    return urlencode(said | {"sign": keys.sign(signed_content(said, ("sign", "sign_type")))}).encode()


async def test_the_stand_in_says_only_that_it_is_ready_is_small_and_keeps_its_files_to_itself(tmp_path: Path) -> None:
    alipay = await start_alipay(tmp_path / "home")
    async with aiohttp.ClientSession() as session:
        house = House(alipay, session)
        await house.hold()
        await alipay.get("/canary-in-a-url", canary="canary")
        assert {path.stat().st_mode & 0o077 for path in [alipay.home, *alipay.home.iterdir()]} == {0}
        assert psutil.Process(alipay.process.pid).memory_info().rss < 60 * 2**20
        assert await alipay.stop() == (0, "")
