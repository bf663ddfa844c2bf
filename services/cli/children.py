"""One child process: started in a session of its own, killed by the kernel when we die, started again when it dies.

Its output goes to a file. A child that cannot start (a bad setting, a taken port) ends the whole start, and the last
lines of its file say why.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

READY_SECONDS = 60.0
DRAIN_SECONDS = 20.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0
STEADY_SECONDS = 20.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

Tell = Callable[[str], None]


class ChildError(Exception):
    """A child did not start; the message says which and shows the end of its log."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run (`python` with these arguments) and how to see that it is ready."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    is_ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Child:
    """A process that is kept running until `stop`."""

    def __init__(self, spec: Spec, tell: Tell) -> None:
        self.spec = spec
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Starts it; `wait_until_ready` tells when it answers."""
        await self._spawn()

    async def wait_until_ready(self) -> None:
        """Returns when it answers; from then on it is started again whenever it dies. Raises ChildError."""
        ends = time.monotonic() + READY_SECONDS
        while not await self.spec.is_ready():
            if self.pid is None:
                raise ChildError(f"{self.spec.name} did not start; the end of {self.spec.log}:\n{_tail(self.spec.log)}")
            if time.monotonic() > ends:
                raise ChildError(f"{self.spec.name} was not ready after {READY_SECONDS:.0f} s; see {self.spec.log}")
            await asyncio.sleep(0.05)
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")

    async def stop(self) -> None:
        """Asks it to drain, then ends it by force."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), DRAIN_SECONDS)
        except TimeoutError:
            self._tell(f"{self.spec.name} did not drain in {DRAIN_SECONDS:.0f} s and was killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            assert self._process is not None  # noqa: S101 (kept only after a start)
            began = time.monotonic()
            code = await self._process.wait()
            lived = time.monotonic() - began
            pause = FIRST_PAUSE_SECONDS if lived > STEADY_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._tell(f"{self.spec.name} ended ({_ending(code)}); starting it again")
            await asyncio.sleep(pause)
            await self._spawn()

    async def _spawn(self) -> None:
        parent = os.getpid()
        with self.spec.log.open("ab") as log:
            self.spec.log.chmod(0o600)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.spec.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.spec.environment},
                start_new_session=True,
                preexec_fn=lambda: die_with(parent),
            )


def die_with(parent: int) -> None:
    """Runs in the child: the kernel kills it when its parent's main thread ends, however that came about."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:])
