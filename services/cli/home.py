"""The home of one copy of the house: its folders, keys, certificates and secrets, and the ports that it takes.

HOME/postgres    the embedded server's data            HOME/keys    identity's keys
HOME/tls         the authority and certificates        HOME/logs    one file per process
HOME/public-tls  those of the public doors, for `up --tls`    HOME/scoring-keys    scoring's keys
HOME/sandbox     what the stand-ins keep               HOME/ready.json    addresses and credentials, while it runs
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from services.identity.keys import create_keys
from services.runtime.certificates import AUTHORITY, PUBLIC_AUTHORITY
from services.runtime.key_ring import FIRST_KEY, create_key
from services.runtime.tls import create_certificates, create_public_certificate
from services.scoring.signing import FIRST_SIGNING_KEY, create_signing_key

SERVICES = ("identity", "scoring", "deposits", "rental")
STAND_INS = ("registry", "carrier", "processor", "bureau")
HOST = "127.0.0.1"
DEFAULT_HOME = Path(".freehold")
DEFAULT_PORT_BASE = 7100
PORTS_TAKEN = 50
RENEWAL = timedelta(days=30)


class HomeError(Exception):
    """The home or its ports cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where one service listens."""

    public: int
    internal: int
    health: int
    metrics: int

    def addresses(self) -> dict[str, str]:
        """Each door as "host:port"."""
        return {name: f"{HOST}:{getattr(self, name)}" for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one copy: ten per service from the base on, then one per stand-in."""

    base: int

    def doors(self, service: str) -> Doors:
        """A service's four ports."""
        first = self.base + 10 * SERVICES.index(service)
        return Doors(first, first + 1, first + 2, first + 3)

    @property
    def notices(self) -> int:
        """Where deposits takes webhooks of payment processors."""
        return self.doors("deposits").public + 4

    def stand_in(self, name: str) -> int:
        """A stand-in's port."""
        return self.base + 10 * len(SERVICES) + STAND_INS.index(name)

    def stand_in_url(self, name: str) -> str:
        """Where a stand-in answers."""
        return f"http://{HOST}:{self.stand_in(name)}"

    def named(self) -> Mapping[int, str]:
        """What each port is for."""
        doors = {port: f"{s}, {d}" for s in SERVICES for d, port in _doors_of(self.doors(s))}
        doors[self.notices] = "deposits, notices"
        return {**doors, **{self.stand_in(name): name for name in STAND_INS}}

    def taken(self) -> dict[int, str]:
        """The ports that somebody listens on already, and what we need them for."""
        return {port: what for port, what in self.named().items() if not _is_free(port)}

    def require_free(self) -> None:
        """Raises HomeError when a port is taken."""
        taken = self.taken()
        if taken:
            port, what = next(iter(taken.items()))
            raise HomeError(
                f"port {port} ({what}) is taken, and {len(taken) - 1} more: is another copy running? "
                f"Stop it, or choose other ports with --port-base (it takes {PORTS_TAKEN} from there)"
            )


def free_port_base() -> int:
    """A base whose ports are all free right now, below those that the system gives out for outgoing connections."""
    for _ in range(200):
        base = 10_000 + PORTS_TAKEN * secrets.randbelow(400)
        if not Ports(base).taken():
            return base
    raise HomeError("no 50 free ports in a row between 10000 and 30000")


class Home:
    """One folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.tls = self.path / "tls"
        self.public_tls = self.path / "public-tls"
        self.keys = self.path / "keys"
        self.scoring_keys = self.path / "scoring-keys"
        self.sandbox = self.path / "sandbox"
        self.sandbox_secret = self.sandbox / "secret"
        self.ready_file = self.path / "ready.json"
        self.demo_file = self.path / "demo.json"
        self.clock_file = self.path / "clock.json"

    def prepare(self) -> None:
        """Makes what is missing. The folder itself may be entered by others: PostgreSQL may run as another user."""
        self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in (self.logs, self.tls, self.keys, self.scoring_keys, self.sandbox):
            folder.mkdir(mode=0o700, exist_ok=True)
        create_keys(self.keys)
        create_key(self.scoring_keys / FIRST_KEY)
        create_signing_key(self.scoring_keys / FIRST_SIGNING_KEY)
        if _end_soon(self.tls / AUTHORITY):
            create_certificates(self.tls, list(SERVICES))
        if _end_soon(self.public_tls / PUBLIC_AUTHORITY):
            create_public_certificate(self.public_tls)
        if not self.sandbox_secret.exists():
            write_private(self.sandbox_secret, secrets.token_urlsafe(24))

    def log_of(self, process: str) -> Path:
        """Where a process writes."""
        return self.logs / f"{process}.log"


def write_private(file: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


def certificates_end(authority: Path) -> datetime | None:
    """Until when an authority, and what it was made with, works; None when there is none."""
    if not authority.exists():
        return None
    return x509.load_pem_x509_certificate(authority.read_bytes()).not_valid_after_utc


def _end_soon(authority: Path) -> bool:
    """Whether there are no certificates, or ones with less than a month to go: then all are made anew."""
    ends = certificates_end(authority)
    return ends is None or ends - datetime.now(UTC) < RENEWAL


def _doors_of(doors: Doors) -> Iterator[tuple[str, int]]:
    return ((name, getattr(doors, name)) for name in doors.__slots__)


def _is_free(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
