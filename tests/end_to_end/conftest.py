"""One house for all end-to-end tests: `freehold up` in a temporary home."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from town import STRANGER, Town, a_town

from services.cli.home import SERVICES, Home
from services.runtime.tls import create_certificates


@pytest_asyncio.fixture(scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A running house with its demo city, and patience with callers who try everything at once.

    Its authority has also made a certificate for somebody who is no service of ours.
    """
    for service, caller in itertools.product(SERVICES, ("RENTER", "STAFF", "ANONYMOUS")):
        os.environ[f"FREEHOLD_{service.upper()}_{caller}_RATE"] = "1000/second"
    folder = tmp_path_factory.mktemp("house")
    create_certificates(Home(folder).tls, [*SERVICES, STRANGER])
    async with a_town(folder) as running:
        yield running
