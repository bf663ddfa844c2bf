"""A copy of what is held about a person, as it travels: JSON, compressed (RFC 1952). Moments are in ISO 8601."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import date
from typing import Any


def pack(copy: Mapping[str, Any]) -> bytes:
    """The copy as bytes; the same copy gives the same bytes."""
    return gzip.compress(json.dumps(copy, default=_json, ensure_ascii=False, indent=1).encode(), mtime=0)


def unpack(packed: bytes) -> str:
    """The JSON text of a packed copy."""
    return gzip.decompress(packed).decode()


def _json(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
