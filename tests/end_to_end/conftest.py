"""One house for all end-to-end tests: `freehold up` in a temporary home."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from town import Town, a_town

from services.cli.home import SERVICES


@pytest_asyncio.fixture(scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A running house with its demo city, and patience with callers who try everything at once."""
    for service, caller in itertools.product(SERVICES, ("RENTER", "STAFF", "ANONYMOUS")):
        os.environ[f"FREEHOLD_{service.upper()}_{caller}_RATE"] = "1000/second"
    async with a_town(tmp_path_factory.mktemp("house")) as running:
        yield running
