"""What renters do, how answers travel and how often notices come: set when the process starts, changed by tests."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from services.sandbox.hosting import ApiError

_WHEN = ("at_once", "later", "never")
_CHOICES = {
    "confirms": _WHEN,
    "permits": _WHEN,
    "pays": _WHEN,
    "refunds": ("SUCCESS", "ABNORMAL", "CLOSED", "never"),
    "answers": ("prompt", "late", "lost_before", "lost_after"),
}
STATUSES = {
    "PARAM_ERROR": 400,
    "INVALID_REQUEST": 400,
    "INVALID_ORDER_STATE": 400,
    "NO_AUTH": 403,
    "NOT_ENOUGH": 403,
    "SIGN_ERROR": 401,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
}
"""Refusals that can be scripted, with their HTTP statuses."""


@dataclass
class Script:
    """`refuses` is a code with which every change is refused, `notices` how often each notice is sent."""

    confirms: str = "later"
    permits: str = "later"
    pays: str = "at_once"
    refunds: str = "SUCCESS"
    answers: str = "prompt"
    refuses: str = ""
    notices: int = 1

    def change(self, wanted: Any) -> None:
        """Takes over the fields that are named; refuses 400 PARAM_ERROR for one that it does not know."""
        names = {field.name for field in fields(self)}
        if not isinstance(wanted, dict) or not wanted.keys() <= names:
            raise ApiError(400, "PARAM_ERROR", f"any of: {', '.join(sorted(names))}")
        for name, value in wanted.items():
            known = value in _CHOICES.get(name, ()) if name in _CHOICES else value == "" or value in STATUSES
            if not (type(value) is int and 0 <= value <= 9 if name == "notices" else known):
                raise ApiError(400, "PARAM_ERROR", f"{name}: not one of its values")
            setattr(self, name, value)
