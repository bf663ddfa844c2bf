"""Page tokens that were made up are refused, and never reach a database."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.values import pages
from services.values.errors import Refusal


@pytest.mark.parametrize("key", ["a\x00b", "\ud800", "line\nbreak"])
def test_a_key_that_no_row_has_is_refused(key: str) -> None:
    with pytest.raises(Refusal) as refused:
        pages.decode(pages.encode(key, "list"), "list")
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


@pytest.mark.parametrize("key", ["yesterday", "2026-13-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Refusal) as refused:
        pages.decode_as(pages.moment, pages.encode(key, "list"), "list")
    assert refused.value.reason == "PAGE_TOKEN_INVALID"


def test_what_was_written_is_read_and_nothing_begins_at_the_beginning() -> None:
    at = datetime(2026, 11, 28, 11, 30, tzinfo=UTC)
    assert pages.decode_as(pages.moment, pages.encode(at.isoformat(), "list"), "list") == at
    assert pages.decode_as(date.fromisoformat, pages.encode("2026-11-28", "list"), "list") == at.date()
    assert pages.decode_as(pages.moment, "", "list") is None
