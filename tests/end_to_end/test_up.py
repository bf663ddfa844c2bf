"""`freehold up` as its operator knows it: ready, told where, replaced when it dies, gone without a trace."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from deaths import kill, process_of
from town import Town, a_town, new_id

from freehold.identity.v1 import identity_service_pb2 as identity
from freehold.identity.v1 import staff_service_pb2 as staff
from services.cli.home import Home, Ports, free_port_base
from services.cli.ready import read_ready
from services.runtime.postgres import EmbeddedPostgres
from services.sandbox.people import person

READY_SECONDS = 60.0


async def up(home: Path, base: int, *more: str) -> asyncio.subprocess.Process:
    """The command, just begun."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "up", "--home", str(home), "--port-base", str(base), *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def appears(file: Path) -> Any:
    """What a ready file says, once it is there."""
    async with asyncio.timeout(READY_SECONDS):
        while not file.exists():
            await asyncio.sleep(0.05)
    return json.loads(file.read_text())


async def test_it_says_when_it_is_ready_and_ends_whole(tmp_path: Path) -> None:
    told_at, base = tmp_path / "elsewhere" / "ready.json", free_port_base()
    told_at.parent.mkdir()
    process = await up(tmp_path / "home", base, "--ready-file", str(told_at), "--clock-scale", "60")
    said = await appears(told_at)
    assert set(said["services"]) == {"identity", "scoring", "deposits", "rental"}
    for doors in said["services"].values():
        assert set(doors) == {"public", "internal", "health", "metrics"}
    assert said["clock"]["scale"] == 60
    assert {"partner_key", "operator_token", "renters"} <= set(said["demo"])
    assert {"renter_id", "token", "case"} <= set(said["demo"]["renters"][0])
    assert told_at.stat().st_mode & 0o077 == 0, "it holds credentials"

    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    assert b"freehold is up" in output
    assert output.rstrip().endswith(b"stopped")
    assert not told_at.exists()
    assert psutil.wait_procs(children, timeout=5)[1] == [], "nobody is left behind"
    assert Ports(base).taken() == {}


async def test_a_taken_port_is_named_with_what_to_do(town: Town, tmp_path: Path) -> None:
    base = int(town.ready.public["identity"].rpartition(":")[2])
    process = await up(tmp_path / "home", base)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in (0, None)
    assert b"--port-base" in output
    assert b"Traceback" not in output


async def test_a_home_in_use_is_refused(town: Town) -> None:
    process = await up(town.ready.home.path, free_port_base())
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode not in (0, None)
    assert b"Traceback" not in output
    assert process_of(town.ready, "postgres") is not None, "the first copy lives on"
    assert read_ready(town.ready.home.ready_file).public == town.ready.public, "and says where it is"


async def test_another_copy_runs_beside_and_keeps_its_own(town: Town, tmp_path: Path) -> None:
    async with a_town(tmp_path / "second") as second:
        assert second.city.partner_id != town.city.partner_id
        started = await second.start(second.renter("above").renter_id, second.city.bikes[0])
        await second.end(started.rental_id)
        assert (await town.ledger()).balanced

        invite = staff.InviteStaffRequest(
            request_id=new_id(), partner_id=second.city.partner_id, login="eve@bikes.example", role="STAFF_ROLE_OWNER"
        )
        await second.api.call(second.api.staff.InviteStaff, invite, second.operator)
        rotate = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", "rotate-keys", "--home", str(second.ready.home.path)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert b"key-encryption key 2" in (await rotate.communicate())[0]
        await _until_wrapped_by(2, second)
        await second.new_person(score=None)
        show = identity.ShowRenterRequest(renter_id=second.renter("above").renter_id, reason="after rotation")
        shown = await second.api.call(second.api.identity.ShowRenter, show, second.operator)
        assert shown.full_name == person(1).name
        ask = staff.ListStaffRequest(partner_id=second.city.partner_id)
        members = (await second.api.call(second.api.staff.ListStaff, ask, second.operator)).staff
        assert [member.login for member in members] == ["eve@bikes.example"]


_LEAST_KEY = "SELECT least((SELECT min(key_version) FROM renters), (SELECT min(key_version) FROM staff))"


async def _until_wrapped_by(version: int, town: Town) -> None:
    connection = await asyncpg.connect(EmbeddedPostgres(town.ready.home.path).dsn("identity"))
    try:
        async with asyncio.timeout(30):
            while await connection.fetchval(_LEAST_KEY) != version:
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ["scoring", "processor"])
async def test_a_process_that_dies_is_started_again(tmp_path: Path, name: str) -> None:
    async with a_town(tmp_path / "house", patience_seconds=30) as town:
        before = process_of(town.ready, name)
        assert before is not None
        await kill(town.ready, name)
        async with asyncio.timeout(30):
            while (after := process_of(town.ready, name)) is None or after.pid == before.pid:
                await asyncio.sleep(0.05)
        renter = await town.new_person(score=599)
        started = await town.start(renter.renter_id, await town.new_bike(), timeout=30)
        await town.end(started.rental_id)


async def test_without_a_running_copy_commands_say_so(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "seed", "--home", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in (0, None)
    assert b"freehold up" in output
    assert b"Traceback" not in output
    with pytest.raises(Exception, match="nothing runs here"):
        read_ready(Home(tmp_path).ready_file)
