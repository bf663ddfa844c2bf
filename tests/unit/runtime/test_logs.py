"""Logs say what is listed and nothing else: no forgotten field, no exception's text, no library's words."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from services.runtime import logs
from services.runtime.interceptors.calls import CALL, Call
from services.values.callers import Caller, Role

CANARY = "11010519491231002X"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What is logged from now on, a dictionary a line."""
    written = StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "stderr", written)
    logs.configure("test", "INFO")
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def log() -> Any:
    """A logger that is made after the configuration."""
    return structlog.get_logger()


def test_a_line_is_one_json_object_with_what_is_listed(lines: Any) -> None:
    log().info("started", port=7100, full_name=CANARY, document_number=CANARY, request={"phone": CANARY})
    (line,) = lines()
    assert (line["event"], line["port"], line["service"], line["level"]) == ("started", 7100, "test", "info")
    assert CANARY not in json.dumps(line)


def test_an_exception_is_told_by_type_and_place_never_by_text(lines: Any) -> None:
    try:
        raise ValueError(f"duplicate key ({CANARY})")
    except ValueError as error:
        log().error("defect", exc_info=error)
    (line,) = lines()
    assert line["error_type"] == "ValueError"
    assert any("test_logs.py" in place for place in line["stack"])
    assert CANARY not in json.dumps(line)


def test_a_chained_exception_tells_no_text_either(lines: Any) -> None:
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as cause:
            raise RuntimeError(CANARY) from cause
    except RuntimeError as error:
        log().error("defect", exc_info=error)
    assert CANARY not in json.dumps(lines())


def test_a_librarys_warning_is_its_name_and_its_exceptions_type(lines: Any) -> None:
    try:
        raise OSError(CANARY)
    except OSError:
        logging.getLogger("asyncpg.pool").warning("cannot insert %s", CANARY, exc_info=True)
    (line,) = lines()
    assert (line["event"], line["logger"], line["error_type"]) == ("library_log", "asyncpg.pool", "OSError")
    assert CANARY not in json.dumps(line)


def test_a_line_in_a_call_says_which_call_whose_and_on_which_trace(lines: Any) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    was = CALL.set(Call("/a/B", Caller(Role.PARTNER, "ptn_1", "ptn_1"), None, trace))
    log().info("inside")
    CALL.reset(was)
    log().info("outside")
    inside, outside = lines()
    assert (inside["rpc_method"], inside["caller"]) == ("/a/B", "ptn_1")
    assert inside["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "caller" not in outside


def test_the_level_is_kept(lines: Any) -> None:
    log().debug("not this")
    assert lines() == []
