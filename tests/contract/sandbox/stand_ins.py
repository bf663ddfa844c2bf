"""A stand-in as a real process on a free port, and the calls that tests make to it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

SECRET = "a-secret-for-tests"
READY_SECONDS = 20


@dataclass
class StandIn:
    """One running process. Calls give the status and the JSON of the answer; a timeout is TimeoutError."""

    process: asyncio.subprocess.Process
    home: Path
    address: str
    session: aiohttp.ClientSession

    async def post(
        self, path: str, body: Any = None, *, key: str | None = None, timeout: float = 10
    ) -> tuple[int, Any]:
        headers = {} if key is None else {"Idempotency-Key": key}
        limit = aiohttp.ClientTimeout(total=timeout)
        async with self.session.post(path, json=body, headers=headers, timeout=limit) as response:
            return response.status, await response.json()

    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        async with self.session.get(path, params=query) as response:
            return response.status, await response.json()

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()
        await self.session.close()

    async def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit status and all that it wrote after its ready line."""
        self.process.terminate()
        return await self.ended()

    async def ended(self) -> tuple[int, str]:
        """The exit status of a process that has been told to end, and what it wrote."""
        _, said = await asyncio.wait_for(self.process.communicate(), 20)
        await self.session.close()
        assert self.process.returncode is not None
        return self.process.returncode, said.decode()


STARTED: list[StandIn] = []
"""All of the session, so that those of failed tests end with it."""


def secret_file(folder: Path) -> Path:
    path = folder / "secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(f"{SECRET}\n")
    return path


async def launch(name: str, home: Path, *arguments: str, port: int = 0) -> asyncio.subprocess.Process:
    """The process, not yet ready; its secret file lies beside its home."""
    command = ["-m", f"services.sandbox.{name}", "--port", str(port), "--home", str(home)]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        "--secret-file",
        str(secret_file(home.parent)),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def start(name: str, home: Path, *arguments: str) -> StandIn:
    """The process, ready, and a session that shows the secret."""
    process = await launch(name, home, *arguments)
    assert process.stderr is not None
    line = (await asyncio.wait_for(process.stderr.readline(), READY_SECONDS)).decode().strip()
    said, _, address = line.rpartition(" ")
    assert said == f"{name} ready on", line
    session = aiohttp.ClientSession(address, headers={"Authorization": f"Bearer {SECRET}"})
    STARTED.append(StandIn(process, home, address, session))
    return STARTED[-1]
