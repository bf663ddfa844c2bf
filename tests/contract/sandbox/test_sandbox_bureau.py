"""The bureaus' calls, and our client of them, over sockets: late, silent, flaky, down, and with the wrong secret."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import structlog
from aiohttp import web
from stand_ins import SECRET, StandIn, start

from services.scoring import bureaus
from services.scoring.bureaus import HttpBureaus
from services.scoring.domain.bureau_links import Report
from services.scoring.operations.bureaus import Granted, NoReport
from services.values.errors import Refusal

_numbers = itertools.count()


@pytest_asyncio.fixture
async def client(bureau: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpBureaus]:
    """Our client, with little patience."""
    monkeypatch.setattr(bureaus, "ANSWER_SECONDS", 1.0)
    async with aiohttp.ClientSession() as session:
        yield HttpBureaus(session, bureau.address, SECRET)


async def granted(client: HttpBureaus, case: str, bureau: str = "north") -> Granted:
    """A handle for somebody new."""
    number = next(_numbers)
    found = await client.redeem(bureau, f"code_{case}.{number}", f"key-{number}")
    assert isinstance(found, Granted)
    return found


async def test_a_code_becomes_a_handle_and_the_handle_a_report_of_today(client: HttpBureaus) -> None:
    for name, raw in (("north", 720), ("south", 12)):
        handle = (await granted(client, str(raw), name)).handle
        found = await client.report(name, handle)
        assert isinstance(found, Report)
        assert found.raw == raw
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        assert (today - found.reported_at).days in (0, 1)
        assert await client.report(name, handle) == found


async def test_a_code_works_once_and_a_repeat_with_its_key_gives_the_same_handle(client: HttpBureaus) -> None:
    first = await client.redeem("north", "code_700.once", "key-once")
    assert await client.redeem("north", "code_700.once", "key-once") == first
    again = await client.redeem("north", "code_700.once", "key-other")
    assert isinstance(again, Refusal)
    assert again.reason == "BUREAU_CODE_INVALID"


@pytest.mark.parametrize("code", ["code_", "code_299", "code_851", "hello"])
async def test_a_code_that_was_never_given_is_refused(client: HttpBureaus, code: str) -> None:
    found = await client.redeem("north", code, f"key-{next(_numbers)}")
    assert isinstance(found, Refusal)
    assert found.reason == "BUREAU_CODE_INVALID"


async def test_an_account_has_one_name_towards_us_whatever_the_code(client: HttpBureaus) -> None:
    first = await client.redeem("north", "code_700.ann--1", "key-ann-1")
    second = await client.redeem("north", "code_700.ann--2", "key-ann-2")
    assert isinstance(first, Granted)
    assert isinstance(second, Granted)
    assert first.account == second.account
    assert first.handle != second.handle
    assert (await granted(client, "700")).account != first.account


async def test_a_late_report_arrives_a_silent_bureau_is_unclear_and_a_flaky_one_answers_the_second_time(
    client: HttpBureaus,
) -> None:
    late, silent, flaky = [(await granted(client, case)).handle for case in ("late", "silent", "flaky")]
    assert isinstance(await client.report("north", late), Report)
    assert await client.report("north", silent) is None
    assert await client.report("north", flaky) is None
    assert isinstance(await client.report("north", flaky), Report)


async def test_a_bureau_that_knows_nothing_says_so(client: HttpBureaus) -> None:
    handle = (await granted(client, "unknown")).handle
    assert await client.report("north", handle) is NoReport.NO_RECORD


async def test_what_is_revoked_is_not_told_any_more_and_revoking_again_changes_nothing(client: HttpBureaus) -> None:
    handle = (await granted(client, "700")).handle
    assert await client.revoke("north", handle)
    assert await client.report("north", handle) is NoReport.LINK_ENDED
    assert await client.revoke("north", handle)


async def test_a_handle_of_one_bureau_is_nothing_to_another(client: HttpBureaus) -> None:
    handle = (await granted(client, "700")).handle
    assert await client.report("south", handle) is NoReport.LINK_ENDED


async def test_one_bureau_is_down_and_the_other_answers(client: HttpBureaus, bureau: StandIn) -> None:
    north, south = (await granted(client, "700")).handle, (await granted(client, "700", "south")).handle
    assert (await bureau.post("/v1/bureaus/north/outage", {"down": True}))[0] == 200
    assert await client.report("north", north) is None
    assert await client.redeem("north", "code_700", "key-down") is None
    assert not await client.revoke("north", north)
    assert isinstance(await client.report("south", south), Report)
    await bureau.post("/v1/bureaus/north/outage", {"down": False})
    assert isinstance(await client.report("north", north), Report)


async def test_the_wrong_secret_is_unclear_and_no_person_s_fault(bureau: StandIn) -> None:
    async with aiohttp.ClientSession() as session:
        stranger = HttpBureaus(session, bureau.address, "another")
        assert await stranger.redeem("north", "code_700.x", "key-x") is None
        assert await stranger.report("north", "hdl_x.0") is None
        assert not await stranger.revoke("north", "hdl_x.0")


async def test_a_bureau_that_is_gone_is_unclear(tmp_path: Path) -> None:
    running = await start("bureau", tmp_path / "home")
    await running.stop()
    async with aiohttp.ClientSession() as session:
        client = HttpBureaus(session, running.address, SECRET)
        assert await client.report("north", "hdl_x.0") is None


@pytest.mark.parametrize(
    "said",
    [
        '{"score": "720", "reported_at": "2026-11-23T00:00:00Z"}',
        '{"score": true, "reported_at": "2026-11-23T00:00:00Z"}',
        '{"score": 720, "reported_at": "2026-11-23T00:00:00"}',
        '{"score": 720, "reported_at": "yesterday"}',
        '{"score": 720}',
        "[]",
        "<html>",
    ],
)
async def test_an_answer_that_cannot_be_is_unclear(said: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=said, content_type="application/json")

    app = web.Application()
    app.add_routes([web.post("/v1/bureaus/north/reports", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        client = HttpBureaus(session, f"http://127.0.0.1:{runner.addresses[0][1]}", SECRET)
        assert await client.report("north", "hdl_x.0") is None
    await runner.cleanup()


async def test_neither_codes_nor_handles_are_logged_or_shown(client: HttpBureaus) -> None:
    with structlog.testing.capture_logs() as logs:
        found = await granted(client, "flaky")
        await client.report("north", found.handle)
        await client.redeem("north", "code_canary", "key-canary")
        await client.redeem("east", "code_canary", "key-canary")
    said = f"{logs} {found!r}"
    assert logs
    for secret in (found.handle, found.account, "code_", "key-", SECRET):
        assert secret not in said


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/bureaus/east/reports", {"handle": "x"}, 404, "bureau_not_found"),
        ("/v1/bureaus/north/reports", {"handle": ""}, 400, "invalid_request"),
        ("/v1/bureaus/north/reports", {}, 400, "invalid_request"),
        ("/v1/bureaus/north/links", {"authorization_code": "code_700"}, 400, "idempotency_key_required"),
        ("/v1/bureaus/east/outage", {"down": True}, 404, "bureau_not_found"),
    ],
)
async def test_a_request_in_wrong_form_is_refused(
    bureau: StandIn, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answered, refused = await bureau.post(path, body)
    assert (answered, refused["error"]["code"]) == (status, code)


async def test_a_key_names_one_code(bureau: StandIn) -> None:
    one, other = {"authorization_code": "code_701"}, {"authorization_code": "code_702"}
    assert (await bureau.post("/v1/bureaus/north/links", one, key="key-one"))[0] == 200
    status, refused = await bureau.post("/v1/bureaus/north/links", other, key="key-one")
    assert (status, refused["error"]["code"]) == (409, "idempotency_key_reused")


async def test_a_report_is_dated_by_the_house_s_clock(tmp_path: Path) -> None:
    clock = ["--clock-epoch-real", "2020-01-01T00:00:00+00:00", "--clock-epoch-virtual", "2012-06-01T13:00:00+00:00"]
    running = await start("bureau", tmp_path / "home", *clock, "--clock-scale", "0")
    _, linked = await running.post("/v1/bureaus/north/links", {"authorization_code": "code_700"}, key="k")
    _, report = await running.post("/v1/bureaus/north/reports", {"handle": linked["handle"]})
    assert report == {"score": 700, "reported_at": "2012-06-01T00:00:00.000Z"}
    await running.stop()
