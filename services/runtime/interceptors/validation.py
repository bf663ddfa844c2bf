"""Validation: the rules stand in the protos (protovalidate) and are enforced here, once, for every message."""

from __future__ import annotations

from typing import Any

import protovalidate
from google.protobuf.message import DecodeError

from services.values.errors import Category, Refusal, Violation

_SUBSCRIPTS = ("index", "int_key", "uint_key", "string_key", "bool_key")


def decode(message_class: Any, data: bytes) -> Any:
    """The message in `data`; raises MESSAGE_MALFORMED."""
    try:
        return message_class.FromString(data)
    except DecodeError:
        raise Refusal(
            Category.INVALID_ARGUMENT, "MESSAGE_MALFORMED", f"the bytes are not a {message_class.DESCRIPTOR.full_name}"
        ) from None


def validate(message: Any) -> None:
    """Raises INVALID_FIELD naming every field that breaks a rule, never a value."""
    broken = protovalidate.collect_violations(message)
    if not broken:
        return
    violations = tuple(Violation(_path(v.proto.field), v.proto.message or v.proto.rule_id or "") for v in broken)
    names = ", ".join(sorted({v.field for v in violations}))
    raise Refusal(Category.INVALID_ARGUMENT, "INVALID_FIELD", f"fields break their rules: {names}", violations)


def _path(field: Any) -> str:
    """The path of a field, such as `segments[0].rate_minor`."""
    parts = []
    for element in field.elements if field is not None else ():
        parts.append(f".{element.field_name}{_subscript(element)}")
    return "".join(parts).lstrip(".")


def _subscript(element: Any) -> str:
    chosen = element.subscript
    return f"[{chosen.value}]" if chosen is not None and chosen.field in _SUBSCRIPTS else ""
