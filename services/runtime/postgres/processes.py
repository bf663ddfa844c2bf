"""The server's processes: started so that they end with us, found again when they did not."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from services.runtime.postgres.places import Places, PostgresError

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Launcher:
    """Starts processes that get SIGINT when this process ends.

    The kernel sends it when the *thread* that started them ends, so a thread of the launcher's own does.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="postgres-parent")

    def start(self, command: list[str], output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Starts `command` as the server's user, in a session of its own: a Ctrl-C at the terminal is not for it."""
        return self._thread.submit(self._start, command, output).result()

    def _start(self, command: list[str], output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        user = self._places.user
        return subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self._places.root,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            start_new_session=True,
            preexec_fn=_end_with_parent,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )


def _end_with_parent() -> None:
    """Runs in the child, after it has changed its user (which would clear the setting)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a server: fast, then immediately, then by force."""
    for number, patience in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def end_strays(places: Places) -> None:
    """Ends what is left of an earlier server of this data directory, then forgets its pid files.

    A killed server can leave a busy backend behind, which holds the shared memory; a killed supervisor a server that
    is still shutting down. The caller holds the lock of the directory, so none of them is anybody's.
    """
    for number, patience in ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        found = _processes_of(places)
        if number == signal.SIGINT:
            found &= {_recorded(places.pid_file)}  # only to the server itself it means "shut down"
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if found:
            _wait_for_end(places, patience)
    if _processes_of(places):
        raise PostgresError(f"an earlier server of {places.data} does not end")
    for file in (places.pid_file, places.socket_lock):
        file.unlink(missing_ok=True)


def _wait_for_end(places: Places, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and _processes_of(places):
        time.sleep(0.02)


def _processes_of(places: Places) -> set[int]:
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_of(entry, places)}


def _is_of(process: Path, places: Places) -> bool:
    """By program and working directory; where /proc hides them from us (a container's root), by command line."""
    try:
        program, folder = (process / "exe").readlink(), (process / "cwd").readlink()
    except PermissionError:
        return _is_called(process, places)
    except OSError:
        return False
    return program.name.startswith("postgres") and folder == places.data


def _is_called(process: Path, places: Places) -> bool:
    try:
        words = os.fsdecode((process / "cmdline").read_bytes()).split("\0")
    except OSError:
        return False
    is_server = Path(words[0]).name == "postgres" and words[1:3] == ["-D", str(places.data)]
    return is_server or words[0].startswith(f"postgres: {places.title}: ")


def _recorded(pid_file: Path) -> int:
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return 0
