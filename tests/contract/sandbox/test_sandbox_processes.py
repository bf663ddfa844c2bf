"""How a stand-in begins and ends, how time passes for it, and that it says nothing of what it sees."""

import asyncio
from pathlib import Path

import aiohttp
import psutil
import pytest
from stand_ins import launch, secret_file, start

NAMES = ["processor", "registry", "carrier", "bureau"]
ORDER = {"amount_minor": 500, "currency": "CNY", "merchant_reference": "dep_1"}


@pytest.mark.parametrize("name", NAMES)
async def test_it_ends_well_on_sigterm_and_says_only_that_it_is_ready(name: str, tmp_path: Path) -> None:
    running = await start(name, tmp_path / "home")
    await running.get("/v1/canary-in-a-url", canary="canary")
    await running.post("/v1/canary-in-a-url", {"canary": "canary"})
    assert await running.stop() == (0, "")


async def test_what_is_under_way_ends_with_it(tmp_path: Path) -> None:
    running = await start("processor", tmp_path / "home", "--late-seconds", "30")
    calls = []
    for token in ("tok_late", "tok_timeout_after"):
        _, method = await running.post("/v1/payment_methods", {"token": token})
        body = ORDER | {"payment_method": method["id"]}
        calls.append(asyncio.create_task(running.post("/v1/charges", body, key=token)))
    await asyncio.sleep(0.3)
    running.process.terminate()
    late, lost = await asyncio.gather(*calls, return_exceptions=True)
    assert late[0] == 200
    assert isinstance(lost, aiohttp.ClientError)
    assert await running.ended() == (0, "")


async def test_the_processors_files_are_its_owners_only(tmp_path: Path) -> None:
    running = await start("processor", tmp_path / "home")
    assert {path.stat().st_mode & 0o077 for path in [running.home, *running.home.iterdir()]} == {0}
    await running.stop()


async def test_a_home_in_use_is_refused(tmp_path: Path) -> None:
    running = await start("processor", tmp_path / "home")
    second = await launch("processor", tmp_path / "home")
    _, said = await asyncio.wait_for(second.communicate(), 20)
    assert second.returncode == 1
    assert b"locked" in said
    await running.stop()


@pytest.mark.parametrize("name", NAMES)
async def test_a_port_in_use_is_refused(name: str, tmp_path: Path) -> None:
    running = await start("carrier", tmp_path / "first")
    second = await launch(name, tmp_path / "second", port=int(running.address.rpartition(":")[2]))
    _, said = await asyncio.wait_for(second.communicate(), 20)
    assert (second.returncode, b"cannot listen" in said, b" ready on " in said) == (1, True, False)
    await running.stop()


@pytest.mark.parametrize(("mode", "content"), [(0o644, "secret"), (0o600, " \n")])
async def test_a_secret_that_is_none_is_refused(mode: int, content: str, tmp_path: Path) -> None:
    path = secret_file(tmp_path)
    path.write_text(content)
    path.chmod(mode)
    process = await launch("carrier", tmp_path / "home")
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, b"secret file" in said) == (1, True)


async def test_an_authorization_lapses(tmp_path: Path) -> None:
    running = await start("processor", tmp_path / "home", "--authorization-seconds", "0.4")
    _, method = await running.post("/v1/payment_methods", {"token": "tok_visa"})
    _, held = await running.post("/v1/authorizations", ORDER | {"payment_method": method["id"]}, key="k")
    assert (held["status"], held["open_minor"]) == ("authorized", 500)
    await asyncio.sleep(0.5)
    path = f"/v1/authorizations/{held['id']}"
    _, lapsed = await running.get(path)
    assert (lapsed["status"], lapsed["expired_minor"], lapsed["open_minor"]) == ("expired", 500, 0)
    status, refused = await running.post(f"{path}/captures", {"amount_minor": 1, "final": True}, key="c")
    assert (status, refused["error"]["code"]) == (409, "authorization_expired")
    await running.stop()


async def test_an_authorization_lapses_by_the_virtual_clock(tmp_path: Path) -> None:
    clock = ["--clock-epoch-real", "2020-01-01T00:00:00+00:00", "--clock-epoch-virtual", "2012-06-01T00:00:00+00:00"]
    running = await start("processor", tmp_path / "home", *clock, "--clock-scale", "0")
    _, method = await running.post("/v1/payment_methods", {"token": "tok_visa"})
    _, held = await running.post("/v1/authorizations", ORDER | {"payment_method": method["id"]}, key="k")
    assert (held["created_at"], held["expires_at"]) == ("2012-06-01T00:00:00.000Z", "2012-06-08T00:00:00.000Z")
    await running.stop()
    fast = await start("processor", tmp_path / "home", *clock, "--clock-scale", "1000")
    assert (await fast.get(f"/v1/authorizations/{held['id']}"))[1]["status"] == "expired"
    await fast.stop()


@pytest.mark.parametrize("name", NAMES)
async def test_it_is_small(name: str, tmp_path: Path) -> None:
    running = await start(name, tmp_path / "home")
    assert psutil.Process(running.process.pid).memory_info().rss < 45 * 2**20
    await running.stop()
