"""One house for all end-to-end tests: `freehold up` in a temporary home."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from town import Town, a_town


@pytest_asyncio.fixture(scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A running house with its demo city."""
    async with a_town(tmp_path_factory.mktemp("house")) as running:
        yield running
