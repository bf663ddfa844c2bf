"""WeChat's stand-in over the days and over its death: the bill of yesterday, renters who are still to answer."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from wechat_house import Keyring, asked, held, outcome, ready, running

from services.deposits.domain import Hold, LineKind, OperationKind, OperationState
from services.deposits.processors.wechat import read_keys
from services.values.errors import Refusal

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "processors" / "wechat.md"
AUTHORIZE, CAPTURE, REFUND = OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.REFUND


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
        assert (await wechat.processor.query(authorize)).state is OperationState.DONE
        process.terminate()
        await process.wait()


async def test_the_commands_of_the_document_start_it(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (commands,) = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    shell = await asyncio.create_subprocess_exec(
        *(
            "sh",
            "-euc",
            commands.replace("--port 8404", "--port 0").replace(".venv/bin/python", "exec .venv/bin/python"),
        ),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert shell.stderr is not None
    line = await asyncio.wait_for(shell.stderr.readline(), 20)
    shell.terminate()
    await shell.wait()
    assert line.startswith(b"wechat ready on http://127.0.0.1:"), line
    keys = read_keys(tmp_path / "wechat" / "ours", "PUB_KEY_ID_1")
    assert list(keys.platform) == ["PUB_KEY_ID_1"]
