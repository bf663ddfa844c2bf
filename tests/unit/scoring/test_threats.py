"""Each line of docs/threats.md is tried by a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_DEFINED = re.compile(r"def (test_\w+)\(")
_NAMED = re.compile(r"`(test_\w+)`")

LINES = [line for line in (ROOT / "docs" / "threats.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]


@pytest.fixture(scope="module")
def defined() -> set[str]:
    """Every test there is."""
    files = (ROOT / "tests").rglob("test_*.py")
    return {name for file in files for name in _DEFINED.findall(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("line", LINES[1:])
def test_a_threat_is_tried(line: str, defined: set[str]) -> None:
    named = _NAMED.findall(line)
    assert named
    assert set(named) <= defined
