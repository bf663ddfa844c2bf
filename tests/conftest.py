"""One embedded PostgreSQL for the whole run, and fresh databases on it."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.runtime.migrations import migrate
from services.runtime.postgres import EmbeddedPostgres
from services.runtime.postgres.places import apart

_numbers = itertools.count()


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """As root, servers keep their data outside of the tests' folder, which pytest clears: it goes with the run."""
    yield
    base = tmp_path_factory.getbasetemp().resolve()
    for depth in ("*", "*/*", "*/*/*"):
        for home in base.glob(depth):
            shutil.rmtree(apart(home), ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server of our own."""
    home: Path = tmp_path_factory.mktemp("home")
    for folder in (home, *home.parents):
        if folder.name.startswith("pytest"):
            folder.chmod(0o755)
    server = EmbeddedPostgres(home)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def fresh_database(postgres: EmbeddedPostgres) -> Callable[..., str]:
    """Makes an empty database; with `service`, migrated for it. Gives its DSN."""

    def make(name: str, service: str = "") -> str:
        dsn = postgres.create_database(f"{name}_{next(_numbers)}")
        if service:
            asyncio.run(migrate(dsn, f"services.{service}"))
        return dsn

    return make
