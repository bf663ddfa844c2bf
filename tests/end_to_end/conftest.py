"""One house for all end-to-end tests: `freehold up` in a temporary home."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from town import Town, a_town


@pytest_asyncio.fixture(scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A running house with its demo city, and room for many who log in from one address."""
    os.environ["FREEHOLD_IDENTITY_ANONYMOUS_RATE"] = "100/second"
    async with a_town(tmp_path_factory.mktemp("house")) as running:
        yield running
