"""One of each stand-in for the tests that leave it running."""

from collections.abc import AsyncIterator

import pytest
from stand_ins import STARTED, StandIn, start
from stripe_bench import start_stripe
from wechat_house import Keyring, WeChat, running


@pytest.fixture(scope="session", autouse=True)
async def nothing_stays_running() -> AsyncIterator[None]:
    """The stand-ins of tests that failed end with the session."""
    yield
    for stand_in in STARTED:
        if stand_in.process.returncode is None:
            await stand_in.kill()


@pytest.fixture(scope="session")
async def processor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StandIn]:
    running = await start("processor", tmp_path_factory.mktemp("sandbox") / "home", "--late-seconds", "0.5")
    yield running
    await running.stop()


@pytest.fixture(scope="session")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StandIn]:
    running = await start("registry", tmp_path_factory.mktemp("sandbox") / "home", "--slow-seconds", "0.5")
    yield running
    await running.stop()


@pytest.fixture(scope="session")
async def carrier(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StandIn]:
    running = await start("carrier", tmp_path_factory.mktemp("sandbox") / "home")
    yield running
    await running.stop()


@pytest.fixture(scope="session")
async def bureau(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StandIn]:
    running = await start("bureau", tmp_path_factory.mktemp("sandbox") / "home", "--late-seconds", "0.3")
    yield running
    await running.stop()


@pytest.fixture(scope="session")
async def stripe(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StandIn]:
    running = await start_stripe(tmp_path_factory.mktemp("sandbox"))
    yield running
    await running.stop()


@pytest.fixture(scope="session")
async def wechat_process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WeChat]:
    async with running(Keyring.cut().lay_out(tmp_path_factory.mktemp("wechat"))) as house:
        yield house


@pytest.fixture
async def wechat(wechat_process: WeChat) -> WeChat:
    """Everybody does at once what is wanted, until the test says otherwise."""
    at_once = dict.fromkeys(("confirms", "permits", "pays"), "at_once")
    await wechat_process.script(**at_once, refunds="SUCCESS", answers="prompt", refuses="", notices=1)
    return wechat_process
